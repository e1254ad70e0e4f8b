//! What dropshot has registered is what the document says, as far as dropshot can say it.

use super::document::{Operation, document, items, members, operations, resolve};
use chatkitty_platform::generated::server::{self, TITLE};
use chatkitty_platform::platform::Platform;
use serde_json::Value;
use std::collections::BTreeSet;

/// What dropshot's own document cannot tell, and why:
///
/// - **Arrays in the query.** dropshot registers scalars only; they are read and checked all the same.
/// - **A second media type** of a request or an answer. One is registered, the others are served.
/// - **Bodies that are not JSON.** dropshot has no schema for them: pictures and streams are registered without content.
/// - **Errors.** The errors of dropshot are a type of the endpoint; those of the document are rendered at the edge.
/// - **Security.** dropshot has no notion of it; the checks are compiled into the handlers.
/// - **Discriminators, examples and `x-` extensions**, which `schemars` has no place for. So schemas are compared
///   by name, and the names are the document's own.
fn registered() -> Value {
    let version = document()["info"]["version"].as_str().and_then(|text| text.parse().ok()).expect("a version");
    let api = server::api::<Platform>().expect("dropshot takes every route");
    api.description().openapi(TITLE, version).json().expect("dropshot describes what it has")
}

/// An operation in the words that both documents have.
fn facts(operation: &Operation) -> Vec<(&'static str, String)> {
    let text = |name: &str| operation.json[name].as_str().unwrap_or_default().trim().to_owned();
    let parameters: BTreeSet<String> = operation
        .parameters
        .iter()
        .filter(|parameter| resolve(&parameter["schema"])["type"] != "array")
        .map(|parameter| format!("{} {} {}", parameter["in"], parameter["name"], parameter["required"] == true))
        .collect();
    let status = operation.success();
    let answer = operation.response(status).unwrap_or(&Value::Null);
    vec![
        ("operationId", operation.id.to_owned()),
        ("tags", operation.json["tags"].to_string()),
        ("summary", text("summary")),
        ("description", text("description")),
        ("parameters", format!("{parameters:?}")),
        ("success", status.to_string()),
        ("request schema", schema_name(operation.json.get("requestBody"))),
        ("answer schema", schema_name(Some(answer))),
    ]
}

/// The component that the JSON of a body is made of, or its type.
fn schema_name(body: Option<&'static Value>) -> String {
    let Some(body) = body.map(resolve) else { return String::new() };
    let has_schema = |media: &str| !media.starts_with("image/") && media != "text/event-stream";
    let mut schemas = members(&body["content"]).filter(|(media, _)| has_schema(media));
    schemas
        .next()
        .map(|(_, content)| content["schema"]["$ref"].as_str())
        .unwrap_or_default()
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn what_dropshot_registered_agrees_with_the_document() {
    let registered: &'static Value = Box::leak(Box::new(registered()));
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for operation in operations() {
        let method = operation.method.as_str().to_ascii_lowercase();
        let Some(json) = registered["paths"].get(operation.path).and_then(|item| item.get(&method)) else {
            findings.push(format!("{}: {method} {} is not registered", operation.id, operation.path));
            continue;
        };
        seen.insert((operation.path, method));
        let parameters = items(&json["parameters"]).collect();
        let Operation { id, method, path, .. } = &operation;
        let theirs = Operation {
            id: json["operationId"].as_str().unwrap_or_default(),
            method: method.clone(),
            path,
            json,
            parameters,
        };
        for ((what, declared), (_, registered)) in facts(&operation).into_iter().zip(facts(&theirs)) {
            if declared != registered {
                findings.push(format!("{id}: {what} is {registered} in dropshot and {declared} in the document"));
            }
        }
    }
    for (path, item) in members(&registered["paths"]) {
        let unknown = members(item).filter(|(method, _)| !seen.contains(&(path, (*method).to_owned())));
        findings.extend(unknown.map(|(method, _)| format!("{method} {path} is registered but not documented")));
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test]
async fn what_dropshot_registered_has_the_schemas_of_the_document() {
    let registered = registered();
    let schemas = &document()["components"]["schemas"];
    let theirs = registered["components"]["schemas"].as_object().expect("schemas");
    let foreign: Vec<_> = theirs.keys().filter(|name| schemas.get(*name).is_none() && *name != "Error").collect();
    assert!(foreign.is_empty(), "dropshot has schemas that the document has not: {foreign:?}");
    let mut findings = Vec::new();
    for (name, schema) in theirs.iter().filter(|(name, _)| *name != "Error") {
        let keys = |value: &Value| {
            value["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>()
        };
        let required = |value: &Value| {
            value["required"].as_array().into_iter().flatten().map(Value::to_string).collect::<BTreeSet<_>>()
        };
        let own = &schemas[name];
        if keys(schema) != keys(own) || required(schema) != required(own) {
            findings.push(format!("{name} differs: {schema}"));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}
