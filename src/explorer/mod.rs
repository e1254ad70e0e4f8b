//! What the program serves beside the API itself: the document, a documentation page, and a HAL explorer.
//!
//! Nothing here comes from another host, and every page has a policy under which nothing else could.

use dropshot::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY,
};
use http::{HeaderMap, Method, StatusCode};
use openapi_dropshot::runtime::Response;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The document as it was written by hand.
pub const YAML: &str = include_str!("../../openapi.yaml");
/// The origin that the document names; what is served has this server's own in its place.
const WRITTEN_ORIGIN: &str = "http://127.0.0.1:8080";

/// No inline code, no foreign host, no frame, and in the explorer no text that becomes markup.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Swagger UI builds its page from text, so it cannot do with Trusted Types.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "src/explorer/static"]
struct BuiltIn;

/// The pages that are switched on.
pub struct Pages {
    docs: Option<Arc<utoipa_swagger_ui::Config<'static>>>,
    explorer: Explorer,
}

/// Where the explorer comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explorer {
    /// It is switched off.
    Off,
    /// It is our own.
    BuiltIn,
    /// It is an operator's, in a folder.
    Folder(PathBuf),
}

impl Pages {
    /// The pages, with or without the documentation and the explorer.
    pub fn new(docs: bool, explorer: Explorer) -> Self {
        let swagger = || Arc::new(utoipa_swagger_ui::Config::from("/openapi.json").use_base_layout().filter(true));
        Pages { docs: docs.then(swagger), explorer }
    }

    /// The page at a path, if there is one; `origin` is this server's as the caller reaches it.
    pub fn find(
        &self,
        method: &Method,
        path: &str,
        origin: impl FnOnce() -> String,
        headers: &HeaderMap,
    ) -> Option<Response> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let page = match path {
            "/openapi.yaml" => Page::new("application/yaml", None, served(YAML, &origin()).into_bytes()),
            "/openapi.json" => {
                let json = crate::generated::server::DOCUMENT.text();
                Page::new("application/json", None, served(json, &origin()).into_bytes())
            }
            "/docs" | "/docs/" if self.docs.is_some() => return Some(redirect("/docs/index.html")),
            "/v1/explorer" | "/v1/explorer/" if self.explorer != Explorer::Off => {
                return Some(redirect("/v1/explorer/index.html"));
            }
            _ => match (path.strip_prefix("/docs/"), path.strip_prefix("/v1/explorer/")) {
                (Some(file), _) => self.docs_file(file)?,
                (_, Some(file)) => self.explorer_file(file)?,
                _ => return None,
            },
        };
        Some(page.respond(headers))
    }

    fn docs_file(&self, file: &str) -> Option<Page> {
        let config = self.docs.as_ref()?;
        let found = utoipa_swagger_ui::serve(file, Arc::clone(config)).ok()??;
        Some(Page::new(&found.content_type, Some(DOCS_POLICY), found.bytes.into_owned()))
    }

    fn explorer_file(&self, file: &str) -> Option<Page> {
        let bytes = match &self.explorer {
            Explorer::Off => return None,
            Explorer::BuiltIn => BuiltIn::get(file)?.data,
            // Only plain names, so that no path leads out of the folder.
            Explorer::Folder(folder) => {
                let plain = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
                Cow::Owned(std::fs::read(plain.then(|| folder.join(file))?).ok()?)
            }
        };
        Some(Page::new(media_type(file), Some(EXPLORER_POLICY), bytes.into_owned()))
    }
}

struct Page {
    content_type: String,
    policy: Option<&'static str>,
    bytes: Vec<u8>,
}

impl Page {
    fn new(content_type: &str, policy: Option<&'static str>, bytes: Vec<u8>) -> Self {
        Page { content_type: content_type.to_owned(), policy, bytes }
    }

    fn respond(self, request: &HeaderMap) -> Response {
        let digest = Sha256::digest(&self.bytes);
        let tag = digest.iter().take(16).fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
        let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let fresh = known.flat_map(|value| value.split(',')).any(|value| {
            let value = value.trim();
            value == "*" || value.strip_prefix("W/").unwrap_or(value) == tag
        });
        let mut response = Response::new(if fresh { Body::empty() } else { Body::from(self.bytes) });
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value: &str| {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)))
        };
        set(ETAG, &tag);
        // Asked for anew each time, and then most often not sent: a new version of the program shows at once.
        set(CACHE_CONTROL, "no-cache");
        set(REFERRER_POLICY, "no-referrer");
        if let Some(policy) = self.policy {
            set(CONTENT_SECURITY_POLICY, policy);
        }
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            set(CONTENT_TYPE, &self.content_type);
        }
        response
    }
}

/// The document with this server's origin in place of the written one: in `servers`, `tokenUrl` and the examples.
fn served(document: &str, origin: &str) -> String {
    document.replace(WRITTEN_ORIGIN, origin)
}

fn redirect(location: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static(location));
    response
}

fn media_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
