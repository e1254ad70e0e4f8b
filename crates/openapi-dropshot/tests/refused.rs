//! Documents with one fault each, and the exact diagnostics that they get.

use openapi_dropshot::read;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused")
}

#[test]
fn every_fault_is_named_with_its_place() {
    let (mut different, mut expected) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder()).expect("the folder of documents can be read") {
        let path = entry.expect("an entry can be read").path();
        let Some(file) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("the document can be read");
        let findings = match read(file, &text) {
            Ok(_) => panic!("{file} was accepted, though each document of tests/refused has a fault"),
            Err(findings) => format!("{findings}\n"),
        };
        let golden = path.with_extension("txt");
        if env::var_os("BLESS").is_some() {
            fs::write(&golden, &findings).expect("the diagnostics can be written");
        }
        if fs::read_to_string(&golden).ok().as_ref() != Some(&findings) {
            different.push(format!("{file} now gives\n{findings}"));
        }
        expected.push(golden);
    }
    assert!(
        different.is_empty(),
        "{}\nIf the change is meant, run `BLESS=1 cargo test -p openapi-dropshot --test refused` and review the difference.",
        different.join("\n")
    );
    let texts = fs::read_dir(folder())
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry can be read").path());
    let left: Vec<_> = texts
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt") && !expected.contains(path))
        .collect();
    assert!(left.is_empty(), "remove the diagnostics whose document is gone: {left:?}");
}
