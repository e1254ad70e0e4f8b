//! One module per tag: the trait, the inputs of its operations, and their registration.

use crate::model::{Body, Encoding, Kind, Location, Media, Operation, Parameter, Payload, Schema, Tag};
use crate::names::{ident, snake, static_name, type_name};
use crate::tokens::schema::Patterns;
use crate::tokens::{Types, doc_text, trait_name};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

pub(crate) fn module(tag: &Tag, types: &Types<'_>) -> TokenStream {
    let name = ident(&trait_name(tag));
    let doc = if tag.description.is_empty() { format!(" {}.", tag.name) } else { doc_text(&tag.description) };
    let methods = tag.operations.iter().map(|operation| method(operation, types));
    let items = tag.operations.iter().map(|operation| items(operation, types));
    let handlers = tag.operations.iter().map(|operation| handler(operation, &name, types));
    let registrations = tag.operations.iter().map(|operation| {
        let marker = marker(operation);
        quote!(api.register(runtime::endpoint::<#marker, S, _, _>(#marker::handle))?;)
    });
    quote! {
        use openapi_dropshot::runtime::{
            self, BodyRules, Call, Content, Described, Document, Encoding, Location, Media, Method, Multipart, Operation,
            Parameter, Reply, Requirement, Response, Service, Upload,
            schema::{Additional, Format, Kind, Pattern, Property, Schema},
        };
        use std::future::Future;
        use std::sync::Arc;

        #[doc = #doc]
        pub trait #name: Service {
            #(#methods)*
        }
        #(#items)*
        #(#handlers)*

        /// Registers the operations of this tag.
        pub(super) fn register<S: #name>(
            api: &mut dropshot::ApiDescription<Arc<S>>,
        ) -> Result<(), dropshot::ApiDescriptionRegisterError> {
            #(#registrations)*
            Ok(())
        }
    }
}

fn method_name(operation: &Operation) -> Ident {
    ident(&snake(&operation.id))
}

/// The type that stands for the operation. Names of operations are free; with a suffix, no type is named like it.
fn marker(operation: &Operation) -> Ident {
    ident(&format!("{}Operation", type_name(&operation.id)))
}

/// A type that belongs to the operation.
fn item(operation: &Operation, suffix: &str) -> Ident {
    ident(&format!("{}{suffix}", type_name(&operation.id)))
}

/// The arguments behind `&self` and `call`: caller, path variables, query, headers, body.
fn arguments(operation: &Operation, types: &Types<'_>) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let (mut declared, mut passed) = (Vec::new(), Vec::new());
    if !operation.security.is_empty() {
        declared.push(quote!(caller: Self::Principal));
        passed.push(quote!(caller));
    }
    for parameter in of(operation, Location::Path) {
        let (name, value, kind) = (field(parameter), variable(parameter), rust_type(&parameter.schema, types));
        declared.push(quote!(#name: #kind));
        passed.push(quote!(runtime::required(#value)?));
    }
    for (location, suffix, name) in [(Location::Query, "Query", "query"), (Location::Header, "Headers", "headers")] {
        if of(operation, location).next().is_some() {
            let (kind, name) = (item(operation, suffix), ident(name));
            declared.push(quote!(#name: #kind));
            passed.push(quote!(#name));
        }
    }
    if let Some(body) = &operation.body {
        let kind = body_type(operation, body, types);
        if body.required {
            declared.push(quote!(body: #kind));
            passed.push(quote!(runtime::required(body)?));
        } else {
            declared.push(quote!(body: Option<#kind>));
            passed.push(quote!(body));
        }
    }
    (declared, passed)
}

fn method(operation: &Operation, types: &Types<'_>) -> TokenStream {
    let name = method_name(operation);
    let mut doc = String::new();
    for text in [&operation.summary, &operation.description] {
        if !text.is_empty() {
            doc = format!("{doc}{}\n\n", doc_text(text));
        }
    }
    let who = match operation.security.as_slice() {
        [] => "open to everybody".to_owned(),
        alternatives => alternatives
            .iter()
            .map(|requirements| {
                let each = requirements.iter().map(|requirement| match requirement.scopes.as_slice() {
                    [] => format!("`{}`", requirement.scheme),
                    scopes => format!("`{}` with `{}`", requirement.scheme, scopes.join("`, `")),
                });
                each.collect::<Vec<_>>().join(" and ")
            })
            .collect::<Vec<_>>()
            .join(" or "),
    };
    let doc = format!("{doc} `{} {}`; {who}.", operation.method, operation.path);
    let (arguments, _) = arguments(operation, types);
    let reply = payload_type(operation, types);
    let deprecated = operation.deprecated.then(|| quote!(#[deprecated]));
    quote! {
        #[doc = #doc]
        #deprecated
        fn #name(&self, call: &Call, #(#arguments),*) -> impl Future<Output = Result<Reply<#reply>, Self::Error>> + Send;
    }
}

fn payload_type(operation: &Operation, types: &Types<'_>) -> TokenStream {
    match &operation.success.payload {
        Payload::Empty => quote!(()),
        Payload::Json(name) => types.path(name),
        Payload::Content => quote!(Content),
    }
}

/// The structs of query and headers, the body's union, and the statics that describe the operation.
fn items(operation: &Operation, types: &Types<'_>) -> TokenStream {
    let id = &operation.id;
    let mut items = TokenStream::new();
    for (location, suffix, what) in [(Location::Query, "Query", "query"), (Location::Header, "Headers", "headers")] {
        if of(operation, location).next().is_none() {
            continue;
        }
        let name = item(operation, suffix);
        let doc = format!(" The {what} of `{id}`.");
        let fields = of(operation, location).map(|parameter| {
            let (name, kind) = (field(parameter), field_type(parameter, types));
            let doc = if parameter.description.is_empty() {
                format!(" `{}`", parameter.name)
            } else {
                doc_text(&parameter.description)
            };
            quote!(#[doc = #doc] pub #name: #kind)
        });
        items.extend(quote!(#[doc = #doc] #[derive(Clone, Debug)] pub struct #name { #(#fields),* }));
    }
    if let Some(body) = &operation.body
        && !is_one_type(body)
    {
        let name = item(operation, "Body");
        let doc = format!(" The body of `{id}`, by its media type.");
        let variants = body.media.iter().map(|media| {
            let (variant, kind, doc) =
                (media_variant(media), media_type(operation, media, types), format!(" `{}`", media.name));
            quote!(#[doc = #doc] #variant(#kind))
        });
        items.extend(quote!(#[doc = #doc] #[derive(Debug)] pub enum #name { #(#variants),* }));
    }
    for parameter in &operation.parameters {
        let item = parameter_static(operation, parameter);
        let mut patterns = Patterns::new(&item.to_string());
        let schema = patterns.schema(&parameter.schema);
        let (statics, name, required, explode) =
            (patterns.statics, &parameter.name, parameter.required, parameter.explode);
        let location = match parameter.location {
            Location::Path => quote!(Location::Path),
            Location::Query => quote!(Location::Query),
            Location::Header => quote!(Location::Header),
        };
        items.extend(quote! {
            #(#statics)*
            static #item: Parameter = Parameter {
                name: #name, location: #location, required: #required, explode: #explode, schema: #schema,
            };
        });
    }
    items.extend(description(operation));
    items
}

/// The operation's static and the type that stands for it.
fn description(operation: &Operation) -> TokenStream {
    let (id, path, method) = (&operation.id, &operation.path, ident(operation.method));
    let (item, marker) = (ident(&static_name(id)), marker(operation));
    let parameters = operation.parameters.iter().map(|parameter| parameter_static(operation, parameter));
    let body = match &operation.body {
        None => quote!(None),
        Some(body) => {
            let required = body.required;
            let media = body.media.iter().map(|media| {
                let (name, limit) = (&media.name, media.limit);
                let encoding = match media.encoding {
                    Encoding::Json => quote!(Encoding::Json),
                    Encoding::Form => quote!(Encoding::Form),
                    Encoding::Multipart => quote!(Encoding::Multipart),
                    Encoding::Bytes => quote!(Encoding::Bytes),
                };
                let schema = match &media.schema {
                    Some(name) => {
                        let schema = ident(&static_name(name));
                        quote!(Some(&super::schemas::#schema))
                    }
                    None => quote!(None),
                };
                quote!(Media { name: #name, encoding: #encoding, limit: #limit, schema: #schema })
            });
            quote!(Some(&BodyRules { required: #required, media: &[#(#media),*] }))
        }
    };
    let security = operation.security.iter().map(|alternative| {
        let requirements = alternative.iter().map(|requirement| {
            let (scheme, scopes) = (&requirement.scheme, &requirement.scopes);
            quote!(Requirement { scheme: #scheme, scopes: &[#(#scopes),*] })
        });
        quote!(&[#(#requirements),*])
    });
    let (produces, status) = (&operation.success.media, operation.success.status);
    let errors = operation.errors.iter().map(|(status, name)| quote!((#status, #name)));
    let doc = format!(" `{id}`.");
    quote! {
        #[doc = #doc]
        pub static #item: Operation = Operation {
            id: #id,
            method: Method::#method,
            path: #path,
            parameters: &[#(&#parameters),*],
            body: #body,
            produces: &[#(#produces),*],
            status: #status,
            errors: &[#(#errors),*],
            security: &[#(#security),*],
        };
        enum #marker {}
        impl Described for #marker {
            const OPERATION: &'static Operation = &#item;
            const DOCUMENT: &'static Document = &super::DOCUMENT;
        }
    }
}

fn handler(operation: &Operation, trait_name: &Ident, types: &Types<'_>) -> TokenStream {
    let (marker, method) = (marker(operation), method_name(operation));
    let (_, passed) = arguments(operation, types);
    let authorize =
        (!operation.security.is_empty()).then(|| quote!(let caller = Service::authorize(&*service, &call).await?;));
    let negotiate = (!operation.success.media.is_empty()).then(|| quote!(call.negotiate()?;));
    let reads = operation.parameters.iter().map(|parameter| {
        let (name, kind) = (variable(parameter), rust_type(&parameter.schema, types));
        let item = parameter_static(operation, parameter);
        quote!(let #name = input.parameter::<#kind>(&#item);)
    });
    let body = operation.body.as_ref().map(|body| read_body(operation, body, types));
    let reads_input = !operation.parameters.is_empty() || operation.body.is_some();
    let input = reads_input.then(|| quote!(let mut input = call.input(); #(#reads)* #body input.finish()?;));
    let structs = [(Location::Query, "Query", "query"), (Location::Header, "Headers", "headers")].map(
        |(location, suffix, name)| {
            of(operation, location).next().map(|_| {
                let (kind, name) = (item(operation, suffix), ident(name));
                let fields = of(operation, location).map(field_value);
                quote!(let #name = #kind { #(#fields),* };)
            })
        },
    );
    let answer = match operation.success.payload {
        Payload::Empty => quote!(empty),
        Payload::Json(_) => quote!(json),
        Payload::Content => quote!(content),
    };
    let mutable = (reads_input || negotiate.is_some()).then(|| quote!(mut));
    let deprecated = operation.deprecated.then(|| quote!(#[allow(deprecated)]));
    // Both traits are named, as a method of the one may be called like a method of the other.
    quote! {
        impl #marker {
            #deprecated
            async fn handle<S: #trait_name>(service: Arc<S>, #mutable call: Call) -> Response {
                let outcome: Result<_, S::Error> = async {
                    #authorize
                    #negotiate
                    #input
                    #(#structs)*
                    #trait_name::#method(&*service, &call, #(#passed),*).await
                }
                .await;
                runtime::#answer(&*service, &call, outcome)
            }
        }
    }
}

/// The field of a query or headers struct, with the default or the check that it is there.
fn field_value(parameter: &Parameter) -> TokenStream {
    let (name, value) = (field(parameter), variable(parameter));
    match (&parameter.schema.default, parameter.required) {
        (Some(default), _) => {
            let default = default_expression(default, &parameter.schema.kind);
            quote!(#name: #value.unwrap_or_else(|| #default))
        }
        (None, true) => quote!(#name: runtime::required(#value)?),
        (None, false) => quote!(#name: #value),
    }
}

fn read_body(operation: &Operation, body: &Body, types: &Types<'_>) -> TokenStream {
    let read = |media: &Media| {
        let schema_type = media.schema.as_ref().map(|name| types.path(name));
        match (media.encoding, media.files) {
            (Encoding::Multipart, true) => quote!(input.multipart::<#schema_type>(media)),
            (Encoding::Bytes, _) => quote!(input.upload(media)),
            _ => {
                let kind = media_type(operation, media, types);
                quote!(input.body::<#kind>(media).await?)
            }
        }
    };
    if is_one_type(body) {
        let value = body.media.first().map(read);
        return quote!(let body = match input.media()? { Some(media) => #value, None => None };);
    }
    let name = item(operation, "Body");
    let arms = body.media.iter().map(|media| {
        let (pattern, variant, value) = (&media.name, media_variant(media), read(media));
        quote!(Some(media) if media.name == #pattern => #value.map(#name::#variant))
    });
    quote!(let body = match input.media()? { #(#arms,)* _ => None };)
}

/// Whether every media type of the body is read into the same Rust type.
fn is_one_type(body: &Body) -> bool {
    let mut media = body.media.iter().map(|media| (media.encoding == Encoding::Bytes, media.files, &media.schema));
    let first = media.next();
    media.all(|other| Some(other) == first)
}

fn body_type(operation: &Operation, body: &Body, types: &Types<'_>) -> TokenStream {
    match body.media.first() {
        Some(media) if is_one_type(body) => media_type(operation, media, types),
        _ => {
            let name = item(operation, "Body");
            quote!(#name)
        }
    }
}

fn media_type(operation: &Operation, media: &Media, types: &Types<'_>) -> TokenStream {
    let schema = media.schema.as_ref().map(|name| types.path(name));
    match (media.encoding, media.files) {
        (Encoding::Multipart, true) => quote!(Multipart<#schema>),
        (Encoding::Bytes, _) => quote!(Upload),
        (Encoding::Json, _) if is_patch(operation) => quote!(runtime::MergePatch<#schema>),
        _ => quote!(#schema),
    }
}

/// Whether the operation takes a merge patch, in which null means something; the same JSON under another name is one too.
fn is_patch(operation: &Operation) -> bool {
    let name =
        |media: &Media| matches!(media.name.as_str(), "application/merge-patch+json" | "application/json+merge-patch");
    operation.method == "PATCH" && operation.body.as_ref().is_some_and(|body| body.media.iter().any(name))
}

fn media_variant(media: &Media) -> Ident {
    ident(&type_name(&media.name))
}

fn of(operation: &Operation, location: Location) -> impl Iterator<Item = &Parameter> {
    operation.parameters.iter().filter(move |parameter| parameter.location == location)
}

fn field(parameter: &Parameter) -> Ident {
    ident(&snake(&parameter.name))
}

/// The variable of a handler that holds the value. Names of parameters are free; with a prefix, none hides another one.
fn variable(parameter: &Parameter) -> Ident {
    let prefix = match parameter.location {
        Location::Path => "path",
        Location::Query => "query",
        Location::Header => "header",
    };
    ident(&format!("{prefix}_{}", snake(&parameter.name)))
}

fn parameter_static(operation: &Operation, parameter: &Parameter) -> Ident {
    ident(&format!("{}__{}", static_name(&operation.id), variable(parameter).to_string().to_uppercase()))
}

fn field_type(parameter: &Parameter, types: &Types<'_>) -> TokenStream {
    let kind = rust_type(&parameter.schema, types);
    if parameter.required || parameter.schema.default.is_some() { kind } else { quote!(Option<#kind>) }
}

fn rust_type(schema: &Schema, types: &Types<'_>) -> TokenStream {
    match &schema.kind {
        Kind::Boolean => quote!(bool),
        Kind::Integer { short: true, .. } => quote!(i32),
        Kind::Integer { short: false, .. } => quote!(i64),
        Kind::Number { .. } => quote!(f64),
        Kind::Array { items, .. } => {
            let items = rust_type(items, types);
            quote!(Vec<#items>)
        }
        Kind::Ref(name) => types.path(name),
        _ => quote!(String),
    }
}

fn default_expression(default: &serde_json::Value, kind: &Kind) -> TokenStream {
    match (default, kind) {
        (serde_json::Value::Bool(value), Kind::Boolean) => quote!(#value),
        (serde_json::Value::Number(number), Kind::Integer { .. }) if number.is_i64() => {
            let literal = proc_macro2::Literal::i64_unsuffixed(number.as_i64().unwrap_or_default());
            quote!(#literal)
        }
        (other, _) => {
            let text = other.to_string();
            quote!(runtime::default_value(#text))
        }
    }
}
