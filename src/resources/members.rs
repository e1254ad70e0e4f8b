//! Members of channels, and how any roster of a channel is listed.

use super::channels::{self, Channel, group};
use super::{Decision, find_user, order, reference_field, sort_filters, users};
use crate::Timestamp;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::generated::client::types::{
    ChannelMembershipLinks, ChannelMembershipResource, PageLinks, PageMetadata, PagedModelChannelMembershipResource,
    PagedModelChannelMembershipResourceEmbedded, PagedModelChatUserResource, UserReference,
};
use crate::generated::server::MembersApi;
use crate::generated::server::members::{
    ListChannelMembersQuery, ListChannelMembershipsQuery, ListChannelParticipantsQuery,
};
use crate::generated::wire::{ChannelResource, ValidationErrorCode};
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::events::{self, Deleted, Event, EventType};
use crate::store::members::{self, Entry, Roster};
use crate::store::users::UserRow;
use crate::store::{Constraint, StoreError, Tx};
use openapi_dropshot::runtime::{Call, Reply};

impl MembersApi for Platform {
    async fn list_channel_members(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelMembersQuery,
    ) -> Result<Reply<PagedModelChatUserResource>, Error> {
        let urls = self.urls(call, caller.application);
        let page = PageRequest::new(query.page, query.size);
        let page = self.roster(&caller, &urls, id, Listing::of(Roster::Members, page, query.sort)).await?;
        Ok(page.represent_users(&urls).into())
    }

    async fn add_channel_member(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: UserReference,
    ) -> Result<Reply<ChannelResource>, Error> {
        let application = caller.application;
        let channel = self.store.write(move |tx| add(tx, application, id, &body)).await??;
        Ok(channels::represent(channel, &self.urls(call, application)).into())
    }

    async fn remove_channel_member(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        user_id: i64,
    ) -> Result<Reply<ChannelResource>, Error> {
        let application = caller.application;
        let channel = self.store.write(move |tx| remove(tx, application, id, user_id)).await??;
        Ok(channels::represent(channel, &self.urls(call, application)).into())
    }

    async fn list_channel_participants(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelParticipantsQuery,
    ) -> Result<Reply<PagedModelChatUserResource>, Error> {
        let urls = self.urls(call, caller.application);
        let page = PageRequest::new(query.page, query.size);
        let page = self.roster(&caller, &urls, id, Listing::of(Roster::Participants, page, query.sort)).await?;
        Ok(page.represent_users(&urls).into())
    }

    async fn list_channel_memberships(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelMembershipsQuery,
    ) -> Result<Reply<PagedModelChannelMembershipResource>, Error> {
        let urls = self.urls(call, caller.application);
        let listing = Listing::of(Roster::Members, PageRequest::new(query.page, query.size), query.sort);
        let RosterPage { entries, page, links } =
            self.roster(&caller, &urls, id, Listing { path: "memberships", ..listing }).await?;
        let memberships = entries.iter().map(|entry| represent(id, entry, &urls)).collect();
        let embedded = PagedModelChannelMembershipResourceEmbedded { memberships };
        Ok(PagedModelChannelMembershipResource { embedded, page, links }.into())
    }
}

/// Makes a user a member of a channel.
pub(super) fn add(tx: &Tx<'_>, application: i64, id: i64, reference: &UserReference) -> Decision<Channel> {
    if let Err(error) = group(tx, application, id)? {
        return Ok(Err(error));
    }
    let user = match find_user(tx, application, reference, reference_field(reference))? {
        Ok(user) => user,
        Err(fault) => return Ok(Err(fault.into())),
    };
    match members::add_member(tx, application, id, user.id, now()) {
        Err(StoreError::Taken(Constraint::Membership)) => {
            let (field, message) = (reference_field(reference), "this user is a member already");
            return Ok(Err(Fault::new(field, ValidationErrorCode::AlreadyExists, message).into()));
        }
        added => added?,
    }
    record(tx, EventType::MemberCreated, id, user)?;
    Ok(channels::get(tx, application, id)?.ok_or(Error::NotFound("channel")))
}

fn remove(tx: &Tx<'_>, application: i64, id: i64, user: i64) -> Decision<Channel> {
    if let Err(error) = group(tx, application, id)? {
        return Ok(Err(error));
    }
    if !members::remove_member(tx, application, id, user, now())? {
        return Ok(Err(Error::NotFound("member")));
    }
    let event = Event { kind: EventType::MemberDeleted, channel: Some(id), resource: &Deleted { id: user } };
    events::record(tx, application, event, now())?;
    Ok(channels::get(tx, application, id)?.ok_or(Error::NotFound("channel")))
}

/// Records what happened to a member of a channel.
pub(super) fn record(tx: &Tx<'_>, kind: EventType, channel: i64, user: UserRow) -> Result<(), StoreError> {
    let application = user.application_id;
    let resource = users::represent(user, &Urls::recorded(application));
    events::record(tx, application, Event { kind, channel: Some(channel), resource: &resource }, now())?;
    Ok(())
}

/// A membership as the wire has it.
fn represent(channel: i64, entry: &Entry, urls: &Urls) -> ChannelMembershipResource {
    ChannelMembershipResource {
        created_time: Timestamp::from_millis(entry.created_time),
        links: ChannelMembershipLinks {
            user: urls.item("users", entry.user.id),
            channel: urls.item("channels", channel),
            member: urls.nested_item("channels", channel, "members", entry.user.id),
            application: urls.application(),
        },
    }
}

/// Which roster of a channel is listed, where, and how.
pub(super) struct Listing {
    roster: Roster,
    /// The end of the list's address.
    path: &'static str,
    page: PageRequest,
    sort: Option<Vec<String>>,
}

impl Listing {
    /// At the address that has the roster's name.
    pub(super) fn of(roster: Roster, page: PageRequest, sort: Option<Vec<String>>) -> Self {
        Listing { roster, path: roster.name(), page, sort }
    }
}

/// A page of a roster, with its description and its links.
pub(super) struct RosterPage {
    pub(super) entries: Vec<Entry>,
    pub(super) page: PageMetadata,
    pub(super) links: PageLinks,
}

impl RosterPage {
    /// The users on it, as the wire has a page of users.
    pub(super) fn represent_users(self, urls: &Urls) -> PagedModelChatUserResource {
        let rows = self.entries.into_iter().map(|entry| entry.user).collect();
        users::represent_page(rows, urls, self.page, self.links)
    }
}

impl Platform {
    /// A page of a channel's roster.
    pub(super) async fn roster(
        &self,
        caller: &Caller,
        urls: &Urls,
        channel: i64,
        listing: Listing,
    ) -> Result<RosterPage, Error> {
        let application = caller.application;
        let Listing { roster, path, page, sort } = listing;
        let steps = order(sort.as_ref());
        let found = self
            .store
            .read(move |tx| {
                let Some(total) = members::total(tx, application, channel, roster)? else { return Ok(None) };
                let entries = members::page(tx, application, channel, roster, &steps, page.offset(), page.size)?;
                Ok(Some((entries, total)))
            })
            .await?;
        let (entries, total) = found.ok_or(Error::NotFound("channel"))?;
        let query = filters(sort_filters(sort.as_ref()));
        let links = page.links(urls.nested("channels", channel, path), &query, total);
        Ok(RosterPage { entries, page: page.metadata(total), links })
    }
}
