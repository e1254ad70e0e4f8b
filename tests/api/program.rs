//! `chatkitty serve` as a process: first credentials, restarts, flags and environment, signals.

use crate::child::{Serving, command, run};
use crate::support::Answer;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::tempdir;

/// Chooses the first application's credentials.
fn chosen(command: &mut Command) {
    command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
}

#[tokio::test]
async fn first_credentials_are_printed_with_a_curl_line_that_works() {
    let folder = tempdir().unwrap();
    let mut server = Serving::start(folder.path());
    let curl = loop {
        let line = server.program.line();
        if line.trim_start().starts_with("curl ") {
            break line;
        }
    };
    let words: Vec<_> = curl.split_whitespace().collect();
    let ["curl", "-u", credentials, "-d", form, url] = words[..] else { panic!("another curl line: {curl}") };
    let (id, secret) = credentials.split_once(':').expect("an id and a secret");
    let request = server.http.post(url).basic_auth(id, Some(secret));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    let token = Answer::of(request).await.ok();
    let token = token["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/applications/me", token).await.ok()["id"], 1);
}

#[tokio::test]
async fn a_restart_keeps_data_and_tokens_and_prints_no_credentials() {
    let folder = tempdir().unwrap();
    let first = Serving::start_with(folder.path(), chosen);
    let token = first.token("acme", "acmesecret").await;
    let made = first.post("/v1/users", &token, json!({"name": "ada"})).await.ok();
    assert_eq!(first.stop().code, Some(0));

    let second = Serving::start(folder.path());
    assert_eq!(second.get("/v1/users/1", &token).await.ok()["name"], made["name"]);
    let finished = second.stop();
    assert_eq!(finished.stdout.lines().count(), 1, "only the address is to be printed: {finished:?}");
}

#[tokio::test]
async fn chosen_credentials_work_and_their_secret_is_not_printed() {
    let folder = tempdir().unwrap();
    let server = Serving::start_with(folder.path(), chosen);
    server.token("acme", "acmesecret").await;
    let finished = server.stop();
    assert!(finished.stdout.contains("acme") && !finished.stdout.contains("acmesecret"), "{finished:?}");
    assert!(!finished.stderr.contains("acmesecret"), "{finished:?}");
}

#[tokio::test]
async fn chosen_credentials_change_nothing_once_there_is_an_application() {
    let folder = tempdir().unwrap();
    assert_eq!(Serving::start_with(folder.path(), chosen).stop().code, Some(0));
    let server = Serving::start_with(folder.path(), |command| {
        command.env("CHATKITTY_CLIENT_ID", "other").env("CHATKITTY_CLIENT_SECRET", "othersecret");
    });
    assert_eq!(server.ask_token("other", "othersecret").await.status, 401);
    server.token("acme", "acmesecret").await;
}

#[test]
fn every_flag_of_serve_has_an_environment_variable_of_its_name() {
    let folder = tempdir().unwrap();
    let help = run(command(folder.path(), ["serve", "--help"])).ok();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let flags: Vec<_> = help.match_indices(" --").map(|(at, _)| &help[at + 3..]).collect();
    assert!(flags.len() > 9, "{help}");
    for flag in flags {
        let name = flag.split(|c: char| c != '-' && !c.is_ascii_lowercase()).next().unwrap();
        let variable = format!("[env: CHATKITTY_{}=", name.to_uppercase().replace('-', "_"));
        assert!(name == "help" || flag.contains(&variable), "--{name} has no {variable}…] in the help: {help}");
    }
}

/// What a server started so does differently.
async fn settings_are_in_force(change: impl FnOnce(&mut Command)) {
    let folder = tempdir().unwrap();
    let mut program = command(folder.path(), ["serve"]);
    chosen(&mut program);
    change(&mut program);
    let mut server = Serving::greeted(crate::child::Program::spawn(program), reqwest::Client::new());
    assert!(server.url.starts_with("http://127.0.0.2:"), "{}", server.url);
    assert!(folder.path().join("elsewhere.db").exists());
    let answer = server.ask_token("acme", "acmesecret").await;
    assert_eq!(answer.header("ratelimit-policy"), "\"address\";q=1000;w=1, \"token\";q=40;w=1");
    let answer = answer.ok();
    assert_eq!(answer["expires_in"], 77);
    let token = answer["access_token"].as_str().unwrap().to_owned();
    let root = server.get("/v1/applications/me", &token).await.ok();
    assert_eq!(root["_links"]["self"]["href"], "https://chat.example.com/base/v1/applications/1");
    server.program.log_until("path=\"/v1/applications/me\" status=200");
    let stuck = Upload::begin(&server.url, &token);
    assert_eq!(stuck.answer().split(' ').nth(1), Some("503"), "the time limit ends a request whose body never comes");
    let mut limited = false;
    for _ in 0..50 {
        limited |= server.get("/v1/users", &token).await.status == 429;
    }
    assert!(limited, "50 requests at once pass a limit of 3 a second");
}

#[tokio::test]
async fn settings_come_by_flags() {
    settings_are_in_force(|command| {
        command.args(["--listen", "127.0.0.2:0", "--database", "sqlite:elsewhere.db"]);
        command.args(["--public-url", "https://chat.example.com/base/", "--token-lifetime", "77"]);
        command.args(["--rate-limit", "3", "--time-limit", "1", "--access-log"]);
        command.args(["--address-rate-limit", "1000", "--token-rate-limit", "40"]);
    })
    .await;
}

#[tokio::test]
async fn settings_come_by_environment() {
    settings_are_in_force(|command| {
        command.env("CHATKITTY_LISTEN", "127.0.0.2:0").env("CHATKITTY_DATABASE", "sqlite:elsewhere.db");
        command.env("CHATKITTY_PUBLIC_URL", "https://chat.example.com/base/").env("CHATKITTY_TOKEN_LIFETIME", "77");
        command.env("CHATKITTY_RATE_LIMIT", "3").env("CHATKITTY_TIME_LIMIT", "1").env("CHATKITTY_ACCESS_LOG", "1");
        command.env("CHATKITTY_ADDRESS_RATE_LIMIT", "1000").env("CHATKITTY_TOKEN_RATE_LIMIT", "40");
    })
    .await;
}

#[test]
fn a_flag_wins_over_the_environment() {
    let folder = tempdir().unwrap();
    let server = Serving::start_with(folder.path(), |command| {
        command.env("CHATKITTY_LISTEN", "127.0.0.2:0").args(["--listen", "127.0.0.1:0"]);
    });
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
}

/// The creation of a user whose body comes in two halves.
struct Upload {
    stream: BufReader<TcpStream>,
}

const BODY: &str = r#"{"name":"slow and steady"}"#;

impl Upload {
    /// Sends the head and, once the server waits for the body, half of the body.
    fn begin(url: &str, token: &str) -> Self {
        let host = url.strip_prefix("http://").unwrap();
        let mut stream = BufReader::new(TcpStream::connect(host).expect("the server takes connections"));
        let head = format!(
            "POST /v1/users HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            BODY.len()
        );
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 100"), "the server should ask for the body: {line}");
        stream.read_line(&mut line).unwrap();
        stream.get_mut().write_all(&BODY.as_bytes()[..BODY.len() / 2]).unwrap();
        Upload { stream }
    }

    /// Sends the other half and reads the answer.
    fn end(mut self) -> String {
        self.stream.get_mut().write_all(&BODY.as_bytes()[BODY.len() / 2..]).unwrap();
        self.answer()
    }

    fn answer(mut self) -> String {
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).expect("a whole answer");
        answer
    }
}

async fn finishes_what_is_in_flight(signal: &str) {
    let folder = tempdir().unwrap();
    let mut server = Serving::start_with(folder.path(), chosen);
    let token = server.token("acme", "acmesecret").await;
    let upload = Upload::begin(&server.url, &token);
    server.program.signal(signal);
    server.program.log_until("stopping");
    let answer = upload.end();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(server.program.finish().code, Some(0));

    let server = Serving::start(folder.path());
    assert_eq!(server.get("/v1/users", &token).await.ok()["_embedded"]["users"][0]["name"], "slow and steady");
}

#[tokio::test]
async fn a_termination_signal_lets_the_request_in_flight_finish() {
    finishes_what_is_in_flight("TERM").await;
}

#[tokio::test]
async fn an_interrupt_lets_the_request_in_flight_finish() {
    finishes_what_is_in_flight("INT").await;
}

#[tokio::test]
async fn a_second_signal_cuts_off_what_is_in_flight() {
    let folder = tempdir().unwrap();
    let mut server = Serving::start_with(folder.path(), chosen);
    let token = server.token("acme", "acmesecret").await;
    let _upload = Upload::begin(&server.url, &token);
    server.program.signal("TERM");
    server.program.log_until("stopping");
    server.stop().failed(1, &["second signal were cut off"]);
}

async fn cuts_off_at_once(change: impl FnOnce(&mut Command)) {
    let folder = tempdir().unwrap();
    let server = Serving::start_with(folder.path(), |command| {
        chosen(command);
        change(command);
    });
    let token = server.token("acme", "acmesecret").await;
    let _upload = Upload::begin(&server.url, &token);
    server.stop().failed(1, &["after 0 s were cut off"]);
}

#[tokio::test]
async fn what_is_in_flight_is_cut_off_at_the_stop_limit() {
    cuts_off_at_once(|command| {
        command.args(["--stop-limit", "0"]);
    })
    .await;
    cuts_off_at_once(|command| {
        command.env("CHATKITTY_STOP_LIMIT", "0");
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let folder = tempdir().unwrap();
    let server = Serving::start_with(folder.path(), chosen);
    let silent = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    // The answer proves that the earlier connection was accepted too; the client keeps its own open.
    let live = server.http.request(Method::GET, format!("{}/health/live", server.url));
    Answer::of(live).await.ok();
    let started = std::time::Instant::now();
    assert_eq!(server.stop().code, Some(0));
    assert!(started.elapsed().as_secs() < 15, "idle connections used up the stop limit");
    drop(silent);
}

/// Every file and folder below this one.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { [all_below(&path), vec![path]].concat() } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_the_program_makes_is_for_its_own_user_alone() {
    let folder = tempdir().unwrap();
    run(command(folder.path(), ["app", "create", "Other", "--database", "sqlite:apart.db"])).ok();
    let server = Serving::start_with(folder.path(), chosen);
    let token = server.token("acme", "acmesecret").await;
    let user = server.post("/v1/users", &token, json!({"name": "jane"})).await.ok();
    let picture = Form::new().part("file", Part::bytes(b"\x89PNG\r\n\x1a\n".as_slice()).file_name("jane.png"));
    let address = format!("/v1/users/{}/display-picture", user["id"]);
    Answer::of(server.request(Method::POST, &address, &token).multipart(picture)).await.ok();
    let made = all_below(folder.path());
    for name in ["apart.db", "test.db", "test.db-wal", "test.db-shm", "test.key", "test.files"] {
        assert!(made.contains(&folder.path().join(name)), "no {name} among {made:?}");
    }
    assert!(made.iter().any(|path| path.is_file() && path.starts_with(folder.path().join("test.files"))), "{made:?}");
    for path in made {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may use {} with its mode {mode:o}", path.display());
    }
}
