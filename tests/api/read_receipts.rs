//! Read receipts: who has read a message, and when. Clients make them in their sessions, so that these tests do so in the
//! store.

use crate::support::{Caller, Server};
use chatkitty_platform::store::read_receipts;
use serde_json::{Value, json};

async fn read(server: &Server, message: &Value, user: &Value, time: i64) -> bool {
    let id = |resource: &Value| resource["id"].as_i64().expect("an id");
    let (message, user) = (id(message), id(user));
    server.store().write(move |tx| read_receipts::record(tx, 1, message, user, time)).await.expect("a write")
}

fn address(message: &Value) -> String {
    message["_links"]["readReceipts"]["href"].as_str().expect("a link to the receipts").to_owned()
}

async fn readers(api: &Caller<'_>, address: &str) -> Vec<String> {
    let page = api.get(address).await.ok();
    let receipts = page["_embedded"]["receipts"].as_array().expect("receipts");
    receipts.iter().map(|receipt| receipt["user"]["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn a_receipt_tells_who_has_read_a_message_and_when() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let message = api.message(&channel, "Hello").await;
    let empty = api.get(&address(&message)).await.ok();
    assert_eq!((&empty["_embedded"], &empty["page"]["totalElements"]), (&json!({"receipts": []}), &json!(0)));

    assert!(read(&server, &message, &user, 1_768_469_400_000).await);
    assert!(!read(&server, &message, &user, 1_768_469_500_000).await, "the first time counts");
    let page = api.get(&address(&message)).await.ok();
    let receipt = &page["_embedded"]["receipts"][0];
    assert_eq!(page["page"]["totalElements"], 1);
    assert_eq!((&receipt["createdTime"], &receipt["user"]["id"]), (&json!("2026-01-15T09:30:00.000Z"), &user["id"]));
    let links = json!({
        "user": user["_links"]["self"],
        "message": message["_links"]["self"],
        "application": message["_links"]["application"],
    });
    assert_eq!(receipt["_links"], links);
}

#[tokio::test]
async fn the_sender_of_a_message_has_no_receipt_for_it() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, user) = (api.channel("PUBLIC", "lobby").await, api.user("jdoe").await);
    let body = json!({"body": "Hello", "user": {"username": "jdoe"}});
    let message = api.post(&format!("/v1/channels/{}/messages", channel["id"]), body).await.ok();
    assert!(!read(&server, &message, &user, 1).await);
    assert_eq!(readers(&api, &address(&message)).await, [""; 0]);
}

#[tokio::test]
async fn receipts_are_sorted_and_paged_by_their_time() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let (message, other) = (api.message(&channel, "Hello").await, api.message(&channel, "Another").await);
    for (name, time) in [("a", 3), ("b", 1), ("c", 2), ("d", 2)] {
        let user = api.user(name).await;
        read(&server, &message, &user, time).await;
    }
    let own = address(&message);
    assert_eq!(readers(&api, &own).await, ["b", "c", "d", "a"]);
    assert_eq!(readers(&api, &format!("{own}?sort=createdTime%2Cdesc")).await, ["a", "d", "c", "b"]);
    let page = api.get(&format!("{own}?sort=createdTime,desc&page=1&size=3")).await.ok();
    assert_eq!(page["page"], json!({"size": 3, "totalElements": 4, "totalPages": 2, "number": 1}));
    assert_eq!(page["_links"]["prev"]["href"], format!("{own}?page=0&size=3&sort=createdTime%2Cdesc"));
    assert_eq!(readers(&api, page["_links"]["prev"]["href"].as_str().unwrap()).await, ["a", "d", "c"]);
    assert_eq!(readers(&api, &address(&other)).await, [""; 0]);
    api.get(&format!("{own}?sort=createdName")).await.faults(&[("sort[0]", "invalid")]);
}

#[tokio::test]
async fn receipts_go_with_their_message_and_with_their_user() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let (message, other) = (api.message(&channel, "Hello").await, api.message(&channel, "Another").await);
    let (stays, goes) = (api.user("stays").await, api.user("goes").await);
    for message in [&message, &other] {
        for user in [&stays, &goes] {
            read(&server, message, user, 1).await;
        }
    }
    api.delete(&format!("/v1/users/{}", goes["id"])).await.ok();
    assert_eq!(readers(&api, &address(&message)).await, ["stays"]);
    assert_eq!(api.get(&address(&message)).await.ok()["page"]["totalElements"], 1);
    api.delete(&format!("/v1/messages/{}", message["id"])).await.ok();
    assert_eq!(api.get(&address(&message)).await.status, 404);
    api.delete(&format!("/v1/channels/{}", channel["id"])).await.ok();
    let count = "SELECT count(*) FROM read_receipts";
    assert_eq!(server.store().read(move |tx| tx.query_opt(count, &[], |row| row.i64(0))).await, Ok(Some(0)));
}

#[tokio::test]
async fn receipts_of_another_application_do_not_exist() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let channel = api.channel("PUBLIC", "lobby").await;
    let message = api.message(&channel, "Hello").await;
    assert_eq!(other.get(&format!("/v1/messages/{}/read-receipts", message["id"])).await.status, 404);
}
