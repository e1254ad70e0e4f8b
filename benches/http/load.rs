//! The load generator: one thread, keep-alive connections, one request at a time on each.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::report::{Figures, Round};
use crate::server::{self, Server};
use crate::wire;

/// What is sent to a server, and what must come back.
#[derive(Clone)]
pub(crate) struct Load {
    /// Requests sent in turn; each connection starts at another one.
    pub(crate) requests: Arc<[Vec<u8>]>,
    /// The status every answer must have.
    pub(crate) status: u16,
    /// Connections that send at the same time.
    pub(crate) connections: usize,
}

/// Loads a server for `duration` and measures it.
///
/// Connections are opened, and used once, before the clock starts.
///
/// # Errors
/// A connection breaks or an answer has another status; the message carries the answer.
pub(crate) fn run(server: &Server, load: &Load, duration: Duration) -> anyhow::Result<Round> {
    ensure!(!load.requests.is_empty() && load.connections > 0, "a load needs a request and a connection");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(server, load, duration))
}

async fn measure(server: &Server, load: &Load, duration: Duration) -> anyhow::Result<Round> {
    let mut connections = Vec::with_capacity(load.connections);
    for first in 0..load.connections {
        let mut connection = Connection::open(server.address, load, first).await?;
        connection.exchange().await?;
        connections.push(connection);
    }

    let server_before = server.cpu_seconds()?;
    let generator_before = generator_cpu_seconds()?;
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in connections {
        tasks.spawn(connection.exchange_until(start + duration));
    }
    let mut nanoseconds = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        nanoseconds.append(&mut finished??);
    }
    let seconds = start.elapsed().as_secs_f64();
    let server_cpu = server.cpu_seconds()? - server_before;
    let generator_cpu = generator_cpu_seconds()? - generator_before;

    nanoseconds.sort_unstable();
    let requests = nanoseconds.len() as f64;
    Ok(Round {
        figures: Figures {
            requests_per_second: requests / seconds,
            p50: percentile(&nanoseconds, 0.50),
            p99: percentile(&nanoseconds, 0.99),
            cpu_per_request: server_cpu * 1e6 / requests,
        },
        requests: nanoseconds.len() as u64,
        generator_busy: generator_cpu / seconds,
    })
}

/// The latency, in microseconds, that a share of the sorted `nanoseconds` does not exceed.
fn percentile(nanoseconds: &[u64], share: f64) -> f64 {
    let rank = (nanoseconds.len() as f64 * share).ceil() as usize;
    nanoseconds.get(rank.saturating_sub(1)).map_or(0.0, |&latency| latency as f64 / 1e3)
}

fn generator_cpu_seconds() -> anyhow::Result<f64> {
    server::cpu_seconds(Path::new("/proc/thread-self/stat")).context("cannot read the generator's CPU time")
}

/// One keep-alive connection.
struct Connection {
    stream: TcpStream,
    requests: Arc<[Vec<u8>]>,
    next: usize,
    status: u16,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr, load: &Load, first: usize) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            requests: Arc::clone(&load.requests),
            next: first,
            status: load.status,
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Sends requests until the deadline; gives the latency of each in nanoseconds.
    async fn exchange_until(mut self, deadline: Instant) -> anyhow::Result<Vec<u64>> {
        let mut nanoseconds = Vec::with_capacity(64 * 1024);
        let mut sent = Instant::now();
        while sent < deadline {
            self.exchange().await?;
            let received = Instant::now();
            nanoseconds.push((received - sent).as_nanos() as u64);
            sent = received;
        }
        Ok(nanoseconds)
    }

    async fn exchange(&mut self) -> anyhow::Result<()> {
        let requests = Arc::clone(&self.requests);
        let mut request = requests[self.next % requests.len()].as_slice();
        self.next += 1;
        while !request.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(request) {
                Ok(count) => request = &request[count..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("the server closed a connection"),
            }
        }

        let mut filled = 0;
        let mut head = None;
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(&mut self.buffer[filled..]) {
                Ok(0) => bail!("the server closed a connection in the middle of a round"),
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error).context("the server broke a connection"),
            }
            if head.is_none() {
                head = wire::parse_head(&self.buffer[..filled])?;
            }
            if let Some(head) = head
                && filled >= head.head_length + head.body_length
            {
                if head.status != self.status {
                    bail!(
                        "expected status {}, got {}{}: {}",
                        self.status,
                        head.status,
                        if head.status == 429 { " (lift the program's rate limits for the measurement)" } else { "" },
                        String::from_utf8_lossy(&self.buffer[..filled])
                    );
                }
                return Ok(());
            }
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
        }
    }
}
