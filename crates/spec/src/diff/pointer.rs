//! JSON pointers into a checked document: what they lead to, where that stands, and what people call it.

use openapi_dropshot::Place;
use openapi_dropshot::model::Api;
use serde_json::Value;
use std::borrow::Cow;

/// The value at a JSON pointer, and null where there is none.
pub(super) fn value<'a>(api: &'a Api, pointer: &str) -> &'a Value {
    api.document.pointer(pointer).unwrap_or(&Value::Null)
}

/// The pointer that a `$ref` at this one leads to, or the pointer itself. A checked document has no circle of them.
pub(super) fn resolve(api: &Api, pointer: &str) -> String {
    let mut pointer = Cow::Borrowed(pointer);
    while let Some(target) = value(api, &pointer).get("$ref").and_then(Value::as_str) {
        pointer = Cow::Owned(target.trim_start_matches('#').to_owned());
    }
    pointer.into_owned()
}

/// The pointer to a member of the object or array at this one.
pub(super) fn below(pointer: &str, member: &str) -> String {
    format!("{pointer}/{}", member.replace('~', "~0").replace('/', "~1"))
}

/// Where the value stands in the text, or what it stands in where it is not written itself.
pub(super) fn place(api: &Api, pointer: &str) -> Place {
    let mut pointer = pointer;
    loop {
        if let Some(place) = api.place(pointer) {
            return place;
        }
        let Some((parent, _)) = pointer.rsplit_once('/') else { return Place { line: 1, column: 1 } };
        pointer = parent;
    }
}

/// How a person names what a pointer leads to: `User.address.street` for a property, the parameter's name for its schema.
pub(super) fn label(api: &Api, pointer: &str) -> String {
    let segments: Vec<String> =
        pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let (mut label, mut at) = (String::new(), String::new());
    let mut segments = segments.iter().map(String::as_str);
    while let Some(segment) = segments.next() {
        at = below(&at, segment);
        let mut named = || {
            let name = segments.next().unwrap_or_default();
            at = below(&at, name);
            name
        };
        match segment {
            "schemas" => label = named().to_owned(),
            "properties" => label = format!("{label}.{}", named()),
            "parameters" => {
                named();
                label = value(api, &resolve(api, &at))["name"].as_str().unwrap_or_default().to_owned();
            }
            "headers" => label = named().to_owned(),
            "items" => label.push_str("[]"),
            "additionalProperties" => label.push_str("{}"),
            _ => {}
        }
    }
    label
}
