//! Baseline (b): dropshot as it comes, sending the JSON that was captured from the product.
//!
//! The endpoints take the parameters and bodies that the product's take, through dropshot's own extractors. A path
//! that is not among them gets dropshot's own 404, which is what the product's is compared with.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use dropshot::{
    ApiDescription, ConfigDropshot, HttpError, HttpResponseOk, Query, RequestContext, ServerBuilder, TypedBody,
    UntypedBody, endpoint,
};
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::wire::Answer;

/// Serves the JSON of the answer in `file` at the product's addresses, until killed.
///
/// # Errors
/// The file holds no answer with a JSON body, or no port can be bound.
pub(crate) fn serve(file: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let json = serde_json::from_slice(&Answer::parse(&bytes)?.body).context("the captured body is not JSON")?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(Json(Arc::new(json))))
}

async fn run(json: Json) -> anyhow::Result<()> {
    let mut api = ApiDescription::new();
    api.register(api_root)?;
    api.register(list_users)?;
    api.register(retrieve_user)?;
    api.register(list_channels)?;
    api.register(send_channel_message)?;
    api.register(create_access_token)?;
    let config = ConfigDropshot { bind_address: ([127, 0, 0, 1], 0).into(), ..ConfigDropshot::default() };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    let server = ServerBuilder::new(api, json, log)
        .config(config)
        .start()
        .map_err(|error| anyhow!("dropshot does not start: {error}"))?;
    println!("listening on http://{}", server.local_addr());
    server.await.map_err(|error| anyhow!("dropshot stopped: {error}"))
}

/// Any JSON value; shared, so that a request pays for writing it and not for a copy of the tree.
#[derive(Clone)]
struct Json(Arc<Value>);

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Json {
    fn schema_name() -> String {
        "Json".to_owned()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Value::json_schema(generator)
    }
}

type Outcome = Result<HttpResponseOk<Json>, HttpError>;

fn captured(context: &RequestContext<Json>) -> Outcome {
    Ok(HttpResponseOk(context.context().clone()))
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "dropshot parses it; nothing reads it")]
struct Page {
    page: Option<u32>,
    size: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "dropshot parses it; nothing reads it")]
struct Filters {
    size: Option<u32>,
    #[serde(rename = "type")]
    kind: Option<String>,
    members: Option<String>,
    properties: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "dropshot parses it; nothing reads it")]
struct Id {
    id: i64,
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "dropshot parses it; nothing reads it")]
struct Message {
    body: String,
}

#[endpoint { method = GET, path = "/v1" }]
async fn api_root(context: RequestContext<Json>) -> Outcome {
    captured(&context)
}

#[endpoint { method = GET, path = "/v1/users" }]
async fn list_users(context: RequestContext<Json>, _page: Query<Page>) -> Outcome {
    captured(&context)
}

#[endpoint { method = GET, path = "/v1/users/{id}" }]
async fn retrieve_user(context: RequestContext<Json>, _id: dropshot::Path<Id>) -> Outcome {
    captured(&context)
}

#[endpoint { method = GET, path = "/v1/channels" }]
async fn list_channels(context: RequestContext<Json>, _filters: Query<Filters>) -> Outcome {
    captured(&context)
}

#[endpoint { method = POST, path = "/v1/channels/{id}/messages" }]
async fn send_channel_message(
    context: RequestContext<Json>,
    _id: dropshot::Path<Id>,
    _message: TypedBody<Message>,
) -> Outcome {
    captured(&context)
}

#[endpoint { method = POST, path = "/oauth/token" }]
async fn create_access_token(context: RequestContext<Json>, _form: UntypedBody) -> Outcome {
    captured(&context)
}
