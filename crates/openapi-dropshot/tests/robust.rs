//! Whatever a document holds, it gives files or diagnostics, in reasonable time, and never a panic.

use openapi_dropshot::{Settings, generate, read};
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Mutations of each document; enough that every kind of mutation meets every part of most documents.
const MUTATIONS: usize = 120;

/// Every accepted document and the two large ones.
fn documents() -> Vec<(String, String)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths = Vec::new();
    for folder in [tests.join("accepted"), tests] {
        let entries = fs::read_dir(folder)
            .expect("the folder can be read")
            .map(|entry| entry.expect("an entry can be read").path());
        paths.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")));
    }
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.display().to_string(), fs::read_to_string(&path).expect("the document can be read")))
        .collect()
}

/// A small generator of numbers, the same in every run (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % limit.max(1)
    }
}

/// Runs the whole pipeline; a panic fails the test and shows the document.
fn survives(what: &str, text: &str) {
    let start = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| match read("document.yaml", text) {
        Ok(api) => match generate(&api, &Settings::default()) {
            Ok(files) => files.iter().count().to_string(),
            Err(error) => error.to_string(),
        },
        Err(findings) => findings.to_string(),
    }));
    assert!(
        outcome.is_ok_and(|text| !text.is_empty()),
        "a panic on {what}:\n{}",
        text.chars().take(5000).collect::<String>()
    );
    assert!(start.elapsed() < Duration::from_secs(10), "{what} took {:?}", start.elapsed());
}

#[test]
fn a_document_may_end_anywhere() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for (name, text) in documents() {
        for _ in 0..25 {
            let end = text.floor_char_boundary(random.below(text.len()));
            survives(&format!("{name} cut at byte {end}"), &text[..end]);
        }
    }
}

#[test]
fn a_document_may_be_edited_by_accident() {
    const VALUES: &[&str] = &[
        "null",
        "true",
        "-1",
        "0",
        "1.5",
        "99999999999999999999",
        "1e400",
        "''",
        "'*'",
        "[]",
        "{}",
        "[[]]",
        "{a: {b: c}}",
        "string",
        "object",
        "array",
        "'#/components/schemas/Thing'",
        "'#/components/schemas/'",
        "$ref",
        "\"\\u0000\\r\\u202e\"",
        "_",
        "self",
        "🎉",
        "&a [*a]",
        "!!str 1",
        "|",
        "'/a/{b'",
        "*/*",
    ];
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for (name, text) in documents() {
        let lines: Vec<&str> = text.lines().collect();
        for round in 0..MUTATIONS {
            let mut edited: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            for _ in 0..=random.below(3) {
                let (at, other) = (random.below(edited.len()), random.below(edited.len()));
                match random.below(6) {
                    0 => drop(edited.remove(at)),
                    1 => edited.insert(other, edited[at].clone()),
                    2 => edited.swap(at, other),
                    3 => edited[at].insert_str(0, "  "),
                    4 => {
                        if let Some((key, _)) = edited[at].split_once(':') {
                            edited[at] = format!("{key}: {}", VALUES[random.below(VALUES.len())]);
                        }
                    }
                    _ => {
                        // A value within braces.
                        if let Some(start) = edited[at].rfind(": ") {
                            let end = edited[at][start..].find([',', '}']).map_or(edited[at].len(), |end| start + end);
                            edited[at].replace_range(start + 2..end, VALUES[random.below(VALUES.len())]);
                        }
                    }
                }
                if edited.is_empty() {
                    break;
                }
            }
            survives(&format!("mutation {round} of {name}"), &edited.join("\n"));
        }
    }
}

#[test]
fn bytes_may_be_flipped() {
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for (name, text) in documents() {
        for round in 0..20 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=random.below(8) {
                let (at, bit) = (random.below(bytes.len()), random.below(8));
                bytes[at] ^= 1 << bit;
            }
            survives(&format!("flip {round} of {name}"), &String::from_utf8_lossy(&bytes));
        }
    }
}

const HEAD: &str = "openapi: 3.0.3\ninfo: {title: Odd, version: 1.0.0}\ntags: [{name: Things}]\nsecurity: []\n\
    paths:\n  /things:\n    get:\n      tags: [Things]\n      operationId: listThings\n      responses: {'204': {description: Done.}}\n\
    components:\n  schemas:\n";

#[test]
fn odd_yaml_is_no_trouble() {
    let deep = 20_000;
    let mut billion = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(billion, "a{level}: &a{level} [{items}]").expect("a string can be written to");
    }
    let mut ladder = format!("a0: &a0 {}x{}\n", "[".repeat(90), "]".repeat(90));
    for level in 1..200 {
        let before = level - 1;
        writeln!(ladder, "a{level}: &a{level} {}*a{before}{}", "[".repeat(90), "]".repeat(90))
            .expect("a string can be written to");
    }
    let odd = [
        ("nothing", String::new()),
        ("white space", " \n\t\n  ".into()),
        ("a byte order mark", format!("\u{feff}{HEAD}    A: {{type: string}}\n")),
        ("Windows line ends", format!("{HEAD}    A: {{type: string}}\n").replace('\n', "\r\n")),
        ("old Macintosh line ends", format!("{HEAD}    A: {{type: string}}\n").replace('\n', "\r")),
        ("tabs", HEAD.replace("  ", "\t")),
        ("a NUL", HEAD.replace("Odd", "O\0d")),
        ("control characters", HEAD.replace("Odd", "\"\\a\\e\\x1f\\u2028\"")),
        ("empty keys", format!("{HEAD}    '': {{type: string}}\n    A: {{type: object, properties: {{'': {{}}}}}}\n")),
        ("keys of all kinds", format!("{HEAD}    1: {{type: string}}\n    true: {{}}\n    ~: {{}}\n    [a]: b\n")),
        (
            "huge numbers",
            format!("{HEAD}    A: {{type: integer, minimum: -99999999999999999999, maximum: 1{}}}\n", "0".repeat(400)),
        ),
        ("a huge size", format!("{HEAD}    A: {{type: string, maxLength: 18446744073709551615, minLength: 1e9}}\n")),
        ("a huge pattern", format!("{HEAD}    A: {{type: string, pattern: '((a{{999}}){{999}}){{999}}'}}\n")),
        ("a deep flow sequence", "[".repeat(deep)),
        ("a closed deep flow sequence", format!("{}{}", "[".repeat(deep), "]".repeat(deep))),
        ("a deep flow mapping", "{a: ".repeat(deep)),
        ("a deep block sequence", "- ".repeat(deep)),
        ("a deep block mapping", (0..2000).map(|level| format!("{}a:\n", " ".repeat(level))).collect()),
        ("deep explicit keys", "? ".repeat(deep)),
        ("deep empty mappings as keys", "{".repeat(deep)),
        ("aliases that multiply", billion),
        ("aliases that nest", ladder),
        ("an anchor in itself", "&a [*a]".into()),
        ("an alias of nothing", "a: *b".into()),
        ("anchors upon anchors", "&a ".repeat(1000)),
        ("many tags", "!!str ".repeat(1000)),
        ("an unknown directive", "%YAML 9.9\n%FOO bar\n---\nopenapi: 3.0.3\n".into()),
        ("quotes without an end", format!("{HEAD}    A: \"{}", "x".repeat(100_000))),
        ("a long line", format!("{HEAD}    A: {{description: {}}}\n", "x".repeat(1_000_000))),
        ("JSON", r#"{"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {}}"#.into()),
    ];
    for (what, text) in odd {
        survives(what, &text);
    }
}

#[test]
fn schemas_may_be_as_tangled_as_they_like() {
    // Each schema is made of the next one twice, so that a walk without memory would take 2^60 steps.
    let mut doubling = String::from(HEAD);
    let mut ring = String::from(HEAD);
    for number in 0..60 {
        let next = number + 1;
        writeln!(doubling, "    A{number}: {{allOf: [{{$ref: '#/components/schemas/A{next}'}}, {{$ref: '#/components/schemas/A{next}'}}]}}")
            .expect("a string can be written to");
        let next = next % 60;
        writeln!(
            ring,
            "    A{number}: {{type: object, properties: {{next: {{$ref: '#/components/schemas/A{next}'}}}}}}"
        )
        .expect("a string can be written to");
    }
    doubling.push_str("    A60: {type: object}\n");
    survives("a ring", &ring);
    for inner in [
        "{type: array, items: ",
        "{type: object, properties: {a: ",
        "{type: object, additionalProperties: ",
        "{allOf: [",
        "{oneOf: [",
    ] {
        let (open, close) = (inner.matches(['{', '[']).count(), inner.replace('{', "}").replace('[', "]"));
        let close: String = close.chars().filter(|c| matches!(c, '}' | ']')).rev().collect();
        // As deep as a document may be.
        let levels = 95 / open;
        survives(inner, &format!("{HEAD}    A: {}{{}}{}\n", inner.repeat(levels), close.repeat(levels)));
    }
    survives("schemas that double", &doubling);
}
