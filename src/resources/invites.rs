//! Invites to channels.

use super::channels::group;
use super::members::{Listing, RosterPage};
use super::{Decision, find_user};
use crate::Timestamp;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::generated::client::types::{
    ChannelInviteLinks, ChannelInviteResource, CreateChannelInviteResource, PagedModelChannelInviteResource,
    PagedModelChannelInviteResourceEmbedded, UserReference,
};
use crate::generated::server::InvitesApi;
use crate::generated::server::invites::ListChannelInvitesQuery;
use crate::generated::wire::ValidationErrorCode;
use crate::hal::{PageRequest, Urls};
use crate::platform::Platform;
use crate::store::members::{self, Entry, Roster};
use crate::store::{Constraint, StoreError, Tx};
use openapi_dropshot::runtime::{Call, Reply};

impl InvitesApi for Platform {
    async fn list_channel_invites(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelInvitesQuery,
    ) -> Result<Reply<PagedModelChannelInviteResource>, Error> {
        let urls = self.urls(call, caller.application);
        let page = PageRequest::new(query.page, query.size);
        let RosterPage { entries, page, links } =
            self.roster(&caller, &urls, id, Listing::of(Roster::Invites, page, query.sort)).await?;
        let invites = entries.iter().map(|entry| represent(id, entry, &urls)).collect();
        let embedded = PagedModelChannelInviteResourceEmbedded { invites };
        Ok(PagedModelChannelInviteResource { embedded, page, links }.into())
    }

    async fn send_channel_invite(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: CreateChannelInviteResource,
    ) -> Result<Reply<ChannelInviteResource>, Error> {
        let application = caller.application;
        match self.store.write(move |tx| send(tx, application, id, &body.user)).await {
            Err(StoreError::Taken(Constraint::Invite)) => {
                Err(Fault::new("user", ValidationErrorCode::AlreadyExists, "this user is invited already").into())
            }
            invite => Ok(represent(id, &invite??, &self.urls(call, application)).into()),
        }
    }
}

fn send(tx: &Tx<'_>, application: i64, id: i64, reference: &UserReference) -> Decision<Entry> {
    if let Err(error) = group(tx, application, id)? {
        return Ok(Err(error));
    }
    let user = match find_user(tx, application, reference, "user")? {
        Ok(user) => user,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if members::contains(tx, application, id, user.id, Roster::Members)? {
        let message = "this user is a member already";
        return Ok(Err(Fault::new("user", ValidationErrorCode::AlreadyExists, message).into()));
    }
    let created_time = now();
    members::invite(tx, application, id, user.id, created_time)?;
    Ok(Ok(Entry { user, created_time }))
}

/// An invite as the wire has it.
fn represent(channel: i64, entry: &Entry, urls: &Urls) -> ChannelInviteResource {
    ChannelInviteResource {
        created_time: Timestamp::from_millis(entry.created_time),
        links: ChannelInviteLinks {
            invitee: urls.item("users", entry.user.id),
            channel: urls.item("channels", channel),
            application: urls.application(),
        },
    }
}
