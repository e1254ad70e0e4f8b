//! Messages: who they are from, what they hold, where they are listed, and what is left when they go.

use crate::support::{Caller, Server};
use serde_json::{Value, json};

fn file() -> Value {
    json!({"url": "https://files.example.com/a%20b.pdf?v=1", "name": "a b.pdf", "contentType": "application/pdf", "size": 48213})
}

/// The file as an answer has it.
fn represented() -> Value {
    let mut file = file();
    file["type"] = json!("EXTERNAL");
    file
}

fn messages_of(channel: &Value) -> String {
    format!("/v1/channels/{}/messages", channel["id"])
}

async fn bodies(api: &Caller<'_>, address: &str) -> Vec<String> {
    let page = api.get(address).await.ok();
    let messages = page["_embedded"]["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["body"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn a_message_without_a_user_is_from_the_system() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "Hello world!").await;
    let application = format!("{}/v1/applications/1", server.url);
    let (id, channel) = (&message["id"], &channel["id"]);
    assert_eq!(
        message,
        json!({
            "type": "SYSTEM_TEXT",
            "id": id,
            "channelId": channel,
            "createdTime": message["createdTime"],
            "nestedLevel": 0,
            "properties": {},
            "body": "Hello world!",
            "_links": {
                "self": {"href": format!("{application}/messages/{id}")},
                "channel": {"href": format!("{application}/channels/{channel}")},
                "application": {"href": application},
            },
        })
    );
    assert_eq!(api.get(&format!("/v1/messages/{id}")).await.ok(), message);
}

#[tokio::test]
async fn a_user_is_named_by_id_or_by_name() {
    let server = Server::start().await;
    let api = server.application().await;
    let (user, channel) = (api.user("jdoe").await, api.channel("PRIVATE", "team").await);
    for reference in [json!({"id": user["id"]}), json!({"username": "jdoe"})] {
        let body = json!({"type": "TEXT", "body": "Good morning 🌞", "user": reference});
        let message = api.post(&messages_of(&channel), body).await.ok();
        assert_eq!((&message["type"], &message["body"]), (&json!("TEXT"), &json!("Good morning 🌞")));
        assert_eq!((&message["user"]["id"], &message["user"]["name"]), (&user["id"], &json!("jdoe")));
        assert_eq!(message["_links"]["user"], user["_links"]["self"]);
        assert_eq!(api.get(&format!("/v1/messages/{}", message["id"])).await.ok(), message);
    }
}

#[tokio::test]
async fn an_unknown_user_sends_nothing() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    for reference in [json!({"id": 999}), json!({"username": "nobody"})] {
        let body = json!({"body": "Boo", "user": reference});
        api.post(&messages_of(&channel), body).await.faults(&[("user", "missing")]);
    }
    assert_eq!(bodies(&api, "/v1/messages").await, [""; 0]);
}

#[tokio::test]
async fn a_file_is_from_the_system_or_from_a_user() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, _) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let body = json!({"type": "FILE", "file": file(), "groupTag": "meeting", "properties": {"page": 1}});
    let system = api.post(&messages_of(&channel), body).await.ok();
    assert_eq!((&system["type"], &system["file"]), (&json!("SYSTEM_FILE"), &represented()));
    assert_eq!((&system["groupTag"], &system["properties"]), (&json!("meeting"), &json!({"page": 1})));
    assert_eq!(system.get("body"), None);
    let body = json!({"type": "FILE", "file": file(), "user": {"username": "jdoe"}});
    let user = api.post(&messages_of(&channel), body).await.ok();
    assert_eq!((&user["type"], &user["file"]), (&json!("FILE"), &represented()));
    assert_eq!(user["user"]["name"], "jdoe");
    assert_eq!(api.get(&messages_of(&channel)).await.ok()["_embedded"]["messages"], json!([user, system]));
}

#[tokio::test]
async fn a_file_is_described_completely() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let answer = api.post(&messages_of(&channel), json!({"type": "FILE", "file": {}})).await;
    answer.faults(&[
        ("file.url", "missing_field"),
        ("file.name", "missing_field"),
        ("file.contentType", "missing_field"),
        ("file.size", "missing_field"),
    ]);
    for (field, value) in [
        ("url", json!("javascript:alert(1)")),
        ("url", json!("/relative")),
        ("size", json!(-1)),
        ("size", json!(1.5)),
        ("contentType", json!("pdf")),
        ("name", json!("a\u{0}b")),
    ] {
        let mut file = file();
        file[field] = value;
        let answer = api.post(&messages_of(&channel), json!({"type": "FILE", "file": file})).await;
        assert_eq!(answer.status, 400, "{file}");
        assert_eq!(answer.body["errors"][0]["field"], format!("file.{field}"), "{file}");
    }
}

#[tokio::test]
async fn name_is_another_name_of_body() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.post(&messages_of(&channel), json!({"name": "Hello world!"})).await.ok();
    assert_eq!((&message["body"], message.get("name")), (&json!("Hello world!"), None));
    let both = json!({"name": "Hello", "body": "Hello"});
    api.post(&messages_of(&channel), both).await.faults(&[("name", "invalid")]);
}

#[tokio::test]
async fn what_belongs_to_the_other_type_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    for (body, fault) in [
        (json!({}), ("body", "missing_field")),
        (json!({"type": "TEXT"}), ("body", "missing_field")),
        (json!({"type": "FILE"}), ("file", "missing_field")),
        (json!({"type": "FILE", "file": file(), "body": "x"}), ("body", "invalid")),
        (json!({"type": "FILE", "file": file(), "name": "x"}), ("name", "invalid")),
        (json!({"body": "x", "file": file()}), ("file", "invalid")),
        (json!({"body": ""}), ("body", "invalid")),
        (json!({"body": "a\u{0}b"}), ("body", "invalid")),
        (json!({"body": "a".repeat(20_001)}), ("body", "invalid")),
        (json!({"type": "SYSTEM_TEXT", "body": "x"}), ("type", "invalid")),
    ] {
        api.post(&messages_of(&channel), body).await.faults(&[fault]);
    }
    assert_eq!(bodies(&api, &messages_of(&channel)).await, [""; 0]);
    let longest = "é".repeat(20_000);
    assert_eq!(api.message(&channel, &longest).await["body"], longest);
    api.message(&channel, "two\nlines\tand \u{1b} the rest").await;
}

#[tokio::test]
async fn messages_in_an_open_channel_are_not_kept() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, _) = (api.channel("OPEN", "stream").await, api.user("jdoe").await);
    let bodies = [
        json!({"body": "Hello"}),
        json!({"body": "Hello", "user": {"username": "jdoe"}}),
        json!({"type": "FILE", "file": file()}),
        json!({"type": "FILE", "file": file(), "user": {"username": "jdoe"}}),
    ];
    for (body, kind) in bodies.into_iter().zip(["SYSTEM_TEXT", "TEXT", "SYSTEM_FILE", "FILE"]) {
        let message = api.post(&messages_of(&channel), body).await.ok();
        assert_eq!(message["type"], kind);
        assert_eq!((message.get("id"), message["_links"].get("self")), (None, None), "{message}");
        assert_eq!(message["_links"]["channel"], channel["_links"]["self"]);
    }
    for address in [&messages_of(&channel), "/v1/messages"] {
        let page = api.get(address).await.ok();
        assert_eq!((&page["_embedded"]["messages"], &page["page"]), (&json!([]), &json!({"size": 0})));
    }
}

#[tokio::test]
async fn messages_come_newest_first_and_channels_do_not_mix() {
    let server = Server::start().await;
    let api = server.application().await;
    let (first, second) = (api.channel("PUBLIC", "first").await, api.channel("PRIVATE", "second").await);
    for n in 1..=3 {
        api.message(&first, &format!("first {n}")).await;
        api.message(&second, &format!("second {n}")).await;
    }
    assert_eq!(bodies(&api, &messages_of(&first)).await, ["first 3", "first 2", "first 1"]);
    assert_eq!(bodies(&api, &messages_of(&second)).await, ["second 3", "second 2", "second 1"]);
    let all = ["second 3", "first 3", "second 2", "first 2", "second 1", "first 1"];
    assert_eq!(bodies(&api, "/v1/messages").await, all);
    assert_eq!(bodies(&api, "/v1/applications/me/messages").await, all);
}

#[tokio::test]
async fn deleting_a_message_answers_its_thread_at_the_flat_address() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "Hello").await;
    let address = format!("/v1/messages/{}", message["id"]);
    let thread = api.delete(&address).await.ok();
    assert_eq!((&thread["type"], &thread["properties"]), (&json!("MAIN"), &json!({})));
    assert!(thread["id"].is_i64() && thread["createdTime"].is_string(), "{thread}");
    let links = json!({"channel": channel["_links"]["self"], "application": channel["_links"]["application"]});
    assert_eq!(thread["_links"], links);
    assert_eq!(api.get(&address).await.status, 404);
    assert_eq!(api.delete(&address).await.status, 404);
}

#[tokio::test]
async fn deleting_a_message_answers_its_channel_below_the_application() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PRIVATE", "team").await;
    for application in ["1", "me"] {
        let (goes, stays) = (api.message(&channel, "goes").await, api.message(&channel, "stays").await);
        let address = format!("/v1/applications/{application}/messages/{}", goes["id"]);
        assert_eq!(api.delete(&address).await.ok(), channel);
        assert_eq!(api.get(&address).await.status, 404);
        api.get(stays["_links"]["self"]["href"].as_str().unwrap()).await.ok();
    }
    assert_eq!(bodies(&api, &messages_of(&channel)).await, ["stays", "stays"]);
}

#[tokio::test]
async fn a_message_needs_a_channel() {
    let server = Server::start().await;
    let api = server.application().await;
    let answer = api.post("/v1/channels/999/messages", json!({"body": "Hello"})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (404, &json!("ResourceNotFoundError")));
    assert_eq!(api.get("/v1/channels/999/messages").await.status, 404);
}
