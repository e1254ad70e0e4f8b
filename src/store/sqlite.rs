//! SQLite as the engine: opening a file, its settings, the readers, and what its refusals mean.

use super::events::Watchers;
use super::migrations::{self, APPLICATION_ID, LATEST};
use super::writer::Writer;
use super::{Constraint, OpenError, StoreError, Tx, json};
use parking_lot::{Mutex, MutexGuard};
use rusqlite::config::DbConfig;
use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long a statement waits for another process that writes.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How many bytes of the file a reader maps, and the writer. What is mapped counts as memory of the process once it has
/// been looked at, and an import of any size looks at much of it.
const READER_MAP: i64 = 256 << 20;
const WRITER_MAP: i64 = 64 << 20;

/// One database: a connection that writes, on a thread of its own, and a few that read.
pub(super) struct Sqlite {
    // Fields are dropped in this order: the writer's connection is the last to close, and folds the log in.
    readers: Vec<Arc<Mutex<Connection>>>,
    writer: Writer,
    pub(super) watchers: Arc<Watchers>,
}

impl Sqlite {
    /// Opens or creates the file. Nothing is written to it before it is known to be ours or empty.
    pub(super) fn open(path: &Path) -> Result<Sqlite, OpenError> {
        let failed = |error| open_error(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_CREATE).map_err(failed)?;
        connection.busy_timeout(LOCK_WAIT).map_err(failed)?;
        recognise(path, &connection)?;
        if switch_to_wal(&connection).map_err(failed)? != "wal" {
            let reason = "its file system has no shared memory, which the write-ahead log needs".into();
            return Err(OpenError::Unusable { path: path.to_owned(), reason });
        }
        settle(&connection, -8000, WRITER_MAP).map_err(failed)?;
        migrations::run(&mut connection).map_err(failed)?;

        let parallelism = std::thread::available_parallelism().map_or(2, usize::from);
        let readers = (0..parallelism.clamp(2, 8))
            .map(|_| {
                let reader = Connection::open_with_flags(path, flags)?;
                reader.busy_timeout(LOCK_WAIT)?;
                settle(&reader, -1000, READER_MAP)?;
                reader.pragma_update(None, "query_only", true)?;
                Ok(Arc::new(Mutex::new(reader)))
            })
            .collect::<rusqlite::Result<_>>()
            .map_err(failed)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let watchers = Arc::<Watchers>::default();
        let writer = Writer::start(Arc::new(Mutex::new(connection)), Some(log.into()), watchers.clone());
        Ok(Sqlite { readers, writer, watchers })
    }

    /// A database in memory. It has one connection, which the writer and the readers take in turns: two
    /// connections to memory would lock each other out table by table.
    pub(super) fn open_in_memory() -> Result<Sqlite, OpenError> {
        let failed = |error| open_error(":memory:".as_ref(), error);
        let mut connection = Connection::open_in_memory().map_err(failed)?;
        settle(&connection, -8000, WRITER_MAP).map_err(failed)?;
        migrations::run(&mut connection).map_err(failed)?;
        let connection = Arc::new(Mutex::new(connection));
        let watchers = Arc::<Watchers>::default();
        let writer = Writer::start(connection.clone(), None, watchers.clone());
        Ok(Sqlite { readers: vec![connection], writer, watchers })
    }

    /// Runs `closure` on a free reader, on the calling thread.
    pub(super) fn read<T>(&self, closure: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let connection = self.reader();
        let _snapshot = Snapshot::begin(&connection)?;
        closure(&Tx::new(&connection))
    }

    /// Queues `closure` for the writer; the receiver is answered after its commit.
    pub(super) fn write<T, F>(&self, closure: F) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.submit(closure)
    }

    /// A thread comes back to the reader it had last, whose statements and pages are warm, unless another has it.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        let first = THREAD.with(|thread| *thread) % self.readers.len();
        let (later, earlier) = self.readers.split_at(first);
        let mut in_turn = later.iter().chain(earlier);
        in_turn.find_map(|reader| reader.try_lock()).unwrap_or_else(|| self.readers[first].lock())
    }
}

/// A read transaction, which ends however its closure ends.
struct Snapshot<'c> {
    connection: &'c Connection,
}

impl<'c> Snapshot<'c> {
    fn begin(connection: &'c Connection) -> Result<Snapshot<'c>, StoreError> {
        connection.prepare_cached("BEGIN DEFERRED")?.raw_execute()?;
        Ok(Snapshot { connection })
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // In memory the connection also writes, so a read is rolled back rather than committed.
        let ended = self.connection.prepare_cached("ROLLBACK").and_then(|mut statement| statement.raw_execute());
        if let Err(error) = ended {
            tracing::error!(%error, "a read transaction could not be ended");
        }
    }
}

/// Tells our files and empty ones from all others.
fn recognise(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    // SQLite falls back to reading alone without a word, and then fails for want of its two other files.
    if connection.is_readonly("main").map_err(|error| open_error(path, error))? {
        return Err(OpenError::ReadOnly(path.to_owned()));
    }
    let read = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|error| open_error(path, error));
    let tables = read("SELECT count(*) FROM sqlite_schema")?;
    let application = read("PRAGMA application_id")?;
    let version = read("PRAGMA user_version")?;
    match (application, version) {
        (APPLICATION_ID, version) if version > LATEST => {
            Err(OpenError::Newer { path: path.to_owned(), found: version, known: LATEST })
        }
        (APPLICATION_ID, _) => Ok(()),
        (0, 0) if tables == 0 => Ok(()),
        _ => Err(OpenError::Foreign(path.to_owned())),
    }
}

/// The switch does not wait for a lock by itself, and two processes may make a new file at the same time.
///
/// Returns the mode that is in force now.
fn switch_to_wal(connection: &Connection) -> rusqlite::Result<String> {
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            outcome => return outcome,
        }
    }
}

/// The settings every connection has. A negative `cache_size` is in KiB and is only taken as it is needed; `map` is how
/// many bytes of the file are read where the system has them anyway.
fn settle(connection: &Connection, cache_size: i64, map: i64) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(256);
    json::register(connection)?;
    // Without this, a statement that could have used a partial index is planned anew for every value bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // A plain fsync does not reach the disk's platter on macOS; elsewhere this changes nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", cache_size)?;
    connection.pragma_update_and_check(None, "mmap_size", map, |_| Ok(())).or_else(|error| match error {
        // In memory there is nothing to map and SQLite answers without a row.
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        error => Err(error),
    })
}

fn open_error(path: &Path, error: rusqlite::Error) -> OpenError {
    let (path, reason) = (PathBuf::from(path), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked(path),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => OpenError::ReadOnly(path),
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase(path),
        Some(ErrorCode::CannotOpen) => OpenError::CannotCreate { path, reason },
        _ => OpenError::Unusable { path, reason },
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        let text = error.to_string();
        let rusqlite::Error::SqliteFailure(failure, _) = error else { return StoreError::Engine(text) };
        match failure.code {
            ErrorCode::ConstraintViolation => match failure.extended_code {
                SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY => {
                    constraint(&text).map_or(StoreError::Engine(text), StoreError::Taken)
                }
                _ => StoreError::Engine(text),
            },
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory => StoreError::Unavailable(text),
            _ => StoreError::Engine(text),
        }
    }
}

/// SQLite names the columns: `UNIQUE constraint failed: users.application_id, users.name`.
fn constraint(text: &str) -> Option<Constraint> {
    let (_, columns) = text.rsplit_once(": ")?;
    Some(match columns {
        "users.application_id, users.name" => Constraint::UserName,
        "channels.application_id, channels.name" => Constraint::ChannelName,
        "channels.application_id, channels.member_key" => Constraint::DirectMembers,
        "members.application_id, members.channel_id, members.user_id" => Constraint::Membership,
        "moderators.application_id, moderators.channel_id, moderators.user_id" => Constraint::Moderator,
        "invites.application_id, invites.channel_id, invites.user_id" => Constraint::Invite,
        "applications.id" | "applications.key" => Constraint::ApplicationId,
        "credentials.client_id" => Constraint::CredentialId,
        _ => return None,
    })
}
