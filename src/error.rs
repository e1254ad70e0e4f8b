//! The one error of the server, and the documented response it becomes.
//!
//! A variant exists where a client acts differently. What went wrong inside is for the log; what a client is told holds
//! nothing of it.

use crate::Timestamp;
use crate::generated::client::types::{ApiError, AuthenticationError, ValidationError};
use crate::generated::wire::ValidationErrorCode;
use crate::limits::Standing;
use crate::store::StoreError;
use dropshot::Body;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use openapi_dropshot::runtime::{Code, Failure, FailureKind, Operation, Response, Violation, allow};
use serde::Serialize;

/// Why a request was not served.
#[derive(Debug)]
pub enum Error {
    /// The framework refused or failed: 400, 404, 405, 406, 413, 415, 500.
    Framework(Failure),
    /// Inputs that fit the document break a rule: 400.
    Invalid(Vec<Fault>),
    /// The resource is not there, or not the caller's: 404.
    NotFound(&'static str),
    /// No token: 401. Holds what would be right.
    Unauthorized(&'static str),
    /// A token that is unknown, expired or revoked: 401, as RFC 6750 section 3.1 has it.
    InvalidToken,
    /// The token lacks a scope: 403.
    Forbidden {
        /// The scope that is needed.
        scope: &'static str,
    },
    /// The token endpoint refuses a grant, as RFC 6749 section 5.2 has it: 400.
    Grant {
        /// `invalid_request`, `unsupported_grant_type`, `invalid_scope`, …
        error: &'static str,
        /// What would be right.
        description: String,
    },
    /// The client credentials are missing or wrong: 401.
    Credentials {
        /// Whether the answer challenges the client to send Basic credentials.
        challenge: bool,
    },
    /// Too many requests: 429.
    TooManyRequests {
        /// Seconds until the next may come.
        retry_after: u64,
        /// The rate that was passed, if it is one.
        standing: Option<Standing>,
    },
    /// The request took longer than the server allows: 503.
    TimedOut,
    /// The server is about to stop, and begins nothing that lasts: 503.
    Stopping,
    /// The database: 503 when it may work later, else 500.
    Store(StoreError),
    /// The object store: 503.
    Files(object_store::Error),
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The parameter or property: `members[2]`.
    pub field: String,
    /// What is wrong.
    pub code: ValidationErrorCode,
    /// What would be right; holds nothing of what was sent.
    pub message: &'static str,
}

impl Fault {
    /// A fault of a field.
    pub fn new(field: impl Into<String>, code: ValidationErrorCode, message: &'static str) -> Self {
        Fault { field: field.into(), code, message }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Error::Invalid(vec![fault])
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::Framework(failure)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Error::Store(error)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        match error {
            // Deleted since its row was read.
            object_store::Error::NotFound { .. } => Error::NotFound("file"),
            error => Error::Files(error),
        }
    }
}

impl Error {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Framework(failure) => failure.status(),
            Error::Invalid(_) | Error::Grant { .. } => StatusCode::BAD_REQUEST,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Unauthorized(_) | Error::InvalidToken | Error::Credentials { .. } => StatusCode::UNAUTHORIZED,
            Error::Forbidden { .. } => StatusCode::FORBIDDEN,
            Error::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::TimedOut
            | Error::Stopping
            | Error::Files(_)
            | Error::Store(StoreError::Busy | StoreError::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Error::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The documented response. The operation tells the shape: the token endpoint's 400 is OAuth's.
    pub fn render(self, operation: Option<&'static Operation>) -> Response {
        let status = self.status();
        self.log(operation);
        let mut headers = HeaderMap::new();
        let header = match &self {
            Error::Unauthorized(_) => Some((WWW_AUTHENTICATE, Ok(HeaderValue::from_static(BEARER_CHALLENGE)))),
            Error::InvalidToken => {
                Some((WWW_AUTHENTICATE, format!("{BEARER_CHALLENGE}, error=\"invalid_token\"").try_into()))
            }
            Error::Forbidden { scope } => {
                let challenge = format!("{BEARER_CHALLENGE}, error=\"insufficient_scope\", scope=\"{scope}\"");
                Some((WWW_AUTHENTICATE, challenge.try_into()))
            }
            Error::Credentials { challenge: true } => {
                Some((WWW_AUTHENTICATE, Ok(HeaderValue::from_static(BASIC_CHALLENGE))))
            }
            Error::TooManyRequests { retry_after, standing } => {
                standing.iter().for_each(|standing| standing.tell(&mut headers));
                Some((RETRY_AFTER, Ok(HeaderValue::from(*retry_after))))
            }
            Error::Framework(Failure { kind: FailureKind::MethodNotAllowed(methods), .. }) => {
                Some((ALLOW, Ok(allow(methods))))
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, Ok(HeaderValue::from(1)))),
            _ => None,
        };
        if let Some((name, Ok(value))) = header {
            headers.insert(name, value);
        }
        let schema = operation.and_then(|operation| operation.error_schema(status.as_u16()));
        if schema == Some("AuthenticationError") || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            response(status, headers, &self.authentication_error())
        } else {
            response(status, headers, &self.api_error(operation))
        }
    }

    fn log(&self, operation: Option<&'static Operation>) {
        let operation = operation.map_or("-", |operation| operation.id);
        match self {
            Error::Store(error) => tracing::error!(operation, %error, "the store failed a request"),
            Error::Framework(Failure { kind: FailureKind::Internal, message, .. }) => {
                tracing::error!(operation, message, "the server failed a request");
            }
            Error::Files(error) => tracing::error!(operation, %error, "the object store failed a request"),
            Error::TimedOut => tracing::warn!(operation, "a request took too long"),
            _ => {}
        }
    }

    fn authentication_error(&self) -> AuthenticationError {
        let (error, description) = match self {
            Error::Unauthorized(reason) => ("unauthorized", (*reason).to_owned()),
            Error::InvalidToken => {
                ("invalid_token", "the access token is unknown, expired or revoked: get a new one".to_owned())
            }
            Error::Credentials { .. } => ("invalid_client", "no application has these credentials".to_owned()),
            Error::Forbidden { scope } => ("access_denied", format!("the token lacks the scope {scope}")),
            Error::Grant { error, description } => (*error, description.clone()),
            Error::Framework(failure) => {
                // RFC 6749 section 5.2 has an error of its own for the one parameter with fixed values.
                let unsupported =
                    |violation: &Violation| violation.field == "grant_type" && violation.code == Code::Enum;
                let unsupported = failure.violations.iter().any(unsupported);
                // The body as a whole has no name.
                let detail =
                    |violation: &Violation| format!("{} {}", violation.field, violation.message).trim().to_owned();
                let details = failure.violations.iter().map(detail);
                let text = details.collect::<Vec<_>>().join("; ");
                let error = if unsupported { "unsupported_grant_type" } else { "invalid_request" };
                (error, if text.is_empty() { failure.message.clone() } else { text })
            }
            _ => ("invalid_request", "the request cannot be served".to_owned()),
        };
        AuthenticationError { error: error.to_owned(), error_description: description }
    }

    fn api_error(self, operation: Option<&'static Operation>) -> ApiError {
        let resource = operation.map_or("request", resource_of);
        let (error, message, errors) = match self {
            Error::Framework(failure) => match failure.kind {
                FailureKind::Internal => ("InternalServerError", INTERNAL.to_owned(), Vec::new()),
                kind => {
                    let faults = failure.violations.into_iter().map(|violation| validation_error(resource, violation));
                    (name_of(&kind), failure.message, faults.collect())
                }
            },
            Error::Invalid(faults) => {
                let errors = faults.into_iter().map(|fault| ValidationError {
                    resource: resource.to_owned(),
                    field: fault.field,
                    code: fault.code,
                    message: fault.message.to_owned(),
                });
                ("ClientError", "the request breaks a rule of this API".to_owned(), errors.collect())
            }
            Error::NotFound(what) => ("ResourceNotFoundError", format!("there is no such {what}"), Vec::new()),
            Error::TooManyRequests { .. } => {
                ("TooManyRequestsError", "too many requests: wait as Retry-After says".to_owned(), Vec::new())
            }
            Error::TimedOut => {
                ("ServiceUnavailableError", "the request took too long; try again".to_owned(), Vec::new())
            }
            Error::Files(_) => {
                ("ServiceUnavailableError", "the file store cannot serve this now; try again".to_owned(), Vec::new())
            }
            Error::Stopping => ("ServiceUnavailableError", "the server is stopping; try again".to_owned(), Vec::new()),
            Error::Store(StoreError::Busy | StoreError::Unavailable(_)) => {
                ("ServiceUnavailableError", "the database cannot serve this now; try again".to_owned(), Vec::new())
            }
            _ => ("InternalServerError", INTERNAL.to_owned(), Vec::new()),
        };
        ApiError { error: error.to_owned(), message, timestamp: Timestamp::now(), errors }
    }
}

const INTERNAL: &str = "the server failed; its log tells more under this answer's X-Response-Token";
const BEARER_CHALLENGE: &str = "Bearer realm=\"chatkitty\"";
const BASIC_CHALLENGE: &str = "Basic realm=\"chatkitty\", charset=\"UTF-8\"";

fn name_of(kind: &FailureKind) -> &'static str {
    match kind {
        FailureKind::NotFound => "ResourceNotFoundError",
        FailureKind::MethodNotAllowed(_) => "MethodNotAllowedError",
        FailureKind::NotAcceptable => "NotAcceptableError",
        FailureKind::TooLarge => "PayloadTooLargeError",
        FailureKind::UnsupportedMediaType => "UnsupportedMediaTypeError",
        _ => "ClientError",
    }
}

fn validation_error(resource: &str, violation: Violation) -> ValidationError {
    let Violation { field, code, message, .. } = violation;
    ValidationError { resource: resource.to_owned(), field, code: code_of(code), message }
}

/// What a client is told of a broken constraint.
pub(crate) fn code_of(code: Code) -> ValidationErrorCode {
    match code {
        Code::Missing => ValidationErrorCode::MissingField,
        _ => ValidationErrorCode::Invalid,
    }
}

/// The noun of a path's last collection: `message` for `/v1/channels/{id}/messages`.
fn resource_of(operation: &'static Operation) -> &'static str {
    let noun = operation.path.rsplit('/').find(|segment| !segment.is_empty() && !segment.starts_with('{'));
    noun.map_or("request", |noun| noun.trim_end_matches('s'))
}

fn response(status: StatusCode, mut headers: HeaderMap, body: &impl Serialize) -> Response {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // The types hold nothing that cannot be written as JSON; an empty body is the honest rest.
    let mut response = Response::new(Body::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
