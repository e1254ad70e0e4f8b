//! Messages, paged by cursor. A cursor is a message's id: ids grow with time and are never reused.

use super::tx::words;
use super::{Param, Row, StoreError, Tx, files};

words! {
    /// Who a message is from, and what it holds.
    MessageType {
        /// Text from a user.
        Text = "TEXT",
        /// A file from a user.
        File = "FILE",
        /// Text from the application.
        SystemText = "SYSTEM_TEXT",
        /// A file from the application.
        SystemFile = "SYSTEM_FILE",
    }
}

/// A row of `messages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// The application it belongs to.
    pub application_id: i64,
    /// The channel it was sent in.
    pub channel_id: i64,
    /// Who it is from, and what it holds.
    pub kind: MessageType,
    /// The user it is from; the application if none.
    pub user_id: Option<i64>,
    /// The text, of a text message.
    pub body: Option<String>,
    /// A JSON object, of a file message.
    pub file: Option<String>,
    /// Associates it with other messages.
    pub group_tag: Option<String>,
    /// How deep in threads it is; 0 in the MAIN thread.
    pub nested_level: i64,
    /// A JSON object.
    pub properties: String,
    /// Milliseconds since the epoch.
    pub created_time: i64,
}

/// What a message is created from; the store adds the rest of the row.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// The channel it is sent in.
    pub channel_id: i64,
    /// Who it is from, and what it holds.
    pub kind: MessageType,
    /// The user it is from; the application if none.
    pub user_id: Option<i64>,
    /// The text, of a text message.
    pub body: Option<String>,
    /// A JSON object, of a file message.
    pub file: Option<String>,
    /// Associates it with other messages.
    pub group_tag: Option<String>,
    /// A JSON object.
    pub properties: String,
}

/// Which messages of the application a listing has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Those of one channel; of all channels if none.
    pub channel: Option<i64>,
}

/// Where in a listing a page is. All but `Newest` hold a message's id; that message need not exist any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cursor {
    /// The newest messages.
    Newest,
    /// This message and those older than it.
    Upto(i64),
    /// Those older than this message.
    Before(i64),
    /// Those newer than this message, beginning with the closest.
    After(i64),
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, application_id, channel_id, type, user_id, body, file, group_tag, nested_level, properties, ",
            "created_time FROM messages WHERE application_id = $1 ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        channel_id: row.i64(2)?,
        kind: row.word(3)?,
        user_id: row.opt_i64(4)?,
        body: row.opt_text(5)?,
        file: row.opt_text(6)?,
        group_tag: row.opt_text(7)?,
        nested_level: row.i64(8)?,
        properties: row.text(9)?,
        created_time: row.i64(10)?,
    })
}

/// Creates a message in the MAIN thread of its channel. The channel and the user must be the application's.
pub fn create(tx: &Tx<'_>, application: i64, message: NewMessage, now: i64) -> Result<MessageRow, StoreError> {
    let nested_level = 0;
    let id = tx.insert(
        "INSERT INTO messages (application_id, channel_id, type, user_id, body, file, group_tag, nested_level, \
         properties, created_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            application.into(),
            message.channel_id.into(),
            message.kind.into(),
            message.user_id.into(),
            message.body.as_ref().into(),
            message.file.as_ref().into(),
            message.group_tag.as_ref().into(),
            nested_level.into(),
            (&message.properties).into(),
            now.into(),
        ],
    )?;
    Ok(MessageRow {
        id,
        application_id: application,
        channel_id: message.channel_id,
        kind: message.kind,
        user_id: message.user_id,
        body: message.body,
        file: message.file,
        group_tag: message.group_tag,
        nested_level,
        properties: message.properties,
        created_time: now,
    })
}

/// The message with this id.
pub fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<MessageRow>, StoreError> {
    tx.query_opt(select!("AND id = $2"), &[application.into(), id.into()], read)
}

/// At most `limit` messages, newest first.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    scope: Scope,
    cursor: Cursor,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    // Every id lies between these, so that each scope has one statement for each direction.
    let (least, greatest) = match cursor {
        Cursor::Newest => (0, i64::MAX),
        Cursor::Upto(start) => (0, start),
        Cursor::Before(next) => (0, next.saturating_sub(1)),
        Cursor::After(start) => (start.saturating_add(1), i64::MAX),
    };
    let [application, least, greatest, limit]: [Param<'_>; 4] =
        [application.into(), least.into(), greatest.into(), limit.into()];
    if let Cursor::After(_) = cursor {
        let mut rows = match scope.channel {
            None => {
                let sql = select!("AND id BETWEEN $2 AND $3 ORDER BY id LIMIT $4");
                tx.query(sql, &[application, least, greatest, limit], read)
            }
            Some(channel) => {
                let sql = select!("AND channel_id = $2 AND id BETWEEN $3 AND $4 ORDER BY id LIMIT $5");
                tx.query(sql, &[application, channel.into(), least, greatest, limit], read)
            }
        }?;
        rows.reverse();
        return Ok(rows);
    }
    match scope.channel {
        None => {
            let sql = select!("AND id BETWEEN $2 AND $3 ORDER BY id DESC LIMIT $4");
            tx.query(sql, &[application, least, greatest, limit], read)
        }
        Some(channel) => {
            let sql = select!("AND channel_id = $2 AND id BETWEEN $3 AND $4 ORDER BY id DESC LIMIT $5");
            tx.query(sql, &[application, channel.into(), least, greatest, limit], read)
        }
    }
}

/// The ID of the newest message; 0 if there is none.
pub fn last_id(tx: &Tx<'_>, application: i64) -> Result<i64, StoreError> {
    let sql = "SELECT id FROM messages WHERE application_id = $1 ORDER BY id DESC LIMIT 1";
    Ok(tx.query_opt(sql, &[application.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// At most `limit` of the messages with IDs above `after` up to `last`, by ID.
pub fn following(
    tx: &Tx<'_>,
    application: i64,
    after: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    let sql = select!("AND id > $2 AND id <= $3 ORDER BY id LIMIT $4");
    tx.query(sql, &[application.into(), after.into(), last.into(), limit.into()], read)
}

/// Whether the listing has a message newer than the one with this id.
pub fn exists_newer(tx: &Tx<'_>, application: i64, scope: Scope, id: i64) -> Result<bool, StoreError> {
    let found = match scope.channel {
        None => tx.query_opt(
            "SELECT 1 FROM messages WHERE application_id = $1 AND id > $2 LIMIT 1",
            &[application.into(), id.into()],
            |row| row.i64(0),
        ),
        Some(channel) => tx.query_opt(
            "SELECT 1 FROM messages WHERE application_id = $1 AND channel_id = $2 AND id > $3 LIMIT 1",
            &[application.into(), channel.into(), id.into()],
            |row| row.i64(0),
        ),
    }?;
    Ok(found.is_some())
}

/// Deletes a message with the threads that hang on it, and returns the row it was.
pub fn delete(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<MessageRow>, StoreError> {
    let message = get(tx, application, id)?;
    if message.is_some() {
        let params: [Param<'_>; 2] = [application.into(), id.into()];
        files::discard(tx, "message_id = $2", &params)?;
        tx.execute("DELETE FROM threads WHERE application_id = $1 AND message_id = $2", &params)?;
        tx.execute("DELETE FROM messages WHERE application_id = $1 AND id = $2", &params)?;
    }
    Ok(message)
}
