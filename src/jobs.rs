//! Runs the jobs that requests have asked for, beside the requests.
//!
//! A job is taken with a lease, which is renewed while this process lives. Stopped in order it gives the lease back; when
//! it dies, the lease expires and the next process that looks takes the job over. What a job has done is committed
//! together with how far it is, so that nothing is done twice. Beside them, what deleted applications, users and channels
//! have left behind is removed.

use crate::auth::now;
use crate::error::Error;
use crate::platform::Platform;
use crate::resources::{analytics, imports};
use crate::store::jobs::{self, FaultRow, JobRow, JobState, LEASE_TIME, Lease};
use crate::store::{Store, StoreError, leftovers};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Jobs that run at the same time, each of another application.
const AT_ONCE: usize = 4;
/// How long a job waits at most that another process has created, or has left behind.
const LOOK: Duration = Duration::from_secs(1);
/// How often a job is begun without getting any further before it is given up.
const ATTEMPTS: i64 = 5;
/// How long a write waits that found too many others before it.
const BUSY_WAIT: Duration = Duration::from_millis(50);

/// The tasks that run jobs and clear up behind what was deleted.
pub(crate) struct Runner {
    stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

impl Runner {
    /// Starts taking jobs.
    pub(crate) fn start(platform: Arc<Platform>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let clearing = tokio::spawn(clear_up(Arc::clone(&platform), stopped.clone()));
        Runner { stop, tasks: [tokio::spawn(run(platform, stopped)), clearing] }
    }

    /// Takes no more jobs, and has those under way put down where they are.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("a task beside the requests panicked");
            }
        }
    }
}

/// Why a job does not come to its end here.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The server stops.
    Stopped,
    /// Another process has taken the job over.
    Lost,
    /// Something failed that may work at the next attempt.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Interrupted::Failed(error.into())
    }
}

/// A job under way, as its work sees it.
pub(crate) struct Work {
    /// What is to be done.
    pub(crate) job: JobRow,
    /// What every write has to hold.
    pub(crate) lease: Lease,
    stopped: watch::Receiver<bool>,
}

impl Work {
    /// Fails when the server stops; to be asked wherever the work can be put down.
    pub(crate) fn proceed(&self) -> Result<(), Interrupted> {
        if *self.stopped.borrow() { Err(Interrupted::Stopped) } else { Ok(()) }
    }

    /// Runs a write of this job, if its lease is still held, and again while too many others are waiting.
    pub(crate) async fn write<T, F>(&self, store: &Store, closure: F) -> Result<T, Interrupted>
    where
        T: Send + 'static,
        F: Fn(&crate::store::Tx<'_>, &Lease) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        loop {
            let (closure, lease) = (closure.clone(), self.lease.clone());
            let outcome = store
                .write(move |tx| if jobs::hold(tx, &lease, now())? { closure(tx, &lease).map(Some) } else { Ok(None) });
            match outcome.await {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => return Err(Interrupted::Lost),
                Err(StoreError::Busy) => tokio::time::sleep(BUSY_WAIT).await,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn run(platform: Arc<Platform>, mut stopped: watch::Receiver<bool>) {
    let holder = uuid::Uuid::new_v4().to_string();
    let mut running = JoinSet::new();
    while !*stopped.borrow() {
        while running.len() < AT_ONCE
            && let Some((job, lease)) = take(&platform.store, &holder).await
        {
            let work = Work { job, lease, stopped: stopped.clone() };
            running.spawn(carry_out(Arc::clone(&platform), work));
        }
        tokio::select! {
            changed = stopped.changed() => {
                // A server that was dropped says nothing more; its requests are gone, and so is this.
                if changed.is_err() {
                    break;
                }
            }
            () = platform.jobs.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if ended.is_err() {
                    tracing::error!("a job panicked; it is begun again when its lease has expired");
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Removes what deleted applications, users and channels have left behind, for as long as the server runs.
async fn clear_up(platform: Arc<Platform>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let cleared = match platform.store.read(leftovers::exist).await {
            Ok(true) => platform.store.write(|tx| leftovers::remove(tx, leftovers::BATCH)).await,
            nothing => nothing,
        };
        match cleared {
            Ok(true) => {
                // Their files can go as well.
                platform.files.sweep_soon();
                continue;
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "what was deleted leaves rows behind for now"),
        }
        tokio::select! {
            changed = stopped.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// The next job that nobody is at.
async fn take(store: &Store, holder: &str) -> Option<(JobRow, Lease)> {
    // Looking is cheap and needs no turn among the writers.
    let due = store.read(|tx| jobs::due(tx, now(), 1)).await;
    let found = match due {
        Ok(rows) => rows.into_iter().next(),
        Err(error) => {
            tracing::warn!(%error, "jobs wait, as the database cannot be asked for them");
            None
        }
    }?;
    let lease = Lease { application: found.application_id, job: found.id, holder: holder.to_owned() };
    let wanted = lease.clone();
    let taken = store.write(move |tx| {
        let taken = jobs::take(tx, &wanted, now())?;
        // What was read before may have changed in the meantime.
        if taken { jobs::get(tx, wanted.application, wanted.job) } else { Ok(None) }
    });
    match taken.await {
        Ok(job) => job.map(|job| (job, lease)),
        Err(error) => {
            tracing::warn!(%error, job = found.id, "a job waits, as it cannot be taken");
            None
        }
    }
}

async fn carry_out(platform: Arc<Platform>, work: Work) {
    let (application, job, kind) = (work.lease.application, work.job.id, work.job.kind.as_str());
    let outcome = tokio::select! {
        outcome = begin(&platform, &work) => outcome,
        () = keep_lease(&platform.store, &work.lease) => Err(Interrupted::Lost),
    };
    match outcome {
        Ok(()) => tracing::info!(application, job, kind, "a job has ended"),
        Err(Interrupted::Stopped) => {
            let lease = work.lease.clone();
            if let Err(error) = platform.store.write(move |tx| jobs::release(tx, &lease)).await {
                tracing::warn!(%error, application, job, "a job goes on only when its lease has expired");
            }
        }
        Err(Interrupted::Lost) => {
            tracing::warn!(application, job, kind, "a job was taken over by another process, or deleted")
        }
        Err(Interrupted::Failed(error)) => {
            tracing::error!(
                ?error,
                application,
                job,
                kind,
                "a job failed; it is begun again when its lease has expired"
            );
        }
    }
    // The next job of the application may begin.
    platform.jobs.notify_one();
}

async fn begin(platform: &Platform, work: &Work) -> Result<(), Interrupted> {
    if work.job.attempts > ATTEMPTS {
        let fault = FaultRow {
            item: work.job.progress.total(),
            number: 0,
            field: String::new(),
            code: "unprocessable".to_owned(),
            message: "the server could not go on from here; its log tells why".to_owned(),
        };
        return end(platform, work, JobState::Failed, Some(fault)).await;
    }
    if work.job.kind.is_import() { imports::run(platform, work).await } else { analytics::run(platform, work).await }
}

/// Ends a job that wrote no file.
pub(crate) async fn end(
    platform: &Platform,
    work: &Work,
    state: JobState,
    fault: Option<FaultRow>,
) -> Result<(), Interrupted> {
    let write = move |tx: &crate::store::Tx<'_>, lease: &Lease| {
        if let Some(fault) = &fault {
            jobs::note(tx, lease, fault)?;
        }
        jobs::end(tx, lease, state, None, now())
    };
    work.write(&platform.store, write).await?;
    platform.files.sweep_soon();
    Ok(())
}

/// Renews a lease until it is lost.
async fn keep_lease(store: &Store, lease: &Lease) {
    let third = Duration::from_millis(LEASE_TIME.unsigned_abs() / 3);
    loop {
        tokio::time::sleep(third).await;
        let lease = lease.clone();
        // What cannot be renewed now may be at the next turn; until then others respect it.
        if matches!(store.write(move |tx| jobs::hold(tx, &lease, now())).await, Ok(false)) {
            return;
        }
    }
}
