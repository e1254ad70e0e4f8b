//! What was acknowledged survives `kill -9`, and nothing is left half done.

use crate::child::{Program, Serving, command};
use reqwest::{Method, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::tempdir;

/// Databases that are worked on side by side, and how often the program of each is killed.
const WORLDS: u64 = 4;
const KILLS: u64 = 55;
/// Connections that write at the same time.
const WRITERS: u64 = 6;

/// A generator that gives the same numbers for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// The seed of this run: `CHATKITTY_TEST_SEED` to repeat one, else the time.
fn seed() -> u64 {
    let given = std::env::var("CHATKITTY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64)
}

/// What is known of a user, a channel or a message.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    /// Its creation was acknowledged, with this name or body.
    Kept(String),
    /// Its deletion was acknowledged.
    Gone,
    /// Its deletion was asked for when the program was killed.
    Unknown,
}

/// What was acknowledged, by address: `/v1/users/7`.
#[derive(Default)]
struct Ledger {
    fates: BTreeMap<String, Fate>,
    /// Creations of users, and of messages, that the kill left without an answer.
    unanswered: BTreeMap<&'static str, u64>,
    /// The addresses that this round has touched.
    touched: Vec<String>,
}

/// One connection's work until the program is killed: creations, and now and then a deletion of its own.
async fn write(server: &Serving, token: &str, mut random: Random, name: String) -> Ledger {
    let mut ledger = Ledger::default();
    let mut mine: Vec<String> = Vec::new();
    for turn in 0u64.. {
        let label = format!("{name}-{turn}");
        let deletion = random.below(5) == 0 && !mine.is_empty();
        let (request, noun, address) = if deletion {
            let address = mine.swap_remove(random.below(mine.len() as u64) as usize);
            (server.request(Method::DELETE, &address, token), "", address)
        } else {
            let (path, noun, body) = match random.below(8) {
                0 => ("/v1/channels", "channels", json!({"type": "PRIVATE", "name": label, "creator": {"id": 1}})),
                1..3 => ("/v1/users", "users", json!({"name": label})),
                3 => ("/v1/channels/1/messages", "messages", json!({"body": label, "user": {"id": 1}})),
                _ => ("/v1/channels/1/messages", "messages", json!({"body": label})),
            };
            (server.request(Method::POST, path, token).json(&body), noun, String::new())
        };
        let Some((status, answer)) = answered(request).await else {
            if deletion {
                ledger.fates.insert(address, Fate::Unknown);
            } else {
                *ledger.unanswered.entry(noun).or_default() += 1;
            }
            break;
        };
        assert_eq!(status, StatusCode::OK, "{answer}");
        if deletion {
            ledger.fates.insert(address.clone(), Fate::Gone);
            ledger.touched.push(address);
        } else {
            let address = format!("/v1/{noun}/{}", answer["id"]);
            ledger.fates.insert(address.clone(), Fate::Kept(label));
            ledger.touched.push(address.clone());
            mine.push(address);
        }
    }
    ledger
}

/// The answer, if it came whole: one that was cut off acknowledges nothing.
async fn answered(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status();
    Some((status, response.json().await.ok()?))
}

/// A database, its program and what was promised about it.
async fn world(mut random: Random) -> usize {
    let folder = tempdir().unwrap();
    let mut all = Ledger::default();
    let mut server = start(folder.path());
    let token = server.token("acme", "acmesecret").await;
    for (path, body) in
        [("/v1/users", json!({"name": "ada"})), ("/v1/channels", json!({"type": "PUBLIC", "name": "general"}))]
    {
        server.post(path, &token, body).await.ok();
    }
    all.fates.insert("/v1/users/1".to_owned(), Fate::Kept("ada".to_owned()));
    all.fates.insert("/v1/channels/1".to_owned(), Fate::Kept("general".to_owned()));
    for kill in 0..KILLS {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| write(&server, &token, Random(random.below(u64::MAX)), format!("{kill}-{writer}")))
            .collect();
        let delay = Duration::from_micros(random.below(250_000));
        let killer = async {
            tokio::time::sleep(delay).await;
            server.program.signal("KILL");
        };
        let (written, ()) = tokio::join!(futures::future::join_all(writers), killer);
        assert_eq!(server.program.finish().code, None, "the program is to end by the signal");

        if random.below(4) == 0 {
            // A start may be killed as well, at any moment.
            let starting = Program::spawn(serve(folder.path()));
            tokio::time::sleep(Duration::from_micros(random.below(60_000))).await;
            drop(starting);
        }
        server = start(folder.path());
        let mut touched = Vec::new();
        for ledger in written {
            all.fates.extend(ledger.fates);
            touched.extend(ledger.touched);
            for (noun, count) in ledger.unanswered {
                *all.unanswered.entry(noun).or_default() += count;
            }
        }
        for address in touched {
            check(&server, &token, &address, &all.fates[&address]).await;
        }
        check_tables(&folder.path().join("test.db"));
        for noun in ["users", "channels"] {
            let page = server.get(&format!("/v1/{noun}?size=1"), &token).await.ok();
            check_total(&all, noun, page["page"]["totalElements"].as_u64().expect("a total"));
        }
    }
    for (address, fate) in &all.fates {
        check(&server, &token, address, fate).await;
    }
    check_listings(&server, &token, &all).await;
    assert_eq!(server.stop().code, Some(0));
    all.fates.len()
}

fn serve(folder: &Path) -> Command {
    let mut command = command(folder, ["serve", "--listen", "127.0.0.1:0", "--database", "sqlite:test.db"]);
    command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
    command
}

fn start(folder: &Path) -> Serving {
    // A client of its own for every start, as connections of the last one would be dead.
    Serving::greeted(Program::spawn(serve(folder)), reqwest::Client::new())
}

/// Retrieves what an address names and compares it with what was promised.
async fn check(server: &Serving, token: &str, address: &str, fate: &Fate) {
    let answer = server.get(address, token).await;
    match fate {
        Fate::Kept(text) => {
            assert_eq!(answer.status, 200, "{address} was acknowledged and is lost: {answer:?}");
            let key = if address.contains("messages") { "body" } else { "name" };
            assert_eq!(answer.body[key], **text, "{address} is not what was acknowledged");
        }
        Fate::Gone => assert_eq!(answer.status, 404, "{address} was deleted and is back: {answer:?}"),
        Fate::Unknown => assert!(matches!(answer.status.as_u16(), 200 | 404), "{answer:?}"),
    }
}

/// The number that a total or a listing may have: what is kept, and perhaps what the kills left open.
fn check_total(all: &Ledger, noun: &str, total: u64) {
    let of_noun = all.fates.iter().filter(|(address, _)| address.split('/').nth(2) == Some(noun));
    let count = |wanted: fn(&Fate) -> bool| of_noun.clone().filter(|(_, fate)| wanted(fate)).count() as u64;
    let least = count(|fate| matches!(fate, Fate::Kept(_)));
    let most = least + count(|fate| *fate == Fate::Unknown) + all.unanswered.get(noun).copied().unwrap_or(0);
    assert!((least..=most).contains(&total), "{total} {noun}, and there must be {least} to {most}");
}

/// Walks every listing to its end: nothing twice, nothing missing, and the total says how many.
async fn check_listings(server: &Serving, token: &str, all: &Ledger) {
    for noun in ["users", "channels", "messages"] {
        let mut listed = BTreeMap::new();
        let mut total = None;
        let mut next = Some(format!("/v1/{noun}?size=100"));
        while let Some(address) = next {
            let page = server.get(&address, token).await.ok();
            for resource in page["_embedded"][noun].as_array().expect("a list") {
                let before = listed.insert(resource["id"].as_u64().expect("an id"), ());
                assert!(before.is_none(), "{noun} {} is listed twice", resource["id"]);
            }
            total = page["page"]["totalElements"].as_u64().or(total);
            let link = page["_links"]["next"]["href"].as_str();
            next = link.map(|link| link.strip_prefix(&server.url).expect("a link of this server").to_owned());
        }
        assert!(total.is_none_or(|total| total == listed.len() as u64), "{total:?} {noun}, {} listed", listed.len());
        check_total(all, noun, listed.len() as u64);
        for (address, fate) in all.fates.iter().filter(|(address, _)| address.split('/').nth(2) == Some(noun)) {
            let id = address.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
            let contained = listed.contains_key(&id);
            assert!(*fate == Fate::Unknown || contained == (*fate != Fate::Gone), "{address}: {fate:?}, {contained}");
        }
    }
}

/// Looks into the tables: no damage, no orphan, and every kept total is the number of its rows.
fn check_tables(file: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(file, flags).unwrap();
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let empty = |sql: &str| {
        let found = database.prepare(sql).unwrap().exists([]).unwrap();
        assert!(!found, "there are rows where none may be: {sql}");
    };
    empty("PRAGMA foreign_key_check");
    empty("SELECT 1 FROM applications a WHERE users <> (SELECT count(*) FROM users WHERE application_id = a.id)");
    for (column, kind) in [("public_channels", "PUBLIC"), ("private_channels", "PRIVATE")] {
        empty(&format!(
            "SELECT 1 FROM applications a WHERE {column} <> \
             (SELECT count(*) FROM channels WHERE application_id = a.id AND type = '{kind}')"
        ));
    }
    empty("SELECT 1 FROM channels c WHERE members <> (SELECT count(*) FROM members WHERE channel_id = c.id)");
    empty(
        "SELECT 1 FROM channels c WHERE creator_id IS NOT NULL AND NOT EXISTS \
           (SELECT 1 FROM members WHERE channel_id = c.id AND user_id = c.creator_id)",
    );
    empty(
        "SELECT 1 FROM channels c WHERE 1 <> \
           (SELECT count(*) FROM threads WHERE channel_id = c.id AND type = 'MAIN')",
    );
    empty(
        "SELECT 1 FROM users u WHERE restricted_channels <> \
           (SELECT count(*) FROM members WHERE user_id = u.id AND restricted = 1)",
    );
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    let seed = seed();
    // A thread for each, as waiting for a program to start or to end holds up the thread that waits.
    let worlds: Vec<_> = (0..WORLDS)
        .map(|number| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(world(Random(seed.wrapping_add(number))))
            })
        })
        .collect();
    let acknowledged: Vec<_> = worlds.into_iter().map(|world| world.join().ok()).collect();
    let repeat = format!("to repeat it: CHATKITTY_TEST_SEED={seed} cargo test --test api durability");
    let total: usize = acknowledged.iter().map(|writes| writes.expect(&repeat)).sum();
    // A slow disk makes them few, but with less than one a kill the moments would prove nothing.
    assert!(total as u64 > WORLDS * KILLS, "only {total} writes were acknowledged; {repeat}");
}
