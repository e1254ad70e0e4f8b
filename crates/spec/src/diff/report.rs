//! How a comparison is shown: to people, and to programs.

use super::{Change, Diff, Difference, Direction, Effect, Severity, Side};
use crate::document::Document;
use serde_json::{Value, json};
use std::fmt;

/// Operations that are listed by name before the rest is counted.
const LISTED: usize = 6;

impl fmt::Display for Diff<'_> {
    /// Prints the changes the way compilers print findings, so that editors find the place, then the effect on the code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            self.shown(change).fmt(f)?;
        }
        if !self.effects.is_empty() {
            writeln!(f, "in the Rust code:")?;
            self.effects.iter().try_for_each(|effect| show(f, effect))?;
        }
        let count = |severity, word: &str| match self.count(severity) {
            1 => format!("1 {word} change"),
            count => format!("{count} {word} changes"),
        };
        let (breaking, safe) = (count(Severity::Breaking, "breaking"), count(Severity::Safe, "safe"));
        let word = |document: &Document| format!("{} ({})", document.file, document.api.version);
        write!(f, "{breaking} and {safe} from {} to {}", word(self.old), word(self.new))
    }
}

impl Diff<'_> {
    /// A change the way compilers print findings.
    pub(super) fn shown(&self, change: &Change) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            let Change { place, pointer, message, .. } = change;
            let severity = match change.severity {
                Severity::Breaking => "breaking",
                Severity::Safe => "safe",
            };
            let file = &self.document(change.side).file;
            writeln!(f, "{file}:{}:{}: {severity}: {message}", place.line, place.column)?;
            writeln!(f, "  at {pointer}")?;
            if change.operations.is_empty() {
                return Ok(());
            }
            let whose = match change.direction {
                None => "in",
                Some(Direction::Request) => "in requests of",
                Some(Direction::Response) => "in answers of",
            };
            let (listed, rest) = change.operations.split_at(change.operations.len().min(LISTED));
            write!(f, "  {whose} {}", listed.join(", "))?;
            if rest.is_empty() { writeln!(f) } else { writeln!(f, " and {} more", rest.len()) }
        })
    }

    fn document(&self, side: Side) -> &Document {
        match side {
            Side::Old => self.old,
            Side::New => self.new,
        }
    }

    /// The comparison as JSON, in the shape that the crate's README describes.
    pub fn to_json(&self) -> Value {
        let document = |document: &Document| json!({"file": document.file, "version": document.api.version});
        let changes: Vec<_> = self
            .changes
            .iter()
            .map(|change| {
                json!({
                    "severity": change.severity,
                    "rule": change.rule,
                    "message": change.message,
                    "direction": change.direction,
                    "file": self.document(change.side).file,
                    "line": change.place.line,
                    "column": change.place.column,
                    "pointer": change.pointer,
                    "operations": change.operations,
                })
            })
            .collect();
        json!({
            "old": document(self.old),
            "new": document(self.new),
            "breaking": self.count(Severity::Breaking),
            "safe": self.count(Severity::Safe),
            "changes": changes,
            "rust": self.effects,
        })
    }
}

fn show(f: &mut fmt::Formatter<'_>, effect: &Effect) -> fmt::Result {
    let Effect { kind, name, file, change, members } = effect;
    write!(f, "  {} {kind} {name} (generated/{file})", sign(*change))?;
    // What a new struct or enum has is for the handwritten code to choose from; what a new trait asks for is its work.
    if *change != Difference::Changed && *kind != "trait" {
        return writeln!(f);
    }
    writeln!(f)?;
    for member in members {
        match &*member.details {
            [] => writeln!(f, "    {} {}", sign(member.change), member.code)?,
            details => details
                .iter()
                .try_for_each(|detail| writeln!(f, "    {} {}: {detail}", sign(member.change), member.name))?,
        }
    }
    Ok(())
}

fn sign(change: Difference) -> char {
    match change {
        Difference::Added => '+',
        Difference::Removed => '-',
        Difference::Changed => '~',
    }
}
