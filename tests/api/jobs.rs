//! Jobs as they are listed and followed.

use crate::support::{Answer, Server};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn jobs_are_listed_by_whether_they_have_ended() {
    let server = Server::start().await;
    let api = server.application().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let job = api.import("/v1/imports/users", &json!([])).await;
        assert_eq!((&job["state"], &job["progress"]["done"]), (&json!("FINISHED"), &json!(0)), "{job}");
        ids.push(job["id"].clone());
    }
    let listed = async |query: &str| {
        let page = api.get(&format!("/v1/jobs{query}")).await.ok();
        let jobs = page["_embedded"]["jobs"].as_array().expect("jobs").clone();
        (jobs.into_iter().map(|job| job["id"].clone()).collect::<Vec<Value>>(), page["page"]["totalElements"].clone())
    };
    assert_eq!(listed("").await, (ids.clone(), json!(3)));
    assert_eq!(listed("?running=false").await, (ids.clone(), json!(3)));
    // As Python writes it.
    assert_eq!(listed("?running=False&size=1&page=2").await, (vec![ids[2].clone()], json!(3)));
    assert_eq!(listed("?running=True").await, (Vec::new(), json!(0)));
    let newest_first: Vec<Value> = ids.iter().rev().cloned().collect();
    assert_eq!(listed("?sort=createdTime%2Cdesc").await, (newest_first, json!(3)));
    api.get("/v1/jobs?running=perhaps").await.faults(&[("running", "invalid")]);
    api.get("/v1/jobs?sort=name").await.faults(&[("sort[0]", "invalid")]);
}

#[tokio::test]
async fn a_job_under_way_is_listed_as_running_until_it_has_ended() {
    let server = Server::start().await;
    let api = server.application().await;
    let items: Vec<_> = (0..3000).map(|n| json!({"name": format!("user-{n}")})).collect();
    let answer = Answer::of(api.request(Method::POST, "/v1/imports/users").json(&items)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!((&answer.body["state"], answer.body.get("endedTime")), (&json!("PENDING"), None));
    assert_eq!(answer.body.get("file"), None);
    let running = api.get("/v1/jobs?running=true").await.ok();
    assert_eq!(running["page"]["totalElements"], 1, "three thousand users are not imported in this time: {running}");
    let path = format!("/v1/jobs/{}/file", answer.body["id"]);
    assert_eq!(api.get(&path).await.status, 404);
    let ended = api.ended(&answer.body).await;
    assert_eq!((&ended["state"], &ended["progress"]["done"]), (&json!("FINISHED"), &json!(3000)));
    assert_eq!(api.get("/v1/jobs?running=true").await.ok()["page"]["totalElements"], 0);
    assert_eq!(api.get(&path).await.status, 200);
}

#[tokio::test]
async fn jobs_of_one_application_run_one_after_the_other() {
    let server = Server::start().await;
    let api = server.application().await;
    // Each stands on the one before, so that any other order would leave faults.
    let users: Vec<_> = (0..1500).map(|n| json!({"name": format!("user-{n}")})).collect();
    let channels = json!([{"type": "PUBLIC", "name": "lobby", "creator": "user-1499"}]);
    let send = async |path: &str, items: &Value| Answer::of(api.request(Method::POST, path).json(items)).await.body;
    let one = send("/v1/imports/users", &json!(users)).await;
    let two = send("/v1/imports/channels", &channels).await;
    let message = json!([{"type": "TEXT", "channelId": 1, "user": "user-0", "body": "Hello"}]);
    let three = send("/v1/imports/messages", &message).await;
    for (job, done) in [(three, 1), (two, 1), (one, 1500)] {
        assert_eq!(api.ended(&job).await["progress"], json!({"done": done, "skipped": 0, "failed": 0}));
    }
}
