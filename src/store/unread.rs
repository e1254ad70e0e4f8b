//! What users have not read: the messages of others, users and application alike, in the channels that a user is a
//! member of, without a read receipt of the user.
//!
//! How many there are follows from totals: a channel's messages, less those that the user has sent or has a receipt for.
//! Whatever creates or deletes messages and receipts keeps them, and none of it costs more the more members there are.
//! To count costs a step for each membership; to list costs a step for each message since the oldest that is unread.

use super::leftovers::{channel_stays, message_stays, user_stays};
use super::merge::merge;
use super::page::{Slice, id_list};
use super::users::{self, UserRow};
use super::{Param, StoreError, Tx};

/// How many messages of a channel one of its members has not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The channel.
    pub channel_id: i64,
    /// The member.
    pub user: UserRow,
    /// The number.
    pub count: i64,
}

/// The number of unread messages of a row of `members`, which must be joined as `totals!` has it. While messages of
/// deleted users are being removed they are in the totals, and are counted out one by one.
macro_rules! unread {
    () => {
        concat!(
            "coalesce(channel_totals.messages, 0) - coalesce(reader_totals.sent, 0) ",
            "- coalesce(reader_totals.receipts, 0) - CASE WHEN NOT EXISTS ",
            "(SELECT 1 FROM deleted_users WHERE deleted_users.application_id = $1) THEN 0 ELSE ",
            "(SELECT count(*) FROM messages WHERE messages.application_id = $1 ",
            "AND messages.channel_id = members.channel_id ",
            "AND (messages.user_id IS NULL OR messages.user_id <> members.user_id) ",
            "AND NOT EXISTS (SELECT 1 FROM read_receipts WHERE read_receipts.application_id = $1 ",
            "AND read_receipts.message_id = messages.id AND read_receipts.user_id = members.user_id) AND NOT (TRUE",
            $crate::store::leftovers::message_stays!("messages"),
            ")) END"
        )
    };
}
pub(super) use unread;

/// Joins the totals that belong to a row of `members`.
macro_rules! totals {
    () => {
        "LEFT JOIN channel_totals ON channel_totals.application_id = $1 \
         AND channel_totals.channel_id = members.channel_id \
         LEFT JOIN reader_totals ON reader_totals.application_id = $1 \
         AND reader_totals.channel_id = members.channel_id AND reader_totals.user_id = members.user_id"
    };
}
pub(super) use totals;

/// How many messages a user has not read.
pub fn count(tx: &Tx<'_>, application: i64, user: i64) -> Result<i64, StoreError> {
    let sql = concat!(
        "SELECT coalesce(sum(",
        unread!(),
        "), 0) FROM members ",
        totals!(),
        " WHERE members.application_id = $1 AND members.user_id = $2",
        channel_stays!("members.channel_id")
    );
    Ok(tx.query_opt(sql, &[application.into(), user.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// At most `limit` ids from `least` to `greatest` of what a user has not read, the smallest or the greatest first.
pub(super) fn find(
    tx: &Tx<'_>,
    application: i64,
    user: i64,
    (least, greatest): (i64, i64),
    ascending: bool,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql = concat!(
        "SELECT members.channel_id, coalesce(reader_totals.unread_from, 0) FROM members ",
        totals!(),
        " WHERE members.application_id = $1 AND members.user_id = $2 AND ",
        unread!(),
        " > 0",
        channel_stays!("members.channel_id")
    );
    let channels = tx.query(sql, &[application.into(), user.into()], |row| Ok((row.i64(0)?, row.i64(1)?)))?;
    let sql = format!(
        concat!(
            "SELECT id FROM messages WHERE application_id = $1 AND channel_id = $2 AND id BETWEEN $3 AND $4 ",
            "AND (user_id IS NULL OR user_id <> $5) AND NOT EXISTS (SELECT 1 FROM read_receipts ",
            "WHERE read_receipts.application_id = $1 AND read_receipts.message_id = messages.id ",
            "AND read_receipts.user_id = $5)",
            message_stays!("messages"),
            " ORDER BY id {} LIMIT 1"
        ),
        if ascending { "ASC" } else { "DESC" }
    );
    merge(channels.len(), (least, greatest), ascending, limit, |listing, (least, greatest)| {
        let (channel, unread_from) = channels[listing];
        let least = least.max(unread_from);
        let params: [Param<'_>; 5] = [application.into(), channel.into(), least.into(), greatest.into(), user.into()];
        tx.query_opt(&sql, &params, |row| row.i64(0))
    })
}

/// The summaries `offset..offset + limit` of all memberships, by channel and then by user.
pub fn summaries(tx: &Tx<'_>, application: i64, offset: i64, limit: i64) -> Result<Vec<Summary>, StoreError> {
    let slice = Slice::new(offset, limit, || summaries_total(tx, application))?;
    let direction = if slice.reverse { " DESC" } else { "" };
    // Only the memberships of the page have their users and totals looked up.
    let sql = format!(
        concat!(
            "SELECT ",
            users::columns!(),
            ", members.channel_id, ",
            unread!(),
            " FROM (SELECT channel_id, user_id FROM members WHERE application_id = $1",
            channel_stays!("members.channel_id"),
            user_stays!("members.user_id"),
            " ORDER BY channel_id{direction}, user_id{direction} LIMIT $2 OFFSET $3) AS members CROSS JOIN users ",
            totals!(),
            " WHERE users.application_id = $1 AND users.id = members.user_id ",
            "ORDER BY members.channel_id{direction}, members.user_id{direction}"
        ),
        direction = direction
    );
    let params: [Param<'_>; 3] = [application.into(), slice.limit.into(), slice.offset.into()];
    let summaries = tx.query(&sql, &params, |row| {
        let (channel_id, count) = (row.i64(users::COLUMNS)?, row.i64(users::COLUMNS + 1)?);
        Ok(Summary { channel_id, user: users::read(row)?, count })
    })?;
    Ok(slice.arrange(summaries))
}

/// How many memberships there are.
pub fn summaries_total(tx: &Tx<'_>, application: i64) -> Result<i64, StoreError> {
    let sql = concat!(
        "SELECT members - CASE WHEN NOT EXISTS (SELECT 1 FROM deleted_users WHERE application_id = $1) ",
        "AND NOT EXISTS (SELECT 1 FROM deleted_channels WHERE application_id = $1) THEN 0 ELSE ",
        "(SELECT count(*) FROM members WHERE members.application_id = $1 AND NOT (TRUE",
        channel_stays!("members.channel_id"),
        user_stays!("members.user_id"),
        ")) END FROM applications WHERE id = $1"
    );
    Ok(tx.query_opt(sql, &[application.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// Counts a message that has been sent.
pub(super) fn sent(tx: &Tx<'_>, application: i64, channel: i64, user: Option<i64>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO channel_totals (application_id, channel_id, messages) VALUES ($1, $2, 1) \
         ON CONFLICT (application_id, channel_id) DO UPDATE SET messages = channel_totals.messages + 1",
        &[application.into(), channel.into()],
    )?;
    if let Some(user) = user {
        tx.execute(
            "INSERT INTO reader_totals (application_id, channel_id, user_id, sent) VALUES ($1, $2, $3, 1) \
             ON CONFLICT (application_id, channel_id, user_id) DO UPDATE SET sent = reader_totals.sent + 1",
            &[application.into(), channel.into(), user.into()],
        )?;
    }
    Ok(())
}

/// Counts a read receipt that has been recorded, and sets how far the user has read.
pub(super) fn read(tx: &Tx<'_>, application: i64, message: i64, user: i64) -> Result<(), StoreError> {
    let channel = "SELECT channel_id FROM messages WHERE application_id = $1 AND id = $2";
    let channel = tx.query_opt(channel, &[application.into(), message.into()], |row| row.i64(0))?;
    let Some(channel) = channel else { return Ok(()) };
    let params: [Param<'_>; 3] = [application.into(), channel.into(), user.into()];
    tx.execute(
        "INSERT INTO reader_totals (application_id, channel_id, user_id, receipts) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (application_id, channel_id, user_id) DO UPDATE SET receipts = reader_totals.receipts + 1",
        &params,
    )?;
    // Every message is passed once for each user, whatever the order in which they are read.
    tx.execute(
        "UPDATE reader_totals SET unread_from = coalesce(\
         (SELECT messages.id FROM messages WHERE messages.application_id = $1 AND messages.channel_id = $2 \
         AND messages.id >= reader_totals.unread_from AND (messages.user_id IS NULL OR messages.user_id <> $3) \
         AND NOT EXISTS (SELECT 1 FROM read_receipts WHERE read_receipts.application_id = $1 \
         AND read_receipts.message_id = messages.id AND read_receipts.user_id = $3) \
         ORDER BY messages.id LIMIT 1), \
         (SELECT max(messages.id) + 1 FROM messages WHERE messages.application_id = $1 AND messages.channel_id = $2)) \
         WHERE application_id = $1 AND channel_id = $2 AND user_id = $3",
        &params,
    )?;
    Ok(())
}

/// Counts messages out that are about to be deleted with their receipts and reports.
pub(super) fn deleted(tx: &Tx<'_>, application: i64, messages: &[i64]) -> Result<(), StoreError> {
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, messages, &mut params);
    let of_channels = format!(
        "SELECT channel_id, count(*), sum(CASE WHEN reports > 0 THEN 1 ELSE 0 END) FROM messages \
         WHERE application_id = $1 AND id IN ({list}) GROUP BY channel_id"
    );
    for (channel, gone, reported) in
        tx.query(&of_channels, &params, |row| Ok((row.i64(0)?, row.i64(1)?, row.i64(2)?)))?
    {
        tx.execute(
            "UPDATE channel_totals SET messages = messages - $1, reported = reported - $2 \
             WHERE application_id = $3 AND channel_id = $4",
            &[gone.into(), reported.into(), application.into(), channel.into()],
        )?;
    }
    let of_senders = format!(
        "SELECT channel_id, user_id, count(*), 0 FROM messages WHERE application_id = $1 AND user_id IS NOT NULL \
         AND id IN ({list}) GROUP BY channel_id, user_id"
    );
    let of_readers = format!(
        "SELECT messages.channel_id, read_receipts.user_id, 0, count(*) FROM messages CROSS JOIN read_receipts \
         WHERE messages.application_id = $1 AND messages.id IN ({list}) AND read_receipts.application_id = $1 \
         AND read_receipts.message_id = messages.id GROUP BY messages.channel_id, read_receipts.user_id"
    );
    for sql in [of_senders, of_readers] {
        let counts = tx.query(&sql, &params, |row| Ok((row.i64(0)?, row.i64(1)?, row.i64(2)?, row.i64(3)?)))?;
        for (channel, user, sent, receipts) in counts {
            tx.execute(
                "UPDATE reader_totals SET sent = sent - $1, receipts = receipts - $2 \
                 WHERE application_id = $3 AND channel_id = $4 AND user_id = $5",
                &[sent.into(), receipts.into(), application.into(), channel.into(), user.into()],
            )?;
        }
    }
    Ok(())
}
