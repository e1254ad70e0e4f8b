//! The API from the command line: `chatkitty <noun> <verb> …` as a process, against a server.

use crate::child::{Finished, Program, Serving, command, run};
use clap::Command as Clap;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::{TempDir, tempdir};

const SECRET: &str = "acmesecret-that-nobody-may-see";

/// A server, and a folder to call it from.
struct World {
    folder: TempDir,
    server: Serving,
}

impl World {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let server = Serving::start_with(folder.path(), |serve| {
            serve.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", SECRET);
        });
        World { folder, server }
    }

    /// The program, told by its environment where the server is and who calls.
    fn call(&self, arguments: &[&str]) -> Command {
        let mut call = command(self.folder.path(), arguments);
        call.env("CHATKITTY_URL", &self.server.url);
        call.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", SECRET);
        call
    }

    /// Runs a command that succeeds without a word.
    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        run(self.call(arguments)).ok()
    }

    /// The same, with JSON.
    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Asks for a job again until it has ended.
    fn ended(&self, job: &Value) -> Value {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let now = self.json(&["jobs", "get", &job["id"].to_string()]);
            if now.get("endedTime").is_some() {
                return now;
            }
            assert!(Instant::now() < patience, "the job runs on and on: {now}");
        }
    }

    fn users(&self, names: &[&str]) {
        names.iter().for_each(|name| drop(self.ok(&["users", "create", "--name", name])));
    }
}

/// Runs a command with this file as its standard input.
fn run_reading(mut command: Command, stdin: impl Into<Stdio>) -> Finished {
    let output = command.stdin(stdin).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn document() -> Value {
    serde_json::from_str(include_str!("../../generated/openapi.json")).unwrap()
}

/// The commands that have no further ones below them, with the words that lead there.
fn leaves<'c>(command: &'c Clap, words: &[&'c str], found: &mut Vec<(Vec<&'c str>, &'c Clap)>) {
    if command.get_subcommands().next().is_none() {
        found.push((words.to_vec(), command));
    }
    for inner in command.get_subcommands() {
        leaves(inner, &[words, &[inner.get_name()]].concat(), found);
    }
}

/// A text whatever its line breaks.
fn words_of(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_operation_has_its_command() {
    let command = chatkitty_platform::cli::command();
    command.clone().debug_assert();
    let own: Vec<_> =
        ["serve", "app", "audit", "tail", "openapi", "completions", "man", "environment", "exit-codes"].into();
    let mut found = Vec::new();
    leaves(&command, &[], &mut found);
    found.retain(|(words, _)| !own.contains(&words[0]));

    let document = document();
    let operations = document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters");
        methods.map(move |(_, operation)| (path, item, operation))
    });
    let mut called = 0;
    for (path, item, operation) in operations {
        let id = operation["operationId"].as_str().unwrap();
        let summary = operation["summary"].as_str().unwrap();
        let told = words_of(&format!("{summary}. {}", operation["description"].as_str().unwrap()));
        let is_it = |leaf: &Clap| leaf.get_long_about().is_some_and(|about| words_of(&about.to_string()) == told);
        let mut leaves = found.iter().filter(|(_, leaf)| is_it(leaf));
        let leaf = leaves.next();
        if path.starts_with("/oauth/") {
            assert!(leaf.is_none(), "{id} takes credentials, which have no place on a command line");
            continue;
        }
        let (words, _) = leaf.unwrap_or_else(|| panic!("{id} has no command; it should be told as {told:?}"));
        assert!(leaves.next().is_none(), "two operations are told as {told:?}: give each its own words");
        called += 1;

        let resolve = |value: &'_ Value| match value["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
            None => value.clone(),
        };
        let mut line: Vec<String> = ["chatkitty"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        let bare = line.clone();
        let lists = [&item["parameters"], &operation["parameters"]];
        for parameter in lists.into_iter().filter_map(Value::as_array).flatten().map(resolve) {
            let example = parameter["example"].as_str().map_or_else(|| parameter["example"].to_string(), str::to_owned);
            match (parameter["in"].as_str(), parameter["required"] == true) {
                (Some("path"), _) => line.push(example),
                (_, true) => line.extend([format!("--{}", parameter["name"].as_str().unwrap()), example]),
                _ => {}
            }
        }
        let content = operation["requestBody"]["content"].as_object();
        let media: BTreeSet<&str> =
            content.into_iter().flat_map(|content| content.keys()).map(String::as_str).collect();
        if media.iter().any(|media| media.ends_with("json")) {
            line.extend(["--json-body".to_owned(), "-".to_owned()]);
        }
        if let (Some(content), 1) = (content.filter(|content| content.contains_key("multipart/form-data")), media.len())
        {
            let schema = resolve(&content["multipart/form-data"]["schema"]);
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                line.extend([format!("--{name}"), "some.json".to_owned()]);
            }
        }
        command.clone().try_get_matches_from(&line).unwrap_or_else(|error| panic!("{id}: {line:?}\n{error}"));
        if line.len() > bare.len() {
            let refused = command.clone().try_get_matches_from(&bare);
            let optional =
                operation["requestBody"]["required"] != true && !line.iter().any(|word| !word.starts_with('-'));
            assert!(
                refused.is_err() || optional || media.iter().any(|media| media.ends_with("json")),
                "{id}: {bare:?}"
            );
        }
    }
    assert_eq!(called, found.len(), "each command belongs to an operation");
}

#[tokio::test]
async fn answers_are_tables_for_people_and_json_for_programs() {
    let world = World::new();
    let made = world.ok(&["users", "create", "--name", "ada", "--display-name", "Ada Lovelace"]);
    assert!(made.starts_with("id                 1\ntype               PERSON\nname               ada\n"), "{made}");
    world.ok(&["users", "create", "--name", "bob", "--is-guest"]);

    let list = world.ok(&["users", "list"]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(lines[0], "ID  TYPE    NAME  DISPLAY NAME  IS GUEST  PRESENCE", "{list}");
    assert_eq!(lines[1], "1   PERSON  ada   Ada Lovelace  false     UNAVAILABLE", "{list}");
    assert_eq!(lines.len(), 3, "{list}");

    let page = world.json(&["users", "list", "--sort", "name,desc", "--sort", "id"]);
    let names: Vec<_> = page["_embedded"]["users"].as_array().unwrap().iter().map(|user| &user["name"]).collect();
    assert_eq!(names, ["bob", "ada"], "the page as it is, in the order that was asked for");
    assert_eq!(world.json(&["users", "get", "2"])["isGuest"], true, "`get` is short for `retrieve`");
}

#[tokio::test]
async fn all_pages_are_followed_with_one_object_a_line() {
    let world = World::new();
    world.users(&["a", "b", "c", "d", "e"]);
    let text = world.ok(&["users", "list", "--size", "2", "--all", "--json"]);
    let names: Vec<Value> =
        text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an object")["name"].take()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(world.ok(&["users", "list", "--size", "2", "--all"]).lines().count(), 6, "a heading and five users");

    let part = run(world.call(&["users", "list", "--size", "2"]));
    assert_eq!((part.code, part.stdout.lines().count()), (Some(0), 3), "{part:?}");
    assert!(part.stderr.contains("--all"), "a page that is not the last says how to see the rest: {part:?}");
}

#[tokio::test]
async fn bodies_come_from_flags_files_and_paths() {
    let world = World::new();
    world.users(&["ada", "bob"]);
    let folder = world.folder.path();

    let direct = world.json(&[
        "channels",
        "create",
        "--type",
        "DIRECT",
        "--members",
        "id=1",
        "--members",
        r#"{"username": "bob"}"#,
    ]);
    assert_eq!(direct["members"].as_array().map(Vec::len), Some(2), "{direct}");

    let file = folder.join("channel.json");
    std::fs::write(&file, json!({"type": "PUBLIC", "name": "hall", "displayName": "Hall"}).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let hall =
        world.json(&["channels", "create", "--json-body", file, "--name", "lobby", "--set", "properties.floor=2"]);
    let (name, shown) = (&hall["name"], &hall["displayName"]);
    assert_eq!((name, shown, &hall["properties"]["floor"]), (&json!("lobby"), &json!("Hall"), &json!(2)));

    let read = run_reading(world.call(&["users", "create", "--json-body", "-", "--json"]), pipe(r#"{"name": "eve"}"#));
    assert_eq!(serde_json::from_str::<Value>(&read.stdout).unwrap()["name"], "eve", "{read:?}");

    let id = hall["id"].to_string();
    let said = world.json(&[
        "channels",
        "messages",
        "send",
        &id,
        "--body",
        "Hello",
        "--user-id",
        "1",
        "--properties",
        "a=1,b=x",
    ]);
    assert_eq!((&said["user"]["name"], &said["properties"]), (&json!("ada"), &json!({"a": 1, "b": "x"})));
    let set = world.json(&[
        "channels",
        "create",
        "--set",
        "type=DIRECT",
        "--set",
        "members.0.id=1",
        "--set",
        "members.1.id=3",
    ]);
    assert_eq!(set["members"][1]["name"], "eve", "{set}");
}

/// Standard input with this text.
fn pipe(text: &str) -> std::io::PipeReader {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader
}

#[tokio::test]
async fn wrong_requests_name_each_fault() {
    let world = World::new();
    world.users(&["ada"]);
    run(world.call(&["users", "create", "--name", "ada"]))
        .failed(1, &["name: another user has this name (already_exists)"]);
    let faults = &["users", "create", "--name", "", "--set", "displayName="];
    run(world.call(faults)).failed(1, &["name:", "displayName:", "help:"]);
}

#[tokio::test]
async fn wrong_command_lines_say_what_would_be_right() {
    let world = World::new();
    let wrong: &[(&[&str], &[&str])] = &[
        (&["user", "list"], &["'users'"]),
        (&["users", "crate"], &["'create'"]),
        (&["users"], &["list", "create", "retrieve", "delete"]),
        (&["users", "create"], &["--name <NAME>"]),
        (&["users", "retrieve"], &["<ID>"]),
        (&["users", "retrieve", "ada"], &["'ada'", "<ID>"]),
        (&["users", "list", "--siz", "1"], &["'--size'"]),
        (&["channels", "create", "--type", "PUBIC"], &["'PUBLIC'", "OPEN, PUBLIC, PRIVATE, DIRECT"]),
        (&["channels", "create", "--type", "DIRECT", "--members", "ada"], &["--members takes JSON or name=value"]),
        (&["users", "create", "--json-body", "no.json"], &["cannot read no.json"]),
        (&["users", "create", "--set", "name"], &["PATH=VALUE"]),
        (&["users", "create", "--set", "name.first=a", "--name", "b"], &["no such place"]),
        (&["users", "create", "--set", "name=1"], &["no body for it"]),
        (&["users", "list", "--server", "localhost"], &["http://127.0.0.1:8080", "CHATKITTY_URL"]),
        (&["users", "list", "--client-secret", "x"], &["unexpected argument"]),
    ];
    for (arguments, words) in wrong {
        run(world.call(arguments)).failed(2, words);
    }
    let list = world.json(&["users", "list"]);
    assert_eq!(list["page"]["totalElements"], 0, "nothing was sent");
}

#[tokio::test]
async fn what_is_not_there_has_its_own_exit_code() {
    let world = World::new();
    run(world.call(&["users", "retrieve", "77"])).failed(5, &["user", "/v1/users/77", "help:"]);
    run(world.call(&["users", "check", "--name", "nobody"])).failed(5, &["HEAD /v1/users"]);
    run(world.call(&["channels", "messages", "send", "9", "--body", "x"])).failed(5, &["channel", "/v1/channels/9"]);
    world.users(&["ada"]);
    let found = run(world.call(&["users", "check", "--name", "ada"]));
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), "The user exists.\n"), "{found:?}");
}

#[tokio::test]
async fn who_is_not_signed_in_or_not_allowed_is_told_what_to_set() {
    let world = World::new();
    for missing in ["CHATKITTY_CLIENT_ID", "CHATKITTY_CLIENT_SECRET"] {
        let mut call = world.call(&["users", "list"]);
        call.env_remove(missing);
        run(call).failed(4, &["no credentials", "CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET"]);
    }
    let mut call = world.call(&["users", "list"]);
    call.env("CHATKITTY_CLIENT_SECRET", "wrong");
    run(call).failed(4, &["401", "check CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET"]);

    let app = ["app", "create", "Reader", "--scope", "read:user", "--database", "sqlite:test.db"];
    let made = run(command(world.folder.path(), app)).ok();
    let printed = |label: &str| made.lines().find_map(|line| line.strip_prefix(label)).unwrap().trim().to_owned();
    let mut call = world.call(&["channels", "list", "--client-id", &printed("client ID")]);
    call.env("CHATKITTY_CLIENT_SECRET", printed("client secret"));
    run(call).failed(4, &["read:channel", "help:", "scope"]);
}

#[test]
fn a_server_that_cannot_be_reached_has_its_own_exit_code() {
    let folder = tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let mut call = command(folder.path(), ["users", "list", "--server", &url]);
    call.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", SECRET);
    run(call).failed(7, &["cannot reach", &url, "refused", "`chatkitty serve`", "CHATKITTY_URL"]);
    run(command(folder.path(), ["health", "live", "check", "--server", &url])).failed(7, &["cannot reach", "refused"]);
}

#[test]
fn something_that_is_no_such_server_is_said_to_be_none() {
    let folder = tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
        stream.write_all(page.as_bytes()).unwrap();
    });
    run(command(folder.path(), ["health", "live", "check", "--server", &url]))
        .failed(1, &["does not speak this API", "--server", "without /v1"]);
    answering.join().unwrap();
}

#[test]
fn an_interrupted_command_ends_with_130() {
    let folder = tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let program = Program::spawn(command(folder.path(), ["health", "live", "check", "--server", &url]));
    // Whoever has connected listens for the signal by then.
    let _connection = silent.accept().unwrap();
    program.signal("INT");
    program.finish().failed(130, &["interrupted"]);
}

#[tokio::test]
async fn a_reader_that_has_gone_away_ends_a_call_quietly() {
    let world = World::new();
    world.users(&["ada", "bob", "eve"]);
    for arguments in
        [&["users", "list"][..], &["users", "list", "--size", "1", "--all", "--json"], &["users", "get", "1"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = world.call(arguments).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

/// A terminal: our end, and the end for a program.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("a terminal of our own");
    let name = ptsname(&ours, Vec::new()).expect("a terminal with a name");
    let noctty = i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap();
    let theirs = OpenOptions::new().read(true).write(true).custom_flags(noctty).open(name.to_str().unwrap());
    (File::from(ours), theirs.expect("the other end"))
}

/// What a program writes to a terminal.
fn shown(mut ours: File) -> String {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    // Once the other end is closed, reading fails.
    while let Ok(read @ 1..) = ours.read(&mut chunk) {
        text.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn deleting_asks_only_at_a_terminal() {
    let world = World::new();
    world.users(&["ada", "bob", "eve"]);
    let (mut ours, theirs) = terminal();
    ours.write_all(b"no\nyes\n").unwrap();
    let delete = |id| world.call(&["users", "delete", id]);
    run_reading(delete("1"), theirs.try_clone().unwrap())
        .failed(1, &["Delete a user 1?", "nothing was deleted", "--yes"]);
    assert_eq!(world.json(&["users", "get", "1"])["name"], "ada");
    let told = run_reading(delete("1"), theirs.try_clone().unwrap());
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stderr.contains("cannot be undone") && told.stderr.contains("The user is deleted"), "{told:?}");
    run(world.call(&["users", "get", "1"])).failed(5, &[]);

    let unasked = run_reading(world.call(&["users", "delete", "2", "--yes", "--json"]), theirs);
    assert_eq!((unasked.code, unasked.stderr.as_str()), (Some(0), ""), "--yes is asked nothing: {unasked:?}");
    let piped = run(delete("3"));
    assert_eq!(
        (piped.code, piped.stderr.contains("[y/N]")),
        (Some(0), false),
        "nobody is there to be asked: {piped:?}"
    );
}

#[tokio::test]
async fn a_terminal_is_coloured_unless_no_color_is_set() {
    let world = World::new();
    world.users(&["ada"]);
    let show = |change: &dyn Fn(&mut Command)| {
        let (ours, theirs) = terminal();
        let mut call = world.call(&["users", "list"]);
        call.env("TERM", "xterm").stdin(Stdio::null()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
        change(&mut call);
        let mut child = call.spawn().unwrap();
        drop(call);
        let text = shown(ours);
        assert!(child.wait().unwrap().success(), "{text}");
        text
    };
    let coloured = show(&|_| {});
    assert!(coloured.contains("\u{1b}[1m") && coloured.contains("ada"), "{coloured:?}");
    let plain = show(&|call| _ = call.env("NO_COLOR", "1"));
    assert!(!plain.contains('\u{1b}') && plain.contains("ada"), "{plain:?}");
}

#[tokio::test]
async fn what_people_write_does_not_reach_the_terminal_as_a_command() {
    let world = World::new();
    world.ok(&["channels", "create", "--type", "PUBLIC", "--name", "lobby"]);
    let said = world.ok(&["channels", "messages", "send", "1", "--body", "red \u{1b}[31m\nalert"]);
    assert!(said.contains("red  [31m alert") && !said.contains('\u{1b}'), "{said:?}");
    let json = world.json(&["messages", "retrieve", "1"]);
    assert_eq!(json["body"], "red \u{1b}[31m\nalert", "JSON has it as it is");
}

#[tokio::test]
async fn what_is_not_json_is_written_as_it_is() {
    let world = World::new();
    let text = world.ok(&["picture", "retrieve", "Ada L"]);
    assert!(text.starts_with("<svg"), "{text}");
    assert_eq!(world.ok(&["picture", "retrieve", "Ada L", "--output", "ada.svg"]), "");
    assert_eq!(std::fs::read_to_string(world.folder.path().join("ada.svg")).unwrap(), text.trim_end());
    assert!(world.ok(&["health", "ready", "check"]).contains("UP"));
}

#[tokio::test]
async fn files_are_sent_from_where_they_lie() {
    let world = World::new();
    world.users(&["ada"]);
    let picture = world.folder.path().join("dot.gif");
    std::fs::write(&picture, b"GIF89a\x01\0\x01\0\0\0\0;").unwrap();
    let update = ["users", "display-picture", "update", "1"];
    let user = world.json(&[&update[..], &["--file", picture.to_str().unwrap()]].concat());
    let at = user["displayPictureUrl"].as_str().unwrap();
    let served = world.server.http.get(at).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(served, std::fs::read(&picture).unwrap(), "{at}");

    let elsewhere = ["--url", "https://files.example.com/a.png", "--name", "a.png", "--content-type", "image/png"];
    let user = world.json(&[&update[..], &elsewhere, &["--size", "9"]].concat());
    assert_eq!(user["displayPictureUrl"], "https://files.example.com/a.png");

    run(world.call(&[&update[..], &["--file", "no.gif"]].concat())).failed(1, &["cannot send no.gif", "No such file"]);
    run(world.call(&update)).failed(2, &["--url <URL>"]);
}

#[tokio::test]
async fn an_import_is_started_watched_and_its_report_fetched() {
    let world = World::new();
    let items = json!([{"name": "ada", "idempotencyKey": "1"}, {"name": ""}, {"name": "grace"}]);
    std::fs::write(world.folder.path().join("users.json"), items.to_string()).unwrap();
    let job = world.json(&["imports", "users", "import", "--file", "users.json"]);
    assert_eq!(job["type"], "USER_IMPORT");
    let ended = world.ended(&job);
    let progress = json!({"done": 2, "failed": 1, "skipped": 0});
    assert_eq!((&ended["state"], &ended["progress"]), (&json!("FINISHED"), &progress), "{ended}");
    let names = world.ok(&["users", "list", "--json", "--all"]);
    assert!(names.contains("\"ada\"") && names.contains("\"grace\""), "{names}");
    let report = world.ok(&["jobs", "file", "retrieve", &job["id"].to_string()]);
    let fault: Value = serde_json::from_str(report.lines().next().unwrap()).unwrap();
    assert_eq!((&fault["index"], &fault["field"]), (&json!(1), &json!("name")), "{report}");

    let job = world.json(&["analytics", "users", "export"]);
    world.ended(&job);
    let fetch = ["jobs", "file", "retrieve", &job["id"].to_string(), "--output", "users.jsonl"];
    assert_eq!(world.ok(&fetch), "");
    let exported = std::fs::read_to_string(world.folder.path().join("users.jsonl")).unwrap();
    assert_eq!(exported.lines().count(), 2, "{exported}");
    assert!(world.ok(&["jobs", "list"]).contains("USER_ANALYTICS_EXPORT"));

    run(world.call(&["imports", "users", "import"])).failed(2, &["--file <FILE>"]);
}

#[tokio::test]
async fn the_secret_is_never_printed() {
    let world = World::new();
    let calls: &[&[&str]] = &[
        &["--help"],
        &["users", "list", "--help"],
        &["users", "create", "--help"],
        &["users", "list", "--json"],
        &["users", "get", "7"],
        &["users", "create"],
        &["users", "list", "--server", "http://127.0.0.1:1"],
        &["environment"],
        &["man"],
    ];
    for arguments in calls {
        let done = run(world.call(arguments));
        assert!(!format!("{done:?}").contains(SECRET), "{arguments:?}: {done:?}");
    }
}

#[test]
fn topics_manual_pages_and_completions_know_the_commands() {
    let folder = tempdir().unwrap();
    let ok = |arguments: &[&str]| run(command(folder.path(), arguments)).ok();
    for words in [&["help", "environment"][..], &["environment"]] {
        let text = ok(words);
        for variable in ["CHATKITTY_URL", "CHATKITTY_CLIENT_ID", "CHATKITTY_CLIENT_SECRET", "NO_COLOR"] {
            assert!(text.contains(variable), "{text}");
        }
    }
    for code in ["1 ", "2 ", "4 ", "5 ", "7 ", "130 "] {
        assert!(ok(&["help", "exit-codes"]).lines().any(|line| line.trim_start().starts_with(code)), "{code}");
    }
    for (shell, words) in [
        ("bash", "chatkitty__subcmd__channels__subcmd__messages"),
        ("zsh", "_chatkitty__subcmd__users"),
        ("fish", "messages"),
        ("powershell", "chatkitty;channels;messages"),
        ("elvish", "chatkitty;channels;messages"),
    ] {
        let script = ok(&["completions", shell]);
        assert!(script.contains(words), "{shell}: {}", script.lines().take(40).collect::<Vec<_>>().join("\n"));
    }
    assert!(ok(&["man"]).contains(".TH chatkitty 1"));
    ok(&["man", "pages"]);
    let page = |name: &str| folder.path().join("pages").join(name);
    let send = std::fs::read_to_string(page("chatkitty-channels-messages-send.1")).unwrap();
    assert!(send.contains("Send a message") && send.contains("body"), "{send}");
    assert!(Path::exists(&page("chatkitty-serve.1")));
}
