//! What changed between two documents, in the words of the API, and what that does to the Rust code.
//!
//! [`changes`] compares the documents: operation by operation, and then every schema that their requests and answers reach,
//! once for each direction. [`effects`] compares the code that is generated from them.

mod effect;
mod operation;
mod pointer;
mod report;
mod rule;
mod schema;
mod shape;

pub use effect::{Difference, Effect, Member, effects};
pub use rule::{Direction, Rule, Severity};

use crate::document::Document;
use openapi_dropshot::Place;
use openapi_dropshot::model::Api;
use pointer::place;

/// One change of the API.
#[derive(Clone, Debug)]
pub struct Change {
    /// What kind of change it is.
    pub rule: Rule,
    /// Whether clients suffer.
    pub severity: Severity,
    /// What changed, in one sentence.
    pub message: String,
    /// Which way the changed value goes; none for what is not a value.
    pub direction: Option<Direction>,
    /// The document to look into: the old one for what is gone.
    pub side: Side,
    /// Where in that document, as a JSON pointer.
    pub pointer: String,
    /// Where in the text of that document.
    pub place: Place,
    /// The ids of the operations that it concerns, in the order of the document; none where it concerns them all.
    pub operations: Vec<String>,
}

/// One of the two documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The document as it was.
    Old,
    /// The document as it is.
    New,
}

/// All that changed.
#[derive(Debug)]
pub struct Diff<'a> {
    /// The document as it was.
    pub old: &'a Document,
    /// The document as it is.
    pub new: &'a Document,
    /// The changes of the API, breaking ones first.
    pub changes: Vec<Change>,
    /// What they do to the generated code.
    pub effects: Vec<Effect>,
}

/// Compares two documents and the code that follows from them.
///
/// # Errors
/// When generated code cannot be parsed.
pub fn diff<'a>(old: &'a Document, new: &'a Document) -> Result<Diff<'a>, syn::Error> {
    Ok(Diff { old, new, changes: changes(&old.api, &new.api), effects: effects(&old.files, &new.files)? })
}

/// The changes between two documents, breaking ones first, then in the order of the text.
pub fn changes(old: &Api, new: &Api) -> Vec<Change> {
    let found = operation::compare(old, new);
    let mut changes: Vec<Change> = found
        .into_iter()
        .map(|Found { rule, direction, message, side, pointer, operations }| Change {
            rule,
            severity: rule.severity(direction),
            message,
            direction,
            side,
            place: place(if side == Side::Old { old } else { new }, &pointer),
            pointer,
            operations,
        })
        .collect();
    changes.sort_by(|a, b| {
        let key = |change: &Change| (change.severity, change.side, change.place, change.direction, change.rule);
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
    changes
}

impl Diff<'_> {
    /// Whether clients of the old document suffer.
    pub fn is_breaking(&self) -> bool {
        self.count(Severity::Breaking) > 0
    }

    /// How many changes have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.changes.iter().filter(|change| change.severity == severity).count()
    }

    /// Whether the new document may follow the old one as a release: nothing breaks but what was accepted, or the major
    /// version was raised.
    ///
    /// `accepted` has a line for each break that was weighed: the pointer and the message. Lines that are empty or start
    /// with `#` do not count.
    ///
    /// # Errors
    /// What breaks, and the ways out.
    pub fn gate(&self, accepted: &str) -> Result<(), String> {
        let (old, new) = (&self.old.api.version, &self.new.api.version);
        let (Some(before), Some(after)) = (major(old), major(new)) else {
            return Err(format!("`{old}` or `{new}` is not a version: write `info.version` as `major.minor.patch`"));
        };
        if after > before {
            return Ok(());
        }
        let lines = || accepted.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let line = |change: &Change| format!("{} {}", change.pointer, change.message);
        let (known, refused): (Vec<_>, Vec<_>) = self
            .changes
            .iter()
            .filter(|change| change.severity == Severity::Breaking)
            .partition(|change| lines().any(|accepted| accepted == line(change)));
        if let Some(first) = refused.first() {
            let shown: String = refused.iter().map(|change| self.shown(change).to_string()).collect();
            return Err(format!(
                "{shown}This breaks clients of the released version {old}. Keep what they rely on, beside what is new, or \
                 raise `info.version` in {} to {}.0.0. What harms no client in truth is accepted by a line and its \
                 reason, such as\n{}",
                self.new.file,
                before + 1,
                line(first)
            ));
        }
        match lines().find(|accepted| !known.iter().any(|change| line(change) == *accepted)) {
            Some(idle) => Err(format!("nothing breaks that is accepted by this line; remove it:\n{idle}")),
            None => Ok(()),
        }
    }
}

fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

/// A change before its severity and its place in the text are looked up.
#[derive(Clone, Debug)]
struct Found {
    rule: Rule,
    direction: Option<Direction>,
    message: String,
    side: Side,
    pointer: String,
    operations: Vec<String>,
}
