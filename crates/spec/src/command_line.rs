//! The document → the command line.
//!
//! progenitor makes a command of each operation: its flags, the request, and where the answer goes. What it cannot make
//! flags of is taken out of the document it reads, and put into the request by [`completions`]: bodies, which it takes
//! whole from a file or in part from flags but never from both, and arrays in the query, for which its code does not
//! compile. Operations that answer anything but JSON, or take none, it cannot call at all; they are left out.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};
use openapi_dropshot::Projection;
use openapi_dropshot::model::{Api, Encoding, Kind, Location, Media, Operation, Parameter, Payload, Schema};
use progenitor::{GenerationSettings, Generator};
use serde_json::{Map, Value, json};
use std::error::Error as StdError;
use std::fmt::Write as _;

/// The module that the command line takes its client from.
const CLIENT: &str = "crate::cli::api::client";
/// The type that answers go to and bodies come from.
const CALL: &str = "crate::cli::api::Call";

/// The command line: progenitor's, and what completes its requests.
pub(crate) fn command_line(
    api: &Api,
    projection: &Projection,
    settings: &GenerationSettings,
) -> Result<String, Box<dyn StdError>> {
    let operations: Vec<&Operation> =
        api.tags.iter().flat_map(|tag| &tag.operations).filter(|operation| is_called(operation)).collect();
    let document = serde_json::from_value(document(api, &operations, projection))?;
    let tokens = Generator::new(settings).cli(&document, CLIENT)?;
    let code = format!("{tokens}\n{}", completions(api, &operations, projection));
    Ok(prettyplease::unparse(&syn::parse_file(&code)?))
}

/// Whether progenitor's command line can call the operation.
fn is_called(operation: &Operation) -> bool {
    let json = |media: &Media| media.encoding == Encoding::Json && media.schema.is_some();
    operation.success.payload != Payload::Content
        && operation.body.as_ref().is_none_or(|body| body.media.iter().any(json))
}

/// The document with what progenitor can make flags of.
fn document(api: &Api, operations: &[&Operation], projection: &Projection) -> Value {
    let mut paths = Map::new();
    for operation in operations {
        let method = operation.method.to_ascii_lowercase();
        let parameters = operation.parameters.iter().filter_map(|one| parameter(api, one)).collect::<Vec<_>>();
        let item = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        item[&method] = json!({
            "operationId": operation.id,
            "parameters": parameters,
            "responses": projection.document["paths"][&operation.path][&method]["responses"],
        });
    }
    json!({
        "openapi": projection.document["openapi"],
        "info": projection.document["info"],
        "paths": paths,
        "components": {"schemas": projection.document["components"]["schemas"]},
    })
}

/// A parameter that has one value. Enums are strings here, as what they may be is told at run time.
fn parameter(api: &Api, parameter: &Parameter) -> Option<Value> {
    let location = match parameter.location {
        Location::Path => "path",
        Location::Query => "query",
        Location::Header => "header",
    };
    let schema = match kind(api, &parameter.schema) {
        Kind::Array { .. } => return None,
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer { short, .. } => json!({"type": "integer", "format": if *short { "int32" } else { "int64" }}),
        Kind::Number { .. } => json!({"type": "number"}),
        Kind::String { format: Some(format), .. } if format == "date-time" => {
            json!({"type": "string", "format": format})
        }
        _ => json!({"type": "string"}),
    };
    Some(json!({
        "name": parameter.name,
        "in": location,
        "required": parameter.required,
        "description": parameter.description.trim(),
        "schema": schema,
    }))
}

/// What hands the answers over, and puts into each request what progenitor has no flags for.
fn completions(api: &Api, operations: &[&Operation], projection: &Projection) -> String {
    let wire = |name: &str| {
        projection.unions.iter().any(|union| union.name == name)
            || projection.enums.iter().any(|open| open.name == name)
    };
    let path = |name: &str| match wire(name) {
        true => format!("crate::generated::wire::{}", name.to_upper_camel_case()),
        false => format!("types::{}", name.to_upper_camel_case()),
    };
    let mut code = format!("impl CliConfig for &{CALL} {{{OUTPUT}");
    for operation in operations {
        let mut lines = String::new();
        for parameter in &operation.parameters {
            let Kind::Array { items, .. } = kind(api, &parameter.schema) else { continue };
            let (setter, item) = (ident(&parameter.name), item(items, path));
            let list = format!("self.list::<{item}>(matches, {:?})?", parameter.name);
            let set = format!("*request = request.clone().{setter}(values);");
            let _ = match parameter.required {
                true => write!(lines, "let values = {list}; {set}"),
                false => write!(lines, "let values = {list}; if !values.is_empty() {{ {set} }}"),
            };
        }
        let media = operation.body.iter().flat_map(|body| &body.media);
        let body = media.filter(|media| media.encoding == Encoding::Json).find_map(|media| media.schema.as_deref());
        if let Some(body) = body {
            let _ = write!(lines, "*request = request.clone().body(self.body::<{}>()?);", path(body));
        }
        if !lines.is_empty() {
            let (name, builder) = (operation.id.to_snake_case(), operation.id.to_upper_camel_case());
            let _ = write!(
                code,
                "fn execute_{name}(&self, matches: &::clap::ArgMatches, request: &mut builder::{builder}) \
                 -> anyhow::Result<()> {{ {lines} Ok(()) }}"
            );
        }
    }
    code.push('}');
    code
}

/// What a value may be, whatever its schema is named.
fn kind<'a>(api: &'a Api, schema: &'a Schema) -> &'a Kind {
    match &schema.kind {
        Kind::Ref(name) => api.schemas.get(name).map_or(&schema.kind, |schema| kind(api, schema)),
        kind => kind,
    }
}

/// The type of an array's items.
fn item(schema: &Schema, path: impl Fn(&str) -> String) -> String {
    match &schema.kind {
        Kind::Ref(name) => path(name),
        Kind::Boolean => "bool".to_owned(),
        Kind::Integer { short, .. } => if *short { "i32" } else { "i64" }.to_owned(),
        Kind::Number { .. } => "f64".to_owned(),
        Kind::String { format: Some(format), .. } if format == "date-time" => "crate::Timestamp".to_owned(),
        _ => "String".to_owned(),
    }
}

/// A name as progenitor writes it.
fn ident(name: &str) -> String {
    let name = name.to_snake_case();
    if syn::parse_str::<syn::Ident>(&name).is_ok() { name } else { format!("{name}_") }
}

/// Where answers go. progenitor makes lists of pages that are unlike this API's, so those are never called.
const OUTPUT: &str = "
    fn success_item<T>(&self, value: &ResponseValue<T>)
    where
        T: schemars::JsonSchema + serde::Serialize + std::fmt::Debug,
    {
        self.answered(value);
    }
    fn success_no_item(&self, _: &ResponseValue<()>) {}
    fn error<T>(&self, _: &Error<T>)
    where
        T: schemars::JsonSchema + serde::Serialize + std::fmt::Debug,
    {
    }
    fn list_start<T>(&self)
    where
        T: schemars::JsonSchema + serde::Serialize + std::fmt::Debug,
    {
    }
    fn list_item<T>(&self, _: &T)
    where
        T: schemars::JsonSchema + serde::Serialize + std::fmt::Debug,
    {
    }
    fn list_end_success<T>(&self)
    where
        T: schemars::JsonSchema + serde::Serialize + std::fmt::Debug,
    {
    }
    fn list_end_error<T>(&self, _: &Error<T>)
    where
        T: schemars::JsonSchema + serde::Serialize + std::fmt::Debug,
    {
    }
";
