//! What handlers share: the store, who may call, and where this server is reached.

use crate::audit;
use crate::auth::{Authority, Caller, now};
use crate::broadcast::Broadcast;
use crate::config::Config;
use crate::error::Error;
use crate::files::Files;
use crate::hal::Urls;
use crate::secrets::Vault;
use crate::store::Store;
use crate::store::audit::Outcome;
use http::header::HOST;
use http::{HeaderMap, Uri};
use openapi_dropshot::runtime::{Call, Operation, Response, Service};
use std::sync::Arc;
use tokio::sync::Notify;

/// The server's state; every generated trait is implemented for it.
pub struct Platform {
    /// The database.
    pub store: Store,
    /// The files that are stored here.
    pub files: Arc<Files>,
    /// The keys of users' secrets.
    pub vault: Arc<Vault>,
    /// Credentials, tokens and limits.
    pub authority: Arc<Authority>,
    /// The open streams.
    pub broadcast: Arc<Broadcast>,
    /// Tells the runner that a job is waiting.
    pub jobs: Notify,
    /// `https://chat.example.com`, where configured.
    public_url: Option<String>,
    /// `http` or `https`, as this server is reached directly.
    scheme: &'static str,
    /// Whether the documentation is served.
    documented: bool,
}

/// The application that the address names, where it names one (`/v1/applications/{application_id}/…`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedApplication(pub String);

impl Platform {
    /// A platform on an open store with its files and keys, reached directly by `http` or `https`.
    pub fn new(
        store: Store,
        files: Arc<Files>,
        vault: Arc<Vault>,
        authority: Arc<Authority>,
        broadcast: Arc<Broadcast>,
        config: &Config,
        scheme: &'static str,
    ) -> Self {
        let (public_url, documented) = (config.public_url.clone(), !config.no_docs);
        Platform { store, files, vault, authority, broadcast, jobs: Notify::new(), public_url, scheme, documented }
    }

    /// The addresses of an application's resources, as this caller reaches the server.
    pub fn urls(&self, call: &Call, application: i64) -> Urls {
        Urls::new(self.origin(call.headers(), &call.request.uri), application, self.documented)
    }

    /// `https://chat.example.com`, as the sender of a request with these headers reaches the server.
    pub fn origin(&self, headers: &HeaderMap, uri: &Uri) -> String {
        if let Some(url) = &self.public_url {
            return url.clone();
        }
        // The edge has refused requests whose host is not an authority.
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = host.or(uri.authority().map(http::uri::Authority::as_str));
        [self.scheme, "://", host.unwrap_or("localhost")].concat()
    }
}

impl Service for Platform {
    type Principal = Caller;
    type Error = Error;

    async fn authorize(&self, call: &Call) -> Result<Caller, Error> {
        let caller = self.authority.caller(&self.store, call).await?;
        if let Err(refusal) = caller.permit(call.operation) {
            if audit::is_administrative(call.operation) {
                let act = audit::act(call, caller.application, &caller.client);
                self.store.write(move |tx| act.record(tx, Outcome::Refused, now())).await?;
            }
            return Err(refusal);
        }
        match call.request.extensions.get::<NamedApplication>() {
            Some(NamedApplication(name)) if !caller.is(name) => Err(Error::NotFound("application")),
            _ => Ok(caller),
        }
    }

    fn render(&self, error: Error, operation: Option<&'static Operation>) -> Response {
        error.render(operation)
    }
}
