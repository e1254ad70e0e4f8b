//! Which requests are administrative acts, and what the audit log keeps of one. What a request carries stays out of it:
//! neither its body nor its query, and so no value of a secret and no token.

use crate::edge::response_token;
use crate::generated::server::DOCUMENT;
use crate::store::audit::Act;
use openapi_dropshot::runtime::{Call, Operation};

/// The act that a request of a client is.
pub(crate) fn act(call: &Call, application: i64, client_id: &str) -> Act {
    Act {
        application_id: application,
        client_id: Some(client_id.to_owned()),
        remote_address: Some(call.remote_addr.ip().to_canonical().to_string()),
        action: call.operation.id.to_owned(),
        resource: call.request.uri.path().to_owned(),
        request_token: response_token(&call.request_id).to_str().ok().map(str::to_owned),
    }
}

/// Whether the document says of the operation that it is an administrative act (`x-audit`).
pub(crate) fn is_administrative(operation: &Operation) -> bool {
    DOCUMENT.operation(operation)["x-audit"] == true
}
