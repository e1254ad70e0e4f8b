//! Users: created, found, listed, deleted.

use crate::support::{Answer, Caller, Server};
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
                "messages": {"href": format!("{application}/users/{id}/messages")},
                "unreadMessages": {"href": format!("{application}/users/{id}/messages?unread=true")},
                "unreadCount": {"href": format!("{application}/users/{id}/messages/unread/count")},
                "notifications": {"href": format!("{application}/users/{id}/notifications")},
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

async fn patch(api: &Caller<'_>, user: &Value, body: Value) -> Value {
    api.patch(&format!("/v1/users/{}", user["id"]), body).await.ok()
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let server = Server::start().await;
    let api = server.application().await;
    let mut user = api.user("jdoe").await;
    let all =
        json!({"displayName": "Jane", "isGuest": true, "presence": {"status": "AVAILABLE"}, "properties": {"a": 1}});
    let changed = patch(&api, &user, all).await;
    for (name, value) in [
        ("displayName", json!("Jane")),
        ("displayPictureUrl", json!(format!("{}/v1/picture/Jane", server.url))),
        ("isGuest", json!(true)),
        ("presence", json!({"online": false, "status": "AVAILABLE"})),
        ("properties", json!({"a": 1})),
    ] {
        user[name] = value;
    }
    assert_eq!(changed, user);
    for nothing in [json!({}), json!({"presence": {}}), json!({"properties": {}}), json!({"name": "other", "id": 7})] {
        assert_eq!(patch(&api, &user, nothing.clone()).await, user, "{nothing}");
    }
    assert_eq!(api.get(&format!("/v1/users/{}", user["id"])).await.ok(), user);
    assert_eq!(api.patch("/v1/users/999", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_patch_may_be_empty() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let address = format!("/v1/users/{}", user["id"]);
    let merge = "application/json+merge-patch";
    for (media, body) in [(merge, ""), (merge, "\"\""), ("application/merge-patch+json", "{}")] {
        let request = api.request(Method::PATCH, &address).header("content-type", media).body(body);
        assert_eq!(Answer::of(request).await.ok(), user, "{media} {body:?}");
    }
    assert_eq!(Answer::of(api.request(Method::PATCH, &address)).await.ok(), user);
}

#[tokio::test]
async fn null_clears() {
    let server = Server::start().await;
    let api = server.application().await;
    let body = json!({"name": "jdoe", "displayName": "Jane", "properties": {"a": 1}});
    let user = api.post("/v1/users", body).await.ok();
    patch(&api, &user, json!({"presence": {"status": "AWAY"}})).await;
    let cleared = json!({"displayName": null, "presence": {"status": null}, "properties": null});
    let user = patch(&api, &user, cleared).await;
    assert_eq!((&user["displayName"], &user["presence"]["status"]), (&json!("jdoe"), &json!("UNAVAILABLE")));
    assert_eq!(user["properties"], json!({}));
    let address = format!("/v1/users/{}", user["id"]);
    for field in ["isGuest", "presence"] {
        api.patch(&address, json!({field: null})).await.faults(&[(field, "invalid")]);
    }
}

#[tokio::test]
async fn properties_are_merged() {
    let server = Server::start().await;
    let api = server.application().await;
    let before = json!({"a": "b", "c": {"d": "e", "f": "g"}, "list": [1, {"x": 1}], "n": null});
    let user = api.post("/v1/users", json!({"name": "jdoe", "properties": before})).await.ok();
    // Those of RFC 7396, and what JSON has besides.
    let mut expected = before;
    for (change, at, becomes) in [
        (json!({"a": "z", "c": {"f": null}}), "", json!({"a": "z", "c": {"d": "e"}, "list": [1, {"x": 1}], "n": null})),
        (json!({"list": [{"y": null}]}), "list", json!([{"y": null}])),
        (json!({"c": [1]}), "c", json!([1])),
        (json!({"c": {"new": {"deep": 1, "gone": null}}}), "c", json!({"new": {"deep": 1}})),
        (json!({"": 0}), "", Value::Null),
        (json!({"missing": null}), "missing", Value::Null),
    ] {
        let found = patch(&api, &user, json!({"properties": change})).await["properties"].clone();
        match (at, becomes) {
            ("", Value::Object(all)) => expected = Value::Object(all),
            ("", _) => expected[""] = json!(0),
            ("missing", _) => {}
            (at, becomes) => expected[at] = becomes,
        }
        assert_eq!(found, expected, "after {change}");
    }
}

#[tokio::test]
async fn properties_do_not_grow_without_end() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let address = format!("/v1/users/{}", user["id"]);
    let long = |name: &str| json!({"properties": {name: "x".repeat(40_000)}});
    patch(&api, &user, long("one")).await;
    api.patch(&address, long("two")).await.faults(&[("properties", "unprocessable")]);
    patch(&api, &user, json!({"properties": {"one": null, "two": "x".repeat(40_000)}})).await;
    let properties = patch(&api, &user, json!({})).await["properties"].clone();
    assert_eq!(properties.as_object().map(|all| all.keys().cloned().collect()), Some(vec!["two".to_owned()]));
}

/// The names that a filter finds, after the total has been compared with them.
async fn found(api: &Caller<'_>, filter: &Value, more: &str) -> String {
    let query = [("properties", filter.to_string())];
    let page = Answer::of(api.request(Method::GET, &format!("/v1/users?{more}")).query(&query)).await.ok();
    let users = page["_embedded"]["users"].as_array().expect("users");
    let names: Vec<_> = users.iter().map(|user| user["name"].as_str().expect("a name")).collect();
    let total = page["page"]["totalElements"].as_u64().expect("a total");
    assert!(!more.is_empty() || total == names.len() as u64, "{page}");
    names.join("")
}

#[tokio::test]
async fn users_are_found_by_their_properties() {
    let server = Server::start().await;
    let api = server.application().await;
    for (name, properties) in [
        ("a", json!({"team": "support", "level": 1, "tags": ["x", "y"], "at": {"city": "Rome", "no": 1}})),
        ("b", json!({"team": "support", "level": 2.0, "at": {"city": "Oslo"}})),
        ("c", json!({"team": "sales", "level": "1", "at": "Rome", "empty": {}})),
        ("d", json!({"on": true, "off": false, "none": null, "": "blank", "a.b": 1, "a": {"b": 2}})),
        ("e", json!({})),
    ] {
        api.post("/v1/users", json!({"name": name, "properties": properties})).await.ok();
    }
    server
        .another_application()
        .await
        .post("/v1/users", json!({"name": "z", "properties": {"team": "sales"}}))
        .await
        .ok();
    for (filter, names) in [
        (json!({}), "abcde"),
        (json!({"team": "support"}), "ab"),
        (json!({"team": "sales"}), "c"),
        (json!({"team": "Support"}), ""),
        (json!({"team": "support", "level": 2}), "b"),
        (json!({"level": 1.0}), "a"),
        (json!({"level": "1"}), "c"),
        (json!({"level": 1.5}), ""),
        (json!({"tags": ["x", "y"]}), "a"),
        (json!({"tags": ["y", "x"]}), ""),
        (json!({"at": {"city": "Rome"}}), "a"),
        (json!({"at": {"no": 1, "city": "Rome"}}), "a"),
        (json!({"at": {}}), "ab"),
        (json!({"at": "Rome"}), "c"),
        (json!({"city": "Rome"}), ""),
        (json!({"empty": {}}), "c"),
        (json!({"on": true, "off": false, "none": null, "": "blank"}), "d"),
        (json!({"on": false}), ""),
        (json!({"a.b": 1}), "d"),
        (json!({"a": {"b": 1}}), ""),
        (json!({"a": {"b": 2}}), "d"),
    ] {
        assert_eq!(found(&api, &filter, "").await, names, "{filter}");
    }
    assert_eq!(found(&api, &json!({"team": "support"}), "name=b").await, "b");
    assert_eq!(found(&api, &json!({"team": "support"}), "name=c").await, "");
    assert_eq!(found(&api, &json!({"team": "support"}), "sort=name,desc").await, "ba");
    assert_eq!(found(&api, &json!({"team": "support"}), "size=1&page=1").await, "b");
}

#[tokio::test]
async fn pages_of_a_filter_lead_through_what_it_matches() {
    let server = Server::start().await;
    let api = server.application().await;
    for number in 0..7 {
        let body = json!({"name": format!("u{number}"), "properties": {"odd": number % 2 == 1}});
        api.post("/v1/users", body).await.ok();
    }
    let query = [("properties", "{\"odd\": true}"), ("size", "2"), ("sort", "name,desc")];
    let mut page = Answer::of(api.request(Method::GET, "/v1/users").query(&query)).await.ok();
    let mut names = Vec::new();
    loop {
        assert_eq!(page["page"]["totalElements"], 3);
        let users = page["_embedded"]["users"].as_array().expect("users");
        names.extend(users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()));
        let Some(next) = page["_links"]["next"]["href"].as_str() else { break };
        page = api.get(next).await.ok();
    }
    assert_eq!(names, ["u5", "u3", "u1"]);
}

#[tokio::test]
async fn a_filter_follows_what_changes() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("j").await, api.user("a").await);
    let filter = json!({"team": "support"});
    assert_eq!(found(&api, &filter, "").await, "");
    patch(&api, &jane, json!({"properties": {"team": "support"}})).await;
    patch(&api, &alex, json!({"properties": {"team": "support"}})).await;
    assert_eq!(found(&api, &filter, "").await, "ja");
    patch(&api, &jane, json!({"displayName": "Jane"})).await;
    patch(&api, &alex, json!({"properties": {"team": "sales"}})).await;
    assert_eq!(found(&api, &filter, "").await, "j");
    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    assert_eq!(found(&api, &filter, "").await, "");
}

#[tokio::test]
async fn a_filter_that_is_no_json_object_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    for filter in ["[]", "null", "\"team\"", "{", "{}x", "{\"a\":}", "team=support", &deep] {
        let request = api.request(Method::GET, "/v1/users").query(&[("properties", filter)]);
        Answer::of(request).await.faults(&[("properties", "invalid")]);
    }
}
