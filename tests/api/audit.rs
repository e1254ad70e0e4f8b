//! The audit log: every act that the document marks, and nothing else; kept by the database; read by the program.

use crate::child::{Serving, command, run};
use crate::deletions;
use crate::support::{Answer, CLIENT, Caller, Server};
use chatkitty_platform::Timestamp;
use chatkitty_platform::store::audit::{self, AuditRow, Outcome};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::tempdir;

/// What clients of the first application did.
async fn recorded(server: &Server) -> Vec<AuditRow> {
    let rows = server.store().read(|tx| audit::following(tx, Some(1), 0, 0, 100)).await.expect("the log");
    rows.into_iter().filter(|row| row.act.client_id.is_some()).collect()
}

/// The operations that the document says are administrative acts.
fn marked() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(include_str!("../../generated/openapi.json")).expect("the document");
    let items = document["paths"].as_object().expect("paths").values().filter_map(Value::as_object);
    let operations = items.flat_map(|item| item.values());
    operations
        .filter(|operation| operation["x-audit"] == true)
        .map(|operation| operation["operationId"].as_str().expect("an ID").to_owned())
        .collect()
}

async fn send(api: &Caller<'_>, method: Method, path: &str, body: Value) -> Answer {
    let request = api.request(method, path);
    Answer::of(if body.is_null() { request } else { request.json(&body) }).await
}

#[tokio::test]
async fn every_act_is_recorded_and_nothing_else_is() {
    use Outcome::{Done, Started};
    let server = Server::start().await;
    let (api, ended) = (server.application().await, server.application().await);
    let (user, channel) = (api.user("jdoe").await, api.channel("PUBLIC", "lobby").await);
    api.message(&channel, "Hello").await;
    let secret = format!("/v1/users/{}/secrets/crm", user["id"]);
    let members = format!("/v1/imports/channels/{}/members", channel["id"]);
    let value = json!({"secret": {"token": "nobody-writes-this-down"}});
    let settings = json!({"guestUsers": "DISABLED"});
    let acts = [
        ("updateAuthenticatedApplicationSettings", Method::PUT, "/v1/application/settings", settings, Done),
        ("setUserSecret", Method::PUT, &secret, value, Done),
        ("retrieveUserSecret", Method::GET, &secret, Value::Null, Done),
        ("removeUserSecret", Method::DELETE, &secret, Value::Null, Done),
        ("importUsers", Method::POST, "/v1/imports/users", json!([]), Started),
        ("importChannels", Method::POST, "/v1/imports/channels", json!([]), Started),
        ("importChannelMembers", Method::POST, &members, json!([]), Started),
        ("importMessages", Method::POST, "/v1/imports/messages", json!([]), Started),
        ("exportUserAnalytics", Method::POST, "/v1/analytics/users", Value::Null, Started),
        ("exportMessageAnalytics", Method::POST, "/v1/analytics/messages", Value::Null, Started),
        ("deleteMessages", Method::DELETE, "/v1/messages", Value::Null, Started),
    ];
    let mut expected = Vec::new();
    for (action, method, path, body, outcome) in acts {
        let answer = send(&api, method, path, body).await;
        assert!(answer.status.is_success(), "{action}: {answer:?}");
        expected.push((action, path, answer.header("x-response-token").to_owned(), outcome));
    }
    let revoke = server.http.post(format!("{}/oauth/revoke", server.url)).basic_auth(CLIENT.0, Some(CLIENT.1));
    let answer = Answer::of(revoke.form(&[("token", ended.token.as_deref().expect("a token"))])).await;
    let token = answer.header("x-response-token").to_owned();
    expected.push(("revokeAccessToken", "/oauth/revoke", token, Done));
    let answer = api.delete("/v1/applications/me").await;
    let token = answer.header("x-response-token").to_owned();
    expected.push(("deleteApplication", "/v1/applications/me", token, Done));

    let rows = recorded(&server).await;
    let found: Vec<_> = rows
        .iter()
        .map(|row| {
            assert_eq!(row.act.client_id.as_deref(), Some(CLIENT.0));
            assert_eq!(row.act.remote_address.as_deref(), Some("127.0.0.1"));
            assert!((0..60_000).contains(&(Timestamp::now().millis() - row.created_time)), "{row:?}");
            let token = row.act.request_token.clone().expect("a token of the answer");
            (row.act.action.as_str(), row.act.resource.as_str(), token, row.outcome)
        })
        .collect();
    assert_eq!(found, expected, "what was done beside, as creating a user, is no act");
    let done: BTreeSet<_> = rows.iter().map(|row| row.act.action.clone()).collect();
    assert_eq!(done, marked(), "an operation with `x-audit` records an act, and is done in this test");
    assert!(!format!("{rows:?}").contains("nobody-writes-this-down"), "a secret is in the log");
}

#[tokio::test]
async fn what_a_token_may_not_do_is_recorded_as_refused_and_what_is_not_there_is_not_recorded() {
    let server = Server::start().await;
    let (api, reader) = (server.application().await, server.with_scopes("read:user").await);
    let user = api.user("jdoe").await;
    let secret = format!("/v1/users/{}/secrets/crm", user["id"]);
    for request in [(Method::GET, secret.as_str()), (Method::DELETE, "/v1/messages"), (Method::GET, "/v1/channels")] {
        let answer = send(&reader, request.0, request.1, Value::Null).await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(send(&api, method, &secret, Value::Null).await.status, 404);
    }
    let rows = recorded(&server).await;
    let found: Vec<_> =
        rows.iter().map(|row| (row.act.action.as_str(), row.act.resource.as_str(), row.outcome)).collect();
    let expected = [
        ("retrieveUserSecret", secret.as_str(), Outcome::Refused),
        ("deleteMessages", "/v1/messages", Outcome::Refused),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_database_takes_back_nothing_that_was_recorded() {
    let server = Server::start().await;
    server.application().await.delete("/v1/messages").await.ok();
    let before = recorded(&server).await;
    assert_eq!(before.len(), 1);
    let database = deletions::open(&server.database);
    for sql in [
        "UPDATE audit SET outcome = 'refused'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT id, 7, 0, NULL, NULL, 'x', 'x', NULL, 'done' FROM audit",
    ] {
        let refused = database.execute(sql, []).expect_err("the log has changed").to_string();
        assert!(refused.contains("append-only"), "{sql}: {refused}");
    }
    assert_eq!(recorded(&server).await, before);
}

/// `chatkitty audit …` on the database that `Serving` uses.
fn told(folder: &Path, arguments: &[&str]) -> String {
    let mut audit = command(folder, ["audit"]);
    audit.env("CHATKITTY_DATABASE", "sqlite:test.db").args(arguments);
    run(audit).ok()
}

#[tokio::test]
async fn the_program_shows_what_was_done_with_it_and_over_the_api() {
    let folder = tempdir().unwrap();
    let app = |arguments: &[&str]| {
        let mut app = command(folder.path(), ["app"]);
        app.env("CHATKITTY_DATABASE", "sqlite:test.db").args(arguments);
        let text = run(app).ok();
        let value =
            |label: &str| text.lines().find_map(|line| line.strip_prefix(label)).map(|value| value.trim().to_owned());
        (value("client ID").unwrap_or_default(), value("client secret").unwrap_or_default())
    };
    let (first, secret) = app(&["create", "One"]);
    let (second, _) = app(&["add-client", "1"]);
    app(&["rotate-secret", "1", "--client", &second, "--keep-old", "1h"]);
    app(&["drop-old-secret", "1", &second]);
    app(&["remove-client", "1", &second]);
    let server = Serving::start(folder.path());
    let token = server.token(&first, &secret).await;
    let deleted = Answer::of(server.request(Method::DELETE, "/v1/messages", &token)).await;
    let request = deleted.header("x-response-token").to_owned();
    deleted.ok();
    app(&["create", "Two"]);
    app(&["delete", "1"]);

    let (of_first, of_second) = (format!("client {first}"), format!("client {second}"));
    let operator = |action: &'static str, resource: &str| json!([null, null, action, resource, null, "done"]);
    let expected = [
        operator("app create", "/v1/applications/1"),
        operator("app create", &of_first),
        operator("app add-client", &of_second),
        operator("app rotate-secret", &of_second),
        operator("app drop-old-secret", &of_second),
        operator("app remove-client", &of_second),
        json!([first, "127.0.0.1", "deleteMessages", "/v1/messages", request, "started"]),
        operator("app delete", "/v1/applications/1"),
    ];
    let text = told(folder.path(), &["--json", "--application", "1"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let names = ["clientId", "remoteAddress", "action", "resource", "requestToken", "outcome"];
    let found: Vec<_> = lines.iter().map(|line| Value::from(names.map(|name| line[name].clone()).to_vec())).collect();
    assert_eq!(found, expected, "the newest last, and all of it though the application is gone");

    let people = told(folder.path(), &["--application", "1"]);
    let act =
        format!("application 1 client {first} from 127.0.0.1: deleteMessages /v1/messages started (request {request})");
    assert!(people.lines().any(|line| line.ends_with(&act)), "{people}");
    assert!(people.lines().next().unwrap().ends_with("application 1 operator: app create /v1/applications/1 done"));
    assert_eq!(told(folder.path(), &[]).lines().count(), expected.len() + 2, "what was done to the second one as well");

    let last = lines.last().unwrap()["createdTime"].as_str().unwrap();
    let since = told(folder.path(), &["--json", "--since", last]);
    assert!(since.lines().count() < lines.len() && since.contains("app delete"), "{since}");
    assert_eq!(told(folder.path(), &["--since", "9999-01-01T00:00:00Z"]), "");
    assert!(!told(folder.path(), &["--json"]).contains(&secret), "a secret is in the log");

    let mut wrong = command(folder.path(), ["audit", "--since", "yesterday"]);
    wrong.env("CHATKITTY_DATABASE", "sqlite:test.db");
    run(wrong).failed(2, &["--since", "2024-01-31T09:30:00.000Z"]);
}
