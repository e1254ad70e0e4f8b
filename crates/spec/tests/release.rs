//! The gate: what was released may not break unless the major version says so.

use serde_json::{Value, json};
use spec::Document;
use spec::diff::diff;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

const RELEASE: &str = "releases/openapi.yaml";
const ACCEPTED: &str = "releases/accepted.txt";

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file} cannot be read: {error}"))
}

fn read(file: &str) -> Document {
    Document::read(file, &text(file)).unwrap_or_else(|error| panic!("{error}"))
}

static RELEASED: LazyLock<Document> = LazyLock::new(|| read(RELEASE));

/// The released major version.
fn major() -> u64 {
    let major = RELEASED.api.version.split('.').next().and_then(|major| major.parse().ok());
    major.expect("the release has a version")
}

/// The released document with an edit; JSON is YAML too.
fn edited(edit: impl FnOnce(&mut Value)) -> Document {
    let mut document = RELEASED.api.document.clone();
    edit(&mut document);
    Document::read("openapi.yaml", &document.to_string()).unwrap_or_else(|error| panic!("{error}"))
}

/// The first path without variables that has a GET.
fn path(document: &Value) -> String {
    let mut paths = document["paths"].as_object().into_iter().flatten();
    let found = paths.find(|(path, item)| !path.contains('{') && item["get"].is_object());
    found.map(|(path, _)| path.clone()).expect("the API has a path without variables")
}

fn break_it(document: &mut Value) {
    let path = path(document);
    let parameter = json!({"name": "planted", "in": "query", "required": true, "schema": {"type": "string"}});
    document["paths"][path]["get"]["parameters"] = json!([parameter]);
}

#[test]
fn the_document_may_follow_the_released_one() {
    diff(&RELEASED, &read("openapi.yaml"))
        .expect("generated code is Rust")
        .gate(&text(ACCEPTED))
        .unwrap_or_else(|error| panic!("{ACCEPTED}: {error}"));
}

#[test]
fn a_planted_break_is_caught_and_the_next_step_told() {
    let error = diff(&RELEASED, &edited(break_it))
        .expect("generated code is Rust")
        .gate("")
        .expect_err("the break is let through");
    assert!(error.contains("breaking: the query parameter `planted` is new and required"), "{error}");
    assert!(error.contains(&format!("raise `info.version` in openapi.yaml to {}.0.0", major() + 1)), "{error}");
}

#[test]
fn a_break_passes_with_the_next_major_version_and_not_with_a_minor_one() {
    for (version, passes) in [(format!("{}.0.0", major() + 1), true), (format!("{}.999.0", major()), false)] {
        let new = edited(|document| {
            break_it(document);
            document["info"]["version"] = json!(version);
        });
        let diff = diff(&RELEASED, &new).expect("generated code is Rust");
        assert_eq!(diff.gate("").is_ok(), passes, "{version}");
    }
}

#[test]
fn a_break_passes_that_was_accepted_and_no_line_may_be_idle() {
    let new = edited(break_it);
    let diff = diff(&RELEASED, &new).expect("generated code is Rust");
    let error = diff.gate("").expect_err("the break is let through");
    let line = error.lines().last().expect("the message ends with the line that would accept it");
    assert_eq!(diff.gate(&format!("# It was never sent.\n{line}\n")), Ok(()));
    let error = diff.gate(&format!("{line}\n/info nothing\n")).expect_err("an idle line is let through");
    assert!(error.ends_with("remove it:\n/info nothing"), "{error}");
}

#[test]
fn an_addition_passes() {
    let new = edited(|document| {
        let path = path(document);
        let mut operation = document["paths"][&path]["get"].clone();
        operation["operationId"] = json!("plantedOperation");
        document["paths"][format!("{path}-planted")] = json!({"get": operation});
    });
    let diff = diff(&RELEASED, &new).expect("generated code is Rust");
    assert!(diff.to_string().contains("plantedOperation"), "{diff}");
    assert_eq!(diff.gate(""), Ok(()));
}
