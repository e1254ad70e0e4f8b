//! Values that break exactly one constraint of a schema, and values that only just break none.
//!
//! Nothing here trusts itself: a breakage counts only if an independent validator finds the broken value invalid, and a
//! constraint for which no breakage is found stops the test.

use super::document::{document, items, members, resolve};
use super::schemas::{Extras, validator};
use super::values::{MARK, boundary_values, broken_values, first_item, sample, tag_name, text_of};
use serde_json::{Value, json};

/// A value in which one constraint is broken.
pub(super) struct Breakage {
    /// Which field an answer should name.
    pub(super) field: String,
    /// The constraint: the keyword of the schema.
    pub(super) keyword: &'static str,
    /// The whole value.
    pub(super) value: Value,
    /// What has to be taken over to break another value in the same way.
    place: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(&'static str),
    Index(usize),
}

/// Every constraint that the schema puts on the value and on what it may hold, each broken in turn.
pub(super) fn breakages(schema: &'static Value, whole: &Value) -> Vec<Breakage> {
    let mut walk = Walk { whole, changes: broken_values, breaks: true, found: Vec::new() };
    walk.visit(schema, &[], "", None);
    let valid = validator(schema, Extras::Allowed);
    assert!(valid.is_valid(whole), "the example {whole} does not fit its schema; mend openapi.yaml");
    for Breakage { field, keyword, value, .. } in &walk.found {
        assert!(!valid.is_valid(value), "`{keyword}` of `{field}` is not broken by {value}; mend the breakage");
    }
    walk.found
}

/// The value with each thing in it at a bound of its constraints in turn.
pub(super) fn boundaries(schema: &'static Value, whole: &Value) -> Vec<Breakage> {
    let mut walk = Walk { whole, changes: boundary_values, breaks: false, found: Vec::new() };
    walk.visit(schema, &[], "", None);
    let valid = validator(schema, Extras::Allowed);
    walk.found.retain(|boundary| valid.is_valid(&boundary.value));
    walk.found
}

/// One value in which as many fields as possible are broken at once, and those fields.
pub(super) fn all_at_once(schema: &'static Value, whole: &Value) -> (Value, Vec<String>) {
    let (mut broken, mut places, mut fields) = (whole.clone(), Vec::<Vec<Step>>::new(), Vec::new());
    let mut candidates = breakages(schema, whole);
    // Deep ones first: what is broken further up hides them.
    candidates.sort_by_key(|breakage| std::cmp::Reverse(breakage.place.len()));
    let tag = tag_name(resolve(schema));
    for Breakage { field, value, place, keyword } in candidates {
        let hides = |one: &[Step], other: &[Step]| one.starts_with(other) || other.starts_with(one);
        let is_tag = place.first().is_some_and(|step| matches!(step, Step::Name(name) if Some(*name) == tag));
        // What is taken away may have been there for another breakage to stand in.
        if place.is_empty() || is_tag || keyword == "required" || places.iter().any(|taken| hides(taken, &place)) {
            continue;
        }
        if fields.contains(&field) {
            continue;
        }
        set(&mut broken, &place, get(&value, &place).cloned());
        places.push(place);
        fields.push(field);
    }
    (broken, fields)
}

/// Texts that break the constraints of a parameter, with the field an answer should name.
pub(super) fn broken_texts(name: &str, schema: &'static Value) -> Vec<(String, &'static str, Vec<Vec<u8>>)> {
    let schema = resolve(schema);
    let mut found = Vec::new();
    if schema["type"] == "array" {
        for (field, keyword, values) in broken_texts(&format!("{name}[0]"), &schema["items"]) {
            match keyword {
                // Items may be repeated.
                "once" => {}
                // What cannot be read is no list yet.
                "encoding" => found.push((name.to_owned(), keyword, values)),
                _ => found.push((field, keyword, values)),
            }
        }
        if let Some(most) = schema["maxItems"].as_u64() {
            let item = text_of(&sample(&schema["items"], 0)).into_bytes();
            found.push((name.to_owned(), "maxItems", vec![item; most as usize + 1]));
        }
        return found;
    }
    for (keyword, value) in broken_values(schema) {
        let stays_text = value.is_string() || schema["type"] != "string" && !value.is_object() && !value.is_array();
        if stays_text && !value.is_null() {
            found.push((name.to_owned(), keyword, vec![text_of(&value).into_bytes()]));
        }
    }
    if schema["type"] != "string" {
        for text in ["", " 1", "1e3", "0x10", MARK] {
            found.push((name.to_owned(), "type", vec![text.into()]));
        }
    }
    let fitting = text_of(&sample(schema, 0)).into_bytes();
    found.push((name.to_owned(), "once", vec![fitting.clone(), fitting]));
    found.push((name.to_owned(), "encoding", vec![b"\xff".to_vec()]));
    found
}

struct Walk<'w> {
    whole: &'w Value,
    /// What to put in the place of a value of this schema.
    changes: fn(&'static Value) -> Vec<(&'static str, Value)>,
    /// Whether to take away what is required, and to spoil what tells variants apart.
    breaks: bool,
    found: Vec<Breakage>,
}

impl Walk<'_> {
    /// Breaks what stands at a place. `reported` is the field that stands for everything inside it.
    fn visit(&mut self, schema: &'static Value, place: &[Step], field: &str, reported: Option<&str>) {
        let schema = resolve(schema);
        let current = get(self.whole, place).cloned().unwrap_or_else(|| sample(schema, 0));
        // What is inside an optional value can be broken only where the value is.
        let whole = replaced(self.whole, place, current.clone());
        let found = self.within(&whole, |walk| walk.visit_present(schema, &current, place, field, reported));
        self.found.extend(found);
    }

    /// What a walk finds that starts from another value.
    fn within(&self, whole: &Value, visit: impl FnOnce(&mut Walk<'_>)) -> Vec<Breakage> {
        let mut walk = Walk { whole, changes: self.changes, breaks: self.breaks, found: Vec::new() };
        visit(&mut walk);
        walk.found
    }

    fn visit_present(
        &mut self,
        schema: &'static Value,
        current: &Value,
        place: &[Step],
        field: &str,
        reported: Option<&str>,
    ) {
        let here = reported.unwrap_or(field);
        for (keyword, value) in (self.changes)(schema) {
            self.add(place, here, keyword, Some(value));
        }
        if let Some(tag) = tag_name(schema) {
            let (place, field) = inner(place, field, Step::Name(tag));
            let tagged = current[tag].as_str().unwrap_or_default();
            if self.breaks {
                self.add(&place, &field, "required", None);
                self.add(&place, &field, "enum", Some(json!(MARK)));
                self.add(&place, &field, "type", Some(json!(7)));
            }
            let variant = json!({"$ref": schema["discriminator"]["mapping"][tagged]});
            let pointer = variant["$ref"].as_str().unwrap_or_else(|| panic!("no variant {tagged} in {schema}"));
            let variant = document().pointer(pointer.trim_start_matches('#'));
            self.object(
                variant.expect("the mapping names a schema"),
                &place[..place.len() - 1],
                here,
                reported,
                Some(tag),
            );
            return;
        }
        if schema.get("oneOf").is_some() {
            for alternative in items(&schema["oneOf"]).map(resolve) {
                let whole = replaced(self.whole, place, sample(alternative, 0));
                let mut found = self.within(&whole, |walk| walk.object(alternative, place, field, Some(here), None));
                // Half of one shape beside half of another might be whole.
                found.iter_mut().for_each(|breakage| breakage.place = place.to_vec());
                self.found.extend(found);
            }
            return;
        }
        if schema["type"] == "array" {
            let whole = replaced(self.whole, place, first_item(current, schema));
            let (place, field) = inner(place, field, Step::Index(0));
            let found = self.within(&whole, |walk| walk.visit(&schema["items"], &place, &field, reported));
            self.found.extend(found);
        } else {
            self.object(schema, place, field, reported, None);
        }
    }

    /// Breaks the properties of an object, `allOf` included.
    fn object(
        &mut self,
        schema: &'static Value,
        place: &[Step],
        field: &str,
        reported: Option<&str>,
        tag: Option<&str>,
    ) {
        for part in items(&schema["allOf"]) {
            self.object(resolve(part), place, field, reported, tag);
        }
        let breaks = self.breaks;
        let required = items(&schema["required"]).filter(|_| breaks).filter_map(Value::as_str);
        for name in required.filter(|name| Some(*name) != tag) {
            let (place, field) = inner(place, field, Step::Name(name));
            self.add(&place, reported.unwrap_or(&field), "required", None);
        }
        for (name, property) in members(&schema["properties"]).filter(|(name, _)| Some(*name) != tag) {
            let (place, field) = inner(place, field, Step::Name(name));
            self.visit(property, &place, &field, reported);
        }
    }

    fn add(&mut self, place: &[Step], field: &str, keyword: &'static str, value: Option<Value>) {
        let mut broken = self.whole.clone();
        set(&mut broken, place, value);
        self.found.push(Breakage { field: field.to_owned(), keyword, value: broken, place: place.to_vec() });
    }
}

fn inner(place: &[Step], field: &str, step: Step) -> (Vec<Step>, String) {
    let name = match step {
        Step::Name(name) if field.is_empty() => name.to_owned(),
        Step::Name(name) => format!("{field}.{name}"),
        Step::Index(index) => format!("{field}[{index}]"),
    };
    (place.iter().cloned().chain([step]).collect(), name)
}

fn get<'v>(value: &'v Value, place: &[Step]) -> Option<&'v Value> {
    place.iter().try_fold(value, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Index(index) => value.get(index),
    })
}

fn replaced(whole: &Value, place: &[Step], value: Value) -> Value {
    let mut copy = whole.clone();
    set(&mut copy, place, Some(value));
    copy
}

/// Puts a value at a place, or takes away what is there.
fn set(value: &mut Value, place: &[Step], new: Option<Value>) {
    match (place, new) {
        ([], Some(new)) => *value = new,
        ([Step::Name(name)], None) => drop(value.as_object_mut().and_then(|map| map.remove(*name))),
        ([Step::Name(name), rest @ ..], new) => {
            if !value.is_object() {
                *value = json!({});
            }
            set(&mut value[*name], rest, new);
        }
        ([Step::Index(index), rest @ ..], new) => match value.get_mut(index) {
            Some(item) => set(item, rest, new),
            None => *value = json!([new]),
        },
        ([], None) => {}
    }
}
