//! Every success is what the document declares, for every example of the document.

use super::conformance::Report;
use super::document::operations;
use super::request::Body;
use super::world::{World, Worlds};
use reqwest::Method;
use reqwest::header::{DATE, HeaderMap, HeaderName};

#[tokio::test]
async fn every_example_of_the_document_is_answered_in_the_declared_schema() {
    let (mut worlds, mut report) = (Worlds::default(), Report::default());
    for operation in operations() {
        let count = worlds.before(&operation).await.examples(&operation, operation.path).len();
        for (number, index) in
            (0..count).flat_map(|number| (0..operation.addresses(1).len()).map(move |index| (number, index)))
        {
            let world = worlds.before(&operation).await;
            let address = operation.addresses(world.application()).remove(index);
            let (label, request) = world.examples(&operation, &address).remove(number);
            let answer = world.send(&request).await;
            report.answer(&operation, &request, &label, &answer, operation.success());
        }
    }
    report.finish();
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations().into_iter().filter(|operation| operation.scopes().is_some()) {
        for address in operation.addresses(world.application()).iter().filter(|address| address.contains('{')) {
            let mut request = world.request(&operation, address);
            request.variables.values_mut().for_each(|value| "999999".clone_into(value));
            report.answer(&operation, &request, "an ID that nothing has", &world.send(&request).await, 404);
        }
    }
    report.finish();
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let (world, mut report) = (World::new().await, Report::default());
    let all = operations();
    let own_head = |path: &str| all.iter().any(|operation| operation.method == Method::HEAD && operation.path == path);
    for operation in all.iter().filter(|operation| operation.method == Method::GET && !own_head(operation.path)) {
        for address in operation.addresses(world.application()) {
            let get = world.request(operation, &address);
            let stranger = get.with_header("authorization", None);
            for get in [get, stranger] {
                let mut head = get.clone();
                head.method = Method::HEAD;
                let (got, mut headed) = (world.send(&get).await, world.send(&head).await);
                report.answer(operation, &head, "HEAD", &headed, got.status.as_u16());
                let mut expected = got.headers;
                // A length that is not known beforehand is told as `Transfer-Encoding`, which HEAD may leave out.
                for name in [DATE.as_str(), "x-response-token", "x-request-id", "transfer-encoding"] {
                    expected.remove(name);
                    headed.headers.remove(name);
                }
                report.check(expected == headed.headers, operation, &head, || {
                    let lacks = |one: &HeaderMap, other: &HeaderMap| {
                        let differs = |name: &&HeaderName| !one.get_all(*name).iter().eq(other.get_all(*name).iter());
                        other.keys().filter(differs).map(HeaderName::to_string).collect::<Vec<_>>()
                    };
                    let (less, more) = (lacks(&headed.headers, &expected), lacks(&expected, &headed.headers));
                    format!("HEAD differs from GET in the headers {less:?} {more:?}")
                });
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_content_type_without_a_body_does_no_harm() {
    let (mut worlds, mut report) = (Worlds::default(), Report::default());
    for operation in operations().into_iter().filter(|operation| !operation.has_body()) {
        for index in 0..operation.addresses(1).len() {
            let world = worlds.before(&operation).await;
            let address = operation.addresses(world.application()).remove(index);
            let mut request = world.request(&operation, &address);
            assert!(matches!(request.body, Body::None));
            request = request.with_header("content-type", Some("application/json"));
            let answer = world.send(&request).await;
            report.answer(&operation, &request, "a Content-Type and no body", &answer, operation.success());
        }
    }
    report.finish();
}
