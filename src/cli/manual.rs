//! What tells how the program is used, beside `--help`: topics, manual pages, completions.

use super::print;
use anyhow::Context as _;
use clap::ValueHint;
use clap_complete::Shell;
use std::path::PathBuf;

/// `chatkitty completions SHELL`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell that reads them.
    shell: Shell,
}

/// `chatkitty man [DIR]`.
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The folder for a page of each command; made if it is not there.
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

/// Prints the completions.
pub(super) fn completions(arguments: &Completions, mut command: clap::Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "chatkitty", &mut script);
    super::print_bytes(&script)
}

/// Prints the page of the program, or writes those of all commands.
pub(super) fn man(arguments: &Man, command: clap::Command) -> anyhow::Result<()> {
    let command = command.disable_help_subcommand(true);
    let Some(folder) = &arguments.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return super::print_bytes(&page);
    };
    let told = || format!("cannot write to {}", folder.display());
    std::fs::create_dir_all(folder).with_context(told)?;
    clap_mangen::generate_to(command, folder).with_context(told)?;
    print(&format!("wrote the manual pages to {0}; read them with `man -l {0}/chatkitty.1`\n", folder.display()))
}

/// Topics that `chatkitty help` tells of: name, one line, text.
const TOPICS: [(&str, &str, &str); 2] = [
    (
        "environment",
        "Help: the variables that commands read",
        "Commands that call the API read these variables; a flag wins over its variable.

  CHATKITTY_URL            the address of the server, without /v1 (--server)
  CHATKITTY_CLIENT_ID      the client ID of an application (--client-id)
  CHATKITTY_CLIENT_SECRET  its secret; there is no flag for it, as others could read it there
  NO_COLOR                 if it is set to anything, nothing is coloured

`chatkitty serve --help` and `chatkitty app --help` name the variables of those commands.",
    ),
    (
        "exit-codes",
        "Help: what the exit codes mean",
        "  0    done
  1    failed, or refused as not valid
  2    the command line is wrong
  4    not signed in, or not allowed (401, 403)
  5    not found (404)
  7    the server cannot be reached
  130  interrupted

Data goes to standard output, and words to standard error. A reader of standard output that goes away ends a command
with 0.",
    ),
];

/// Adds the topics, so that `chatkitty help TOPIC` tells of them.
pub(super) fn add_topics(program: clap::Command) -> clap::Command {
    let topics = TOPICS.map(|(name, line, text)| clap::Command::new(name).about(line).long_about(text));
    program.subcommands(topics)
}

/// The text of a topic.
pub(super) fn topic(name: &str) -> Option<&'static str> {
    TOPICS.iter().find(|(topic, _, _)| *topic == name).map(|(_, _, text)| *text)
}
