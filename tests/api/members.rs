//! Who is in a channel: members and memberships, moderators, invites, and their totals.

use crate::support::{Answer, Caller, Server};
use chatkitty_platform::store::events;
use futures::future::join_all;
use serde_json::{Value, json};

/// The names of the users of a page, whose total must be their number.
async fn names(api: &Caller<'_>, address: &str) -> Vec<String> {
    let page = api.get(address).await.ok();
    let users = page["_embedded"]["users"].as_array().expect("users");
    assert_eq!(page["page"]["totalElements"], users.len(), "the total of {address}");
    users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()).collect()
}

/// The address of a roster of a channel.
fn at(channel: &Value, roster: &str) -> String {
    format!("/v1/channels/{}/{roster}", channel["id"])
}

/// What a list of the channel says its total is.
async fn total(api: &Caller<'_>, channel: &Value, roster: &str) -> Value {
    api.get(&at(channel, roster)).await.ok()["page"]["totalElements"].take()
}

/// How many channels a user has access to.
async fn accessible(api: &Caller<'_>, user: &Value) -> Value {
    api.get(&format!("/v1/users/{}/channels", user["id"])).await.ok()["page"]["totalElements"].take()
}

async fn direct(api: &Caller<'_>, users: [&str; 2]) -> Value {
    let members: Vec<Value> = users.iter().map(|name| json!({"username": name})).collect();
    api.post("/v1/channels", json!({"type": "DIRECT", "members": members})).await.ok()
}

#[tokio::test]
async fn a_member_is_added_by_id_or_by_name_and_removed() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    for kind in ["PUBLIC", "PRIVATE"] {
        let channel = api.channel(kind, kind).await;
        let members = at(&channel, "members");
        assert_eq!(names(&api, &members).await, [""; 0]);
        assert_eq!(api.post(&members, json!({"id": alex["id"]})).await.ok(), channel);
        assert_eq!(api.post(&members, json!({"username": "jane"})).await.ok(), channel);
        assert_eq!(names(&api, &members).await, ["jane", "alex"], "in the order of their ids");
        assert_eq!(api.get(&members).await.ok()["_embedded"]["users"], json!([jane, alex]));
        assert_eq!(api.delete(&format!("{members}/{}", jane["id"])).await.ok(), channel);
        assert_eq!(names(&api, &members).await, ["alex"]);
    }
}

#[tokio::test]
async fn those_who_came_with_the_channel_are_members_like_others() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    api.user("alex").await;
    let body = json!({"type": "PRIVATE", "creator": {"username": "jane"}, "members": [{"username": "alex"}]});
    let channel = api.post("/v1/channels", body).await.ok();
    assert_eq!(names(&api, &at(&channel, "members")).await, ["jane", "alex"]);
    let gone = api.delete(&at(&channel, &format!("members/{}", jane["id"]))).await.ok();
    assert_eq!(gone["creator"]["name"], "jane", "who left a channel has created it all the same");
    assert_eq!(names(&api, &at(&channel, "members")).await, ["alex"]);
}

#[tokio::test]
async fn a_member_is_not_added_twice() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let channel = api.channel("PRIVATE", "team").await;
    api.member(&channel, jane["id"].clone()).await;
    let members = at(&channel, "members");
    api.post(&members, json!({"id": jane["id"]})).await.faults(&[("id", "already_exists")]);
    api.post(&members, json!({"username": "jane"})).await.faults(&[("username", "already_exists")]);
    assert_eq!(total(&api, &channel, "members").await, 1);
    assert_eq!(accessible(&api, &jane).await, 1);
}

#[tokio::test]
async fn nobody_is_no_member() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let channel = api.channel("PUBLIC", "lobby").await;
    for roster in ["members", "moderators"] {
        api.post(&at(&channel, roster), json!({"id": 999})).await.faults(&[("id", "missing")]);
        api.post(&at(&channel, roster), json!({"username": "nobody"})).await.faults(&[("username", "missing")]);
        for user in [&jane["id"], &json!(999)] {
            let answer = api.delete(&at(&channel, &format!("{roster}/{user}"))).await;
            assert_eq!((answer.status.as_u16(), &answer.body["error"]), (404, &json!("ResourceNotFoundError")));
        }
    }
    api.post(&at(&channel, "invites"), json!({"user": {"id": 999}})).await.faults(&[("user", "missing")]);
    for body in [json!({}), json!({"id": "1"}), json!([]), json!({"username": ""})] {
        assert_eq!(api.post(&at(&channel, "members"), body.clone()).await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn direct_and_open_channels_keep_their_members() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    api.user("alex").await;
    let zoe = api.user("zoe").await;
    for channel in [direct(&api, ["jane", "alex"]).await, api.channel("OPEN", "open").await] {
        let (before, links) = (names(&api, &at(&channel, "members")).await, &channel["_links"]);
        for name in ["members", "memberships", "moderators", "invites"] {
            assert!(links.get(name).is_none(), "{channel} links to what cannot be changed");
        }
        for (roster, body) in [
            ("members", json!({"id": zoe["id"]})),
            ("moderators", json!({"id": jane["id"]})),
            ("invites", json!({"user": {"id": zoe["id"]}})),
        ] {
            api.post(&at(&channel, roster), body).await.faults(&[("id", "unprocessable")]);
        }
        api.delete(&at(&channel, &format!("members/{}", jane["id"]))).await.faults(&[("id", "unprocessable")]);
        assert_eq!(names(&api, &at(&channel, "members")).await, before);
        assert_eq!(api.get(&at(&channel, "invites")).await.ok()["_embedded"]["invites"], json!([]));
    }
}

#[tokio::test]
async fn a_users_channels_follow_its_memberships() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let (public, private) = (api.channel("PUBLIC", "public").await, api.channel("PRIVATE", "private").await);
    assert_eq!(accessible(&api, &jane).await, 1, "public channels can be joined");
    for channel in [&public, &private] {
        api.member(channel, jane["id"].clone()).await;
    }
    assert_eq!(accessible(&api, &jane).await, 2);
    let page = api.get(&format!("/v1/users/{}/channels?size=1&page=1", jane["id"])).await.ok();
    assert_eq!(page["_embedded"]["channels"], json!([private]));
    for channel in [&private, &public] {
        api.delete(&at(channel, &format!("members/{}", jane["id"]))).await.ok();
        assert_eq!(accessible(&api, &jane).await, 1);
    }
}

#[tokio::test]
async fn a_membership_tells_since_when_and_links_to_both_sides() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let channel = api.channel("PRIVATE", "team").await;
    api.member(&channel, jane["id"].clone()).await;
    let mut membership = api.get(&at(&channel, "memberships")).await.ok()["_embedded"]["memberships"][0].take();
    let time = membership["createdTime"].take();
    assert!(time.as_str().is_some_and(|time| time >= channel["createdTime"].as_str().unwrap()), "{time}");
    let (own, channel_at) = (&channel["_links"]["application"]["href"], &channel["_links"]["self"]["href"]);
    let member = format!("{}/members/{}", channel_at.as_str().unwrap(), jane["id"]);
    assert_eq!(
        membership,
        json!({
            "createdTime": null,
            "_links": {
                "user": {"href": jane["_links"]["self"]["href"]},
                "channel": {"href": channel_at},
                "member": {"href": member},
                "application": {"href": own},
            },
        })
    );
    api.delete(&member).await.ok();
    assert_eq!(total(&api, &channel, "memberships").await, 0);
}

/// Twelve members of 100 users, and then all of them: the few are sorted by themselves, the many found by their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_sorted_and_paged() {
    let server = Server::start().await;
    let api = server.application().await;
    let name = |n: usize| format!("user{:02}", n * 7 % 100);
    for n in 0..100 {
        let display = json!({"name": name(n), "displayName": format!("{}", n % 3)});
        api.post("/v1/users", display).await.ok();
    }
    for count in [12, 100] {
        let members: Vec<Value> = (0..count).map(|n| json!({"username": name(n)})).collect();
        let channel = api.post("/v1/channels", json!({"type": "PRIVATE", "members": members})).await.ok();
        let by_id: Vec<String> = (0..count).map(name).collect();
        let mut by_name = by_id.clone();
        by_name.sort();
        let mut by_display: Vec<usize> = (0..count).collect();
        by_display.sort_by_key(|n| (n % 3, std::cmp::Reverse(name(*n))));
        for (sort, expected) in [
            ("", by_id.clone()),
            ("&sort=id,desc", by_id.iter().rev().cloned().collect()),
            ("&sort=name", by_name.clone()),
            ("&sort=name,desc", by_name.iter().rev().cloned().collect()),
            ("&sort=displayName&sort=name,desc", by_display.into_iter().map(name).collect()),
            ("&sort=createdTime,desc", by_id.iter().rev().cloned().collect()),
        ] {
            let mut address = format!("{}?size=7{sort}", at(&channel, "members"));
            let mut found = Vec::new();
            loop {
                let page = api.get(&address).await.ok();
                assert_eq!(page["page"]["totalElements"], count);
                let users = page["_embedded"]["users"].as_array().expect("users");
                found.extend(users.iter().map(|user| user["name"].as_str().expect("a name").to_owned()));
                match page["_links"].get("next") {
                    Some(next) => next["href"].as_str().expect("an href").clone_into(&mut address),
                    None => break,
                }
            }
            assert_eq!(found, expected, "{count} members with {sort}");
        }
    }
    assert_eq!(api.get("/v1/channels/999/members").await.status, 404);
    assert_eq!(api.get("/v1/channels/1/members?sort=isGuest").await.status, 400);
}

#[tokio::test]
async fn a_moderator_is_a_member() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let channel = api.channel("PUBLIC", "lobby").await;
    let moderators = at(&channel, "moderators");
    api.post(&moderators, json!({"id": jane["id"]})).await.faults(&[("id", "unprocessable")]);
    for user in [&jane, &alex] {
        api.member(&channel, user["id"].clone()).await;
        assert_eq!(api.post(&moderators, json!({"username": user["name"]})).await.ok(), *user);
    }
    api.post(&moderators, json!({"id": jane["id"]})).await.faults(&[("id", "already_exists")]);
    assert_eq!(names(&api, &moderators).await, ["jane", "alex"]);
    assert_eq!(names(&api, &format!("{moderators}?sort=name")).await, ["alex", "jane"]);
    assert_eq!(api.delete(&format!("{moderators}/{}", alex["id"])).await.ok(), channel);
    assert_eq!(names(&api, &moderators).await, ["jane"]);
    assert_eq!(names(&api, &at(&channel, "members")).await, ["jane", "alex"], "a former moderator stays");
    // Whoever leaves comes back as a plain member.
    api.delete(&at(&channel, &format!("members/{}", jane["id"]))).await.ok();
    assert_eq!(names(&api, &moderators).await, [""; 0]);
    api.member(&channel, jane["id"].clone()).await;
    assert_eq!(names(&api, &moderators).await, [""; 0]);
}

#[tokio::test]
async fn an_invite_is_open_until_the_user_is_a_member() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    for kind in ["PUBLIC", "PRIVATE"] {
        let channel = api.channel(kind, kind).await;
        let invites = at(&channel, "invites");
        let invite = api.post(&invites, json!({"user": {"username": "jane"}})).await.ok();
        assert_eq!(
            invite["_links"],
            json!({
                "invitee": {"href": jane["_links"]["self"]["href"]},
                "channel": {"href": channel["_links"]["self"]["href"]},
                "application": {"href": channel["_links"]["application"]["href"]},
            })
        );
        assert_eq!(api.get(&invites).await.ok()["_embedded"]["invites"], json!([invite]));
        let again = json!({"user": {"id": jane["id"]}});
        api.post(&invites, again.clone()).await.faults(&[("user", "already_exists")]);
        api.post(&invites, json!({"user": {"id": alex["id"]}})).await.ok();
        assert_eq!(total(&api, &channel, "invites").await, 2);
        api.member(&channel, jane["id"].clone()).await;
        assert_eq!(total(&api, &channel, "invites").await, 1);
        api.post(&invites, again.clone()).await.faults(&[("user", "already_exists")]);
        // Whoever has left can be asked to come back.
        api.delete(&at(&channel, &format!("members/{}", jane["id"]))).await.ok();
        api.post(&invites, again).await.ok();
        assert_eq!(total(&api, &channel, "invites").await, 2);
    }
}

#[tokio::test]
async fn what_is_deleted_is_on_no_roster() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (kept, gone) = (api.channel("PRIVATE", "kept").await, api.channel("PRIVATE", "gone").await);
    for channel in [&kept, &gone] {
        for user in [&jane, &alex] {
            api.member(channel, user["id"].clone()).await;
            api.post(&at(channel, "moderators"), json!({"id": user["id"]})).await.ok();
        }
        api.user(&format!("guest of {}", channel["name"])).await;
        let guest = json!({"user": {"username": format!("guest of {}", channel["name"])}});
        api.post(&at(channel, "invites"), guest).await.ok();
    }
    api.delete(&format!("/v1/channels/{}", gone["id"])).await.ok();
    assert_eq!(accessible(&api, &jane).await, 1);
    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    for roster in ["members", "moderators"] {
        assert_eq!(names(&api, &at(&kept, roster)).await, ["alex"]);
        assert_eq!(api.get(&at(&gone, roster)).await.status, 404);
    }
    let guest = api.get("/v1/users?name=guest%20of%20%22kept%22").await.ok()["_embedded"]["users"][0]["id"].take();
    api.delete(&format!("/v1/users/{guest}")).await.ok();
    assert_eq!(total(&api, &kept, "invites").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_who_do_the_same_one_succeeds() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let channel = api.channel("PRIVATE", "team").await;
    let outcomes = |answers: Vec<Answer>| {
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        statuses
    };
    let one_of_ten = |refusal: u16| [[200].as_slice(), &[refusal; 9]].concat();
    let body = json!({"id": jane["id"]});
    for (roster, body) in [("invites", json!({"user": body})), ("members", body.clone()), ("moderators", body)] {
        let address = at(&channel, roster);
        let added = join_all((0..10).map(|_| api.post(&address, body.clone()))).await;
        assert_eq!(outcomes(added), one_of_ten(400), "{roster}");
        assert_eq!(total(&api, &channel, roster).await, 1);
    }
    assert_eq!(accessible(&api, &jane).await, 1);
    let address = at(&channel, &format!("members/{}", jane["id"]));
    let removals = (0..10).map(|_| api.delete(&address));
    assert_eq!(outcomes(join_all(removals).await), one_of_ten(404));
    for roster in ["members", "moderators", "invites"] {
        assert_eq!(total(&api, &channel, roster).await, 0, "{roster}");
    }
    assert_eq!(accessible(&api, &jane).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_whole_while_what_they_list_is_deleted() {
    let server = Server::start().await;
    let api = server.application().await;
    let mut users = Vec::new();
    for n in 0..30 {
        users.push(api.user(&format!("user{n}")).await["id"].clone());
    }
    let members: Vec<Value> = users.iter().map(|id| json!({"id": id})).collect();
    let channel = api.post("/v1/channels", json!({"type": "PRIVATE", "members": members})).await.ok();
    let deleting = async {
        for user in &users[..20] {
            api.delete(&format!("/v1/users/{user}")).await.ok();
        }
    };
    let listing = async {
        for _ in 0..20 {
            for roster in ["members?size=100", "memberships?size=100&sort=name"] {
                let page = api.get(&at(&channel, roster)).await.ok();
                let items = page["_embedded"].as_object().and_then(|lists| lists.values().next()).expect("a list");
                assert_eq!(items.as_array().map(Vec::len), page["page"]["totalElements"].as_u64().map(|n| n as usize));
            }
        }
    };
    tokio::join!(deleting, listing);
    assert_eq!(total(&api, &channel, "members").await, 10);
}

#[tokio::test]
async fn what_happens_to_members_is_recorded() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let channel = api.channel("PRIVATE", "team").await;
    api.member(&channel, jane["id"].clone()).await;
    api.post(&at(&channel, "moderators"), json!({"id": jane["id"]})).await.ok();
    api.delete(&at(&channel, &format!("moderators/{}", jane["id"]))).await.ok();
    api.delete(&at(&channel, &format!("members/{}", jane["id"]))).await.ok();
    api.patch(&format!("/v1/channels/{}", channel["id"]), json!({"displayName": "Team"})).await.ok();
    let store = server.store();
    let events = store.read(|tx| events::after(tx, 1, 2, 10)).await.expect("the events are read");
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            assert_eq!(event.channel_id.map(Value::from).as_ref(), Some(&channel["id"]));
            let resource: Value = serde_json::from_str(&event.resource(&server.url)).expect("a resource");
            (event.kind.as_str(), resource)
        })
        .collect();
    let mut renamed = channel.clone();
    renamed["displayName"] = json!("Team");
    let expected = [
        ("MEMBER_CREATED", jane.clone()),
        ("MEMBER_UPDATED", jane.clone()),
        ("MEMBER_UPDATED", jane.clone()),
        ("MEMBER_DELETED", json!({"id": jane["id"]})),
        ("CHANNEL_UPDATED", renamed),
    ];
    assert_eq!(told, expected);
}
