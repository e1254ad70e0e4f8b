//! Channels: the four types, who is in them, and which one a request means.

use crate::support::{Caller, Server};
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
            "messages": {"href": format!("{application}/channels/{id}/messages")},
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
