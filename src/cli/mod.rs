//! The program: what it takes, and what it does with it.

pub mod api;
mod app;
mod audit;
pub mod failure;
mod manual;
mod openapi;
mod serve;
mod tail;

use clap::builder::styling::AnsiColor;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use failure::{Exit, Failure, ReaderGone};
use std::ffi::OsString;

/// Runs the ChatKitty Platform API, manages its applications, and calls it.
#[derive(Debug, Parser)]
#[command(name = "chatkitty", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API.
    Serve(crate::config::Config),
    /// Create, list and delete applications and their clients, and give these new secrets.
    App(app::Arguments),
    /// Show who did what to applications.
    Audit(audit::Arguments),
    /// Show what happens in the application, as it happens.
    Tail(tail::Arguments),
    /// Print the OpenAPI document of the API.
    Openapi(openapi::Arguments),
    /// Print the completions for a shell.
    Completions(manual::Completions),
    /// Print the manual page, or write those of all commands to a folder.
    Man(manual::Man),
}

/// Runs the program with its arguments, the first of which is its name, and gives its exit code.
///
/// A wrong command line ends the program at once with 2.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let outcome = dispatch(arguments);
    match outcome {
        Ok(()) => 0,
        Err(error) if error.is::<ReaderGone>() => 0,
        Err(error) => {
            report(&error);
            Failure::of(&error).map_or(Exit::Failed, |failure| failure.exit) as u8
        }
    }
}

fn dispatch(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let matches = command().get_matches_from(arguments);
    let name = matches.subcommand_name().unwrap_or_default();
    if let Some(topic) = manual::topic(name) {
        return print(&format!("{topic}\n"));
    }
    if Arguments::command().find_subcommand(name).is_none() {
        return api::run(&matches);
    }
    match Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command {
        Command::Serve(config) => serve::run(config),
        Command::App(arguments) => app::run(arguments),
        Command::Audit(arguments) => audit::run(arguments),
        Command::Tail(arguments) => tail::run(arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Completions(arguments) => manual::completions(&arguments, command()),
        Command::Man(arguments) => manual::man(&arguments, command()),
    }
}

/// The whole command line.
pub fn command() -> clap::Command {
    manual::add_topics(api::add_commands(Arguments::command()))
}

/// The error and what it comes of, on one line each, and what to do next. Nobody may be left to read it, and that is no
/// further failure.
fn report(error: &anyhow::Error) {
    use std::io::Write as _;
    let red = AnsiColor::Red.on_default().bold();
    let mut text = format!("{red}error:{red:#} {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {cause}\n"));
    }
    if let Some(help) = Failure::of(error).and_then(|failure| failure.help.as_ref()) {
        text.push_str(&format!("  help: {help}\n"));
    }
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Writes to standard output; a reader that has gone away ends the program quietly.
fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        other => Ok(other?),
    }
}

/// A runtime for commands that wait.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// Makes whatever this process will make in the file system its user's alone: databases, their logs, files.
fn keep_to_oneself() {
    use rustix::fs::Mode;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}
