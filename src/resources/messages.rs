//! Messages.

use super::users::represent_embedded;
use super::{Decision, channels, find_user, properties, stored};
use crate::Timestamp;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::files::Attachment;
use crate::generated::client::types::{
    CreateExternalFileProperties, CreateMessageResource, CursorPagedModelMessageResource,
    CursorPagedModelMessageResourceEmbedded, FileChatUserMessageResource, FileSystemMessageResource, Link,
    MainReplyThreadResource, MessageLinks, MessageReplyThreadResource, ReplyThreadLinks, StandaloneReplyThreadResource,
    TextChatUserMessageResource, TextSystemMessageResource,
};
use crate::generated::server::MessagesApi;
use crate::generated::server::messages::{ListChannelMessagesQuery, ListMessagesQuery};
use crate::generated::wire::{
    ChannelResource, CreateMessageType, DeletedMessageResource, MessageResource, ValidationErrorCode,
};
use crate::hal::{CursorRequest, MissingCursor, Urls};
use crate::platform::{NamedApplication, Platform};
use crate::store::channels::{self as channel_rows, ChannelType};
use crate::store::events::{self, Deleted, Event, EventType};
use crate::store::messages::{self, Cursor, MessageRow, MessageType, NewMessage, Scope};
use crate::store::threads::{self, ThreadRow, ThreadType};
use crate::store::users::UserRow;
use crate::store::{StoreError, Tx, users};
use openapi_dropshot::runtime::{Call, Reply};
use std::collections::HashMap;

impl MessagesApi for Platform {
    async fn list_channel_messages(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelMessagesQuery,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let request = cursor(CursorRequest::new(query.size, query.start, query.next, query.relation))?;
        let collection = self.urls(call, caller.application).nested("channels", id, "messages");
        self.page(call, &caller, Scope { channel: Some(id) }, request, &collection).await
    }

    async fn send_channel_message(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: CreateMessageResource,
    ) -> Result<Reply<MessageResource>, Error> {
        let application = caller.application;
        let content = content(&body)?;
        let message = self.store.write(move |tx| send(tx, application, id, body, content)).await??;
        Ok(represent(message, &self.urls(call, application)).into())
    }

    async fn list_messages(
        &self,
        call: &Call,
        caller: Caller,
        query: ListMessagesQuery,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let request = cursor(CursorRequest::new(query.size, query.start, query.next, query.relation))?;
        let collection = self.urls(call, caller.application).collection("messages");
        self.page(call, &caller, Scope { channel: None }, request, &collection).await
    }

    async fn retrieve_message(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<MessageResource>, Error> {
        let application = caller.application;
        let found = self
            .store
            .read(move |tx| match messages::get(tx, application, id)? {
                Some(row) => Ok(with_users(tx, application, vec![row])?.pop()),
                None => Ok(None),
            })
            .await?;
        Ok(represent(found.ok_or(Error::NotFound("message"))?, &self.urls(call, application)).into())
    }

    async fn delete_message(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
    ) -> Result<Reply<DeletedMessageResource>, Error> {
        let application = caller.application;
        // The older form of the address answers the channel, the newer one the thread.
        let named = call.request.extensions.get::<NamedApplication>().is_some();
        let urls = self.urls(call, application);
        let held = self
            .store
            .write(move |tx| {
                let Some(row) = messages::delete(tx, application, id)? else { return Ok(None) };
                let (kind, channel) = (EventType::MessageDeleted, Some(row.channel_id));
                events::record(tx, application, Event { kind, channel, resource: &Deleted { id } }, now())?;
                Ok(if named {
                    channels::get(tx, application, row.channel_id)?.map(|channel| Held::Channel(Box::new(channel)))
                } else {
                    threads::main_of(tx, application, row.channel_id)?.map(Held::Thread)
                })
            })
            .await?;
        self.files.sweep_soon();
        let answer = match held.ok_or(Error::NotFound("message"))? {
            Held::Channel(channel) => deleted_from(channels::represent(*channel, &urls)),
            Held::Thread(thread) => represent_thread(&thread, &urls),
        };
        Ok(answer.into())
    }
}

/// What held a message that is gone.
enum Held {
    Channel(Box<channels::Channel>),
    Thread(ThreadRow),
}

impl Platform {
    async fn page(
        &self,
        call: &Call,
        caller: &Caller,
        scope: Scope,
        request: CursorRequest,
        collection: &Link,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let application = caller.application;
        let found = self
            .store
            .read(move |tx| {
                if let Some(channel) = scope.channel
                    && channel_rows::get(tx, application, channel)?.is_none()
                {
                    return Ok(None);
                }
                page(tx, application, scope, request).map(Some)
            })
            .await?;
        let (messages, newer, older) = found.ok_or(Error::NotFound("channel"))?;
        let ids: Vec<i64> = messages.iter().map(|message| message.row.id).collect();
        let (links, page) = request.page(collection, &ids, newer, older);
        let urls = self.urls(call, application);
        let messages = messages.into_iter().map(|message| represent(message, &urls)).collect();
        let embedded = CursorPagedModelMessageResourceEmbedded { messages };
        Ok(CursorPagedModelMessageResource { embedded, page, links }.into())
    }
}

/// A page of messages, and whether there are newer and older ones.
fn page(
    tx: &Tx<'_>,
    application: i64,
    scope: Scope,
    request: CursorRequest,
) -> Result<(Vec<Message>, bool, bool), StoreError> {
    let CursorRequest { cursor, size } = request;
    // One row more than asked for tells whether the collection goes on.
    let mut rows = messages::page(tx, application, scope, cursor, size + 1)?;
    let more = i64::try_from(rows.len()).is_ok_and(|found| found > size);
    let (newer, older) = if let Cursor::After(_) = cursor {
        // The extra row is the newest, the farthest from where the page begins.
        if more {
            rows.remove(0);
        }
        let last = rows.last().map(|row| row.id);
        let older = match last {
            Some(last) => !messages::page(tx, application, scope, Cursor::Before(last), 1)?.is_empty(),
            None => false,
        };
        (more, older)
    } else {
        if more {
            rows.pop();
        }
        let newer = match (cursor, rows.first()) {
            (Cursor::Newest, _) | (_, None) => false,
            (_, Some(first)) => messages::exists_newer(tx, application, scope, first.id)?,
        };
        (newer, more)
    };
    Ok((with_users(tx, application, rows)?, newer, older))
}

fn cursor(request: Result<CursorRequest, MissingCursor>) -> Result<CursorRequest, Error> {
    request.map_err(|missing| {
        let (field, message) = match missing {
            MissingCursor::Start => ("start", "relation=PREVIOUS needs the start of the page it precedes"),
            MissingCursor::Next => ("next", "relation=NEXT needs the next of the page it follows"),
        };
        Fault::new(field, ValidationErrorCode::MissingField, message).into()
    })
}

/// A text, or a file that is stored elsewhere.
pub(super) enum Body {
    Text(String),
    File(CreateExternalFileProperties),
}

/// What the message says; what belongs to the other type is refused rather than dropped.
pub(super) fn content(body: &CreateMessageResource) -> Result<Body, Error> {
    use ValidationErrorCode::{Invalid, MissingField};
    let is_file = matches!(body.type_, Some(CreateMessageType::File));
    let mut faults = Vec::new();
    if is_file && (body.body.is_some() || body.name.is_some()) {
        let field = if body.body.is_some() { "body" } else { "name" };
        faults.push(Fault::new(field, Invalid, "a file message has no text"));
    }
    if !is_file && body.file.is_some() {
        faults.push(Fault::new("file", Invalid, "a text message has no file: send type FILE"));
    }
    if !is_file && body.body.is_some() && body.name.is_some() {
        faults.push(Fault::new("name", Invalid, "name is another name of body: send one of the two"));
    }
    let content = match (is_file, body.body.as_ref().or(body.name.as_ref()), &body.file) {
        (false, Some(text), _) => Some(Body::Text(text.clone())),
        (true, _, Some(file)) => Some(Body::File(file.clone())),
        (false, None, _) => {
            faults.push(Fault::new("body", MissingField, "a text message needs its text"));
            None
        }
        (true, _, None) => {
            faults.push(Fault::new("file", MissingField, "a file message needs its file"));
            None
        }
    };
    content.filter(|_| faults.is_empty()).ok_or(Error::Invalid(faults))
}

/// At most `limit` of the messages with IDs above `after` up to `last`, by ID.
pub(super) fn following(
    tx: &Tx<'_>,
    application: i64,
    after: i64,
    last: i64,
    limit: i64,
) -> Result<Vec<Message>, StoreError> {
    let rows = messages::following(tx, application, after, last, limit)?;
    with_users(tx, application, rows)
}

/// Sends a message as the application, or on behalf of a user. In an OPEN channel it is not kept.
pub(super) fn send(
    tx: &Tx<'_>,
    application: i64,
    channel_id: i64,
    body: CreateMessageResource,
    content: Body,
) -> Decision<Message> {
    let Some(channel) = channel_rows::get(tx, application, channel_id)? else {
        return Ok(Err(Error::NotFound("channel")));
    };
    let user = match &body.user {
        Some(reference) => match find_user(tx, application, reference, "user")? {
            Ok(user) => Some(user),
            Err(fault) => return Ok(Err(fault.into())),
        },
        None => None,
    };
    let (text, file) = match content {
        Body::Text(text) => (Some(text), None),
        Body::File(file) => (None, Some(file)),
    };
    let message = NewMessage {
        channel_id,
        kind: match (user.is_some(), file.is_some()) {
            (true, false) => MessageType::Text,
            (true, true) => MessageType::File,
            (false, false) => MessageType::SystemText,
            (false, true) => MessageType::SystemFile,
        },
        user_id: user.as_ref().map(|user| user.id),
        body: text,
        file: file.map(|file| Attachment::External(file).to_text()),
        group_tag: body.group_tag,
        properties: stored(body.properties),
    };
    if channel.kind == ChannelType::Open {
        let NewMessage { channel_id, kind, user_id, body, file, group_tag, properties } = message;
        let (application_id, created_time) = (application, now());
        let row = MessageRow {
            id: 0,
            application_id,
            channel_id,
            kind,
            user_id,
            body,
            file,
            group_tag,
            nested_level: 0,
            properties,
            created_time,
        };
        let message = Message { row, user, kept: false };
        record(tx, EventType::MessageCreated, &message)?;
        return Ok(Ok(message));
    }
    let row = messages::create(tx, application, message, now())?;
    let message = Message { row, user, kept: true };
    record(tx, EventType::MessageCreated, &message)?;
    Ok(Ok(message))
}

/// Records what happened to a message.
fn record(tx: &Tx<'_>, kind: EventType, message: &Message) -> Result<(), StoreError> {
    let row = &message.row;
    let resource = represent(message.clone(), &Urls::recorded(row.application_id));
    events::record(tx, row.application_id, Event { kind, channel: Some(row.channel_id), resource: &resource }, now())?;
    Ok(())
}

/// A message and the user who sent it.
#[derive(Clone)]
pub(super) struct Message {
    row: MessageRow,
    user: Option<UserRow>,
    /// Whether it is stored, and so has an id and an address.
    kept: bool,
}

impl Message {
    /// Its ID; 0 if it is not stored.
    pub(super) fn id(&self) -> i64 {
        self.row.id
    }
}

fn with_users(tx: &Tx<'_>, application: i64, rows: Vec<MessageRow>) -> Result<Vec<Message>, StoreError> {
    let ids: Vec<i64> = rows.iter().filter_map(|row| row.user_id).collect();
    let users: HashMap<i64, UserRow> =
        users::find_by_ids(tx, application, &ids)?.into_iter().map(|user| (user.id, user)).collect();
    let message =
        |row: MessageRow| Message { user: row.user_id.and_then(|id| users.get(&id).cloned()), row, kept: true };
    Ok(rows.into_iter().map(message).collect())
}

/// A message as the wire has it.
pub(super) fn represent(message: Message, urls: &Urls) -> MessageResource {
    let Message { row, user, kept } = message;
    let links = MessageLinks {
        self_: kept.then(|| urls.item("messages", row.id)),
        user: row.user_id.map(|id| urls.item("users", id)),
        channel: urls.item("channels", row.channel_id),
        application: urls.application(),
    };
    let id = kept.then_some(row.id);
    let (channel_id, group_tag, properties) = (row.channel_id, row.group_tag, properties(&row.properties));
    let created_time = Timestamp::from_millis(row.created_time);
    let nested_level = i32::try_from(row.nested_level).unwrap_or(i32::MAX);
    let body = row.body.unwrap_or_default();
    let file = row.file.and_then(|file| Attachment::from_text(&file)).map(|file| file.represent(urls));
    let user = user.map(|user| represent_embedded(user, urls));
    match (user, file) {
        (Some(user), Some(file)) => FileChatUserMessageResource {
            type_: Default::default(),
            id,
            channel_id,
            created_time,
            group_tag,
            nested_level,
            properties,
            file,
            user,
            links,
        }
        .into(),
        (Some(user), None) => TextChatUserMessageResource {
            type_: Default::default(),
            id,
            channel_id,
            created_time,
            group_tag,
            nested_level,
            properties,
            body,
            user,
            links,
        }
        .into(),
        (None, Some(file)) => FileSystemMessageResource {
            type_: Default::default(),
            id,
            channel_id,
            created_time,
            group_tag,
            nested_level,
            properties,
            file,
            links,
        }
        .into(),
        (None, None) => TextSystemMessageResource {
            type_: Default::default(),
            id,
            channel_id,
            created_time,
            group_tag,
            nested_level,
            properties,
            body,
            links,
        }
        .into(),
    }
}

fn represent_thread(row: &ThreadRow, urls: &Urls) -> DeletedMessageResource {
    let (id, created_time, properties) =
        (row.id, Timestamp::from_millis(row.created_time), properties(&row.properties));
    let links = ReplyThreadLinks { channel: urls.item("channels", row.channel_id), application: urls.application() };
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

fn deleted_from(channel: ChannelResource) -> DeletedMessageResource {
    match channel {
        ChannelResource::Open(channel) => channel.into(),
        ChannelResource::Public(channel) => channel.into(),
        ChannelResource::Private(channel) => channel.into(),
        ChannelResource::Direct(channel) => channel.into(),
        ChannelResource::Unknown(channel) => DeletedMessageResource::Unknown(channel),
    }
}
