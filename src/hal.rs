//! Addresses, links, pages and cursors: pure functions.

use crate::explorer::relations;
use crate::generated::client::types::{CursorPageLinks, CursorPageMetadata, Link, PageLinks, PageMetadata};
use crate::generated::wire::CursorRelation;
use crate::store::events;
use crate::store::messages::Cursor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Items of a page where the request does not say.
pub const DEFAULT_SIZE: i64 = 25;
/// Items of a page at most; a request for more gets this many.
pub const MAX_SIZE: i64 = 100;

/// What RFC 3986 leaves as it is in a segment and in a query value.
pub(crate) const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The absolute addresses of one application's resources, as the caller reaches this server.
#[derive(Clone, Debug)]
pub struct Urls {
    /// `https://host`, without a slash behind it.
    origin: String,
    /// `https://host/v1/applications/1`.
    application: String,
    /// Whether the pages about link relations are served.
    documented: bool,
}

impl Urls {
    /// Addresses below an origin such as `https://chat.example.com`. `documented` says whether link relations have
    /// pages there.
    pub fn new(origin: String, application: i64, documented: bool) -> Self {
        let application = format!("{origin}/v1/applications/{application}");
        Urls { origin, application, documented }
    }

    /// The curie of the relations that begin with a prefix and a colon, where they are documented. Only a resource that
    /// has such relations carries it: the names of all others are short as they are.
    pub fn curies(&self, prefix: &str) -> Vec<Link> {
        let curie = || {
            let href = [&self.origin, relations::PAGES, prefix, ":{rel}"].concat();
            Link { name: Some(prefix.to_owned()), templated: Some(true), ..link(href) }
        };
        self.documented.then(curie).into_iter().collect()
    }

    /// Addresses for a resource that goes into an event, whose readers reach the server in different ways. They come
    /// without curies: whether relations have pages is up to the server that a reader asks.
    pub fn recorded(application: i64) -> Self {
        Urls::new(events::placeholder().to_owned(), application, false)
    }

    /// The API root.
    pub fn root(&self) -> Link {
        link(format!("{}/v1", self.origin))
    }

    /// The caller's application, whichever it is.
    pub fn me(&self) -> Link {
        link(format!("{}/v1/applications/me", self.origin))
    }

    /// The application.
    pub fn application(&self) -> Link {
        link(self.application.clone())
    }

    /// A collection of the application, such as `users`.
    pub fn collection(&self, collection: &str) -> Link {
        link([&self.application, "/", collection].concat())
    }

    /// A collection with a query template, such as `{?page,size}`.
    pub fn template(&self, collection: &str, query: &str) -> Link {
        Link { templated: Some(true), ..link([&self.application, "/", collection, query].concat()) }
    }

    /// A resource of a collection.
    pub fn item(&self, collection: &str, id: i64) -> Link {
        let mut digits = itoa::Buffer::new();
        link([&self.application, "/", collection, "/", digits.format(id)].concat())
    }

    /// A collection of a resource, such as a user's `channels`.
    pub fn nested(&self, collection: &str, id: i64, nested: &str) -> Link {
        let mut digits = itoa::Buffer::new();
        link([&self.application, "/", collection, "/", digits.format(id), "/", nested].concat())
    }

    /// A file that this server hosts.
    pub fn file(&self, key: &str, name: &str) -> String {
        let mut url = [&self.origin, "/v1/files/", key, "/"].concat();
        url.extend(utf8_percent_encode(name, UNRESERVED));
        url
    }

    /// A resource of a collection of a resource, such as a member of a channel.
    pub fn nested_item(&self, collection: &str, id: i64, nested: &str, item: i64) -> Link {
        let mut digits = itoa::Buffer::new();
        link([&self.nested(collection, id, nested).href, "/", digits.format(item)].concat())
    }

    /// The picture that this server makes of a name.
    pub fn picture(&self, name: &str) -> String {
        let mut url = [&self.origin, "/v1/picture/"].concat();
        url.extend(utf8_percent_encode(name, UNRESERVED));
        url
    }
}

/// A link to an address.
fn link(href: String) -> Link {
    Link { href, name: None, templated: None, title: None }
}

/// Which page of a collection, as requested and as served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// From 0.
    pub number: i64,
    /// 1 to [`MAX_SIZE`].
    pub size: i64,
}

impl PageRequest {
    /// From the query: a size of 0 is the default, a size above the limit is served as the limit.
    pub fn new(page: i32, size: i32) -> Self {
        PageRequest { number: page.into(), size: served_size(size) }
    }

    /// Rows before the page.
    pub fn offset(self) -> i64 {
        self.number * self.size
    }

    /// The page's own description.
    pub fn metadata(self, total: i64) -> PageMetadata {
        PageMetadata { size: self.size, total_elements: total, total_pages: self.pages(total), number: self.number }
    }

    fn pages(self, total: i64) -> i64 {
        total.div_euclid(self.size) + i64::from(total.rem_euclid(self.size) > 0)
    }

    /// Links to this page and its neighbours. `collection` is the link to the collection, `query` its filters with a
    /// leading `&`. A collection of one page has a link to itself only.
    pub fn links(self, collection: Link, query: &str, total: i64) -> PageLinks {
        let href = collection.href;
        let at = |number: i64| link(format!("{href}?page={number}&size={}{query}", self.size));
        let last = (self.pages(total) - 1).max(0);
        let several = last > 0;
        PageLinks {
            self_: at(self.number),
            first: several.then(|| at(0)),
            prev: (self.number > 0 && total > 0).then(|| at((self.number - 1).min(last))),
            next: (self.number < last).then(|| at(self.number + 1)),
            last: several.then(|| at(last)),
        }
    }
}

fn served_size(size: i32) -> i64 {
    match i64::from(size) {
        0 => DEFAULT_SIZE,
        size => size.min(MAX_SIZE),
    }
}

/// The filters of a page as they follow `page` and `size` in its links.
pub fn filters<'p>(pairs: impl IntoIterator<Item = (&'static str, Option<&'p str>)>) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            query.extend(["&", name, "="]);
            query.extend(utf8_percent_encode(value, UNRESERVED));
        }
    }
    query
}

/// Which messages, as requested.
#[derive(Clone, Copy, Debug)]
pub struct CursorRequest {
    /// Where in the collection.
    pub cursor: Cursor,
    /// 1 to [`MAX_SIZE`].
    pub size: i64,
}

/// What is missing from a cursor request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingCursor {
    /// `relation=PREVIOUS` without `start`.
    Start,
    /// `relation=NEXT` without `next`.
    Next,
}

impl CursorRequest {
    /// From the query. `start` is the page's first message and `next` its last; `relation` says which side is meant,
    /// and without it `next` leads on and `start` names the page that begins there.
    pub fn new(
        size: i32,
        start: Option<i64>,
        next: Option<i64>,
        relation: Option<CursorRelation>,
    ) -> Result<Self, MissingCursor> {
        let cursor = match (relation, start, next) {
            (Some(CursorRelation::Previous), Some(start), _) => Cursor::After(start),
            (Some(CursorRelation::Previous), None, _) => return Err(MissingCursor::Start),
            (Some(CursorRelation::Next) | None, _, Some(next)) => Cursor::Before(next),
            (Some(CursorRelation::Next), _, None) => return Err(MissingCursor::Next),
            (_, Some(start), _) => Cursor::Upto(start),
            (_, None, _) => Cursor::Newest,
        };
        Ok(CursorRequest { cursor, size: served_size(size) })
    }

    /// Links and description of a page that holds the messages with these ids, newest first. `filters` are those of the
    /// collection with a leading `&`.
    pub fn page(
        self,
        collection: &Link,
        filters: &str,
        ids: &[i64],
        newer: bool,
        older: bool,
    ) -> (CursorPageLinks, CursorPageMetadata) {
        let (start, end) = (ids.first().copied(), ids.last().copied());
        let at = |relation: &str| {
            let mut query = String::new();
            for (name, id) in [("start", start), ("next", end)] {
                if let Some(id) = id {
                    query.push_str(&format!("{name}={id}&"));
                }
            }
            link(format!("{}?{query}size={}&relation={relation}{filters}", collection.href, self.size))
        };
        let links =
            CursorPageLinks { self_: at("SELF"), next: older.then(|| at("NEXT")), prev: newer.then(|| at("PREVIOUS")) };
        let size = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let cursor = |id: Option<i64>| id.map(|id| id.to_string());
        (links, CursorPageMetadata { size, start: cursor(start), next: cursor(end.filter(|_| older)) })
    }
}
