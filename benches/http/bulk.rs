//! What is done in bulk, or among very much: importing messages, and searching in them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::fixture::{self, Fixture, MESSAGE_BODY};
use crate::load::Load;
use crate::raw_sqlite::Messages;
use crate::report::BulkReport;
use crate::rounds::{Plan, alternate, median};
use crate::server::Server;
use crate::wire;

/// The names of these cases.
pub(crate) const NAMES: [&str; 2] = ["import_messages", "search_messages"];

/// Messages in a file that is imported.
const IMPORTED: usize = 50_000;
/// Rows in each transaction of raw rusqlite; as many as an import writes together.
const GROUP: usize = 256;
/// Words that take turns in what is searched; each stands in one of so many messages.
const WORDS: i64 = 1000;
/// Connections that search at the same time.
const CONNECTIONS: usize = 16;

/// Measures the named cases, or both where `only` is empty. Searches are in so many `messages`.
///
/// # Errors
/// A server does not start, an import fails, or a search finds something else than was put there.
pub(crate) fn measure(plan: &Plan, scratch: &Path, only: &[String], messages: u64) -> anyhow::Result<Vec<BulkReport>> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|named| named == name);
    let mut reports = Vec::new();
    if wanted(NAMES[0]) {
        eprintln!("measuring {} …", NAMES[0]);
        reports.push(import(plan, scratch).context("case import_messages")?);
    }
    if wanted(NAMES[1]) {
        eprintln!("measuring {} in {messages} …", NAMES[1]);
        reports.push(search(plan, scratch, messages).context("case search_messages")?);
    }
    Ok(reports)
}

fn import(plan: &Plan, scratch: &Path) -> anyhow::Result<BulkReport> {
    let database = scratch.join("import.db");
    let server = Server::product(&database)?;
    server.wait_until_ready()?;
    let fixture = Fixture::create(server.address)?;
    let baseline = scratch.join("import-raw.db");
    let other = Server::product(&baseline)?;
    other.wait_until_ready()?;
    Fixture::create(other.address)?;
    drop(other);
    let mut raw = Messages::open(&baseline)?;
    let (mut rates, mut costs, mut raw_rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        let before = server.cpu_seconds()?;
        let seconds = import_once(&server, &fixture, round)?;
        rates.push(IMPORTED as f64 / seconds);
        costs.push((server.cpu_seconds()? - before) * 1e6 / IMPORTED as f64);
        raw_rates.push(raw.insert_for(plan.round, GROUP)?);
    }
    let counted = format!("messages, {} in a file, with keys and users", IMPORTED);
    Ok(BulkReport::new(NAMES[0], counted, (median(rates), median(costs)), median(raw_rates), Some(50_000.0)))
}

/// Imports a file and gives the seconds from sending it to the end of its job.
fn import_once(server: &Server, fixture: &Fixture, round: usize) -> anyhow::Result<f64> {
    let item = |number: usize| {
        json!({
            "type": "TEXT",
            "channelId": fixture.channel,
            "user": format!("user-{:04}", number % 100 + 1),
            "body": format!("{MESSAGE_BODY} {number}"),
            "idempotencyKey": format!("{round}-{number}"),
        })
    };
    let file = Value::from_iter((0..IMPORTED).map(item)).to_string();
    let request = wire::post("/v1/imports/messages", &fixture.authorization, "application/json", &file);
    let start = Instant::now();
    let answer = wire::exchange(server.address, &request)?;
    ensure!(answer.status == 202, "an import is refused: {}", String::from_utf8_lossy(&answer.to_bytes()));
    let mut job: Value = serde_json::from_slice(&answer.body).context("the answer is no job")?;
    let look = wire::get(&format!("/v1/jobs/{}", job["id"]), &fixture.authorization);
    while job["endedTime"].is_null() {
        std::thread::sleep(Duration::from_millis(10));
        job = wire::exchange(server.address, &look)?.json()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    ensure!(job["progress"]["done"] == IMPORTED, "not all was imported: {job}");
    Ok(seconds)
}

fn search(plan: &Plan, scratch: &Path, messages: u64) -> anyhow::Result<BulkReport> {
    let database = scratch.join("search.db");
    let server = Server::product(&database)?;
    server.wait_until_ready()?;
    let fixture = Fixture::create(server.address)?;
    drop(server);
    let raw = Messages::open(&database)?;
    raw.fill(messages.saturating_sub(1))?;
    raw.index(WORDS)?;
    let server = Server::product(&database)?;
    server.wait_until_ready()?;
    let authorization = fixture::authorize(server.address)?;
    let request = |word: i64| {
        let path = format!("/v1/channels/{}/messages?size=25&query=word{word}", fixture.channel);
        wire::get(&path, &authorization)
    };
    let requests: Vec<Vec<u8>> = (0..WORDS).map(request).collect();
    let page = wire::exchange(server.address, &requests[7])?.json()?;
    let found = page["_embedded"]["messages"].as_array().context("the answer is no page of messages")?;
    let fits = |message: &Value| message["body"].as_str().is_some_and(|body| body.ends_with(" word7"));
    ensure!(found.len() == 25 && found.iter().all(fits), "a search finds something else: {page}");
    let load = Load { requests: requests.into(), status: 200, connections: CONNECTIONS };
    let mut raw_rates = Vec::new();
    let measured = alternate(plan, &[(&server, &load)], || {
        raw_rates.push(raw.search_for(plan.round, WORDS, 25)?);
        Ok(())
    })?;
    let figures = measured.first().context("nothing was measured")?.median;
    let product = (figures.requests_per_second, figures.cpu_per_request);
    Ok(BulkReport::new(NAMES[1], format!("searches in {messages} messages"), product, median(raw_rates), None))
}
