//! Messages: who they are from, what they hold, where they are listed, and what is left when they go.

use crate::support::{Caller, Server};
use chatkitty_platform::store::messages::{self, MessageType, NewMessage};
use chatkitty_platform::store::threads;
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
    let (id, channel, thread) = (&message["id"], &channel["id"], &message["_links"]["thread"]);
    assert_eq!(
        message,
        json!({
            "type": "SYSTEM_TEXT",
            "id": id,
            "channelId": channel,
            "createdTime": message["createdTime"],
            "nestedLevel": 0,
            "repliesCount": 0,
            "properties": {},
            "body": "Hello world!",
            "_links": {
                "self": {"href": format!("{application}/messages/{id}")},
                "channel": {"href": format!("{application}/channels/{channel}")},
                "thread": thread,
                "replies": {"href": format!("{application}/messages/{id}/thread")},
                "readReceipts": {"href": format!("{application}/messages/{id}/read-receipts")},
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
        assert_eq!((message.get("id"), message.get("repliesCount")), (None, None), "{message}");
        for relation in ["self", "thread", "replies", "readReceipts"] {
            assert_eq!(message["_links"].get(relation), None, "{message}");
        }
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
    let own = message["_links"]["thread"]["href"].as_str().expect("a link to the thread");
    let links = json!({
        "self": {"href": own},
        "messages": {"href": format!("{own}/messages")},
        "channel": channel["_links"]["self"],
        "application": channel["_links"]["application"],
    });
    assert_eq!(thread["_links"], links);
    assert_eq!(api.get(own).await.ok(), thread);
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
        let answer = api.delete(&address).await.ok();
        assert_eq!((&answer["type"], &answer["_links"]), (&channel["type"], &channel["_links"]));
        assert_eq!(answer["lastReceivedMessage"]["id"], stays["id"]);
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

#[tokio::test]
async fn mentions_of_users_and_channels_have_their_places() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("Jörg 🌞").await);
    // Positions count as browsers do: 🌞 is two units.
    let text = "🌞 <@Jörg 🌞>, see <#lobby>.";
    for body in [json!({"body": text}), json!({"body": text, "user": {"id": user["id"]}})] {
        let message = api.post(&messages_of(&channel), body).await.ok();
        let units: Vec<u16> = text.encode_utf16().collect();
        let mentions = message["mentions"].as_array().expect("mentions");
        for mention in mentions {
            let position = |name: &str| mention[name].as_u64().expect("a position") as usize;
            let tag = &units[position("startPosition")..position("endPosition")];
            assert_eq!(json!(String::from_utf16(tag).expect("whole characters")), mention["tag"]);
        }
        assert_eq!((&mentions[0]["type"], &mentions[0]["tag"]), (&json!("USER"), &json!("<@Jörg 🌞>")));
        assert_eq!((&mentions[0]["startPosition"], &mentions[0]["endPosition"]), (&json!(3), &json!(13)));
        assert_eq!((&mentions[0]["user"]["id"], &mentions[0]["user"].get("_links")), (&user["id"], &None));
        assert_eq!((&mentions[1]["type"], &mentions[1]["tag"]), (&json!("CHANNEL"), &json!("<#lobby>")));
        let mut expected = channel.clone();
        expected.as_object_mut().expect("a channel").remove("_links");
        assert_eq!((mentions.len(), &mentions[1]["channel"]), (2, &expected));
        assert_eq!(api.get(&format!("/v1/messages/{}", message["id"])).await.ok(), message);
    }
}

#[tokio::test]
async fn a_mention_of_nobody_is_plain_text() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, _) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    for text in ["<@nobody> <#nowhere>", "<@>", "<#", "<@jdoe", "< @jdoe>", "@jdoe", "<jdoe>", "<@JDOE>", "<@ jdoe>"] {
        let message = api.message(&channel, text).await;
        assert_eq!((message.get("mentions"), message.get("links")), (None, None), "{message}");
    }
    let message = api.message(&channel, "<@<@jdoe>><@jdoe>").await;
    let starts: Vec<_> = message["mentions"].as_array().unwrap().iter().map(|m| m["startPosition"].clone()).collect();
    assert_eq!(starts, [2, 10]);
}

#[tokio::test]
async fn a_mention_goes_with_what_it_mentions() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, other) = (api.channel("PUBLIC", "lobby").await, api.channel("PUBLIC", "other").await);
    let user = api.user("jdoe").await;
    let message = api.message(&channel, "<@jdoe> <#other> <#lobby>").await;
    let address = format!("/v1/messages/{}", message["id"]);
    api.delete(&format!("/v1/users/{}", user["id"])).await.ok();
    api.delete(&format!("/v1/channels/{}", other["id"])).await.ok();
    let left = api.get(&address).await.ok();
    assert_eq!(left["body"], "<@jdoe> <#other> <#lobby>");
    let tags: Vec<_> = left["mentions"].as_array().unwrap().iter().map(|mention| mention["tag"].clone()).collect();
    assert_eq!(tags, ["<#lobby>"]);
    // Another user of that name is not who was meant.
    api.user("jdoe").await;
    assert_eq!(api.get(&address).await.ok(), left);
    api.delete(&address).await.ok();
    let left = server.store().read(|tx| tx.query_opt("SELECT count(*) FROM mentions", &[], |row| row.i64(0))).await;
    assert_eq!(left, Ok(Some(0)));
}

#[tokio::test]
async fn links_in_a_text_have_their_places() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "🌞 (see https://example.com/a_(b)?c=1#d). Or http://example.org, no?").await;
    let expected = json!([
        {"source": "https://example.com/a_(b)?c=1#d", "startPosition": 8, "endPosition": 39},
        {"source": "http://example.org", "startPosition": 45, "endPosition": 63},
    ]);
    assert_eq!(message["links"], expected);
    for text in ["ftp://example.com/a", "javascript://%0Aalert(1)", "example.com", "jdoe@example.com", "a://b"] {
        assert_eq!(api.message(&channel, text).await.get("links"), None, "{text}");
    }
    let many = api.message(&channel, &"http://example.org ".repeat(101)).await;
    assert_eq!(many["links"].as_array().map(Vec::len), Some(100));
}

#[tokio::test]
async fn links_are_written_before_the_links_of_the_resource() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let address = messages_of(&channel);
    // A client of the hosted API takes the second of the two for both if they come the other way round.
    let request = api.request(reqwest::Method::POST, &address).json(&json!({"body": "http://example.org"}));
    let text = request.send().await.expect("an answer").text().await.expect("a body");
    let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("no {name} in {text}"));
    assert!(at("\"links\":") < at("\"_links\":"), "{text}");
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, _) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let body = json!({"body": "Hello <@jdoe>", "properties": {"a": 1, "b": {"c": 2, "d": 3}, "e": [1]}});
    let sent = api.post(&messages_of(&channel), body).await.ok();
    assert_eq!(sent.get("lastEditedTime"), None);
    let address = format!("/v1/messages/{}", sent["id"]);

    let patch = json!({"properties": {"a": null, "b": {"c": null, "f": 4}, "e": [2, null]}, "unknown": 1});
    let changed = api.patch(&address, patch).await.ok();
    assert_eq!(changed["properties"], json!({"b": {"d": 3, "f": 4}, "e": [2, null]}));
    assert_eq!((&changed["body"], &changed["mentions"]), (&sent["body"], &sent["mentions"]));
    assert!(changed["lastEditedTime"].is_string(), "{changed}");

    let changed = api.patch(&address, json!({"body": "See http://example.org"})).await.ok();
    assert_eq!(changed["properties"], json!({"b": {"d": 3, "f": 4}, "e": [2, null]}));
    assert_eq!((&changed["body"], changed.get("mentions")), (&json!("See http://example.org"), None));
    assert_eq!(changed["links"][0]["source"], "http://example.org");
    let changed = api.patch(&address, json!({"body": "<#lobby>", "properties": null})).await.ok();
    assert_eq!((&changed["properties"], &changed["mentions"][0]["type"]), (&json!({}), &json!("CHANNEL")));
    assert_eq!(api.get(&address).await.ok(), changed);
}

#[tokio::test]
async fn a_patch_of_nothing_changes_nothing() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let sent = api.message(&channel, "Hello").await;
    let address = format!("/v1/messages/{}", sent["id"]);
    let media = "application/json+merge-patch";
    for body in ["", "\"\"", "{}", r#"{"unknown": {"a": null}}"#, r#"{"properties": {}}"#, r#"{"body": "Hello"}"#] {
        let request = api.request(reqwest::Method::PATCH, &address).header("content-type", media).body(body);
        assert_eq!(crate::support::Answer::of(request).await.ok(), sent, "{body}");
    }
    let request = api.request(reqwest::Method::PATCH, &address);
    assert_eq!(crate::support::Answer::of(request).await.ok(), sent, "no body at all");
}

#[tokio::test]
async fn a_patch_keeps_the_rules_of_messages() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let text = api.message(&channel, "Hello").await;
    let file = api.post(&messages_of(&channel), json!({"type": "FILE", "file": file()})).await.ok();
    let (text, file) = (format!("/v1/messages/{}", text["id"]), format!("/v1/messages/{}", file["id"]));
    api.patch(&text, json!({"body": null})).await.faults(&[("body", "invalid")]);
    api.patch(&text, json!({"body": ""})).await.faults(&[("body", "invalid")]);
    api.patch(&text, json!({"properties": [1]})).await.faults(&[("properties", "invalid")]);
    api.patch(&file, json!({"body": "Hello", "properties": {"a": 1}})).await.faults(&[("body", "invalid")]);
    let properties = api.patch(&file, json!({"properties": {"a": 1}})).await.ok()["properties"].clone();
    assert_eq!(properties, json!({"a": 1}));
    let large = json!({"properties": {"b": "x".repeat(40_000)}});
    api.patch(&file, large).await.ok();
    let large = json!({"properties": {"c": "x".repeat(40_000)}});
    api.patch(&file, large).await.faults(&[("properties", "unprocessable")]);
    assert_eq!(api.patch("/v1/messages/999", json!({})).await.status, 404);
    assert_eq!(server.another_application().await.patch(&text, json!({"body": "mine"})).await.status, 404);
}

#[tokio::test]
async fn all_messages_are_deleted_with_their_threads() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let (channel, theirs) = (api.channel("PUBLIC", "lobby").await, other.channel("PUBLIC", "lobby").await);
    other.message(&theirs, "stays").await;
    let channel_id = channel["id"].as_i64().expect("an id");
    // More than one transaction deletes.
    let many = move |tx: &chatkitty_platform::store::Tx<'_>| {
        let thread = threads::main_of(tx, 1, channel_id)?.expect("a thread");
        for _ in 0..1200 {
            let new = NewMessage {
                kind: MessageType::SystemText,
                user_id: None,
                body: Some("goes".to_owned()),
                file: None,
                group_tag: None,
                properties: "{}".to_owned(),
            };
            messages::create(tx, &thread, new, 0)?;
        }
        Ok(())
    };
    server.store().write(many).await.expect("room for messages");
    let first = api.get(&format!("{}?size=1", messages_of(&channel))).await.ok();
    api.reply(&first["_embedded"]["messages"][0], "goes too").await;
    assert_eq!(api.delete("/v1/messages").await.ok()["_links"]["self"], channel["_links"]["application"]);
    assert_eq!(bodies(&api, "/v1/messages").await, [""; 0]);
    assert_eq!(bodies(&api, "/v1/messages?query=goes").await, [""; 0]);
    assert_eq!(bodies(&other, "/v1/messages").await, ["stays"]);
    let count = "SELECT count(*) FROM threads WHERE application_id = 1 AND type = 'MESSAGE'";
    assert_eq!(server.store().read(move |tx| tx.query_opt(count, &[], |row| row.i64(0))).await, Ok(Some(0)));
    api.delete("/v1/messages").await.ok();
    api.message(&channel, "and on").await;
    assert_eq!(bodies(&api, "/v1/messages").await, ["and on"]);
}

#[tokio::test]
async fn messages_are_found_by_their_words() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let (channel, theirs) = (api.channel("PUBLIC", "lobby").await, other.channel("PUBLIC", "lobby").await);
    for text in ["Good morning, Zoë", "GOOD evening", "morning has broken: x-y \"z\"", "goodness AND mercy"] {
        api.message(&channel, text).await;
    }
    other.message(&theirs, "good morning to others").await;
    api.post(&messages_of(&channel), json!({"type": "FILE", "file": file()})).await.ok();
    for (query, found) in [
        ("good", &["GOOD evening", "Good morning, Zoë"][..]),
        ("good*", &["goodness AND mercy", "GOOD evening", "Good morning, Zoë"]),
        ("morning good", &["Good morning, Zoë"]),
        ("zoe", &["Good morning, Zoë"]),
        ("x-y", &["morning has broken: x-y \"z\""]),
        ("\"z\"", &["morning has broken: x-y \"z\""]),
        ("AND", &["goodness AND mercy"]),
        ("y-x", &[]),
        ("orning", &[]),
        ("good OR broken", &[]),
        ("text:good", &[]),
        ("place", &[]),
        ("a1", &[]),
        ("*", &[]),
        ("\"", &[]),
        ("good \"", &["GOOD evening", "Good morning, Zoë"]),
        (") OR (", &[]),
        ("NEAR(good evening)", &[]),
        ("^good", &["GOOD evening", "Good morning, Zoë"]),
        ("-good", &["GOOD evening", "Good morning, Zoë"]),
        ("good+evening", &["GOOD evening"]),
        ("🌞", &[]),
        ("'; DROP TABLE messages", &[]),
    ] {
        for address in ["/v1/messages".to_owned(), messages_of(&channel)] {
            let query = percent_encoding::utf8_percent_encode(query, percent_encoding::NON_ALPHANUMERIC);
            assert_eq!(bodies(&api, &format!("{address}?query={query}")).await, found, "{query}");
        }
    }
    let page = api.get("/v1/messages?query=pdf").await.ok();
    assert_eq!(page["_embedded"]["messages"][0]["file"]["name"], "a b.pdf");
}

#[tokio::test]
async fn what_is_changed_or_gone_is_found_no_more() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let body = json!({"body": "before", "user": {"username": "jdoe"}});
    let changed = api.post(&messages_of(&channel), body.clone()).await.ok();
    api.patch(&format!("/v1/messages/{}", changed["id"]), json!({"body": "after"})).await.ok();
    assert_eq!(bodies(&api, "/v1/messages?query=before").await, [""; 0]);
    assert_eq!(bodies(&api, "/v1/messages?query=after&username=jdoe").await, ["after"]);
    let reply = api.reply(&changed, "after all").await;
    assert_eq!(bodies(&api, "/v1/messages?query=after").await, ["after all", "after"]);
    api.delete(&format!("/v1/messages/{}", reply["id"])).await.ok();
    assert_eq!(bodies(&api, "/v1/messages?query=after").await, ["after"]);
    api.delete(&format!("/v1/users/{}", user["id"])).await.ok();
    api.message(&channel, "after").await;
    assert_eq!(bodies(&api, "/v1/messages?query=after").await, ["after"]);
    api.delete(&format!("/v1/channels/{}", channel["id"])).await.ok();
    let index = "SELECT count(*) FROM message_search WHERE message_search MATCH 'after OR before OR a1'";
    assert_eq!(server.store().read(move |tx| tx.query_opt(index, &[], |row| row.i64(0))).await, Ok(Some(0)));
}

#[tokio::test]
async fn filters_go_together_and_along_with_the_links() {
    let server = Server::start().await;
    let api = server.application().await;
    let (first, second) = (api.channel("PUBLIC", "first").await, api.channel("PUBLIC", "second").await);
    api.user("j doe").await;
    api.user("asmith").await;
    for n in 0..5 {
        for (channel, name) in [(&first, "j doe"), (&second, "j doe"), (&first, "asmith")] {
            let body = json!({"body": format!("{name} says é{n}"), "user": {"username": name}});
            api.post(&messages_of(channel), body).await.ok();
        }
    }
    assert_eq!(bodies(&api, "/v1/messages?username=asmith").await.len(), 5);
    assert_eq!(bodies(&api, "/v1/messages?username=j%20doe").await.len(), 10);
    assert_eq!(bodies(&api, "/v1/messages?username=j%20doe&query=e3").await, ["j doe says é3", "j doe says é3"]);
    assert_eq!(bodies(&api, "/v1/messages?username=nobody").await, [""; 0]);
    let start = format!("{}?username=j%20doe&query=says%20%C3%A9*&size=2", messages_of(&first));
    let (mut address, mut found, mut last) = (start, Vec::new(), String::new());
    loop {
        let page = api.get(&address).await.ok();
        let own = page["_links"]["self"]["href"].as_str().expect("an address");
        assert!(own.contains("&username=j%20doe&query=says%20%C3%A9%2A"), "{own}");
        found.extend(bodies(&api, own).await);
        match page["_links"]["next"]["href"].as_str() {
            Some(next) => address = next.to_owned(),
            None => {
                last.push_str(page["_links"]["prev"]["href"].as_str().expect("an earlier page"));
                break;
            }
        }
    }
    assert_eq!(found, (0..5).rev().map(|n| format!("j doe says é{n}")).collect::<Vec<_>>());
    assert_eq!(bodies(&api, &last).await, ["j doe says é2", "j doe says é1"]);
}

#[tokio::test]
async fn a_channel_shows_its_newest_message() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, other) = (api.channel("PUBLIC", "lobby").await, api.channel("PUBLIC", "other").await);
    let user = api.user("jdoe").await;
    let address = format!("/v1/channels/{}", channel["id"]);
    let last = async || api.get(&address).await.ok()["lastReceivedMessage"].clone();
    assert_eq!(last().await, Value::Null);
    let without_links = |mut message: Value| {
        message.as_object_mut().expect("a message").remove("_links");
        message
    };
    let first = api.message(&channel, "first").await;
    let second = json!({"body": "<@jdoe> http://example.org", "user": {"id": user["id"]}});
    let second = api.post(&messages_of(&channel), second).await.ok();
    assert_eq!(last().await, without_links(second.clone()));
    let file = json!({"type": "FILE", "file": file()});
    let third = api.post(&messages_of(&channel), file).await.ok();
    assert_eq!(last().await, without_links(third.clone()));
    let reply = api.reply(&first, "reply").await;
    assert_eq!(last().await, without_links(reply.clone()));
    api.message(&other, "elsewhere").await;

    let page = api.get("/v1/channels").await.ok();
    let channels = page["_embedded"]["channels"].as_array().expect("channels");
    let bodies: Vec<_> = channels.iter().map(|channel| channel["lastReceivedMessage"]["body"].clone()).collect();
    assert_eq!(bodies, ["reply", "elsewhere"]);

    // The reply goes with what it replies to.
    api.delete(&format!("/v1/messages/{}", first["id"])).await.ok();
    assert_eq!(last().await, without_links(third.clone()));
    api.delete(&format!("/v1/messages/{}", third["id"])).await.ok();
    assert_eq!(last().await, without_links(second));
    api.delete(&format!("/v1/users/{}", user["id"])).await.ok();
    assert_eq!(last().await, Value::Null);
}
