//! What the server links to is there.

use super::document::resolve;
use super::world::World;
use crate::support::{Answer, Caller};
use chatkitty_platform::explorer::relations::PAGES;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// Every address that an answer leads to: those of its links, those where its relations are documented, and those that
/// are given as text.
fn addresses(body: &Value, found: &mut BTreeSet<String>) {
    match body {
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_str() {
                    // A template with nothing filled in is an address too.
                    Some(href) if name == "href" => found.extend(href.split('{').next().map(str::to_owned)),
                    Some(url) if name.ends_with("Url") => found.extend([url.to_owned()]),
                    _ if name == "curies" => found.extend(documentation(value, map.keys())),
                    _ => addresses(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| addresses(item, found)),
        _ => {}
    }
}

/// Where the curies say that these relations are documented.
fn documentation<'r>(curies: &Value, relations: impl Iterator<Item = &'r String>) -> Vec<String> {
    let prefixed = relations.filter_map(|relation| relation.split_once(':'));
    let pages = prefixed.map(|(prefix, rest)| {
        let curie = curies.as_array().into_iter().flatten().find(|curie| curie["name"] == prefix);
        let href = curie.and_then(|curie| curie["href"].as_str());
        href.unwrap_or_else(|| panic!("no curie for `{prefix}:{rest}` in {curies}")).replace("{rel}", rest)
    });
    pages.collect()
}

#[tokio::test]
async fn every_address_that_an_answer_gives_can_be_fetched() {
    let world = World::new().await;
    let caller = Caller { server: &world.server, token: Some(world.token.clone()) };
    for number in 0..3 {
        caller.user(&format!("walker-{number}")).await;
    }
    let (mut waiting, mut seen) = (vec![format!("{}/v1", world.server.url)], BTreeSet::new());
    let (mut broken, mut kinds) = (Vec::new(), BTreeSet::new());
    while let Some(address) = waiting.pop() {
        if !seen.insert(address.clone()) {
            continue;
        }
        assert!(address.starts_with(&world.server.url), "{address} leads to another server");
        let answer = Answer::of(caller.request(Method::GET, &address)).await;
        // Some addresses are there for other methods alone, such as a membership, which can only be deleted.
        if answer.status != 200 && (answer.status != 405 || answer.header("allow") == "OPTIONS") {
            broken.push(format!("{address}: {}", answer.status));
        }
        kinds.extend(answer.body["type"].as_str().map(str::to_owned));
        let mut found = BTreeSet::new();
        addresses(&answer.body, &mut found);
        waiting.extend(found);
    }
    assert!(broken.is_empty(), "these addresses stand in answers and lead nowhere:\n{}", broken.join("\n"));
    // Else the walk would have shown little.
    for kind in ["PERSON", "PUBLIC", "SYSTEM_TEXT"] {
        assert!(kinds.contains(kind), "the walk from GET /v1 met no {kind}, only {kinds:?}");
    }
}

#[test]
fn every_address_in_an_example_is_one_of_the_document() {
    let document = super::document::document();
    let mut found = BTreeSet::new();
    addresses(&document["components"]["examples"], &mut found);
    for (_, item) in super::document::members(&document["paths"]) {
        addresses(resolve(item), &mut found);
    }
    let server = document["servers"][0]["url"].as_str().expect("an absolute server");
    let templates: Vec<&str> = super::document::members(&document["paths"]).map(|(path, _)| path).collect();
    let declared = |path: &str| {
        // A page for people, and no operation.
        if path.starts_with(PAGES) {
            return true;
        }
        let path = path.split('?').next().unwrap_or_default();
        let below = path.strip_prefix("/v1/applications/").and_then(|rest| rest.split_once('/'));
        let path = below.map_or(path.to_owned(), |(_, rest)| format!("/v1/{rest}"));
        templates.iter().any(|template| {
            let (wanted, given): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
            let fits = |(wanted, given): (&&str, &&str)| wanted == given || wanted.starts_with('{');
            wanted.len() == given.len() && wanted.iter().zip(&given).all(fits)
        })
    };
    let lost: Vec<_> =
        found.iter().filter_map(|address| address.strip_prefix(server)).filter(|path| !declared(path)).collect();
    assert!(lost.is_empty(), "these addresses stand in examples and are no path of the document: {lost:?}");
}
