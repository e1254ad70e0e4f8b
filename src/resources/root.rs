//! The entry point.

use crate::auth::Caller;
use crate::error::Error;
use crate::generated::client::types::{ApiRoot, ApiRootLinks};
use crate::generated::server::RootApi;
use crate::hal::Urls;
use crate::platform::Platform;
use openapi_dropshot::runtime::{Call, Reply};

impl RootApi for Platform {
    async fn retrieve_api_root(&self, call: &Call, caller: Caller) -> Result<Reply<ApiRoot>, Error> {
        Ok(represent(&self.urls(call, caller.application)).into())
    }
}

/// The root as the wire has it.
pub(super) fn represent(urls: &Urls) -> ApiRoot {
    ApiRoot { links: ApiRootLinks { self_: urls.root(), application: urls.me() } }
}
