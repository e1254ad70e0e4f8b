//! `cargo spec`: for whoever edits the document.

#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use spec::{Document, Error, diff::diff};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// The document, where no other is named.
const DOCUMENT: &str = "openapi.yaml";

/// The document of the last release, where no other is named.
const RELEASE: &str = "releases/openapi.yaml";

/// What a command exits with; 2 is clap's, for a wrong command line.
const FAILED: u8 = 1;
const STALE_OR_BREAKING: u8 = 4;

/// Checks openapi.yaml, generates from it, and tells what a change of it does.
#[derive(Parser)]
#[command(
    name = "cargo spec",
    bin_name = "cargo spec",
    after_help = "Exit codes: 0 fresh or compatible, 1 failed, 2 wrong command line, 4 stale or breaking"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON object, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Print every fault of the document, with its place and what to do about it
    Check {
        /// The document, or - for standard input [default: openapi.yaml]
        file: Option<PathBuf>,
    },
    /// Rewrite what is stale in generated/, beside the document, and say what that is
    Gen {
        /// The document [default: openapi.yaml]
        file: Option<PathBuf>,
        /// Write nothing, and exit with 4 if something is stale
        #[arg(long)]
        check: bool,
    },
    /// Print what changed in the API and what that does to the Rust code, and exit with 4 if clients break
    Diff {
        /// The document as it was, or - for standard input [default: releases/openapi.yaml]
        old: Option<PathBuf>,
        /// The document as it is [default: openapi.yaml]
        new: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Arguments { command, json } = Arguments::parse();
    let (report, code) = run(command).unwrap_or_else(|failure| (failure.report(), FAILED));
    let text = if json { format!("{:#}", report.json) } else { report.text };
    // What failed goes where compilers put it, unless a program reads along.
    let written =
        if code == FAILED && !json { writeln!(io::stderr(), "{text}") } else { writeln!(io::stdout(), "{text}") };
    match written {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        _ => ExitCode::from(code),
    }
}

/// What a command has to say.
struct Report {
    text: String,
    json: Value,
}

/// Why a command could not do its work.
enum Failure {
    /// The document gives no code.
    Document(String, Error),
    /// A file or folder cannot be read or written, or generated code is not Rust.
    Other(String),
}

impl Failure {
    fn report(self) -> Report {
        let (file, error) = match self {
            Failure::Other(message) => {
                return Report { json: json!({"errors": [{"message": message}]}), text: message };
            }
            Failure::Document(file, error) => (file, error),
        };
        let errors = match &error {
            Error::Document(findings) => findings
                .findings()
                .iter()
                .map(|finding| {
                    json!({
                        "file": file,
                        "line": finding.place.line,
                        "column": finding.place.column,
                        "pointer": finding.pointer,
                        "message": finding.message,
                        "help": finding.hint,
                    })
                })
                .collect(),
            other => vec![json!({"file": file, "message": other.to_string()})],
        };
        Report { text: error.to_string(), json: json!({"errors": errors}) }
    }
}

fn run(command: Command) -> Result<(Report, u8), Failure> {
    match command {
        Command::Check { file } => {
            let document = read(&named(file, DOCUMENT)?)?;
            let operations = document.api.tags.iter().map(|tag| tag.operations.len()).sum::<usize>();
            let schemas = document.api.schemas.len();
            let (had, made) = (counted(operations, "operation"), counted(schemas, "schema"));
            let text = format!("{}: no errors in {had} and {made}", document.file);
            let json = json!({"file": document.file, "operations": operations, "schemas": schemas, "errors": []});
            Ok((Report { text, json }, 0))
        }
        Command::Gen { file, check } => {
            let path = named(file, DOCUMENT)?;
            let document = read(&path)?;
            let folder = path.with_file_name("generated");
            bring_up_to_date(&document, &folder, check)
                .map_err(|error| Failure::Other(format!("{} cannot be brought up to date: {error}", folder.display())))
        }
        Command::Diff { old, new } => {
            let (old, new) = (read(&named(old, RELEASE)?)?, read(&named(new, DOCUMENT)?)?);
            let diff =
                diff(&old, &new).map_err(|error| Failure::Other(format!("generated code is not Rust: {error}")))?;
            let code = if diff.is_breaking() { STALE_OR_BREAKING } else { 0 };
            Ok((Report { text: diff.to_string(), json: diff.to_json() }, code))
        }
    }
}

fn bring_up_to_date(document: &Document, folder: &Path, check: bool) -> io::Result<(Report, u8)> {
    let stale = document.files.stale(folder)?;
    let made: Vec<&Path> = document.files.iter().map(|(path, _)| path).collect();
    let changes: Vec<(PathBuf, &str)> = stale
        .iter()
        .map(|path| {
            let target = folder.join(path);
            let change = match (made.contains(&path.as_path()), target.exists()) {
                (false, _) => "removed",
                (true, false) => "added",
                (true, true) => "changed",
            };
            (target, change)
        })
        .collect();
    if !check {
        document.files.write(folder)?;
    }
    let mut lines: Vec<String> = changes.iter().map(|(path, change)| format!("{change} {}", path.display())).collect();
    lines.push(match (changes.len(), check) {
        (0, _) => format!("{} is up to date", folder.display()),
        (count, true) => format!("{} stale: run `cargo spec gen`", counted(count, "file")),
        (count, false) => format!("{} brought up to date", counted(count, "file")),
    });
    let files: Vec<_> = changes.iter().map(|(path, change)| json!({"file": path, "change": change})).collect();
    let json = json!({"written": !check, "files": files});
    let code = if check && !changes.is_empty() { STALE_OR_BREAKING } else { 0 };
    Ok((Report { text: lines.join("\n"), json }, code))
}

fn counted(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// The file that was named, or the one of this name in the current folder or the next one above that has the document.
fn named(file: Option<PathBuf>, default: &str) -> Result<PathBuf, Failure> {
    if let Some(file) = file {
        return Ok(file);
    }
    let current = env::current_dir().map_err(|error| Failure::Other(format!("no current folder: {error}")))?;
    let above = current.ancestors().position(|folder| folder.join(DOCUMENT).is_file());
    let up: PathBuf = std::iter::repeat_n("..", above.unwrap_or(0)).collect();
    Ok(up.join(default))
}

fn read(path: &Path) -> Result<Document, Failure> {
    let (name, text) = if path == Path::new("-") {
        let mut text = String::new();
        let read = io::stdin().read_to_string(&mut text);
        ("standard input".to_owned(), read.map(|_| text))
    } else {
        (path.display().to_string(), fs::read_to_string(path))
    };
    let text = text.map_err(|error| Failure::Other(format!("{name} cannot be read: {error}")))?;
    Document::read(&name, &text).map_err(|error| Failure::Document(name, error))
}
