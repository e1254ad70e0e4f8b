//! Sessions of users, and their time in channels. The live stream makes them; here they are listed.

use super::users::{self, represent_embedded};
use super::{Decision, order, sort_filters};
use crate::Timestamp;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::generated::client::types::{
    ChatSessionLinks, ChatSessionResource, ChatUserSessionLinks, ChatUserSessionProperties, ChatUserSessionResource,
    PagedModelChatSessionResource, PagedModelChatSessionResourceEmbedded, PagedModelChatUserSessionResource,
    PagedModelChatUserSessionResourceEmbedded,
};
use crate::generated::server::SessionsApi;
use crate::generated::server::sessions::{ListChatSessionsQuery, ListUserSessionsQuery};
use crate::generated::wire::{SessionState as WireState, ValidationErrorCode};
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::applications::{self, ToggleState};
use crate::store::channels::{self, ChannelType};
use crate::store::events::EventType;
use crate::store::members::{self, Roster};
use crate::store::sessions::{self, ChatSessionRow, SessionState, UserSessionRow};
use crate::store::{StoreError, Tx, users as user_rows};
use openapi_dropshot::runtime::{Call, Reply};

impl SessionsApi for Platform {
    async fn list_user_sessions(
        &self,
        call: &Call,
        caller: Caller,
        query: ListUserSessionsQuery,
    ) -> Result<Reply<PagedModelChatUserSessionResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let (state, sort) = (stored_state(query.state.as_ref()), order(query.sort.as_ref()));
        let (rows, total) = self
            .store
            .read(move |tx| {
                let rows = sessions::user_page(tx, application, state, &sort, page.offset(), page.size)?;
                Ok((rows, sessions::user_total(tx, application, state)?))
            })
            .await?;
        let urls = self.urls(call, application);
        let state = [("state", state.map(SessionState::as_str))];
        let filters = filters(state.into_iter().chain(sort_filters(query.sort.as_ref())));
        let links = page.links(urls.collection("user-sessions"), &filters, total);
        let sessions = rows.into_iter().map(|row| represent(row, &urls)).collect();
        let embedded = PagedModelChatUserSessionResourceEmbedded { sessions };
        Ok(PagedModelChatUserSessionResource { embedded, page: page.metadata(total), links }.into())
    }

    async fn list_chat_sessions(
        &self,
        call: &Call,
        caller: Caller,
        query: ListChatSessionsQuery,
    ) -> Result<Reply<PagedModelChatSessionResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let (state, sort) = (stored_state(query.state.as_ref()), order(query.sort.as_ref()));
        let (rows, total) = self
            .store
            .read(move |tx| {
                let rows = sessions::chat_page(tx, application, state, &sort, page.offset(), page.size)?;
                Ok((rows, sessions::chat_total(tx, application, state)?))
            })
            .await?;
        let urls = self.urls(call, application);
        let state = [("state", state.map(SessionState::as_str))];
        let filters = filters(state.into_iter().chain(sort_filters(query.sort.as_ref())));
        let links = page.links(urls.collection("chat-sessions"), &filters, total);
        let sessions = rows.into_iter().map(|row| represent_chat(row, &urls)).collect();
        let embedded = PagedModelChatSessionResourceEmbedded { sessions };
        Ok(PagedModelChatSessionResource { embedded, page: page.metadata(total), links }.into())
    }
}

/// Who comes, and into which channels.
pub(crate) struct Newcomer {
    /// The name of the user.
    pub(crate) username: String,
    /// The IDs of the channels.
    pub(crate) channels: Vec<i64>,
    /// The program that the user comes with, as it calls itself.
    pub(crate) user_agent: Option<String>,
    /// Whether the caller may have a guest created.
    pub(crate) may_create: bool,
}

/// Starts a user session with its chat sessions, and gives its ID. Who has no account comes as a guest, if the
/// application takes guests.
pub(crate) fn begin(tx: &Tx<'_>, application: i64, node: &str, newcomer: &Newcomer) -> Decision<i64> {
    let known = user_rows::get_by_name(tx, application, &newcomer.username)?;
    let mut faults = Vec::new();
    for (index, id) in newcomer.channels.iter().enumerate() {
        let (code, message) = match channels::get(tx, application, *id)? {
            None => (ValidationErrorCode::Missing, "there is no such channel"),
            Some(channel) if channel.kind == ChannelType::Open => continue,
            Some(_) => match &known {
                Some(user) if members::contains(tx, application, *id, user.id, Roster::Members)? => continue,
                _ => (ValidationErrorCode::Unprocessable, "the user is no member of this channel: add it first"),
            },
        };
        faults.push(Fault::new(format!("channel[{index}]"), code, message));
    }
    if known.is_none() && !takes_guests(tx, application)? {
        let message = "there is no such user, and the settings of the application let no guests in: create it first";
        faults.push(Fault::new("username", ValidationErrorCode::Missing, message));
    }
    if !faults.is_empty() {
        return Ok(Err(Error::Invalid(faults)));
    }
    let user = match known {
        Some(user) => user,
        None if !newcomer.may_create => return Ok(Err(Error::Forbidden { scope: "create:user" })),
        None => match users::create_guest(tx, application, &newcomer.username)? {
            Ok(user) => user,
            Err(error) => return Ok(Err(error)),
        },
    };
    let Some(id) = sessions::start(tx, application, user.id, node, newcomer.user_agent.as_deref(), now())? else {
        return Ok(Err(Error::NotFound("user")));
    };
    for channel in &newcomer.channels {
        sessions::enter(tx, application, id, *channel, now())?;
    }
    if user.sessions == 0 {
        announce(tx, application, user.id)?;
    }
    Ok(Ok(id))
}

fn takes_guests(tx: &Tx<'_>, application: i64) -> Result<bool, StoreError> {
    Ok(applications::settings(tx, application)?.is_some_and(|settings| settings.guest_users == ToggleState::Enabled))
}

/// Ends a user session with its chat sessions, if it is active.
pub(crate) fn end(tx: &Tx<'_>, application: i64, id: i64) -> Result<(), StoreError> {
    match sessions::end(tx, application, id, now())? {
        Some(user) => announce_all(tx, &[(application, user)]),
        None => Ok(()),
    }
}

/// Tells of those users, each with its application, who are offline now that their sessions have ended.
pub(crate) fn announce_all(tx: &Tx<'_>, left: &[(i64, i64)]) -> Result<(), StoreError> {
    for (application, user) in left {
        if user_rows::get(tx, *application, *user)?.is_some_and(|user| user.sessions == 0) {
            announce(tx, *application, *user)?;
        }
    }
    Ok(())
}

/// Records whether a user is online, which has changed.
fn announce(tx: &Tx<'_>, application: i64, user: i64) -> Result<(), StoreError> {
    match user_rows::get(tx, application, user)? {
        Some(user) => users::record(tx, EventType::UserUpdated, &user),
        None => Ok(()),
    }
}

fn stored_state(state: Option<&WireState>) -> Option<SessionState> {
    // The checks before the handler admit the document's states only.
    state.and_then(|state| state.as_str().parse().ok())
}

fn wire_state(end_time: Option<i64>) -> WireState {
    if end_time.is_some() { WireState::Ended } else { WireState::Active }
}

/// A user session as the wire has it.
fn represent(row: UserSessionRow, urls: &Urls) -> ChatUserSessionResource {
    let links = ChatUserSessionLinks { user: urls.item("users", row.user.id), application: urls.application() };
    let ChatUserSessionProperties { id, created_time, end_time, state, user, user_agent } = properties(row, urls);
    ChatUserSessionResource { id, created_time, end_time, state, user, user_agent, links }
}

/// A user session inside another resource.
fn properties(row: UserSessionRow, urls: &Urls) -> ChatUserSessionProperties {
    ChatUserSessionProperties {
        id: row.id,
        created_time: Timestamp::from_millis(row.created_time),
        end_time: row.end_time.map(Timestamp::from_millis),
        state: wire_state(row.end_time),
        user: represent_embedded(row.user, urls),
        user_agent: row.user_agent,
    }
}

/// A chat session as the wire has it.
fn represent_chat(row: ChatSessionRow, urls: &Urls) -> ChatSessionResource {
    ChatSessionResource {
        id: row.id,
        created_time: Timestamp::from_millis(row.created_time),
        end_time: row.end_time.map(Timestamp::from_millis),
        state: wire_state(row.end_time),
        links: ChatSessionLinks {
            user: urls.item("users", row.session.user.id),
            channel: urls.item("channels", row.channel_id),
            application: urls.application(),
        },
        session: properties(row.session, urls),
    }
}
