//! What kind of value each keyword takes: one of the wrong kind would be read as absent.

use super::{At, Checker};
use crate::parse::Data;

/// The kinds that keywords take.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Flag,
    List,
    Object,
}

impl<'a> Checker<'a> {
    /// Refuses the keywords of `at` whose value is of the wrong kind; `what` is the object they stand in.
    pub(super) fn keyword_kinds(&self, at: &At<'a>, what: &str) {
        for (key, value) in at.entries() {
            let Some(kind) = kind(key, what) else { continue };
            let (fits, wanted, hint) = match kind {
                Kind::Text => {
                    (value.node.as_str().is_some(), "a string", "write text, in quotes where YAML reads something else")
                }
                Kind::Flag => (matches!(value.node.data, Data::Bool(_)), "a boolean", "write `true` or `false`"),
                Kind::List => (
                    matches!(value.node.data, Data::Array(_)),
                    "an array",
                    "write `[a, b]`, or lines that start with `- `",
                ),
                Kind::Object => (matches!(value.node.data, Data::Object(_)), "an object", "write `name: value` pairs"),
            };
            if !fits {
                self.report(&value, format!("`{key}` is {}, not {wanted}", value.node.kind()), hint);
            }
        }
    }
}

fn kind(key: &str, what: &str) -> Option<Kind> {
    Some(match key {
        // `components` keeps its sections by name, among them some that are lists elsewhere.
        _ if what == "`components`" => Kind::Object,
        "required" if what.starts_with("a schema") => Kind::List,
        "required" | "nullable" | "readOnly" | "writeOnly" | "deprecated" | "uniqueItems" | "exclusiveMinimum"
        | "exclusiveMaximum" | "explode" | "x-stream" | "x-audit" => Kind::Flag,
        "title" | "description" | "summary" | "termsOfService" | "version" | "operationId" | "name" | "in"
        | "style" | "format" | "pattern" | "propertyName" | "scheme" | "bearerFormat" | "openIdConnectUrl"
        | "prefix" | "serves" | "case" | "mediaType" | "x-rust-name" => Kind::Text,
        "enum" | "allOf" | "oneOf" | "anyOf" | "parameters" | "tags" | "servers" | "x-path-aliases" | "keep" => {
            Kind::List
        }
        "properties" | "mapping" | "content" | "responses" | "headers" | "links" | "flows" | "paths" | "components"
        | "info" | "contact" | "license" | "externalDocs" | "naming" => Kind::Object,
        _ => return None,
    })
}
