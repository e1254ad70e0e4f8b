//! What the figures were measured on: a figure without it is a rumour.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Serialize;

/// The packages whose versions matter to a figure.
const PACKAGES: [&str; 7] = ["dropshot", "http", "hyper", "openapi-dropshot", "rusqlite", "serde_json", "tokio"];

/// Hardware, system and versions.
#[derive(Serialize)]
pub(crate) struct Machine {
    /// Processor model.
    pub(crate) cpu: String,
    /// Cores this process may use.
    pub(crate) cores: usize,
    /// Kernel release.
    pub(crate) kernel: String,
    /// Type of the file system that holds the databases.
    pub(crate) file_system: String,
    /// Load average over the minute before the run; above 0.5, something else was running too.
    pub(crate) load_before: f64,
    /// How a write is made durable before it is acknowledged.
    pub(crate) durability: &'static str,
    /// Commit of the working tree, with `-dirty` where it is edited; `unknown` outside a repository.
    pub(crate) commit: String,
    /// The compiler.
    pub(crate) rustc: String,
    /// Package → version, with SQLite itself.
    pub(crate) versions: BTreeMap<String, String>,
}

/// Describes this machine; `scratch` is where the databases are.
///
/// # Errors
/// This is not Linux, or the working tree has no `Cargo.lock`.
pub(crate) fn describe(scratch: &Path) -> anyhow::Result<Machine> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}; this needs Linux"));
    let cpu_info = read("/proc/cpuinfo")?;
    let cpu = cpu_info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let load_before = read("/proc/loadavg")?.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Ok(Machine {
        cpu: cpu.trim_start_matches([' ', '\t', ':']).to_owned(),
        cores: std::thread::available_parallelism()?.get(),
        kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        file_system: file_system(&read("/proc/self/mounts")?, scratch),
        load_before,
        durability: "SQLite, journal_mode=WAL, synchronous=FULL: acknowledged after fsync of the write-ahead log",
        commit: output_of(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root)),
        rustc: output_of(Command::new("rustc").arg("--version").current_dir(root)),
        versions: versions(&fs::read_to_string(root.join("Cargo.lock")).context("cannot read Cargo.lock")?),
    })
}

fn output_of(command: &mut Command) -> String {
    match command.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// The type of the innermost mount that holds `path`.
fn file_system(mounts: &str, path: &Path) -> String {
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(point, _)| path.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn versions(lock: &str) -> BTreeMap<String, String> {
    let quoted = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let mut versions = BTreeMap::new();
    let mut name = String::new();
    for line in lock.lines() {
        if let Some(found) = quoted(line, "name = ") {
            name = found;
        } else if let Some(version) = quoted(line, "version = ")
            && PACKAGES.contains(&name.as_str())
        {
            versions.insert(name.clone(), version);
        }
    }
    versions.insert(env!("CARGO_PKG_NAME").to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    versions.insert("SQLite".to_owned(), rusqlite::version().to_owned());
    versions
}
