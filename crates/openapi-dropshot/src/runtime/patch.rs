//! Merge patches, RFC 7396.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A body in `application/merge-patch+json`: a property that is absent stays as it is, one that is null is cleared, and
/// any other is set.
///
/// The document says with `nullable` which properties can be cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergePatch<T> {
    /// What to set; absent is what stays, and what is cleared.
    pub set: T,
    cleared: BTreeSet<String>,
}

impl<T> MergePatch<T> {
    /// Whether a property is to be cleared: `displayName`, or `presence.status` within another one.
    pub fn clears(&self, property: &str) -> bool {
        self.cleared.contains(property)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for MergePatch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut patch = Map::deserialize(deserializer)?;
        let mut cleared = BTreeSet::new();
        note_nulls(&patch, "", &mut cleared);
        // Deeper ones are for the types to read, since a property may hold JSON as it is.
        patch.retain(|_, value| !value.is_null());
        let set = serde_json::from_value(Value::Object(patch)).map_err(D::Error::custom)?;
        Ok(MergePatch { set, cleared })
    }
}

fn note_nulls(object: &Map<String, Value>, way: &str, found: &mut BTreeSet<String>) {
    for (name, value) in object {
        match value {
            Value::Null => {
                found.insert(format!("{way}{name}"));
            }
            Value::Object(inner) => note_nulls(inner, &format!("{way}{name}."), found),
            _ => {}
        }
    }
}

/// Applies a patch to an object, at every level: null removes, an object is merged, and anything else replaces.
pub fn merge(target: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => {
                target.remove(&name);
            }
            Value::Object(change) => {
                let inner = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                match inner {
                    Value::Object(inner) => merge(inner, change),
                    other => {
                        let mut inner = Map::new();
                        merge(&mut inner, change);
                        *other = Value::Object(inner);
                    }
                }
            }
            value => {
                target.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Those examples of RFC 7396, appendix A, whose target and patch are objects.
    #[test]
    fn the_examples_of_the_standard() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let (Value::Object(mut merged), Value::Object(change)) = (target.clone(), patch.clone()) else {
                panic!("{target} and {patch} are objects");
            };
            merge(&mut merged, change);
            assert_eq!(Value::Object(merged), expected, "{patch} applied to {target}");
        }
    }

    #[test]
    fn null_is_told_from_absence() {
        #[derive(serde::Deserialize)]
        struct Pet {
            name: Option<String>,
            owner: Option<String>,
        }
        let patch = json!({"owner": null, "toys": null, "name": "Tom"});
        let patch: MergePatch<Pet> = serde_json::from_value(patch).expect("a patch of a pet");
        assert_eq!((patch.set.name.as_deref(), patch.set.owner.as_deref()), (Some("Tom"), None));
        assert!(patch.clears("owner") && patch.clears("toys") && !patch.clears("name"));
        let nested: MergePatch<Value> = serde_json::from_value(json!({"a": {"b": null}})).expect("a patch");
        assert!(nested.clears("a.b") && !nested.clears("a") && nested.set == json!({"a": {"b": null}}));
        assert!(serde_json::from_value::<MergePatch<Pet>>(json!([])).is_err());
    }
}
