//! A disk that fails and a clock that jumps, for one program: `faults.c`, preloaded.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The library, compiled once for all worlds.
pub struct Library {
    folder: TempDir,
}

impl Library {
    /// Compiles it, with the compiler that SQLite has been compiled with.
    pub fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/durability/faults.c");
        let compiler = std::env::var_os("CC").unwrap_or("cc".into());
        let mut cc = Command::new(&compiler);
        cc.args(["-Wall", "-Werror", "-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("faults.so")).arg(source);
        let built = cc.arg("-ldl").status();
        assert!(
            built.is_ok_and(|status| status.success()),
            "{compiler:?} is to compile faults.c; CC names another one"
        );
        Library { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("faults.so")
    }
}

/// The other end of what a program suffers.
pub struct Faults {
    control: File,
    path: PathBuf,
    library: PathBuf,
}

impl Faults {
    /// No faults so far.
    pub fn calm(library: &Library, folder: &Path) -> Self {
        let path = folder.join("faults");
        let control = File::create(&path).unwrap();
        control.set_len(8).unwrap();
        Faults { control, path, library: library.path() }
    }

    /// Has a program suffer them.
    pub fn reach(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("CHATKITTY_FAULTS", &self.path);
    }

    /// Of a million calls on the files of the database, so many fail from now on.
    pub fn disk(&self, per_million: u32) {
        self.control.write_all_at(&per_million.to_ne_bytes(), 0).unwrap();
    }

    /// The time of day is off by so many seconds from now on.
    pub fn clock(&self, seconds: i32) {
        self.control.write_all_at(&seconds.to_ne_bytes(), 4).unwrap();
    }
}
