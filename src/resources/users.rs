//! Users.

use super::messages::{Listing, cursor};
use super::{Decision, channels, order, patched, properties, properties_filter, sort_filters, stored};
use crate::audit;
use crate::auth::{Caller, now};
use crate::error::{Error, Fault};
use crate::files::{Accepts, Attachment};
use crate::generated::client::types::{
    ApplicationResource, ChatUserLinks, ChatUserPresenceProperties, ChatUserProperties, ChatUserPropertiesPatch,
    ChatUserResource, CountLinks, CountResource, CreatePersonChatUserResource, CursorPagedModelMessageResource,
    PageLinks, PageMetadata, PagedModelChannelResource, PagedModelChatUserResource, PagedModelChatUserResourceEmbedded,
    SecretResource,
};
use crate::generated::server::UsersApi;
use crate::generated::server::users::{
    CheckUserExistsQuery, ListUserChannelsQuery, ListUserMessagesQuery, ListUsersQuery, UpdateUserDisplayPictureBody,
};
use crate::generated::wire::{ChatUserType, ValidationErrorCode};
use crate::hal::{CursorRequest, PageRequest, Urls, filters};
use crate::platform::Platform;
use crate::store::audit::Outcome;
use crate::store::events::{self, Deleted, Event, EventType};
use crate::store::files::{self, FileOwner, FileRow};
use crate::store::messages::Scope;
use crate::store::users::{self, NewUser, UserFilter, UserRow, UserType};
use crate::store::{Constraint, StoreError, Tx, channels as channel_rows, secrets, unread};
use openapi_dropshot::runtime::{Call, MergePatch, Reply};
use serde_json::Value;

impl UsersApi for Platform {
    async fn list_users(
        &self,
        call: &Call,
        caller: Caller,
        query: ListUsersQuery,
    ) -> Result<Reply<PagedModelChatUserResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let properties = properties_filter(query.properties.as_ref())?;
        let filter = UserFilter { name: query.name.clone(), properties, unread: query.unread };
        let sort = order(query.sort.as_ref());
        let (rows, total) = self
            .store
            .read(move |tx| {
                let rows = users::page(tx, application, &filter, &sort, page.offset(), page.size)?;
                Ok((rows, users::total(tx, application, &filter)?))
            })
            .await?;
        let urls = self.urls(call, application);
        let unread = query.unread.map(|unread| if unread { "true" } else { "false" });
        let given = [("name", query.name.as_deref()), ("properties", query.properties.as_deref()), ("unread", unread)];
        let query = filters(given.into_iter().chain(sort_filters(query.sort.as_ref())));
        let links = page.links(urls.collection("users"), &query, total);
        Ok(represent_page(rows, &urls, page.metadata(total), links).into())
    }

    async fn create_user(
        &self,
        call: &Call,
        caller: Caller,
        body: CreatePersonChatUserResource,
    ) -> Result<Reply<ChatUserResource>, Error> {
        let application = caller.application;
        let row = self.store.write(move |tx| create(tx, application, body)).await??;
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn check_user_exists(
        &self,
        _: &Call,
        caller: Caller,
        query: CheckUserExistsQuery,
    ) -> Result<Reply<()>, Error> {
        let found = self.store.read(move |tx| users::get_by_name(tx, caller.application, &query.name)).await?;
        found.map(|_| ().into()).ok_or(Error::NotFound("user"))
    }

    async fn retrieve_user(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<ChatUserResource>, Error> {
        let application = caller.application;
        let row = self.store.read(move |tx| users::get(tx, application, id)).await?.ok_or(Error::NotFound("user"))?;
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn update_user(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: Option<MergePatch<ChatUserPropertiesPatch>>,
    ) -> Result<Reply<ChatUserResource>, Error> {
        let application = caller.application;
        let Some(patch) = body else { return self.retrieve_user(call, caller, id).await };
        let row = self.store.write(move |tx| update(tx, application, id, patch)).await??;
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn delete_user(&self, call: &Call, caller: Caller, id: i64) -> Result<Reply<ApplicationResource>, Error> {
        let application = caller.application;
        let deleted = self.store.write(move |tx| {
            let deleted = users::delete(tx, application, id)?;
            if deleted {
                let event = Event { kind: EventType::UserDeleted, channel: None, resource: &Deleted { id } };
                events::record(tx, application, event, now())?;
            }
            Ok(deleted)
        });
        if !deleted.await? {
            return Err(Error::NotFound("user"));
        }
        self.files.sweep_soon();
        Ok(self.application(call, &caller).await?.into())
    }

    async fn update_user_display_picture(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        body: UpdateUserDisplayPictureBody,
    ) -> Result<Reply<ChatUserResource>, Error> {
        let application = caller.application;
        let row = match body {
            UpdateUserDisplayPictureBody::ApplicationJson(file) => {
                let picture = Attachment::External(file).to_text();
                self.store
                    .write(move |tx| {
                        users::set_display_picture(tx, application, id, &picture)?;
                        pictured(tx, application, id)
                    })
                    .await?
                    .ok_or(Error::NotFound("user"))?
            }
            UpdateUserDisplayPictureBody::MultipartFormData(parts) => {
                // Before the upload, so that nothing is sent for nobody.
                self.store.read(move |tx| users::get(tx, application, id)).await?.ok_or(Error::NotFound("user"))?;
                let (file, _) = self.files.receive(parts, Accepts::Images).await?;
                let set = move |tx: &Tx<'_>, file: &FileRow| {
                    if !users::set_display_picture(tx, application, id, &Attachment::from(file).to_text())? {
                        return Ok(Err(Error::NotFound("user")));
                    }
                    files::attach(tx, application, file, FileOwner::User(id), now())?;
                    Ok(pictured(tx, application, id)?.ok_or(Error::NotFound("user")))
                };
                self.files.keep(file, set).await?
            }
        };
        self.files.sweep_soon();
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn retrieve_user_secret(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        name: String,
    ) -> Result<Reply<SecretResource>, Error> {
        let application = caller.application;
        let act = audit::act(call, caller.application, &caller.client);
        // Who asks for what is not there is told so without a write.
        let wanted = name.clone();
        if self.store.read(move |tx| secrets::get(tx, application, id, &wanted)).await?.is_none() {
            return Err(Error::NotFound("secret"));
        }
        // A secret is told once it is on record that it was.
        let retrieve = move |tx: &Tx<'_>| {
            let row = secrets::get(tx, application, id, &name)?;
            if row.is_some() {
                act.record(tx, Outcome::Done, now())?;
            }
            Ok(row)
        };
        let row = self.store.write(retrieve).await?;
        let value = self.vault.unseal(&row.ok_or(Error::NotFound("secret"))?)?;
        let secret = serde_json::from_slice(&value).map_err(|_| StoreError::Engine("a secret is no object".into()))?;
        Ok(SecretResource { secret }.into())
    }

    async fn set_user_secret(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        name: String,
        body: SecretResource,
    ) -> Result<Reply<ChatUserResource>, Error> {
        let application = caller.application;
        let secret = self.vault.seal(application, id, &name, Value::Object(body.secret).to_string().as_bytes())?;
        let act = audit::act(call, caller.application, &caller.client);
        let set = move |tx: &Tx<'_>| {
            let user = users::get(tx, application, id)?;
            if user.is_some() {
                secrets::set(tx, &secret)?;
                act.record(tx, Outcome::Done, now())?;
            }
            Ok(user)
        };
        let row = self.store.write(set).await?.ok_or(Error::NotFound("user"))?;
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn remove_user_secret(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        name: String,
    ) -> Result<Reply<ChatUserResource>, Error> {
        let application = caller.application;
        let act = audit::act(call, caller.application, &caller.client);
        let remove = move |tx: &Tx<'_>| {
            let removed = secrets::remove(tx, application, id, &name)?;
            if removed {
                act.record(tx, Outcome::Done, now())?;
            }
            Ok(users::get(tx, application, id)?.filter(|_| removed))
        };
        let row = self.store.write(remove).await?.ok_or(Error::NotFound("secret"))?;
        Ok(represent(row, &self.urls(call, application)).into())
    }

    async fn list_user_channels(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListUserChannelsQuery,
    ) -> Result<Reply<PagedModelChannelResource>, Error> {
        let (application, page) = (caller.application, PageRequest::new(query.page, query.size));
        let sort = order(query.sort.as_ref());
        let found = self
            .store
            .read(move |tx| {
                let Some(total) = channel_rows::total_for_user(tx, application, id)? else { return Ok(None) };
                let rows = channel_rows::page_for_user(tx, application, id, &sort, page.offset(), page.size)?;
                Ok(Some((channels::with_users(tx, application, rows)?, total)))
            })
            .await?;
        let (channels, total) = found.ok_or(Error::NotFound("user"))?;
        let urls = self.urls(call, application);
        let links =
            page.links(urls.nested("users", id, "channels"), &filters(sort_filters(query.sort.as_ref())), total);
        Ok(channels::represent_page(channels, &urls, page.metadata(total), links).into())
    }

    async fn list_user_messages(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
        query: ListUserMessagesQuery,
    ) -> Result<Reply<CursorPagedModelMessageResource>, Error> {
        let request = cursor(CursorRequest::new(query.size, query.start, query.next, query.relation))?;
        let collection = self.urls(call, caller.application).nested("users", id, "messages");
        let scope = if query.unread { Scope::Unread(id) } else { Scope::User(id) };
        self.page(call, &caller, Listing::all(scope), request, &collection).await
    }

    async fn count_user_unread_messages(
        &self,
        call: &Call,
        caller: Caller,
        id: i64,
    ) -> Result<Reply<CountResource>, Error> {
        let application = caller.application;
        let found = self
            .store
            .read(move |tx| match users::get(tx, application, id)? {
                Some(_) => unread::count(tx, application, id).map(Some),
                None => Ok(None),
            })
            .await?;
        let (count, urls) = (found.ok_or(Error::NotFound("user"))?, self.urls(call, application));
        let links = CountLinks {
            self_: urls.nested("users", id, "messages/unread/count"),
            unread_messages: urls.nested("users", id, "messages?unread=true"),
            user: urls.item("users", id),
            application: urls.application(),
        };
        Ok(CountResource { count, links }.into())
    }
}

/// The user with its new picture, which is recorded.
pub(super) fn pictured(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<UserRow>, StoreError> {
    let user = users::get(tx, application, id)?;
    if let Some(user) = &user {
        record(tx, EventType::UserUpdated, user)?;
    }
    Ok(user)
}

/// Changes what a patch names; the document says what `null` stands for.
fn update(tx: &Tx<'_>, application: i64, id: i64, patch: MergePatch<ChatUserPropertiesPatch>) -> Decision<UserRow> {
    let Some(mut user) = users::get(tx, application, id)? else { return Ok(Err(Error::NotFound("user"))) };
    let before = user.clone();
    let clears = ["displayName", "presence.status", "properties"].map(|name| patch.clears(name));
    let ChatUserPropertiesPatch { display_name, is_guest, presence, properties } = patch.set;
    user.display_name = if clears[0] { user.name.clone() } else { display_name.unwrap_or(user.display_name) };
    user.is_guest = is_guest.unwrap_or(user.is_guest);
    let status = presence.and_then(|presence| presence.status);
    user.status = if clears[1] { UNAVAILABLE.to_owned() } else { status.unwrap_or(user.status) };
    user.properties = match patched(&user.properties, clears[2], properties) {
        Ok(properties) => properties,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if user != before {
        users::update(tx, &user)?;
        record(tx, EventType::UserUpdated, &user)?;
    }
    Ok(Ok(user))
}

/// The status of who has not said anything else.
const UNAVAILABLE: &str = "UNAVAILABLE";

/// Records what happened to a user.
pub(super) fn record(tx: &Tx<'_>, kind: EventType, row: &UserRow) -> Result<(), StoreError> {
    let resource = represent(row.clone(), &Urls::recorded(row.application_id));
    events::record(tx, row.application_id, Event { kind, channel: None, resource: &resource }, now())?;
    Ok(())
}

/// Creates a person.
pub(super) fn create(tx: &Tx<'_>, application: i64, body: CreatePersonChatUserResource) -> Decision<UserRow> {
    let user = NewUser {
        kind: UserType::Person,
        display_name: body.display_name.unwrap_or_else(|| body.name.clone()),
        name: body.name,
        is_guest: body.is_guest.unwrap_or(false),
        status: UNAVAILABLE.to_owned(),
        properties: stored(body.properties),
    };
    match users::create(tx, application, user, now()) {
        Err(StoreError::Taken(Constraint::UserName)) => {
            Ok(Err(Fault::new("name", ValidationErrorCode::AlreadyExists, "another user has this name").into()))
        }
        row => {
            let row = row?;
            record(tx, EventType::UserCreated, &row)?;
            Ok(Ok(row))
        }
    }
}

/// Creates a guest, who is called as it calls itself.
pub(super) fn create_guest(tx: &Tx<'_>, application: i64, name: &str) -> Decision<UserRow> {
    let (name, is_guest) = (name.to_owned(), Some(true));
    create(tx, application, CreatePersonChatUserResource { name, display_name: None, is_guest, properties: None })
}

/// A user as the wire has it.
pub(super) fn represent(row: UserRow, urls: &Urls) -> ChatUserResource {
    let links = ChatUserLinks {
        self_: urls.item("users", row.id),
        channels: urls.nested("users", row.id, "channels"),
        messages: urls.nested("users", row.id, "messages"),
        unread_messages: urls.nested("users", row.id, "messages?unread=true"),
        unread_count: urls.nested("users", row.id, "messages/unread/count"),
        notifications: urls.nested("users", row.id, "notifications"),
        display_picture: urls.nested("users", row.id, "display-picture"),
        application: urls.application(),
    };
    let user = represent_embedded(row, urls);
    ChatUserResource {
        type_: user.type_,
        id: user.id,
        name: user.name,
        display_name: user.display_name,
        display_picture_url: user.display_picture_url,
        is_guest: user.is_guest,
        presence: user.presence,
        properties: user.properties,
        links,
    }
}

/// A page of users as the wire has it.
pub(super) fn represent_page(
    users: Vec<UserRow>,
    urls: &Urls,
    page: PageMetadata,
    links: PageLinks,
) -> PagedModelChatUserResource {
    let users = users.into_iter().map(|user| represent(user, urls)).collect();
    PagedModelChatUserResource { embedded: PagedModelChatUserResourceEmbedded { users }, page, links }
}

/// A user inside another resource.
pub(super) fn represent_embedded(row: UserRow, urls: &Urls) -> ChatUserProperties {
    ChatUserProperties {
        type_: match row.kind {
            UserType::Person => ChatUserType::Person,
            UserType::Bot => ChatUserType::Bot,
        },
        id: row.id,
        display_picture_url: match row.display_picture.and_then(|picture| Attachment::from_text(&picture)) {
            Some(picture) => picture.url(urls),
            None => urls.picture(&row.display_name),
        },
        name: row.name,
        display_name: row.display_name,
        is_guest: row.is_guest,
        presence: ChatUserPresenceProperties { online: row.sessions > 0, status: row.status },
        properties: properties(&row.properties),
    }
}
