//! A checked document can be asked where any of its values stands.

use openapi_dropshot::read;
use serde_json::Value;

const DOCUMENT: &str = include_str!("everything.yaml");

/// Every value with its JSON pointer and the key that it stands under.
fn values<'v>(value: &'v Value, pointer: String, key: &'v str, found: &mut Vec<(String, &'v str, &'v Value)>) {
    let below = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| values(item, below(&index.to_string()), "", found));
        }
        Value::Object(map) => map.iter().for_each(|(name, value)| values(value, below(name), name, found)),
        _ => {}
    }
    found.push((pointer, key, value));
}

#[test]
fn every_value_is_found_by_its_pointer() {
    let api = read("everything.yaml", DOCUMENT).unwrap_or_else(|findings| panic!("{findings}"));
    let lines: Vec<&str> = DOCUMENT.lines().collect();
    let mut found = Vec::new();
    values(&api.document, String::new(), "", &mut found);
    assert!(found.len() > 500, "the document has values of every kind");
    for (pointer, key, value) in found {
        let place = api.place(&pointer).unwrap_or_else(|| panic!("{pointer} has no place"));
        let text: String = lines[place.line - 1].chars().skip(place.column - 1).collect();
        let text = text.trim_start_matches(['\'', '"']);
        let fits = match value {
            // A longer value is looked for at its key, where it has one.
            Value::Array(_) | Value::Object(_) => key.is_empty() || text.starts_with(key),
            Value::String(value) => {
                text.starts_with(['|', '>']) || text.starts_with(&value.chars().take(4).collect::<String>())
            }
            Value::Number(number) => text.starts_with(&number.to_string()),
            Value::Bool(flag) => text.starts_with(&flag.to_string()),
            Value::Null => true,
        };
        assert!(fits, "{pointer} is not at {}:{}, where `{text}` stands", place.line, place.column);
    }
}

#[test]
fn what_is_not_in_the_document_has_no_place() {
    let api = read("everything.yaml", DOCUMENT).unwrap_or_else(|findings| panic!("{findings}"));
    for pointer in ["/nothing", "/paths/nothing", "/openapi/below", "/tags/1000", "/tags/first"] {
        assert_eq!(api.place(pointer), None, "{pointer}");
    }
}
