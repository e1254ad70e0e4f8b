//! What every request passes before, and every response after, the generated routes.
//!
//! dropshot has no middleware and answers some failures itself, so the server's only endpoints are catch-alls that look
//! requests up in the generated routes. Here, and only here: the headers of every answer, CORS and `OPTIONS`, path
//! aliases, redirects to the canonical path, 404 and 405 in our shape, HAL-FORMS, the pages beside the API, the limit of
//! an address, the time limit, and the access log.

use crate::error::Error;
use crate::explorer::Pages;
use crate::generated::server::{PATH_ALIASES, VERSION};
use crate::limits::Standings;
use crate::platform::{NamedApplication, Platform};
use crate::{hal_forms, naming};
use dropshot::{Body, ClientErrorStatusCode, DynamicVersionPolicy, HttpError, RequestContext};
use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW, CACHE_CONTROL,
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, EXPIRES, HOST, HeaderName, HeaderValue, IF_NONE_MATCH,
    LOCATION, ORIGIN, PRAGMA, STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    X_XSS_PROTECTION,
};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, Request, StatusCode, Uri, Version};
use http_body_util::BodyExt;
use openapi_dropshot::runtime::{
    Failure, FailureKind, Naming, PathAlias, Response, Route, Routes, Unrouted, allow, preferred,
};
use percent_encoding::percent_decode_str;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// 32 upper-case hexadecimal digits that name one answer; the log has them too.
const X_RESPONSE_TOKEN: HeaderName = HeaderName::from_static("x-response-token");

/// The way in and out.
pub struct Edge {
    routes: Routes<Platform>,
    pages: Pages,
    /// What every answer carries.
    headers: HeaderMap,
    time_limit: Duration,
    access_log: bool,
}

impl Edge {
    /// An edge before these routes and pages. A request is given up after `time_limit`.
    pub fn new(routes: Routes<Platform>, pages: Pages, time_limit: Duration, access_log: bool) -> Self {
        Edge { routes, pages, headers: usual_headers(), time_limit, access_log }
    }

    /// Answers one request.
    pub async fn handle(
        self: Arc<Self>,
        context: RequestContext<Arc<Platform>>,
        mut request: Request<Body>,
    ) -> Response {
        let started = self.access_log.then(Instant::now);
        let token = response_token(&context.request_id);
        let line =
            started.map(|_| (request.method().clone(), request.uri().path().to_owned(), context.request.remote_addr()));
        let cross_origin = request.headers().contains_key(ORIGIN);
        let standings = context.context().authority.limits.are_set().then(Standings::default);
        if let Some(standings) = &standings {
            request.extensions_mut().insert(standings.clone());
        }
        let mut response = self.answer(context, request).await;
        if let Some(standings) = standings {
            standings.tell(response.headers_mut());
        }
        self.dress(response.headers_mut(), &token, cross_origin);
        if let (Some(started), Some((method, path, from))) = (started, line) {
            let (status, token) = (response.status().as_u16(), token.to_str().unwrap_or_default());
            let microseconds = started.elapsed().as_micros() as u64;
            tracing::info!(target: "chatkitty::access", %method, path, status, microseconds, token, %from, "answered");
        }
        response
    }

    async fn answer(&self, context: RequestContext<Arc<Platform>>, mut request: Request<Body>) -> Response {
        // Whoever watches the server is never told to slow down.
        if !matches!(request.uri().path(), "/health/live" | "/health/ready") {
            let from = context.request.remote_addr().ip();
            let counted = context.context().authority.limits.count_address(from, request.extensions());
            if let Err(error) = counted {
                return error.render(None);
            }
        }
        if !has_plain_host(&request) {
            let message = "the Host header is not a host name with an optional port";
            return Error::from(Failure::new(FailureKind::Malformed, message)).render(None);
        }
        let method = request.method().clone();
        let preflight = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if let Some(canonical) = canonical_path(request.uri()) {
            let target = aliased(&canonical).map_or_else(|| canonical.clone(), |(target, _)| target);
            let target = spelled(&self.routes, &method, &target).map_or(target, |(target, _)| target);
            if self.routes.find(&method, target.path()).is_ok() {
                return redirect(&canonical);
            }
        }
        let spelling = spelled(&self.routes, &method, request.uri()).map(|(target, alias)| {
            *request.uri_mut() = target;
            alias
        });
        if let Some((target, named)) = aliased(request.uri()) {
            *request.uri_mut() = target;
            request.extensions_mut().insert(named);
        }
        let route = match self.routes.find(&method, request.uri().path()) {
            Ok(route) => route,
            Err(Unrouted::MethodNotAllowed(methods)) if method == Method::OPTIONS => {
                return options(&methods, preflight);
            }
            // The document's own paths come first, so that the pages cost them nothing.
            Err(unrouted) => {
                let page = self.page(&context, &request).await;
                return page.unwrap_or_else(|| Error::from(unrouted.failure()).render(None));
            }
        };
        let forms = spelling.is_none() && wants_forms(request.headers());
        if forms && let Some(accept) = hal_first(request.headers()) {
            request.headers_mut().insert(ACCEPT, accept);
        }
        let known = request.headers().get(IF_NONE_MATCH).cloned();
        let arrived = Arc::new(AtomicU64::new(0));
        let request = counted(request, &arrived);
        let answer = async {
            match spelling {
                Some(alias) => spell(alias, context, request, route).await,
                None if forms => with_forms(route.call(context, request).await).await,
                None => route.call(context, request).await,
            }
        };
        match within(self.time_limit, &arrived, answer).await {
            Some(response) => unless_known(response, known.as_ref()),
            None => Error::TimedOut.render(None),
        }
    }

    async fn page(&self, context: &RequestContext<Arc<Platform>>, request: &Request<Body>) -> Option<Response> {
        let origin = || context.context().origin(request.headers(), request.uri());
        self.pages.find(request.method(), context.request.uri().path(), origin, request.headers()).await
    }

    /// Adds what every answer carries. What the answer says itself stays.
    fn dress(&self, headers: &mut HeaderMap, token: &HeaderValue, cross_origin: bool) {
        headers.reserve(self.headers.len() + 4);
        // What an answer says of being kept goes before the usual, of which nothing may contradict it.
        let is_kept = headers.contains_key(CACHE_CONTROL);
        for (name, value) in &self.headers {
            if *name == VARY {
                headers.append(VARY, value.clone());
            } else if !is_kept || !matches!(*name, PRAGMA | EXPIRES) {
                headers.entry(name).or_insert_with(|| value.clone());
            }
        }
        headers.insert(X_RESPONSE_TOKEN, token.clone());
        if cross_origin {
            // Tokens come in a header and never in a cookie, so that any page may call with one that it was given.
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
}

const EXPOSED: &str = "Link, Location, Allow, Retry-After, RateLimit, RateLimit-Policy, X-Api-Version, X-Response-Token, WWW-Authenticate";

fn usual_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let version = HeaderValue::try_from(format!("v{VERSION}")).unwrap_or(HeaderValue::from_static(VERSION));
    headers.insert(HeaderName::from_static("x-api-version"), version);
    for value in ["Accept", "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        headers.append(VARY, HeaderValue::from_static(value));
    }
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_XSS_PROTECTION, "1; mode=block"),
        (CACHE_CONTROL, "no-cache, no-store, max-age=0, must-revalidate"),
        (PRAGMA, "no-cache"),
        (EXPIRES, "0"),
        (STRICT_TRANSPORT_SECURITY, "max-age=63072000 ; includeSubDomains ; preload"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// Bytes of a body that have to arrive within the time limit; each so many begin it anew, so that long uploads get through
/// and slow ones end.
const ARRIVAL: u64 = 256 << 10;

/// The request with its body counted as it arrives, where it may be long.
fn counted(request: Request<Body>, arrived: &Arc<AtomicU64>) -> Request<Body> {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if request.method().is_safe() || length.is_some_and(|length| length <= ARRIVAL) {
        return request;
    }
    let arrived = Arc::clone(arrived);
    request.map(|body| {
        Body::wrap(body.map_frame(move |frame| {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            arrived.fetch_add(length, Ordering::Relaxed);
            frame
        }))
    })
}

/// What `answer` gives, unless the limit passes without it and without another piece of the body.
async fn within<T>(limit: Duration, arrived: &AtomicU64, answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = std::pin::pin!(answer);
    let mut seen = 0;
    loop {
        if let Ok(answer) = tokio::time::timeout(limit, answer.as_mut()).await {
            return Some(answer);
        }
        let now = arrived.load(Ordering::Relaxed);
        if now - seen < ARRIVAL {
            return None;
        }
        seen = now;
    }
}

/// The answer, or 304 where the caller has it already (RFC 9110 section 13.1.2).
fn unless_known(mut response: Response, known: Option<&HeaderValue>) -> Response {
    let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok());
    let (Some(tag), Some(known)) = (tag, known) else { return response };
    let mut known = known.to_str().unwrap_or_default().split(',').map(|own| own.trim().trim_start_matches("W/"));
    if response.status() == StatusCode::OK && known.any(|own| own == tag || own == "*") {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_DISPOSITION] {
            response.headers_mut().remove(name);
        }
    }
    response
}

const HAL: &str = "application/hal+json";

/// Whether the caller names HAL-FORMS and prefers nothing else.
fn wants_forms(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.contains(hal_forms::MEDIA_TYPE)
        && preferred(accept, &[hal_forms::MEDIA_TYPE, HAL, "application/json"]) == Some(hal_forms::MEDIA_TYPE)
}

/// The caller's `Accept` with HAL before all else, since the forms are added to the HAL answer. What the caller also
/// takes stays behind it, for operations that answer pictures or plain JSON alone.
fn hal_first(headers: &HeaderMap) -> Option<HeaderValue> {
    let accept = headers.get(ACCEPT)?.to_str().ok()?;
    let others = accept.split(',').filter(|range| !range.contains(hal_forms::MEDIA_TYPE) && !range.contains(HAL));
    let others = others.map(|range| {
        let (name, parameters) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameters.split(';').find_map(|part| part.trim().strip_prefix("q=")?.trim().parse().ok());
        format!(", {};q={:.3}", name.trim(), weight.unwrap_or(1.0_f32) * 0.9)
    });
    HeaderValue::from_str(&format!("{HAL}{}", others.collect::<String>())).ok()
}

/// Adds the forms to a HAL answer; any other answer stays as it is.
async fn with_forms(response: Response) -> Response {
    if response.headers().get(CONTENT_TYPE).is_none_or(|found| found != HAL) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(|body| body.to_bytes()) else {
        return Error::from(Failure::new(FailureKind::Internal, "an answer ended half-way")).render(None);
    };
    let Ok(mut resource) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let path = |href: &str| {
        let uri = href.parse::<Uri>().ok()?;
        Some(aliased(&uri).map_or(uri.path().to_owned(), |(target, _)| target.path().to_owned()))
    };
    hal_forms::add_templates(&mut resource, path);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(hal_forms::MEDIA_TYPE));
    Response::from_parts(parts, Body::from(resource.to_string()))
}

/// dropshot has made a random UUID for the request already; its digits are the token.
pub(crate) fn response_token(request_id: &str) -> HeaderValue {
    let mut digits = [b'0'; 32];
    let hex = request_id.bytes().filter(u8::is_ascii_hexdigit);
    for (digit, byte) in digits.iter_mut().zip(hex) {
        *digit = byte.to_ascii_uppercase();
    }
    HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("00000000000000000000000000000000"))
}

/// Whether the request has one host, which can stand in the links of an answer. Only HTTP/1.0 may do without.
fn has_plain_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let authority = match (hosts.next(), hosts.next(), request.uri().authority()) {
        (Some(host), None, _) => host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()),
        (Some(_), Some(_), _) => None,
        // HTTP/2 has it in the address.
        (None, _, Some(authority)) => Some(authority.clone()),
        (None, _, None) => return request.version() == Version::HTTP_10,
    };
    // An authority may also have a user, and anything for a port.
    authority.is_some_and(|authority| {
        let (host, port) = (authority.host(), authority.port());
        let port = port.map_or(0, |port| 1 + port.as_str().len());
        !host.is_empty() && authority.as_str().len() == host.len() + port
    })
}

/// What an address below an alias stands for, and the application it names.
fn aliased(uri: &Uri) -> Option<(Uri, NamedApplication)> {
    let (name, path) = PATH_ALIASES.iter().find_map(|alias| alias.target(uri.path()))?;
    let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    let query = uri.query().map(|query| ["?", query].concat()).unwrap_or_default();
    let target = (path + &query).parse::<PathAndQuery>().ok()?;
    Some((Uri::from(target), NamedApplication(name)))
}

/// Answers in the spelling of an alias.
async fn spell(
    (alias, naming): (&PathAlias, &'static Naming),
    context: RequestContext<Arc<Platform>>,
    request: Request<Body>,
    route: Route<Platform>,
) -> Response {
    let origin = context.context().origin(request.headers(), request.uri());
    let headers = request.headers().clone();
    let response = route.call(context, naming::request(request, naming)).await;
    let (served, prefix) = ([&origin, alias.serves].concat(), [&origin, alias.prefix.trim_end_matches('/')].concat());
    naming::response(response, naming, &headers, &served, &prefix).await
}

/// What an address stands for that is the document's only below an alias with a spelling of its own, and that alias.
fn spelled(
    routes: &Routes<Platform>,
    method: &Method,
    uri: &Uri,
) -> Option<(Uri, (&'static PathAlias, &'static Naming))> {
    let is_known = |uri: &Uri| !matches!(routes.find(method, uri.path()), Err(Unrouted::NotFound));
    PATH_ALIASES.iter().find_map(|alias| {
        let naming = alias.naming.as_ref()?;
        let below = |prefix: &str| uri.path().strip_prefix(prefix.trim_end_matches('/'))?.strip_prefix('/');
        if uri.path() == alias.serves || below(alias.serves).is_some() || is_known(uri) {
            return None;
        }
        let query = uri.query().map(|query| ["?", query].concat()).unwrap_or_default();
        let below = below(alias.prefix).filter(|below| !below.is_empty())?;
        let target = [alias.serves, "/", below, &query].concat().parse::<PathAndQuery>().ok()?;
        let target = Uri::from(target);
        let plain = aliased(&target).map(|(plain, _)| plain);
        is_known(plain.as_ref().unwrap_or(&target)).then_some((target, (alias, naming)))
    })
}

/// The path with single slashes and none at the end, if it is not so already.
fn canonical_path(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if path.len() < 2 || !(path.ends_with('/') || path.contains("//")) {
        return None;
    }
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let query = uri.query().map(|query| ["?", query].concat()).unwrap_or_default();
    format!("/{}{query}", segments.join("/")).parse().ok()
}

/// 308 keeps the method and the body.
fn redirect(location: &Uri) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    if let Ok(location) = HeaderValue::try_from(location.to_string()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// What a path takes, told to anybody: browsers ask without a token.
fn options(methods: &[Method], preflight: bool) -> Response {
    let allow = allow(methods);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    if preflight {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
        let names = "authorization, content-type, x-requested-with";
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(names));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    }
    headers.insert(ALLOW, allow);
    response
}

/// Gives the headers of every answer to the two failures that dropshot's own router answers before any endpoint is
/// asked: exotic methods, and paths that cannot be decoded. Their body stays dropshot's.
pub struct Gate(pub Routes<Platform>);

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl DynamicVersionPolicy for Gate {
    fn request_extract_version(&self, request: &Request<Body>, _: &slog::Logger) -> Result<semver::Version, HttpError> {
        let plain = |segment: &str| !matches!(segment, "." | "..") && percent_decode_str(segment).decode_utf8().is_ok();
        let path = request.uri().path();
        let mut error = if !path.split('/').all(plain) {
            HttpError::for_bad_request(None, "the path is not percent-encoded UTF-8".to_owned())
        } else if KNOWN.contains(request.method()) {
            return Ok(semver::Version::new(1, 0, 0));
        } else {
            HttpError::for_client_error_with_status(None, ClientErrorStatusCode::METHOD_NOT_ALLOWED)
        };
        let spelled = spelled(&self.0, request.method(), request.uri());
        let uri = spelled.map_or_else(|| request.uri().clone(), |(target, _)| target);
        let target = aliased(&uri).map_or(uri, |(target, _)| target);
        if let Err(Unrouted::MethodNotAllowed(methods)) = self.0.find(request.method(), target.path()) {
            error.headers_mut().insert(ALLOW, allow(&methods));
        }
        let headers = error.headers_mut();
        headers.extend(usual_headers());
        headers.insert(X_RESPONSE_TOKEN, response_token(&uuid::Uuid::new_v4().to_string()));
        Err(error)
    }
}

const KNOWN: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];
