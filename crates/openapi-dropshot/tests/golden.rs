//! Documents and the exact files that follow from them. The files are compiled elsewhere, so that this test can write them
//! anew when they no longer do.

use openapi_dropshot::{Settings, generate, read};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Compares the files of a document with those in the folder, or writes them; gives the ones that differ.
fn differences(document: &Path, folder: &Path, module: String) -> Vec<PathBuf> {
    let file = document.file_name().and_then(|name| name.to_str()).expect("the document has a name");
    let text = fs::read_to_string(document).expect("the document can be read");
    let api = read(file, &text).unwrap_or_else(|findings| panic!("{findings}"));
    let settings = Settings { module, ..Settings::default() };
    let files = generate(&api, &settings).unwrap_or_else(|error| panic!("{file}: {error}"));
    if env::var_os("BLESS").is_some() {
        files.write(folder).expect("the files can be written");
    }
    let stale = files.stale(folder).expect("the files can be read");
    stale.into_iter().map(|path| folder.join(path)).collect()
}

fn assert_none(different: &[PathBuf]) {
    let names: Vec<_> = different.iter().map(|path| format!("  {}", path.display())).collect();
    assert!(
        names.is_empty(),
        "these files are not what the generator makes now:\n{}\nIf the change is meant, run `BLESS=1 cargo test -p \
         openapi-dropshot --test golden` and review the difference.",
        names.join("\n")
    );
}

#[test]
fn accepted_documents_give_the_files_beside_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accepted");
    let mut different = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of documents can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let golden = path.with_extension("");
            let name = golden.file_name().and_then(|name| name.to_str()).expect("the document has a name");
            different.extend(differences(&path, &golden, format!("crate::accepted::{name}")));
        }
    }
    assert_none(&different);
}

#[test]
fn served_documents_give_the_code_that_is_served() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for name in ["everything", "petstore"] {
        let (document, folder) = (tests.join(format!("{name}.yaml")), tests.join("serve/generated").join(name));
        assert_none(&differences(&document, &folder, format!("crate::generated::{name}")));
    }
}
