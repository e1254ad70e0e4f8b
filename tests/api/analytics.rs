//! Exports: everything of a kind, as the API shows it.

use crate::support::{Answer, Server};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn an_export_holds_every_message_as_the_api_shows_it() {
    let server = Server::start().await;
    let api = server.application().await;
    let channel = api.channel("PUBLIC", "lobby").await;
    api.user("jdoe").await;
    let path = format!("/v1/channels/{}/messages", channel["id"]);
    for n in 0..7 {
        api.post(&path, json!({"body": format!("m{n}"), "user": {"username": "jdoe"}})).await.ok();
    }
    let deleted = api.message(&channel, "deleted").await;
    api.delete(&format!("/v1/messages/{}", deleted["id"])).await.ok();
    // As the JavaScript client sends it: a type, and nothing of it.
    let form =
        api.request(Method::POST, "/v1/analytics/messages").header("content-type", "application/x-www-form-urlencoded");
    let answer = Answer::of(form).await;
    assert_eq!((answer.status.as_u16(), &answer.body["type"]), (202, &json!("MESSAGE_ANALYTICS_EXPORT")), "{answer:?}");
    let job = api.ended(&answer.body).await;
    assert_eq!((&job["state"], &job["progress"]["done"]), (&json!("FINISHED"), &json!(7)), "{job}");
    let lines = api.lines(&job).await;
    assert_eq!(lines.len(), 7);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!(line["body"], format!("m{n}"));
        assert_eq!(*line, api.get(&format!("/v1/messages/{}", line["id"])).await.ok());
    }
}

#[tokio::test]
async fn an_export_holds_every_user_and_nobody_elses() {
    let server = Server::start().await;
    let api = server.application().await;
    let items: Vec<_> = (0..1200).map(|n| json!({"name": format!("user-{n}")})).collect();
    api.import("/v1/imports/users", &json!(items)).await;
    server.another_application().await.user("stranger").await;
    let answer = Answer::of(api.request(Method::POST, "/v1/analytics/users")).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = api.ended(&answer.body).await;
    let lines = api.lines(&job).await;
    let names: Vec<_> = lines.iter().map(|line| line["name"].as_str().expect("a name")).collect();
    let expected: Vec<_> = (0..1200).map(|n| format!("user-{n}")).collect();
    assert_eq!(names, expected);
    assert_eq!(lines[7], api.get(&format!("/v1/users/{}", lines[7]["id"])).await.ok());
    let file = job["file"].as_str().expect("a file");
    assert!(api.get(file).await.header("content-disposition").starts_with("attachment"));
}

#[tokio::test]
async fn an_export_of_nothing_is_an_empty_file() {
    let server = Server::start().await;
    let api = server.application().await;
    let answer = Answer::of(api.request(Method::POST, "/v1/analytics/users")).await;
    let job = api.ended(&answer.body).await;
    assert_eq!(job["state"], "FINISHED", "{job}");
    assert!(api.lines(&job).await.is_empty());
}

#[tokio::test]
async fn what_was_exported_needs_the_scope_of_the_export() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jdoe").await;
    for (path, scope) in [("/v1/analytics/users", "read:user"), ("/v1/analytics/messages", "read:message")] {
        let job = api.ended(&Answer::of(api.request(Method::POST, path)).await.body).await;
        let file = job["file"].as_str().expect("a file");
        let refused = server.with_scopes("read:job").await.get(file).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert!(refused.header("www-authenticate").contains(scope), "{refused:?}");
        assert_eq!(server.with_scopes(&format!("read:job {scope}")).await.get(file).await.status, 200);
        assert_eq!(server.stranger().get(file).await.status, 401);
    }
}
