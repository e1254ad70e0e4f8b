//! What the commands of the API take: progenitor's flags, and what the document says beyond them.

use super::body::{self, Field, unwrapped};
use super::operation::Command;
use super::schema::{page_items, resolve};
use crate::Client;
use crate::cli::failure::{Exit, Failure};
use crate::generated::cli::{Cli, CliCommand};
use crate::session::Session;
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use heck::ToKebabCase as _;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::time::Duration;

/// What a segment of a path may have as it is: the unreserved characters.
const SEGMENT: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Where `chatkitty serve` is found if it is told nothing else.
pub(in crate::cli) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// The command of an operation.
pub(super) fn command(command: &Command) -> clap::Command {
    let made = CliCommand::iter().find(|made| made.operation_id() == command.method());
    let made = made.map_or_else(|| clap::Command::new(""), Cli::<&super::Call>::get_command);
    let (summary, description) = (text(command.written(), "summary"), text(command.written(), "description"));
    let mut made =
        made.name(command.verb.clone()).about(summary).long_about(format!("{summary}.\n\n{}", unwrapped(description)));
    if command.verb == "retrieve" {
        made = made.visible_alias("get");
    }
    let mut index = 0;
    for parameter in command.parameters() {
        let name = text(parameter, "name").to_kebab_case();
        made = if made.get_arguments().any(|arg| arg.get_id() == name.as_str()) {
            made
        } else {
            made.arg(missing(parameter, name.clone()))
        };
        let is_path = parameter["in"] == "path";
        index += usize::from(is_path);
        made = made.mut_arg(&name, |arg| named(arg, parameter, is_path.then_some(index)));
    }
    let fields = fields(command);
    let mut taken: Vec<String> = made.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned).collect();
    taken.extend(own_args(command).iter().filter_map(|arg| arg.get_long()).map(str::to_owned));
    let files = fields.iter().filter(|field| field.is_file()).map(|field| format!("body.{}", field.name()));
    let others: Vec<String> = files.chain(["json-body".into(), "set".into()]).collect();
    for field in &fields {
        // What has no flag, as another has its name, is still reached by `--set`.
        if !taken.contains(&field.flag()) {
            taken.push(field.flag());
            // Nothing stands for a file where a form is all that can be sent.
            let alone = field.is_file() && command.body("json").is_none();
            made = made.arg(field.arg(if alone { &[] } else { &others }));
        }
    }
    made.args(own_args(command))
}

/// A parameter that progenitor makes no flag of.
fn missing(parameter: &'static Value, name: String) -> Arg {
    let arg =
        Arg::new(name.clone()).long(name).required(parameter["required"] == true).help(text(parameter, "description"));
    if resolve(&parameter["schema"])["type"] == "array" { arg.action(ArgAction::Append) } else { arg }
}

/// The name of a parameter's value, the values it may have, and its place if it has one.
fn named(arg: Arg, parameter: &'static Value, index: Option<usize>) -> Arg {
    let schema = resolve(&parameter["schema"]);
    let schema = if schema["type"] == "array" { resolve(&schema["items"]) } else { schema };
    let arg = arg
        .value_name(text(parameter, "name").to_kebab_case().to_uppercase())
        .help(unwrapped(text(parameter, "description")));
    let arg = match schema["enum"].as_array() {
        Some(values) => arg.value_parser(values.iter().filter_map(Value::as_str).collect::<Vec<_>>()),
        None => arg,
    };
    match index {
        Some(index) => arg.long(None).index(index),
        None => arg.help_heading("Query"),
    }
}

/// The fields of the request body, in whichever form it can be sent.
pub(super) fn fields(command: &Command) -> Vec<Field> {
    let mut fields: Vec<Field> = command.body("json").map(body::fields).unwrap_or_default();
    let has_flags = !fields.is_empty();
    for field in command.body("multipart/form-data").map(body::fields).unwrap_or_default() {
        if fields.iter().all(|known| known.flag() != field.flag()) {
            // Where flags say the body as JSON, nobody needs to send a form.
            fields.push(if has_flags { field.optional() } else { field });
        }
    }
    fields
}

/// What commands take beside what the document says of them.
fn own_args(command: &Command) -> Vec<Arg> {
    let mut args = Vec::new();
    if command.body("json").is_some() || command.body("multipart/form-data").is_some() {
        args.extend(body::json_args());
    }
    if command.answer().is_some() {
        args.push(flag("json").help("Print JSON: the answer as one object, or with --all one item a line"));
    } else if has_content(command) {
        let output = Arg::new("output").long("output").short('o').value_name("FILE").value_hint(ValueHint::FilePath);
        args.push(output.help("Write to this file instead of standard output"));
    }
    if command.answer().and_then(page_items).is_some() {
        args.push(flag("all").help("Follow the pages to the end"));
    }
    if is_destructive(command) {
        args.push(flag("yes").short('y').help("Do not ask before deleting"));
    }
    let server =
        Arg::new("connection.server").long("server").env("CHATKITTY_URL").value_name("URL").value_hint(ValueHint::Url);
    args.push(server.help_heading("Server").default_value(DEFAULT_URL).help("The address of the server, without /v1"));
    if !command.operation.security.is_empty() {
        let id = Arg::new("connection.client-id").long("client-id").env("CHATKITTY_CLIENT_ID").value_name("ID");
        args.push(id.help_heading("Server").help(
            "The client ID of the application. Its secret is taken from CHATKITTY_CLIENT_SECRET: a flag would show it to others",
        ));
    }
    args
}

fn flag(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

/// Whether the operation deletes something.
pub(super) fn is_destructive(command: &Command) -> bool {
    command.operation.method == Method::DELETE
}

/// Whether the answer is something other than JSON.
fn has_content(command: &Command) -> bool {
    command.success().get("content").is_some() && command.answer().is_none()
}

/// The text at a key.
fn text(value: &'static Value, key: &str) -> &'static str {
    value[key].as_str().unwrap_or_default().trim()
}

/// The values of a parameter, as they were typed.
pub(super) fn list<'m>(matches: &'m ArgMatches, parameter: &str) -> impl Iterator<Item = String> + use<'m> {
    let raw = matches.try_get_raw(&parameter.to_kebab_case()).ok().flatten();
    raw.into_iter().flatten().map(|value| value.to_string_lossy().into_owned())
}

/// The path parameters with their values.
pub(super) fn path_values(command: &Command, matches: &ArgMatches) -> impl Iterator<Item = (&'static str, String)> {
    let path = command.parameters().filter(|parameter| parameter["in"] == "path").map(|one| text(one, "name"));
    path.flat_map(|name| list(matches, name).map(move |value| (name, value)))
}

/// The path of the request.
pub(super) fn path(command: &Command, matches: &ArgMatches) -> String {
    path_values(command, matches).fold(command.operation.path.to_owned(), |path, (name, value)| {
        path.replace(&format!("{{{name}}}"), &utf8_percent_encode(&value, &SEGMENT).to_string())
    })
}

/// The query parameters with their values.
pub(super) fn query_values(command: &Command, matches: &ArgMatches) -> Vec<(&'static str, String)> {
    let query = command.parameters().filter(|parameter| parameter["in"] == "query").map(|one| text(one, "name"));
    query.flat_map(|name| list(matches, name).map(move |value| (name, value))).collect()
}

/// Where the server is, and who calls.
pub(in crate::cli) struct Connection {
    url: String,
    client_id: Option<String>,
}

impl Connection {
    pub(in crate::cli) fn new(url: String, client_id: Option<String>) -> Self {
        Connection { url, client_id: client_id.filter(|id| !id.is_empty()) }
    }

    pub(super) fn of(matches: &ArgMatches) -> anyhow::Result<Self> {
        let one = |id: &str| matches.try_get_one::<String>(id).ok().flatten().cloned();
        let url = one("connection.server").unwrap_or_else(|| DEFAULT_URL.to_owned());
        Ok(Connection::new(url, one("connection.client-id")))
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A client; with `limits` to how long the server may be silent, which uploads cannot have.
    pub(in crate::cli) fn client(&self, public: bool, limits: bool) -> anyhow::Result<Client> {
        // Refuses an address that cannot be one.
        let anonymous = Client::anonymous(&self.url).map_err(Failure::from)?;
        let session = if public {
            Session::anonymous()
        } else {
            let secret = std::env::var("CHATKITTY_CLIENT_SECRET").ok().filter(|secret| !secret.is_empty());
            let (Some(id), Some(secret)) = (self.client_id.clone(), secret) else { return Err(signed_out().into()) };
            if limits {
                return Ok(Client::connect(&self.url, id, secret).map_err(Failure::from)?);
            }
            Session::new(&self.url, http()?, id, secret)
        };
        if limits {
            Ok(anonymous)
        } else {
            Ok(Client::new_with_client(self.url.trim_end_matches('/'), http()?, session))
        }
    }
}

fn http() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

fn signed_out() -> Failure {
    let help = "set CHATKITTY_CLIENT_ID and CHATKITTY_CLIENT_SECRET to the credentials of an application; \
                `chatkitty serve` prints those of the first one, and `chatkitty app create NAME` makes another";
    Failure::new(Exit::Refused, "there are no credentials", help.to_owned())
}
