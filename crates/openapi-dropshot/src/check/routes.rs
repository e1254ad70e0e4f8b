//! Paths that the router can tell apart.

use super::{At, Checker};

/// The variables of a path, in order, but for names that are refused.
pub(super) fn variables(path: &str) -> Vec<&str> {
    let names = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.filter(|name| !name.contains([':', '*'])).collect()
}

impl<'a> Checker<'a> {
    /// Checks one path by itself and beside those before it.
    pub(super) fn route(&self, path: &'a str, at: &At<'a>, known: &mut Vec<&'a str>) {
        if !path.starts_with('/') {
            self.report_key(at, format!("the path `{path}` does not start with `/`"), "write it from the root");
            return;
        }
        if path.len() > 1 && (path.ends_with('/') || path.contains("//")) {
            self.report_key(at, format!("the path `{path}` has an empty segment"), "remove the extra `/`");
        }
        for segment in path.split('/') {
            let whole = segment.starts_with('{') && segment.ends_with('}') && segment.len() > 2;
            if segment.contains(['{', '}']) && (!whole || segment[1..segment.len() - 1].contains(['{', '}'])) {
                let hint = "let a variable fill its whole segment";
                self.report_key(at, format!("`{segment}` mixes a variable with text"), hint);
            } else if whole && segment.contains([':', '*']) {
                self.report_key(at, format!("`{segment}` is not a variable of OpenAPI"), "name it without `:` and `*`");
            } else if segment.contains(|c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '%' | '\\' | '"'))
                || matches!(segment, "." | "..")
            {
                self.report_key(at, format!("`{segment}` cannot be a path segment"), "use letters, digits and `-._~`");
            }
        }
        let names = variables(path);
        if let Some(twice) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
            self.report_key(
                at,
                format!("the variable `{}` stands twice in `{path}`", twice.1),
                "rename one of the two",
            );
        }
        for other in known.iter() {
            if let Some((mine, theirs)) = conflict(path, other) {
                let hint = if mine.starts_with('{') && theirs.starts_with('{') {
                    "give the variable one name in all paths"
                } else {
                    "move one of the two below another segment: dropshot matches a variable or literals at one place, not both"
                };
                let message =
                    format!("`{path}` conflicts with `{other}`: `{mine}` and `{theirs}` stand at the same place");
                self.report_key(at, message, hint);
            }
        }
        known.push(path);
    }
}

/// The first segments in which two paths differ, if one of them is a variable.
fn conflict<'p>(path: &'p str, other: &'p str) -> Option<(&'p str, &'p str)> {
    let (a, b) = path.split('/').zip(other.split('/')).find(|(a, b)| a != b)?;
    (a.starts_with('{') || b.starts_with('{')).then_some((a, b))
}

/// Whether requests for the path, which lies below the prefix, would be taken for requests below the alias.
pub(super) fn shadows(prefix: &str, path: &str) -> bool {
    let mut rest = path.split('/');
    let same = prefix
        .split('/')
        .all(|expected| rest.next().is_some_and(|found| expected == found || expected.starts_with('{')));
    same && rest.next().is_some()
}
