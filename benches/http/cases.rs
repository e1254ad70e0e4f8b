//! The cases: which request, over how many connections, and what it should cost.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::fixture::{self, Fixture, MESSAGE_BODY};
use crate::load::Load;
use crate::raw_sqlite::Messages;
use crate::report::{Aim, CaseReport};
use crate::rounds::{Plan, alternate, median};
use crate::server::Server;
use crate::wire;

/// The names of all cases, in the order in which they run.
pub(crate) const NAMES: [&str; 9] = [
    "api_root",
    "retrieve_user",
    "page_of_25_users",
    "create_message_1",
    "create_message_64",
    "create_message_with_mentions_64",
    "list_channels_filtered",
    "token_issue",
    "unknown_path",
];

struct Case {
    name: &'static str,
    request: Vec<u8>,
    status: u16,
    connections: usize,
    aim: Option<Aim>,
    /// Rows in each transaction of raw rusqlite, where the case writes messages.
    raw_group: Option<usize>,
}

/// Measures the named cases, or all of them where `only` is empty.
///
/// # Errors
/// A server does not start or answers something else than the case expects.
pub(crate) fn measure(plan: &Plan, scratch: &Path, only: &[String]) -> anyhow::Result<Vec<CaseReport>> {
    let product = Server::product(&scratch.join("cases.db"))?;
    product.wait_until_ready()?;
    let fixture = Fixture::create(product.address)?;
    fixture.create_channels(product.address)?;
    let mut reports = Vec::new();
    for case in cases(&fixture)? {
        if only.is_empty() || only.iter().any(|name| name == case.name) {
            eprintln!("measuring {} …", case.name);
            reports.push(measure_case(plan, scratch, &product, &case).with_context(|| format!("case {}", case.name))?);
        }
    }
    Ok(reports)
}

fn cases(fixture: &Fixture) -> anyhow::Result<Vec<Case>> {
    let authorization = fixture.authorization.as_str();
    let message = wire::post(
        &format!("/v1/channels/{}/messages", fixture.channel),
        authorization,
        "application/json",
        &json!({ "body": MESSAGE_BODY }).to_string(),
    );
    let mentioning = wire::post(
        &format!("/v1/channels/{}/messages", fixture.channel),
        authorization,
        "application/json",
        &json!({ "body": format!("<@user-0001> and <@user-0002>, see <#bench>. {MESSAGE_BODY}") }).to_string(),
    );
    let filtered = "/v1/channels?size=25&type=PUBLIC&members=user-0001&properties=%7B%22team%22%3A%22north%22%7D";
    let requests = [
        (wire::get("/v1", authorization), 200, 16, Some(Aim::CpuOverHyper(3.0)), None),
        (wire::get(&format!("/v1/users/{}", fixture.user), authorization), 200, 16, None, None),
        (wire::get("/v1/users?size=25", authorization), 200, 16, Some(Aim::CpuOverHyper(5.0)), None),
        (message.clone(), 200, 1, None, Some(1)),
        (message, 200, 64, Some(Aim::RowsOverRawSqlite(0.5)), Some(64)),
        (mentioning, 200, 64, None, Some(64)),
        (wire::get(filtered, authorization), 200, 16, None, None),
        (fixture::token_request(), 200, 64, Some(Aim::RequestsPerSecond(5_000.0)), None),
        (wire::get("/nowhere", authorization), 404, 16, None, None),
    ];
    let cases = NAMES.into_iter().zip(requests).map(|(name, (request, status, connections, aim, raw_group))| Case {
        name,
        request,
        status,
        connections,
        aim,
        raw_group,
    });
    Ok(cases.collect())
}

fn measure_case(plan: &Plan, scratch: &Path, product: &Server, case: &Case) -> anyhow::Result<CaseReport> {
    let answer = wire::exchange(product.address, &case.request)?;
    ensure!(
        answer.status == case.status,
        "expected status {}, got: {}",
        case.status,
        String::from_utf8_lossy(&answer.to_bytes())
    );
    let captured = scratch.join(format!("{}.http", case.name));
    fs::write(&captured, answer.to_bytes()).with_context(|| format!("cannot write {}", captured.display()))?;
    let hyper = Server::baseline("--serve-hyper", &captured)?;
    let dropshot = Server::baseline("--serve-dropshot", &captured)?;

    let load = Load { requests: [case.request.clone()].into(), status: case.status, connections: case.connections };
    let mut raw = case.raw_group.map(|group| raw_baseline(scratch, case).map(|rows| (rows, group))).transpose()?;
    let mut raw_rounds = Vec::new();
    let measured = alternate(plan, &[(product, &load), (&hyper, &load), (&dropshot, &load)], || {
        if let Some((rows, group)) = &mut raw {
            raw_rounds.push(rows.insert_for(plan.round, *group)?);
        }
        Ok(())
    })?;
    let [product, hyper, dropshot] =
        <[_; 3]>::try_from(measured).ok().context("a subject is missing from the measurement")?;
    let raw_rows_per_second = raw.is_some().then(|| median(raw_rounds));
    Ok(CaseReport::new(
        case.name,
        case.connections,
        answer.body.len(),
        [product, hyper, dropshot],
        raw_rows_per_second,
        case.aim,
    ))
}

/// A database of its own, made by the product, with one message in it; the product has left it.
fn raw_baseline(scratch: &Path, case: &Case) -> anyhow::Result<Messages> {
    let database = scratch.join(format!("{}-raw.db", case.name));
    let server = Server::product(&database)?;
    server.wait_until_ready()?;
    Fixture::create(server.address)?;
    drop(server);
    Messages::open(&database)
}
