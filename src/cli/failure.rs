//! How commands fail: with which exit code, and what to do next.

use crate::generated::client::Error;
use crate::generated::client::types::ErrorBody;
use crate::session::{ConnectError, TokenError};
use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something failed that is none of the others.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Not signed in, or not allowed: 401 or 403.
    Refused = 4,
    /// There is no such thing: 404.
    NotFound = 5,
    /// The server cannot be reached.
    Unreachable = 7,
    /// Interrupted from the keyboard, or by SIGINT.
    Interrupted = 130,
}

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What to do next.
    pub help: Option<String>,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Whoever read standard output has gone away, which is no failure.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads on")]
pub struct ReaderGone;

impl Failure {
    /// A failure with nothing behind it.
    pub fn new(exit: Exit, message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Failure { exit, message: message.into(), help: help.into(), source: None }
    }

    /// The failure that an error is; errors without an exit code of their own are none.
    pub fn of(error: &anyhow::Error) -> Option<&Failure> {
        error.downcast_ref()
    }

    /// No answer from the server.
    fn unreachable(url: &str, error: impl StdError + Send + Sync + 'static) -> Self {
        let help = "start a server with `chatkitty serve`, or give the address of one with --server or CHATKITTY_URL";
        Failure {
            source: Some(Box::new(error)),
            ..Failure::new(Exit::Unreachable, format!("cannot reach {url}"), help.to_owned())
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Failure::new(Exit::Usage, error.to_string(), "set CHATKITTY_URL or --server".to_owned())
    }
}

/// What a refused or failed token request means.
pub fn of_token(error: TokenError, url: &str) -> Failure {
    match error {
        TokenError::Refused { status, message } => {
            let exit = if matches!(status.as_u16(), 400 | 401 | 403) { Exit::Refused } else { Exit::Failed };
            let help = match exit {
                Exit::Refused => {
                    "check CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET; `chatkitty app` gives new ones"
                }
                _ => "check CHATKITTY_URL or --server, and try again later",
            };
            Failure::new(exit, format!("the server issued no access token, {status}: {message}"), help.to_owned())
        }
        TokenError::Failed { source, .. } => match source.downcast_ref::<reqwest::Error>() {
            Some(error) if error.is_decode() => not_this_api(url, "its answer is no access token"),
            _ => Failure::unreachable(url, Shared(source)),
        },
    }
}

/// An error that others hold too.
#[derive(Debug)]
struct Shared(Arc<dyn StdError + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// What a failed call means. `target` is what was asked for.
pub fn of_call<E: Answer>(error: Error<E>, url: &str, target: &str) -> Failure {
    match error {
        Error::CommunicationError(error) | Error::ResponseBodyError(error) => {
            Failure::unreachable(url, error.without_url())
        }
        Error::ErrorResponse(answer) => {
            let token = answer.headers().get("x-response-token").and_then(|token| token.to_str().ok());
            refused(answer.status().as_u16(), answer.described(), target, token)
        }
        Error::InvalidRequest(message) | Error::Custom(message) => Failure::new(Exit::Failed, message, None),
        Error::UnexpectedResponse(answer) => {
            not_this_api(url, &format!("it answers {}, which the API never does", answer.status()))
        }
        error => not_this_api(url, &error.to_string()),
    }
}

/// The body of an error, which not every operation has.
pub trait Answer: std::fmt::Debug {
    /// What it says, with each fault on a line of its own; none without a body.
    fn described(&self) -> Option<String>;
}

impl Answer for () {
    fn described(&self) -> Option<String> {
        None
    }
}

impl Answer for ErrorBody {
    fn described(&self) -> Option<String> {
        Some(match self {
            ErrorBody::ApiError(error) => {
                let mut text = error.message.clone();
                for fault in &error.errors {
                    let (field, message) = (&fault.field, &fault.message);
                    let _ = write!(text, "\n  {field}: {message} ({})", fault.code);
                }
                text
            }
            ErrorBody::AuthenticationError(error) => error.error_description.clone(),
        })
    }
}

fn refused(status: u16, said: Option<String>, target: &str, token: Option<&str>) -> Failure {
    let (exit, otherwise, help) = match status {
        400 => (Exit::Failed, "the request is not valid", "`--help` tells what the command takes"),
        401 => (
            Exit::Refused,
            "the server does not accept the access token",
            "set CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET to the credentials of an application",
        ),
        403 => (
            Exit::Refused,
            "these credentials do not allow it",
            "use credentials with that scope; `chatkitty app create --help` tells how to make some",
        ),
        404 => (Exit::NotFound, "there is no such thing", "a `list` command shows what there is"),
        429 => (Exit::Failed, "too many requests", "wait a moment and try again"),
        500.. => (Exit::Failed, "the server failed", "try again later"),
        _ => (Exit::Failed, "the server refused the request", "`--help` tells what the command takes"),
    };
    let help = match token {
        Some(token) if status >= 500 => format!("{help}; its operator finds the cause in the log by {token}"),
        _ => help.to_owned(),
    };
    let message = said.unwrap_or_else(|| otherwise.to_owned());
    let message = if exit == Exit::NotFound { format!("{message} ({target})") } else { message };
    Failure::new(exit, message, help)
}

fn not_this_api(url: &str, why: &str) -> Failure {
    let help = "check CHATKITTY_URL or --server: it is the address without /v1";
    Failure::new(Exit::Failed, format!("{url} does not speak this API: {why}"), help.to_owned())
}
