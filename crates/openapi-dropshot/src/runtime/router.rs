//! From a dropshot server to the handlers.
//!
//! dropshot has no middleware, and answers unknown paths, wrong methods and panics itself, in its own shape. So the
//! server that listens has catch-all endpoints only; they look requests up in the router of the generated endpoints
//! and thus see every request before and every response after its handler.

use super::call::Call;
use super::document::{Described, HEADER, PATH, Parameters, Payload, QUERY};
use super::failure::{Failure, FailureKind};
use super::operation::Operation;
use super::{Response, Service};
use async_trait::async_trait;
use dropshot::{
    ApiDescription, ApiEndpoint, ApiEndpointBodyContentType, ApiEndpointResponse, ApiEndpointVersions, Body,
    ErrorStatusCode, ExclusiveExtractor, ExtractorMetadata, HttpError, HttpResponse, HttpResponseOk, Path, Query,
    RawRequest, RequestContext, ServerContext, SharedExtractor, TypedBody,
};
use futures::FutureExt;
use http::header::{ALLOW, HeaderValue};
use http::{Method, Request, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;
type Handler<C> = Box<dyn FnOnce(RequestContext<C>, Request<Body>) -> Answer + Send>;
type Lookup<C> = dyn Fn(&Method, &str) -> Result<Handler<C>, HttpError> + Send + Sync;

/// Every operation of a document, ready to be served.
pub struct Api<S: Service> {
    description: ApiDescription<Arc<S>>,
    operations: &'static [&'static Operation],
}

impl<S: Service> Api<S> {
    /// Operations as they were registered with dropshot.
    pub fn new(description: ApiDescription<Arc<S>>, operations: &'static [&'static Operation]) -> Self {
        Api { description, operations }
    }

    /// What dropshot has registered, for its own document.
    pub fn description(&self) -> &ApiDescription<Arc<S>> {
        &self.description
    }

    /// The operations of the document.
    pub fn operations(&self) -> &'static [&'static Operation] {
        self.operations
    }

    /// The routes by themselves, for a server that owns the edge.
    pub fn into_routes(self) -> Routes<S> {
        let router = self.description.into_router();
        let lookup = move |method: &Method, path: &str| {
            let found = router.lookup_route(method, path.into(), None)?;
            let handler: Handler<Arc<S>> = Box::new(move |mut context, request| {
                context.endpoint = found.endpoint;
                Box::pin(async move {
                    match found.handler.handle_request(context, request).await {
                        Ok(response) => response,
                        // Generated handlers answer every error themselves; their extractor does not fail.
                        Err(_) => status_only(StatusCode::INTERNAL_SERVER_ERROR),
                    }
                })
            });
            Ok(handler)
        };
        Routes { lookup: Arc::new(lookup) }
    }

    /// A description for a dropshot server that answers as the document says: its errors for unknown paths and wrong
    /// methods, `HEAD` from `GET`, `OPTIONS` with `Allow`, and a 500 for a handler that panics.
    pub fn mount(self) -> ApiDescription<Arc<S>> {
        let routes = self.into_routes();
        catch_all(move |context: RequestContext<Arc<S>>, request| {
            let routes = routes.clone();
            async move {
                let service = Arc::clone(context.context());
                let method = request.method().clone();
                match routes.find(&method, request.uri().path()) {
                    Ok(route) => route.call(context, request).await,
                    Err(Unrouted::MethodNotAllowed(allowed)) if method == Method::OPTIONS => {
                        let mut response = status_only(StatusCode::NO_CONTENT);
                        response.headers_mut().insert(ALLOW, allow(&allowed));
                        response
                    }
                    Err(unrouted) => service.render(unrouted.failure().into(), None),
                }
            }
        })
    }
}

fn status_only(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The value of `Allow` for these methods.
pub fn allow(methods: &[Method]) -> HeaderValue {
    let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

/// The routes of the generated endpoints.
pub struct Routes<S: Service> {
    lookup: Arc<Lookup<Arc<S>>>,
}

impl<S: Service> Clone for Routes<S> {
    fn clone(&self) -> Self {
        Routes { lookup: Arc::clone(&self.lookup) }
    }
}

impl<S: Service> Routes<S> {
    /// The route of a path, with `GET` standing in for `HEAD`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, method: &Method, path: &str) -> Result<Route<S>, Unrouted> {
        let found = (self.lookup)(method, path);
        let found = match found {
            Err(_) if method == Method::HEAD => (self.lookup)(&Method::GET, path),
            found => found,
        };
        match found {
            Ok(handler) => Ok(Route { handler }),
            Err(error) if error.status_code == ErrorStatusCode::METHOD_NOT_ALLOWED => {
                let mut methods: Vec<Method> = error
                    .headers
                    .iter()
                    .flat_map(|headers| headers.get_all(ALLOW).into_iter())
                    .filter_map(|value| value.to_str().ok()?.parse().ok())
                    .collect();
                if methods.contains(&Method::GET) && !methods.contains(&Method::HEAD) {
                    methods.push(Method::HEAD);
                }
                methods.push(Method::OPTIONS);
                methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
                Err(Unrouted::MethodNotAllowed(methods))
            }
            Err(error) if error.status_code == ErrorStatusCode::NOT_FOUND => Err(Unrouted::NotFound),
            Err(_) => Err(Unrouted::Malformed),
        }
    }
}

/// Why a request has no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// No such path.
    NotFound,
    /// The path has other methods, among them those that the server answers by itself.
    MethodNotAllowed(Vec<Method>),
    /// The path cannot be decoded.
    Malformed,
}

impl Unrouted {
    /// The failure that says so.
    pub fn failure(self) -> Failure {
        match self {
            Unrouted::NotFound => Failure::new(FailureKind::NotFound, "there is nothing at this path"),
            Unrouted::Malformed => Failure::new(FailureKind::Malformed, "the path is not percent-encoded UTF-8"),
            Unrouted::MethodNotAllowed(methods) => {
                let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
                let message = format!("this path takes {}", names.join(", "));
                Failure::new(FailureKind::MethodNotAllowed(methods), message)
            }
        }
    }
}

/// The handler that a request is for.
pub struct Route<S: Service> {
    handler: Handler<Arc<S>>,
}

impl<S: Service> Route<S> {
    /// Runs the handler. A panic in it becomes the document's 500.
    pub async fn call(self, context: RequestContext<Arc<S>>, request: Request<Body>) -> Response {
        let service = Arc::clone(context.context());
        match AssertUnwindSafe((self.handler)(context, request)).catch_unwind().await {
            Ok(response) => response,
            Err(_) => service.render(Failure::new(FailureKind::Internal, "a handler panicked").into(), None),
        }
    }
}

/// A description whose endpoints hand every request of the usual methods to one function.
pub fn catch_all<C, F, R>(front: F) -> ApiDescription<C>
where
    C: ServerContext,
    F: Fn(RequestContext<C>, Request<Body>) -> R + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "dropshot wants the wildcard declared; the request has the path")]
    struct Wildcard {
        path: Vec<String>,
    }
    let front = Arc::new(front);
    let mut description = ApiDescription::new();
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
    ];
    for method in methods {
        let front = Arc::clone(&front);
        let handler = move |context: RequestContext<C>, _: Path<Wildcard>, request: RawRequest| {
            front(context, request.into_inner()).map(Ok::<_, HttpError>)
        };
        let (name, versions) = (format!("catch_all_{method}"), ApiEndpointVersions::All);
        let endpoint =
            ApiEndpoint::new(name, handler, method, "application/json", "/{path:.*}", versions).visible(false);
        #[expect(clippy::expect_used, reason = "the description is empty, so nothing can stand in the way")]
        description.register(endpoint).expect("a catch-all endpoint can be registered");
    }
    description
}

/// The whole request, taken without reading any of it; so it cannot fail.
pub struct Incoming<O> {
    request: Request<Body>,
    operation: PhantomData<fn() -> O>,
}

#[async_trait]
impl<O: Described> ExclusiveExtractor for Incoming<O> {
    async fn from_request<C: ServerContext>(_: &RequestContext<C>, request: Request<Body>) -> Result<Self, HttpError> {
        Ok(Incoming { request, operation: PhantomData })
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        let mut metadata = <Path<Parameters<O, PATH>> as SharedExtractor>::metadata(content_type.clone());
        let mut more = vec![
            <Query<Parameters<O, QUERY>> as SharedExtractor>::metadata(content_type.clone()),
            <dropshot::Header<Parameters<O, HEADER>> as SharedExtractor>::metadata(content_type.clone()),
        ];
        if O::OPERATION.body.is_some() {
            more.push(<TypedBody<Payload<O, true>> as ExclusiveExtractor>::metadata(content_type));
        }
        metadata.parameters.extend(more.into_iter().flat_map(|part| part.parameters));
        metadata
    }
}

/// A finished response, described by the document.
pub struct Outgoing<O> {
    response: Response,
    operation: PhantomData<fn() -> O>,
}

impl<O: Described> HttpResponse for Outgoing<O> {
    fn to_result(self) -> Result<Response, HttpError> {
        Ok(self.response)
    }

    fn response_metadata() -> ApiEndpointResponse {
        let mut metadata = if O::OPERATION.produces.iter().any(|media| media.ends_with("json")) {
            HttpResponseOk::<Payload<O, false>>::response_metadata()
        } else {
            ApiEndpointResponse::default()
        };
        metadata.success = StatusCode::from_u16(O::OPERATION.status).ok();
        metadata
    }

    fn status_code(&self) -> StatusCode {
        self.response.status()
    }
}

/// A generated handler as a dropshot endpoint.
pub fn endpoint<O, S, F, R>(handler: F) -> ApiEndpoint<Arc<S>>
where
    O: Described,
    S: Service,
    F: Fn(Arc<S>, Call) -> R + Copy + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let operation = O::OPERATION;
    let content_type = operation
        .body
        .and_then(|rules| rules.media.first())
        .map(|media| media.name)
        .filter(|name| ["application/x-www-form-urlencoded", "multipart/form-data"].contains(name))
        .unwrap_or("application/json");
    let handler = move |context: RequestContext<Arc<S>>, incoming: Incoming<O>| async move {
        let call = Call::new(operation, &context, incoming.request);
        let response = handler(Arc::clone(context.context()), call).await;
        Ok::<_, HttpError>(Outgoing::<O> { response, operation: PhantomData })
    };
    let versions = ApiEndpointVersions::All;
    let mut endpoint = ApiEndpoint::new(
        operation.id.to_owned(),
        handler,
        operation.method.clone(),
        content_type,
        operation.path,
        versions,
    );
    let at = O::DOCUMENT
        .json()
        .get("paths")
        .and_then(|paths| paths.get(operation.path)?.get(operation.method.as_str().to_ascii_lowercase()));
    if let Some(at) = at {
        for tag in at.get("tags").and_then(|tags| tags.as_array()).into_iter().flatten().filter_map(|tag| tag.as_str())
        {
            endpoint = endpoint.tag(tag);
        }
        if let Some(summary) = at.get("summary").and_then(|text| text.as_str()) {
            endpoint = endpoint.summary(summary);
        }
        if let Some(description) = at.get("description").and_then(|text| text.as_str()) {
            endpoint = endpoint.description(description);
        }
    }
    endpoint
}

impl<O> std::fmt::Debug for Incoming<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("uri", self.request.uri()).finish_non_exhaustive()
    }
}
