//! `chatkitty <noun> <verb> …`: the API over HTTP. Nothing here knows an operation by name; the commands follow from the
//! document, as `operation::commands` says.

mod arguments;
mod body;
mod operation;
mod output;
mod schema;
mod transfer;

pub(super) use arguments::{Connection, DEFAULT_URL};

use super::failure::{self, Exit, Failure, ReaderGone};
use crate::generated::cli::{Cli, CliCommand};
use crate::generated::client::{Error, ResponseValue, types::ErrorBody};
use crate::generated::server::DOCUMENT;
use anyhow::Context as _;
use clap::ArgMatches;
use operation::Command;
use output::Output;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::cell::RefCell;
use std::io::{IsTerminal as _, Write as _};
use std::str::FromStr;
use tokio::signal::unix::{SignalKind, signal};

/// What the generated command line takes from the crate it is made for.
pub mod client {
    pub use crate::generated::client::*;

    /// progenitor bounds what it hands over so that its schema can be shown. Here it becomes JSON, so anything will do.
    pub mod schemars {
        /// Anything.
        pub trait JsonSchema {}
        impl<T: ?Sized> JsonSchema for T {}
    }
}

/// One call: what the generated command line puts into the request beside its flags, and the answer that it hands back.
#[derive(Debug)]
pub struct Call {
    body: Value,
    answer: RefCell<Value>,
}

impl Call {
    /// The body of the request.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_value(self.body.clone()).map_err(|error| usage(format!("this is no body for it: {error}")))
    }

    /// The values of a flag that can be repeated.
    pub(crate) fn list<T: FromStr<Err: std::fmt::Display>>(
        &self,
        matches: &ArgMatches,
        parameter: &str,
    ) -> anyhow::Result<Vec<T>> {
        arguments::list(matches, parameter)
            .map(|text| text.parse().map_err(|error: T::Err| usage(format!("{text:?} is wrong here: {error}"))))
            .collect()
    }

    /// Takes the answer.
    pub(crate) fn answered<T: Serialize>(&self, value: &ResponseValue<T>) {
        // What was read from JSON can be written as JSON.
        *self.answer.borrow_mut() = serde_json::to_value(&**value).unwrap_or_default();
    }
}

/// Adds the commands of the API to those of the program.
pub(super) fn add_commands(program: clap::Command) -> clap::Command {
    operation::commands().into_iter().fold(program, |program, command| add(program, &command, &command.nouns))
}

fn add(group: clap::Command, command: &Command, nouns: &[String]) -> clap::Command {
    let Some((noun, rest)) = nouns.split_first() else { return group.subcommand(arguments::command(command)) };
    let (group, known) = match group.find_subcommand(noun) {
        Some(_) => (group, true),
        None => (group, false),
    };
    let group = if known { group } else { group.subcommand(new_group(noun, command, rest.len() + 1)) };
    group.mut_subcommand(noun, |inner| add(inner, command, rest))
}

/// The command that holds those of a noun.
fn new_group(noun: &str, command: &Command, depth: usize) -> clap::Command {
    let about = match command.nouns.len() - depth {
        0 => tag_description(command),
        outer => capitalised(&format!("{} of {}", noun.replace('-', " "), command.nouns[..outer].join(" "))),
    };
    clap::Command::new(noun.to_owned())
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn tag_description(command: &Command) -> String {
    let tag = &command.written()["tags"][0];
    let tags = DOCUMENT.json()["tags"].as_array();
    let tag = tags.into_iter().flatten().find(|one| one["name"] == *tag);
    let text = tag.and_then(|tag| tag["description"].as_str()).unwrap_or_default().trim();
    text.strip_suffix('.').unwrap_or(text).to_owned()
}

/// Runs the command of the API that was given.
pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let (mut words, mut matches) = (Vec::new(), matches);
    while let Some((word, inner)) = matches.subcommand() {
        words.push(word);
        matches = inner;
    }
    let is_it = |command: &Command| command.nouns.iter().chain([&command.verb]).eq(words.iter());
    let command = operation::commands().into_iter().find(is_it).context("there is no such command")?;
    confirm(&command, matches)?;
    let fields = arguments::fields(&command);
    let body = body::body(&fields, matches).map_err(|error| usage(format!("{error:#}")))?;
    super::block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            outcome = call(&command, matches, &fields, body) => outcome,
            _ = interrupted.recv() => Err(Failure::new(Exit::Interrupted, "interrupted", None).into()),
        }
    })
}

async fn call(command: &Command, matches: &ArgMatches, fields: &[body::Field], body: Value) -> anyhow::Result<()> {
    let connection = arguments::Connection::of(matches)?;
    let public = command.operation.security.is_empty();
    let files: Vec<_> = fields
        .iter()
        .filter(|field| field.is_file())
        .flat_map(|field| field.files(matches).into_iter().map(|file| (field.name(), file)))
        .collect();
    let made = CliCommand::iter().find(|made| made.operation_id() == command.method()).filter(|_| files.is_empty());
    let client = connection.client(public, made.is_some())?;
    let url = connection.url();
    let target = format!("{} {}", command.operation.method, arguments::path(command, matches));
    let meaning = |error| meaning(error, url, &target);
    if !public {
        client.authorize().await.map_err(|error| failure::of_token(error, url))?;
    }
    let output = Output::of(command, matches);
    let answer = match made {
        Some(made) => {
            let call = Call { body, answer: RefCell::default() };
            Cli::new(client.clone(), &call).execute(made, matches).await.map_err(meaning)?;
            call.answer.into_inner()
        }
        None => {
            let answer = transfer::send(&client, command, matches, &body, &files).await;
            let answer = answer.map_err(meaning)?;
            match command.answer() {
                Some(_) => {
                    answer.json().await.map_err(|error| failure::of_call::<ErrorBody>(error.into(), url, &target))?
                }
                None => return transfer::save(answer, matches).await,
            }
        }
    };
    output.print(&client, answer).await.map_err(meaning)
}

/// Gives the errors of calls their exit codes.
fn meaning(error: anyhow::Error, url: &str, target: &str) -> anyhow::Error {
    let error = match error.downcast::<Error<ErrorBody>>() {
        Ok(error) => return failure::of_call(error, url, target).into(),
        Err(error) => error,
    };
    match error.downcast::<Error<()>>() {
        Ok(error) => failure::of_call(error, url, target).into(),
        Err(error) => error,
    }
}

fn usage(message: String) -> anyhow::Error {
    Failure::new(Exit::Usage, message, "`--help` tells what the command takes".to_owned()).into()
}

/// Asks before something is deleted, if there is somebody to ask.
fn confirm(command: &Command, matches: &ArgMatches) -> anyhow::Result<()> {
    if !arguments::is_destructive(command) || matches.get_flag("yes") || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let what = command.written()["summary"].as_str().unwrap_or("This deletes something").trim();
    let values: Vec<String> = arguments::path_values(command, matches).map(|(_, value)| value).collect();
    let what = [what, &values.join(" ")].join(" ");
    write!(std::io::stderr(), "{}? This cannot be undone. [y/N] ", what.trim())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "nothing was deleted", "--yes deletes without asking".to_owned()).into()),
    }
}

/// A line for the data that a command is asked for.
fn print_line(text: &str) -> anyhow::Result<()> {
    super::print(&format!("{text}\n"))
}

/// Words, which are no data and so go to standard error.
fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stderr().lock();
    writeln!(out, "{text}").map_err(|_| ReaderGone.into())
}
