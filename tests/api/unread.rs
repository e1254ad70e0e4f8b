//! What users have sent, what they have not read, and how much that is. Clients make read receipts in their sessions, so
//! that these tests do so in the store.

use crate::support::{Caller, Server};
use chatkitty_platform::store::read_receipts;
use serde_json::{Value, json};

fn id(resource: &Value) -> i64 {
    resource["id"].as_i64().unwrap_or_else(|| panic!("no id in {resource}"))
}

async fn read(server: &Server, message: &Value, user: &Value) {
    let (message, user) = (id(message), id(user));
    let record = server.store().write(move |tx| read_receipts::record(tx, 1, message, user, 1)).await;
    assert_eq!(record, Ok(true), "a first receipt");
}

/// Sends a message as a user.
async fn say(api: &Caller<'_>, channel: &Value, user: &Value, body: &str) -> Value {
    let body = json!({"body": body, "user": {"id": user["id"]}});
    api.post(&format!("/v1/channels/{}/messages", channel["id"]), body).await.ok()
}

/// A channel with members.
async fn channel(api: &Caller<'_>, name: &str, members: &[&Value]) -> Value {
    let members: Vec<Value> = members.iter().map(|user| json!({"id": user["id"]})).collect();
    api.post("/v1/channels", json!({"type": "PRIVATE", "name": name, "members": members})).await.ok()
}

/// The number of unread messages, which the listing must have, page by page.
async fn unread(api: &Caller<'_>, user: &Value) -> Vec<String> {
    let count = api.get(user["_links"]["unreadCount"]["href"].as_str().expect("a link")).await.ok();
    let mut address = format!("{}&size=2", user["_links"]["unreadMessages"]["href"].as_str().expect("a link"));
    let mut bodies = Vec::new();
    loop {
        let page = api.get(&address).await.ok();
        let messages = page["_embedded"]["messages"].as_array().expect("messages");
        bodies.extend(messages.iter().map(|message| message["body"].as_str().expect("a text").to_owned()));
        match page["_links"]["next"]["href"].as_str() {
            Some(next) => next.clone_into(&mut address),
            None => break,
        }
    }
    assert_eq!(count["count"], bodies.len(), "the count and the list differ: {bodies:?}");
    bodies
}

#[tokio::test]
async fn what_others_send_in_a_members_channels_is_unread_until_there_is_a_receipt() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex, eve) = (api.user("jane").await, api.user("alex").await, api.user("eve").await);
    let (team, other) = (channel(&api, "team", &[&jane, &alex]).await, channel(&api, "other", &[&jane]).await);
    let elsewhere = channel(&api, "elsewhere", &[&eve]).await;
    say(&api, &elsewhere, &eve, "not for you").await;
    let first = say(&api, &team, &alex, "one").await;
    say(&api, &team, &jane, "own").await;
    let second = api.message(&other, "two").await;
    let third = api.reply(&first, "three").await;
    assert_eq!(unread(&api, &jane).await, ["three", "two", "one"]);
    assert_eq!(unread(&api, &alex).await, ["three", "own"]);
    assert_eq!(unread(&api, &eve).await, [""; 0]);

    // In whichever order they are read.
    read(&server, &third, &jane).await;
    assert_eq!(unread(&api, &jane).await, ["two", "one"]);
    read(&server, &first, &jane).await;
    read(&server, &second, &jane).await;
    assert_eq!(unread(&api, &jane).await, [""; 0]);
    say(&api, &team, &alex, "four").await;
    assert_eq!(unread(&api, &jane).await, ["four"]);
    assert_eq!(unread(&api, &alex).await, ["three", "own"], "another's receipts count for nobody else");
}

#[tokio::test]
async fn unread_stays_right_while_messages_members_and_users_go() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex, eve) = (api.user("jane").await, api.user("alex").await, api.user("eve").await);
    let team = channel(&api, "team", &[&jane, &alex, &eve]).await;
    let first = say(&api, &team, &alex, "one").await;
    let second = say(&api, &team, &eve, "two").await;
    let third = api.message(&team, "three").await;
    api.reply(&first, "below one").await;
    read(&server, &third, &jane).await;
    assert_eq!(unread(&api, &jane).await, ["below one", "two", "one"]);

    // A read message, and an unread one with its replies.
    for gone in [&third, &first] {
        api.delete(&format!("/v1/messages/{}", gone["id"])).await.ok();
    }
    assert_eq!(unread(&api, &jane).await, ["two"]);
    assert_eq!(unread(&api, &eve).await, [""; 0]);

    // Who comes back has read what was read before.
    let fourth = say(&api, &team, &alex, "four").await;
    read(&server, &fourth, &jane).await;
    api.delete(&format!("/v1/channels/{}/members/{}", team["id"], jane["id"])).await.ok();
    assert_eq!(unread(&api, &jane).await, [""; 0]);
    api.member(&team, jane["id"].clone()).await;
    assert_eq!(unread(&api, &jane).await, ["two"]);

    api.delete(&format!("/v1/users/{}", eve["id"])).await.ok();
    assert_eq!(unread(&api, &jane).await, [""; 0], "what a user sent goes with it");
    say(&api, &team, &jane, "five").await;
    assert_eq!(unread(&api, &alex).await, ["five"]);
    api.delete("/v1/messages").await.ok();
    assert_eq!(unread(&api, &alex).await, [""; 0]);
    api.message(&team, "six").await;
    assert_eq!(unread(&api, &alex).await, ["six"]);
    assert_eq!(second["body"], "two");
    api.delete(&format!("/v1/channels/{}", team["id"])).await.ok();
    assert_eq!(unread(&api, &alex).await, [""; 0]);
}

#[tokio::test]
async fn unread_messages_of_many_channels_are_paged_both_ways() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let mut channels = Vec::new();
    for n in 0..3 {
        channels.push(channel(&api, &format!("c{n}"), &[&jane]).await);
    }
    let mut sent = Vec::new();
    for n in 0..9 {
        sent.push(api.message(&channels[n % 3], &format!("m{n}")).await);
    }
    read(&server, &sent[4], &jane).await;
    let page = |address: String| {
        let api = &api;
        async move {
            let page = api.get(&address).await.ok();
            let messages = page["_embedded"]["messages"].as_array().expect("messages");
            let bodies: Vec<String> = messages.iter().map(|m| m["body"].as_str().expect("a text").to_owned()).collect();
            (bodies, page["_links"].clone())
        }
    };
    let href = |links: &Value, relation: &str| links[relation]["href"].as_str().expect("a link").to_owned();
    let (first, links) = page(format!("/v1/users/{}/messages?unread=true&size=3", jane["id"])).await;
    assert_eq!(first, ["m8", "m7", "m6"]);
    assert!(href(&links, "self").ends_with("&unread=true") && links.get("prev").is_none(), "{links}");
    let (second, links) = page(href(&links, "next")).await;
    assert_eq!(second, ["m5", "m3", "m2"], "m4 is read");
    let (third, last) = page(href(&links, "next")).await;
    assert_eq!(third, ["m1", "m0"]);
    assert!(last.get("next").is_none(), "{last}");
    assert_eq!(page(href(&last, "prev")).await.0, second);
    assert_eq!(page(href(&links, "prev")).await.0, first);
    assert_eq!(page(href(&links, "self")).await.0, second);
}

#[tokio::test]
async fn a_users_messages_are_those_that_the_user_has_sent() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (team, lobby) = (channel(&api, "team", &[&jane, &alex]).await, api.channel("PUBLIC", "lobby").await);
    for n in 0..3 {
        say(&api, if n == 1 { &lobby } else { &team }, &jane, &format!("m{n}")).await;
        say(&api, &team, &alex, "another's").await;
    }
    let address = jane["_links"]["messages"]["href"].as_str().expect("a link").to_owned();
    for query in ["?size=2", "?size=2&unread=false"] {
        let page = api.get(&format!("{address}{query}")).await.ok();
        let bodies = |page: &Value| [0, 1].map(|n| page["_embedded"]["messages"][n]["body"].clone());
        assert_eq!(bodies(&page), [json!("m2"), json!("m1")]);
        let next = api.get(page["_links"]["next"]["href"].as_str().expect("a link")).await.ok();
        assert_eq!((bodies(&next), next["_links"].get("next")), ([json!("m0"), Value::Null], None));
        let back = api.get(next["_links"]["prev"]["href"].as_str().expect("a link")).await.ok();
        assert_eq!(bodies(&back), bodies(&page));
    }
}

#[tokio::test]
async fn users_are_listed_by_whether_they_have_unread_messages() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    api.user("nowhere").await;
    let team = channel(&api, "team", &[&jane, &alex]).await;
    let message = say(&api, &team, &alex, "one").await;
    let names = |query: &'static str| {
        let api = &api;
        async move {
            let page = api.get(&format!("/v1/users?{query}")).await.ok();
            let users = page["_embedded"]["users"].as_array().expect("users");
            assert_eq!(page["page"]["totalElements"], users.len());
            let own = page["_links"]["self"]["href"].as_str().expect("a link").to_owned();
            assert_eq!(api.get(&own).await.ok()["_embedded"], page["_embedded"], "{own} keeps the filter");
            users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("unread=true").await, ["jane"]);
    assert_eq!(names("unread=false").await, ["alex", "nowhere"]);
    assert_eq!(names("unread=true&name=alex").await, [""; 0]);
    read(&server, &message, &jane).await;
    assert_eq!(names("unread=true").await, [""; 0]);
}

#[tokio::test]
async fn there_is_a_summary_for_every_member_of_every_channel() {
    let server = Server::start().await;
    let api = server.application().await;
    let address = "/v1/application/message-read-receipt-summaries";
    let empty = api.get(address).await.ok();
    assert_eq!((&empty["_embedded"], &empty["page"]["totalElements"]), (&json!({"summaries": []}), &json!(0)));
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (team, lobby) = (channel(&api, "team", &[&jane, &alex]).await, api.channel("PUBLIC", "lobby").await);
    api.member(&lobby, alex["id"].clone()).await;
    let message = say(&api, &team, &alex, "one").await;
    api.message(&team, "two").await;
    read(&server, &message, &jane).await;

    let page = api.get(address).await.ok();
    let summaries = page["_embedded"]["summaries"].as_array().expect("summaries");
    let shown: Vec<_> = summaries
        .iter()
        .map(|s| (s["channel"]["name"].clone(), s["user"]["name"].clone(), s["count"].clone()))
        .collect();
    let expected = [("team", "jane", 1), ("team", "alex", 1), ("lobby", "alex", 0)];
    assert_eq!(shown, expected.map(|(channel, user, count)| (json!(channel), json!(user), json!(count))));
    let links = json!({
        "user": jane["_links"]["self"],
        "channel": team["_links"]["self"],
        "application": team["_links"]["application"],
    });
    assert_eq!(summaries[0]["_links"], links);
    let last = api.get(&format!("{address}?page=1&size=2")).await.ok();
    assert_eq!(last["page"], json!({"size": 2, "totalElements": 3, "totalPages": 2, "number": 1}));
    assert_eq!(last["_embedded"]["summaries"], json!([summaries[2]]));
    let first = api.get(last["_links"]["prev"]["href"].as_str().expect("a link")).await.ok();
    assert_eq!(first["_embedded"]["summaries"], json!([summaries[0], summaries[1]]));

    // The total stays right.
    api.delete(&format!("/v1/channels/{}/members/{}", lobby["id"], alex["id"])).await.ok();
    assert_eq!(api.get(address).await.ok()["page"]["totalElements"], 2);
    api.delete(&format!("/v1/users/{}", alex["id"])).await.ok();
    assert_eq!(api.get(address).await.ok()["page"]["totalElements"], 1);
    api.delete(&format!("/v1/channels/{}", team["id"])).await.ok();
    let empty = api.get(address).await.ok();
    assert_eq!((&empty["_embedded"], &empty["page"]["totalElements"]), (&json!({"summaries": []}), &json!(0)));
}

#[tokio::test]
async fn the_names_are_in_snake_case_without_the_version() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let team = channel(&api, "team", &[&jane]).await;
    api.message(&team, "one").await;
    let count = api.get(&format!("/users/{}/messages/unread/count", jane["id"])).await.ok();
    assert_eq!(count["count"], 1);
    let page = api.get("/application/message-read-receipt-summaries?page=0&size=25").await.ok();
    assert_eq!(page["page"]["total_elements"], 1);
    let summary = &page["_embedded"]["summaries"][0];
    assert_eq!(
        (&summary["user"]["display_name"], &summary["channel"]["display_name"]),
        (&json!("jane"), &json!("team"))
    );
    let page = api.get(&format!("/users/{}/messages?unread=true", jane["id"])).await.ok();
    assert_eq!(page["_embedded"]["messages"][0]["channel_id"], team["id"]);
    let own = page["_links"]["self"]["href"].as_str().expect("a link");
    assert!(own.starts_with(&format!("{}/applications/1/users/", server.url)), "{own}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_and_what_is_anothers_is_not_there() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let jane = api.user("jane").await;
    let own = format!("/v1/users/{}", jane["id"]);
    for path in ["messages", "messages?unread=true", "messages/unread/count", "notifications"] {
        assert_eq!(other.get(&format!("{own}/{path}")).await.status, 404, "{path}");
        assert_eq!(api.get(&format!("/v1/users/999/{path}")).await.status, 404, "{path}");
    }
    let team = channel(&api, "team", &[&jane]).await;
    api.message(&team, "one").await;
    let theirs = other.get("/v1/application/message-read-receipt-summaries").await.ok();
    assert_eq!((&theirs["_embedded"], &theirs["page"]["totalElements"]), (&json!({"summaries": []}), &json!(0)));
    assert_eq!(other.get("/v1/users?unread=true").await.ok()["page"]["totalElements"], 0);

    api.get(&format!("{own}/messages?unread=perhaps")).await.faults(&[("unread", "invalid")]);
    api.get(&format!("{own}/messages?relation=NEXT")).await.faults(&[("next", "missing_field")]);
    api.get("/v1/users?unread=2").await.faults(&[("unread", "invalid")]);
    let page = api.get("/v1/application/message-read-receipt-summaries?page=-1").await;
    page.faults(&[("page", "invalid")]);
}
