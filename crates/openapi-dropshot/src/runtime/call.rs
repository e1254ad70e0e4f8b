//! One request on its way to a handler.

use super::body::{Multipart, Upload, collect};
use super::failure::{Code, Failure, FailureKind, Violation};
use super::operation::{Encoding, Location, Media, Operation, Parameter};
use super::schema::{Check, Format, Kind, MAX_DEPTH, Schema, is_deeper};
use dropshot::{Body, RequestContext, ServerContext};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::net::SocketAddr;

/// A request with a route.
#[derive(Debug)]
pub struct Call {
    /// The operation it is for.
    pub operation: &'static Operation,
    /// Who sent it.
    pub remote_addr: SocketAddr,
    /// What dropshot calls it: a random UUID.
    pub request_id: String,
    /// Method, address, headers, and what the edge has put into the extensions.
    pub request: http::request::Parts,
    /// The media type the answer will have, once negotiated.
    pub(super) media: Option<&'static str>,
    variables: Vec<(&'static str, String)>,
    body: Option<Body>,
}

impl Call {
    pub(super) fn new<C: ServerContext>(
        operation: &'static Operation,
        context: &RequestContext<C>,
        request: http::Request<Body>,
    ) -> Self {
        let (request, body) = request.into_parts();
        let variables = variables(operation.path, request.uri.path());
        let (remote_addr, request_id) = (context.request.remote_addr(), context.request_id.clone());
        Call { operation, remote_addr, request_id, request, media: None, variables, body: Some(body) }
    }

    /// The headers of the request.
    pub fn headers(&self) -> &HeaderMap {
        &self.request.headers
    }

    /// Settles the media type of the answer.
    ///
    /// # Errors
    /// 406 when `Accept` allows none of those that the document declares.
    pub fn negotiate(&mut self) -> Result<(), Failure> {
        if self.operation.produces == [ANY] {
            // Only the handler knows what it will be, and says so in the answer's `Content-Type`.
            return Ok(());
        }
        let accept = self.request.headers.get_all(ACCEPT);
        let mut headers = accept.iter().peekable();
        if headers.peek().is_none() {
            self.media = self.operation.produces.first().copied();
            return Ok(());
        }
        let header = headers.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
        self.media = preferred(&header, self.operation.produces);
        if self.media.is_none() {
            let message = format!("this operation answers {}", self.operation.produces.join(" or "));
            return Err(Failure::new(FailureKind::NotAcceptable, message));
        }
        Ok(())
    }

    /// Starts reading the inputs.
    pub fn input(&mut self) -> Input<'_> {
        Input { call: self, query: None, violations: Vec::new() }
    }
}

/// Stands for an answer of whatever media type it turns out to have.
const ANY: &str = "*/*";

/// The values of the template's variables. The router has matched the path already, so the segments align; it keeps
/// the values in a type without a public name, which is why they are taken from the path once more.
fn variables(template: &'static str, path: &str) -> Vec<(&'static str, String)> {
    let mut values = Vec::new();
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    for (name, value) in template.split('/').skip(1).zip(segments) {
        if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            values.push((name, percent_decode_str(value).decode_utf8_lossy().into_owned()));
        }
    }
    values
}

/// The media type that an `Accept` header prefers among those offered; of equals, the one offered first.
pub fn preferred(header: &str, produces: &'static [&'static str]) -> Option<&'static str> {
    let mut best: Option<(&'static str, f32)> = None;
    for media in produces {
        let own = media.split(';').next().unwrap_or_default().trim();
        let mut quality: Option<(u8, f32)> = None;
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let specific = match name.strip_suffix("/*") {
                Some("*") => 1,
                Some(kind) if own.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(kind)) => 2,
                _ if name.eq_ignore_ascii_case(own) => 3,
                _ => continue,
            };
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse().ok()).unwrap_or(1.0);
            if quality.is_none_or(|(before, _)| specific > before) {
                quality = Some((specific, weight));
            }
        }
        if let Some((_, weight)) = quality
            && weight > 0.0
            && best.is_none_or(|(_, before)| weight > before)
        {
            best = Some((media, weight));
        }
    }
    best.map(|(media, _)| media)
}

/// Reads and checks what the document declares, and remembers all that is wrong until [`Input::finish`].
#[derive(Debug)]
pub struct Input<'c> {
    call: &'c mut Call,
    query: Option<Vec<(String, Option<String>)>>,
    violations: Vec<Violation>,
}

impl Input<'_> {
    /// Reads a parameter; nothing if it is absent or wrong.
    pub fn parameter<T: DeserializeOwned>(&mut self, parameter: &'static Parameter) -> Option<T> {
        let texts = self.texts(parameter);
        if texts.is_empty() {
            if parameter.required {
                self.note(parameter, Code::Missing, "is required");
            }
            return None;
        }
        let mut values = Vec::with_capacity(texts.len());
        for text in texts {
            match text {
                Some(text) => values.push(text),
                None => {
                    self.note(parameter, Code::Format, "must be UTF-8, percent-encoded");
                    return None;
                }
            }
        }
        let value = match array_of(&parameter.schema) {
            Some(items) => {
                let split = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
                let texts = if parameter.explode { values } else { values.into_iter().flat_map(split).collect() };
                texts.into_iter().map(|text| scalar(text, items)).collect()
            }
            None if values.len() > 1 => {
                self.note(parameter, Code::Size, "must be given only once");
                return None;
            }
            None => scalar(values.pop()?, &parameter.schema),
        };
        let before = self.violations.len();
        Check::new(parameter.location, parameter.name, &mut self.violations).value(&value, &parameter.schema);
        if self.violations.len() > before {
            return None;
        }
        let read = serde_json::from_value(value).ok();
        if read.is_none() {
            self.note(parameter, Code::Type, "cannot be read as the documented type");
        }
        read
    }

    fn note(&mut self, parameter: &Parameter, code: Code, message: &str) {
        Check::new(parameter.location, parameter.name, &mut self.violations).violation(code, message);
    }

    /// What was sent for a parameter; `None` where it is not text.
    fn texts(&mut self, parameter: &Parameter) -> Vec<Option<String>> {
        match parameter.location {
            Location::Path => {
                let found = self.call.variables.iter().find(|(name, _)| *name == parameter.name);
                found.map(|(_, value)| Some(value.clone())).into_iter().collect()
            }
            Location::Header => {
                let values = self.call.request.headers.get_all(parameter.name);
                values.iter().map(|value| value.to_str().ok().map(str::to_owned)).collect()
            }
            _ => {
                let uri = &self.call.request.uri;
                let query = self.query.get_or_insert_with(|| pairs(uri.query().unwrap_or_default()));
                query.iter().filter(|(name, _)| name == parameter.name).map(|(_, value)| value.clone()).collect()
            }
        }
    }

    /// The media type of the body; nothing where there is none.
    ///
    /// # Errors
    /// 415 for a type that is not declared and for a compressed body, 413 for a declared length above the limit.
    pub fn media(&mut self) -> Result<Option<&'static Media>, Failure> {
        let Some(rules) = self.call.operation.body else { return Ok(None) };
        let headers = &self.call.request.headers;
        let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let absent = length == Some(0)
            || length.is_none() && self.call.body.as_ref().is_none_or(hyper::body::Body::is_end_stream);
        if absent {
            if rules.required {
                Check::new(Location::Body, "", &mut self.violations).violation(Code::Missing, "a body is required");
            }
            return Ok(None);
        }
        // What a compressed body unpacks to has no limit, so that none is unpacked, and none is read as if it were plain.
        let coded =
            headers.get_all(CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
        if coded {
            let message = "send the body as it is, without Content-Encoding";
            return Err(Failure::new(FailureKind::UnsupportedMediaType, message));
        }
        let media = match headers.get(CONTENT_TYPE) {
            None => rules.media.first(),
            Some(given) => named(given.to_str().unwrap_or_default(), rules.media),
        };
        match media {
            Some(media) if length.is_some_and(|length| length > media.limit) => Err(too_large(media)),
            Some(media) => Ok(Some(media)),
            None => {
                let names: Vec<_> = rules.media.iter().map(|media| media.name).collect();
                let message = format!("send the body as {}", names.join(" or "));
                Err(Failure::new(FailureKind::UnsupportedMediaType, message))
            }
        }
    }

    /// Reads a JSON, form or multipart body without files; nothing if it breaks a constraint.
    ///
    /// # Errors
    /// 400 when it cannot be read at all, 413 when it is too long.
    pub async fn body<T: DeserializeOwned>(&mut self, media: &'static Media) -> Result<Option<T>, Failure> {
        let Some(body) = self.call.body.take() else { return Ok(None) };
        let value = match (media.encoding, media.schema) {
            (Encoding::Multipart, Some(schema)) => {
                let fields = Multipart::<T>::new(self.call.headers(), body, media, schema)?.fields().await?;
                object(fields.into_iter().map(|(name, value)| (name, Some(value))), schema)
            }
            (Encoding::Form, Some(schema)) => {
                let bytes = collect(body, media).await?;
                let text = std::str::from_utf8(&bytes).map_err(|_| malformed("the body is not UTF-8"))?;
                object(pairs(text).into_iter(), schema)
            }
            _ => {
                let bytes = collect(body, media).await?;
                let value = serde_json::from_slice(&bytes).map_err(|error| {
                    let message = format!("the body is not JSON: line {}, column {}", error.line(), error.column());
                    malformed(message)
                })?;
                // Some clients write that there is nothing to send as an empty text.
                if value == "" && self.call.operation.body.is_some_and(|rules| !rules.required) {
                    return Ok(None);
                }
                if is_deeper(&value, MAX_DEPTH) {
                    return Err(malformed(format!("the body is nested deeper than {MAX_DEPTH} levels")));
                }
                value
            }
        };
        let before = self.violations.len();
        if let Some(schema) = media.schema {
            Check::new(Location::Body, "", &mut self.violations).value(&value, schema);
        }
        if self.violations.len() > before {
            return Ok(None);
        }
        serde_json::from_value(value).map(Some).map_err(|_| malformed("the body does not have the documented shape"))
    }

    /// A multipart body whose files the handler reads as they arrive.
    pub fn multipart<T: DeserializeOwned>(&mut self, media: &'static Media) -> Option<Multipart<T>> {
        let schema = media.schema?;
        let body = self.call.body.take()?;
        match Multipart::new(self.call.headers(), body, media, schema) {
            Ok(multipart) => Some(multipart),
            Err(failure) => {
                Check::new(Location::Body, "", &mut self.violations).violation(Code::Format, failure.message);
                None
            }
        }
    }

    /// A body of bytes that the handler reads as they arrive.
    pub fn upload(&mut self, media: &'static Media) -> Option<Upload> {
        self.call.body.take().map(|body| Upload::new(body, media))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 400 with all violations, if there are any.
    pub fn finish(self) -> Result<(), Failure> {
        if self.violations.is_empty() {
            return Ok(());
        }
        let message = "the request breaks documented constraints".to_owned();
        Err(Failure { kind: FailureKind::Invalid, message, violations: self.violations })
    }
}

/// The media type that `Content-Type` names; any JSON will do where JSON is taken, of whatever type.
fn named(content_type: &str, declared: &'static [Media]) -> Option<&'static Media> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let exact = declared.iter().find(|media| media.name == essence);
    let is_json = |media: &&Media| media.encoding == Encoding::Json || media.name == "application/json";
    let is_kin = essence == "application/json" || essence.ends_with("+json");
    exact.or_else(|| declared.iter().filter(is_json).find(|_| is_kin))
}

/// A value that [`Input::finish`] has made sure of.
///
/// # Errors
/// 500, which a generated handler does not bring about.
pub fn required<T>(value: Option<T>) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::new(FailureKind::Internal, "a required input is missing after the check"))
}

/// A default of the document, as JSON text, in the parameter's type.
pub fn default_value<T: DeserializeOwned>(json: &str) -> T {
    #[expect(clippy::expect_used, reason = "the generated code is compiled with the document that holds the default")]
    serde_json::from_str(json).expect("the default fits its schema")
}

pub(super) fn malformed(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Malformed, message)
}

pub(super) fn too_large(media: &Media) -> Failure {
    Failure::new(FailureKind::TooLarge, format!("the body may have {} bytes", media.limit))
}

/// Text in the JSON type that the schema asks for; text that does not fit stays text and fails the check.
fn scalar(text: String, schema: &Schema) -> Value {
    let read = match &schema.kind {
        Kind::Integer { .. } if is_plain(&text) => text.parse::<i64>().ok().map(Value::from),
        Kind::Number { .. } => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
        // Python's clients write booleans with a capital.
        Kind::Boolean => match text.as_str() {
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            _ => None,
        },
        Kind::AllOf([only]) => return scalar(text, only),
        _ => None,
    };
    read.unwrap_or(Value::String(text))
}

/// Whether digits are written as JSON writes them. `01` and `+1` would be further addresses of what `1` names.
fn is_plain(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" || !digits.starts_with(['0', '+'])
}

fn array_of(schema: &Schema) -> Option<&'static Schema> {
    match &schema.kind {
        Kind::Array { items, .. } => Some(items),
        Kind::AllOf([only]) => array_of(only),
        _ => None,
    }
}

/// The fields of a form as an object; `None` where a field is not text.
pub(super) fn object(fields: impl Iterator<Item = (String, Option<String>)>, schema: &Schema) -> Value {
    let mut map = Map::new();
    for (name, text) in fields {
        let Some(text) = text else {
            map.insert(name, Value::Null);
            continue;
        };
        match property(schema, &name) {
            Some(own) => match array_of(own) {
                Some(items) => {
                    if let Value::Array(values) = map.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                        values.push(scalar(text, items));
                    }
                }
                None => {
                    let value = scalar(text, own);
                    // A field that comes twice is a list, which its schema refuses.
                    let value = match map.remove(&name) {
                        Some(before) => Value::Array(vec![before, value]),
                        None => value,
                    };
                    map.insert(name, value);
                }
            },
            None => {
                map.insert(name, Value::String(text));
            }
        }
    }
    Value::Object(map)
}

/// Whether the field is declared, and if so, whether as a file or a list of files.
pub(super) fn is_file(schema: &Schema, name: &str) -> Option<bool> {
    fn is_binary(schema: &Schema) -> bool {
        match &schema.kind {
            Kind::String { format, .. } => *format == Some(Format::Binary),
            Kind::Array { items, .. } => is_binary(items),
            Kind::AllOf([only]) => is_binary(only),
            _ => false,
        }
    }
    property(schema, name).map(is_binary)
}

fn property(schema: &Schema, name: &str) -> Option<&'static Schema> {
    match &schema.kind {
        Kind::Object { properties, .. } => {
            properties.iter().find(|property| property.name == name).map(|property| property.schema)
        }
        Kind::AllOf(parts) => parts.iter().find_map(|part| property(part, name)),
        _ => None,
    }
}

/// `a=1&b=2` decoded; `None` for a value that is not UTF-8.
fn pairs(query: &str) -> Vec<(String, Option<String>)> {
    let decode = |text: &str| {
        let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
        percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)))
        })
        .collect()
}
