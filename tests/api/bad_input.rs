//! What bad input gets: a documented error, never a dropped connection, a 500, or half a write.

mod addresses;
mod bodies;
mod http2;
mod transport;

use crate::support::{Answer, Caller};
use reqwest::Method;

/// Posts bytes as JSON.
async fn post(api: &Caller<'_>, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    Answer::of(api.request(Method::POST, path).header("content-type", "application/json").body(body)).await
}

/// Asserts a 400 in the documented shape.
#[track_caller]
fn refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 400, "{what}: {answer:?}");
    assert_eq!(answer.body["error"], "ClientError", "{what}: {answer:?}");
    assert!(answer.body["message"].is_string() && answer.body["timestamp"].is_string(), "{what}: {answer:?}");
}

async fn assert_no_users(api: &Caller<'_>) {
    assert_eq!(api.get("/v1/users").await.ok()["page"]["totalElements"], 0, "something was half written");
    assert_eq!(api.head("/v1/users?name=jdoe").await.status, 404, "something was half written");
}
