//! What users are told of while they are elsewhere. Clients are in channels by their sessions, so that these tests start
//! those in the store.

use crate::support::{Caller, Server};
use chatkitty_platform::store::{StoreError, Tx, read_receipts, sessions};
use serde_json::{Value, json};

fn id(resource: &Value) -> i64 {
    resource["id"].as_i64().unwrap_or_else(|| panic!("no id in {resource}"))
}

/// Does something in the store as the live side does.
async fn live<T, F>(server: &Server, closure: F) -> T
where
    T: Send + 'static,
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
{
    server.store().write(closure).await.expect("the write is done")
}

async fn connect(server: &Server, user: &Value) -> i64 {
    let user = id(user);
    live(server, move |tx| sessions::start(tx, 1, user, "node", None, 1)).await.expect("there is such a user")
}

async fn enter(server: &Server, session: i64, channel: &Value) -> i64 {
    let channel = id(channel);
    live(server, move |tx| sessions::enter(tx, 1, session, channel, 2)).await.expect("a member")
}

async fn leave(server: &Server, chat_session: i64) {
    assert!(live(server, move |tx| sessions::leave(tx, 1, chat_session, 3)).await, "it was active");
}

/// Sends a message as a user.
async fn say(api: &Caller<'_>, channel: &Value, user: &Value, body: &str) -> Value {
    let body = json!({"body": body, "user": {"id": user["id"]}});
    api.post(&format!("/v1/channels/{}/messages", channel["id"]), body).await.ok()
}

async fn channel(api: &Caller<'_>, kind: &str, name: &str, members: &[&Value]) -> Value {
    let members: Vec<Value> = members.iter().map(|user| json!({"id": user["id"]})).collect();
    api.post("/v1/channels", json!({"type": kind, "name": name, "members": members})).await.ok()
}

async fn told(api: &Caller<'_>, user: &Value) -> Vec<Value> {
    let page = api.get(user["_links"]["notifications"]["href"].as_str().expect("a link")).await.ok();
    page["_embedded"]["notifications"].as_array().expect("notifications").clone()
}

/// The type and the text of each notification of a user, the newest first.
async fn kinds(api: &Caller<'_>, user: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    told(api, user).await.iter().map(|one| (text(&one["data"]["type"]), text(&one["body"]))).collect()
}

fn listed(kinds: &[(&str, &str)]) -> Vec<(String, String)> {
    kinds.iter().map(|(kind, body)| ((*kind).to_owned(), (*body).to_owned())).collect()
}

#[tokio::test]
async fn a_member_is_told_of_what_others_send() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex, eve) = (api.user("jane").await, api.user("alex").await, api.user("eve").await);
    let team = channel(&api, "PRIVATE", "team", &[&jane, &alex]).await;
    let message = say(&api, &team, &alex, "Good morning").await;
    assert_eq!(told(&api, &alex).await, [json!(null); 0], "nobody is told of what is one's own");
    assert_eq!(told(&api, &eve).await, [json!(null); 0], "nobody is told of what is in another's channel");
    let [notification] = &told(&api, &jane).await[..] else { panic!("not one") };
    let mut seen = team.clone();
    seen["lastReceivedMessage"] = notification["channel"]["lastReceivedMessage"].clone();
    assert_eq!(seen["lastReceivedMessage"]["id"], message["id"]);
    assert_eq!(
        *notification,
        json!({
            "id": message["id"],
            "title": "alex sent a message",
            "body": "Good morning",
            "muted": false,
            "createdTime": message["createdTime"],
            "channel": seen,
            "data": {"type": "USER:SENT:MESSAGE", "channelId": team["id"], "message": message, "_relays": {}},
            "_links": {
                "recipient": jane["_links"]["self"],
                "message": message["_links"]["self"],
                "channel": team["_links"]["self"],
                "application": team["_links"]["application"],
            },
        })
    );
    let (message, user) = (id(&message), id(&jane));
    live(&server, move |tx| read_receipts::record(tx, 1, message, user, 1_768_469_400_000)).await;
    assert_eq!(told(&api, &jane).await[0]["readTime"], "2026-01-15T09:30:00.000Z");
    let spelled = api.get(&format!("/users/{}/notifications", jane["id"])).await.ok();
    let spelled = &spelled["_embedded"]["notifications"][0];
    assert_eq!(spelled["data"]["channel_id"], team["id"]);
    assert_eq!(spelled["read_time"], "2026-01-15T09:30:00.000Z");
}

#[tokio::test]
async fn the_type_tells_why_a_user_is_told() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let team = channel(&api, "PRIVATE", "team", &[&jane, &alex]).await;
    let own = say(&api, &team, &jane, "Hello").await;
    let thread = api.get(own["_links"]["replies"]["href"].as_str().expect("a link")).await.ok();
    let replies = format!("/v1/threads/{}/messages", thread["id"]);
    api.message(&team, "of the system").await;
    let file = json!({"url": "https://example.com/a", "name": "a", "contentType": "text/plain", "size": 1});
    let file = json!({"type": "FILE", "file": file, "user": {"username": "alex"}});
    api.post(&format!("/v1/channels/{}/messages", team["id"]), file).await.ok();
    let reply = api.post(&replies, json!({"body": "a reply", "user": {"username": "alex"}})).await.ok();
    api.post(&replies, json!({"body": "a reply of the system"})).await.ok();
    say(&api, &team, &alex, "<#team> and <@alex>").await;
    say(&api, &team, &alex, "<#team> and <@jane>").await;
    api.message(&team, "welcome, <@jane>").await;
    let expected = [
        ("USER:MENTIONED:USER", "welcome, <@jane>"),
        ("USER:MENTIONED:USER", "<#team> and <@jane>"),
        ("USER:MENTIONED:CHANNEL", "<#team> and <@alex>"),
        ("SYSTEM:SENT:MESSAGE", "a reply of the system"),
        ("USER:REPLIED_TO:MESSAGE", "a reply"),
        ("USER:SENT:MESSAGE", "File attachment"),
        ("SYSTEM:SENT:MESSAGE", "of the system"),
    ];
    assert_eq!(kinds(&api, &jane).await, listed(&expected));
    let notifications = told(&api, &jane).await;
    let titles: Vec<_> = notifications.iter().map(|one| one["title"].as_str().expect("a title")).collect();
    let expected = [
        "You were mentioned",
        "alex mentioned you",
        "alex mentioned team",
        "System message sent",
        "alex replied to your message",
        "alex sent a message",
        "System message sent",
    ];
    assert_eq!(titles, expected);
    assert_eq!(notifications[1]["data"]["mentionedUser"]["_links"], jane["_links"]);
    assert_eq!(notifications[2]["data"]["mentionedChannel"]["_links"], team["_links"]);
    let told_of = &notifications[4]["data"];
    assert_eq!((&told_of["parent"]["id"], &told_of["message"]["id"]), (&own["id"], &reply["id"]));
}

#[tokio::test]
async fn who_is_in_the_channel_is_not_told() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let (team, other) =
        (channel(&api, "PRIVATE", "team", &[&jane, &alex]).await, channel(&api, "PRIVATE", "other", &[&jane]).await);
    let (phone, laptop) = (connect(&server, &jane).await, connect(&server, &jane).await);
    api.message(&team, "connected, but elsewhere").await;
    let first = enter(&server, phone, &team).await;
    api.message(&team, "while there").await;
    api.message(&other, "in another channel").await;
    let second = enter(&server, laptop, &team).await;
    leave(&server, first).await;
    say(&api, &team, &alex, "there with another device, <@jane>").await;
    leave(&server, second).await;
    api.message(&team, "gone").await;
    let third = enter(&server, phone, &team).await;
    leave(&server, third).await;
    api.message(&team, "gone again").await;
    let expected = ["gone again", "gone", "in another channel", "connected, but elsewhere"];
    let bodies = |told: Vec<(String, String)>| told.into_iter().map(|(_, body)| body).collect::<Vec<_>>();
    assert_eq!(bodies(kinds(&api, &jane).await), expected);
    assert_eq!(kinds(&api, &alex).await.len(), 4, "another was not there at all");

    // A connection that ends takes the stay with it.
    enter(&server, phone, &team).await;
    api.message(&team, "there once more").await;
    live(&server, move |tx| sessions::end(tx, 1, phone, 4)).await;
    api.message(&team, "disconnected").await;
    assert_eq!(bodies(kinds(&api, &jane).await)[..2], ["disconnected", "gone again"]);
    // To come back where the last messages of a stay are gone is no second stay.
    let gone = api.get(&format!("/v1/channels/{}/messages?size=1", team["id"])).await.ok();
    api.delete(&format!("/v1/messages/{}", gone["_embedded"]["messages"][0]["id"])).await.ok();
    for _ in 0..2 {
        let fourth = enter(&server, laptop, &team).await;
        let seen = api.message(&team, "seen and deleted").await;
        leave(&server, fourth).await;
        api.delete(&format!("/v1/messages/{}", seen["id"])).await.ok();
    }
    assert_eq!(bodies(kinds(&api, &jane).await), expected);
}

#[tokio::test]
async fn who_joins_is_told_of_what_follows_and_who_leaves_of_nothing_more() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let lobby = api.channel("PUBLIC", "lobby").await;
    api.message(&lobby, "before").await;
    api.member(&lobby, jane["id"].clone()).await;
    let message = api.message(&lobby, "after").await;
    api.message(&lobby, "and after").await;
    assert_eq!(
        kinds(&api, &jane).await,
        listed(&[("SYSTEM:SENT:MESSAGE", "and after"), ("SYSTEM:SENT:MESSAGE", "after")])
    );
    api.delete(&format!("/v1/messages/{}", message["id"])).await.ok();
    assert_eq!(kinds(&api, &jane).await, listed(&[("SYSTEM:SENT:MESSAGE", "and after")]), "it goes with the message");
    api.delete(&format!("/v1/channels/{}/members/{}", lobby["id"], jane["id"])).await.ok();
    assert_eq!(kinds(&api, &jane).await, []);
    api.member(&lobby, jane["id"].clone()).await;
    assert_eq!(kinds(&api, &jane).await, []);
}

#[tokio::test]
async fn mentions_reach_others_where_anybody_may_read() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    channel(&api, "PRIVATE", "team", &[&jane]).await;
    let (lobby, board) = (api.channel("PUBLIC", "lobby").await, channel(&api, "PRIVATE", "board", &[&alex]).await);
    say(&api, &lobby, &alex, "nobody").await;
    say(&api, &lobby, &alex, "<@jane>").await;
    say(&api, &lobby, &alex, "<#team>").await;
    say(&api, &board, &alex, "<@jane> and <#team>").await;
    say(&api, &lobby, &jane, "<@jane> and <#team>").await;
    let expected = [("USER:MENTIONED:CHANNEL", "<#team>"), ("USER:MENTIONED:USER", "<@jane>")];
    assert_eq!(kinds(&api, &jane).await, listed(&expected), "not of a private channel, nor of what is one's own");
    api.member(&lobby, jane["id"].clone()).await;
    let message = say(&api, &lobby, &alex, "<@jane>, <#team>, <@jane>").await;
    let told = told(&api, &jane).await;
    assert_eq!((told.len(), &told[0]["id"]), (1, &message["id"]), "once, and as a member from now on: {told:?}");
}

#[tokio::test]
async fn notifications_of_many_channels_are_paged_both_ways() {
    let server = Server::start().await;
    let api = server.application().await;
    let jane = api.user("jane").await;
    let mut channels = Vec::new();
    for n in 0..3 {
        channels.push(channel(&api, "PRIVATE", &format!("c{n}"), &[&jane]).await);
    }
    let phone = connect(&server, &jane).await;
    for n in 0..9 {
        // Of m3 to m5 the middle one is seen.
        let there = if n == 3 { Some(enter(&server, phone, &channels[1]).await) } else { None };
        api.message(&channels[n % 3], &format!("m{n}")).await;
        if let Some(there) = there {
            api.message(&channels[1], "seen").await;
            leave(&server, there).await;
        }
    }
    let page = |address: String| {
        let api = &api;
        async move {
            let page = api.get(&address).await.ok();
            let notifications = page["_embedded"]["notifications"].as_array().expect("notifications");
            let bodies: Vec<String> =
                notifications.iter().map(|one| one["body"].as_str().expect("a text").to_owned()).collect();
            assert_eq!(page["page"]["size"], bodies.len());
            (bodies, page["_links"].clone())
        }
    };
    let href = |links: &Value, relation: &str| links[relation]["href"].as_str().expect("a link").to_owned();
    let (first, links) = page(format!("/v1/users/{}/notifications?size=4", jane["id"])).await;
    assert_eq!((first.as_slice(), links.get("prev")), (&["m8", "m7", "m6", "m5"].map(str::to_owned)[..], None));
    let (second, links) = page(href(&links, "next")).await;
    assert_eq!(second, ["m4", "m3", "m2", "m1"]);
    let (third, last) = page(href(&links, "next")).await;
    assert_eq!((third.as_slice(), last.get("next")), (&["m0"].map(str::to_owned)[..], None));
    assert_eq!(page(href(&last, "prev")).await.0, second);
    assert_eq!(page(href(&links, "prev")).await.0, first);
    assert_eq!(page(href(&links, "self")).await.0, second);
}

/// However many members a channel has, a message to it changes the same rows.
#[tokio::test]
async fn a_message_costs_the_same_however_many_are_told() {
    let server = Server::start().await;
    let api = server.application().await;
    let changed = |members: usize| {
        let (server, api) = (&server, &api);
        async move {
            let users: Vec<Value> = (0..members).map(|n| json!({"name": format!("u{members}-{n}")})).collect();
            api.import("/v1/imports/users", &json!(users)).await;
            let lobby = api.channel("PUBLIC", &format!("of {members}")).await;
            let names: Vec<Value> = (0..members).map(|n| json!({"username": format!("u{members}-{n}")})).collect();
            api.import(&format!("/v1/imports/channels/{}/members", lobby["id"]), &json!(names)).await;
            let rows = || async {
                let sql = "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM mentions) \
                           + (SELECT count(*) FROM reader_totals) + (SELECT count(*) FROM channel_totals) \
                           + (SELECT count(*) FROM attendances)";
                server
                    .store()
                    .read(move |tx| tx.query_opt(sql, &[], |row| row.i64(0)))
                    .await
                    .expect("a read")
                    .expect("a row")
            };
            let before = rows().await;
            api.message(&lobby, "Hello, <#lobby>").await;
            let last = api.get(&format!("/v1/users?name=u{members}-{}", members - 1)).await.ok();
            assert_eq!(told(api, &last["_embedded"]["users"][0]).await.len(), 1);
            rows().await - before
        }
    };
    assert_eq!(changed(2).await, changed(300).await);
}
