//! The other spelling of the API: below a path alias with a `naming`, the names of JSON properties are in snake_case.
//!
//! One mechanical translation at the edge, both ways. All it knows are names, and all of them are the document's: those
//! of the properties of its schemas, and those whose value is up to the client, such as custom `properties`, which it
//! leaves as they are. Names of parameters and of link relations are the same in both spellings.

use crate::error::Error;
use crate::generated::server::{DOCUMENT, OPERATIONS};
use bytes::Bytes;
use dropshot::Body;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use openapi_dropshot::runtime::{Encoding, Failure, FailureKind, Naming, Response};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";

/// Spells a request as the document does: its body, and the media types it names.
///
/// # Errors
/// 413 for a body beyond what any operation takes, 400 for one that ends half-way.
pub async fn request(request: Request<Body>, naming: &Naming) -> Result<Request<Body>, Error> {
    let (mut parts, body) = request.into_parts();
    if let Some(own) = naming.media_type {
        if let Some(accept) = text(&parts.headers, &ACCEPT).filter(|accept| accept.contains(own))
            && let Ok(accept) = HeaderValue::try_from(accept.replace(own, JSON))
        {
            parts.headers.insert(ACCEPT, accept);
        }
        if text(&parts.headers, &CONTENT_TYPE).is_some_and(|found| essence(found).eq_ignore_ascii_case(own)) {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
    }
    if !is_json(&parts.headers) {
        return Ok(Request::from_parts(parts, body));
    }
    let bytes = match Limited::new(body, *LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!("the body may have {} bytes", *LARGEST_BODY);
            return Err(Failure::new(FailureKind::TooLarge, message).into());
        }
        Err(_) => return Err(Failure::new(FailureKind::Malformed, "the body ended half-way").into()),
    };
    // What is not JSON goes on as it is, so that it is refused in the same words as in the document's own spelling.
    let Ok(mut value) = serde_json::from_slice(&bytes) else {
        return Ok(Request::from_parts(parts, Body::from(bytes)));
    };
    translate(&mut value, &|name| NAMES.document.get(name).map(String::as_str));
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, Body::from(value.to_string())))
}

/// Spells an answer in the other way. `served` is the absolute address of what the alias serves, and `alias` that of the
/// alias: links stay within the spelling that the client speaks.
pub async fn response(
    response: Response,
    naming: &'static Naming,
    accept: &HeaderMap,
    served: &str,
    alias: &str,
) -> Response {
    let (served, alias) = ([served, "/"].concat(), [alias, "/"].concat());
    if text(response.headers(), &CONTENT_TYPE).is_some_and(|found| essence(found) == EVENT_STREAM) {
        return response.map(|body| {
            // The streams of this server hand whole events over.
            Body::wrap(body.map_frame(move |frame| frame.map_data(|data| events(&data, naming, &served, &alias))))
        });
    }
    if !is_json(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(|body| body.to_bytes()) else {
        return Error::from(Failure::new(FailureKind::Internal, "an answer ended half-way")).render(None);
    };
    let Ok(mut value) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let spelled = |name: &str| respelled(name, naming);
    move_links(&mut value, &served, &alias);
    if let Some(faults) = value.get_mut("errors").and_then(Value::as_array_mut) {
        faults.iter_mut().for_each(|fault| respell_field(fault, &spelled));
    }
    translate(&mut value, &spelled);
    if let Some(own) = naming.media_type
        && text(accept, &ACCEPT).is_some_and(|accept| accept.contains(own))
        && text(&parts.headers, &CONTENT_TYPE) == Some(JSON)
    {
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(own));
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(value.to_string()))
}

/// The other name of a property, where it has one.
fn respelled(name: &str, naming: &Naming) -> Option<&'static str> {
    if naming.keep.contains(&name) { None } else { NAMES.other.get(name).map(String::as_str) }
}

/// Spells the data of server-sent events in the other way.
fn events(bytes: &Bytes, naming: &Naming, served: &str, alias: &str) -> Bytes {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.clone() };
    let line = |line: &str| match line.strip_prefix("data: ").map(serde_json::from_str::<Value>) {
        Some(Ok(mut value)) => {
            move_links(&mut value, served, alias);
            translate(&mut value, &|name| respelled(name, naming));
            format!("data: {value}\n")
        }
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect::<String>().into()
}

/// Renames the properties of a value at every depth, but for what the client made up.
fn translate<'n>(value: &mut Value, renamed: &impl Fn(&str) -> Option<&'n str>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| translate(item, renamed)),
        Value::Object(map) => {
            let fields = std::mem::take(map).into_iter().map(|(name, mut value)| {
                if !NAMES.is_opaque(&name) {
                    translate(&mut value, renamed);
                }
                (renamed(&name).map_or(name.clone(), str::to_owned), value)
            });
            *map = fields.collect();
        }
        _ => {}
    }
}

/// Lets the links of an answer lead to where the client came from.
fn move_links(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| move_links(item, from, to)),
        Value::Object(map) => {
            let links = map.get_mut("_links").and_then(Value::as_object_mut);
            for href in links.into_iter().flat_map(Map::values_mut).filter_map(|link| link.get_mut("href")) {
                if let Some(rest) = href.as_str().and_then(|href| href.strip_prefix(from)) {
                    *href = [to, rest].concat().into();
                }
            }
            map.iter_mut()
                .filter(|(name, _)| *name != "_links" && !NAMES.is_opaque(name))
                .for_each(|(_, value)| move_links(value, from, to));
        }
        _ => {}
    }
}

/// `members[2].displayName` in a fault names what was sent, and so in the spelling in which it was sent.
fn respell_field<'n>(fault: &mut Value, spelled: &impl Fn(&str) -> Option<&'n str>) {
    let Some(field) = fault.get_mut("field") else { return };
    let Some(path) = field.as_str() else { return };
    let renamed = path.split_inclusive(['.', '[', ']']).map(|part| {
        let name = part.trim_end_matches(['.', '[', ']']);
        [spelled(name).unwrap_or(name), &part[name.len()..]].concat()
    });
    *field = renamed.collect::<String>().into();
}

/// The names of the document.
struct Names {
    /// From the document's spelling to the other, where they differ.
    other: HashMap<String, String>,
    /// And back.
    document: HashMap<String, String>,
    /// The properties whose values have names of the client's own.
    opaque: HashSet<String>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { other: HashMap::new(), document: HashMap::new(), opaque: HashSet::new() };
    for schema in DOCUMENT.json()["components"]["schemas"].as_object().into_iter().flat_map(Map::values) {
        names.gather(schema);
    }
    names
});

impl Names {
    fn gather(&mut self, schema: &Value) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let other = snake(name);
            if other != *name {
                self.document.insert(other.clone(), name.clone());
                self.other.insert(name.clone(), other);
            }
            if is_free(property) {
                self.opaque.insert(name.clone());
                self.opaque.insert(snake(name));
            }
            self.gather(property);
        }
        for part in ["allOf", "oneOf", "anyOf"] {
            schema[part].as_array().into_iter().flatten().for_each(|schema| self.gather(schema));
        }
        if let Some(items) = schema.get("items") {
            self.gather(items);
        }
    }

    /// Whether what lies below this name is left alone; the relations of links are.
    fn is_opaque(&self, name: &str) -> bool {
        name == "_links" || self.opaque.contains(name)
    }
}

/// Whether a schema is of objects for which the document names no property.
fn is_free(schema: &Value) -> bool {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => DOCUMENT.json().pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => schema,
    };
    if let [only] = schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default() {
        return is_free(only);
    }
    schema["type"] == "object" && schema.get("properties").is_none() && schema.get("allOf").is_none()
}

/// `created_time` for `createdTime`; a leading underscore stays.
fn snake(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

/// Bytes that a JSON body has at most, whatever the operation; the operation's own limit is kept to later.
static LARGEST_BODY: LazyLock<usize> = LazyLock::new(|| {
    let media = OPERATIONS.iter().filter_map(|operation| operation.body).flat_map(|rules| rules.media);
    let limits = media.filter(|media| media.encoding == Encoding::Json).map(|media| media.limit);
    limits.max().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
});

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

fn is_json(headers: &HeaderMap) -> bool {
    text(headers, &CONTENT_TYPE).is_some_and(|media_type| essence(media_type).contains("json"))
}
