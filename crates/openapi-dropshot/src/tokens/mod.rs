//! [`Api`] → token streams: one module per tag, one for the schemas, one that registers them all.

mod operation;
pub(crate) mod schema;
pub(crate) mod wire;

use crate::model::{Api, Naming, Tag};
use crate::names::{ident, snake, static_name, type_name};
use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeMap;

/// Where the generated code finds the Rust type of a schema.
pub(crate) struct Types<'a> {
    pub(crate) types: syn::Path,
    pub(crate) wire: syn::Path,
    pub(crate) is_wire: &'a dyn Fn(&str) -> bool,
}

impl Types<'_> {
    /// The path of a named schema's type.
    pub(crate) fn path(&self, schema: &str) -> TokenStream {
        let name = ident(&type_name(schema));
        let module = if (self.is_wire)(schema) { &self.wire } else { &self.types };
        quote!(#module::#name)
    }
}

/// The modules of the server, by file name below `server/`.
pub(crate) fn server(api: &Api, types: &Types<'_>) -> BTreeMap<String, TokenStream> {
    let mut files = BTreeMap::new();
    files.insert("mod.rs".to_owned(), root(api));
    files.insert("schemas.rs".to_owned(), schema::module(api));
    for tag in &api.tags {
        files.insert(format!("{}.rs", module_name(tag)), operation::module(tag, types));
    }
    files
}

fn root(api: &Api) -> TokenStream {
    let modules: Vec<_> = api.tags.iter().map(|tag| ident(&module_name(tag))).collect();
    let docs = api.tags.iter().map(|tag| format!(" The operations with the tag `{}`.", tag.name));
    let traits: Vec<_> = api.tags.iter().map(|tag| ident(&trait_name(tag))).collect();
    let (title, version) = (&api.title, &api.version);
    let operations = api.tags.iter().flat_map(|tag| {
        let module = ident(&module_name(tag));
        tag.operations.iter().map(move |operation| {
            let item = ident(&static_name(&operation.id));
            quote!(&#module::#item)
        })
    });
    let aliases = api.aliases.iter().map(|alias| {
        let (prefix, serves) = (&alias.prefix, &alias.serves);
        let naming = match &alias.naming {
            None => quote!(None),
            Some(Naming { media_type, keep }) => {
                let media_type = media_type.as_ref().map_or(quote!(None), |name| quote!(Some(#name)));
                quote!(Some(runtime::Naming { case: runtime::Case::Snake, media_type: #media_type, keep: &[#(#keep),*] }))
            }
        };
        quote!(PathAlias { prefix: #prefix, serves: #serves, naming: #naming })
    });
    quote! {
        #(#[doc = #docs] pub mod #modules;)*
        /// The named schemas that requests are checked against.
        pub mod schemas;

        #(pub use #modules::#traits;)*
        use openapi_dropshot::runtime::{self, Api, Document, Operation, PathAlias};
        use std::sync::Arc;

        /// `info.title` of the document.
        pub const TITLE: &str = #title;
        /// `info.version` of the document.
        pub const VERSION: &str = #version;
        /// The document as JSON.
        pub static DOCUMENT: Document = Document::new(include_str!("../openapi.json"));
        /// Every operation, in the order of the document.
        pub static OPERATIONS: &[&Operation] = &[#(#operations),*];
        /// The prefixes under which paths are served as well.
        pub static PATH_ALIASES: &[PathAlias] = &[#(#aliases),*];

        /// Registers every operation with dropshot.
        ///
        /// # Errors
        /// When dropshot refuses a route, which a checked document does not bring about.
        pub fn api<S: #(#traits)+*>() -> Result<Api<S>, dropshot::ApiDescriptionRegisterError> {
            let mut api = dropshot::ApiDescription::<Arc<S>>::new();
            #(#modules::register(&mut api)?;)*
            Ok(Api::new(api, OPERATIONS))
        }
    }
}

/// The module of a tag, which is also the name of its file.
fn module_name(tag: &Tag) -> String {
    ident(&snake(&tag.name)).to_string()
}

fn trait_name(tag: &Tag) -> String {
    format!("{}Api", type_name(&tag.name))
}

/// Text of the document as a doc comment.
pub(crate) fn doc_text(text: &str) -> String {
    let text = crate::projection::labelled_fences(text.trim_end());
    // rustc refuses a lone carriage return in a comment.
    let line = |line: &str| if line.is_empty() { String::new() } else { format!(" {}", line.replace('\r', " ")) };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
