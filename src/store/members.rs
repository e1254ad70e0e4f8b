//! Who is in which channel: members, moderators, invited users and participants, a roster each.

use super::leftovers::{channel_stays, user_stays};
use super::page::{Slice, id_list, total_order};
use super::users::{self, UserRow};
use super::{Param, Sort, SortKey, StoreError, Tx, applications, sessions};
use std::fmt::Write as _;

/// A list of users that a channel keeps. Each is a table of the same shape, with its total in `channels`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roster {
    /// Who belongs to the channel.
    Members,
    /// The members who keep order in it.
    Moderators,
    /// Who has been asked to become a member.
    Invites,
    /// Who is in it at this moment, as [`sessions`] has it.
    Participants,
}

impl Roster {
    /// All of them, such that a row comes before what it points at.
    pub(super) const ALL: [Roster; 4] = [Roster::Moderators, Roster::Invites, Roster::Participants, Roster::Members];

    /// The name of the table, of the total in `channels`, and of the list in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Roster::Members => "members",
            Roster::Moderators => "moderators",
            Roster::Invites => "invites",
            Roster::Participants => "participants",
        }
    }
}

/// A user on a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The user.
    pub user: UserRow,
    /// Since when, in milliseconds since the epoch.
    pub created_time: i64,
}

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

/// The entries `offset..offset + limit` of a channel's roster, in the order that `sort` makes. The id and the
/// names are the user's, the time of creation is the entry's.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    channel: i64,
    roster: Roster,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let total = || Ok(total(tx, application, channel, roster)?.unwrap_or(0));
    let slice = Slice::new(offset, limit, total)?;
    let order = total_order(sort);
    let by_name = order.iter().any(|step| matches!(step.key, SortKey::Name | SortKey::DisplayName));
    let from = match by_name {
        // An index of the roster has the order, so that only the users of the page are looked up.
        false => format!(
            concat!(
                "(SELECT user_id, created_time FROM {} AS entry WHERE application_id = $1 AND channel_id = $2",
                user_stays!("entry.user_id"),
                "{} LIMIT $3 OFFSET $4) AS entry CROSS JOIN users ",
                "WHERE users.application_id = $1 AND users.id = entry.user_id{}"
            ),
            roster.name(),
            order_by(&order, slice.reverse),
            order_by(&order, slice.reverse),
        ),
        true => {
            let joined = if walks_users(tx, application, total()?, offset + limit)? {
                format!("users CROSS JOIN {} AS entry", roster.name())
            } else {
                format!("{} AS entry CROSS JOIN users", roster.name())
            };
            format!(
                "{joined} WHERE entry.application_id = $1 AND entry.channel_id = $2 AND users.application_id = $1 \
                 AND users.id = entry.user_id{}{} LIMIT $3 OFFSET $4",
                user_stays!("entry.user_id"),
                order_by(&order, slice.reverse),
            )
        }
    };
    let sql = format!(concat!("SELECT ", users::columns!(), ", entry.created_time FROM {}"), from);
    let params: [Param<'_>; 4] = [application.into(), channel.into(), slice.limit.into(), slice.offset.into()];
    let entry = |row: &super::Row<'_>| Ok(Entry { created_time: row.i64(users::COLUMNS)?, user: users::read(row)? });
    Ok(slice.arrange(tx.query(&sql, &params, entry)?))
}

/// Whether an order by names is had for less by going through the application's users, which have indexes
/// for it, than by sorting the roster.
///
/// Where a share of the users is on the roster, `rows / share` of them are passed before a page is full. So a
/// page costs at most about the square root of `users × rows`, however long the roster is.
fn walks_users(tx: &Tx<'_>, application: i64, roster: i64, rows: i64) -> Result<bool, StoreError> {
    let users = users::total(tx, application, &users::UserFilter::default())?;
    Ok(roster.saturating_mul(roster) > users.saturating_mul(rows))
}

fn order_by(order: &[Sort], reverse: bool) -> String {
    let mut sql = String::with_capacity(64);
    for (n, step) in order.iter().enumerate() {
        let column = match step.key {
            SortKey::Id => "entry.user_id",
            SortKey::CreatedTime => "entry.created_time",
            SortKey::Name => "users.name",
            SortKey::DisplayName => "users.display_name",
        };
        let before = if n == 0 { " ORDER BY " } else { ", " };
        let direction = if step.descending == reverse { "" } else { " DESC" };
        // Writing to a String cannot fail.
        let _ = write!(sql, "{before}{column}{direction}");
    }
    sql
}

/// How many users are on a channel's roster; `None` if the application has no such channel.
pub fn total(tx: &Tx<'_>, application: i64, channel: i64, roster: Roster) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        concat!(
            "SELECT {0} - (SELECT count(*) FROM deleted_users CROSS JOIN {0} AS entry ",
            "WHERE deleted_users.application_id = $1 AND entry.application_id = $1 ",
            "AND entry.channel_id = channels.id AND entry.user_id = deleted_users.user_id) ",
            "FROM channels WHERE application_id = $1 AND id = $2",
            channel_stays!("channels.id")
        ),
        roster.name()
    );
    tx.query_opt(&sql, &[application.into(), channel.into()], |row| row.i64(0))
}

/// Whether a user is on a channel's roster.
pub fn contains(tx: &Tx<'_>, application: i64, channel: i64, user: i64, roster: Roster) -> Result<bool, StoreError> {
    let sql = format!("SELECT 1 FROM {} WHERE application_id = $1 AND channel_id = $2 AND user_id = $3", roster.name());
    Ok(tx.query_opt(&sql, &[application.into(), channel.into(), user.into()], |row| row.i64(0))?.is_some())
}

/// Makes a user a member of a channel, which uses up an invite. Who is a member already is
/// [`StoreError::Taken`].
pub fn add_member(tx: &Tx<'_>, application: i64, channel: i64, user: i64, now: i64) -> Result<(), StoreError> {
    let restricted = "SELECT restricted FROM channels WHERE application_id = $1 AND id = $2";
    let restricted = tx.query_opt(restricted, &[application.into(), channel.into()], |row| row.bool(0))?;
    insert(tx, application, channel, &[user], restricted.unwrap_or(false), now)?;
    count(tx, application, channel, Roster::Members, 1)?;
    delete(tx, application, channel, user, Roster::Invites)?;
    Ok(())
}

/// Makes a member of a channel its moderator. Who is a moderator already is [`StoreError::Taken`].
pub fn add_moderator(tx: &Tx<'_>, application: i64, channel: i64, user: i64, now: i64) -> Result<(), StoreError> {
    add(tx, application, channel, user, Roster::Moderators, now)
}

/// Invites a user to a channel, and gives the invite. Who is invited already is [`StoreError::Taken`].
pub fn invite(tx: &Tx<'_>, application: i64, channel: i64, user: i64, now: i64) -> Result<(), StoreError> {
    add(tx, application, channel, user, Roster::Invites, now)
}

/// Puts a user on a roster.
pub(super) fn add(
    tx: &Tx<'_>,
    application: i64,
    channel: i64,
    user: i64,
    roster: Roster,
    now: i64,
) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO {} (application_id, channel_id, user_id, created_time) VALUES ($1, $2, $3, $4)",
        roster.name()
    );
    tx.execute(&sql, &[application.into(), channel.into(), user.into(), now.into()])?;
    count(tx, application, channel, roster, 1)
}

/// Ends a membership, and moderation and the user's chat sessions in the channel with it, and says whether the user was
/// a member.
pub fn remove_member(tx: &Tx<'_>, application: i64, channel: i64, user: i64, now: i64) -> Result<bool, StoreError> {
    delete(tx, application, channel, user, Roster::Moderators)?;
    sessions::expel(tx, application, channel, user, now)?;
    let restricted = tx.query_opt(
        "SELECT restricted FROM members WHERE application_id = $1 AND channel_id = $2 AND user_id = $3",
        &[application.into(), channel.into(), user.into()],
        |row| row.bool(0),
    )?;
    if restricted == Some(true) {
        tx.execute(
            "UPDATE users SET restricted_channels = restricted_channels - 1 WHERE application_id = $1 AND id = $2",
            &[application.into(), user.into()],
        )?;
    }
    delete(tx, application, channel, user, Roster::Members)
}

/// Ends that a user moderates a channel, and says whether it did.
pub fn remove_moderator(tx: &Tx<'_>, application: i64, channel: i64, user: i64) -> Result<bool, StoreError> {
    delete(tx, application, channel, user, Roster::Moderators)
}

/// Takes a user off a roster, and says whether it was on it.
pub(super) fn delete(
    tx: &Tx<'_>,
    application: i64,
    channel: i64,
    user: i64,
    roster: Roster,
) -> Result<bool, StoreError> {
    let sql = format!("DELETE FROM {} WHERE application_id = $1 AND channel_id = $2 AND user_id = $3", roster.name());
    let deleted = tx.execute(&sql, &[application.into(), channel.into(), user.into()])? > 0;
    if deleted {
        count(tx, application, channel, roster, -1)?;
        if roster == Roster::Members {
            applications::count_members(tx, application, -1)?;
        }
    }
    Ok(deleted)
}

/// Changes the kept total of a roster by `change`.
fn count(tx: &Tx<'_>, application: i64, channel: i64, roster: Roster, change: i64) -> Result<(), StoreError> {
    let sql = format!("UPDATE channels SET {0} = {0} + $1 WHERE application_id = $2 AND id = $3", roster.name());
    tx.execute(&sql, &[change.into(), application.into(), channel.into()])?;
    Ok(())
}

/// Takes a user that is deleted off at most `limit` rosters, and says off how many. Its own totals go with it.
pub(super) fn forget_user(tx: &Tx<'_>, application: i64, user: i64, limit: i64) -> Result<i64, StoreError> {
    for roster in Roster::ALL.map(Roster::name) {
        let sql = format!("SELECT channel_id FROM {roster} WHERE application_id = $1 AND user_id = $2 LIMIT $3");
        let channels = tx.query(&sql, &[application.into(), user.into(), limit.into()], |row| row.i64(0))?;
        if channels.is_empty() {
            continue;
        }
        let mut params = vec![Param::Integer(application)];
        let list = id_list(2, &channels, &mut params);
        let sql = format!("UPDATE channels SET {roster} = {roster} - 1 WHERE application_id = $1 AND id IN ({list})");
        tx.execute(&sql, &params)?;
        let mut params = vec![Param::Integer(application), Param::Integer(user)];
        let list = id_list(3, &channels, &mut params);
        let sql = format!("DELETE FROM {roster} WHERE application_id = $1 AND user_id = $2 AND channel_id IN ({list})");
        tx.execute(&sql, &params)?;
        let count = channels.len() as i64;
        if roster == Roster::Members.name() {
            applications::count_members(tx, application, -count)?;
        }
        return Ok(count);
    }
    Ok(0)
}

/// Takes at most `limit` entries off the rosters of a channel that is deleted, and says how many. Their totals go with
/// the channel.
pub(super) fn forget_channel(tx: &Tx<'_>, application: i64, channel: i64, limit: i64) -> Result<i64, StoreError> {
    for roster in Roster::ALL {
        let sql =
            format!("SELECT user_id FROM {} WHERE application_id = $1 AND channel_id = $2 LIMIT $3", roster.name());
        let users = tx.query(&sql, &[application.into(), channel.into(), limit.into()], |row| row.i64(0))?;
        if users.is_empty() {
            continue;
        }
        let mut params = vec![Param::Integer(application), Param::Integer(channel)];
        let list = id_list(3, &users, &mut params);
        if roster == Roster::Members {
            let sql = "UPDATE users SET restricted_channels = restricted_channels - 1 WHERE application_id = $1 \
                       AND EXISTS (SELECT 1 FROM channels WHERE application_id = $1 AND id = $2 AND restricted = 1) \
                       AND id IN";
            tx.execute(&format!("{sql} ({list})"), &params)?;
            applications::count_members(tx, application, -(users.len() as i64))?;
        }
        let sql = format!(
            "DELETE FROM {} WHERE application_id = $1 AND channel_id = $2 AND user_id IN ({list})",
            roster.name()
        );
        tx.execute(&sql, &params)?;
        return Ok(users.len() as i64);
    }
    Ok(0)
}

/// Makes every one of `users` a member of a channel. The channel's own total is the caller's to set; the
/// totals of the users and of the application are kept here.
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
            "INSERT INTO members (application_id, channel_id, user_id, restricted, created_time, after_message) \
             VALUES ($1, $2, $3, $4, $5, coalesce(\
             (SELECT max(id) FROM messages WHERE application_id = $1 AND channel_id = $2), 0))",
            &[application.into(), channel.into(), (*user).into(), restricted.into(), now.into()],
        )?;
        if restricted {
            tx.execute(
                "UPDATE users SET restricted_channels = restricted_channels + 1 WHERE application_id = $1 AND id = $2",
                &[application.into(), (*user).into()],
            )?;
        }
    }
    applications::count_members(tx, application, i64::try_from(users.len()).unwrap_or(i64::MAX))
}
