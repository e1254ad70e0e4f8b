//! The application: how it is found, what it leads to, and how it ends.

use crate::support::{Answer, CLIENT, Server};
use chatkitty_platform::store::{applications, credentials};
use chatkitty_platform::types::Link;
use serde_json::{Value, json};

#[tokio::test]
async fn links_lead_from_the_root_to_everything() {
    let server = Server::start().await;
    let api = server.application().await;
    let url = &server.url;
    let root = api.get("/v1").await.ok();
    let links =
        json!({"self": {"href": format!("{url}/v1")}, "application": {"href": format!("{url}/v1/applications/me")}});
    assert_eq!(root, json!({ "_links": links }));
    let mut application = api.get(root["_links"]["application"]["href"].as_str().unwrap()).await.ok();
    let own = format!("{url}/v1/applications/1");
    assert_eq!(
        application["_links"].take(),
        json!({
            "curies": [{"href": format!("{url}/docs/rels/find:{{rel}}"), "name": "find", "templated": true}],
            "self": {"href": own},
            "settings": {"href": format!("{own}/application/settings")},
            "users": {"href": format!("{own}/users")},
            "channels": {"href": format!("{own}/channels")},
            "messages": {"href": format!("{own}/messages")},
            "messageReadReceiptSummaries": {"href": format!("{own}/application/message-read-receipt-summaries")},
            "jobs": {"href": format!("{own}/jobs")},
            "userSessions": {"href": format!("{own}/user-sessions")},
            "chatSessions": {"href": format!("{own}/chat-sessions")},
            "find:users": {"href": format!("{own}/users{{?page,size,sort*,name,properties,unread}}"), "templated": true},
            "find:channels": {"href": format!("{own}/channels{{?page,size,sort*,type,members*,startTime,endTime,properties}}"), "templated": true},
            "find:messages": {"href": format!("{own}/messages{{?size,username,query}}"), "templated": true},
        })
    );
    for collection in ["users", "channels", "messages", "jobs"] {
        let page = api.get(&format!("{own}/{collection}")).await.ok();
        assert_eq!(page["_embedded"][collection], json!([]), "{page}");
    }
}

#[tokio::test]
async fn every_address_of_the_application_answers_the_same() {
    let server = Server::start().await;
    let api = server.application().await;
    let application = api.get("/v1/applications/1").await.ok();
    assert_eq!((&application["id"], &application["name"]), (&json!(1), &json!("ChatKitty Application")));
    let key = application["key"].as_str().expect("a key");
    assert!(uuid::Uuid::parse_str(key).is_ok(), "{key}");
    for address in ["/v1/applications/me", "/v1/application", "/v1/applications/me/application"] {
        assert_eq!(api.get(address).await.ok(), application, "{address}");
    }
}

fn expand(link: &Value, variables: &[(&str, &str)]) -> String {
    let link: Link = serde_json::from_value(link.clone()).expect("a link");
    link.expand(variables).expect("a template with these variables").href
}

#[tokio::test]
async fn templated_links_expand_to_filtered_lists() {
    let server = Server::start().await;
    let api = server.application().await;
    for name in ["asmith", "jdoe", "zoe & co"] {
        api.user(name).await;
    }
    let direct = json!({"type": "DIRECT", "members": [{"username": "jdoe"}, {"username": "zoe & co"}]});
    let direct = api.post("/v1/channels", direct).await.ok();
    api.channel("PUBLIC", "lobby").await;
    let links = api.get("/v1/application").await.ok()["_links"].take();

    let found = api.get(&expand(&links["find:users"], &[("name", "zoe & co")])).await.ok();
    assert_eq!(found["_embedded"]["users"][0]["name"], "zoe & co");
    let sorted = [("size", "2"), ("sort", "displayName,desc"), ("sort", "id")];
    let found = api.get(&expand(&links["find:users"], &sorted)).await.ok();
    assert_eq!(found["_embedded"]["users"][1]["name"], "jdoe");
    for members in [vec![("members", "jdoe,zoe & co")], vec![("members", "jdoe"), ("members", "zoe & co")]] {
        let found = api.get(&expand(&links["find:channels"], &members)).await.ok();
        assert_eq!(found["_embedded"]["channels"], json!([direct]), "{members:?}");
    }
    let none = expand(&links["find:users"], &[]);
    assert_eq!(api.get(&none).await.ok()["page"]["totalElements"], 3);
}

#[tokio::test]
async fn deleting_the_application_answers_the_root_and_takes_everything_with_it() {
    let server = Server::start().await;
    let (api, second_token) = (server.application().await, server.application().await);
    let other = server.another_application().await;
    other.user("survivor").await;
    api.user("jdoe").await;
    let channel = api.channel("PUBLIC", "lobby").await;
    api.message(&channel, "Hello").await;
    second_token.get("/v1").await.ok();

    let root = api.delete("/v1/applications/me").await.ok();
    assert_eq!(root["_links"]["self"]["href"], format!("{}/v1", server.url));
    // At once, although the server has just seen both tokens.
    assert_eq!(api.get("/v1").await.status, 401);
    assert_eq!(second_token.get("/v1").await.status, 401);
    let form = [("grant_type", "client_credentials")];
    let request =
        server.http.post(format!("{}/oauth/token", server.url)).basic_auth(CLIENT.0, Some(CLIENT.1)).form(&form);
    assert_eq!(Answer::of(request).await.body["error"], "invalid_client");

    let store = server.store();
    // What becomes of its rows is tested with the deletions.
    let left = store.read(|tx| Ok((applications::get(tx, 1)?, credentials::list(tx, 1)?)));
    assert_eq!(left.await.expect("the database is read"), (None, vec![]));
    assert_eq!(other.get("/v1/users").await.ok()["page"]["totalElements"], 1);
}

#[tokio::test]
async fn another_applications_id_is_the_same_as_none() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let user = other.user("jdoe").await;
    let channel = other.channel("PRIVATE", "secret").await;
    let message = other.message(&channel, "Hello").await;
    let own = other.get("/v1/application").await.ok()["id"].clone();
    let (user, channel, message) = (&user["id"], &channel["id"], &message["id"]);
    for (theirs, nobodys) in [
        (format!("/v1/applications/{own}"), "/v1/applications/9999"),
        (format!("/v1/applications/{own}/users"), "/v1/applications/9999/users"),
        (format!("/v1/users/{user}"), "/v1/users/9999"),
        (format!("/v1/users/{user}/channels"), "/v1/users/9999/channels"),
        (format!("/v1/channels/{channel}"), "/v1/channels/9999"),
        (format!("/v1/channels/{channel}/messages"), "/v1/channels/9999/messages"),
        (format!("/v1/messages/{message}"), "/v1/messages/9999"),
    ] {
        let (mut theirs, mut nobodys) = (api.get(&theirs).await, api.get(nobodys).await);
        assert_eq!((theirs.status.as_u16(), nobodys.status.as_u16()), (404, 404), "{theirs:?}");
        assert_eq!(theirs.body["error"], "ResourceNotFoundError");
        (theirs.body["timestamp"], nobodys.body["timestamp"]) = (Value::Null, Value::Null);
        assert_eq!(theirs.body, nobodys.body, "an answer tells that something is there");
    }
    for theirs in [format!("/v1/users/{user}"), format!("/v1/channels/{channel}"), format!("/v1/messages/{message}")] {
        assert_eq!(api.delete(&theirs).await.status, 404);
        other.get(&theirs).await.ok();
    }
    let send = api.post(&format!("/v1/channels/{channel}/messages"), json!({"body": "let me in"})).await;
    assert_eq!(send.status, 404);
    assert_eq!(api.delete(&format!("/v1/applications/{own}")).await.status, 404);
    other.get("/v1").await.ok();
}

#[tokio::test]
async fn names_belong_to_their_application_alone() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    for application in [&api, &other] {
        application.user("jdoe").await;
        application.channel("PUBLIC", "lobby").await;
        assert_eq!(application.get("/v1/users").await.ok()["page"]["totalElements"], 1);
        assert_eq!(application.get("/v1/channels").await.ok()["page"]["totalElements"], 1);
    }
    let theirs = json!({"type": "PRIVATE", "name": "x", "creator": {"id": 2}});
    api.post("/v1/channels", theirs).await.faults(&[("creator", "missing")]);
}

/// Any other spelling would be a second address of one resource.
#[tokio::test]
async fn an_application_id_has_one_spelling() {
    let server = Server::start().await;
    let api = server.application().await;
    for id in ["01", "+1", "%2B1", "-1", "1.0", "1e0", "ME", "%20me", "0x1", "18446744073709551617"] {
        let answer = api.get(&format!("/v1/applications/{id}")).await;
        assert!(matches!(answer.status.as_u16(), 400 | 404), "{id}: {answer:?}");
        let below = api.get(&format!("/v1/applications/{id}/users")).await;
        assert!(matches!(below.status.as_u16(), 400 | 404), "{id}: {below:?}");
    }
}

#[tokio::test]
async fn settings_are_on_until_they_are_changed() {
    let server = Server::start().await;
    let (api, other) = (server.application().await, server.another_application().await);
    let address = "/v1/application/settings";
    let settings = api.get(address).await.ok();
    let own = format!("{}/v1/applications/1", server.url);
    let links = json!({"self": {"href": format!("{own}/application/settings")}, "application": {"href": own}});
    assert_eq!(settings, json!({"guestUsers": "ENABLED", "userCreatedChannels": "ENABLED", "_links": links}));
    let put = async |body: Value| Answer::of(api.request(reqwest::Method::PUT, address).json(&body)).await;
    for (body, guests, channels) in [
        (json!({"guestUsers": "DISABLED", "userCreatedChannels": "DISABLED"}), "DISABLED", "DISABLED"),
        (json!({"guestUsers": "ENABLED"}), "ENABLED", "DISABLED"),
        (
            json!({"guestUsers": "ENABLED", "userCreatedChannels": "ENABLED", "features": {}, "_links": {}}),
            "ENABLED",
            "ENABLED",
        ),
        (json!({"guestUsers": "DISABLED"}), "DISABLED", "ENABLED"),
    ] {
        let expected = json!({"guestUsers": guests, "userCreatedChannels": channels, "_links": links});
        assert_eq!(put(body.clone()).await.ok(), expected, "{body}");
        assert_eq!(api.get(address).await.ok(), expected, "{body} is kept");
    }
    for (body, field, code) in [
        (json!({}), "guestUsers", "missing_field"),
        (json!({"guestUsers": "OFF"}), "guestUsers", "invalid"),
        (json!({"guestUsers": "ENABLED", "userCreatedChannels": true}), "userCreatedChannels", "invalid"),
    ] {
        put(body).await.faults(&[(field, code)]);
    }
    assert_eq!(other.get(address).await.ok()["guestUsers"], "ENABLED", "another application has settings of its own");
}
