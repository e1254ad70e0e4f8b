//! The README: its transcript, run line by line against the program, and its table of configuration.

use crate::child::{Program, command, run};
use serde_json::Value;
use std::process::Command;
use tempfile::tempdir;

/// A command of the transcript and what it printed.
struct Step {
    command: String,
    printed: String,
}

/// The steps of all `console` blocks up to the second command, which is this test's own.
fn transcript() -> Vec<Step> {
    let readme = include_str!("../../README.md");
    let (readme, _) = readme.split_once("## Command two").expect("the README has two commands");
    let blocks = readme.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap_or_default());
    let steps = blocks.flat_map(|block| block.split("$ ").filter(|step| !step.is_empty()));
    let steps = steps.map(|step| step.split_once('\n').expect("a command ends with its line"));
    steps.map(|(command, printed)| Step { command: command.to_owned(), printed: printed.to_owned() }).collect()
}

/// Makes an answer comparable: what differs from run to run gives way to its kind.
fn without_chance(mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                *member = match name.as_str() {
                    "access_token" | "createdTime" => Value::String(format!("some {name}")),
                    _ => without_chance(member.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_chance(item.take())),
        _ => {}
    }
    value
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The words of the greeting that differ from run to run: its address, client ID and client secret.
fn chances(greeting: &str) -> [String; 3] {
    let between = |before: &str, after: &str| {
        let found = greeting.split_once(before).and_then(|(_, rest)| rest.split_once(after));
        found.unwrap_or_else(|| panic!("no {before:?} … {after:?} in {greeting}")).0.to_owned()
    };
    [between("API at ", "/v1"), between("client ID ", "\n"), between("client secret ", " (")]
}

/// What a shell prints that finds the program on its path and the server at this address.
fn called_by(mut shell: Command, url: &str) -> String {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_chatkitty"));
    let mut path = program.parent().expect("the program is in a folder").as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let output = shell.env("PATH", path).env("CHATKITTY_URL", url).output().expect("a shell");
    [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text")).concat()
}

/// A text in which no time differs from another.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| word.parse::<chatkitty_platform::Timestamp>().is_ok();
    let words = text.split_inclusive([' ', '\n']);
    words.map(|word| if is_time(word.trim_end()) { "some time " } else { word }).collect()
}

#[test]
fn the_table_of_configuration_has_every_flag() {
    let folder = tempdir().unwrap();
    let help = run(command(folder.path(), ["serve", "--help"])).ok();
    let variables = help.split("[env:").skip(1).filter_map(|rest| rest.split('=').next());
    let variables: Vec<_> = variables.map(str::trim).collect();
    assert!(variables.len() > 9, "{help}");
    for variable in variables {
        let flag = variable.trim_start_matches("CHATKITTY_").to_lowercase().replace('_', "-");
        let row = format!("| `--{flag}` | `{variable}` |");
        let readme = include_str!("../../README.md");
        assert!(readme.contains(&row), "add a row to the table in the README that begins with {row}");
    }
}

#[test]
fn the_transcript_is_what_happens() {
    let folder = tempdir().unwrap();
    let mut steps = transcript().into_iter();
    let first = steps.next().expect("the README begins with a command");
    let arguments = first.command.strip_prefix("cargo run --release -- ").expect("the README starts the server");
    let mut serve = command(folder.path(), arguments.split(' '));
    serve.env("CHATKITTY_LISTEN", "127.0.0.1:0");
    let mut program = Program::spawn(serve);
    let greeting: String = first.printed.lines().map(|_| program.line() + "\n").collect();

    let (written, real) = (chances(&first.printed), chances(&greeting));
    let mut differences: Vec<_> = written.into_iter().zip(real).collect();
    let translate = |text: &str, differences: &[(String, String)]| {
        differences.iter().fold(text.to_owned(), |text, (written, real)| text.replace(written, real))
    };
    assert_eq!(translate(&first.printed, &differences), greeting);

    let mut variables = String::new();
    let url = chances(&greeting)[0].clone();
    let (mut answers, mut called) = (0, 0);
    for step in steps {
        let line = translate(&step.command, &differences);
        if step.printed.trim().is_empty() {
            variables.push_str(&format!("{line}\n"));
            continue;
        }
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{variables}{line}")).current_dir(folder.path());
        if line.starts_with("chatkitty ") {
            called += 1;
            let expected = translate(&step.printed, &differences);
            assert_eq!(
                without_times(&called_by(shell, &url)),
                without_times(&expected),
                "the README has another: {line}"
            );
            continue;
        }
        let output = shell.output().expect("a shell");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{line}\n{}", String::from_utf8_lossy(&output.stderr));
        let (expected, answer) = (json(&step.printed), json(&printed));
        let token = |answer: &Value| answer["access_token"].as_str().map(str::to_owned);
        differences.extend(token(&expected).zip(token(&answer)));
        let expected = json(&translate(&step.printed, &differences));
        assert_eq!(without_chance(answer), without_chance(expected), "the README has another answer to: {line}");
        answers += 1;
    }
    assert_eq!(called, 3, "the README calls the API from the command line");
    assert_eq!(answers, 6, "the README has a token, a user, a channel, two messages and a page");
}
