//! What the program serves beside the API itself: the document, documentation of its operations and link relations, and
//! a HAL explorer.
//!
//! Nothing here comes from another host, and every page has a policy under which nothing else could.

pub mod relations;

use crate::generated::server::DOCUMENT;
use bytes::Bytes;
use dropshot::Body;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
    REFERRER_POLICY, X_FRAME_OPTIONS,
};
use http::{HeaderMap, Method, StatusCode};
use openapi_dropshot::runtime::Response;
use parking_lot::{Mutex, RwLock};
use percent_encoding::percent_decode_str;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The document as it was written by hand.
pub const YAML: &str = include_str!("../../openapi.yaml");
/// The origin that the document names; what is served has this server's own in its place.
const WRITTEN_ORIGIN: &str = "http://127.0.0.1:8080";

/// Served documents that are kept, each in one form for one origin. A caller may make origins up, so there is a limit.
const MOST_DOCUMENTS: usize = 16;

/// The explorer's folder.
const EXPLORER: &str = "/v1/explorer/";
const HTML: &str = "text/html; charset=utf-8";

/// No inline code, no foreign host, no frame but of our own pages, and in the explorer no text that becomes markup.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
/// Swagger UI builds its page from text, so it cannot do with Trusted Types.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The pages about relations run no code, and explorers show them beside the links.
const RELATIONS_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

#[derive(RustEmbed)]
#[folder = "src/explorer/static"]
struct BuiltIn;

/// The pages that are switched on.
pub struct Pages {
    docs: Option<Arc<utoipa_swagger_ui::Config<'static>>>,
    explorer: Explorer,
    /// The document by origin and path, the one that was asked for last at the end.
    documents: Mutex<Vec<(String, Page)>>,
    /// What is the same for every caller, by path.
    kept: RwLock<HashMap<String, Page>>,
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
        let config = utoipa_swagger_ui::Config::from("/openapi.json");
        let swagger = || Arc::new(config.use_base_layout().filter(true).deep_linking(true));
        Pages { docs: docs.then(swagger), explorer, documents: Mutex::default(), kept: RwLock::default() }
    }

    /// The page at a path, if there is one; `origin` is this server's as the caller reaches it.
    pub async fn find(
        &self,
        method: &Method,
        path: &str,
        origin: impl FnOnce() -> String,
        headers: &HeaderMap,
    ) -> Option<Response> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let page = match (&*path, &self.explorer) {
            ("/openapi.yaml" | "/openapi.json", _) => self.document(&path, origin()),
            ("/docs" | "/docs/", _) if self.docs.is_some() => return Some(redirect("/docs/index.html")),
            ("/docs/rels", _) if self.docs.is_some() => return Some(redirect(relations::PAGES)),
            ("/v1/explorer" | "/v1/explorer/", explorer) if *explorer != Explorer::Off => {
                return Some(redirect("/v1/explorer/index.html"));
            }
            (path, Explorer::Folder(folder)) if path.starts_with(EXPLORER) => {
                let file = path.strip_prefix(EXPLORER)?;
                // Only plain names, so that no path leads out of the folder.
                let plain = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
                let bytes = tokio::fs::read(plain.then(|| folder.join(file))?).await.ok()?;
                Page::new(media_type(file), Some(EXPLORER_POLICY), bytes)
            }
            (path, _) => self.kept(path)?,
        };
        Some(page.respond(headers))
    }

    /// The document for callers who reach this server at an origin.
    fn document(&self, path: &str, origin: String) -> Page {
        let key = [&origin, path].concat();
        let mut documents = self.documents.lock();
        if let Some(at) = documents.iter().position(|(known, _)| *known == key) {
            // The one that was asked for last is the last to go.
            let found = documents.remove(at);
            documents.push(found);
        } else {
            let page = match path {
                "/openapi.yaml" => Page::new("application/yaml", None, served(YAML, &origin)),
                _ => Page::new("application/json", None, served(DOCUMENT.text(), &origin)),
            };
            if documents.len() == MOST_DOCUMENTS {
                documents.remove(0);
            }
            documents.push((key, page));
        }
        documents[documents.len() - 1].1.clone()
    }

    /// A page that is the same for every caller, made when it is first asked for. There are as many as are built in.
    fn kept(&self, path: &str) -> Option<Page> {
        if let Some(page) = self.kept.read().get(path) {
            return Some(page.clone());
        }
        let page = self.make(path)?;
        self.kept.write().insert(path.to_owned(), page.clone());
        Some(page)
    }

    fn make(&self, path: &str) -> Option<Page> {
        if let Some(file) = path.strip_prefix(EXPLORER) {
            let found = (self.explorer == Explorer::BuiltIn).then(|| BuiltIn::get(file))??;
            return Some(Page::new(media_type(file), Some(EXPLORER_POLICY), found.data.into_owned()));
        }
        let config = self.docs.as_ref()?;
        match path {
            "/docs/rels.json" => Some(Page::new("application/json", None, relations::json().to_string())),
            "/docs/rels.css" | "/docs/theme.css" => {
                let found = BuiltIn::get(path.strip_prefix("/docs/")?)?;
                Some(Page::new(media_type(path), None, found.data.into_owned()))
            }
            relations::PAGES => Some(Page::new(HTML, Some(RELATIONS_POLICY), relations::index())),
            _ => match path.strip_prefix(relations::PAGES) {
                Some(relation) => Some(Page::new(HTML, Some(RELATIONS_POLICY), relations::page(relation)?)),
                None => {
                    let file = path.strip_prefix("/docs/")?;
                    let found = utoipa_swagger_ui::serve(file, Arc::clone(config)).ok()??;
                    Some(Page::new(&found.content_type, Some(DOCS_POLICY), found.bytes.into_owned()))
                }
            },
        }
    }
}

/// What is sent, ready to be sent again.
#[derive(Clone)]
struct Page {
    headers: HeaderMap,
    tag: String,
    bytes: Bytes,
}

impl Page {
    fn new(content_type: &str, policy: Option<&'static str>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let digest = Sha256::digest(&bytes);
        let tag = digest.iter().take(16).fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)))
        };
        set(CONTENT_TYPE, content_type);
        set(ETAG, &tag);
        // Asked for anew each time, and then most often not sent: a new version of the program shows at once.
        set(CACHE_CONTROL, "no-cache");
        set(REFERRER_POLICY, "no-referrer");
        if let Some(policy) = policy {
            set(CONTENT_SECURITY_POLICY, policy);
            // The older header has to say the same; without it the answer would get `DENY`.
            if policy.contains("frame-ancestors 'self'") {
                set(X_FRAME_OPTIONS, "SAMEORIGIN");
            }
        }
        Page { headers, tag, bytes }
    }

    fn respond(self, request: &HeaderMap) -> Response {
        let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let fresh = known.flat_map(|value| value.split(',')).any(|value| {
            let value = value.trim();
            value == "*" || value.strip_prefix("W/").unwrap_or(value) == self.tag
        });
        let mut response = Response::new(if fresh { Body::empty() } else { Body::from(self.bytes) });
        *response.headers_mut() = self.headers;
        if fresh {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_TYPE);
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
        Some("html") => HTML,
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
