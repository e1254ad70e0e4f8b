//! Moderators of channels, who are members of them.

use super::channels::{self, Channel, group};
use super::members::{Listing, record};
use super::{Decision, find_user, reference_field, users};
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::generated::client::types::{ChatUserResource, PagedModelChatUserResource, UserReference};
use crate::generated::server::ModeratorsApi;
use crate::generated::server::moderators::ListChannelModeratorsQuery;
use crate::generated::wire::{ChannelResource, ValidationErrorCode};
use crate::hal::PageRequest;
use crate::platform::Platform;
use crate::store::events::EventType;
use crate::store::members::{self, Roster};
use crate::store::users::{self as rows, UserRow};
use crate::store::{Constraint, StoreError, Tx};
use openapi_dropshot::runtime::{Call, Reply};

impl ModeratorsApi for Platform {
    async fn list_channel_moderators(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListChannelModeratorsQuery,
    ) -> Result<Reply<PagedModelChatUserResource>, Error> {
        let urls = self.urls(call, caller.application);
        let page = PageRequest::new(query.page, query.size);
        let page = self.roster(&caller, &urls, id, Listing::of(Roster::Moderators, page, query.sort)).await?;
        Ok(page.represent_users(&urls).into())
    }

    async fn add_channel_moderator(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: UserReference,
    ) -> Result<Reply<ChatUserResource>, Error> {
        let (application, field) = (caller.application, reference_field(&body));
        match self.store.write(move |tx| add(tx, application, id, &body)).await {
            Err(StoreError::Taken(Constraint::Moderator)) => {
                Err(Fault::new(field, ValidationErrorCode::AlreadyExists, "this user is a moderator already").into())
            }
            user => Ok(users::represent(user??, &self.urls(call, application)).into()),
        }
    }

    async fn remove_channel_moderator(
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
}

fn add(tx: &Tx<'_>, application: i64, id: i64, reference: &UserReference) -> Decision<UserRow> {
    if let Err(error) = group(tx, application, id)? {
        return Ok(Err(error));
    }
    let field = reference_field(reference);
    let user = match find_user(tx, application, reference, field)? {
        Ok(user) => user,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if !members::contains(tx, application, id, user.id, Roster::Members)? {
        let message = "only a member can be a moderator: add the user to the members first";
        return Ok(Err(Fault::new(field, ValidationErrorCode::Unprocessable, message).into()));
    }
    members::add_moderator(tx, application, id, user.id, now())?;
    record(tx, EventType::MemberUpdated, id, user.clone())?;
    Ok(Ok(user))
}

fn remove(tx: &Tx<'_>, application: i64, id: i64, user: i64) -> Decision<Channel> {
    let Some(channel) = channels::get(tx, application, id)? else { return Ok(Err(Error::NotFound("channel"))) };
    if !members::remove_moderator(tx, application, id, user)? {
        return Ok(Err(Error::NotFound("moderator")));
    }
    if let Some(user) = rows::get(tx, application, user)? {
        record(tx, EventType::MemberUpdated, id, user)?;
    }
    Ok(Ok(channel))
}
