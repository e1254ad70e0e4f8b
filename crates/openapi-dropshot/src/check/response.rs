//! Responses: one success, and errors of named schemas.

use super::{At, Checker, body};
use crate::model::{Encoding, Payload, Success};

impl<'a> Checker<'a> {
    /// The success response and the declared errors.
    pub(super) fn responses(&self, operation: &At<'a>, method: &str) -> (Option<Success>, Vec<(u16, String)>) {
        let Some(responses) = operation.get("responses") else {
            self.report(operation, "an operation without `responses`", "add the success response and the errors");
            return (None, Vec::new());
        };
        let (mut success, mut errors) = (None, Vec::new());
        for (status, at) in responses.entries().filter(|(status, _)| !status.starts_with("x-")) {
            let Some(response) = self.resolve(&at, "responses") else { continue };
            if !self.object(&response, "a response", &["description", "headers", "content", "links"]) {
                continue;
            }
            for (_, header) in response.get("headers").iter().flat_map(At::entries) {
                if let Some(header) = self.resolve(&header, "headers") {
                    self.header(&header);
                }
            }
            match status {
                "default" => errors.extend(self.error(&response).map(|name| (0, name))),
                "4XX" | "5XX" => {
                    let range = u16::from(status.as_bytes()[0] - b'0');
                    errors.extend(self.error(&response).map(|name| (range, name)));
                }
                _ => match status.parse::<u16>() {
                    Ok(code @ 200..=399) if success.is_none() => success = Some(self.success(&response, code, method)),
                    Ok(200..=399) => {
                        let hint = "keep one: callers could not tell from the type which they got";
                        self.report_key(&at, "a second success response", hint);
                    }
                    Ok(code @ 400..=599) => errors.extend(self.error(&response).map(|name| (code, name))),
                    _ => {
                        let hint = "use one status from 200 to 599; `4XX`, `5XX` and `default` stand for errors";
                        self.report_key(&at, format!("`{status}` is not a status that can be answered"), hint);
                    }
                },
            }
        }
        // A faulty success response has been reported, and is not missing.
        if !responses.entries().any(|(status, _)| status.starts_with(['2', '3'])) {
            self.report(&responses, "no success response", "declare one status from 200 to 399");
        }
        (success.flatten(), errors)
    }

    /// A header of a response: handlers set it, so only its form is checked.
    pub(super) fn header(&self, at: &At<'a>) {
        let allowed = ["description", "required", "deprecated", "schema", "example", "examples", "style", "explode"];
        self.object(at, "a header", &allowed);
        at.get("schema").and_then(|schema| self.schema(&schema));
    }

    fn success(&self, at: &At<'a>, status: u16, method: &str) -> Option<Success> {
        let content = at.get("content");
        let entries: Vec<_> = content.iter().flat_map(At::entries).collect();
        if entries.is_empty() {
            return Some(Success { status, media: Vec::new(), payload: Payload::Empty });
        }
        if method == "HEAD" || matches!(status, 204 | 205 | 304) {
            let message = if method == "HEAD" {
                "HEAD has no body in its answer".into()
            } else {
                format!("{status} has no body")
            };
            self.report(&content.clone().unwrap_or_else(|| at.clone()), message, "remove `content`");
        }
        let (mut media, mut payload) = (Vec::new(), None);
        for (name, media_type) in &entries {
            self.object(media_type, "a media type", &["schema", "example", "examples"]);
            let name = name.to_ascii_lowercase();
            let any = name == "*/*" && entries.len() == 1;
            if !any && !body::is_media_type(name.split(';').next().unwrap_or_default().trim())
                || name.contains(|c: char| c.is_control())
            {
                self.report_key(
                    media_type,
                    format!("`{name}` does not say what is sent"),
                    "name one media type, or `*/*` alone where only the handler knows",
                );
            }
            let this = if body::encoding(&name) == Encoding::Json {
                let reference = media_type.get("schema").and_then(|schema| schema.get("$ref"));
                let Some(reference) = reference else {
                    let hint = "name the schema under `components.schemas` and refer to it";
                    let at = media_type.get("schema").unwrap_or_else(|| media_type.clone());
                    self.report(&at, "a JSON answer without a named schema", hint);
                    return None;
                };
                Payload::Json(self.target(&reference, "schemas")?.to_owned())
            } else {
                media_type.get("schema").and_then(|schema| self.schema(&schema));
                Payload::Content
            };
            if payload.as_ref().is_some_and(|first| *first != this) {
                let hint = "use one schema for all media types of an answer";
                self.report(media_type, "another schema for the same status", hint);
            }
            payload = Some(this);
            media.push(name);
        }
        Some(Success { status, media, payload: payload? })
    }

    /// The schema name of an error; none where the error has no body (or a faulty one).
    fn error(&self, at: &At<'a>) -> Option<String> {
        let mut name = None;
        for (media, media_type) in at.get("content").iter().flat_map(At::entries) {
            self.object(&media_type, "a media type", &["schema", "example", "examples"]);
            let reference = media_type.get("schema").and_then(|schema| schema.get("$ref"));
            match reference {
                Some(reference) if body::encoding(&media.to_ascii_lowercase()) == Encoding::Json => {
                    let this = self.target(&reference, "schemas")?;
                    if name.as_deref().is_some_and(|first| first != this) {
                        let hint = "use one schema for all media types of an error";
                        self.report(&media_type, "another schema for the same status", hint);
                    }
                    name = Some(this.to_owned());
                }
                _ => {
                    let hint = "use a `+json` media type and a `$ref` to a schema";
                    self.report_key(&media_type, "an error must be JSON of a named schema", hint);
                }
            }
        }
        name
    }
}
