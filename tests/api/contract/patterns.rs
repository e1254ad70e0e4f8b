//! The patterns of the document are no way to keep the server busy.

use super::document::{document, items, members};
use openapi_dropshot::runtime::schema::Pattern;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn patterns(value: &'static Value, found: &mut BTreeSet<&'static str>) {
    found.extend(value["pattern"].as_str());
    members(value).map(|(_, inside)| inside).chain(items(value)).for_each(|inside| patterns(inside, found));
}

/// What makes a matcher that goes back and tries again do so for ever: much that nearly fits, and an end that does not.
#[test]
fn no_pattern_takes_long_over_a_text_that_nearly_fits() {
    let mut found = BTreeSet::new();
    patterns(document(), &mut found);
    assert!(found.len() > 10, "only {found:?} were found");
    for text in found {
        let pattern: &'static Pattern = Box::leak(Box::new(Pattern::new(text)));
        for piece in ["a", "0", " ", "a ", "a a", ",", "a,asc", "a/a;", "/", "https://", "\u{1f993}"] {
            let almost = piece.repeat((64 << 10) / piece.len()) + "\u{1}";
            let started = Instant::now();
            pattern.matches(&almost);
            let taken = started.elapsed();
            assert!(taken < Duration::from_secs(5), "{text} takes {taken:?} over 64 KiB of {piece:?}");
        }
    }
}
