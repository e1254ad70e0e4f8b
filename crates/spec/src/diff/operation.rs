//! Compares what stands around the schemas: operations, their parameters, bodies, answers and security.

use super::pointer::{below, resolve, value};
use super::schema::Schemas;
use super::{Direction, Found, Rule, Side};
use openapi_dropshot::model::{self, Api, Location, Requirement};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Finds every change between two documents.
pub(super) fn compare(old: &Api, new: &Api) -> Vec<Found> {
    let mut changes = Changes { old, new, schemas: Schemas::new(old, new), found: Vec::new() };
    changes.servers();
    changes.aliases();
    changes.schemes();
    let (before, after) = (operations(old), operations(new));
    let routes: HashMap<_, _> = after.iter().map(|operation| (operation.route(), operation)).collect();
    for operation in &before {
        match routes.get(&operation.route()) {
            Some(same) => changes.operation(operation, same),
            None => {
                let message = format!("`{} {}` is gone", operation.model.method, operation.model.path);
                changes.report(Rule::OperationRemoved, (Side::Old, &operation.pointer), &operation.model.id, message);
            }
        }
    }
    let routes: HashMap<_, _> = before.iter().map(|operation| (operation.route(), operation)).collect();
    for operation in after.iter().filter(|operation| !routes.contains_key(&operation.route())) {
        let message = format!("`{} {}` is new", operation.model.method, operation.model.path);
        changes.report(Rule::OperationAdded, (Side::New, &operation.pointer), &operation.model.id, message);
    }
    // Operations are told by their new ids where they have one, and listed as the document has them.
    let listed = after.iter().chain(&before).map(|operation| operation.model.id.as_str());
    let order: HashMap<_, _> = listed.enumerate().map(|(index, id)| (id, index)).collect();
    let Changes { schemas, mut found, .. } = changes;
    found.extend(schemas.compare());
    let mut found = merge(found);
    for change in &mut found {
        change.operations.sort_by_key(|id| order.get(id.as_str()));
        change.operations.dedup();
    }
    found
}

/// What two operations share, such as a parameter or an answer that both refer to, changes once.
fn merge(found: Vec<Found>) -> Vec<Found> {
    let mut merged: Vec<Found> = Vec::new();
    let mut known = HashMap::new();
    for change in found {
        let key = (change.rule, change.side, change.pointer.clone(), change.direction, change.message.clone());
        let index = *known.entry(key).or_insert(merged.len());
        match merged.get_mut(index) {
            Some(same) => same.operations.extend(change.operations),
            None => merged.push(change),
        }
    }
    merged
}

/// An operation and where it stands.
struct Operation<'a> {
    tag: &'a str,
    model: &'a model::Operation,
    pointer: String,
    item: String,
}

impl Operation<'_> {
    /// What a client calls: the method and the path, whatever its variables are named.
    fn route(&self) -> (&'static str, String) {
        let blank = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
        (self.model.method, self.model.path.split('/').map(blank).collect::<Vec<_>>().join("/"))
    }

    /// The names of the variables in the path, in order.
    fn variables(&self) -> Vec<&str> {
        let segments = self.model.path.split('/');
        segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// Where a parameter is described: at the operation, at its path, or where one of them refers to.
    fn parameter(&self, api: &Api, parameter: &model::Parameter) -> String {
        let location = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
        };
        for owner in [&self.pointer, &self.item] {
            let list = below(owner, "parameters");
            for index in 0..value(api, &list).as_array().map_or(0, Vec::len) {
                let pointer = resolve(api, &below(&list, &index.to_string()));
                let found = value(api, &pointer);
                if found["name"] == parameter.name.as_str() && found["in"] == location {
                    return pointer;
                }
            }
        }
        self.pointer.clone()
    }

    fn security<'p>(&'p self, api: &Api, own: &'p str) -> &'p str {
        if value(api, own).is_null() { "/security" } else { own }
    }
}

fn operations(api: &Api) -> Vec<Operation<'_>> {
    let each = api.tags.iter().flat_map(|tag| tag.operations.iter().map(|operation| (tag.name.as_str(), operation)));
    each.map(|(tag, model)| {
        let item = below("/paths", &model.path);
        Operation { tag, model, pointer: below(&item, &model.method.to_ascii_lowercase()), item }
    })
    .collect()
}

struct Changes<'a> {
    old: &'a Api,
    new: &'a Api,
    schemas: Schemas<'a>,
    found: Vec<Found>,
}

impl<'a> Changes<'a> {
    fn report(&mut self, rule: Rule, (side, pointer): (Side, &str), operation: &str, message: String) {
        let operations = Vec::from_iter((!operation.is_empty()).then(|| operation.to_owned()));
        self.found.push(Found { rule, direction: None, message, side, pointer: pointer.to_owned(), operations });
    }

    /// Reports the names that one list has and the other has not.
    fn names(
        &mut self,
        (gone, come): (Rule, Rule),
        what: &str,
        operation: &str,
        old: &BTreeMap<String, String>,
        new: &BTreeMap<String, String>,
    ) {
        for (name, pointer) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
            self.report(gone, (Side::Old, pointer), operation, format!("{what} `{name}` is gone"));
        }
        for (name, pointer) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            self.report(come, (Side::New, pointer), operation, format!("{what} `{name}` is new"));
        }
    }

    fn servers(&mut self) {
        let urls = |api: &Api| -> BTreeMap<String, String> {
            let servers = value(api, "/servers").as_array().into_iter().flatten().enumerate();
            servers
                .filter_map(|(index, server)| Some((server["url"].as_str()?.to_owned(), format!("/servers/{index}"))))
                .collect()
        };
        self.names((Rule::ServerRemoved, Rule::ServerAdded), "the server", "", &urls(self.old), &urls(self.new));
    }

    fn aliases(&mut self) {
        let aliases = |api: &Api| -> BTreeMap<String, String> {
            let aliases = api.aliases.iter().enumerate();
            aliases
                .map(|(index, alias)| {
                    (format!("{} for {}", alias.prefix, alias.serves), format!("/x-path-aliases/{index}"))
                })
                .collect()
        };
        let rules = (Rule::PathAliasRemoved, Rule::PathAliasAdded);
        self.names(rules, "the path alias", "", &aliases(self.old), &aliases(self.new));
    }

    fn schemes(&mut self) {
        let section = "/components/securitySchemes";
        let schemes = members(self.old, section);
        let rules = (Rule::SecuritySchemeRemoved, Rule::SecuritySchemeAdded);
        self.names(rules, "the security scheme", "", &schemes, &members(self.new, section));
        for (name, pointer) in schemes {
            let (before, after) = (value(self.old, &pointer), value(self.new, &pointer));
            if after.is_null() {
                continue;
            }
            let what = format!("the security scheme `{name}`");
            for keyword in ["type", "in", "name", "scheme", "openIdConnectUrl"] {
                self.keyword(&what, &pointer, keyword, before, after);
            }
            let flows = below(&pointer, "flows");
            let (old, new) = (members(self.old, &flows), members(self.new, &flows));
            self.names((Rule::FlowRemoved, Rule::FlowAdded), &format!("{what}: the flow"), "", &old, &new);
            for (flow, pointer) in old.into_iter().filter(|(flow, _)| new.contains_key(flow)) {
                let (before, after) = (value(self.old, &pointer), value(self.new, &pointer));
                let what = format!("{what}, flow `{flow}`");
                for keyword in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                    self.keyword(&what, &pointer, keyword, before, after);
                }
                let scopes = below(&pointer, "scopes");
                let (before, after) = (members(self.old, &scopes), members(self.new, &scopes));
                let rules = (Rule::ScopeWithdrawn, Rule::ScopeOffered);
                self.names(rules, &format!("{what}: the scope"), "", &before, &after);
            }
        }
    }

    fn keyword(&mut self, what: &str, pointer: &str, keyword: &str, old: &Value, new: &Value) {
        if old[keyword] != new[keyword] {
            let message = format!("{what}: `{keyword}` is {}, and was {}", new[keyword], old[keyword]);
            self.report(Rule::SecuritySchemeChanged, (Side::New, &below(pointer, keyword)), "", message);
        }
    }

    fn operation(&mut self, old: &Operation<'a>, new: &Operation<'a>) {
        let id = &*new.model.id;
        if old.model.id != new.model.id {
            let message = format!("`{}` is now called `{id}`: clients name their methods by it", old.model.id);
            self.report(Rule::OperationIdChanged, (Side::New, &below(&new.pointer, "operationId")), id, message);
        }
        if old.tag != new.tag {
            let message = format!("the tag is `{}`, and was `{}`", new.tag, old.tag);
            self.report(Rule::OperationMoved, (Side::New, &below(&new.pointer, "tags")), id, message);
        }
        if !old.model.deprecated && new.model.deprecated {
            let spot = below(&new.pointer, "deprecated");
            let message = format!("`{} {}` is deprecated", new.model.method, new.model.path);
            self.report(Rule::OperationDeprecated, (Side::New, &spot), id, message);
        }
        self.security(old, new);
        self.parameters(old, new);
        self.body(old, new);
        self.responses(old, new);
    }

    fn security(&mut self, old: &Operation<'a>, new: &Operation<'a>) {
        let id = &*new.model.id;
        let (old_own, new_own) = (below(&old.pointer, "security"), below(&new.pointer, "security"));
        let before = (Side::Old, old.security(self.old, &old_own));
        let after = (Side::New, new.security(self.new, &new_own));
        let (was, is) = (&old.model.security, &new.model.security);
        match (was.is_empty(), is.is_empty()) {
            (true, true) => return,
            (true, false) => {
                let message = format!("anybody could call it, and now {}", alternatives(is));
                return self.report(Rule::SecurityAdded, after, id, message);
            }
            (false, true) => {
                let message = format!("anybody may call it, and before {}", alternatives(was));
                return self.report(Rule::SecurityRemoved, after, id, message);
            }
            (false, false) => {}
        }
        for alternative in was.iter().filter(|alternative| !is.iter().any(|one| lets_in(one, alternative))) {
            match is.iter().find(|one| schemes(one) == schemes(alternative)) {
                Some(one) => {
                    let message = format!("the scope {} is asked for", missing(one, alternative));
                    self.report(Rule::ScopeAdded, after, id, message);
                }
                None => {
                    let message = format!("{} does not suffice any more", words(alternative));
                    self.report(Rule::SecurityAlternativeRemoved, before, id, message);
                }
            }
        }
        for alternative in is.iter().filter(|alternative| !was.iter().any(|one| lets_in(one, alternative))) {
            match was.iter().find(|one| schemes(one) == schemes(alternative)) {
                // Told above, where the scopes went one for another.
                Some(one) if missing(one, alternative).is_empty() => {}
                Some(one) => {
                    let message = format!("the scope {} is not asked for any more", missing(one, alternative));
                    self.report(Rule::ScopeRemoved, after, id, message);
                }
                None => {
                    let message = format!("{} suffices", words(alternative));
                    self.report(Rule::SecurityAlternativeAdded, after, id, message);
                }
            }
        }
    }

    fn parameters(&mut self, old: &Operation<'a>, new: &Operation<'a>) {
        let id = &*new.model.id;
        let (was, is) = (old.variables(), new.variables());
        // Variables are told by their place in the path, header names by whatever their case.
        let key = |parameter: &model::Parameter, variables: &[&str]| match parameter.location {
            Location::Path => {
                ("path", variables.iter().position(|name| *name == parameter.name).unwrap_or_default().to_string())
            }
            Location::Query => ("query", parameter.name.clone()),
            Location::Header => ("header", parameter.name.to_ascii_lowercase()),
        };
        let before: Vec<_> = old.model.parameters.iter().map(|one| (key(one, &was), one)).collect();
        let after: Vec<_> = new.model.parameters.iter().map(|one| (key(one, &is), one)).collect();
        for ((place, _), parameter) in before.iter().filter(|(key, _)| !after.iter().any(|(other, _)| key == other)) {
            let pointer = old.parameter(self.old, parameter);
            let message = format!("the {place} parameter `{}` is gone", parameter.name);
            self.report(Rule::ParameterRemoved, (Side::Old, &pointer), id, message);
        }
        for (key, parameter) in &after {
            let pointer = new.parameter(self.new, parameter);
            let what = format!("the {} parameter `{}`", key.0, parameter.name);
            let Some((_, same)) = before.iter().find(|(other, _)| key == other) else {
                let (rule, word) = match parameter.required {
                    true => (Rule::RequiredParameterAdded, "new and required"),
                    false => (Rule::ParameterAdded, "new"),
                };
                self.report(rule, (Side::New, &pointer), id, format!("{what} is {word}"));
                continue;
            };
            let known = old.parameter(self.old, same);
            if same.name != parameter.name && key.0 == "path" {
                let message = format!("the path parameter `{}` is now called `{}`", same.name, parameter.name);
                self.report(Rule::ParameterRenamed, (Side::New, &below(&pointer, "name")), id, message);
            }
            match (same.required, parameter.required) {
                (false, true) => {
                    let spot = below(&pointer, "required");
                    self.report(
                        Rule::ParameterBecameRequired,
                        (Side::New, &spot),
                        id,
                        format!("{what} became required"),
                    );
                }
                (true, false) => {
                    let message = format!("{what} became optional");
                    self.report(Rule::ParameterBecameOptional, (Side::New, &pointer), id, message);
                }
                _ => {}
            }
            if same.explode != parameter.explode && matches!(parameter.schema.kind, model::Kind::Array { .. }) {
                let word = if parameter.explode { "repeated" } else { "joined by commas" };
                let message = format!("{what}: its items are {word}, and were not");
                self.report(Rule::ParameterStyleChanged, (Side::New, &pointer), id, message);
            }
            self.schemas.root(below(&known, "schema"), below(&pointer, "schema"), Direction::Request, id);
        }
    }

    fn body(&mut self, old: &Operation<'a>, new: &Operation<'a>) {
        let id = &*new.model.id;
        let before = resolve(self.old, &below(&old.pointer, "requestBody"));
        let after = resolve(self.new, &below(&new.pointer, "requestBody"));
        let (was, is) = match (&old.model.body, &new.model.body) {
            (None, None) => return,
            (Some(_), None) => {
                return self.report(Rule::BodyRemoved, (Side::Old, &before), id, "the request body is gone".into());
            }
            (None, Some(body)) => {
                let (rule, word) = match body.required {
                    true => (Rule::RequiredBodyAdded, "new and required"),
                    false => (Rule::BodyAdded, "new"),
                };
                return self.report(rule, (Side::New, &after), id, format!("the request body is {word}"));
            }
            (Some(was), Some(is)) => (was, is),
        };
        match (was.required, is.required) {
            (false, true) => {
                let spot = below(&after, "required");
                self.report(
                    Rule::BodyBecameRequired,
                    (Side::New, &spot),
                    id,
                    "the request body became required".into(),
                );
            }
            (true, false) => {
                let message = "the request body became optional".into();
                self.report(Rule::BodyBecameOptional, (Side::New, &after), id, message);
            }
            _ => {}
        }
        for media in &is.media {
            let Some(same) = was.media.iter().find(|same| same.name == media.name) else { continue };
            if same.limit != media.limit {
                let rule = if media.limit < same.limit { Rule::BodyLimitLowered } else { Rule::BodyLimitRaised };
                let message = format!("a request body may have {} bytes, and could have {}", media.limit, same.limit);
                let own = below(&below(&below(&after, "content"), &media.name), "x-body-limit");
                let spot = if value(self.new, &own).is_null() { below(&after, "x-body-limit") } else { own };
                self.report(rule, (Side::New, &spot), id, message);
            }
        }
        self.content("the request", &before, &after, Direction::Request, id);
    }

    fn responses(&mut self, old: &Operation<'a>, new: &Operation<'a>) {
        let id = &*new.model.id;
        let was = members(self.old, &below(&old.pointer, "responses"));
        let is = members(self.new, &below(&new.pointer, "responses"));
        // A status is documented by itself, by its range, or by what stands for all others.
        let covering = |list: &BTreeMap<String, String>, status: &str| {
            let range = format!("{}XX", status.chars().next().unwrap_or_default());
            [status, &range, "default"].iter().find_map(|key| list.get(*key).cloned())
        };
        let mut pairs = Vec::new();
        for (status, pointer) in &was {
            match covering(&is, status) {
                Some(same) => pairs.push((status, pointer.clone(), same)),
                None => {
                    let message = format!("the status {status} is gone");
                    self.report(Rule::StatusRemoved, (Side::Old, pointer), id, message);
                }
            }
        }
        for (status, pointer) in is.iter().filter(|(status, _)| !was.contains_key(*status)) {
            match covering(&was, status) {
                Some(same) => pairs.push((status, same, pointer.clone())),
                None => {
                    let message = format!("the status {status} is new");
                    self.report(Rule::StatusAdded, (Side::New, pointer), id, message);
                }
            }
        }
        for (status, old, new) in pairs {
            let (old, new) = (resolve(self.old, &old), resolve(self.new, &new));
            self.headers(status, &old, &new, id);
            self.content(&format!("the answer {status}"), &old, &new, Direction::Response, id);
        }
    }

    fn headers(&mut self, status: &str, old: &str, new: &str, id: &str) {
        let lower = |headers: BTreeMap<String, String>| -> BTreeMap<String, String> {
            headers.into_iter().map(|(name, pointer)| (name.to_ascii_lowercase(), pointer)).collect()
        };
        let (was, is) =
            (lower(members(self.old, &below(old, "headers"))), lower(members(self.new, &below(new, "headers"))));
        let what = format!("the answer {status}: the header");
        self.names((Rule::HeaderRemoved, Rule::HeaderAdded), &what, id, &was, &is);
        for (name, pointer) in is {
            let Some(known) = was.get(&name) else { continue };
            let (known, pointer) = (resolve(self.old, known), resolve(self.new, &pointer));
            let required = |api: &Api, pointer: &str| value(api, pointer)["required"] == Value::Bool(true);
            let rule = match (required(self.old, &known), required(self.new, &pointer)) {
                (true, false) => Some((Rule::HeaderBecameOptional, "optional")),
                (false, true) => Some((Rule::HeaderBecameRequired, "required")),
                _ => None,
            };
            if let Some((rule, word)) = rule {
                self.found.push(Found {
                    rule,
                    direction: Some(Direction::Response),
                    message: format!("{what} `{name}` became {word}"),
                    side: Side::New,
                    pointer: pointer.clone(),
                    operations: vec![id.to_owned()],
                });
            }
            self.schemas.root(below(&known, "schema"), below(&pointer, "schema"), Direction::Response, id);
        }
    }

    /// Media types and their schemas.
    fn content(&mut self, what: &str, old: &str, new: &str, direction: Direction, id: &str) {
        let lower = |content: BTreeMap<String, String>| -> BTreeMap<String, String> {
            content.into_iter().map(|(name, pointer)| (name.to_ascii_lowercase(), pointer)).collect()
        };
        let was = lower(members(self.old, &below(old, "content")));
        let is = lower(members(self.new, &below(new, "content")));
        let rules = (Rule::MediaTypeRemoved, Rule::MediaTypeAdded);
        self.names(rules, &format!("{what}: the media type"), id, &was, &is);
        for (name, pointer) in is {
            let Some(known) = was.get(&name) else { continue };
            let (known, pointer) = (below(known, "schema"), below(&pointer, "schema"));
            if !value(self.old, &known).is_null() && !value(self.new, &pointer).is_null() {
                self.schemas.root(known, pointer, direction, id);
            }
        }
    }
}

/// The names in the object at a pointer, with where each stands.
fn members(api: &Api, pointer: &str) -> BTreeMap<String, String> {
    let object = value(api, pointer).as_object();
    let names = object.into_iter().flat_map(Map::keys).filter(|name| !name.starts_with("x-"));
    names.map(|name| (name.clone(), below(pointer, name))).collect()
}

/// Whether whoever satisfies the second alternative satisfies the first one too.
fn lets_in(one: &[Requirement], other: &[Requirement]) -> bool {
    one.iter().all(|needed| {
        let given = other.iter().find(|given| given.scheme == needed.scheme);
        given.is_some_and(|given| needed.scopes.iter().all(|scope| given.scopes.contains(scope)))
    })
}

fn schemes(alternative: &[Requirement]) -> Vec<&str> {
    let mut names: Vec<_> = alternative.iter().map(|requirement| requirement.scheme.as_str()).collect();
    names.sort_unstable();
    names
}

/// The scopes that the first alternative asks for and the second does not.
fn missing(one: &[Requirement], other: &[Requirement]) -> String {
    let asked = |alternative: &[Requirement], scope: &String| {
        alternative.iter().any(|requirement| requirement.scopes.contains(scope))
    };
    let scopes = one.iter().flat_map(|requirement| &requirement.scopes);
    let names: Vec<_> = scopes.filter(|scope| !asked(other, scope)).map(|scope| format!("`{scope}`")).collect();
    names.join(", ")
}

fn words(alternative: &[Requirement]) -> String {
    let each = alternative.iter().map(|requirement| match &*requirement.scopes {
        [] => format!("`{}`", requirement.scheme),
        scopes => format!("`{}` with `{}`", requirement.scheme, scopes.join("`, `")),
    });
    each.collect::<Vec<_>>().join(" and ")
}

fn alternatives(security: &[Vec<Requirement>]) -> String {
    let each: Vec<_> = security.iter().map(|alternative| words(alternative)).collect();
    format!("{} is needed", each.join(" or "))
}
