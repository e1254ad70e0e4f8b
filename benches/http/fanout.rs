//! What it costs to tell a thousand readers: how many events reach them, and what their writer feels of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{Fixture, MESSAGE_BODY};
use crate::report::FanoutReport;
use crate::rounds::{Plan, median};
use crate::server::Server;
use crate::wire;

/// The name that `--case` takes.
pub(crate) const NAME: &str = "stream_fanout";

/// Streams that are open at the same time.
const READERS: u64 = 1_000;

/// Messages of a burst: few enough that what waits for a reader never comes near the room it has.
const BURST: u64 = 500;

/// How long the readers may take to get what was sent.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends bursts of messages, one at a time, in turn to a server without readers and to one with a thousand.
///
/// # Errors
/// A server does not start, a stream is refused or ends, or events do not arrive.
pub(crate) fn measure(plan: &Plan, scratch: &Path) -> anyhow::Result<FanoutReport> {
    eprintln!("measuring {NAME} …");
    let (alone, told) = (Server::product(&scratch.join("alone.db"))?, Server::product(&scratch.join("told.db"))?);
    let mut requests = Vec::new();
    for server in [&alone, &told] {
        server.wait_until_ready()?;
        let fixture = Fixture::create(server.address)?;
        let path = format!("/v1/channels/{}/messages", fixture.channel);
        let message = json!({ "body": MESSAGE_BODY }).to_string();
        requests.push((wire::post(&path, &fixture.authorization, "application/json", &message), fixture.authorization));
    }
    let readers = Readers::open(told.address, &requests[1].1)?;
    let (mut without, mut with, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=plan.rounds {
        let seconds_without = burst(alone.address, &requests[0].0)?;
        let before = readers.seen.load(Ordering::Relaxed);
        let start = Instant::now();
        let seconds_with = burst(told.address, &requests[1].0)?;
        readers.wait_for(before + READERS * BURST)?;
        // The first burst fills caches.
        if round > 0 {
            without.push(BURST as f64 / seconds_without);
            with.push(BURST as f64 / seconds_with);
            delivered.push((READERS * BURST) as f64 / start.elapsed().as_secs_f64());
        }
    }
    Ok(FanoutReport::new(READERS, BURST, median(delivered), median(without), median(with)))
}

/// Sends a burst over one connection, and gives the seconds until the last message was acknowledged.
fn burst(address: SocketAddr, request: &[u8]) -> anyhow::Result<f64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = vec![0; 64 * 1024];
    let start = Instant::now();
    for _ in 0..BURST {
        stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let count = stream.read(&mut buffer[filled..]).context("no answer to a message")?;
            ensure!(count > 0, "the server closed a connection in the middle of a burst");
            filled += count;
            if let Some(head) = wire::parse_head(&buffer[..filled])?
                && filled >= head.head_length + head.body_length
            {
                ensure!(head.status == 200, "not sent: {}", String::from_utf8_lossy(&buffer[..filled]));
                break;
            }
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A thousand open streams, read by a thread of their own for as long as this lives.
struct Readers {
    /// Messages that they have been told of, all together.
    seen: Arc<AtomicU64>,
    /// Streams that ended, which none should.
    ended: Arc<AtomicU64>,
    _runtime: tokio::runtime::Runtime,
}

impl Readers {
    fn open(address: SocketAddr, authorization: &str) -> anyhow::Result<Readers> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (seen, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let request = wire::get("/v1/events/stream?type=MESSAGE_CREATED", authorization);
        for number in 0..READERS {
            let stream = runtime.block_on(open(address, &request)).with_context(|| {
                format!("reader {number}; if files run out, raise their limit (`ulimit -n`) above {}", 2 * READERS)
            })?;
            let (seen, ended) = (Arc::clone(&seen), Arc::clone(&ended));
            runtime.spawn(async move {
                count(stream, &seen).await;
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
        Ok(Readers { seen, ended, _runtime: runtime })
    }

    fn wait_for(&self, total: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (seen, ended) = (self.seen.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed));
            ensure!(ended == 0, "{ended} of {READERS} streams have ended");
            if seen >= total {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} of {total} events did not arrive", total - seen);
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Opens a stream, past its first event.
async fn open(address: SocketAddr, request: &[u8]) -> anyhow::Result<tokio::net::TcpStream> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut begun = Vec::new();
    while !begun.ends_with(b"\n\n\r\n") {
        let count = stream.read_buf(&mut begun).await?;
        ensure!(count > 0 && begun.len() < 16 * 1024, "no stream: {}", String::from_utf8_lossy(&begun));
    }
    Ok(stream)
}

/// Counts the messages that a stream tells of, until it ends.
async fn count(mut stream: tokio::net::TcpStream, seen: &AtomicU64) {
    const MARK: &[u8] = b"event: MESSAGE_CREATED";
    let mut buffer = vec![0; 64 * 1024];
    let mut matched = 0;
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let mut found = 0;
        for &byte in &buffer[..length] {
            // No beginning of the mark but its first byte comes back later in it, so that no match is overlooked.
            matched = if byte == MARK[matched] { matched + 1 } else { usize::from(byte == MARK[0]) };
            if matched == MARK.len() {
                (found, matched) = (found + 1, 0);
            }
        }
        seen.fetch_add(found, Ordering::Relaxed);
    }
}
