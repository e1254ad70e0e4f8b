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
    /// All files are written beside their places before the first is moved there, so that a full disk leaves the folder
    /// as it was, and a reader never sees half of a file.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn write(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let stale = self.stale(folder)?;
        let mut beside = Vec::new();
        let staged = self.stage(folder, &stale, &mut beside);
        if let Err(error) = staged {
            // What is left over goes at the next run, if not now.
            beside.iter().for_each(|(from, _)| drop(fs::remove_file(from)));
            return Err(error);
        }
        for (from, to) in beside {
            fs::rename(from, to)?;
        }
        for path in stale.iter().filter(|path| !self.0.contains_key(*path)) {
            let target = folder.join(path);
            match fs::remove_file(&target) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // Fails where the folder holds other files, which is as it should be.
            let _ = target.parent().filter(|parent| *parent != folder).map(fs::remove_dir);
        }
        Ok(stale)
    }

    /// Writes the stale files beside their places; gives where each is and where it belongs.
    fn stage(&self, folder: &Path, stale: &[PathBuf], beside: &mut Vec<(PathBuf, PathBuf)>) -> io::Result<()> {
        for (path, text) in stale.iter().filter_map(|path| self.0.get_key_value(path)) {
            let target = folder.join(path);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut name = target.clone().into_os_string();
            name.push(".new");
            beside.push((name.into(), target));
            if let Some((from, _)) = beside.last() {
                fs::write(from, text)?;
            }
        }
        Ok(())
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
