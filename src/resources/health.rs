//! Whether the server runs, and whether it can serve.

use crate::error::Error;
use crate::generated::client::types::{Health, HealthStatus};
use crate::generated::server::HealthApi;
use crate::platform::Platform;
use crate::store::applications;
use openapi_dropshot::runtime::{Call, Reply};

impl HealthApi for Platform {
    async fn check_liveness(&self, _: &Call) -> Result<Reply<Health>, Error> {
        Ok(Health { status: HealthStatus::Up }.into())
    }

    async fn check_readiness(&self, _: &Call) -> Result<Reply<Health>, Error> {
        self.store.read(applications::is_empty).await?;
        Ok(Health { status: HealthStatus::Up }.into())
    }
}
