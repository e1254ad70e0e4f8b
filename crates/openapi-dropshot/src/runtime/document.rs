//! The document's own schemas for what dropshot registers, so that both can be compared.
//!
//! dropshot learns of inputs and outputs through `schemars` only. The types here stand for the query, the path and the
//! bodies of an operation, and answer with what the document says.

use super::operation::{Location, Operation};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::{InstanceType, ObjectValidation, Schema, SchemaObject};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// A document as JSON, parsed when first asked.
#[derive(Debug)]
pub struct Document {
    text: &'static str,
    json: OnceLock<Value>,
}

impl Document {
    /// A document; the generator has written it.
    pub const fn new(text: &'static str) -> Self {
        Document { text, json: OnceLock::new() }
    }

    /// The text.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// The document; `null` if the text is not JSON.
    pub fn json(&self) -> &Value {
        self.json.get_or_init(|| serde_json::from_str(self.text).unwrap_or_default())
    }

    /// The component that a `$ref` names, or the value itself.
    pub fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.json().pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
            None => value,
        }
    }

    /// What the document says of an operation; `null` for one of another document.
    pub fn operation(&self, operation: &Operation) -> &Value {
        let method = operation.method.as_str().to_ascii_lowercase();
        self.json().get("paths").and_then(|paths| paths.get(operation.path)?.get(method)).unwrap_or(&Value::Null)
    }
}

/// Ties a type to an operation.
pub trait Described: Send + Sync + 'static {
    /// The operation.
    const OPERATION: &'static Operation;
    /// The document it stands in.
    const DOCUMENT: &'static Document;
}

/// The parameters of one location.
#[derive(Deserialize)]
pub(super) struct Parameters<O, const LOCATION: u8>(PhantomData<fn() -> O>);

pub(super) const PATH: u8 = 0;
pub(super) const QUERY: u8 = 1;
pub(super) const HEADER: u8 = 2;

impl<O: Described, const LOCATION: u8> JsonSchema for Parameters<O, LOCATION> {
    fn schema_name() -> String {
        format!("{} parameters {LOCATION}", O::OPERATION.id)
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let location = [Location::Path, Location::Query, Location::Header][usize::from(LOCATION)];
        let document = O::DOCUMENT;
        let mut object = ObjectValidation::default();
        let path = document.json().get("paths").and_then(|paths| paths.get(O::OPERATION.path));
        let listed = [Some(document.operation(O::OPERATION)), path];
        let declared: Vec<&Value> = listed
            .into_iter()
            .flatten()
            .filter_map(|at| at.get("parameters")?.as_array())
            .flatten()
            .map(|parameter| document.resolve(parameter))
            .collect();
        for parameter in O::OPERATION.parameters.iter().filter(|parameter| parameter.location == location) {
            let Some(found) = declared.iter().find(|found| found["name"] == parameter.name) else { continue };
            let mut schema = found["schema"].clone();
            // dropshot takes scalars only: an array is left out of what it registers, and read all the same.
            if document.resolve(&schema)["type"] == "array" {
                continue;
            }
            dependencies(document, &schema, generator);
            if let (Some(schema), Some(text)) = (schema.as_object_mut(), found.get("description")) {
                if schema.contains_key("$ref") {
                    let reference = Value::Object(std::mem::take(schema));
                    schema.insert("allOf".into(), Value::Array(vec![reference]));
                }
                schema.insert("description".into(), text.clone());
            }
            object.properties.insert(parameter.name.to_owned(), to_schema(schema));
            if parameter.required {
                object.required.insert(parameter.name.to_owned());
            }
        }
        SchemaObject {
            instance_type: Some(InstanceType::Object.into()),
            object: Some(Box::new(object)),
            ..Default::default()
        }
        .into()
    }
}

/// The request body or the success response.
#[derive(Deserialize, Serialize)]
pub(super) struct Payload<O, const REQUEST: bool>(PhantomData<fn() -> O>);

impl<O: Described, const REQUEST: bool> JsonSchema for Payload<O, REQUEST> {
    fn is_referenceable() -> bool {
        false
    }

    fn schema_name() -> String {
        format!("{} {}", O::OPERATION.id, if REQUEST { "request" } else { "response" })
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let document = O::DOCUMENT;
        let at = document.operation(O::OPERATION);
        let holder = if REQUEST {
            at.get("requestBody")
        } else {
            at.get("responses").and_then(|responses| responses.get(O::OPERATION.status.to_string()))
        };
        let content =
            holder.map(|holder| document.resolve(holder)).and_then(|holder| holder.get("content")?.as_object());
        let schema = content.and_then(|content| content.values().next()?.get("schema")).cloned().unwrap_or_default();
        dependencies(document, &schema, generator);
        to_schema(schema)
    }
}

/// Defines every component that the schema names, and those that they name.
fn dependencies(document: &Document, schema: &Value, generator: &mut SchemaGenerator) {
    match schema {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next())
                && !generator.definitions().contains_key(name)
            {
                let component = document.resolve(schema);
                generator.definitions_mut().insert(name.to_owned(), to_schema(component.clone()));
                dependencies(document, component, generator);
            }
            map.values().for_each(|value| dependencies(document, value, generator));
        }
        Value::Array(items) => items.iter().for_each(|value| dependencies(document, value, generator)),
        _ => {}
    }
}

/// OpenAPI 3.0 in the words of schemars 0.8, where exclusive bounds are numbers.
fn to_schema(mut schema: Value) -> Schema {
    fn translate(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (flag, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
                    if map.get(flag).is_some_and(Value::is_boolean)
                        && map.remove(flag) == Some(Value::Bool(true))
                        && let Some(limit) = map.remove(bound)
                    {
                        map.insert(flag.to_owned(), limit);
                    }
                }
                map.values_mut().for_each(translate);
            }
            Value::Array(items) => items.iter_mut().for_each(translate),
            _ => {}
        }
    }
    translate(&mut schema);
    serde_json::from_value(schema).unwrap_or(Schema::Bool(true))
}
