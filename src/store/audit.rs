//! The audit log: administrative acts, each recorded in the transaction that it is done in. The database takes new rows
//! alone, and keeps those of an application that is gone.

use super::tx::words;
use super::{Row, StoreError, Tx};

words! {
    /// What became of an act.
    Outcome {
        /// It is done, and the row as durable as what it did.
        Done = "done",
        /// It has begun: a job, or a deletion that goes on after the transaction of its row.
        Started = "started",
        /// It was not done, as the client's token does not allow it.
        Refused = "refused",
    }
}

/// An administrative act, to be recorded with what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The application of whoever acts, or for the operator the one that is acted on.
    pub application_id: i64,
    /// The client that acts; `None` is the operator, at the command line.
    pub client_id: Option<String>,
    /// The address that the request came from; `None` at the command line.
    pub remote_address: Option<String>,
    /// The `operationId`, or the command without the program's name.
    pub action: String,
    /// The path of what is acted on, or `client` with a client ID.
    pub resource: String,
    /// The `X-Response-Token` of the answer; `None` at the command line.
    pub request_token: Option<String>,
}

/// A row of `audit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Ascending in the order of the log.
    pub id: i64,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// The act.
    pub act: Act,
    /// What came of it.
    pub outcome: Outcome,
}

impl Act {
    /// What the operator does to an application at the command line.
    pub fn of_operator(application: i64, command: &str, resource: String) -> Self {
        Act {
            application_id: application,
            client_id: None,
            remote_address: None,
            action: command.to_owned(),
            resource,
            request_token: None,
        }
    }

    /// Records the act in the transaction that does it.
    pub fn record(&self, tx: &Tx<'_>, outcome: Outcome, now: i64) -> Result<(), StoreError> {
        tx.execute(
            "INSERT INTO audit (application_id, created_time, client_id, remote_address, action, resource, \
             request_token, outcome) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                self.application_id.into(),
                now.into(),
                self.client_id.as_ref().into(),
                self.remote_address.as_ref().into(),
                (&self.action).into(),
                (&self.resource).into(),
                self.request_token.as_ref().into(),
                outcome.into(),
            ],
        )?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.i64(0)?,
        created_time: row.i64(2)?,
        act: Act {
            application_id: row.i64(1)?,
            client_id: row.opt_text(3)?,
            remote_address: row.opt_text(4)?,
            action: row.text(5)?,
            resource: row.text(6)?,
            request_token: row.opt_text(7)?,
        },
        outcome: row.word(8)?,
    })
}

/// Rows of all applications or of one, that are not older than `since`, following the row with the id `after`: at most
/// `limit` of them, in the order in which they were written.
pub fn following(
    tx: &Tx<'_>,
    application: Option<i64>,
    since: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<AuditRow>, StoreError> {
    let columns = "SELECT id, application_id, created_time, client_id, remote_address, action, resource, \
                   request_token, outcome FROM audit";
    match application {
        Some(application) => tx.query(
            &format!("{columns} WHERE application_id = $1 AND id > $2 AND created_time >= $3 ORDER BY id LIMIT $4"),
            &[application.into(), after.into(), since.into(), limit.into()],
            read,
        ),
        None => tx.query(
            &format!("{columns} WHERE id > $1 AND created_time >= $2 ORDER BY id LIMIT $3"),
            &[after.into(), since.into(), limit.into()],
            read,
        ),
    }
}
