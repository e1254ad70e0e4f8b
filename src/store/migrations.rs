//! The tables' history: numbered steps, run in order when a database is opened.
//!
//! A step that has been released is never edited; a change of the tables is a new file. The steps hold
//! the SQL of one engine and are the only place where that is so.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as ours, in SQLite's header. The letters are `CKty`.
pub(super) const APPLICATION_ID: i64 = 0x434b_7479;

const STEPS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_events.sql"),
    include_str!("migrations/0003_files.sql"),
    include_str!("migrations/0004_members.sql"),
    include_str!("migrations/0005_jobs.sql"),
    include_str!("migrations/0006_threads.sql"),
    include_str!("migrations/0007_search.sql"),
    include_str!("migrations/0008_read_receipts.sql"),
    include_str!("migrations/0009_sessions.sql"),
    include_str!("migrations/0010_deleted_applications.sql"),
    include_str!("migrations/0011_user_secrets.sql"),
    include_str!("migrations/0012_deleted_users_and_channels.sql"),
    include_str!("migrations/0013_unread.sql"),
    include_str!("migrations/0014_credentials.sql"),
    include_str!("migrations/0015_audit.sql"),
];

/// The number of the latest step this program knows.
pub(super) const LATEST: i64 = STEPS.len() as i64;

/// Runs the steps that the database does not have yet, all in one transaction.
///
/// The version is read inside it, so that of two processes which open a new file only one makes the tables.
pub(super) fn run(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    if version < LATEST {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LATEST)?;
    }
    transaction.commit()
}
