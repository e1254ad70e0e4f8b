//! What happened, kept in order for the live stream.
//!
//! An event is recorded in the transaction that makes it happen, so that neither can be without the other:
//!
//! ```ignore
//! let urls = Urls::recorded(application);
//! store.write(move |tx| {
//!     let row = users::create(tx, application, user, now)?;
//!     let resource = represent(row.clone(), &urls);
//!     events::record(tx, application, Event { kind: EventType::UserCreated, channel: None, resource: &resource }, now)?;
//!     Ok(row)
//! })
//! ```
//!
//! - The resource is what the API answers, represented with `Urls::recorded`: every reader gets the links of the address
//!   at which it reaches the server. The resource of a deletion is [`Deleted`].
//! - `channel` is given for all that happens in a channel, so that readers can ask for that channel alone.
//! - What is broadcast and not stored (messages in OPEN channels, keystrokes, custom events) is recorded all the same: it
//!   is delivered, and a reader who was away for a moment finds it, but no row remains when the event is trimmed.
//! - What goes along with something larger (the messages of a deleted channel) has no event of its own.
//!
//! Ids count up from 1 in each application, without a gap and in the order of the commits. On an engine with several
//! writers the primary key refuses the second of two equal ids, and its transaction is run again; a reader that
//! publishes to other nodes takes everything above the last id it has published.

use super::tx::words;
use super::{Row, StoreError, Tx};
use parking_lot::Mutex;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::LazyLock;
use tokio::sync::watch;

/// How many events of an application are kept at least.
pub const KEPT: i64 = 10_000;

/// Events are trimmed this many at a time, at every such id: one transaction does the work of that many.
const TRIMMED: i64 = 128;

words! {
    /// What happened.
    EventType {
        /// A user was created.
        UserCreated = "USER_CREATED",
        /// A user was changed.
        UserUpdated = "USER_UPDATED",
        /// A user was deleted, with all that was its own.
        UserDeleted = "USER_DELETED",
        /// A channel was created, with its first members.
        ChannelCreated = "CHANNEL_CREATED",
        /// A channel was changed.
        ChannelUpdated = "CHANNEL_UPDATED",
        /// A channel was deleted, with all that was in it.
        ChannelDeleted = "CHANNEL_DELETED",
        /// A user became a member of a channel; the resource is the user.
        MemberCreated = "MEMBER_CREATED",
        /// A member became a moderator of its channel or ceased to be one; the resource is the user.
        MemberUpdated = "MEMBER_UPDATED",
        /// A user is no longer a member of a channel; deleted is the user's id.
        MemberDeleted = "MEMBER_DELETED",
        /// A message was sent, be it kept or not.
        MessageCreated = "MESSAGE_CREATED",
        /// A message was changed.
        MessageUpdated = "MESSAGE_UPDATED",
        /// A message was deleted, with the replies to it.
        MessageDeleted = "MESSAGE_DELETED",
        /// All messages that were sent before are deleted; the resource is the application.
        MessagesDeleted = "MESSAGES_DELETED",
        /// Somebody is typing in a channel or in a thread of it.
        KeystrokesSent = "KEYSTROKES_SENT",
        /// A custom event was sent in a channel.
        ChannelEventSent = "CHANNEL_EVENT_SENT",
    }
}

/// What is recorded of something that happens.
#[derive(Debug)]
pub struct Event<'r, R> {
    /// What happens.
    pub kind: EventType,
    /// The channel it happens in.
    pub channel: Option<i64>,
    /// What it happens to, as the API represents it with the links of [`placeholder`].
    pub resource: &'r R,
}

/// What is left to tell of something that is gone.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Deleted {
    /// The id it had.
    pub id: i64,
}

/// A row of `events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Counts up by one in its application.
    pub id: i64,
    /// What happened.
    pub kind: EventType,
    /// The channel it happened in.
    pub channel_id: Option<i64>,
    /// The resource, with the addresses of this server left open: see [`EventRow::resource`].
    payload: String,
    /// Milliseconds since the epoch.
    pub created_time: i64,
}

/// Where an address of this server begins in a payload. No text that a client sends can look like it: a slash is
/// never escaped when JSON is written here, and a backslash before one comes out as two.
const OPEN_ADDRESS: &str = r#""\/"#;

impl EventRow {
    /// The resource as JSON, with the addresses of a server at `origin`.
    pub fn resource(&self, origin: &str) -> String {
        self.payload.replace(OPEN_ADDRESS, &format!("\"{origin}/"))
    }
}

/// The origin that stands in a resource before it is recorded. It is made up at every start, so that no text of a
/// client can contain it.
pub fn placeholder() -> &'static str {
    static PLACEHOLDER: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().simple().to_string());
    &PLACEHOLDER
}

/// Records an event and returns its id. Readers are woken when the transaction is durable.
pub fn record<R: Serialize>(tx: &Tx<'_>, application: i64, event: Event<'_, R>, now: i64) -> Result<i64, StoreError> {
    static ADDRESS: LazyLock<String> = LazyLock::new(|| format!("\"{}/", placeholder()));
    let resource = serde_json::to_string(event.resource)
        .map_err(|error| StoreError::Engine(format!("an event cannot be written as JSON: {error}")))?;
    let id = latest(tx, application)? + 1;
    tx.execute(
        "INSERT INTO events (application_id, id, type, channel_id, payload, created_time) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            application.into(),
            id.into(),
            event.kind.into(),
            event.channel.into(),
            (&resource.replace(ADDRESS.as_str(), OPEN_ADDRESS)).into(),
            now.into(),
        ],
    )?;
    if id % TRIMMED == 0 && id > KEPT {
        tx.execute(
            "DELETE FROM events WHERE application_id = $1 AND id <= $2",
            &[application.into(), (id - KEPT).into()],
        )?;
    }
    tx.note_event(application);
    Ok(id)
}

/// The id of the latest event; 0 before the first.
pub fn latest(tx: &Tx<'_>, application: i64) -> Result<i64, StoreError> {
    let latest = tx.query_opt(
        "SELECT id FROM events WHERE application_id = $1 ORDER BY id DESC LIMIT 1",
        &[application.into()],
        |row| row.i64(0),
    )?;
    Ok(latest.unwrap_or(0))
}

/// At most `limit` events after the one with this id, in order. If the first of them is not the next id, those between
/// are no longer kept.
pub fn after(tx: &Tx<'_>, application: i64, id: i64, limit: i64) -> Result<Vec<EventRow>, StoreError> {
    tx.query(
        "SELECT id, type, channel_id, payload, created_time FROM events WHERE application_id = $1 AND id > $2 \
         ORDER BY id LIMIT $3",
        &[application.into(), id.into(), limit.into()],
        |row: &Row<'_>| {
            Ok(EventRow {
                id: row.i64(0)?,
                kind: row.word(1)?,
                channel_id: row.opt_i64(2)?,
                payload: row.text(3)?,
                created_time: row.i64(4)?,
            })
        },
    )
}

/// Those who want to know of an application's events, in this process.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    by_application: Mutex<HashMap<i64, watch::Sender<()>>>,
}

impl Watchers {
    /// A receiver that changes after every commit with events of the application.
    pub(super) fn watch(&self, application: i64) -> watch::Receiver<()> {
        let mut watched = self.by_application.lock();
        // Those whose receivers are gone leave when the next comes, as telling them costs next to nothing.
        watched.retain(|_, sender| sender.receiver_count() > 0);
        watched.entry(application).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// Tells the watchers of these applications.
    pub(super) fn wake(&self, applications: &[i64]) {
        if applications.is_empty() {
            return;
        }
        let watched = self.by_application.lock();
        for application in applications {
            if let Some(sender) = watched.get(application) {
                sender.send_replace(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, applications};
    use serde_json::{Value, json};

    async fn store() -> (Store, i64) {
        let store = Store::open("sqlite::memory:").expect("a database in memory");
        let application = store.write(|tx| Ok(applications::create(tx, "test", "key", 0)?.id)).await.expect("written");
        (store, application)
    }

    fn note(tx: &Tx<'_>, application: i64, resource: &Value) -> Result<i64, StoreError> {
        record(tx, application, Event { kind: EventType::UserCreated, channel: None, resource }, 0)
    }

    #[tokio::test]
    async fn the_latest_are_kept_without_a_gap() {
        let (store, application) = store().await;
        let last = KEPT + 3 * TRIMMED + 5;
        let kept = store.write(move |tx| {
            for n in 1..=last {
                assert_eq!(note(tx, application, &json!(n))?, n);
            }
            after(tx, application, 0, i64::MAX)
        });
        let kept: Vec<i64> = kept.await.expect("written").iter().map(|row| row.id).collect();
        let first = last - i64::try_from(kept.len()).expect("a count") + 1;
        assert_eq!(kept, (first..=last).collect::<Vec<_>>());
        assert!((KEPT..KEPT + TRIMMED + 1).contains(&(last - first + 1)), "{} are kept", kept.len());
    }

    #[tokio::test]
    async fn an_event_of_a_transaction_that_fails_never_was() {
        let (store, application) = store().await;
        let mut woken = store.watch_events(application);
        let failed = store.write(move |tx| {
            note(tx, application, &json!("undone"))?;
            Err::<(), _>(StoreError::Busy)
        });
        assert_eq!(failed.await, Err(StoreError::Busy));
        assert_eq!(store.write(move |tx| note(tx, application, &json!("kept"))).await, Ok(1));
        woken.changed().await.expect("the store is open");
    }

    #[tokio::test]
    async fn only_addresses_of_the_server_are_completed() {
        let (store, application) = store().await;
        let ours = format!("{}/v1/users/1", placeholder());
        let texts = json!({"href": ours, "/v1": "/v1", "x": "\\/v1", "y": "\"\\/v1", "z": "\"/v1", "\\/": ["\\/"]});
        let mut expected = texts.clone();
        expected["href"] = json!("http://here/v1/users/1");
        let rows = store.write(move |tx| {
            note(tx, application, &texts)?;
            after(tx, application, 0, 1)
        });
        let resource = rows.await.expect("written")[0].resource("http://here");
        assert_eq!(serde_json::from_str::<Value>(&resource).expect("JSON"), expected);
    }
}
