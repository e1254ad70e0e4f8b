//! Every link relation of the document has a page that tells what the document says of it.

use super::document::{document, items, members, operations, resolve};
use crate::support::{Answer, Server};
use chatkitty_platform::explorer::relations::PAGES;
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The relations of the schemas that stand at `_links`, each with what the document says of its links.
fn relations() -> BTreeMap<&'static str, Vec<&'static str>> {
    fn links(schema: &'static Value, found: &mut BTreeSet<&'static str>) {
        found.extend(schema["properties"]["_links"]["$ref"].as_str());
        items(&schema["allOf"]).for_each(|part| links(part, found));
    }
    let mut schemas = BTreeSet::new();
    members(&document()["components"]["schemas"]).for_each(|(_, schema)| links(schema, &mut schemas));
    let mut relations = BTreeMap::<_, Vec<_>>::new();
    for reference in schemas {
        let schema = document().pointer(reference.trim_start_matches('#')).expect("a schema of links");
        for (relation, _) in members(&schema["properties"]).filter(|(relation, _)| *relation != "curies") {
            relations.entry(relation).or_default().extend(schema["description"].as_str());
        }
    }
    relations
}

#[test]
fn the_document_says_what_each_of_its_relations_means() {
    let (relations, described) = (relations(), &document()["x-link-relations"]);
    let silent: Vec<_> = relations.keys().filter(|relation| described[**relation].as_str().is_none()).collect();
    assert!(silent.is_empty(), "say under `x-link-relations` of the document what these lead to: {silent:?}");
    let unused: Vec<_> =
        members(described).map(|(relation, _)| relation).filter(|name| !relations.contains_key(name)).collect();
    assert!(unused.is_empty(), "no link has these names under `x-link-relations`: {unused:?}");
}

/// The relations in the examples.
fn used(value: &'static Value, found: &mut BTreeSet<&'static str>) {
    found.extend(members(&value["_links"]).map(|(relation, _)| relation));
    members(value).for_each(|(_, value)| used(value, found));
    items(value).for_each(|value| used(value, found));
}

/// What a page says, without its markup.
fn words(page: &str) -> String {
    let mut words = String::new();
    for part in page.split('<') {
        words.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    let words = words.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn every_relation_has_a_page_that_describes_it_and_names_what_it_leads_to() {
    let server = Server::start().await;
    let stranger = server.stranger();
    let list = stranger.get(PAGES).await.ok();
    let addresses = stranger.get("/docs/rels.json").await.ok();
    let relations = relations();
    assert!(relations.len() > 10 && relations.contains_key("find:users"), "these are few: {relations:?}");
    for (relation, descriptions) in &relations {
        let address = addresses[relation].as_str().unwrap_or_else(|| panic!("rels.json does not have {relation}"));
        assert_eq!(address, format!("{PAGES}{relation}"));
        assert!(
            list.as_str().expect("a page").contains(&format!("href=\"{address}\"")),
            "{relation} is not in the list"
        );
        let page = stranger.get(address).await.ok();
        let words = words(page.as_str().expect("a page"));
        for description in descriptions.iter().copied().chain(document()["x-link-relations"][relation].as_str()) {
            let plain = description.replace('`', "");
            let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(&plain), "the page of {relation} does not say: {plain}\n{words}");
        }
        // Where a link leads is read from the examples.
        let leads = |id: &str| page.as_str().is_some_and(|page| page.contains(&format!("/{id}\"")));
        let found: Vec<_> = operations().into_iter().filter(|operation| leads(operation.id)).collect();
        assert!(
            !found.is_empty(),
            "no example of the document shows where a link `{relation}` leads: add one that does"
        );
        for operation in found {
            let summary = operation.json["summary"].as_str().expect("a summary");
            assert!(words.contains(&format!("{} {summary}", operation.method)), "{relation}: {summary}\n{words}");
            for name in operation.parameters.iter().filter_map(|parameter| parameter["name"].as_str()) {
                assert!(words.contains(name), "the page of {relation} does not have the parameter {name}");
            }
            for scope in operation.scopes().into_iter().flatten() {
                assert!(words.contains(scope), "the page of {relation} does not have the scope {scope}");
            }
        }
    }
    let known: BTreeSet<_> = addresses.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(known, relations.keys().copied().collect(), "the pages are those of the document's relations");
}

#[test]
fn every_relation_in_an_example_is_declared() {
    let mut found = BTreeSet::new();
    used(&document()["components"]["examples"], &mut found);
    members(&document()["paths"]).for_each(|(_, item)| used(resolve(item), &mut found));
    found.remove("curies");
    let declared = relations();
    let unknown: Vec<_> = found.iter().filter(|relation| !declared.contains_key(*relation)).collect();
    assert!(unknown.is_empty(), "these relations stand in examples and in no schema of links: {unknown:?}");
}

#[tokio::test]
async fn the_pages_run_no_code_and_only_this_server_may_frame_them() {
    let server = Server::start().await;
    let page = server.stranger().get("/docs/rels/find:users").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; img-src"), "{policy}");
    assert!(policy.ends_with("frame-ancestors 'self'"), "{policy}");
    assert_eq!(
        (page.header("x-frame-options"), page.header("content-type")),
        ("SAMEORIGIN", "text/html; charset=utf-8")
    );
    assert!(!page.body.as_str().expect("a page").contains("<script"));
    for style in ["/docs/theme.css", "/docs/rels.css"] {
        assert_eq!(server.stranger().get(style).await.header("content-type"), "text/css; charset=utf-8");
    }
}

#[tokio::test]
async fn a_relation_may_be_percent_encoded_and_an_unknown_one_is_not_found() {
    let server = Server::start().await;
    server.stranger().get("/docs/rels/find%3Ausers").await.ok();
    for relation in ["find:nobody", "curies", "find:", "%ff", "..%2Findex.html"] {
        let answer = server.stranger().get(&format!("{PAGES}{relation}")).await;
        assert!(answer.status.is_client_error(), "{relation}: {answer:?}");
    }
    let short = server.stranger().get("/docs/rels").await;
    assert_eq!((short.status.as_u16(), short.header("location")), (307, PAGES));
}

#[tokio::test]
async fn without_documentation_there_are_no_pages_and_no_curies() {
    let server = Server::start_with(|config| config.no_docs = true).await;
    let application = server.application().await.get("/v1/application").await.ok();
    assert!(application["_links"].get("curies").is_none(), "{application}");
    for path in [PAGES, "/docs/rels", "/docs/rels.json", "/docs/rels.css", "/docs/rels/users"] {
        assert_eq!(server.stranger().get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn curies_lead_to_the_pages_in_every_media_type() {
    let server = Server::start().await;
    let caller = server.application().await;
    for media in ["application/json", "application/hal+json", "application/prs.hal-forms+json"] {
        let request = caller.request(Method::GET, "/v1/application").header("accept", media);
        let curies = Answer::of(request).await.ok()["_links"]["curies"].clone();
        let href = format!("{}/docs/rels/find:{{rel}}", server.url);
        assert_eq!(curies, serde_json::json!([{"name": "find", "href": href, "templated": true}]), "{media}");
    }
}
