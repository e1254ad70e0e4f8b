//! Deletions leave nothing behind: no row in any table and no file.

use crate::child::Serving;
use crate::support::{Answer, Caller, Server};
use chatkitty_platform::store::{read_receipts, reports, sessions};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Tables that belong to no application: objects without an owner, and what SQLite keeps for itself.
const COMMON: [&str; 3] = ["file_removals", "sqlite_schema", "sqlite_sequence"];

/// What stays of a deleted application on purpose: the record of who deleted it and of what else was done to it.
const KEPT: [&str; 1] = ["audit"];

/// Tables that are empty but while what was deleted is removed.
const MARKS: [&str; 2] = ["deleted_channels", "deleted_users"];

/// Columns with the ID of something that may be gone: the history of a channel, the jobs that worked on it and what was
/// done to an application stay to be seen.
const OUTLIVED: [(&str, &str); 3] = [("events", "channel_id"), ("jobs", "channel_id"), ("audit", "application_id")];

/// Totals that are kept: in which table and column, and what they count.
const TOTALS: [(&str, &str, &str); 25] = [
    ("applications", "users", "users WHERE application_id = owner.id"),
    ("applications", "open_channels", "channels WHERE application_id = owner.id AND type = 'OPEN'"),
    ("applications", "public_channels", "channels WHERE application_id = owner.id AND type = 'PUBLIC'"),
    ("applications", "private_channels", "channels WHERE application_id = owner.id AND type = 'PRIVATE'"),
    ("applications", "direct_channels", "channels WHERE application_id = owner.id AND type = 'DIRECT'"),
    ("applications", "members", "members WHERE application_id = owner.id"),
    ("applications", "jobs", "jobs WHERE application_id = owner.id"),
    ("applications", "running_jobs", "jobs WHERE application_id = owner.id AND ended_time IS NULL"),
    ("applications", "user_sessions", "user_sessions WHERE application_id = owner.id"),
    ("applications", "active_user_sessions", "user_sessions WHERE application_id = owner.id AND end_time IS NULL"),
    ("applications", "chat_sessions", "chat_sessions WHERE application_id = owner.id"),
    ("applications", "active_chat_sessions", "chat_sessions WHERE application_id = owner.id AND end_time IS NULL"),
    ("users", "restricted_channels", "members WHERE user_id = owner.id AND restricted = 1"),
    ("users", "sessions", "user_sessions WHERE user_id = owner.id AND end_time IS NULL"),
    ("channels", "members", "members WHERE channel_id = owner.id"),
    ("channels", "moderators", "moderators WHERE channel_id = owner.id"),
    ("channels", "invites", "invites WHERE channel_id = owner.id"),
    ("channels", "participants", "participants WHERE channel_id = owner.id"),
    ("channel_totals", "messages", "messages WHERE channel_id = owner.channel_id"),
    ("channel_totals", "reported", "messages WHERE channel_id = owner.channel_id AND reports > 0"),
    ("reader_totals", "sent", "messages WHERE channel_id = owner.channel_id AND user_id = owner.user_id"),
    (
        "reader_totals",
        "receipts",
        "read_receipts WHERE user_id = owner.user_id \
         AND message_id IN (SELECT id FROM messages WHERE channel_id = owner.channel_id)",
    ),
    ("messages", "reports", "reports WHERE message_id = owner.id"),
    ("messages", "read_receipts", "read_receipts WHERE message_id = owner.id"),
    (
        "messages",
        "replies",
        "messages AS reply WHERE thread_id IN (SELECT id FROM threads WHERE message_id = owner.id)",
    ),
];

fn id(resource: &Value) -> i64 {
    resource["id"].as_i64().expect("an ID")
}

/// Gives an application something of every kind; a new table wants its line here.
async fn fill(api: &Caller<'_>) {
    let file = || Form::new().part("file", Part::bytes(b"GIF89a".as_slice()).file_name("jdoe.gif"));
    let (user, other) = (api.user("jdoe").await, api.user("asmith").await);
    for user in [&user, &other] {
        let address = format!("/v1/users/{}/display-picture", user["id"]);
        Answer::of(api.request(Method::POST, &address).multipart(file())).await.ok();
        let secret = format!("/v1/users/{}/secrets/crm", user["id"]);
        api.put(&secret, json!({"secret": {"token": "5f0c"}})).await.ok();
    }
    let (jdoe, asmith) = (json!({"username": "jdoe"}), json!({"username": "asmith"}));
    let channel = api.post("/v1/channels", json!({"type": "PRIVATE", "name": "board", "creator": jdoe})).await.ok();
    let of_channel = |collection: &str| format!("/v1/channels/{}/{collection}", channel["id"]);
    api.post(&of_channel("moderators"), jdoe.clone()).await.ok();
    api.post(&of_channel("invites"), json!({"user": asmith})).await.ok();
    let lobby = api.channel("PUBLIC", "lobby").await;
    for user in [&user, &other] {
        api.member(&lobby, id(user)).await;
    }
    let direct = json!({"type": "DIRECT", "members": [jdoe, asmith]});
    let direct = api.post("/v1/channels", direct).await.ok();
    for channel in [&channel, &lobby, &direct] {
        let address = format!("/v1/channels/{}/messages", channel["id"]);
        let first = api.message(channel, "Hello <@asmith>, this is <#board>").await;
        let reply = api.reply(&first, "Hello <@jdoe>").await;
        let own = api.post(&address, json!({"body": "Hello <#lobby>", "user": jdoe})).await.ok();
        api.reply(&own, "a reply to what goes").await;
        let carrying = api.request(Method::POST, &address).multipart(file().text("username", "jdoe"));
        let carrying = Answer::of(carrying).await.ok();
        let (read, reader, application) = (
            [id(&first), id(&reply), id(&own), id(&carrying)],
            [id(&user), id(&other)],
            id(&api.get("/v1/application").await.ok()),
        );
        let (channel, store) = (id(channel), api.server.store());
        let live = store.write(move |tx| {
            for user in reader {
                for message in read {
                    read_receipts::record(tx, application, message, user, 0)?;
                    reports::record(tx, application, message, user, 0)?;
                }
                let session = sessions::start(tx, application, user, "node", None, 0)?.expect("there is such a user");
                sessions::enter(tx, application, session, channel, 0)?;
                let ended = sessions::start(tx, application, user, "node", None, 0)?.expect("there is such a user");
                sessions::enter(tx, application, ended, channel, 0)?;
                sessions::end(tx, application, ended, 1)?;
            }
            Ok(())
        });
        live.await.expect("what happens live is recorded");
    }
    let items = json!([{"name": "imported", "idempotencyKey": "1"}, {"name": "jdoe"}]);
    api.import("/v1/imports/users", &items).await;
    let items = json!([{"username": "imported", "idempotencyKey": "1"}]);
    api.import(&format!("/v1/imports/channels/{}/members", channel["id"]), &items).await;
    api.ended(&Answer::of(api.request(Method::POST, "/v1/analytics/users")).await.body).await;
}

fn list(database: &Connection, sql: &str) -> Vec<String> {
    let mut statement = database.prepare(sql).expect("a statement");
    statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("texts")
}

fn count(database: &Connection, sql: &str) -> i64 {
    database.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{error}: {sql}"))
}

/// The tables of the database, without those that hold the insides of another one.
fn tables(database: &Connection) -> Vec<String> {
    list(database, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow' ORDER BY name")
}

fn columns(database: &Connection, table: &str) -> Vec<String> {
    list(database, &format!("SELECT name FROM pragma_table_info('{table}')"))
}

/// How many rows of an application each table has that has such rows at all.
fn rows(database: &Connection, application: i64) -> Vec<(String, i64)> {
    let mut counts = Vec::new();
    for table in tables(database) {
        let condition = match table.as_str() {
            name if KEPT.contains(&name) => continue,
            name if columns(database, name).iter().any(|column| column == "application_id") => {
                format!("application_id = {application}")
            }
            "applications" => format!("id = {application}"),
            // The index keeps no columns, and is asked for its word for the application.
            "message_search" => format!("message_search MATCH 'place : a{application}'"),
            name if COMMON.contains(&name) => continue,
            name => panic!("{name} names no application: give it that column, or name it in COMMON"),
        };
        let rows = count(database, &format!("SELECT count(*) FROM {table} WHERE {condition}"));
        counts.push((table, rows));
    }
    counts
}

/// Rows that point at what is not there, entries of the index without a message, and totals that do not count what
/// there is.
fn faults(database: &Connection) -> Vec<String> {
    let mut checks = vec![
        ("foreign keys".to_owned(), "SELECT count(*) FROM pragma_foreign_key_check".to_owned()),
        (
            "entries of the index".to_owned(),
            "SELECT count(*) FROM message_search_docsize WHERE id NOT IN (SELECT id FROM messages)".to_owned(),
        ),
        (
            "messages that are not in the index".to_owned(),
            "SELECT count(*) FROM messages WHERE id NOT IN (SELECT id FROM message_search_docsize)".to_owned(),
        ),
    ];
    let tables = tables(database);
    for table in &tables {
        for column in columns(database, table) {
            let Some(noun) = column.strip_suffix("_id") else { continue };
            let owner = if noun == "creator" { "users".to_owned() } else { format!("{noun}s") };
            if !tables.contains(&owner) || OUTLIVED.contains(&(table, &column)) {
                continue;
            }
            // 0 stands for none where the column is part of a key.
            let sql = format!(
                "SELECT count(*) FROM {table} WHERE {column} <> 0 AND {column} NOT IN (SELECT id FROM {owner})"
            );
            checks.push((format!("{table}.{column}"), sql));
        }
    }
    for (table, column, counted) in TOTALS {
        let sql = format!("SELECT count(*) FROM {table} AS owner WHERE {column} <> (SELECT count(*) FROM {counted})");
        checks.push((format!("the total {table}.{column}"), sql));
    }
    let found = checks.into_iter().map(|(what, sql)| (what, count(database, &sql)));
    found.filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} × {what}")).collect()
}

/// The database of a server, to look at its tables.
pub fn open(database: &str) -> Connection {
    Connection::open(database.trim_start_matches("sqlite:")).expect("the database opens a second time")
}

/// Waits until an application has left nothing in any table.
pub async fn until_gone(database: &Connection, application: i64) {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        let left: Vec<_> = rows(database, application).into_iter().filter(|(_, count)| *count > 0).collect();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < patience, "a deleted application has left behind: {left:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_application_and_all_of_another_one() {
    let mut server = Server::start().await;
    let database = open(&server.database);
    let (api, other) = (server.application().await, server.another_application().await);
    fill(&api).await;
    fill(&other).await;
    let before = rows(&database, 1);
    for (table, count) in before.iter().filter(|(table, _)| !MARKS.contains(&table.as_str())) {
        assert!(*count > 0, "`fill` leaves {table} empty: have it put something there, so that its deletion is tested");
    }
    let address =
        other.get("/v1/application").await.ok()["_links"]["self"]["href"].as_str().expect("a link").to_owned();
    other.delete(&address).await.ok();
    assert_eq!(other.get("/v1/application").await.status, 401, "it is gone at once, whatever is left of it");
    until_gone(&database, 2).await;
    assert_eq!(rows(&database, 1), before);
    let deleted = "SELECT count(*) FROM audit WHERE application_id = 2 AND action = 'deleteApplication'";
    assert_eq!(count(&database, deleted), 1, "who deleted it stays on record");
    api.delete("/v1/applications/me").await.ok();
    until_gone(&database, 1).await;
    server.stop().await;
    assert_eq!(stored(&server), [""; 0], "files without an owner");
}

/// The objects in the folder of the files, by name. A server that stops has swept.
fn stored(server: &Server) -> Vec<String> {
    let entries = std::fs::read_dir(server.files()).expect("the folder of files");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn nothing_points_at_a_user_or_a_channel_that_was_deleted() {
    let mut server = Server::start().await;
    let database = open(&server.database);
    let api = server.application().await;
    fill(&api).await;
    assert_eq!(faults(&database), [""; 0], "before anything is deleted");
    let keys = "SELECT count(*) FROM import_keys WHERE channel_id > 0";
    assert_eq!(count(&database, keys), 1, "`fill` imports a member by a key");
    let users = api.get("/v1/users").await.ok()["_embedded"]["users"].clone();
    let channels = api.get("/v1/channels").await.ok()["_embedded"]["channels"].clone();
    let named = |list: &Value, name: &str| {
        let found = list.as_array().expect("a list").iter().find(|item| item["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {list}"))["_links"]["self"]["href"]
            .as_str()
            .expect("a link")
            .to_owned()
    };
    for address in
        [named(&users, "jdoe"), named(&channels, "board"), named(&users, "asmith"), named(&channels, "lobby")]
    {
        api.delete(&address).await.ok();
        assert_eq!(api.get(&address).await.status, 404);
        assert_eq!(faults(&database), [""; 0], "after the deletion of {address}");
    }
    for table in ["messages", "threads", "mentions", "read_receipts", "chat_sessions", "files", "members"] {
        assert_eq!(count(&database, &format!("SELECT count(*) FROM {table}")), 0, "rows of {table}");
    }
    server.stop().await;
    let wanted = "SELECT key FROM files UNION SELECT result FROM jobs WHERE result IS NOT NULL ORDER BY 1";
    assert_eq!(stored(&server), list(&database, wanted), "files in the folder and those that have an owner");
}

#[tokio::test]
async fn the_name_of_a_deleted_application_means_nothing_to_its_credentials() {
    let server = Server::start().await;
    let other = server.another_application().await;
    other.user("jdoe").await;
    other.delete("/v1/applications/me").await.ok();
    assert_eq!(other.delete("/v1/applications/me").await.status, 401);
    assert_eq!(server.application().await.get("/v1/users").await.ok()["page"]["totalElements"], 0);
}

/// More than goes in the transaction that deletes it.
const MANY: usize = 1000;

/// Imports many messages into a channel.
async fn import_many(api: &Caller<'_>, channel: &Value, user: Option<&str>) {
    let item = |n: usize| match user {
        Some(user) => json!({"type": "TEXT", "channelId": channel["id"], "body": format!("many {n}"), "user": user}),
        None => json!({"type": "SYSTEM_TEXT", "channelId": channel["id"], "body": format!("many {n}")}),
    };
    let job = api.import("/v1/imports/messages", &(0..MANY).map(item).collect()).await;
    assert_eq!(job["state"], "FINISHED", "{job}");
}

/// Keeps all others from writing, so that what is left of something deleted is still there to be looked at.
fn hold_writers(database: &Connection) {
    database.busy_timeout(Duration::from_secs(20)).expect("a setting");
    database.execute_batch("BEGIN IMMEDIATE").expect("a turn among the writers");
    let left = MARKS.map(|table| count(database, &format!("SELECT count(*) FROM {table}")));
    assert_ne!(left, [0, 0], "all was removed before it could be looked at: import more");
}

/// Waits until nothing is left of deleted users and channels, and looks whether it has left all others right.
async fn until_removed(database: &Connection) {
    let patience = Instant::now() + Duration::from_secs(60);
    while MARKS.iter().any(|table| count(database, &format!("SELECT count(*) FROM {table}")) > 0) {
        assert!(Instant::now() < patience, "what was deleted is still not removed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(faults(database), [""; 0]);
}

fn link<'v>(resource: &'v Value, relation: &str) -> &'v str {
    resource["_links"][relation]["href"].as_str().unwrap_or_else(|| panic!("no link {relation} in {resource}"))
}

/// What a listing has under one name, as the value of one property of each item, and its total if it tells one.
async fn listed(api: &Caller<'_>, address: &str, list: &str, property: &str) -> Vec<Value> {
    let page = api.get(address).await.ok();
    let items = page["_embedded"][list].as_array().unwrap_or_else(|| panic!("no {list} in {page}"));
    if let Some(total) = page["page"].get("totalElements") {
        assert_eq!(total, items.len(), "the total of {address}");
    }
    items.iter().map(|item| item[property].clone()).collect()
}

#[tokio::test]
async fn a_user_with_very_many_messages_is_gone_at_once() {
    let server = Server::start().await;
    let database = open(&server.database);
    let api = server.application().await;
    let (user, other) = (api.user("jdoe").await, api.user("asmith").await);
    let (jdoe, asmith) = (json!({"username": "jdoe"}), json!({"username": "asmith"}));
    let lobby = api.channel("PUBLIC", "lobby").await;
    for user in [&user, &other] {
        api.member(&lobby, id(user)).await;
    }
    let direct = json!({"type": "DIRECT", "members": [jdoe, asmith]});
    let direct = api.post("/v1/channels", direct).await.ok();
    let private = api.message(&direct, "between us").await;
    let stays = api.message(&lobby, "this stays, <@jdoe>").await;
    let reply = api.reply(&stays, "this stays too").await;
    let thread = api.get(link(&stays, "replies")).await.ok();
    let own = api.post(link(&thread, "messages"), json!({"body": "goes", "user": jdoe})).await.ok();
    let nested = api.reply(&own, "goes with it").await;
    let nested = api.reply(&nested, "goes with that").await;
    let form = Form::new().part("file", Part::bytes(b"GIF89a".as_slice()).file_name("jdoe.gif"));
    let carrying = api.request(Method::POST, link(&lobby, "messages")).multipart(form.text("username", "jdoe"));
    let carrying = Answer::of(carrying).await.ok();
    let (read, reader) = (id(&stays), id(&user));
    let store = server.store();
    let live = store.write(move |tx| {
        let session = sessions::start(tx, 1, reader, "node", None, 0)?.expect("there is such a user");
        sessions::enter(tx, 1, session, 1, 0)?;
        read_receipts::record(tx, 1, read, reader, 0)
    });
    assert_eq!(live.await, Ok(true));
    import_many(&api, &lobby, Some("jdoe")).await;

    api.delete(link(&user, "self")).await.ok();
    hold_writers(&database);
    for gone in [&user, &direct, &private, &own, &nested, &carrying] {
        assert_eq!(api.get(link(gone, "self")).await.status, 404, "{gone}");
    }
    assert_eq!(api.get(&format!("/v1/messages/{}/thread", own["id"])).await.status, 404);
    assert_eq!(api.get(link(&nested, "thread")).await.status, 404);
    assert_eq!(api.get(carrying["file"]["url"].as_str().expect("an address")).await.status, 404);
    assert_eq!(api.head("/v1/users?name=jdoe").await.status, 404);
    let bodies = ["this stays too", "this stays, <@jdoe>"];
    for address in ["/v1/messages", link(&lobby, "messages"), "/v1/messages?query=this"] {
        assert_eq!(listed(&api, address, "messages", "body").await, bodies, "{address}");
    }
    for query in ["many", "goes", "between", "jdoe.gif"] {
        let found = listed(&api, &format!("/v1/messages?query={query}"), "messages", "body").await;
        assert_eq!(found, [""; 0], "what is found for {query}");
    }
    assert_eq!(listed(&api, link(&thread, "messages"), "messages", "id").await, [reply["id"].clone()]);
    let stays = api.get(link(&stays, "self")).await.ok();
    assert_eq!((&stays["repliesCount"], stays.get("mentions")), (&json!(1), None));
    assert_eq!(listed(&api, link(&stays, "readReceipts"), "receipts", "createdTime").await, [""; 0]);
    assert_eq!(listed(&api, "/v1/users", "users", "name").await, ["asmith"]);
    for roster in ["members", "participants"] {
        let expected: &[&str] = if roster == "members" { &["asmith"] } else { &[] };
        for sort in ["id", "name"] {
            let address = format!("/v1/channels/{}/{roster}?sort={sort}", lobby["id"]);
            assert_eq!(listed(&api, &address, "users", "name").await, expected, "{address}");
        }
    }
    for channels in ["/v1/channels", link(&other, "channels"), "/v1/channels?members=asmith"] {
        assert_eq!(listed(&api, channels, "channels", "name").await, ["lobby"], "{channels}");
    }
    for sessions in ["/v1/user-sessions", "/v1/chat-sessions", "/v1/user-sessions?state=ACTIVE"] {
        assert_eq!(listed(&api, sessions, "sessions", "id").await, [""; 0], "{sessions}");
    }
    database.execute_batch("ROLLBACK").expect("others may write");
    until_removed(&database).await;
    assert_eq!(listed(&api, "/v1/messages", "messages", "body").await, bodies);
    assert_eq!(listed(&api, "/v1/channels", "channels", "name").await, ["lobby"]);
}

#[tokio::test]
async fn a_channel_with_very_many_messages_is_gone_at_once() {
    let server = Server::start().await;
    let database = open(&server.database);
    let api = server.application().await;
    let user = api.user("asmith").await;
    let (lobby, board) = (api.channel("PUBLIC", "lobby").await, api.channel("PRIVATE", "board").await);
    api.member(&board, id(&user)).await;
    let stays = api.message(&lobby, "this stays, <#board>").await;
    let goes = api.message(&board, "this goes").await;
    let reply = api.reply(&goes, "this goes too").await;
    let (reader, channel) = (id(&user), id(&board));
    let store = server.store();
    let live = store.write(move |tx| {
        let session = sessions::start(tx, 1, reader, "node", None, 0)?.expect("there is such a user");
        sessions::enter(tx, 1, session, channel, 0)
    });
    assert_eq!(live.await.map(|entered| entered.is_some()), Ok(true));
    import_many(&api, &board, None).await;

    api.delete(link(&board, "self")).await.ok();
    let again = api.channel("PRIVATE", "board").await;
    assert_ne!(again["id"], board["id"], "the name is free at once");
    hold_writers(&database);
    for gone in [&board, &goes, &reply] {
        assert_eq!(api.get(link(gone, "self")).await.status, 404, "{gone}");
    }
    for gone in [link(&board, "messages"), link(&goes, "thread"), link(&reply, "thread")] {
        assert_eq!(api.get(gone).await.status, 404, "{gone}");
    }
    for address in ["/v1/messages", "/v1/messages?query=this"] {
        assert_eq!(listed(&api, address, "messages", "id").await, [stays["id"].clone()], "{address}");
    }
    assert_eq!(listed(&api, "/v1/messages?query=many", "messages", "id").await, [""; 0]);
    assert_eq!(api.get(link(&stays, "self")).await.ok().get("mentions"), None);
    assert_eq!(listed(&api, "/v1/channels", "channels", "id").await, [lobby["id"].clone(), again["id"].clone()]);
    assert_eq!(listed(&api, "/v1/channels?type=PRIVATE", "channels", "id").await, [again["id"].clone()]);
    assert_eq!(listed(&api, "/v1/channels?members=asmith", "channels", "id").await, [""; 0]);
    for sort in ["id", "name"] {
        let address = format!("{}?sort={sort}", link(&user, "channels"));
        assert_eq!(listed(&api, &address, "channels", "id").await, [lobby["id"].clone()], "{address}");
    }
    assert_eq!(listed(&api, "/v1/chat-sessions", "sessions", "id").await, [""; 0]);
    assert_eq!(listed(&api, "/v1/user-sessions", "sessions", "state").await, ["ACTIVE"]);
    database.execute_batch("ROLLBACK").expect("others may write");
    until_removed(&database).await;
    assert_eq!(listed(&api, "/v1/messages", "messages", "id").await, [stays["id"].clone()]);
    assert_eq!(listed(&api, link(&user, "channels"), "channels", "id").await, [lobby["id"].clone()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_while_what_it_uses_is_deleted() {
    let server = Server::start().await;
    let database = open(&server.database);
    let api = server.application().await;
    let lobby = api.channel("PUBLIC", "lobby").await;
    api.user("asmith").await;
    let (changing, latest) = (AtomicBool::new(true), AtomicI64::new(id(&lobby)));
    let change = async {
        for round in 0..6 {
            let user = api.user("jdoe").await;
            let channel =
                api.post("/v1/channels", json!({"type": "PRIVATE", "name": "board", "creator": {"username": "jdoe"}}));
            let channel = channel.await.ok();
            api.member(&lobby, id(&user)).await;
            let pair = json!([{"username": "jdoe"}, {"username": "asmith"}]);
            api.post("/v1/channels", json!({"type": "DIRECT", "members": pair})).await.ok();
            let items = (0..300).map(|n| {
                let channel = if n % 2 == 0 { &channel } else { &lobby };
                json!({"type": "TEXT", "channelId": channel["id"], "body": "jdoe was here", "user": "jdoe"})
            });
            api.import("/v1/imports/messages", &items.collect()).await;
            latest.store(id(&channel), Ordering::Relaxed);
            let gone = if round % 2 == 0 { [&user, &channel] } else { [&channel, &user] };
            for gone in gone {
                api.delete(link(gone, "self")).await.ok();
                assert_eq!(api.get(link(gone, "self")).await.status, 404);
            }
        }
        changing.store(false, Ordering::Relaxed);
    };
    let read = async {
        while changing.load(Ordering::Relaxed) {
            let channel = format!("/v1/channels/{}", latest.load(Ordering::Relaxed));
            listed(&api, "/v1/users", "users", "id").await;
            listed(&api, "/v1/channels?members=asmith", "channels", "id").await;
            listed(&api, "/v1/channels", "channels", "id").await;
            listed(&api, &format!("/v1/channels/{}/members", lobby["id"]), "users", "id").await;
            listed(&api, "/v1/messages?size=100&query=here", "messages", "id").await;
            listed(&api, "/v1/messages?size=100", "messages", "id").await;
            for address in ["messages", "members", "moderators"].map(|list| format!("{channel}/{list}")) {
                let answer = api.get(&address).await;
                assert!([200, 404].contains(&answer.status.as_u16()), "{address}: {answer:?}");
            }
        }
    };
    let write = async {
        while changing.load(Ordering::Relaxed) {
            let channel = latest.load(Ordering::Relaxed);
            for (address, body) in [
                (format!("/v1/channels/{channel}/messages"), json!({"body": "<@jdoe>, where are you?"})),
                (format!("/v1/channels/{channel}/members"), json!({"username": "asmith"})),
                (link(&lobby, "messages").to_owned(), json!({"body": "Hello", "user": {"username": "jdoe"}})),
                (link(&lobby, "messages").to_owned(), json!({"body": "<@jdoe> <#board>"})),
            ] {
                let answer = api.post(&address, body).await;
                assert!([200, 400, 404].contains(&answer.status.as_u16()), "{address}: {answer:?}");
            }
        }
    };
    tokio::join!(change, read, write);
    until_removed(&database).await;
    assert_eq!(listed(&api, "/v1/users", "users", "name").await, ["asmith"]);
    assert_eq!(listed(&api, "/v1/channels", "channels", "name").await, ["lobby"]);
    assert_eq!(listed(&api, "/v1/messages?username=asmith", "messages", "id").await, [""; 0]);
}

fn serving(folder: &Path) -> Serving {
    Serving::start_with(folder, |command| {
        command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
    })
}

#[tokio::test]
async fn a_killed_server_goes_on_removing_what_was_deleted() {
    for deleted in ["/v1/channels/1", "/v1/applications/me"] {
        let folder = tempdir().expect("a folder");
        let server = serving(folder.path());
        let token = server.token("acme", "acmesecret").await;
        server.post("/v1/channels", &token, json!({"type": "PUBLIC", "name": "lobby"})).await.ok();
        let item = |n: usize| json!({"type": "SYSTEM_TEXT", "channelId": 1, "body": format!("m{n}"), "idempotencyKey": n.to_string()});
        let items: Vec<Value> = (0..3000).map(item).collect();
        let sending = server.request(Method::POST, "/v1/imports/messages", &token).json(&items);
        let job = Answer::of(sending).await.body;
        let path = format!("/v1/jobs/{}", job["id"]);
        while server.get(&path, &token).await.ok().get("endedTime").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let gone = Answer::of(server.request(Method::DELETE, deleted, &token)).await;
        assert_eq!(gone.status, 200, "{gone:?}");
        server.program.signal("KILL");
        server.program.finish();
        let database = Connection::open(folder.path().join("test.db")).expect("the database opens");
        let messages = || count(&database, "SELECT count(*) FROM messages");
        assert!(messages() > 0, "everything was gone before the program was killed: delete more");
        let server = serving(folder.path());
        let patience = Instant::now() + Duration::from_secs(60);
        while messages() > 0 {
            assert!(Instant::now() < patience, "the removal of {deleted} does not go on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if deleted == "/v1/applications/me" {
            until_gone(&database, 1).await;
        }
        // Without an application, the start has made another one.
        assert_eq!(server.ask_token("acme", "acmesecret").await.status, 200);
        server.stop();
        assert_eq!(faults(&database), [""; 0]);
    }
}
