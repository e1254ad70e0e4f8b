//! Bytes that are no proper HTTP.

use super::assert_no_users;
use crate::support::Server;
use std::time::Duration;
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

/// What comes back over a connection on which this is sent, however it ends.
async fn spoken(server: &Server, bytes: String) -> String {
    let (mut reader, mut writer) = server.connect().await.into_split();
    let mut answer = Vec::new();
    let exchange = async {
        // A server that has seen enough reads no more, and may reset the connection after its answer.
        let _ = tokio::join!(writer.write_all(bytes.as_bytes()), reader.read_to_end(&mut answer));
    };
    let exchanged = tokio::time::timeout(Duration::from_secs(20), exchange).await;
    exchanged.expect("the server closes the connection");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn heads_and_tails_beyond_all_measure_are_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    let token = api.token.as_ref().unwrap();
    let post = |more: &str| {
        format!(
            "POST /v1/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n{more}"
        )
    };
    let million = "a".repeat(1_000_000);
    let many: String = (0..200).map(|number| format!("X-{number}: a\r\n")).collect();
    let trailers: String = (0..2000).map(|number| format!("X-{number}: {}\r\n", &million[..1000])).collect();
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for (request, status) in [
        (post(&format!("X-Long: {million}\r\n\r\n")), 431),
        (post(&format!("{many}\r\n")), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", &million[..70_000]), 414),
        (post(&format!("{chunked}f\r\n{{\"name\":\"jdoe\"}}\r\n0\r\n{trailers}\r\n")), 400),
        (post(&format!("{chunked}f;{million}\r\n{{\"name\":\"jdoe\"}}\r\n0\r\n\r\n")), 400),
    ] {
        let answer = spoken(&server, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        server.stranger().get("/health/ready").await.ok();
    }
    assert_no_users(&api).await;
}

#[tokio::test]
async fn a_body_with_two_ends_hides_no_second_request() {
    let server = Server::start().await;
    let api = server.application().await;
    let head = format!(
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n",
        api.token.as_ref().unwrap()
    );
    let request = |name: &str, lengths: &str, hidden: &str| {
        let body = format!("{{\"name\":\"{name}\"}}");
        let second = format!("{head}Connection: close\r\nContent-Length: {}\r\n\r\n", hidden.len() + 11);
        format!("{head}{lengths}\r\n{:x}\r\n{body}\r\n0\r\n\r\n{second}{{\"name\":\"{hidden}\"}}", body.len())
    };
    // Without a doubt about the length, a second request is a request.
    let both = spoken(&server, request("first", "Transfer-Encoding: chunked\r\n", "second")).await;
    assert_eq!(both.matches("HTTP/1.1 200 ").count(), 2, "{both}");
    for (number, lengths) in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 400\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: a\rTransfer-Encoding: chunked\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        let answer = spoken(&server, request(&format!("open {number}"), lengths, "hidden")).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lengths:?}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{lengths:?}: {answer}");
    }
    assert_eq!(api.head("/v1/users?name=hidden").await.status, 404);
}
