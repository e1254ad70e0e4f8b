//! Who may do what: strangers nothing, a token what its scopes say.

use super::conformance::Report;
use super::document::{Operation, operations, scopes};
use super::request::Request;
use super::world::{World, Worlds};
use crate::support::{Answer, CLIENT, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::WWW_AUTHENTICATE;

/// The operations that want a token, with the scopes it needs.
fn protected() -> Vec<(Operation, Vec<&'static str>)> {
    operations().into_iter().filter_map(|operation| operation.scopes().map(|scopes| (operation, scopes))).collect()
}

fn refused(report: &mut Report, operation: &Operation, request: &Request, what: &str, answer: &Answer, status: u16) {
    report.answer(operation, request, what, answer, status);
    let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    report
        .check(challenge.starts_with("Bearer"), operation, request, || format!("{what} is challenged: {challenge:?}"));
}

#[tokio::test]
async fn strangers_are_refused() {
    let (world, mut report) = (World::new().await, Report::default());
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1)));
    let garbage = format!("Bearer {}", "x".repeat(43));
    let strangers = [
        ("no token", None),
        ("a token that nobody issued", Some(garbage.as_str())),
        ("an empty token", Some("Bearer ")),
        ("client credentials instead of a token", Some(basic.as_str())),
        ("a token without its scheme", Some(world.token.as_str())),
    ];
    for (operation, _) in protected() {
        for address in operation.addresses(world.application()) {
            let request = world.request(&operation, &address);
            for (what, authorization) in strangers {
                let request = request.with_header("authorization", authorization);
                refused(&mut report, &operation, &request, what, &world.send(&request).await, 401);
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_stranger_learns_nothing_about_what_exists() {
    let (world, mut report) = (World::new().await, Report::default());
    for (operation, _) in protected() {
        for address in [operation.path.to_owned()].into_iter().chain(operation.aliases("999999")) {
            let mut request = world.request(&operation, &address).with_header("authorization", None);
            request.variables.values_mut().for_each(|value| "999999".clone_into(value));
            let answer = world.send(&request).await;
            refused(&mut report, &operation, &request, "no token and nothing there", &answer, 401);
        }
    }
    report.finish();
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let mut report = Report::default();
    let mut world = World::new().await;
    let expiring = Server::start_with(|config| config.token_lifetime = 0).await;
    let lasting = std::mem::replace(&mut world.server, expiring);
    world.token = world.server.application().await.token.expect("a token that has expired already");
    for (operation, _) in protected() {
        for address in operation.addresses(world.application()) {
            let request = world.request(&operation, &address);
            refused(&mut report, &operation, &request, "an expired token", &world.send(&request).await, 401);
        }
    }
    drop(lasting);
    report.finish();
}

#[tokio::test]
async fn a_token_without_one_of_the_scopes_is_refused_and_told_which() {
    let (world, mut report) = (World::new().await, Report::default());
    for (operation, needed) in protected() {
        for lacking in needed {
            let token = world.token_for(scopes().into_iter().filter(|scope| *scope != lacking)).await;
            for address in operation.addresses(world.application()) {
                let request = world.request(&operation, &address).with_token(&token);
                let answer = world.send(&request).await;
                refused(&mut report, &operation, &request, &format!("a token without {lacking}"), &answer, 403);
                let challenge = answer.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
                report.check(challenge.is_some_and(|text| text.contains(lacking)), &operation, &request, || {
                    format!("the challenge does not name {lacking}: {challenge:?}")
                });
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_token_with_exactly_the_scopes_is_enough() {
    let (mut worlds, mut report) = (Worlds::default(), Report::default());
    for (operation, needed) in protected() {
        for index in 0..operation.addresses(1).len() {
            let world = worlds.before(&operation).await;
            // Where any token will do, one for something else does.
            let unrelated = scopes().into_iter().next().filter(|_| needed.is_empty());
            let token = world.token_for(needed.iter().copied().chain(unrelated)).await;
            let address = operation.addresses(world.application()).remove(index);
            let request = world.request(&operation, &address).with_token(&token);
            let answer = world.send(&request).await;
            report.answer(&operation, &request, "a token with its scopes only", &answer, operation.success());
        }
    }
    report.finish();
}
