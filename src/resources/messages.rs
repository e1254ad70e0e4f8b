//! Messages.

use super::text::{Name, Span};
use super::users::represent_embedded;
use super::{Decision, applications, channels, find_user, patched, properties, stored, text, threads};
use crate::Timestamp;
use crate::audit;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::files::{Accepts, Attachment};
use crate::generated::client::types::{
    ApplicationResource, ChannelMessageMentionProperties, ChatUserMessageMentionProperties, CreateMessageResource,
    CursorPagedModelMessageResource, CursorPagedModelMessageResourceEmbedded, FileChatUserMessageProperties,
    FileChatUserMessageResource, FileMessageUpload, FileSystemMessageProperties, FileSystemMessageResource, Link,
    MessageLinks, MessageMentionChannelProperties, MessagePropertiesPatch, TextChatUserMessageProperties,
    TextChatUserMessageResource, TextSystemMessageProperties, TextSystemMessageResource, UserReference,
    UsernameReference,
};
use crate::generated::server::MessagesApi;
use crate::generated::server::messages::{ListChannelMessagesQuery, ListMessagesQuery, SendChannelMessageBody};
use crate::generated::wire::{
    ChannelResource, CreateMessageType, DeletedMessageResource, MessageMentionProperties, MessageProperties,
    MessageResource, ReplyThreadResource, ValidationErrorCode,
};
use crate::hal::{CursorRequest, MissingCursor, Urls, filters};
use crate::platform::{NamedApplication, Platform};
use crate::store::audit::Outcome;
use crate::store::channels::{self as channel_rows, ChannelRow, ChannelType};
use crate::store::events::{self, Deleted, Event, EventType};
use crate::store::files::{self, FileOwner, FileRow};
use crate::store::mentions::{self, MentionRow, Mentioned};
use crate::store::messages::{self, Cursor, MessageRow, MessageType, NewMessage, Scope};
use crate::store::search::MessageFilter;
use crate::store::threads::{self as thread_rows, ThreadRow};
use crate::store::users::UserRow;
use crate::store::{StoreError, Tx, users};
use openapi_dropshot::runtime::schema::is_too_deep;
use openapi_dropshot::runtime::{Call, MergePatch, Multipart, Reply};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

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
        let listing = Listing { scope: Scope::Channel(id), username: query.username, text: query.query };
        self.page(call, &caller, listing, request, &collection).await
    }

    async fn send_channel_message(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: SendChannelMessageBody,
    ) -> Result<Reply<MessageResource>, Error> {
        match body {
            SendChannelMessageBody::ApplicationJson(body) => self.send(call, &caller, Place::Channel(id), body).await,
            SendChannelMessageBody::MultipartFormData(parts) => {
                self.send_file(call, &caller, Place::Channel(id), parts).await
            }
        }
    }

    async fn list_messages(
        &self,
        call: &Call,
        caller: Caller,
        query: ListMessagesQuery,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let request = cursor(CursorRequest::new(query.size, query.start, query.next, query.relation))?;
        let collection = self.urls(call, caller.application).collection("messages");
        let listing = Listing { scope: Scope::Application, username: query.username, text: query.query };
        self.page(call, &caller, listing, request, &collection).await
    }

    async fn delete_messages(&self, call: &Call, caller: Caller) -> Result<Reply<ApplicationResource>, Error> {
        let application = caller.application;
        let act = audit::act(call, caller.application, &caller.client);
        // What is sent from now on stays. So this is told before it is done: the events of what stays come behind it.
        let last = self.store.write(move |tx| {
            let last = messages::last_id(tx, application)?;
            act.record(tx, Outcome::Started, now())?;
            if last > 0 {
                applications::record(tx, application, EventType::MessagesDeleted)?;
            }
            Ok(last)
        });
        let last = last.await?;
        if last > 0 {
            // Other writes take their turns in between.
            while self.store.write(move |tx| messages::delete_some(tx, application, last)).await? {}
            self.files.sweep_soon();
        }
        Ok(self.application(call, &caller).await?.into())
    }

    async fn retrieve_message(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<MessageResource>, Error> {
        let application = caller.application;
        let found = self
            .store
            .read(move |tx| match messages::get(tx, application, id)? {
                Some(row) => Ok(complete(tx, application, vec![row])?.pop()),
                None => Ok(None),
            })
            .await?;
        Ok(represent(found.ok_or(Error::NotFound("message"))?, &self.urls(call, application)).into())
    }

    async fn update_message(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: Option<MergePatch<MessagePropertiesPatch>>,
    ) -> Result<Reply<MessageResource>, Error> {
        let application = caller.application;
        let message = self.store.write(move |tx| update(tx, application, id, body)).await??;
        Ok(represent(message, &self.urls(call, application)).into())
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
                    thread_rows::get(tx, application, row.thread_id)?.map(Held::Thread)
                })
            })
            .await?;
        self.files.sweep_soon();
        let answer = match held.ok_or(Error::NotFound("message"))? {
            Held::Channel(channel) => deleted_from(channels::represent(*channel, &urls)),
            Held::Thread(thread) => deleted_from_thread(threads::represent(&thread, &urls)),
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
    /// A page of the messages of an application, a channel, a thread or a user.
    pub(super) async fn page(
        &self,
        call: &Call,
        caller: &Caller,
        listing: Listing,
        request: CursorRequest,
        collection: &Link,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let (application, scope) = (caller.application, listing.scope);
        let unread = matches!(scope, Scope::Unread(_)).then_some("true");
        let query = filters([
            ("username", listing.username.as_deref()),
            ("query", listing.text.as_deref()),
            ("unread", unread),
        ]);
        let found = self
            .store
            .read(move |tx| {
                let missing = match scope {
                    Scope::Application => None,
                    Scope::Channel(id) => channel_rows::get(tx, application, id)?.is_none().then_some("channel"),
                    Scope::Thread(id) => thread_rows::get(tx, application, id)?.is_none().then_some("thread"),
                    Scope::User(id) | Scope::Unread(id) => users::get(tx, application, id)?.is_none().then_some("user"),
                };
                if let Some(missing) = missing {
                    return Ok(Err(Error::NotFound(missing)));
                }
                let mut filter = MessageFilter { user: None, text: listing.text };
                if let Some(name) = &listing.username {
                    // Nobody of that name has sent anything.
                    let Some(user) = users::get_by_name(tx, application, name)? else {
                        return Ok(Ok((Vec::new(), false, false)));
                    };
                    filter.user = Some(user.id);
                }
                let find = |cursor, limit| messages::page(tx, application, scope, &filter, cursor, limit);
                let (rows, newer, older) = page(request, find)?;
                Ok(Ok((complete(tx, application, rows)?, newer, older)))
            })
            .await?;
        let (messages, newer, older) = found?;
        let ids: Vec<i64> = messages.iter().map(|message| message.row.id).collect();
        let (links, page) = request.page(collection, &query, &ids, newer, older);
        let urls = self.urls(call, application);
        let messages = messages.into_iter().map(|message| represent(message, &urls)).collect();
        let embedded = CursorPagedModelMessageResourceEmbedded { messages };
        Ok(CursorPagedModelMessageResource { embedded, page, links }.into())
    }

    /// Sends a message in the MAIN thread of a channel or in another thread.
    pub(super) async fn send(
        &self,
        call: &Call,
        caller: &Caller,
        place: Place,
        body: CreateMessageResource,
    ) -> Result<Reply<MessageResource>, Error> {
        let application = caller.application;
        let outgoing = Outgoing::try_from(body)?;
        let message = self.store.write(move |tx| send(tx, application, place, outgoing)).await??;
        Ok(represent(message, &self.urls(call, application)).into())
    }

    /// Sends a file that is stored here.
    pub(super) async fn send_file(
        &self,
        call: &Call,
        caller: &Caller,
        place: Place,
        parts: Multipart<FileMessageUpload>,
    ) -> Result<Reply<MessageResource>, Error> {
        let application = caller.application;
        // Before the upload, so that nothing is sent to nowhere.
        self.store.read(move |tx| find(tx, application, place, true)).await??;
        let (file, fields) = self.files.receive(parts, Accepts::Anything).await?;
        // The fields come with the file or after it, so that a file whose fields are wrong has to go again.
        let outgoing = Outgoing::try_from(fields);
        let sent = move |tx: &Tx<'_>, file: &FileRow| {
            let outgoing = match outgoing {
                Ok(outgoing) => Outgoing { file: Some(Attachment::from(file)), ..outgoing },
                Err(error) => return Ok(Err(error)),
            };
            let sent = send(tx, application, place, outgoing)?;
            if let Ok(message) = &sent {
                files::attach(tx, application, file, FileOwner::Message(message.row.id), now())?;
            }
            Ok(sent)
        };
        let message = self.files.keep(file, sent).await?;
        Ok(represent(message, &self.urls(call, application)).into())
    }
}

/// Which messages are listed.
pub(super) struct Listing {
    scope: Scope,
    /// The name of their sender.
    username: Option<String>,
    /// Words that stand in them.
    text: Option<String>,
}

impl Listing {
    /// All that there are.
    pub(super) fn all(scope: Scope) -> Self {
        Listing { scope, username: None, text: None }
    }
}

/// Where a message is sent.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Channel(i64),
    Thread(i64),
}

/// A page of messages as `find` gives them, and whether there are newer and older ones.
pub(super) fn page(
    request: CursorRequest,
    find: impl Fn(Cursor, i64) -> Result<Vec<MessageRow>, StoreError>,
) -> Result<(Vec<MessageRow>, bool, bool), StoreError> {
    let CursorRequest { cursor, size } = request;
    // One row more than asked for tells whether the collection goes on.
    let mut rows = find(cursor, size + 1)?;
    let more = i64::try_from(rows.len()).is_ok_and(|found| found > size);
    if let Cursor::After(_) = cursor {
        // The extra row is the newest, the farthest from where the page begins.
        if more {
            rows.remove(0);
        }
        let older = match rows.last() {
            Some(last) => !find(Cursor::Before(last.id), 1)?.is_empty(),
            None => false,
        };
        return Ok((rows, more, older));
    }
    if more {
        rows.pop();
    }
    let newer = match (cursor, rows.first()) {
        (Cursor::Newest, _) | (_, None) => false,
        (_, Some(first)) => !find(Cursor::After(first.id), 1)?.is_empty(),
    };
    Ok((rows, newer, more))
}

/// Which page is asked for, or what is missing to tell.
pub(super) fn cursor(request: Result<CursorRequest, MissingCursor>) -> Result<CursorRequest, Error> {
    request.map_err(|missing| {
        let (field, message) = match missing {
            MissingCursor::Start => ("start", "relation=PREVIOUS needs the start of the page it precedes"),
            MissingCursor::Next => ("next", "relation=NEXT needs the next of the page it follows"),
        };
        Fault::new(field, ValidationErrorCode::MissingField, message).into()
    })
}

/// A message to be sent, however it was asked for.
pub(super) struct Outgoing {
    /// Who sends it, and the field that says so; the application if nobody.
    pub(super) user: Option<(UserReference, &'static str)>,
    /// The text, of a text message.
    pub(super) text: Option<String>,
    /// The file, of a file message.
    pub(super) file: Option<Attachment>,
    /// What holds it together with others.
    pub(super) group_tag: Option<String>,
    /// Custom properties, as the store keeps them.
    pub(super) properties: String,
}

impl TryFrom<CreateMessageResource> for Outgoing {
    type Error = Error;

    /// What belongs to the other type is refused rather than dropped.
    fn try_from(body: CreateMessageResource) -> Result<Self, Error> {
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
        let text = body.body.or(body.name);
        if is_file && body.file.is_none() {
            faults.push(Fault::new("file", MissingField, "a file message needs its file"));
        }
        if !is_file && text.is_none() {
            faults.push(Fault::new("body", MissingField, "a text message needs its text"));
        }
        if !faults.is_empty() {
            return Err(Error::Invalid(faults));
        }
        Ok(Outgoing {
            user: body.user.map(|user| (user, "user")),
            text,
            file: body.file.map(Attachment::External),
            group_tag: body.group_tag,
            properties: stored(body.properties),
        })
    }
}

impl TryFrom<FileMessageUpload> for Outgoing {
    type Error = Error;

    /// The fields beside the file, which is yet to be added.
    fn try_from(fields: FileMessageUpload) -> Result<Self, Error> {
        let properties = match fields.properties.as_deref().map(serde_json::from_str::<Value>) {
            None => None,
            Some(Ok(Value::Object(map))) if map.len() <= 1000 => Some(Value::Object(map)),
            Some(_) => return Err(unreadable_properties()),
        };
        if properties.as_ref().is_some_and(is_too_deep) {
            return Err(unreadable_properties());
        }
        let user = fields.username.map(|username| UsernameReference { username });
        Ok(Outgoing {
            user: user.map(|user| (UserReference::UsernameReference(user), "username")),
            text: None,
            file: None,
            group_tag: fields.group_tag,
            properties: properties.map_or_else(|| "{}".to_owned(), |properties| properties.to_string()),
        })
    }
}

fn unreadable_properties() -> Error {
    let message = "the properties are a JSON object of 1000 members at most, nested no deeper than 100 levels";
    Fault::new("properties", ValidationErrorCode::Invalid, message).into()
}

/// The thread that a message goes to, and whether messages are kept there. A `hosted` file must be.
pub(super) fn find(tx: &Tx<'_>, application: i64, place: Place, hosted: bool) -> Decision<(ThreadRow, bool)> {
    let thread = match place {
        Place::Channel(id) => thread_rows::main_of(tx, application, id)?.ok_or(Error::NotFound("channel")),
        Place::Thread(id) => thread_rows::get(tx, application, id)?.ok_or(Error::NotFound("thread")),
    };
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => return Ok(Err(error)),
    };
    let channel = channel_rows::get(tx, application, thread.channel_id)?;
    let kept = channel.is_some_and(|channel| channel.kind != ChannelType::Open);
    if hosted && !kept {
        let message = "an open channel keeps no files: send the address of one that is stored elsewhere";
        return Ok(Err(Fault::new("file", ValidationErrorCode::Unprocessable, message).into()));
    }
    Ok(Ok((thread, kept)))
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
    complete(tx, application, rows)
}

/// Sends a message as the application, or on behalf of a user. In an OPEN channel it is not kept.
pub(super) fn send(tx: &Tx<'_>, application: i64, place: Place, outgoing: Outgoing) -> Decision<Message> {
    let hosted = matches!(outgoing.file, Some(Attachment::Hosted(_)));
    let (thread, kept) = match find(tx, application, place, hosted)? {
        Ok(found) => found,
        Err(error) => return Ok(Err(error)),
    };
    let user = match &outgoing.user {
        Some((reference, field)) => match find_user(tx, application, reference, field)? {
            Ok(user) => Some(user),
            Err(fault) => return Ok(Err(fault.into())),
        },
        None => None,
    };
    write(tx, &thread, kept, user, outgoing).map(Ok)
}

/// Writes a message of a user, or of the application, in a thread, and records that. What is not kept is only recorded.
pub(super) fn write(
    tx: &Tx<'_>,
    thread: &ThreadRow,
    kept: bool,
    user: Option<UserRow>,
    outgoing: Outgoing,
) -> Result<Message, StoreError> {
    let application = thread.application_id;
    let message = NewMessage {
        kind: match (user.is_some(), outgoing.file.is_some()) {
            (true, false) => MessageType::Text,
            (true, true) => MessageType::File,
            (false, false) => MessageType::SystemText,
            (false, true) => MessageType::SystemFile,
        },
        user_id: user.as_ref().map(|user| user.id),
        body: outgoing.text,
        file: outgoing.file.as_ref().map(Attachment::to_text),
        group_tag: outgoing.group_tag,
        properties: outgoing.properties,
    };
    let row = if kept { messages::create(tx, thread, message, now())? } else { message.row(UNKEPT, thread, now()) };
    let mentions = mentioned(tx, &row)?;
    let message = if mentions.is_empty() {
        Message { row, user, mentions: Vec::new() }
    } else {
        if kept {
            mentions::create(tx, application, &mentions)?;
        }
        with_mentions(tx, application, vec![row], mentions)?.remove(0)
    };
    record(tx, EventType::MessageCreated, &message)?;
    Ok(message)
}

/// Records what happened to a message.
fn record(tx: &Tx<'_>, kind: EventType, message: &Message) -> Result<(), StoreError> {
    let row = &message.row;
    let resource = represent(message.clone(), &Urls::recorded(row.application_id));
    events::record(tx, row.application_id, Event { kind, channel: Some(row.channel_id), resource: &resource }, now())?;
    Ok(())
}

/// Changes the text and the properties of a message.
fn update(
    tx: &Tx<'_>,
    application: i64,
    id: i64,
    patch: Option<MergePatch<MessagePropertiesPatch>>,
) -> Decision<Message> {
    let Some(mut row) = messages::get(tx, application, id)? else { return Ok(Err(Error::NotFound("message"))) };
    let before = row.clone();
    if let Some(patch) = patch {
        let clears = patch.clears("properties");
        if clears || patch.set.properties.is_some() {
            match patched(&row.properties, clears, patch.set.properties) {
                Ok(properties) => row.properties = properties,
                Err(fault) => return Ok(Err(fault.into())),
            }
        }
        if patch.set.body.is_some() {
            if row.body.is_none() {
                return Ok(Err(Fault::new("body", ValidationErrorCode::Invalid, "a file message has no text").into()));
            }
            row.body = patch.set.body;
        }
    }
    let changed = row != before;
    if changed {
        row.last_edited_time = Some(now());
        messages::update(tx, &row)?;
    }
    if row.body != before.body {
        mentions::delete_of_message(tx, application, id)?;
        mentions::create(tx, application, &mentioned(tx, &row)?)?;
    }
    let message = complete(tx, application, vec![row])?.remove(0);
    if changed {
        record(tx, EventType::MessageUpdated, &message)?;
    }
    Ok(Ok(message))
}

/// The mentions of users and channels that exist, as the text of a message has them.
fn mentioned(tx: &Tx<'_>, row: &MessageRow) -> Result<Vec<MentionRow>, StoreError> {
    let names = row.body.as_deref().map(text::names).unwrap_or_default();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (mut user_names, mut channel_names) = (Vec::new(), Vec::new());
    for (name, _) in &names {
        match name {
            Name::User(name) => user_names.push(*name),
            Name::Channel(name) => channel_names.push(*name),
        }
    }
    let users = users::find_by_names(tx, row.application_id, &user_names)?;
    let channels = channel_rows::find_by_names(tx, row.application_id, &channel_names)?;
    let mention = |(name, span): (Name<'_>, Span)| {
        let mentioned = match name {
            Name::User(name) => Mentioned::User(users.iter().find(|user| user.name == name)?.id),
            Name::Channel(name) => {
                Mentioned::Channel(channels.iter().find(|channel| channel.name.as_deref() == Some(name))?.id)
            }
        };
        Some(MentionRow { message_id: row.id, start_position: span.start, end_position: span.end, mentioned })
    };
    Ok(names.into_iter().filter_map(mention).collect())
}

/// The id of a message that is not stored, and so has neither id nor address outside.
const UNKEPT: i64 = 0;

/// A message, the user who sent it, and what it mentions.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) row: MessageRow,
    pub(super) user: Option<UserRow>,
    pub(super) mentions: Vec<(MentionRow, Subject)>,
}

impl Message {
    /// Its ID; 0 if it is not stored.
    pub(super) fn id(&self) -> i64 {
        self.row.id
    }
}

/// Who or what is mentioned.
#[derive(Clone)]
pub(super) enum Subject {
    User(UserRow),
    Channel { row: ChannelRow, creator: Option<UserRow> },
}

/// Messages with all that they show, by a few queries for a whole page.
pub(super) fn complete(tx: &Tx<'_>, application: i64, rows: Vec<MessageRow>) -> Result<Vec<Message>, StoreError> {
    let may_mention = |row: &&MessageRow| row.body.as_deref().is_some_and(text::may_mention);
    let mentioning: Vec<i64> = rows.iter().filter(may_mention).map(|row| row.id).collect();
    let mentions = mentions::of_messages(tx, application, &mentioning)?;
    with_mentions(tx, application, rows, mentions)
}

/// The newest message of each of these channels, by the channel's id.
pub(super) fn latest_of_channels(
    tx: &Tx<'_>,
    application: i64,
    channels: &[i64],
) -> Result<HashMap<i64, Message>, StoreError> {
    let rows = messages::latest_of_channels(tx, application, channels)?;
    let messages = complete(tx, application, rows)?;
    Ok(messages.into_iter().map(|message| (message.row.channel_id, message)).collect())
}

/// Messages with all that they show. `mentions` are theirs, in order.
fn with_mentions(
    tx: &Tx<'_>,
    application: i64,
    rows: Vec<MessageRow>,
    mentions: Vec<MentionRow>,
) -> Result<Vec<Message>, StoreError> {
    let (mut user_ids, mut channel_ids): (BTreeSet<i64>, BTreeSet<i64>) =
        (rows.iter().filter_map(|row| row.user_id).collect(), BTreeSet::new());
    for mention in &mentions {
        match mention.mentioned {
            Mentioned::User(id) => user_ids.insert(id),
            Mentioned::Channel(id) => channel_ids.insert(id),
        };
    }
    let channels = channel_rows::find_by_ids(tx, application, &channel_ids.into_iter().collect::<Vec<_>>())?;
    let channels: HashMap<i64, ChannelRow> = channels.into_iter().map(|channel| (channel.id, channel)).collect();
    user_ids.extend(channels.values().filter_map(|channel| channel.creator_id));
    let users = users::find_by_ids(tx, application, &user_ids.into_iter().collect::<Vec<_>>())?;
    let users: HashMap<i64, UserRow> = users.into_iter().map(|user| (user.id, user)).collect();
    let user = |id: Option<i64>| id.and_then(|id| users.get(&id).cloned());
    let mut by_message: HashMap<i64, Vec<(MentionRow, Subject)>> = HashMap::new();
    for mention in mentions {
        let subject = match mention.mentioned {
            Mentioned::User(id) => user(Some(id)).map(Subject::User),
            Mentioned::Channel(id) => {
                channels.get(&id).map(|row| Subject::Channel { row: row.clone(), creator: user(row.creator_id) })
            }
        };
        if let Some(subject) = subject {
            by_message.entry(mention.message_id).or_default().push((mention, subject));
        }
    }
    let message = |row: MessageRow| Message {
        user: user(row.user_id),
        mentions: by_message.remove(&row.id).unwrap_or_default(),
        row,
    };
    Ok(rows.into_iter().map(message).collect())
}

/// A message as the wire has it.
pub(super) fn represent(message: Message, urls: &Urls) -> MessageResource {
    let Message { row, user, mentions } = message;
    let id = (row.id != UNKEPT).then_some(row.id);
    let links = MessageLinks {
        self_: id.map(|id| urls.item("messages", id)),
        user: row.user_id.map(|id| urls.item("users", id)),
        channel: urls.item("channels", row.channel_id),
        thread: id.map(|_| urls.item("threads", row.thread_id)),
        replies: id.map(|id| urls.nested("messages", id, "thread")),
        read_receipts: id.map(|id| urls.nested("messages", id, "read-receipts")),
        application: urls.application(),
    };
    let (channel_id, group_tag, properties) = (row.channel_id, row.group_tag, properties(&row.properties));
    let created_time = Timestamp::from_millis(row.created_time);
    let last_edited_time = row.last_edited_time.map(Timestamp::from_millis);
    let nested_level = i32::try_from(row.nested_level).unwrap_or(i32::MAX);
    let replies_count = id.map(|_| row.replies);
    let report_count = Some(row.reports).filter(|count| *count > 0);
    let body = row.body.unwrap_or_default();
    let mentions = mentions.into_iter().map(|mention| represent_mention(&body, mention, urls)).collect();
    let body_links = text::links(&body);
    let file = row.file.and_then(|file| Attachment::from_text(&file)).map(|file| file.represent(urls));
    let user = user.map(|user| represent_embedded(user, urls));
    match (user, file) {
        (Some(user), Some(file)) => FileChatUserMessageResource {
            type_: Default::default(),
            id,
            channel_id,
            created_time,
            group_tag,
            last_edited_time,
            nested_level,
            replies_count,
            report_count,
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
            last_edited_time,
            nested_level,
            replies_count,
            report_count,
            properties,
            body,
            body_links,
            mentions,
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
            last_edited_time,
            nested_level,
            replies_count,
            report_count,
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
            last_edited_time,
            nested_level,
            replies_count,
            report_count,
            properties,
            body,
            body_links,
            mentions,
            links,
        }
        .into(),
    }
}

/// A message inside another resource: the same without its links.
pub(super) fn represent_embedded_message(message: Message, urls: &Urls) -> MessageProperties {
    macro_rules! without_links {
        ($message:ident => $properties:ident { $($field:ident),* }) => {
            $properties {
                type_: Default::default(),
                id: $message.id,
                channel_id: $message.channel_id,
                created_time: $message.created_time,
                group_tag: $message.group_tag,
                last_edited_time: $message.last_edited_time,
                nested_level: $message.nested_level,
                replies_count: $message.replies_count,
                report_count: $message.report_count,
                properties: $message.properties,
                $($field: $message.$field,)*
            }
            .into()
        };
    }
    match represent(message, urls) {
        MessageResource::Text(message) => {
            without_links!(message => TextChatUserMessageProperties { body, body_links, mentions, user })
        }
        MessageResource::File(message) => without_links!(message => FileChatUserMessageProperties { file, user }),
        MessageResource::SystemText(message) => {
            without_links!(message => TextSystemMessageProperties { body, body_links, mentions })
        }
        MessageResource::SystemFile(message) => without_links!(message => FileSystemMessageProperties { file }),
        MessageResource::Unknown(message) => MessageProperties::Unknown(message),
    }
}

fn represent_mention(body: &str, (mention, subject): (MentionRow, Subject), urls: &Urls) -> MessageMentionProperties {
    let position = |units: i64| i32::try_from(units).unwrap_or(i32::MAX);
    let (start_position, end_position) = (position(mention.start_position), position(mention.end_position));
    let tag = text::piece(body, Span { start: mention.start_position, end: mention.end_position });
    match subject {
        Subject::User(user) => {
            let user = represent_embedded(user, urls);
            let type_ = Default::default();
            ChatUserMessageMentionProperties { type_, start_position, end_position, tag, user }.into()
        }
        Subject::Channel { row, creator } => {
            let channel = MessageMentionChannelProperties {
                type_: row.kind.as_str().into(),
                id: row.id,
                created_time: Timestamp::from_millis(row.created_time),
                creator: creator.map(|user| represent_embedded(user, urls)),
                name: row.name,
                display_name: row.display_name,
                properties: properties(&row.properties),
            };
            let type_ = Default::default();
            ChannelMessageMentionProperties { type_, start_position, end_position, tag, channel }.into()
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

fn deleted_from_thread(thread: ReplyThreadResource) -> DeletedMessageResource {
    match thread {
        ReplyThreadResource::Main(thread) => thread.into(),
        ReplyThreadResource::Standalone(thread) => thread.into(),
        ReplyThreadResource::Message(thread) => thread.into(),
        ReplyThreadResource::Unknown(thread) => DeletedMessageResource::Unknown(thread),
    }
}
