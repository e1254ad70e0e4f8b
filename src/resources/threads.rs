//! Threads: the MAIN one of a channel, and those of the replies to messages.

use super::messages::{Listing, Place, cursor};
use super::{Decision, find_user, properties};
use crate::Timestamp;
use crate::auth::{Caller, now};
use crate::error::Error;
use crate::generated::client::types::{
    CreateDelegatedReplyThreadKeystrokesResource as Keystrokes, CursorPagedModelMessageResource,
    MainReplyThreadResource, MessageReplyThreadResource, ReplyThreadKeystrokesLinks, ReplyThreadKeystrokesResource,
    ReplyThreadLinks, StandaloneReplyThreadResource,
};
use crate::generated::server::ThreadsApi;
use crate::generated::server::threads::{ListThreadMessagesQuery, SendThreadMessageBody};
use crate::generated::wire::{MessageResource, ReplyThreadResource};
use crate::hal::{CursorRequest, Urls};
use crate::platform::Platform;
use crate::store::Tx;
use crate::store::events::{self, Event, EventType};
use crate::store::messages::{self, Scope};
use crate::store::threads::{self, ThreadRow, ThreadType};
use crate::store::users::UserRow;
use openapi_dropshot::runtime::{Call, Reply};

impl ThreadsApi for Platform {
    async fn retrieve_thread(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<ReplyThreadResource>, Error> {
        let application = caller.application;
        let row = self.store.read(move |tx| threads::get(tx, application, id)).await?;
        Ok(represent(&row.ok_or(Error::NotFound("thread"))?, &self.urls(call, application)).into())
    }

    async fn retrieve_message_thread(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
    ) -> Result<Reply<ReplyThreadResource>, Error> {
        let application = caller.application;
        let found = self.store.read(move |tx| match messages::get(tx, application, id)? {
            Some(_) => threads::of_message(tx, application, id).map(Ok),
            None => Ok(Err(Error::NotFound("message"))),
        });
        let row = match found.await?? {
            Some(row) => Some(row),
            // Most messages are never replied to, so that they get a thread only when it is asked for.
            None => {
                self.store
                    .write(move |tx| match messages::get(tx, application, id)? {
                        Some(message) => threads::create_of_message(tx, &message, now()).map(Some),
                        None => Ok(None),
                    })
                    .await?
            }
        };
        Ok(represent(&row.ok_or(Error::NotFound("message"))?, &self.urls(call, application)).into())
    }

    async fn send_thread_keystrokes(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: Keystrokes,
    ) -> Result<Reply<ReplyThreadKeystrokesResource>, Error> {
        let application = caller.application;
        let typed = move |tx: &Tx<'_>| Ok(type_in(tx, application, id, &body)?.map(|found| (found, body)));
        let ((thread, user), body) = self.store.write(typed).await??;
        Ok(represent_keystrokes(&body.keys, &thread, &user, &self.urls(call, application)).into())
    }

    async fn list_thread_messages(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListThreadMessagesQuery,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let request = cursor(CursorRequest::new(query.size, query.start, query.next, query.relation))?;
        let collection = self.urls(call, caller.application).nested("threads", id, "messages");
        self.page(call, &caller, Listing::all(Scope::Thread(id)), request, &collection).await
    }

    async fn send_thread_message(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: SendThreadMessageBody,
    ) -> Result<Reply<MessageResource>, Error> {
        match body {
            SendThreadMessageBody::ApplicationJson(body) => self.send(call, &caller, Place::Thread(id), body).await,
            SendThreadMessageBody::MultipartFormData(parts) => {
                self.send_file(call, &caller, Place::Thread(id), parts).await
            }
        }
    }
}

/// Records what a user types in a thread, for those who follow it.
pub(super) fn type_in(tx: &Tx<'_>, application: i64, id: i64, body: &Keystrokes) -> Decision<(ThreadRow, UserRow)> {
    let Some(thread) = threads::get(tx, application, id)? else { return Ok(Err(Error::NotFound("thread"))) };
    let user = match find_user(tx, application, &body.user, "user")? {
        Ok(user) => user,
        Err(fault) => return Ok(Err(fault.into())),
    };
    let resource = represent_keystrokes(&body.keys, &thread, &user, &Urls::recorded(application));
    let (kind, channel) = (EventType::KeystrokesSent, Some(thread.channel_id));
    events::record(tx, application, Event { kind, channel, resource: &resource }, now())?;
    Ok(Ok((thread, user)))
}

/// Keystrokes as the wire has them.
pub(super) fn represent_keystrokes(
    keys: &str,
    thread: &ThreadRow,
    user: &UserRow,
    urls: &Urls,
) -> ReplyThreadKeystrokesResource {
    ReplyThreadKeystrokesResource {
        keys: keys.to_owned(),
        username: user.name.clone(),
        links: ReplyThreadKeystrokesLinks {
            user: urls.item("users", user.id),
            thread: urls.item("threads", thread.id),
            channel: urls.item("channels", thread.channel_id),
            application: urls.application(),
        },
    }
}

/// A thread as the wire has it.
pub(super) fn represent(row: &ThreadRow, urls: &Urls) -> ReplyThreadResource {
    let (id, created_time, properties) =
        (row.id, Timestamp::from_millis(row.created_time), properties(&row.properties));
    let links = ReplyThreadLinks {
        self_: urls.item("threads", id),
        messages: urls.nested("threads", id, "messages"),
        message: row.message_id.map(|id| urls.item("messages", id)),
        channel: urls.item("channels", row.channel_id),
        application: urls.application(),
    };
    match row.kind {
        ThreadType::Main => {
            MainReplyThreadResource { type_: Default::default(), id, created_time, properties, links }.into()
        }
        ThreadType::Standalone => {
            StandaloneReplyThreadResource { type_: Default::default(), id, created_time, properties, links }.into()
        }
        ThreadType::Message => {
            MessageReplyThreadResource { type_: Default::default(), id, created_time, properties, links }.into()
        }
    }
}
