//! A server that has one of everything, and requests to it as the document's examples have them.

use super::document::{Operation, operations, resolve};
use super::request::{Body, Request};
use super::values::text_of;
use crate::support::{Answer, CLIENT, Caller, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chatkitty_platform::store::files::{self, FileOwner, FileRow};
use chatkitty_platform::store::{Tx, reports};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use reqwest::header;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// IDs by the noun of their collection.
pub(super) type Ids = BTreeMap<&'static str, i64>;

/// A server, an application on it, and one resource of every collection.
pub(super) struct World {
    pub(super) server: Server,
    /// Of the application, with all scopes.
    pub(super) token: String,
    pub(super) ids: Ids,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::without(None).await
    }

    /// A world in which what an operation's examples create is not there yet.
    async fn without(collection: Option<&'static str>) -> Self {
        let server = Server::start().await;
        let caller = server.application().await;
        let ids = populate(&caller, collection).await;
        let token = caller.token.clone().expect("the application's token");
        World { server, token, ids }
    }

    /// Another application on the same server: its token, and the IDs of what it has.
    pub(super) async fn another(&self) -> (String, Ids) {
        let caller = self.server.another_application().await;
        let ids = populate(&caller, None).await;
        (caller.token.clone().expect("the other application's token"), ids)
    }

    pub(super) fn application(&self) -> i64 {
        self.ids["applications"]
    }

    /// A token with these scopes only.
    pub(super) async fn token_for<'s>(&self, scopes: impl IntoIterator<Item = &'s str>) -> String {
        let scopes: Vec<&str> = scopes.into_iter().collect();
        self.server.with_scopes(&scopes.join(" ")).await.token.expect("a token with some scopes")
    }

    /// A request with what the document demands and nothing else.
    pub(super) fn request(&self, operation: &Operation, address: &str) -> Request {
        let mut request = Request {
            method: operation.method.clone(),
            template: address.to_owned(),
            variables: variables(operation, &self.ids),
            query: Vec::new(),
            headers: vec![(header::AUTHORIZATION.as_str(), self.authorization(operation))],
            body: Body::None,
        };
        for parameter in operation.parameters.iter().filter(|parameter| parameter["required"] == true) {
            request.add_example(operation, parameter);
        }
        if let Some(example) = operation.body_examples().first() {
            request.body = Body::Value { media: example.media, value: example.value.clone() };
        }
        request
    }

    /// Every request that the document gives as an example: each body, without and with the optional parameters.
    pub(super) fn examples(&self, operation: &Operation, address: &str) -> Vec<(String, Request)> {
        let plain = self.request(operation, address);
        let mut full = plain.clone();
        for parameter in operation.parameters.iter().filter(|parameter| parameter["required"] != true) {
            full.add_example(operation, parameter);
        }
        let mut requests = vec![("required parameters".to_owned(), plain)];
        if full.query.len() > requests[0].1.query.len() {
            requests.push(("all parameters".to_owned(), full));
        }
        let bodies = operation.body_examples();
        if bodies.is_empty() {
            return requests;
        }
        let with_body = |(label, request): &(String, Request)| {
            let made = bodies.iter().map(|example| {
                let body = Body::Value { media: example.media, value: example.value.clone() };
                (format!("{label}, {} {}", example.media, example.name), Request { body, ..request.clone() })
            });
            made.collect::<Vec<_>>()
        };
        requests.iter().flat_map(with_body).collect()
    }

    fn authorization(&self, operation: &Operation) -> String {
        if operation.takes_credentials() {
            format!("Basic {}", STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1)))
        } else {
            format!("Bearer {}", self.token)
        }
    }

    pub(super) async fn send(&self, request: &Request) -> Answer {
        let mut url = format!("{}{}", self.server.url, request.path());
        for (index, (name, value)) in request.query.iter().enumerate() {
            let value = percent_encode(value, NON_ALPHANUMERIC);
            url = format!("{url}{}{name}={value}", if index == 0 { '?' } else { '&' });
        }
        let mut sending = self.server.http.request(request.method.clone(), url);
        for (name, value) in &request.headers {
            sending = sending.header(*name, value);
        }
        let sending = match &request.body {
            Body::None => sending,
            Body::Bytes { media, bytes } => sending.header(header::CONTENT_TYPE, *media).body(bytes.clone()),
            Body::Value { media: "application/x-www-form-urlencoded", value } => sending.form(value),
            Body::Value { media: "multipart/form-data", value } => {
                let fields = value.as_object().into_iter().flatten();
                // A part that the document does not know, so that there is a body whatever else is left out.
                let form = reqwest::multipart::Form::new().text("unknown", "");
                let form = fields.fold(form, |form, (name, value)| form.text(name.clone(), text_of(value)));
                sending.multipart(form)
            }
            Body::Value { media, value } => sending.header(header::CONTENT_TYPE, *media).body(value.to_string()),
        };
        Answer::of(sending).await
    }
}

/// Worlds in which an operation succeeds: a new one each time for those that change something, since the example of one
/// request may be gone or taken for the next; for the others one that lasts.
#[derive(Default)]
pub(super) struct Worlds {
    lasting: Option<World>,
    fresh: Option<World>,
}

impl Worlds {
    pub(super) async fn before(&mut self, operation: &Operation) -> &World {
        let world = if operation.is_safe() { self.lasting.take() } else { None };
        let world = match world {
            Some(world) => world,
            None => World::without(operation.creates_in()).await,
        };
        if operation.is_safe() { self.lasting.insert(world) } else { self.fresh.insert(world) }
    }
}

/// One of everything; a new collection wants its line here.
async fn populate(caller: &Caller<'_>, left_out: Option<&str>) -> Ids {
    let id = |resource: &Value| resource["id"].as_i64().unwrap_or_else(|| panic!("no id in {resource}"));
    let mut ids = Ids::from([("applications", id(&caller.get("/v1/application").await.ok()))]);
    // Two items that cannot be imported, so that there is a report and nothing else.
    ids.insert("jobs", id(&caller.import("/v1/imports/users", &json!([{}, {}])).await));
    if left_out != Some("users") {
        // The names that the examples of the document use.
        ids.insert("users", id(&caller.user("jdoe").await));
        caller.user("asmith").await;
        hosted_file(caller, &ids).await;
        let secret = format!("/v1/users/{}/secrets/crm-token", ids["users"]);
        caller.put(&secret, json!({"secret": {"token": "5f0c1d2e"}})).await.ok();
    }
    if left_out != Some("channels") {
        // So that the next is the channel with the ID that the examples of the document name in queries.
        caller.channel("OPEN", "entrance").await;
        let channel = caller.channel("PUBLIC", "fixtures").await;
        ids.insert("channels", id(&channel));
        if let Some(user) = ids.get("users").copied().filter(|_| left_out != Some("members")) {
            caller.member(&channel, user).await;
            ids.insert("members", user);
            if left_out != Some("moderators") {
                caller.post(&format!("/v1/channels/{}/moderators", channel["id"]), json!({"id": user})).await.ok();
                ids.insert("moderators", user);
            }
        }
        // A channel has its thread from the start, but only messages lead to it.
        let message = caller.message(&channel, "Hello").await;
        let thread = caller.delete(&format!("/v1/messages/{}", message["id"])).await.ok();
        ids.insert("threads", id(&thread));
        if left_out != Some("messages") {
            let message = id(&caller.message(&channel, "Hello").await);
            ids.insert("messages", message);
            if let (Some(user), application) = (ids.get("users").copied(), ids["applications"]) {
                let report = move |tx: &Tx<'_>| reports::record(tx, application, message, user, 0);
                caller.server.store().write(report).await.expect("a report");
            }
        }
    }
    ids
}

/// The file that the document's examples name; a key is made by chance, so that none comes by this one by uploading.
async fn hosted_file(caller: &Caller<'_>, ids: &Ids) {
    let operation = operations().into_iter().find(|operation| operation.id == "retrieveFile");
    let example = variables(&operation.expect("files can be retrieved"), &Ids::new());
    let name = example["name"].clone();
    let file = FileRow { key: example["key"].clone(), name, content_type: "image/gif".to_owned(), size: 14 };
    std::fs::write(caller.server.files().join(&file.key), b"GIF89a\x01\0\x01\0\0\0\0;")
        .expect("the folder of the files");
    let (application, owner) = (ids["applications"], FileOwner::User(ids["users"]));
    let attach = move |tx: &Tx<'_>| {
        // Another application of the same server may have it already.
        if files::get(tx, &file.key)?.is_none() {
            files::announce(tx, &file.key, i64::MAX)?;
            files::attach(tx, application, &file, owner, 0)?;
        }
        Ok(())
    };
    caller.server.store().write(attach).await.expect("the file is noted");
}

/// The values of the path: an ID after the noun of a collection, else the parameter's example.
pub(super) fn variables(operation: &Operation, ids: &Ids) -> BTreeMap<&'static str, String> {
    let mut values = BTreeMap::new();
    let mut noun = "";
    for segment in operation.path.split('/') {
        let Some(name) = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
            noun = segment;
            continue;
        };
        let parameter = operation.parameters.iter().find(|parameter| parameter["name"] == name);
        let parameter = parameter.unwrap_or_else(|| panic!("{}: no parameter {name}", operation.id));
        let is_id = resolve(&parameter["schema"])["type"] == "integer";
        let value = match ids.get(noun) {
            Some(id) if is_id => id.to_string(),
            None if is_id => panic!("{}: nothing in `{noun}`; let `populate` create one", operation.id),
            _ => text_of(&parameter["example"]),
        };
        values.insert(name, value);
    }
    values
}
