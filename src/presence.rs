//! Who is connected to this process: user sessions, each for as long as its stream is open.
//!
//! A session ends when its [`Session`] is dropped, however that comes about: the stream has ended, the client is gone, or
//! its request was given up. What is to be ended waits in a queue, from which the [`Keeper`] takes what there is in one
//! transaction, and takes it again where that fails. The keeper also says every now and then that this process is still
//! there, and ends the sessions of processes that have not said so for too long.

use crate::auth::now;
use crate::error::Error;
use crate::resources::sessions::{Newcomer, announce_all, begin, end};
use crate::store::sessions::{self, LEASE};
use crate::store::{Store, StoreError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// Sessions that are ended in one transaction, which bounds how long other writers wait for it.
const AT_ONCE: usize = 100;
/// How long a failed transaction is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How often the lease is renewed: several times before it expires.
const RENEWAL: Duration = Duration::from_millis(LEASE.unsigned_abs() / 4);

/// The sessions of this process.
#[derive(Clone)]
pub struct Presence {
    store: Store,
    /// The name of this process in the store.
    node: String,
    gone: mpsc::UnboundedSender<(i64, i64)>,
}

/// A user's session. It ends when this is dropped.
pub struct Session {
    application: i64,
    id: i64,
    gone: mpsc::UnboundedSender<(i64, i64)>,
}

/// What is left to do for [`Presence`] beside the requests.
pub struct Keeper {
    presence: Presence,
    /// Applications with their sessions whose clients are gone.
    gone: mpsc::UnboundedReceiver<(i64, i64)>,
}

impl Presence {
    /// Nobody is here yet.
    pub fn new(store: Store) -> (Self, Keeper) {
        let (sender, gone) = mpsc::unbounded_channel();
        let presence = Presence { store, node: uuid::Uuid::new_v4().to_string(), gone: sender };
        (presence.clone(), Keeper { presence, gone })
    }

    /// Starts a user's session, with a chat session in each of the channels it names.
    ///
    /// # Errors
    /// 400 when there is no such user or channel, or the user cannot be in the channel.
    pub(crate) async fn start(&self, application: i64, newcomer: Newcomer) -> Result<Session, Error> {
        let presence = self.clone();
        // In a task of its own: if the request is given up meanwhile, the session is dropped with the task's outcome, where
        // otherwise nobody would know of what the writer has begun.
        let starting = tokio::spawn(async move {
            let node = presence.node.clone();
            let started = presence.store.write(move |tx| begin(tx, application, &node, &newcomer));
            Ok(Session { application, id: started.await??, gone: presence.gone })
        });
        starting.await.map_err(|_| StoreError::Panicked)?
    }

    /// Says that this process is there, and ends what processes have left behind that are not.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn renew(&self) -> Result<(), StoreError> {
        let node = self.node.clone();
        let renew = move |tx: &crate::store::Tx<'_>| {
            sessions::renew(tx, &node, now())?;
            announce_all(tx, &sessions::end_stale(tx, now())?)
        };
        self.store.write(renew).await
    }

    /// Ends all sessions of this process, which is about to stop. What it cannot end is ended when its lease is over.
    pub async fn end_all(&self) {
        let node = self.node.clone();
        let end = move |tx: &crate::store::Tx<'_>| announce_all(tx, &sessions::end_of_node(tx, &node, now())?);
        if let Err(error) = self.store.write(end).await {
            tracing::warn!(%error, "sessions stay active until the lease of this server is over");
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Without a keeper the server has stopped, which ends all sessions.
        let _ = self.gone.send((self.application, self.id));
    }
}

impl Keeper {
    /// Keeps the sessions for as long as the server runs.
    pub async fn keep(mut self) {
        // The first was at the start.
        let mut renewals = tokio::time::interval_at(Instant::now() + RENEWAL, RENEWAL);
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ending = Vec::new();
        loop {
            tokio::select! {
                _ = renewals.tick() => {
                    if let Err(error) = self.presence.renew().await {
                        tracing::warn!(%error, "the lease of sessions is not renewed; it is tried again");
                    }
                    continue;
                }
                // This holds a sender itself, so that there is always one.
                _ = self.gone.recv_many(&mut ending, AT_ONCE), if ending.is_empty() => {}
                () = tokio::time::sleep(PAUSE), if !ending.is_empty() => {}
            }
            let all = ending.clone();
            let ended = self
                .presence
                .store
                .write(move |tx| all.iter().try_for_each(|(application, session)| end(tx, *application, *session)));
            match ended.await {
                Ok(()) => ending.clear(),
                Err(error) => tracing::warn!(%error, "sessions are not ended; it is tried again"),
            }
        }
    }
}
