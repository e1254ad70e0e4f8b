//! Users: created, found, listed, deleted.

use crate::support::{Answer, Server};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_user_with_only_a_name_gets_the_defaults() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("Jane & Dœ").await;
    let (url, id) = (&server.url, &user["id"]);
    let application = format!("{url}/v1/applications/1");
    assert_eq!(
        user,
        json!({
            "type": "PERSON",
            "id": id,
            "name": "Jane & Dœ",
            "displayName": "Jane & Dœ",
            "displayPictureUrl": format!("{url}/v1/picture/Jane%20%26%20D%C5%93"),
            "isGuest": false,
            "presence": {"online": false, "status": "UNAVAILABLE"},
            "properties": {},
            "_links": {
                "self": {"href": format!("{application}/users/{id}")},
                "channels": {"href": format!("{application}/users/{id}/channels")},
                "displayPicture": {"href": format!("{application}/users/{id}/display-picture")},
                "application": {"href": application},
            },
        })
    );
    let picture = server.stranger().get(user["displayPictureUrl"].as_str().unwrap()).await;
    assert_eq!(picture.header("content-type"), "image/svg+xml");
}

#[tokio::test]
async fn a_user_has_what_it_was_created_with() {
    let server = Server::start().await;
    let api = server.application().await;
    let properties = json!({"team": "support", "nested": {"list": [1, 2.5, null, true, "\u{0}"]}, "": ""});
    let body = json!({"name": "jdoe", "displayName": "Jane Doe", "isGuest": true, "properties": properties});
    let user = api.post("/v1/users", body).await.ok();
    assert_eq!(user["displayName"], "Jane Doe");
    assert_eq!(user["isGuest"], true);
    assert_eq!(user["properties"], properties);
    assert_eq!(api.get(user["_links"]["self"]["href"].as_str().unwrap()).await.ok(), user);
    assert_eq!(api.get("/v1/users").await.ok()["_embedded"]["users"], json!([user]));
}

#[tokio::test]
async fn what_a_user_does_not_have_is_ignored() {
    let server = Server::start().await;
    let body = json!({"name": "jdoe", "id": 77, "type": "BOT", "presence": {"online": true}});
    let user = server.application().await.post("/v1/users", body).await.ok();
    assert_eq!((&user["id"], &user["type"], &user["presence"]["online"]), (&json!(1), &json!("PERSON"), &json!(false)));
}

#[tokio::test]
async fn a_second_user_of_the_same_name_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jdoe").await;
    api.post("/v1/users", json!({"name": "jdoe", "displayName": "Another"}))
        .await
        .faults(&[("name", "already_exists")]);
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_users_created_at_the_same_moment_one_gets_the_name() {
    let server = Server::start().await;
    let api = server.application().await;
    let answers = join_all((0..20).map(|_| api.post("/v1/users", json!({"name": "jdoe"})))).await;
    let (created, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((created.len(), refused.len()), (1, 19));
    refused.into_iter().for_each(|answer| answer.faults(&[("name", "already_exists")]));
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 1);
}

#[tokio::test]
async fn names_may_be_in_any_script_and_255_characters_long() {
    let server = Server::start().await;
    let api = server.application().await;
    let longest = "😀".repeat(255);
    let names =
        ["Ζωή", "王小明", "عمر", "नेहा", "👩‍👩‍👧‍👦", "e\u{301}", "é", "a/b?c#d%20", "O'Brien; --", " ", "\u{202e}", &longest];
    for name in names {
        let user = api.user(name).await;
        assert_eq!(user["name"], name);
        assert_eq!(api.get(&format!("/v1/users/{}", user["id"])).await.ok()["name"], name);
        let request = api.request(Method::GET, "/v1/users").query(&[("name", name)]);
        assert_eq!(Answer::of(request).await.ok()["_embedded"]["users"], json!([user]), "{name}");
    }
    api.post("/v1/users", json!({"name": "😀".repeat(256)})).await.faults(&[("name", "invalid")]);
}

#[tokio::test]
async fn names_without_text_or_with_control_characters_are_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    let twice = api.post("/v1/users", json!({"name": ""})).await;
    twice.faults(&[("name", "invalid"), ("name", "invalid")]);
    for name in ["\u{0}", "a\u{0}b", "line\nbreak", "tab\t", "\u{7f}", "\u{1b}[31m"] {
        api.post("/v1/users", json!({"name": name})).await.faults(&[("name", "invalid")]);
        let body = json!({"name": "fine", "displayName": name});
        api.post("/v1/users", body).await.faults(&[("displayName", "invalid")]);
    }
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 0);
}

#[tokio::test]
async fn head_tells_whether_a_name_is_taken() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("Jane Doe").await;
    for (query, status) in
        [("name=Jane%20Doe", 200), ("name=Jane+Doe", 200), ("name=jane%20doe", 404), ("", 400), ("name=", 400)]
    {
        let answer = api.head(&format!("/v1/users?{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (status, &Value::Null), "{query}");
    }
}

#[tokio::test]
async fn the_name_filter_is_exact() {
    let server = Server::start().await;
    let api = server.application().await;
    for name in ["jdoe", "jdoe2", "JDOE", "%"] {
        api.user(name).await;
    }
    for (name, total) in [("jdoe", 1), ("JDOE", 1), ("jdo", 0), ("%25", 1), ("_doe", 0)] {
        let page = api.get(&format!("/v1/users?name={name}")).await.ok();
        assert_eq!(page["page"]["totalElements"], total, "{name}");
        assert_eq!(page["_embedded"]["users"].as_array().map(Vec::len), Some(total), "{name}");
    }
}

#[tokio::test]
async fn users_come_in_the_order_that_sort_asks_for() {
    let server = Server::start().await;
    let api = server.application().await;
    for (name, display) in [("b", "x"), ("c", "x"), ("a", "y")] {
        api.post("/v1/users", json!({"name": name, "displayName": display})).await.ok();
    }
    for (sort, order) in [
        ("", "bca"),
        ("sort=id", "bca"),
        ("sort=id,desc", "acb"),
        ("sort=name", "abc"),
        ("sort=name,asc", "abc"),
        ("sort=name,desc", "cba"),
        ("sort=displayName", "bca"),
        ("sort=displayName,desc&sort=name,desc", "acb"),
        ("sort=createdTime", "bca"),
        ("sort=createdTime,desc", "acb"),
    ] {
        let page = api.get(&format!("/v1/users?{sort}")).await.ok();
        let names = page["_embedded"]["users"].as_array().expect("users");
        let names: String = names.iter().map(|user| user["name"].as_str().unwrap()).collect();
        assert_eq!(names, order, "{sort}");
    }
    for sort in ["sort=password", "sort=name,up", "sort=", "sort=name;DROP", "sort=id&sort=nothing"] {
        assert_eq!(api.get(&format!("/v1/users?{sort}")).await.status, 400, "{sort}");
    }
}

#[tokio::test]
async fn deleting_a_user_answers_the_application_and_frees_the_name() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let address = format!("/v1/users/{}", user["id"]);
    let application = api.delete(&address).await.ok();
    assert_eq!(application, api.get("/v1/application").await.ok());
    assert_eq!(api.get(&address).await.status, 404);
    assert_eq!(api.delete(&address).await.status, 404);
    assert_eq!(api.get(&format!("{address}/channels")).await.status, 404);
    assert_eq!(api.head("/v1/users?name=jdoe").await.status, 404);
    let again = api.user("jdoe").await;
    assert_ne!(again["id"], user["id"], "an id that was seen names another user");
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_behind_but_its_channels() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let private =
        json!({"type": "PRIVATE", "name": "team", "creator": {"username": "jane"}, "members": [{"id": alex["id"]}]});
    let private = api.post("/v1/channels", private).await.ok();
    let direct = json!({"type": "DIRECT", "members": [{"username": "jane"}, {"username": "alex"}]});
    let direct = api.post("/v1/channels", direct).await.ok();
    let messages = format!("/v1/channels/{}/messages", private["id"]);
    let hers = api.post(&messages, json!({"body": "hers", "user": {"username": "jane"}})).await.ok();
    let his = api.post(&messages, json!({"body": "his", "user": {"username": "alex"}})).await.ok();
    let between = api.message(&direct, "between them").await;
    let total = async |address: &str| api.get(address).await.ok()["page"]["totalElements"].clone();
    assert_eq!(total(&format!("/v1/users/{}/channels", alex["id"])).await, 2);

    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    let team = api.get(&format!("/v1/channels/{}", private["id"])).await.ok();
    assert_eq!(team.get("creator"), None, "{team}");
    assert_eq!(api.get(&format!("/v1/channels/{}", direct["id"])).await.status, 404);
    for gone in [&hers, &between] {
        assert_eq!(api.get(&format!("/v1/messages/{}", gone["id"])).await.status, 404);
    }
    assert_eq!(api.get(&messages).await.ok()["_embedded"]["messages"], json!([his]));
    assert_eq!(api.get("/v1/messages").await.ok()["_embedded"]["messages"], json!([his]));
    assert_eq!(total("/v1/users").await, 1);
    assert_eq!(total("/v1/channels").await, 1);
    assert_eq!(total("/v1/channels?type=DIRECT").await, 0);
    assert_eq!(total("/v1/channels?members=jane").await, 0);
    assert_eq!(total("/v1/channels?members=alex").await, 1);
    assert_eq!(total(&format!("/v1/users/{}/channels", alex["id"])).await, 1);
}
