//! What a server answers that has had enough.

use super::bodies::with_boundary;
use super::conformance::Report;
use super::document::{Operation, operations};
use super::request::Request;
use super::world::World;
use crate::support::{Answer, Server};
use reqwest::header::CONTENT_TYPE;
use std::num::NonZeroU32;

/// The first answer with this status, or else the last of a few.
async fn until(world: &World, request: &Request, status: u16) -> Answer {
    let mut answer = world.send(request).await;
    for _ in 0..20 {
        if answer.status == status {
            break;
        }
        answer = world.send(request).await;
    }
    answer
}

fn protected() -> impl Iterator<Item = Operation> {
    operations().into_iter().filter(|operation| operation.scopes().is_some_and(|scopes| !scopes.is_empty()))
}

#[tokio::test]
async fn an_application_that_asks_too_often_is_told_when_to_come_back() {
    let (mut world, mut report) = (World::new().await, Report::default());
    let limited = Server::start_with(|config| config.rate_limit = NonZeroU32::new(1)).await;
    let roomy = std::mem::replace(&mut world.server, limited);
    for operation in protected() {
        let needed = operation.scopes().unwrap_or_default();
        let unrelated = super::document::scopes().into_iter().find(|scope| !needed.contains(scope));
        // A token that may not do it, so that nothing is done while the limit is not reached.
        let token = world.token_for(unrelated).await;
        for address in operation.addresses(world.application()) {
            let request = world.request(&operation, &address).with_token(&token);
            let answer = until(&world, &request, 429).await;
            report.answer(&operation, &request, "asking again and again", &answer, 429);
        }
    }
    drop(roomy);
    report.finish();
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let (world, mut report) = (World::new().await, Report::default());
    let database = world.server.database.clone();
    // On the same database, so that the other server's token is good here.
    let hasty = Server::start_with(|config| (config.time_limit, config.database) = (0, database)).await;
    for operation in operations().into_iter().filter(Operation::has_body) {
        for address in operation.addresses(world.application()) {
            let request = world.request(&operation, &address);
            for example in operation.body_examples() {
                let mut sending =
                    hasty.http.request(request.method.clone(), format!("{}{}", hasty.url, request.path()));
                for (name, value) in &request.headers {
                    sending = sending.header(*name, value);
                }
                let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
                let media = with_boundary(example.media);
                let sending = sending.header(CONTENT_TYPE, media).body(reqwest::Body::wrap_stream(never));
                report.answer(&operation, &request, "a body that does not arrive", &Answer::of(sending).await, 503);
            }
        }
    }
    report.finish();
}
