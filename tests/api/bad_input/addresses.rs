//! Ids, paths and queries that lead nowhere.

use super::refused;
use crate::support::{Answer, Server};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn an_id_is_a_number_of_64_bits() {
    let server = Server::start().await;
    let api = server.application().await;
    for id in [
        "abc",
        "1.5",
        "-1",
        "0",
        "9223372036854775808",
        "18446744073709551617",
        "1e3",
        "0x10",
        "01",
        "+1",
        "%2B1",
        "-0",
        "%31%00",
        "%00",
        "%20",
        "1%20",
        "%D9%A1",
        "null",
        "1,2",
    ] {
        for path in [
            format!("/v1/users/{id}"),
            format!("/v1/channels/{id}"),
            format!("/v1/messages/{id}"),
            format!("/v1/applications/me/channels/{id}/messages"),
            format!("/v1/users/{id}/channels"),
        ] {
            let answer = api.get(&path).await;
            refused(&answer, &path);
            assert_eq!(answer.body["errors"][0]["field"], "id", "{path}");
        }
        refused(&api.delete(&format!("/v1/users/{id}")).await, id);
    }
    assert_eq!(api.get(&format!("/v1/users/{}", i64::MAX)).await.status, 404);
}

#[tokio::test]
async fn a_path_that_cannot_be_decoded_is_refused() {
    let server = Server::start().await;
    for path in [
        "/v1/users/%ff",
        "/v1/%c3%28",
        "/v1/picture/%f0%28%8c%28",
        "/v1/applications/%ff/users",
        "/v1/users/..",
        "/v1/./users",
    ] {
        let answer = server.raw(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        assert!(answer.contains("x-response-token: ") && answer.contains("x-frame-options: "), "{path}: {answer}");
    }
    for path in ["/v1/users/%zz", "/v1/users/%", "/v1/users/%2e%2e", "/v1/users/1%2fchannels"] {
        let answer = server.raw(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        assert!(["HTTP/1.1 400 ", "HTTP/1.1 401 "].iter().any(|status| answer.starts_with(status)), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_query_that_breaks_the_document_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    for (path, field) in [
        ("/v1/users?page=1&page=2", "page"),
        ("/v1/users?size=1&size=1", "size"),
        ("/v1/users?name=a&name=b", "name"),
        ("/v1/users?name=%ff", "name"),
        ("/v1/users?name=%00", "name"),
        ("/v1/users?page=%31%00", "page"),
        ("/v1/users?page=99999999999999999999", "page"),
        ("/v1/channels?type=%f0%9f%98%80", "type"),
        ("/v1/messages?start=1&start=2", "start"),
        ("/v1/messages?size=1e1", "size"),
    ] {
        api.get(path).await.faults(&[(field, "invalid")]);
    }
    let several = api.get("/v1/users?page=x&size=y&name=%00").await;
    several.faults(&[("page", "invalid"), ("size", "invalid"), ("name", "invalid")]);
    for path in ["/v1/users?&&&", "/v1/users?%ff=%ff", "/v1/users?=", "/v1/users?unknown=1&unknown=2", "/v1/users??"] {
        api.get(path).await.ok();
    }
}

#[tokio::test]
async fn a_query_beyond_all_measure_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    refused(&api.get(&format!("/v1/users?name={}", "a".repeat(60_000))).await, "60 kB");
    let (token, query) = (api.token.as_ref().unwrap(), "a".repeat(100_000));
    let head = format!(
        "GET /v1/users?name={query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    let answer = server.raw(head).await;
    assert!(answer.starts_with("HTTP/1.1 414 "), "{answer}");
}

#[tokio::test]
async fn errors_do_not_repeat_what_was_sent() {
    let server = Server::start().await;
    let api = server.application().await;
    let marker = "<script>alert('x')</script>";
    let bodies =
        [json!({"name": format!("{marker}\u{0}")}), json!({"type": marker}), json!({"name": "x", "isGuest": marker})];
    for body in bodies {
        for path in ["/v1/users", "/v1/channels"] {
            let answer = api.post(path, body.clone()).await;
            assert!(!answer.body.to_string().contains("script"), "{answer:?}");
        }
    }
    let answer = Answer::of(api.request(Method::GET, "/v1/users").query(&[("size", marker), ("sort", marker)])).await;
    assert!(answer.status == 400 && !answer.body.to_string().contains("script"), "{answer:?}");
}
