//! What stands in the text of a message: mentions of users and channels, and links.
//!
//! Positions count UTF-16 code units, as strings do in the browsers and apps that show messages.

use crate::generated::client::types::MessageLinkProperties;
use linkify::{LinkFinder, LinkKind};

/// Mentions, and links, that a text can have; further ones stay plain text.
const MOST: usize = 100;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it begins.
    pub(super) start: i64,
    /// Where it has ended.
    pub(super) end: i64,
}

/// What a text means to mention; whether it is there is for the store to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'t> {
    /// `<@name>`
    User(&'t str),
    /// `<#name>`
    Channel(&'t str),
}

/// Whether a text can have mentions at all, told quickly.
pub(super) fn may_mention(text: &str) -> bool {
    text.contains("<@") || text.contains("<#")
}

/// Every `<@…>` and `<#…>` of a text, in order.
pub(super) fn names<'t>(text: &'t str) -> Vec<(Name<'t>, Span)> {
    let (mut found, mut units) = (Vec::new(), Units::new(text));
    let mut from = 0;
    while let Some(start) = text[from..].find('<').map(|offset| from + offset)
        && found.len() < MOST
    {
        from = start + 1;
        let kind: fn(&'t str) -> Name<'t> = match text.as_bytes().get(from) {
            Some(b'@') => Name::User,
            Some(b'#') => Name::Channel,
            _ => continue,
        };
        let rest = &text[from + 1..];
        let Some(length) = rest.find(['<', '>']) else { break };
        let name = &rest[..length];
        // What begins anew inside was not meant to end there.
        if name.is_empty() || rest[length..].starts_with('<') {
            continue;
        }
        let end = from + 1 + length + 1;
        found.push((kind(name), units.span(start, end)));
        from = end;
    }
    found
}

/// The links of a text, in order.
pub(super) fn links(text: &str) -> Vec<MessageLinkProperties> {
    if !text.contains("://") {
        return Vec::new();
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    let mut units = Units::new(text);
    let web = |link: &linkify::Link<'_>| {
        let scheme = link.as_str().split(':').next().unwrap_or_default();
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    };
    let represent = |link: linkify::Link<'_>| {
        let Span { start, end } = units.span(link.start(), link.end());
        let position = |units: i64| i32::try_from(units).unwrap_or(i32::MAX);
        MessageLinkProperties {
            source: link.as_str().to_owned(),
            start_position: position(start),
            end_position: position(end),
        }
    };
    finder.links(text).filter(web).take(MOST).map(represent).collect()
}

/// The piece of a text.
pub(super) fn piece(text: &str, span: Span) -> String {
    let at = |units: i64| usize::try_from(units).unwrap_or_default();
    let units = text.encode_utf16().skip(at(span.start)).take(at(span.end - span.start));
    String::from_utf16_lossy(&units.collect::<Vec<_>>())
}

/// Counts UTF-16 code units up to byte after byte of a text, going forward only.
struct Units<'t> {
    text: &'t str,
    byte: usize,
    units: i64,
}

impl<'t> Units<'t> {
    fn new(text: &'t str) -> Self {
        Units { text, byte: 0, units: 0 }
    }

    fn span(&mut self, start: usize, end: usize) -> Span {
        Span { start: self.at(start), end: self.at(end) }
    }

    fn at(&mut self, byte: usize) -> i64 {
        let passed = self.text.get(self.byte..byte).unwrap_or_default();
        self.units += i64::try_from(passed.encode_utf16().count()).unwrap_or(i64::MAX);
        self.byte = byte;
        self.units
    }
}
