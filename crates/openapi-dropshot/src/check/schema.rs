//! Schemas: every keyword is understood and enforced, or refused.

use super::union::made_of_itself;
use super::{At, Checker};
use crate::model::{Additional, Kind, Property, Schema};
use crate::names;
use crate::parse::{Data, Node};
use std::collections::{BTreeMap, HashMap, HashSet};

const ALWAYS: [&str; 12] = [
    "type",
    "title",
    "description",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "nullable",
    "default",
    "externalDocs",
    "format",
    "enum",
];
const NUMERIC: [&str; 5] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];
const TEXT: [&str; 3] = ["minLength", "maxLength", "pattern"];
const LIST: [&str; 4] = ["items", "minItems", "maxItems", "uniqueItems"];
const OBJECT: [&str; 5] = ["properties", "required", "additionalProperties", "minProperties", "maxProperties"];
const COMBINED: [&str; 4] = ["allOf", "oneOf", "anyOf", "discriminator"];

/// The string formats that are checked, but for those that mark bytes.
const STRING_FORMATS: [&str; 14] = [
    "date-time",
    "date",
    "uuid",
    "uri",
    "uri-reference",
    "uri-template",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "byte",
    "binary",
    "password",
    "json-pointer",
];

/// The name of a property's field in Rust.
fn field_name(name: &str, property: &At<'_>) -> String {
    match property.text("x-rust-name") {
        given if given.is_empty() => names::snake(name),
        given => given,
    }
}

/// Every property that a schema describes, at any depth.
fn collect_properties<'a>(at: &At<'a>, found: &mut Vec<(&'a str, At<'a>)>) {
    for (name, property) in at.get("properties").iter().flat_map(At::entries) {
        collect_properties(&property, found);
        found.push((name, property));
    }
    for list in ["allOf", "oneOf", "anyOf"] {
        at.get(list).iter().flat_map(At::items).for_each(|part| collect_properties(&part, found));
    }
    for one in ["items", "additionalProperties"] {
        at.get(one).iter().for_each(|part| collect_properties(part, found));
    }
}

/// The keywords that a type brings with it; none for what is not a type.
fn own_keywords(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "boolean" => &[],
        "integer" | "number" => &NUMERIC,
        "string" => &TEXT,
        "array" => &LIST,
        "object" => &OBJECT,
        _ => return None,
    })
}

impl<'a> Checker<'a> {
    /// `components.schemas`.
    pub(super) fn schemas(&self) -> BTreeMap<String, Schema> {
        let mut schemas = BTreeMap::new();
        let mut types = HashMap::new();
        let Some(section) = self.section("schemas") else { return schemas };
        for (name, at) in section.entries() {
            let type_name = names::type_name(name);
            if !names::is_plain(&type_name) {
                self.report_key(
                    &at,
                    format!("`{name}` cannot name a Rust type"),
                    "use letters and digits, a letter first",
                );
            } else if let Some(other) = types.insert(type_name.clone(), name) {
                let message = format!("`{other}` and `{name}` would both be the Rust type `{type_name}`");
                self.report_key(&at, message, "rename one of them");
            }
            if let Some(nullable) = at.get("nullable").filter(|nullable| matches!(nullable.node.data, Data::Bool(true)))
                && (at.get("oneOf").is_some() || at.get("enum").is_some() && at.text("type") == "string")
            {
                let hint =
                    "make the properties that use it nullable instead: `nullable: true` beside `allOf: [{$ref: …}]`";
                self.report(&nullable, "a named union or enum cannot be nullable", hint);
            }
            if let Some(schema) = self.schema(&at) {
                schemas.insert(name.to_owned(), schema);
            }
        }
        let mut sound = HashSet::new();
        for (name, at) in section.entries() {
            let mut trail = vec![name];
            if schemas.get(name).is_some_and(|schema| made_of_itself(schema, &schemas, &mut trail, &mut sound)) {
                let hint = "put a property or an array between a schema and itself";
                self.report_key(&at, format!("`{name}` is made of itself"), hint);
            }
        }
        section.entries().for_each(|(_, at)| self.defaults(&at, &schemas));
        self.rust_names(&section);
        schemas
    }

    /// Every `x-rust-name`. Code is given the names on the wire back by the names of its fields, so that a field of such a
    /// name must stand for the same property everywhere.
    fn rust_names(&self, section: &At<'a>) {
        let mut properties = Vec::new();
        section.entries().for_each(|(_, at)| collect_properties(&at, &mut properties));
        let mut chosen: HashMap<String, &str> = HashMap::new();
        for (name, at) in &properties {
            let Some(given) = at.get("x-rust-name") else { continue };
            let text = given.node.as_str().unwrap_or_default();
            if names::snake(text) != text || !names::is_plain(text) {
                let hint = "write letters, digits and underscores in lower case, such as `message_links`";
                self.report(&given, "not the name of a Rust field", hint);
            } else {
                chosen.entry(text.to_owned()).or_insert(name);
            }
        }
        for (name, at) in &properties {
            let field = field_name(name, at);
            if let Some(other) = chosen.get(&field).filter(|other| *other != name) {
                let message = format!("the Rust field `{field}` is `{other}` elsewhere, by its `x-rust-name`");
                self.report_key(at, message, "choose another `x-rust-name` there");
            }
        }
    }

    /// One schema, at any depth.
    pub(super) fn schema(&self, at: &At<'a>) -> Option<Schema> {
        if let Some(reference) = at.get("$ref") {
            self.lone_reference(at);
            let name = self.target(&reference, "schemas")?;
            return Some(Schema { nullable: false, default: None, kind: Kind::Ref(name.to_owned()) });
        }
        if let Some(kind) = at.get("type")
            && kind.node.as_str().is_none_or(|kind| own_keywords(kind).is_none())
        {
            let hint = match kind.node.data {
                Data::Array(_) => "write one type; where null is allowed, `nullable: true` beside it",
                _ => "use one of boolean, integer, number, string, array, object",
            };
            self.report(&kind, "not a type of OpenAPI 3.0", hint);
            return None;
        }
        let kind = at.text("type");
        let own = own_keywords(&kind).unwrap_or_default();
        let allowed: Vec<&str> = ALWAYS.iter().chain(own).chain(&COMBINED).copied().collect();
        let what =
            if kind.is_empty() { "a schema without `type`".to_owned() } else { format!("a schema of type {kind}") };
        if kind.is_empty()
            && let Some((key, keyword)) = at.entries().find(|(key, _)| !allowed.contains(key))
            && let Some(missing) = ["object", "array", "string"]
                .iter()
                .find(|kind| own_keywords(kind).is_some_and(|own| own.contains(&key)))
        {
            // All keywords of the type would be refused one by one otherwise.
            self.report_key(&keyword, format!("`{key}` in a schema without `type`"), format!("add `type: {missing}`"));
            return None;
        }
        if !self.object(at, &what, &allowed) {
            return None;
        }
        let kind = match kind.as_str() {
            "boolean" => Kind::Boolean,
            "integer" => self.integer(at),
            "number" => self.number(at),
            "string" => self.string(at),
            "array" => self.array(at)?,
            "object" => self.object_schema(at),
            _ => Kind::Any,
        };
        self.format_and_enum(at, &kind);
        let kind = self.combined(at, kind)?;
        let default = at.get("default").map(|at| at.node.to_json());
        Some(Schema { nullable: at.is_true("nullable"), default, kind })
    }

    fn format_and_enum(&self, at: &At<'a>, kind: &Kind) {
        if let Some(format) = at.get("format") {
            let known: &[&str] = match kind {
                Kind::String { .. } => &STRING_FORMATS,
                Kind::Integer { .. } => &["int32", "int64"],
                Kind::Number { .. } => &["float", "double"],
                _ => &[],
            };
            if !format.node.as_str().is_some_and(|name| known.contains(&name)) {
                let hint = match known {
                    [] => "remove it".to_owned(),
                    _ => format!("checked for this type: {}", known.join(", ")),
                };
                self.report(&format, "a format that would not be checked", hint);
            }
        }
        if let Some(values) = at.get("enum") {
            if !matches!(kind, Kind::String { .. } | Kind::Integer { .. }) {
                self.report(&values, "`enum` is for strings and integers", "add `type: string`, or remove `enum`");
            }
            let mut variants = HashMap::new();
            for value in values.items() {
                let Some(text) = value.node.as_str() else { continue };
                let variant = names::variant(text);
                if let Some(other) = variants.insert(variant.clone(), text) {
                    let message = format!("`{other}` and `{text}` would both be the Rust variant `{variant}`");
                    self.report(&value, message, "rename one of them, or use `pattern` instead of `enum`");
                }
            }
            if values.items().iter().all(|value| matches!(value.node.data, Data::Null)) {
                self.report(&values, "`enum` allows nothing", "list at least one value");
            }
        }
    }

    fn integer(&self, at: &At<'a>) -> Kind {
        let bound = |key: &str, exclusive: &str, step: i64| {
            let bound = self.whole(at, key)?;
            Some(if at.is_true(exclusive) { bound.saturating_add(step) } else { bound })
        };
        let minimum = bound("minimum", "exclusiveMinimum", 1);
        let maximum = bound("maximum", "exclusiveMaximum", -1);
        self.ordered(at, "minimum", minimum, maximum);
        let multiple_of = self.whole(at, "multipleOf");
        if multiple_of.is_some_and(|step| step < 1) {
            self.step(at);
        }
        let values = self.enumeration(at, |node| match &node.data {
            Data::Number(number) => number.as_i64(),
            _ => None,
        });
        Kind::Integer { short: at.text("format") == "int32", minimum, maximum, multiple_of, values }
    }

    fn number(&self, at: &At<'a>) -> Kind {
        let bound = |key: &str, exclusive: &str| Some((self.float(at, key)?, at.is_true(exclusive)));
        let (minimum, maximum) = (bound("minimum", "exclusiveMinimum"), bound("maximum", "exclusiveMaximum"));
        self.ordered(at, "minimum", minimum.map(|bound| bound.0), maximum.map(|bound| bound.0));
        let multiple_of = self.float(at, "multipleOf");
        if multiple_of.is_some_and(|step| step <= 0.0) {
            self.step(at);
        }
        Kind::Number { minimum, maximum, multiple_of }
    }

    fn step(&self, at: &At<'a>) {
        let step = at.get("multipleOf").unwrap_or_else(|| at.clone());
        self.report(&step, "`multipleOf` must be above 0", "correct or remove it");
    }

    fn string(&self, at: &At<'a>) -> Kind {
        let (min_length, max_length) = (self.size(at, "minLength"), self.size(at, "maxLength"));
        self.ordered(at, "minLength", min_length, max_length);
        let pattern = at.get("pattern").and_then(|pattern| {
            let text = pattern.node.as_str().unwrap_or_default();
            if let Err(error) = regex::Regex::new(text) {
                let reason =
                    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                let hint = "patterns are matched in linear time: no look-around, no back-references";
                self.report(&pattern, format!("this pattern cannot be checked: {reason}"), hint);
                return None;
            }
            Some(text.to_owned())
        });
        let format = Some(at.text("format")).filter(|format| !format.is_empty());
        let values = self.enumeration(at, |node| node.as_str().map(str::to_owned));
        Kind::String { min_length: min_length.unwrap_or(0), max_length, pattern, format, values }
    }

    fn array(&self, at: &At<'a>) -> Option<Kind> {
        let (min_items, max_items) = (self.size(at, "minItems"), self.size(at, "maxItems"));
        self.ordered(at, "minItems", min_items, max_items);
        let Some(items) = at.get("items") else {
            self.report(at, "an array without `items`", "say what the items are; `items: {}` allows anything");
            return None;
        };
        let (items, unique) = (Box::new(self.schema(&items)?), at.is_true("uniqueItems"));
        Some(Kind::Array { items, min_items: min_items.unwrap_or(0), max_items, unique })
    }

    fn object_schema(&self, at: &At<'a>) -> Kind {
        let required: Vec<At<'a>> = at.get("required").iter().flat_map(At::items).collect();
        let requires = |name: &str| required.iter().any(|item| item.node.as_str() == Some(name));
        let (mut properties, mut fields) = (Vec::new(), HashMap::new());
        for (name, property) in at.get("properties").iter().flat_map(At::entries) {
            let field = field_name(name, &property);
            if name.is_empty() {
                self.report_key(&property, "a property without a name", "name it or remove it");
            } else if let Some(other) = fields.insert(field.clone(), name) {
                let message = format!("`{other}` and `{name}` would both be the Rust field `{field}`");
                self.report_key(&property, message, "rename one of them, or give one an `x-rust-name`");
            }
            if let Some(schema) = self.schema(&property) {
                let read_only = property.is_true("readOnly");
                properties.push(Property { name: name.to_owned(), required: requires(name), read_only, schema });
            }
        }
        for item in &required {
            let Some(name) = item.node.as_str().map(str::to_owned) else {
                let message = format!("a required property is {}, not its name", item.node.kind());
                self.report(item, message, "list names, in quotes if need be");
                continue;
            };
            // Parts of an `allOf` may require what another part describes.
            if at.get("properties").and_then(|properties| properties.get(&name)).is_none() {
                properties.push(Property { name, required: true, read_only: false, schema: plain(Kind::Any) });
            }
        }
        let additional = match at.get("additionalProperties") {
            None => Additional::Any,
            Some(rest) => match rest.node.data {
                Data::Bool(true) => Additional::Any,
                Data::Bool(false) => Additional::Refused,
                _ => self.schema(&rest).map_or(Additional::Any, |schema| Additional::Schema(Box::new(schema))),
            },
        };
        let (min, max_properties) = (self.size(at, "minProperties"), self.size(at, "maxProperties"));
        self.ordered(at, "minProperties", min, max_properties);
        Kind::Object { properties, additional, min_properties: min.unwrap_or(0), max_properties }
    }

    fn enumeration<T>(&self, at: &At<'a>, read: impl Fn(&Node) -> Option<T>) -> Vec<T> {
        let mut values = Vec::new();
        for item in at.get("enum").iter().flat_map(At::items) {
            match read(item.node) {
                Some(value) => values.push(value),
                None if matches!(item.node.data, Data::Null) && at.is_true("nullable") => {}
                None => self.report(&item, "a value of another type", "quote it, or correct `type`"),
            }
        }
        values
    }

    fn whole(&self, at: &At<'a>, key: &str) -> Option<i64> {
        let at = at.get(key)?;
        match &at.node.data {
            Data::Number(number) if number.as_i64().is_some() => number.as_i64(),
            _ => {
                self.report(&at, format!("`{key}` must be a whole number of 64 bits"), "correct or remove it");
                None
            }
        }
    }

    fn size(&self, at: &At<'a>, key: &str) -> Option<u64> {
        let at = at.get(key)?;
        match &at.node.data {
            Data::Number(number) if number.as_u64().is_some() => number.as_u64(),
            _ => {
                self.report(&at, format!("`{key}` must be a whole number from 0"), "correct or remove it");
                None
            }
        }
    }

    fn float(&self, at: &At<'a>, key: &str) -> Option<f64> {
        let at = at.get(key)?;
        match &at.node.data {
            Data::Number(number) => number.as_f64(),
            _ => {
                self.report(&at, format!("`{key}` must be a number"), "correct or remove it");
                None
            }
        }
    }

    fn ordered<T: PartialOrd>(&self, at: &At<'a>, key: &str, low: Option<T>, high: Option<T>) {
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            let at = at.get(key).unwrap_or_else(|| at.clone());
            self.report(&at, "the lower bound is above the upper bound", "swap or correct them: nothing would fit");
        }
    }
}

pub(super) fn plain(kind: Kind) -> Schema {
    Schema { nullable: false, default: None, kind }
}
