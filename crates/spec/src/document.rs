//! A document that has been read, checked and turned into code.

use crate::generate::{Error, generate};
use openapi_dropshot::model::Api;
use openapi_dropshot::{Files, read};

/// A document without faults, and what follows from it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its name in diagnostics and reports.
    pub file: String,
    /// What it says.
    pub api: Api,
    /// The files of `generated/`.
    pub files: Files,
}

impl Document {
    /// Reads a document and generates from it; `file` is its name.
    ///
    /// # Errors
    /// The faults of the document, or what a generator says of it.
    pub fn read(file: &str, text: &str) -> Result<Self, Error> {
        let api = read(file, text)?;
        let files = generate(&api)?;
        Ok(Self { file: file.to_owned(), api, files })
    }
}
