//! The token endpoint, as RFC 6749 section 4.4 has it.

use crate::auth::Secret;
use crate::error::Error;
use crate::generated::client::types::{AccessToken, AccessTokenRequest};
use crate::generated::server::AuthorizationApi;
use crate::platform::Platform;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use openapi_dropshot::runtime::{Call, Reply};

impl AuthorizationApi for Platform {
    async fn create_access_token(&self, call: &Call, body: AccessTokenRequest) -> Result<Reply<AccessToken>, Error> {
        self.exchange(call, body).await.map_err(|error| match error {
            Error::Credentials { .. } => Error::Credentials { challenge: !call.headers().contains_key(REQUESTED_WITH) },
            other => other,
        })
    }
}

/// The header of requests that a page in a browser sends. A browser would answer a Basic challenge with a dialog of its
/// own, before the page hears that the secret was wrong.
const REQUESTED_WITH: &str = "x-requested-with";
const REFUSED: Error = Error::Credentials { challenge: true };

impl Platform {
    /// A token for client credentials.
    async fn exchange(&self, call: &Call, body: AccessTokenRequest) -> Result<Reply<AccessToken>, Error> {
        let (client_id, secret) = match basic(call)? {
            // `username` and `password` beside it are what older clients send; they add nothing.
            Some(credentials) => credentials,
            None => match (body.client_id, body.client_secret) {
                (Some(id), Some(secret)) => (id, Secret::new(secret)),
                _ => return Err(REFUSED),
            },
        };
        let from = call.remote_addr.ip();
        let issued = self.authority.issue(&self.store, from, client_id, &secret, body.scope.as_deref()).await?;
        let token = AccessToken {
            access_token: issued.token.reveal().to_owned(),
            token_type: "bearer".to_owned(),
            expires_in: issued.expires_in,
            scope: issued.scope,
        };
        Ok(token.into())
    }
}

/// The credentials of a Basic header, if there is one.
fn basic(call: &Call) -> Result<Option<(String, Secret)>, Error> {
    let Some(header) = call.headers().get(AUTHORIZATION) else { return Ok(None) };
    let decoded = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(REFUSED)?;
    let (id, secret) = decoded.split_once(':').ok_or(REFUSED)?;
    Ok(Some((id.to_owned(), Secret::new(secret.to_owned()))))
}
