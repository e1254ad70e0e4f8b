//! The application of the caller; another one's does not exist for it.

use super::{properties, root};
use crate::Timestamp;
use crate::audit;
use crate::auth::{Caller, now};
use crate::error::Error;
use crate::generated::client::types::{
    ApiRoot, ApplicationLinks, ApplicationResource, ApplicationSettingsLinks, ApplicationSettingsProperties,
    ApplicationSettingsResource,
};
use crate::generated::server::ApplicationsApi;
use crate::generated::wire::ToggleState as WireToggle;
use crate::hal::Urls;
use crate::platform::Platform;
use crate::store::applications::{self, ApplicationRow, Settings, ToggleState};
use crate::store::audit::Outcome;
use crate::store::events::{self, Event, EventType};
use crate::store::{StoreError, Tx};
use openapi_dropshot::runtime::{Call, Reply};

impl ApplicationsApi for Platform {
    async fn retrieve_authenticated_application(
        &self,
        call: &Call,
        caller: Caller,
    ) -> Result<Reply<ApplicationResource>, Error> {
        Ok(self.application(call, &caller).await?.into())
    }

    async fn retrieve_application(
        &self,
        call: &Call,
        caller: Caller,
        application_id: String,
    ) -> Result<Reply<ApplicationResource>, Error> {
        if !caller.is(&application_id) {
            return Err(Error::NotFound("application"));
        }
        Ok(self.application(call, &caller).await?.into())
    }

    async fn retrieve_authenticated_application_settings(
        &self,
        call: &Call,
        caller: Caller,
    ) -> Result<Reply<ApplicationSettingsResource>, Error> {
        let application = caller.application;
        let settings = self.store.read(move |tx| applications::settings(tx, application)).await?;
        let settings = settings.ok_or(Error::NotFound("application"))?;
        Ok(represent_settings(settings, &self.urls(call, application)).into())
    }

    async fn update_authenticated_application_settings(
        &self,
        call: &Call,
        caller: Caller,
        body: ApplicationSettingsProperties,
    ) -> Result<Reply<ApplicationSettingsResource>, Error> {
        let application = caller.application;
        let act = audit::act(call, caller.application, &caller.client);
        let update = move |tx: &Tx<'_>| {
            let Some(mut settings) = applications::settings(tx, application)? else { return Ok(None) };
            settings.guest_users = stored_toggle(&body.guest_users);
            if let Some(toggle) = &body.user_created_channels {
                settings.user_created_channels = stored_toggle(toggle);
            }
            applications::set_settings(tx, application, settings)?;
            act.record(tx, Outcome::Done, now())?;
            Ok(Some(settings))
        };
        let settings = self.store.write(update).await?.ok_or(Error::NotFound("application"))?;
        Ok(represent_settings(settings, &self.urls(call, application)).into())
    }

    async fn delete_application(
        &self,
        call: &Call,
        caller: Caller,
        application_id: String,
    ) -> Result<Reply<ApiRoot>, Error> {
        if !caller.is(&application_id) {
            return Err(Error::NotFound("application"));
        }
        let application = caller.application;
        let act = audit::act(call, caller.application, &caller.client);
        let delete = move |tx: &Tx<'_>| {
            let deleted = applications::delete(tx, application, now())?;
            if deleted {
                act.record(tx, Outcome::Done, now())?;
            }
            Ok(deleted)
        };
        let deleted = self.store.write(delete).await?;
        self.authority.forget(application);
        self.files.sweep_soon();
        if !deleted {
            return Err(Error::NotFound("application"));
        }
        Ok(root::represent(&self.urls(call, application)).into())
    }
}

impl Platform {
    /// The caller's application as the wire has it; deletions of what it holds answer it too.
    pub(super) async fn application(&self, call: &Call, caller: &Caller) -> Result<ApplicationResource, Error> {
        let application = caller.application;
        let row = self.store.read(move |tx| applications::get(tx, application)).await?;
        let row = row.ok_or(Error::NotFound("application"))?;
        Ok(represent(&row, &self.urls(call, application)))
    }
}

/// Records what happened to an application.
pub(super) fn record(tx: &Tx<'_>, application: i64, kind: EventType) -> Result<(), StoreError> {
    if let Some(row) = applications::get(tx, application)? {
        let resource = represent(&row, &Urls::recorded(application));
        events::record(tx, application, Event { kind, channel: None, resource: &resource }, now())?;
    }
    Ok(())
}

fn represent_settings(settings: Settings, urls: &Urls) -> ApplicationSettingsResource {
    ApplicationSettingsResource {
        guest_users: wire_toggle(settings.guest_users),
        user_created_channels: wire_toggle(settings.user_created_channels),
        links: ApplicationSettingsLinks {
            self_: urls.collection("application/settings"),
            application: urls.application(),
        },
    }
}

fn stored_toggle(state: &WireToggle) -> ToggleState {
    // The checks before the handler admit the document's states only.
    if *state == WireToggle::Disabled { ToggleState::Disabled } else { ToggleState::Enabled }
}

fn wire_toggle(state: ToggleState) -> WireToggle {
    match state {
        ToggleState::Enabled => WireToggle::Enabled,
        ToggleState::Disabled => WireToggle::Disabled,
    }
}

fn represent(row: &ApplicationRow, urls: &Urls) -> ApplicationResource {
    ApplicationResource {
        id: row.id,
        name: row.name.clone(),
        key: row.key.parse().unwrap_or_default(),
        created_time: Timestamp::from_millis(row.created_time),
        properties: properties(&row.properties),
        links: ApplicationLinks {
            curies: urls.curies("find"),
            self_: urls.application(),
            settings: urls.collection("application/settings"),
            users: urls.collection("users"),
            channels: urls.collection("channels"),
            messages: urls.collection("messages"),
            message_read_receipt_summaries: urls.collection("application/message-read-receipt-summaries"),
            jobs: urls.collection("jobs"),
            user_sessions: urls.collection("user-sessions"),
            chat_sessions: urls.collection("chat-sessions"),
            find_users: urls.template("users", "{?page,size,sort*,name,properties,unread}"),
            find_channels: urls.template("channels", "{?page,size,sort*,type,members*,startTime,endTime,properties}"),
            find_messages: urls.template("messages", "{?size,username,query}"),
        },
    }
}
