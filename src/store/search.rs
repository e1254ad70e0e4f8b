//! What messages say, and which of them say it. Engines differ most here: this file and the migrations know how one does
//! it, and the rest of the store asks which messages match.

use super::leftovers::message_stays;
use super::messages::{MessageRow, Scope};
use super::page::id_list;
use super::{Param, StoreError, Tx};
use std::fmt::Write as _;

/// Which messages of a listing are wanted. Everything left out matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Those of one user.
    pub user: Option<i64>,
    /// Those in whose text, or whose file's name, every one of these words stands.
    pub text: Option<String>,
}

impl MessageFilter {
    /// Whether it matches all messages.
    pub fn is_empty(&self) -> bool {
        self.user.is_none() && self.text.is_none()
    }
}

/// Enters a message that has been written. One that has been changed is taken out before.
///
/// The index takes its entries together at the end of a transaction: on their own, each would cost a message many times
/// what the rest of it costs.
pub(super) fn enter(tx: &Tx<'_>, message: &MessageRow) {
    let MessageRow { id, application_id, channel_id, .. } = *message;
    let mut place = format!("a{application_id} c{channel_id}");
    if let Some(user) = message.user_id {
        let _ = write!(place, " u{user}");
    }
    let text = message.body.clone().or_else(|| message.file.as_deref().and_then(file_name)).unwrap_or_default();
    tx.before_commit(move |tx| {
        tx.execute(
            "INSERT INTO message_search (rowid, place, text) VALUES ($1, $2, $3)",
            &[id.into(), (&place).into(), (&text).into()],
        )?;
        Ok(())
    });
}

fn file_name(file: &str) -> Option<String> {
    let file: serde_json::Value = serde_json::from_str(file).ok()?;
    file["name"].as_str().map(str::to_owned)
}

/// Takes out messages that are deleted.
pub(super) fn remove(tx: &Tx<'_>, ids: Vec<i64>) {
    // In order with the entries that may have been made in the same transaction.
    tx.before_commit(move |tx| {
        for chunk in ids.chunks(512) {
            let mut params: Vec<Param<'_>> = Vec::new();
            let list = id_list(1, chunk, &mut params);
            tx.execute(&format!("DELETE FROM message_search WHERE rowid IN ({list})"), &params)?;
        }
        Ok(())
    });
}

/// The ids of at most `limit` messages that match, from `least` to `greatest`, the smallest or the greatest first.
pub(super) fn find(
    tx: &Tx<'_>,
    application: i64,
    scope: Scope,
    filter: &MessageFilter,
    (least, greatest): (i64, i64),
    ascending: bool,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let Some(question) = question(application, scope, filter) else { return Ok(Vec::new()) };
    let sql = format!(
        concat!(
            "SELECT rowid FROM message_search WHERE (NOT EXISTS (SELECT 1 FROM deleted_users WHERE application_id = $1) ",
            "AND NOT EXISTS (SELECT 1 FROM deleted_channels WHERE application_id = $1) ",
            "OR EXISTS (SELECT 1 FROM messages WHERE messages.application_id = $1 ",
            "AND messages.id = message_search.rowid",
            message_stays!("messages"),
            ")) AND message_search MATCH $2 AND rowid BETWEEN $3 AND $4 ORDER BY rowid{} LIMIT $5"
        ),
        if ascending { "" } else { " DESC" }
    );
    let params: [Param<'_>; 5] = [application.into(), (&question).into(), least.into(), greatest.into(), limit.into()];
    tx.query(&sql, &params, |row| row.i64(0))
}

/// The filter in the words of the engine; none if nothing can match.
fn question(application: i64, scope: Scope, filter: &MessageFilter) -> Option<String> {
    let mut question = match (scope, filter.user) {
        // A channel and a user are of one application, and an id names one of each in the database.
        (Scope::Channel(id), _) => format!("place : \"c{id}\""),
        (_, None) => format!("place : \"a{application}\""),
        (_, Some(_)) => String::new(),
    };
    let mut and = |condition: String| {
        let _ = write!(question, "{}{condition}", if question.is_empty() { "" } else { " AND " });
    };
    if let Some(user) = filter.user {
        and(format!("place : \"u{user}\""));
    }
    if let Some(text) = &filter.text {
        let mut words = 0;
        for word in text.split_whitespace() {
            let (word, rest) = word.strip_suffix('*').map_or((word, ""), |word| (word, " *"));
            // What has neither letters nor digits is not in the index.
            if word.chars().any(char::is_alphanumeric) {
                // In quotes nothing is an operator.
                and(format!("text : \"{}\"{rest}", word.replace('"', "\"\"")));
                words += 1;
            }
        }
        if words == 0 {
            return None;
        }
    }
    Some(question)
}
