//! How long a developer waits: generation alone, and `cargo build` after the two common edits (debug profile).
//!
//! The edits are made in the working tree and undone on every way out, an interrupt included.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

use crate::report::BuildFigure;
use crate::rounds::median;

/// Times each step is done; the median counts.
const TIMES: usize = 3;

/// The handler file that is edited.
const HANDLER: &str = "src/resources/users.rs";

/// Times builds of the working tree; `cold` adds one from nothing.
///
/// # Errors
/// The tree does not build, or the files to edit are not where they should be.
pub(crate) fn measure(bench_directory: &Path, cold: bool) -> anyhow::Result<Vec<BuildFigure>> {
    leave_interrupts_to_cargo()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    eprintln!("building once, unmeasured …");
    build(root, &[])?;

    let mut figures = vec![BuildFigure::new("generation alone", generation(root, bench_directory)?)];
    figures.push(BuildFigure::new("cargo build after editing a description", description_edit(root)?));
    figures.push(BuildFigure::new("cargo build after editing a handler", handler_edit(root)?));
    if cold {
        eprintln!("building from nothing …");
        let target = tempfile::tempdir_in(bench_directory)?;
        let seconds = build(root, &["--target-dir".into(), target.path().into()])?;
        figures.push(BuildFigure::new("cargo build from nothing", seconds));
    }
    Ok(figures)
}

/// Seconds of `cargo build`.
fn build(root: &Path, arguments: &[OsString]) -> anyhow::Result<f64> {
    let start = Instant::now();
    let status = cargo(root).args(["build", "--quiet"]).args(arguments).status().context("cannot start cargo")?;
    ensure!(status.success(), "cargo build failed; what it printed says why");
    Ok(start.elapsed().as_secs_f64())
}

fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Under CI a stale generated/ is refused, and the edit of the description makes it stale on purpose.
    command.current_dir(root).env_remove("CI").stdin(Stdio::null());
    command
}

/// Seconds of one run of the compiled build script, which does nothing but generate.
fn generation(root: &Path, bench_directory: &Path) -> anyhow::Result<f64> {
    eprintln!("timing generation …");
    let script = build_script(root)?;
    let out = tempfile::tempdir_in(bench_directory)?;
    let mut seconds = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        let output = Command::new(&script)
            .current_dir(root)
            .env_remove("CI")
            .env("CARGO_MANIFEST_DIR", root)
            .env("OUT_DIR", out.path())
            .env("PROFILE", "debug")
            .output()
            .with_context(|| format!("cannot start {}", script.display()))?;
        seconds.push(start.elapsed().as_secs_f64());
        ensure!(output.status.success(), "the build script failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(median(seconds))
}

/// Where cargo has put the compiled build script of this package.
fn build_script(root: &Path) -> anyhow::Result<PathBuf> {
    let output = cargo(root).args(["build", "--quiet", "--message-format=json"]).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cargo build failed; what it printed says why");
    let manifest = root.join("Cargo.toml");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|message| {
            message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
                && message["target"]["kind"][0] == "custom-build"
        })
        .and_then(|message| message["filenames"][0].as_str().map(PathBuf::from))
        .context("cargo names no build script of this package; has build.rs gone?")
}

fn description_edit(root: &Path) -> anyhow::Result<f64> {
    eprintln!("timing a rebuild after editing a description …");
    let document = Original::read(root.join("openapi.yaml"))?;
    // What the build makes of the edit is undone as well.
    let mut generated = Vec::new();
    for path in files_below(&root.join("generated"))? {
        generated.push(Original::read(path)?);
    }
    let mut seconds = Vec::new();
    for turn in 0..TIMES {
        fs::write(&document.path, with_description_edited(&document.text, turn)?)?;
        seconds.push(build(root, &[])?);
        ensure!(
            generated.iter().any(|file| fs::read_to_string(&file.path).is_ok_and(|text| text != file.text)),
            "the edited description has changed nothing below generated/"
        );
    }
    drop((document, generated));
    build(root, &[])?;
    Ok(median(seconds))
}

fn handler_edit(root: &Path) -> anyhow::Result<f64> {
    eprintln!("timing a rebuild after editing a handler …");
    let handler = Original::read(root.join(HANDLER))?;
    let mut seconds = Vec::new();
    for turn in 0..TIMES {
        // At the top, as a real edit moves what is below it; a line at the end would leave all else in place.
        fs::write(&handler.path, format!("// Edited to time a rebuild: {turn}.\n{}", handler.text))?;
        seconds.push(build(root, &[])?);
    }
    drop(handler);
    build(root, &[])?;
    Ok(median(seconds))
}

/// The document with a sentence added to the first description below `paths`.
fn with_description_edited(document: &str, turn: usize) -> anyhow::Result<String> {
    let mut lines: Vec<String> = document.lines().map(str::to_owned).collect();
    let paths = lines.iter().position(|line| line == "paths:").context("openapi.yaml has no line `paths:`")?;
    let at = (paths..lines.len())
        .find(|&index| lines[index].trim_start().starts_with("description: "))
        .context("openapi.yaml has no description below `paths:`")?;
    let value = lines[at].trim_start().trim_start_matches("description: ");
    let (at, quote) = match value.chars().next() {
        // The text of a block scalar begins on the next line.
        Some('|' | '>') => (at + 1, None),
        Some(quote @ ('"' | '\'')) if value.len() > 1 && value.ends_with(quote) => (at, Some(quote)),
        _ => (at, None),
    };
    let line = lines.get_mut(at).context("openapi.yaml ends within a description")?;
    if quote.is_some() {
        line.pop();
    }
    line.push_str(&format!(" Edited to time a rebuild {turn}."));
    line.extend(quote);
    Ok(lines.join("\n") + "\n")
}

fn files_below(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// A file as it was; written back when dropped.
struct Original {
    path: PathBuf,
    text: String,
}

impl Original {
    fn read(path: PathBuf) -> anyhow::Result<Original> {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Original { path, text })
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        // An unchanged file keeps its time stamp, so that nothing is rebuilt for its sake.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            return;
        }
        if let Err(error) = fs::write(&self.path, &self.text) {
            eprintln!("cannot restore {}: {error}; `git checkout` brings it back", self.path.display());
        }
    }
}

/// Ctrl-C reaches cargo as well. It stops, its build counts as failed, and the files are restored on the way out;
/// ending at once, as is the default, would leave the edit in the tree.
fn leave_interrupts_to_cargo() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    // tokio never removes a handler once it is installed, so neither the runtime nor the stream is kept.
    let interrupts = signal(SignalKind::interrupt()).context("cannot catch interrupts")?;
    drop(interrupts);
    Ok(())
}
