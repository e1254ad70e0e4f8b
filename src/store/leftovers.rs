//! What deleted applications leave behind, removed a batch at a time.
//!
//! A deleted application is gone for every reader from the moment that it is deleted. However much it owned, no writer
//! waits for more than one batch, and where the removal is interrupted it goes on with what is still there. Only what
//! can be much is taken apart here; `applications::remove` takes the rest, and so whatever is not known here.

use super::{Param, StoreError, Tx, applications, channels, messages, users};

/// Rows that nothing points at once the statements before have found no more of theirs.
const ROWS: &[&str] = &[
    "DELETE FROM job_faults WHERE application_id = $1 AND (job_id, item, number) IN \
     (SELECT job_id, item, number FROM job_faults WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM import_keys WHERE application_id = $1 AND (type, channel_id, key) IN \
     (SELECT type, channel_id, key FROM import_keys WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM tokens WHERE application_id = $1 AND hash IN \
     (SELECT hash FROM tokens WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM moderators WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM moderators WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM invites WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM invites WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM members WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM members WHERE application_id = $1 LIMIT $2)",
];

/// Whether a deleted application has left anything behind.
pub fn exist(tx: &Tx<'_>) -> Result<bool, StoreError> {
    Ok(deleted(tx)?.is_some())
}

/// Removes one batch of at most `limit` rows with what hangs on them, and says whether there may be another.
pub fn remove(tx: &Tx<'_>, limit: i64) -> Result<bool, StoreError> {
    let Some(application) = deleted(tx)? else { return Ok(false) };
    let params: [Param<'_>; 2] = [application.into(), limit.into()];
    for sql in ROWS {
        if tx.execute(sql, &params)? > 0 {
            return Ok(true);
        }
    }
    let first = |table: &str| {
        let sql = format!("SELECT id FROM {table} WHERE application_id = $1 ORDER BY id LIMIT $2");
        tx.query(&sql, &params, |row| row.i64(0))
    };
    let found = first("messages")?;
    for id in &found {
        messages::delete(tx, application, *id)?;
    }
    if !found.is_empty() {
        return Ok(true);
    }
    let found = first("channels")?;
    for id in &found {
        channels::delete(tx, application, *id)?;
    }
    if !found.is_empty() {
        return Ok(true);
    }
    let found = first("users")?;
    for id in &found {
        users::delete(tx, application, *id)?;
    }
    if found.is_empty() {
        applications::remove(tx, application)?;
    }
    Ok(true)
}

/// The application that was deleted first of those that have left something behind.
fn deleted(tx: &Tx<'_>) -> Result<Option<i64>, StoreError> {
    tx.query_opt(
        "SELECT id FROM applications WHERE deleted_time IS NOT NULL ORDER BY deleted_time, id LIMIT 1",
        &[],
        |row| row.i64(0),
    )
}
