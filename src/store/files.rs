//! Hosted files: what they belong to, and which objects are to be removed.
//!
//! An object is listed in `file_removals` before its first byte is written. The transaction that makes a row refer to it
//! moves it to `files`, and the one that deletes that row moves it back; so whatever is killed when, every object is in
//! one of the two.

use super::{Param, StoreError, Tx, messages, users};

/// A row of `files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// The name of its object: unguessable, as whoever knows it may read the file.
    pub key: String,
    /// The name its sender gave it.
    pub name: String,
    /// Its media type.
    pub content_type: String,
    /// How many bytes it has.
    pub size: i64,
}

/// What a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOwner {
    /// The user whose display picture it is.
    User(i64),
    /// The message that carries it.
    Message(i64),
}

/// Lists an object that is about to be written. It is removed from `due` on, unless it is attached before.
pub fn announce(tx: &Tx<'_>, key: &str, due: i64) -> Result<(), StoreError> {
    tx.execute("INSERT INTO file_removals (key, due_time) VALUES ($1, $2)", &[key.into(), due.into()])?;
    Ok(())
}

/// Makes an announced object belong to a row of another table than `files`.
pub fn take(tx: &Tx<'_>, key: &str) -> Result<(), StoreError> {
    if tx.execute("DELETE FROM file_removals WHERE key = $1", &[key.into()])? == 0 {
        return Err(StoreError::Unavailable("an upload took so long that it was given up; send the file again".into()));
    }
    Ok(())
}

/// Has an object removed that [`take`] has made belong to a row, which does not name it any more.
pub fn give_up(tx: &Tx<'_>, key: &str) -> Result<(), StoreError> {
    announce(tx, key, 0)
}

/// Makes an announced file belong to a row of the application.
pub fn attach(tx: &Tx<'_>, application: i64, file: &FileRow, owner: FileOwner, now: i64) -> Result<(), StoreError> {
    take(tx, &file.key)?;
    let (user, message) = match owner {
        FileOwner::User(id) => (Some(id), None),
        FileOwner::Message(id) => (None, Some(id)),
    };
    tx.execute(
        "INSERT INTO files (key, application_id, user_id, message_id, name, content_type, size, created_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            (&file.key).into(),
            application.into(),
            user.into(),
            message.into(),
            (&file.name).into(),
            (&file.content_type).into(),
            file.size.into(),
            now.into(),
        ],
    )?;
    Ok(())
}

/// The file of this key, in whichever application: the key is all that its reader has.
pub fn get(tx: &Tx<'_>, key: &str) -> Result<Option<FileRow>, StoreError> {
    let found = tx.query_opt(
        "SELECT key, name, content_type, size, application_id, user_id, message_id FROM files WHERE key = $1",
        &[key.into()],
        |row| {
            let file = FileRow { key: row.text(0)?, name: row.text(1)?, content_type: row.text(2)?, size: row.i64(3)? };
            Ok((file, row.i64(4)?, row.opt_i64(5)?, row.opt_i64(6)?))
        },
    )?;
    let Some((file, application, user, message)) = found else { return Ok(None) };
    // Its owner may be deleted, and the file still be waiting to be removed.
    let stays = match (user, message) {
        (Some(user), _) => users::get(tx, application, user)?.is_some(),
        (None, Some(message)) => messages::get(tx, application, message)?.is_some(),
        (None, None) => true,
    };
    Ok(stays.then_some(file))
}

/// Lets go of the application's files that fulfil a condition over the columns of `files`, before the rows they belong
/// to are deleted. The first parameter is the application.
pub(super) fn discard(tx: &Tx<'_>, condition: &str, params: &[Param<'_>]) -> Result<(), StoreError> {
    let which = format!("FROM files WHERE application_id = $1 AND {condition}");
    tx.execute(&format!("INSERT INTO file_removals (key, due_time) SELECT key, 0 {which}"), params)?;
    tx.execute(&format!("DELETE {which}"), params)?;
    Ok(())
}

/// Some of the objects that are due to be removed.
pub fn due(tx: &Tx<'_>, now: i64, limit: i64) -> Result<Vec<String>, StoreError> {
    tx.query(
        "SELECT key FROM file_removals WHERE due_time <= $1 ORDER BY due_time LIMIT $2",
        &[now.into(), limit.into()],
        |row| row.text(0),
    )
}

/// Forgets an object that is gone.
pub fn removed(tx: &Tx<'_>, key: &str) -> Result<(), StoreError> {
    tx.execute("DELETE FROM file_removals WHERE key = $1", &[key.into()])?;
    Ok(())
}
