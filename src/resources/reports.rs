//! Messages that users have reported. Clients report them in their sessions; here they are listed.

use super::messages::{complete, represent};
use super::sort_filters;
use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{PagedModelMessageResource, PagedModelMessageResourceEmbedded};
use crate::generated::server::ReportsApi;
use crate::generated::server::reports::ListChannelReportedMessagesQuery;
use crate::hal::{PageRequest, filters};
use crate::platform::Platform;
use crate::store::{channels, reports};
use openapi_dropshot::runtime::{Call, Reply};

impl ReportsApi for Platform {
    async fn list_channel_reported_messages(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelReportedMessagesQuery,
    ) -> Result<Reply<PagedModelMessageResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        // IDs grow with time, so that the first property decides, whichever it is.
        let descending = query.sort.iter().flatten().next().is_some_and(|step| step.ends_with(",desc"));
        let found = self
            .store
            .read(move |tx| {
                if channels::get(tx, application, id)?.is_none() {
                    return Ok(None);
                }
                let rows = reports::page(tx, application, id, descending, page.offset(), page.size)?;
                Ok(Some((complete(tx, application, rows)?, reports::total(tx, application, id)?)))
            })
            .await?;
        let (messages, total) = found.ok_or(Error::NotFound("channel"))?;
        let urls = self.urls(call, application);
        let query = filters(sort_filters(query.sort.as_ref()));
        let links = page.links(urls.nested("channels", id, "reported-messages"), &query, total);
        let messages = messages.into_iter().map(|message| represent(message, &urls)).collect();
        let embedded = PagedModelMessageResourceEmbedded { messages };
        Ok(PagedModelMessageResource { embedded, page: page.metadata(total), links }.into())
    }
}
