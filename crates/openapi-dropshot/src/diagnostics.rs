//! What is wrong with a document, and where.

use std::fmt;

/// A place in the text of a document; lines and columns start at 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// One finding: it stops the generation, as every finding is a promise that could not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where in the text.
    pub place: Place,
    /// Where in the document, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// All findings of one pass over a document, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    file: String,
    findings: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn new(file: &str, mut findings: Vec<Diagnostic>) -> Self {
        findings.sort_by(|a, b| (a.place, &a.pointer, &a.message).cmp(&(b.place, &b.pointer, &b.message)));
        findings.dedup();
        Self { file: file.to_owned(), findings }
    }

    /// The findings, in the order of the text.
    pub fn findings(&self) -> &[Diagnostic] {
        &self.findings
    }
}

impl fmt::Display for Diagnostics {
    /// Prints the findings the way compilers do, so that editors find the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Diagnostic { place, pointer, message, hint } in &self.findings {
            writeln!(f, "{}:{}:{}: error: {message}", self.file, place.line, place.column)?;
            // Text that cannot be read has no pointers, and the whole document needs none.
            if !pointer.is_empty() {
                writeln!(f, "  at {pointer}")?;
            }
            writeln!(f, "  help: {hint}")?;
        }
        match self.findings.len() {
            1 => write!(f, "1 error in {}", self.file),
            count => write!(f, "{count} errors in {}", self.file),
        }
    }
}

impl std::error::Error for Diagnostics {}
