//! Checks of values against the document's schemas: all violations in one pass.

use super::failure::{Code, Violation};
use super::operation::Location;
use regex::Regex;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::OnceLock;

/// Violations reported for one request; a stranger must not turn one request into a long answer.
const MAX_VIOLATIONS: usize = 100;

/// What a value may be.
#[derive(Debug)]
pub struct Schema {
    /// Whether `null` is allowed.
    pub nullable: bool,
    /// The rest.
    pub kind: Kind,
}

/// What a value may be, by type. Bounds are inclusive unless they say otherwise.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the keywords of the document")]
pub enum Kind {
    /// Anything.
    Any,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer { minimum: i64, maximum: i64, multiple_of: i64, values: &'static [i64] },
    /// A number; bounds with whether they are exclusive.
    Number { minimum: Option<(f64, bool)>, maximum: Option<(f64, bool)>, multiple_of: Option<f64> },
    /// A string; lengths in characters.
    String {
        min_length: u64,
        max_length: u64,
        pattern: Option<&'static Pattern>,
        format: Option<Format>,
        values: &'static [&'static str],
    },
    /// An array.
    Array { items: &'static Schema, min_items: u64, max_items: u64, unique: bool },
    /// An object.
    Object { properties: &'static [Property], additional: Additional, min_properties: u64, max_properties: u64 },
    /// All of these.
    AllOf(&'static [&'static Schema]),
    /// At least one of these.
    AnyOf(&'static [&'static Schema]),
    /// Exactly one of these.
    OneOf(&'static [&'static Schema]),
    /// The one that the property names.
    Tagged { property: &'static str, variants: &'static [(&'static str, &'static Schema)] },
}

/// A property of an object.
#[derive(Debug)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it may be.
    pub schema: &'static Schema,
}

/// Other properties of an object.
#[derive(Debug)]
pub enum Additional {
    /// May be anything.
    Any,
    /// May not be.
    Refused,
    /// Must fit.
    Schema(&'static Schema),
}

/// The formats of strings that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 3339 date and time.
    DateTime,
    /// RFC 3339 date.
    Date,
    /// RFC 9562.
    Uuid,
    /// An absolute URI.
    Uri,
    /// A URI or a relative reference.
    UriReference,
    /// RFC 6570.
    UriTemplate,
    /// An address with one `@`.
    Email,
    /// A DNS name.
    Hostname,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Base64 (RFC 4648).
    Byte,
    /// RFC 6901.
    JsonPointer,
    /// Any bytes; in a multipart body, a file.
    Binary,
}

/// A pattern of the document, compiled at its first use and matched in linear time.
#[derive(Debug)]
pub struct Pattern {
    text: &'static str,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// A pattern; the generator has refused those that do not compile.
    pub const fn new(text: &'static str) -> Self {
        Pattern { text, regex: OnceLock::new() }
    }

    /// Whether the text fits. It takes time in proportion to the text, whatever the pattern.
    pub fn matches(&self, value: &str) -> bool {
        self.regex.get_or_init(|| Regex::new(self.text).ok()).as_ref().is_some_and(|regex| regex.is_match(value))
    }
}

/// Levels that JSON may be nested. Many readers, serde_json among them, stop at 128; what a service keeps of a body must
/// stay readable when it comes back a few levels further down, in a list for instance.
pub(super) const MAX_DEPTH: usize = 100;

/// Whether JSON that comes as text inside a body is nested deeper than a body may be.
pub fn is_too_deep(value: &Value) -> bool {
    is_deeper(value, MAX_DEPTH)
}

pub(super) fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper(item, levels - 1)),
        Value::Object(map) => levels == 0 || map.values().any(|item| is_deeper(item, levels - 1)),
        _ => false,
    }
}

/// Reads a value that is a part of a streamed body into the type of its schema.
///
/// # Errors
/// All violations, each with its way into the value.
pub fn read<T: DeserializeOwned>(value: Value, schema: &Schema) -> Result<T, Vec<Violation>> {
    let mut violations = Vec::new();
    let mut check = Check::new(Location::Body, "", &mut violations);
    if is_deeper(&value, MAX_DEPTH) {
        check.violation(Code::Size, format!("must not be nested deeper than {MAX_DEPTH} levels"));
    } else {
        check.value(&value, schema);
    }
    if violations.is_empty() {
        match serde_json::from_value(value) {
            Ok(read) => return Ok(read),
            Err(_) => {
                Check::new(Location::Body, "", &mut violations)
                    .violation(Code::Type, "does not have the documented shape");
            }
        }
    }
    Err(violations)
}

/// Collects what is wrong with the values of one part of a request.
#[derive(Debug)]
pub struct Check<'v> {
    location: Location,
    path: String,
    violations: &'v mut Vec<Violation>,
}

impl<'v> Check<'v> {
    /// Starts at a parameter of that name, or at the body (an empty name).
    pub fn new(location: Location, name: &str, violations: &'v mut Vec<Violation>) -> Self {
        Check { location, path: name.to_owned(), violations }
    }

    /// Notes a violation at the current place.
    pub fn violation(&mut self, code: Code, message: impl Into<String>) {
        if self.violations.len() < MAX_VIOLATIONS {
            let (location, field) = (self.location, self.path.clone());
            let violation = Violation { location, field, code, message: message.into() };
            // The parts of an `allOf` may demand the same, which is to be said once.
            if !self.violations.contains(&violation) {
                self.violations.push(violation);
            }
        }
    }

    /// Checks a value.
    pub fn value(&mut self, value: &Value, schema: &Schema) {
        if value.is_null() && schema.nullable {
            return;
        }
        match (&schema.kind, value) {
            (Kind::Any, _) | (Kind::Boolean, Value::Bool(_)) => {}
            (Kind::Integer { .. }, Value::Number(number)) => match number.as_i64() {
                Some(number) => self.integer(number, &schema.kind),
                None => self.violation(Code::Type, "must be a whole number of 64 bits"),
            },
            (Kind::Number { minimum, maximum, multiple_of }, Value::Number(number)) => {
                self.number(number.as_f64().unwrap_or(f64::NAN), *minimum, *maximum, *multiple_of);
            }
            (Kind::String { .. }, Value::String(text)) => self.string(text, &schema.kind),
            (Kind::Array { items, min_items, max_items, unique }, Value::Array(values)) => {
                self.size(values.len(), *min_items, *max_items, "items");
                if *unique {
                    let mut seen = HashSet::new();
                    if !values.iter().all(|value| seen.insert(value.to_string())) {
                        self.violation(Code::Unique, "must not hold the same item twice");
                    }
                }
                for (index, value) in values.iter().enumerate() {
                    let length = self.path.len();
                    // Writing to a string cannot fail.
                    let _ = write!(self.path, "[{index}]");
                    self.value(value, items);
                    self.path.truncate(length);
                }
            }
            (Kind::Object { properties, additional, min_properties, max_properties }, Value::Object(map)) => {
                self.size(map.len(), *min_properties, *max_properties, "properties");
                self.object(map, properties, additional);
            }
            (Kind::AllOf(parts), _) => parts.iter().for_each(|part| self.value(value, part)),
            (Kind::AnyOf(parts), _) => {
                if !parts.iter().any(|part| fits(value, part)) {
                    self.violation(Code::Alternative, "must have one of the documented shapes");
                }
            }
            (Kind::OneOf(parts), _) => {
                if parts.iter().filter(|part| fits(value, part)).count() != 1 {
                    self.violation(Code::Alternative, "must have exactly one of the documented shapes");
                }
            }
            (Kind::Tagged { property, variants }, Value::Object(map)) => match map.get(*property) {
                None => self.at(property, |check| check.violation(Code::Missing, "is required")),
                Some(tag) => match variants.iter().find(|(name, _)| tag.as_str() == Some(name)) {
                    Some((_, schema)) => self.value(value, schema),
                    None => {
                        let names: Vec<_> = variants.iter().map(|(name, _)| *name).collect();
                        self.at(property, |check| {
                            check.violation(Code::Enum, format!("must be one of {}", names.join(", ")));
                        });
                    }
                },
            },
            (kind, _) => self.violation(Code::Type, format!("must be {}", name_of(kind))),
        }
    }

    fn at(&mut self, name: &str, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(name);
        check(self);
        self.path.truncate(length);
    }

    fn object(&mut self, map: &Map<String, Value>, properties: &[Property], additional: &Additional) {
        for property in properties {
            match map.get(property.name) {
                Some(value) => self.at(property.name, |check| check.value(value, property.schema)),
                None if property.required => {
                    self.at(property.name, |check| check.violation(Code::Missing, "is required"))
                }
                None => {}
            }
        }
        if matches!(additional, Additional::Any) {
            return;
        }
        for (name, value) in map.iter().filter(|(name, _)| properties.iter().all(|property| property.name != *name)) {
            match additional {
                Additional::Schema(schema) => self.at(name, |check| check.value(value, schema)),
                // The name is the caller's own text, and so is not repeated.
                _ => return self.violation(Code::Unknown, "has a property that is not documented"),
            }
        }
    }

    fn integer(&mut self, number: i64, kind: &Kind) {
        let Kind::Integer { minimum, maximum, multiple_of, values } = kind else { return };
        if number < *minimum {
            self.violation(Code::Range, format!("must be at least {minimum}"));
        }
        if number > *maximum {
            self.violation(Code::Range, format!("must be at most {maximum}"));
        }
        if number.checked_rem(*multiple_of).is_some_and(|rest| rest != 0) {
            self.violation(Code::Range, format!("must be a multiple of {multiple_of}"));
        }
        if !values.is_empty() && !values.contains(&number) {
            let names: Vec<_> = values.iter().map(i64::to_string).collect();
            self.violation(Code::Enum, format!("must be one of {}", names.join(", ")));
        }
    }

    fn number(&mut self, number: f64, minimum: Option<(f64, bool)>, maximum: Option<(f64, bool)>, step: Option<f64>) {
        if let Some((bound, exclusive)) = minimum
            && (number < bound || exclusive && number == bound)
        {
            self.violation(Code::Range, format!("must be {} {bound}", if exclusive { "above" } else { "at least" }));
        }
        if let Some((bound, exclusive)) = maximum
            && (number > bound || exclusive && number == bound)
        {
            self.violation(Code::Range, format!("must be {} {bound}", if exclusive { "below" } else { "at most" }));
        }
        if let Some(step) = step {
            let quotient = number / step;
            if (quotient - quotient.round()).abs() > 1e-9 * quotient.abs().max(1.0) {
                self.violation(Code::Range, format!("must be a multiple of {step}"));
            }
        }
    }

    fn string(&mut self, text: &str, kind: &Kind) {
        let Kind::String { min_length, max_length, pattern, format, values } = kind else { return };
        // Counting characters costs; most texts are settled by their bytes.
        let characters = || text.chars().count() as u64;
        if *min_length > 0 && characters() < *min_length {
            self.violation(Code::Length, format!("must have at least {min_length} characters"));
        }
        if text.len() as u64 > *max_length && characters() > *max_length {
            self.violation(Code::Length, format!("must have at most {max_length} characters"));
        }
        if pattern.is_some_and(|pattern| !pattern.matches(text)) {
            let pattern = pattern.map(|pattern| pattern.text).unwrap_or_default();
            self.violation(Code::Pattern, format!("must match {pattern}"));
        }
        if format.is_some_and(|format| !format.fits(text)) {
            let name = format.map(Format::name).unwrap_or_default();
            self.violation(Code::Format, format!("must be {name}"));
        }
        if !values.is_empty() && !values.contains(&text) {
            self.violation(Code::Enum, format!("must be one of {}", values.join(", ")));
        }
    }

    fn size(&mut self, size: usize, low: u64, high: u64, what: &str) {
        if (size as u64) < low {
            self.violation(Code::Size, format!("must have at least {low} {what}"));
        }
        if size as u64 > high {
            self.violation(Code::Size, format!("must have at most {high} {what}"));
        }
    }
}

fn fits(value: &Value, schema: &Schema) -> bool {
    let mut violations = Vec::new();
    Check::new(Location::Body, "", &mut violations).value(value, schema);
    violations.is_empty()
}

fn name_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "true or false",
        Kind::Integer { .. } => "a whole number",
        Kind::Number { .. } => "a number",
        Kind::String { .. } => "a string",
        Kind::Array { .. } => "an array",
        _ => "an object",
    }
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::DateTime => "a date and time as in RFC 3339",
            Format::Date => "a date as in RFC 3339",
            Format::Uuid => "a UUID",
            Format::Uri => "an absolute URI",
            Format::UriReference => "a URI or a relative reference",
            Format::UriTemplate => "a URI template",
            Format::Email => "an e-mail address",
            Format::Hostname => "a host name",
            Format::Ipv4 => "an IPv4 address",
            Format::Ipv6 => "an IPv6 address",
            Format::Byte => "base64",
            Format::JsonPointer => "a JSON pointer",
            Format::Binary => "bytes",
        }
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Format::DateTime => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
            Format::Date => text.len() == 10 && text.parse::<chrono::NaiveDate>().is_ok(),
            Format::Uuid => text.len() == 36 && uuid::Uuid::try_parse(text).is_ok(),
            Format::Uri => is_uri(text) && has_scheme(text),
            Format::UriReference => is_uri(text),
            Format::UriTemplate => text.matches('{').count() == text.matches('}').count() && !text.contains(' '),
            Format::Email => is_email(text),
            Format::Hostname => is_hostname(text),
            Format::Ipv4 => text.parse::<std::net::Ipv4Addr>().is_ok(),
            Format::Ipv6 => text.parse::<std::net::Ipv6Addr>().is_ok(),
            Format::Byte => is_base64(text),
            Format::JsonPointer => text.is_empty() || text.starts_with('/'),
            Format::Binary => true,
        }
    }
}

/// RFC 3986 allows no white space, control or quoting characters anywhere, and percent signs only before two digits.
fn is_uri(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(index, byte)| match byte {
        b'%' => bytes.len() > index + 2 && bytes[index + 1..index + 3].iter().all(u8::is_ascii_hexdigit),
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
        _ => byte.is_ascii_graphic(),
    })
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && local.len() <= 64
            && !local.contains(|c: char| c.is_whitespace() || c.is_control())
            && is_hostname(domain)
    })
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

fn is_base64(text: &str) -> bool {
    let data = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - data.len() <= 2
        && data.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
