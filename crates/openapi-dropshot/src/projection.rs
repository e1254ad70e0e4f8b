//! The document as progenitor and typify understand it, made in memory so that the written one stays idiomatic.
//!
//! What changes, and why:
//! - constraints leave the schemas: the server checks them all itself and at once, and a client must not fail on an
//!   answer for being longer than some limit;
//! - unions with a discriminator and string enums are listed apart ([`Union`], [`OpenEnum`]): typify would try the
//!   variants one by one, and both would break a client at the first value it does not know;
//! - properties that only answers carry are not required where a schema serves requests too;
//! - a property with `x-rust-name` is called so; [`restore_names`] gives the code its name on the wire back;
//! - a property that can have but one value gets it as its default, so that builders need not name it;
//! - `+json` media types become `application/json`, one request media type stays, operations that only take multipart
//!   leave, and all errors of an operation become one type: progenitor panics on the rest.

use crate::model::{Api, Encoding, Operation, Payload};
use crate::tokens::schema::requested;
use proc_macro2::TokenStream;
use quote::ToTokens;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The name of the union of all error schemas, where a document has several.
const ERROR_UNION: &str = "ErrorBody";

/// A document for progenitor, and the types to be made beside it.
#[derive(Clone, Debug)]
pub struct Projection {
    /// The OpenAPI document, to be read as `openapiv3::OpenAPI`.
    pub document: Value,
    /// Unions that are told apart by a property.
    pub unions: Vec<Union>,
    /// String enums that may grow.
    pub enums: Vec<OpenEnum>,
    /// The ids of operations that progenitor cannot make, to be handwritten.
    pub omitted: Vec<String>,
    /// Properties that are called otherwise in Rust; see [`restore_names`].
    pub renamed: Vec<Renamed>,
}

/// A property that is called otherwise in Rust, by its `x-rust-name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renamed {
    /// The property's name.
    pub name: String,
    /// The field's name.
    pub rust_name: String,
}

/// A union that is told apart by a property.
#[derive(Clone, Debug)]
pub struct Union {
    /// The schema's name.
    pub name: String,
    /// What the document says of it.
    pub description: String,
    /// The property that tells the variants apart.
    pub property: String,
    /// Value of the property and schema name of the variant.
    pub variants: Vec<(String, String)>,
}

/// A string enum that may grow.
#[derive(Clone, Debug)]
pub struct OpenEnum {
    /// The schema's name.
    pub name: String,
    /// What the document says of it.
    pub description: String,
    /// The values known today.
    pub values: Vec<String>,
}

/// Makes the projection of a checked document.
pub fn projection(api: &Api) -> Projection {
    let mut document = api.document.clone();
    let (mut unions, mut enums) = (Vec::new(), Vec::new());
    let operations = || api.tags.iter().flat_map(|tag| &tag.operations);
    for (name, schema) in children(&mut document, "/components/schemas") {
        let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let description = text("description");
        if let Some(mapping) = schema.pointer("/discriminator/mapping").and_then(Value::as_object) {
            let property = schema.pointer("/discriminator/propertyName").and_then(Value::as_str).unwrap_or_default();
            let variants = mapping.iter().map(|(value, target)| (value.clone(), last_segment(target))).collect();
            unions.push(Union { name: name.clone(), description, property: property.to_owned(), variants });
        } else if let (Some(values), "string") = (schema.get("enum").and_then(Value::as_array), text("type").as_str())
            && values.len() > 1
        {
            let values = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            enums.push(OpenEnum { name: name.clone(), description, values });
        }
    }
    let multipart: BTreeSet<&String> = operations()
        .flat_map(|operation| operation.body.iter().flat_map(|body| &body.media))
        .filter(|media| media.encoding == Encoding::Multipart)
        .filter_map(|media| media.schema.as_ref())
        .collect();
    let requested = requested(api);
    for (name, schema) in children(&mut document, "/components/schemas") {
        if requested.contains(name) {
            without_read_only(schema);
        }
        if multipart.contains(name)
            && let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
        {
            // File parts are streamed; the struct holds the other fields.
            properties.retain(|_, property| !is_binary(property));
            let left: Vec<String> = properties.keys().cloned().collect();
            if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
                required.retain(|name| left.iter().any(|property| name == property));
            }
        }
        simplify(schema);
    }
    let mut renamed = BTreeSet::new();
    for (_, schema) in children(&mut document, "/components/schemas") {
        rename(schema, &mut renamed);
    }
    for (_, parameter) in children(&mut document, "/components/parameters") {
        parameter.get_mut("schema").into_iter().for_each(simplify);
    }
    let error = error_schema(&mut document, operations());
    let mut omitted = Vec::new();
    for operation in operations() {
        project_operation(&mut document, operation, error.as_deref(), &mut omitted);
    }
    prune(&mut document);
    fences(&mut document);
    Projection { document, unions, enums, omitted, renamed: renamed.into_iter().collect() }
}

/// Gives the types that were made of a projection the names that its renamed properties have on the wire.
///
/// # Errors
/// When the code is not a Rust file.
pub fn restore_names(code: TokenStream, renamed: &[Renamed]) -> syn::Result<TokenStream> {
    if renamed.is_empty() {
        return Ok(code);
    }
    let mut file: syn::File = syn::parse2(code)?;
    restore(&mut file.items, renamed);
    Ok(file.into_token_stream())
}

fn restore(items: &mut [syn::Item], renamed: &[Renamed]) {
    for item in items {
        match item {
            syn::Item::Mod(module) => {
                if let Some((_, items)) = &mut module.content {
                    restore(items, renamed);
                }
            }
            // Builders have the same fields and are not sent.
            syn::Item::Struct(item) if item.attrs.iter().any(derives_serialize) => {
                for field in &mut item.fields {
                    let is_field = |one: &&Renamed| field.ident.as_ref().is_some_and(|name| *name == one.rust_name);
                    if let Some(Renamed { name, .. }) = renamed.iter().find(is_field) {
                        field.attrs.push(syn::parse_quote!(#[serde(rename = #name)]));
                    }
                }
            }
            _ => {}
        }
    }
}

fn derives_serialize(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("derive") && attribute.meta.to_token_stream().to_string().contains("Serialize")
}

/// Calls properties by their `x-rust-name`.
fn rename(schema: &mut Value, renamed: &mut BTreeSet<Renamed>) {
    let Some(object) = schema.as_object_mut() else { return };
    let mut own = Vec::new();
    for (name, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        rename(property, renamed);
        if let Some(Value::String(rust_name)) = property.as_object_mut().and_then(|map| map.remove("x-rust-name")) {
            own.push(Renamed { name: name.clone(), rust_name });
        }
    }
    for Renamed { name, rust_name } in &own {
        if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut)
            && let Some(property) = properties.remove(name)
        {
            properties.insert(rust_name.clone(), property);
        }
        for required in object.get_mut("required").and_then(Value::as_array_mut).into_iter().flatten() {
            if required == name {
                *required = Value::String(rust_name.clone());
            }
        }
    }
    renamed.extend(own);
    for list in ["allOf", "oneOf", "anyOf"] {
        for part in object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            rename(part, renamed);
        }
    }
    for one in ["items", "additionalProperties"] {
        object.get_mut(one).into_iter().for_each(|part| rename(part, renamed));
    }
}

/// The name of the one schema of all errors, made a union where there are several.
fn error_schema<'o>(document: &mut Value, operations: impl Iterator<Item = &'o Operation>) -> Option<String> {
    let names: BTreeSet<&String> =
        operations.flat_map(|operation| operation.errors.iter().map(|(_, name)| name)).collect();
    if names.len() < 2 {
        return names.first().map(|name| name.to_string());
    }
    let variants: Vec<Value> = names.iter().map(|name| reference(name)).collect();
    let union = json!({"description": "Any error body of this API.", "oneOf": variants});
    document.pointer_mut("/components/schemas")?.as_object_mut()?.insert(ERROR_UNION.to_owned(), union);
    Some(ERROR_UNION.to_owned())
}

fn project_operation(document: &mut Value, operation: &Operation, error: Option<&str>, omitted: &mut Vec<String>) {
    let method = operation.method.to_ascii_lowercase();
    let Some(item) = document.get_mut("paths").and_then(|paths| paths.get_mut(&operation.path)) else { return };
    for parameter in item.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        parameter.get_mut("schema").into_iter().for_each(simplify);
    }
    let Some(item) = item.as_object_mut() else { return };
    if let Some(body) = &operation.body {
        let kept = [Encoding::Json, Encoding::Form, Encoding::Bytes]
            .iter()
            .find_map(|encoding| body.media.iter().find(|media| media.encoding == *encoding));
        let Some(kept) = kept else {
            omitted.push(operation.id.clone());
            item.remove(&method);
            return;
        };
        let (name, schema) = match (kept.encoding, &kept.schema) {
            // A client has the whole body at hand, so a streamed one is JSON like any other to it.
            (Encoding::Json | Encoding::Bytes, Some(schema)) => ("application/json", reference(schema)),
            (Encoding::Form, Some(schema)) => ("application/x-www-form-urlencoded", reference(schema)),
            _ => ("application/octet-stream", json!({"type": "string", "format": "binary"})),
        };
        let content = json!({"content": {name: {"schema": schema}}, "required": true});
        item.get_mut(&method).and_then(Value::as_object_mut).map(|at| at.insert("requestBody".into(), content));
    }
    let Some(at) = item.get_mut(&method).and_then(Value::as_object_mut) else { return };
    for parameter in at.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        parameter.get_mut("schema").into_iter().for_each(simplify);
    }
    let mut responses = Map::new();
    let success = match &operation.success.payload {
        Payload::Empty => json!({"description": ""}),
        Payload::Json(name) => json!({"description": "", "content": {"application/json": {"schema": reference(name)}}}),
        Payload::Content => {
            let schema = json!({"type": "string", "format": "binary"});
            json!({"description": "", "content": {"application/octet-stream": {"schema": schema}}})
        }
    };
    responses.insert(operation.success.status.to_string(), success);
    let failure = match error.filter(|_| !operation.errors.is_empty()) {
        Some(error) => json!({"description": "", "content": {"application/json": {"schema": reference(error)}}}),
        None => json!({"description": ""}),
    };
    responses.insert("4XX".into(), failure.clone());
    responses.insert("5XX".into(), failure);
    at.insert("responses".into(), Value::Object(responses));
}

/// Removes what neither progenitor nor typify reads.
fn prune(document: &mut Value) {
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|section, _| matches!(section.as_str(), "schemas" | "parameters"));
    }
}

/// Requests may leave out what only answers carry, so the type they are read into cannot require it.
fn without_read_only(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let read_only = properties.filter(|(_, property)| property.get("readOnly") == Some(&Value::Bool(true)));
    let names: Vec<String> = read_only.map(|(name, _)| name.clone()).collect();
    if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !names.iter().any(|read_only| name == read_only));
    }
    for list in ["allOf", "oneOf", "anyOf"] {
        object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(without_read_only);
    }
    for one in ["items", "additionalProperties"] {
        object.get_mut(one).into_iter().for_each(without_read_only);
    }
    for (_, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        without_read_only(property);
    }
}

fn simplify(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for constraint in [
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "example",
        "discriminator",
    ] {
        object.remove(constraint);
    }
    let mut fixed = Vec::new();
    for (name, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        simplify(property);
        if let Some([only]) = property.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
            property["default"] = only.clone();
            fixed.push(name.clone());
        }
    }
    if let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !fixed.iter().any(|fixed| name == fixed));
    }
    for list in ["allOf", "oneOf", "anyOf"] {
        object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(simplify);
    }
    for one in ["items", "additionalProperties"] {
        object.get_mut(one).into_iter().for_each(simplify);
    }
}

fn is_binary(property: &Value) -> bool {
    property.get("format").is_some_and(|format| format == "binary")
        || property.pointer("/items/format").is_some_and(|format| format == "binary")
}

/// Gives fences without a language one, in every text.
fn fences(value: &mut Value) {
    match value {
        Value::String(text) if text.contains("```") => *text = labelled_fences(text),
        Value::Array(items) => items.iter_mut().for_each(fences),
        Value::Object(map) => map.values_mut().for_each(fences),
        _ => {}
    }
}

/// Gives fences without a language one, as rustdoc would compile their content.
pub(crate) fn labelled_fences(text: &str) -> String {
    let mut open = false;
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let fence = line.trim_start().starts_with("```");
            open ^= fence;
            if fence && open && line.trim() == "```" { line.replace("```", "```text") } else { line.to_owned() }
        })
        .collect();
    lines.join("\n")
}

fn children<'v>(document: &'v mut Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v mut Value)> + use<'v> {
    document.pointer_mut(pointer).and_then(Value::as_object_mut).into_iter().flatten()
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn last_segment(reference: &Value) -> String {
    reference.as_str().and_then(|text| text.rsplit('/').next()).unwrap_or_default().to_owned()
}
