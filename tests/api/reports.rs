//! Messages that users have reported. Clients report them in their sessions, so that these tests do so in the store.

use crate::support::{Caller, Server};
use chatkitty_platform::store::reports;
use serde_json::{Value, json};

async fn report(server: &Server, message: &Value, user: &Value) -> bool {
    let id = |resource: &Value| resource["id"].as_i64().expect("an id");
    let (message, user) = (id(message), id(user));
    server.store().write(move |tx| reports::record(tx, 1, message, user, 1)).await.expect("a write")
}

/// What a page of reported messages has: their texts, by how many they were reported, and the total.
async fn reported(api: &Caller<'_>, address: &str) -> (Vec<(String, i64)>, i64) {
    let page = api.get(address).await.ok();
    let messages = page["_embedded"]["messages"].as_array().expect("messages").iter();
    let shown =
        messages.map(|m| (m["body"].as_str().expect("a text").to_owned(), m["reportCount"].as_i64().unwrap_or(0)));
    (shown.collect(), page["page"]["totalElements"].as_i64().expect("a total"))
}

fn shown(messages: &[(&str, i64)], total: i64) -> (Vec<(String, i64)>, i64) {
    (messages.iter().map(|(body, count)| ((*body).to_owned(), *count)).collect(), total)
}

#[tokio::test]
async fn reported_messages_are_listed_with_how_often_they_were() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, other) = (api.channel("PUBLIC", "lobby").await, api.channel("PUBLIC", "other").await);
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let address = channel["_links"]["reportedMessages"]["href"].as_str().expect("a link").to_owned();
    let mut messages = Vec::new();
    for n in 0..4 {
        messages.push(api.message(&channel, &format!("m{n}")).await);
    }
    let elsewhere = api.message(&other, "elsewhere").await;
    assert_eq!(reported(&api, &address).await, shown(&[], 0));
    assert!(report(&server, &messages[2], &jane).await);
    assert!(!report(&server, &messages[2], &jane).await, "once for each user");
    for (message, user) in [(&messages[2], &alex), (&messages[0], &alex), (&messages[3], &jane), (&elsewhere, &jane)] {
        assert!(report(&server, message, user).await);
    }
    assert_eq!(reported(&api, &address).await, shown(&[("m0", 1), ("m2", 2), ("m3", 1)], 3));
    for query in ["sort=createdTime,desc", "sort=id%2Cdesc&sort=createdTime"] {
        assert_eq!(reported(&api, &format!("{address}?{query}")).await, shown(&[("m3", 1), ("m2", 2), ("m0", 1)], 3));
    }
    let page = api.get(&format!("{address}?page=1&size=2&sort=id,desc")).await.ok();
    assert_eq!(page["page"], json!({"size": 2, "totalElements": 3, "totalPages": 2, "number": 1}));
    assert_eq!(page["_links"]["first"]["href"], format!("{address}?page=0&size=2&sort=id%2Cdesc"));
    assert_eq!(page["_embedded"]["messages"][0]["body"], "m0");
    let message = api.get(&format!("/v1/messages/{}", messages[2]["id"])).await.ok();
    assert_eq!(message["reportCount"], 2);
    assert!(messages[1].get("reportCount").is_none(), "{}", messages[1]);
    let spelled = api.get(&format!("/channels/{}/reported-messages", channel["id"])).await.ok();
    assert_eq!(spelled["_embedded"]["messages"][1]["report_count"], 2);
}

#[tokio::test]
async fn reports_go_with_their_message_and_with_their_user() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let address = channel["_links"]["reportedMessages"]["href"].as_str().expect("a link").to_owned();
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (first, second, third) =
        (api.message(&channel, "1").await, api.message(&channel, "2").await, api.message(&channel, "3").await);
    for (message, user) in [(&first, &jane), (&first, &alex), (&second, &jane), (&third, &alex)] {
        report(&server, message, user).await;
    }
    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    assert_eq!(reported(&api, &address).await, shown(&[("1", 1), ("3", 1)], 2));
    api.delete(&format!("/v1/messages/{}", first["id"])).await.ok();
    assert_eq!(reported(&api, &address).await, shown(&[("3", 1)], 1));
    api.delete(&format!("/v1/channels/{}", channel["id"])).await.ok();
    assert_eq!(api.get(&address).await.status, 404);
    let count = "SELECT count(*) FROM reports";
    assert_eq!(server.store().read(move |tx| tx.query_opt(count, &[], |row| row.i64(0))).await, Ok(Some(0)));
}

#[tokio::test]
async fn the_channel_of_another_application_does_not_exist_and_a_wrong_order_is_refused() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let channel = api.channel("PUBLIC", "lobby").await;
    let path = format!("/v1/channels/{}/reported-messages", channel["id"]);
    assert_eq!(other.get(&path).await.status, 404);
    assert_eq!(api.get("/v1/channels/999/reported-messages").await.status, 404);
    api.get(&format!("{path}?sort=name&page=-1")).await.faults(&[("sort[0]", "invalid"), ("page", "invalid")]);
}
