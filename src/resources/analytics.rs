//! Exports: everything that an application has of a kind, in one file.
//!
//! A line holds what a request for the one resource answers. The rows are read by ID up to the last one that was there
//! when the export was asked for, a batch at a time, so that no long read stands in the way of the writers.

use super::{jobs as job_resources, messages, users};
use crate::audit;
use crate::auth::{Caller, now};
use crate::error::Error;
use crate::generated::client::types::ApplicationJobResource;
use crate::generated::server::AnalyticsApi;
use crate::hal::Urls;
use crate::jobs::{Interrupted, Work};
use crate::platform::Platform;
use crate::store::audit::Outcome;
use crate::store::jobs::{self, JobState, JobType, NewJob, Progress};
use crate::store::{StoreError, Tx, files, messages as message_rows, users as user_rows};
use openapi_dropshot::runtime::{Call, Reply};
use serde::Serialize;

/// Rows that are read at a time.
const BATCH: i64 = 500;

impl AnalyticsApi for Platform {
    async fn export_message_analytics(
        &self,
        call: &Call,
        caller: Caller,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        self.export(call, &caller, JobType::MessageAnalyticsExport, message_rows::last_id).await
    }

    async fn export_user_analytics(&self, call: &Call, caller: Caller) -> Result<Reply<ApplicationJobResource>, Error> {
        self.export(call, &caller, JobType::UserAnalyticsExport, user_rows::last_id).await
    }
}

impl Platform {
    async fn export(
        &self,
        call: &Call,
        caller: &Caller,
        kind: JobType,
        last_id: fn(&Tx<'_>, i64) -> Result<i64, StoreError>,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        let application = caller.application;
        let origin = self.origin(call.headers(), &call.request.uri);
        let act = audit::act(call, caller.application, &caller.client);
        let create = move |tx: &Tx<'_>| {
            act.record(tx, Outcome::Started, now())?;
            let last_id = Some(last_id(tx, application)?);
            let job = NewJob { kind, channel_id: None, last_id, origin: Some(origin), input: None };
            jobs::create(tx, application, job, now())
        };
        let row = self.store.write(create).await?;
        self.jobs.notify_one();
        Ok(job_resources::represent(row, &self.urls(call, application)).into())
    }
}

/// Runs an export to its end. Interrupted, it begins again: what it had written is of no use to anybody.
pub(crate) async fn run(platform: &Platform, work: &Work) -> Result<(), Interrupted> {
    let (application, job) = (work.job.application_id, &work.job);
    let urls = Urls::new(job.origin.clone().unwrap_or_default(), application, false);
    let last = job.last_id.unwrap_or_default();
    let mut writer = platform.files.create(format!("job-{}.jsonl", job.id), "application/jsonl".to_owned()).await?;
    let (mut after, mut count) = (0, 0);
    loop {
        work.proceed()?;
        let (lines, read, end) = match job.kind {
            JobType::UserAnalyticsExport => {
                let rows = platform.store.read(move |tx| user_rows::following(tx, application, after, last, BATCH));
                let rows = rows.await?;
                let (read, end) = (rows.len(), rows.last().map(|row| row.id));
                (lines(rows.into_iter().map(|row| users::represent(row, &urls)))?, read, end)
            }
            _ => {
                let found = platform.store.read(move |tx| messages::following(tx, application, after, last, BATCH));
                let found = found.await?;
                let (read, end) = (found.len(), found.last().map(messages::Message::id));
                (lines(found.into_iter().map(|message| messages::represent(message, &urls)))?, read, end)
            }
        };
        let Some(end) = end else { break };
        writer.write(lines.into()).await?;
        after = end;
        count += i64::try_from(read).unwrap_or(i64::MAX);
    }
    let file = writer.finish().await?;
    let key = file.key.clone();
    work.write(&platform.store, move |tx, lease| {
        files::take(tx, &key)?;
        jobs::advance(tx, lease, Progress { done: count, ..Progress::default() })?;
        jobs::end(tx, lease, JobState::Finished, Some(&key), now())
    })
    .await
}

fn lines<T: Serialize>(resources: impl Iterator<Item = T>) -> Result<Vec<u8>, Interrupted> {
    let mut lines = Vec::new();
    for resource in resources {
        serde_json::to_writer(&mut lines, &resource).map_err(|error| StoreError::Engine(error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(lines)
}
