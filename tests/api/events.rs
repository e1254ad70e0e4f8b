//! The live stream: what it tells, to whom, and how it is resumed and ended.

use crate::child::{Program, Serving, command, run};
use crate::support::{CLIENT, Caller, Events, Server};
use chatkitty_platform::generated::wire::StreamEvent;
use chatkitty_platform::store::events::{self as rows, Event, EventType, KEPT};
use chatkitty_platform::store::{sessions, tokens};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

async fn send(api: &Caller<'_>, channel: &Value, body: &str) {
    api.message(channel, body).await;
}

/// The next events' message bodies.
async fn bodies(events: &mut Events, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        let event = events.event().await;
        assert_eq!(event["type"], "MESSAGE_CREATED", "{event}");
        found.push(event["message"]["body"].as_str().expect("a text").to_owned());
    }
    found
}

/// Records events of a kind that the filter of a stream may leave out, without a request for each.
async fn record(server: &Server, count: i64) {
    let store = server.store();
    let written = store.write(move |tx| {
        for n in 0..count {
            rows::record(
                tx,
                1,
                Event { kind: EventType::UserDeleted, channel: None, resource: &json!({"id": n + 1}) },
                n,
            )?;
        }
        Ok(())
    });
    written.await.expect("the events are recorded");
}

#[tokio::test]
async fn what_happens_is_told_as_the_api_answers_it() {
    let server = Server::start().await;
    let api = server.application().await;
    let (started, mut events) = api.events("").await;
    assert_eq!((&started["type"], &started["id"]), (&json!("STREAM_STARTED"), &json!(0)));

    let user = api.user("jdoe").await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let again = api.channel("PUBLIC", "lobby").await;
    assert_eq!(channel, again, "the equivalent channel is found, which is no event");
    let (channel_id, user_id) = (&channel["id"], &user["id"]);
    let sent = json!({"body": "Hello \\/ \"/v1/x\"\n", "user": {"id": user_id}, "properties": {"href": "/v1/\u{1}"}});
    let message = api.post(&format!("/v1/channels/{channel_id}/messages"), sent).await.ok();
    let message_id = &message["id"];
    api.delete(&format!("/v1/messages/{message_id}")).await.ok();
    api.delete(&format!("/v1/channels/{channel_id}")).await.ok();
    api.delete(&format!("/v1/users/{user_id}")).await.ok();

    let expected = [
        json!({"type": "USER_CREATED", "user": user}),
        json!({"type": "CHANNEL_CREATED", "channelId": channel_id, "channel": channel}),
        json!({"type": "MESSAGE_CREATED", "channelId": channel_id, "message": message}),
        json!({"type": "MESSAGE_DELETED", "channelId": channel_id, "message": {"id": message_id}}),
        json!({"type": "CHANNEL_DELETED", "channelId": channel_id, "channel": {"id": channel_id}}),
        json!({"type": "USER_DELETED", "user": {"id": user_id}}),
    ];
    for (id, mut expected) in (1..).zip(expected) {
        let event = events.event().await;
        expected["id"] = json!(id);
        expected["createdTime"] = event["createdTime"].clone();
        assert_eq!(event, expected);
        let typed: StreamEvent = serde_json::from_value(event.clone()).expect("an event of the document");
        assert!(!matches!(typed, StreamEvent::Unknown(_)), "{event} is not in the document");
    }
}

#[tokio::test]
async fn events_come_in_the_order_of_their_channel_and_without_a_gap() {
    const WRITERS: usize = 6;
    const MESSAGES: usize = 20;
    let server = Server::start().await;
    let api = server.application().await;
    let channels = [api.channel("PUBLIC", "one").await, api.channel("PRIVATE", "two").await];
    let (_, mut events) = api.events("").await;
    let before = events.last_id.expect("the stream says where it begins");
    let writers = (0..WRITERS).map(|writer| {
        let (api, channel) = (&api, &channels[writer % 2]);
        async move {
            for n in 0..MESSAGES {
                send(api, channel, &format!("{writer}-{n}")).await;
            }
        }
    });
    let reading = async {
        let (mut latest, mut seen) = (BTreeMap::new(), BTreeSet::new());
        for n in 1..=i64::try_from(WRITERS * MESSAGES).expect("a count") {
            let event = events.event().await;
            assert_eq!(event["id"], before + n, "{event}");
            let id = event["message"]["id"].as_i64().expect("an id");
            let earlier = latest.insert(event["channelId"].as_i64(), id);
            assert!(earlier.is_none_or(|earlier| earlier < id), "message {id} came after {earlier:?}");
            seen.insert(event["message"]["body"].as_str().expect("a text").to_owned());
        }
        assert_eq!((seen.len(), latest.len()), (WRITERS * MESSAGES, 2));
    };
    tokio::join!(join_all(writers), reading);
}

#[tokio::test]
async fn a_stream_is_resumed_where_it_was_left() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let (_, mut events) = api.events("").await;
    for body in ["1", "2", "3"] {
        send(&api, &channel, body).await;
    }
    assert_eq!(bodies(&mut events, 2).await, ["1", "2"]);
    let seen = events.last_id;
    drop(events);
    send(&api, &channel, "4").await;

    let (started, mut events) = api.events_after("", seen).await;
    assert_eq!((&started["type"], started["id"].as_i64()), (&json!("STREAM_STARTED"), seen));
    send(&api, &channel, "5").await;
    assert_eq!(bodies(&mut events, 3).await, ["3", "4", "5"]);

    let id = seen.expect("an id");
    let (_, mut events) = api.events(&format!("?after={}", id + 1)).await;
    assert_eq!(bodies(&mut events, 2).await, ["4", "5"]);
    // A browser sends the address of its first request with the header of its last event.
    let (_, mut events) = api.events_after(&format!("?after={id}"), Some(id + 2)).await;
    assert_eq!(bodies(&mut events, 1).await, ["5"]);
}

#[tokio::test]
async fn a_stream_is_resumed_across_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = |command: &mut std::process::Command| {
        command.env("CHATKITTY_CLIENT_ID", CLIENT.0).env("CHATKITTY_CLIENT_SECRET", CLIENT.1);
    };
    let mut server = Serving::start_with(folder.path(), set);
    let token = server.token(CLIENT.0, CLIENT.1).await;
    server.post("/v1/channels", &token, json!({"type": "PUBLIC", "name": "lobby"})).await.ok();
    let mut seen: Vec<String> = Vec::new();
    let mut last_id = Some(0);
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let request = server.request(Method::GET, "/v1/events/stream?type=MESSAGE_CREATED", &token);
        let response = request.header("Last-Event-ID", last_id.expect("an id")).send().await.expect("a stream");
        let mut events = Events::of(response);
        assert_eq!(events.event().await["type"], "STREAM_STARTED");
        for n in 0..20 {
            let body = format!("{round}-{n}");
            server.post("/v1/channels/1/messages", &token, json!({"body": body})).await.ok();
            acknowledged.push(body);
        }
        // It is killed while the reader is somewhere in the middle.
        while seen.len() < acknowledged.len() - 7 {
            seen.extend(bodies(&mut events, 1).await);
        }
        last_id = events.last_id;
        server.program.signal("KILL");
        assert_eq!(server.program.finish().code, None);
        server = Serving::start_with(folder.path(), set);
    }
    let request = server.request(Method::GET, "/v1/events/stream?follow=false&type=MESSAGE_CREATED", &token);
    let response = request.header("Last-Event-ID", last_id.expect("an id")).send().await.expect("a stream");
    let mut events = Events::of(response);
    events.event().await;
    seen.extend(bodies(&mut events, 7).await);
    assert_eq!(seen, acknowledged);
    let end = events.event().await;
    assert_eq!((&end["type"], &end["reason"]), (&json!("STREAM_ENDED"), &json!("END_REACHED")));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_reader_that_was_away_too_long_is_told_so() {
    let server = Server::start().await;
    let api = server.application().await;
    record(&server, KEPT + 1000).await;
    let latest = KEPT + 1000;
    for after in [0, 1, latest + 1, i64::MAX] {
        let (first, _) = api.events(&format!("?after={after}")).await;
        assert_eq!((&first["type"], &first["id"]), (&json!("STREAM_RESET"), &json!(latest)), "after {after}");
    }
    let (first, mut events) = api.events(&format!("?after={}", latest - KEPT)).await;
    assert_eq!(first["type"], "STREAM_STARTED");
    for id in latest - KEPT + 1..=latest {
        assert_eq!(events.event().await["id"], id);
    }
    api.user("jdoe").await;
    assert_eq!(events.event().await["id"], latest + 1, "after what was kept comes what happens");
}

#[tokio::test]
async fn channels_and_types_are_filtered() {
    let server = Server::start().await;
    let api = server.application().await;
    let (one, two, three) =
        (api.channel("PUBLIC", "1").await, api.channel("PUBLIC", "2").await, api.channel("PUBLIC", "3").await);
    let query = format!("?channel={}&channel={}&type=MESSAGE_CREATED&type=USER_CREATED", one["id"], three["id"]);
    let (_, mut filtered) = api.events(&query).await;
    let (_, mut users) = api.events("?type=USER_CREATED").await;
    for (channel, body) in [(&one, "a"), (&two, "b"), (&three, "c")] {
        send(&api, channel, body).await;
        api.user(body).await;
    }
    let last = api.message(&one, "d").await;
    api.delete(&format!("/v1/messages/{}", last["id"])).await.ok();
    send(&api, &one, "e").await;
    assert_eq!(bodies(&mut filtered, 4).await, ["a", "c", "d", "e"]);
    for name in ["a", "b", "c"] {
        assert_eq!(users.event().await["user"]["name"], name);
    }
    api.get("/v1/events/stream?type=NOTHING").await.faults(&[("type[0]", "invalid")]);
    api.get("/v1/events/stream?channel=0").await.faults(&[("channel[0]", "invalid")]);
}

#[tokio::test]
async fn a_token_shows_what_its_scopes_let_it_read() {
    let server = Server::start().await;
    let api = server.application().await;
    let narrow = server.with_scopes("read:message").await;
    let (_, mut events) = narrow.events("").await;
    let channel = api.channel("PUBLIC", "lobby").await;
    api.user("jdoe").await;
    send(&api, &channel, "Hello").await;
    assert_eq!(bodies(&mut events, 1).await, ["Hello"]);
    let refused = narrow.get("/v1/events/stream?type=USER_CREATED").await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (403, &json!("access_denied")));
    assert!(refused.header("www-authenticate").contains("read:user"), "{refused:?}");
}

#[tokio::test]
async fn another_applications_events_are_never_seen() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let (_, mut ours) = api.events("").await;
    let (_, mut theirs) = other.events("").await;
    for n in 0..10 {
        other.user(&format!("their-{n}")).await;
        api.user(&format!("our-{n}")).await;
    }
    for n in 0..10 {
        let (our, their) = (ours.event().await, theirs.event().await);
        assert_eq!((&our["user"]["name"], &our["id"]), (&json!(format!("our-{n}")), &json!(n + 1)));
        assert_eq!((&their["user"]["name"], &their["id"]), (&json!(format!("their-{n}")), &json!(n + 1)));
    }
}

#[tokio::test]
async fn members_come_and_go() {
    let server = Server::start().await;
    let api = server.application().await;
    let (user, channel) = (api.user("jdoe").await, api.channel("PRIVATE", "team").await);
    let (_, mut events) = api.events(&format!("?channel={}", channel["id"])).await;
    let of_channel = |path: &str| format!("/v1/channels/{}/{path}", channel["id"]);
    api.post(&of_channel("members"), json!({"username": "jdoe"})).await.ok();
    api.post(&of_channel("moderators"), json!({"username": "jdoe"})).await.ok();
    api.delete(&of_channel(&format!("moderators/{}", user["id"]))).await.ok();
    api.delete(&of_channel(&format!("members/{}", user["id"]))).await.ok();
    for kind in ["MEMBER_CREATED", "MEMBER_UPDATED", "MEMBER_UPDATED"] {
        let event = events.event().await;
        assert_eq!((&event["type"], &event["user"]), (&json!(kind), &user), "{event}");
    }
    let event = events.event().await;
    assert_eq!((&event["type"], &event["user"]), (&json!("MEMBER_DELETED"), &json!({"id": user["id"]})));
}

#[tokio::test]
async fn changes_and_keystrokes_are_told() {
    let server = Server::start().await;
    let api = server.application().await;
    let (_, channel) = (api.user("jdoe").await, api.channel("PUBLIC", "lobby").await);
    let message = api.message(&channel, "Hello").await;
    let (_, mut events) = api.events("").await;
    let changed = api.patch(&format!("/v1/messages/{}", message["id"]), json!({"body": "Hello, all"})).await.ok();
    let thread = api.get(&format!("/v1/messages/{}/thread", message["id"])).await.ok();
    let address = format!("/v1/threads/{}/keystrokes", thread["id"]);
    let keys = api.post(&address, json!({"keys": "Hel", "user": {"username": "jdoe"}})).await.ok();
    let address = format!("/v1/channels/{}/events", channel["id"]);
    let sent = api.post(&address, json!({"type": "wave", "properties": {"hand": "left"}})).await.ok();
    let mut application = api.delete("/v1/messages").await.ok();
    // Whether relations have pages is up to the server that is asked, and not to the one that recorded the event.
    application["_links"].as_object_mut().expect("links").remove("curies");
    for (kind, name, resource) in [
        ("MESSAGE_UPDATED", "message", changed),
        ("KEYSTROKES_SENT", "keystrokes", keys),
        ("CHANNEL_EVENT_SENT", "event", sent),
        ("MESSAGES_DELETED", "application", application),
    ] {
        let event = events.event().await;
        assert_eq!((&event["type"], &event[name]), (&json!(kind), &resource));
        let typed: StreamEvent = serde_json::from_value(event.clone()).expect("an event of the document");
        assert!(!matches!(typed, StreamEvent::Unknown(_)), "{event} is not in the document");
    }
}

#[tokio::test]
async fn a_new_picture_changes_its_user() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let (_, mut events) = api.events("").await;
    let picture =
        json!({"url": "https://files.example.com/j.png", "name": "j.png", "contentType": "image/png", "size": 9});
    let changed = api.post(&format!("/v1/users/{}/display-picture", user["id"]), picture).await.ok();
    let event = events.event().await;
    assert_eq!((&event["type"], &event["user"]), (&json!("USER_UPDATED"), &changed));
}

#[tokio::test]
async fn what_is_said_and_typed_in_threads_is_told() {
    let server = Server::start().await;
    let api = server.application().await;
    let (_, channel) = (api.user("jdoe").await, api.channel("PUBLIC", "lobby").await);
    let (first, elsewhere) = (api.message(&channel, "Hello").await, api.channel("PUBLIC", "elsewhere").await);
    let thread = api.get(&format!("/v1/messages/{}/thread", first["id"])).await.ok();
    let (_, mut events) = api.events(&format!("?channel={}", channel["id"])).await;
    send(&api, &elsewhere, "not this").await;
    let typed = json!({"keys": "Hi", "user": {"username": "jdoe"}});
    for (path, kind, name, body) in [
        (format!("/v1/threads/{}/keystrokes", thread["id"]), "KEYSTROKES_SENT", "keystrokes", &typed),
        (format!("/v1/threads/{}/messages", thread["id"]), "MESSAGE_CREATED", "message", &json!({"body": "Hi"})),
        (format!("/v1/channels/{}/keystrokes", channel["id"]), "KEYSTROKES_SENT", "keystrokes", &typed),
    ] {
        let answer = api.post(&path, body.clone()).await.ok();
        let event = events.event().await;
        assert_eq!((&event["type"], &event["channelId"]), (&json!(kind), &channel["id"]), "{path}");
        assert_eq!(event[name], answer, "{path}");
    }
}

#[tokio::test]
async fn what_an_import_creates_is_told() {
    let server = Server::start().await;
    let api = server.application().await;
    let (_, mut events) = api.events("").await;
    let picture =
        json!({"url": "https://files.example.com/j.png", "name": "j.png", "contentType": "image/png", "size": 9});
    let users = json!([{"name": "jane", "displayPicture": picture}, {"name": "alex"}]);
    assert_eq!(api.post("/v1/imports/users", users).await.status, 202);
    assert_eq!(events.event().await["user"]["name"], "jane");
    let pictured = events.event().await;
    assert_eq!((&pictured["type"], &pictured["user"]["displayPictureUrl"]), (&json!("USER_UPDATED"), &picture["url"]));
    assert_eq!(events.event().await["user"]["name"], "alex");
    let channel = api.channel("PUBLIC", "lobby").await;
    assert_eq!(events.event().await["type"], "CHANNEL_CREATED");
    let member = format!("/v1/imports/channels/{}/members", channel["id"]);
    assert_eq!(api.post(&member, json!([{"username": "jane"}])).await.status, 202);
    assert_eq!(events.event().await["type"], "MEMBER_CREATED");
    let messages = json!([{"type": "TEXT", "channelId": channel["id"], "user": "jane", "body": "Hello"}]);
    assert_eq!(api.post("/v1/imports/messages", messages).await.status, 202);
    assert_eq!(bodies(&mut events, 1).await, ["Hello"]);
}

#[tokio::test]
async fn a_message_in_an_open_channel_is_broadcast() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("OPEN", "lobby").await;
    let (_, mut events) = api.events("").await;
    let message = api.message(&channel, "psst").await;
    let event = events.event().await;
    assert_eq!((&event["type"], &event["message"]), (&json!("MESSAGE_CREATED"), &message));
    assert!(event["message"].get("id").is_none(), "{event}");
    api.user("jdoe").await;
    let keys = json!({"keys": "ps", "user": {"username": "jdoe"}});
    let typed = api.post(&format!("/v1/channels/{}/keystrokes", channel["id"]), keys).await.ok();
    assert_eq!(events.event().await["type"], "USER_CREATED");
    let event = events.event().await;
    assert_eq!((&event["channelId"], &event["keystrokes"]), (&channel["id"], &typed));
    let path = format!("/v1/channels/{}/messages", channel["id"]);
    assert_eq!(api.get(&path).await.ok()["_embedded"]["messages"], json!([]), "nothing is kept");
}

#[tokio::test]
async fn links_are_those_of_the_readers_address() {
    let server = Server::start().await;
    let api = server.application().await;
    let response = api.request(Method::GET, "/v1/events/stream").header("Host", "chat.example.com").send().await;
    let mut events = Events::of(response.expect("a stream"));
    events.event().await;
    let user = api.user("jdoe").await;
    let seen = events.event().await["user"].to_string();
    assert_eq!(seen, user.to_string().replace(&server.url, "http://chat.example.com"));
}

#[tokio::test]
async fn what_another_process_writes_is_told_too() {
    let server = Server::start().await;
    let api = server.application().await;
    let (_, mut events) = api.events("").await;
    record(&server, 3).await;
    for id in 1..=3 {
        assert_eq!(events.event().await["id"], id);
    }
}

#[tokio::test]
async fn a_stream_outlives_the_time_limit_and_ends_with_its_token() {
    let server = Server::start_with(|config| (config.token_lifetime, config.time_limit) = (3, 1)).await;
    let api = server.application().await;
    let begin = Instant::now();
    let (_, mut events) = api.events("").await;
    let end = events.event().await;
    assert_eq!((&end["type"], &end["reason"]), (&json!("STREAM_ENDED"), &json!("TOKEN_INVALID")));
    assert_eq!(events.next().await, None);
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let (_, mut events) = api.events("").await;
    let (_, mut theirs) = other.events("").await;
    let store = server.store();
    store.write(|tx| tokens::delete_for_client(tx, 1, CLIENT.0)).await.expect("the tokens are revoked");
    let end = events.event().await;
    assert_eq!((&end["type"], &end["reason"]), (&json!("STREAM_ENDED"), &json!("TOKEN_INVALID")));
    other.user("jdoe").await;
    assert_eq!(theirs.event().await["type"], "USER_CREATED", "streams of other tokens go on");
}

#[tokio::test]
async fn a_stop_ends_streams_at_once() {
    let mut server = Server::start().await;
    let mut streams = Vec::new();
    {
        let api = server.application().await;
        for _ in 0..20 {
            streams.push(api.events("").await.1);
        }
    }
    let begin = Instant::now();
    let (reasons, ()) = tokio::join!(
        join_all(streams.iter_mut().map(async |events| {
            let end = events.event().await;
            (end["type"].clone(), end["reason"].clone(), events.next().await)
        })),
        server.stop(),
    );
    assert!(begin.elapsed() < Duration::from_secs(10), "the stop limit was waited for: {:?}", begin.elapsed());
    for reason in reasons {
        assert_eq!(reason, (json!("STREAM_ENDED"), json!("SERVER_STOPPING"), None));
    }
}

#[tokio::test]
async fn an_application_has_so_many_streams_and_no_more() {
    let server = Server::start_with(|config| config.stream_limit = 2).await;
    let (api, other) = (server.application().await, server.another_application().await);
    let (one, two) = (api.events("").await, api.events("").await);
    let refused = api.get("/v1/events/stream").await;
    assert_eq!(refused.status, 429, "{refused:?}");
    refused.header("retry-after");
    other.events("").await;
    drop(one);
    // The server learns a little later that the reader has gone.
    let deadline = Instant::now() + Duration::from_secs(30);
    while api.get("/v1/events/stream").await.status != 200 {
        assert!(Instant::now() < deadline, "the stream that was left still counts");
    }
    drop(two);
}

/// A reader that asks for a stream and takes nothing of it, with as little room as the system allows.
async fn slow_reader(server: &Server, api: &Caller<'_>, query: &str) -> tokio::net::TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let address = server.url.trim_start_matches("http://").parse().expect("an address");
    let mut connection = socket.connect(address).await.expect("the server listens");
    let token = api.token.as_deref().expect("a token");
    let request = format!(
        "GET /v1/events/stream{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.expect("the request is sent");
    connection
}

#[tokio::test]
async fn a_slow_reader_is_dropped_and_holds_nobody_up() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    api.user("jdoe").await;
    let (_, mut users) = api.events("?type=USER_UPDATED").await;
    let mut slow = slow_reader(&server, &api, "?username=jdoe").await;
    let mut begun = [0; 1024];
    let count = slow.read(&mut begun).await.expect("the stream begins");
    assert_eq!(users.event().await["user"]["presence"]["online"], true);
    let (_, mut quick) = api.events("?type=MESSAGE_CREATED").await;

    // The kernel takes some megabytes for itself before the server has to keep any.
    let text = "x".repeat(20_000);
    let (mut sent, mut told) = (0, 0);
    let address = format!("/v1/channels/{}/messages", channel["id"]);
    while sent < 800 {
        let batch = (0..20).map(|_| api.post(&address, json!({"body": text})));
        for answer in join_all(batch).await {
            answer.ok();
            sent += 1;
        }
        while told < sent {
            assert_eq!(quick.event().await["type"], "MESSAGE_CREATED");
            told += 1;
        }
    }

    // Its session has ended with the stream, though it has not looked yet.
    assert_eq!(users.event().await["user"]["presence"]["online"], false);

    let mut all = begun[..count].to_vec();
    let reading = slow.read_to_end(&mut all);
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("the stream ends").expect("in order");
    let all = String::from_utf8_lossy(&all);
    let last = all.rmatch_indices("data: ").next().map(|(at, _)| &all[at..]).unwrap_or_default();
    assert!(last.contains("\"STREAM_ENDED\"") && last.contains("\"SLOW_READER\""), "the last event is {last:.300}");
    let seen = all.lines().filter_map(|line| line.strip_prefix("id: ")?.parse::<i64>().ok()).next_back();
    let seen = seen.expect("some events were sent");
    let (_, mut resumed) = api.events_after("", Some(seen)).await;
    assert_eq!(resumed.event().await["id"], seen + 1, "nothing is lost by being slow");
}

#[tokio::test]
async fn a_silent_stream_has_heartbeats_from_which_it_is_resumed() {
    let server = Server::start().await;
    let api = server.application().await;
    let begun = chatkitty_platform::auth::now();
    api.user("jdoe").await;
    let (_, mut events) = api.events("?type=CHANNEL_CREATED&username=jdoe").await;
    record(&server, 3).await;
    // The heartbeat is no event, so that this reads on; the pause is three ticks more than it takes to come.
    let silence = tokio::time::timeout(Duration::from_secs(18), events.next());
    assert!(silence.await.is_err(), "an event that nothing made");
    assert_eq!((events.last_id, events.comments.as_slice()), (Some(5), ["heartbeat".to_owned()].as_slice()));
    api.channel("PUBLIC", "lobby").await;
    let event = events.event().await;
    assert_eq!((&event["type"], &event["id"]), (&json!("CHANNEL_CREATED"), &json!(6)));
    // Meanwhile the server has said of the session that it goes on.
    let store = server.store();
    let stale = store.write(move |tx| sessions::end_stale(tx, begun + sessions::LEASE + 10_000));
    assert_eq!(stale.await, Ok(Vec::new()));
}

// The reader of the program's lines blocks its thread, on which the server would be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tail_shows_events_as_they_happen() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    api.user("jdoe").await;
    let tail = |arguments: &[&str]| {
        let folder = std::env::temp_dir();
        let mut command = command(&folder, ["tail", "--after", "0"].iter().chain(arguments));
        command.env("CHATKITTY_URL", &server.url).env("CHATKITTY_CLIENT_ID", CLIENT.0);
        command.env("CHATKITTY_CLIENT_SECRET", CLIENT.1);
        Program::spawn(command)
    };
    let id = channel["id"].to_string();
    let (mut all, mut some) = (tail(&["--json"]), tail(&["--channel", &id, "--type", "MESSAGE_CREATED"]));
    let mut json = || serde_json::from_str::<Value>(&all.line()).expect("a line of JSON");
    assert_eq!(json()["channel"], channel);
    assert_eq!(json()["user"]["name"], "jdoe");
    let address = format!("/v1/channels/{id}/messages");
    let sent = api.post(&address, json!({"body": "Hello\u{1b}[2J\nall", "user": {"username": "jdoe"}})).await.ok();
    let event = json();
    assert_eq!(event["message"], sent);
    let line = some.line();
    let (time, rest) = line.split_once(' ').expect("a time and more");
    assert_eq!(time, event["createdTime"].as_str().expect("a time"));
    assert_eq!(rest, format!("3 MESSAGE_CREATED in channel {id}: jdoe: Hello\\u{{1b}}[2J\\nall"));
    let mut own = tail(&["--json", "--type", "USER_UPDATED", "--username", "jdoe"]);
    let online = serde_json::from_str::<Value>(&own.line()).expect("a line of JSON");
    assert_eq!((&online["user"]["name"], &online["user"]["presence"]["online"]), (&json!("jdoe"), &json!(true)));
    run(command(&std::env::temp_dir(), ["tail", "--type", "NOTHING"])).failed(2, &["possible values", "USER_CREATED"]);
}
