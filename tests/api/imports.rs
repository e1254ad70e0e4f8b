//! Imports: each item by the rules that hold for one, all items or a report of why not, and nothing twice.

use crate::child::Serving;
use crate::support::{Answer, Caller, Server};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tempfile::tempdir;

/// `done`, `skipped` and `failed` of a job that has ended.
fn progress(job: &Value) -> (i64, i64, i64) {
    let count = |name: &str| job["progress"][name].as_i64().unwrap_or_else(|| panic!("no {name} in {job}"));
    (count("done"), count("skipped"), count("failed"))
}

/// The lines of a job's report: index, field and code.
async fn report(api: &Caller<'_>, job: &Value) -> Vec<(i64, String, String)> {
    let line = |line: Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned();
        assert!(!text("message").is_empty(), "{line}");
        (line["index"].as_i64().unwrap_or_else(|| panic!("no index in {line}")), text("field"), text("code"))
    };
    api.lines(job).await.into_iter().map(line).collect()
}

fn told(lines: &[(i64, String, String)]) -> Vec<(i64, &str, &str)> {
    lines.iter().map(|(index, field, code)| (*index, field.as_str(), code.as_str())).collect()
}

#[tokio::test]
async fn users_are_imported_and_faulty_ones_reported() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("taken").await;
    let picture =
        json!({"url": "https://files.example.com/a.png", "name": "a.png", "contentType": "image/png", "size": 9});
    let job = api
        .import(
            "/v1/imports/users",
            &json!([
                {"name": "gmurphy", "displayName": "Grace", "guest": true, "properties": {"team": 7}, "displayPicture": picture},
                {"name": "taken"},
                {"displayName": 4},
                {"name": "gmurphy"},
                7,
                {"name": "older", "isGuest": true},
            ]),
        )
        .await;
    assert_eq!((job["state"].as_str(), progress(&job)), (Some("FINISHED"), (2, 0, 4)), "{job}");
    let lines = report(&api, &job).await;
    let expected = [
        (1, "name", "already_exists"),
        (2, "name", "missing_field"),
        (2, "displayName", "invalid"),
        (3, "name", "already_exists"),
        (4, "", "invalid"),
    ];
    assert_eq!(told(&lines), expected);
    let users = api.get("/v1/users?name=gmurphy").await.ok();
    let user = &users["_embedded"]["users"][0];
    assert_eq!(
        (&user["displayName"], &user["isGuest"], &user["properties"], &user["displayPictureUrl"]),
        (&json!("Grace"), &json!(true), &json!({"team": 7}), &json!("https://files.example.com/a.png")),
    );
    let page = api.get("/v1/users").await.ok();
    assert_eq!(page["page"]["totalElements"], 3);
}

#[tokio::test]
async fn channels_are_imported_with_users_by_name() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jdoe").await;
    api.user("asmith").await;
    let job = api
        .import(
            "/v1/imports/channels",
            &json!([
                {"type": "PUBLIC", "name": "lobby", "creator": "jdoe", "members": ["asmith"]},
                {"type": "PRIVATE", "name": "board", "members": ["nobody"]},
                {"type": "DIRECT", "members": ["jdoe", "asmith"]},
                {"type": "DIRECT", "members": ["jdoe"]},
                {"type": "OPEN", "name": "open"},
                {"type": "PRIVATE", "name": "lobby", "creator": "nobody"},
            ]),
        )
        .await;
    assert_eq!((job["state"].as_str(), progress(&job)), (Some("FINISHED"), (2, 0, 4)), "{job}");
    let lines = report(&api, &job).await;
    let expected = [
        (1, "members[0]", "missing"),
        (3, "members", "unprocessable"),
        (4, "type", "invalid"),
        (5, "creator", "missing"),
    ];
    assert_eq!(told(&lines), expected);
    let channels = api.get("/v1/channels?members=jdoe&members=asmith").await.ok();
    assert_eq!(channels["page"]["totalElements"], 2, "{channels}");
}

#[tokio::test]
async fn members_are_imported_into_a_group_channel() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jdoe").await;
    api.user("asmith").await;
    let channel = api.post("/v1/channels", json!({"type": "PRIVATE", "creator": {"username": "jdoe"}})).await.ok();
    let path = format!("/v1/imports/channels/{}/members", channel["id"]);
    let items = json!([{"username": "asmith"}, {"username": "jdoe"}, {"username": "nobody"}, {"username": "asmith"}]);
    let job = api.import(&path, &items).await;
    assert_eq!((job["type"].as_str(), progress(&job)), (Some("CHANNEL_MEMBERS_IMPORT"), (1, 0, 3)), "{job}");
    let lines = report(&api, &job).await;
    let expected = [(1, "username", "already_exists"), (2, "username", "missing"), (3, "username", "already_exists")];
    assert_eq!(told(&lines), expected);
    let open = api.channel("OPEN", "open").await;
    let path = format!("/v1/imports/channels/{}/members", open["id"]);
    api.post(&path, json!([{"username": "jdoe"}])).await.faults(&[("id", "unprocessable")]);
    assert_eq!(api.post("/v1/imports/channels/999/members", json!([])).await.status, 404);
}

#[tokio::test]
async fn messages_are_imported_in_their_order() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jdoe").await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let open = api.channel("OPEN", "open").await;
    let job = api
        .import(
            "/v1/imports/messages",
            &json!([
                {"type": "TEXT", "channelId": channel["id"], "user": "jdoe", "body": "first", "groupTag": "a"},
                {"type": "SYSTEM_TEXT", "channelId": channel["id"], "body": "second", "properties": {"a": [1]}},
                {"type": "TEXT", "channelId": channel["id"], "body": "whose?"},
                {"type": "TEXT", "channelId": channel["id"], "user": "nobody", "body": "whose?"},
                {"type": "SYSTEM_TEXT", "channelId": 999, "body": "where?"},
                {"type": "SYSTEM_TEXT", "channelId": open["id"], "body": "kept?"},
                {"type": "FILE", "channelId": channel["id"]},
            ]),
        )
        .await;
    assert_eq!((job["state"].as_str(), progress(&job)), (Some("FINISHED"), (2, 0, 5)), "{job}");
    let lines = report(&api, &job).await;
    let expected = [
        (2, "user", "missing_field"),
        (3, "user", "missing"),
        (4, "channelId", "missing"),
        (5, "channelId", "unprocessable"),
        (6, "type", "invalid"),
    ];
    assert_eq!(told(&lines), expected);
    let page = api.get(&format!("/v1/channels/{}/messages", channel["id"])).await.ok();
    let messages = page["_embedded"]["messages"].as_array().expect("messages");
    let bodies: Vec<_> = messages.iter().map(|message| message["body"].as_str().expect("a text")).collect();
    assert_eq!(bodies, ["second", "first"]);
    assert_eq!((&messages[1]["user"]["name"], &messages[1]["groupTag"]), (&json!("jdoe"), &json!("a")));
}

#[tokio::test]
async fn an_item_with_a_known_key_is_skipped() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    let other = api.channel("PUBLIC", "other").await;
    let message =
        |key: &str, name: &str| json!({"type": "SYSTEM_TEXT", "channelId": channel["id"], "body": key, name: key});
    let items = json!([
        message("a", "idempotencyKey"),
        message("b", "id"),
        message("a", "id"),
        message("a", "idempotencyKey"),
        {"type": "SYSTEM_TEXT", "channelId": 999, "body": "c", "idempotencyKey": "c"},
    ]);
    let job = api.import("/v1/imports/messages", &items).await;
    assert_eq!(progress(&job), (2, 2, 1), "{job}");
    // The same file again, after its fault was mended: only that item is imported.
    let mut mended = items.clone();
    mended[4]["channelId"] = channel["id"].clone();
    let job = api.import("/v1/imports/messages", &mended).await;
    assert_eq!(progress(&job), (1, 4, 0), "{job}");
    let page = api.get(&format!("/v1/channels/{}/messages", channel["id"])).await.ok();
    assert_eq!(page["_embedded"]["messages"].as_array().map(Vec::len), Some(3), "{page}");

    // Keys are told apart by kind, by the channel that members join, and by application.
    let job = api.import("/v1/imports/users", &json!([{"name": "jdoe", "idempotencyKey": "a"}])).await;
    assert_eq!(progress(&job), (1, 0, 0), "{job}");
    for (channel, expected) in [(&channel, (1, 0, 0)), (&other, (1, 0, 0)), (&channel, (0, 1, 0))] {
        let path = format!("/v1/imports/channels/{}/members", channel["id"]);
        let job = api.import(&path, &json!([{"username": "jdoe", "idempotencyKey": "a"}])).await;
        assert_eq!(progress(&job), expected, "{job}");
    }
    let stranger = server.another_application().await;
    let job = stranger.import("/v1/imports/users", &json!([{"name": "jdoe", "idempotencyKey": "a"}])).await;
    assert_eq!(progress(&job), (1, 0, 0), "{job}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_to_its_end_fails_where_it_breaks() {
    let server = Server::start().await;
    let api = server.application().await;
    let long = format!("[{{\"name\":\"{}\"}}]", "x".repeat(17 << 20));
    let cases: [(&str, i64, &str); 9] = [
        ("{'name': 'a', 'displayName': 'A'}", 0, "array"),
        ("{\"name\": \"a\"}", 0, "array"),
        ("\"users\"", 0, "array"),
        ("users", 0, "not JSON"),
        (" ", 0, "half-way"),
        ("[{\"name\": \"b1\"}, {\"name\": \"b2\"}", 2, "half-way"),
        ("[{\"name\": \"c1\"}, {\"name\": ", 1, "half-way"),
        ("[{\"name\": \"d1\"}] []", 1, "not JSON"),
        (&long, 0, "longer than"),
    ];
    let mut expected = 0;
    for (text, index, words) in cases {
        let shown = &text[..text.len().min(60)];
        let job = api.import_text("/v1/imports/users", text).await;
        assert_eq!((job["state"].as_str(), progress(&job)), (Some("FAILED"), (index, 0, 0)), "{shown} {job}");
        let lines = api.lines(&job).await;
        let [line] = &lines[..] else { panic!("{shown}: {lines:?}") };
        assert_eq!((&line["index"], &line["field"], &line["code"]), (&json!(index), &json!("file"), &json!("invalid")));
        assert!(line["message"].as_str().is_some_and(|message| message.contains(words)), "{shown}: {line}");
        expected += index;
    }
    let page = api.get("/v1/users").await.ok();
    assert_eq!(page["page"]["totalElements"], expected, "what came before the break is imported");
}

#[tokio::test]
async fn an_item_that_cannot_be_kept_is_faulty_and_its_neighbours_are_not() {
    let server = Server::start().await;
    let api = server.application().await;
    let (open, close) = ("[".repeat(101), "]".repeat(101));
    let text = format!(
        "[{{\"name\": \"\\ud800\"}}, {{\"name\": \"deep\", \"properties\": {{\"a\": {open}{close}}}}}, \
         {{\"name\": \"long\", \"properties\": {{\"a\": \"{}\"}}}}, {{\"name\": \"endless\", \"properties\": {{\"a\": 1e999}}}}, \
         {{\"name\": \"good\"}}]",
        "x".repeat(270_000)
    );
    let job = api.import_text("/v1/imports/users", &text).await;
    assert_eq!((job["state"].as_str(), progress(&job)), (Some("FINISHED"), (1, 0, 4)), "{job}");
    let lines = report(&api, &job).await;
    assert_eq!(told(&lines), [0, 1, 2, 3].map(|index| (index, "", "invalid")));
}

#[tokio::test]
async fn a_request_without_one_whole_file_is_refused_at_once() {
    let server = Server::start().await;
    let api = server.application().await;
    let send = |form: Form| api.request(Method::POST, "/v1/imports/users").multipart(form);
    let part = |text: &str| Part::text(text.to_owned());
    Answer::of(send(Form::new().part("items", part("[]").file_name("a.json"))))
        .await
        .faults(&[("file", "missing_field")]);
    Answer::of(send(Form::new().text("items", "[]"))).await.faults(&[("file", "missing_field")]);
    Answer::of(send(Form::new().part("file", part("")))).await.faults(&[("file", "invalid")]);
    let two = Form::new().part("file", part("[]")).part("file", part("[]"));
    Answer::of(send(two)).await.faults(&[("file", "invalid")]);
    let csv = api.request(Method::POST, "/v1/imports/users").header("content-type", "text/csv").body("name\njdoe");
    assert_eq!(Answer::of(csv).await.status, 415);
    let endless = api.request(Method::POST, "/v1/imports/users").header("content-type", "application/json");
    let endless = endless.header("content-length", "2147483649");
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    assert_eq!(Answer::of(endless.body(reqwest::Body::wrap_stream(never))).await.status, 413);
    let half = "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n[{\"name\":\"a\"}";
    let half = api
        .request(Method::POST, "/v1/imports/users")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(half);
    assert_eq!(Answer::of(half).await.status, 400);
    assert_eq!(api.get("/v1/jobs").await.ok()["page"]["totalElements"], 0);
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 0);
}

#[tokio::test]
async fn the_type_and_name_that_a_part_claims_do_not_matter() {
    let server = Server::start().await;
    let api = server.application().await;
    let part =
        Part::text("[{\"name\": \"jdoe\"}]").file_name("../../etc/passwd").mime_str("image/png").expect("a type");
    let sending = api.request(Method::POST, "/v1/imports/users").multipart(Form::new().part("file", part));
    let answer = Answer::of(sending).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(progress(&api.ended(&answer.body).await), (1, 0, 0));
}

#[tokio::test]
async fn two_imports_of_one_file_at_the_same_time_import_it_once() {
    let server = Server::start().await;
    let api = server.application().await;
    let items: Vec<_> =
        (0..600).map(|n| json!({"name": format!("user-{n}"), "idempotencyKey": n.to_string()})).collect();
    let items = Value::Array(items);
    let (one, other) = tokio::join!(api.import("/v1/imports/users", &items), api.import("/v1/imports/users", &items));
    let mut counts = [progress(&one), progress(&other)];
    counts.sort_unstable();
    assert_eq!(counts, [(0, 600, 0), (600, 0, 0)]);
}

/// Messages with bodies of their own, and no keys that would hide it if one were imported twice.
fn messages(count: usize) -> String {
    let items: Vec<_> =
        (0..count).map(|n| json!({"type": "SYSTEM_TEXT", "channelId": 1, "body": format!("m{n}")})).collect();
    Value::Array(items).to_string()
}

/// Checks that each of the messages was imported, once and in its place.
fn check_messages(folder: &std::path::Path, count: usize) {
    let connection = rusqlite::Connection::open(folder.join("test.db")).expect("the database opens");
    let mut statement = connection.prepare("SELECT body FROM messages ORDER BY id").expect("a statement");
    let bodies = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    let bodies: Vec<String> = bodies.collect::<Result<_, _>>().expect("texts");
    let expected: Vec<String> = (0..count).map(|n| format!("m{n}")).collect();
    assert!(bodies == expected, "{} messages instead of {count}, or in another order", bodies.len());
}

async fn begin(server: &Serving, token: &str, count: usize) -> String {
    server.post("/v1/channels", token, json!({"type": "PUBLIC", "name": "lobby"})).await.ok();
    let sending = server.request(Method::POST, "/v1/imports/messages", token);
    let answer = Answer::of(sending.header("content-type", "application/json").body(messages(count))).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    format!("/v1/jobs/{}", answer.body["id"])
}

/// Follows a job until its progress is beyond `done`, and gives it.
async fn beyond(server: &Serving, token: &str, job: &str, done: i64) -> Value {
    loop {
        let job = server.get(job, token).await.ok();
        if job["progress"]["done"].as_i64().is_some_and(|now| now > done) || job.get("endedTime").is_some() {
            return job;
        }
        tokio::task::yield_now().await;
    }
}

fn serving(folder: &std::path::Path) -> Serving {
    Serving::start_with(folder, |command| {
        command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
    })
}

#[tokio::test]
async fn an_import_goes_on_where_a_killed_server_left_it() {
    const COUNT: usize = 12_000;
    let folder = tempdir().expect("a folder");
    let mut server = serving(folder.path());
    let mut token = server.token("acme", "acmesecret").await;
    let job = begin(&server, &token, COUNT).await;
    let mut done = 0;
    for _ in 0..2 {
        let now = beyond(&server, &token, &job, done).await;
        assert!(now.get("endedTime").is_none(), "there is nothing left to interrupt: {now}");
        done = now["progress"]["done"].as_i64().expect("a count");
        server.program.signal("KILL");
        assert_eq!(server.program.finish().code, None, "the program is to end by the signal");
        server = serving(folder.path());
        token = server.token("acme", "acmesecret").await;
    }
    let ended = beyond(&server, &token, &job, i64::MAX).await;
    assert_eq!((ended["state"].as_str(), progress(&ended)), (Some("FINISHED"), (12_000, 0, 0)), "{ended}");
    assert_eq!(server.stop().code, Some(0));
    check_messages(folder.path(), COUNT);
}

#[tokio::test]
async fn a_server_that_stops_in_order_puts_its_jobs_down() {
    const COUNT: usize = 12_000;
    let folder = tempdir().expect("a folder");
    let server = serving(folder.path());
    let token = server.token("acme", "acmesecret").await;
    let job = begin(&server, &token, COUNT).await;
    beyond(&server, &token, &job, 0).await;
    assert_eq!(server.stop().code, Some(0));
    let connection = rusqlite::Connection::open(folder.path().join("test.db")).expect("the database opens");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?));
    let left = connection.query_row("SELECT state, lease_holder FROM jobs", [], read).expect("a job");
    assert_eq!(left, ("PENDING".to_owned(), None), "the next server need not wait for a lease");
    let server = serving(folder.path());
    let token = server.token("acme", "acmesecret").await;
    let ended = beyond(&server, &token, &job, i64::MAX).await;
    assert_eq!((ended["state"].as_str(), progress(&ended)), (Some("FINISHED"), (12_000, 0, 0)), "{ended}");
    server.stop();
    check_messages(folder.path(), COUNT);
}
