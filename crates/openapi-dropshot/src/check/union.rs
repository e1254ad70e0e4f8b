//! Schemas made of others: `allOf`, `oneOf`, `anyOf` and discriminators.

use super::schema::plain;
use super::{At, Checker};
use crate::model::{Kind, Schema};
use crate::names;
use crate::parse::Data;
use std::collections::{BTreeMap, HashSet};

impl<'a> Checker<'a> {
    /// The schema's own kind together with what it is made of.
    pub(super) fn combined(&self, at: &At<'a>, own: Kind) -> Option<Kind> {
        for key in ["allOf", "oneOf", "anyOf"] {
            if let Some(list) =
                at.get(key).filter(|list| matches!(&list.node.data, Data::Array(items) if items.is_empty()))
            {
                self.report(&list, format!("`{key}` lists nothing"), "add a schema or remove the keyword");
            }
        }
        let parts = |key: &str| -> Vec<Schema> {
            at.get(key).iter().flat_map(At::items).filter_map(|item| self.schema(&item)).collect()
        };
        let mut all = parts("allOf");
        if let Some(one_of) = at.get("oneOf") {
            let discriminator = at.get("discriminator").and_then(|d| self.discriminator(&d, &one_of));
            all.push(plain(Kind::OneOf { variants: parts("oneOf"), discriminator }));
        } else if let Some(discriminator) = at.get("discriminator") {
            let hint = "write the union as `oneOf` of references, and give it the discriminator";
            self.report(&discriminator, "a discriminator without `oneOf`", hint);
        }
        let any = parts("anyOf");
        if !any.is_empty() {
            all.push(plain(Kind::AnyOf(any)));
        }
        if all.is_empty() {
            return Some(own);
        }
        if own != Kind::Any {
            all.push(plain(own));
        }
        // A single part says all there is to say.
        Some(if all.len() == 1 { all.pop()?.kind } else { Kind::AllOf(all) })
    }

    fn discriminator(&self, at: &At<'a>, one_of: &At<'a>) -> Option<(String, Vec<(String, String)>)> {
        if !self.object(at, "a discriminator", &["propertyName", "mapping"]) {
            return None;
        }
        let property = at.text("propertyName");
        let mut mapping: Vec<(String, String)> = Vec::new();
        let variants: Vec<_> = one_of.items().into_iter().map(|variant| (variant.text("$ref"), variant)).collect();
        for (value, target) in at.get("mapping").iter().flat_map(At::entries) {
            let name = self.target(&target, "schemas")?;
            if !variants.iter().any(|(reference, _)| target.node.as_str() == Some(reference)) {
                self.report(&target, format!("`{name}` is not in `oneOf`"), "add it there, or remove it here");
            }
            if let Some((other, _)) = mapping.iter().find(|(other, _)| names::variant(other) == names::variant(value)) {
                let message =
                    format!("`{other}` and `{value}` would both be the Rust variant `{}`", names::variant(value));
                self.report_key(&target, message, "rename one of them");
            }
            mapping.push((value.to_owned(), name.to_owned()));
        }
        if property.is_empty() || mapping.is_empty() {
            self.report(
                at,
                "a discriminator needs `propertyName` and a full `mapping`",
                "add `mapping: {value: '#/components/schemas/Name'}`",
            );
            return None;
        }
        for (reference, variant) in &variants {
            let name = reference.rsplit('/').next().unwrap_or_default();
            if name.is_empty() {
                self.report(
                    variant,
                    "a variant without a name",
                    "name the schema under `components.schemas` and refer to it",
                );
            } else if !mapping.iter().any(|(_, target)| target == name) {
                let hint = format!("add `{name}` to `discriminator.mapping`");
                self.report(variant, format!("no value of `{property}` leads to `{name}`"), hint);
            } else if self
                .component("schemas", name)
                .is_some_and(|schema| !self.requires(&schema, &property, &mut Vec::new()))
            {
                let hint = format!("add `required: [{property}]` and a one-value `enum` for it to `{name}`");
                self.report(variant, format!("`{name}` does not require `{property}`"), hint);
            }
        }
        Some((property, mapping))
    }

    /// Whether the schema, or a part of it, requires the property.
    fn requires(&self, at: &At<'a>, property: &str, seen: &mut Vec<String>) -> bool {
        let mut listed = at.get("required").into_iter().flat_map(|list| list.items());
        if listed.any(|name| name.node.as_str() == Some(property)) {
            return true;
        }
        at.get("allOf").iter().flat_map(At::items).any(|part| {
            let name = part.text("$ref").rsplit('/').next().unwrap_or_default().to_owned();
            if name.is_empty() {
                return self.requires(&part, property, seen);
            }
            if seen.contains(&name) {
                return false;
            }
            seen.push(name.clone());
            self.component("schemas", &name).is_some_and(|part| self.requires(&part, property, seen))
        })
    }
}

/// Whether checking a value against the schema would check the same value against the same schema again. `sound` are
/// the schemas for which that is known not to be, so that none is followed twice.
pub(super) fn made_of_itself<'s>(
    schema: &'s Schema,
    all: &'s BTreeMap<String, Schema>,
    trail: &mut Vec<&'s str>,
    sound: &mut HashSet<&'s str>,
) -> bool {
    match &schema.kind {
        Kind::Ref(name) => {
            if trail.contains(&name.as_str()) {
                return true;
            }
            if sound.contains(name.as_str()) {
                return false;
            }
            trail.push(name);
            let found = all.get(name).is_some_and(|schema| made_of_itself(schema, all, trail, sound));
            trail.pop();
            if !found {
                sound.insert(name);
            }
            found
        }
        Kind::AllOf(parts) | Kind::AnyOf(parts) | Kind::OneOf { variants: parts, .. } => {
            parts.iter().any(|part| made_of_itself(part, all, trail, sound))
        }
        _ => false,
    }
}
