//! Threads: where messages and the replies to them lie, and what is left when they go.

use crate::deletions;
use crate::support::{Caller, Server};
use chatkitty_platform::store::threads;
use serde_json::{Value, json};

fn link<'v>(resource: &'v Value, relation: &str) -> &'v str {
    resource["_links"][relation]["href"].as_str().unwrap_or_else(|| panic!("no link {relation} in {resource}"))
}

async fn bodies(api: &Caller<'_>, address: &str) -> Vec<String> {
    let page = api.get(address).await.ok();
    let messages = page["_embedded"]["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["body"].as_str().expect("a text").to_owned()).collect()
}

async fn replies(api: &Caller<'_>, message: &Value) -> (Value, Value) {
    let message = api.get(link(message, "self")).await.ok();
    (message["nestedLevel"].clone(), message["repliesCount"].clone())
}

#[tokio::test]
async fn a_message_lies_in_a_thread_and_has_one_for_its_replies() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "Who is in?").await;
    let main = api.get(link(&message, "thread")).await.ok();
    assert_eq!((&main["type"], &main["_links"]["channel"]), (&json!("MAIN"), &channel["_links"]["self"]));
    let thread = api.get(link(&message, "replies")).await.ok();
    assert_eq!((&thread["type"], &thread["properties"]), (&json!("MESSAGE"), &json!({})));
    assert_eq!(thread["_links"]["message"], message["_links"]["self"]);
    assert_eq!(thread["_links"]["channel"], channel["_links"]["self"]);
    assert_eq!(api.get(link(&thread, "self")).await.ok(), thread);
    assert_eq!(api.get(link(&message, "replies")).await.ok(), thread, "it is made once");
    assert_eq!(bodies(&api, link(&thread, "messages")).await, [""; 0]);
}

#[tokio::test]
async fn replies_are_counted_and_nested() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let message = api.message(&channel, "Who is in?").await;
    let thread = api.get(link(&message, "replies")).await.ok();
    let body = json!({"body": "I am", "user": {"username": "jdoe"}});
    let first = api.post(link(&thread, "messages"), body).await.ok();
    assert_eq!((&first["type"], &first["user"]["id"]), (&json!("TEXT"), &user["id"]));
    assert_eq!((&first["nestedLevel"], &first["channelId"]), (&json!(1), &channel["id"]));
    assert_eq!(link(&first, "thread"), link(&thread, "self"));
    let second = api.reply(&message, "Me too").await;
    let nested = api.reply(&first, "Good").await;
    assert_eq!(nested["nestedLevel"], 2);

    assert_eq!(replies(&api, &message).await, (json!(0), json!(2)));
    assert_eq!(replies(&api, &first).await, (json!(1), json!(1)));
    assert_eq!(replies(&api, &second).await, (json!(1), json!(0)));
    assert_eq!(bodies(&api, link(&thread, "messages")).await, ["Me too", "I am"]);
    assert_eq!(bodies(&api, &format!("{}?size=1", link(&thread, "messages"))).await, ["Me too"]);
}

#[tokio::test]
async fn the_main_thread_has_no_replies_and_the_channel_has_all() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let first = api.message(&channel, "first").await;
    api.reply(&first, "reply").await;
    let main = api.get(link(&first, "thread")).await.ok();
    api.post(link(&main, "messages"), json!({"body": "second"})).await.ok();
    assert_eq!(bodies(&api, link(&main, "messages")).await, ["second", "first"]);
    assert_eq!(bodies(&api, link(&channel, "messages")).await, ["second", "reply", "first"]);
    assert_eq!(bodies(&api, "/v1/messages").await, ["second", "reply", "first"]);
}

#[tokio::test]
async fn a_thread_is_walked_by_its_links() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "first").await;
    for n in 0..5 {
        api.reply(&message, &n.to_string()).await;
        api.message(&channel, "between").await;
    }
    let thread = api.get(link(&message, "replies")).await.ok();
    let (mut address, mut found) = (format!("{}?size=2", link(&thread, "messages")), Vec::new());
    loop {
        let page = api.get(&address).await.ok();
        found.extend(bodies(&api, link(&page, "self")).await);
        match page["_links"].get("next") {
            Some(next) => address = next["href"].as_str().expect("an address").to_owned(),
            None => break,
        }
    }
    assert_eq!(found, ["4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn a_message_takes_the_replies_to_it_along() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "message").await;
    let (goes, stays) = (api.reply(&message, "goes").await, api.reply(&message, "stays").await);
    let nested = api.reply(&goes, "goes too").await;
    let (thread, hanging) = (link(&goes, "thread").to_owned(), link(&nested, "thread").to_owned());

    let id = &goes["id"];
    let answer = api.delete(&format!("/v1/messages/{id}")).await.ok();
    assert_eq!((&answer["type"], link(&answer, "self")), (&json!("MESSAGE"), thread.as_str()));
    for gone in [link(&goes, "self"), link(&nested, "self"), &hanging, link(&goes, "replies")] {
        assert_eq!(api.get(gone).await.status, 404, "{gone}");
    }
    assert_eq!(replies(&api, &message).await, (json!(0), json!(1)));
    assert_eq!(bodies(&api, link(&channel, "messages")).await, ["stays", "message"]);

    api.delete(&format!("/v1/messages/{}", message["id"])).await.ok();
    for gone in [link(&stays, "self"), &thread] {
        assert_eq!(api.get(gone).await.status, 404, "{gone}");
    }
    let answer = api.post(&format!("{thread}/messages"), json!({"body": "too late"})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["message"]), (404, &json!("there is no such thread")));
    assert_eq!(bodies(&api, "/v1/messages").await, [""; 0]);
}

#[tokio::test]
async fn a_user_takes_along_what_was_replied_to_its_messages() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let (jdoe, messages) = (json!({"username": "jdoe"}), link(&channel, "messages"));
    let stays = api.message(&channel, "stays").await;
    let thread = api.get(link(&stays, "replies")).await.ok();
    let reply = api.post(link(&thread, "messages"), json!({"body": "goes", "user": jdoe})).await.ok();
    api.reply(&reply, "goes too").await;
    let own = api.post(messages, json!({"body": "goes", "user": jdoe})).await.ok();
    api.reply(&own, "goes as well").await;
    api.reply(&stays, "stays too").await;

    api.delete(&format!("/v1/users/{}", user["id"])).await.ok();
    assert_eq!(bodies(&api, messages).await, ["stays too", "stays"]);
    assert_eq!(replies(&api, &stays).await, (json!(0), json!(1)));
}

#[tokio::test]
async fn channels_and_applications_go_with_all_their_threads() {
    let server = Server::start().await;
    let api = server.application().await;
    for name in ["first", "second"] {
        let channel = api.channel("PUBLIC", name).await;
        let message = api.message(&channel, "message").await;
        let reply = api.reply(&message, "reply").await;
        api.reply(&reply, "nested").await;
    }
    api.delete("/v1/channels/1").await.ok();
    assert_eq!(bodies(&api, "/v1/messages").await, ["nested", "reply", "message"]);
    api.delete("/v1/applications/me").await.ok();
    deletions::until_gone(&deletions::open(&server.database), 1).await;
    let count = "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM threads)";
    let left = server.store().read(move |tx| tx.query_opt(count, &[], |row| row.i64(0))).await;
    assert_eq!(left, Ok(Some(0)));
}

#[tokio::test]
async fn what_is_sent_in_the_thread_of_an_open_channel_is_not_kept() {
    let server = Server::start().await;
    let api = server.application().await;
    let id = api.channel("OPEN", "stream").await["id"].as_i64().expect("an id");
    let thread = server.store().read(move |tx| threads::main_of(tx, 1, id)).await.expect("a read").expect("a thread");
    let address = format!("/v1/threads/{}/messages", thread.id);
    let message = api.post(&address, json!({"body": "Hello"})).await.ok();
    assert_eq!((message.get("id"), &message["channelId"]), (None, &json!(id)));
    assert_eq!(bodies(&api, &address).await, [""; 0]);
}

#[tokio::test]
async fn clients_that_ask_at_once_get_the_same_thread() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "message").await;
    let asked = futures::future::join_all((0..16).map(|_| api.get(link(&message, "replies")))).await;
    let ids: Vec<Value> = asked.into_iter().map(|answer| answer.ok()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[tokio::test]
async fn threads_of_another_application_do_not_exist() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "message").await;
    let thread = api.get(link(&message, "replies")).await.ok();
    let (thread, message) = (format!("/v1/threads/{}", thread["id"]), format!("/v1/messages/{}", message["id"]));
    for address in [&thread, &format!("{thread}/messages"), &format!("{message}/thread"), "/v1/threads/999"] {
        assert_eq!(other.get(address).await.status, 404, "{address}");
    }
    let answer = other.post(&format!("{thread}/messages"), json!({"body": "let me in"})).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn keystrokes_are_broadcast_and_not_kept() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let message = api.message(&channel, "message").await;
    let thread = api.get(link(&message, "replies")).await.ok();
    let address = format!("{}/keystrokes", link(&thread, "self"));
    for keys in ["Hel", ""] {
        let typed = api.post(&address, json!({"keys": keys, "user": {"id": user["id"]}})).await.ok();
        let expected = json!({
            "keys": keys,
            "username": "jdoe",
            "_links": {
                "user": user["_links"]["self"],
                "thread": thread["_links"]["self"],
                "channel": channel["_links"]["self"],
                "application": channel["_links"]["application"],
            },
        });
        assert_eq!(typed, expected);
        let last = "SELECT type, channel_id FROM events ORDER BY id DESC LIMIT 1";
        let event = server.store().read(move |tx| tx.query_opt(last, &[], |row| Ok((row.text(0)?, row.i64(1)?)))).await;
        assert_eq!(event, Ok(Some(("KEYSTROKES_SENT".to_owned(), channel["id"].as_i64().expect("an id")))));
    }
    assert_eq!(bodies(&api, link(&thread, "messages")).await, [""; 0]);
    api.post(&address, json!({"keys": "x", "user": {"username": "nobody"}})).await.faults(&[("user", "missing")]);
    let nowhere = api.post("/v1/threads/999/keystrokes", json!({"keys": "x", "user": {"username": "jdoe"}})).await;
    assert_eq!(nowhere.status, 404);
}
