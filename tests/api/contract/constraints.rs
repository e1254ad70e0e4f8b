//! Each constraint that the document puts on an input is broken in turn, and the answer must name the field.

use super::breakage::{all_at_once, boundaries, breakages, broken_texts};
use super::conformance::{Report, brief, faulty_fields};
use super::document::{BodyExample, Operation, operations};
use super::request::{Body, Request};
use super::values::MARK;
use super::world::World;
use crate::support::Answer;
use reqwest::Method;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Checks that an answer faults these fields and no others, and repeats nothing of what was sent.
fn faulted(
    report: &mut Report,
    operation: &Operation,
    request: &Request,
    what: &str,
    answer: &Answer,
    fields: &[String],
) {
    report.answer(operation, request, what, answer, 400);
    report.check(!answer.body.to_string().contains(MARK), operation, request, || {
        format!("{what}: the answer repeats what was sent: {}", brief(&answer.body))
    });
    if operation.method == Method::HEAD || answer.status != 400 {
        return;
    }
    if let Some(description) = answer.body["error_description"].as_str() {
        // OAuth's errors have no list of fields, and so the description names them.
        let missing: Vec<_> = fields.iter().filter(|field| !description.contains(field.as_str())).collect();
        report.check(missing.is_empty(), operation, request, || format!("{what}: {missing:?} not in {description:?}"));
        return;
    }
    let found: BTreeSet<&str> = faulty_fields(answer).into_iter().map(|(field, _)| field).collect();
    let expected: BTreeSet<&str> = fields.iter().map(String::as_str).collect();
    report.check(found == expected, operation, request, || format!("{what}: {found:?} are faulted, not {expected:?}"));
}

/// Whether a body of this media type can carry the value: forms have texts only, and without parts at least one.
fn fits(media: &str, value: &Value) -> bool {
    let may_be_empty = media == "multipart/form-data";
    let is_form =
        |fields: &Map<String, Value>| (may_be_empty || !fields.is_empty()) && fields.values().all(Value::is_string);
    is_json(media) || value.as_object().is_some_and(is_form)
}

/// One name of merge patches does not end as JSON's names do.
fn is_json(media: &str) -> bool {
    media.ends_with("json") || media == "application/json+merge-patch"
}

fn carrying(request: &Request, example: &BodyExample, value: Value) -> Request {
    Request { body: Body::Value { media: example.media, value }, ..request.clone() }
}

#[tokio::test]
async fn every_constraint_on_a_body_is_enforced() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations().into_iter().filter(Operation::has_body) {
        for example in operation.checked_examples() {
            for breakage in breakages(example.schema, example.value) {
                if !fits(example.media, &breakage.value) {
                    continue;
                }
                for address in operation.addresses(world.application()) {
                    let request = carrying(&world.request(&operation, &address), &example, breakage.value.clone());
                    let answer = world.send(&request).await;
                    let what = format!("{} with a broken `{}` of `{}`", example.name, breakage.keyword, breakage.field);
                    let fields = std::slice::from_ref(&breakage.field);
                    faulted(&mut report, &operation, &request, &what, &answer, fields);
                    let code = if breakage.keyword == "required" { "missing_field" } else { "invalid" };
                    // Inside a choice, a missing property only means that none of the shapes fits.
                    let inside = breakage.keyword == "required"
                        && faulty_fields(&answer).iter().all(|(_, code)| *code == "invalid");
                    report.check(
                        inside || faulty_fields(&answer).iter().all(|(_, own)| *own == code),
                        &operation,
                        &request,
                        || format!("{what} has not the code {code}: {}", brief(&answer.body)),
                    );
                }
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn what_only_just_fits_is_not_faulted() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations().into_iter().filter(Operation::has_body) {
        for example in operation.checked_examples() {
            let request = world.request(&operation, operation.path);
            // A rule of the API may still refuse what fits the document, in other words than these.
            let broken =
                breakages(example.schema, example.value).into_iter().find(|broken| fits(example.media, &broken.value));
            let broken = broken.unwrap_or_else(|| panic!("{}: nothing breaks the body", operation.id));
            let refusal = world.send(&carrying(&request, &example, broken.value)).await;
            for boundary in boundaries(example.schema, example.value) {
                if !fits(example.media, &boundary.value) {
                    continue;
                }
                let request = carrying(&request, &example, boundary.value);
                let answer = world.send(&request).await;
                let at_fault = [400, 413, 500].contains(&answer.status.as_u16())
                    && (answer.status != 400
                        || answer.body["message"] == refusal.body["message"] && !operation.takes_credentials());
                report.check(!at_fault, &operation, &request, || {
                    let what =
                        format!("{} with `{}` at the bound of `{}`", example.name, boundary.field, boundary.keyword);
                    format!("{what} is refused: {} {}", answer.status, brief(&answer.body))
                });
            }
        }
    }
    report.finish();
}

#[tokio::test]
async fn every_constraint_on_a_parameter_is_enforced() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations() {
        for parameter in &operation.parameters {
            let name = parameter["name"].as_str().expect("a parameter has a name");
            for address in operation.addresses(world.application()) {
                let plain = world.request(&operation, &address);
                let mut cases = Vec::new();
                for (field, keyword, texts) in broken_texts(name, &parameter["schema"]) {
                    let request = match parameter["in"].as_str() {
                        Some("query") => plain.with_query(name, &texts),
                        Some("path") if address.contains(&format!("{{{name}}}")) => {
                            // An empty segment is another path, and bytes that are not text are no path at all.
                            let Some(text) = texts.first().and_then(|text| std::str::from_utf8(text).ok()) else {
                                continue;
                            };
                            if text.is_empty() || keyword == "once" {
                                continue;
                            }
                            let mut request = plain.clone();
                            request.variables.insert(name, text.to_owned());
                            request
                        }
                        _ => continue,
                    };
                    cases.push((field, keyword, request));
                }
                if parameter["in"] == "query" && parameter["required"] == true {
                    cases.push((name.to_owned(), "required", plain.with_query(name, &[] as &[&str])));
                }
                for (field, keyword, request) in cases {
                    let answer = world.send(&request).await;
                    let what = format!("a broken `{keyword}` of `{field}` ({:?})", sent(&request, name));
                    faulted(&mut report, &operation, &request, &what, &answer, &[field]);
                }
            }
        }
    }
    report.finish();
}

fn sent(request: &Request, name: &str) -> String {
    let query = request.query.iter().filter(|(own, _)| *own == name).map(|(_, value)| String::from_utf8_lossy(value));
    let text =
        query.map(|text| text.into_owned()).chain(request.variables.get(name).cloned()).collect::<Vec<_>>().join(" & ");
    text.chars().take(60).collect()
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let (world, mut report) = (World::new().await, Report::default());
    for operation in operations() {
        for address in operation.addresses(world.application()) {
            let (mut plain, mut fields) = (world.request(&operation, &address), Vec::new());
            for parameter in &operation.parameters {
                let name = parameter["name"].as_str().expect("a parameter has a name");
                let broken =
                    broken_texts(name, &parameter["schema"]).into_iter().find(|(_, keyword, _)| *keyword != "once");
                let (field, _, texts) = broken.unwrap_or_else(|| panic!("nothing breaks {name}"));
                match parameter["in"].as_str() {
                    Some("query") => plain = plain.with_query(name, &texts),
                    Some("path") if address.contains(&format!("{{{name}}}")) => {
                        plain.variables.insert(name, "\0".to_owned());
                    }
                    _ => continue,
                }
                fields.push(field);
            }
            let bodies = operation.checked_examples();
            let requests = bodies.iter().filter(|example| is_json(example.media)).map(|example| {
                let (value, mut inside) = all_at_once(example.schema, example.value);
                inside.extend(fields.iter().cloned());
                (carrying(&plain, example, value), inside)
            });
            let mut requests: Vec<_> = requests.collect();
            if bodies.is_empty() {
                requests.push((plain.clone(), fields.clone()));
            }
            for (request, fields) in requests.into_iter().filter(|(_, fields)| fields.len() > 1) {
                let answer = world.send(&request).await;
                faulted(&mut report, &operation, &request, "all at once", &answer, &fields);
            }
        }
    }
    report.finish();
}
