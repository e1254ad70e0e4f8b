//! Defaults: each must be a value that its own schema allows, as it is taken without another look.

use super::{At, Checker};
use crate::model::{Additional, Kind, Schema};
use serde_json::Value;
use std::collections::BTreeMap;

/// Schemas within schemas that a default is followed into.
const MAX_DEPTH: usize = 64;

impl<'a> Checker<'a> {
    /// Checks the defaults of a schema and of all that is written inside it.
    pub(super) fn defaults(&self, at: &At<'a>, schemas: &BTreeMap<String, Schema>) {
        if at.node.get("$ref").is_some() {
            return;
        }
        if let Some(default) = at.get("default")
            // A faulty schema has been reported, and is reported once.
            && let Some(schema) = self.schema(at)
            && let Err(reason) = fits(&default.node.to_json(), &schema, schemas, 0)
        {
            self.report(&default, format!("the default {reason}"), "correct the default, or the schema beside it");
        }
        for key in ["items", "additionalProperties"] {
            at.get(key).iter().for_each(|inner| self.defaults(inner, schemas));
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            at.get(key).iter().flat_map(At::items).for_each(|inner| self.defaults(&inner, schemas));
        }
        at.get("properties").iter().flat_map(At::entries).for_each(|(_, inner)| self.defaults(&inner, schemas));
    }
}

/// Whether the schema allows the value; if not, the reason.
fn fits(value: &Value, schema: &Schema, schemas: &BTreeMap<String, Schema>, depth: usize) -> Result<(), String> {
    let in_bounds = |number: f64, low: Option<f64>, high: Option<f64>| {
        low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high)
    };
    let inner = |value: &Value, schema: &Schema| fits(value, schema, schemas, depth + 1);
    let outside = || Err("lies outside the bounds".to_owned());
    if depth > MAX_DEPTH || value.is_null() && schema.nullable {
        return Ok(());
    }
    match (&schema.kind, value) {
        (Kind::Any, _) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
        (Kind::Integer { short, minimum, maximum, multiple_of, values }, Value::Number(number)) => {
            let Some(number) = number.as_i64() else { return Err("is not a whole number of 64 bits".into()) };
            if *short && i32::try_from(number).is_err() {
                Err("does not fit into 32 bits".into())
            } else if minimum.is_some_and(|low| number < low) || maximum.is_some_and(|high| number > high) {
                outside()
            } else if multiple_of.is_some_and(|step| number.checked_rem(step).is_some_and(|rest| rest != 0)) {
                Err("is not such a multiple".into())
            } else if !values.is_empty() && !values.contains(&number) {
                Err("is not in `enum`".into())
            } else {
                Ok(())
            }
        }
        (Kind::Number { minimum, maximum, .. }, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let (low, high) = (minimum.map(|bound| bound.0), maximum.map(|bound| bound.0));
            if in_bounds(number, low, high) { Ok(()) } else { outside() }
        }
        (Kind::String { min_length, max_length, pattern, format, values }, Value::String(text)) => {
            let length = text.chars().count() as u64;
            if length < *min_length || max_length.is_some_and(|most| length > most) {
                Err("is too short or too long".into())
            } else if pattern.as_deref().is_some_and(|pattern| !matches(text, pattern)) {
                Err("does not match `pattern`".into())
            } else if !values.is_empty() && !values.contains(text) {
                Err("is not in `enum`".into())
            } else if !format.as_deref().is_none_or(|format| has_format(text, format)) {
                Err("does not have the `format` beside it".into())
            } else {
                Ok(())
            }
        }
        (Kind::Array { items, min_items, max_items, .. }, Value::Array(values)) => {
            let count = values.len() as u64;
            if count < *min_items || max_items.is_some_and(|most| count > most) {
                return Err("has too few or too many items".into());
            }
            values.iter().try_for_each(|value| inner(value, items))
        }
        (Kind::Object { properties, additional, .. }, Value::Object(map)) => {
            if let Some(absent) =
                properties.iter().find(|property| property.required && !map.contains_key(&property.name))
            {
                return Err(format!("lacks `{}`", absent.name));
            }
            map.iter().try_for_each(|(name, value)| {
                match (properties.iter().find(|property| property.name == *name), additional) {
                    (Some(property), _) => inner(value, &property.schema),
                    (None, Additional::Any) => Ok(()),
                    (None, Additional::Refused) => Err(format!("has the undeclared property `{name}`")),
                    (None, Additional::Schema(schema)) => inner(value, schema),
                }
            })
        }
        (Kind::AllOf(parts), _) => parts.iter().try_for_each(|part| inner(value, part)),
        (Kind::AnyOf(parts), _) | (Kind::OneOf { variants: parts, .. }, _) => {
            if parts.iter().any(|part| inner(value, part).is_ok()) { Ok(()) } else { Err("fits no alternative".into()) }
        }
        (Kind::Ref(name), _) => schemas.get(name).map_or(Ok(()), |schema| inner(value, schema)),
        (kind, _) => Err(format!("is not {}", name_of(kind))),
    }
}

/// The formats that have Rust types of their own, which read the default when it is needed. Other formats stay text.
fn has_format(text: &str, format: &str) -> bool {
    let date = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])";
    match format {
        "date" => matches(text, &format!("^{date}$")),
        "date-time" => matches(
            text,
            &format!(r"^{date}[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"),
        ),
        "uuid" => matches(text, "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    }
}

/// Whether the pattern is found in the text; one that does not compile has been reported.
fn matches(text: &str, pattern: &str) -> bool {
    regex::Regex::new(pattern).map_or(true, |regex| regex.is_match(text))
}

fn name_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "a boolean",
        Kind::Integer { .. } => "a whole number",
        Kind::Number { .. } => "a number",
        Kind::String { .. } => "a string",
        Kind::Array { .. } => "an array",
        _ => "an object",
    }
}
