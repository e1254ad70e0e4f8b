//! Every operation is at each of its addresses, and nothing else is.

use super::conformance::{Report, brief, usual_headers};
use super::document::{document, members, operations};
use super::request::{Body, Request};
use super::schemas::{Extras, validator};
use super::world::{World, Worlds};
use chatkitty_platform::generated::server::OPERATIONS;
use reqwest::{Method, header};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn the_server_has_every_operation_of_the_document_and_no_other() {
    let generated: Vec<_> = OPERATIONS.iter().map(|own| (own.id, own.method.clone(), own.path)).collect();
    let declared: Vec<_> = operations().iter().map(|own| (own.id, own.method.clone(), own.path)).collect();
    assert_eq!(
        generated.iter().collect::<BTreeSet<_>>(),
        declared.iter().collect::<BTreeSet<_>>(),
        "generated/ is older than openapi.yaml: run cargo build"
    );
}

#[tokio::test]
async fn every_operation_is_routed_at_each_of_its_addresses() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations() {
        for address in operation.addresses(world.application()) {
            // A stranger, so that nothing is changed on the way.
            let request = world.request(&operation, &address).with_header("authorization", None);
            let request = Request { body: Body::None, ..request };
            let answer = world.send(&request).await;
            report.check(![404, 405].contains(&answer.status.as_u16()), &operation, &request, || {
                format!("nothing is routed here: {} {}", answer.status, brief(&answer.body))
            });
        }
    }
    report.finish();
}

#[tokio::test]
async fn options_tells_anybody_which_methods_an_address_takes() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations() {
        for address in operation.addresses(world.application()) {
            let mut request = world.request(&operation, &address).with_header("authorization", None);
            (request.method, request.body) = (Method::OPTIONS, Body::None);
            request.query.clear();
            let answer = world.send(&request).await;
            let allowed = allowed(&answer.headers);
            let faults = usual_headers(&answer.headers);
            report.check(answer.status.is_success(), &operation, &request, || format!("answered {}", answer.status));
            report.check(allowed.contains(operation.method.as_str()), &operation, &request, || {
                format!("Allow lacks {}: {allowed:?}", operation.method)
            });
            report.check(faults.is_empty(), &operation, &request, || faults.join("; "));
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_refused_with_those_it_takes() {
    let (world, mut report) = (World::new().await, Report::default());
    let mut methods: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for operation in operations() {
        methods.entry(operation.path).or_default().insert(operation.method.to_string());
    }
    let error = &document()["components"]["schemas"]["ApiError"];
    for operation in operations() {
        let taken = &methods[operation.path];
        for address in operation.addresses(world.application()) {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PURGE"] {
                if taken.contains(method) || method == "HEAD" && taken.contains("GET") {
                    continue;
                }
                let mut request = world.request(&operation, &address);
                (request.method, request.body) = (method.parse().expect("a method"), Body::None);
                let answer = world.send(&request).await;
                let allowed = allowed(&answer.headers);
                let faults = usual_headers(&answer.headers);
                report.check(answer.status == 405, &operation, &request, || format!("answered {}", answer.status));
                report.check(taken.is_subset(&allowed), &operation, &request, || format!("Allow is {allowed:?}"));
                // dropshot's own router answers exotic methods, in its own shape.
                if method != "PURGE" {
                    let fits = method == "HEAD" || validator(error, Extras::Refused).is_valid(&answer.body);
                    report.check(fits, &operation, &request, || brief(&answer.body));
                }
                report.check(faults.is_empty(), &operation, &request, || faults.join("; "));
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn a_trailing_or_doubled_slash_leads_to_the_canonical_address() {
    let (mut worlds, mut report) = (Worlds::default(), Report::default());
    for operation in operations() {
        let addresses = operation.addresses(1).len();
        for (index, spoil) in (0..addresses).flat_map(|index| [(index, true), (index, false)]) {
            // What changes something takes a world for each request, so one of the two has to do for each address.
            if !operation.is_safe() && spoil != (index % 2 == 0) {
                continue;
            }
            let world = worlds.before(&operation).await;
            let address = operation.addresses(world.application()).remove(index);
            let mut request = world.request(&operation, &address);
            request.template = if spoil { format!("{address}/") } else { address.replacen("/v1/", "/v1//", 1) };
            if request.template == address {
                continue;
            }
            let answer = world.send(&request).await;
            report.check(answer.status == 308, &operation, &request, || format!("answered {}", answer.status));
            let faults = usual_headers(&answer.headers);
            report.check(faults.is_empty(), &operation, &request, || faults.join("; "));
            let Some(location) = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else {
                report.check(false, &operation, &request, || "there is no Location".to_owned());
                continue;
            };
            // The query is part of the location, and method and body are the same once more.
            let (path, query) = location.split_once('?').unwrap_or((location, ""));
            report.check(query.is_empty() == request.query.is_empty(), &operation, &request, || {
                format!("the query is lost or made up: {location}")
            });
            let mut followed = request.clone();
            path.clone_into(&mut followed.template);
            let answer = world.send(&followed).await;
            report.answer(&operation, &followed, "what the redirect leads to", &answer, operation.success());
        }
    }
    report.finish();
}

#[tokio::test]
async fn what_is_nowhere_is_not_found_in_the_documented_shape() {
    let world = World::new().await;
    let application = world.server.application().await;
    let error = &document()["components"]["responses"]["NotFound"]["content"]["application/json"]["schema"];
    let mut findings = Vec::new();
    let deeper = members(&document()["paths"]).map(|(path, _)| format!("{path}/nowhere/at/all"));
    let known = ["/", "/nowhere", "/v2", "/v1/nowhere", "/v1/applications/me/nowhere", "/v1/users/1/nowhere"];
    for path in known.into_iter().map(str::to_owned).chain(deeper) {
        let path = path.replace(['{', '}'], "");
        let answer = application.get(&path).await;
        let mut faults = usual_headers(&answer.headers);
        if answer.status != 404 {
            faults.push(format!("which answered {}", answer.status));
        }
        if !validator(error, Extras::Refused).is_valid(&answer.body) {
            faults.push(format!("whose body is {}", brief(&answer.body)));
        }
        findings.extend(faults.into_iter().map(|fault| format!("{path}, {fault}")));
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[tokio::test]
async fn a_path_that_cannot_be_decoded_is_refused_with_the_usual_headers() {
    let world = World::new().await;
    let application = world.server.application().await;
    let mut findings = Vec::new();
    for path in ["/v1/users/%ff", "/v1/picture/%C3%28", "/v1/%E0%80", "/%ff", "/v1/applications/%ff/users"] {
        for method in [Method::GET, Method::DELETE, Method::POST] {
            let answer = crate::support::Answer::of(application.request(method.clone(), path)).await;
            let mut faults = usual_headers(&answer.headers);
            if answer.status != 400 || answer.body == Value::Null {
                faults.push(format!("which answered {} {}", answer.status, brief(&answer.body)));
            }
            findings.extend(faults.into_iter().map(|fault| format!("{method} {path}, {fault}")));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

fn allowed(headers: &header::HeaderMap) -> BTreeSet<String> {
    let values = headers.get_all(header::ALLOW).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned()).collect()
}
