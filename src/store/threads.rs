//! Threads. Every channel has a MAIN one from its first moment; a message gets the thread of its replies when that is
//! first asked for.

use super::leftovers::channel_stays;
use super::messages::{self, MessageRow};
use super::page::id_list;
use super::tx::words;
use super::{Param, Row, StoreError, Tx};

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
    /// How deep in threads its messages are; 0 in the MAIN thread.
    pub nested_level: i64,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// A JSON object.
    pub properties: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, application_id, channel_id, message_id, type, nested_level, created_time, properties ",
            "FROM threads WHERE application_id = $1 ",
            $rest,
            channel_stays!("threads.channel_id")
        )
    };
}

fn read(row: &Row<'_>) -> Result<ThreadRow, StoreError> {
    Ok(ThreadRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        channel_id: row.i64(2)?,
        message_id: row.opt_i64(3)?,
        kind: row.word(4)?,
        nested_level: row.i64(5)?,
        created_time: row.i64(6)?,
        properties: row.text(7)?,
    })
}

/// The thread with this id.
pub fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<ThreadRow>, StoreError> {
    let found = tx.query_opt(select!("AND id = $2"), &[application.into(), id.into()], read)?;
    Ok(match found {
        Some(ThreadRow { message_id: Some(message), .. }) if messages::get(tx, application, message)?.is_none() => None,
        found => found,
    })
}

/// The MAIN thread of a channel; `None` if the application has no such channel.
pub fn main_of(tx: &Tx<'_>, application: i64, channel: i64) -> Result<Option<ThreadRow>, StoreError> {
    tx.query_opt(select!("AND channel_id = $2 AND type = 'MAIN'"), &[application.into(), channel.into()], read)
}

/// The thread of the replies to a message, if it has been asked for before.
pub fn of_message(tx: &Tx<'_>, application: i64, message: i64) -> Result<Option<ThreadRow>, StoreError> {
    tx.query_opt(select!("AND message_id = $2"), &[application.into(), message.into()], read)
}

/// Gives a message the thread of its replies, unless it has it.
pub fn create_of_message(tx: &Tx<'_>, message: &MessageRow, now: i64) -> Result<ThreadRow, StoreError> {
    let application = message.application_id;
    if let Some(thread) = of_message(tx, application, message.id)? {
        return Ok(thread);
    }
    let (kind, nested_level, properties) = (ThreadType::Message, message.nested_level + 1, "{}");
    let id = tx.insert(
        "INSERT INTO threads (application_id, channel_id, message_id, type, nested_level, created_time, properties) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            application.into(),
            message.channel_id.into(),
            message.id.into(),
            kind.into(),
            nested_level.into(),
            now.into(),
            properties.into(),
        ],
    )?;
    Ok(ThreadRow {
        id,
        application_id: application,
        channel_id: message.channel_id,
        message_id: Some(message.id),
        kind,
        nested_level,
        created_time: now,
        properties: properties.into(),
    })
}

/// The ids of the threads that hang on these messages.
pub(super) fn of_messages(tx: &Tx<'_>, application: i64, messages: &[i64]) -> Result<Vec<i64>, StoreError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, messages, &mut params);
    let sql = format!("SELECT id FROM threads WHERE application_id = $1 AND message_id IN ({list})");
    tx.query(&sql, &params, |row| row.i64(0))
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
