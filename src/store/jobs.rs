//! Jobs: work that goes on after its request was answered, and who is at it.
//!
//! A job is run by whoever holds its [`Lease`]. Everything that a job writes goes with [`hold`] at the beginning of the
//! same transaction, so that a process which was taken for dead, and is not, writes nothing more.

use super::page::{Slice, order_by, total_order};
use super::tx::words;
use super::{Param, Row, Sort, StoreError, Tx, files};

words! {
    /// What a job does.
    JobType {
        /// Creates channels.
        ChannelImport = "CHANNEL_IMPORT",
        /// Makes users members of a channel.
        ChannelMembersImport = "CHANNEL_MEMBERS_IMPORT",
        /// Creates messages.
        MessageImport = "MESSAGE_IMPORT",
        /// Creates users.
        UserImport = "USER_IMPORT",
        /// Writes the messages into a file.
        MessageAnalyticsExport = "MESSAGE_ANALYTICS_EXPORT",
        /// Writes the users into a file.
        UserAnalyticsExport = "USER_ANALYTICS_EXPORT",
    }
}

impl JobType {
    /// Whether it reads a file, and so has a report of what was wrong with it.
    pub const fn is_import(self) -> bool {
        !matches!(self, JobType::MessageAnalyticsExport | JobType::UserAnalyticsExport)
    }
}

words! {
    /// How far a job is.
    JobState {
        /// It waits for its turn.
        Pending = "PENDING",
        /// It is being done.
        Running = "RUNNING",
        /// It has come to its end.
        Finished = "FINISHED",
        /// It could not come to its end.
        Failed = "FAILED",
    }
}

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// The application it belongs to.
    pub application_id: i64,
    /// What it does.
    pub kind: JobType,
    /// How far it is.
    pub state: JobState,
    /// The channel that members are imported into.
    pub channel_id: Option<i64>,
    /// The last row that an export has.
    pub last_id: Option<i64>,
    /// Where the links of an export lead: `https://chat.example.com`.
    pub origin: Option<String>,
    /// The object that is read.
    pub input: Option<String>,
    /// The object that was written.
    pub result: Option<String>,
    /// Items imported, or lines written.
    pub progress: Progress,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// Milliseconds since the epoch.
    pub ended_time: Option<i64>,
    /// How often it was begun since it last made progress.
    pub attempts: i64,
}

/// What has become of the items of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Imported, or written.
    pub done: i64,
    /// Not imported again, as their idempotency key is known.
    pub skipped: i64,
    /// Not imported, as something is wrong with them.
    pub failed: i64,
}

impl Progress {
    /// How many items were dealt with.
    pub const fn total(self) -> i64 {
        self.done + self.skipped + self.failed
    }
}

/// What a job is created from; the store adds the rest of the row.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What it does.
    pub kind: JobType,
    /// The channel that members are imported into.
    pub channel_id: Option<i64>,
    /// The last row that an export has.
    pub last_id: Option<i64>,
    /// Where the links of an export lead.
    pub origin: Option<String>,
    /// The object that an import reads.
    pub input: Option<String>,
}

/// The right to run a job, for as long as it is renewed.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The application of the job.
    pub application: i64,
    /// The job.
    pub job: i64,
    /// Names the process.
    pub holder: String,
}

/// Milliseconds that a lease lasts.
pub const LEASE_TIME: i64 = 5000;

macro_rules! columns {
    () => {
        "jobs.id, jobs.application_id, jobs.type, jobs.state, jobs.channel_id, jobs.last_id, jobs.origin, jobs.input, \
         jobs.result, jobs.done, jobs.skipped, jobs.failed, jobs.created_time, jobs.ended_time, jobs.attempts"
    };
}

fn read(row: &Row<'_>) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        kind: row.word(2)?,
        state: row.word(3)?,
        channel_id: row.opt_i64(4)?,
        last_id: row.opt_i64(5)?,
        origin: row.opt_text(6)?,
        input: row.opt_text(7)?,
        result: row.opt_text(8)?,
        progress: Progress { done: row.i64(9)?, skipped: row.i64(10)?, failed: row.i64(11)? },
        created_time: row.i64(12)?,
        ended_time: row.opt_i64(13)?,
        attempts: row.i64(14)?,
    })
}

/// Creates a job that waits for its turn.
pub fn create(tx: &Tx<'_>, application: i64, job: NewJob, now: i64) -> Result<JobRow, StoreError> {
    let state = JobState::Pending;
    let id = tx.insert(
        "INSERT INTO jobs (application_id, type, state, channel_id, last_id, origin, input, created_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            application.into(),
            job.kind.into(),
            state.into(),
            job.channel_id.into(),
            job.last_id.into(),
            job.origin.as_ref().into(),
            job.input.as_ref().into(),
            now.into(),
        ],
    )?;
    let sql = "UPDATE applications SET jobs = jobs + 1, running_jobs = running_jobs + 1 WHERE id = $1";
    tx.execute(sql, &[application.into()])?;
    Ok(JobRow {
        id,
        application_id: application,
        kind: job.kind,
        state,
        channel_id: job.channel_id,
        last_id: job.last_id,
        origin: job.origin,
        input: job.input,
        result: None,
        progress: Progress::default(),
        created_time: now,
        ended_time: None,
        attempts: 0,
    })
}

/// The job with this id.
pub fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<JobRow>, StoreError> {
    tx.query_opt(
        concat!("SELECT ", columns!(), " FROM jobs WHERE application_id = $1 AND id = $2"),
        &[application.into(), id.into()],
        read,
    )
}

/// The jobs `offset..offset + limit` of the listing: all, those under way or those that have ended.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    running: Option<bool>,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<JobRow>, StoreError> {
    let slice = Slice::new(offset, limit, || total(tx, application, running))?;
    let filter = match running {
        None => "",
        Some(true) => " AND jobs.ended_time IS NULL",
        Some(false) => " AND jobs.ended_time IS NOT NULL",
    };
    let order = order_by("jobs", &total_order(sort), slice.reverse);
    let sql = format!(
        concat!("SELECT ", columns!(), " FROM jobs WHERE jobs.application_id = $1{}{} LIMIT $2 OFFSET $3"),
        filter, order
    );
    let rows = tx.query(&sql, &[application.into(), slice.limit.into(), slice.offset.into()], read)?;
    Ok(slice.arrange(rows))
}

/// How many jobs the listing has.
pub fn total(tx: &Tx<'_>, application: i64, running: Option<bool>) -> Result<i64, StoreError> {
    let sql = match running {
        None => "SELECT jobs FROM applications WHERE id = $1",
        Some(true) => "SELECT running_jobs FROM applications WHERE id = $1",
        Some(false) => "SELECT jobs - running_jobs FROM applications WHERE id = $1",
    };
    Ok(tx.query_opt(sql, &[application.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// The jobs that can be begun now, of any application: of each the oldest that has not ended, unless somebody is at it.
///
/// So the jobs of one application run one after the other, in the order in which they were created.
pub fn due(tx: &Tx<'_>, now: i64, limit: i64) -> Result<Vec<JobRow>, StoreError> {
    tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM (SELECT application_id, min(id) AS id FROM jobs WHERE ended_time IS NULL GROUP BY application_id) ",
            "AS oldest CROSS JOIN jobs WHERE jobs.application_id = oldest.application_id AND jobs.id = oldest.id ",
            "AND (jobs.lease_expires_time IS NULL OR jobs.lease_expires_time <= $1) AND EXISTS (SELECT 1 FROM applications ",
            "WHERE id = jobs.application_id AND deleted_time IS NULL) ORDER BY jobs.id LIMIT $2"
        ),
        &[now.into(), limit.into()],
        read,
    )
}

/// Takes a job that [`due`] has named, unless somebody was faster.
pub fn take(tx: &Tx<'_>, lease: &Lease, now: i64) -> Result<bool, StoreError> {
    let taken = tx.execute(
        "UPDATE jobs SET state = 'RUNNING', lease_holder = $1, lease_expires_time = $2, attempts = attempts + 1 \
         WHERE application_id = $3 AND id = $4 AND ended_time IS NULL \
         AND (lease_expires_time IS NULL OR lease_expires_time <= $5)",
        &[(&lease.holder).into(), (now + LEASE_TIME).into(), lease.application.into(), lease.job.into(), now.into()],
    )?;
    Ok(taken > 0)
}

/// Renews a lease, and says whether it was still held and the application is still there.
pub fn hold(tx: &Tx<'_>, lease: &Lease, now: i64) -> Result<bool, StoreError> {
    let held = tx.execute(
        "UPDATE jobs SET lease_expires_time = $1 \
         WHERE application_id = $2 AND id = $3 AND lease_holder = $4 AND ended_time IS NULL \
         AND EXISTS (SELECT 1 FROM applications WHERE id = $2 AND deleted_time IS NULL)",
        &[(now + LEASE_TIME).into(), lease.application.into(), lease.job.into(), (&lease.holder).into()],
    )?;
    Ok(held > 0)
}

/// Gives a lease back, so that the job can be begun again at once.
pub fn release(tx: &Tx<'_>, lease: &Lease) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE jobs SET state = 'PENDING', lease_holder = NULL, lease_expires_time = NULL, attempts = 0 \
         WHERE application_id = $1 AND id = $2 AND lease_holder = $3 AND ended_time IS NULL",
        &[lease.application.into(), lease.job.into(), (&lease.holder).into()],
    )?;
    Ok(())
}

/// Adds to the progress of a job that is held.
pub fn advance(tx: &Tx<'_>, lease: &Lease, step: Progress) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE jobs SET done = done + $1, skipped = skipped + $2, failed = failed + $3, attempts = 0 \
         WHERE application_id = $4 AND id = $5",
        &[step.done.into(), step.skipped.into(), step.failed.into(), lease.application.into(), lease.job.into()],
    )?;
    Ok(())
}

/// Ends a job that is held, and lets go of what it has read.
pub fn end(tx: &Tx<'_>, lease: &Lease, state: JobState, result: Option<&str>, now: i64) -> Result<(), StoreError> {
    let input = "SELECT input FROM jobs WHERE application_id = $1 AND id = $2";
    let input = tx.query_opt(input, &[lease.application.into(), lease.job.into()], |row| row.opt_text(0))?;
    if let Some(input) = input.flatten() {
        files::give_up(tx, &input)?;
    }
    tx.execute(
        "UPDATE jobs SET state = $1, result = $2, ended_time = $3, input = NULL, lease_holder = NULL, \
         lease_expires_time = NULL WHERE application_id = $4 AND id = $5",
        &[state.into(), result.into(), now.into(), lease.application.into(), lease.job.into()],
    )?;
    let sql = "UPDATE applications SET running_jobs = running_jobs - 1 WHERE id = $1";
    tx.execute(sql, &[lease.application.into()])?;
    Ok(())
}

/// What is wrong with an item of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRow {
    /// Which item, counted from 0.
    pub item: i64,
    /// Which of its faults.
    pub number: i64,
    /// The way into the item; empty for the item or the file as a whole.
    pub field: String,
    /// A code as those of the API's errors.
    pub code: String,
    /// What would be right.
    pub message: String,
}

/// Notes what is wrong with an item.
pub fn note(tx: &Tx<'_>, lease: &Lease, fault: &FaultRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO job_faults (application_id, job_id, item, number, field, code, message) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            lease.application.into(),
            lease.job.into(),
            fault.item.into(),
            fault.number.into(),
            (&fault.field).into(),
            (&fault.code).into(),
            (&fault.message).into(),
        ],
    )?;
    Ok(())
}

/// At most `limit` faults of a job behind the one that is named by item and number.
pub fn faults(
    tx: &Tx<'_>,
    application: i64,
    job: i64,
    after: (i64, i64),
    limit: i64,
) -> Result<Vec<FaultRow>, StoreError> {
    tx.query(
        "SELECT item, number, field, code, message FROM job_faults WHERE application_id = $1 AND job_id = $2 \
         AND (item, number) > ($3, $4) ORDER BY item, number LIMIT $5",
        &[application.into(), job.into(), after.0.into(), after.1.into(), limit.into()],
        |row| {
            Ok(FaultRow {
                item: row.i64(0)?,
                number: row.i64(1)?,
                field: row.text(2)?,
                code: row.text(3)?,
                message: row.text(4)?,
            })
        },
    )
}

/// Deletes what an application has of jobs, before it is deleted itself.
pub(super) fn forget_application(tx: &Tx<'_>, application: i64) -> Result<(), StoreError> {
    let application: [Param<'_>; 1] = [application.into()];
    for sql in [
        "INSERT INTO file_removals (key, due_time) \
         SELECT input, 0 FROM jobs WHERE application_id = $1 AND input IS NOT NULL",
        "INSERT INTO file_removals (key, due_time) \
         SELECT result, 0 FROM jobs WHERE application_id = $1 AND result IS NOT NULL",
        "DELETE FROM job_faults WHERE application_id = $1",
        "DELETE FROM import_keys WHERE application_id = $1",
        "DELETE FROM jobs WHERE application_id = $1",
    ] {
        tx.execute(sql, &application)?;
    }
    Ok(())
}

/// Forgets at most `limit` of the idempotency keys of the members of a channel that is deleted, and says how many.
pub(super) fn forget_channel(tx: &Tx<'_>, application: i64, channel: i64, limit: i64) -> Result<i64, StoreError> {
    let forgotten = tx.execute(
        "DELETE FROM import_keys WHERE application_id = $1 AND type = $2 AND channel_id = $3 AND key IN \
         (SELECT key FROM import_keys WHERE application_id = $1 AND type = $2 AND channel_id = $3 LIMIT $4)",
        &[application.into(), JobType::ChannelMembersImport.into(), channel.into(), limit.into()],
    )?;
    Ok(forgotten as i64)
}

/// Keeps the idempotency key of an item that is about to be imported, and says whether it is new.
pub fn keep_key(
    tx: &Tx<'_>,
    application: i64,
    kind: JobType,
    channel: Option<i64>,
    key: &str,
) -> Result<bool, StoreError> {
    let kept = tx.execute(
        "INSERT INTO import_keys (application_id, type, channel_id, key) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
        &[application.into(), kind.into(), channel.unwrap_or(0).into(), key.into()],
    )?;
    Ok(kept > 0)
}

/// Forgets the idempotency key of an item that was refused after all.
pub fn forget_key(
    tx: &Tx<'_>,
    application: i64,
    kind: JobType,
    channel: Option<i64>,
    key: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "DELETE FROM import_keys WHERE application_id = $1 AND type = $2 AND channel_id = $3 AND key = $4",
        &[application.into(), kind.into(), channel.unwrap_or(0).into(), key.into()],
    )?;
    Ok(())
}
