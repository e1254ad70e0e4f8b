//! Jobs, as those who asked for them follow them.

use super::{order, sort_filters};
use crate::Timestamp;
use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{
    ApplicationJobLinks, ApplicationJobProgress, ApplicationJobResource, PagedModelApplicationJobResource,
    PagedModelApplicationJobResourceEmbedded,
};
use crate::generated::server::JobsApi;
use crate::generated::server::jobs::ListJobsQuery;
use crate::generated::wire::{ApplicationJobState, ApplicationJobType};
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::Store;
use crate::store::jobs::{self, FaultRow, JobRow, JobState, JobType};
use bytes::Bytes;
use futures::Stream;
use http::header::{CONTENT_DISPOSITION, HeaderValue};
use openapi_dropshot::runtime::{Call, Content, Reply};
use serde::Serialize;

/// Lines of a report that are read at a time.
const LINES: i64 = 500;

impl JobsApi for Platform {
    async fn list_jobs(
        &self,
        call: &Call,
        caller: Caller,
        query: ListJobsQuery,
    ) -> Result<Reply<PagedModelApplicationJobResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let (running, sort) = (query.running, order(query.sort.as_ref()));
        let (rows, total) = self
            .store
            .read(move |tx| {
                let rows = jobs::page(tx, application, running, &sort, page.offset(), page.size)?;
                Ok((rows, jobs::total(tx, application, running)?))
            })
            .await?;
        let urls = self.urls(call, application);
        let running = running.map(|running| if running { "true" } else { "false" });
        let query = filters([("running", running)].into_iter().chain(sort_filters(query.sort.as_ref())));
        let page = PagedModelApplicationJobResource {
            embedded: PagedModelApplicationJobResourceEmbedded {
                jobs: rows.into_iter().map(|row| represent(row, &urls)).collect(),
            },
            page: page.metadata(total),
            links: page.links(urls.collection("jobs"), &query, total),
        };
        Ok(page.into())
    }

    async fn retrieve_job(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<ApplicationJobResource>, Error> {
        let application = caller.application;
        let row = self.store.read(move |tx| jobs::get(tx, application, id)).await?.ok_or(Error::NotFound("job"))?;
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn retrieve_job_file(&self, _: &Call, caller: Caller, id: i64) -> Result<Reply<Content>, Error> {
        let application = caller.application;
        let row = self.store.read(move |tx| jobs::get(tx, application, id)).await?.ok_or(Error::NotFound("job"))?;
        // What an export holds is not for those who could not have asked for it.
        caller.require(match row.kind {
            JobType::MessageAnalyticsExport => "read:message",
            JobType::UserAnalyticsExport => "read:user",
            _ => "read:job",
        })?;
        let content = match &row.result {
            Some(key) => Content::stream(self.files.read(key).await?),
            None if has_file(&row) => Content::stream(report(self.store.clone(), application, id)),
            None => return Err(Error::NotFound("file")),
        };
        let disposition = HeaderValue::try_from(format!("attachment; filename=\"job-{id}.jsonl\""));
        let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
        Ok(Reply::new(content).header(CONTENT_DISPOSITION, disposition))
    }
}

/// Whether there is something to be fetched: the report of an import that has ended, or what an export wrote.
fn has_file(row: &JobRow) -> bool {
    row.result.is_some() || row.kind.is_import() && row.ended_time.is_some()
}

/// A line of a report.
#[derive(Serialize)]
struct Line<'f> {
    index: i64,
    field: &'f str,
    code: &'f str,
    message: &'f str,
}

impl<'f> From<&'f FaultRow> for Line<'f> {
    fn from(FaultRow { item, field, code, message, .. }: &'f FaultRow) -> Self {
        Line { index: *item, field, code, message }
    }
}

/// What was wrong with the items of an import.
fn report(
    store: Store,
    application: i64,
    job: i64,
) -> impl Stream<Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>> {
    futures::stream::try_unfold((store, (-1, 0)), move |(store, after)| async move {
        let faults = store.read(move |tx| jobs::faults(tx, application, job, after, LINES)).await?;
        let Some(last) = faults.last().map(|last| (last.item, last.number)) else { return Ok(None) };
        let mut lines = Vec::new();
        for fault in &faults {
            serde_json::to_writer(&mut lines, &Line::from(fault))?;
            lines.push(b'\n');
        }
        Ok(Some((Bytes::from(lines), (store, last))))
    })
}

/// A job as the wire has it.
pub(super) fn represent(row: JobRow, urls: &Urls) -> ApplicationJobResource {
    let file = has_file(&row).then(|| urls.nested("jobs", row.id, "file"));
    ApplicationJobResource {
        type_: match row.kind {
            JobType::ChannelImport => ApplicationJobType::ChannelImport,
            JobType::ChannelMembersImport => ApplicationJobType::ChannelMembersImport,
            JobType::MessageImport => ApplicationJobType::MessageImport,
            JobType::UserImport => ApplicationJobType::UserImport,
            JobType::MessageAnalyticsExport => ApplicationJobType::MessageAnalyticsExport,
            JobType::UserAnalyticsExport => ApplicationJobType::UserAnalyticsExport,
        },
        id: row.id,
        state: match row.state {
            JobState::Pending => ApplicationJobState::Pending,
            JobState::Running => ApplicationJobState::Running,
            JobState::Finished => ApplicationJobState::Finished,
            JobState::Failed => ApplicationJobState::Failed,
        },
        created_time: Timestamp::from_millis(row.created_time),
        ended_time: row.ended_time.map(Timestamp::from_millis),
        progress: ApplicationJobProgress {
            done: row.progress.done,
            skipped: row.progress.skipped,
            failed: row.progress.failed,
        },
        file: file.as_ref().map(|link| link.href.clone()),
        links: ApplicationJobLinks { self_: urls.item("jobs", row.id), file, application: urls.application() },
    }
}
