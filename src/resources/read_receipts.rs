//! Read receipts of messages.

use super::sort_filters;
use super::users::represent_embedded;
use crate::Timestamp;
use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{
    MessageReadReceiptLinks, MessageReadReceiptResource, PagedModelMessageReadReceiptResource,
    PagedModelMessageReadReceiptResourceEmbedded,
};
use crate::generated::server::ReadReceiptsApi;
use crate::generated::server::read_receipts::ListMessageReadReceiptsQuery;
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::read_receipts::{self, ReadReceipt};
use openapi_dropshot::runtime::{Call, Reply};

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
