//! What generation does to the folder it writes to.

use openapi_dropshot::{Settings, generate, read};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DOCUMENT: &str = include_str!("accepted/two_tags.yaml");

fn bring_up_to_date(document: &str, folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let api = read("two_tags.yaml", document)?;
    Ok(generate(&api, &Settings::default())?.write(folder)?)
}

/// Every file below the folder with its text and the time it was last written.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let modified = path.metadata().and_then(|data| data.modified()).expect("the file has a time");
            found.push((path.clone(), fs::read(&path).expect("the file can be read"), modified));
        }
    }
    found.sort();
    found
}

/// Sets the time of every file back, so that any later writing shows.
fn age(folder: &Path) {
    for (path, ..) in contents(folder) {
        let file = fs::File::options().write(true).open(path).expect("the file can be opened");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).expect("the time can be set");
    }
}

#[test]
fn the_first_run_writes_every_file_and_the_second_none() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let target = folder.path().join("generated");
    let written = bring_up_to_date(DOCUMENT, &target).expect("the document is sound");
    let names: Vec<_> = written.iter().filter_map(|path| path.to_str()).collect();
    let expected = [
        "mod.rs",
        "openapi.json",
        "server/big_things.rs",
        "server/mod.rs",
        "server/schemas.rs",
        "server/small_things.rs",
        "types.rs",
        "wire.rs",
    ];
    assert_eq!(names, expected);
    age(&target);
    let before = contents(&target);
    assert_eq!(bring_up_to_date(DOCUMENT, &target).expect("the document is sound"), [] as [PathBuf; 0]);
    assert_eq!(contents(&target), before, "a run that changes nothing must not touch a file");
}

#[test]
fn only_files_that_differ_are_written() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    bring_up_to_date(DOCUMENT, folder.path()).expect("the document is sound");
    age(folder.path());
    let edited = DOCUMENT.replace("Heavy ones.", "Heavier ones.");
    let written = bring_up_to_date(&edited, folder.path()).expect("the document is sound");
    assert_eq!(written, [Path::new("openapi.json"), Path::new("server/big_things.rs")]);
    let touched = contents(folder.path())
        .into_iter()
        .filter(|(_, _, time)| *time > SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(touched.count(), 2);
}

#[test]
fn a_document_with_a_fault_leaves_the_folder_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    bring_up_to_date(DOCUMENT, folder.path()).expect("the document is sound");
    let before = contents(folder.path());
    let refused = bring_up_to_date(&DOCUMENT.replace("operationId: listBig", "operationId: listSmall"), folder.path());
    let message = refused.expect_err("two operations have one id").to_string();
    assert!(message.starts_with("two_tags.yaml:"), "the message names the place: {message}");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_others_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    bring_up_to_date(DOCUMENT, folder.path()).expect("the document is sound");
    // A folder where the second of two files has to be written.
    fs::create_dir(folder.path().join("server/big_things.rs.new")).expect("a folder can be made");
    let before = contents(folder.path());
    let edited = DOCUMENT.replace("Heavy ones.", "Heavier ones.");
    bring_up_to_date(&edited, folder.path()).expect_err("a folder is in the way");
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn what_no_longer_follows_from_the_document_is_removed() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    bring_up_to_date(DOCUMENT, folder.path()).expect("the document is sound");
    let stray = folder.path().join("old/module.rs");
    fs::create_dir_all(folder.path().join("old")).expect("a folder can be made");
    fs::write(&stray, [0xff, 0xfe]).expect("a file can be written");
    let renamed = DOCUMENT.replace("Small things", "Little things");
    let changed = bring_up_to_date(&renamed, folder.path()).expect("the document is sound");
    for path in ["old/module.rs", "server/little_things.rs", "server/small_things.rs"] {
        assert!(changed.iter().any(|changed| changed == Path::new(path)), "{path} is reported: {changed:?}");
    }
    assert!(!folder.path().join("old").exists());
    assert!(!folder.path().join("server/small_things.rs").exists());
    assert!(folder.path().join("server/little_things.rs").exists());
}

#[test]
fn stale_files_are_named_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    bring_up_to_date(DOCUMENT, folder.path()).expect("the document is sound");
    fs::write(folder.path().join("wire.rs"), "// Edited.\n").expect("a file can be written");
    fs::remove_file(folder.path().join("types.rs")).expect("a file can be removed");
    fs::write(folder.path().join("stray.rs"), [0xff]).expect("a file can be written");
    let before = contents(folder.path());
    let api = read("two_tags.yaml", DOCUMENT).expect("the document is sound");
    let files = generate(&api, &Settings::default()).expect("the document gives code");
    let stale = files.stale(folder.path()).expect("the folder can be read");
    assert_eq!(stale, [Path::new("types.rs"), Path::new("wire.rs"), Path::new("stray.rs")]);
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn types_that_cannot_be_made_are_named_and_leave_the_folder_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    bring_up_to_date(DOCUMENT, folder.path()).expect("the document is sound");
    let before = contents(folder.path());
    // The enum inside `Pet` would be a second `PetStatus`.
    let schemas = "components:\n  schemas:\n    PetStatus: {type: object}\n    Pet:\n      type: object\n      \
        properties: {status: {type: string, enum: [at-home, away]}}\n";
    let refused = bring_up_to_date(&format!("{DOCUMENT}{schemas}"), folder.path());
    let message = refused.expect_err("two types have one name").to_string();
    assert!(message.contains("`PetStatus`"), "the message names the type: {message}");
    assert_eq!(contents(folder.path()), before);
}
