//! A server on a port of its own, and the one error type of both services.

use dropshot::{Body, ConfigDropshot, HttpServer, ServerBuilder};
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use openapi_dropshot::runtime::{Api, Failure, FailureKind, Operation, Response, Service, Violation};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::sync::Arc;

/// A running server; it stops when this is dropped.
pub(crate) struct Running<S: Service> {
    pub(crate) url: String,
    pub(crate) service: Arc<S>,
    client: Client,
    _server: HttpServer<Arc<S>>,
}

/// Starts a stock dropshot server for the service.
pub(crate) fn start<S: Service>(api: Api<S>, service: S) -> Running<S> {
    let service = Arc::new(service);
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let config = ConfigDropshot { bind_address: ([127, 0, 0, 1], 0).into(), ..ConfigDropshot::default() };
    let server =
        ServerBuilder::new(api.mount(), Arc::clone(&service), log).config(config).start().expect("a port is free");
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client can be made");
    Running { url: format!("http://{}", server.local_addr()), service, client, _server: server }
}

impl<S: Service> Running<S> {
    /// A request with a key that every operation accepts.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).header("X-Shop-Key", "open sesame")
    }

    pub(crate) fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }
}

/// The error of both services: a status, a sentence, and what is wrong with the inputs.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    violations: Vec<Violation>,
    allow: Vec<Method>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: &str) -> Self {
        Problem { status, message: message.to_owned(), violations: Vec::new(), allow: Vec::new() }
    }

    /// The answer in the documents' error schema; both have the same.
    pub(crate) fn render(self, media: &'static str, operation: Option<&'static Operation>) -> Response {
        let violations: Vec<Value> = self
            .violations
            .iter()
            .map(|violation| {
                let (location, code) = (format!("{:?}", violation.location), format!("{:?}", violation.code));
                json!({"location": location, "field": violation.field, "code": code, "message": violation.message})
            })
            .collect();
        let status = self.status.as_u16();
        if let Some(operation) = operation {
            assert_eq!(operation.error_schema(status), Some("Problem"), "{} declares {status}", operation.id);
        }
        let body = json!({"status": status, "message": self.message, "violations": violations});
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
        if !self.allow.is_empty() {
            let names: Vec<_> = self.allow.iter().map(Method::as_str).collect();
            response.headers_mut().insert(ALLOW, names.join(", ").parse().expect("methods make a header"));
        }
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = failure.status();
        let allow = match failure.kind {
            FailureKind::MethodNotAllowed(methods) => methods,
            _ => Vec::new(),
        };
        Problem { status, message: failure.message, violations: failure.violations, allow }
    }
}

/// Sends the request and expects an answer of that status, with JSON in it.
pub(crate) async fn json_of(request: RequestBuilder, status: u16) -> Value {
    let response = request.send().await.expect("the server answers");
    let found = response.status().as_u16();
    let text = response.text().await.expect("the answer has a body");
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("the answer is JSON: {text}"))
}

/// Sends the request and expects an answer of that status.
pub(crate) async fn answer_of(request: RequestBuilder, status: u16) -> reqwest::Response {
    let response = request.send().await.expect("the server answers");
    assert_eq!(response.status().as_u16(), status);
    response
}

/// The violations of an error answer, as `Location field Code`.
pub(crate) fn violations(problem: &Value) -> Vec<String> {
    let listed = problem["violations"].as_array().into_iter().flatten();
    let text = |violation: &Value, key: &str| violation[key].as_str().unwrap_or_default().to_owned();
    listed.map(|violation| ["location", "field", "code"].map(|key| text(violation, key)).join(" ")).collect()
}
