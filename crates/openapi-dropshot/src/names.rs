//! Names of the document → names in Rust, for the check that they differ and for the code that uses them.

use heck::{ToPascalCase, ToShoutySnakeCase, ToSnakeCase};
use proc_macro2::Ident;
use quote::format_ident;

/// The name of a type, before [`ident`] sees to keywords.
pub(crate) fn type_name(name: &str) -> String {
    clean(&name.to_pascal_case())
}

/// The name of a method, an argument, a field or a module, before [`ident`] sees to keywords.
pub(crate) fn snake(name: &str) -> String {
    clean(&name.to_snake_case())
}

/// The name of a static.
pub(crate) fn static_name(name: &str) -> String {
    clean(&name.to_shouty_snake_case())
}

/// The name of the variant for a value of the wire. `Unknown` is taken by the values that a version does not know.
pub(crate) fn variant(value: &str) -> String {
    let name = type_name(value);
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(name.as_str(), "Self" | "Unknown");
    if plain { name } else { format!("Value{name}") }
}

/// Whether it can stand in code as it is, but for keywords, and in URLs, command lines and files besides.
pub(crate) fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// An identifier, with an underscore behind where Rust reserves the word.
pub(crate) fn ident(name: &str) -> Ident {
    let clean = clean(name);
    if clean.is_empty() || clean.starts_with(|c: char| c.is_ascii_digit()) {
        format_ident!("_{clean}_")
    } else if syn::parse_str::<Ident>(&clean).is_err() {
        format_ident!("{clean}_")
    } else {
        format_ident!("{clean}")
    }
}

/// Replaces what no identifier may hold.
fn clean(name: &str) -> String {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || !c.is_ascii() && syn::parse_str::<Ident>(&format!("x{c}")).is_ok();
    name.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
}
