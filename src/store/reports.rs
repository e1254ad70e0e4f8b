//! Reports: which users have found fault with a message.

use super::leftovers::message_stays;
use super::messages::{self, MessageRow};
use super::page::Slice;
use super::{Param, StoreError, Tx};

/// Records that a user reports a message, and says whether that is news.
pub fn record(tx: &Tx<'_>, application: i64, message: i64, user: i64, now: i64) -> Result<bool, StoreError> {
    let recorded = tx.execute(
        "INSERT INTO reports (application_id, message_id, user_id, created_time) \
         SELECT application_id, id, $1, $2 FROM messages WHERE application_id = $3 AND id = $4 ON CONFLICT DO NOTHING",
        &[user.into(), now.into(), application.into(), message.into()],
    )? > 0;
    if recorded {
        for sql in [
            "UPDATE channel_totals SET reported = reported + 1 WHERE application_id = $1 AND channel_id = \
             (SELECT channel_id FROM messages WHERE application_id = $1 AND id = $2 AND reports = 0)",
            "UPDATE messages SET reports = reports + 1 WHERE application_id = $1 AND id = $2",
        ] {
            tx.execute(sql, &[application.into(), message.into()])?;
        }
    }
    Ok(recorded)
}

/// The reported messages `offset..offset + limit` of a channel, the oldest first unless `descending`.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    channel: i64,
    descending: bool,
    offset: i64,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    let slice = Slice::new(offset, limit, || total(tx, application, channel))?;
    let sql = format!(
        concat!(
            "SELECT id FROM messages WHERE application_id = $1 AND channel_id = $2 AND reports > 0",
            message_stays!("messages"),
            " ORDER BY id {} LIMIT $3 OFFSET $4"
        ),
        if slice.reverse == descending { "ASC" } else { "DESC" }
    );
    let params: [Param<'_>; 4] = [application.into(), channel.into(), slice.limit.into(), slice.offset.into()];
    let ids = tx.query(&sql, &params, |row| row.i64(0))?;
    let mut rows = messages::find_by_ids(tx, application, &ids)?;
    if !descending {
        rows.reverse();
    }
    Ok(rows)
}

/// How many messages of a channel have been reported.
pub fn total(tx: &Tx<'_>, application: i64, channel: i64) -> Result<i64, StoreError> {
    // While messages of deleted users are being removed they are in the total, and are counted out one by one.
    let sql = concat!(
        "SELECT reported - CASE WHEN NOT EXISTS (SELECT 1 FROM deleted_users WHERE application_id = $1) THEN 0 ELSE ",
        "(SELECT count(*) FROM messages WHERE messages.application_id = $1 AND messages.channel_id = $2 ",
        "AND messages.reports > 0 AND NOT (TRUE",
        message_stays!("messages"),
        ")) END FROM channel_totals WHERE application_id = $1 AND channel_id = $2"
    );
    Ok(tx.query_opt(sql, &[application.into(), channel.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// Takes back at most `limit` of the reports of a user that is deleted, and says how many there were.
pub(super) fn delete_of_user(tx: &Tx<'_>, application: i64, user: i64, limit: i64) -> Result<i64, StoreError> {
    let reported = "SELECT message_id FROM reports WHERE application_id = $1 AND user_id = $2 LIMIT $3";
    let reported = tx.query(reported, &[application.into(), user.into(), limit.into()], |row| row.i64(0))?;
    for message in &reported {
        for sql in [
            "UPDATE channel_totals SET reported = reported - 1 WHERE application_id = $1 AND channel_id = \
             (SELECT channel_id FROM messages WHERE application_id = $1 AND id = $2 AND reports = 1)",
            "UPDATE messages SET reports = reports - 1 WHERE application_id = $1 AND id = $2",
        ] {
            tx.execute(sql, &[application.into(), (*message).into()])?;
        }
        tx.execute(
            "DELETE FROM reports WHERE application_id = $1 AND message_id = $2 AND user_id = $3",
            &[application.into(), (*message).into(), user.into()],
        )?;
    }
    Ok(reported.len() as i64)
}
