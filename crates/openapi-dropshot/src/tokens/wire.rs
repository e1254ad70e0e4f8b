//! Unions and enums that outlive the document they were made from.

use crate::model::{Api, Kind, Schema};
use crate::names::{ident, type_name, variant};
use crate::projection::{OpenEnum, Union};
use crate::tokens::Types;
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::HashSet;

/// The module of unions and open enums. The schemas of the document may be named like anything of the prelude, so what
/// is used of it has its full path.
pub(crate) fn module(api: &Api, unions: &[Union], enums: &[OpenEnum], types: &Types<'_>) -> TokenStream {
    let unions = unions.iter().map(|one| union(api, one, types));
    let enums = enums.iter().map(open_enum);
    quote!(#(#enums)* #(#unions)*)
}

fn union(api: &Api, union: &Union, types: &Types<'_>) -> TokenStream {
    let name = ident(&type_name(&union.name));
    let (text, property, doc) = (&union.name, &union.property, doc(&union.description, &union.name));
    let mut seen = HashSet::new();
    let is_wire = types.is_wire;
    let (mut variants, mut arms, mut conversions) = (Vec::new(), Vec::new(), Vec::new());
    for (value, target) in &union.variants {
        let (variant, target_type, types) = (ident(&variant(value)), ident(&type_name(target)), &types.types);
        let path = if (is_wire)(target) { quote!(#target_type) } else { quote!(#types::#target_type) };
        let doc = format!(" `{property}` is `{value}`.");
        let boxed = holds(api, &Schema::named(target), &union.name, &mut HashSet::new());
        let (held, own) = match boxed {
            true => (quote!(::std::boxed::Box<#path>), quote!(::std::boxed::Box::new(value))),
            false => (path.clone(), quote!(value)),
        };
        variants.push(quote!(#[doc = #doc] #variant(#held)));
        arms.push(quote!((#value, value) => serde_json::from_value(value).map(Self::#variant).map_err(at)));
        if seen.insert(target) {
            conversions
                .push(quote!(impl From<#path> for #name { fn from(value: #path) -> Self { Self::#variant(#own) } }));
        }
    }
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum #name {
            #(#variants,)*
            /// A kind that this version does not know.
            Unknown(serde_json::Map<::std::string::String, serde_json::Value>),
        }
        impl<'de> serde::Deserialize<'de> for #name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                use serde::de::Error as _;
                let map = serde_json::Map::deserialize(deserializer)?;
                let Some(tag) = map.get(#property).and_then(serde_json::Value::as_str).map(str::to_owned) else {
                    return Err(D::Error::missing_field(#property));
                };
                let at = |error: serde_json::Error| D::Error::custom(format_args!("{} {tag}: {error}", #text));
                let value = serde_json::Value::Object(map);
                match (tag.as_str(), value) {
                    #(#arms,)*
                    (_, serde_json::Value::Object(map)) => Ok(Self::Unknown(map)),
                    (_, _) => Err(D::Error::custom("not an object")),
                }
            }
        }
        #(#conversions)*
    }
}

/// Whether a value of the schema holds one of the named union without an allocation between them, so that its Rust type
/// would have no end. typify boxes what holds itself, but knows nothing of the unions made here.
fn holds<'a>(api: &'a Api, schema: &'a Schema, union: &str, seen: &mut HashSet<String>) -> bool {
    match &schema.kind {
        Kind::Ref(name) if name == union => true,
        Kind::Ref(name) => {
            seen.insert(name.clone()) && api.schemas.get(name).is_some_and(|schema| holds(api, schema, union, seen))
        }
        Kind::Object { properties, .. } => properties.iter().any(|property| holds(api, &property.schema, union, seen)),
        Kind::AllOf(parts) | Kind::AnyOf(parts) | Kind::OneOf { variants: parts, .. } => {
            parts.iter().any(|part| holds(api, part, union, seen))
        }
        _ => false,
    }
}

fn open_enum(open: &OpenEnum) -> TokenStream {
    let name = ident(&type_name(&open.name));
    let doc = doc(&open.description, &open.name);
    let (mut variants, mut to_text, mut from_text) = (Vec::new(), Vec::new(), Vec::new());
    for value in &open.values {
        let variant = ident(&variant(value));
        let doc = format!(" `{value}`");
        variants.push(quote!(#[doc = #doc] #variant));
        to_text.push(quote!(Self::#variant => #value));
        from_text.push(quote!(#value => Self::#variant));
    }
    quote! {
        #[doc = #doc]
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum #name {
            #(#variants,)*
            /// A value that this version does not know.
            Unknown(::std::string::String),
        }
        impl #name {
            /// The value as it is sent.
            pub fn as_str(&self) -> &str {
                match self { #(#to_text,)* Self::Unknown(value) => value }
            }
        }
        impl From<&str> for #name {
            fn from(value: &str) -> Self {
                match value { #(#from_text,)* _ => Self::Unknown(value.to_owned()) }
            }
        }
        impl From<::std::string::String> for #name {
            fn from(value: ::std::string::String) -> Self { value.as_str().into() }
        }
        impl std::str::FromStr for #name {
            type Err = std::convert::Infallible;
            fn from_str(value: &str) -> ::std::result::Result<Self, Self::Err> { Ok(value.into()) }
        }
        impl std::fmt::Display for #name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
        impl serde::Serialize for #name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> serde::Deserialize<'de> for #name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                let value = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(value.as_ref().into())
            }
        }
    }
}

fn doc(description: &str, name: &str) -> String {
    if description.is_empty() { format!(" `{name}`.") } else { crate::tokens::doc_text(description) }
}
