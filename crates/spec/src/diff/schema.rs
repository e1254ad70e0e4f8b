//! Compares schemas, each pair once for each direction however often it is reached, so that recursion ends and a large
//! document takes no longer than its size.

use super::pointer::{label, resolve};
use super::shape::{Additional, Bound, CONSTRAINTS, Position, Property, Shape, Union, Values, Variant, is_tighter};
use super::{Direction, Found, Rule, Side};
use openapi_dropshot::model::Api;
use openapi_dropshot::projection;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A document and a JSON pointer into it.
type Spot<'s> = (Side, &'s str);

/// Two schemas that a value has to satisfy, before and after.
type Pair = (Position, Position, Direction);

/// The schemas reached so far, and what was found in them.
pub(super) struct Schemas<'a> {
    old: &'a Api,
    new: &'a Api,
    /// The named enums and unions that the clients of the old document expect to grow.
    open: BTreeSet<String>,
    numbers: HashMap<Pair, usize>,
    pairs: Vec<Pair>,
    /// Which pairs reach this one, and which operations do so first-hand.
    reached_from: Vec<BTreeSet<usize>>,
    roots: Vec<Vec<String>>,
    findings: Vec<(usize, Found)>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(old: &'a Api, new: &'a Api) -> Self {
        let projection = projection(old);
        let enums = projection.enums.into_iter().map(|one| one.name);
        Self {
            old,
            new,
            open: projection.unions.into_iter().map(|one| one.name).chain(enums).collect(),
            numbers: HashMap::new(),
            pairs: Vec::new(),
            reached_from: Vec::new(),
            roots: Vec::new(),
            findings: Vec::new(),
        }
    }

    /// Takes note of a schema that an operation sends or is sent.
    pub(super) fn root(&mut self, old: String, new: String, direction: Direction, operation: &str) {
        let number = self.number((vec![old], vec![new], direction));
        let operations = &mut self.roots[number];
        if operations.last().is_none_or(|last| last != operation) {
            operations.push(operation.to_owned());
        }
    }

    /// Compares all that was noted and what it is made of.
    pub(super) fn compare(mut self) -> Vec<Found> {
        let mut next = 0;
        while let Some((old, new, direction)) = self.pairs.get(next).cloned() {
            let shapes = (Shape::of(self.old, &old), Shape::of(self.new, &new));
            let at = At { number: next, old: &old, new: &new, direction };
            self.shapes(&at, &shapes.0, &shapes.1);
            next += 1;
        }
        // What is found in a part of several schemas is one change.
        let mut merged: BTreeMap<_, Found> = BTreeMap::new();
        for (number, found) in std::mem::take(&mut self.findings) {
            let operations = self.operations(number);
            let key = (found.rule, found.side, found.pointer.clone(), found.direction, found.message.clone());
            merged.entry(key).or_insert(found).operations.extend(operations);
        }
        merged.into_values().collect()
    }

    fn number(&mut self, (old, new, direction): Pair) -> usize {
        let resolved = |api: &Api, position: &[String]| -> Position {
            position.iter().map(|pointer| resolve(api, pointer)).collect()
        };
        let (before, after) = (resolved(self.old, &old), resolved(self.new, &new));
        // What is the same component in both is compared once; what is not goes by the place where it is used.
        let pair = if before == after { (before, after, direction) } else { (old, new, direction) };
        if let Some(number) = self.numbers.get(&pair) {
            return *number;
        }
        let number = self.pairs.len();
        self.numbers.insert(pair.clone(), number);
        self.pairs.push(pair);
        self.reached_from.push(BTreeSet::new());
        self.roots.push(Vec::new());
        number
    }

    /// Every operation from which the pair is reached.
    fn operations(&self, number: usize) -> Vec<String> {
        let (mut seen, mut open) = (BTreeSet::from([number]), vec![number]);
        while let Some(number) = open.pop() {
            open.extend(self.reached_from[number].iter().filter(|from| seen.insert(**from)));
        }
        seen.iter().flat_map(|number| self.roots[*number].iter().cloned()).collect()
    }

    fn descend(&mut self, at: &At<'_>, old: Position, new: Position) {
        let number = self.number((old, new, at.direction));
        self.reached_from[number].insert(at.number);
    }

    fn report(&mut self, at: &At<'_>, rule: Rule, (side, pointer): Spot<'_>, message: String) {
        let (direction, pointer) = (Some(at.direction), pointer.to_owned());
        self.findings.push((at.number, Found { rule, direction, message, side, pointer, operations: Vec::new() }));
    }

    /// Reports what became of the schema that a keyword stands in.
    fn report_in(&mut self, at: &At<'_>, rule: Rule, spot: Spot<'_>, what: &str) {
        let name = label(if spot.0 == Side::Old { self.old } else { self.new }, spot.1);
        self.report(at, rule, spot, format!("`{name}`{what}"));
    }

    fn shapes(&mut self, at: &At<'_>, old: &Shape<'_>, new: &Shape<'_>) {
        let name = self.name(at);
        match (&*old.unions, &*new.unions) {
            ([], []) => {}
            ([], [union]) if self.joins(at, &old.names, union, Side::New) => return,
            ([union], []) if self.joins(at, &new.names, union, Side::Old) => return,
            (before, after) if before.len() == after.len() => {
                for (before, after) in before.iter().zip(after) {
                    self.unions(at, &name, before, after);
                }
            }
            (before, after) => {
                let pointer = |unions: &[Union<'_>]| unions.first().map(|union| union.pointer.clone());
                let (before, after) = (pointer(before), pointer(after));
                let message = format!("`{name}` has other alternatives than before");
                return self.report(at, Rule::TypeChanged, spot(at, before.as_deref(), after.as_deref()), message);
            }
        }
        if !self.kinds(at, &name, old, new) {
            return;
        }
        self.nullable(at, old, new);
        self.values(at, old.values.as_ref(), new.values.as_ref());
        self.constraints(at, old, new);
        self.properties(at, &name, &old.properties, &new.properties);
        self.additional(at, &old.additional, &new.additional);
        if !old.items.is_empty() && !new.items.is_empty() {
            self.descend(at, old.items.clone(), new.items.clone());
        }
        self.default(at, old, new);
    }

    /// What a person calls the schema: where it is used, or its name where that is the same as before.
    fn name(&self, at: &At<'_>) -> String {
        let used = at.new.first().map(|pointer| label(self.new, pointer)).unwrap_or_default();
        match at.new.first() {
            Some(pointer) if used.is_empty() => label(self.new, &resolve(self.new, pointer)),
            _ => used,
        }
    }

    /// Whether there is anything left to compare.
    fn kinds(&mut self, at: &At<'_>, name: &str, old: &Shape<'_>, new: &Shape<'_>) -> bool {
        let (before, after) = (old.kind.as_ref().map(|kind| kind.0), new.kind.as_ref().map(|kind| kind.0));
        let rule = match (before, after) {
            _ if before == after => return true,
            (Some("integer"), Some("number")) | (Some(_), None) => Rule::TypeWidened,
            (Some("number"), Some("integer")) | (None, Some(_)) => Rule::TypeNarrowed,
            _ => Rule::TypeChanged,
        };
        let spot = spot(at, old.kind.as_ref().map(|kind| &*kind.1), new.kind.as_ref().map(|kind| &*kind.1));
        let word = |kind: Option<&str>| kind.map_or("any type".to_owned(), |kind| format!("`{kind}`"));
        self.report(at, rule, spot, format!("`{name}` is {}, and was {}", word(after), word(before)));
        // An integer and a number have the same constraints; others have none in common.
        rule != Rule::TypeChanged && before.is_some() && after.is_some()
    }

    fn nullable(&mut self, at: &At<'_>, old: &Shape<'_>, new: &Shape<'_>) {
        match (&old.nullable, &new.nullable) {
            (None, Some(pointer)) => {
                self.report_in(at, Rule::TypeWidened, (Side::New, pointer), " may be `null`");
            }
            (Some(pointer), None) => {
                self.report_in(at, Rule::TypeNarrowed, (Side::Old, pointer), " may no longer be `null`");
            }
            _ => {}
        }
    }

    fn values(&mut self, at: &At<'_>, old: Option<&Values>, new: Option<&Values>) {
        match (old, new) {
            (Some(old), Some(new)) => {
                for (value, pointer) in old.values.iter().filter(|(value, _)| !new.values.contains_key(*value)) {
                    let message = format!(" has lost the value `{value}`");
                    self.report_in(at, Rule::EnumValueRemoved, (Side::Old, pointer), &message);
                }
                let open = old.name.as_ref().is_some_and(|name| self.open.contains(name));
                let rule = if open { Rule::OpenEnumValueAdded } else { Rule::EnumValueAdded };
                for (value, pointer) in new.values.iter().filter(|(value, _)| !old.values.contains_key(*value)) {
                    self.report_in(at, rule, (Side::New, pointer), &format!(" has the new value `{value}`"));
                }
            }
            (None, Some(new)) => {
                let spot = (Side::New, &*new.pointer);
                self.report_in(at, Rule::ConstraintTightened, spot, " takes certain values only");
            }
            (Some(old), None) => {
                let spot = (Side::Old, &*old.pointer);
                self.report_in(at, Rule::ConstraintLoosened, spot, " takes any value");
            }
            (None, None) => {}
        }
    }

    fn constraints(&mut self, at: &At<'_>, old: &Shape<'_>, new: &Shape<'_>) {
        for (keyword, order) in CONSTRAINTS {
            let (before, after) = (old.bounds.get(keyword), new.bounds.get(keyword));
            if before.map(|bound| &bound.0) != after.map(|bound| &bound.0) {
                let tighter = match (before, after) {
                    (Some((before, _)), Some((after, _))) => is_tighter(order, after, before),
                    (before, _) => before.is_none(),
                };
                let rule = if tighter { Rule::ConstraintTightened } else { Rule::ConstraintLoosened };
                let word = |bound: Option<&(Bound, String)>| {
                    bound.map_or("none".to_owned(), |(bound, _)| {
                        format!("{}{}", bound.number, if bound.exclusive { " (exclusive)" } else { "" })
                    })
                };
                let message = format!(": `{keyword}` is {}, and was {}", word(after), word(before));
                let spot = spot(at, before.map(|bound| &*bound.1), after.map(|bound| &*bound.1));
                self.report_in(at, rule, spot, &message);
            }
            let of = |shape: &Shape<'_>| -> BTreeMap<String, String> {
                let own = shape.each.iter().filter(|((one, _), _)| *one == keyword);
                own.map(|((_, value), pointer)| (value.clone(), pointer.clone())).collect()
            };
            let (before, after) = (of(old), of(new));
            let gone: Vec<_> = before.iter().filter(|(value, _)| !after.contains_key(*value)).collect();
            let come: Vec<_> = after.iter().filter(|(value, _)| !before.contains_key(*value)).collect();
            let words = |list: &[(&String, &String)]| {
                list.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join(" and ")
            };
            match (gone.first(), come.first()) {
                (None, None) => {}
                (None, Some((_, pointer))) => {
                    let message = format!(": `{keyword}` {} is new", words(&come));
                    self.report_in(at, Rule::ConstraintTightened, (Side::New, pointer), &message);
                }
                (Some((_, pointer)), None) => {
                    let message = format!(": `{keyword}` {} is gone", words(&gone));
                    self.report_in(at, Rule::ConstraintLoosened, (Side::Old, pointer), &message);
                }
                (Some(_), Some((_, pointer))) => {
                    let message = format!(": `{keyword}` is {}, and was {}", words(&come), words(&gone));
                    self.report_in(at, Rule::ConstraintChanged, (Side::New, pointer), &message);
                }
            }
        }
        match (&old.unique, &new.unique) {
            (None, Some(pointer)) => {
                self.report_in(at, Rule::ConstraintTightened, (Side::New, pointer), " may no longer repeat items");
            }
            (Some(pointer), None) => {
                self.report_in(at, Rule::ConstraintLoosened, (Side::Old, pointer), " may repeat items");
            }
            _ => {}
        }
    }

    fn properties(&mut self, at: &At<'_>, name: &str, old: &BTreeMap<&str, Property>, new: &BTreeMap<&str, Property>) {
        let goes = |property: &&Property| match at.direction {
            Direction::Request => !property.read_only,
            Direction::Response => !property.write_only,
        };
        for (key, before) in old {
            let Some(before) = Some(before).filter(goes) else { continue };
            let Some(after) = new.get(key).filter(goes) else {
                match before.schemas.first() {
                    Some(pointer) => self.report_in(at, Rule::PropertyRemoved, (Side::Old, pointer), " is gone"),
                    None => {
                        let spot = spot(at, before.required.as_deref(), None);
                        self.report(at, Rule::PropertyRemoved, spot, format!("`{name}.{key}` is gone"));
                    }
                }
                continue;
            };
            match (&before.required, &after.required) {
                (None, Some(pointer)) => {
                    let what = format!(": `{key}` became required");
                    self.report_in(at, Rule::PropertyBecameRequired, (Side::New, pointer), &what);
                }
                (Some(pointer), None) => {
                    let what = format!(": `{key}` became optional");
                    self.report_in(at, Rule::PropertyBecameOptional, (Side::Old, pointer), &what);
                }
                _ => {}
            }
            self.descend(at, before.schemas.clone(), after.schemas.clone());
        }
        for (key, after) in new {
            if Some(after).filter(goes).is_none() || old.get(key).filter(goes).is_some() {
                continue;
            }
            let (rule, what) = match &after.required {
                Some(_) => (Rule::RequiredPropertyAdded, " is new and required"),
                None => (Rule::PropertyAdded, " is new"),
            };
            match after.schemas.first() {
                Some(pointer) => self.report_in(at, rule, (Side::New, pointer), what),
                None => {
                    let spot = spot(at, None, after.required.as_deref());
                    self.report(at, rule, spot, format!("`{name}.{key}`{what}"));
                }
            }
        }
    }

    fn additional(&mut self, at: &At<'_>, old: &Additional, new: &Additional) {
        let rank = |additional: &Additional| match additional {
            Additional::Refused(_) => 0,
            Additional::Schema(_) => 1,
            Additional::Any => 2,
        };
        if let (Additional::Schema(before), Additional::Schema(after)) = (old, new) {
            return self.descend(at, before.clone(), after.clone());
        }
        let place = |additional: &Additional| match additional {
            Additional::Refused(pointer) => Some(pointer.clone()),
            Additional::Schema(schemas) => schemas.first().cloned(),
            Additional::Any => None,
        };
        let (before, after) = (place(old), place(new));
        let spot = spot(at, before.as_deref(), after.as_deref());
        if rank(new) < rank(old) {
            self.report_in(
                at,
                Rule::ConstraintTightened,
                spot,
                " may have fewer properties besides those that are named",
            );
        } else if rank(new) > rank(old) {
            self.report_in(
                at,
                Rule::ConstraintLoosened,
                spot,
                " may have more properties besides those that are named",
            );
        }
    }

    fn default(&mut self, at: &At<'_>, old: &Shape<'_>, new: &Shape<'_>) {
        let word = |value: &Value| format!("`{value}`");
        match (&old.default, &new.default) {
            (Some((before, _)), Some((after, pointer))) if before != after => {
                let message = format!(" is {} by default, and was {}", word(after), word(before));
                self.report_in(at, Rule::DefaultChanged, (Side::New, pointer), &message);
            }
            (Some((before, pointer)), None) => {
                let message = format!(" has lost its default {}", word(before));
                self.report_in(at, Rule::DefaultChanged, (Side::Old, pointer), &message);
            }
            (None, Some((after, pointer))) => {
                let message = format!(" is {} by default", word(after));
                self.report_in(at, Rule::DefaultAdded, (Side::New, pointer), &message);
            }
            _ => {}
        }
    }

    /// Compares a single schema with a union that has it among its variants; `side` is the document of the union.
    fn joins(&mut self, at: &At<'_>, names: &BTreeSet<&str>, union: &Union<'_>, side: Side) -> bool {
        let is_same = |variant: &&Variant<'_>| variant.name.is_some_and(|name| names.contains(name));
        let Some(same) = union.variants.iter().find(is_same) else { return false };
        let (rule, word) = match side {
            Side::New => (Rule::VariantAdded, "may be"),
            Side::Old => (Rule::VariantRemoved, "may no longer be"),
        };
        let name = self.name(at);
        for other in union.variants.iter().filter(|variant| variant.pointer != same.pointer) {
            let message = format!("`{name}` {word} {}", other.word());
            self.report(at, rule, (side, &union.pointer), message);
        }
        match side {
            Side::New => self.descend(at, at.old.to_vec(), vec![same.pointer.clone()]),
            Side::Old => self.descend(at, vec![same.pointer.clone()], at.new.to_vec()),
        }
        true
    }

    fn unions(&mut self, at: &At<'_>, name: &str, old: &Union<'_>, new: &Union<'_>) {
        if old.discriminator != new.discriminator {
            let word = |property: Option<&str>| property.map_or("nothing".to_owned(), |name| format!("`{name}`"));
            let (after, before) = (word(new.discriminator), word(old.discriminator));
            let message = format!("the alternatives of `{name}` are told apart by {after}, and were by {before}");
            self.report(at, Rule::DiscriminatorChanged, (Side::New, &new.pointer), message);
        }
        let by_value = old.discriminator.is_some() && new.discriminator.is_some();
        let (before, after) = (old.by_key(by_value), new.by_key(by_value));
        for (_, variant) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
            let message = format!("`{name}` may no longer be {}", variant.word());
            self.report(at, Rule::VariantRemoved, (Side::Old, &old.pointer), message);
        }
        let open = old.name.is_some_and(|name| self.open.contains(name));
        let rule = if open { Rule::OpenVariantAdded } else { Rule::VariantAdded };
        for (key, variant) in after {
            match before.get(&key) {
                Some(same) => self.descend(at, vec![same.pointer.clone()], vec![variant.pointer.clone()]),
                None => {
                    let message = format!("`{name}` may be {}", variant.word());
                    self.report(at, rule, (Side::New, &new.pointer), message);
                }
            }
        }
    }
}

impl Union<'_> {
    /// The variants by what they are recognised by: the value of the discriminator, a name, or their order.
    fn by_key(&self, by_value: bool) -> BTreeMap<String, &Variant<'_>> {
        let key = |(index, variant): (usize, &Variant<'_>)| {
            let name = if by_value { variant.value } else { variant.name };
            name.map_or_else(|| index.to_string(), str::to_owned)
        };
        self.variants.iter().enumerate().map(|(index, variant)| (key((index, variant)), variant)).collect()
    }
}

impl Variant<'_> {
    fn word(&self) -> String {
        match (self.name, self.value) {
            (Some(name), Some(value)) => format!("`{name}` (`{value}`)"),
            (Some(name), None) => format!("`{name}`"),
            (None, _) => "an alternative without a name".into(),
        }
    }
}

/// The pair that is being compared.
struct At<'p> {
    number: usize,
    old: &'p [String],
    new: &'p [String],
    direction: Direction,
}

/// Where a keyword stands that changed: in the new document, in the old one where it is gone.
fn spot<'s>(at: &'s At<'_>, old: Option<&'s str>, new: Option<&'s str>) -> Spot<'s> {
    match (new, old) {
        (Some(new), _) => (Side::New, new),
        (None, Some(old)) => (Side::Old, old),
        (None, None) => (Side::New, at.new.first().map_or("", String::as_str)),
    }
}
