//! HTTP/1.1 as the harness speaks it: request bytes built once, and just enough of an answer to know where it ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How long one request of the set-up may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of a GET with the given extra header lines (each ends in CRLF).
pub(crate) fn get(path: &str, headers: &str) -> Vec<u8> {
    // A fixed host keeps the links in an answer, and so its length, the same whatever port a server got.
    format!("GET {path} HTTP/1.1\r\nhost: chat.example\r\n{headers}\r\n").into_bytes()
}

/// The bytes of a POST with the given extra header lines (each ends in CRLF).
pub(crate) fn post(path: &str, headers: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: chat.example\r\n{headers}content-type: {content_type}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The header line that carries an access token.
pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// The header line that carries a client's id and secret.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{id}:{secret}")))
}

/// Where an answer's body begins and ends, and what the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status code.
    pub(crate) status: u16,
    /// Length of status line and headers with the empty line, in bytes.
    pub(crate) head_length: usize,
    /// Length of the body, in bytes.
    pub(crate) body_length: usize,
}

/// Reads the head at the start of `received`; `None` while it is incomplete.
///
/// # Errors
/// The bytes are not an HTTP/1.1 answer with a `content-length`. Both baselines always send one, and an answer
/// without one could not be compared with theirs.
pub(crate) fn parse_head(received: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = str::from_utf8(&received[..end]).context("an answer's head is not text")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .with_context(|| format!("not an HTTP/1.1 answer: {text:?}"))?;
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            let body_length = value.trim().parse().context("content-length is not a number")?;
            return Ok(Some(Head { status, head_length: end + 4, body_length }));
        }
    }
    bail!("an answer without content-length cannot be measured here: {text:?}")
}

/// A whole answer.
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Status line and headers as they came, with the empty line.
    pub(crate) head: Vec<u8>,
    /// The body as it came.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Splits the bytes of exactly one answer.
    ///
    /// # Errors
    /// The bytes end before the answer does, or are none.
    pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Answer> {
        let head = parse_head(bytes)?.context("an answer ends within its head")?;
        let body = bytes.get(head.head_length..head.head_length + head.body_length);
        Ok(Answer {
            status: head.status,
            head: bytes[..head.head_length].to_vec(),
            body: body.context("an answer ends within its body")?.to_vec(),
        })
    }

    /// The answer as it came.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), self.body.as_slice()].concat()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// The status is not 200 or the body is not JSON; the message carries the whole answer.
    pub(crate) fn json(&self) -> anyhow::Result<serde_json::Value> {
        if self.status != 200 {
            bail!("expected status 200, got: {}", String::from_utf8_lossy(&self.to_bytes()));
        }
        serde_json::from_slice(&self.body).context("an answer's body is not JSON")
    }
}

/// Sends one request on a connection of its own and reads the answer. Blocks; for the set-up, not for measuring.
///
/// # Errors
/// The server cannot be reached, closes early, or answers nothing in time.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> anyhow::Result<Answer> {
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut received = Vec::new();
    let mut chunk = [0; 16 * 1024];
    loop {
        if let Some(head) = parse_head(&received)?
            && received.len() >= head.head_length + head.body_length
        {
            return Answer::parse(&received);
        }
        let count = stream.read(&mut chunk).with_context(|| format!("no answer from {address}"))?;
        if count == 0 {
            bail!("{address} closed the connection before its answer was complete");
        }
        received.extend_from_slice(&chunk[..count]);
    }
}
