//! Bodies that cannot be read, or that the document does not allow.

use super::{assert_no_users, post, refused};
use crate::support::{Answer, Server};
use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::{Value, json};

#[tokio::test]
async fn a_body_that_is_not_json_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    let deep = format!(r#"{{"name":"jdoe","properties":{{"a":{}{}}}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let bodies: [&[u8]; 19] = [
        b"",
        b" ",
        b"jdoe",
        b"{",
        b"}",
        br#"{"name":"jdoe""#,
        br#"{"name":"jdoe"}}"#,
        br#"{"name":"jdoe"} {"name":"jdoe"}"#,
        br#"{"name":"jdoe",}"#,
        br#"{name:"jdoe"}"#,
        br#"{'name':'jdoe'}"#,
        br#"{"name":"jdoe"/**/}"#,
        b"{\"name\":\"jd\noe\"}",
        br#"{"name":"\ud800"}"#,
        br#"{"name":"jdoe","properties":{"a":"\udfff\ud800"}}"#,
        b"{\"name\":\"jdoe\xff\"}",
        b"\xef\xbb\xbf{\"name\":\"jdoe\"}",
        br#"{"name":"jdoe","properties":{"a":1e400}}"#,
        deep.as_bytes(),
    ];
    for body in bodies {
        let what = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        refused(&post(&api, "/v1/users", body.to_vec()).await, &what);
    }
    let utf_16: Vec<u8> = r#"{"name":"jdoe"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    refused(&post(&api, "/v1/users", utf_16).await, "UTF-16");
    assert_no_users(&api).await;
}

#[tokio::test]
async fn a_value_of_another_type_is_refused() {
    let server = Server::start().await;
    let api = server.application().await;
    for body in [json!(null), json!([]), json!("jdoe"), json!(1), json!([{"name": "jdoe"}])] {
        refused(&api.post("/v1/users", body.clone()).await, &body.to_string());
    }
    for name in [json!(null), json!(1), json!(true), json!(["jdoe"]), json!({"a": 1})] {
        api.post("/v1/users", json!({"name": name})).await.faults(&[("name", "invalid")]);
    }
    let body = json!({"name": "jdoe", "isGuest": "true", "displayName": 7, "properties": []});
    let faults = [("isGuest", "invalid"), ("displayName", "invalid"), ("properties", "invalid")];
    api.post("/v1/users", body).await.faults(&faults);
    api.post("/v1/users", json!({})).await.faults(&[("name", "missing_field")]);
    assert_no_users(&api).await;
}

#[tokio::test]
async fn a_user_reference_names_one_user_in_one_way() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jdoe").await;
    let huge: Value = serde_json::from_str("9223372036854775808").unwrap();
    for user in [
        json!(1),
        json!("jdoe"),
        json!({}),
        json!({"id": "1"}),
        json!({"id": 0}),
        json!({"id": -1}),
        json!({"id": 1.5}),
        json!({"id": huge}),
        json!({"name": "jdoe"}),
        json!(null),
        json!([]),
    ] {
        let body = json!({"type": "PUBLIC", "name": "lobby", "members": [user]});
        let answer = api.post("/v1/channels", body).await;
        refused(&answer, &user.to_string());
        let field = answer.body["errors"][0]["field"].as_str().expect("a field");
        assert!(field.starts_with("members[0]"), "{user}: {field}");
    }
    assert_eq!(api.get("/v1/channels").await.ok()["page"]["totalElements"], 0);
}

#[tokio::test]
async fn a_channel_has_one_of_the_types() {
    let server = Server::start().await;
    let api = server.application().await;
    for body in [
        json!({"name": "x"}),
        json!({"type": "SECRET"}),
        json!({"type": "public"}),
        json!({"type": 1}),
        json!({"type": null}),
        json!({"type": ["OPEN"]}),
    ] {
        let answer = api.post("/v1/channels", body.clone()).await;
        refused(&answer, &body.to_string());
        assert_eq!(answer.body["errors"][0]["field"], "type", "{body}");
    }
}

/// RFC 8259 leaves open which of them counts; that one of them is checked and another kept would be worse.
#[tokio::test]
async fn of_duplicate_keys_the_last_counts() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = post(&api, "/v1/users", r#"{"name":"first","name":"last"}"#).await.ok();
    assert_eq!((&user["name"], &user["displayName"]), (&json!("last"), &json!("last")));
    post(&api, "/v1/users", r#"{"name":"fine","name":"\u0000"}"#).await.faults(&[("name", "invalid")]);
}

/// What takes a second to read takes one of the two processors that everybody shares.
#[tokio::test]
async fn numbers_and_keys_without_end_are_answered_soon() {
    let server = Server::start().await;
    let api = server.application().await;
    let nines = "9".repeat(30_000);
    let key = |number: usize| format!("\"{}\":1", number % 1000);
    let bombs = [
        nines.clone(),
        format!("-{nines}.{nines}"),
        format!("0.{}1", "0".repeat(60_000)),
        format!("1e{nines}"),
        format!("{nines}e-{nines}"),
        format!("[{}]", "1,".repeat(30_000) + "1"),
        format!("{{{}}}", (0..8_000).map(key).collect::<Vec<_>>().join(",")),
        format!("{{\"{}\":1}}", "k".repeat(60_000)),
    ];
    let started = std::time::Instant::now();
    for (number, bomb) in bombs.iter().enumerate() {
        let body = format!(r#"{{"name":"user {number}","properties":{{"bomb":{bomb}}}}}"#);
        let answer = post(&api, "/v1/users", body).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400 | 413), "{number}: {}", answer.status);
        assert!(api.get("/v1/users?size=100").await.ok().is_object(), "{number}: the list cannot be read any more");
    }
    assert!(started.elapsed().as_secs() < 20, "{} bodies of 60 kB took {:?}", bombs.len(), started.elapsed());
}

/// A few bytes can unpack to any number of them.
#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let server = Server::start().await;
    let api = server.application().await;
    let packed = b"\x1f\x8b\x08\0\0\0\0\0\x02\x03\xabV\xcaK\xccMU\xb2R\xcaJ\xc9OU\xaa\x05\0\xe9\xb4\xb7I\x0f\0\0\0";
    let send = |coding: &'static str, body: &'static [u8]| {
        let request = api.request(Method::POST, "/v1/users").header("content-type", "application/json");
        Answer::of(request.header("content-encoding", coding).body(body))
    };
    for coding in ["gzip", "x-gzip", "deflate", "br", "zstd", "identity, gzip", "gzip, gzip", "unheard-of", ""] {
        for body in [packed.as_slice(), br#"{"name":"jdoe"}"#] {
            let answer = send(coding, body).await;
            let error = (answer.status.as_u16(), &answer.body["error"]);
            assert_eq!(error, (415, &json!("UnsupportedMediaTypeError")), "{coding}");
        }
    }
    refused(&post(&api, "/v1/users", packed.as_slice()).await, "packed without saying so");
    assert_no_users(&api).await;
    let answer = send("Identity", br#"{"name":"jdoe"}"#).await;
    assert_eq!(answer.ok()["name"], "jdoe");
    let token = server.http.post(format!("{}/oauth/token", server.url)).basic_auth("acme", Some("acmesecret"));
    let token = token.header("content-encoding", "gzip").form(&[("grant_type", "client_credentials")]);
    assert_eq!(Answer::of(token).await.status, 415);
}

#[tokio::test]
async fn custom_properties_are_given_back_as_they_came() {
    let server = Server::start().await;
    let api = server.application().await;
    let numbers =
        r#"{"least":-9223372036854775808,"most":18446744073709551615,"small":5e-324,"zero":-0.0,"text":"\u0000😀"}"#;
    let user = post(&api, "/v1/users", format!(r#"{{"name":"jdoe","properties":{numbers}}}"#)).await.ok();
    assert_eq!(user["properties"], serde_json::from_str::<Value>(numbers).unwrap());
}

/// A body that only just can be read must not make a list that cannot.
#[tokio::test]
async fn nested_properties_do_not_spoil_the_list() {
    let server = Server::start().await;
    let api = server.application().await;
    for depth in [10, 50, 100, 120, 124, 125, 126, 127] {
        let properties = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let body = format!(r#"{{"name":"nested {depth}","properties":{properties}}}"#);
        let answer = post(&api, "/v1/users", body).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{depth}: {answer:?}");
        let page = api.get("/v1/users?size=100").await.ok();
        assert!(page.is_object(), "a list with properties {depth} levels deep cannot be read");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_too_large() {
    let server = Server::start().await;
    let api = server.application().await;
    let huge = format!(r#"{{"name":"jdoe","properties":{{"a":"{}"}}}}"#, "a".repeat(8 << 20));
    let answer = post(&api, "/v1/users", huge.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (413, &json!("PayloadTooLargeError")), "with a length");
    let chunks =
        huge.as_bytes().chunks(60_000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>();
    let answer = post(&api, "/v1/users", reqwest::Body::wrap_stream(futures::stream::iter(chunks))).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (413, &json!("PayloadTooLargeError")), "in chunks");
    let head = format!("POST /v1/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}", api.token.as_ref().unwrap());
    let head =
        format!("{head}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}", huge.len());
    let answer = server.raw(format!("{head}\r\n\r\n{huge}")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "from a client that sends all before it reads: {answer}");
    let token = format!("{}/oauth/token", server.url);
    let form = [("grant_type", "client_credentials"), ("username", &huge)];
    let answer = Answer::of(server.http.post(&token).form(&form)).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (413, &json!("PayloadTooLargeError")), "a form");
    let answer = Answer::of(server.http.post(&token).multipart(Form::new().text("grant_type", huge))).await;
    assert_eq!((answer.status.as_u16(), &answer.body["error"]), (413, &json!("PayloadTooLargeError")), "multipart");
    assert_no_users(&api).await;
}

#[tokio::test]
async fn a_body_of_another_media_type_is_not_supported() {
    let server = Server::start().await;
    let api = server.application().await;
    for media in [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "json",
        "application/jsonp",
        "\u{fffd}",
    ] {
        let request = api.request(Method::POST, "/v1/users").header("content-type", media).body(r#"{"name":"jdoe"}"#);
        let answer = Answer::of(request).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (415, &json!("UnsupportedMediaTypeError")),
            "{media}"
        );
    }
    assert_no_users(&api).await;
    for (n, media) in
        ["application/json; charset=utf-8", "Application/JSON", "application/vnd.acme+json"].iter().enumerate()
    {
        let body = format!(r#"{{"name":"user {n}"}}"#);
        Answer::of(api.request(Method::POST, "/v1/users").header("content-type", *media).body(body)).await.ok();
    }
}

#[tokio::test]
async fn a_token_request_that_cannot_be_read_is_refused() {
    let server = Server::start().await;
    let token = || server.http.post(format!("{}/oauth/token", server.url)).basic_auth("acme", Some("acmesecret"));
    let form = |media: &str, body: &'static [u8]| token().header("content-type", media).body(body);
    for request in [
        form("application/x-www-form-urlencoded", b""),
        form("application/x-www-form-urlencoded", b"\xff\xfe"),
        form("application/x-www-form-urlencoded", b"grant_type=%ff"),
        form("application/x-www-form-urlencoded", b"grant_type=client_credentials%00"),
        form("application/x-www-form-urlencoded", b"%%%&&&==="),
        form("application/x-www-form-urlencoded", b"grant_type=client_credentials&grant_type=client_credentials"),
        form("application/x-www-form-urlencoded", b"grant_type=client_credentials&scope=%00"),
        form("multipart/form-data", b"grant_type=client_credentials"),
        form("multipart/form-data; boundary=x", b""),
        form("multipart/form-data; boundary=x", b"--x\r\n"),
        form(
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_cred",
        ),
        form(
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\nclient_credentials\r\n--x--",
        ),
        form(
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\n\xff\r\n--x--",
        ),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body["error"].is_string() && answer.body["error_description"].is_string(), "{answer:?}");
    }
    let json = Answer::of(token().json(&json!({"grant_type": "client_credentials"}))).await;
    assert_eq!(json.status, 415);
}
