//! What deleted applications, users and channels leave behind, removed a batch at a time.
//!
//! They are gone for every reader from the moment that they are deleted. However much they owned, no writer waits for
//! more than one batch, and where the removal is interrupted it goes on with what is still there. What fits into one
//! batch goes in the transaction that deletes it, and nothing is left behind.
//!
//! A deleted application is found by nobody. Users and channels have an application that goes on being read, so that
//! until they are removed they stand in `deleted_users` and `deleted_channels`, and whatever reads rows of theirs asks
//! `user_stays`, `channel_stays` or `message_stays`. Totals that are kept count what is still there; reading them
//! takes off what is of the deleted. Each batch leaves the totals of all others right.

use super::{Param, StoreError, Tx, applications, files, jobs, members, messages, read_receipts, reports, sessions};

/// Rows that are removed at a time, which bounds how long other writers wait for it.
pub const BATCH: i64 = 250;

/// The condition that a channel is not deleted, from the expression of its ID; `$1` is the application.
macro_rules! channel_stays {
    ($($id:literal),+) => {
        concat!(
            " AND NOT EXISTS (SELECT 1 FROM deleted_channels WHERE deleted_channels.application_id = $1 ",
            "AND deleted_channels.channel_id = ",
            $($id,)+
            ")"
        )
    };
}
pub(super) use channel_stays;

/// The condition that a user is not deleted, from the expression of its ID; `$1` is the application.
macro_rules! user_stays {
    ($($id:literal),+) => {
        concat!(
            " AND NOT EXISTS (SELECT 1 FROM deleted_users WHERE deleted_users.application_id = $1 ",
            "AND deleted_users.user_id = ",
            $($id,)+
            ")"
        )
    };
}
pub(super) use user_stays;

/// The condition that a message is not deleted with its channel or its user, and is no reply, at any depth, to one that
/// is. It takes the name that the statement has for the table of messages; `$1` is the application.
macro_rules! message_stays {
    ($message:literal) => {
        concat!(
            $crate::store::leftovers::channel_stays!($message, ".channel_id"),
            $crate::store::leftovers::user_stays!($message, ".user_id"),
            " AND (",
            $message,
            ".nested_level = 0 OR NOT EXISTS (SELECT 1 FROM deleted_users WHERE deleted_users.application_id = $1) ",
            "OR NOT EXISTS (WITH RECURSIVE above (thread_id, user_id) AS (",
            "SELECT parent.thread_id, parent.user_id FROM threads CROSS JOIN messages AS parent ",
            "WHERE threads.application_id = $1 AND threads.id = ",
            $message,
            ".thread_id AND parent.application_id = $1 AND parent.id = threads.message_id ",
            "UNION ALL SELECT parent.thread_id, parent.user_id ",
            "FROM above CROSS JOIN threads CROSS JOIN messages AS parent ",
            "WHERE threads.application_id = $1 AND threads.id = above.thread_id ",
            "AND parent.application_id = $1 AND parent.id = threads.message_id) ",
            "SELECT 1 FROM above CROSS JOIN deleted_users ",
            "WHERE deleted_users.application_id = $1 AND deleted_users.user_id = above.user_id))"
        )
    };
}
pub(super) use message_stays;

/// Rows of an application that nothing points at once the statements before have found no more of theirs.
const ROWS: &[&str] = &[
    "DELETE FROM job_faults WHERE application_id = $1 AND (job_id, item, number) IN \
     (SELECT job_id, item, number FROM job_faults WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM import_keys WHERE application_id = $1 AND (type, channel_id, key) IN \
     (SELECT type, channel_id, key FROM import_keys WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM tokens WHERE application_id = $1 AND hash IN \
     (SELECT hash FROM tokens WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM attendances WHERE application_id = $1 AND (channel_id, user_id, after_message) IN \
     (SELECT channel_id, user_id, after_message FROM attendances WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM reader_totals WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM reader_totals WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM moderators WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM moderators WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM invites WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM invites WHERE application_id = $1 LIMIT $2)",
    "DELETE FROM members WHERE application_id = $1 AND (channel_id, user_id) IN \
     (SELECT channel_id, user_id FROM members WHERE application_id = $1 LIMIT $2)",
];

/// Rows that point at a channel and that no total counts.
const ROWS_OF_CHANNEL: &[&str] = &[
    "DELETE FROM mentions WHERE application_id = $1 AND channel_id = $2 AND (message_id, start_position) IN \
     (SELECT message_id, start_position FROM mentions WHERE application_id = $1 AND channel_id = $2 LIMIT $3)",
    "DELETE FROM attendances WHERE application_id = $1 AND channel_id = $2 AND (user_id, after_message) IN \
     (SELECT user_id, after_message FROM attendances WHERE application_id = $1 AND channel_id = $2 LIMIT $3)",
    "DELETE FROM reader_totals WHERE application_id = $1 AND channel_id = $2 AND user_id IN \
     (SELECT user_id FROM reader_totals WHERE application_id = $1 AND channel_id = $2 LIMIT $3)",
];

/// Rows that point at a user and that no total counts. Channels it created stay, without a creator.
const ROWS_OF_USER: &[&str] = &[
    "DELETE FROM mentions WHERE application_id = $1 AND user_id = $2 AND (message_id, start_position) IN \
     (SELECT message_id, start_position FROM mentions WHERE application_id = $1 AND user_id = $2 LIMIT $3)",
    "DELETE FROM user_secrets WHERE application_id = $1 AND user_id = $2 AND name IN \
     (SELECT name FROM user_secrets WHERE application_id = $1 AND user_id = $2 LIMIT $3)",
    "UPDATE channels SET creator_id = NULL WHERE application_id = $1 AND creator_id = $2 AND id IN \
     (SELECT id FROM channels WHERE application_id = $1 AND creator_id = $2 LIMIT $3)",
    "DELETE FROM attendances WHERE application_id = $1 AND user_id = $2 AND (channel_id, after_message) IN \
     (SELECT channel_id, after_message FROM attendances WHERE application_id = $1 AND user_id = $2 LIMIT $3)",
    "DELETE FROM reader_totals WHERE application_id = $1 AND user_id = $2 AND channel_id IN \
     (SELECT channel_id FROM reader_totals WHERE application_id = $1 AND user_id = $2 LIMIT $3)",
];

/// Whether anything deleted has left anything behind.
pub fn exist(tx: &Tx<'_>) -> Result<bool, StoreError> {
    Ok(first(tx, CHANNEL)?.is_some() || first(tx, USER)?.is_some() || first(tx, APPLICATION)?.is_some())
}

/// Removes one batch of at most `limit` rows with what hangs on them, and says whether there may be another.
pub fn remove(tx: &Tx<'_>, limit: i64) -> Result<bool, StoreError> {
    let mut left = limit;
    while left > 0
        && let Some((application, channel)) = first(tx, CHANNEL)?
    {
        remove_channel(tx, application, channel, &mut left)?;
    }
    while left > 0
        && let Some((application, user)) = first(tx, USER)?
    {
        remove_user(tx, application, user, &mut left)?;
    }
    if left > 0
        && let Some((application, _)) = first(tx, APPLICATION)?
    {
        remove_application(tx, application, &mut left)?;
        return Ok(true);
    }
    Ok(left < limit)
}

/// Removes what an application owns until nothing is left of it or of the batch.
fn remove_application(tx: &Tx<'_>, application: i64, left: &mut i64) -> Result<(), StoreError> {
    for sql in ROWS {
        *left -= count(tx.execute(sql, &[application.into(), (*left).into()])?);
        if *left <= 0 {
            return Ok(());
        }
    }
    let some = |table: &str, limit: i64| {
        let sql = format!("SELECT id FROM {table} WHERE application_id = $1 ORDER BY id LIMIT $2");
        tx.query(&sql, &[application.into(), limit.into()], |row| row.i64(0))
    };
    for channel in some("channels", *left)? {
        remove_channel(tx, application, channel, left)?;
    }
    // While there are channels, users have messages in them.
    if *left <= 0 {
        return Ok(());
    }
    for user in some("users", *left)? {
        remove_user(tx, application, user, left)?;
    }
    if *left > 0 {
        applications::remove(tx, application)?;
    }
    Ok(())
}

/// Removes a channel with what is in it until the channel is gone or `left`, the rows of the batch, is used up; says
/// whether it is gone.
pub(super) fn remove_channel(tx: &Tx<'_>, application: i64, channel: i64, left: &mut i64) -> Result<bool, StoreError> {
    exhaust(left, |limit| messages::delete_some_of_channel(tx, application, channel, limit))?;
    exhaust(left, |limit| jobs::forget_channel(tx, application, channel, limit))?;
    exhaust(left, |limit| sessions::forget_channel(tx, application, channel, limit))?;
    exhaust(left, |limit| members::forget_channel(tx, application, channel, limit))?;
    for sql in ROWS_OF_CHANNEL {
        exhaust(left, |limit| Ok(count(tx.execute(sql, &[application.into(), channel.into(), limit.into()])?)))?;
    }
    if *left <= 0 {
        return Ok(false);
    }
    for sql in [
        "DELETE FROM threads WHERE application_id = $1 AND channel_id = $2",
        "DELETE FROM channel_totals WHERE application_id = $1 AND channel_id = $2",
        "DELETE FROM deleted_channels WHERE application_id = $1 AND channel_id = $2",
        "DELETE FROM channels WHERE application_id = $1 AND id = $2",
    ] {
        tx.execute(sql, &[application.into(), channel.into()])?;
    }
    *left -= 1;
    Ok(true)
}

/// Removes a user with what is its own until the user is gone or `left`, the rows of the batch, is used up; says
/// whether it is gone.
pub(super) fn remove_user(tx: &Tx<'_>, application: i64, user: i64, left: &mut i64) -> Result<bool, StoreError> {
    exhaust(left, |limit| messages::delete_some_of_user(tx, application, user, limit))?;
    exhaust(left, |limit| read_receipts::delete_of_user(tx, application, user, limit))?;
    exhaust(left, |limit| reports::delete_of_user(tx, application, user, limit))?;
    exhaust(left, |limit| members::forget_user(tx, application, user, limit))?;
    exhaust(left, |limit| sessions::forget_user(tx, application, user, limit))?;
    let params: [Param<'_>; 2] = [application.into(), user.into()];
    for sql in ROWS_OF_USER {
        exhaust(left, |limit| Ok(count(tx.execute(sql, &[params[0], params[1], limit.into()])?)))?;
    }
    if *left <= 0 {
        return Ok(false);
    }
    files::discard(tx, "user_id = $2", &params)?;
    for sql in [
        "DELETE FROM deleted_users WHERE application_id = $1 AND user_id = $2",
        "DELETE FROM users WHERE application_id = $1 AND id = $2",
    ] {
        tx.execute(sql, &params)?;
    }
    *left -= 1;
    Ok(true)
}

/// Lets `step` remove as many rows as it is told, until it finds no more or `left` is used up.
fn exhaust(left: &mut i64, step: impl Fn(i64) -> Result<i64, StoreError>) -> Result<(), StoreError> {
    while *left > 0 {
        match step(*left)? {
            0 => break,
            removed => *left -= removed,
        }
    }
    Ok(())
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

const CHANNEL: &str = "SELECT application_id, channel_id FROM deleted_channels LIMIT 1";
const USER: &str = "SELECT application_id, user_id FROM deleted_users LIMIT 1";
/// The one that was deleted first.
const APPLICATION: &str =
    "SELECT id, id FROM applications WHERE deleted_time IS NOT NULL ORDER BY deleted_time, id LIMIT 1";

/// The application and the ID of something that has left something behind.
fn first(tx: &Tx<'_>, sql: &str) -> Result<Option<(i64, i64)>, StoreError> {
    tx.query_opt(sql, &[], |row| Ok((row.i64(0)?, row.i64(1)?)))
}
