//! How a client gets in: its credentials, and the access token they are exchanged for.

use crate::generated::client::{Client, ClientInfo, Error, types};
use futures::future::{BoxFuture, FutureExt, WeakShared};
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::{Request, Response, StatusCode, Url, redirect};
use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, iter};

/// The operations that the document opens to everybody (`security: []`); they are sent without a token.
const PUBLIC_OPERATIONS: [&str; 7] = [
    "create_access_token",
    "revoke_access_token",
    "introspect_access_token",
    "retrieve_display_picture",
    "retrieve_file",
    "check_liveness",
    "check_readiness",
];

/// A token is renewed this long before it expires, or a tenth of its life before, whichever is less: long enough for a
/// request that is on its way, short enough to get the use out of a token that lives for a minute.
const RENEWAL_MARGIN: Duration = Duration::from_secs(60);

/// What a [`Client`] holds to be let in. Clones share one access token.
///
/// The token is fetched when an operation first needs it, renewed shortly before it expires, and renewed once more if
/// the server answers 401, in which case the operation is sent again. Operations that run at the same time share one
/// token request and its outcome. If that fails, the operation ends with [`Error::Custom`] and the text of the
/// [`TokenError`].
#[derive(Clone)]
pub struct Session(Option<Arc<Credentials>>);

struct Credentials {
    http: reqwest::Client,
    token_url: String,
    client_id: String,
    client_secret: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The token request that is under way. Only those who wait for it own it: when the last of them gives up, the
    /// request is dropped, and the next to come starts afresh.
    renewal: Option<WeakShared<Renewal>>,
}

type Renewal = BoxFuture<'static, Result<HeaderValue, TokenError>>;

struct Token {
    authorization: HeaderValue,
    renew_at: Instant,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The base URL cannot be one. The text says why, and never repeats the URL, which may hold a password.
    #[error("the base URL {0}; give scheme, host and port, like http://127.0.0.1:8080")]
    BaseUrl(String),
    /// The HTTP client cannot be set up; the source says why.
    #[error("cannot set up the HTTP client")]
    Http(#[source] reqwest::Error),
}

/// Why there is no access token.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The server answered the token request with something other than success.
    #[error("the server issued no access token, {status}: {message}; {}", advice(*.status))]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// The server's own words.
        message: String,
    },
    /// The token request got no answer, or one that is no access token.
    #[error("cannot get an access token from {url}; check the base URL and that the server is running")]
    Failed {
        /// Where the request went.
        url: String,
        /// What went wrong.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Client {
    /// A client of the server at `base_url`, with the credentials of an application.
    ///
    /// `base_url` is the origin of the server, like `https://chat.example.com`, and a path if it is served below one.
    /// Nothing is sent yet; [`Client::authorize`] tells whether the credentials are good. A connection must be made
    /// within 5 seconds and the server must not be silent for more than 30; there is no limit to a whole transfer.
    /// Redirects are followed within an origin only, so that neither token nor body goes to a stranger; a redirect to
    /// another origin comes back as [`Error::UnexpectedResponse`].
    ///
    /// For other limits, give your own [`reqwest::Client`] to [`Client::new_with_client`] and [`Session::new`].
    pub fn connect(
        base_url: &str,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Result<Self, ConnectError> {
        let (base_url, http) = (check(base_url)?, http()?);
        let session = Session::new(&base_url, http.clone(), client_id, client_secret);
        Ok(Self::new_with_client(&base_url, http, session))
    }

    /// A client of the server at `base_url` without credentials, for the operations that need none: health, pictures,
    /// access tokens. Else it is as [`Client::connect`] makes it.
    pub fn anonymous(base_url: &str) -> Result<Self, ConnectError> {
        Ok(Self::new_with_client(&check(base_url)?, http()?, Session::anonymous()))
    }

    /// Fetches an access token unless there is a good one. Every operation does so by itself; this is for programs that
    /// want to know early, and with a typed error, that their credentials are refused.
    pub async fn authorize(&self) -> Result<(), TokenError> {
        self.inner().authorization(None).await.map(drop)
    }
}

impl Session {
    /// No credentials: every operation is sent without a token.
    pub fn anonymous() -> Self {
        Self(None)
    }

    /// The credentials of an application, exchanged at `{base_url}/oauth/token` by means of `http`.
    pub fn new(
        base_url: &str,
        http: reqwest::Client,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
    ) -> Self {
        Self(Some(Arc::new(Credentials {
            http,
            token_url: format!("{}/oauth/token", base_url.trim_end_matches('/')),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            state: Mutex::default(),
        })))
    }

    /// The `Authorization` header of a request, if there are credentials: from the token at hand, or from a new one if
    /// that one is about to expire or is the one that was `rejected`.
    async fn authorization(&self, rejected: Option<&HeaderValue>) -> Result<Option<HeaderValue>, TokenError> {
        let Some(credentials) = &self.0 else { return Ok(None) };
        let renewal = {
            let mut state = credentials.state.lock().unwrap_or_else(PoisonError::into_inner);
            let useless = |token: &Token| token.renew_at <= Instant::now() || rejected == Some(&token.authorization);
            if state.token.as_ref().is_some_and(useless) {
                state.token = None;
            }
            // If a token was rejected, this one is another, which somebody else fetched in the meantime.
            if let Some(token) = &state.token {
                return Ok(Some(token.authorization.clone()));
            }
            match state.renewal.as_ref().and_then(WeakShared::upgrade) {
                Some(renewal) => renewal,
                None => {
                    let renewal = Arc::clone(credentials).renew().boxed().shared();
                    state.renewal = renewal.downgrade();
                    renewal
                }
            }
        };
        renewal.await.map(Some)
    }
}

impl Credentials {
    async fn renew(self: Arc<Self>) -> Result<HeaderValue, TokenError> {
        let outcome = self.request_token().await;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.renewal = None;
        let authorization = outcome.as_ref().map(|token| token.authorization.clone()).map_err(Clone::clone);
        state.token = outcome.ok();
        authorization
    }

    /// This goes past the generated operation, which would come back here for a token.
    async fn request_token(&self) -> Result<Token, TokenError> {
        // The life of the token is counted from before the request, as the answer may have been long on its way.
        let asked_at = Instant::now();
        let request = self.http.post(&self.token_url).basic_auth(&self.client_id, Some(&self.client_secret));
        let form = [("grant_type", types::GrantType::ClientCredentials)];
        let response = request.header(ACCEPT, "application/json").form(&form).send().await;
        let response = response.map_err(|error| self.failed(error.without_url()))?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let token: types::AccessToken = response.json().await.map_err(|error| self.failed(error.without_url()))?;
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {}", token.access_token)).map_err(|error| self.failed(error))?;
        authorization.set_sensitive(true);
        // An `Instant` can overflow; a hundred years are enough.
        let life = Duration::from_secs(token.expires_in.clamp(0, 3_155_760_000).unsigned_abs());
        Ok(Token { authorization, renew_at: asked_at + life - RENEWAL_MARGIN.min(life / 10) })
    }

    fn failed(&self, error: impl std::error::Error + Send + Sync + 'static) -> TokenError {
        TokenError::Failed { url: self.token_url.clone(), source: Arc::new(error) }
    }
}

impl fmt::Debug for Session {
    /// The client ID is no secret; all else is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client_id = self.0.as_ref().map(|credentials| &credentials.client_id);
        f.debug_struct("Session").field("client_id", &client_id).finish_non_exhaustive()
    }
}

impl ClientHooks<Session> for Client {
    async fn pre<E>(&self, request: &mut Request, info: &OperationInfo) -> Result<(), Error<E>> {
        // progenitor sends the version of the document with every request; this API has no such header.
        request.headers_mut().remove("api-version");
        if PUBLIC_OPERATIONS.contains(&info.operation_id) {
            return Ok(());
        }
        let authorization = self.inner().authorization(None).await.map_err(|error| Error::Custom(chain(&error)))?;
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        Ok(())
    }

    async fn exec(&self, request: Request, _: &OperationInfo) -> reqwest::Result<Response> {
        // There is no second copy of a streamed body, and then no second attempt.
        let again = request.try_clone();
        let response = self.client().execute(request).await?;
        let (StatusCode::UNAUTHORIZED, Some(mut again)) = (response.status(), again) else { return Ok(response) };
        let Some(rejected) = again.headers().get(AUTHORIZATION) else { return Ok(response) };
        // If there is no other token to be had, the first answer says best what is wrong.
        let Ok(Some(renewed)) = self.inner().authorization(Some(rejected)).await else { return Ok(response) };
        again.headers_mut().insert(AUTHORIZATION, renewed);
        self.client().execute(again).await
    }
}

fn http() -> Result<reqwest::Client, ConnectError> {
    let within_origin = redirect::Policy::custom(|attempt| match attempt.previous().first() {
        Some(first) if first.origin() != attempt.url().origin() => attempt.stop(),
        _ => redirect::Policy::default().redirect(attempt),
    });
    reqwest::Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .redirect(within_origin)
        .build()
        .map_err(ConnectError::Http)
}

/// The base URL as the generated operations want it: paths, which start with a slash, are put behind it.
fn check(base_url: &str) -> Result<String, ConnectError> {
    let refused = |reason: &str| Err(ConnectError::BaseUrl(reason.to_owned()));
    let url = Url::parse(base_url).map_err(|error| ConnectError::BaseUrl(format!("cannot be read ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return refused("is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("carries a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("has a query or a fragment");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

async fn refusal(response: Response) -> TokenError {
    let status = response.status();
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok()).map(str::to_owned);
    let body = response.bytes().await.unwrap_or_default();
    let message = match (serde_json::from_slice(&body), location) {
        (Ok(types::ErrorBody::ApiError(body)), _) => format!("{}: {}", body.error, body.message),
        (Ok(types::ErrorBody::AuthenticationError(body)), _) => format!("{}: {}", body.error, body.error_description),
        (Err(_), Some(location)) => format!("the server redirects to {location}"),
        (Err(_), None) if body.is_empty() => "the server gives no reason".to_owned(),
        // Something in between answered, with a page perhaps; its beginning will do.
        (Err(_), None) => String::from_utf8_lossy(&body).chars().take(200).collect(),
    };
    TokenError::Refused { status, message }
}

/// What to do about a refused token request.
fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 | 401 | 403 => "check the client ID and the client secret",
        429 | 500.. => "try again later",
        _ => "check the base URL",
    }
}

/// An error and its causes on one line, for there is only room for a text in [`Error::Custom`].
fn chain(error: &TokenError) -> String {
    let causes = iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    /// If this fails, the `security` of an operation has changed: bring `PUBLIC_OPERATIONS` in line with the document.
    #[test]
    fn public_operations_are_those_of_the_document() {
        let document: serde_json::Value = serde_json::from_str(include_str!("../generated/openapi.json")).unwrap();
        let items = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
        let public = items.filter(|operation| operation["security"].as_array().is_some_and(Vec::is_empty));
        let mut public: Vec<_> =
            public.map(|operation| snake_case(operation["operationId"].as_str().unwrap())).collect();
        let mut listed = super::PUBLIC_OPERATIONS.to_vec();
        public.sort();
        listed.sort();
        assert_eq!(listed, public);
    }

    fn snake_case(name: &str) -> String {
        let split =
            |letter: char| if letter.is_uppercase() { format!("_{}", letter.to_lowercase()) } else { letter.into() };
        name.chars().map(split).collect()
    }
}
