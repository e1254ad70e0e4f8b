//! Deletions leave nothing behind: no row in any table and no file.

use crate::child::Serving;
use crate::support::{Answer, Caller, Server};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// Tables that belong to no application, and why.
const COMMON: [&str; 2] = ["file_removals", "sqlite_sequence"];

/// Gives an application something of every kind; a new table wants its line here.
async fn fill(api: &Caller<'_>) {
    let user = api.user("jdoe").await;
    api.user("asmith").await;
    let upload = Form::new().part("file", Part::bytes(b"GIF89a".as_slice()).file_name("jdoe.gif"));
    let picture = api.request(Method::POST, &format!("/v1/users/{}/display-picture", user["id"])).multipart(upload);
    Answer::of(picture).await.ok();
    let channel =
        api.post("/v1/channels", json!({"type": "PRIVATE", "name": "board", "creator": {"username": "jdoe"}}));
    let channel = channel.await.ok();
    let of_channel = |collection: &str| format!("/v1/channels/{}/{collection}", channel["id"]);
    api.post(&of_channel("moderators"), json!({"username": "jdoe"})).await.ok();
    api.post(&of_channel("invites"), json!({"user": {"username": "asmith"}})).await.ok();
    api.message(&channel, "Hello").await;
    api.post(&of_channel("messages"), json!({"body": "Hello", "user": {"username": "jdoe"}})).await.ok();
    let items = json!([{"name": "imported", "idempotencyKey": "1"}, {"name": "jdoe"}]);
    api.import("/v1/imports/users", &items).await;
    api.ended(&Answer::of(api.request(Method::POST, "/v1/analytics/users")).await.body).await;
}

/// How many rows of an application each table has that has such rows at all.
fn rows(database: &Connection, application: i64) -> Vec<(String, i64)> {
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table'";
    let mut names = database.prepare(names).expect("a statement");
    let names: Vec<String> =
        names.query_map([], |row| row.get(0)).expect("tables").collect::<Result<_, _>>().expect("names");
    let mut counts = Vec::new();
    for table in names {
        let has = |column: &str| {
            let sql = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
            database.query_row(sql, [&table, column], |row| row.get::<_, i64>(0)).expect("a count") > 0
        };
        let column = match (has("application_id"), table.as_str()) {
            (true, _) => "application_id",
            (false, "applications") => "id",
            (false, name) => {
                assert!(
                    COMMON.contains(&name),
                    "{name} names no application: give it that column, or name it in COMMON"
                );
                continue;
            }
        };
        let sql = format!("SELECT count(*) FROM {table} WHERE {column} = ?1");
        counts.push((table, database.query_row(&sql, [application], |row| row.get(0)).expect("a count")));
    }
    counts
}

fn open(database: &str) -> Connection {
    Connection::open(database.trim_start_matches("sqlite:")).expect("the database opens a second time")
}

/// Waits until an application has left nothing in any table.
async fn until_gone(database: &Connection, application: i64) {
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
    for (table, count) in &before {
        assert!(*count > 0, "`fill` leaves {table} empty: have it put something there, so that its deletion is tested");
    }
    let address =
        other.get("/v1/application").await.ok()["_links"]["self"]["href"].as_str().expect("a link").to_owned();
    other.delete(&address).await.ok();
    assert_eq!(other.get("/v1/application").await.status, 401, "it is gone at once, whatever is left of it");
    until_gone(&database, 2).await;
    assert_eq!(rows(&database, 1), before);
    api.delete("/v1/applications/me").await.ok();
    until_gone(&database, 1).await;
    // A server that stops has swept.
    server.stop().await;
    let due = database.query_row("SELECT count(*) FROM file_removals", [], |row| row.get::<_, i64>(0));
    assert_eq!(due.expect("a count"), 0);
    let files: Vec<_> = std::fs::read_dir(server.files()).expect("the folder of files").collect();
    assert!(files.is_empty(), "files without an owner: {files:?}");
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

fn serving(folder: &Path) -> Serving {
    Serving::start_with(folder, |command| {
        command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
    })
}

#[tokio::test]
async fn a_killed_server_goes_on_removing_what_was_deleted() {
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
    let gone = Answer::of(server.request(Method::DELETE, "/v1/applications/me", &token)).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    server.program.signal("KILL");
    server.program.finish();
    let database = Connection::open(folder.path().join("test.db")).expect("the database opens");
    let left = rows(&database, 1).into_iter().find(|(table, _)| table == "messages").expect("a table of messages").1;
    assert!(left > 0, "everything was gone before the program was killed: delete more");
    let server = serving(folder.path());
    until_gone(&database, 1).await;
    // The database had no application any more, so the start has made another one.
    assert_eq!(server.ask_token("acme", "acmesecret").await.status, 200);
    server.stop();
}
