//! The files that follow from small documents, one feature each, compile: they are modules of this test.

use std::fs;
use std::path::Path;

macro_rules! documents {
    ($($name:ident)*) => {
        mod accepted {
            $(pub(crate) mod $name;)*
        }
        const COMPILED: &[&str] = &[$(stringify!($name)),*];
    };
}

documents! {
    all_of any_of arrays bytes_body components defaults deprecated descriptions empty_answer enums errors form
    formats head header_parameters json_kin maps multipart_file nullable numbers one_of path_aliases
    path_parameters query_parameters read_only recursive reserved_words rust_names security streamed_json tagged_union
    text_answer two_bodies two_tags
}

#[test]
fn every_document_is_compiled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accepted");
    let entries = fs::read_dir(folder).expect("the folder of documents can be read");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.expect("an entry can be read").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert_eq!(names, COMPILED, "name every document of tests/accepted in `documents!` of tests/accepted.rs, in order");
}

#[test]
fn a_property_keeps_its_name_on_the_wire_whatever_its_field_is_called() {
    let text = r#"{"links":["a"],"_links":["b"]}"#;
    let thing: accepted::rust_names::types::Thing = serde_json::from_str(text).expect("a thing");
    assert_eq!((&*thing.body_links[0], &*thing.links[0]), ("a", "b"));
    // Fields are written in the order of their Rust names.
    assert_eq!(serde_json::to_string(&thing).expect("JSON"), text);
}
