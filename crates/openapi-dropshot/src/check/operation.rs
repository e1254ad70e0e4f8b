//! Paths and operations.

use super::{At, Checker};
use crate::model::{Operation, Schema, Tag};
use crate::names;
use std::collections::{BTreeMap, HashMap};

const METHODS: [(&str, &str); 6] =
    [("get", "GET"), ("put", "PUT"), ("post", "POST"), ("delete", "DELETE"), ("head", "HEAD"), ("patch", "PATCH")];

impl<'a> Checker<'a> {
    /// Puts every operation of `paths` under its tag.
    pub(super) fn operations(&self, root: &At<'a>, tags: &mut [Tag], schemas: &BTreeMap<String, Schema>) {
        let Some(paths) = root.get("paths") else {
            self.report(root, "`paths` is missing", "add `paths` with at least one operation");
            return;
        };
        let (mut ids, mut known) = (HashMap::new(), Vec::new());
        for (path, item) in paths.entries().filter(|(path, _)| !path.starts_with("x-")) {
            self.route(path, &item, &mut known);
            let allowed = ["summary", "description", "parameters", "get", "put", "post", "delete", "head", "patch"];
            if !self.object(&item, "a path item", &allowed) {
                continue;
            }
            for (key, method) in METHODS {
                let Some(at) = item.get(key) else { continue };
                self.id(&at, &mut ids);
                let Some((tag, operation)) = self.operation(root, &item, &at, method, path, schemas) else { continue };
                if let Some(tag) = tags.iter_mut().find(|known| known.name == tag) {
                    tag.operations.push(operation);
                }
            }
        }
        if !paths.entries().any(|(_, item)| METHODS.iter().any(|(key, _)| item.get(key).is_some())) {
            self.report(&paths, "no operation", "add at least one operation under `paths`");
        }
    }

    /// Checks that the operation has an id that can name a method, and that no other has.
    fn id(&self, at: &At<'a>, ids: &mut HashMap<String, &'a str>) {
        let Some(id_at) = at.get("operationId") else {
            self.report(at, "an operation without `operationId`", "add one: it names the method of trait and client");
            return;
        };
        let Some(id) = id_at.node.as_str() else { return };
        let snake = names::snake(id);
        if !names::is_plain(&snake) {
            self.report(
                &id_at,
                format!("`{id}` cannot name a method"),
                "use words of ASCII letters and digits, in camelCase",
            );
        } else if let Some(other) = ids.insert(snake.clone(), id) {
            let message = if other == id {
                format!("the operationId `{id}` stands twice")
            } else {
                format!("the operationIds `{other}` and `{id}` would both be the method `{snake}`")
            };
            self.report(&id_at, message, "give every operation an id of its own");
        }
    }

    fn operation(
        &self,
        root: &At<'a>,
        item: &At<'a>,
        at: &At<'a>,
        method: &'static str,
        path: &str,
        schemas: &BTreeMap<String, Schema>,
    ) -> Option<(String, Operation)> {
        let allowed = [
            "tags",
            "summary",
            "description",
            "externalDocs",
            "operationId",
            "parameters",
            "requestBody",
            "responses",
            "deprecated",
            "security",
        ];
        if !self.object(at, "an operation", &allowed) {
            return None;
        }
        let tag = self.tag(root, at);
        let parameters = self.parameters(item, at, path, schemas);
        let body = at.get("requestBody").and_then(|body| self.body(&body, schemas));
        if let (Some(body), "GET" | "HEAD") = (at.get("requestBody"), method) {
            self.report(&body, format!("{method} has no body"), "move it to parameters, or use POST");
        }
        let (success, errors) = self.responses(at, method);
        let security = self.security(root, at);
        let operation = Operation {
            id: at.text("operationId"),
            method,
            path: path.to_owned(),
            summary: at.text("summary"),
            description: at.text("description"),
            deprecated: at.is_true("deprecated"),
            parameters,
            body,
            success: success?,
            errors,
            security,
        };
        Some((tag?, operation))
    }

    fn tag(&self, root: &At<'a>, at: &At<'a>) -> Option<String> {
        let listed = at.get("tags");
        let tags = listed.as_ref().map(At::items).unwrap_or_default();
        let [tag] = tags.as_slice() else {
            self.report(
                listed.as_ref().unwrap_or(at),
                "an operation needs exactly one tag",
                "add `tags: [Name]`: it names the trait it belongs to",
            );
            return None;
        };
        let Some(name) = tag.node.as_str() else {
            self.report(
                tag,
                format!("a tag is {}, not a string", tag.node.kind()),
                "write its name, in quotes if need be",
            );
            return None;
        };
        let declared = root.get("tags").iter().flat_map(At::items).any(|known| known.text("name") == name);
        if !declared {
            self.report(tag, format!("the tag `{name}` is not declared"), "add it to the `tags` of the document");
            return None;
        }
        Some(name.to_owned())
    }
}
