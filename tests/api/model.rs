//! The API against small models of it: what clients see of one resource has one order, and pages by cursor show exactly
//! what there is, whatever was sent and deleted in between.

use crate::support::{Caller, Server};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Instant;

/// One request about a user, and what came of it.
#[derive(Clone, Debug)]
struct Act {
    kind: Kind,
    /// Whether the user was there.
    found: bool,
    began: Instant,
    ended: Instant,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The display name that was read, if the user was there.
    Read(String),
    /// The display name that was set.
    Write(String),
    Delete,
}

impl Act {
    /// The display name after this act, if it can have happened when the user had this one. None is a user that is gone.
    fn after(&self, before: Option<&str>) -> Option<Option<String>> {
        match (&self.kind, before, self.found) {
            (_, None, false) => Some(None),
            (Kind::Read(read), Some(name), true) if read == name => Some(Some(name.to_owned())),
            (Kind::Write(name), Some(_), true) => Some(Some(name.clone())),
            (Kind::Delete, Some(_), true) => Some(None),
            _ => None,
        }
    }
}

/// Whether there is an order of the acts, in which none comes before one that had ended when it began, and in which each
/// finds what those before it have left: the search of Wing and Gong, which remembers where it has been.
fn is_linearizable(acts: &[Act], name: &str) -> bool {
    fn search(acts: &[Act], done: u128, name: Option<String>, seen: &mut HashSet<(u128, Option<String>)>) -> bool {
        if done.count_ones() as usize == acts.len() {
            return true;
        }
        if !seen.insert((done, name.clone())) {
            return false;
        }
        let left = || (0..acts.len()).filter(|index| done >> index & 1 == 0);
        let first_end = left().map(|index| acts[index].ended).min().expect("some are left");
        left().filter(|index| acts[*index].began <= first_end).any(|index| {
            let after = acts[index].after(name.as_deref());
            after.is_some_and(|after| search(acts, done | 1 << index, after, seen))
        })
    }
    assert!(acts.len() <= 128, "the set of those done has 128 places");
    search(acts, 0, Some(name.to_owned()), &mut HashSet::new())
}

#[test]
fn a_history_with_a_stale_read_has_no_order() {
    let times: Vec<Instant> = (0..6).map(|n| Instant::now() + std::time::Duration::from_secs(n)).collect();
    let act = |kind, began, ended| Act { kind, found: true, began: times[began], ended: times[ended] };
    let write = act(Kind::Write("new".to_owned()), 0, 1);
    let (stale, late) = (act(Kind::Read("old".to_owned()), 2, 3), act(Kind::Read("new".to_owned()), 4, 5));
    assert!(!is_linearizable(&[write.clone(), stale.clone(), late.clone()], "old"));
    let overlapping = Act { ended: times[4], ..write };
    assert!(is_linearizable(&[overlapping, stale, late], "old"));
}

/// What one client does with the users, one request after the other.
async fn client(api: &Caller<'_>, number: usize, users: &[i64]) -> Vec<(usize, Act)> {
    let mut acts = Vec::new();
    for turn in 0..14 {
        let (index, began) = ((number * 7 + turn * 5) % users.len(), Instant::now());
        let address = format!("/v1/users/{}", users[index]);
        let (answer, kind) = match (number + turn) % 5 {
            // Late, so that there is something before it.
            0 if turn > 9 => (api.delete(&address).await, Kind::Delete),
            0 | 1 => {
                let name = format!("name {number}.{turn}");
                (api.patch(&address, json!({"displayName": name})).await, Kind::Write(name))
            }
            _ => {
                let answer = api.get(&address).await;
                let read = answer.body["displayName"].as_str().unwrap_or_default().to_owned();
                (answer, Kind::Read(read))
            }
        };
        assert!(matches!(answer.status.as_u16(), 200 | 404), "{answer:?}");
        acts.push((index, Act { kind, found: answer.status == 200, began, ended: Instant::now() }));
    }
    acts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_clients_see_of_a_user_has_one_order() {
    let server = Server::start().await;
    let api = server.application().await;
    for round in 0..4 {
        let mut users = Vec::new();
        for number in 0..3 {
            users.push(api.user(&format!("user {round}.{number}")).await["id"].as_i64().expect("an id"));
        }
        let acts = join_all((0..16).map(|number| client(&api, number, &users))).await.concat();
        for (index, id) in users.iter().enumerate() {
            let of_user = acts.iter().filter(|(user, _)| *user == index);
            let mut history: Vec<Act> = of_user.map(|(_, act)| act.clone()).collect();
            history.sort_by_key(|act| act.began);
            let first = format!("user {round}.{index}");
            assert!(is_linearizable(&history, &first), "user {id} was seen in no order: {history:#?}");
        }
    }
}

/// What is done to the messages of a channel, or to a page of them.
#[derive(Clone, Debug)]
enum Step {
    /// A message that has the word or has it not, from the user or from the system.
    Send {
        word: bool,
        user: bool,
    },
    /// The deletion of one of those that are there.
    Delete(prop::sample::Index),
    /// The newest page, of so many messages.
    First {
        size: usize,
        word: bool,
        user: bool,
    },
    /// The page before or behind the one that was fetched last.
    Next,
    Prev,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<(bool, bool)>().prop_map(|(word, user)| Step::Send { word, user }),
        2 => any::<prop::sample::Index>().prop_map(Step::Delete),
        2 => (1..5_usize, any::<(bool, bool)>()).prop_map(|(size, (word, user))| Step::First { size, word, user }),
        4 => Just(Step::Next),
        2 => Just(Step::Prev),
    ];
    prop::collection::vec(step, 1..40)
}

/// A message of the model.
#[derive(Clone, Copy, Debug)]
struct Sent {
    id: i64,
    word: bool,
    user: bool,
}

/// The page that was fetched last: what it asked for, and what it had.
struct Page {
    size: usize,
    word: bool,
    user: bool,
    ids: Vec<i64>,
    answer: Value,
}

impl Page {
    /// What there is for it now, newest first.
    fn matching(&self, sent: &[Sent]) -> Vec<i64> {
        let fits = |one: &&Sent| (one.word || !self.word) && (one.user || !self.user);
        sent.iter().rev().filter(fits).map(|one| one.id).collect()
    }
}

/// Does the steps one by one, in a channel of its own, and compares every page with what the model has.
async fn compare(api: &Caller<'_>, steps: Vec<Step>) {
    let name = uuid::Uuid::new_v4().to_string();
    let channel = api.channel("PUBLIC", &name).await;
    let collection = format!("/v1/channels/{}/messages", channel["id"]);
    let mut sent: Vec<Sent> = Vec::new();
    let mut last: Option<Page> = None;
    for step in steps {
        let (mut page, expected, address) = match (step, last.take()) {
            (Step::Send { word, user }, kept) => {
                let mut message = json!({"body": if word { "an apple" } else { "a pear" }});
                if user {
                    message["user"] = json!({"username": "ada"});
                }
                let id = api.post(&collection, message).await.ok()["id"].as_i64().expect("an id");
                sent.push(Sent { id, word, user });
                last = kept;
                continue;
            }
            (Step::Delete(index), kept) => {
                if !sent.is_empty() {
                    let gone = sent.remove(index.index(sent.len()));
                    api.delete(&format!("/v1/messages/{}", gone.id)).await.ok();
                }
                last = kept;
                continue;
            }
            (Step::First { size, word, user }, _) => {
                let page = Page { size, word, user, ids: Vec::new(), answer: Value::Null };
                let expected: Vec<i64> = page.matching(&sent).into_iter().take(size).collect();
                let filters =
                    [if word { "&query=apple" } else { "" }, if user { "&username=ada" } else { "" }].concat();
                (page, expected, format!("{collection}?size={size}{filters}"))
            }
            (step, Some(page)) => {
                let is_next = matches!(step, Step::Next);
                let link = &page.answer["_links"][if is_next { "next" } else { "prev" }]["href"];
                let (Some(address), Some(first), Some(end)) = (link.as_str(), page.ids.first(), page.ids.last()) else {
                    last = Some(page);
                    continue;
                };
                let (first, end, address) = (*first, *end, address.to_owned());
                let mut there = page.matching(&sent);
                let expected: Vec<i64> = if is_next {
                    there.into_iter().filter(|id| *id < end).take(page.size).collect()
                } else {
                    there.retain(|id| *id > first);
                    there.split_off(there.len().saturating_sub(page.size))
                };
                (page, expected, address)
            }
            (_, None) => continue,
        };
        page.answer = api.get(&address).await.ok();
        let items = page.answer["_embedded"]["messages"].as_array().expect("messages");
        page.ids = items.iter().map(|message| message["id"].as_i64().expect("an id")).collect();
        assert_eq!(page.ids, expected, "{address}");
        let there = page.matching(&sent);
        if let (Some(first), Some(end)) = (expected.first(), expected.last()) {
            let has = |relation: &str| page.answer["_links"].get(relation).is_some();
            assert_eq!(has("next"), there.iter().any(|id| id < end), "a link to older ones: {}", page.answer);
            assert_eq!(has("prev"), there.iter().any(|id| id > first), "a link to newer ones: {}", page.answer);
        }
        last = Some(page);
    }
}

#[test]
fn pages_by_cursor_show_what_there_is() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start());
    let api = runtime.block_on(server.application());
    runtime.block_on(api.user("ada"));
    // A failure prints the fewest steps that fail, which say more than a seed.
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner
        .run(&steps(), |steps| {
            runtime.block_on(compare(&api, steps));
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
    let _guard = runtime.enter();
    drop(server);
}
