//! Bytes that are no proper HTTP.

use super::assert_no_users;
use crate::support::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn requests_that_are_no_http_get_an_answer_all_the_same() {
    let server = Server::start().await;
    for request in [
        "GARBAGE\r\n\r\n",
        "GET\r\n\r\n",
        "GET /v1 HTTP/9.9\r\n\r\n",
        "GET /v1 HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        "GET /v1 with spaces HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let answer = server.raw(request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{request:?}: {answer}");
    }
    server.application().await.get("/v1").await.ok();
}

#[tokio::test]
async fn chunks_that_are_none_are_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    let head = format!(
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        api.token.as_ref().unwrap()
    );
    for body in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "f\r\n{\"name\":\"jdoe\"}",
        "2\r\n{}garbage",
        "ffffffffffffffffff\r\n{}",
        "-1\r\n\r\n",
        "f\r\n{\"name\":\"jdoe\"}\r\n",
    ] {
        let answer = server.raw(format!("{head}{body}")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
    }
    assert_no_users(&api).await;
}

#[tokio::test]
async fn half_a_request_disturbs_nobody() {
    let server = Server::start().await;
    let api = server.application().await;
    let whole = format!(
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{{\"name\":\"jdoe\"}}",
        api.token.as_ref().unwrap()
    );
    let mut waiting = Vec::new();
    for cut in (0..whole.len()).step_by(7) {
        let mut stream = server.connect().await;
        stream.write_all(&whole.as_bytes()[..cut]).await.expect("the server reads");
        // Half of them vanish, half of them keep the server waiting.
        if cut % 2 == 0 {
            waiting.push((cut, stream));
        }
    }
    api.user("somebody else").await;
    let users = api.get("/v1/users").await.ok();
    assert_eq!(users["page"]["totalElements"], 1, "something was half written: {users}");
    // One of those that wait goes on, and is served as any other.
    let (cut, mut stream) = waiting.pop().expect("a request that waits");
    stream.write_all(&whole.as_bytes()[cut..]).await.expect("the server reads on");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert_eq!(api.head("/v1/users?name=jdoe").await.status, 200);
}
