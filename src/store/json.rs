//! What SQL must know of JSON and engines spell differently: `json_contains(whole, part)`.
//!
//! Filters by custom properties use it.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use serde_json::Value;

/// Teaches a connection the function.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("json_contains", 2, flags, |context| {
        // The part is the same for all rows of a statement, and kept beside it once it is read.
        let part = context.get_or_create_aux(1, |part| read(part.as_str()?))?;
        let whole = read(context.get_raw(0).as_str()?).map_err(rusqlite::Error::UserFunctionError)?;
        Ok(contains(&whole, &part))
    })
}

fn read(text: &str) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
    Ok(serde_json::from_str(text)?)
}

/// Whether every property of `part` is in `whole`: an object with each of its properties in turn, anything else equal.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| contains(whole, part)))
        }
        _ => equal(whole, part),
    }
}

/// 1 and 1.0 are one number, though two spellings.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.is_f64() != other.is_f64() && one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| equal(one, other)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_contain_what_is_in_them_at_every_level() {
        let whole =
            json!({"team": "support", "level": 2, "tags": ["a", {"b": [1]}], "boss": {"name": "Ada"}, "x": null});
        for part in [
            json!({}),
            json!({"team": "support"}),
            json!({"level": 2.0, "boss": {}}),
            json!({"tags": ["a", {"b": [1.0]}]}),
            json!({"x": null}),
        ] {
            assert!(contains(&whole, &part), "{part}");
        }
        for part in [
            json!({"team": "Support"}),
            json!({"level": "2"}),
            json!({"tags": "a"}),
            json!({"tags": ["a"]}),
            json!({"tags": ["a", {"b": [1, 1]}]}),
            json!({"boss": {"name": "Ada", "age": 36}}),
            json!({"y": null}),
            json!({"x": false}),
        ] {
            assert!(!contains(&whole, &part), "{part}");
        }
    }
}
