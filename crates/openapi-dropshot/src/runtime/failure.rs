//! What the framework itself refuses.

use super::operation::Location;
use http::{Method, StatusCode};

/// A request that never reached its handler, or that the server failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which failure.
    pub kind: FailureKind,
    /// One sentence for the caller; holds nothing of what was sent.
    pub message: String,
    /// What is wrong with the inputs; only for [`FailureKind::Invalid`].
    pub violations: Vec<Violation>,
}

/// The failures of the framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Inputs break declared constraints: 400.
    Invalid,
    /// The request cannot be read: 400.
    Malformed,
    /// No such path: 404.
    NotFound,
    /// The path has other methods: 405.
    MethodNotAllowed(Vec<Method>),
    /// No declared media type is acceptable: 406.
    NotAcceptable,
    /// The body is longer than declared: 413.
    TooLarge,
    /// The body comes in a media type that is not declared: 415.
    UnsupportedMediaType,
    /// The server failed: 500. The message is for the log.
    Internal,
}

impl Failure {
    /// A failure without violations.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into(), violations: Vec::new() }
    }

    /// The status that fits.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            FailureKind::Invalid | FailureKind::Malformed => StatusCode::BAD_REQUEST,
            FailureKind::NotFound => StatusCode::NOT_FOUND,
            FailureKind::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            FailureKind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            FailureKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            FailureKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// One broken constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where the value came from.
    pub location: Location,
    /// The parameter, or the way into the body: `members[2].id`. Empty for the body as a whole.
    pub field: String,
    /// Which constraint.
    pub code: Code,
    /// What would be right; holds nothing of what was sent.
    pub message: String,
}

/// The constraint that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// `required`.
    Missing,
    /// `type`, or text that cannot be read as the type.
    Type,
    /// `enum`, or the value of a discriminator.
    Enum,
    /// `minimum`, `maximum` or `multipleOf`.
    Range,
    /// `minLength` or `maxLength`.
    Length,
    /// `pattern`.
    Pattern,
    /// `format`.
    Format,
    /// `minItems`, `maxItems`, `minProperties` or `maxProperties`.
    Size,
    /// `uniqueItems`.
    Unique,
    /// `oneOf` or `anyOf`.
    Alternative,
    /// `additionalProperties: false`.
    Unknown,
}
