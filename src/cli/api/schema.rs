//! The document's schemas, as far as a command line asks of them: which properties there are, in which order.

use crate::generated::server::DOCUMENT;
use serde_json::{Map, Value};

/// The object, or the component that its `$ref` names.
pub(super) fn resolve(value: &Value) -> &Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => DOCUMENT.json().pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}

/// A property of an object.
pub(super) struct Property {
    pub name: &'static str,
    pub schema: &'static Value,
    /// What the document says of it.
    pub text: &'static str,
    /// Whether every value of the schema has it.
    pub required: bool,
    /// The values by which the variants of a union are told apart, if it is that property.
    pub tags: Vec<&'static str>,
}

/// The properties of a schema, in the order of the document. Of a union: each variant's, required if all require them.
pub(super) fn properties(schema: &'static Value) -> Vec<Property> {
    let schema = resolve(schema);
    let mut found = Vec::new();
    let tag = schema.pointer("/discriminator/propertyName").and_then(Value::as_str);
    let variants: Vec<_> = items(schema, "oneOf").map(properties).collect();
    for (name, of_variant) in variants.iter().flatten().map(|property| (property.name, property.schema)) {
        let in_all = variants.iter().all(|variant| variant.iter().any(|one| one.name == name && one.required));
        let mut property =
            Property { name, schema: of_variant, text: text(of_variant), required: in_all, tags: Vec::new() };
        if tag == Some(name) {
            let values = schema["discriminator"]["mapping"].as_object().into_iter().flat_map(Map::keys);
            property.tags = values.map(String::as_str).collect();
            // Each variant speaks of its own value only.
            property.text = text(schema);
        }
        add(&mut found, property);
    }
    for part in items(schema, "allOf") {
        properties(part).into_iter().for_each(|property| add(&mut found, property));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let required = items(schema, "required").any(|required| required == name);
        let schema = resolve(property);
        add(&mut found, Property { name, schema, text: text(schema), required, tags: Vec::new() });
    }
    found
}

fn add(found: &mut Vec<Property>, property: Property) {
    match found.iter_mut().find(|one| one.name == property.name) {
        Some(known) => known.required |= property.required,
        None => found.push(property),
    }
}

/// What the document says of a schema.
fn text(schema: &'static Value) -> &'static str {
    schema["description"].as_str().unwrap_or_default().trim()
}

fn items(schema: &'static Value, keyword: &str) -> impl Iterator<Item = &'static Value> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten()
}

/// What the items of a page look like, if answers of this schema are pages.
pub(super) fn page_items(schema: &'static Value) -> Option<&'static Value> {
    let of = |schema, name| properties(schema).into_iter().find(|one| one.name == name).map(|one| one.schema);
    let embedded = of(schema, "_embedded")?;
    properties(embedded).into_iter().find_map(|property| property.schema.get("items"))
}
