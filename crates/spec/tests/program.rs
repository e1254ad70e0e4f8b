//! The program: what it prints, what it leaves behind, and what it exits with.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const SOUND: &str = "openapi: 3.0.3
info: {title: Things, version: 1.0.0}
tags:
  - name: Things
security: []
paths:
  /things:
    get:
      tags: [Things]
      operationId: listThings
      responses:
        '200': {description: Things., content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}
components:
  schemas:
    Thing: {type: object, properties: {name: {type: string}}}
";

/// A folder with a document.
fn folder(document: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    fs::write(folder.path().join("openapi.yaml"), document).expect("the document can be written");
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spec"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program starts")
}

fn exit(output: &Output) -> i32 {
    output.status.code().expect("the program was not killed")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program writes UTF-8")
}

fn json(output: &Output) -> Value {
    let text = text(&output.stdout);
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Every file below `generated/` with its text.
fn generated(folder: &Path) -> BTreeMap<PathBuf, String> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.join("generated")]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("the file can be read");
                found.insert(path, text);
            }
        }
    }
    found
}

#[test]
fn check_counts_what_a_sound_document_has() {
    let folder = folder(SOUND);
    let output = run(folder.path(), &["check"]);
    assert_eq!((exit(&output), text(&output.stderr)), (0, ""));
    assert_eq!(text(&output.stdout), "openapi.yaml: no errors in 1 operation and 1 schema\n");
    let expected = json!({"file": "openapi.yaml", "operations": 1, "schemas": 1, "errors": []});
    assert_eq!(json(&run(folder.path(), &["check", "--json"])), expected);
}

#[test]
fn check_prints_every_fault_with_its_place() {
    let folder = folder(&SOUND.replace("schemas/Thing'", "schemas/Thng'").replace("type: string", "type: text"));
    let output = run(folder.path(), &["check"]);
    assert_eq!((exit(&output), text(&output.stdout)), (1, ""));
    let expected = "openapi.yaml:12:83: error: `#/components/schemas/Thng` leads nowhere
  at /paths/~1things/get/responses/200/content/application~1json/schema/$ref
  help: add `Thng` under `components.schemas`
openapi.yaml:15:53: error: not a type of OpenAPI 3.0
  at /components/schemas/Thing/properties/name/type
  help: use one of boolean, integer, number, string, array, object
2 errors in openapi.yaml
";
    assert_eq!(text(&output.stderr), expected);
    let output = run(folder.path(), &["--json", "check"]);
    assert_eq!((exit(&output), text(&output.stderr)), (1, ""));
    let first = json!({
        "file": "openapi.yaml", "line": 12, "column": 83,
        "pointer": "/paths/~1things/get/responses/200/content/application~1json/schema/$ref",
        "message": "`#/components/schemas/Thng` leads nowhere", "help": "add `Thng` under `components.schemas`",
    });
    let errors = json(&output);
    assert_eq!(errors["errors"][0], first);
    assert_eq!(errors["errors"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_cannot_be_read_fails() {
    let folder = folder(SOUND);
    for arguments in [["check", "other.yaml"], ["gen", "other.yaml"], ["diff", "other.yaml"]] {
        let output = run(folder.path(), &arguments);
        assert_eq!((exit(&output), text(&output.stdout)), (1, ""), "{arguments:?}");
        assert!(text(&output.stderr).starts_with("other.yaml cannot be read: "), "{}", text(&output.stderr));
        let output = run(folder.path(), &[arguments[0], arguments[1], "--json"]);
        assert_eq!(exit(&output), 1);
        let message = json(&output)["errors"][0]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.starts_with("other.yaml cannot be read: "), "{message}");
    }
}

#[test]
fn a_wrong_command_line_says_what_would_be_right() {
    let folder = folder(SOUND);
    for (arguments, word) in
        [(&["chek"][..], "'check'"), (&[][..], "Usage: cargo spec"), (&["gen", "--chekc"], "'--check'")]
    {
        let output = run(folder.path(), arguments);
        assert_eq!((exit(&output), text(&output.stdout)), (2, ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(word), "{}", text(&output.stderr));
    }
}

#[test]
fn gen_writes_what_is_stale_and_says_what() {
    let folder = folder(SOUND);
    let output = run(folder.path(), &["gen"]);
    assert_eq!(exit(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("added generated/server/things.rs\n"), "{}", text(&output.stdout));
    let before = generated(folder.path());
    assert!(before.keys().any(|path| path.ends_with("generated/client.rs")));

    let output = run(folder.path(), &["gen"]);
    assert_eq!((exit(&output), text(&output.stdout)), (0, "generated is up to date\n"));
    assert_eq!(exit(&run(folder.path(), &["gen", "--check"])), 0);

    fs::write(
        folder.path().join("openapi.yaml"),
        SOUND.replace("name: Things", "name: Stuff").replace("[Things]", "[Stuff]"),
    )
    .expect("the document can be written");
    let output = run(folder.path(), &["gen", "--check"]);
    assert_eq!(exit(&output), 4);
    let expected = "changed generated/openapi.json
changed generated/server/mod.rs
added generated/server/stuff.rs
removed generated/server/things.rs
4 files stale: run `cargo spec gen`
";
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(generated(folder.path()), before, "`--check` writes nothing");

    let output = run(folder.path(), &["gen", "--json"]);
    assert_eq!(exit(&output), 0);
    let files = json!([
        {"file": "generated/openapi.json", "change": "changed"},
        {"file": "generated/server/mod.rs", "change": "changed"},
        {"file": "generated/server/stuff.rs", "change": "added"},
        {"file": "generated/server/things.rs", "change": "removed"},
    ]);
    assert_eq!(json(&output), json!({"written": true, "files": files}));
    assert_eq!(exit(&run(folder.path(), &["gen", "--check"])), 0);
}

#[test]
fn a_broken_document_leaves_generated_as_it_was() {
    let folder = folder(SOUND);
    assert_eq!(exit(&run(folder.path(), &["gen"])), 0);
    let before = generated(folder.path());
    for broken in
        [SOUND.replace("operationId: listThings", "operationId: 7"), SOUND.replace("paths:", "paths"), String::new()]
    {
        fs::write(folder.path().join("openapi.yaml"), broken).expect("the document can be written");
        for arguments in [&["gen"][..], &["gen", "--check"], &["check"]] {
            assert_eq!(exit(&run(folder.path(), arguments)), 1, "{arguments:?}");
        }
        assert_eq!(generated(folder.path()), before);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_left_as_it_was() {
    let folder = folder(SOUND);
    assert_eq!(exit(&run(folder.path(), &["gen"])), 0);
    let added = SOUND.replace("  /things:", "  /others:\n    get: {tags: [Others], operationId: listOthers, responses: {'200': {description: Others.}}}\n  /things:");
    let added = added
        .replace("  - name: Things\n", "  - name: Things\n  - name: Others\n")
        .replace("type: string", "type: integer");
    fs::write(folder.path().join("openapi.yaml"), added).expect("the document can be written");
    // A folder where a file has to be.
    fs::create_dir(folder.path().join("generated/server/others.rs.new")).expect("a folder can be made");
    let before = generated(folder.path());
    let output = run(folder.path(), &["gen"]);
    assert_eq!(exit(&output), 1, "{}", text(&output.stdout));
    assert!(text(&output.stderr).starts_with("generated cannot be brought up to date: "), "{}", text(&output.stderr));
    assert_eq!(generated(folder.path()), before);
}

#[test]
fn diff_tells_compatible_from_breaking() {
    let folder = folder(&SOUND.replace("name: {type: string}", "name: {type: string}, size: {type: integer}"));
    fs::create_dir(folder.path().join("releases")).expect("a folder can be made");
    fs::write(folder.path().join("releases/openapi.yaml"), SOUND).expect("the release can be written");
    let output = run(folder.path(), &["diff"]);
    let expected = "openapi.yaml:15:62: safe: `Thing.size` is new
  at /components/schemas/Thing/properties/size
  in answers of listThings
in the Rust code:
  ~ struct types::Thing (generated/client.rs)
    + size: Option<i64>
0 breaking changes and 1 safe change from releases/openapi.yaml (1.0.0) to openapi.yaml (1.0.0)
";
    assert_eq!((exit(&output), text(&output.stdout)), (0, expected));

    let output = run(folder.path(), &["diff", "openapi.yaml", "releases/openapi.yaml", "--json"]);
    assert_eq!(exit(&output), 4);
    let expected = json!({
        "old": {"file": "openapi.yaml", "version": "1.0.0"},
        "new": {"file": "releases/openapi.yaml", "version": "1.0.0"},
        "breaking": 1,
        "safe": 0,
        "changes": [{
            "severity": "breaking", "rule": "property-removed", "message": "`Thing.size` is gone",
            "direction": "response", "file": "openapi.yaml", "line": 15, "column": 62,
            "pointer": "/components/schemas/Thing/properties/size", "operations": ["listThings"],
        }],
        "rust": [{
            "kind": "struct", "name": "types::Thing", "file": "client.rs", "change": "changed",
            "members": [{"name": "size", "change": "removed", "code": "size: Option<i64>", "details": []}],
        }],
    });
    assert_eq!(json(&output), expected);
}

#[test]
fn diff_reads_the_old_document_from_standard_input() {
    let folder = folder(SOUND);
    let mut child = command(folder.path(), &["diff", "-"]).stdin(Stdio::piped()).spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(SOUND.as_bytes()).expect("the document can be piped");
    let output = child.wait_with_output().expect("the program ends");
    let expected = "0 breaking changes and 0 safe changes from standard input (1.0.0) to openapi.yaml (1.0.0)\n";
    assert_eq!((exit(&output), text(&output.stdout)), (0, expected));
}

#[test]
fn diff_of_a_broken_document_fails() {
    let folder = folder(SOUND);
    fs::write(folder.path().join("broken.yaml"), SOUND.replace("type: string", "type: text"))
        .expect("it can be written");
    for arguments in [["diff", "broken.yaml", "openapi.yaml"], ["diff", "openapi.yaml", "broken.yaml"]] {
        let output = run(folder.path(), &arguments);
        assert_eq!((exit(&output), text(&output.stdout)), (1, ""));
        assert!(text(&output.stderr).starts_with("broken.yaml:15:53: error: "), "{}", text(&output.stderr));
    }
}

#[test]
fn a_folder_below_finds_the_document_above() {
    let folder = folder(SOUND);
    let below = folder.path().join("src/resources");
    fs::create_dir_all(&below).expect("a folder can be made");
    let output = run(&below, &["check"]);
    assert_eq!(text(&output.stdout), "../../openapi.yaml: no errors in 1 operation and 1 schema\n");
}
