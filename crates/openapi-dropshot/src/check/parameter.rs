//! Parameters, and which schemas fit into text.

use super::{At, Checker, routes};
use crate::model::{Additional, Kind, Location, Parameter, Schema};
use crate::names;
use std::collections::BTreeMap;

impl<'a> Checker<'a> {
    /// The parameters of an operation, those of its path included.
    pub(super) fn parameters(
        &self,
        item: &At<'a>,
        operation: &At<'a>,
        path: &str,
        schemas: &BTreeMap<String, Schema>,
    ) -> Vec<Parameter> {
        let mut parameters: Vec<(At<'a>, Parameter)> = Vec::new();
        // Those of the operation come first, so that they win over those of the path item.
        for (own, at) in [(true, operation), (false, item)] {
            for at in at.get("parameters").iter().flat_map(At::items) {
                let Some(parameter) = self.resolve(&at, "parameters").and_then(|at| self.parameter(&at, schemas))
                else {
                    continue;
                };
                let same = |known: &Parameter| known.name == parameter.name && known.location == parameter.location;
                if !parameters.iter().any(|(_, known)| same(known)) {
                    parameters.push((at, parameter));
                } else if own {
                    let hint = "remove one of the two";
                    self.report(&at, format!("the parameter `{}` stands twice", parameter.name), hint);
                }
            }
        }
        self.arguments(&parameters);
        let variables = routes::variables(path);
        let in_path = || parameters.iter().filter(|(_, parameter)| parameter.location == Location::Path);
        for variable in &variables {
            if !in_path().any(|(_, parameter)| parameter.name == *variable) {
                let hint = "add it to `parameters` with `in: path` and `required: true`";
                self.report(operation, format!("the path variable `{variable}` is not declared"), hint);
            }
        }
        for (at, Parameter { name, .. }) in in_path().filter(|(_, parameter)| !variables.contains(&&*parameter.name)) {
            let hint = format!("add `{{{name}}}` to the path, or remove the parameter");
            self.report(at, format!("`{name}` is not in the path `{path}`"), hint);
        }
        parameters.into_iter().map(|(_, parameter)| parameter).collect()
    }

    /// Checks that path variables make different arguments, and the others different fields.
    fn arguments(&self, parameters: &[(At<'a>, Parameter)]) {
        for (index, (at, parameter)) in parameters.iter().enumerate() {
            let field = names::snake(&parameter.name);
            let same = |other: &Parameter| other.location == parameter.location && names::snake(&other.name) == field;
            if let Some((_, other)) = parameters[..index].iter().find(|(_, other)| same(other)) {
                let message =
                    format!("the parameters `{}` and `{}` would both be `{field}`", other.name, parameter.name);
                self.report(at, message, "rename one of them");
            }
            // The other arguments of a method.
            let taken = matches!(field.as_str(), "call" | "caller" | "query" | "headers" | "body");
            if parameter.location == Location::Path && taken {
                let message =
                    format!("the path variable `{}` would be an argument `{field}`, which is taken", parameter.name);
                self.report(at, message, format!("rename it, such as `{field}_id`"));
            }
        }
    }

    pub(super) fn parameter(&self, at: &At<'a>, schemas: &BTreeMap<String, Schema>) -> Option<Parameter> {
        let allowed = [
            "name",
            "in",
            "description",
            "required",
            "deprecated",
            "style",
            "explode",
            "schema",
            "example",
            "examples",
        ];
        if !self.object(at, "a parameter", &allowed) {
            return None;
        }
        let name = at.text("name");
        if names::snake(&name).is_empty() {
            self.report(at, "a parameter without a name that Rust could use", "add `name` with a letter or digit");
            return None;
        }
        let (location, style) = match at.text("in").as_str() {
            "path" => (Location::Path, "simple"),
            "query" => (Location::Query, "form"),
            "header" => (Location::Header, "simple"),
            other => {
                let hint = "use `in: path`, `in: query` or `in: header`";
                self.report(
                    &at.get("in").unwrap_or_else(|| at.clone()),
                    format!("a parameter in `{other}` is not supported"),
                    hint,
                );
                return None;
            }
        };
        if let Some(given) = at.get("style")
            && given.node.as_str() != Some(style)
        {
            self.report(
                &given,
                format!("only the style `{style}` is supported here"),
                "remove `style`, or flatten the value",
            );
        }
        let is_token =
            |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if location == Location::Header && !is_token(&name) {
            self.report(at, format!("`{name}` cannot name a header"), "use letters, digits and `-`");
        }
        let reserved = ["accept", "content-type", "authorization"];
        if location == Location::Header && reserved.contains(&name.to_ascii_lowercase().as_str()) {
            let hint = "remove it: media types and `security` say the same";
            self.report(at, format!("OpenAPI ignores a header parameter `{name}`"), hint);
        }
        let required = at.is_true("required");
        if location == Location::Path && !required {
            self.report(at, format!("the path parameter `{name}` must be required"), "add `required: true`");
        }
        let Some(schema) = at.get("schema") else {
            self.report(
                at,
                format!("the parameter `{name}` has no schema"),
                "add `schema`; `content` is not supported",
            );
            return None;
        };
        let schema_at = schema;
        let schema = self.schema(&schema_at)?;
        self.defaults(&schema_at, schemas);
        let fits = match &resolved(&schema, schemas).kind {
            Kind::Array { items, .. } => location == Location::Query && is_scalar(items, schemas),
            _ => is_scalar(&schema, schemas),
        };
        if !fits {
            let hint = "parameters are strings, numbers and booleans; a query parameter may be an array of them";
            self.report(&schema_at, format!("the parameter `{name}` has a shape that cannot be sent"), hint);
        }
        let explode = at.get("explode").is_none() || at.is_true("explode");
        Some(Parameter { name, location, required, explode, description: at.text("description"), schema })
    }
}

/// The schema behind references and one-part combinations.
pub(super) fn resolved<'s>(schema: &'s Schema, schemas: &'s BTreeMap<String, Schema>) -> &'s Schema {
    let mut schema = schema;
    for _ in 0..50 {
        match &schema.kind {
            Kind::Ref(name) => match schemas.get(name) {
                Some(target) => schema = target,
                None => break,
            },
            _ => break,
        }
    }
    schema
}

pub(super) fn is_scalar(schema: &Schema, schemas: &BTreeMap<String, Schema>) -> bool {
    matches!(
        resolved(schema, schemas).kind,
        Kind::Boolean | Kind::Integer { .. } | Kind::Number { .. } | Kind::String { .. }
    )
}

/// Whether a form can carry it: an object of scalars and arrays of scalars.
pub(super) fn is_flat(schema: &Schema, schemas: &BTreeMap<String, Schema>) -> bool {
    match &resolved(schema, schemas).kind {
        Kind::Object { properties, additional, .. } => {
            !matches!(additional, Additional::Schema(_))
                && properties.iter().all(|property| match &resolved(&property.schema, schemas).kind {
                    Kind::Array { items, .. } => is_scalar(items, schemas),
                    _ => is_scalar(&property.schema, schemas),
                })
        }
        _ => false,
    }
}
