//! The operations of the document, and the command that each of them is.

use super::schema::resolve;
use crate::generated::server::{DOCUMENT, OPERATIONS};
use heck::{ToKebabCase as _, ToSnakeCase as _};
use openapi_dropshot::runtime::Operation;
use serde_json::Value;
use std::collections::HashMap;

/// An operation and the words that call it.
pub(super) struct Command {
    pub operation: &'static Operation,
    /// What it is about: `channels`, `messages`.
    pub nouns: Vec<String>,
    /// What it does: `send`.
    pub verb: String,
}

impl Command {
    /// What the document has at the operation.
    pub(super) fn written(&self) -> &'static Value {
        let method = self.operation.method.as_str().to_ascii_lowercase();
        &DOCUMENT.json()["paths"][self.operation.path][method]
    }

    /// The parameters with what the document says of them.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Value> {
        let item = &DOCUMENT.json()["paths"][self.operation.path];
        let lists = [&item["parameters"], &self.written()["parameters"]];
        lists.into_iter().filter_map(Value::as_array).flatten().map(resolve)
    }

    /// The schema of the request body in a media type that ends so: `json`, `multipart/form-data`.
    pub(super) fn body(&self, media_type: &str) -> Option<&'static Value> {
        let content = self.written()["requestBody"]["content"].as_object()?;
        content.iter().find(|(name, _)| name.ends_with(media_type)).map(|(_, media)| &media["schema"])
    }

    /// The success response.
    pub(super) fn success(&self) -> &'static Value {
        resolve(&self.written()["responses"][self.operation.status.to_string()])
    }

    /// The schema of the success response, if that is JSON.
    pub(super) fn answer(&self) -> Option<&'static Value> {
        let content = self.success()["content"].as_object()?;
        content.iter().find(|(name, _)| name.ends_with("json")).map(|(_, media)| &media["schema"])
    }

    /// The operation's name in the generated client.
    pub(super) fn method(&self) -> String {
        self.operation.id.to_snake_case()
    }
}

/// All commands, in the order of the document.
///
/// The nouns are the fixed segments of the path behind its version, or the tag where there are none. The verb is the
/// first word of the `operationId`, and a noun that only repeats it at the end is dropped. Where the item and its
/// collection would share a command, the collection's verb ends in `-all`. If that does not tell commands apart, their
/// verb is the whole `operationId`. What takes client credentials is no command: the program gets its tokens by itself,
/// and credentials have no place in flags.
pub(super) fn commands() -> Vec<Command> {
    let mut commands: Vec<Command> =
        OPERATIONS.iter().copied().filter(|one| !takes_credentials(one)).map(command).collect();
    let words = |command: &Command| [command.nouns.as_slice(), std::slice::from_ref(&command.verb)].concat();
    let twice = |commands: &[Command]| {
        let mut counts = HashMap::new();
        commands.iter().for_each(|command| *counts.entry(words(command)).or_insert(0) += 1);
        // A group of commands cannot be a command as well.
        let group = |words: &[String]| commands.iter().any(|command| command.nouns.starts_with(words));
        commands.iter().map(|one| counts[&words(one)] > 1 || group(&words(one))).collect::<Vec<bool>>()
    };
    let clashes = twice(&commands);
    for (command, clashes) in commands.iter_mut().zip(clashes) {
        if clashes && !command.operation.path.ends_with('}') {
            command.verb.push_str("-all");
        }
    }
    let clashes = twice(&commands);
    for (command, clashes) in commands.iter_mut().zip(clashes) {
        if clashes {
            command.verb = command.operation.id.to_kebab_case();
        }
    }
    commands
}

fn command(operation: &'static Operation) -> Command {
    let segments = operation.path.split('/').filter(|segment| !segment.is_empty() && !segment.starts_with('{'));
    let mut nouns: Vec<String> = segments.map(|segment| segment.to_kebab_case()).collect();
    if nouns.first().is_some_and(|first| is_version(first)) {
        nouns.remove(0);
    }
    let mut command = Command { operation, nouns, verb: String::new() };
    let id = operation.id.to_kebab_case();
    command.verb = id.split('-').next().unwrap_or(&id).to_owned();
    if command.nouns.len() > 1 && command.nouns.last() == Some(&command.verb) {
        command.nouns.pop();
    }
    if command.nouns.is_empty() {
        command.nouns.push(command.written()["tags"][0].as_str().unwrap_or("api").to_kebab_case());
    }
    command
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether the operation is where tokens are had, as the document's security schemes name it, or stands beside that.
fn takes_credentials(operation: &Operation) -> bool {
    let schemes = DOCUMENT.json()["components"]["securitySchemes"].as_object();
    let flows =
        schemes.into_iter().flat_map(|schemes| schemes.values()).filter_map(|scheme| scheme["flows"].as_object());
    let mut urls = flows.flat_map(|flows| flows.values()).filter_map(|flow| flow["tokenUrl"].as_str());
    let Some((beside, _)) = operation.path.rsplit_once('/').filter(|(beside, _)| !beside.is_empty()) else {
        return false;
    };
    urls.any(|url| url.rsplit_once('/').is_some_and(|(folder, _)| folder.ends_with(beside)))
}
