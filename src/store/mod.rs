//! Rows and SQL. One [`Store`] over one database; every module below owns the tables of its noun.
//!
//! Work reaches the database as a closure over a [`Tx`]: `store.read(|tx| …)` sees one snapshot,
//! `store.write(|tx| …)` is all or nothing and is answered only after it is durable. The nouns are free
//! functions over `&Tx`, so a handler composes as many of them as its rule needs in one transaction.
//!
//! What holds everywhere below:
//! - Every query names the application, and composite foreign keys keep rows of two applications apart.
//! - SQL is written once, in the subset SQLite and PostgreSQL share; only the migrations, `search` and
//!   `sqlite` know the engine.
//! - Numbers that a listing shows as its total are kept in columns, not counted.
//! - Times are milliseconds since the Unix epoch, UTC, and are given by the caller.
//! - Columns called `properties`, `file`, `display_picture` and `scopes` are text the store keeps without looking inside.

mod error;
mod json;
mod merge;
mod migrations;
mod page;
mod sqlite;
mod tx;
mod writer;

pub mod applications;
pub mod audit;
pub mod channels;
pub mod credentials;
pub mod events;
pub mod files;
pub mod jobs;
pub mod leftovers;
pub mod members;
pub mod mentions;
pub mod messages;
pub mod notifications;
pub mod read_receipts;
pub mod reports;
pub mod search;
pub mod secrets;
pub mod sessions;
pub mod threads;
pub mod tokens;
pub mod unread;
pub mod users;

pub use self::error::{Constraint, OpenError, StoreError};
pub use self::page::{Sort, SortKey};
pub use self::tx::{Param, Row, Tx};

use self::sqlite::Sqlite;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

/// A database that is open, migrated and ready. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    sqlite: Arc<Sqlite>,
}

impl Store {
    /// Opens the database that `url` names, creates it if it is not there, and brings its tables up to date.
    ///
    /// `sqlite:PATH` is a file, and `sqlite::memory:` a database that is gone when the store is. Several
    /// processes may have the same file open. The message of the error says what to do about it.
    pub fn open(url: &str) -> Result<Store, OpenError> {
        let (scheme, place) = url.split_once(':').ok_or(OpenError::Url)?;
        let sqlite = match (scheme, place) {
            ("sqlite", ":memory:") => Sqlite::open_in_memory()?,
            ("sqlite", place) => match place.strip_prefix("//").unwrap_or(place) {
                "" => return Err(OpenError::Url),
                path => Sqlite::open(path.as_ref())?,
            },
            ("postgres" | "postgresql", _) => return Err(OpenError::Postgres),
            _ => return Err(OpenError::Url),
        };
        Ok(Store { sqlite: Arc::new(sqlite) })
    }

    /// Opens a database that must be there already, for a command that would find nothing in a new one.
    pub fn open_existing(url: &str) -> Result<Store, OpenError> {
        let path = url.strip_prefix("sqlite:").map(|place| place.strip_prefix("//").unwrap_or(place));
        match path.filter(|path| *path != ":memory:" && !path.is_empty() && !Path::new(path).exists()) {
            Some(path) => Err(OpenError::Missing(path.into())),
            None => Store::open(url),
        }
    }

    /// Runs `closure` on one snapshot of the database and returns what it returns.
    ///
    /// It runs on the calling thread, as a hop to another costs more than the read itself: keep it to
    /// about a page of rows found by index. A panic inside goes on to the caller.
    pub async fn read<T, F>(&self, closure: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.sqlite.read(closure)
    }

    /// Runs `closure` in a transaction and returns what it returns once that is durable.
    ///
    /// `Err` undoes everything the closure did and nothing else. [`StoreError::Busy`] comes at once when
    /// too many writes wait. A write whose caller stops waiting before its turn is not run.
    pub async fn write<T, F>(&self, closure: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        match self.sqlite.write(closure)?.await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Unavailable("the writer has stopped; restart the server".into())),
        }
    }

    /// A receiver that changes when events of the application have become durable by a write of this process.
    pub fn watch_events(&self, application: i64) -> watch::Receiver<()> {
        self.sqlite.watchers.watch(application)
    }
}
