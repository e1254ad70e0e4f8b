//! One application and another on the same server: neither can name, see or change what the other has.
//!
//! The walk needs no list of what refers to what: it puts everything of the other application into every place of every
//! request, and then what never was into the same place. Where the two answers differ, somebody learns what exists.

use super::conformance::{Report, brief};
use super::document::{Operation, document, operations};
use super::request::{Body, Request};
use super::world::{Ids, World, variables};
use crate::support::{Answer, Caller};
use chatkitty_platform::auth::now;
use chatkitty_platform::store::{Tx, read_receipts, sessions};
use futures::stream::{self, StreamExt as _};
use percent_encoding::percent_decode_str;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// Stands in what the other application has written and is never sent by this one, so that it gives a leak away.
const TRACE: &str = "wombat";
/// What the other application calls its user, its channel and whatever else has a name; this one may guess it.
const THEIR_NAME: &str = "quokka";
/// Names nothing anywhere.
const NO_NAME: &str = "ocelot";
/// Is the ID of nothing.
const NO_ID: i64 = 999_999;

/// The operations that want a token.
fn protected() -> Vec<Operation> {
    operations().into_iter().filter(|operation| operation.scopes().is_some()).collect()
}

/// A server with two applications that both have one of everything.
struct Stage {
    /// The application that asks.
    world: World,
    /// The token of the other one.
    token: String,
    /// What the other one has.
    ids: Ids,
    /// The path of a file of the other one.
    file: String,
    /// The latest message of the other one, and an ID that was given to a message of this one, since deleted: cursors
    /// are places in the order of IDs, and no other message lies between the two.
    cursors: (i64, i64),
}

impl Stage {
    /// A stage that is not open: there are only copies of it, so that it has to be set once.
    async fn set() -> Self {
        let mut world = World::new().await;
        // Of no noun do both applications have the same ID: else one ID in a body could be of either.
        let apart = |tx: &Tx<'_>| tx.execute("UPDATE sqlite_sequence SET seq = seq + 1000 * rowid", &[]);
        world.server.store().write(apart).await.expect("IDs are given in sequence");
        let theirs = world.server.another_application().await;
        let (ids, file, latest) = populate(&theirs).await;
        let token = theirs.token.clone().expect("the other application's token");
        let mine = Caller { server: &world.server, token: Some(world.token.clone()) };
        let channel = json!({"id": world.ids["channels"]});
        let deleted = mine.message(&channel, "soon gone").await["id"].as_i64().expect("an id");
        mine.delete(&format!("/v1/messages/{deleted}")).await.ok();
        mine.message(&channel, "the last word").await;
        for id in ids.values() {
            assert!(*id > 1000 && !world.ids.values().any(|own| own == id), "the walk cannot tell whose {id} is");
        }
        world.server.stop().await;
        Stage { world, token, ids, file, cursors: (latest, deleted) }
    }

    /// The same stage once more, as it was set.
    async fn open(&self) -> Self {
        let World { server, token, ids } = &self.world;
        let world = World { server: server.start_copy().await, token: token.clone(), ids: ids.clone() };
        let (token, ids, file) = (self.token.clone(), self.ids.clone(), self.file.clone());
        Stage { world, token, ids, file, cursors: self.cursors }
    }

    /// All that the other application finds when it asks for what it has, which is the same on every stage.
    async fn inventory(&self) -> Value {
        let theirs = Caller { server: &self.world.server, token: Some(self.token.clone()) };
        let mut found = json!({});
        for operation in protected().iter().filter(|operation| operation.method == Method::GET) {
            let mut path = operation.path.replace("{application_id}", "me");
            for (name, value) in variables(operation, &self.ids) {
                path = path.replace(&format!("{{{name}}}"), &value);
            }
            let answer = theirs.get(&path).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            found[operation.id] = settled(&answer.body, &[], "");
        }
        found
    }

    /// Two requests for each place where an operation lets something be named.
    fn attempts(&self, operation: &Operation) -> Vec<Attempt> {
        let mut attempts = self.attempts_in_path(operation);
        let mut bodies = Vec::new();
        for (label, request) in self.world.examples(operation, operation.path) {
            if let Body::Value { value, .. } = &request.body {
                // Some bodies go by several media types.
                if bodies.contains(value) {
                    continue;
                }
                bodies.push(value.clone());
            }
            // What an application asks for itself has nothing of another's either.
            let what = format!("nothing named, {label}");
            attempts.push(Attempt {
                what,
                theirs: request.clone(),
                nowhere: None,
                pairs: Vec::new(),
                must_miss: false,
            });
            self.attempts_in_query(operation, &label, &request, &mut attempts);
            self.attempts_in_body(&label, &request, &mut attempts);
        }
        attempts
    }

    /// Every variable by itself, and all at once.
    fn attempts_in_path(&self, operation: &Operation) -> Vec<Attempt> {
        let names: Vec<&'static str> = variables(operation, &self.ids).into_keys().collect();
        let mut choices: Vec<Vec<&'static str>> = names.iter().map(|name| vec![*name]).collect();
        choices.extend(Some(names.clone()).filter(|names| names.len() > 1));
        let mut attempts = Vec::new();
        for address in operation.addresses(self.world.application()).iter().filter(|address| address.contains('{')) {
            let plain = self.world.request(operation, address);
            for chosen in &choices {
                let (mut theirs, mut nowhere, mut pairs) = (plain.clone(), plain.clone(), Vec::new());
                let mut names_an_id = false;
                for name in chosen {
                    let own = &plain.variables[name];
                    let their = match variables(operation, &self.ids)[name].clone() {
                        _ if *name == "application_id" => self.ids["applications"].to_string(),
                        // Names of the document's examples, which both applications have.
                        example if example == *own => THEIR_NAME.to_owned(),
                        id => id,
                    };
                    let is_id = their != THEIR_NAME;
                    names_an_id |= is_id;
                    let none = if is_id { NO_ID.to_string() } else { NO_NAME.to_owned() };
                    pairs.push((their.clone(), none.clone()));
                    theirs.variables.insert(name, their);
                    nowhere.variables.insert(name, none);
                }
                let what = format!("their {} in the path", chosen.join(" and "));
                attempts.push(Attempt { must_miss: names_an_id, ..Attempt::new(what, theirs, nowhere, pairs) });
            }
        }
        attempts
    }

    fn attempts_in_query(&self, operation: &Operation, label: &str, plain: &Request, attempts: &mut Vec<Attempt>) {
        let (latest, deleted) = self.cursors;
        let mut pairs = self.texts();
        pairs.push((latest.to_string(), deleted.to_string()));
        // A filter by custom data is JSON in a text.
        let filter = |name: &str| json!({"owner": name}).to_string();
        pairs.push((filter(THEIR_NAME), filter(NO_NAME)));
        for parameter in operation.parameters.iter().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().expect("a parameter has a name");
            for (theirs, nowhere) in &pairs {
                let what = format!("{theirs} as {name}, {label}");
                let (first, second) = (plain.with_query(name, &[theirs]), plain.with_query(name, &[nowhere]));
                attempts.push(Attempt::new(what, first, second, vec![(theirs.clone(), nowhere.clone())]));
            }
        }
    }

    fn attempts_in_body(&self, label: &str, plain: &Request, attempts: &mut Vec<Attempt>) {
        let Body::Value { media, value } = &plain.body else { return };
        for pointer in places(value) {
            let place = value.pointer(&pointer).expect("the place of a value");
            for (theirs, nowhere) in self.values_for(place) {
                let changed = |to: &Value| {
                    let mut value = value.clone();
                    *value.pointer_mut(&pointer).expect("the same place") = to.clone();
                    Request { body: Body::Value { media, value }, ..plain.clone() }
                };
                let pair = (text(&theirs), text(&nowhere));
                let what = format!("{theirs} at {pointer}, {label}");
                attempts.push(Attempt::new(what, changed(&theirs), changed(&nowhere), vec![pair]));
            }
        }
    }

    /// What of the other application can stand for a value, and what stands for the same of nobody.
    fn values_for(&self, place: &Value) -> Vec<(Value, Value)> {
        let ids = || {
            let mut ids: Vec<i64> = self.ids.values().copied().collect();
            ids.sort_unstable();
            ids.dedup();
            ids.into_iter().map(|id| (json!(id), json!(NO_ID)))
        };
        match place {
            Value::Number(_) => ids().collect(),
            Value::String(text) => {
                let fits = |their: &str| their.starts_with("http") == text.starts_with("http");
                let texts = self.texts().into_iter().filter(|(their, _)| fits(their));
                texts.map(|(their, none)| (json!(their), json!(none))).collect()
            }
            // A user is named by either.
            Value::Object(map) if map.len() == 1 && (map.contains_key("id") || map.contains_key("username")) => {
                let by_name = (json!({"username": THEIR_NAME}), json!({"username": NO_NAME}));
                ids().map(|(their, none)| (json!({"id": their}), json!({"id": none}))).chain([by_name]).collect()
            }
            _ => Vec::new(),
        }
    }

    fn texts(&self) -> Vec<(String, String)> {
        let key = self.file.rsplit('/').nth(1).expect("the key of a file");
        let file = format!("{}{}", self.world.server.url, self.file);
        let nothing = file.replace(key, &"n".repeat(key.len()));
        vec![(THEIR_NAME.to_owned(), NO_NAME.to_owned()), (file, nothing)]
    }

    /// Sends a request as this application; what the server does in the background comes with the answer.
    async fn send(&self, request: &Request) -> Answer {
        let mut answer = self.world.send(&request.with_token(&self.world.token)).await;
        if answer.status == 202 {
            let mine = Caller { server: &self.world.server, token: Some(self.world.token.clone()) };
            let job = mine.ended(&answer.body).await;
            let lines = if job.get("file").is_some() { mine.lines(&job).await } else { Vec::new() };
            answer.body = json!({"job": job, "lines": lines});
        }
        answer
    }

    /// What in an answer is the other application's.
    fn trace(&self, answer: &Answer) -> Option<String> {
        let text = format!("{} {:?}", answer.body, answer.headers);
        let links = format!("/applications/{}", self.ids["applications"]);
        [TRACE, &links].into_iter().find(|trace| text.contains(trace)).map(str::to_owned)
    }
}

/// The same request twice: with something of the other application, and with what never was.
struct Attempt {
    what: String,
    theirs: Request,
    nowhere: Option<Request>,
    /// What stands in the one for what stands in the other; an answer may repeat it.
    pairs: Vec<(String, String)>,
    /// Whether the request can only be refused as 404.
    must_miss: bool,
}

impl Attempt {
    fn new(what: String, theirs: Request, nowhere: Request, pairs: Vec<(String, String)>) -> Self {
        Attempt { what, theirs, nowhere: Some(nowhere), pairs, must_miss: false }
    }
}

/// One of everything with [`TRACE`] in it; a new collection wants its line here. Gives the IDs, the path of a file and
/// the latest message.
async fn populate(theirs: &Caller<'_>) -> (Ids, String, i64) {
    let id = |resource: &Value| resource["id"].as_i64().unwrap_or_else(|| panic!("no id in {resource}"));
    let properties = json!({"owner": THEIR_NAME, "note": TRACE});
    let user = json!({"name": THEIR_NAME, "displayName": TRACE, "properties": properties});
    let user = theirs.post("/v1/users", user).await.ok();
    for name in ["crm-token", THEIR_NAME] {
        let secret = format!("/v1/users/{}/secrets/{name}", user["id"]);
        theirs.put(&secret, json!({"secret": {"token": TRACE}})).await.ok();
    }
    let picture = Part::bytes(b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()).file_name(format!("{TRACE}.gif"));
    let picture = Form::new().part("file", picture.mime_str("image/gif").expect("a media type"));
    let address = format!("/v1/users/{}/display-picture", user["id"]);
    Answer::of(theirs.request(Method::POST, &address).multipart(picture)).await.ok();
    let channel = json!({"type": "PUBLIC", "name": THEIR_NAME, "displayName": TRACE, "properties": properties});
    let channel = theirs.post("/v1/channels", channel).await.ok();
    theirs.member(&channel, id(&user)).await;
    theirs.post(&format!("/v1/channels/{}/moderators", channel["id"]), json!({"id": user["id"]})).await.ok();
    let messages = format!("/v1/channels/{}/messages", channel["id"]);
    let body = format!("{THEIR_NAME} {TRACE}");
    let sent = json!({"body": body, "user": {"id": user["id"]}, "groupTag": THEIR_NAME, "properties": properties});
    let message = theirs.post(&messages, sent).await.ok();
    let reply = theirs.reply(&message, TRACE).await;
    let thread = theirs.get(message["_links"]["replies"]["href"].as_str().expect("a link to the replies")).await.ok();
    let minutes = Part::text(TRACE).file_name("minutes.txt").mime_str("text/plain").expect("a media type");
    let upload = theirs.request(Method::POST, &messages).multipart(Form::new().part("file", minutes));
    let upload = Answer::of(upload).await.ok();
    let import = json!([{"name": format!("{THEIR_NAME}-{TRACE}"), "idempotencyKey": THEIR_NAME}]);
    theirs.import("/v1/imports/users", &import).await;
    let job = Answer::of(theirs.request(Method::POST, "/v1/analytics/messages")).await.body;
    let job = theirs.ended(&job).await;
    let ids = Ids::from([
        ("applications", id(&theirs.get("/v1/application").await.ok())),
        ("users", id(&user)),
        ("channels", id(&channel)),
        ("members", id(&user)),
        ("moderators", id(&user)),
        ("messages", id(&message)),
        ("threads", id(&thread)),
        ("jobs", id(&job)),
    ]);
    let (application, user, channel, read) = (ids["applications"], ids["users"], ids["channels"], id(&reply));
    let live = move |tx: &Tx<'_>| {
        // It has been heard of in the future, so that it does not end while the test runs.
        let soon = now() + 3_600_000;
        let session = sessions::start(tx, application, user, "node", Some(TRACE), soon)?;
        sessions::enter(tx, application, session.expect("the user is there"), channel, soon)?;
        read_receipts::record(tx, application, read, user, now())
    };
    theirs.server.store().write(live).await.expect("what the live side writes");
    let file = upload["file"]["url"].as_str().and_then(|url| url.strip_prefix(&theirs.server.url));
    let file = file.unwrap_or_else(|| panic!("no file in {upload}")).to_owned();
    let latest = [&message, &reply, &upload].into_iter().map(id).max().expect("messages");
    (ids, file, latest)
}

/// Where the values stand in a body that could name something, as JSON pointers.
fn places(value: &Value) -> Vec<String> {
    let below = |name: &str, value: &Value| {
        let name = name.replace('~', "~0").replace('/', "~1");
        places(value).into_iter().map(move |place| format!("/{name}{place}")).collect::<Vec<_>>()
    };
    let mut found = vec![String::new()];
    match value {
        Value::Object(map) => {
            // Custom data is the application's own and names nothing.
            let named = map.iter().filter(|(name, _)| *name != "properties");
            found.extend(named.flat_map(|(name, value)| below(name, value)));
        }
        Value::Array(items) => {
            found.extend(items.iter().enumerate().flat_map(|(index, item)| below(&index.to_string(), item)))
        }
        _ => {}
    }
    found
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a stream says of itself, if this is that: where it begins, and whether something is missing before it.
fn own_place(event: &serde_json::Map<String, Value>) -> Option<&str> {
    event.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("STREAM_"))
}

/// A value without what differs from one server, and from one moment, to the next.
fn settled(value: &Value, pairs: &[(String, String)], name: &str) -> Value {
    if matches!(name, "timestamp" | "key") || name.ends_with("Time") {
        return Value::Null;
    }
    let plain = |text: &str| {
        let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
        let text = pairs.iter().fold(text, |text, (theirs, nowhere)| text.replace(theirs, nowhere));
        let local = text.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split_once('/'));
        match local.map(|(_, path)| path.split('/').collect::<Vec<_>>()).as_deref() {
            // The key of a file is made by chance.
            Some(["v1", "files", _, name]) => format!("/v1/files/KEY/{name}"),
            Some(path) => path.join("/"),
            None => text,
        }
    };
    match value {
        // A stream begins at the caller's own newest event, of which the stream before has made some.
        Value::Object(map) if own_place(map).is_some() => own_place(map).into(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), settled(value, pairs, name))).collect(),
        Value::Array(items) => items.iter().map(|item| settled(item, pairs, name)).collect(),
        Value::String(text) => json!(plain(text)),
        Value::Number(number) => {
            let text = number.to_string();
            let pair = pairs.iter().find(|(theirs, _)| *theirs == text);
            json!(pair.map_or(text, |(_, nowhere)| nowhere.clone()))
        }
        other => other.clone(),
    }
}

/// Checks that two answers differ in nothing but their time and what was named.
fn same(
    report: &mut Report,
    operation: &Operation,
    request: &Request,
    what: &str,
    pairs: &[(String, String)],
    (one, other): (&Answer, &Answer),
) {
    let equal = one.status == other.status && settled(&one.body, pairs, "") == settled(&other.body, pairs, "");
    report.check(equal, operation, request, || {
        let told = |answer: &Answer| format!("{} {}", answer.status, brief(&answer.body));
        format!("{what}: what is there is told from what never was, {} from {}", told(one), told(other))
    });
}

#[tokio::test]
async fn nothing_of_another_application_can_be_named_seen_or_changed() {
    let stage = Stage::set().await;
    let inventory = stage.open().await.inventory().await;
    assert!(inventory.to_string().matches(TRACE).count() > 20, "the other application has too little to leak");
    // Much of the time is spent waiting for disks, so that several operations are walked at once.
    let walk = |operation| {
        let (stage, inventory) = (&stage, &inventory);
        async move { walk(&operation, stage, inventory).await }
    };
    let mut walks = stream::iter(protected()).map(walk).buffer_unordered(4);
    let mut report = Report::default();
    while let Some(own) = walks.next().await {
        report.append(own);
    }
    report.finish();
}

async fn walk(operation: &Operation, set: &Stage, inventory: &Value) -> Report {
    let (mut report, mut stage) = (Report::default(), set.open().await);
    for number in 0..stage.attempts(operation).len() {
        let attempt = stage.attempts(operation).remove(number);
        let mut answers = Vec::new();
        for request in [Some(&attempt.theirs), attempt.nowhere.as_ref()].into_iter().flatten() {
            let (answer, what) = (stage.send(request).await, &attempt.what);
            if attempt.must_miss {
                report.answer(operation, request, what, &answer, 404);
            }
            report.check(!answer.status.is_server_error(), operation, request, || {
                format!("{what}: {} {}", answer.status, brief(&answer.body))
            });
            let trace = stage.trace(&answer);
            report.check(trace.is_none(), operation, request, || {
                format!("{what}: {trace:?} is the other application's, and in {}", brief(&answer.body))
            });
            // Else the next request would find what this one has left.
            if answer.status.is_success() && !operation.is_safe() {
                check_inventory(&mut report, operation, &attempt, (&stage, inventory)).await;
                stage = set.open().await;
            }
            answers.push(answer);
        }
        if let [one, other] = &answers[..] {
            same(&mut report, operation, &attempt.theirs, &attempt.what, &attempt.pairs, (one, other));
        }
    }
    report
}

/// Checks that the other application has all that it had, and nothing else.
async fn check_inventory(
    report: &mut Report,
    operation: &Operation,
    attempt: &Attempt,
    (stage, before): (&Stage, &Value),
) {
    let after = stage.inventory().await;
    report.check(after == *before, operation, &attempt.theirs, || {
        let (before, after) = (before.as_object(), after.as_object());
        let changed = before.into_iter().flatten().zip(after.into_iter().flatten()).filter(|(one, other)| one != other);
        let changed: Vec<_> = changed.map(|((name, _), _)| name).collect();
        format!("{}: the other application now finds something else by {changed:?}", attempt.what)
    });
}

#[tokio::test]
async fn another_application_is_not_there() {
    let (world, mut report) = (World::new().await, Report::default());
    let (foreign, ids) = world.another().await;
    for operation in protected() {
        for address in operation.aliases(&world.application().to_string()) {
            let request = world.request(&operation, &address).with_token(&foreign);
            let answer = world.send(&request).await;
            report.answer(&operation, &request, "another application's token", &answer, 404);
        }
        let nobody = operation.aliases(&NO_ID.to_string());
        for (address, nowhere) in operation.aliases(&ids["applications"].to_string()).iter().zip(&nobody) {
            for variables in [variables(&operation, &world.ids), variables(&operation, &ids)] {
                let request = Request { variables, ..world.request(&operation, address) };
                let answer = world.send(&request).await;
                report.answer(&operation, &request, "an address of another application", &answer, 404);
                let unknown = Request { template: nowhere.clone(), ..request.clone() };
                let unknown = world.send(&unknown).await;
                same(&mut report, &operation, &request, "its address", &[], (&answer, &unknown));
            }
        }
    }
    report.finish();
}

/// What needs no token is open to everybody, and so stands in a list that a reader can judge: pictures made of a name,
/// files whose address nobody can guess, and what asks for other credentials.
#[test]
fn nothing_else_is_open_to_everybody() {
    let open: Vec<_> = operations().iter().filter(|operation| operation.scopes().is_none()).map(|own| own.id).collect();
    let known = [
        "createAccessToken",
        "revokeAccessToken",
        "introspectAccessToken",
        "retrieveFile",
        "retrieveDisplayPicture",
        "checkLiveness",
        "checkReadiness",
    ];
    assert_eq!(open, known, "an operation of {} wants no token", document()["info"]["title"]);
}
