//! Pages by number and pages by cursor: their links, and that walking them misses nothing.

use crate::support::{Caller, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

fn href(page: &Value, relation: &str) -> Option<String> {
    page["_links"].get(relation).map(|link| link["href"].as_str().expect("an href").to_owned())
}

fn ids(page: &Value, collection: &str) -> Vec<i64> {
    let items = page["_embedded"][collection].as_array().expect("a collection");
    items.iter().map(|item| item["id"].as_i64().expect("an id")).collect()
}

/// All pages from an address on, by the links of one relation.
async fn walk(api: &Caller<'_>, first: &str, relation: &str) -> Vec<Value> {
    let mut pages = vec![api.get(first).await.ok()];
    while let Some(next) = href(pages.last().unwrap(), relation) {
        assert!(pages.len() < 1000, "the links go round in circles");
        pages.push(api.get(&next).await.ok());
    }
    pages
}

async fn six_users(api: &Caller<'_>) {
    for n in 1..=6 {
        api.user(&format!("user{n}")).await;
    }
}

#[tokio::test]
async fn a_page_in_the_middle_links_to_its_neighbours() {
    let server = Server::start().await;
    let api = server.application().await;
    six_users(&api).await;
    let users = format!("{}/v1/applications/1/users", server.url);
    for address in
        ["/v1/users?page=1&size=2", "/v1/applications/1/users?size=2&page=1", "/v1/applications/me/users?page=1&size=2"]
    {
        let page = api.get(address).await.ok();
        assert_eq!(ids(&page, "users"), [3, 4]);
        assert_eq!(page["page"], json!({"size": 2, "totalElements": 6, "totalPages": 3, "number": 1}));
        assert_eq!(
            page["_links"],
            json!({
                "first": {"href": format!("{users}?page=0&size=2")},
                "prev": {"href": format!("{users}?page=0&size=2")},
                "self": {"href": format!("{users}?page=1&size=2")},
                "next": {"href": format!("{users}?page=2&size=2")},
                "last": {"href": format!("{users}?page=2&size=2")},
            })
        );
    }
}

#[tokio::test]
async fn the_only_page_links_to_itself_alone() {
    let server = Server::start().await;
    let api = server.application().await;
    let users = format!("{}/v1/applications/1/users", server.url);
    let only = json!({"self": {"href": format!("{users}?page=0&size=25")}});
    let empty = api.get("/v1/users").await.ok();
    assert_eq!((&empty["_links"], &empty["_embedded"]), (&only, &json!({"users": []})));
    assert_eq!(empty["page"], json!({"size": 25, "totalElements": 0, "totalPages": 0, "number": 0}));
    six_users(&api).await;
    let page = api.get("/v1/users").await.ok();
    assert_eq!(page["_links"], only);
    assert_eq!(page["page"], json!({"size": 25, "totalElements": 6, "totalPages": 1, "number": 0}));
}

#[tokio::test]
async fn a_size_of_zero_is_the_default_and_above_100_is_100() {
    let server = Server::start().await;
    let api = server.application().await;
    for n in 0..101 {
        api.user(&format!("user{n}")).await;
    }
    for (size, served) in
        [("", 25), ("size=0", 25), ("size=100", 100), ("size=101", 100), ("size=2147483647", 100), ("size=1", 1)]
    {
        let page = api.get(&format!("/v1/users?{size}")).await.ok();
        assert_eq!((ids(&page, "users").len(), &page["page"]["size"]), (served, &json!(served)), "{size}");
        let own = href(&page, "self").expect("a self link");
        assert!(own.ends_with(&format!("?page=0&size={served}")), "{own}");
    }
    for size in ["size=-1", "size=2147483648", "size=ten", "size=", "size=1.0", "page=-1", "page=1000001", "page="] {
        assert_eq!(api.get(&format!("/v1/users?{size}")).await.status, 400, "{size}");
    }
}

#[tokio::test]
async fn a_page_beyond_the_end_is_empty_and_leads_back() {
    let server = Server::start().await;
    let api = server.application().await;
    six_users(&api).await;
    for number in [3, 1_000_000] {
        let page = api.get(&format!("/v1/users?size=2&page={number}")).await.ok();
        assert_eq!(ids(&page, "users"), [0; 0]);
        assert_eq!(page["page"], json!({"size": 2, "totalElements": 6, "totalPages": 3, "number": number}));
        assert_eq!(href(&page, "next"), None);
        let back = api.get(&href(&page, "prev").expect("a link back")).await.ok();
        assert_eq!(ids(&back, "users"), [5, 6]);
    }
}

#[tokio::test]
async fn numbered_pages_are_walked_in_both_directions() {
    let server = Server::start().await;
    let api = server.application().await;
    six_users(&api).await;
    let forth = walk(&api, "/v1/users?size=4&sort=id,desc", "next").await;
    let all: Vec<i64> = forth.iter().flat_map(|page| ids(page, "users")).collect();
    assert_eq!(all, [6, 5, 4, 3, 2, 1]);
    let mut back = walk(&api, &href(&forth[0], "last").expect("a last page"), "prev").await;
    back.reverse();
    assert_eq!(back, forth);
}

#[tokio::test]
async fn links_keep_the_filters() {
    let server = Server::start().await;
    let api = server.application().await;
    api.user("jané & co").await;
    for n in 0..5 {
        let body = json!({"type": "PUBLIC", "name": format!("c{n}"), "members": [{"username": "jané & co"}]});
        api.post("/v1/channels", body).await.ok();
        api.channel("PRIVATE", &format!("other {n}")).await;
    }
    let first = "/v1/channels?size=2&type=PUBLIC&members=jan%C3%A9+%26+co&sort=name,desc&sort=id";
    let pages = walk(&api, first, "next").await;
    let all: Vec<&str> = pages
        .iter()
        .flat_map(|page| page["_embedded"]["channels"].as_array().unwrap())
        .map(|channel| channel["name"].as_str().unwrap())
        .collect();
    assert_eq!(all, ["c4", "c3", "c2", "c1", "c0"]);
    assert_eq!(api.get(&href(&pages[2], "self").unwrap()).await.ok(), pages[2]);
    assert_eq!(api.get(&href(&pages[2], "first").unwrap()).await.ok(), pages[0]);
    let users = api.get("/v1/users?name=jan%C3%A9%20%26%20co").await.ok();
    assert_eq!(api.get(&href(&users, "self").unwrap()).await.ok(), users);
}

/// A channel with `count` messages, and their ids from the newest on.
async fn filled(api: &Caller<'_>, name: &str, count: usize) -> (Value, Vec<i64>) {
    let channel = api.channel("PUBLIC", name).await;
    let mut sent = Vec::new();
    for n in 0..count {
        sent.push(api.message(&channel, &format!("{name} {n}")).await["id"].as_i64().expect("an id"));
    }
    sent.reverse();
    (channel, sent)
}

#[tokio::test]
async fn cursor_pages_are_walked_in_both_directions() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, sent) = filled(&api, "lobby", 10).await;
    filled(&api, "other", 3).await;
    let forth = walk(&api, &format!("/v1/channels/{}/messages?size=4", channel["id"]), "next").await;
    let sizes: Vec<&Value> = forth.iter().map(|page| &page["page"]["size"]).collect();
    assert_eq!(sizes, [4, 4, 2]);
    assert_eq!(forth.iter().flat_map(|page| ids(page, "messages")).collect::<Vec<_>>(), sent);
    assert_eq!(href(&forth[0], "prev"), None);
    let back = walk(&api, &href(&forth[2], "self").unwrap(), "prev").await;
    let pages: Vec<Vec<i64>> = back.iter().map(|page| ids(page, "messages")).collect();
    assert_eq!(pages, [&sent[8..], &sent[4..8], &sent[..4]]);
}

#[tokio::test]
async fn the_self_link_of_a_cursor_page_gives_the_same_page() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, sent) = filled(&api, "lobby", 5).await;
    let pages = walk(&api, &format!("/v1/channels/{}/messages?size=2", channel["id"]), "next").await;
    // What comes later does not move a page that was found by cursor.
    api.message(&channel, "later").await;
    for page in &pages {
        let again = api.get(&href(page, "self").unwrap()).await.ok();
        assert_eq!(again["_embedded"], page["_embedded"]);
        assert_eq!(href(&again, "self"), href(page, "self"));
    }
    let newest = api.get(&href(&pages[0], "self").unwrap()).await.ok();
    let newer = api.get(&href(&newest, "prev").expect("there is a newer message")).await.ok();
    assert_eq!(newer["_embedded"]["messages"][0]["body"], "later");
    assert_eq!(ids(&newer, "messages").len(), 1);
    assert_eq!(ids(&api.get(&href(&newer, "next").expect("older ones")).await.ok(), "messages"), sent[..2]);
}

#[tokio::test]
async fn page_metadata_has_the_cursors_as_text() {
    let server = Server::start().await;
    let api = server.application().await;
    let (_, sent) = filled(&api, "lobby", 3).await;
    let first = api.get("/v1/messages?size=2").await.ok();
    assert_eq!(first["page"], json!({"size": 2, "start": sent[0].to_string(), "next": sent[1].to_string()}));
    let last = api.get(&href(&first, "next").unwrap()).await.ok();
    assert_eq!(last["page"], json!({"size": 1, "start": sent[2].to_string()}), "no page follows, so there is no next");
}

#[tokio::test]
async fn cursors_from_nowhere_are_places_all_the_same() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, sent) = filled(&api, "lobby", 4).await;
    let (_, others) = filled(&api, "other", 2).await;
    let gone = sent[1];
    api.delete(&format!("/v1/messages/{gone}")).await.ok();
    let left = [sent[0], sent[2], sent[3]];
    for (query, expected) in [
        ("start=0".to_owned(), &left[3..]),
        ("next=0".to_owned(), &left[3..]),
        ("next=0&relation=NEXT".to_owned(), &left[3..]),
        (format!("start={}", i64::MAX), &left[..]),
        (format!("next={}", i64::MAX), &left[..]),
        (format!("start={}&relation=PREVIOUS", i64::MAX), &left[3..]),
        ("start=0&relation=PREVIOUS".to_owned(), &left[..]),
        (format!("start={gone}"), &left[1..]),
        (format!("next={gone}&relation=NEXT"), &left[1..]),
        (format!("start={gone}&relation=PREVIOUS"), &left[..1]),
        (format!("start={}", others[0]), &left[..]),
        (format!("start={}&relation=PREVIOUS", others[1]), &left[3..]),
    ] {
        let page = api.get(&format!("/v1/channels/{}/messages?{query}", channel["id"])).await.ok();
        assert_eq!(ids(&page, "messages"), expected, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_request_says_what_it_needs() {
    let server = Server::start().await;
    let api = server.application().await;
    for (query, field, code) in [
        ("relation=PREVIOUS", "start", "missing_field"),
        ("relation=PREVIOUS&next=5", "start", "missing_field"),
        ("relation=NEXT&start=5", "next", "missing_field"),
        ("relation=SIDEWAYS", "relation", "invalid"),
        ("start=-1", "start", "invalid"),
        ("next=9223372036854775808", "next", "invalid"),
        ("start=newest", "start", "invalid"),
        ("size=-1", "size", "invalid"),
    ] {
        api.get(&format!("/v1/messages?{query}")).await.faults(&[(field, code)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_misses_nothing_and_repeats_nothing_while_messages_come_and_go() {
    let server = Server::start().await;
    let api = server.application().await;
    let (channel, sent) = filled(&api, "lobby", 120).await;
    let (doomed, kept): (Vec<i64>, Vec<i64>) = sent.iter().partition(|id| *id % 3 == 0);
    let (kept, changing) = (BTreeSet::from_iter(kept), AtomicBool::new(true));
    let change = async {
        for id in &doomed {
            api.message(&channel, "while you walk").await;
            api.delete(&format!("/v1/messages/{id}")).await.ok();
        }
        changing.store(false, Ordering::Relaxed);
    };
    let read = async {
        let mut walks = 0;
        while walks < 2 || changing.load(Ordering::Relaxed) {
            let pages = walk(&api, &format!("/v1/channels/{}/messages?size=7", channel["id"]), "next").await;
            let seen: Vec<i64> = pages.iter().flat_map(|page| ids(page, "messages")).collect();
            assert!(seen.is_sorted_by(|newer, older| newer > older), "out of order, or twice: {seen:?}");
            let missed: Vec<_> = kept.difference(&BTreeSet::from_iter(seen)).copied().collect();
            assert_eq!(missed, [0; 0], "messages that were there all the time");
            walks += 1;
        }
    };
    tokio::join!(change, read);
}
