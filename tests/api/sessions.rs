//! Who is connected and who is in which channel, by the streams that are open on behalf of users.

use crate::support::{Answer, CLIENT, Caller, Events, Server};
use chatkitty_platform::store::sessions::{self, LEASE, SessionState};
use chatkitty_platform::store::{StoreError, Tx, tokens};
use reqwest::Method;
use serde_json::{Value, json};

/// Later than any clock says, so that the server takes no session that a test makes for left behind.
const LATER: i64 = 4_102_444_800_000;

/// Does something in the store as the live side does.
async fn live<T, F>(server: &Server, closure: F) -> T
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
{
    server.store().write(closure).await.expect("the write is done")
}

async fn connect(server: &Server, user: &Value, agent: Option<&'static str>, now: i64) -> i64 {
    let user = user["id"].as_i64().expect("an id");
    let start = move |tx: &Tx<'_>| {
        let id = sessions::start(tx, 1, user, "node", agent, now)?;
        sessions::renew(tx, "node", LATER)?;
        Ok(id)
    };
    live(server, start).await.expect("there is such a user")
}

async fn enter(server: &Server, session: i64, channel: &Value, now: i64) -> Option<i64> {
    let channel = channel["id"].as_i64().expect("an id");
    live(server, move |tx| sessions::enter(tx, 1, session, channel, now)).await
}

/// The ids of a page of sessions, whose total must be their number.
async fn ids(api: &Caller<'_>, address: &str) -> Vec<i64> {
    let page = api.get(address).await.ok();
    let found = page["_embedded"]["sessions"].as_array().expect("sessions");
    assert_eq!(page["page"]["totalElements"], found.len(), "the total of {address}");
    found.iter().map(|session| session["id"].as_i64().expect("an id")).collect()
}

async fn participants(api: &Caller<'_>, channel: &Value) -> Vec<String> {
    let page = api.get(&format!("/v1/channels/{}/participants", channel["id"])).await.ok();
    let users = page["_embedded"]["users"].as_array().expect("users");
    assert_eq!(page["page"]["totalElements"], users.len());
    users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()).collect()
}

async fn online(api: &Caller<'_>, user: &Value) -> Value {
    api.get(&format!("/v1/users/{}", user["id"])).await.ok()["presence"]["online"].take()
}

#[tokio::test]
async fn a_user_is_online_while_a_session_is_active() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let first = connect(&server, &jane, Some("Example/1.0"), 1_767_225_600_000).await;
    let second = connect(&server, &jane, None, 1_767_225_601_000).await;
    assert_eq!((online(&api, &jane).await, online(&api, &alex).await), (json!(true), json!(false)));

    let sessions_at = "/v1/user-sessions";
    let page = api.get(sessions_at).await.ok();
    let user = api.get("/v1/users?name=jane").await.ok()["_embedded"]["users"][0].clone();
    let mut embedded = user.clone();
    embedded.as_object_mut().expect("a user").remove("_links");
    let (own, application) = (&user["_links"]["self"]["href"], &user["_links"]["application"]["href"]);
    assert_eq!(
        page["_embedded"]["sessions"][0],
        json!({
            "id": first,
            "createdTime": "2026-01-01T00:00:00.000Z",
            "state": "ACTIVE",
            "user": embedded,
            "userAgent": "Example/1.0",
            "_links": {"user": {"href": own}, "application": {"href": application}},
        })
    );
    assert!(page["_embedded"]["sessions"][1].get("userAgent").is_none());

    assert!(live(&server, move |tx| sessions::end(tx, 1, first, 1_767_225_602_000)).await.is_some());
    assert_eq!(
        live(&server, move |tx| sessions::end(tx, 1, first, 1_767_225_603_000)).await,
        None,
        "it is over already"
    );
    assert_eq!(online(&api, &jane).await, true, "another session goes on");
    for (query, expected) in [
        ("", vec![first, second]),
        ("state=ACTIVE", vec![second]),
        ("state=ENDED", vec![first]),
        ("sort=createdTime,desc", vec![second, first]),
        ("sort=id,desc&state=ENDED", vec![first]),
    ] {
        assert_eq!(ids(&api, &format!("{sessions_at}?{query}")).await, expected, "{query}");
    }
    let ended = api.get("/v1/user-sessions?state=ENDED").await.ok()["_embedded"]["sessions"][0].take();
    assert_eq!((&ended["state"], &ended["endTime"]), (&json!("ENDED"), &json!("2026-01-01T00:00:02.000Z")));
    live(&server, move |tx| sessions::end(tx, 1, second, 1_767_225_604_000)).await;
    assert_eq!(online(&api, &jane).await, false);
    for query in ["state=OVER", "sort=name"] {
        assert_eq!(api.get(&format!("{sessions_at}?{query}")).await.status, 400, "{query}");
    }
    let nobody = live(&server, |tx| sessions::start(tx, 1, 999, "node", None, 0)).await;
    assert_eq!(nobody, None);
}

#[tokio::test]
async fn participants_are_those_who_are_in_the_channel_now() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (private, open) = (api.channel("PRIVATE", "team").await, api.channel("OPEN", "lobby").await);
    api.member(&private, jane["id"].clone()).await;
    let (phone, laptop) = (connect(&server, &jane, None, 1).await, connect(&server, &jane, None, 2).await);
    let other = connect(&server, &alex, None, 3).await;

    assert_eq!(enter(&server, other, &private, 4).await, None, "only members are in a private channel");
    let first = enter(&server, phone, &private, 5).await.expect("a member");
    assert_eq!(enter(&server, phone, &private, 6).await, Some(first), "it is there already");
    let second = enter(&server, laptop, &private, 7).await.expect("a member");
    let third = enter(&server, other, &open, 8).await.expect("anybody may be in an open channel");
    assert_eq!(participants(&api, &private).await, ["jane"], "once, though with two devices");
    assert_eq!(participants(&api, &open).await, ["alex"]);

    let page = api.get("/v1/chat-sessions").await.ok();
    let session = &page["_embedded"]["sessions"][0];
    assert_eq!((&session["state"], &session["session"]["id"]), (&json!("ACTIVE"), &json!(phone)));
    assert_eq!(session["session"]["user"]["name"], "jane");
    assert_eq!(session["_links"]["channel"], private["_links"]["self"]);
    assert_eq!(session["_links"]["user"], jane["_links"]["self"]);

    assert!(live(&server, move |tx| sessions::leave(tx, 1, first, 9)).await);
    assert!(!live(&server, move |tx| sessions::leave(tx, 1, first, 10)).await, "it is over already");
    assert_eq!(participants(&api, &private).await, ["jane"], "the other device is still there");
    for (query, expected) in [
        ("", vec![first, second, third]),
        ("state=ACTIVE", vec![second, third]),
        ("state=ENDED", vec![first]),
        ("state=ACTIVE&sort=createdTime,desc", vec![third, second]),
    ] {
        assert_eq!(ids(&api, &format!("/v1/chat-sessions?{query}")).await, expected, "{query}");
    }
    // The end of a connection ends what it was in.
    live(&server, move |tx| sessions::end(tx, 1, laptop, 11)).await;
    assert_eq!(participants(&api, &private).await, [""; 0]);
    assert_eq!(enter(&server, laptop, &private, 12).await, None, "the connection is over");
    // Whoever is no member any more is out at once.
    enter(&server, phone, &private, 13).await.expect("a member");
    api.delete(&format!("/v1/channels/{}/members/{}", private["id"], jane["id"])).await.ok();
    assert_eq!(participants(&api, &private).await, [""; 0]);
    assert_eq!(ids(&api, "/v1/chat-sessions?state=ACTIVE").await, [third]);
}

#[tokio::test]
async fn what_a_dead_server_has_left_is_ended() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let channel = api.channel("OPEN", "lobby").await;
    let id = jane["id"].as_i64().expect("an id");
    let start = |node: &'static str| move |tx: &Tx<'_>| sessions::start(tx, 1, id, node, None, LATER);
    let dead = live(&server, start("dead")).await.expect("a user");
    let alive = live(&server, start("alive")).await.expect("a user");
    enter(&server, dead, &channel, LATER).await.expect("an open channel");
    assert_eq!(live(&server, |tx| sessions::end_stale(tx, LATER + LEASE)).await, [], "the lease lasts");
    live(&server, |tx| sessions::renew(tx, "alive", LATER + LEASE)).await;
    assert_eq!(live(&server, |tx| sessions::end_stale(tx, LATER + LEASE + 1)).await, [(1, id)]);
    assert_eq!(ids(&api, "/v1/user-sessions?state=ACTIVE").await, [alive]);
    assert_eq!(ids(&api, "/v1/user-sessions?state=ENDED").await, [dead]);
    assert_eq!(ids(&api, "/v1/chat-sessions?state=ACTIVE").await, [0; 0]);
    assert_eq!(participants(&api, &channel).await, [""; 0]);
}

#[tokio::test]
async fn sessions_go_with_their_user_and_their_channel() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (kept, gone) = (api.channel("OPEN", "kept").await, api.channel("OPEN", "gone").await);
    let (first, second) = (connect(&server, &jane, None, 1).await, connect(&server, &alex, None, 2).await);
    for session in [first, second] {
        for channel in [&kept, &gone] {
            enter(&server, session, channel, 3).await.expect("an open channel");
        }
    }
    let ended = connect(&server, &jane, None, 4).await;
    live(&server, move |tx| sessions::end(tx, 1, ended, 5)).await;
    api.delete(&format!("/v1/channels/{}", gone["id"])).await.ok();
    assert_eq!(ids(&api, "/v1/chat-sessions").await.len(), 2);
    assert_eq!(ids(&api, "/v1/chat-sessions?state=ACTIVE").await.len(), 2);
    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    assert_eq!(ids(&api, "/v1/user-sessions").await, [second]);
    assert_eq!(ids(&api, "/v1/user-sessions?state=ENDED").await, [0; 0]);
    assert_eq!(ids(&api, "/v1/chat-sessions?state=ACTIVE").await.len(), 1);
    assert_eq!(participants(&api, &kept).await, ["alex"]);
}

/// The next change of a user that a stream tells of.
async fn presence(events: &mut Events) -> (Value, Value) {
    let mut event = events.event().await;
    assert_eq!(event["type"], "USER_UPDATED", "{event}");
    (event["user"]["name"].take(), event["user"]["presence"]["online"].take())
}

#[tokio::test]
async fn a_session_lasts_as_long_as_its_stream() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let (team, lobby) = (api.channel("PRIVATE", "team").await, api.channel("OPEN", "lobby").await);
    api.member(&team, jane["id"].clone()).await;
    let (_, mut watching) = api.events("?type=USER_UPDATED").await;

    let path = format!("/v1/events/stream?username=jane&channel={}&channel={}", team["id"], lobby["id"]);
    let request = api.request(Method::GET, &path).header("User-Agent", "Example/1.0");
    let mut own = Events::of(request.send().await.expect("a stream"));
    assert_eq!(own.event().await["type"], "STREAM_STARTED");
    assert_eq!(presence(&mut watching).await, (json!("jane"), json!(true)));
    assert_eq!(online(&api, &jane).await, true);
    let session = api.get("/v1/user-sessions?state=ACTIVE").await.ok()["_embedded"]["sessions"][0].take();
    assert_eq!((&session["userAgent"], &session["user"]["name"]), (&json!("Example/1.0"), &json!("jane")));
    assert_eq!(ids(&api, "/v1/chat-sessions?state=ACTIVE").await.len(), 2);
    for channel in [&team, &lobby] {
        assert_eq!(participants(&api, channel).await, ["jane"]);
    }

    // A second device, in no channel.
    let (_, second) = api.events("?username=jane").await;
    assert_eq!(ids(&api, "/v1/user-sessions?state=ACTIVE").await.len(), 2);
    // Both go away without a word.
    drop((own, second));
    assert_eq!(presence(&mut watching).await, (json!("jane"), json!(false)), "told once, when the last had gone");
    assert_eq!(online(&api, &jane).await, false);
    assert_eq!(ids(&api, "/v1/user-sessions?state=ACTIVE").await, [0; 0]);
    assert_eq!(ids(&api, "/v1/chat-sessions?state=ACTIVE").await, [0; 0]);
    let ended = api.get("/v1/user-sessions?state=ENDED").await.ok();
    assert_eq!(ended["page"]["totalElements"], 2);
    assert!(ended["_embedded"]["sessions"][0]["endTime"].is_string(), "{ended}");
    for channel in [&team, &lobby] {
        assert_eq!(participants(&api, channel).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_session_ends_with_the_token_of_its_stream() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    api.user("jane").await;
    let (_, mut own) = api.events("?username=jane&type=MESSAGE_CREATED").await;
    live(&server, |tx| tokens::delete_for_client(tx, 1, CLIENT.0)).await;
    assert_eq!(own.event().await["reason"], "TOKEN_INVALID");
    let api = server.application().await;
    let (_, mut watching) = api.events("?type=USER_UPDATED&after=0").await;
    assert_eq!(presence(&mut watching).await, (json!("jane"), json!(true)));
    assert_eq!(presence(&mut watching).await, (json!("jane"), json!(false)));
    assert_eq!(ids(&other, "/v1/user-sessions").await, [0; 0], "another application sees none of it");
}

#[tokio::test]
async fn a_stop_ends_sessions() {
    let mut server = Server::start().await;
    let mut own = {
        let api = server.application().await;
        api.user("jane").await;
        api.events("?username=jane&type=MESSAGE_CREATED").await.1
    };
    tokio::join!(async { assert_eq!(own.event().await["reason"], "SERVER_STOPPING") }, server.stop());
    let store = server.store();
    let states = store.read(|tx| {
        let of = |state| sessions::user_total(tx, 1, Some(state));
        Ok((of(SessionState::Active)?, of(SessionState::Ended)?))
    });
    assert_eq!(states.await, Ok((0, 1)));
}

#[tokio::test]
async fn who_has_no_account_comes_as_a_guest() {
    let server = Server::start().await;
    let api = server.application().await;
    let lobby = api.channel("OPEN", "lobby").await;
    let (_, mut watching) = api.events("?type=USER_CREATED&type=USER_UPDATED").await;
    let (_, guest) = api.events(&format!("?username=passer-by&channel={}", lobby["id"])).await;
    let created = watching.event().await;
    assert_eq!((&created["type"], &created["user"]["name"]), (&json!("USER_CREATED"), &json!("passer-by")));
    assert_eq!((&created["user"]["isGuest"], &created["user"]["presence"]["online"]), (&json!(true), &json!(false)));
    assert_eq!(presence(&mut watching).await, (json!("passer-by"), json!(true)));
    assert_eq!(participants(&api, &lobby).await, ["passer-by"]);
    drop(guest);
    assert_eq!(presence(&mut watching).await, (json!("passer-by"), json!(false)));
    let (_, _again) = api.events("?username=passer-by").await;
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 1, "the guest is known now");

    api.put("/v1/application/settings", json!({"guestUsers": "DISABLED"})).await.ok();
    api.get("/v1/events/stream?username=another").await.faults(&[("username", "missing")]);
    assert_eq!(api.get("/v1/events/stream?username=passer-by&follow=false").await.status, 200);
}

#[tokio::test]
async fn a_session_that_cannot_be_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jane").await;
    let (team, lobby) = (api.channel("PUBLIC", "team").await, api.channel("OPEN", "lobby").await);
    let path = format!("/v1/events/stream?username=jane&channel={}&channel={}&channel=999", lobby["id"], team["id"]);
    api.get(&path).await.faults(&[("channel[1]", "unprocessable"), ("channel[2]", "missing")]);
    let many: String = (1..=11).map(|id| format!("&channel={id}")).collect();
    api.get(&format!("/v1/events/stream?username=jane{many}")).await.faults(&[("channel", "unprocessable")]);
    api.get("/v1/events/stream?username=%07").await.faults(&[("username", "invalid")]);
    for (scopes, name, needed) in
        [("read:user create:user", "jane", "update:user"), ("read:user update:user", "nobody", "create:user")]
    {
        let narrow = server.with_scopes(scopes).await;
        let refused = Answer::of(narrow.request(Method::GET, &format!("/v1/events/stream?username={name}"))).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.header("www-authenticate").contains(needed), "{refused:?}");
    }
    assert_eq!(ids(&api, "/v1/user-sessions").await, [0; 0]);
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 1);
}
