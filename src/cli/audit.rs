//! `chatkitty audit`: reads the database, while a server runs on it or not.

use super::{block_on, print};
use crate::store::Store;
use crate::store::audit::{self, AuditRow};
use crate::timestamp::Timestamp;
use serde_json::json;
use std::fmt::Write as _;

/// Rows that are read at a time.
const BATCH: i64 = 500;

/// Shows who did what to applications: what the operator did with `chatkitty app`, and what clients did by the
/// operations that `x-audit` marks in the document. The newest comes last.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Show only what concerns the application with this ID, which may be gone.
    #[arg(long, value_name = "ID")]
    application: Option<i64>,
    /// Show only what was done since this time, such as 2027-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Show each act as a line of JSON. A `clientId` of null is the operator, at the command line.
    #[arg(long)]
    json: bool,
    /// The database: `sqlite:PATH`.
    #[arg(long, env = "CHATKITTY_DATABASE", default_value = "sqlite:chatkitty.db")]
    database: String,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { application, since, json, database } = arguments;
    let store = Store::open_existing(&database)?;
    let since = since.map_or(i64::MIN, Timestamp::millis);
    block_on(async {
        let mut after = 0;
        loop {
            let rows = store.read(move |tx| audit::following(tx, application, since, after, BATCH)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            let line = if json { json_line } else { line };
            print(&rows.iter().map(line).collect::<String>())?;
        }
    })
}

/// A row for people.
fn line(row: &AuditRow) -> String {
    let act = &row.act;
    let time = Timestamp::from_millis(row.created_time);
    let mut line = format!("{time} application {} ", act.application_id);
    // Writing to a string does not fail.
    let _ = match &act.client_id {
        Some(client) => write!(line, "client {client}"),
        None => write!(line, "operator"),
    };
    if let Some(address) = &act.remote_address {
        let _ = write!(line, " from {address}");
    }
    let _ = write!(line, ": {} {} {}", act.action, act.resource, row.outcome.as_str());
    if let Some(token) = &act.request_token {
        let _ = write!(line, " (request {token})");
    }
    // A client ID that somebody chose must not reach a terminal as a command, nor look like a second line.
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    line.chars().map(escaped).chain(["\n".to_owned()]).collect()
}

fn json_line(row: &AuditRow) -> String {
    let act = &row.act;
    let object = json!({
        "id": row.id,
        "createdTime": Timestamp::from_millis(row.created_time),
        "applicationId": act.application_id,
        "clientId": act.client_id,
        "remoteAddress": act.remote_address,
        "action": act.action,
        "resource": act.resource,
        "requestToken": act.request_token,
        "outcome": row.outcome.as_str(),
    });
    format!("{object}\n")
}
