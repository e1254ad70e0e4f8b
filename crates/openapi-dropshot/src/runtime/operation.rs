//! What the document says of an operation, as constants.

use super::schema::Schema;
use http::Method;

/// One operation of the document.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with variables in braces.
    pub path: &'static str,
    /// All parameters.
    pub parameters: &'static [&'static Parameter],
    /// The request body.
    pub body: Option<&'static BodyRules>,
    /// Media types of the success response, by preference; empty: no body.
    pub produces: &'static [&'static str],
    /// Status of the success response.
    pub status: u16,
    /// Status and schema name of each declared error; 4 and 5 stand for a class, 0 for `default`.
    pub errors: &'static [(u16, &'static str)],
    /// Alternatives, each a list of what must be met; empty: open to everybody.
    pub security: &'static [&'static [Requirement]],
}

impl Operation {
    /// The name of the schema that the document declares for an error status.
    pub fn error_schema(&self, status: u16) -> Option<&'static str> {
        let declared = |wanted: u16| self.errors.iter().find(|(status, _)| *status == wanted).map(|(_, name)| *name);
        declared(status).or_else(|| declared(status / 100)).or_else(|| declared(0))
    }

    /// Whether its path, with values for the variables, is this one.
    pub fn serves(&self, path: &str) -> bool {
        let (mut wanted, mut found) = (self.path.split('/'), path.split('/'));
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return true,
                (Some(wanted), Some(found)) if wanted == found || wanted.starts_with('{') && !found.is_empty() => {}
                _ => return false,
            }
        }
    }
}

/// A security scheme and the scopes it must grant.
#[derive(Debug)]
pub struct Requirement {
    /// The name of the scheme in the document.
    pub scheme: &'static str,
    /// OAuth scopes, all of them needed.
    pub scopes: &'static [&'static str],
}

/// A parameter.
#[derive(Debug)]
pub struct Parameter {
    /// The name on the wire.
    pub name: &'static str,
    /// Where it is sent.
    pub location: Location,
    /// Whether it must be there.
    pub required: bool,
    /// Whether the items of an array are repeated rather than joined by commas.
    pub explode: bool,
    /// What it may be.
    pub schema: Schema,
}

/// The part of a request that a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// The path.
    Path,
    /// The query.
    Query,
    /// The headers.
    Header,
    /// The body.
    Body,
}

/// What a request body may be.
#[derive(Debug)]
pub struct BodyRules {
    /// Whether there must be one.
    pub required: bool,
    /// The media types it may come in.
    pub media: &'static [Media],
}

/// A media type of a request body.
#[derive(Debug)]
pub struct Media {
    /// Its name in lower case.
    pub name: &'static str,
    /// How it is read.
    pub encoding: Encoding,
    /// Bytes it may have.
    pub limit: u64,
    /// What it must fit.
    pub schema: Option<&'static Schema>,
}

/// How a request body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// As a stream of bytes.
    Bytes,
}

/// A prefix under which the paths below another prefix are served as well.
#[derive(Debug)]
pub struct PathAlias {
    /// The other prefix; may hold variables.
    pub prefix: &'static str,
    /// The prefix of the document's paths.
    pub serves: &'static str,
    /// How names are spelled below the other prefix; none if as the document spells them.
    pub naming: Option<Naming>,
}

/// How the names of JSON properties are spelled below a path alias.
#[derive(Debug)]
pub struct Naming {
    /// The convention.
    pub case: Case,
    /// The media type of JSON in this spelling, beside the usual ones.
    pub media_type: Option<&'static str>,
    /// The names that keep the document's spelling in answers.
    pub keep: &'static [&'static str],
}

/// A convention for names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `created_time`.
    Snake,
}

impl PathAlias {
    /// What a path below the alias has for the variable, and which path it stands for: `7` and `/v1/users` for
    /// `/v1/applications/7/users`.
    pub fn target<'p>(&self, path: &'p str) -> Option<(&'p str, String)> {
        let (before, _variable) = self.prefix.split_once('{')?;
        let (value, below) = path.strip_prefix(before)?.split_once('/')?;
        (!below.is_empty()).then(|| (value, [self.serves, "/", below].concat()))
    }
}
