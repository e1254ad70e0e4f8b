//! The unversioned addresses, where names are in snake_case.

use crate::support::{Answer, Events, Server};
use chatkitty_platform::naming::Respeller;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const MEDIA_TYPE: &str = "application/vnd.chatkitty+json";

#[tokio::test]
async fn names_are_in_snake_case_both_ways() {
    let server = Server::start().await;
    let caller = server.application().await;
    let body = json!({"name": "ada", "display_name": "Ada", "is_guest": true, "properties": {"favouriteColour": {"hexCode": 1}}});
    let request = caller.request(Method::POST, "/users").header("content-type", MEDIA_TYPE).body(body.to_string());
    let made = Answer::of(request).await.ok();
    assert_eq!(made["display_name"], "Ada");
    assert_eq!(made["isGuest"], true, "the one name that stays: {made}");
    assert_eq!(made["properties"], json!({"favouriteColour": {"hexCode": 1}}), "what the client made up stays");
    assert!(made.get("displayName").is_none() && made.get("display_picture_url").is_some(), "{made}");

    let versioned = caller.get(&format!("/v1/users/{}", made["id"])).await.ok();
    assert_eq!(versioned["displayName"], "Ada");
    assert_eq!(versioned["isGuest"], true);
}

#[tokio::test]
async fn both_spellings_are_taken_in_bodies() {
    let server = Server::start().await;
    let caller = server.application().await;
    let made = caller.post("/users", json!({"name": "ada", "displayName": "Ada"})).await.ok();
    assert_eq!(made["display_name"], "Ada");
}

#[tokio::test]
async fn links_stay_within_the_spelling() {
    let server = Server::start().await;
    let caller = server.application().await;
    caller.user("ada").await;
    let mut page = caller.get("/users?page=0&size=25").await.ok();
    let user = page["_embedded"]["users"][0].take();
    for link in [&page["_links"]["self"], &user["_links"]["self"], &user["_links"]["application"]] {
        let href = link["href"].as_str().expect("a link");
        assert!(href.starts_with(&format!("{}/applications/", server.url)), "{href}");
        caller.get(href).await.ok();
    }
    let found = caller.get(user["_links"]["self"]["href"].as_str().expect("a link")).await.ok();
    assert_eq!(found["display_name"], "ada");
}

#[tokio::test]
async fn streams_are_spelled_so_too() {
    let server = Server::start().await;
    let caller = server.application().await;
    let channel = caller.channel("PUBLIC", "lobby").await;
    let stream = caller.request(Method::GET, "/events/stream").send().await.expect("a stream");
    let mut events = Events::of(stream);
    assert!(events.event().await["created_time"].is_string());
    let path = format!("/channels/{}/messages", channel["id"]);
    let sent = caller.post(&path, json!({"body": "Hello", "properties": {"favouriteColour": 1}})).await.ok();
    let event = events.event().await;
    assert_eq!((&event["type"], &event["channel_id"]), (&json!("MESSAGE_CREATED"), &channel["id"]));
    assert_eq!(event["message"], sent, "as the answer of the same spelling");
}

#[tokio::test]
async fn the_media_type_is_the_clients() {
    let server = Server::start().await;
    let caller = server.application().await;
    for (accept, expected) in [
        ("application/vnd.chatkitty+json,*/*;q=0.8", MEDIA_TYPE),
        ("application/json", "application/json"),
        ("application/hal+json", "application/hal+json"),
    ] {
        let answer = Answer::of(caller.request(Method::GET, "/users").header("accept", accept)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), expected, "for {accept}");
    }
    let answer = Answer::of(caller.request(Method::GET, "/v1/users").header("accept", MEDIA_TYPE)).await;
    assert_eq!(answer.status, StatusCode::NOT_ACCEPTABLE, "the documented spelling has its own media types");
}

#[tokio::test]
async fn faults_name_what_was_sent() {
    let server = Server::start().await;
    let caller = server.application().await;
    caller.post("/users", json!({"name": "ada", "display_name": 7})).await.faults(&[("display_name", "invalid")]);
    let members = json!([{"username": 1}]);
    let answer = caller.post("/channels", json!({"type": "PUBLIC", "name": "lobby", "members": members})).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let truncated = caller.request(Method::POST, "/users").header("content-type", "application/json").body("{\"na");
    assert_eq!(Answer::of(truncated).await.status, 400);
}

#[tokio::test]
async fn bodies_have_their_limit() {
    let server = Server::start().await;
    let caller = server.application().await;
    let answer = caller.post("/users", json!({"name": "ada", "display_name": "a".repeat(9_000_000)})).await;
    assert_eq!(answer.status, 413, "{answer:?}");
}

/// An import speaks the spelling of its address, sent as a file or as the body, and is taken in as it arrives.
#[tokio::test]
async fn items_of_imports_are_in_snake_case() {
    let server = Server::start().await;
    let caller = server.application().await;
    let properties = json!({"favourite_colour": {"display_name": "red"}, "isGuest": [{"displayName": 1}]});
    let item = |name: &str| {
        json!({
            "name": name,
            "properties": properties,
            "display_name": format!("The \\ \"display_name\": {name}"),
            "is_guest": true,
            "idempotency_key": name,
            "display_picture": {"url": "https://example.com/a.png", "name": "a", "content_type": "image/png", "size": 1},
        })
    };
    let job = caller.import("/imports/users", &json!([item("ada"), item("ada")])).await;
    assert_eq!(job["progress"], json!({"done": 1, "skipped": 1, "failed": 0}), "the key is understood");
    // A body that is longer than those of other operations may be.
    let items: Vec<Value> = (0..20_000).map(|n| item(&format!("user {}", n % 10))).collect();
    let body = serde_json::to_vec(&items).expect("a text");
    assert!(body.len() > 4_000_000);
    let request = caller.request(Method::POST, "/imports/users").header("content-type", MEDIA_TYPE).body(body);
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let job = caller.ended(&answer.body).await;
    assert_eq!(job["progress"], json!({"done": 10, "skipped": 19_990, "failed": 0}));
    let users = caller.get("/v1/users").await.ok()["_embedded"]["users"].clone();
    for (user, name) in [(&users[0], "ada"), (&users[10], "user 9")] {
        assert_eq!(user["displayName"], format!("The \\ \"display_name\": {name}"));
        assert_eq!((&user["isGuest"], &user["properties"]), (&json!(true), &properties));
        assert_eq!(user["displayPictureUrl"], "https://example.com/a.png");
    }

    let truncated = caller.import_text("/imports/users", "[{\"name\": \"eve\"}, {\"display_na").await;
    assert_eq!(truncated["state"], "FAILED");
    let lines = caller.lines(&truncated).await;
    assert_eq!((lines.len(), &lines[0]["index"]), (1, &json!(1)), "{lines:?}");
}

#[tokio::test]
async fn names_are_translated_wherever_the_pieces_of_a_body_end() {
    let text = r#"{"a_b": 1, "display_name": "display_name", "is_guest": [{"created_time": {}}, "]"], "x\"display_name": 1,
        "properties": {"display_name": {"created_time": [1, {"end_time": 2}]}}, "end_time": {"display_name": "\\"}}"#;
    let spelled = r#"{"a_b": 1, "displayName": "display_name", "isGuest": [{"createdTime": {}}, "]"], "x\"display_name": 1,
        "properties": {"display_name": {"created_time": [1, {"end_time": 2}]}}, "endTime": {"displayName": "\\"}}"#;
    for size in 1..=text.len() {
        let mut respeller = Respeller::default();
        let pieces: Vec<u8> = text.as_bytes().chunks(size).flat_map(|piece| respeller.respell(piece)).collect();
        assert_eq!(String::from_utf8(pieces).as_deref(), Ok(spelled), "in pieces of {size} bytes");
    }
    let deep = "[".repeat(5000) + r#"{"display_name": 1}"#;
    assert_eq!(Respeller::default().respell(deep.as_bytes()), deep.as_bytes(), "nothing is kept of what nobody reads");
}

#[tokio::test]
async fn the_documents_own_paths_come_first() {
    let server = Server::start().await;
    server.stranger().get("/health/live").await.ok();
    let answer = server.stranger().get("/nothing").await;
    assert_eq!(answer.status, 404);
    let answer = server.stranger().get("/users").await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let options = Answer::of(server.stranger().request(Method::OPTIONS, "/users")).await;
    assert_eq!(options.header("allow"), "GET, HEAD, OPTIONS, POST");
    let slash = server.stranger().get("/users/").await;
    assert_eq!((slash.status.as_u16(), slash.header("location")), (308, "/users"));
}

/// A file goes the same way at both addresses: sent in its own media type, and told to be known already.
#[tokio::test]
async fn files_are_sent_and_kept_as_at_the_versioned_addresses() {
    let server = Server::start().await;
    let caller = server.application().await;
    let user = caller.user("ada").await;
    let picture = reqwest::multipart::Part::bytes(b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()).file_name("dot.gif");
    let form = reqwest::multipart::Form::new().part("file", picture);
    let path = format!("/users/{}/display-picture", user["id"]);
    let user = Answer::of(caller.request(Method::POST, &path).multipart(form)).await.ok();
    let address = user["display_picture_url"].as_str().expect("the address of the picture");
    let unversioned = address.replacen("/v1/files/", "/files/", 1);
    let served = server.stranger().get(&unversioned).await;
    assert_eq!((served.status.as_u16(), served.header("content-type")), (200, "image/gif"), "{served:?}");
    let again = server.stranger().request(Method::GET, &unversioned).header("if-none-match", served.header("etag"));
    assert_eq!(Answer::of(again).await.status, StatusCode::NOT_MODIFIED);
}

/// The translation knows names only; so a name must not stand for both what the document describes and what clients
/// make up.
#[test]
fn no_name_means_two_things() {
    let document = chatkitty_platform::generated::server::DOCUMENT.json();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let resolve = |schema: &Value| match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a component").clone(),
        None => schema.clone(),
    };
    let mut kinds = std::collections::BTreeMap::new();
    for (schema, name, property) in schemas.iter().flat_map(|(schema, body)| {
        let properties = body["properties"].as_object().into_iter().flatten();
        properties.map(move |(name, property)| (schema, name, property))
    }) {
        let property = resolve(property);
        if property["type"] == "object" {
            let free = property.get("properties").is_none();
            let (known, first) = *kinds.entry(name).or_insert((free, schema));
            assert_eq!(
                known, free,
                "`{name}` is described in one of {schema} and {first} and free in the other: rename one of them, \
                 or teach src/naming.rs which is which"
            );
        }
    }
}
