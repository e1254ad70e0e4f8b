//! Every keyword at work: what is read, what is checked, and what is answered.

use crate::fixture::{Problem, Running, answer_of, json_of, start, violations};
use crate::generated::everything::server::inputs::{
    InputsApi, ReadParametersHeaders, ReadParametersQuery, SendFilesBody,
};
use crate::generated::everything::server::outputs::OutputsApi;
use crate::generated::everything::server::{self, DOCUMENT, OPERATIONS, PATH_ALIASES};
use crate::generated::everything::types::{Echo, Everything, Files, Form, Link};
use crate::generated::everything::wire::{Kind, Shape};
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method, StatusCode};
use openapi_dropshot::runtime::{Call, Content, MergePatch, Multipart, Operation, Reply, Response, Service, Upload};
use reqwest::multipart::Part;
use serde_json::{Value, json};

/// Answers with what it has read.
struct Mirror;

impl Service for Mirror {
    type Principal = ();
    type Error = Problem;

    async fn authorize(&self, call: &Call) -> Result<(), Problem> {
        if call.headers().contains_key("x-shop-key") {
            return Ok(());
        }
        Err(Problem::new(StatusCode::UNAUTHORIZED, "no key"))
    }

    fn render(&self, error: Problem, operation: Option<&'static Operation>) -> Response {
        error.render("application/json", operation)
    }
}

fn echo(text: impl Into<String>) -> Result<Reply<Echo>, Problem> {
    Ok(Echo { text: text.into() }.into())
}

impl InputsApi for Mirror {
    async fn read_parameters(
        &self,
        _: &Call,
        (): (),
        short: i32,
        long: i64,
        id: String,
        kind: Kind,
        query: ReadParametersQuery,
        headers: ReadParametersHeaders,
    ) -> Result<Reply<Echo>, Problem> {
        let ReadParametersQuery { flag, ratio, level, word, joined, tint } = query;
        let ReadParametersHeaders { x_trace, x_depth } = headers;
        echo(format!(
            "{short} {long} {id} {kind:?} {flag} {ratio} {level} {word:?} {joined:?} {tint} {x_trace} {x_depth}"
        ))
    }

    async fn send_json(&self, _: &Call, (): (), body: Everything) -> Result<Reply<Echo>, Problem> {
        echo(serde_json::to_string(&body).expect("what was read can be written"))
    }

    async fn replace_shape(&self, _: &Call, (): (), body: Option<Shape>) -> Result<Reply<Shape>, Problem> {
        Ok(body.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "no shape"))?.into())
    }

    async fn send_form(&self, _: &Call, (): (), body: Form) -> Result<Reply<Echo>, Problem> {
        let Form { count, flag, name, ratio, word } = body;
        echo(format!("{name} {count:?} {ratio:?} {flag} {word:?}"))
    }

    async fn send_files(&self, _: &Call, (): (), body: SendFilesBody) -> Result<Reply<Echo>, Problem> {
        match body {
            SendFilesBody::ApplicationJson(Link { url }) => echo(url),
            SendFilesBody::MultipartFormData(parts) => echo(read_files(parts).await?),
        }
    }

    async fn patch_note(&self, _: &Call, (): (), body: Option<MergePatch<Link>>) -> Result<Reply<Echo>, Problem> {
        echo(body.map_or_else(|| "nothing".to_owned(), |patch| patch.set.url))
    }

    async fn send_bytes(&self, call: &Call, (): (), mut body: Upload) -> Result<Reply<Echo>, Problem> {
        let mut length = 0;
        while let Some(chunk) = body.chunk().await? {
            length += chunk.len();
        }
        let media = call.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
        echo(format!("{length} bytes of {}", media.unwrap_or("something")))
    }
}

async fn read_files(mut parts: Multipart<Files>) -> Result<String, Problem> {
    let mut text = String::new();
    while let Some(mut file) = parts.next_file().await? {
        let mut length = 0;
        while let Some(chunk) = file.chunk().await? {
            length += chunk.len();
        }
        text.push_str(&format!("{}: {length}, ", file.field));
    }
    let Files { note } = parts.finish().await?;
    Ok(format!("{text}{note}"))
}

impl OutputsApi for Mirror {
    async fn choose_dialect(&self, _: &Call, (): ()) -> Result<Reply<Echo>, Problem> {
        echo("dialect")
    }

    async fn open_attachment(&self, _: &Call) -> Result<Reply<Content>, Problem> {
        Ok(Reply::new(Content::bytes("GIF89a")).header(CONTENT_TYPE, HeaderValue::from_static("image/gif")))
    }

    async fn choose_text(&self, _: &Call) -> Result<Reply<Content>, Problem> {
        Ok(Content::bytes("a,b\n").into())
    }

    async fn check_texts(&self, _: &Call) -> Result<Reply<()>, Problem> {
        Ok(Reply::new(()).header(LOCATION, HeaderValue::from_static("/v1/texts")))
    }

    async fn follow(&self, _: &Call) -> Result<Reply<()>, Problem> {
        Ok(Reply::new(()).header(LOCATION, HeaderValue::from_static("/v1/texts")))
    }

    async fn remove(&self, _: &Call, (): ()) -> Result<Reply<()>, Problem> {
        Ok(().into())
    }
}

fn open() -> Running<Mirror> {
    start(server::api().expect("dropshot takes every route"), Mirror)
}

const ID: &str = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";

#[tokio::test]
async fn parameters_of_all_kinds_are_read() {
    let server = open();
    let path = format!("/v1/parameters/-3/25/{ID}/2-sided?flag=True&word[]=ab&word%5B%5D=c+d&joined=1,2,3&tint=self");
    let text = json_of(server.get(&path).header("X-Trace", "c0ffee").header("X-Depth", "4"), 200).await;
    assert_eq!(
        text["text"],
        format!(r#"-3 25 {ID} Value2Sided true 0.5 1 Some(["ab", "c d"]) [1, 2, 3] self c0ffee 4"#)
    );
    let path = format!("/v1/parameters/0/0/{ID}/unknown?flag=false&ratio=1e-1");
    let text = json_of(server.get(&path).header("X-Trace", "0"), 200).await;
    assert_eq!(text["text"], format!("0 0 {ID} ValueUnknown false 0.1 1 None [7, 8] plain 0 1"));
}

#[tokio::test]
async fn parameters_of_all_kinds_are_checked_at_once() {
    let server = open();
    let path = "/v1/parameters/3000000000/7/no-uuid/new?ratio=1&level=4&word[]=a&word[]=a&word[]=bc&word[]=de&joined=1,x&tint=red&flag=1&flag=2";
    let request = server.get(path).header("X-Trace", "not hexadecimal").header("X-Depth", "0");
    let mut found = violations(&json_of(request, 400).await);
    found.sort();
    let expected = [
        "Header X-Depth Range",
        "Header X-Trace Length",
        "Header X-Trace Pattern",
        "Path id Format",
        "Path kind Enum",
        "Path long Range",
        "Path short Range",
        "Query flag Size",
        "Query joined[1] Type",
        "Query level Enum",
        "Query ratio Range",
        "Query tint Enum",
        "Query word[] Size",
        "Query word[] Unique",
        "Query word[][0] Length",
        "Query word[][1] Length",
    ];
    assert_eq!(found, expected);
    let problem = json_of(server.get(&format!("/v1/parameters/1/5/{ID}/plain?ratio=%FF")), 400).await;
    let mut found = violations(&problem);
    found.sort();
    assert_eq!(found, ["Header X-Trace Missing", "Query flag Missing", "Query ratio Format"]);
}

#[tokio::test]
async fn everything_in_json_is_read() {
    let server = open();
    let body = json!({
        "name": "abc", "secret": "s", "nothing": null, "count": 6, "small": -1, "price": 0.75, "kind": null,
        "list": [1, 2], "closed": {"a": "b"}, "counts": {"x": 1}, "open": {"y": [1]}, "anything": {"z": null},
        "both": {"text": "t", "more": true}, "either": 3, "some": {"left": "l"},
        "shape": {"shape": "group", "shapes": [{"shape": "circle", "radius": 1.5}]},
        "formats": {
            "at": "2024-02-29T23:59:59.123+01:00", "day": "2024-02-29", "id": ID, "home": "https://example.com/a?b#c",
            "link": "../a%20b", "template": "/a{?b}", "mail": "a.b@example.com", "host": "a-b.example", "four": "127.0.0.1",
            "six": "::1", "data": "YQ==", "secret": "?", "way": "/a/b"
        },
        "inner": {"name": "de", "kind": "unknown"}
    });
    let echo = json_of(server.post("/v1/json").json(&body), 200).await;
    let read: Value = serde_json::from_str(echo["text"].as_str().expect("the text is there")).expect("it is JSON");
    for key in
        ["name", "count", "price", "list", "closed", "counts", "open", "anything", "both", "either", "some", "shape"]
    {
        assert_eq!(read[key], body[key], "{key}");
    }
    assert_eq!(read["fixed"], "no", "the default is filled in");
    assert_eq!(read["inner"], json!({"name": "de", "kind": "unknown", "fixed": "no"}));
    // Any kin of JSON will do, and the first media type where none is named.
    let request = server.post("/v1/json").header(CONTENT_TYPE, "application/vnd.kin+json; charset=utf-8");
    json_of(request.body(r#"{"name": "ab"}"#), 200).await;
    json_of(server.post("/v1/json").body(r#"{"name": "ab"}"#), 200).await;
}

#[tokio::test]
async fn everything_in_json_is_checked_at_once() {
    let server = open();
    let body = json!({
        "name": "ABCDEF", "nothing": 1, "count": 10, "small": 2_147_483_648_i64, "price": 0.3, "fixed": "maybe", "kind": "new",
        "list": [1, 1, 1], "closed": {"b": 1}, "counts": {"x": -1}, "open": 1, "both": {"text": 1}, "either": "x", "some": {},
        "shape": {"shape": "group", "shapes": [{"shape": "oval"}, {"radius": 1}, {"shape": "circle", "radius": -1}]},
        "formats": {
            "at": "2024-02-30T00:00:00Z", "day": "2024-2-1", "id": "x", "home": "/a", "link": "a b", "template": "{", "mail": "a",
            "host": "-", "four": "1.2.3", "six": "1", "data": "a", "way": "a"
        },
        "inner": {}
    });
    let found = violations(&json_of(server.post("/v1/json").json(&body), 400).await);
    let mut found: Vec<_> = found.iter().map(|violation| violation.trim_start_matches("Body ")).collect();
    found.sort_unstable();
    let expected = [
        "both.more Missing",
        "both.text Type",
        "closed Unknown",
        "count Range",
        "count Range",
        "counts.x Range",
        "either Alternative",
        "fixed Enum",
        "formats.at Format",
        "formats.data Format",
        "formats.day Format",
        "formats.four Format",
        "formats.home Format",
        "formats.host Format",
        "formats.id Format",
        "formats.link Format",
        "formats.mail Format",
        "formats.six Format",
        "formats.template Format",
        "formats.way Format",
        "inner Size",
        "inner.name Missing",
        "kind Enum",
        "list Size",
        "list Unique",
        "name Length",
        "name Pattern",
        "nothing Type",
        "open Type",
        "price Range",
        "shape.shapes[0].shape Enum",
        "shape.shapes[1].shape Missing",
        "shape.shapes[2].radius Range",
        "small Range",
        "some Alternative",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_union_comes_back_as_it_was_sent() {
    let server = open();
    let shape = json!({"shape": "group", "frame": {"shape": "circle", "radius": 2.0}, "shapes": [{"shape": "group", "shapes": []}]});
    assert_eq!(json_of(server.request(Method::PUT, "/v1/shapes").json(&shape), 200).await, shape);
    // The body is optional, and the handler says what its absence means.
    assert_eq!(json_of(server.request(Method::PUT, "/v1/shapes"), 409).await["message"], "no shape");
}

#[tokio::test]
async fn a_form_is_the_same_in_both_of_its_encodings() {
    let server = open();
    let fields = [("name", "Añb & c"), ("count", "7"), ("ratio", "0.5"), ("word", "x"), ("word", "y")];
    let expected = r#"Añb & c Some(7) Some(0.5) true ["x", "y"]"#;
    assert_eq!(json_of(server.post("/v1/forms").form(&fields), 200).await["text"], expected);
    let parts = || fields.iter().fold(reqwest::multipart::Form::new(), |form, (name, value)| form.text(*name, *value));
    assert_eq!(json_of(server.post("/v1/forms").multipart(parts()), 200).await["text"], expected);
    for request in [
        server.post("/v1/forms").form(&[("name", "a"), ("count", "11"), ("more", "x"), ("flag", "?")]),
        server.post("/v1/forms").multipart(
            reqwest::multipart::Form::new().text("name", "a").text("count", "11").text("more", "x").text("flag", "?"),
        ),
    ] {
        let expected = ["Body name Length", "Body count Range", "Body flag Type", "Body  Unknown"];
        assert_eq!(violations(&json_of(request, 400).await), expected);
    }
}

#[tokio::test]
async fn files_and_fields_share_a_body() {
    let server = open();
    let file = |length: usize| Part::bytes(vec![b'x'; length]).file_name("x");
    let form = reqwest::multipart::Form::new()
        .part("first", file(10))
        .part("others", file(20))
        .text("note", "three")
        .part("others", file(30));
    let text = json_of(server.post("/v1/files").multipart(form), 202).await;
    assert_eq!(text["text"], "first: 10, others: 20, others: 30, three");
    let form = reqwest::multipart::Form::new()
        .part("others", file(1))
        .part("others", file(1))
        .part("others", file(1))
        .part("else", file(1))
        .text("note", "longer than ten");
    let problem = json_of(server.post("/v1/files").multipart(form), 400).await;
    assert_eq!(violations(&problem), ["Body first Missing", "Body others Size", "Body note Length", "Body  Unknown"]);
    let text = json_of(server.post("/v1/files").json(&json!({"url": "https://example.com/x"})), 202).await;
    assert_eq!(text["text"], "https://example.com/x");
}

#[tokio::test]
async fn each_media_type_has_its_own_limit() {
    let server = open();
    let long = format!("https://example.com/{}", "x".repeat(300));
    json_of(server.post("/v1/files").json(&json!({"url": long})), 413).await;
    let file = |length: usize| Part::bytes(vec![b'x'; length]).file_name("x");
    let form = |length| reqwest::multipart::Form::new().part("first", file(length)).text("note", "x");
    json_of(server.post("/v1/files").multipart(form(90_000)), 202).await;
    json_of(server.post("/v1/files").multipart(form(100_000)), 413).await;
}

#[tokio::test]
async fn an_optional_body_may_be_said_to_be_empty() {
    let server = open();
    let patch = || server.request(Method::PATCH, "/v1/notes").header(CONTENT_TYPE, "application/json+merge-patch");
    for body in ["", "\"\"", " \"\" "] {
        assert_eq!(json_of(patch().body(body), 200).await["text"], "nothing", "{body:?}");
    }
    let link = json!({"url": "https://example.com/x"});
    assert_eq!(json_of(patch().body(link.to_string()), 200).await["text"], link["url"]);
    for body in ["\" \"", "null", "[]", "0"] {
        assert_eq!(violations(&json_of(patch().body(body), 400).await), ["Body  Type"], "{body:?}");
    }
}

#[tokio::test]
async fn bytes_are_read_as_they_come() {
    let server = open();
    let patch = |media: &str| server.request(Method::PATCH, "/v1/bytes").header(CONTENT_TYPE, media);
    assert_eq!(
        json_of(patch("application/octet-stream").body(vec![0xff; 1000]), 200).await["text"],
        "1000 bytes of application/octet-stream"
    );
    assert_eq!(
        json_of(patch("text/plain; charset=utf-8").body("x"), 200).await["text"],
        "1 bytes of text/plain; charset=utf-8"
    );
    json_of(patch("text/plain").body(vec![0; 1001]), 413).await;
    json_of(patch("application/json").body("{}"), 415).await;
}

#[tokio::test]
async fn answers_have_the_status_and_the_type_of_the_document() {
    let server = open();
    let dialect = answer_of(server.get("/v1/dialects").header(ACCEPT, "application/hal+json"), 200).await;
    assert_eq!(dialect.headers()[CONTENT_TYPE], "application/hal+json");
    let text = answer_of(server.get("/v1/texts"), 200).await;
    assert_eq!(text.headers()[CONTENT_TYPE], "text/csv; charset=utf-8");
    let text = answer_of(server.get("/v1/texts").header(ACCEPT, "text/csv"), 200).await;
    assert_eq!(text.headers()[CONTENT_TYPE], "text/csv; charset=utf-8");
    let text = answer_of(server.get("/v1/texts").header(ACCEPT, "text/plain, */*;q=0.1"), 200).await;
    assert_eq!(text.headers()[CONTENT_TYPE], "text/plain");
    json_of(server.get("/v1/texts").header(ACCEPT, "application/json"), 406).await;
    // What nobody can promise beforehand cannot be unacceptable either.
    let attachment = answer_of(server.get("/v1/attachments").header(ACCEPT, "text/plain"), 200).await;
    assert_eq!(attachment.headers()[CONTENT_TYPE], "image/gif");
    // A HEAD of its own goes before the one that follows from GET.
    let head = answer_of(server.request(Method::HEAD, "/v1/texts"), 200).await;
    assert_eq!(head.headers()[LOCATION], "/v1/texts");
    assert_eq!(answer_of(server.get("/v1/moved"), 307).await.headers()[LOCATION], "/v1/texts");
    answer_of(server.request(Method::DELETE, "/v1/moved"), 204).await;
    answer_of(server.anonymous(Method::DELETE, "/v1/moved"), 401).await;
}

#[test]
fn constants_say_what_the_document_says() {
    let remove = OPERATIONS.iter().find(|operation| operation.id == "remove").expect("the operation is there");
    let security: Vec<Vec<_>> =
        remove.security.iter().map(|all| all.iter().map(|one| (one.scheme, one.scopes)).collect()).collect();
    let none: &[&str] = &[];
    assert_eq!(security, [vec![("token", none), ("key", none)], vec![("oauth", &["write"][..])]]);
    assert_eq!((PATH_ALIASES[0].prefix, PATH_ALIASES[0].serves), ("/v1/tenants/{tenant_id}", "/v1"));
    assert_eq!(DOCUMENT.json()["info"]["title"], "Everything");
}

#[test]
fn dropshot_registers_what_the_document_says() {
    let api = server::api::<Mirror>().expect("dropshot takes every route");
    let version = semver::Version::new(0, 0, 1);
    let registered = api.description().openapi("Everything", version).json().expect("dropshot describes what it has");
    let document = DOCUMENT.json();
    for operation in OPERATIONS {
        let method = operation.method.as_str().to_ascii_lowercase();
        let found = &registered["paths"][operation.path][&method];
        assert_eq!(found["operationId"], operation.id);
        assert!(
            found["responses"][operation.status.to_string()].is_object(),
            "{} answers {}",
            operation.id,
            operation.status
        );
    }
    for name in ["Everything", "Shape", "Form", "Echo"] {
        let (found, written) = (&registered["components"]["schemas"][name], &document["components"]["schemas"][name]);
        assert_eq!(found["required"].as_array().map(Vec::len), written["required"].as_array().map(Vec::len), "{name}");
        assert_eq!(found["oneOf"], written["oneOf"], "{name}");
        for (property, schema) in written["properties"].as_object().into_iter().flatten() {
            assert_eq!(found["properties"][property]["type"], schema["type"], "{name}.{property}");
        }
    }
}
