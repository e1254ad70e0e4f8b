//! Sessions of users, and their time in channels. The live stream makes them; here they are listed.

use super::users::represent_embedded;
use super::{order, sort_filters};
use crate::Timestamp;
use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{
    ChatSessionLinks, ChatSessionResource, ChatUserSessionLinks, ChatUserSessionProperties, ChatUserSessionResource,
    PagedModelChatSessionResource, PagedModelChatSessionResourceEmbedded, PagedModelChatUserSessionResource,
    PagedModelChatUserSessionResourceEmbedded,
};
use crate::generated::server::SessionsApi;
use crate::generated::server::sessions::{ListChatSessionsQuery, ListUserSessionsQuery};
use crate::generated::wire::SessionState as WireState;
use crate::hal::{PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::sessions::{self, ChatSessionRow, SessionState, UserSessionRow};
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
