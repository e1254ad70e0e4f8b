//! Schemas as statics that the runtime checks values against.

use crate::model::{Additional, Api, Kind, Schema};
use crate::names::{ident, static_name};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeSet;

/// The module of the named schemas that requests are checked against.
pub(crate) fn module(api: &Api) -> TokenStream {
    let names = requested(api);
    let statics = names.iter().filter_map(|name| {
        let (item, doc) = (ident(&static_name(name)), format!("`{name}`"));
        let mut patterns = Patterns::new(&static_name(name));
        let schema = patterns.schema(api.schemas.get(name.as_str())?);
        let statics = patterns.statics;
        Some(quote!(#(#statics)* #[doc = #doc] pub static #item: Schema = #schema;))
    });
    quote!(
        use openapi_dropshot::runtime::schema::{Additional, Format, Kind, Pattern, Property, Schema};
        #(#statics)*
    )
}

/// The names of the schemas that requests are made of.
pub(crate) fn requested(api: &Api) -> BTreeSet<&String> {
    let mut names = BTreeSet::new();
    for operation in api.tags.iter().flat_map(|tag| &tag.operations) {
        for media in operation.body.iter().flat_map(|body| &body.media) {
            media.schema.iter().for_each(|name| collect(api, &Schema::named(name), &mut names));
        }
        operation.parameters.iter().for_each(|parameter| collect(api, &parameter.schema, &mut names));
    }
    names
}

fn collect<'a>(api: &'a Api, schema: &Schema, names: &mut BTreeSet<&'a String>) {
    match &schema.kind {
        Kind::Ref(name) => {
            if let Some((name, schema)) = api.schemas.get_key_value(name)
                && names.insert(name)
            {
                collect(api, schema, names);
            }
        }
        Kind::Array { items, .. } => collect(api, items, names),
        Kind::Object { properties, additional, .. } => {
            properties.iter().for_each(|property| collect(api, &property.schema, names));
            if let Additional::Schema(schema) = additional {
                collect(api, schema, names);
            }
        }
        Kind::AllOf(parts) | Kind::AnyOf(parts) | Kind::OneOf { variants: parts, .. } => {
            parts.iter().for_each(|part| collect(api, part, names));
        }
        _ => {}
    }
}

impl Schema {
    pub(crate) fn named(name: &str) -> Self {
        Schema { nullable: false, default: None, kind: Kind::Ref(name.to_owned()) }
    }
}

/// Patterns are compiled once, so each needs a static of its own.
pub(crate) struct Patterns {
    prefix: String,
    pub(crate) statics: Vec<TokenStream>,
}

impl Patterns {
    pub(crate) fn new(prefix: &str) -> Self {
        Patterns { prefix: prefix.to_owned(), statics: Vec::new() }
    }

    pub(crate) fn schema(&mut self, schema: &Schema) -> TokenStream {
        let nullable = schema.nullable;
        let kind = self.kind(&schema.kind);
        quote!(Schema { nullable: #nullable, kind: #kind })
    }

    fn kind(&mut self, kind: &Kind) -> TokenStream {
        match kind {
            Kind::Any => quote!(Kind::Any),
            Kind::Boolean => quote!(Kind::Boolean),
            Kind::Integer { short, minimum, maximum, multiple_of, values } => {
                // The bounds of 32 bits are bounds like any other.
                let (low, high) =
                    if *short { (i64::from(i32::MIN), i64::from(i32::MAX)) } else { (i64::MIN, i64::MAX) };
                let (minimum, maximum) = (minimum.unwrap_or(low).max(low), maximum.unwrap_or(high).min(high));
                let multiple_of = multiple_of.unwrap_or(1);
                quote!(Kind::Integer { minimum: #minimum, maximum: #maximum, multiple_of: #multiple_of, values: &[#(#values),*] })
            }
            Kind::Number { minimum, maximum, multiple_of } => {
                let bound = |bound: &Option<(f64, bool)>| match bound {
                    Some((value, exclusive)) => quote!(Some((#value, #exclusive))),
                    None => quote!(None),
                };
                let (minimum, maximum, multiple_of) = (bound(minimum), bound(maximum), option(multiple_of));
                quote!(Kind::Number { minimum: #minimum, maximum: #maximum, multiple_of: #multiple_of })
            }
            Kind::String { min_length, max_length, pattern, format, values } => {
                let max_length = max_length.unwrap_or(u64::MAX);
                let pattern = match pattern {
                    Some(text) => {
                        let name = ident(&format!("{}__PATTERN_{}", self.prefix, self.statics.len()));
                        self.statics.push(quote!(static #name: Pattern = Pattern::new(#text);));
                        quote!(Some(&#name))
                    }
                    None => quote!(None),
                };
                let format = match format.as_deref().and_then(format_variant) {
                    Some(variant) => {
                        let variant = ident(variant);
                        quote!(Some(Format::#variant))
                    }
                    None => quote!(None),
                };
                quote!(Kind::String {
                    min_length: #min_length, max_length: #max_length, pattern: #pattern, format: #format, values: &[#(#values),*]
                })
            }
            Kind::Array { items, min_items, max_items, unique } => {
                let (items, max_items) = (self.reference(items), max_items.unwrap_or(u64::MAX));
                quote!(Kind::Array { items: #items, min_items: #min_items, max_items: #max_items, unique: #unique })
            }
            Kind::Object { properties, additional, min_properties, max_properties } => {
                let properties: Vec<_> = properties
                    .iter()
                    .map(|property| {
                        let (name, schema) = (&property.name, self.reference(&property.schema));
                        let required = property.required && !property.read_only;
                        quote!(Property { name: #name, required: #required, schema: #schema })
                    })
                    .collect();
                let additional = match additional {
                    Additional::Any => quote!(Additional::Any),
                    Additional::Refused => quote!(Additional::Refused),
                    Additional::Schema(schema) => {
                        let schema = self.reference(schema);
                        quote!(Additional::Schema(#schema))
                    }
                };
                let max_properties = max_properties.unwrap_or(u64::MAX);
                quote!(Kind::Object {
                    properties: &[#(#properties),*], additional: #additional,
                    min_properties: #min_properties, max_properties: #max_properties
                })
            }
            Kind::AllOf(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.reference(part)).collect();
                quote!(Kind::AllOf(&[#(#parts),*]))
            }
            Kind::AnyOf(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.reference(part)).collect();
                quote!(Kind::AnyOf(&[#(#parts),*]))
            }
            Kind::OneOf { discriminator: Some((property, mapping)), .. } => {
                let mapping = mapping.iter().map(|(value, name)| {
                    let item = ident(&static_name(name));
                    quote!((#value, &super::schemas::#item))
                });
                quote!(Kind::Tagged { property: #property, variants: &[#(#mapping),*] })
            }
            Kind::OneOf { variants, discriminator: None } => {
                let variants: Vec<_> = variants.iter().map(|variant| self.reference(variant)).collect();
                quote!(Kind::OneOf(&[#(#variants),*]))
            }
            Kind::Ref(name) => {
                let item = ident(&static_name(name));
                quote!(Kind::AllOf(&[&super::schemas::#item]))
            }
        }
    }

    /// A `&'static Schema`.
    pub(crate) fn reference(&mut self, schema: &Schema) -> TokenStream {
        match &schema.kind {
            Kind::Ref(name) if !schema.nullable => {
                let item = ident(&static_name(name));
                quote!(&super::schemas::#item)
            }
            _ => {
                let schema = self.schema(schema);
                quote!(&#schema)
            }
        }
    }
}

fn option<T: quote::ToTokens>(value: &Option<T>) -> TokenStream {
    match value {
        Some(value) => quote!(Some(#value)),
        None => quote!(None),
    }
}

fn format_variant(format: &str) -> Option<&'static str> {
    Some(match format {
        "date-time" => "DateTime",
        "date" => "Date",
        "uuid" => "Uuid",
        "uri" => "Uri",
        "uri-reference" => "UriReference",
        "uri-template" => "UriTemplate",
        "email" => "Email",
        "hostname" => "Hostname",
        "ipv4" => "Ipv4",
        "ipv6" => "Ipv6",
        "byte" => "Byte",
        "json-pointer" => "JsonPointer",
        "binary" => "Binary",
        _ => return None,
    })
}
