//! [`Node`] → [`Api`]: every finding of the document in one pass, and a model with nothing left to refuse.

mod body;
mod default;
mod keywords;
mod operation;
mod parameter;
mod response;
mod routes;
mod schema;
mod security;
mod union;

use crate::diagnostics::{Diagnostic, Place};
use crate::model::{Api, Naming, PathAlias, Schema, Tag};
use crate::names;
use crate::parse::{Data, Entry, Node};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Checks the whole document.
pub(crate) fn check(root: &Node) -> Result<Api, Vec<Diagnostic>> {
    let checker = Checker { root, findings: RefCell::default() };
    let api = checker.document();
    let findings = checker.findings.into_inner();
    if findings.is_empty() { Ok(api) } else { Err(findings) }
}

struct Checker<'a> {
    root: &'a Node,
    findings: RefCell<Vec<Diagnostic>>,
}

/// A value, the JSON pointer that leads to it, and the place of its key where it has one.
#[derive(Clone)]
struct At<'a> {
    node: &'a Node,
    key: Option<Place>,
    pointer: String,
}

impl<'a> At<'a> {
    fn child(&self, name: &str, key: Option<Place>, node: &'a Node) -> Self {
        At { node, key, pointer: format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1")) }
    }

    fn entry(&self, entry: &'a Entry) -> Self {
        self.child(&entry.key, Some(entry.key_place), &entry.value)
    }

    fn get(&self, key: &str) -> Option<At<'a>> {
        self.node.entries().iter().find(|entry| entry.key == key).map(|entry| self.entry(entry))
    }

    fn entries(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + '_ {
        let (node, at) = (self.node, self.clone());
        node.entries().iter().map(move |entry| (entry.key.as_str(), at.entry(entry)))
    }

    fn items(&self) -> Vec<At<'a>> {
        match &self.node.data {
            Data::Array(items) => {
                items.iter().enumerate().map(|(index, item)| self.child(&index.to_string(), None, item)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn place(&self) -> Place {
        self.node.place_under(self.key)
    }

    fn text(&self, key: &str) -> String {
        self.node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned()
    }

    fn is_true(&self, key: &str) -> bool {
        matches!(self.node.get(key).map(|node| &node.data), Some(Data::Bool(true)))
    }
}

impl<'a> Checker<'a> {
    fn report(&self, at: &At<'_>, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.borrow_mut().push(Diagnostic {
            place: at.place(),
            pointer: at.pointer.clone(),
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// Reports at the key of `at` rather than at its value.
    fn report_key(&self, at: &At<'_>, message: impl Into<String>, hint: impl Into<String>) {
        let place = at.key.unwrap_or(at.node.place);
        let (pointer, message, hint) = (at.pointer.clone(), message.into(), hint.into());
        self.findings.borrow_mut().push(Diagnostic { place, pointer, message, hint });
    }

    /// Refuses what is not an object, every keyword outside `allowed`, and keywords with a value of the wrong kind:
    /// what is not read would be a promise that nobody keeps.
    fn object(&self, at: &At<'a>, what: &str, allowed: &[&str]) -> bool {
        if !matches!(at.node.data, Data::Object(_)) {
            self.report(at, format!("{what} is {}, not an object", at.node.kind()), "write `name: value` pairs");
            return false;
        }
        for (key, value) in at.entries() {
            if !allowed.contains(&key) && !key.starts_with("x-") {
                let message = format!("{what} has the unsupported keyword `{key}`");
                self.report_key(&value, message, format!("supported here: {}", allowed.join(", ")));
            }
        }
        self.keyword_kinds(at, what);
        true
    }

    /// The object that a `$ref` into `#/components/{section}/` names, or `at` itself where there is none.
    fn resolve(&self, at: &At<'a>, section: &str) -> Option<At<'a>> {
        let Some(reference) = at.get("$ref") else { return Some(at.clone()) };
        self.lone_reference(at);
        let target = self.target(&reference, section)?;
        let found = self.component(section, target)?;
        if found.node.get("$ref").is_some() {
            self.report(&reference, "a reference to a reference", "name the final component directly");
            return None;
        }
        Some(found)
    }

    fn lone_reference(&self, at: &At<'a>) {
        for (key, sibling) in at.entries().filter(|(key, _)| *key != "$ref") {
            let hint =
                "OpenAPI 3.0 ignores what stands beside `$ref`: remove it; in a schema, wrap the reference in `allOf`";
            self.report_key(&sibling, format!("`{key}` beside `$ref` has no effect"), hint);
        }
    }

    /// The name in a reference, checked to lead to a component of that section.
    fn target(&self, reference: &At<'a>, section: &str) -> Option<&'a str> {
        let prefix = format!("#/components/{section}/");
        let Some(text) = reference.node.as_str() else {
            self.report(reference, "`$ref` is not a string", format!("write `'{prefix}Name'`"));
            return None;
        };
        let Some(name) = text.strip_prefix(&prefix).filter(|name| !name.is_empty() && !name.contains('/')) else {
            self.report(
                reference,
                format!("`{text}` is not a reference to a component under `components.{section}`"),
                format!("write `'{prefix}Name'`; other files and parts of components are not followed"),
            );
            return None;
        };
        if self.component(section, name).is_none() {
            let known = self.section(section);
            let mut known = known.iter().flat_map(At::entries).map(|(known, _)| known);
            let near = known
                .find(|known| known.eq_ignore_ascii_case(name) || known.starts_with(name) || name.starts_with(known));
            self.report(
                reference,
                format!("`{text}` leads nowhere"),
                near.map_or(format!("add `{name}` under `components.{section}`"), |near| {
                    format!("add `{name}` under `components.{section}`, or is `{near}` meant?")
                }),
            );
            return None;
        }
        Some(name)
    }

    fn root(&self) -> At<'a> {
        At { node: self.root, key: None, pointer: String::new() }
    }

    fn section(&self, section: &str) -> Option<At<'a>> {
        self.root().get("components")?.get(section)
    }

    fn component(&self, section: &str, name: &str) -> Option<At<'a>> {
        self.section(section)?.get(name)
    }

    fn document(&self) -> Api {
        let root = self.root();
        let mut api = Api {
            title: String::new(),
            version: String::new(),
            tags: Vec::new(),
            schemas: BTreeMap::new(),
            aliases: Vec::new(),
            document: self.root.to_json(),
            source: self.root.clone(),
        };
        if !matches!(root.node.data, Data::Object(_)) {
            let message = format!("the document is {}, not an object", root.node.kind());
            self.report(&root, message, "start it with `openapi: 3.0.3`");
            return api;
        }
        let keywords =
            ["openapi", "info", "servers", "tags", "security", "paths", "components", "externalDocs", "x-path-aliases"];
        match root.get("openapi") {
            Some(at) if at.node.as_str().is_some_and(|version| version.starts_with("3.0.")) => {}
            Some(at) => {
                let hint =
                    "write `openapi: 3.0.3` and the document by its rules: other versions read schemas differently";
                self.report(&at, "not an OpenAPI 3.0 document", hint);
                // What follows would be read by the wrong rules.
                return api;
            }
            None => {
                let (at, hint) = match root.get("swagger") {
                    Some(at) => (at, "convert it from Swagger 2.0 to OpenAPI 3.0.3"),
                    None => (root, "start it with `openapi: 3.0.3`"),
                };
                self.report_key(&at, "not an OpenAPI document: `openapi` is missing", hint);
                return api;
            }
        }
        self.object(&root, "the document", &keywords);
        match root.get("info") {
            Some(info) => {
                self.object(
                    &info,
                    "`info`",
                    &["title", "description", "termsOfService", "contact", "license", "version"],
                );
                (api.title, api.version) = (info.text("title"), info.text("version"));
                for key in ["title", "version"] {
                    let hint = format!("write `{key}: '…'` in printable ASCII: it is sent in headers");
                    match info.get(key) {
                        None => self.report(&info, format!("`info` has no `{key}`"), hint),
                        Some(at) if at.node.as_str().is_some_and(|text| !is_header_text(text)) => {
                            self.report(&at, format!("the `{key}` cannot be sent in a header"), hint);
                        }
                        Some(_) => {}
                    }
                }
            }
            None => self.report(&root, "`info` is missing", "add `info` with `title` and `version`"),
        }
        api.schemas = self.schemas();
        self.components(&api.schemas);
        let mut tags = self.tags(&root);
        self.operations(&root, &mut tags, &api.schemas);
        api.aliases = self.aliases(&root, &tags);
        api.tags = tags.into_iter().filter(|tag| !tag.operations.is_empty()).collect();
        api
    }

    /// The sections of `components`, and what stands in those that are otherwise looked at where they are used only.
    fn components(&self, schemas: &BTreeMap<String, Schema>) {
        let Some(at) = self.root().get("components") else { return };
        let sections =
            ["schemas", "responses", "parameters", "examples", "requestBodies", "headers", "securitySchemes", "links"];
        self.object(&at, "`components`", &sections);
        let each = |section: &str| at.get(section).iter().flat_map(At::entries).map(|(_, at)| at).collect::<Vec<_>>();
        each("parameters").iter().for_each(|at| {
            self.parameter(at, schemas);
        });
        each("requestBodies").iter().for_each(|at| {
            self.body(at, schemas);
        });
        each("headers").iter().for_each(|at| self.header(at));
        each("securitySchemes").iter().for_each(|at| self.scheme(at));
    }

    fn tags(&self, root: &At<'a>) -> Vec<Tag> {
        let mut modules = HashMap::new();
        let mut tags = Vec::new();
        for at in root.get("tags").iter().flat_map(At::items) {
            if !self.object(&at, "a tag", &["name", "description", "externalDocs"]) {
                continue;
            }
            let name = at.text("name");
            let module = names::snake(&name);
            if !names::is_plain(&names::type_name(&name)) {
                let hint = "give it a name of letters and digits: it names a trait and a module";
                self.report(&at, format!("the tag `{name}` cannot name a trait"), hint);
            } else if let Some(other) = modules.insert(module.clone(), name.clone()) {
                let message = if other == name {
                    format!("the tag `{name}` is declared twice")
                } else {
                    format!("the tags `{other}` and `{name}` would both be the module `{module}`")
                };
                self.report(&at, message, "remove or rename one of them");
            } else if matches!(module.as_str(), "schemas" | "dropshot" | "openapi_dropshot" | "std") {
                let hint = "rename it: its module would hide the one of that name that generated code uses";
                self.report(&at, format!("the tag `{name}` would be the module `{module}`"), hint);
            }
            tags.push(Tag { name, description: at.text("description"), operations: Vec::new() });
        }
        tags
    }

    fn aliases(&self, root: &At<'a>, tags: &[Tag]) -> Vec<PathAlias> {
        let mut aliases = Vec::new();
        for at in root.get("x-path-aliases").iter().flat_map(At::items) {
            if !self.object(&at, "a path alias", &["prefix", "serves", "naming"]) {
                continue;
            }
            let naming = at.get("naming").and_then(|naming| self.naming(&naming));
            let alias = PathAlias { prefix: at.text("prefix"), serves: at.text("serves"), naming };
            let is_prefix = |path: &str| path.len() > 1 && path.starts_with('/') && !path.ends_with('/');
            // The root is a prefix of every path, so that there the document's own paths come first.
            let is_root = alias.prefix == "/";
            if !(is_root || is_prefix(&alias.prefix)) || !is_prefix(&alias.serves) {
                let hint = "write `{prefix: /other/{id}, serves: /v1}`";
                self.report(
                    &at,
                    "a path alias needs `prefix` and `serves`, both with a `/` before and none behind",
                    hint,
                );
                continue;
            }
            let paths = || tags.iter().flat_map(|tag| &tag.operations).map(|operation| &operation.path);
            if let Some(path) = paths().find(|path| !is_root && routes::shadows(&alias.prefix, path)) {
                let hint = "declare the path once, below the prefix that is served";
                self.report(&at, format!("`{path}` lies below this alias and would never be reached"), hint);
            }
            let served = format!("{}/", alias.serves);
            if !paths().any(|path| path.starts_with(&served)) {
                self.report(
                    &at,
                    format!("no path lies below `{}`", alias.serves),
                    "correct `serves` or remove the alias",
                );
            }
            aliases.push(alias);
        }
        aliases
    }

    fn naming(&self, at: &At<'a>) -> Option<Naming> {
        if !self.object(at, "the naming of a path alias", &["case", "mediaType", "keep"]) {
            return None;
        }
        if at.text("case") != "snake" {
            self.report(at, "the only other spelling of names is snake_case", "write `case: snake`");
        }
        let media_type = at.get("mediaType").map(|found| found.node.as_str().unwrap_or_default().to_owned());
        if let (Some(name), Some(found)) = (&media_type, at.get("mediaType"))
            && (!is_header_text(name) || !name.ends_with("json") || !name.contains('/'))
        {
            self.report(&found, format!("`{name}` is not a media type of JSON"), "name one such as `application/json`");
        }
        let keep = at.get("keep");
        let keep = keep.iter().flat_map(At::items).filter_map(|name| Some(name.node.as_str()?.to_owned())).collect();
        Some(Naming { media_type, keep })
    }
}

/// Whether it can be sent in a header as it is.
fn is_header_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}
