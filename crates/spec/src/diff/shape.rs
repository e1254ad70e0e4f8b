//! What a schema demands, with its references followed and the parts of its `allOf` put together, so that two schemas
//! can be compared however they are written.

use super::pointer::{below, resolve, value};
use openapi_dropshot::model::Api;
use serde_json::{Number, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The schemas that a value has to satisfy together, by JSON pointer: more than one where parts of an `allOf` describe
/// the same property.
pub(super) type Position = Vec<String>;

/// How a constraint bears on others of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The higher, the tighter.
    Lower,
    /// The lower, the tighter.
    Upper,
    /// Not to be ordered: each stands for itself, and all of them must hold.
    Each,
}

/// The constraints by keyword; those that are missing here are compared one by one.
pub(super) const CONSTRAINTS: [(&str, Order); 11] = [
    ("minimum", Order::Lower),
    ("maximum", Order::Upper),
    ("minLength", Order::Lower),
    ("maxLength", Order::Upper),
    ("minItems", Order::Lower),
    ("maxItems", Order::Upper),
    ("minProperties", Order::Lower),
    ("maxProperties", Order::Upper),
    ("multipleOf", Order::Each),
    ("pattern", Order::Each),
    ("format", Order::Each),
];

/// What a schema demands. Every part comes with the pointer to where it is demanded.
#[derive(Debug, Default)]
pub(super) struct Shape<'a> {
    /// The names of the components that it is made of.
    pub names: BTreeSet<&'a str>,
    pub kind: Option<(&'a str, String)>,
    pub nullable: Option<String>,
    pub default: Option<(&'a Value, String)>,
    pub bounds: BTreeMap<&'static str, (Bound, String)>,
    pub each: BTreeMap<(&'static str, String), String>,
    pub unique: Option<String>,
    pub values: Option<Values>,
    pub properties: BTreeMap<&'a str, Property>,
    pub additional: Additional,
    pub items: Position,
    pub unions: Vec<Union<'a>>,
}

/// A number and whether it is itself outside.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub number: Number,
    pub exclusive: bool,
}

/// The values of an `enum`, as JSON.
#[derive(Debug)]
pub(super) struct Values {
    pub values: BTreeMap<String, String>,
    /// The component that lists them; none where they are listed in place.
    pub name: Option<String>,
    pub pointer: String,
}

#[derive(Debug, Default)]
pub(super) struct Property {
    pub schemas: Position,
    /// Where it is required.
    pub required: Option<String>,
    pub read_only: bool,
    pub write_only: bool,
}

/// Which other properties an object may have, from tight to loose.
#[derive(Debug, Default)]
pub(super) enum Additional {
    Refused(String),
    Schema(Position),
    #[default]
    Any,
}

/// The alternatives of a `oneOf` or `anyOf`.
#[derive(Debug)]
pub(super) struct Union<'a> {
    pub pointer: String,
    /// The component that it is, where it has a name and a discriminator.
    pub name: Option<&'a str>,
    pub discriminator: Option<&'a str>,
    pub variants: Vec<Variant<'a>>,
}

#[derive(Debug)]
pub(super) struct Variant<'a> {
    /// The value of the discriminator, if there is one.
    pub value: Option<&'a str>,
    /// The component, if it has a name.
    pub name: Option<&'a str>,
    pub pointer: String,
}

impl<'a> Shape<'a> {
    pub(super) fn of(api: &'a Api, position: &[String]) -> Self {
        let mut shape = Shape::default();
        position.iter().for_each(|pointer| shape.add(api, pointer));
        if shape.kind.as_ref().is_some_and(|(kind, _)| *kind == "integer") {
            // What is said by an exclusive bound can be said without.
            for (keyword, (bound, _)) in &mut shape.bounds {
                let step = if *keyword == "minimum" { 1 } else { -1 };
                if let (true, Some(number)) = (bound.exclusive, bound.number.as_i64()) {
                    *bound = Bound { number: number.saturating_add(step).into(), exclusive: false };
                }
            }
            shape.each.retain(|(keyword, value), _| *keyword != "format" || value == "\"int32\"");
        }
        shape
    }

    fn add(&mut self, api: &'a Api, pointer: &str) {
        let pointer = resolve(api, pointer);
        let name = component(api, &pointer);
        self.names.extend(name);
        let schema = value(api, &pointer);
        let at = |keyword: &str| below(&pointer, keyword);
        let is_true = |keyword: &str| schema[keyword] == Value::Bool(true);
        if let Some(kind) = schema["type"].as_str() {
            self.kind = Some((kind, at("type")));
        }
        if is_true("nullable") {
            self.nullable = Some(at("nullable"));
        }
        if let Some(default) = schema.get("default") {
            self.default = Some((default, at("default")));
        }
        if is_true("uniqueItems") {
            self.unique = Some(at("uniqueItems"));
        }
        for (keyword, order) in CONSTRAINTS {
            let Some(constraint) = schema.get(keyword) else { continue };
            match (order, constraint) {
                (Order::Each, _) => {
                    self.each.insert((keyword, constraint.to_string()), at(keyword));
                }
                (_, Value::Number(number)) => {
                    let exclusive = is_true(match keyword {
                        "minimum" => "exclusiveMinimum",
                        "maximum" => "exclusiveMaximum",
                        _ => "",
                    });
                    self.bound(keyword, order, Bound { number: number.clone(), exclusive }, at(keyword));
                }
                _ => {}
            }
        }
        if let Some(values) = schema["enum"].as_array() {
            let listed = values.iter().enumerate();
            let pointer = at("enum");
            let values =
                listed.map(|(index, value)| (value.to_string(), below(&pointer, &index.to_string()))).collect();
            self.values(Values { values, name: name.map(str::to_owned), pointer });
        }
        self.object(api, &pointer, schema);
        if schema.get("items").is_some() {
            self.items.push(at("items"));
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(variants) = schema[keyword].as_array() {
                let discriminator = schema["discriminator"]["propertyName"].as_str().filter(|_| keyword == "oneOf");
                let mapping = discriminator.map_or(&Value::Null, |_| &schema["discriminator"]["mapping"]);
                let variants = union(api, &at(keyword), variants.len(), mapping);
                let name = name.filter(|_| discriminator.is_some());
                self.unions.push(Union { pointer: at(keyword), name, discriminator, variants });
            }
        }
        for index in 0..schema["allOf"].as_array().map_or(0, Vec::len) {
            self.add(api, &below(&at("allOf"), &index.to_string()));
        }
    }

    fn bound(&mut self, keyword: &'static str, order: Order, bound: Bound, pointer: String) {
        let known = self.bounds.get(keyword);
        // No size is below 0.
        let idle = order == Order::Lower && keyword != "minimum" && bound.number.as_u64() == Some(0);
        if !idle && known.is_none_or(|(known, _)| is_tighter(order, &bound, known)) {
            self.bounds.insert(keyword, (bound, pointer));
        }
    }

    /// What may be is what all lists have.
    fn values(&mut self, mut more: Values) {
        if let Some(known) = self.values.take() {
            more.values.retain(|value, _| known.values.contains_key(value));
            more.name = more.name.filter(|_| known.name.is_some());
        }
        self.values = Some(more);
    }

    fn object(&mut self, api: &'a Api, pointer: &str, schema: &'a Value) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let known = self.properties.entry(name).or_default();
            known.schemas.push(below(&below(pointer, "properties"), name));
            known.read_only |= property["readOnly"] == Value::Bool(true);
            known.write_only |= property["writeOnly"] == Value::Bool(true);
        }
        for (index, name) in schema["required"].as_array().into_iter().flatten().enumerate() {
            if let Some(name) = name.as_str() {
                let place = below(&below(pointer, "required"), &index.to_string());
                self.properties.entry(name).or_default().required = Some(place);
            }
        }
        let at = below(pointer, "additionalProperties");
        let additional = match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => Additional::Refused(at),
            Some(Value::Object(schema)) if !schema.is_empty() => Additional::Schema(vec![resolve(api, &at)]),
            _ => return,
        };
        self.additional = match (std::mem::take(&mut self.additional), additional) {
            (Additional::Refused(at), _) | (_, Additional::Refused(at)) => Additional::Refused(at),
            (Additional::Schema(mut known), Additional::Schema(more)) => {
                known.extend(more);
                Additional::Schema(known)
            }
            (_, more) => more,
        };
    }
}

/// The name of the schema that a pointer leads to, if it leads to a component.
pub(super) fn component<'a>(api: &'a Api, pointer: &str) -> Option<&'a str> {
    let name = pointer.strip_prefix("/components/schemas/").filter(|name| !name.contains('/'))?;
    api.schemas.get_key_value(name).map(|(name, _)| name.as_str())
}

fn union<'a>(api: &'a Api, pointer: &str, count: usize, mapping: &'a Value) -> Vec<Variant<'a>> {
    if let Some(mapping) = mapping.as_object() {
        let targets = mapping.iter().filter_map(|(value, target)| Some((value, target.as_str()?)));
        return targets
            .map(|(value, target)| {
                let pointer = target.trim_start_matches('#').to_owned();
                Variant { value: Some(value), name: component(api, &pointer), pointer }
            })
            .collect();
    }
    (0..count)
        .map(|index| {
            let pointer = resolve(api, &below(pointer, &index.to_string()));
            Variant { value: None, name: component(api, &pointer), pointer }
        })
        .collect()
}

/// Whether the first of two bounds lets less through.
pub(super) fn is_tighter(order: Order, one: &Bound, other: &Bound) -> bool {
    let higher = match (one.number.as_i64(), other.number.as_i64()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one.number.as_f64().unwrap_or_default().total_cmp(&other.number.as_f64().unwrap_or_default()),
    };
    match order {
        Order::Lower => higher.is_gt() || higher.is_eq() && one.exclusive && !other.exclusive,
        Order::Upper => higher.is_lt() || higher.is_eq() && one.exclusive && !other.exclusive,
        Order::Each => false,
    }
}
