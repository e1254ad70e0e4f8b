//! Request bodies.

use super::{At, Checker, parameter};
use crate::model::{Body, Encoding, Kind, Media, Schema};
use crate::parse::Data;
use std::collections::BTreeMap;

/// Bytes that a body may have where the document does not say (`x-body-limit`).
const DEFAULT_LIMIT: u64 = 65_536;

/// How a media type is read.
pub(super) fn encoding(name: &str) -> Encoding {
    let essence = name.split(';').next().unwrap_or_default().trim();
    match essence {
        "application/x-www-form-urlencoded" => Encoding::Form,
        "multipart/form-data" => Encoding::Multipart,
        // The merge-patch type of some clients does not end in `+json`, though it is JSON.
        "application/json" | "application/json+merge-patch" => Encoding::Json,
        _ if essence.ends_with("+json") => Encoding::Json,
        _ => Encoding::Bytes,
    }
}

impl<'a> Checker<'a> {
    pub(super) fn body(&self, at: &At<'a>, schemas: &BTreeMap<String, Schema>) -> Option<Body> {
        let at = self.resolve(at, "requestBodies")?;
        if !self.object(&at, "a request body", &["description", "content", "required"]) {
            return None;
        }
        let limit = self.limit(&at, DEFAULT_LIMIT)?;
        let listed = at.get("content");
        let content: Vec<_> = listed.iter().flat_map(At::entries).collect();
        if content.is_empty() {
            self.report(
                listed.as_ref().unwrap_or(&at),
                "a request body without `content`",
                "add at least one media type",
            );
        }
        let media = content.into_iter().filter_map(|(name, at)| self.media(name, &at, limit, schemas)).collect();
        Some(Body { required: at.is_true("required"), media })
    }

    /// The `x-body-limit` of a body or of one of its media types.
    fn limit(&self, at: &At<'a>, otherwise: u64) -> Option<u64> {
        let Some(limit) = at.get("x-body-limit") else { return Some(otherwise) };
        match &limit.node.data {
            Data::Number(number) if number.as_u64().is_some_and(|bytes| bytes > 0) => number.as_u64(),
            _ => {
                let message = "`x-body-limit` must be a number of bytes above 0";
                self.report(&limit, message, "write `x-body-limit: 65536`");
                None
            }
        }
    }

    fn media(&self, name: &str, at: &At<'a>, limit: u64, schemas: &BTreeMap<String, Schema>) -> Option<Media> {
        self.object(at, "a media type", &["schema", "example", "examples"]);
        let name = name.to_ascii_lowercase();
        let (mut encoding, limit) = (encoding(&name), self.limit(at, limit)?);
        if !is_media_type(&name) {
            self.report_key(
                at,
                format!("`{name}` does not name one media type"),
                "write it without parameters and wildcards",
            );
        }
        if encoding == Encoding::Bytes {
            at.get("schema").and_then(|schema| self.schema(&schema));
            return Some(Media { name, encoding, limit, schema: None, files: false });
        }
        let Some(reference) = at.get("schema").and_then(|schema| schema.get("$ref")) else {
            let hint = "name the schema under `components.schemas` and refer to it";
            self.report(&at.get("schema").unwrap_or_else(|| at.clone()), "a request body without a named schema", hint);
            return None;
        };
        let schema = self.target(&reference, "schemas")?.to_owned();
        if at.is_true("x-stream") {
            if encoding != Encoding::Json {
                let hint = "leave `x-stream` out: files and bytes are handed over as they arrive anyway";
                self.report(at, format!("`x-stream` of `{name}`, which is not JSON"), hint);
            }
            // The handler gets the bytes, and holds what it reads of them against the schema.
            encoding = Encoding::Bytes;
        }
        if !matches!(encoding, Encoding::Json | Encoding::Bytes)
            && schemas.get(&schema).is_some_and(|known| !parameter::is_flat(known, schemas))
        {
            let hint = "a form carries an object of strings, numbers, booleans and arrays of them";
            self.report(&reference, format!("`{schema}` cannot be sent as a form"), hint);
        }
        let files =
            encoding == Encoding::Multipart && schemas.get(&schema).is_some_and(|known| has_file(known, schemas));
        Some(Media { name, encoding, limit, schema: Some(schema), files })
    }
}

/// Whether it is a type and a subtype, without parameters and wildcards (RFC 6838).
pub(super) fn is_media_type(name: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    name.split_once('/').is_some_and(|(main, sub)| is_name(main) && is_name(sub))
}

fn has_file(schema: &Schema, schemas: &BTreeMap<String, Schema>) -> bool {
    match &parameter::resolved(schema, schemas).kind {
        Kind::Object { properties, .. } => properties.iter().any(|property| is_file(&property.schema, schemas)),
        _ => false,
    }
}

fn is_file(schema: &Schema, schemas: &BTreeMap<String, Schema>) -> bool {
    match &parameter::resolved(schema, schemas).kind {
        Kind::String { format, .. } => format.as_deref() == Some("binary"),
        Kind::Array { items, .. } => is_file(items, schemas),
        _ => false,
    }
}
