//! The other spelling of the API: below a path alias with a `naming`, the names of JSON properties are in snake_case.
//!
//! One mechanical translation at the edge, both ways. All it knows are names, and all of them are the document's: those
//! of the properties of its schemas, and those whose value is up to the client, such as custom `properties`, which it
//! leaves as they are. Names of parameters and of link relations are the same in both spellings. What comes in is
//! translated while it arrives, however long it is.

use crate::error::Error;
use crate::generated::server::DOCUMENT;
use bytes::Bytes;
use dropshot::Body;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use openapi_dropshot::runtime::{Failure, FailureKind, Naming, Response};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

const JSON: &str = "application/json";
const EVENT_STREAM: &str = "text/event-stream";

/// Says of a request that it came in the other spelling, so that a handler can spell a file in it with [`Respeller`].
#[derive(Clone, Copy, Debug)]
pub struct OtherSpelling;

/// Spells a request as the document does: its body, while it arrives, and the media types it names.
pub fn request(request: Request<Body>, naming: &Naming) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(OtherSpelling);
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
        return Request::from_parts(parts, body);
    }
    parts.headers.remove(CONTENT_LENGTH);
    let mut respeller = Respeller::default();
    let body = Body::wrap(body.map_frame(move |frame| frame.map_data(|data| Bytes::from(respeller.respell(&data)))));
    Request::from_parts(parts, body)
}

/// Bytes of the longest name that is looked up; no name of the document is longer.
const LONGEST_NAME: usize = 128;
/// Values within values, beyond which nothing is spelled any more; whatever reads the text refuses it long before.
const DEEPEST: usize = 1024;

/// Spells the names in a JSON text as the document does, while the text goes by in pieces. What is not JSON does not
/// become JSON by that.
#[derive(Debug, Default)]
pub struct Respeller {
    place: Place,
    /// Whether a string that begins here is a name.
    name_follows: bool,
    /// The values around the place: whether each is an object.
    around: Vec<bool>,
    /// How many values are around the value in which the names are the client's own.
    opaque: Option<usize>,
}

/// Where in a JSON text the next byte is.
#[derive(Debug, Default)]
enum Place {
    #[default]
    Between,
    /// In a name, of which this has been read.
    Name(Vec<u8>),
    /// In another string, or in a name that is none of the document's.
    Text { escaped: bool },
    /// Deeper than anything is read.
    Lost,
}

impl Respeller {
    /// The next piece of the text. Part of a name is kept until the rest of it comes.
    pub fn respell(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut spelled = Vec::with_capacity(piece.len() + LONGEST_NAME);
        for byte in piece {
            self.take(*byte, &mut spelled);
        }
        spelled
    }

    fn take(&mut self, byte: u8, spelled: &mut Vec<u8>) {
        match &mut self.place {
            Place::Name(name) if byte == b'"' => {
                let name = std::mem::take(name);
                spelled.extend_from_slice(self.end_name(&name).unwrap_or(&name));
                self.place = Place::Between;
            }
            // None of the document's names has anything to escape.
            Place::Name(name) if byte == b'\\' || name.len() == LONGEST_NAME => {
                spelled.append(name);
                self.place = Place::Text { escaped: byte == b'\\' };
            }
            Place::Name(name) => {
                name.push(byte);
                return;
            }
            Place::Text { escaped: true } => self.place = Place::Text { escaped: false },
            Place::Text { .. } if byte == b'\\' => self.place = Place::Text { escaped: true },
            Place::Text { .. } if byte == b'"' => self.place = Place::Between,
            Place::Text { .. } | Place::Lost => {}
            Place::Between => self.step(byte),
        }
        spelled.push(byte);
    }

    /// Goes past what stands between strings.
    fn step(&mut self, byte: u8) {
        match byte {
            b'"' if self.name_follows => self.place = Place::Name(Vec::new()),
            b'"' => self.place = Place::Text { escaped: false },
            b':' => self.name_follows = false,
            b'{' | b'[' if self.around.len() == DEEPEST => self.place = Place::Lost,
            b'{' | b'[' => {
                self.around.push(byte == b'{');
                self.name_follows = byte == b'{';
            }
            b'}' | b']' => {
                self.around.pop();
                self.opaque = self.opaque.filter(|outside| self.around.len() >= *outside);
            }
            b',' => {
                self.name_follows = self.around.last() == Some(&true);
                self.opaque = self.opaque.filter(|outside| self.around.len() > *outside);
            }
            _ => {}
        }
    }

    /// The document's spelling of a name that has been read, where it differs.
    fn end_name(&mut self, name: &[u8]) -> Option<&'static [u8]> {
        if self.opaque.is_some() {
            return None;
        }
        let name = std::str::from_utf8(name).ok()?;
        if NAMES.is_opaque(name) {
            self.opaque = Some(self.around.len());
        }
        NAMES.document.get(name).map(String::as_bytes)
    }
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

fn text<'h>(headers: &'h HeaderMap, name: &http::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a body is JSON. Files of lines are not: they may be long, and go by as they are.
fn is_json(headers: &HeaderMap) -> bool {
    let media_type = text(headers, &CONTENT_TYPE).map(essence).unwrap_or_default();
    media_type.contains("json") && !media_type.ends_with("jsonl")
}
