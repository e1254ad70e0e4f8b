//! From nothing to ready, and what the program takes while it has nothing to do.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::report::LifecycleReport;
use crate::rounds::{Plan, median};
use crate::server::Server;

/// How long the program is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// Times starts on an empty and on an existing database, then reads the memory of an idle program.
///
/// # Errors
/// The program does not start.
pub(crate) fn measure(plan: &Plan, scratch: &Path) -> anyhow::Result<LifecycleReport> {
    eprintln!("measuring start and idle memory …");
    let existing = scratch.join("existing.db");
    drop(started(&existing)?);
    let mut first_starts = Vec::new();
    let mut starts = Vec::new();
    for turn in 0..plan.starts {
        first_starts.push(started(&scratch.join(format!("empty-{turn}.db")))?.1);
        starts.push(started(&existing)?.1);
    }
    let (idle, _) = started(&existing)?;
    std::thread::sleep(IDLE);
    Ok(LifecycleReport::new(median(first_starts), median(starts), idle.resident_bytes()?))
}

/// A server that is ready, and the milliseconds from starting its process to the first 200 of `/health/ready`.
fn started(database: &Path) -> anyhow::Result<(Server, f64)> {
    let start = Instant::now();
    let server = Server::product(database)?;
    server.wait_until_ready()?;
    Ok((server, start.elapsed().as_secs_f64() * 1e3))
}
