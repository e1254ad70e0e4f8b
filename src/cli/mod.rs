//! The program: what it takes, and what it does with it.

mod app;
mod openapi;
mod serve;

use clap::{Parser, Subcommand};
use std::ffi::OsString;

/// Runs the ChatKitty Platform API, and manages its applications.
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
    /// Create, list and delete applications, and give them new secrets.
    App(app::Arguments),
    /// Print the OpenAPI document of the API.
    Openapi(openapi::Arguments),
}

/// Runs the program with its arguments, the first of which is its name.
///
/// # Errors
/// What went wrong, for people; the program ends with 1 then. A wrong command line ends it at once with 2.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    match Arguments::parse_from(arguments).command {
        Command::Serve(config) => serve::run(config),
        Command::App(arguments) => app::run(arguments),
        Command::Openapi(arguments) => openapi::run(&arguments),
    }
}

/// Writes to standard output; a reader that has gone away ends the program quietly.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A runtime for commands that wait.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
