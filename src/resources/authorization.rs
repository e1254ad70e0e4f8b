//! The token endpoint, as RFC 6749 section 4.4 has it; revocation (RFC 7009) and introspection (RFC 7662) beside it.

use crate::audit;
use crate::auth::{Client, Secret};
use crate::error::Error;
use crate::generated::client::types::{AccessToken, AccessTokenRequest, TokenIntrospection, TokenRequest};
use crate::generated::server::AuthorizationApi;
use crate::platform::Platform;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use openapi_dropshot::runtime::{Call, Reply};

impl AuthorizationApi for Platform {
    async fn create_access_token(&self, call: &Call, body: AccessTokenRequest) -> Result<Reply<AccessToken>, Error> {
        // `username` and `password` are what older clients send beside a Basic header; they add nothing.
        let client = self.client(call, body.client_id, body.client_secret).await?;
        let issued = self.authority.issue(&self.store, client, body.scope.as_deref()).await;
        let issued = issued.map_err(|error| challenged(call, error))?;
        let token = AccessToken {
            access_token: issued.token.reveal().to_owned(),
            token_type: BEARER.to_owned(),
            expires_in: issued.expires_in,
            scope: issued.scope,
        };
        Ok(token.into())
    }

    async fn revoke_access_token(&self, call: &Call, body: TokenRequest) -> Result<Reply<()>, Error> {
        let client = self.client(call, body.client_id, body.client_secret).await?;
        let act = audit::act(call, client.credential.application_id, &client.credential.client_id);
        self.authority.revoke(&self.store, client.credential, &Secret::new(body.token), act).await?;
        Ok(().into())
    }

    async fn introspect_access_token(
        &self,
        call: &Call,
        body: TokenRequest,
    ) -> Result<Reply<TokenIntrospection>, Error> {
        let client = self.client(call, body.client_id, body.client_secret).await?;
        let token = self.authority.find(&self.store, &client.credential, &Secret::new(body.token)).await?;
        let answer = match token {
            Some(token) => TokenIntrospection {
                active: true,
                scope: Some(token.scope()),
                client_id: Some(token.client_id),
                token_type: Some(BEARER.to_owned()),
                iat: Some(token.created_time / 1000),
                exp: Some(token.expires_time / 1000),
            },
            None => TokenIntrospection {
                active: false,
                scope: None,
                client_id: None,
                token_type: None,
                iat: None,
                exp: None,
            },
        };
        Ok(answer.into())
    }
}

/// How a token is sent, as RFC 6750 has it.
const BEARER: &str = "bearer";
/// The header of requests that a page in a browser sends. A browser would answer a Basic challenge with a dialog of its
/// own, before the page hears that the secret was wrong.
const REQUESTED_WITH: &str = "x-requested-with";
const REFUSED: Error = Error::Credentials { challenge: true };

/// The refusal of credentials with a challenge for those who can use one.
fn challenged(call: &Call, error: Error) -> Error {
    match error {
        Error::Credentials { .. } => Error::Credentials { challenge: !call.headers().contains_key(REQUESTED_WITH) },
        other => other,
    }
}

impl Platform {
    /// The client that sends a request, by its Basic header or else by what is in the body.
    async fn client(
        &self,
        call: &Call,
        client_id: Option<String>,
        client_secret: Option<String>,
    ) -> Result<Client, Error> {
        let credentials = match basic(call) {
            Ok(Some(credentials)) => Ok(credentials),
            Ok(None) => client_id.zip(client_secret.map(Secret::new)).ok_or(REFUSED),
            Err(error) => Err(error),
        };
        let found = match credentials {
            Ok((id, secret)) => self.authority.client(&self.store, call, id, &secret).await,
            Err(error) => Err(error),
        };
        found.map_err(|error| challenged(call, error))
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
