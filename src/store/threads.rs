//! Threads. Every channel has a MAIN one from its first moment.

use super::tx::words;
use super::{Row, StoreError, Tx};

words! {
    /// What a thread belongs to.
    ThreadType {
        /// A channel's own thread.
        Main = "MAIN",
        /// A further thread of a channel.
        Standalone = "STANDALONE",
        /// The replies to a message.
        Message = "MESSAGE",
    }
}

/// A row of `threads`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// The application it belongs to.
    pub application_id: i64,
    /// The channel it is in.
    pub channel_id: i64,
    /// The message it hangs on, if it is of type MESSAGE.
    pub message_id: Option<i64>,
    /// What it belongs to.
    pub kind: ThreadType,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// A JSON object.
    pub properties: String,
}

fn read(row: &Row<'_>) -> Result<ThreadRow, StoreError> {
    Ok(ThreadRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        channel_id: row.i64(2)?,
        message_id: row.opt_i64(3)?,
        kind: row.word(4)?,
        created_time: row.i64(5)?,
        properties: row.text(6)?,
    })
}

/// The MAIN thread of a channel; `None` if the application has no such channel.
pub fn main_of(tx: &Tx<'_>, application: i64, channel: i64) -> Result<Option<ThreadRow>, StoreError> {
    tx.query_opt(
        "SELECT id, application_id, channel_id, message_id, type, created_time, properties FROM threads \
         WHERE application_id = $1 AND channel_id = $2 AND type = 'MAIN'",
        &[application.into(), channel.into()],
        read,
    )
}

/// Gives a channel that has just been created its MAIN thread.
pub(super) fn create_main(tx: &Tx<'_>, application: i64, channel: i64, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO threads (application_id, channel_id, type, created_time, properties) \
         VALUES ($1, $2, $3, $4, '{}')",
        &[application.into(), channel.into(), ThreadType::Main.into(), now.into()],
    )?;
    Ok(())
}
