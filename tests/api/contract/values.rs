//! Values for a schema by itself: some that fit, some at its bounds, some that break it.

use super::document::{items, members, resolve};
use super::schemas::{Extras, validator};
use serde_json::{Map, Value, json};

/// Stands in texts that are sent to be refused, so that answers which repeat them give themselves away.
pub(super) const MARK: &str = "zebra";

/// Keywords that constrain nothing, or what stands inside and is visited there.
const UNBREAKABLE: [&str; 13] = [
    "title",
    "description",
    "example",
    "default",
    "deprecated",
    "nullable",
    "readOnly",
    "properties",
    "required",
    "items",
    "allOf",
    "oneOf",
    "discriminator",
];

/// Values that break the constraints of this schema itself, leaving those inside it alone.
pub(super) fn broken_values(schema: &'static Value) -> Vec<(&'static str, Value)> {
    let mut found: Vec<(&'static str, Value)> = Vec::new();
    let valid = validator(schema, Extras::Allowed);
    let others =
        [json!(null), json!(true), json!(7), json!(1.5), json!(MARK), json!([]), json!([{}]), json!({MARK: 1})];
    for other in others {
        let kind = match schema["type"].as_str() {
            Some("string") => other.is_string(),
            Some("integer") => other.is_i64(),
            Some("number") => other.is_number(),
            Some("boolean") => other.is_boolean(),
            Some("array") => other.is_array(),
            _ => other.is_object(),
        };
        if !kind && !valid.is_valid(&other) {
            found.push(("type", other));
        }
    }
    let fitting = sample(schema, 0);
    let bound = |keyword: &str| schema[keyword].as_u64().map(|bound| usize::try_from(bound).expect("a small bound"));
    match schema["type"].as_str() {
        Some("integer") => {
            let less = |least: i64| least.checked_sub(1).map(|less| ("minimum", json!(less)));
            found.extend(schema["minimum"].as_i64().and_then(less));
            let more = |most: i64| most.checked_add(1).map_or(json!(1_u64 << 63), |more| json!(more));
            found.extend(schema["maximum"].as_i64().map(|most| ("maximum", more(most))));
            if schema["format"] == "int32" && schema.get("maximum").is_none() {
                found.push(("format", json!(i64::from(i32::MAX) + 1)));
            }
            found.push(("format", json!(1_u64 << 63)));
        }
        Some("string") => {
            let text = text_of(&fitting);
            let last = text.chars().last().unwrap_or('a').to_string();
            if let Some(least) = bound("minLength").filter(|least| *least > 0) {
                found.push(("minLength", json!(text.chars().take(least - 1).collect::<String>())));
            }
            if let Some(most) = bound("maxLength") {
                found.push(("maxLength", json!(text.clone() + &last.repeat(most + 1 - text.chars().count()))));
                // Characters are counted, not bytes.
                found.push(("maxLength", json!("\u{1f993}".repeat(most + 1))));
            }
            if schema.get("enum").is_some() {
                found.extend([("enum", json!(MARK)), ("enum", json!(text.to_lowercase() + " ")), ("enum", json!(""))]);
            }
            if schema.get("pattern").is_some() {
                let before = found.len();
                let spoiled =
                    ["\0", "zebra\0", "zebra\n", "\u{7f}zebra", "zebra,sideways", "ftp://zebra", "1 zebra", "é "];
                let spoiled = spoiled.into_iter().map(|text| json!(text)).filter(|value| !valid.is_valid(value));
                found.extend(spoiled.map(|value| ("pattern", value)));
                assert!(found.len() > before, "nothing breaks the pattern of {schema}; add a text that does");
            }
            if let Some(format) = schema["format"].as_str().filter(|format| !matches!(*format, "password" | "binary")) {
                found.push(("format", json!(format!("no {format}: {MARK} \\ ["))));
            }
        }
        Some("array") => {
            if let Some(least) = bound("minItems").filter(|least| *least > 0) {
                found.push(("minItems", distinct(schema, least - 1)));
            }
            if let Some(most) = bound("maxItems") {
                found.push(("maxItems", distinct(schema, most + 1)));
            }
            if schema["uniqueItems"] == true {
                let item = sample(&schema["items"], 0);
                found.push(("uniqueItems", json!([item, item])));
            }
        }
        Some("object") => {
            if schema["additionalProperties"] == false {
                let mut more = fitting.clone();
                more[MARK] = json!(1);
                found.push(("additionalProperties", more));
            }
            if let Some(most) = bound("maxProperties") {
                let many = (0..=most).map(|number| (number.to_string(), json!(0)));
                found.push(("maxProperties", Value::Object(many.collect())));
            }
        }
        _ => {
            if schema.get("oneOf").is_some() && tag_name(schema).is_none() {
                let alternatives = items(&schema["oneOf"]).map(|alternative| sample(alternative, 0));
                let all: Map<String, Value> =
                    alternatives.filter_map(|value| value.as_object().cloned()).flatten().collect();
                found.extend([("oneOf", json!({})), ("oneOf", Value::Object(all))]);
            }
        }
    }
    for (keyword, bound) in members(schema).filter(|(keyword, _)| !UNBREAKABLE.contains(keyword)) {
        // Any bytes are a file.
        let any_bytes = keyword == "format" && bound == "binary";
        let harmless =
            any_bytes || bound == 0 || keyword == "additionalProperties" && bound != false || keyword.starts_with("x-");
        let broken = found.iter().any(|(own, _)| *own == keyword);
        assert!(harmless || broken, "nothing breaks `{keyword}` of {schema}; teach this function to");
    }
    found
}

/// Values at the bounds of this schema; the caller leaves out what does not fit, as a pattern may forbid a length.
pub(super) fn boundary_values(schema: &'static Value) -> Vec<(&'static str, Value)> {
    let text = if schema["type"] == "string" { text_of(&sample(schema, 0)) } else { String::new() };
    let mut found: Vec<_> = items(&schema["enum"]).map(|value| ("enum", value.clone())).collect();
    for (keyword, bound) in members(schema) {
        let count = bound.as_u64().and_then(|bound| usize::try_from(bound).ok());
        match (keyword, count) {
            ("minimum" | "maximum", _) => found.push((keyword, bound.clone())),
            ("format", _) if bound == "int32" => found.push((keyword, json!(i32::MAX))),
            ("format", _) if bound == "int64" => found.push((keyword, json!(i64::MAX))),
            ("minLength", Some(least)) => found.push((keyword, json!(text.chars().take(least).collect::<String>()))),
            ("maxLength", Some(most)) => {
                let filling = text.chars().last().unwrap_or('a').to_string();
                let missing = most.saturating_sub(text.chars().count());
                found.push((keyword, json!(text.clone() + &filling.repeat(missing))));
                found.push((keyword, json!("\u{1f993}".repeat(most))));
            }
            ("minItems" | "maxItems", Some(count)) => found.push((keyword, distinct(schema, count))),
            ("maxProperties", Some(most)) => {
                let many = (0..most).map(|number| (number.to_string(), json!(0)));
                found.push((keyword, Value::Object(many.collect())));
            }
            _ => {}
        }
    }
    found
}

pub(super) fn distinct(schema: &'static Value, count: usize) -> Value {
    (0..count).map(|number| sample(&schema["items"], number)).collect()
}

pub(super) fn first_item(array: &Value, schema: &'static Value) -> Value {
    match array.as_array() {
        Some(items) if !items.is_empty() => array.clone(),
        _ => distinct(schema, 1),
    }
}

/// A small value that fits; another one for another number, as far as the schema lets it.
pub(super) fn sample(schema: &'static Value, number: usize) -> Value {
    let schema = resolve(schema);
    if let Some(first) = items(&schema["enum"]).next() {
        return first.clone();
    }
    let alternative = items(&schema["oneOf"]).chain(items(&schema["anyOf"])).next();
    if let Some(alternative) = alternative {
        return sample(alternative, number);
    }
    match schema["type"].as_str() {
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(0).max(1) + number as i64),
        Some("number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") => distinct(schema, schema["minItems"].as_u64().unwrap_or(0) as usize),
        Some("string") => {
            let valid = validator(schema, Extras::Allowed);
            let seeds = [
                "jdoe",
                "https://files.example.com/a",
                "text/plain",
                "id",
                "createdTime",
                "me",
                "read:user",
                "2026-01-15T09:30:00Z",
            ];
            let numbered = seeds.iter().filter(|_| number > 0).map(|seed| format!("{seed}{number}"));
            let key = format!("{number:032}");
            let plain = seeds.iter().map(|seed| (*seed).to_owned());
            let mut texts = numbered.chain(plain).chain([key]).map(Value::String);
            let found = texts.find(|text| valid.is_valid(text));
            found.unwrap_or_else(|| panic!("no sample fits {schema}; add one"))
        }
        _ => {
            let parts = items(&schema["allOf"]).filter_map(|part| sample(part, number).as_object().cloned()).flatten();
            let required = items(&schema["required"]).filter_map(Value::as_str);
            let own = required.map(|name| (name.to_owned(), sample(&schema["properties"][name], number)));
            Value::Object(parts.chain(own).collect())
        }
    }
}

pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The property that tells the variants of a union apart.
pub(super) fn tag_name(schema: &'static Value) -> Option<&'static str> {
    schema["discriminator"]["propertyName"].as_str()
}
