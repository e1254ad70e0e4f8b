//! Read receipts of messages, and how much of them has not been read.

use super::users::represent_embedded;
use super::{channels, sort_filters};
use crate::Timestamp;
use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{
    MessageReadReceiptLinks, MessageReadReceiptResource, MessageReadReceiptSummaryLinks,
    MessageReadReceiptSummaryResource, PagedModelMessageReadReceiptResource,
    PagedModelMessageReadReceiptResourceEmbedded, PagedModelMessageReadReceiptSummaryResource,
    PagedModelMessageReadReceiptSummaryResourceEmbedded,
};
use crate::generated::server::ReadReceiptsApi;
use crate::generated::server::read_receipts::{
    ListMessageReadReceiptsQuery, RetrieveApplicationMessageReadReceiptSummariesQuery,
};
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::channels as channel_rows;
use crate::store::read_receipts::{self, ReadReceipt};
use crate::store::unread::{self, Summary};
use openapi_dropshot::runtime::{Call, Reply};
use std::collections::{BTreeSet, HashMap};

impl ReadReceiptsApi for Platform {
    async fn list_message_read_receipts(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListMessageReadReceiptsQuery,
    ) -> Result<Reply<PagedModelMessageReadReceiptResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let descending = query.sort.iter().flatten().any(|step| step.ends_with(",desc"));
        let found = self
            .store
            .read(move |tx| {
                let Some(total) = read_receipts::total(tx, application, id)? else { return Ok(None) };
                let receipts = read_receipts::page(tx, application, id, descending, page.offset(), page.size)?;
                Ok(Some((receipts, total)))
            })
            .await?;
        let (receipts, total) = found.ok_or(Error::NotFound("message"))?;
        let urls = self.urls(call, application);
        let query = filters(sort_filters(query.sort.as_ref()));
        let links = page.links(urls.nested("messages", id, "read-receipts"), &query, total);
        let receipts = receipts.into_iter().map(|receipt| represent(receipt, id, &urls)).collect();
        let embedded = PagedModelMessageReadReceiptResourceEmbedded { receipts };
        Ok(PagedModelMessageReadReceiptResource { embedded, page: page.metadata(total), links }.into())
    }

    async fn retrieve_application_message_read_receipt_summaries(
        &self,
        call: &Call,
        caller: Caller,
        query: RetrieveApplicationMessageReadReceiptSummariesQuery,
    ) -> Result<Reply<PagedModelMessageReadReceiptSummaryResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let (summaries, channels, total) = self
            .store
            .read(move |tx| {
                let summaries = unread::summaries(tx, application, page.offset(), page.size)?;
                let ids: BTreeSet<i64> = summaries.iter().map(|summary| summary.channel_id).collect();
                let rows = channel_rows::find_by_ids(tx, application, &ids.into_iter().collect::<Vec<_>>())?;
                let channels = channels::with_users(tx, application, rows)?;
                Ok((summaries, channels, unread::summaries_total(tx, application)?))
            })
            .await?;
        let urls = self.urls(call, application);
        let links = page.links(urls.collection("application/message-read-receipt-summaries"), "", total);
        let channels: HashMap<i64, channels::Channel> =
            channels.into_iter().map(|channel| (channel.row.id, channel)).collect();
        let summary = |summary: Summary| {
            let channel = channels.get(&summary.channel_id)?.clone();
            Some(represent_summary(summary, channel, &urls))
        };
        let summaries = summaries.into_iter().filter_map(summary).collect();
        let embedded = PagedModelMessageReadReceiptSummaryResourceEmbedded { summaries };
        Ok(PagedModelMessageReadReceiptSummaryResource { embedded, page: page.metadata(total), links }.into())
    }
}

/// How much of a channel a member has not read, as the wire has it.
fn represent_summary(summary: Summary, channel: channels::Channel, urls: &Urls) -> MessageReadReceiptSummaryResource {
    let links = MessageReadReceiptSummaryLinks {
        user: urls.item("users", summary.user.id),
        channel: urls.item("channels", summary.channel_id),
        application: urls.application(),
    };
    MessageReadReceiptSummaryResource {
        channel: channels::represent(channel, urls),
        user: represent_embedded(summary.user, urls),
        count: summary.count,
        links,
    }
}

/// A read receipt as the wire has it.
fn represent(receipt: ReadReceipt, message: i64, urls: &Urls) -> MessageReadReceiptResource {
    let links = MessageReadReceiptLinks {
        user: urls.item("users", receipt.user.id),
        message: urls.item("messages", message),
        application: urls.application(),
    };
    MessageReadReceiptResource {
        created_time: Timestamp::from_millis(receipt.created_time),
        user: represent_embedded(receipt.user, urls),
        links,
    }
}
