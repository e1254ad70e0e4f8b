//! Following the links in what the server answers, page after page if need be.

use crate::generated::client::types::{self, ErrorBody, Link};
use crate::generated::client::{Client, ClientInfo, Error, ResponseValue};
use crate::generated::wire;
use futures::stream::{self, Stream, TryStreamExt};
use progenitor_client::{ClientHooks, OperationInfo};
use reqwest::{Request, Response, Url, header};
use serde::de::DeserializeOwned;

/// A page of a collection, whether found by number or by cursor.
pub trait Page: DeserializeOwned {
    /// What the collection is made of.
    type Item;

    /// The link to the page after this one, if there is one.
    fn next(&self) -> Option<&Link>;

    /// The items of this page, in the order of the collection.
    fn into_items(self) -> Vec<Self::Item>;
}

macro_rules! page {
    ($page:ident of $items:ident: $item:ty) => {
        impl Page for types::$page {
            type Item = $item;

            fn next(&self) -> Option<&Link> {
                self.links.next.as_ref()
            }

            fn into_items(self) -> Vec<$item> {
                self.embedded.$items
            }
        }
    };
}

page!(PagedModelChatUserResource of users: types::ChatUserResource);
page!(PagedModelChannelResource of channels: wire::ChannelResource);
page!(PagedModelChannelMembershipResource of memberships: types::ChannelMembershipResource);
page!(PagedModelChannelInviteResource of invites: types::ChannelInviteResource);
page!(PagedModelMessageReadReceiptResource of receipts: types::MessageReadReceiptResource);
page!(PagedModelChatUserSessionResource of sessions: types::ChatUserSessionResource);
page!(PagedModelChatSessionResource of sessions: types::ChatSessionResource);
page!(CursorPagedModelMessageResource of messages: wire::MessageResource);

/// Why a templated link could not be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// The link takes no such variable.
    #[error("the link takes no variable `{name}`, but {}", list(.known))]
    UnknownVariable {
        /// The name that was given.
        name: String,
        /// The names that the template has.
        known: Vec<String>,
    },
    /// The template has an expression other than a form-style query.
    #[error("`{expression}` in the link is not a form-style query like `{{?page,size}}`; build the URL yourself")]
    Unsupported {
        /// The expression as it is in the template, from brace to brace.
        expression: String,
    },
}

impl From<ExpandError> for Error<ErrorBody> {
    fn from(error: ExpandError) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

impl Client {
    /// Gets what a link points at, as JSON, with the token of this client.
    ///
    /// The link must lie at the origin of the client (scheme, host and port), so that the token stays where it belongs,
    /// and must not be templated; both end in [`Error::InvalidRequest`], with nothing sent.
    pub async fn follow<T: DeserializeOwned>(&self, link: &Link) -> Result<ResponseValue<T>, Error<ErrorBody>> {
        let url = resolve(self.baseurl(), link).map_err(Error::InvalidRequest)?;
        let request = self.client().get(url).header(header::ACCEPT, "application/json").build()?;
        ResponseValue::from_response(self.transfer(request).await?).await
    }

    /// Sends a request that no generated operation makes, with the token of this client, and gives the answer of a
    /// success.
    pub(crate) async fn transfer(&self, mut request: Request) -> Result<Response, Error<ErrorBody>> {
        let info = OperationInfo { operation_id: "transfer" };
        self.pre(&mut request, &info).await?;
        let result = self.exec(request, &info).await;
        self.post(&result, &info).await?;
        let response = result?;
        match response.status().as_u16() {
            200..=299 => Ok(response),
            400..=599 => Err(Error::ErrorResponse(ResponseValue::from_response(response).await?)),
            _ => Err(Error::UnexpectedResponse(response)),
        }
    }

    /// The items of this page and of all pages after it. A page is fetched when the items before it are used up; the
    /// first error ends the stream.
    pub fn items<P: Page>(&self, first_page: P) -> impl Stream<Item = Result<P::Item, Error<ErrorBody>>> {
        let pages = stream::try_unfold(Some(Ahead::Page(first_page)), async |ahead| {
            let page = match ahead {
                None => return Ok::<_, Error<ErrorBody>>(None),
                Some(Ahead::Page(page)) => page,
                Some(Ahead::Link(link)) => self.follow::<P>(&link).await?.into_inner(),
            };
            let next = page.next().cloned().map(Ahead::Link);
            Ok(Some((stream::iter(page.into_items().into_iter().map(Ok)), next)))
        });
        pages.try_flatten()
    }
}

/// What is to come in a stream of pages.
enum Ahead<P> {
    Page(P),
    Link(Link),
}

fn resolve(base_url: &str, link: &Link) -> Result<Url, String> {
    let href = &link.href;
    if link.templated == Some(true) {
        return Err(format!("the link `{href}` is a template; call `expand` on it and follow what that gives"));
    }
    let base = Url::parse(base_url).map_err(|error| format!("the client's base URL cannot be read: {error}"))?;
    let url = base.join(href).map_err(|error| format!("the link `{href}` cannot be read: {error}"))?;
    if url.origin() != base.origin() {
        let own = base.origin().ascii_serialization();
        return Err(format!(
            "the link `{href}` leads away from {own}, where the token of this client belongs; if both are one server, \
             connect to the URL that the server uses in its links"
        ));
    }
    Ok(url)
}

impl Link {
    /// The link with its template filled in, ready for [`Client::follow`].
    ///
    /// Templates are those of RFC 6570 with form-style queries, `{?page,size,sort*}` and `{&page,size}`. Variables that
    /// are not given are left out. A variable that is given more than once is a list: with a star in the template it
    /// becomes `sort=a&sort=b`, without it `sort=a,b`. A link that is not templated takes no variables.
    pub fn expand(&self, variables: &[(&str, &str)]) -> Result<Link, ExpandError> {
        let mut href = String::new();
        let mut known = Vec::new();
        let templated = self.templated == Some(true);
        let mut rest = self.href.as_str();
        while templated && let Some((literal, expression)) = rest.split_once('{') {
            href.push_str(literal);
            let unsupported = || ExpandError::Unsupported { expression: format!("{{{expression}") };
            let (expression, after) = expression.split_once('}').ok_or_else(unsupported)?;
            rest = after;
            let unsupported = || ExpandError::Unsupported { expression: format!("{{{expression}}}") };
            let (mut separator, names) = match expression.split_at_checked(1) {
                Some((operator @ ("?" | "&"), names)) => (operator, names),
                _ => return Err(unsupported()),
            };
            for variable in names.split(',') {
                let name = variable.strip_suffix('*').unwrap_or(variable);
                if name.is_empty() || name.contains([':', '*']) {
                    return Err(unsupported());
                }
                known.push(name.to_owned());
                let values = variables.iter().filter(|(given, _)| *given == name).map(|(_, value)| encode(value));
                let values: Vec<_> = values.collect();
                if !values.is_empty() {
                    let between = if name == variable { ",".to_owned() } else { format!("&{name}=") };
                    href.extend([separator, name, "=", &values.join(&between)]);
                    separator = "&";
                }
            }
        }
        href.push_str(rest);
        match variables.iter().find(|(name, _)| !known.iter().any(|known| known == name)) {
            Some((name, _)) => Err(ExpandError::UnknownVariable { name: (*name).to_owned(), known }),
            None => Ok(Link { href, templated: None, name: self.name.clone(), title: self.title.clone() }),
        }
    }
}

/// All but the unreserved characters as `%XX`, as RFC 6570 section 3.2.1 has it for these expressions.
fn encode(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}

fn list(known: &[String]) -> String {
    if known.is_empty() { "none at all".to_owned() } else { format!("only `{}`", known.join("`, `")) }
}
