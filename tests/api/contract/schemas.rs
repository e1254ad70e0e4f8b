//! Validators for the schemas of the document, by a library that has nothing to do with the server.

use super::document::{document, items, members};
use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

/// What may stand in a value beside what its schema names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Extras {
    /// Anything, as in requests.
    Allowed,
    /// Nothing: the server must not answer what the document does not tell.
    Refused,
}

/// A validator for a schema of the document.
pub(super) fn validator(schema: &'static Value, extras: Extras) -> Arc<Validator> {
    type Made = HashMap<(usize, Extras), Arc<Validator>>;
    // The components are large to translate, and the same schema is asked for at every answer.
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let key = (std::ptr::from_ref(schema).addr(), extras);
    let mut made = MADE.lock().expect("no test panics in here");
    Arc::clone(made.entry(key).or_insert_with(|| {
        let root = json!({
            "allOf": [json_schema(schema, extras)],
            "components": {"schemas": components(extras)},
        });
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&root).unwrap_or_else(|error| panic!("{schema}: {error}")))
    }))
}

/// The named schemas; those that others are made of by `allOf` stay open, as only the whole can be closed.
fn components(extras: Extras) -> Value {
    let all = &document()["components"]["schemas"];
    let mut parts = BTreeSet::new();
    for (_, schema) in members(all) {
        parts.extend(items(&schema["allOf"]).filter_map(|part| part["$ref"].as_str()?.rsplit('/').next()));
    }
    let translated = members(all).map(|(name, schema)| {
        let extras = if parts.contains(name) { Extras::Allowed } else { extras };
        (name.to_owned(), json_schema(schema, extras))
    });
    Value::Object(translated.collect())
}

/// A schema of OpenAPI 3.0 as JSON Schema 2020-12: `nullable` becomes a type, exclusive bounds become numbers, and the
/// formats of integers become bounds.
fn json_schema(schema: &Value, extras: Extras) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    let mut translated = Map::new();
    for (keyword, value) in map {
        let value = match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.iter().map(|(name, schema)| (name.clone(), json_schema(schema, extras))).collect()
            }
            ("items" | "not" | "additionalProperties", schema) => json_schema(schema, extras),
            ("oneOf" | "anyOf", Value::Array(schemas)) => {
                schemas.iter().map(|schema| json_schema(schema, extras)).collect()
            }
            ("allOf", Value::Array(schemas)) => {
                schemas.iter().map(|schema| json_schema(schema, Extras::Allowed)).collect()
            }
            ("nullable" | "discriminator" | "example" | "default", _) => continue,
            _ => value.clone(),
        };
        translated.insert(keyword.clone(), value);
    }
    for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if translated.remove(flag) == Some(Value::Bool(true))
            && let Some(limit) = translated.remove(bound)
        {
            translated.insert(flag.to_owned(), limit);
        }
    }
    let (lowest, highest) = match map.get("format").and_then(Value::as_str) {
        Some("int32") => (json!(i32::MIN), json!(i32::MAX)),
        Some("int64") => (json!(i64::MIN), json!(i64::MAX)),
        _ => (Value::Null, Value::Null),
    };
    for (bound, limit) in [("minimum", lowest), ("maximum", highest)] {
        if !limit.is_null() {
            translated.entry(bound).or_insert(limit);
        }
    }
    let whole =
        map.contains_key("allOf") || map.contains_key("properties") && !map.contains_key("additionalProperties");
    if whole && extras == Extras::Refused {
        translated.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
    }
    if map.get("nullable") == Some(&Value::Bool(true)) {
        return json!({"anyOf": [{"type": "null"}, translated]});
    }
    Value::Object(translated)
}
