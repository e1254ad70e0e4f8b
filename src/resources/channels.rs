//! Channels.

use super::messages::{Message, represent_embedded_message};
use super::threads::{represent_keystrokes, type_in};
use super::users::represent_embedded;
use super::{Decision, find_user, messages, order, patched, properties, properties_filter, sort_filters, stored};
use crate::Timestamp;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::generated::client::types::{
    ApplicationResource, ChannelEventLinks, ChannelGenericEventResource, ChannelLinks, ChannelPropertiesPatch,
    CreateChannelGenericEventResource, CreateDelegatedReplyThreadKeystrokesResource as Keystrokes,
    DirectChannelResource, OpenChannelResource, PageLinks, PageMetadata, PagedModelChannelResource,
    PagedModelChannelResourceEmbedded, PrivateChannelResource, Properties, PublicChannelResource,
    ReplyThreadKeystrokesResource, UserReference, Username, UsernameReference,
};
use crate::generated::server::ChannelsApi;
use crate::generated::server::channels::ListChannelsQuery;
use crate::generated::wire::{
    ChannelImport, ChannelResource, ChannelType as WireType, CreateChannelResource, ValidationErrorCode,
};
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::channels::{self, ChannelFilter, ChannelRow, ChannelType, NewChannel};
use crate::store::events::{self, Deleted, Event, EventType};
use crate::store::users::UserRow;
use crate::store::{StoreError, Tx, members, threads, users};
use openapi_dropshot::runtime::{Call, MergePatch, Reply};
use std::collections::HashMap;

/// Users that a direct channel has: one other at least, nine others at most.
const DIRECT_MEMBERS: std::ops::RangeInclusive<usize> = 2..=10;

impl ChannelsApi for Platform {
    async fn list_channels(
        &self,
        call: &Call,
        caller: Caller,
        query: ListChannelsQuery,
    ) -> Result<Reply<PagedModelChannelResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let (kind, sort) = (query.type_.as_ref().map(stored_type), order(query.sort.as_ref()));
        let names: Option<Vec<String>> = query
            .members
            .as_ref()
            .map(|list| list.iter().flat_map(|item| item.split(',')).map(str::to_owned).collect());
        let start_time = time_filter("startTime", query.start_time.as_ref())?;
        let end_time = time_filter("endTime", query.end_time.as_ref())?;
        let properties = properties_filter(query.properties.as_ref())?;
        let (rows, total) = self
            .store
            .read(move |tx| {
                let mut filter = ChannelFilter { kind, members: Vec::new(), start_time, end_time, properties };
                for name in names.iter().flatten() {
                    // Nobody of that name is in any channel.
                    let Some(user) = users::get_by_name(tx, application, name)? else { return Ok((Vec::new(), 0)) };
                    filter.members.push(user.id);
                }
                let rows = channels::page(tx, application, &filter, &sort, page.offset(), page.size)?;
                Ok((with_users(tx, application, rows)?, channels::total(tx, application, &filter)?))
            })
            .await?;
        let urls = self.urls(call, application);
        let members = query.members.iter().flatten().map(|name| ("members", Some(name.as_str())));
        let kind = query.type_.as_ref().map(WireType::as_str);
        let others = [
            ("startTime", query.start_time.as_deref()),
            ("endTime", query.end_time.as_deref()),
            ("properties", query.properties.as_deref()),
        ];
        let sort = sort_filters(query.sort.as_ref());
        let query = filters([("type", kind)].into_iter().chain(members).chain(others).chain(sort));
        let links = page.links(urls.collection("channels"), &query, total);
        Ok(represent_page(rows, &urls, page.metadata(total), links).into())
    }

    async fn create_channel(
        &self,
        call: &Call,
        caller: Caller,
        body: CreateChannelResource,
    ) -> Result<Reply<ChannelResource>, Error> {
        let application = caller.application;
        let wanted = Wanted::from(body);
        let channel = self.store.write(move |tx| create(tx, application, &wanted)).await??;
        Ok(represent(channel, &self.urls(call, application)).into())
    }

    async fn retrieve_channel(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<ChannelResource>, Error> {
        let application = caller.application;
        let channel = self.store.read(move |tx| get(tx, application, id)).await?.ok_or(Error::NotFound("channel"))?;
        Ok(represent(channel, &self.urls(call, application)).into())
    }

    async fn update_channel(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: Option<MergePatch<ChannelPropertiesPatch>>,
    ) -> Result<Reply<ChannelResource>, Error> {
        let application = caller.application;
        let Some(patch) = body else { return self.retrieve_channel(call, caller, id).await };
        let channel = self.store.write(move |tx| update(tx, application, id, patch)).await??;
        Ok(represent(channel, &self.urls(call, application)).into())
    }

    async fn send_channel_event(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: CreateChannelGenericEventResource,
    ) -> Result<Reply<ChannelGenericEventResource>, Error> {
        let application = caller.application;
        let urls = self.urls(call, application);
        let sent = move |urls: &Urls| ChannelGenericEventResource {
            type_: body.type_.clone(),
            properties: body.properties.clone().unwrap_or_else(|| properties("{}")),
            links: ChannelEventLinks { channel: urls.item("channels", id), application: urls.application() },
        };
        let record = move |tx: &Tx<'_>| {
            if channels::get(tx, application, id)?.is_none() {
                return Ok(Err(Error::NotFound("channel")));
            }
            let resource = sent(&Urls::recorded(application));
            let event = Event { kind: EventType::ChannelEventSent, channel: Some(id), resource: &resource };
            events::record(tx, application, event, now())?;
            Ok(Ok(sent(&urls)))
        };
        Ok(self.store.write(record).await??.into())
    }

    async fn send_channel_keystrokes(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: Keystrokes,
    ) -> Result<Reply<ReplyThreadKeystrokesResource>, Error> {
        let application = caller.application;
        let typed = move |tx: &Tx<'_>| {
            let Some(thread) = threads::main_of(tx, application, id)? else {
                return Ok(Err(Error::NotFound("channel")));
            };
            Ok(type_in(tx, application, thread.id, &body)?.map(|found| (found, body)))
        };
        let ((thread, user), body) = self.store.write(typed).await??;
        Ok(represent_keystrokes(&body.keys, &thread, &user, &self.urls(call, application)).into())
    }

    async fn delete_channel(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<ApplicationResource>, Error> {
        let application = caller.application;
        let deleted = self.store.write(move |tx| {
            let deleted = channels::delete(tx, application, id)?;
            if deleted {
                let event = Event { kind: EventType::ChannelDeleted, channel: Some(id), resource: &Deleted { id } };
                events::record(tx, application, event, now())?;
            }
            Ok(deleted)
        });
        if !deleted.await? {
            return Err(Error::NotFound("channel"));
        }
        self.files.sweep_soon();
        Ok(self.application(call, &caller).await?.into())
    }
}

/// What the kinds of request, and of items to import, have in common.
pub(super) struct Wanted {
    kind: ChannelType,
    name: Option<String>,
    display_name: Option<String>,
    creator: Option<UserReference>,
    members: Vec<UserReference>,
    properties: Option<Properties>,
}

impl From<CreateChannelResource> for Wanted {
    fn from(body: CreateChannelResource) -> Self {
        let named = |kind, name, display_name, creator, members, properties| Wanted {
            kind,
            name,
            display_name,
            creator,
            members,
            properties,
        };
        match body {
            CreateChannelResource::Open(b) => {
                named(ChannelType::Open, b.name, b.display_name, b.creator, Vec::new(), b.properties)
            }
            CreateChannelResource::Public(b) => {
                named(ChannelType::Public, b.name, b.display_name, b.creator, b.members, b.properties)
            }
            CreateChannelResource::Private(b) => {
                named(ChannelType::Private, b.name, b.display_name, b.creator, b.members, b.properties)
            }
            CreateChannelResource::Direct(b) => {
                named(ChannelType::Direct, None, None, b.creator, b.members, b.properties)
            }
            // The checks before the handler admit the document's types only.
            CreateChannelResource::Unknown(_) => named(ChannelType::Open, None, None, None, Vec::new(), None),
        }
    }
}

impl From<ChannelImport> for Wanted {
    fn from(item: ChannelImport) -> Self {
        let reference = |name: Username| UsernameReference { username: name.0 }.into();
        let wanted = |kind, name, display_name, creator: Option<Username>, members: Vec<Username>, properties| Wanted {
            kind,
            name,
            display_name,
            creator: creator.map(reference),
            members: members.into_iter().map(reference).collect(),
            properties,
        };
        match item {
            ChannelImport::Public(i) => {
                wanted(ChannelType::Public, i.name, i.display_name, i.creator, i.members, i.properties)
            }
            ChannelImport::Private(i) => {
                wanted(ChannelType::Private, i.name, i.display_name, i.creator, i.members, i.properties)
            }
            ChannelImport::Direct(i) => wanted(ChannelType::Direct, None, None, i.creator, i.members, i.properties),
            // The checks before the import admit the document's types only.
            ChannelImport::Unknown(_) => wanted(ChannelType::Open, None, None, None, Vec::new(), None),
        }
    }
}

/// Creates a channel, or finds the equivalent one: the same type and name, or the same members of a DIRECT channel.
pub(super) fn create(tx: &Tx<'_>, application: i64, wanted: &Wanted) -> Decision<Channel> {
    let (mut faults, mut member_ids) = (Vec::new(), Vec::new());
    let mut creator_id = None;
    if let Some(reference) = &wanted.creator {
        match find_user(tx, application, reference, "creator")? {
            Ok(user) => creator_id = Some(user.id),
            Err(fault) => faults.push(fault),
        }
    }
    for (index, reference) in wanted.members.iter().enumerate() {
        let field = format!("members[{index}]");
        match find_user(tx, application, reference, &field)? {
            Ok(user) if wanted.kind == ChannelType::Direct && member_ids.contains(&user.id) => {
                faults.push(Fault::new(field, ValidationErrorCode::Invalid, "this user is named twice"));
            }
            Ok(user) if !member_ids.contains(&user.id) => member_ids.push(user.id),
            Ok(_) => {}
            Err(fault) => faults.push(fault),
        }
    }
    // An open channel has no members; elsewhere the creator is one.
    if wanted.kind != ChannelType::Open {
        member_ids.extend(creator_id.filter(|id| !member_ids.contains(id)));
    }
    if wanted.kind == ChannelType::Direct && faults.is_empty() && !DIRECT_MEMBERS.contains(&member_ids.len()) {
        let message = "a direct channel has 2 to 10 users, the creator among them";
        faults.push(Fault::new("members", ValidationErrorCode::Unprocessable, message));
    }
    if !faults.is_empty() {
        return Ok(Err(Error::Invalid(faults)));
    }
    let existing = match (&wanted.name, wanted.kind) {
        (_, ChannelType::Direct) => channels::find_direct(tx, application, &member_ids)?,
        (Some(name), _) => channels::find_by_name(tx, application, name)?,
        (None, _) => None,
    };
    let row = match existing {
        Some(row) if row.kind == wanted.kind => row,
        Some(_) => {
            let message = "a channel of another type has this name";
            return Ok(Err(Fault::new("name", ValidationErrorCode::AlreadyExists, message).into()));
        }
        None => {
            let named = wanted.kind != ChannelType::Direct;
            let name = named.then(|| wanted.name.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()));
            let channel = NewChannel {
                kind: wanted.kind,
                display_name: wanted.display_name.clone().or_else(|| name.clone()),
                name,
                creator_id,
                members: member_ids,
                properties: stored(wanted.properties.clone()),
            };
            let row = channels::create(tx, application, channel, now())?;
            let channel = with_users(tx, application, vec![row])?.remove(0);
            record(tx, EventType::ChannelCreated, &channel)?;
            return Ok(Ok(channel));
        }
    };
    Ok(Ok(with_users(tx, application, vec![row])?.remove(0)))
}

/// Records what happened to a channel.
fn record(tx: &Tx<'_>, kind: EventType, channel: &Channel) -> Result<(), StoreError> {
    let (application, id) = (channel.row.application_id, channel.row.id);
    let resource = represent(channel.clone(), &Urls::recorded(application));
    events::record(tx, application, Event { kind, channel: Some(id), resource: &resource }, now())?;
    Ok(())
}

/// Changes what a patch names. A display name that is cleared is the name again.
fn update(tx: &Tx<'_>, application: i64, id: i64, patch: MergePatch<ChannelPropertiesPatch>) -> Decision<Channel> {
    let Some(mut row) = channels::get(tx, application, id)? else { return Ok(Err(Error::NotFound("channel"))) };
    let clears = ["displayName", "properties"].map(|name| patch.clears(name));
    let ChannelPropertiesPatch { display_name, properties } = patch.set;
    if display_name.is_some() && row.kind == ChannelType::Direct {
        let message = "a direct channel has no names";
        return Ok(Err(Fault::new("displayName", ValidationErrorCode::Unprocessable, message).into()));
    }
    row.display_name = if clears[0] { row.name.clone() } else { display_name.or(row.display_name) };
    row.properties = match patched(&row.properties, clears[1], properties) {
        Ok(properties) => properties,
        Err(fault) => return Ok(Err(fault.into())),
    };
    channels::update(tx, application, id, row.display_name.as_deref(), &row.properties)?;
    let channel = with_users(tx, application, vec![row])?.remove(0);
    record(tx, EventType::ChannelUpdated, &channel)?;
    Ok(Ok(channel))
}

/// A channel, the users it shows and its newest message.
#[derive(Clone)]
pub(super) struct Channel {
    pub(super) row: ChannelRow,
    creator: Option<UserRow>,
    members: Vec<UserRow>,
    latest: Option<Message>,
}

/// The channel with this id and the users it shows.
pub(super) fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<Channel>, StoreError> {
    let Some(row) = channels::get(tx, application, id)? else { return Ok(None) };
    Ok(with_users(tx, application, vec![row])?.pop())
}

/// Finds the channel fit to have its members changed.
pub(super) fn group(tx: &Tx<'_>, application: i64, id: i64) -> Decision<()> {
    let Some(channel) = channels::get(tx, application, id)? else { return Ok(Err(Error::NotFound("channel"))) };
    if channel.kind.is_group() {
        return Ok(Ok(()));
    }
    let message = match channel.kind {
        ChannelType::Direct => "the members of a direct channel are fixed",
        _ => "an open channel has no members",
    };
    Ok(Err(Fault::new("id", ValidationErrorCode::Unprocessable, message).into()))
}

/// Channels with their creators, the members of the DIRECT ones and their newest messages, by a few queries for a whole
/// page.
pub(super) fn with_users(tx: &Tx<'_>, application: i64, rows: Vec<ChannelRow>) -> Result<Vec<Channel>, StoreError> {
    let creators: Vec<i64> = rows.iter().filter_map(|row| row.creator_id).collect();
    let direct: Vec<i64> = rows.iter().filter(|row| row.kind == ChannelType::Direct).map(|row| row.id).collect();
    let creators: HashMap<i64, UserRow> =
        users::find_by_ids(tx, application, &creators)?.into_iter().map(|user| (user.id, user)).collect();
    let mut joined: HashMap<i64, Vec<UserRow>> = HashMap::new();
    for (channel, user) in members::of_channels(tx, application, &direct)? {
        joined.entry(channel).or_default().push(user);
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut latest = messages::latest_of_channels(tx, application, &ids)?;
    let channel = |row: ChannelRow| Channel {
        latest: latest.remove(&row.id),
        creator: row.creator_id.and_then(|id| creators.get(&id).cloned()),
        members: joined.remove(&row.id).unwrap_or_default(),
        row,
    };
    Ok(rows.into_iter().map(channel).collect())
}

/// A channel as the wire has it.
pub(super) fn represent(channel: Channel, urls: &Urls) -> ChannelResource {
    let Channel { row, creator, members, latest } = channel;
    let id = row.id;
    let created_time = Timestamp::from_millis(row.created_time);
    let creator = creator.map(|user| represent_embedded(user, urls));
    let last_received_message = latest.map(|message| represent_embedded_message(message, urls));
    let properties = properties(&row.properties);
    let (name, display_name) = (row.name.unwrap_or_default(), row.display_name.unwrap_or_default());
    let of_group = |nested| row.kind.is_group().then(|| urls.nested("channels", id, nested));
    let links = ChannelLinks {
        self_: urls.item("channels", id),
        participants: urls.nested("channels", id, "participants"),
        messages: urls.nested("channels", id, "messages"),
        reported_messages: urls.nested("channels", id, "reported-messages"),
        events: urls.nested("channels", id, "events"),
        members: of_group("members"),
        memberships: of_group("memberships"),
        moderators: of_group("moderators"),
        invites: of_group("invites"),
        application: urls.application(),
    };
    match row.kind {
        ChannelType::Open => {
            let type_ = Default::default();
            OpenChannelResource {
                type_,
                id,
                created_time,
                creator,
                last_received_message,
                properties,
                name,
                display_name,
                links,
            }
            .into()
        }
        ChannelType::Public => {
            let type_ = Default::default();
            PublicChannelResource {
                type_,
                id,
                created_time,
                creator,
                last_received_message,
                properties,
                name,
                display_name,
                links,
            }
            .into()
        }
        ChannelType::Private => {
            let type_ = Default::default();
            PrivateChannelResource {
                type_,
                id,
                created_time,
                creator,
                last_received_message,
                properties,
                name,
                display_name,
                links,
            }
            .into()
        }
        ChannelType::Direct => {
            let members = members.into_iter().map(|user| represent_embedded(user, urls)).collect();
            let type_ = Default::default();
            DirectChannelResource {
                type_,
                id,
                created_time,
                creator,
                last_received_message,
                properties,
                members,
                links,
            }
            .into()
        }
    }
}

/// A page of channels as the wire has it.
pub(super) fn represent_page(
    channels: Vec<Channel>,
    urls: &Urls,
    page: PageMetadata,
    links: PageLinks,
) -> PagedModelChannelResource {
    let channels = channels.into_iter().map(|channel| represent(channel, urls)).collect();
    PagedModelChannelResource { embedded: PagedModelChannelResourceEmbedded { channels }, page, links }
}

/// A filter by time, in milliseconds since the epoch.
fn time_filter(field: &str, text: Option<&String>) -> Result<Option<i64>, Error> {
    let time = text.map(|text| text.parse::<Timestamp>()).transpose();
    let invalid =
        |_| Fault::new(field, ValidationErrorCode::Invalid, "must be a time such as 2026-01-15T09:30:00.000Z");
    Ok(time.map_err(invalid)?.map(Timestamp::millis))
}

fn stored_type(kind: &WireType) -> ChannelType {
    // The checks before the handler admit the document's types only.
    kind.as_str().parse().unwrap_or(ChannelType::Open)
}
