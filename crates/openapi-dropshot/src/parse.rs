//! Text → [`Node`]: YAML 1.2 (and so JSON) in which every value knows its place.

use crate::diagnostics::{Diagnostic, Place};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Number, Value};
use std::collections::HashMap;

/// Nesting beyond this is refused, aliases expanded: no honest document comes near, and a recursive walk stays within
/// the stack.
const MAX_DEPTH: usize = 100;
/// Values a document may have after its aliases are expanded: enough for thousands of operations, and an end to
/// documents whose aliases multiply.
const MAX_NODES: usize = 2_000_000;

/// What is said of deeper nesting, and what to do.
const TOO_DEEP: (&str, &str) = ("nested more than 100 levels deep", "give the inner schemas names under `components`");

/// What is said of a document that stops half-way, and what to do.
const CUT_OFF: (&str, &str) = ("the document ends inside a value", "complete it");

/// A value of the document and the place where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub place: Place,
    pub data: Data,
}

#[derive(Clone, Debug)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub value: Node,
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of an object; none for any other value.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Object(entries) => entries,
            _ => &[],
        }
    }

    /// Where a reader looks: at the value of a scalar, at the key of anything longer, or at a key without a value.
    pub(crate) fn place_under(&self, key: Option<Place>) -> Place {
        match (&self.data, key) {
            (Data::Object(_) | Data::Array(_) | Data::Null, Some(key)) => key,
            _ => self.place,
        }
    }

    /// Where a reader looks for the value at a JSON pointer.
    pub(crate) fn place_of(&self, pointer: &str) -> Option<Place> {
        let (mut node, mut key) = (self, None);
        for segment in pointer.split('/').skip(1) {
            let name = segment.replace("~1", "/").replace("~0", "~");
            (node, key) = match &node.data {
                Data::Object(entries) => {
                    let entry = entries.iter().find(|entry| entry.key == name)?;
                    (&entry.value, Some(entry.key_place))
                }
                Data::Array(items) => (items.get(name.parse::<usize>().ok()?)?, None),
                _ => return None,
            };
        }
        Some(node.place_under(key))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(value) => Value::Number(value.clone()),
            Data::String(value) => Value::String(value.clone()),
            Data::Array(items) => items.iter().map(Node::to_json).collect(),
            Data::Object(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect())
            }
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "a boolean",
            Data::Number(_) => "a number",
            Data::String(_) => "a string",
            Data::Array(_) => "an array",
            Data::Object(_) => "an object",
        }
    }
}

/// Reads one document. The only failures are those after which nothing can be said about the rest.
pub(crate) fn parse(text: &str) -> Result<Node, Diagnostic> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let node = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            (Event::StreamEnd | Event::DocumentEnd, span) => {
                return Err(failure(span, "the document is empty", "start it with `openapi: 3.0.3`"));
            }
            (event, span) => break reader.node(event, span, 0)?,
        }
    };
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(node),
            (Event::DocumentStart(_), span) => {
                return Err(failure(span, "a second YAML document begins here", "keep one document in a file"));
            }
            _ => {}
        }
    }
}

fn place(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn failure(span: Span, message: impl Into<String>, hint: &str) -> Diagnostic {
    Diagnostic { place: place(span), pointer: String::new(), message: message.into(), hint: hint.into() }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Diagnostic> {
        match self.parser.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(Diagnostic {
                place: Place { line: error.marker().line(), column: error.marker().col() + 1 },
                pointer: String::new(),
                message: format!("not YAML: {}", error.info()),
                hint: "mend the indentation, quotes or brackets here".into(),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Diagnostic> {
        if depth > MAX_DEPTH {
            return Err(failure(span, TOO_DEEP.0, TOO_DEEP.1));
        }
        self.count(1, span)?;
        let (anchor, data) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let core = |name| tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == name);
                let plain = style == ScalarStyle::Plain && !core("str");
                (anchor, if plain { scalar(&text) } else { Data::String(text.into_owned()) })
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (anchor, Data::Array(items))
            }
            Event::MappingStart(anchor, _) => (anchor, Data::Object(self.entries(depth)?)),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(failure(span, "an alias without its anchor", "define the anchor first"));
                };
                let (nodes, height) = measure(&node);
                if depth + height > MAX_DEPTH {
                    return Err(failure(span, TOO_DEEP.0, TOO_DEEP.1));
                }
                self.count(nodes, span)?;
                return Ok(node);
            }
            _ => return Err(failure(span, CUT_OFF.0, CUT_OFF.1)),
        };
        let node = Node { place: place(span), data };
        if anchor > 0 {
            // Anchors within anchors are kept several times.
            self.count(measure(&node).0, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Diagnostic> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashMap::new();
        loop {
            let (key, key_place) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(entries),
                // A status such as `200:` is a number to YAML and a name to OpenAPI.
                (Event::Scalar(text, ..), span) => (text.into_owned(), span),
                (Event::StreamEnd | Event::DocumentEnd, span) => return Err(failure(span, CUT_OFF.0, CUT_OFF.1)),
                (_, span) => return Err(failure(span, "a key that is not a string", "quote the key")),
            };
            if key == "<<" {
                let hint = "write the entries out: YAML 1.2 has no merge keys, so readers differ on them";
                return Err(failure(key_place, "a merge key", hint));
            }
            if let Some(first) = seen.insert(key.clone(), key_place.start.line()) {
                return Err(failure(
                    key_place,
                    format!("the key `{key}` stands twice in this object (first in line {first})"),
                    "remove one of the two: which of them counts would depend on the reader",
                ));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            entries.push(Entry { key, key_place: place(key_place), value });
        }
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Diagnostic> {
        self.nodes += more;
        if self.nodes > MAX_NODES {
            return Err(failure(span, "the document is too large", "split it, or use fewer YAML aliases"));
        }
        Ok(())
    }
}

/// How many values there are, and how deep they nest.
fn measure(node: &Node) -> (usize, usize) {
    let children: Vec<_> = match &node.data {
        Data::Array(items) => items.iter().map(measure).collect(),
        Data::Object(entries) => entries.iter().map(|entry| measure(&entry.value)).collect(),
        _ => return (1, 0),
    };
    let deepest = children.iter().map(|(_, height)| height + 1).max();
    (1 + children.iter().map(|(count, _)| count).sum::<usize>(), deepest.unwrap_or(0))
}

/// The core schema of YAML 1.2: what a plain scalar means.
fn scalar(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        let decimal = text.strip_prefix('+').unwrap_or(text);
        if let Ok(integer) = decimal.parse::<i64>() {
            return Data::Number(integer.into());
        }
        if let Ok(integer) = decimal.parse::<u64>() {
            return Data::Number(integer.into());
        }
        if digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
            && let Some(number) = decimal.parse().ok().and_then(Number::from_f64)
        {
            return Data::Number(number);
        }
    }
    Data::String(text.to_owned())
}
