//! The examples of the document are what its types can hold.

use super::document::{members, operations, resolve};
use chatkitty_platform::generated::wire;
use chatkitty_platform::types;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads a value as a generated type, writes it, and gives what came out.
type RoundTrip = fn(&Value) -> Result<Value, serde_json::Error>;

fn through<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(value.clone())?)
}

/// What a patch clears is null, which its type leaves out and the server reads beside it.
fn through_merge_patch<T: DeserializeOwned + Serialize>(value: &Value) -> Result<Value, serde_json::Error> {
    let mut written = through::<T>(value)?;
    for (name, _) in value.as_object().into_iter().flatten().filter(|(_, value)| value.is_null()) {
        written[name] = Value::Null;
    }
    Ok(written)
}

/// The generated type of a schema that is a body.
fn round_trip(schema: &str) -> Option<RoundTrip> {
    Some(match schema {
        "AccessToken" => through::<types::AccessToken>,
        "AccessTokenRequest" => through::<types::AccessTokenRequest>,
        "ApplicationJobResource" => through::<types::ApplicationJobResource>,
        "ChannelImports" => through::<types::ChannelImports>,
        "ChannelMembershipImports" => through::<types::ChannelMembershipImports>,
        "ChatUserImports" => through::<types::ChatUserImports>,
        "MessageImports" => through::<types::MessageImports>,
        "PagedModelApplicationJobResource" => through::<types::PagedModelApplicationJobResource>,
        "ApiError" => through::<types::ApiError>,
        "ApiRoot" => through::<types::ApiRoot>,
        "ApplicationResource" => through::<types::ApplicationResource>,
        "ApplicationSettingsProperties" => through::<types::ApplicationSettingsProperties>,
        "ApplicationSettingsResource" => through::<types::ApplicationSettingsResource>,
        "AuthenticationError" => through::<types::AuthenticationError>,
        "ChannelGenericEventResource" => through::<types::ChannelGenericEventResource>,
        "ChannelInviteResource" => through::<types::ChannelInviteResource>,
        "ChannelResource" => through::<wire::ChannelResource>,
        "ChannelPropertiesPatch" => through_merge_patch::<types::ChannelPropertiesPatch>,
        "ChatUserPropertiesPatch" => through_merge_patch::<types::ChatUserPropertiesPatch>,
        "ChatUserResource" => through::<types::ChatUserResource>,
        "CreateChannelGenericEventResource" => through::<types::CreateChannelGenericEventResource>,
        "CreateChannelInviteResource" => through::<types::CreateChannelInviteResource>,
        "CreateChannelResource" => through::<wire::CreateChannelResource>,
        "CreateExternalFileProperties" => through::<types::CreateExternalFileProperties>,
        "CreateDelegatedReplyThreadKeystrokesResource" => {
            through::<types::CreateDelegatedReplyThreadKeystrokesResource>
        }
        "CreateMessageResource" => through::<types::CreateMessageResource>,
        "CreatePersonChatUserResource" => through::<types::CreatePersonChatUserResource>,
        "CountResource" => through::<types::CountResource>,
        "CursorPagedModelMessageResource" => through::<types::CursorPagedModelMessageResource>,
        "CursorPagedModelNotificationResource" => through::<types::CursorPagedModelNotificationResource>,
        "DeletedMessageResource" => through::<wire::DeletedMessageResource>,
        "FileMessageUpload" => through::<types::FileMessageUpload>,
        "FileUpload" => through::<types::FileUpload>,
        "Health" => through::<types::Health>,
        "MessagePropertiesPatch" => through::<types::MessagePropertiesPatch>,
        "MessageResource" => through::<wire::MessageResource>,
        "PagedModelChannelInviteResource" => through::<types::PagedModelChannelInviteResource>,
        "PagedModelChannelMembershipResource" => through::<types::PagedModelChannelMembershipResource>,
        "PagedModelChannelResource" => through::<types::PagedModelChannelResource>,
        "PagedModelChatSessionResource" => through::<types::PagedModelChatSessionResource>,
        "PagedModelChatUserResource" => through::<types::PagedModelChatUserResource>,
        "SecretResource" => through::<types::SecretResource>,
        "PagedModelMessageReadReceiptResource" => through::<types::PagedModelMessageReadReceiptResource>,
        "PagedModelMessageReadReceiptSummaryResource" => through::<types::PagedModelMessageReadReceiptSummaryResource>,
        "PagedModelMessageResource" => through::<types::PagedModelMessageResource>,
        "TokenIntrospection" => through::<types::TokenIntrospection>,
        "TokenRequest" => through::<types::TokenRequest>,
        "ReplyThreadKeystrokesResource" => through::<types::ReplyThreadKeystrokesResource>,
        "ReplyThreadResource" => through::<wire::ReplyThreadResource>,
        "PagedModelChatUserSessionResource" => through::<types::PagedModelChatUserSessionResource>,
        "StreamEvent" => through::<wire::StreamEvent>,
        "UserReference" => through::<types::UserReference>,
        _ => return None,
    })
}

/// The value as the types have it: files are read as they arrive, and are no part of them.
fn without_files(schema: &'static Value, value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| schema["properties"][name]["format"] != "binary");
    }
    value
}

#[test]
fn every_example_round_trips_through_the_generated_types() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for operation in operations() {
        let request = operation.json.get("requestBody").map(|body| ("request".to_owned(), resolve(body)));
        let responses =
            members(&operation.json["responses"]).map(|(status, response)| (status.to_owned(), resolve(response)));
        for (part, holder) in request.into_iter().chain(responses) {
            for (media, content) in members(&holder["content"]).filter(|(media, _)| media.ends_with("json")) {
                let schema =
                    content["schema"]["$ref"].as_str().and_then(|text| text.rsplit('/').next()).unwrap_or_default();
                let Some(round_trip) = round_trip(schema) else {
                    faults.push(format!("{} {part}: add `{schema}` to the types in this file", operation.id));
                    continue;
                };
                for (name, example) in members(&content["examples"]) {
                    count += 1;
                    let value = &without_files(resolve(&content["schema"]), &resolve(example)["value"]);
                    match round_trip(value) {
                        Ok(written) if written == *value => {}
                        Ok(written) => {
                            faults.push(format!("{} {part} {media} {name}: {value} became {written}", operation.id))
                        }
                        Err(error) => faults.push(format!("{} {part} {media} {name}: {error}", operation.id)),
                    }
                }
            }
        }
    }
    assert!(count > operations().len(), "only {count} examples were found");
    assert!(
        faults.is_empty(),
        "{} of {count} examples are not what the types hold:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
