//! The rates that an operator sets, and what answers tell of them.

use crate::support::{Answer, CLIENT, Server};
use futures::future::join_all;
use reqwest::{Method, RequestBuilder, StatusCode};
use std::num::NonZeroU32;

/// A client whose requests come from another address of this machine.
fn elsewhere() -> reqwest::Client {
    reqwest::Client::builder().local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap()).build().unwrap()
}

fn token_request(server: &Server, http: &reqwest::Client) -> RequestBuilder {
    let request = http.post(format!("{}/oauth/token", server.url)).basic_auth(CLIENT.0, Some(CLIENT.1));
    request.form(&[("grant_type", "client_credentials")])
}

/// The first refusal among these requests, which are sent together.
async fn refusal(requests: impl Iterator<Item = RequestBuilder>) -> Answer {
    let answers = join_all(requests.map(Answer::of)).await;
    let refused = answers.into_iter().find(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
    refused.expect("a request beyond the rate is refused")
}

/// Asserts that an answer tells of these rates, each with its quota for a second.
#[track_caller]
fn assert_policy(answer: &Answer, rates: &[(&str, u32)]) {
    let policy: Vec<_> = rates.iter().map(|(name, quota)| format!("\"{name}\";q={quota};w=1")).collect();
    assert_eq!(answer.header("ratelimit-policy"), policy.join(", "), "{answer:?}");
}

/// Asserts that a refusal tells which rate was passed and when to come back.
#[track_caller]
fn assert_refused(answer: &Answer, name: &str) {
    assert_eq!(answer.body["error"], "TooManyRequestsError", "{answer:?}");
    assert_eq!(answer.header("retry-after"), "1");
    let limit = answer.header("ratelimit");
    assert!(limit.starts_with(&format!("\"{name}\";r=0;t=1")), "{answer:?}");
}

#[tokio::test]
async fn an_application_beyond_its_rate_takes_nothing_from_another() {
    let server = Server::start_with(|config| config.rate_limit = NonZeroU32::new(20)).await;
    let (busy, other) = (server.application().await, server.another_application().await);
    let hammering = refusal((0..200).map(|_| busy.request(Method::GET, "/v1/users")));
    let others = join_all((0..20).map(|_| other.get("/v1/users")));
    let (refused, others) = tokio::join!(hammering, others);
    assert_refused(&refused, "application");
    assert_policy(&refused, &[("application", 20)]);
    for answer in others {
        assert_policy(&answer, &[("application", 20)]);
        answer.ok();
    }
}

#[tokio::test]
async fn answers_tell_how_much_is_left_of_every_rate() {
    let rates = |config: &mut chatkitty_platform::config::Config| {
        (config.rate_limit, config.address_rate_limit) = (NonZeroU32::new(1000), NonZeroU32::new(2000));
    };
    let server = Server::start_with(rates).await;
    let api = server.application().await;
    let answer = api.get("/v1").await;
    assert_policy(&answer, &[("address", 2000), ("application", 1000)]);
    let limit = answer.header("ratelimit").to_owned();
    let (address, application) = limit.split_once(", ").expect("two rates");
    assert!(address.starts_with("\"address\";r=1") && address.ends_with(";t=1"), "{limit}");
    assert_eq!(application, "\"application\";r=999;t=1");
    // What needs no application has none to count for.
    assert_policy(&server.stranger().get("/v1").await, &[("address", 2000)]);
    let roomy = Server::start().await;
    let answer = roomy.application().await.get("/v1").await;
    assert!(!answer.headers.contains_key("ratelimit") && !answer.headers.contains_key("ratelimit-policy"));
}

#[tokio::test]
async fn an_address_beyond_its_rate_has_to_wait_whatever_it_asks() {
    let server = Server::start_with(|config| config.address_rate_limit = NonZeroU32::new(5)).await;
    let api = server.stranger();
    for path in ["/v1/users", "/docs", "/nowhere", "/openapi.json", "/v1//users/"] {
        let refused = refusal((0..100).map(|_| api.request(Method::GET, path))).await;
        assert_refused(&refused, "address");
        assert_policy(&refused, &[("address", 5)]);
    }
    // Whoever watches the server, and whoever asks from elsewhere, sees nothing of it.
    let hammering = refusal((0..100).map(|_| api.request(Method::GET, "/v1")));
    let watching = join_all((0..20).map(|_| api.get("/health/ready")));
    let http = elsewhere();
    let asking = async {
        let token = Answer::of(token_request(&server, &http)).await.ok();
        let token = token["access_token"].as_str().expect("a token");
        Answer::of(http.get(format!("{}/v1", server.url)).bearer_auth(token)).await.ok();
    };
    let (_, watched, ()) = tokio::join!(hammering, watching, asking);
    watched.into_iter().for_each(|answer| drop(answer.ok()));
}

#[tokio::test]
async fn requests_for_tokens_have_a_rate_of_their_own() {
    let server = Server::start_with(|config| config.token_rate_limit = NonZeroU32::new(5)).await;
    let api = server.application().await;
    let refused = refusal((0..100).map(|_| token_request(&server, &server.http))).await;
    assert_refused(&refused, "token");
    assert_policy(&refused, &[("token", 5)]);
    for path in ["/oauth/introspect", "/oauth/revoke"] {
        let requests = (0..100).map(|_| {
            let request = server.http.post(format!("{}{path}", server.url)).basic_auth(CLIENT.0, Some(CLIENT.1));
            request.form(&[("token", "none")])
        });
        assert_refused(&refusal(requests).await, "token");
    }
    // Tokens that were issued are not counted here, and other addresses have a quota each.
    let hammering = refusal((0..100).map(|_| token_request(&server, &server.http)));
    let using = join_all((0..20).map(|_| api.get("/v1")));
    let http = elsewhere();
    let (_, used, issued) = tokio::join!(hammering, using, Answer::of(token_request(&server, &http)));
    used.into_iter().for_each(|answer| drop(answer.ok()));
    issued.ok();
}
