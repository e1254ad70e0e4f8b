//! Sessions: when users were connected (user sessions), and when they were in channels meanwhile (chat sessions).
//!
//! The server that holds a connection starts its user session under its own name, the node, and says every now and then
//! with [`renew`] that it is still there. A server that has died says nothing: [`end_stale`] ends what it left behind.

use super::leftovers::{channel_stays, user_stays};
use super::members::{self, Roster};
use super::page::{Slice, id_list, order_by, total_order};
use super::tx::words;
use super::users::{self, UserRow};
use super::{Param, Row, Sort, StoreError, Tx, channels, notifications};

/// How long a session is believed to be active since its node was last heard of, in milliseconds. A node should say so
/// three times as often.
pub const LEASE: i64 = 60_000;

words! {
    /// Whether a session goes on.
    SessionState {
        /// It does.
        Active = "ACTIVE",
        /// It is over.
        Ended = "ENDED",
    }
}

/// A row of `user_sessions`, with its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSessionRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// Who is or was connected.
    pub user: UserRow,
    /// The program at the other end, as it calls itself.
    pub user_agent: Option<String>,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// When it ended; nothing while it is active.
    pub end_time: Option<i64>,
}

/// A row of `chat_sessions`, with the user session it is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatSessionRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// The channel.
    pub channel_id: i64,
    /// The connection.
    pub session: UserSessionRow,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// When it ended; nothing while it is active.
    pub end_time: Option<i64>,
}

/// Starts a user session and gives its id; nothing if there is no such user.
pub fn start(
    tx: &Tx<'_>,
    application: i64,
    user: i64,
    node: &str,
    user_agent: Option<&str>,
    now: i64,
) -> Result<Option<i64>, StoreError> {
    if users::get(tx, application, user)?.is_none() {
        return Ok(None);
    }
    let id = tx.insert(
        "INSERT INTO user_sessions (application_id, user_id, user_agent, node, seen_time, created_time) \
         VALUES ($1, $2, $3, $4, $5, $5)",
        &[application.into(), user.into(), user_agent.into(), node.into(), now.into()],
    )?;
    tx.execute(
        "UPDATE applications SET user_sessions = user_sessions + 1, active_user_sessions = active_user_sessions + 1 \
         WHERE id = $1",
        &[application.into()],
    )?;
    tx.execute(
        "UPDATE users SET sessions = sessions + 1 WHERE application_id = $1 AND id = $2",
        &[application.into(), user.into()],
    )?;
    Ok(Some(id))
}

/// Ends a user session with its chat sessions, and gives the id of its user; nothing if it was not active.
pub fn end(tx: &Tx<'_>, application: i64, id: i64, now: i64) -> Result<Option<i64>, StoreError> {
    let user = tx.query_opt(
        "SELECT user_id FROM user_sessions WHERE application_id = $1 AND id = $2 AND end_time IS NULL",
        &[application.into(), id.into()],
        |row| row.i64(0),
    )?;
    let Some(user) = user else { return Ok(None) };
    let entered = tx.query(
        "SELECT id FROM chat_sessions WHERE application_id = $1 AND user_session_id = $2 AND end_time IS NULL",
        &[application.into(), id.into()],
        |row| row.i64(0),
    )?;
    for chat_session in entered {
        leave(tx, application, chat_session, now)?;
    }
    tx.execute(
        "UPDATE user_sessions SET end_time = $1 WHERE application_id = $2 AND id = $3",
        &[now.into(), application.into(), id.into()],
    )?;
    tx.execute(
        "UPDATE applications SET active_user_sessions = active_user_sessions - 1 WHERE id = $1",
        &[application.into()],
    )?;
    tx.execute(
        "UPDATE users SET sessions = sessions - 1 WHERE application_id = $1 AND id = $2",
        &[application.into(), user.into()],
    )?;
    Ok(Some(user))
}

/// Starts a chat session in an active user session and gives its id, or that of the one which is active already.
/// Nothing if the user session is over, or if its user cannot be in the channel: OPEN ones take anybody, the others
/// their members.
pub fn enter(
    tx: &Tx<'_>,
    application: i64,
    user_session: i64,
    channel: i64,
    now: i64,
) -> Result<Option<i64>, StoreError> {
    let user = tx.query_opt(
        concat!(
            "SELECT user_id FROM user_sessions WHERE application_id = $1 AND id = $2 AND end_time IS NULL",
            user_stays!("user_sessions.user_id")
        ),
        &[application.into(), user_session.into()],
        |row| row.i64(0),
    )?;
    let (Some(user), Some(row)) = (user, channels::get(tx, application, channel)?) else { return Ok(None) };
    if row.kind != channels::ChannelType::Open && !members::contains(tx, application, channel, user, Roster::Members)? {
        return Ok(None);
    }
    let active = tx.query_opt(
        "SELECT id FROM chat_sessions WHERE application_id = $1 AND channel_id = $2 AND user_id = $3 \
         AND user_session_id = $4 AND end_time IS NULL",
        &[application.into(), channel.into(), user.into(), user_session.into()],
        |row| row.i64(0),
    )?;
    if active.is_some() {
        return Ok(active);
    }
    let id = tx.insert(
        "INSERT INTO chat_sessions (application_id, user_session_id, channel_id, user_id, created_time) \
         VALUES ($1, $2, $3, $4, $5)",
        &[application.into(), user_session.into(), channel.into(), user.into(), now.into()],
    )?;
    tx.execute(
        "UPDATE applications SET chat_sessions = chat_sessions + 1, active_chat_sessions = active_chat_sessions + 1 \
         WHERE id = $1",
        &[application.into()],
    )?;
    if !members::contains(tx, application, channel, user, Roster::Participants)? {
        members::add(tx, application, channel, user, Roster::Participants, now)?;
        notifications::arrive(tx, application, channel, user)?;
    }
    Ok(Some(id))
}

/// Ends a chat session, and says whether it was active.
pub fn leave(tx: &Tx<'_>, application: i64, id: i64, now: i64) -> Result<bool, StoreError> {
    let active = tx.query_opt(
        "SELECT channel_id, user_id FROM chat_sessions WHERE application_id = $1 AND id = $2 AND end_time IS NULL",
        &[application.into(), id.into()],
        |row| Ok((row.i64(0)?, row.i64(1)?)),
    )?;
    let Some((channel, user)) = active else { return Ok(false) };
    tx.execute(
        "UPDATE chat_sessions SET end_time = $1 WHERE application_id = $2 AND id = $3",
        &[now.into(), application.into(), id.into()],
    )?;
    tx.execute(
        "UPDATE applications SET active_chat_sessions = active_chat_sessions - 1 WHERE id = $1",
        &[application.into()],
    )?;
    let others = tx.query_opt(
        "SELECT 1 FROM chat_sessions WHERE application_id = $1 AND channel_id = $2 AND user_id = $3 \
         AND end_time IS NULL LIMIT 1",
        &[application.into(), channel.into(), user.into()],
        |row| row.i64(0),
    )?;
    if others.is_none() {
        members::delete(tx, application, channel, user, Roster::Participants)?;
        notifications::depart(tx, application, channel, user)?;
    }
    Ok(true)
}

/// Ends the chat sessions of a user in a channel that it may no longer be in.
pub(super) fn expel(tx: &Tx<'_>, application: i64, channel: i64, user: i64, now: i64) -> Result<(), StoreError> {
    let active = tx.query(
        "SELECT id FROM chat_sessions WHERE application_id = $1 AND channel_id = $2 AND user_id = $3 \
         AND end_time IS NULL",
        &[application.into(), channel.into(), user.into()],
        |row| row.i64(0),
    )?;
    for id in active {
        leave(tx, application, id, now)?;
    }
    Ok(())
}

/// Says that a node is there, and its active sessions with it.
pub fn renew(tx: &Tx<'_>, node: &str, now: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE user_sessions SET seen_time = $1 WHERE node = $2 AND end_time IS NULL",
        &[now.into(), node.into()],
    )?;
    Ok(())
}

/// Ends the sessions of nodes that have not been heard of for a [`LEASE`], in all applications. Gives the application and
/// the user of each.
pub fn end_stale(tx: &Tx<'_>, now: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let stale = tx.query(
        "SELECT application_id, id FROM user_sessions WHERE end_time IS NULL AND seen_time < $1",
        &[(now - LEASE).into()],
        |row| Ok((row.i64(0)?, row.i64(1)?)),
    )?;
    end_all(tx, stale, now)
}

/// Ends the sessions of a node, in all applications. Gives the application and the user of each.
pub fn end_of_node(tx: &Tx<'_>, node: &str, now: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let own = tx.query(
        "SELECT application_id, id FROM user_sessions WHERE node = $1 AND end_time IS NULL",
        &[node.into()],
        |row| Ok((row.i64(0)?, row.i64(1)?)),
    )?;
    end_all(tx, own, now)
}

fn end_all(tx: &Tx<'_>, sessions: Vec<(i64, i64)>, now: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let mut users = Vec::new();
    for (application, id) in sessions {
        users.extend(end(tx, application, id, now)?.map(|user| (application, user)));
    }
    users.sort_unstable();
    users.dedup();
    Ok(users)
}

macro_rules! columns {
    () => {
        "user_sessions.id, user_sessions.user_agent, user_sessions.created_time, user_sessions.end_time"
    };
}

/// Reads a user's columns, and those of its session behind them.
fn read(row: &Row<'_>) -> Result<UserSessionRow, StoreError> {
    let first = users::COLUMNS;
    Ok(UserSessionRow {
        user: users::read(row)?,
        id: row.i64(first)?,
        user_agent: row.opt_text(first + 1)?,
        created_time: row.i64(first + 2)?,
        end_time: row.opt_i64(first + 3)?,
    })
}

/// The user sessions `offset..offset + limit` in one state or in any, in the order that `sort` makes.
pub fn user_page(
    tx: &Tx<'_>,
    application: i64,
    state: Option<SessionState>,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<UserSessionRow>, StoreError> {
    let slice = Slice::new(offset, limit, || user_total(tx, application, state))?;
    let sql = format!(
        concat!(
            "SELECT ",
            users::columns!(),
            ", ",
            columns!(),
            " FROM user_sessions CROSS JOIN users WHERE user_sessions.application_id = $1{}",
            user_stays!("user_sessions.user_id"),
            " AND users.application_id = $1 AND users.id = user_sessions.user_id{} LIMIT $2 OFFSET $3"
        ),
        in_state("user_sessions", state),
        order_by("user_sessions", &total_order(sort), slice.reverse),
    );
    let params: [Param<'_>; 3] = [application.into(), slice.limit.into(), slice.offset.into()];
    Ok(slice.arrange(tx.query(&sql, &params, read)?))
}

/// The chat sessions `offset..offset + limit` in one state or in any, in the order that `sort` makes.
pub fn chat_page(
    tx: &Tx<'_>,
    application: i64,
    state: Option<SessionState>,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<ChatSessionRow>, StoreError> {
    let slice = Slice::new(offset, limit, || chat_total(tx, application, state))?;
    let sql = format!(
        concat!(
            "SELECT ",
            users::columns!(),
            ", ",
            columns!(),
            ", chat_sessions.id, chat_sessions.channel_id, chat_sessions.created_time, chat_sessions.end_time ",
            "FROM chat_sessions CROSS JOIN user_sessions CROSS JOIN users WHERE chat_sessions.application_id = $1{}",
            user_stays!("chat_sessions.user_id"),
            channel_stays!("chat_sessions.channel_id"),
            " AND user_sessions.application_id = $1 AND user_sessions.id = chat_sessions.user_session_id ",
            "AND users.application_id = $1 AND users.id = user_sessions.user_id{} LIMIT $2 OFFSET $3"
        ),
        in_state("chat_sessions", state),
        order_by("chat_sessions", &total_order(sort), slice.reverse),
    );
    let params: [Param<'_>; 3] = [application.into(), slice.limit.into(), slice.offset.into()];
    let first = users::COLUMNS + 4;
    let rows = tx.query(&sql, &params, |row| {
        Ok(ChatSessionRow {
            session: read(row)?,
            id: row.i64(first)?,
            channel_id: row.i64(first + 1)?,
            created_time: row.i64(first + 2)?,
            end_time: row.opt_i64(first + 3)?,
        })
    })?;
    Ok(slice.arrange(rows))
}

fn in_state(table: &str, state: Option<SessionState>) -> String {
    match state {
        Some(SessionState::Active) => format!(" AND {table}.end_time IS NULL"),
        Some(SessionState::Ended) => format!(" AND {table}.end_time IS NOT NULL"),
        None => String::new(),
    }
}

/// How many user sessions there are in one state or in any.
pub fn user_total(tx: &Tx<'_>, application: i64, state: Option<SessionState>) -> Result<i64, StoreError> {
    let kept = match state {
        None => "user_sessions",
        Some(SessionState::Active) => "active_user_sessions",
        Some(SessionState::Ended) => "user_sessions - active_user_sessions",
    };
    let sql = format!(
        "SELECT {kept} - (SELECT count(*) FROM deleted_users CROSS JOIN user_sessions AS gone \
         WHERE deleted_users.application_id = $1 AND gone.application_id = $1 \
         AND gone.user_id = deleted_users.user_id{}) FROM applications WHERE id = $1",
        in_state("gone", state)
    );
    Ok(tx.query_opt(&sql, &[application.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// How many chat sessions there are in one state or in any.
pub fn chat_total(tx: &Tx<'_>, application: i64, state: Option<SessionState>) -> Result<i64, StoreError> {
    let kept = match state {
        None => "chat_sessions",
        Some(SessionState::Active) => "active_chat_sessions",
        Some(SessionState::Ended) => "chat_sessions - active_chat_sessions",
    };
    // Those of a deleted user in a deleted channel are taken off once.
    let sql = format!(
        concat!(
            "SELECT {0} - (SELECT count(*) FROM deleted_channels CROSS JOIN chat_sessions AS gone ",
            "WHERE deleted_channels.application_id = $1 AND gone.application_id = $1 ",
            "AND gone.channel_id = deleted_channels.channel_id{1}) ",
            "- (SELECT count(*) FROM deleted_users CROSS JOIN user_sessions AS session CROSS JOIN chat_sessions AS gone ",
            "WHERE deleted_users.application_id = $1 AND session.application_id = $1 ",
            "AND session.user_id = deleted_users.user_id AND gone.application_id = $1 ",
            "AND gone.user_session_id = session.id{1}",
            channel_stays!("gone.channel_id"),
            ") FROM applications WHERE id = $1"
        ),
        kept,
        in_state("gone", state)
    );
    Ok(tx.query_opt(&sql, &[application.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// Deletes at most `limit` chat sessions of a channel that is deleted, and says how many.
pub(super) fn forget_channel(tx: &Tx<'_>, application: i64, channel: i64, limit: i64) -> Result<i64, StoreError> {
    let found = tx.query(
        "SELECT id, end_time FROM chat_sessions WHERE application_id = $1 AND channel_id = $2 LIMIT $3",
        &[application.into(), channel.into(), limit.into()],
        |row| Ok((row.i64(0)?, row.opt_i64(1)?)),
    )?;
    delete(tx, application, "chat_sessions", &found)
}

/// Deletes at most `limit` sessions of a user that is deleted, chat sessions first, and says how many.
pub(super) fn forget_user(tx: &Tx<'_>, application: i64, user: i64, limit: i64) -> Result<i64, StoreError> {
    let params: [Param<'_>; 3] = [application.into(), user.into(), limit.into()];
    let read = |row: &Row<'_>| Ok((row.i64(0)?, row.opt_i64(1)?));
    let found = tx.query(
        "SELECT chat_sessions.id, chat_sessions.end_time FROM user_sessions CROSS JOIN chat_sessions \
         WHERE user_sessions.application_id = $1 AND user_sessions.user_id = $2 \
         AND chat_sessions.application_id = $1 AND chat_sessions.user_session_id = user_sessions.id LIMIT $3",
        &params,
        read,
    )?;
    if !found.is_empty() {
        return delete(tx, application, "chat_sessions", &found);
    }
    let sql = "SELECT id, end_time FROM user_sessions WHERE application_id = $1 AND user_id = $2 LIMIT $3";
    delete(tx, application, "user_sessions", &tx.query(sql, &params, read)?)
}

/// Deletes sessions, each given with the time of its end, and says how many. The table's name is also that of the total.
fn delete(tx: &Tx<'_>, application: i64, table: &str, found: &[(i64, Option<i64>)]) -> Result<i64, StoreError> {
    if found.is_empty() {
        return Ok(0);
    }
    let count = found.len() as i64;
    let active = found.iter().filter(|(_, end)| end.is_none()).count() as i64;
    tx.execute(
        &format!("UPDATE applications SET {table} = {table} - $1, active_{table} = active_{table} - $2 WHERE id = $3"),
        &[count.into(), active.into(), application.into()],
    )?;
    let ids: Vec<i64> = found.iter().map(|(id, _)| *id).collect();
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, &ids, &mut params);
    tx.execute(&format!("DELETE FROM {table} WHERE application_id = $1 AND id IN ({list})"), &params)?;
    Ok(count)
}
