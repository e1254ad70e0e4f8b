//! From the events of the store to the open streams.
//!
//! Writers do not know of streams: they record events, and the commit wakes a task that each application with readers
//! has. It reads what is new once, writes it down once for all readers who see the same, and puts it into the mailboxes
//! of the readers. A mailbox holds so much and no more; who does not empty it is dropped from the task's list, so that
//! neither writers nor other readers ever wait for anybody. Nothing is lost by that: the store keeps the events, and the
//! reader resumes.
//!
//! What another process writes to the same database wakes nobody here, and is found at the next tick.

mod frame;
mod mailbox;
mod subscription;

pub use self::frame::{Reason, View};
pub use self::subscription::Subscription;

use self::mailbox::Mailbox;
use crate::auth::Authority;
use crate::presence::Presence;
use crate::store::events::{self, EventRow};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Events that are read from the store at once.
const PAGE: i64 = 256;
/// How often tokens are checked and the store is looked at without being told to.
const TICK: Duration = Duration::from_secs(1);
/// How long a stream is silent at most, so that nothing in between takes its connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// All open streams of this process.
pub struct Broadcast {
    store: Store,
    authority: Arc<Authority>,
    /// The sessions of the users on whose behalf streams are open.
    pub presence: Presence,
    /// Streams that one application may have open.
    limit: usize,
    topics: Mutex<HashMap<i64, Arc<Topic>>>,
    open: Mutex<HashMap<i64, usize>>,
    stopping: AtomicBool,
}

/// The readers of one application's events.
#[derive(Default)]
struct Topic {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The id of the latest event that has been put into the mailboxes.
    delivered: i64,
    readers: Vec<Reader>,
}

/// A reader that has seen all that was, and waits for what will be.
struct Reader {
    view: Arc<View>,
    mailbox: Arc<Mailbox>,
    /// The hash of its token.
    token: [u8; 32],
    /// The id of the last event it has seen, where that is ahead of what was delivered.
    after: i64,
}

impl Broadcast {
    /// No streams yet; an application may have `limit` of them.
    pub fn new(store: Store, authority: Arc<Authority>, presence: Presence, limit: usize) -> Arc<Self> {
        let (topics, open) = (Mutex::default(), Mutex::default());
        Arc::new(Broadcast { store, authority, presence, limit, topics, open, stopping: AtomicBool::new(false) })
    }

    /// Ends every stream, and opens none from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for topic in self.topics.lock().values() {
            topic.end(Reason::ServerStopping, |_| true);
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Lets a reader that has seen all up to `after` wait for more; `false` if more has come already, or never will.
    fn join(self: &Arc<Self>, application: i64, reader: Reader) -> bool {
        let mut topics = self.topics.lock();
        // Looked at under the lock, so that whoever joins is among those whom a stop ends.
        if self.is_stopping() {
            return false;
        }
        let new = !topics.contains_key(&application);
        let topic = Arc::clone(topics.entry(application).or_default());
        let mut state = topic.state.lock();
        if new {
            state.delivered = reader.after;
            // Made before the task, so that no commit from here on is missed.
            let changed = self.store.watch_events(application);
            tokio::spawn(Arc::clone(self).run(application, Arc::clone(&topic), changed));
        } else if state.delivered > reader.after {
            return false;
        }
        state.readers.push(reader);
        true
    }

    /// Delivers an application's events for as long as it has readers.
    async fn run(self: Arc<Self>, application: i64, topic: Arc<Topic>, mut changed: watch::Receiver<()>) {
        let mut ticks = tokio::time::interval(TICK);
        let mut beat = Instant::now();
        loop {
            if let Err(error) = self.deliver(application, &topic).await {
                tracing::warn!(%error, application, "events cannot be read; streams wait for the next attempt");
            }
            if beat.elapsed() >= HEARTBEAT {
                beat = Instant::now();
                topic.beat();
            }
            tokio::select! {
                // Only the store going away ends the channel, and this task holds the store.
                _ = changed.changed() => {}
                _ = ticks.tick() => {
                    self.end_invalid(&topic).await;
                    let mut topics = self.topics.lock();
                    let mut state = topic.state.lock();
                    state.readers.retain(|reader| !reader.mailbox.is_left());
                    if state.readers.is_empty() {
                        topics.remove(&application);
                        return;
                    }
                }
            }
        }
    }

    /// Puts all events that are new into the mailboxes of those who want to see them.
    async fn deliver(&self, application: i64, topic: &Topic) -> Result<(), StoreError> {
        loop {
            let delivered = topic.state.lock().delivered;
            let rows = self.store.read(move |tx| events::after(tx, application, delivered, PAGE)).await?;
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
            if first.id != delivered + 1 {
                // More than is kept has come since the last look: readers have lost what lies between.
                topic.end(Reason::SlowReader, |_| true);
                topic.state.lock().delivered = last.id;
                continue;
            }
            topic.state.lock().deliver(&rows);
            // A long backlog leaves room for others.
            tokio::task::yield_now().await;
        }
    }

    /// Ends the streams whose tokens are no longer valid. Many streams have few tokens.
    async fn end_invalid(&self, topic: &Topic) {
        let mut tokens: Vec<[u8; 32]> = topic.state.lock().readers.iter().map(|reader| reader.token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        for token in tokens {
            if !self.authority.is_valid(&self.store, token).await {
                topic.end(Reason::TokenInvalid, |reader| reader.token == token);
            }
        }
    }
}

impl Topic {
    fn end(&self, reason: Reason, whose: impl Fn(&Reader) -> bool) {
        self.state.lock().readers.retain(|reader| {
            let ends = whose(reader);
            if ends {
                reader.mailbox.end(reason);
            }
            !ends
        });
    }

    /// Says nothing, and where the stream stands: who sees few of the events need not resume from long ago.
    fn beat(&self) {
        let state = self.state.lock();
        for reader in &state.readers {
            reader.mailbox.put(frame::heartbeat(state.delivered.max(reader.after)));
        }
    }
}

impl State {
    fn deliver(&mut self, rows: &[EventRow]) {
        let mut shared: HashMap<Arc<View>, Bytes> = HashMap::new();
        let delivered = self.delivered;
        self.readers.retain(|reader| {
            let text = if reader.after > delivered {
                let unseen = rows.iter().skip_while(|row| row.id <= reader.after);
                reader.view.frames(unseen)
            } else if let Some(text) = shared.get(&reader.view) {
                text.clone()
            } else {
                let text = reader.view.frames(rows.iter());
                shared.insert(Arc::clone(&reader.view), text.clone());
                text
            };
            text.is_empty() || reader.mailbox.put(text)
        });
        self.delivered = rows.last().map_or(delivered, |row| row.id);
    }
}
