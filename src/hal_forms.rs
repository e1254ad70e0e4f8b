//! HAL-FORMS: what can be done with a resource, as forms that follow from the document.
//!
//! A client that prefers `application/prs.hal-forms+json` gets the HAL answer with `_templates`: one for every operation
//! that changes something at an address the answer links to. Nothing of them is kept by hand.

use crate::generated::server::{DOCUMENT, OPERATIONS};
use http::Method;
use openapi_dropshot::runtime::Operation;
use serde_json::{Map, Value, json};

/// The media type.
pub const MEDIA_TYPE: &str = "application/prs.hal-forms+json";

/// Adds `_templates` to a resource. `target` says which path of the document an address stands for.
pub fn add_templates(resource: &mut Value, target: impl Fn(&str) -> Option<String>) {
    let mut templates = Map::new();
    let links = resource.get("_links").and_then(Value::as_object);
    for link in links.into_iter().flat_map(Map::values) {
        let Some(href) = link.get("href").and_then(Value::as_str).filter(|_| link.get("templated").is_none()) else {
            continue;
        };
        let Some(path) = target(href) else { continue };
        let changing = |operation: &&&Operation| !matches!(operation.method, Method::GET | Method::HEAD);
        for operation in OPERATIONS.iter().filter(changing).filter(|operation| operation.serves(&path)) {
            templates.entry(operation.id).or_insert_with(|| template(operation, href));
        }
    }
    if let Some(resource) = resource.as_object_mut()
        && !templates.is_empty()
    {
        resource.insert("_templates".to_owned(), Value::Object(templates));
    }
}

fn template(operation: &Operation, href: &str) -> Value {
    let document = DOCUMENT.json();
    let at = &document["paths"][operation.path][operation.method.as_str().to_ascii_lowercase()];
    let mut template = json!({"title": at["summary"], "method": operation.method.as_str(), "target": href});
    let content = at["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
    if let Some((media_type, content)) = content {
        let mut properties = Vec::new();
        collect(DOCUMENT.resolve(&content["schema"]), true, &mut properties);
        template["contentType"] = json!(media_type);
        template["properties"] = Value::Array(properties);
    }
    template
}

/// The properties of a body. Of a union, each variant's, none of them required but the one that tells the variants
/// apart.
fn collect(schema: &Value, required: bool, properties: &mut Vec<Value>) {
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect(DOCUMENT.resolve(part), required, properties);
    }
    if let Some(tag) = schema.pointer("/discriminator/propertyName").and_then(Value::as_str) {
        let values: Vec<&String> =
            schema["discriminator"]["mapping"].as_object().into_iter().flat_map(Map::keys).collect();
        properties
            .push(json!({"name": tag, "required": true, "options": {"inline": values, "maxItems": 1, "minItems": 1}}));
    }
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        collect(DOCUMENT.resolve(variant), false, properties);
    }
    let names = schema["required"].as_array();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let known = |found: &Value| found["name"] == *name;
        if property["deprecated"] == true || property["readOnly"] == true || properties.iter().any(known) {
            continue;
        }
        let is_required = required && names.is_some_and(|names| names.iter().any(|required| required == name));
        properties.push(field(name, DOCUMENT.resolve(property), is_required));
    }
}

/// One field, with the constraints that a form can hold its input to.
fn field(name: &str, schema: &Value, required: bool) -> Value {
    let mut field = json!({"name": name, "required": required});
    let kind = match (schema["type"].as_str().unwrap_or_default(), schema["format"].as_str()) {
        ("string", Some("date-time")) => "datetime-local",
        ("string", Some("uri")) => "url",
        ("string", Some("email")) => "email",
        ("string", _) if schema["maxLength"].as_u64().is_some_and(|length| length > 1000) => "textarea",
        ("string", _) => "text",
        ("integer" | "number", _) => "number",
        ("boolean", _) => {
            field["options"] = json!({"inline": [true, false], "maxItems": 1, "minItems": 0});
            "text"
        }
        // HAL-FORMS has no nested fields and leaves the types open: our explorer takes JSON here.
        _ => "json",
    };
    field["type"] = json!(kind);
    if let Some(values) = schema.get("enum") {
        field["options"] = json!({"inline": values, "maxItems": 1, "minItems": usize::from(required)});
    }
    let constraints = [
        ("regex", "pattern"),
        ("min", "minimum"),
        ("max", "maximum"),
        ("minLength", "minLength"),
        ("maxLength", "maxLength"),
    ];
    for (key, keyword) in constraints {
        if let Some(value) = schema.get(keyword) {
            field[key] = value.clone();
        }
    }
    if let Some(text) = schema["description"].as_str() {
        field["prompt"] = json!(text);
    }
    field
}
