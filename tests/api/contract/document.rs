//! What the document says, read from its JSON rather than from the generated constants, which are under test.

use chatkitty_platform::generated::server::DOCUMENT;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// An operation as the document has it.
pub(super) struct Operation {
    pub(super) id: &'static str,
    pub(super) method: Method,
    /// With variables in braces.
    pub(super) path: &'static str,
    /// The operation object.
    pub(super) json: &'static Value,
    /// Those of the operation and of its path.
    pub(super) parameters: Vec<&'static Value>,
}

/// A media type and a named example of a request body.
pub(super) struct BodyExample {
    pub(super) name: &'static str,
    pub(super) media: &'static str,
    pub(super) schema: &'static Value,
    pub(super) value: &'static Value,
    /// Whether what it holds is judged after the request was answered.
    pub(super) streamed: bool,
}

pub(super) fn document() -> &'static Value {
    DOCUMENT.json()
}

/// What a `$ref` names, or the value itself.
pub(super) fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.trim_start_matches('#');
            resolve(document().pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere")))
        }
        None => value,
    }
}

/// The members of an object; none where there is no object.
pub(super) fn members(value: &'static Value) -> impl Iterator<Item = (&'static str, &'static Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

/// The items of an array; none where there is no array.
pub(super) fn items(value: &'static Value) -> impl Iterator<Item = &'static Value> {
    value.as_array().into_iter().flatten()
}

/// Every operation, in the order of the document.
pub(super) fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, item) in members(&document()["paths"]) {
        for (name, json) in members(item) {
            let Ok(method) = name.to_ascii_uppercase().parse::<Method>() else { continue };
            if !matches!(name, "get" | "head" | "post" | "put" | "patch" | "delete") {
                continue;
            }
            let parameters = items(&item["parameters"]).chain(items(&json["parameters"])).map(resolve).collect();
            let id = json["operationId"].as_str().unwrap_or_else(|| panic!("{name} {path} has no operationId"));
            found.push(Operation { id, method, path, json, parameters });
        }
    }
    found
}

/// Every scope that the document knows.
pub(super) fn scopes() -> BTreeSet<&'static str> {
    let scopes = &document()["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"];
    members(scopes).map(|(name, _)| name).collect()
}

impl Operation {
    /// The scopes that a token needs; nothing for an operation that is open to everybody.
    pub(super) fn scopes(&self) -> Option<Vec<&'static str>> {
        let security = self.json.get("security").unwrap_or(&document()["security"]);
        let alternative = items(security).next()?;
        Some(items(&alternative["oauth2"]).filter_map(Value::as_str).collect())
    }

    /// Whether it takes client credentials: where tokens are issued, and what stands beside that.
    pub(super) fn takes_credentials(&self) -> bool {
        let flow = &document()["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"];
        let folder = flow["tokenUrl"].as_str().and_then(|url| url.strip_suffix("token")).expect("a token URL");
        self.path.rsplit_once('/').is_some_and(|(own, _)| !own.is_empty() && folder.ends_with(&format!("{own}/")))
    }

    /// Every address, with the application named by `me` and by its ID.
    pub(super) fn addresses(&self, application: i64) -> Vec<String> {
        let mut addresses = vec![self.path.to_owned()];
        let by_id = self.path.replace("/applications/{application_id}", &format!("/applications/{application}"));
        addresses.extend(Some(by_id).filter(|path| path != self.path));
        addresses.extend(self.aliases("me"));
        addresses.extend(self.aliases(&application.to_string()));
        addresses
    }

    /// The addresses below `x-path-aliases` that name this application.
    pub(super) fn aliases(&self, application: &str) -> Vec<String> {
        // Answers in another naming have schemas of their own, which naming.rs tests.
        let aliases = items(&document()["x-path-aliases"]).filter(|alias| alias.get("naming").is_none());
        let aliases = aliases.filter_map(|alias| {
            let below = self.path.strip_prefix(alias["serves"].as_str()?)?;
            let prefix = alias["prefix"].as_str()?.replace("{application_id}", application);
            below.starts_with('/').then(|| format!("{prefix}{below}"))
        });
        aliases.collect()
    }

    /// The collection that this operation adds to, if it does.
    pub(super) fn creates_in(&self) -> Option<&'static str> {
        self.path.rsplit('/').next().filter(|_| self.method == Method::POST)
    }

    /// The status of its success.
    pub(super) fn success(&self) -> u16 {
        let mut statuses = members(&self.json["responses"]).filter_map(|(status, _)| status.parse().ok());
        statuses
            .find(|status: &u16| (200..300).contains(status))
            .unwrap_or_else(|| panic!("{} has no success", self.id))
    }

    /// The response object of a status, if the document declares it.
    pub(super) fn response(&self, status: u16) -> Option<&'static Value> {
        self.json["responses"].get(status.to_string()).map(resolve)
    }

    /// The media types of a status; first what is answered to those who do not mind.
    pub(super) fn media_types(&self, status: u16) -> Vec<&'static str> {
        let response = self.response(status).into_iter();
        let mut names: Vec<_> =
            response.flat_map(|response| members(&response["content"])).map(|(name, _)| name).collect();
        names.sort_by_key(|name| *name != "application/json");
        names
    }

    /// Whether it leaves everything as it was, and so can be asked again.
    pub(super) fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// Every named example of the request body, for each media type.
    pub(super) fn body_examples(&self) -> Vec<BodyExample> {
        let mut found = Vec::new();
        for (media, content) in
            self.json.get("requestBody").into_iter().flat_map(|body| members(&resolve(body)["content"]))
        {
            let (schema, streamed, before) = (&content["schema"], content["x-stream"] == true, found.len());
            for (name, example) in members(&content["examples"]) {
                found.push(BodyExample { name, media, schema, value: &resolve(example)["value"], streamed });
            }
            assert!(found.len() > before, "{}: {media} has no example; the walk needs one to start from", self.id);
        }
        found
    }

    /// The examples of bodies that are held against their schemas before the request is answered.
    pub(super) fn checked_examples(&self) -> Vec<BodyExample> {
        self.body_examples().into_iter().filter(|example| !example.streamed).collect()
    }

    pub(super) fn has_body(&self) -> bool {
        self.json.get("requestBody").is_some()
    }
}
