//! Bodies that are read after the request was answered: each of their items is held against the document all the same.

use super::breakage::breakages;
use super::conformance::{Report, brief};
use super::document::{Operation, items, operations, resolve};
use super::request::Body;
use super::world::World;
use crate::support::Caller;
use serde_json::{Value, json};

#[tokio::test]
async fn every_constraint_on_an_item_is_enforced_and_reported() {
    let (world, mut report) = (World::new().await, Report::default());
    let caller = Caller { server: &world.server, token: Some(world.token.clone()) };
    for operation in operations().into_iter().filter(Operation::has_body) {
        for example in operation.body_examples().into_iter().filter(|example| example.streamed) {
            let schema = resolve(&resolve(example.schema)["items"]);
            let broken: Vec<_> = items(example.value).flat_map(|item| breakages(schema, item)).collect();
            let mut request = world.request(&operation, operation.path);
            let value = Value::Array(broken.iter().map(|breakage| breakage.value.clone()).collect());
            request.body = Body::Value { media: example.media, value };
            let answer = world.send(&request).await;
            report.answer(&operation, &request, "items with a fault each", &answer, operation.success());
            let job = caller.ended(&answer.body).await;
            report.check(job["progress"]["failed"] == broken.len(), &operation, &request, || {
                format!("{} items are broken, and the job ended with {}", broken.len(), brief(&job))
            });
            let lines = caller.lines(&job).await;
            for (index, breakage) in broken.iter().enumerate() {
                let mut told = lines.iter().filter(|line| line["index"] == json!(index));
                let named = told.clone().any(|line| line["field"] == breakage.field.as_str());
                report.check(named, &operation, &request, || {
                    let told: Vec<String> = told.by_ref().map(Value::to_string).collect();
                    format!("a broken `{}` of `{}` is told as {told:?}", breakage.keyword, breakage.field)
                });
            }
        }
    }
    report.finish();
}
