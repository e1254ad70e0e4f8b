//! Notifications: what users were told of while they were elsewhere.
//!
//! They are no rows. A message is a notification for each member of its channel who had joined by then and was not there,
//! and one in a PUBLIC channel also for others whom it mentions. All that decides is durable with the message: the message
//! itself, its mentions, since when there are members ([`members`](super::members)), and who attended. So a message costs
//! the same in a channel of 10,000 members as in one of two; the reader of a page pays a step for each channel the user is
//! in and for each notification, and stays of the user in a channel are passed at once.

use super::leftovers::message_stays;
use super::merge::merge;
use super::page::id_list;
use super::{Param, StoreError, Tx};

/// What a user is told of.
enum Listing {
    /// Messages in a channel that the user joined behind a message.
    Channel { id: i64, joined: i64 },
    /// Mentions of that channel elsewhere.
    ChannelMentions { id: i64, joined: i64 },
    /// Mentions of the user where it is no member.
    UserMentions,
}

/// At most `limit` ids from `least` to `greatest` of the messages that a user was told of, the smallest or the greatest
/// first.
pub fn find(
    tx: &Tx<'_>,
    application: i64,
    user: i64,
    (least, greatest): (i64, i64),
    ascending: bool,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut listings = vec![Listing::UserMentions];
    let joined = "SELECT channel_id, after_message FROM members WHERE application_id = $1 AND user_id = $2";
    for (id, joined) in tx.query(joined, &[application.into(), user.into()], |row| Ok((row.i64(0)?, row.i64(1)?)))? {
        listings.extend([Listing::Channel { id, joined }, Listing::ChannelMentions { id, joined }]);
    }
    let of_user = mentions("user_id", ascending);
    let of_channel = mentions("channel_id", ascending);
    merge(listings.len(), (least, greatest), ascending, limit, |listing, (least, greatest)| match listings[listing] {
        Listing::Channel { id, joined } => {
            absent(tx, application, user, id, (least.max(joined + 1), greatest), ascending)
        }
        Listing::ChannelMentions { id, joined } => {
            let least = least.max(joined + 1);
            let params: [Param<'_>; 5] = [application.into(), id.into(), least.into(), greatest.into(), user.into()];
            tx.query_opt(&of_channel, &params, |row| row.i64(0))
        }
        Listing::UserMentions => {
            let params: [Param<'_>; 5] = [application.into(), user.into(), least.into(), greatest.into(), user.into()];
            tx.query_opt(&of_user, &params, |row| row.i64(0))
        }
    })
}

/// The first message of others in a channel during which the user was not there.
fn absent(
    tx: &Tx<'_>,
    application: i64,
    user: i64,
    channel: i64,
    (mut least, mut greatest): (i64, i64),
    ascending: bool,
) -> Result<Option<i64>, StoreError> {
    let sql = format!(
        concat!(
            "SELECT id FROM messages WHERE application_id = $1 AND channel_id = $2 AND id BETWEEN $3 AND $4 ",
            "AND (user_id IS NULL OR user_id <> $5)",
            message_stays!("messages"),
            " ORDER BY id {} LIMIT 1"
        ),
        if ascending { "ASC" } else { "DESC" }
    );
    loop {
        let params: [Param<'_>; 5] = [application.into(), channel.into(), least.into(), greatest.into(), user.into()];
        let Some(id) = tx.query_opt(&sql, &params, |row| row.i64(0))? else { return Ok(None) };
        // Stays do not overlap, so that the last one that began before is the only one that can go on.
        let stay = tx.query_opt(
            "SELECT after_message, coalesce(upto_message, 9223372036854775807) FROM attendances \
             WHERE application_id = $1 AND channel_id = $2 AND user_id = $3 AND after_message < $4 \
             ORDER BY after_message DESC LIMIT 1",
            &[application.into(), channel.into(), user.into(), id.into()],
            |row| Ok((row.i64(0)?, row.i64(1)?)),
        )?;
        match stay {
            Some((after, upto)) if upto >= id => {
                // On to what lies behind the stay.
                if ascending { least = upto.saturating_add(1) } else { greatest = after }
            }
            _ => return Ok(Some(id)),
        }
        if least > greatest || least == i64::MAX {
            return Ok(None);
        }
    }
}

/// The first mention by others, in a PUBLIC channel that the user is no member of, where `column` has a value.
fn mentions(column: &str, ascending: bool) -> String {
    format!(
        concat!(
            "SELECT mentions.message_id FROM mentions CROSS JOIN messages CROSS JOIN channels ",
            "WHERE mentions.application_id = $1 AND mentions.{column} = $2 AND mentions.message_id BETWEEN $3 AND $4 ",
            "AND messages.application_id = $1 AND messages.id = mentions.message_id ",
            "AND (messages.user_id IS NULL OR messages.user_id <> $5) ",
            "AND channels.application_id = $1 AND channels.id = messages.channel_id AND channels.restricted = 0 ",
            "AND NOT EXISTS (SELECT 1 FROM members WHERE members.application_id = $1 ",
            "AND members.channel_id = messages.channel_id AND members.user_id = $5)",
            message_stays!("messages"),
            " ORDER BY mentions.message_id {order} LIMIT 1"
        ),
        column = column,
        order = if ascending { "ASC" } else { "DESC" }
    )
}

/// Which of these channels a user is a member of.
pub fn joined(tx: &Tx<'_>, application: i64, user: i64, channels: &[i64]) -> Result<Vec<i64>, StoreError> {
    if channels.is_empty() {
        return Ok(Vec::new());
    }
    let mut params: Vec<Param<'_>> = vec![application.into(), user.into()];
    let list = id_list(3, channels, &mut params);
    let sql =
        format!("SELECT channel_id FROM members WHERE application_id = $1 AND user_id = $2 AND channel_id IN ({list})");
    tx.query(&sql, &params, |row| row.i64(0))
}

/// Notes that a user is in a channel from now on.
pub(super) fn arrive(tx: &Tx<'_>, application: i64, channel: i64, user: i64) -> Result<(), StoreError> {
    tx.execute(
        // Where the messages since an earlier stay began are deleted, that stay goes on.
        "INSERT INTO attendances (application_id, channel_id, user_id, after_message) VALUES ($1, $2, $3, coalesce(\
         (SELECT max(id) FROM messages WHERE application_id = $1 AND channel_id = $2), 0)) \
         ON CONFLICT (application_id, channel_id, user_id, after_message) DO UPDATE SET upto_message = NULL",
        &[application.into(), channel.into(), user.into()],
    )?;
    Ok(())
}

/// Notes that a user has left a channel. Of a stay in which nothing was sent there is nothing to say.
pub(super) fn depart(tx: &Tx<'_>, application: i64, channel: i64, user: i64) -> Result<(), StoreError> {
    for sql in [
        "UPDATE attendances SET upto_message = coalesce(\
         (SELECT max(id) FROM messages WHERE application_id = $1 AND channel_id = $2), 0) \
         WHERE application_id = $1 AND channel_id = $2 AND user_id = $3 AND upto_message IS NULL",
        "DELETE FROM attendances WHERE application_id = $1 AND channel_id = $2 AND user_id = $3 \
         AND upto_message <= after_message",
    ] {
        tx.execute(sql, &[application.into(), channel.into(), user.into()])?;
    }
    Ok(())
}
