//! `chatkitty openapi`.

use super::print;
use crate::explorer::YAML;
use crate::generated::server::DOCUMENT;
use clap::ValueEnum;

/// Prints the document.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The format of the document.
    #[arg(long, value_enum, default_value_t = Format::Yaml)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    print(match arguments.format {
        Format::Yaml => YAML,
        Format::Json => DOCUMENT.text(),
    })
}
