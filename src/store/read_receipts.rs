//! Read receipts: which users have read a message, and when they first did.

use super::leftovers::{message_stays, user_stays};
use super::page::{Slice, id_list};
use super::users::{self, UserRow};
use super::{Param, StoreError, Tx, unread};

/// A row of `read_receipts`, with its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadReceipt {
    /// Who read the message.
    pub user: UserRow,
    /// When, in milliseconds since the epoch.
    pub created_time: i64,
}

/// Records that a user has read a message, and says whether that is news. The sender of a message has no receipt for it.
pub fn record(tx: &Tx<'_>, application: i64, message: i64, user: i64, now: i64) -> Result<bool, StoreError> {
    let recorded = tx.execute(
        "INSERT INTO read_receipts (application_id, message_id, user_id, created_time) \
         SELECT application_id, id, $1, $2 FROM messages WHERE application_id = $3 AND id = $4 \
         AND (user_id IS NULL OR user_id <> $1) ON CONFLICT DO NOTHING",
        &[user.into(), now.into(), application.into(), message.into()],
    )? > 0;
    if recorded {
        tx.execute(
            "UPDATE messages SET read_receipts = read_receipts + 1 WHERE application_id = $1 AND id = $2",
            &[application.into(), message.into()],
        )?;
        unread::read(tx, application, message, user)?;
    }
    Ok(recorded)
}

/// The receipts `offset..offset + limit` of a message, the earliest first unless `descending`.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    message: i64,
    descending: bool,
    offset: i64,
    limit: i64,
) -> Result<Vec<ReadReceipt>, StoreError> {
    let slice = Slice::new(offset, limit, || Ok(total(tx, application, message)?.unwrap_or(0)))?;
    let direction = if slice.reverse == descending { "" } else { " DESC" };
    // Only the receipts of the page have their users looked up.
    let sql = format!(
        concat!(
            "SELECT ",
            users::columns!(),
            ", receipts.created_time FROM (SELECT user_id, created_time FROM read_receipts ",
            "WHERE application_id = $1 AND message_id = $2",
            user_stays!("read_receipts.user_id"),
            " ORDER BY created_time{direction}, user_id{direction} ",
            "LIMIT $3 OFFSET $4) AS receipts CROSS JOIN users ",
            "WHERE users.application_id = $1 AND users.id = receipts.user_id ",
            "ORDER BY receipts.created_time{direction}, receipts.user_id{direction}"
        ),
        direction = direction
    );
    let params: [Param<'_>; 4] = [application.into(), message.into(), slice.limit.into(), slice.offset.into()];
    let receipts = tx.query(&sql, &params, |row| {
        Ok(ReadReceipt { user: users::read(row)?, created_time: row.i64(users::COLUMNS)? })
    })?;
    Ok(slice.arrange(receipts))
}

/// How many users have read a message; `None` if the application has no such message.
pub fn total(tx: &Tx<'_>, application: i64, message: i64) -> Result<Option<i64>, StoreError> {
    let sql = concat!(
        "SELECT read_receipts - (SELECT count(*) FROM deleted_users CROSS JOIN read_receipts AS receipt ",
        "WHERE deleted_users.application_id = $1 AND receipt.application_id = $1 ",
        "AND receipt.message_id = messages.id AND receipt.user_id = deleted_users.user_id) ",
        "FROM messages WHERE application_id = $1 AND id = $2",
        message_stays!("messages")
    );
    tx.query_opt(sql, &[application.into(), message.into()], |row| row.i64(0))
}

/// Which of these messages a user has read, each with when, in milliseconds since the epoch.
pub fn of_user(tx: &Tx<'_>, application: i64, user: i64, messages: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut params: Vec<Param<'_>> = vec![application.into(), user.into()];
    let list = id_list(3, messages, &mut params);
    let sql = format!(
        "SELECT message_id, created_time FROM read_receipts WHERE application_id = $1 AND user_id = $2 \
         AND message_id IN ({list})"
    );
    tx.query(&sql, &params, |row| Ok((row.i64(0)?, row.i64(1)?)))
}

/// Forgets at most `limit` of the messages that a user has read, and says how many there were.
pub(super) fn delete_of_user(tx: &Tx<'_>, application: i64, user: i64, limit: i64) -> Result<i64, StoreError> {
    let messages = tx.query(
        "SELECT message_id FROM read_receipts WHERE application_id = $1 AND user_id = $2 LIMIT $3",
        &[application.into(), user.into(), limit.into()],
        |row| row.i64(0),
    )?;
    if !messages.is_empty() {
        let mut params = vec![Param::Integer(application)];
        let list = id_list(2, &messages, &mut params);
        let sql = "UPDATE messages SET read_receipts = read_receipts - 1 WHERE application_id = $1 AND id IN";
        tx.execute(&format!("{sql} ({list})"), &params)?;
        let mut params = vec![Param::Integer(application), Param::Integer(user)];
        let list = id_list(3, &messages, &mut params);
        let sql = "DELETE FROM read_receipts WHERE application_id = $1 AND user_id = $2 AND message_id IN";
        tx.execute(&format!("{sql} ({list})"), &params)?;
    }
    Ok(messages.len() as i64)
}
