//! The Rust types of `components.schemas`, by typify.

use crate::generate::Error;
use crate::names::type_name;
use proc_macro2::TokenStream;
use serde_json::{Value, json};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Definitions = BTreeMap<String, schemars::schema::Schema>;

/// The module of types; those of `replaced` stand in the module `wire`.
pub(crate) fn module(document: &Value, replaced: &[&str], wire: &str) -> Result<TokenStream, Error> {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let (mut definitions, mut uses) = (Definitions::new(), BTreeMap::new());
    for (name, schema) in schemas.into_iter().flatten() {
        let mut schema = schema.clone();
        to_json_schema(&mut schema);
        uses.insert(name.as_str(), references(&schema));
        let schema = serde_json::from_value(schema)
            .map_err(|error| Error(format!("the schema `{name}` is not JSON Schema: {error}")))?;
        definitions.insert(name.clone(), schema);
    }
    let reason = match typify(definitions.clone(), replaced, wire) {
        Ok(tokens) => return Ok(tokens),
        Err(reason) => reason,
    };
    // The fault lies in the schema that fails with the fewest others.
    let mut closures: Vec<_> = definitions.keys().map(|name| (name, closure(name, &uses))).collect();
    closures.sort_by_key(|(_, names)| names.len());
    for (name, names) in closures {
        let few = definitions
            .iter()
            .filter(|(name, _)| names.contains(name.as_str()))
            .map(|(name, schema)| (name.clone(), schema.clone()));
        if let Err(reason) = typify(few.collect(), replaced, wire) {
            return Err(Error(format!("typify makes no Rust type of `#/components/schemas/{name}`: {reason}")));
        }
    }
    Err(Error(format!("typify makes no Rust types of the schemas together: {reason}")))
}

/// Runs typify, which panics on schemas it has not been taught.
fn typify(definitions: Definitions, replaced: &[&str], wire: &str) -> Result<TokenStream, String> {
    let run = move || {
        let mut settings = typify::TypeSpaceSettings::default();
        settings.with_struct_builder(false);
        for name in replaced {
            settings.with_replacement(type_name(name), format!("{wire}::{}", type_name(name)), std::iter::empty());
        }
        let mut space = typify::TypeSpace::new(&settings);
        space.add_ref_types(definitions).map_err(|error| error.to_string())?;
        Ok(space.to_stream())
    };
    let tokens = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panic_text(&*panic)))?;
    let file: syn::File = syn::parse2(tokens.clone()).map_err(|error| error.to_string())?;
    let mut names = BTreeSet::new();
    for item in file.items {
        let (syn::Item::Struct(syn::ItemStruct { ident, .. }) | syn::Item::Enum(syn::ItemEnum { ident, .. })) = item
        else {
            continue;
        };
        if !names.insert(ident.to_string()) {
            return Err(format!(
                "a schema inside another one gets the name `{ident}` too; name it under `components.schemas`"
            ));
        }
    }
    Ok(tokens)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("it panics").to_owned()
}

/// The schema and all that it is made of.
fn closure<'n>(name: &'n str, uses: &'n BTreeMap<&str, Vec<String>>) -> BTreeSet<&'n str> {
    let (mut found, mut open) = (BTreeSet::from([name]), vec![name]);
    while let Some(name) = open.pop() {
        open.extend(uses.get(name).into_iter().flatten().map(String::as_str).filter(|used| found.insert(used)));
    }
    found
}

/// The names in all references.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(map) => {
            let own =
                map.get("$ref").and_then(Value::as_str).and_then(|text| text.rsplit('/').next()).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(references)).collect()
        }
        _ => Vec::new(),
    }
}

/// OpenAPI's `nullable` in the words of JSON Schema; the projection has removed all else that differs.
fn to_json_schema(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(to_json_schema),
        Value::Object(map) => {
            let values = ["default", "enum"];
            map.iter_mut()
                .filter(|(key, _)| !values.contains(&key.as_str()))
                .for_each(|(_, inner)| to_json_schema(inner));
            if map.get("nullable") == Some(&Value::Bool(true)) {
                map.remove("nullable");
                let inner = schema.take();
                *schema = json!({"oneOf": [inner, {"type": "null"}]});
            }
        }
        _ => {}
    }
}
