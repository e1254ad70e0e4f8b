//! Pairs of documents, and the exact report on each.
//!
//! A case is one file: the lines of the old document have a blank or `-` before them, those of the new one a blank or `+`.

use spec::Document;
use spec::diff::{Rule, Severity, diff};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diff")
}

fn files(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("the folder of cases can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

/// The lines of a case that have one of these signs before them.
fn side(case: &str, signs: [char; 2]) -> String {
    case.lines().filter(|line| line.starts_with(signs)).map(|line| format!("{}\n", &line[1..])).collect()
}

#[test]
fn every_change_is_named_with_its_place_and_its_effect_on_the_code() {
    let (mut different, mut rules) = (Vec::new(), BTreeSet::new());
    for path in files("diff") {
        let case = fs::read_to_string(&path).expect("the case can be read");
        let read = |name: &str, text: String| {
            Document::read(name, &text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let (old, new) = (read("old.yaml", side(&case, [' ', '-'])), read("new.yaml", side(&case, [' ', '+'])));
        let diff = diff(&old, &new).expect("generated code is Rust");
        rules.extend(diff.changes.iter().map(|change| (change.rule, change.severity)));
        let report = format!("{diff}\n");
        let golden = path.with_extension("txt");
        if env::var_os("BLESS").is_some() {
            fs::write(&golden, &report).expect("the report can be written");
        }
        if fs::read_to_string(&golden).ok().as_ref() != Some(&report) {
            different.push(format!("{} now gives\n{report}", path.display()));
        }
    }
    assert!(
        different.is_empty(),
        "{}\nIf the change is meant, run `BLESS=1 cargo test -p spec --test diff` and review the difference.",
        different.join("\n")
    );
    for rule in Rule::ALL {
        for severity in [Severity::Breaking, Severity::Safe] {
            let occurs = [Some(spec::diff::Direction::Request), Some(spec::diff::Direction::Response)]
                .iter()
                .any(|direction| rule.severity(*direction) == severity);
            // An answer's header is never in a request.
            let is_header = matches!(rule, Rule::HeaderBecameOptional | Rule::HeaderBecameRequired);
            assert!(
                !occurs || is_header || rules.contains(&(*rule, severity)),
                "no case of tests/diff shows a {severity:?} {rule:?}: add one"
            );
        }
    }
}

#[test]
fn no_report_is_left_over() {
    let left: Vec<_> = files("txt").into_iter().filter(|path| !path.with_extension("diff").exists()).collect();
    assert!(left.is_empty(), "remove the reports whose case is gone: {left:?}");
}
