//! Group commit: one thread runs the closures that wait, together, and makes them durable with one commit.
//!
//! Nobody waits so that a group may grow. While one commit is on its way to the disk the next closures
//! gather, so groups are large exactly when there is much to do.

use super::events::Watchers;
use super::{StoreError, Tx};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// How many closures may wait. At 20,000 a second this is a fifth of a second; more would only be stale.
const QUEUE: usize = 4096;

/// How many closures share a commit at most, which bounds how long the first of them waits for the last.
const GROUP: usize = 256;

/// The write-ahead log is folded into the file by force beyond this size. SQLite does so by itself from
/// 4 MB on, but never finishes while at every commit some reader still looks at an older state.
const LOG_LIMIT: u64 = 64 << 20;

/// The way to the thread that writes. Dropping it lets the thread finish what is queued, and waits for that.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. `log` is the file of the write-ahead log, if there is one; `watchers` are told of events.
    pub(super) fn start(connection: Arc<Mutex<Connection>>, log: Option<PathBuf>, watchers: Arc<Watchers>) -> Writer {
        let (queue, waiting) = sync_channel(QUEUE);
        let thread = std::thread::spawn(move || run(&waiting, &connection, log.as_deref(), &watchers));
        Writer { queue: Some(queue), thread: Some(thread) }
    }

    /// Queues `closure`. The receiver is answered after the commit, or with the reason that there was none.
    pub(super) fn submit<T, F>(&self, closure: F) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let job = Box::new(Write { closure: Some(closure), outcome: None, answer });
        match self.queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => Ok(receiver),
            Some(Err(TrySendError::Full(_))) => Err(StoreError::Busy),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                Err(StoreError::Unavailable("the writer has stopped; restart the server".into()))
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        let Some(thread) = self.thread.take() else { return };
        // A closure may own the last clone of the store, and a thread cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the writer's thread panicked");
        }
    }
}

/// A queued closure, with the type of its result hidden.
trait Job: Send {
    /// Runs the closure and says whether its changes are to be kept.
    fn run(&mut self, tx: &Tx<'_>) -> bool;
    /// Answers the caller. `committed` is the fate of the transaction that the closure was part of.
    fn answer(self: Box<Self>, committed: &Result<(), StoreError>);
}

struct Write<F, T> {
    closure: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Job for Write<F, T>
where
    T: Send,
    F: FnOnce(&Tx<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> bool {
        // Nobody waits for it any more: the client has gone, or its time was up.
        if self.answer.is_closed() {
            return true;
        }
        let Some(closure) = self.closure.take() else { return true };
        let outcome = catch_unwind(AssertUnwindSafe(|| closure(tx))).unwrap_or_else(|panic| {
            let message = panic.downcast_ref::<&str>().copied();
            let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(message = message.unwrap_or("no message"), "a write transaction panicked");
            Err(StoreError::Panicked)
        });
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, committed: &Result<(), StoreError>) {
        let outcome = match (self.outcome, committed) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(error)) => Err(error.clone()),
            (Some(outcome), Ok(())) => outcome,
            // It was not run, as nobody waited for it.
            (None, Ok(())) => return,
        };
        // A caller that has gone away is no failure.
        let _ = self.answer.send(outcome);
    }
}

fn run(waiting: &Receiver<Box<dyn Job>>, connection: &Mutex<Connection>, log: Option<&Path>, watchers: &Watchers) {
    let mut group = Vec::with_capacity(GROUP);
    for turn in 0u64.. {
        let Ok(first) = waiting.recv() else { break };
        let connection = connection.lock();
        let tx = Tx::new(&connection);
        let committed = commit(&connection, &tx, first, waiting, &mut group);
        let events = tx.into_events();
        if let Err(error) = &committed {
            tracing::error!(%error, writes = group.len(), "a transaction was not committed");
            // If this fails too there is no transaction, which is what is wanted.
            let _ = execute(&connection, "ROLLBACK");
        }
        if turn % 64 == 0 && log.is_some_and(|log| log.metadata().is_ok_and(|log| log.len() > LOG_LIMIT)) {
            checkpoint(&connection);
        }
        drop(connection);
        for job in group.drain(..) {
            job.answer(&committed);
        }
        if committed.is_ok() {
            watchers.wake(&events);
        }
    }
    if log.is_some() {
        checkpoint(&connection.lock());
    }
}

/// Runs `first` and whatever waits behind it in one transaction, and leaves them all in `group`.
fn commit(
    connection: &Connection,
    tx: &Tx<'_>,
    first: Box<dyn Job>,
    waiting: &Receiver<Box<dyn Job>>,
    group: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    group.push(first);
    execute(connection, "BEGIN IMMEDIATE")?;
    let Ok(second) = waiting.try_recv() else {
        // Alone it needs no savepoint: the transaction itself can be undone.
        let kept = group[0].run(tx);
        if kept {
            tx.finish()?;
        }
        still_open(connection)?;
        return execute(connection, if kept { "COMMIT" } else { "ROLLBACK" });
    };
    group.push(second);
    let mut savepoint = connection.prepare_cached("SAVEPOINT closure")?;
    let mut release = connection.prepare_cached("RELEASE closure")?;
    let mut next = 0;
    while next < group.len() {
        savepoint.raw_execute()?;
        let left = tx.left();
        let kept = group[next].run(tx);
        still_open(connection)?;
        if !kept {
            execute(connection, "ROLLBACK TO closure")?;
            tx.forget(left);
        }
        release.raw_execute()?;
        next += 1;
        if next == group.len() && next < GROUP {
            group.extend(waiting.try_recv());
        }
    }
    tx.finish()?;
    still_open(connection)?;
    execute(connection, "COMMIT")
}

/// A full disk and the like make SQLite undo the whole transaction by itself, with all that ran before.
fn still_open(connection: &Connection) -> Result<(), StoreError> {
    match connection.is_autocommit() {
        false => Ok(()),
        true => Err(StoreError::Unavailable("SQLite gave the transaction up; check the space on the disk".into())),
    }
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}

/// Folds the log into the file and empties it. Failing is no harm, as it is tried again.
fn checkpoint(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the write-ahead log was not folded into the database");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn writer() -> (Writer, Arc<Mutex<Connection>>) {
        let connection = Connection::open_in_memory().expect("memory is always there");
        connection.execute_batch("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)").expect("a new table");
        let connection = Arc::new(Mutex::new(connection));
        (Writer::start(connection.clone(), None, Arc::default()), connection)
    }

    fn note(tx: &Tx<'_>, text: &str) -> Result<i64, StoreError> {
        tx.insert("INSERT INTO notes (text) VALUES ($1)", &[text.into()])
    }

    fn notes(connection: &Mutex<Connection>) -> Vec<String> {
        let connection = connection.lock();
        let read = |row: &super::super::Row<'_>| row.text(0);
        Tx::new(&connection).query("SELECT text FROM notes ORDER BY id", &[], read).expect("the table is there")
    }

    /// Keeps the writer busy until the sender is used, so that what is submitted meanwhile becomes one group.
    fn hold(writer: &Writer) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let (started, running) = mpsc::channel();
        let closure = move |_: &Tx<'_>| {
            started.send(()).expect("the test waits for it");
            held.recv().expect("the test lets it go");
            Ok(())
        };
        let answer = writer.submit(closure).expect("an empty queue");
        running.recv().expect("the closure runs");
        // From here on nobody need wait for it, as it is running already.
        drop(answer);
        release
    }

    #[tokio::test]
    async fn a_failing_closure_does_not_disturb_its_neighbours() {
        let (writer, connection) = writer();
        let release = hold(&writer);
        let before = writer.submit(|tx| note(tx, "before")).expect("room");
        let failing = writer.submit(|tx| {
            note(tx, "failing")?;
            tx.execute("INSERT INTO nowhere VALUES (1)", &[])
        });
        let after = writer.submit(|tx| note(tx, "after")).expect("room");
        release.send(()).expect("the writer is held");

        assert!(before.await.expect("an answer").is_ok());
        assert!(matches!(failing.expect("room").await.expect("an answer"), Err(StoreError::Engine(_))));
        assert!(after.await.expect("an answer").is_ok());
        assert_eq!(notes(&connection), ["before", "after"]);
    }

    #[tokio::test]
    async fn work_that_is_left_to_the_end_is_done_in_order_and_for_closures_that_are_kept() {
        let (writer, connection) = writer();
        let release = hold(&writer);
        let late = |writer: &Writer, text: &'static str, kept: bool| {
            let closure = move |tx: &Tx<'_>| {
                tx.before_commit(move |tx| note(tx, text).map(drop));
                note(tx, "at once")?;
                if kept { Ok(()) } else { Err(StoreError::Busy) }
            };
            writer.submit(closure).expect("room")
        };
        let answers = [late(&writer, "first", true), late(&writer, "failing", false), late(&writer, "second", true)];
        release.send(()).expect("the writer is held");
        let [first, failing, second] = answers;
        assert_eq!(first.await.expect("an answer"), Ok(()));
        assert_eq!(failing.await.expect("an answer"), Err(StoreError::Busy));
        assert_eq!(second.await.expect("an answer"), Ok(()));
        assert_eq!(notes(&connection), ["at once", "at once", "first", "second"]);
        assert_eq!(late(&writer, "alone", true).await.expect("an answer"), Ok(()));
        assert_eq!(notes(&connection)[4..], ["at once", "alone"]);
    }

    #[tokio::test]
    async fn a_closure_that_fails_alone_leaves_nothing() {
        let (writer, connection) = writer();
        let failing = writer.submit(|tx| note(tx, "failing").and(Err::<(), _>(StoreError::Busy))).expect("room");
        assert_eq!(failing.await.expect("an answer"), Err(StoreError::Busy));
        assert!(notes(&connection).is_empty());
    }

    #[tokio::test]
    async fn a_panic_in_a_closure_is_answered_and_undone() {
        let (writer, connection) = writer();
        for alone in [true, false] {
            let release = hold(&writer);
            let neighbour = (!alone).then(|| writer.submit(|tx| note(tx, "neighbour")).expect("room"));
            let panicking = writer.submit(|tx| {
                note(tx, "panicking")?;
                match tx.query_opt("SELECT 1", &[], |_| -> Result<(), StoreError> { panic!("as the test wants") })? {
                    Some(()) | None => Ok(()),
                }
            });
            release.send(()).expect("the writer is held");
            assert_eq!(panicking.expect("room").await.expect("an answer"), Err(StoreError::Panicked));
            if let Some(neighbour) = neighbour {
                assert!(neighbour.await.expect("an answer").is_ok());
            }
        }
        assert_eq!(notes(&connection), ["neighbour"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_acknowledged_can_be_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        let store = super::super::Store::open(&url).expect("a new database");
        let writers = (0..32).map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let create = move |tx: &Tx<'_>| super::super::applications::create(tx, "name", &n.to_string(), 0);
                let created = store.write(create).await.expect("a new key");
                let read = store.read(move |tx| super::super::applications::get(tx, created.id)).await;
                assert_eq!(read.expect("a read"), Some(created));
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("the row was read");
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_keeps_what_it_has() {
        let (writer, connection) = writer();
        let release = hold(&writer);
        let queued: Vec<_> = (0..QUEUE).map(|_| writer.submit(|tx| note(tx, "queued")).expect("room")).collect();
        assert_eq!(writer.submit(|tx| note(tx, "refused")).map(drop), Err(StoreError::Busy));
        release.send(()).expect("the writer is held");
        for answer in queued {
            assert!(answer.await.expect("an answer").is_ok());
        }
        assert_eq!(notes(&connection).len(), QUEUE);
    }

    #[tokio::test]
    async fn a_write_nobody_waits_for_is_not_run() {
        let (writer, connection) = writer();
        let release = hold(&writer);
        drop(writer.submit(|tx| note(tx, "left")));
        let waited_for = writer.submit(|tx| note(tx, "waited for")).expect("room");
        release.send(()).expect("the writer is held");
        assert!(waited_for.await.expect("an answer").is_ok());
        assert_eq!(notes(&connection), ["waited for"]);
    }
}
