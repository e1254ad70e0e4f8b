//! A request to an operation, to be changed and sent.

use super::document::Operation;
use super::values::text_of;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A request that a test may change before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// The path with its variables in braces.
    pub(super) template: String,
    pub(super) variables: BTreeMap<&'static str, String>,
    pub(super) query: Vec<(&'static str, Vec<u8>)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    /// A value in the encoding of its media type.
    Value {
        media: &'static str,
        value: Value,
    },
    /// Bytes that are said to be of a media type.
    Bytes {
        media: &'static str,
        bytes: Vec<u8>,
    },
}

impl Request {
    /// The path with its variables filled in.
    pub(super) fn path(&self) -> String {
        self.variables.iter().fold(self.template.clone(), |path, (name, value)| {
            let value = percent_encode(value.as_bytes(), NON_ALPHANUMERIC).to_string();
            path.replace(&format!("{{{name}}}"), &value)
        })
    }

    /// The same with another value of a header, or without it.
    pub(super) fn with_header(&self, name: &'static str, value: Option<&str>) -> Request {
        let mut request = self.clone();
        request.headers.retain(|(own, _)| *own != name);
        request.headers.extend(value.map(|value| (name, value.to_owned())));
        request
    }

    /// The same with another bearer token.
    pub(super) fn with_token(&self, token: &str) -> Request {
        self.with_header("authorization", Some(&format!("Bearer {token}")))
    }

    /// The same with these values of one query parameter, whatever it had before.
    pub(super) fn with_query(&self, name: &'static str, values: &[impl AsRef<[u8]>]) -> Request {
        let mut request = self.clone();
        request.query.retain(|(own, _)| *own != name);
        request.query.extend(values.iter().map(|value| (name, value.as_ref().to_vec())));
        request
    }

    /// Adds a parameter as its example has it.
    pub(super) fn add_example(&mut self, operation: &Operation, parameter: &'static Value) {
        let (name, example) = (parameter["name"].as_str().unwrap_or_default(), &parameter["example"]);
        assert!(!example.is_null(), "{}: the parameter {name} has no example to start from", operation.id);
        match parameter["in"].as_str() {
            Some("path") => {}
            Some("query") => {
                let values = example.as_array().cloned().unwrap_or_else(|| vec![json!(example)]);
                self.query.extend(values.iter().map(|value| (name, text_of(value).into_bytes())));
            }
            Some("header") => self.headers.push((name, text_of(example))),
            other => panic!("{}: the walk sends no parameters in {other:?}; teach it", operation.id),
        }
    }
}
