//! Messages, paged by cursor. A cursor is a message's id: ids grow with time and are never reused.

use super::leftovers::message_stays;
use super::page::id_list;
use super::search::{self, MessageFilter};
use super::threads::{self, ThreadRow};
use super::tx::words;
use super::{Param, Row, StoreError, Tx, files, unread};
use std::collections::BTreeSet;
use std::fmt::Write as _;

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
    /// The thread it lies in.
    pub thread_id: i64,
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
    /// Milliseconds since the epoch, if it was edited.
    pub last_edited_time: Option<i64>,
    /// How many messages the thread of its replies has.
    pub replies: i64,
    /// How many users have reported it.
    pub reports: i64,
}

/// What a message is created from; the store adds the rest of the row.
#[derive(Clone, Debug)]
pub struct NewMessage {
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

/// Which messages of the application a listing has. What narrows a listing further, a [`MessageFilter`], is for the first
/// three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Application,
    /// Those of one channel, replies included.
    Channel(i64),
    /// Those of one thread.
    Thread(i64),
    /// Those that a user has sent.
    User(i64),
    /// Those that a user has not read.
    Unread(i64),
}

impl Scope {
    /// The condition that narrows the application's messages, with a placeholder of this number, and its value.
    fn condition(self, placeholder: usize) -> Option<(String, Param<'static>)> {
        let (column, id) = match self {
            // What is unread is no condition on a column.
            Scope::Application | Scope::Unread(_) => return None,
            Scope::Channel(id) => ("channel_id", id),
            Scope::Thread(id) => ("thread_id", id),
            Scope::User(id) => ("user_id", id),
        };
        Some((format!("AND {column} = ${placeholder} "), Param::Integer(id)))
    }
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

impl Cursor {
    /// Between which ids the page lies, so that each scope has one statement for each direction, and whether it begins
    /// with the smallest.
    pub fn range(self) -> ((i64, i64), bool) {
        match self {
            Cursor::Newest => ((0, i64::MAX), false),
            Cursor::Upto(start) => ((0, start), false),
            Cursor::Before(next) => ((0, next.saturating_sub(1)), false),
            Cursor::After(start) => ((start.saturating_add(1), i64::MAX), true),
        }
    }
}

macro_rules! columns {
    () => {
        "id, application_id, channel_id, thread_id, type, user_id, body, file, group_tag, nested_level, properties, \
         created_time, last_edited_time, replies - CASE WHEN replies = 0 \
         OR NOT EXISTS (SELECT 1 FROM deleted_users WHERE deleted_users.application_id = $1) THEN 0 \
         ELSE (SELECT count(*) FROM threads CROSS JOIN messages AS reply CROSS JOIN deleted_users \
         WHERE threads.application_id = $1 AND threads.message_id = messages.id AND reply.application_id = $1 \
         AND reply.thread_id = threads.id AND deleted_users.application_id = $1 \
         AND deleted_users.user_id = reply.user_id) END, reports"
    };
}

fn read(row: &Row<'_>) -> Result<MessageRow, StoreError> {
    Ok(MessageRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        channel_id: row.i64(2)?,
        thread_id: row.i64(3)?,
        kind: row.word(4)?,
        user_id: row.opt_i64(5)?,
        body: row.opt_text(6)?,
        file: row.opt_text(7)?,
        group_tag: row.opt_text(8)?,
        nested_level: row.i64(9)?,
        properties: row.text(10)?,
        created_time: row.i64(11)?,
        last_edited_time: row.opt_i64(12)?,
        replies: row.i64(13)?,
        reports: row.i64(14)?,
    })
}

/// Creates a message in a thread, and counts it as a reply if the thread hangs on a message. The user must be the
/// application's.
pub fn create(tx: &Tx<'_>, thread: &ThreadRow, message: NewMessage, now: i64) -> Result<MessageRow, StoreError> {
    let application = thread.application_id;
    let id = tx.insert(
        "INSERT INTO messages (application_id, channel_id, thread_id, type, user_id, body, file, group_tag, \
         nested_level, properties, created_time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            application.into(),
            thread.channel_id.into(),
            thread.id.into(),
            message.kind.into(),
            message.user_id.into(),
            message.body.as_ref().into(),
            message.file.as_ref().into(),
            message.group_tag.as_ref().into(),
            thread.nested_level.into(),
            (&message.properties).into(),
            now.into(),
        ],
    )?;
    if let Some(parent) = thread.message_id {
        count_replies(tx, application, parent, 1)?;
    }
    unread::sent(tx, application, thread.channel_id, message.user_id)?;
    let message = message.row(id, thread, now);
    search::enter(tx, &message);
    Ok(message)
}

impl NewMessage {
    /// The row that the message becomes in a thread.
    pub fn row(self, id: i64, thread: &ThreadRow, now: i64) -> MessageRow {
        MessageRow {
            id,
            application_id: thread.application_id,
            channel_id: thread.channel_id,
            thread_id: thread.id,
            kind: self.kind,
            user_id: self.user_id,
            body: self.body,
            file: self.file,
            group_tag: self.group_tag,
            nested_level: thread.nested_level,
            properties: self.properties,
            created_time: now,
            last_edited_time: None,
            replies: 0,
            reports: 0,
        }
    }
}

/// Changes the kept total of replies by `change`.
fn count_replies(tx: &Tx<'_>, application: i64, id: i64, change: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE messages SET replies = replies + $1 WHERE application_id = $2 AND id = $3",
        &[change.into(), application.into(), id.into()],
    )?;
    Ok(())
}

/// The message with this id.
pub fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<MessageRow>, StoreError> {
    tx.query_opt(
        concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE application_id = $1 AND id = $2",
            message_stays!("messages")
        ),
        &[application.into(), id.into()],
        read,
    )
}

/// At most `limit` messages that match, newest first.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    scope: Scope,
    filter: &MessageFilter,
    cursor: Cursor,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    let ((least, greatest), ascending) = cursor.range();
    if let Scope::Unread(user) = scope {
        let ids = unread::find(tx, application, user, (least, greatest), ascending, limit)?;
        return find_by_ids(tx, application, &ids);
    }
    if !filter.is_empty() {
        let ids = search::find(tx, application, scope, filter, (least, greatest), ascending, limit)?;
        return find_by_ids(tx, application, &ids);
    }
    let mut params: Vec<Param<'_>> = vec![application.into(), least.into(), greatest.into()];
    let mut sql = String::from(concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE application_id = $1 AND id BETWEEN $2 AND $3 "
    ));
    if let Some((condition, value)) = scope.condition(4) {
        sql += &condition;
        params.push(value);
    }
    sql += message_stays!("messages");
    let _ = write!(sql, " ORDER BY id {} LIMIT ${}", if ascending { "ASC" } else { "DESC" }, params.len() + 1);
    params.push(limit.into());
    let mut rows = tx.query(&sql, &params, read)?;
    if ascending {
        rows.reverse();
    }
    Ok(rows)
}

/// The messages with these ids, newest first. Ids that no message has are left out.
pub fn find_by_ids(tx: &Tx<'_>, application: i64, ids: &[i64]) -> Result<Vec<MessageRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (list, params) = listed(application, ids);
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE application_id = $1",
        message_stays!("messages"),
        " AND id IN"
    );
    tx.query(&format!("{sql} ({list}) ORDER BY id DESC"), &params, read)
}

/// The newest message of each of these channels, in no order.
pub fn latest_of_channels(tx: &Tx<'_>, application: i64, channels: &[i64]) -> Result<Vec<MessageRow>, StoreError> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    // An index leads to each of them, so that it need not be kept in step with what is sent and deleted.
    let (list, params) = listed(application, channels);
    let sql = format!(
        concat!(
            "SELECT ",
            columns!(),
            " FROM messages WHERE application_id = $1 AND id IN (SELECT (SELECT latest.id FROM messages AS latest ",
            "WHERE latest.application_id = $1 AND latest.channel_id = channels.id",
            message_stays!("latest"),
            " ORDER BY latest.id DESC LIMIT 1) ",
            "FROM channels WHERE application_id = $1 AND id IN ({}))"
        ),
        list
    );
    tx.query(&sql, &params, read)
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
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM messages WHERE application_id = $1 AND id > $2 AND id <= $3",
        message_stays!("messages"),
        " ORDER BY id LIMIT $4"
    );
    tx.query(sql, &[application.into(), after.into(), last.into(), limit.into()], read)
}

/// Deletes some of an application's messages up to the one with this id, and says whether there were any. To delete all,
/// call it until there are none.
///
/// It begins with the newest: replies are newer than what they reply to, so that what is left is whole at every step.
pub fn delete_some(tx: &Tx<'_>, application: i64, upto: i64) -> Result<bool, StoreError> {
    let ids = tx.query(
        "SELECT id FROM messages WHERE application_id = $1 AND id <= $2 ORDER BY id DESC LIMIT $3",
        &[application.into(), upto.into(), Param::Integer(CHUNK as i64)],
        |row| row.i64(0),
    )?;
    let found = !ids.is_empty();
    delete_with_replies(tx, application, ids)?;
    Ok(found)
}

/// Changes the text, the properties and the time of the last change of a message to what the row has.
pub fn update(tx: &Tx<'_>, message: &MessageRow) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE messages SET body = $1, properties = $2, last_edited_time = $3 WHERE application_id = $4 AND id = $5",
        &[
            message.body.as_ref().into(),
            (&message.properties).into(),
            message.last_edited_time.into(),
            message.application_id.into(),
            message.id.into(),
        ],
    )?;
    search::remove(tx, vec![message.id]);
    search::enter(tx, message);
    Ok(())
}

/// Deletes a message with the replies to it, and returns the row it was.
pub fn delete(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<MessageRow>, StoreError> {
    let message = get(tx, application, id)?;
    if message.is_some() {
        delete_with_replies(tx, application, vec![id])?;
    }
    Ok(message)
}

/// Deletes the newest `limit` messages of a channel, and says how many there were. Replies are newer than what they
/// reply to, so that what is left is whole at every step.
pub(super) fn delete_some_of_channel(
    tx: &Tx<'_>,
    application: i64,
    channel: i64,
    limit: i64,
) -> Result<i64, StoreError> {
    let ids = tx.query(
        "SELECT id FROM messages WHERE application_id = $1 AND channel_id = $2 ORDER BY id DESC LIMIT $3",
        &[application.into(), channel.into(), limit.into()],
        |row| row.i64(0),
    )?;
    let count = ids.len() as i64;
    delete_with_replies(tx, application, ids)?;
    Ok(count)
}

/// Deletes at most `limit` of the messages that a user has sent and of the replies to them, and says how many there were.
/// Replies go before what they reply to, of which there may be few with very many of them.
pub(super) fn delete_some_of_user(tx: &Tx<'_>, application: i64, user: i64, limit: i64) -> Result<i64, StoreError> {
    let mut ids = tx.query(
        "SELECT id FROM messages WHERE application_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT $3",
        &[application.into(), user.into(), limit.into()],
        |row| row.i64(0),
    )?;
    loop {
        let mut replies = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            for thread in threads::of_messages(tx, application, chunk)? {
                let left = limit - replies.len() as i64;
                replies.extend(tx.query(
                    "SELECT id FROM messages WHERE application_id = $1 AND thread_id = $2 ORDER BY id DESC LIMIT $3",
                    &[application.into(), thread.into(), left.into()],
                    |row| row.i64(0),
                )?);
            }
        }
        if replies.is_empty() {
            break;
        }
        ids = replies;
    }
    let count = ids.len() as i64;
    delete_with_replies(tx, application, ids)?;
    Ok(count)
}

/// Deletes what an application holds, its threads too.
pub(super) fn delete_of_application(tx: &Tx<'_>, application: i64) -> Result<(), StoreError> {
    let params: [Param<'_>; 1] = [application.into()];
    let ids = "SELECT id FROM messages WHERE application_id = $1";
    search::remove(tx, tx.query(ids, &params, |row| row.i64(0))?);
    for sql in [
        "DELETE FROM mentions WHERE application_id = $1",
        "DELETE FROM read_receipts WHERE application_id = $1",
        "DELETE FROM reports WHERE application_id = $1",
        "UPDATE threads SET message_id = NULL WHERE application_id = $1",
        "DELETE FROM messages WHERE application_id = $1",
        "DELETE FROM threads WHERE application_id = $1",
    ] {
        tx.execute(sql, &params)?;
    }
    Ok(())
}

/// How many ids a statement names at most.
const CHUNK: usize = 512;

/// Deletes these messages, the threads that hang on them, the replies in those, and so on down.
fn delete_with_replies(tx: &Tx<'_>, application: i64, ids: Vec<i64>) -> Result<(), StoreError> {
    let (mut doomed, mut hanging) = (BTreeSet::new(), Vec::new());
    let mut level = ids;
    while !level.is_empty() {
        let mut replies = Vec::new();
        level.retain(|id| doomed.insert(*id));
        for chunk in level.chunks(CHUNK) {
            let threads = threads::of_messages(tx, application, chunk)?;
            replies.extend(in_threads(tx, application, &threads)?);
            hanging.extend(threads);
        }
        level = replies;
    }
    let doomed: Vec<i64> = doomed.into_iter().collect();
    for chunk in doomed.chunks(CHUNK) {
        let (list, params) = listed(application, chunk);
        let parents = tx.query(
            &format!(
                "SELECT threads.message_id, count(*) FROM messages JOIN threads ON threads.application_id = $1 \
                 AND threads.id = messages.thread_id WHERE messages.application_id = $1 AND messages.nested_level > 0 \
                 AND threads.message_id IS NOT NULL AND messages.id IN ({list}) GROUP BY threads.message_id"
            ),
            &params,
            |row| Ok((row.i64(0)?, row.i64(1)?)),
        )?;
        for (parent, gone) in parents {
            count_replies(tx, application, parent, -gone)?;
        }
    }
    // Messages and threads point at each other.
    for chunk in doomed.chunks(CHUNK) {
        let (list, params) = listed(application, chunk);
        files::discard(tx, &format!("message_id IN ({list})"), &params)?;
        unread::deleted(tx, application, chunk)?;
        for table in ["mentions", "read_receipts", "reports"] {
            let sql = format!("DELETE FROM {table} WHERE application_id = $1 AND message_id IN ({list})");
            tx.execute(&sql, &params)?;
        }
        let sql = "UPDATE threads SET message_id = NULL WHERE application_id = $1 AND message_id IN";
        tx.execute(&format!("{sql} ({list})"), &params)?;
    }
    for chunk in doomed.chunks(CHUNK) {
        let (list, params) = listed(application, chunk);
        tx.execute(&format!("DELETE FROM messages WHERE application_id = $1 AND id IN ({list})"), &params)?;
    }
    search::remove(tx, doomed);
    for chunk in hanging.chunks(CHUNK) {
        let (list, params) = listed(application, chunk);
        tx.execute(&format!("DELETE FROM threads WHERE application_id = $1 AND id IN ({list})"), &params)?;
    }
    Ok(())
}

/// The ids of the messages that lie in these threads.
fn in_threads(tx: &Tx<'_>, application: i64, threads: &[i64]) -> Result<Vec<i64>, StoreError> {
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let (list, params) = listed(application, threads);
    let sql = format!("SELECT id FROM messages WHERE application_id = $1 AND thread_id IN ({list})");
    tx.query(&sql, &params, |row| row.i64(0))
}

/// Placeholders for a list of ids, after the application's, and the values of all.
fn listed(application: i64, ids: &[i64]) -> (String, Vec<Param<'static>>) {
    let mut params = vec![Param::Integer(application)];
    (id_list(2, ids, &mut params), params)
}
