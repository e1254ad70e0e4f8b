//! Bodies that cannot be read at all.

use super::conformance::{Report, brief, faulty_fields};
use super::document::{Operation, operations};
use super::request::{Body, Request};
use super::world::World;
use crate::support::Answer;
use chatkitty_platform::generated::server::OPERATIONS;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};

fn with_bodies() -> impl Iterator<Item = Operation> {
    operations().into_iter().filter(Operation::has_body)
}

/// Bytes that the body of an operation may have in a media type.
fn limit(operation: &Operation, media: &str) -> usize {
    let body = &operation.json["requestBody"];
    let declared = body["content"][media]["x-body-limit"].as_u64().or(body["x-body-limit"].as_u64());
    let generated = OPERATIONS.iter().find(|own| own.id == operation.id).and_then(|own| own.body);
    let generated = generated.into_iter().flat_map(|body| body.media).find(|own| own.name == media);
    let limit = declared.or(generated.map(|own| own.limit)).expect("every body has a limit");
    limit.try_into().expect("a limit that fits into memory")
}

#[tokio::test]
async fn a_body_in_another_media_type_is_refused() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in with_bodies() {
        for address in operation.addresses(world.application()) {
            for media in ["text/plain", "application/xml", "application/jsonp", "nonsense"] {
                let mut request = world.request(&operation, &address);
                request.body = Body::Bytes { media, bytes: b"{}".to_vec() };
                report.answer(&operation, &request, media, &world.send(&request).await, 415);
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in with_bodies() {
        for address in operation.addresses(world.application()) {
            let request = world.request(&operation, &address);
            for example in operation.body_examples() {
                // The length alone decides, so that nothing needs to be sent.
                let length = limit(&operation, example.media) + 1;
                let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
                let sending = sending(&world, &request)
                    .header(CONTENT_TYPE, with_boundary(example.media))
                    .header(CONTENT_LENGTH, length)
                    .body(reqwest::Body::wrap_stream(never));
                let what = format!("{} of more bytes than the limit", example.media);
                report.answer(&operation, &request, &what, &Answer::of(sending).await, 413);
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_though_its_length_was_not_told() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in with_bodies() {
        for address in operation.addresses(world.application()) {
            let request = world.request(&operation, &address);
            for example in operation.checked_examples() {
                // Streams are counted in the same way, but have more bytes than a test should send.
                // The parts of a form have a limit of their own, which is below those of long bodies.
                let limit = limit(&operation, example.media).min(2 << 20);
                let bytes = oversized(example.media, limit);
                let pieces: Vec<_> = bytes.chunks(4096).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
                let sending = sending(&world, &request)
                    .header(CONTENT_TYPE, with_boundary(example.media))
                    .body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)));
                let what = format!("{} in pieces, more than the limit", example.media);
                report.answer(&operation, &request, &what, &Answer::of(sending).await, 413);
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in with_bodies() {
        for address in operation.addresses(world.application()) {
            for example in operation.checked_examples() {
                for (what, bytes) in unreadable(example.media) {
                    let mut request = world.request(&operation, &address);
                    request.body = Body::Bytes { media: with_boundary(example.media), bytes };
                    report.answer(&operation, &request, what, &world.send(&request).await, 400);
                }
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_required_body_that_is_missing_is_named() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in with_bodies().filter(|operation| operation.json["requestBody"]["required"] == true) {
        for address in operation.addresses(world.application()) {
            let mut request = world.request(&operation, &address);
            request.body = Body::None;
            let answer = world.send(&request).await;
            report.answer(&operation, &request, "no body", &answer, 400);
            let named = faulty_fields(&answer) == [("", "missing_field")] || operation.takes_credentials();
            report.check(named, &operation, &request, || format!("no body is faulted: {}", brief(&answer.body)));
        }
    }
    report.finish();
}

/// The request without its body.
fn sending(world: &World, request: &Request) -> RequestBuilder {
    let sending = world.server.http.request(request.method.clone(), format!("{}{}", world.server.url, request.path()));
    request.headers.iter().fold(sending, |sending, (name, value)| sending.header(*name, value))
}

const MULTIPART: &str = "multipart/form-data; boundary=walk";

/// The media type as a header has it.
pub(super) fn with_boundary(media: &'static str) -> &'static str {
    if media == "multipart/form-data" { MULTIPART } else { media }
}

/// A well-formed body that has one byte more than the limit, at least.
fn oversized(media: &str, limit: usize) -> Vec<u8> {
    let filling = "a".repeat(limit);
    let text = match media {
        "application/x-www-form-urlencoded" => format!("filling={filling}"),
        "multipart/form-data" => {
            format!("--walk\r\nContent-Disposition: form-data; name=\"filling\"\r\n\r\n{filling}\r\n--walk--\r\n")
        }
        _ => format!("{{\"filling\":\"{filling}\"}}"),
    };
    text.into_bytes()
}

fn unreadable(media: &str) -> Vec<(&'static str, Vec<u8>)> {
    match media {
        "application/x-www-form-urlencoded" => vec![("bytes that are not UTF-8", b"grant_type=\xff".to_vec())],
        "multipart/form-data" => vec![
            ("no parts", b"no parts at all".to_vec()),
            ("a part that does not end", b"--walk\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb".to_vec()),
        ],
        _ => vec![
            ("half an object", b"{\"name\": \"a".to_vec()),
            ("two values", b"{} {}".to_vec()),
            ("a trailing comma", b"{\"name\": \"a\",}".to_vec()),
            ("white space", b"   ".to_vec()),
            ("bytes that are not UTF-8", b"{\"name\": \"\xff\"}".to_vec()),
            ("half a surrogate pair", br#"{"name": "\ud800"}"#.to_vec()),
            ("ten thousand brackets", vec![b'['; 10_000]),
            ("a number beyond all bounds", b"{\"name\": 1e999}".to_vec()),
        ],
    }
}
