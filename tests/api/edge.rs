//! What every request meets before its handler and every answer after: addresses, CORS, methods, media types.

use crate::support::{Answer, Server};
use reqwest::Method;
use reqwest::header::HOST;
use serde_json::{Value, json};

#[tokio::test]
async fn links_are_made_of_the_host_that_was_asked() {
    let server = Server::start().await;
    let api = server.application().await;
    for host in ["chat.example.com", "chat.example.com:8443", "127.0.0.1", "[::1]:80", "LOCALHOST"] {
        let root = Answer::of(api.request(Method::GET, "/v1").header(HOST, host)).await.ok();
        assert_eq!(root["_links"]["self"]["href"], format!("http://{host}/v1"));
        let page = Answer::of(api.request(Method::GET, "/v1/users").header(HOST, host)).await.ok();
        assert_eq!(page["_links"]["self"]["href"], format!("http://{host}/v1/applications/1/users?page=0&size=25"));
    }
}

#[tokio::test]
async fn a_public_url_wins_over_the_host() {
    let server = Server::start_with(|config| config.public_url = Some("https://chat.example.com/api".to_owned())).await;
    let api = server.application().await;
    let root = Answer::of(api.request(Method::GET, "/v1").header(HOST, "elsewhere.example.com")).await.ok();
    assert_eq!(root["_links"]["self"]["href"], "https://chat.example.com/api/v1");
    let user = api.user("jdoe").await;
    assert_eq!(user["_links"]["self"]["href"], "https://chat.example.com/api/v1/applications/1/users/1");
    assert_eq!(user["displayPictureUrl"], "https://chat.example.com/api/v1/picture/jdoe");
}

/// Whoever sends them would otherwise choose where other readers of a cached answer are led.
#[tokio::test]
async fn forwarding_headers_are_ignored() {
    let server = Server::start().await;
    let api = server.application().await;
    let request = api
        .request(Method::GET, "/v1")
        .header("x-forwarded-host", "evil.example.com")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-prefix", "/evil")
        .header("x-original-url", "/health/live")
        .header("forwarded", "host=evil.example.com;proto=https");
    let root = Answer::of(request).await.ok();
    assert_eq!(root["_links"]["self"]["href"], format!("{}/v1", server.url));
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    let server = Server::start().await;
    for host in [
        "a b",
        "user@host",
        "host/path",
        "host?x",
        "\"><script>",
        "",
        "a:b:c",
        "host:port",
        "host:99999",
        "a\r\nHost: b",
    ] {
        let answer = server.raw(format!("GET /v1 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "Host: {host}: {answer}");
    }
    let none = server.raw("GET /v1 HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.1 400 "), "{none}");
    let older = server.raw("GET /health/live HTTP/1.0\r\n\r\n").await;
    assert!(older.starts_with("HTTP/1.0 200 "), "{older}");
}

#[tokio::test]
async fn every_answer_has_a_token_of_its_own() {
    let server = Server::start().await;
    let api = server.application().await;
    let answers =
        [api.get("/v1").await, api.get("/v1").await, api.get("/nowhere").await, server.stranger().get("/v1").await];
    let tokens: std::collections::BTreeSet<&str> =
        answers.iter().map(|answer| answer.header("x-response-token")).collect();
    assert_eq!(tokens.len(), answers.len(), "{tokens:?}");
    assert!(
        tokens.iter().all(|token| token.len() == 32 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')))
    );
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_token() {
    let server = Server::start().await;
    for path in ["/v1/users", "/v1/applications/me/users", "/oauth/token", "/v1/messages/1"] {
        let request = server
            .stranger()
            .request(Method::OPTIONS, path)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, content-type, x-requested-with");
        let answer = Answer::of(request).await;
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
        for name in ["authorization", "content-type", "x-requested-with"] {
            assert!(headers.split(", ").any(|allowed| allowed == name), "{path}: {headers}");
        }
        let methods = answer.header("access-control-allow-methods");
        assert!(methods.split(", ").all(|method| answer.header("allow").contains(method)), "{path}: {methods}");
        assert!(!methods.contains("PUT"), "{path}: {methods}");
    }
}

#[tokio::test]
async fn an_answer_to_another_origin_may_be_read_there() {
    let server = Server::start().await;
    let api = server.application().await;
    for path in ["/v1", "/nowhere", "/v1/users/999", "/v1/users?size=x"] {
        let answer = Answer::of(api.request(Method::GET, path).header("origin", "https://app.example.com")).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(answer.header("access-control-expose-headers").contains("X-Response-Token"), "{path}");
        assert_eq!(answer.headers.get("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn options_tells_the_methods_of_a_path() {
    let server = Server::start().await;
    for (path, methods) in [
        ("/v1", "GET, HEAD, OPTIONS"),
        ("/v1/users", "GET, HEAD, OPTIONS, POST"),
        ("/v1/users/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/v1/applications/1/users/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/oauth/token", "OPTIONS, POST"),
    ] {
        let answer = Answer::of(server.stranger().request(Method::OPTIONS, path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (204, methods), "{path}");
    }
    assert_eq!(Answer::of(server.stranger().request(Method::OPTIONS, "/nowhere")).await.status, 404);
}

#[tokio::test]
async fn other_spellings_of_a_path_lead_to_the_canonical_one() {
    let server = Server::start().await;
    let api = server.application().await;
    for (path, canonical) in [
        ("/v1/", "/v1"),
        ("/v1/users/", "/v1/users"),
        ("//v1//users", "/v1/users"),
        ("/v1/users//?page=0&size=2", "/v1/users?page=0&size=2"),
        ("/v1/applications/me//users/", "/v1/applications/me/users"),
        ("//v1/applications//1/users", "/v1/applications/1/users"),
        ("/v1/applications/me/", "/v1/applications/me"),
        ("/health/live/", "/health/live"),
    ] {
        let answer = api.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (308, canonical), "{path}");
        assert!(answer.headers.contains_key("x-response-token"), "{answer:?}");
        api.get(canonical).await.ok();
    }
    for nowhere in ["/nowhere/", "//nowhere", "//evil.example.com/"] {
        assert_eq!(api.get(nowhere).await.status, 404, "{nowhere}");
    }
}

#[tokio::test]
async fn a_redirected_post_keeps_its_method_and_body() {
    let server = Server::start().await;
    let api = server.application().await;
    let following = reqwest::Client::new();
    let request = following.post(format!("{}/v1/users/", server.url)).bearer_auth(api.token.as_ref().unwrap());
    let user = Answer::of(request.json(&json!({"name": "jdoe"}))).await.ok();
    assert_eq!(user["name"], "jdoe");
}

#[tokio::test]
async fn another_method_is_answered_with_those_allowed() {
    let server = Server::start().await;
    let api = server.application().await;
    for (method, path, allow) in [
        (Method::PUT, "/v1/users", "GET, HEAD, OPTIONS, POST"),
        (Method::PUT, "/v1/users/1", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        (Method::DELETE, "/v1", "GET, HEAD, OPTIONS"),
        (Method::POST, "/v1/applications/me/messages", "DELETE, GET, HEAD, OPTIONS"),
        (Method::GET, "/oauth/token", "OPTIONS, POST"),
        (Method::HEAD, "/oauth/token", "OPTIONS, POST"),
        (Method::TRACE, "/v1", "GET, HEAD, OPTIONS"),
    ] {
        let answer = Answer::of(api.request(method.clone(), path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, allow), "{method} {path}");
        if method != Method::HEAD {
            assert_eq!(answer.body["error"], "MethodNotAllowedError", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn head_answers_as_get_without_the_body() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    let users = format!("/v1/users/{}", user["id"]);
    for path in ["/v1", "/v1/application", &users, "/v1/channels", "/v1/users/999", "/nowhere", "/v1/messages?size=x"] {
        let (get, head) = (api.get(path).await, api.head(path).await);
        assert_eq!((head.status, &head.body), (get.status, &Value::Null), "{path}");
        for name in ["content-type", "content-length"] {
            assert_eq!(head.headers.get(name), get.headers.get(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn the_accept_header_chooses_the_media_type() {
    let server = Server::start().await;
    let api = server.application().await;
    for (accept, served) in [
        (None, "application/json"),
        (Some("*/*"), "application/json"),
        (Some("application/*"), "application/json"),
        (Some("application/json"), "application/json"),
        (Some("application/hal+json"), "application/hal+json"),
        (Some("APPLICATION/HAL+JSON; charset=utf-8"), "application/hal+json"),
        (Some("application/hal+json, application/json;q=0.5"), "application/hal+json"),
        (Some("application/hal+json;q=0.4, application/json;q=0.5"), "application/json"),
        (Some("text/html, */*;q=0.1"), "application/json"),
        (Some("application/json;q=0, */*"), "application/hal+json"),
    ] {
        let mut request = api.request(Method::GET, "/v1");
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let answer = Answer::of(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, served), "{accept:?}");
    }
    for accept in ["text/html", "application/xml", "*/*;q=0", "application/json;q=0", "nonsense"] {
        let answer = Answer::of(api.request(Method::GET, "/v1").header("accept", accept)).await;
        assert_eq!((answer.status.as_u16(), &answer.body["error"]), (406, &json!("NotAcceptableError")), "{accept}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_not_found_for_everybody() {
    let server = Server::start().await;
    let api = server.application().await;
    for path in [
        "/",
        "/v2",
        "/v1/nowhere",
        "/v1/users/1/2/3",
        "/v1/applications",
        "/v1/applications/me/nowhere",
        "/v1/applications/me/v1/users",
        "/oauth",
    ] {
        for answer in [api.get(path).await, server.stranger().get(path).await] {
            assert_eq!(
                (answer.status.as_u16(), &answer.body["error"]),
                (404, &json!("ResourceNotFoundError")),
                "{path}"
            );
            assert!(answer.body["message"].is_string() && answer.body["timestamp"].is_string(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_get_with_a_content_type_and_no_body_is_fine() {
    let server = Server::start().await;
    let api = server.application().await;
    for path in ["/v1", "/v1/users", "/v1/applications/me/channels"] {
        Answer::of(api.request(Method::GET, path).header("content-type", "application/json")).await.ok();
    }
}

/// A page is let in because it has a token, and never because of where it comes from.
#[tokio::test]
async fn no_origin_is_repeated_or_trusted() {
    let server = Server::start().await;
    let token = server.application().await.token.expect("a token");
    for origin in ["https://evil.example.com", "null", "file://", "http://127.0.0.1", "*", "https://evil.example.com:1"]
    {
        for (method, path) in [
            (Method::GET, "/v1"),
            (Method::GET, "/v1/users"),
            (Method::POST, "/oauth/token"),
            (Method::OPTIONS, "/v1/users"),
            (Method::GET, "/nowhere"),
            (Method::GET, "/openapi.json"),
        ] {
            let request = server
                .stranger()
                .request(method.clone(), path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization, x-evil")
                .header("access-control-request-private-network", "true")
                // Browsers add cookies by themselves, so that none may stand for a token.
                .header("cookie", format!("access_token={token}; token={token}; Authorization=Bearer {token}"));
            let answer = Answer::of(request).await;
            let allowed: Vec<_> = answer.headers.get_all("access-control-allow-origin").iter().collect();
            assert_eq!(allowed, ["*"], "{method} {path} from {origin}");
            for name in ["access-control-allow-credentials", "access-control-allow-private-network", "set-cookie"] {
                assert_eq!(answer.headers.get(name), None, "{method} {path} from {origin}");
            }
            assert!(!format!("{:?}", answer.headers).contains("evil"), "{method} {path} from {origin}: {answer:?}");
            if path == "/v1/users" && method == Method::GET {
                assert_eq!(answer.status, 401, "a cookie is no token: {answer:?}");
            }
        }
    }
}

/// RFC 9700 section 4.3.2: addresses are logged and handed on by those on the way.
#[tokio::test]
async fn a_token_in_the_address_is_none() {
    let server = Server::start().await;
    let token = server.application().await.token.expect("a token");
    for path in ["/v1", "/v1/users", "/v1/applications/me"] {
        let answer = server.stranger().get(&format!("{path}?access_token={token}")).await;
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
}

/// Whoever could begin a line in the head of an answer could add headers to it, or a second answer.
#[tokio::test]
async fn nothing_that_was_sent_begins_a_header() {
    let server = Server::start().await;
    let api = server.application().await;
    let token = api.token.as_ref().expect("a token");
    let lines =
        ["%0d%0aX-Planted:%20yes", "%0aX-Planted:%20yes", "%0dX-Planted:%20yes", "%E5%98%8A%E5%98%8DX-Planted:%20yes"];
    for line in lines {
        for path in [
            format!("//v1//users//{line}/"),
            format!("/v1/users/?name={line}"),
            format!("/v1/users?name={line}&sort=id"),
            format!("/v1/applications/{line}/users/"),
            format!("/v1/picture/{line}"),
            format!("/v1/files/{}/{line}", "A".repeat(32)),
            format!("/v1/users/1/secrets/{line}"),
            format!("/docs/{line}"),
            format!("/v1/explorer/{line}"),
        ] {
            for method in ["GET", "OPTIONS", "BREW"] {
                let head =
                    format!("{method} {path} HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\nAuthorization: Bearer {token}");
                let answer = server.raw(format!("{head}\r\nAccept: */*\r\nConnection: close\r\n\r\n")).await;
                let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
                let planted = head.split(['\r', '\n']).any(|line| line.starts_with("x-planted"));
                assert!(head.starts_with("http/1.1 ") && !planted, "{method} {path}: {answer}");
            }
        }
    }
}
