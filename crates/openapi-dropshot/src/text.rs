//! Token streams → files, written only where they differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Generated files by their path below the target folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<PathBuf, String>);

impl Files {
    /// Adds a file.
    pub fn insert(&mut self, path: impl Into<PathBuf>, text: impl Into<String>) {
        self.0.insert(path.into(), text.into());
    }

    /// Paths and texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.0.iter().map(|(path, text)| (path.as_path(), text.as_str()))
    }

    /// The files that are not in the folder as they should be: missing, different, or left over from before.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn stale(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut stale = Vec::new();
        for (path, text) in &self.0 {
            match fs::read(folder.join(path)) {
                Ok(found) if found == text.as_bytes() => {}
                Ok(_) => stale.push(path.clone()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => stale.push(path.clone()),
                Err(error) => return Err(error),
            }
        }
        let mut found = Vec::new();
        list(folder, folder, &mut found)?;
        stale.extend(found.into_iter().filter(|path| !self.0.contains_key(path)));
        Ok(stale)
    }

    /// Makes the folder hold exactly these files, and touches only those that differ; anything else in it is removed.
    /// Gives the paths of the files that were written or removed.
    ///
    /// Each file is written beside its place and moved there, so that a reader never sees half of one.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let stale = self.stale(folder)?;
        for path in &stale {
            let target = folder.join(path);
            let Some(text) = self.0.get(path) else {
                fs::remove_file(&target)?;
                // Fails where the folder holds other files, which is as it should be.
                let _ = target.parent().filter(|parent| *parent != folder).map(fs::remove_dir);
                continue;
            };
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            let beside = target.with_extension("new");
            fs::write(&beside, text)?;
            fs::rename(&beside, &target)?;
        }
        Ok(stale)
    }
}

fn list(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        // A link is a leftover like any file, whatever it leads to.
        if entry.file_type()?.is_dir() {
            list(root, &path, found)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            found.push(relative.to_owned());
        }
    }
    Ok(())
}

/// Rust source with a header that says where it comes from.
pub(crate) fn source(header: &str, tokens: proc_macro2::TokenStream) -> Result<String, syn::Error> {
    let file: syn::File = syn::parse2(tokens)?;
    Ok(format!("{header}\n{}", prettyplease::unparse(&file)))
}
