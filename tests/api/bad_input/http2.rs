//! HTTP/2 that is meant to wear the server out, written frame by frame (RFC 9113).

use crate::support::{Caller, Server};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

struct Frame {
    kind: u8,
    payload: Vec<u8>,
}

impl Frame {
    /// The error code that the frame ends a stream or the connection with.
    fn error(&self) -> Option<u32> {
        let code = match self.kind {
            RST_STREAM => self.payload.get(..4),
            GOAWAY => self.payload.get(4..8),
            _ => None,
        };
        code.map(|code| u32::from_be_bytes(code.try_into().expect("four bytes")))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /` by the static table of HPACK, with the host `a`.
const GET_ROOT: &[u8] = b"\x82\x86\x84\x41\x01a";

/// The head of a creation of a user with a body to come.
fn post_users(api: &Caller<'_>) -> Vec<u8> {
    let bearer = format!("Bearer {}", api.token.as_ref().expect("a token"));
    let mut head = b"\x83\x86\x04\x09/v1/users\x41\x01a".to_vec();
    // `authorization` and `content-type` are 23 and 31 in the static table.
    for (index, value) in [(23, bearer.as_str()), (31, "application/json")] {
        head.extend([15, index - 15, u8::try_from(value.len()).expect("a short value")]);
        head.extend(value.as_bytes());
    }
    head
}

/// Sends frames over a connection of their own, and reads those that come back until there are enough or no more.
async fn exchange(server: &Server, frames: Vec<u8>, is_enough: impl Fn(&[Frame]) -> bool) -> Vec<Frame> {
    let (mut reader, mut writer) = server.connect().await.into_split();
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat();
    // A server that has seen enough reads no more.
    let sending = tokio::spawn(async move {
        let _ = writer.write_all(&[preface, frames].concat()).await;
        writer
    });
    let mut found = Vec::new();
    let reading = async {
        while !is_enough(&found) {
            let mut head = [0; 9];
            let Ok(_) = reader.read_exact(&mut head).await else { break };
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            let Ok(_) = reader.read_exact(&mut payload).await else { break };
            found.push(Frame { kind: head[3], payload });
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
    read.expect("the server answers, or closes the connection");
    sending.abort();
    found
}

#[tokio::test]
async fn streams_that_are_reset_as_soon_as_they_are_opened_end_the_connection() {
    let server = Server::start().await;
    let pairs = (0..5000).map(|number| {
        let stream = 2 * number + 1;
        let opened = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET_ROOT);
        [opened, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
    });
    let frames = exchange(&server, pairs.flatten().collect(), |_| false).await;
    assert_eq!(frames.iter().find_map(Frame::error), Some(ENHANCE_YOUR_CALM));
    server.stranger().get("/health/ready").await.ok();
}

#[tokio::test]
async fn a_connection_has_200_streams_at_a_time() {
    let server = Server::start().await;
    let api = server.application().await;
    let head = post_users(&api);
    let opened = (0..1000).flat_map(|number| frame(HEADERS, END_HEADERS, 2 * number + 1, &head)).collect();
    let refused = |frames: &[Frame]| frames.iter().filter(|frame| frame.error() == Some(REFUSED_STREAM)).count();
    let frames = exchange(&server, opened, |frames| refused(frames) == 800).await;
    assert_eq!(refused(&frames), 800, "of 1000 streams that wait for their bodies");
    server.stranger().get("/health/ready").await.ok();
    api.user("somebody else").await;
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let server = Server::start().await;
    let mut frames = frame(HEADERS, END_STREAM, 1, GET_ROOT);
    // A header `x-a` of 256 bytes, without an entry in the table.
    let field = [b"\x00\x03x-a\x7f\x81\x01".as_slice(), &[b'b'; 256]].concat();
    (0..20_000).for_each(|_| frames.extend(frame(CONTINUATION, 0, 1, &field)));
    let frames = exchange(&server, frames, |_| false).await;
    assert_eq!(frames.iter().find_map(Frame::error), Some(ENHANCE_YOUR_CALM));
    server.stranger().get("/health/ready").await.ok();
}
