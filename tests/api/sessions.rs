//! Who is connected and who is in which channel, as the live side has told the store.

use crate::support::{Caller, Server};
use chatkitty_platform::store::sessions::{self, LEASE};
use chatkitty_platform::store::{StoreError, Tx};
use serde_json::{Value, json};

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
    live(server, move |tx| sessions::start(tx, 1, user, "node", agent, now)).await.expect("there is such a user")
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

    assert!(live(&server, move |tx| sessions::end(tx, 1, first, 1_767_225_602_000)).await);
    assert!(!live(&server, move |tx| sessions::end(tx, 1, first, 1_767_225_603_000)).await, "it is over already");
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
    let start = |node: &'static str| move |tx: &Tx<'_>| sessions::start(tx, 1, id, node, None, 0);
    let dead = live(&server, start("dead")).await.expect("a user");
    let alive = live(&server, start("alive")).await.expect("a user");
    enter(&server, dead, &channel, 0).await.expect("an open channel");
    assert_eq!(live(&server, |tx| sessions::end_stale(tx, LEASE)).await, 0, "the lease lasts");
    live(&server, |tx| sessions::renew(tx, "alive", LEASE)).await;
    assert_eq!(live(&server, |tx| sessions::end_stale(tx, LEASE + 1)).await, 1);
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
