//! What every answer must be, whatever was asked.

use super::document::{Operation, document, members, resolve};
use super::request::Request;
use super::schemas::{Extras, validator};
use crate::support::Answer;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// All that a walk has found, so that one run names every operation at fault.
#[derive(Default)]
pub(super) struct Report {
    checks: usize,
    findings: Vec<String>,
}

impl Report {
    /// Notes a finding unless the condition holds.
    pub(super) fn check(
        &mut self,
        holds: bool,
        operation: &Operation,
        request: &Request,
        finding: impl FnOnce() -> String,
    ) {
        self.checks += 1;
        if !holds {
            let Request { method, template, .. } = request;
            self.findings.push(format!("{} ({method} {template}): {}", operation.id, finding()));
        }
    }

    /// Checks a status, and that the answer is one that the document declares.
    pub(super) fn answer(
        &mut self,
        operation: &Operation,
        request: &Request,
        what: &str,
        answer: &Answer,
        status: u16,
    ) {
        self.check(answer.status == status, operation, request, || {
            format!("{what} should answer {status}, but answered {} with {}", answer.status, brief(&answer.body))
        });
        for fault in conformance(operation, request, answer) {
            self.check(false, operation, request, || format!("{what} answered {}, {fault}", answer.status));
        }
    }

    /// Adds what another walk has found.
    pub(super) fn append(&mut self, other: Report) {
        self.checks += other.checks;
        self.findings.extend(other.findings);
    }

    /// Fails the test if anything was found, or if nothing was looked at.
    #[track_caller]
    pub(super) fn finish(self) {
        assert!(self.checks > 0, "the walk has met nothing to check; does the document still have such an operation?");
        let (count, list) = (self.findings.len(), self.findings.join("\n  "));
        assert!(count == 0, "{count} of {} checks failed:\n  {list}\n", self.checks);
    }
}

/// A body short enough for a list of findings.
pub(super) fn brief(body: &Value) -> String {
    let text = body.to_string();
    if text.chars().count() > 300 { text.chars().take(300).chain("…".chars()).collect() } else { text }
}

/// How an answer differs from what the document declares for its operation and status.
fn conformance(operation: &Operation, request: &Request, answer: &Answer) -> Vec<String> {
    let status = answer.status.as_u16();
    let declared = operation.response(status);
    // Where the document says how an answer may be kept, that takes the place of the usual headers.
    let is_kept = declared.is_some_and(|response| response["headers"].get("Cache-Control").is_some());
    let mut faults = if is_kept { common_headers(&answer.headers) } else { usual_headers(&answer.headers) };
    let Some(response) = declared else {
        faults.push(format!("which the document does not declare for {}", operation.id));
        return faults;
    };
    for (name, declared) in members(&response["headers"]) {
        let schema = &resolve(declared)["schema"];
        match answer.headers.get(name).and_then(|value| value.to_str().ok()) {
            Some(text) => {
                let integer = resolve(schema)["type"] == "integer";
                let value = text.parse::<i64>().ok().filter(|_| integer).map_or(Value::from(text), Value::from);
                if !validator(schema, Extras::Refused).is_valid(&value) {
                    faults.push(format!("whose header {name} is not as declared: {text}"));
                }
            }
            None if resolve(declared)["required"] == true => faults.push(format!("without the declared header {name}")),
            None => {}
        }
    }
    let head = request.method == Method::HEAD;
    let sent = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content = response["content"]
        .get("*/*")
        .or_else(|| sent.and_then(|sent| response["content"].get(sent.split(';').next().unwrap_or_default().trim())));
    match (response.get("content"), content) {
        (Some(declared), None) => {
            let names: Vec<_> = members(declared).map(|(name, _)| name).collect();
            faults.push(format!("as {}, but the document declares {}", sent.unwrap_or("nothing"), names.join(" and ")));
        }
        // HEAD has the headers of a body that is not sent.
        (None, _) if sent.is_some() && !head => {
            faults.push("with a Content-Type where no content is declared".to_owned())
        }
        _ => {}
    }
    if head || content.is_none() {
        if !answer.body.is_null() {
            faults.push(format!("with a body where there is none: {}", brief(&answer.body)));
        }
        return faults;
    }
    let schema = content.map(|content| &content["schema"]).unwrap_or(&Value::Null);
    for error in validator(schema, Extras::Refused).iter_errors(&answer.body) {
        let reason: String = error.to_string().chars().take(300).collect();
        faults.push(format!("whose body breaks its schema at `{}`: {reason}", error.instance_path()));
    }
    if has_null(&answer.body) {
        faults.push("whose body holds null; blank fields are left out".to_owned());
    }
    faults
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

/// Which of the headers that an answer carries unless the document says otherwise are missing or wrong.
pub(super) fn usual_headers(headers: &HeaderMap) -> Vec<String> {
    let mut faults = common_headers(headers);
    for (name, value) in
        [("cache-control", "no-cache, no-store, max-age=0, must-revalidate"), ("pragma", "no-cache"), ("expires", "0")]
    {
        let found: Vec<_> = headers.get_all(name).iter().collect();
        if found != [value] {
            faults.push(format!("whose header {name} is {found:?} instead of {value:?}"));
        }
    }
    faults
}

/// Which of the headers that every answer carries are missing or wrong.
fn common_headers(headers: &HeaderMap) -> Vec<String> {
    let mut faults = Vec::new();
    let all =
        |name: &str| -> Vec<&str> { headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect() };
    let token = all("x-response-token");
    let digits = |text: &str| text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    if !matches!(token[..], [token] if digits(token)) {
        faults.push(format!("whose x-response-token is not one of 32 upper-case hexadecimal digits: {token:?}"));
    }
    let version = document()["info"]["version"].as_str().unwrap_or_default();
    let once = [
        ("x-api-version", format!("v{version}")),
        ("x-content-type-options", "nosniff".to_owned()),
        ("x-xss-protection", "1; mode=block".to_owned()),
        ("strict-transport-security", "max-age=63072000 ; includeSubDomains ; preload".to_owned()),
        ("x-frame-options", "DENY".to_owned()),
    ];
    for (name, value) in once {
        if all(name) != [value.as_str()] {
            faults.push(format!("whose header {name} is {:?} instead of {value:?}", all(name)));
        }
    }
    for value in ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        if !all("vary").contains(&value) {
            faults.push(format!("whose vary lacks {value}"));
        }
    }
    faults
}

/// The fields that an answer finds fault with, and how.
pub(super) fn faulty_fields(answer: &Answer) -> Vec<(&str, &str)> {
    let errors = answer.body["errors"].as_array().into_iter().flatten();
    errors
        .map(|error| (error["field"].as_str().unwrap_or("no field"), error["code"].as_str().unwrap_or("no code")))
        .collect()
}
