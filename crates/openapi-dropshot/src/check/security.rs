//! Security requirements: every operation says who may call it.

use super::{At, Checker};
use crate::model::Requirement;
use crate::parse::Data;

impl<'a> Checker<'a> {
    /// The alternatives that let a caller in; empty: everybody.
    pub(super) fn security(&self, root: &At<'a>, operation: &At<'a>) -> Vec<Vec<Requirement>> {
        let Some(security) = operation.get("security").or_else(|| root.get("security")) else {
            let hint = "add `security` to the operation or the document; `security: []` makes an operation public";
            self.report(operation, "nothing says who may call this operation", hint);
            return Vec::new();
        };
        let mut alternatives = Vec::new();
        if !matches!(security.node.data, Data::Array(_)) {
            // Read as absent, it would open the operation to everybody.
            let message = format!("`security` is {}, not an array", security.node.kind());
            self.report(&security, message, "write a list of alternatives: `- scheme: [scope]`");
        }
        for alternative in security.items() {
            if !matches!(alternative.node.data, Data::Object(_)) {
                let message = format!("a security requirement is {}, not an object", alternative.node.kind());
                self.report(&alternative, message, "write `scheme: [scope]`, or `scheme: []`");
                continue;
            }
            let requirements: Vec<_> =
                alternative.entries().filter_map(|(scheme, scopes)| self.requirement(scheme, &scopes)).collect();
            if alternative.node.entries().is_empty() {
                let hint = "make it public with `security: []`, or remove `{}`";
                self.report(&alternative, "optional security cannot be checked", hint);
            }
            alternatives.push(requirements);
        }
        alternatives
    }

    /// A security scheme, whether or not an operation uses it.
    pub(super) fn scheme(&self, at: &At<'a>) {
        let allowed = ["type", "description", "name", "in", "scheme", "bearerFormat", "flows", "openIdConnectUrl"];
        if !self.object(at, "a security scheme", &allowed) {
            return;
        }
        let Some(kind) = at.get("type") else {
            self.report(at, "a security scheme without `type`", "use apiKey, http, oauth2 or openIdConnect");
            return;
        };
        if !kind.node.as_str().is_some_and(|kind| ["apiKey", "http", "oauth2", "openIdConnect"].contains(&kind)) {
            self.report(&kind, "not a type of security scheme", "use apiKey, http, oauth2 or openIdConnect");
        }
    }

    fn requirement(&self, scheme: &str, scopes: &At<'a>) -> Option<Requirement> {
        let Some(declared) = self.component("securitySchemes", scheme) else {
            let hint = format!("add `{scheme}` under `components.securitySchemes`");
            self.report_key(scopes, format!("the security scheme `{scheme}` is not declared"), hint);
            return None;
        };
        if !matches!(scopes.node.data, Data::Array(_)) {
            let message = format!("the scopes of `{scheme}` are {}, not an array", scopes.node.kind());
            self.report(scopes, message, "write `[a, b]`, or `[]` for none");
            return None;
        }
        let kind = declared.text("type");
        let known: Vec<&str> = declared
            .get("flows")
            .iter()
            .flat_map(At::entries)
            .flat_map(|(_, flow)| flow.get("scopes"))
            .flat_map(|scopes| scopes.node.entries().iter().map(|entry| entry.key.as_str()))
            .collect();
        let mut names = Vec::new();
        for scope in scopes.items() {
            match (&scope.node.data, kind.as_str()) {
                (Data::String(name), "openIdConnect") => names.push(name.clone()),
                (Data::String(name), "oauth2") if known.contains(&name.as_str()) => names.push(name.clone()),
                (Data::String(name), "oauth2") => {
                    let hint = format!("add it to the scopes of a flow of `{scheme}`");
                    self.report(&scope, format!("the scope `{name}` is not declared"), hint);
                }
                (_, "oauth2" | "openIdConnect") => self.report(&scope, "a scope is not a string", "put it in quotes"),
                _ => self.report(&scope, format!("`{scheme}` has no scopes"), "write an empty list"),
            }
        }
        Some(Requirement { scheme: scheme.to_owned(), scopes: names })
    }
}
