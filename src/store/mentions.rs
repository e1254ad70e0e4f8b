//! Mentions: which users and channels a message names. A user keeps its mentions when its name changes.

use super::leftovers::{channel_stays, user_stays};
use super::page::id_list;
use super::{Param, Row, StoreError, Tx};

/// Who or what is mentioned, by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mentioned {
    /// A user.
    User(i64),
    /// A channel.
    Channel(i64),
}

/// A row of `mentions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MentionRow {
    /// The message that mentions.
    pub message_id: i64,
    /// Where the mention begins in the body, in UTF-16 code units.
    pub start_position: i64,
    /// Where it has ended.
    pub end_position: i64,
    /// Who or what is mentioned.
    pub mentioned: Mentioned,
}

fn read(row: &Row<'_>) -> Result<MentionRow, StoreError> {
    let mentioned = match (row.opt_i64(3)?, row.opt_i64(4)?) {
        (Some(user), _) => Mentioned::User(user),
        (None, Some(channel)) => Mentioned::Channel(channel),
        (None, None) => return Err(StoreError::Engine("a mention names neither a user nor a channel".into())),
    };
    Ok(MentionRow { message_id: row.i64(0)?, start_position: row.i64(1)?, end_position: row.i64(2)?, mentioned })
}

/// Records the mentions of a message that has just been written.
pub fn create(tx: &Tx<'_>, application: i64, mentions: &[MentionRow]) -> Result<(), StoreError> {
    for mention in mentions {
        let (user, channel) = match mention.mentioned {
            Mentioned::User(id) => (Some(id), None),
            Mentioned::Channel(id) => (None, Some(id)),
        };
        tx.execute(
            "INSERT INTO mentions (application_id, message_id, start_position, end_position, user_id, channel_id) \
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                application.into(),
                mention.message_id.into(),
                mention.start_position.into(),
                mention.end_position.into(),
                user.into(),
                channel.into(),
            ],
        )?;
    }
    Ok(())
}

/// The mentions in several messages at once, by message and then by position.
pub fn of_messages(tx: &Tx<'_>, application: i64, messages: &[i64]) -> Result<Vec<MentionRow>, StoreError> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, messages, &mut params);
    let sql = concat!(
        "SELECT message_id, start_position, end_position, user_id, channel_id FROM mentions WHERE application_id = $1",
        user_stays!("mentions.user_id"),
        channel_stays!("mentions.channel_id"),
        " AND message_id IN"
    );
    tx.query(&format!("{sql} ({list}) ORDER BY message_id, start_position"), &params, read)
}

/// Forgets the mentions of a message whose text changes.
pub fn delete_of_message(tx: &Tx<'_>, application: i64, message: i64) -> Result<(), StoreError> {
    let sql = "DELETE FROM mentions WHERE application_id = $1 AND message_id = $2";
    tx.execute(sql, &[application.into(), message.into()])?;
    Ok(())
}
