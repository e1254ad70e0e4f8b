//! A page for each link relation of the document.
//!
//! A relation is the name of a link in `_links`. What its page says is read from the document: what the relation means
//! (`x-link-relations`), the schemas whose links have it, and the operations that the addresses of the examples lead to.

use crate::generated::server::{DOCUMENT, OPERATIONS, PATH_ALIASES};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use openapi_dropshot::runtime::Operation;
use pulldown_cmark::{Parser, html::push_html};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The folder of the pages; each is named like its relation, and the list of all lies in the folder itself.
pub const PAGES: &str = "/docs/rels/";
/// The name HAL gives to the links that say where relations are documented.
const CURIES: &str = "curies";

/// Every relation, and who has links of it.
static RELATIONS: LazyLock<BTreeMap<&'static str, Vec<Carrier>>> = LazyLock::new(read);

/// A kind of resource that has links of a relation.
struct Carrier {
    /// The schemas of the resource: the widest, such as the one of all messages.
    resources: Vec<&'static str>,
    /// What the document says of its links.
    description: &'static str,
    /// The link's addresses in the examples.
    addresses: BTreeSet<&'static str>,
}

impl Carrier {
    /// What can be done where the link leads, by path.
    fn operations(&self) -> BTreeMap<&'static str, Vec<&'static Operation>> {
        let paths: Vec<String> = self.addresses.iter().map(|address| path(address)).collect();
        let mut found = BTreeMap::<_, Vec<_>>::new();
        for operation in OPERATIONS.iter().filter(|operation| paths.iter().any(|path| operation.serves(path))) {
            found.entry(operation.path).or_default().push(*operation);
        }
        found
    }

    /// The addresses that are URI templates, without the server they are on.
    fn templates(&self) -> impl Iterator<Item = &'static str> {
        self.addresses.iter().filter(|address| address.contains('{')).map(|address| below_origin(address))
    }
}

/// The page of a relation, if the document has it.
pub(super) fn page(relation: &str) -> Option<String> {
    let (relation, carriers) = RELATIONS.get_key_value(relation)?;
    let paths: BTreeMap<_, _> = carriers.iter().flat_map(Carrier::operations).collect();
    let body = html! {
        h1 #title { code { (relation) } }
        div.lead { (markdown(meaning(relation))) }
        h2 { "Where such a link is found" }
        table {
            thead { tr { th scope="col" { "In the links of" } th scope="col" { "Leads to" } } }
            tbody {
                @for carrier in carriers {
                    tr {
                        th scope="row" { (names(&carrier.resources)) }
                        td {
                            @for path in carrier.operations().keys() {
                                p { a href={ "#" (anchor(path)) } { code { (path) } } }
                            }
                            @for template in carrier.templates() { p { "As " code { (template) } } }
                            div.facts { (markdown(carrier.description)) }
                        }
                    }
                }
            }
        }
        h2 { "What can be done there" }
        @for (path, operations) in &paths {
            section {
                h3 id=(anchor(path)) { code { (path) } }
                @for operation in operations { (section(operation)) }
            }
        }
    };
    Some(frame(relation, &body))
}

/// The list of all relations.
pub(super) fn index() -> String {
    let body = html! {
        h1 #title { "Link relations" }
        p.lead { "The names of the links in " code { "_links" } ", and where each of them leads." }
        table {
            thead { tr { th scope="col" { "Relation" } th scope="col" { "In the links of" } th scope="col" { "Leads to" } } }
            tbody {
                @for (relation, carriers) in RELATIONS.iter() {
                    tr {
                        th scope="row" { a href={ (PAGES) (relation) } { code { (relation) } } }
                        td {
                            @for (index, carrier) in carriers.iter().enumerate() {
                                @if index > 0 { ", " }
                                (names(&carrier.resources))
                            }
                        }
                        td { (markdown(meaning(relation))) }
                    }
                }
            }
        }
    };
    frame("All relations", &body)
}

/// What a relation means.
fn meaning(relation: &str) -> &'static str {
    text(&DOCUMENT.json()["x-link-relations"][relation])
}

/// The address of each relation's page by the relation, for programs: explorers link from a relation to its page.
pub(super) fn json() -> Value {
    let address = |relation: &&'static str| ((*relation).to_owned(), Value::from([PAGES, relation].concat()));
    Value::Object(RELATIONS.keys().map(address).collect())
}

/// What is around every page.
fn frame(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – link relations" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/docs/theme.css";
                link rel="stylesheet" href="/docs/rels.css";
            }
            body {
                nav aria-label="Documentation" {
                    a href=(PAGES) { "All relations" }
                    a href="/docs/index.html" target="_top" { "All operations" }
                }
                main aria-labelledby="title" { (body) }
            }
        }
    };
    page.into_string()
}

/// What can be done at a path with one method.
fn section(operation: &'static Operation) -> Markup {
    let document = DOCUMENT.json();
    let item = &document["paths"][operation.path];
    let at = &item[operation.method.as_str().to_ascii_lowercase()];
    let parameters: Vec<&Value> =
        items(&item["parameters"]).chain(items(&at["parameters"])).map(|one| DOCUMENT.resolve(one)).collect();
    let body = DOCUMENT.resolve(&at["requestBody"]);
    let tag = items(&at["tags"]).next().and_then(Value::as_str).unwrap_or_default();
    html! {
        article {
            h4 {
                span class={ "method " (operation.method.as_str().to_ascii_lowercase()) } { (operation.method) }
                " "
                a href={ "/docs/index.html#/" (tag) "/" (operation.id) } target="_top" { (text(&at["summary"])) }
            }
            (markdown(text(&at["description"])))
            p.facts { (scopes(operation)) }
            @if !parameters.is_empty() {
                table {
                    thead { tr { th scope="col" { "Parameter" } th scope="col" { "In" } th scope="col" { "Meaning" } } }
                    tbody {
                        @for parameter in parameters {
                            tr {
                                th scope="row" { code { (text(&parameter["name"])) } }
                                td { (text(&parameter["in"])) }
                                td {
                                    (markdown(text(&parameter["description"])))
                                    p.facts {
                                        (kind(&parameter["schema"]))
                                        @if parameter["required"] == true { ", required" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            @if let Some(content) = body["content"].as_object() {
                p.facts { "Takes " (alternatives(content.keys().map(String::as_str))) " in the body." }
                (markdown(text(&body["description"])))
            }
        }
    }
}

/// Who may call it.
fn scopes(operation: &Operation) -> Markup {
    let scopes: Vec<&str> = operation.security.iter().copied().flatten().flat_map(|one| one.scopes).copied().collect();
    html! {
        @if operation.security.is_empty() {
            "Open to everybody."
        } @else if scopes.is_empty() {
            "Needs an access token."
        } @else {
            "Needs an access token with " @if scopes.len() > 1 { "the scopes " } @else { "the scope " }
            (names(&scopes)) "."
        }
    }
}

/// A schema in a few words.
fn kind(schema: &'static Value) -> Markup {
    let schema = DOCUMENT.resolve(schema);
    html! {
        @if schema["type"] == "array" {
            "list of " (kind(&schema["items"]))
        } @else if let Some(values) = schema["enum"].as_array() {
            "one of " (names(&values.iter().filter_map(Value::as_str).collect::<Vec<_>>()))
        } @else {
            (text(&schema["type"]))
        }
        @if let Some(default) = schema.get("default") { ", " code { (default) } " unless stated" }
    }
}

fn names(names: &[&str]) -> Markup {
    html! {
        @for (index, name) in names.iter().enumerate() { @if index > 0 { ", " } code { (name) } }
    }
}

fn alternatives<'n>(names: impl Iterator<Item = &'n str>) -> Markup {
    html! {
        @for (index, name) in names.enumerate() { @if index > 0 { " or " } code { (name) } }
    }
}

/// The document's descriptions are Markdown.
fn markdown(text: &str) -> Markup {
    let mut markup = String::new();
    push_html(&mut markup, Parser::new(text));
    PreEscaped(markup)
}

/// The name of a section.
fn anchor(path: &str) -> String {
    path.trim_start_matches('/').replace('/', "-").replace(['{', '}'], "")
}

/// The relations of the document. Carriers come in the order of its schemas.
fn read() -> BTreeMap<&'static str, Vec<Carrier>> {
    let mut addresses = Addresses::new();
    for operation in OPERATIONS {
        let at = &DOCUMENT.json()["paths"][operation.path][operation.method.as_str().to_ascii_lowercase()];
        for (_, response) in members(&at["responses"]) {
            for (_, content) in members(&DOCUMENT.resolve(response)["content"]) {
                for (_, example) in members(&content["examples"]) {
                    gather(&content["schema"], &DOCUMENT.resolve(example)["value"], &mut addresses);
                }
            }
        }
    }
    let mut relations: BTreeMap<_, Vec<Carrier>> = BTreeMap::new();
    let schemas = &DOCUMENT.json()["components"]["schemas"];
    for (name, links) in members(schemas) {
        let resources: Vec<_> = members(schemas).filter(|(_, schema)| has_links(schema, name)).collect();
        // The widest say it best: all messages, rather than each of their types and what these share.
        let is_part = |name: &str| resources.iter().any(|(_, schema)| parts(schema).any(|part| is_of(part, name)));
        let resources: Vec<_> = resources.iter().map(|(name, _)| *name).filter(|name| !is_part(name)).collect();
        if resources.is_empty() {
            continue;
        }
        for (relation, _) in members(&links["properties"]).filter(|(relation, _)| *relation != CURIES) {
            relations.entry(relation).or_default().push(Carrier {
                resources: resources.clone(),
                description: text(&links["description"]),
                addresses: addresses.remove(&(name, relation)).unwrap_or_default(),
            });
        }
    }
    relations
}

/// Whether all resources of a schema have these links.
fn has_links(schema: &'static Value, links: &str) -> bool {
    let schema = DOCUMENT.resolve(schema);
    let mut variants = items(&schema["oneOf"]).peekable();
    is_of(&schema["properties"]["_links"], links)
        || items(&schema["allOf"]).any(|part| has_links(part, links))
        || variants.peek().is_some() && variants.all(|variant| has_links(variant, links))
}

/// What a schema is made of.
fn parts(schema: &'static Value) -> impl Iterator<Item = &'static Value> {
    items(&schema["allOf"]).chain(items(&schema["oneOf"]))
}

/// Whether a schema is a reference to the one with this name.
fn is_of(schema: &'static Value, name: &str) -> bool {
    schema["$ref"].as_str().is_some_and(|reference| last(reference) == name)
}

/// The addresses of links, by the schema of the links and the relation.
type Addresses = BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>>;

/// Gathers the addresses of the links in an example.
fn gather(schema: &'static Value, value: &'static Value, found: &mut Addresses) {
    let schema = DOCUMENT.resolve(schema);
    let tag = schema["discriminator"]["propertyName"].as_str().and_then(|tag| value[tag].as_str());
    let variant = tag.and_then(|tag| schema["discriminator"]["mapping"][tag].as_str());
    let variant = variant.and_then(|reference| DOCUMENT.json().pointer(reference.trim_start_matches('#')));
    for part in items(&schema["allOf"]).chain(variant) {
        gather(part, value, found);
    }
    for (name, property) in members(&schema["properties"]) {
        match (name, property["$ref"].as_str()) {
            ("_links", Some(links)) => {
                for (relation, link) in members(&value[name]) {
                    found.entry((last(links), relation)).or_default().extend(link["href"].as_str());
                }
            }
            _ => gather(property, &value[name], found),
        }
    }
    for item in items(value) {
        gather(&schema["items"], item, found);
    }
}

/// The path of the document that an address or a URI template stands for.
fn path(address: &str) -> String {
    let path = below_origin(address);
    let path = path.split(['{', '?']).next().unwrap_or_default();
    PATH_ALIASES.iter().find_map(|alias| alias.target(path)).map_or(path.to_owned(), |(_, target)| target)
}

fn below_origin(address: &str) -> &str {
    address.strip_prefix(super::WRITTEN_ORIGIN).unwrap_or(address)
}

fn last(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or_default()
}

fn members(value: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}

fn items(value: &'static Value) -> impl Iterator<Item = &'static Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default().trim()
}
