//! Keeps `generated/` in step with `openapi.yaml`; what follows from it is told in `crates/spec`.

use std::{env, error::Error, fs, path::Path, process::exit};

const DOCUMENT: &str = "openapi.yaml";

#[expect(clippy::print_stderr, reason = "cargo shows what a failed build script says there")]
fn main() {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    println!("cargo::rerun-if-changed=generated");
    println!("cargo::rerun-if-env-changed=CI");
    if let Err(error) = bring_up_to_date() {
        eprintln!("{error}");
        exit(1);
    }
}

fn bring_up_to_date() -> Result<(), Box<dyn Error>> {
    let files = spec::Document::read(DOCUMENT, &fs::read_to_string(DOCUMENT)?)?.files;
    let folder = Path::new("generated");
    if env::var_os("CI").is_none() {
        files.write(folder)?;
        return Ok(());
    }
    let stale = files.stale(folder)?;
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = stale.iter().map(|path| format!("  generated/{}", path.display())).collect();
    Err(format!(
        "these files do not follow from {DOCUMENT}:\n{}\nrun `cargo build` or `cargo spec gen`, and commit them",
        names.join("\n")
    )
    .into())
}
