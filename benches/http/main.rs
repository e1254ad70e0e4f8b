//! `cargo bench --bench http`: what one request costs, as figures and as ratios.
//!
//! Every server runs as a process of its own: the program `chatkitty`, a bare hyper server that sends the same bytes,
//! and a stock dropshot endpoint that sends the same JSON. The two baselines are this executable, started again with a
//! hidden argument. Rounds alternate between the servers, so that a slow minute of the machine hits all of them, and
//! every figure is the median over the rounds.
//!
//! ```text
//! cargo bench --bench http                      everything but the slow parts: about seven minutes
//! cargo bench --bench http -- --quick           short rounds, to see that it works
//! cargo bench --bench http -- --case api_root   one case; may be repeated
//! cargo bench --bench http -- --growth          adds 5,000,000 messages (about 2 GB of disk)
//! cargo bench --bench http -- --case search_messages --messages 5000000
//! cargo bench --bench http -- --builds --cold   adds build times; restores every file it edits
//! ```
//!
//! The table goes to stdout, the same and more to `target/bench/report.json`. Nothing fails for being slow.
//!
//! Reading order: [`cases`] says what is measured, [`rounds`] how, [`report`] how it is shown.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the report and the progress are the program's output")]

mod bare_hyper;
mod builds;
mod bulk;
mod cases;
mod fanout;
mod fixture;
mod growth;
mod lifecycle;
mod load;
mod machine;
mod raw_sqlite;
mod report;
mod rounds;
mod server;
mod stock_dropshot;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Parser;

use crate::report::Report;
use crate::rounds::Plan;

/// What to measure.
#[derive(Parser)]
#[command(about = "Measures the server beside bare hyper, stock dropshot and raw SQLite")]
struct Arguments {
    /// Three rounds of one second instead of five of three
    #[arg(long)]
    quick: bool,

    /// Measures this case alone (may be repeated) and leaves out start, memory and growth
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,

    /// Also measures cursor pages at 5,000,000 messages
    #[arg(long)]
    growth: bool,

    /// Messages that are searched in; 5000000 take some minutes to be made
    #[arg(long, default_value_t = 100_000)]
    messages: u64,

    /// Also times generation and rebuilds (debug profile)
    #[arg(long)]
    builds: bool,

    /// With --builds: also times a build from nothing, in a target directory of its own
    #[arg(long, requires = "builds")]
    cold: bool,

    /// Becomes the bare hyper server that sends the answer in FILE
    #[arg(long, hide = true, value_name = "FILE")]
    serve_hyper: Option<PathBuf>,

    /// Becomes the stock dropshot server that sends the JSON of the answer in FILE
    #[arg(long, hide = true, value_name = "FILE")]
    serve_dropshot: Option<PathBuf>,

    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(answer) = &arguments.serve_hyper {
        return bare_hyper::serve(answer);
    }
    if let Some(answer) = &arguments.serve_dropshot {
        return stock_dropshot::serve(answer);
    }

    let names = [&cases::NAMES[..], &bulk::NAMES, &[fanout::NAME]].concat();
    for name in &arguments.cases {
        ensure!(names.contains(&name.as_str()), "there is no case {name:?}; choose from: {}", names.join(", "));
    }
    let directory = bench_directory()?;
    // Databases go beside the report, not into the system's temporary directory: that is often a memory file system,
    // where a durable write costs nothing.
    let scratch = tempfile::tempdir_in(&directory).context("cannot create a scratch directory in target/bench")?;
    let plan = if arguments.quick { Plan::quick() } else { Plan::full() };

    let mut report = Report::new(machine::describe(scratch.path())?, &plan);
    let everything = arguments.cases.is_empty();
    report.cases = cases::measure(&plan, scratch.path(), &arguments.cases)?;
    if everything || arguments.cases.iter().any(|name| name == fanout::NAME) {
        report.fanout = Some(fanout::measure(&plan, scratch.path())?);
    }
    if everything {
        report.lifecycle = Some(lifecycle::measure(&plan, scratch.path())?);
    }
    if everything || arguments.growth {
        let sizes: &[u64] = if arguments.growth { &[1_000, 100_000, 5_000_000] } else { &[1_000, 100_000] };
        report.growth = growth::measure(&plan, scratch.path(), sizes)?;
    }
    report.bulk = bulk::measure(&plan, scratch.path(), &arguments.cases, arguments.messages)?;
    if arguments.builds {
        report.builds = builds::measure(&directory, arguments.cold)?;
    }

    println!("{}", report.to_markdown());
    let path = directory.join("report.json");
    let json = serde_json::to_string_pretty(&report)?;
    fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("written: {}", path.display());
    Ok(())
}

/// `target/bench`, created where it is missing.
fn bench_directory() -> anyhow::Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .context("CARGO_TARGET_TMPDIR has no parent; run this through `cargo bench`")?;
    let directory = target.join("bench");
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    Ok(directory)
}
