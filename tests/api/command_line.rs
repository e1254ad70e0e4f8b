//! The other commands as processes: `app …`, `openapi`, and command lines that are wrong.

use crate::child::{Program, Serving, command, run};
use crate::support::Answer;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::tempdir;

/// `chatkitty app …` on the database that `Serving` uses.
fn app(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = command(folder, ["app"]);
    command.env("CHATKITTY_DATABASE", "sqlite:test.db").args(arguments);
    command
}

/// The value that `app` prints behind a label.
fn printed(text: &str, label: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_else(|| panic!("no {label:?} in {text}")).trim().to_owned()
}

/// Creates an application and gives its id, client id and secret.
fn create(folder: &Path, arguments: &[&str]) -> (String, String, String) {
    let text = run(app(folder, &[&["create"], arguments].concat())).ok();
    (printed(&text, "application"), printed(&text, "client ID"), printed(&text, "client secret"))
}

/// Asks until the token is refused. The server believes a token that it has just checked for a second.
async fn ends_soon(server: &Serving, token: &str) {
    let started = Instant::now();
    while server.get("/v1/users", token).await.status != 401 {
        assert!(started.elapsed() < Duration::from_secs(10), "the token should have ended with the command");
    }
}

#[tokio::test]
async fn applications_are_managed_while_the_server_runs() {
    let folder = tempdir().unwrap();
    let server = Serving::start(folder.path());
    let (id, client, secret) = create(folder.path(), &["Second"]);
    let token = server.token(&client, &secret).await;
    assert_eq!(server.get("/v1/applications/me", &token).await.ok()["name"], "Second");

    let list = run(app(folder.path(), &["list"])).ok();
    assert!(list.lines().any(|line| line.contains(&client) && line.contains("Second")), "{list}");

    let rotated = run(app(folder.path(), &["rotate-secret", &id])).ok();
    ends_soon(&server, &token).await;
    assert_eq!(server.ask_token(&client, &secret).await.status, 401, "the old secret has ended");
    let token = server.token(&client, &printed(&rotated, "client secret")).await;

    run(app(folder.path(), &["delete", &id])).ok();
    ends_soon(&server, &token).await;
    let list = run(app(folder.path(), &["list"])).ok();
    assert!(!list.contains(&client), "{list}");
}

#[tokio::test]
async fn applications_are_managed_while_no_server_runs() {
    let folder = tempdir().unwrap();
    let (id, client, secret) = create(folder.path(), &["Only"]);
    assert_eq!(id, "1");
    let rotated = run(app(folder.path(), &["rotate-secret", &id])).ok();
    let server = Serving::start(folder.path());
    assert_eq!(server.ask_token(&client, &secret).await.status, 401);
    server.token(&client, &printed(&rotated, "client secret")).await;
    let finished = server.stop();
    assert_eq!(finished.stdout.lines().count(), 1, "there was an application already: {finished:?}");

    run(app(folder.path(), &["delete", &id])).ok();
    assert_eq!(run(app(folder.path(), &["list"])).ok().lines().count(), 1, "only the heading is left");
}

#[tokio::test]
async fn credentials_are_limited_to_the_scopes_they_were_created_with() {
    let folder = tempdir().unwrap();
    let server = Serving::start(folder.path());
    let (_, client, secret) = create(folder.path(), &["Reader", "--scope", "read:user"]);
    let answer = server.ask_token(&client, &secret).await.ok();
    assert_eq!(answer["scope"], "read:user");
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/users", token).await.status, 200);
    assert_eq!(server.get("/v1/channels", token).await.status, 403);
}

#[tokio::test]
async fn an_application_has_several_clients_with_scopes_and_tokens_of_their_own() {
    let folder = tempdir().unwrap();
    let server = Serving::start(folder.path());
    let (id, first, secret) = create(folder.path(), &["Shared"]);
    let added = run(app(folder.path(), &["add-client", &id, "--scope", "read:user", "--expires", "10m"])).ok();
    let (second, other_secret) = (printed(&added, "client ID"), printed(&added, "client secret"));
    let list = run(app(folder.path(), &["list-clients", &id])).ok();
    assert!(
        list.lines().any(|line| line.starts_with(&first) && line.contains("never") && line.ends_with("all")),
        "{list}"
    );
    assert!(list.lines().any(|line| line.starts_with(&second) && line.ends_with("read:user")), "{list}");

    let kept = server.token(&first, &secret).await;
    let answer = server.ask_token(&second, &other_secret).await.ok();
    let expires_in = answer["expires_in"].as_i64().unwrap();
    assert!((1..=600).contains(&expires_in), "the token outlives its client: {answer}");
    let ended = answer["access_token"].as_str().unwrap();
    assert_eq!(server.get("/v1/users", ended).await.status, 200);
    assert_eq!(server.get("/v1/channels", ended).await.status, 403, "the second client may do less");
    assert_eq!(server.ask_token(&first, &other_secret).await.status, 401, "a secret is of one client");

    let rotated = run(app(folder.path(), &["rotate-secret", &id, "--client", &second])).ok();
    assert!(!rotated.contains(&first), "{rotated}");
    ends_soon(&server, ended).await;
    let ended = server.token(&second, &printed(&rotated, "client secret")).await;
    run(app(folder.path(), &["remove-client", &id, &second])).ok();
    ends_soon(&server, &ended).await;
    assert_eq!(server.ask_token(&second, &printed(&rotated, "client secret")).await.status, 401);
    assert_eq!(server.get("/v1/users", &kept).await.status, 200, "the first client has nothing to do with it");
    server.token(&first, &secret).await;

    run(app(folder.path(), &["remove-client", &id, &second])).failed(1, &["has no client", "list-clients"]);
    run(app(folder.path(), &["remove-client", &id, &first])).ok();
    run(app(folder.path(), &["rotate-secret", &id])).failed(1, &["no clients", "chatkitty app add-client"]);
}

#[tokio::test]
async fn a_secret_is_rotated_while_the_old_one_is_in_use() {
    let folder = tempdir().unwrap();
    let server = Serving::start(folder.path());
    let (id, client, oldest) = create(folder.path(), &["Busy"]);
    let token = server.token(&client, &oldest).await;
    let rotate = |keep: &str| {
        printed(&run(app(folder.path(), &["rotate-secret", &id, "--keep-old", keep])).ok(), "client secret")
    };
    let old = rotate("1h");
    assert_eq!(server.get("/v1/users", &token).await.status, 200, "tokens are kept with the secret");
    for secret in [&oldest, &old] {
        server.token(&client, secret).await;
    }
    let new = rotate("2h");
    assert_eq!(server.ask_token(&client, &oldest).await.status, 401, "two secrets are good at a time");
    let answer = server.ask_token(&client, &old).await.ok();
    assert!(answer["expires_in"].as_i64().unwrap() <= 7200, "the token outlives its secret: {answer}");
    let token = server.token(&client, &new).await;

    run(app(folder.path(), &["drop-old-secret", &id, &client])).ok();
    ends_soon(&server, &token).await;
    assert_eq!(server.ask_token(&client, &old).await.status, 401, "it was dropped");
    server.token(&client, &new).await;
    run(app(folder.path(), &["drop-old-secret", &id, &client])).failed(1, &["old secret", "list-clients"]);
}

#[test]
fn an_application_that_is_not_there_is_named() {
    let folder = tempdir().unwrap();
    let (_, client, _) = create(folder.path(), &["One"]);
    for verb in ["rotate-secret", "delete", "add-client", "list-clients"] {
        run(app(folder.path(), &[verb, "7"])).failed(1, &["there is no application 7", "chatkitty app list"]);
    }
    // A client is of one application alone.
    for arguments in [["remove-client", "7", &client], ["drop-old-secret", "7", &client]] {
        run(app(folder.path(), &arguments)).failed(1, &["application 7 has no client"]);
    }
    assert!(run(app(folder.path(), &["list-clients", "1"])).ok().contains(&client), "it is still there");
}

#[test]
fn an_application_needs_a_name_for_people_and_known_scopes() {
    let folder = tempdir().unwrap();
    for name in ["", "a\nb", &"n".repeat(256)] {
        run(app(folder.path(), &["create", name])).failed(1, &["1 to 255 characters"]);
    }
    run(app(folder.path(), &["create", "x", "--scope", "cat:pet"])).failed(1, &["no scope cat:pet", "read:user"]);
}

#[tokio::test]
async fn the_document_is_printed_as_it_is_served() {
    let folder = tempdir().unwrap();
    let yaml = run(command(folder.path(), ["openapi"])).ok();
    assert_eq!(yaml, run(command(folder.path(), ["openapi", "--format", "yaml"])).ok());
    assert_eq!(yaml, include_str!("../../openapi.yaml"));
    let json = run(command(folder.path(), ["openapi", "--format", "json"])).ok();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["openapi"], "3.0.3");
    assert!(json["paths"]["/v1/users"]["post"]["operationId"].is_string());
}

#[test]
fn a_wrong_command_line_is_told_what_would_be_right() {
    let folder = tempdir().unwrap();
    let wrong: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: chatkitty <COMMAND>", "serve", "app", "openapi"]),
        (&["serv"], &["'serve'"]),
        (&["serve", "--listn", "127.0.0.1:0"], &["'--listen'"]),
        (&["serve", "--listen", "8080"], &["127.0.0.1:8080", "0.0.0.0:8080"]),
        (&["serve", "--public-url", "chat.example.com"], &["https://chat.example.com"]),
        (&["serve", "--public-url", "https://chat.example.com?x=1"], &["https://chat.example.com"]),
        (&["serve", "--tls-cert", "cert.pem"], &["--tls-key <FILE>"]),
        (&["serve", "--tls-key", "key.pem"], &["--tls-cert <FILE>"]),
        (&["serve", "--rate-limit", "0"], &["--rate-limit"]),
        (&["serve", "--address-rate-limit", "0"], &["--address-rate-limit"]),
        (&["serve", "--token-rate-limit", "0"], &["--token-rate-limit"]),
        (&["serve", "--time-limit", "soon"], &["--time-limit <SECONDS>"]),
        (
            &["app"],
            &[
                "create",
                "list",
                "add-client",
                "list-clients",
                "remove-client",
                "rotate-secret",
                "drop-old-secret",
                "delete",
            ],
        ),
        (&["app", "create"], &["<NAME>"]),
        (&["app", "delete", "mine"], &["<ID>"]),
        (&["app", "remove-client", "1"], &["<CLIENT>"]),
        (&["app", "create", "x", "--expires", "soon"], &["2027-01-31T09:30:00Z", "90d"]),
        (&["app", "create", "x", "--expires", "2020-01-01T00:00:00Z"], &["in the future"]),
        (&["app", "add-client", "1", "--expires", "0s"], &["in the future"]),
        (&["app", "rotate-secret", "1", "--keep-old", "4294967295d"], &["before the year 10000"]),
        (&["openapi", "--format", "toml"], &["yaml", "json"]),
    ];
    for (arguments, words) in wrong {
        run(command(folder.path(), *arguments)).failed(2, words);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a wrong command line leaves nothing behind");
}

#[test]
fn a_wrong_variable_is_told_what_would_be_right() {
    let folder = tempdir().unwrap();
    let mut serve = command(folder.path(), ["serve"]);
    serve.env("CHATKITTY_ACCESS_LOG", "perhaps");
    run(serve).failed(2, &["--access-log", "perhaps"]);
    for (name, value) in [("CHATKITTY_CLIENT_ID", "acme"), ("CHATKITTY_CLIENT_SECRET", "acmesecret")] {
        let mut serve = command(folder.path(), ["serve"]);
        serve.env(name, value);
        run(serve).failed(1, &["set both CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET"]);
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let folder = tempdir().unwrap();
    run(command(folder.path(), ["app", "create", "Acme"])).ok();
    for arguments in [&["openapi"][..], &["openapi", "--format", "json"], &["app", "list"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(folder.path(), arguments).stdout(writer).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_reader_of_the_log_that_has_gone_away_does_not_stop_the_server() {
    let folder = tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let serve = command(folder.path(), ["serve", "--listen", "127.0.0.1:0", "--access-log"]);
    let server = Serving::greeted(Program::spawn_logging_to(writer, serve), reqwest::Client::new());
    for _ in 0..3 {
        Answer::of(server.http.get(format!("{}/health/live", server.url))).await.ok();
    }
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_mistyped_database_is_told_and_not_made() {
    let folder = tempdir().unwrap();
    let commands = [
        &["app", "list"][..],
        &["app", "add-client", "1"],
        &["app", "rotate-secret", "1"],
        &["app", "delete", "1"],
        &["audit"],
    ];
    for arguments in commands {
        let mut mistyped = command(folder.path(), arguments);
        mistyped.env("CHATKITTY_DATABASE", "sqlite:tset.db");
        run(mistyped).failed(1, &["there is no database at", "--database"]);
        assert!(!folder.path().join("tset.db").exists(), "{arguments:?} made a database");
    }
}
