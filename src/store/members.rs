//! Memberships: which users are in which channels.

use super::page::id_list;
use super::users::{self, UserRow};
use super::{Param, StoreError, Tx};

/// The users of several channels at once, each with the id of its channel, by channel and then by user.
///
/// Meant for the DIRECT channels of a page, which have ten members at most; channels of other types can
/// have any number.
pub fn of_channels(tx: &Tx<'_>, application: i64, channels: &[i64]) -> Result<Vec<(i64, UserRow)>, StoreError> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, channels, &mut params);
    let sql = format!(
        concat!(
            "SELECT ",
            users::columns!(),
            ", members.channel_id FROM members CROSS JOIN users ",
            "WHERE members.application_id = $1 AND members.channel_id IN ({}) ",
            "AND users.application_id = $1 AND users.id = members.user_id ",
            "ORDER BY members.channel_id, members.user_id"
        ),
        list
    );
    tx.query(&sql, &params, |row| Ok((row.i64(users::COLUMNS)?, users::read(row)?)))
}

/// Makes every one of `users` a member of a channel that has just been created. The channel's own total is
/// the caller's to set; the users' totals are kept here.
pub(super) fn insert(
    tx: &Tx<'_>,
    application: i64,
    channel: i64,
    users: &[i64],
    restricted: bool,
    now: i64,
) -> Result<(), StoreError> {
    for user in users {
        tx.execute(
            "INSERT INTO members (application_id, channel_id, user_id, restricted, created_time) \
             VALUES ($1, $2, $3, $4, $5)",
            &[application.into(), channel.into(), (*user).into(), restricted.into(), now.into()],
        )?;
        if restricted {
            tx.execute(
                "UPDATE users SET restricted_channels = restricted_channels + 1 WHERE application_id = $1 AND id = $2",
                &[application.into(), (*user).into()],
            )?;
        }
    }
    Ok(())
}
