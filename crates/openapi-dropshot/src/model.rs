//! The checked document: all that the generated code is made of, with nothing left to refuse.

use crate::diagnostics::Place;
use crate::parse::Node;
use serde_json::Value;
use std::collections::BTreeMap;

/// A document that can be served.
#[derive(Clone, Debug)]
pub struct Api {
    /// `info.title`.
    pub title: String,
    /// `info.version`.
    pub version: String,
    /// The tags that have operations, in the order of the document.
    pub tags: Vec<Tag>,
    /// `components.schemas`, by name.
    pub schemas: BTreeMap<String, Schema>,
    /// `x-path-aliases`.
    pub aliases: Vec<PathAlias>,
    /// The whole document as JSON.
    pub document: Value,
    /// The whole document as it is written.
    pub(crate) source: Node,
}

impl Api {
    /// Where the value at a JSON pointer (RFC 6901) stands in the text; none where there is no value.
    pub fn place(&self, pointer: &str) -> Option<Place> {
        self.source.place_of(pointer)
    }
}

/// A tag and its operations: one trait.
#[derive(Clone, Debug)]
pub struct Tag {
    /// The tag as the document writes it.
    pub name: String,
    /// What the document says of it.
    pub description: String,
    /// Its operations, in the order of the document.
    pub operations: Vec<Operation>,
}

/// Every path below `serves` is served below `prefix` too.
#[derive(Clone, Debug)]
pub struct PathAlias {
    /// The other prefix; may hold path variables.
    pub prefix: String,
    /// The prefix that the document's paths have.
    pub serves: String,
    /// `naming`, if the names of JSON properties are spelled in another way there.
    pub naming: Option<Naming>,
}

/// The names of JSON properties in snake_case, which is the one convention there is.
#[derive(Clone, Debug)]
pub struct Naming {
    /// `mediaType`.
    pub media_type: Option<String>,
    /// `keep`.
    pub keep: Vec<String>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// `operationId` as written.
    pub id: String,
    /// The HTTP method in upper case.
    pub method: &'static str,
    /// The path with its variables in braces.
    pub path: String,
    /// `summary`, else empty.
    pub summary: String,
    /// `description`, else empty.
    pub description: String,
    /// Whether it is deprecated.
    pub deprecated: bool,
    /// Path, query and header parameters, those of the path item included.
    pub parameters: Vec<Parameter>,
    /// The request body.
    pub body: Option<Body>,
    /// The one success response.
    pub success: Success,
    /// Status and schema name of every declared error.
    pub errors: Vec<(u16, String)>,
    /// Alternatives of requirements; empty: public.
    pub security: Vec<Vec<Requirement>>,
}

/// One scheme with the scopes it must grant.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// The name under `components.securitySchemes`.
    pub scheme: String,
    /// OAuth scopes.
    pub scopes: Vec<String>,
}

/// Where a parameter is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name on the wire.
    pub name: String,
    /// Where it is sent.
    pub location: Location,
    /// Whether it must be there.
    pub required: bool,
    /// Whether array items are repeated (`a=1&a=2`) rather than joined by commas.
    pub explode: bool,
    /// What the document says of it.
    pub description: String,
    /// What it may be.
    pub schema: Schema,
}

/// A request body.
#[derive(Clone, Debug)]
pub struct Body {
    /// Whether it must be there.
    pub required: bool,
    /// The media types it may come in.
    pub media: Vec<Media>,
}

/// One media type of a request body.
#[derive(Clone, Debug)]
pub struct Media {
    /// The type as written, in lower case.
    pub name: String,
    /// How it is read.
    pub encoding: Encoding,
    /// Bytes it may have; its `x-body-limit`, else that of the body.
    pub limit: u64,
    /// The name of its schema; none for bytes and plain text.
    pub schema: Option<String>,
    /// For multipart: whether it has file parts, which are streamed.
    pub files: bool,
}

/// How a media type is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// Any other: a stream of bytes.
    Bytes,
}

/// The success response of an operation.
#[derive(Clone, Debug)]
pub struct Success {
    /// Its status.
    pub status: u16,
    /// The media types it comes in, by preference; empty: no body.
    pub media: Vec<String>,
    /// What the body is.
    pub payload: Payload,
}

/// What a success response carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing.
    Empty,
    /// JSON of the named schema.
    Json(String),
    /// Bytes or text of any other media type.
    Content,
}

/// A schema with the constraints that are checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Whether `null` is allowed.
    pub nullable: bool,
    /// `default`.
    pub default: Option<Value>,
    /// The rest.
    pub kind: Kind,
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Anything.
    Any,
    /// A boolean.
    Boolean,
    /// A whole number of 64 bits, or 32 when `short`.
    Integer {
        /// `format: int32`.
        short: bool,
        /// Lowest value.
        minimum: Option<i64>,
        /// Highest value.
        maximum: Option<i64>,
        /// `multipleOf`.
        multiple_of: Option<i64>,
        /// `enum`; empty: any.
        values: Vec<i64>,
    },
    /// A number.
    Number {
        /// Bound and whether it is exclusive.
        minimum: Option<(f64, bool)>,
        /// Bound and whether it is exclusive.
        maximum: Option<(f64, bool)>,
        /// `multipleOf`.
        multiple_of: Option<f64>,
    },
    /// A string; lengths in characters.
    String {
        /// `minLength`.
        min_length: u64,
        /// `maxLength`.
        max_length: Option<u64>,
        /// `pattern`.
        pattern: Option<String>,
        /// `format`.
        format: Option<String>,
        /// `enum`; empty: any.
        values: Vec<String>,
    },
    /// An array.
    Array {
        /// What its items may be.
        items: Box<Schema>,
        /// `minItems`.
        min_items: u64,
        /// `maxItems`.
        max_items: Option<u64>,
        /// `uniqueItems`.
        unique: bool,
    },
    /// An object.
    Object {
        /// `properties`, in the order of the document.
        properties: Vec<Property>,
        /// `additionalProperties`.
        additional: Additional,
        /// `minProperties`.
        min_properties: u64,
        /// `maxProperties`.
        max_properties: Option<u64>,
    },
    /// All of these.
    AllOf(Vec<Schema>),
    /// At least one of these.
    AnyOf(Vec<Schema>),
    /// Exactly one of these; told apart by a discriminator, if there is one.
    OneOf {
        /// The alternatives.
        variants: Vec<Schema>,
        /// Property and value → schema name.
        discriminator: Option<(String, Vec<(String, String)>)>,
    },
    /// The named schema.
    Ref(String),
}

/// A property of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name on the wire.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// Whether only answers carry it; requests may not be held to it.
    pub read_only: bool,
    /// What it may be.
    pub schema: Schema,
}

/// What other properties an object may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Additional {
    /// Any.
    Any,
    /// None.
    Refused,
    /// Those that fit.
    Schema(Box<Schema>),
}
