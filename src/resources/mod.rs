//! The generated traits filled in, a file a tag: who is calling, what is allowed, what the store does, how it is
//! represented.

pub(crate) mod analytics;
mod applications;
mod authorization;
mod channels;
mod events;
mod files;
mod health;
pub(crate) mod imports;
mod invites;
mod jobs;
mod members;
mod messages;
mod moderators;
mod notifications;
mod read_receipts;
mod reports;
mod root;
pub(crate) mod sessions;
mod text;
mod threads;
mod users;

use crate::error::{Error, Fault};
use crate::generated::client::types::{Properties, UserReference};
use crate::generated::wire::ValidationErrorCode;
use crate::store::users::UserRow;
use crate::store::{Sort, SortKey, StoreError, Tx, users as rows};
use openapi_dropshot::runtime::merge;
use serde_json::{Map, Value};

/// What a transaction decides: an error of the caller's making rolls nothing back, as it comes before any write.
type Decision<T> = Result<Result<T, Error>, StoreError>;

/// Custom properties as the store keeps them.
fn stored(properties: Option<Properties>) -> String {
    properties.map_or_else(|| "{}".to_owned(), |properties| Value::Object(properties.0).to_string())
}

/// Custom properties as the wire has them. The store holds nothing but what [`stored`] wrote.
fn properties(text: &str) -> Properties {
    Properties(if text == "{}" { Map::new() } else { serde_json::from_str(text).unwrap_or_default() })
}

/// Bytes of JSON that custom properties may grow to by patches, as many as one request can bring.
const MOST_PROPERTIES: usize = 65_536;

/// Custom properties after a merge patch, as the store keeps them.
fn patched(text: &str, cleared: bool, change: Option<Properties>) -> Result<String, Fault> {
    let mut merged = if cleared { Properties(Map::new()) } else { properties(text) };
    merge(&mut merged.0, change.map(|change| change.0).unwrap_or_default());
    let merged = stored(Some(merged));
    if merged.len() > MOST_PROPERTIES {
        let message = "the custom data of one resource may have 65536 bytes in all: remove some with null";
        return Err(Fault::new("properties", ValidationErrorCode::Unprocessable, message));
    }
    Ok(merged)
}

/// The `properties` filter, which is JSON inside the query.
fn properties_filter(text: Option<&String>) -> Result<Option<String>, Error> {
    let object = text.map(|text| serde_json::from_str::<Map<String, Value>>(text)).transpose();
    let invalid = |_| Fault::new("properties", ValidationErrorCode::Invalid, "must be a JSON object");
    Ok(object.map_err(invalid)?.map(|object| Value::Object(object).to_string()))
}

/// The order that `sort` asks for; the document admits nothing else than these names.
fn order(sort: Option<&Vec<String>>) -> Vec<Sort> {
    let step = |text: &String| {
        let (name, direction) = text.split_once(',').unwrap_or((text, "asc"));
        let key = match name {
            "name" => SortKey::Name,
            "displayName" => SortKey::DisplayName,
            "createdTime" => SortKey::CreatedTime,
            _ => SortKey::Id,
        };
        Sort { key, descending: direction == "desc" }
    };
    sort.into_iter().flatten().map(step).collect()
}

/// `sort` as it stands in the links of a page.
fn sort_filters(sort: Option<&Vec<String>>) -> impl Iterator<Item = (&'static str, Option<&str>)> {
    sort.into_iter().flatten().map(|step| ("sort", Some(step.as_str())))
}

/// The field of a body that is a reference.
fn reference_field(reference: &UserReference) -> &'static str {
    match reference {
        UserReference::UserIdReference(_) => "id",
        UserReference::UsernameReference(_) => "username",
    }
}

/// The user that a reference names, or the fault of the field it stands in.
fn find_user(
    tx: &Tx<'_>,
    application: i64,
    reference: &UserReference,
    field: &str,
) -> Result<Result<UserRow, Fault>, StoreError> {
    let found = match reference {
        UserReference::UserIdReference(reference) => rows::get(tx, application, reference.id)?,
        UserReference::UsernameReference(reference) => rows::get_by_name(tx, application, &reference.username)?,
    };
    Ok(found.ok_or_else(|| Fault::new(field, ValidationErrorCode::Missing, "there is no such user: create it first")))
}
