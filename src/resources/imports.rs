//! Imports: files of JSON whose items are created one by one, by the rules that hold for one.
//!
//! A request is answered when its file is durable. The job then reads the file as a stream: one thread reads and checks
//! the items, and what fits is written in batches, each in one transaction with the progress. What is wrong with an item
//! is noted in the same transaction, and its neighbours are imported all the same.

use super::messages::{Outgoing, Place};
use super::{Decision, channels, find_user, jobs as job_resources, members, messages, stored, users};
use crate::audit;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault, code_of};
use crate::files::Attachment;
use crate::generated::client::types::{
    ApplicationJobResource, ChannelMembershipImport, ChatUserImport, CreateExternalFileProperties,
    CreatePersonChatUserResource, FileImport, ImportFile, UserReference, UsernameReference,
};
use crate::generated::server::ImportsApi;
use crate::generated::server::imports::{
    ImportChannelMembersBody, ImportChannelsBody, ImportMessagesBody, ImportUsersBody,
};
use crate::generated::server::schemas;
use crate::generated::wire::{ChannelImport, MessageImport, ValidationErrorCode};
use crate::jobs::{Interrupted, Work, end};
use crate::naming::{OtherSpelling, Respeller};
use crate::platform::Platform;
use crate::store::audit::Outcome;
use crate::store::jobs::{self, FaultRow, JobRow, JobState, JobType, Lease, NewJob, Progress};
use crate::store::threads::ThreadRow;
use crate::store::users::UserRow;
use crate::store::{StoreError, Tx, files, users as user_rows};
use openapi_dropshot::runtime::{Call, Code, Location, Multipart, Reply, Upload, Violation, schema};
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::cell::Cell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Items of a batch, which bounds how long other writers wait for it.
const BATCH_ITEMS: usize = 256;
/// Bytes of a batch.
const BATCH_BYTES: usize = 1 << 20;
/// Bytes that an item may have: as many as the longest body of a request that creates one.
const ITEM: usize = 1 << 18;
/// Bytes after which an item is not read on.
const LONGEST: usize = 1 << 24;

impl ImportsApi for Platform {
    async fn import_users(
        &self,
        call: &Call,
        caller: Caller,
        body: ImportUsersBody,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        let source = match body {
            ImportUsersBody::MultipartFormData(parts) => Source::Parts(parts),
            ImportUsersBody::ApplicationJson(upload) => Source::Whole(upload),
        };
        self.import(call, &caller, JobType::UserImport, None, source).await
    }

    async fn import_channels(
        &self,
        call: &Call,
        caller: Caller,
        body: ImportChannelsBody,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        let source = match body {
            ImportChannelsBody::MultipartFormData(parts) => Source::Parts(parts),
            ImportChannelsBody::ApplicationJson(upload) => Source::Whole(upload),
        };
        self.import(call, &caller, JobType::ChannelImport, None, source).await
    }

    async fn import_channel_members(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: ImportChannelMembersBody,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        let application = caller.application;
        self.store.read(move |tx| channels::group(tx, application, id)).await??;
        let source = match body {
            ImportChannelMembersBody::MultipartFormData(parts) => Source::Parts(parts),
            ImportChannelMembersBody::ApplicationJson(upload) => Source::Whole(upload),
        };
        self.import(call, &caller, JobType::ChannelMembersImport, Some(id), source).await
    }

    async fn import_messages(
        &self,
        call: &Call,
        caller: Caller,
        body: ImportMessagesBody,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        let source = match body {
            ImportMessagesBody::MultipartFormData(parts) => Source::Parts(parts),
            ImportMessagesBody::ApplicationJson(upload) => Source::Whole(upload),
        };
        self.import(call, &caller, JobType::MessageImport, None, source).await
    }
}

/// How a file comes.
enum Source {
    /// As the part `file`.
    Parts(Multipart<ImportFile>),
    /// As the body.
    Whole(Upload),
}

impl Platform {
    async fn import(
        &self,
        call: &Call,
        caller: &Caller,
        kind: JobType,
        channel_id: Option<i64>,
        source: Source,
    ) -> Result<Reply<ApplicationJobResource>, Error> {
        let application = caller.application;
        let mut writer = self.files.create("import.json".to_owned(), "application/json".to_owned()).await?;
        match source {
            Source::Parts(mut parts) => {
                if let Some(mut part) = parts.next_file().await? {
                    // A body in the other spelling is translated before it comes here, a file in a form is not.
                    let mut respeller = call.request.extensions.get::<OtherSpelling>().map(|_| Respeller::default());
                    while let Some(chunk) = part.chunk().await? {
                        let spelled = respeller.as_mut().map(|respeller| respeller.respell(&chunk).into());
                        writer.write(spelled.unwrap_or(chunk)).await?;
                    }
                    drop(part);
                    if parts.next_file().await?.is_some() {
                        let message = "an import has one file: put all items into its array";
                        return Err(Fault::new("file", ValidationErrorCode::Invalid, message).into());
                    }
                }
                parts.finish().await?;
            }
            Source::Whole(mut upload) => {
                while let Some(chunk) = upload.chunk().await? {
                    writer.write(chunk).await?;
                }
            }
        }
        if writer.size() == 0 {
            let message = "the file is empty: send a JSON array, which may be []";
            return Err(Fault::new("file", ValidationErrorCode::Invalid, message).into());
        }
        let file = writer.finish().await?;
        let act = audit::act(call, caller.application, &caller.client);
        let create = move |tx: &Tx<'_>, file: &files::FileRow| {
            act.record(tx, Outcome::Started, now())?;
            files::take(tx, &file.key)?;
            let job = NewJob { kind, channel_id, last_id: None, origin: None, input: Some(file.key.clone()) };
            jobs::create(tx, application, job, now()).map(Ok)
        };
        let row = self.files.keep(file, create).await?;
        self.jobs.notify_one();
        Ok(job_resources::represent(row, &self.urls(call, application)).into())
    }
}

/// Runs an import to its end, from where it was interrupted before.
pub(crate) async fn run(platform: &Platform, work: &Work) -> Result<(), Interrupted> {
    let job = &work.job;
    let bytes = platform.files.read(job.input.as_deref().unwrap_or_default()).await?;
    let bytes = tokio_util::io::SyncIoBridge::new(tokio_util::io::StreamReader::new(bytes));
    let (sender, mut batches) = mpsc::channel(2);
    let (kind, dealt_with) = (job.kind, job.progress.total());
    let reading = tokio::task::spawn_blocking(move || read(bytes, kind, dealt_with, &sender));
    while let Some(batch) = batches.recv().await {
        work.proceed()?;
        let (job, batch) = (job.clone(), Arc::new(batch));
        work.write(&platform.store, move |tx, lease| write(tx, lease, &job, &batch)).await?;
    }
    match reading.await {
        Ok(Ok(())) => end(platform, work, JobState::Finished, None).await,
        Ok(Err(Broken::File(fault))) => end(platform, work, JobState::Failed, Some(fault)).await,
        Ok(Err(Broken::Reading(error))) => Err(StoreError::Unavailable(error.to_string()).into()),
        Err(_) => Err(StoreError::Panicked.into()),
    }
}

/// An item that fits its schema.
enum Item {
    User(ChatUserImport),
    Channel(ChannelImport),
    Member(ChannelMembershipImport),
    Message(MessageImport),
}

/// Items with their places in the file, each as it can be imported or with what is wrong with it.
type Batch = Vec<(i64, Result<Item, Vec<Violation>>)>;

/// Why a file was not read to its end.
enum Broken {
    /// It is no array of JSON, or not a whole one.
    File(FaultRow),
    /// Its bytes cannot be had.
    Reading(serde_json::Error),
}

/// Reads a file and sends what it holds in batches, without the items that were dealt with before.
fn read(bytes: impl Read, kind: JobType, dealt_with: i64, batches: &mpsc::Sender<Batch>) -> Result<(), Broken> {
    let left = Rc::new(Cell::new(LONGEST));
    let bounded = Bounded { bytes: BufReader::with_capacity(1 << 16, bytes), left: Rc::clone(&left) };
    let mut deserializer = serde_json::Deserializer::from_reader(bounded);
    let mut items = Items { kind, dealt_with, index: 0, size: 0, batch: Vec::new(), left, batches };
    let outcome = items.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let index = items.index;
    // What was read of a file that breaks off is imported; the report says from where on the rest is missing.
    if !items.send() {
        return Ok(());
    }
    outcome.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = match error.classify() {
            serde_json::error::Category::Io if items.left.get() == 0 => {
                format!("the item is longer than {LONGEST} bytes: line {line}, column {column}")
            }
            serde_json::error::Category::Io => return Broken::Reading(error),
            serde_json::error::Category::Eof => {
                format!("the file ends half-way: line {line}, column {column}")
            }
            serde_json::error::Category::Syntax => format!("the file is not JSON: line {line}, column {column}"),
            serde_json::error::Category::Data => "the file must hold a JSON array".to_owned(),
        };
        Broken::File(FaultRow {
            item: index,
            number: 0,
            field: "file".to_owned(),
            code: ValidationErrorCode::Invalid.as_str().to_owned(),
            message,
        })
    })
}

/// Bytes that come to an end, unless somebody sets how many are left anew.
struct Bounded<R> {
    bytes: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let read = self.bytes.read(room)?;
        match self.left.get().checked_sub(read) {
            Some(left) if left > 0 => self.left.set(left),
            _ => {
                self.left.set(0);
                return Err(std::io::Error::other("too long"));
            }
        }
        Ok(read)
    }
}

/// Takes the items of an array one by one.
struct Items<'s> {
    kind: JobType,
    dealt_with: i64,
    /// Of the next item.
    index: i64,
    /// Bytes of the batch.
    size: usize,
    batch: Batch,
    left: Rc<Cell<usize>>,
    batches: &'s mpsc::Sender<Batch>,
}

impl Items<'_> {
    /// Hands the batch over, and says whether anybody takes it.
    fn send(&mut self) -> bool {
        self.size = 0;
        let batch = std::mem::take(&mut self.batch);
        batch.is_empty() || self.batches.blocking_send(batch).is_ok()
    }

    fn take(&mut self, text: &str) -> bool {
        if self.index >= self.dealt_with {
            self.size += text.len();
            self.batch.push((self.index, read_item(self.kind, text)));
        }
        self.index += 1;
        self.left.set(LONGEST);
        let full = self.batch.len() >= BATCH_ITEMS || self.size >= BATCH_BYTES;
        !full || self.send()
    }
}

impl<'de> DeserializeSeed<'de> for &mut Items<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<Box<RawValue>>()? {
            if !self.take(item.get()) {
                return Err(A::Error::custom("nobody wants the rest"));
            }
        }
        Ok(())
    }
}

fn read_item(kind: JobType, text: &str) -> Result<Item, Vec<Violation>> {
    let refused = |code, message: &str| {
        vec![Violation { location: Location::Body, field: String::new(), code, message: message.to_owned() }]
    };
    if text.len() > ITEM {
        return Err(refused(Code::Length, &format!("must not be longer than {ITEM} bytes")));
    }
    let value = serde_json::from_str::<Value>(text)
        .map_err(|_| refused(Code::Format, "must be JSON whose texts are Unicode and whose numbers have bounds"))?;
    match kind {
        JobType::UserImport => schema::read(value, &schemas::CHAT_USER_IMPORT).map(Item::User),
        JobType::ChannelImport => schema::read(value, &schemas::CHANNEL_IMPORT).map(Item::Channel),
        JobType::ChannelMembersImport => schema::read(value, &schemas::CHANNEL_MEMBERSHIP_IMPORT).map(Item::Member),
        _ => schema::read(value, &schemas::MESSAGE_IMPORT).map(Item::Message),
    }
}

/// Imports a batch, and notes the progress and the faults.
fn write(tx: &Tx<'_>, lease: &Lease, job: &JobRow, batch: &Batch) -> Result<(), StoreError> {
    let (mut step, mut named) = (Progress::default(), Named::default());
    for (index, item) in batch {
        let faults = match item {
            Ok(item) => match import(tx, job, item, &mut named)? {
                Ok(true) => {
                    step.done += 1;
                    continue;
                }
                Ok(false) => {
                    step.skipped += 1;
                    continue;
                }
                Err(error) => refused(job.kind, error),
            },
            Err(violations) => {
                let fault = |fault: &Violation| (fault.field.clone(), code_of(fault.code), fault.message.clone());
                violations.iter().map(fault).collect()
            }
        };
        step.failed += 1;
        for (number, (field, code, message)) in (0..).zip(faults) {
            let code = code.as_str().to_owned();
            jobs::note(tx, lease, &FaultRow { item: *index, number, field, code, message })?;
        }
    }
    jobs::advance(tx, lease, step)
}

/// What the messages of a batch name, looked up once: nobody else writes while a batch is written.
#[derive(Default)]
struct Named {
    /// The MAIN threads of channels, and whether messages are kept there.
    channels: HashMap<i64, (ThreadRow, bool)>,
    users: HashMap<String, UserRow>,
}

/// Imports an item, unless its idempotency key is known.
fn import(tx: &Tx<'_>, job: &JobRow, item: &Item, named: &mut Named) -> Decision<bool> {
    let (application, kind, channel) = (job.application_id, job.kind, job.channel_id);
    let key = item.key();
    if let Some(key) = key
        && !jobs::keep_key(tx, application, kind, channel, key)?
    {
        return Ok(Ok(false));
    }
    let outcome = match item {
        Item::User(user) => import_user(tx, application, user)?,
        Item::Channel(channel) => channels::create(tx, application, &channel.clone().into())?.map(|_| ()),
        Item::Member(member) => import_member(tx, application, channel.unwrap_or_default(), member)?,
        Item::Message(message) => import_message(tx, application, message, named)?,
    };
    if let Err(error) = outcome {
        if let Some(key) = key {
            jobs::forget_key(tx, application, kind, channel, key)?;
        }
        return Ok(Err(error));
    }
    Ok(Ok(true))
}

impl Item {
    /// The idempotency key, which older clients call `id`.
    fn key(&self) -> Option<&str> {
        let (key, id) = match self {
            Item::User(user) => (&user.idempotency_key, &user.id),
            Item::Channel(ChannelImport::Public(channel)) => (&channel.idempotency_key, &channel.id),
            Item::Channel(ChannelImport::Private(channel)) => (&channel.idempotency_key, &channel.id),
            Item::Channel(ChannelImport::Direct(channel)) => (&channel.idempotency_key, &channel.id),
            Item::Member(member) => (&member.idempotency_key, &member.id),
            Item::Message(MessageImport::Text(message)) => (&message.idempotency_key, &message.id),
            Item::Message(MessageImport::SystemText(message)) => (&message.idempotency_key, &message.id),
            // The schema admits the document's types only.
            Item::Channel(ChannelImport::Unknown(_)) | Item::Message(MessageImport::Unknown(_)) => return None,
        };
        key.as_deref().or(id.as_deref())
    }
}

fn import_user(tx: &Tx<'_>, application: i64, user: &ChatUserImport) -> Decision<()> {
    let ChatUserImport { name, display_name, guest, is_guest, properties, display_picture, .. } = user.clone();
    let person = CreatePersonChatUserResource { name, display_name, is_guest: guest.or(is_guest), properties };
    let row = match users::create(tx, application, person)? {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(FileImport { url, name, content_type, size, .. }) = display_picture {
        let picture = Attachment::External(CreateExternalFileProperties { url, name, content_type, size });
        user_rows::set_display_picture(tx, application, row.id, &picture.to_text())?;
        users::pictured(tx, application, row.id)?;
    }
    Ok(Ok(()))
}

fn import_member(tx: &Tx<'_>, application: i64, channel: i64, member: &ChannelMembershipImport) -> Decision<()> {
    let reference = UserReference::from(UsernameReference { username: member.username.0.clone() });
    Ok(members::add(tx, application, channel, &reference)?.map(|_| ()))
}

fn import_message(tx: &Tx<'_>, application: i64, message: &MessageImport, named: &mut Named) -> Decision<()> {
    let (channel, user, body, group_tag, properties) = match message.clone() {
        MessageImport::Text(m) => (m.channel_id, Some(m.user), m.body, m.group_tag, m.properties),
        MessageImport::SystemText(m) => (m.channel_id, None, m.body, m.group_tag, m.properties),
        // The schema admits the document's types only.
        MessageImport::Unknown(_) => return Ok(Ok(())),
    };
    let (thread, kept) = match named.channels.entry(channel) {
        Entry::Occupied(found) => found.into_mut(),
        Entry::Vacant(place) => match messages::find(tx, application, Place::Channel(channel), false)? {
            Ok(found) => place.insert(found),
            Err(error) => return Ok(Err(error)),
        },
    };
    if !*kept {
        let message = "an open channel keeps no messages, so that there is nothing to import";
        return Ok(Err(Fault::new("channelId", ValidationErrorCode::Unprocessable, message).into()));
    }
    let user = match user.map(|name| named.users.entry(name.0)) {
        None => None,
        Some(Entry::Occupied(found)) => Some(found.get().clone()),
        Some(Entry::Vacant(place)) => {
            let reference = UsernameReference { username: place.key().clone() }.into();
            match find_user(tx, application, &reference, "user")? {
                Ok(user) => Some(place.insert(user).clone()),
                Err(fault) => return Ok(Err(fault.into())),
            }
        }
    };
    let properties = stored(properties);
    let message = Outgoing { user: None, text: Some(body), file: None, group_tag, properties };
    messages::write(tx, thread, true, user, message).map(|_| Ok(()))
}

/// What the report says of an item that a rule refuses.
fn refused(kind: JobType, error: Error) -> Vec<(String, ValidationErrorCode, String)> {
    match error {
        Error::Invalid(faults) => {
            faults.into_iter().map(|fault| (fault.field, fault.code, fault.message.to_owned())).collect()
        }
        Error::NotFound(what) => {
            let field = if kind == JobType::MessageImport { "channelId" } else { "" };
            vec![(field.to_owned(), ValidationErrorCode::Missing, format!("there is no such {what}"))]
        }
        _ => vec![(String::new(), ValidationErrorCode::Unprocessable, "cannot be imported".to_owned())],
    }
}
