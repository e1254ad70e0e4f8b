//! Channels: the four types, who is in them, and which one a request means.

use crate::support::{Caller, Server};
use chatkitty_platform::store::events;
use futures::future::join_all;
use serde_json::{Value, json};

/// Creates users and gives their ids.
async fn users<const N: usize>(api: &Caller<'_>, names: [&str; N]) -> [Value; N] {
    let mut ids = [const { Value::Null }; N];
    for (id, name) in ids.iter_mut().zip(names) {
        *id = api.user(name).await["id"].take();
    }
    ids
}

/// The ids of the channels of a page.
async fn ids(api: &Caller<'_>, address: &str) -> Vec<i64> {
    let page = api.get(address).await.ok();
    let channels = page["_embedded"]["channels"].as_array().expect("channels");
    assert_eq!(page["page"]["totalElements"], channels.len(), "the total of {address}");
    channels.iter().map(|channel| channel["id"].as_i64().expect("an id")).collect()
}

fn id(channel: &Value) -> i64 {
    channel["id"].as_i64().unwrap_or_else(|| panic!("no id in {channel}"))
}

#[tokio::test]
async fn a_channel_of_each_named_type_is_created() {
    let server = Server::start().await;
    let api = server.application().await;
    for kind in ["OPEN", "PUBLIC", "PRIVATE"] {
        let mut channel = api.channel(kind, &format!("the {kind} one")).await;
        let (id, application) = (channel["id"].clone(), format!("{}/v1/applications/1", server.url));
        assert_eq!(api.get(&format!("/v1/channels/{id}")).await.ok(), channel);
        let mut links = json!({
            "self": {"href": format!("{application}/channels/{id}")},
            "participants": {"href": format!("{application}/channels/{id}/participants")},
            "reportedMessages": {"href": format!("{application}/channels/{id}/reported-messages")},
            "messages": {"href": format!("{application}/channels/{id}/messages")},
            "events": {"href": format!("{application}/channels/{id}/events")},
            "application": {"href": application},
        });
        if kind != "OPEN" {
            for name in ["members", "memberships", "moderators", "invites"] {
                links[name] = json!({"href": format!("{application}/channels/{id}/{name}")});
            }
        }
        let time = channel["createdTime"].take();
        let time = time.as_str().expect("a time");
        assert!(
            time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.',
            "{time} is not UTC with milliseconds"
        );
        assert_eq!(
            channel,
            json!({
                "type": kind,
                "id": id,
                "createdTime": null,
                "name": format!("the {kind} one"),
                "displayName": format!("the {kind} one"),
                "properties": {},
                "_links": links,
            })
        );
    }
}

#[tokio::test]
async fn a_direct_channel_has_members_and_no_name() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane, alex] = users(&api, ["jane", "alex"]).await;
    let body = json!({"type": "DIRECT", "name": "ignored", "creator": {"id": jane}, "members": [{"username": "alex"}]});
    let channel = api.post("/v1/channels", body).await.ok();
    assert_eq!((channel.get("name"), channel.get("displayName")), (None, None), "{channel}");
    assert_eq!((&channel["members"][0]["id"], &channel["members"][1]["id"]), (&jane, &alex));
    assert_eq!(channel["members"].as_array().map(Vec::len), Some(2));
    assert_eq!(channel["creator"], channel["members"][0]);
    assert_eq!(api.get(&format!("/v1/channels/{}", channel["id"])).await.ok(), channel);
}

#[tokio::test]
async fn a_channel_has_what_it_was_created_with() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane] = users(&api, ["jane"]).await;
    let properties = json!({"topic": "rules", "list": [{}]});
    let body = json!({"type": "PRIVATE", "name": "team", "displayName": "The Team", "creator": {"id": jane}, "properties": properties});
    let channel = api.post("/v1/channels", body).await.ok();
    assert_eq!((&channel["displayName"], &channel["properties"]), (&json!("The Team"), &properties));
    assert_eq!((&channel["creator"]["id"], &channel["creator"]["name"]), (&jane, &json!("jane")));
}

#[tokio::test]
async fn a_channel_without_a_name_gets_one() {
    let server = Server::start().await;
    let api = server.application().await;
    let (first, second) = (json!({"type": "PUBLIC"}), json!({"type": "PUBLIC"}));
    let (first, second) = (api.post("/v1/channels", first).await.ok(), api.post("/v1/channels", second).await.ok());
    assert!(uuid::Uuid::parse_str(first["name"].as_str().unwrap()).is_ok(), "{first}");
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["name"], second["name"]);
}

#[tokio::test]
async fn an_equivalent_channel_is_answered_instead_of_a_second() {
    let server = Server::start().await;
    let api = server.application().await;
    for kind in ["OPEN", "PUBLIC", "PRIVATE"] {
        let channel = api.channel(kind, kind).await;
        let again = json!({"type": kind, "name": kind, "displayName": "Another", "properties": {"a": 1}});
        assert_eq!(api.post("/v1/channels", again).await.ok(), channel);
    }
    assert_eq!(ids(&api, "/v1/channels").await.len(), 3);
}

#[tokio::test]
async fn a_name_that_another_type_holds_is_taken() {
    let server = Server::start().await;
    let api = server.application().await;
    let kinds = ["OPEN", "PUBLIC", "PRIVATE"];
    for held in kinds {
        api.channel(held, held).await;
        for kind in kinds.into_iter().filter(|kind| *kind != held) {
            api.post("/v1/channels", json!({"type": kind, "name": held})).await.faults(&[("name", "already_exists")]);
        }
    }
    assert_eq!(ids(&api, "/v1/channels").await.len(), 3);
}

#[tokio::test]
async fn one_set_of_users_has_one_direct_channel() {
    let server = Server::start().await;
    let api = server.application().await;
    let [a, b, c] = users(&api, ["a", "b", "c"]).await;
    let create = async |creator: Value, members: Value| {
        let mut body = json!({"type": "DIRECT", "members": members});
        if !creator.is_null() {
            body["creator"] = creator;
        }
        id(&api.post("/v1/channels", body).await.ok())
    };
    let three = create(json!(null), json!([{"id": a}, {"id": b}, {"id": c}])).await;
    assert_eq!(create(json!(null), json!([{"username": "c"}, {"id": a}, {"username": "b"}])).await, three);
    assert_eq!(create(json!({"id": b}), json!([{"id": c}, {"username": "a"}])).await, three);
    assert_eq!(create(json!({"username": "c"}), json!([{"id": b}, {"id": c}, {"id": a}])).await, three);
    let two = create(json!({"id": a}), json!([{"id": b}])).await;
    assert_ne!(two, three, "a part of the users is another set");
    assert_eq!(create(json!({"id": b}), json!([{"id": a}])).await, two);
    assert_eq!(ids(&api, "/v1/channels?type=DIRECT").await, [three, two]);
}

#[tokio::test]
async fn unknown_users_are_named_one_by_one() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane] = users(&api, ["jane"]).await;
    for kind in ["PUBLIC", "PRIVATE", "DIRECT"] {
        let members = json!([{"id": jane}, {"id": 999}, {"username": "nobody"}]);
        let body = json!({"type": kind, "creator": {"username": "nobody"}, "members": members});
        let faults = [("creator", "missing"), ("members[1]", "missing"), ("members[2]", "missing")];
        api.post("/v1/channels", body).await.faults(&faults);
    }
    let body = json!({"type": "OPEN", "name": "lobby", "creator": {"id": 999}});
    api.post("/v1/channels", body).await.faults(&[("creator", "missing")]);
    assert_eq!(ids(&api, "/v1/channels").await, [0; 0]);
}

#[tokio::test]
async fn a_direct_channel_has_two_to_ten_users() {
    let server = Server::start().await;
    let api = server.application().await;
    let names: Vec<String> = (1..=11).map(|n| format!("user{n}")).collect();
    let all: Vec<Value> = names.iter().map(|name| json!({"username": name})).collect();
    for name in &names {
        api.user(name).await;
    }
    let refused = async |body: Value| {
        let answer = api.post("/v1/channels", body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["errors"][0]["field"]),
            (400, &json!("members")),
            "{answer:?}"
        );
    };
    refused(json!({"type": "DIRECT"})).await;
    refused(json!({"type": "DIRECT", "members": []})).await;
    refused(json!({"type": "DIRECT", "members": all[..1]})).await;
    refused(json!({"type": "DIRECT", "members": all[..1], "creator": all[0]})).await;
    refused(json!({"type": "DIRECT", "members": all})).await;
    refused(json!({"type": "DIRECT", "members": all[..10], "creator": all[10]})).await;
    assert_eq!(ids(&api, "/v1/channels").await, [0; 0]);
    let ten = api.post("/v1/channels", json!({"type": "DIRECT", "members": all[..10]})).await.ok();
    assert_eq!(ten["members"].as_array().map(Vec::len), Some(10));
    api.post("/v1/channels", json!({"type": "DIRECT", "members": all[..9], "creator": all[10]})).await.ok();
}

#[tokio::test]
async fn a_direct_channel_names_no_user_twice() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane, _alex] = users(&api, ["jane", "alex"]).await;
    let members = json!([{"id": jane}, {"username": "jane"}, {"username": "alex"}]);
    api.post("/v1/channels", json!({"type": "DIRECT", "members": members})).await.faults(&[("members[1]", "invalid")]);
    let members = json!([{"id": jane}, {"id": jane}]);
    assert_eq!(api.post("/v1/channels", json!({"type": "DIRECT", "members": members})).await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn channels_created_at_the_same_moment_are_one() {
    let server = Server::start().await;
    let api = server.application().await;
    users(&api, ["jane", "alex"]).await;
    let orders =
        [json!([{"username": "jane"}, {"username": "alex"}]), json!([{"username": "alex"}, {"username": "jane"}])];
    let direct = |n: usize| api.post("/v1/channels", json!({"type": "DIRECT", "members": orders[n % 2]}));
    let named = |_| api.post("/v1/channels", json!({"type": "PUBLIC", "name": "lobby"}));
    let (direct, named) = tokio::join!(join_all((0..20).map(direct)), join_all((0..20).map(named)));
    for answers in [direct, named] {
        let mut ids: Vec<i64> = answers.into_iter().map(|answer| id(&answer.ok())).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "two channels were made where one was meant: {ids:?}");
    }
    assert_eq!(ids(&api, "/v1/channels").await.len(), 2);
}

#[tokio::test]
async fn the_creator_is_a_member() {
    let server = Server::start().await;
    let api = server.application().await;
    users(&api, ["jane", "alex", "zoe"]).await;
    for kind in ["PUBLIC", "PRIVATE"] {
        let body =
            json!({"type": kind, "name": kind, "creator": {"username": "jane"}, "members": [{"username": "alex"}]});
        let channel = api.post("/v1/channels", body).await.ok();
        for (name, found) in [("jane", vec![id(&channel)]), ("alex", vec![id(&channel)]), ("zoe", vec![])] {
            assert_eq!(ids(&api, &format!("/v1/channels?type={kind}&members={name}")).await, found, "{kind}, {name}");
        }
    }
}

#[tokio::test]
async fn a_users_channels_are_those_it_has_joined_or_can_join() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane, alex, zoe] = users(&api, ["jane", "alex", "zoe"]).await;
    let open = id(&api.channel("OPEN", "open").await);
    let public = id(&api.channel("PUBLIC", "public").await);
    let joined = json!({"type": "PUBLIC", "name": "joined", "members": [{"id": jane}]});
    let joined = id(&api.post("/v1/channels", joined).await.ok());
    let private = json!({"type": "PRIVATE", "name": "private", "members": [{"id": jane}]});
    let private = id(&api.post("/v1/channels", private).await.ok());
    let direct = json!({"type": "DIRECT", "members": [{"id": jane}, {"id": alex}]});
    let direct = id(&api.post("/v1/channels", direct).await.ok());
    for (user, expected) in [
        (&jane, vec![open, public, joined, private, direct]),
        (&alex, vec![open, public, joined, direct]),
        (&zoe, vec![open, public, joined]),
    ] {
        let address = format!("/v1/users/{user}/channels");
        assert_eq!(ids(&api, &address).await, expected);
        let reversed: Vec<i64> = expected.iter().rev().copied().collect();
        assert_eq!(ids(&api, &format!("{address}?sort=id,desc")).await, reversed);
    }
    let page = api.get(&format!("/v1/users/{jane}/channels?sort=name,desc&size=2&page=1")).await.ok();
    assert_eq!(
        page["_embedded"]["channels"][0]["name"], "open",
        "by name from the end: public, private | open, joined | DIRECT"
    );
    assert_eq!(page["page"], json!({"size": 2, "totalElements": 5, "totalPages": 3, "number": 1}));
    assert_eq!(api.get("/v1/users/999/channels").await.status, 404);
}

#[tokio::test]
async fn channels_are_filtered_by_type_and_members() {
    let server = Server::start().await;
    let api = server.application().await;
    users(&api, ["jane", "alex", "zoe"]).await;
    let members = |names: &[&str]| names.iter().map(|name| json!({"username": name})).collect::<Value>();
    let both = json!({"type": "PRIVATE", "name": "both", "members": members(&["jane", "alex"])});
    let both = id(&api.post("/v1/channels", both).await.ok());
    let one = json!({"type": "PUBLIC", "name": "one", "members": members(&["jane"])});
    let one = id(&api.post("/v1/channels", one).await.ok());
    let direct = json!({"type": "DIRECT", "members": members(&["jane", "zoe"])});
    let direct = id(&api.post("/v1/channels", direct).await.ok());
    let open = id(&api.channel("OPEN", "open").await);
    for (query, expected) in [
        ("", vec![both, one, direct, open]),
        ("type=OPEN", vec![open]),
        ("type=PUBLIC", vec![one]),
        ("type=PRIVATE", vec![both]),
        ("type=DIRECT", vec![direct]),
        ("members=jane", vec![both, one, direct]),
        ("members=jane&members=alex", vec![both]),
        ("members=alex,jane", vec![both]),
        ("members=alex%2Cjane", vec![both]),
        ("members=jane,zoe&type=DIRECT", vec![direct]),
        ("members=jane&type=PUBLIC", vec![one]),
        ("members=alex,zoe", vec![]),
        ("members=jane,nobody", vec![]),
        ("members=jane&sort=id,desc", vec![direct, one, both]),
    ] {
        assert_eq!(ids(&api, &format!("/v1/channels?{query}")).await, expected, "{query}");
    }
    for query in ["type=SECRET", "type=open", "members=", "type=OPEN&type=PUBLIC"] {
        assert_eq!(api.get(&format!("/v1/channels?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn deleting_a_channel_answers_the_application_and_takes_its_messages() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane] = users(&api, ["jane"]).await;
    let kept = api.channel("PUBLIC", "kept").await;
    let gone = json!({"type": "PRIVATE", "name": "gone", "members": [{"id": jane}]});
    let gone = api.post("/v1/channels", gone).await.ok();
    let (stays, goes) = (api.message(&kept, "stays").await, api.message(&gone, "goes").await);
    let address = format!("/v1/channels/{}", gone["id"]);
    assert_eq!(api.delete(&address).await.ok(), api.get("/v1/application").await.ok());
    assert_eq!(api.get(&address).await.status, 404);
    assert_eq!(api.delete(&address).await.status, 404);
    assert_eq!(api.get(&format!("{address}/messages")).await.status, 404);
    assert_eq!(api.get(&format!("/v1/messages/{}", goes["id"])).await.status, 404);
    assert_eq!(api.get("/v1/messages").await.ok()["_embedded"]["messages"], json!([stays]));
    assert_eq!(ids(&api, "/v1/channels").await, [id(&kept)]);
    assert_eq!(ids(&api, &format!("/v1/users/{jane}/channels")).await, [id(&kept)]);
    assert_ne!(api.channel("OPEN", "gone").await["id"], gone["id"], "the name is free for another type");
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane] = users(&api, ["jane"]).await;
    for kind in ["OPEN", "PUBLIC", "PRIVATE"] {
        let body = json!({"type": kind, "name": kind, "creator": {"id": jane},
            "properties": {"topic": "rules", "tags": {"a": 1, "b": [1]}}});
        let mut channel = api.post("/v1/channels", body).await.ok();
        let address = format!("/v1/channels/{}", channel["id"]);
        for (patch, changed, expected) in [
            (json!({"displayName": "Rules"}), "displayName", json!("Rules")),
            (json!({}), "displayName", json!("Rules")),
            (json!({"name": "other", "type": "OPEN", "id": 7, "nickname": null}), "name", json!(kind)),
            (
                json!({"properties": {"topic": null, "tags": {"a": 2}, "new": true}}),
                "properties",
                json!({"tags": {"a": 2, "b": [1]}, "new": true}),
            ),
            (json!({"properties": {"tags": "none"}}), "properties", json!({"tags": "none", "new": true})),
            (json!({"properties": {}}), "properties", json!({"tags": "none", "new": true})),
            (json!({"displayName": null}), "displayName", json!(kind)),
            (json!({"properties": null}), "properties", json!({})),
        ] {
            channel[changed] = expected;
            assert_eq!(api.patch(&address, patch.clone()).await.ok(), channel, "{patch}");
            assert_eq!(api.get(&address).await.ok(), channel, "{patch} is kept");
        }
    }
    assert_eq!(api.patch("/v1/channels/999", json!({"displayName": "x"})).await.status, 404);
}

#[tokio::test]
async fn a_patch_without_content_changes_nothing() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let address = format!("/v1/channels/{}", channel["id"]);
    let patch = |media: Option<&'static str>, body: &'static str| {
        let request = api.request(reqwest::Method::PATCH, &address).body(body);
        crate::support::Answer::of(match media {
            Some(media) => request.header("content-type", media),
            None => request,
        })
    };
    for media in [
        None,
        Some("application/json+merge-patch"),
        Some("application/merge-patch+json"),
        Some("application/json"),
        Some("application/vnd.chatkitty+json"),
    ] {
        for body in ["", "\"\"", "{}"] {
            assert_eq!(patch(media, body).await.ok(), channel, "{media:?} {body}");
        }
        for body in ["\"a\"", "[]", "null", "1", "{", "{\"displayName\": 1}", "{\"properties\": []}"] {
            assert_eq!(patch(media, body).await.status, 400, "{media:?} {body}");
        }
    }
    assert_eq!(patch(Some("text/plain"), "{}").await.status, 415);
}

#[tokio::test]
async fn a_direct_channel_is_given_properties_but_no_name() {
    let server = Server::start().await;
    let api = server.application().await;
    users(&api, ["jane", "alex"]).await;
    let members = json!([{"username": "jane"}, {"username": "alex"}]);
    let mut channel = api.post("/v1/channels", json!({"type": "DIRECT", "members": members})).await.ok();
    let address = format!("/v1/channels/{}", channel["id"]);
    api.patch(&address, json!({"displayName": "Us"})).await.faults(&[("displayName", "unprocessable")]);
    channel["properties"] = json!({"muted": true});
    let patch = json!({"displayName": null, "properties": {"muted": true}});
    assert_eq!(api.patch(&address, patch).await.ok(), channel);
}

#[tokio::test]
async fn patches_do_not_pile_up_beyond_measure() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let address = format!("/v1/channels/{}", channel["id"]);
    let patch = |name: &str| json!({"properties": {name: "x".repeat(40_000)}});
    api.patch(&address, patch("a")).await.ok();
    api.patch(&address, patch("b")).await.faults(&[("properties", "unprocessable")]);
    api.patch(&address, json!({"properties": {"a": null, "b": "x".repeat(40_000)}})).await.ok();
}

#[tokio::test]
async fn channels_are_filtered_by_time_and_properties() {
    let server = Server::start().await;
    let api = server.application().await;
    users(&api, ["jane"]).await;
    let mut made = Vec::new();
    for (n, properties) in [
        json!({"team": "support", "level": 1}),
        json!({"team": "support", "level": 2, "area": {"city": "Ulm"}}),
        json!({"team": "sales", "tags": ["a", "b"]}),
        json!({}),
    ]
    .into_iter()
    .enumerate()
    {
        let kind = if n == 1 { "PRIVATE" } else { "PUBLIC" };
        let body =
            json!({"type": kind, "name": format!("{n}"), "creator": {"username": "jane"}, "properties": properties});
        made.push(id(&api.post("/v1/channels", body).await.ok()));
    }
    // Times that tell the four apart.
    let times = made.clone();
    let store = server.store();
    let spread = store.write(move |tx| {
        for (n, id) in times.iter().enumerate() {
            let time = 1_767_225_600_000 + n as i64 * 1000; // 2026-01-01T00:00:00Z and on
            tx.execute("UPDATE channels SET created_time = $1 WHERE id = $2", &[time.into(), (*id).into()])?;
        }
        Ok(())
    });
    spread.await.expect("the times are set");
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    for (times, properties, others, expected) in [
        ("startTime=2026-01-01T00:00:01Z", "", "", vec![1, 2, 3]),
        ("endTime=2026-01-01T00:00:01.000Z", "", "", vec![0]),
        ("startTime=2026-01-01T00:00:01Z&endTime=2026-01-01T00:00:03Z", "", "", vec![1, 2]),
        ("startTime=2026-01-01T02:00:01%2B02:00", "", "type=PUBLIC", vec![2, 3]),
        ("startTime=2026-01-01T00:00:03Z&endTime=2026-01-01T00:00:01Z", "", "", vec![]),
        ("", r#"{"team": "support"}"#, "", vec![0, 1]),
        ("", r#"{"team": "support", "level": 2.0}"#, "", vec![1]),
        ("", r#"{"area": {}}"#, "", vec![1]),
        ("", r#"{"tags": ["a", "b"]}"#, "", vec![2]),
        ("", r#"{"tags": ["b"]}"#, "", vec![]),
        ("", r#"{"team": "SUPPORT"}"#, "", vec![]),
        ("", "{}", "sort=id,desc", vec![3, 2, 1, 0]),
        ("endTime=2026-01-01T00:00:01Z", r#"{"team":"support"}"#, "type=PUBLIC&members=jane&sort=name,desc", vec![0]),
    ] {
        let properties =
            if properties.is_empty() { String::new() } else { format!("properties={}", encode(properties)) };
        let address = format!("/v1/channels?{times}&{properties}&{others}");
        let expected: Vec<i64> = expected.into_iter().map(|n: usize| made[n]).collect();
        assert_eq!(ids(&api, &address).await, expected, "{address}");
    }
    // The links of a page keep the filters.
    let filter = encode(r#"{"team":"support"}"#);
    let first = api.get(&format!("/v1/channels?size=1&properties={filter}&endTime=2030-01-01T00:00:00Z")).await.ok();
    assert_eq!(first["page"], json!({"size": 1, "totalElements": 2, "totalPages": 2, "number": 0}));
    let second = api.get(first["_links"]["next"]["href"].as_str().expect("a next page")).await.ok();
    assert_eq!((&second["_embedded"]["channels"][0]["id"], second["_links"].get("next")), (&json!(made[1]), None));
    for (query, field) in [
        ("properties=team", "properties"),
        ("properties=%5B%5D", "properties"),
        ("properties=%22%22", "properties"),
        ("startTime=yesterday%20in%20the%20morning", "startTime"),
        ("endTime=2026-13-01T00:00:00Z", "endTime"),
    ] {
        api.get(&format!("/v1/channels?{query}")).await.faults(&[(field, "invalid")]);
    }
}

#[tokio::test]
async fn members_that_are_no_list_are_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    // What some clients make of a set of members. To take it for nobody would lose those that were meant.
    for kind in ["PUBLIC", "PRIVATE", "DIRECT"] {
        let body = json!({"type": kind, "members": {}});
        api.post("/v1/channels", body).await.faults(&[("members", "invalid")]);
    }
}

#[tokio::test]
async fn events_and_keystrokes_are_told_and_not_kept() {
    let server = Server::start().await;
    let api = server.application().await;
    let [jane] = users(&api, ["jane"]).await;
    for kind in ["OPEN", "PUBLIC", "PRIVATE"] {
        let channel = api.channel(kind, kind).await;
        let address = format!("/v1/channels/{}", channel["id"]);
        let (own, application) = (&channel["_links"]["self"], &channel["_links"]["application"]);
        let store = server.store();
        let before = store.read(|tx| events::latest(tx, 1)).await.expect("the events are read");
        let event =
            api.post(&format!("{address}/events"), json!({"type": "poll", "properties": {"a": [1]}})).await.ok();
        let links = json!({"channel": own, "application": application});
        assert_eq!(event, json!({"type": "poll", "properties": {"a": [1]}, "_links": links}));
        let bare = api.post(&format!("{address}/events"), json!({"type": "poll"})).await.ok();
        assert_eq!(bare["properties"], json!({}));
        let body = json!({"keys": "Good mor", "user": {"username": "jane"}});
        let keystrokes = api.post(&format!("{address}/keystrokes"), body).await.ok();
        assert_eq!((&keystrokes["keys"], &keystrokes["username"]), (&json!("Good mor"), &json!("jane")));
        assert_eq!(keystrokes["_links"]["user"]["href"], format!("{}/v1/applications/1/users/{jane}", server.url));

        let recorded = store.read(move |tx| events::after(tx, 1, before, 10)).await.expect("the events are read");
        let recorded: Vec<(&str, Value)> = recorded
            .iter()
            .map(|event| (event.kind.as_str(), serde_json::from_str(&event.resource(&server.url)).expect("JSON")))
            .collect();
        let expected = [("CHANNEL_EVENT_SENT", event), ("CHANNEL_EVENT_SENT", bare), ("KEYSTROKES_SENT", keystrokes)];
        assert_eq!(recorded, expected);
    }
    api.post("/v1/channels/1/keystrokes", json!({"keys": "a", "user": {"id": 999}}))
        .await
        .faults(&[("user", "missing")]);
    for (address, body) in [
        ("events", json!({})),
        ("events", json!({"type": ""})),
        ("events", json!({"type": "a", "properties": []})),
        ("keystrokes", json!({"keys": "a"})),
        ("keystrokes", json!({"user": {"id": jane}})),
    ] {
        assert_eq!(api.post(&format!("/v1/channels/1/{address}"), body.clone()).await.status, 400, "{address} {body}");
    }
    assert_eq!(api.post("/v1/channels/999/events", json!({"type": "a"})).await.status, 404);
    let body = json!({"keys": "a", "user": {"id": jane}});
    assert_eq!(api.post("/v1/channels/999/keystrokes", body).await.status, 404);
}
