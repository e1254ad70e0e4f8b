//! A server for one test, and callers with an identity each.

use chatkitty_platform::auth::Secret;
use chatkitty_platform::config::Config;
use chatkitty_platform::server::{Running, start};
use chatkitty_platform::store::Store;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The first application's credentials in tests.
pub const CLIENT: (&str, &str) = ("acme", "acmesecret");

/// A running server with a database in a folder of its own; both go with it.
pub struct Server {
    pub url: String,
    /// `sqlite:…`, for a second process or a second start.
    pub database: String,
    pub http: reqwest::Client,
    running: Option<Running>,
    folder: TempDir,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder for the database"), change).await
    }

    /// Starts on a copy of all that this server, which is stopped, has left. What was issued here is good there.
    pub async fn start_copy(&self) -> Self {
        assert!(self.running.is_none(), "a server that runs may be writing what is copied");
        let folder = tempfile::tempdir().expect("a folder for the copy");
        copy(self.folder.path(), folder.path()).expect("what the server has left can be copied");
        Self::start_in(folder, |_| {}).await
    }

    async fn start_in(folder: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let database = format!("sqlite:{}", folder.path().join("test.db").display());
        let first = Some((CLIENT.0.to_owned(), Secret::new(CLIENT.1.to_owned())));
        let mut config = Config { database: database.clone(), first, ..Config::default() };
        change(&mut config);
        let running = start(config).await.expect("the server starts");
        // Redirects are promises of their own, so they are looked at and not followed.
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("an HTTP client");
        Server { url: running.url.clone(), database, http, running: Some(running), folder }
    }

    /// The folder of its files.
    pub fn files(&self) -> PathBuf {
        self.folder.path().join("test.files")
    }

    /// The database of the server, as a second process has it.
    pub fn store(&self) -> Store {
        Store::open(&self.database).expect("the database opens a second time")
    }

    /// Sends bytes as they are over a connection of their own, which is then closed for writing, and gives all that
    /// comes back. Ask for `Connection: close`.
    pub async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // A server that has seen enough may close before all is sent; what it said is still to be read.
        let _ = stream.write_all(bytes.as_ref()).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(20), reading).await;
        let read = read.expect("the server closes a connection that asked for it");
        read.expect("the connection is closed in order, and not reset");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A connection to the server.
    pub async fn connect(&self) -> TcpStream {
        let address = self.url.split_once("//").expect("a url with a scheme").1;
        TcpStream::connect(address).await.expect("the server listens")
    }

    /// Stops the server and waits until it has.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await.expect("the server stops in time");
        }
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Caller<'_> {
        Caller { server: self, token: None }
    }

    /// The first application, with all scopes.
    pub async fn application(&self) -> Caller<'_> {
        self.token(CLIENT, None).await
    }

    /// A token of the first application with these scopes only.
    pub async fn with_scopes(&self, scopes: &str) -> Caller<'_> {
        self.token(CLIENT, Some(scopes)).await
    }

    /// A second application, made as `chatkitty app create` makes it.
    pub async fn another_application(&self) -> Caller<'_> {
        let store = chatkitty_platform::store::Store::open(&self.database).expect("the database opens a second time");
        let made = store
            .write(|tx| {
                let key = "7a6b2f0e-0f4d-4a62-9a53-6d0f5a8f2f11";
                let row = chatkitty_platform::store::applications::create(tx, "Another", key, 0)?;
                chatkitty_platform::server::create_credentials(tx, row.id, None, None)
            })
            .await
            .expect("a second application");
        self.token((&made.client_id, made.client_secret.reveal()), None).await
    }

    /// Exchanges credentials for a token.
    pub async fn token(&self, (id, secret): (&str, &str), scopes: Option<&str>) -> Caller<'_> {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scopes.map(|scopes| ("scope", scopes)));
        let request = self.http.post(format!("{}/oauth/token", self.url)).basic_auth(id, Some(secret)).form(&form);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.body["access_token"].as_str().expect("an access token").to_owned();
        Caller { server: self, token: Some(token) }
    }
}

/// Copies what is in a folder, and in the folders in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Requests with one identity.
pub struct Caller<'s> {
    pub server: &'s Server,
    pub token: Option<String>,
}

impl Caller<'_> {
    /// A request to a path, or to an absolute address as links have it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.server.url) };
        let request = self.server.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn head(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::HEAD, path)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(&body)).await
    }

    /// Sends items as a file to an import, and gives the job when it has ended.
    pub async fn import(&self, path: &str, items: &Value) -> Value {
        self.import_text(path, &items.to_string()).await
    }

    /// Sends any text as a file to an import, and gives the job when it has ended.
    pub async fn import_text(&self, path: &str, text: &str) -> Value {
        let file = Part::text(text.to_owned()).file_name("items.json");
        let answer = Answer::of(self.request(Method::POST, path).multipart(Form::new().part("file", file))).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        self.ended(&answer.body).await
    }

    /// Follows a job to its end.
    pub async fn ended(&self, job: &Value) -> Value {
        let (path, patience) = (format!("/v1/jobs/{}", job["id"]), Instant::now() + Duration::from_secs(60));
        loop {
            let job = self.get(&path).await.ok();
            if job.get("endedTime").is_some() {
                return job;
            }
            assert!(Instant::now() < patience, "the job runs on and on: {job}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The lines of the file that a job has left.
    pub async fn lines(&self, job: &Value) -> Vec<Value> {
        let file = job["file"].as_str().unwrap_or_else(|| panic!("no file in {job}"));
        let answer = self.get(file).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/jsonl"), "{answer:?}");
        let text = answer.body.as_str().unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Sends a merge patch under the name that clients of this API give it.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        let request = self.request(Method::PATCH, path).header("content-type", "application/json+merge-patch");
        Answer::of(request.body(body.to_string())).await
    }

    /// Puts JSON at an address.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        Answer::of(self.request(Method::PUT, path).json(&body)).await
    }

    /// Opens a stream of events, past its first event, which is returned with it.
    pub async fn events(&self, query: &str) -> (Value, Events) {
        self.events_after(query, None).await
    }

    /// Opens a stream that resumes after an event.
    pub async fn events_after(&self, query: &str, last_id: Option<i64>) -> (Value, Events) {
        let mut request = self.request(Method::GET, &format!("/v1/events/stream{query}"));
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap_or_default());
        let mut events = Events::of(response);
        (events.event().await, events)
    }

    /// Creates a user and gives its resource.
    pub async fn user(&self, name: &str) -> Value {
        self.post("/v1/users", json!({"name": name})).await.ok()
    }

    /// Creates a channel of a type and gives its resource.
    pub async fn channel(&self, kind: &str, name: &str) -> Value {
        self.post("/v1/channels", json!({"type": kind, "name": name})).await.ok()
    }

    /// Makes a user a member of a channel.
    pub async fn member(&self, channel: &Value, user: impl Into<Value>) {
        self.post(&format!("/v1/channels/{}/members", channel["id"]), json!({"id": user.into()})).await.ok();
    }

    /// Sends a system message to a channel and gives its resource.
    pub async fn message(&self, channel: &Value, body: &str) -> Value {
        self.post(&format!("/v1/channels/{}/messages", channel["id"]), json!({"body": body})).await.ok()
    }

    /// Replies to a message as the system and gives the reply.
    pub async fn reply(&self, message: &Value, body: &str) -> Value {
        let thread = self.get(message["_links"]["replies"]["href"].as_str().expect("a link to the replies")).await.ok();
        self.post(&format!("/v1/threads/{}/messages", thread["id"]), json!({"body": body})).await.ok()
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body as JSON; text of another type, or that is not JSON, as a string; nothing as null.
    pub body: Value,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer, whatever was sent");
        let (status, headers) = (response.status(), response.headers().clone());
        // A stream of events has no end to wait for; its first event is what it answers.
        if headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            let body = Events::of(response).next().await.unwrap_or_default();
            return Answer { status, headers, body };
        }
        let text = response.text().await.expect("a whole body");
        let body = match text.as_str() {
            "" => Value::Null,
            // Lines of JSON are none of them the body.
            text if headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/jsonl") => text.into(),
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        Answer { status, headers, body }
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    /// Asserts a validation failure of exactly these fields and codes, in any order.
    #[track_caller]
    pub fn faults(self, expected: &[(&str, &str)]) {
        assert_eq!(self.status, 400, "{self:?}");
        let errors = self.body["errors"].as_array().unwrap_or_else(|| panic!("no `errors` in {self:?}"));
        let mut found: Vec<_> =
            errors.iter().map(|e| (e["field"].as_str().unwrap(), e["code"].as_str().unwrap())).collect();
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{self:?}");
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {self:?}"));
        value.to_str().expect("a header of text")
    }
}

/// An open stream of events.
pub struct Events {
    response: Response,
    waiting: String,
    /// The last `id` that came, as a browser would remember it.
    pub last_id: Option<i64>,
    /// The comments that came.
    pub comments: Vec<String>,
}

impl Events {
    /// Reads an answer that is a stream.
    pub fn of(response: Response) -> Self {
        Events { response, waiting: String::new(), last_id: None, comments: Vec::new() }
    }

    /// The data of the next event; none at the end, or when the connection is lost.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let Some((frame, rest)) = self.waiting.split_once("\n\n") else {
                let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk());
                let chunk = chunk.await.expect("an event, or at least a heartbeat, within 30 s").ok()??;
                self.waiting.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
                continue;
            };
            let (mut event, mut data) = ("", None);
            for line in frame.lines() {
                match line.split_once(": ").expect("a name and a value") {
                    ("", comment) => self.comments.push(comment.to_owned()),
                    ("id", id) => self.last_id = Some(id.parse().expect("an integer")),
                    ("event", name) => event = name,
                    ("data", text) => data = Some(serde_json::from_str::<Value>(text).expect("JSON")),
                    (other, _) => panic!("an unknown field {other}"),
                }
            }
            let found = data.inspect(|data| {
                assert_eq!(data["type"], event, "the data names the event it is of");
                assert!(data.get("id").is_none_or(|id| id.as_i64() == self.last_id), "{data} has another id");
            });
            self.waiting = rest.to_owned();
            if found.is_some() {
                return found;
            }
        }
    }

    /// The data of the next event, which there must be.
    pub async fn event(&mut self) -> Value {
        self.next().await.expect("the stream goes on")
    }
}
