//! What was acknowledged survives: `kill -9`, a process that is stopped for a while, a disk that fails and fills, a clock
//! that jumps, connections that break. And nothing is left half done.
//!
//! `CHATKITTY_TEST_KILLS=2500 cargo test --test api durability` kills ten thousand times, in four databases.

mod faults;

use self::faults::{Faults, Library};
use crate::child::{Program, Serving, command};
use reqwest::{Method, StatusCode};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::tempdir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// Databases that are worked on side by side.
const WORLDS: u64 = 4;
/// How often the program of each is killed, if `CHATKITTY_TEST_KILLS` says nothing else.
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

fn kills() -> u64 {
    std::env::var("CHATKITTY_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

/// What is known of a user, a channel or a message.
#[derive(Clone, Debug, PartialEq)]
enum Fate {
    /// Its creation was acknowledged, with this name or body, or the patch that gave it this one.
    Kept(String),
    /// A patch that turns the first into the second was not answered.
    Changing(String, String),
    /// Its deletion was acknowledged.
    Gone,
    /// Its deletion was asked for and not acknowledged.
    Unknown,
}

/// What happens to a program before it is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    /// It is stopped as by a debugger or a suspended machine, and goes on.
    Pause,
    /// Calls on the files of the database fail, and do no longer. The program has to be itself again without a restart.
    Disk,
    /// The time of day jumps, by up to an hour in either direction.
    Clock,
    /// Clients send halves of requests and reset their connections.
    Resets,
}

/// What was acknowledged, by address: `/v1/users/7`.
#[derive(Default)]
struct Ledger {
    fates: BTreeMap<String, Fate>,
    /// Creations of users, and of messages, that the kill left without an answer.
    unanswered: BTreeMap<&'static str, u64>,
    /// Writes that were answered with an error of the server.
    refused: u64,
    /// The addresses that this round has touched.
    touched: Vec<String>,
}

/// One connection's work until the program is killed: creations, and now and then a patch or a deletion of its own. When
/// calls of the disk fail, requests may as well, as the document has it.
async fn write(server: &Serving, token: &str, mut random: Random, name: String, may_fail: bool) -> Ledger {
    let mut ledger = Ledger::default();
    let mut mine: Vec<String> = Vec::new();
    for turn in 0u64.. {
        let label = format!("{name}-{turn}");
        let deletion = random.below(5) == 0 && !mine.is_empty();
        let patched = mine.iter().position(|address| address.contains("messages")).filter(|_| random.below(5) == 0);
        let (request, noun, address) = if let Some(patched) = patched {
            let address = mine.swap_remove(patched);
            let patch = json!({"body": label}).to_string();
            let request = server.request(Method::PATCH, &address, token);
            (request.header("content-type", "application/json+merge-patch").body(patch), "", address)
        } else if deletion {
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
        let answer = answered(request).await;
        let acknowledged = match &answer {
            Some((status, answer)) if may_fail && status.is_server_error() => {
                assert!(answer["message"].is_string(), "an error of another shape: {answer}");
                ledger.refused += 1;
                None
            }
            Some((status, answer)) => {
                assert_eq!(*status, StatusCode::OK, "{answer}");
                Some(answer)
            }
            None => None,
        };
        let Some(answer) = acknowledged else {
            if patched.is_some() {
                if let Some(Fate::Kept(before)) = ledger.fates.get(&address).cloned() {
                    ledger.fates.insert(address, Fate::Changing(before, label));
                }
            } else if deletion {
                ledger.fates.insert(address, Fate::Unknown);
            } else {
                *ledger.unanswered.entry(noun).or_default() += 1;
            }
            if answer.is_none() {
                break;
            }
            continue;
        };
        if patched.is_some() {
            ledger.fates.insert(address.clone(), Fate::Kept(label));
            mine.push(address);
        } else if deletion {
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

/// Lets a program suffer, and kills it.
async fn kill(server: &Serving, token: &str, trouble: Trouble, faults: &Faults, mut random: Random) {
    let (jump, halves) = (3600 - random.below(7200) as i32, random.below(50));
    let mut wait = async |most| tokio::time::sleep(Duration::from_micros(random.below(most))).await;
    wait(250_000).await;
    match trouble {
        Trouble::None => {}
        Trouble::Pause => {
            server.program.signal("STOP");
            wait(250_000).await;
            server.program.signal("CONT");
            wait(50_000).await;
        }
        Trouble::Disk => {
            faults.disk(50_000);
            wait(250_000).await;
            faults.disk(0);
            let patience = Instant::now() + Duration::from_secs(30);
            while !recovered(server, token).await {
                assert!(Instant::now() < patience, "the disk is well again, and the server refuses to write");
            }
            wait(50_000).await;
        }
        Trouble::Clock => {
            faults.clock(jump);
            wait(250_000).await;
        }
        Trouble::Resets => {
            for half in 0..halves {
                reset(server, token, half as usize * 8).await;
            }
        }
    }
    server.program.signal("KILL");
}

/// Whether a write is acknowledged again. It leaves nothing behind that is counted.
async fn recovered(server: &Serving, token: &str) -> bool {
    let patch =
        server.request(Method::PATCH, "/v1/users/1", token).header("content-type", "application/json+merge-patch");
    answered(patch.body(json!({"displayName": "Ada"}).to_string())).await.is_some_and(|(status, _)| status.is_success())
}

/// Sends the beginning of a request and resets the connection.
async fn reset(server: &Serving, token: &str, length: usize) {
    let body = json!({"name": "half a user"}).to_string();
    let host = server.url.trim_start_matches("http://");
    let request = format!(
        "POST /v1/users HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // One byte always lacks: a whole request would be obeyed.
    let length = length.min(request.len() - 1);
    if let Ok(mut connection) = TcpStream::connect(host).await {
        let _ = connection.set_zero_linger();
        let _ = connection.write_all(&request.as_bytes()[..length]).await;
    }
}

/// Works on a database of its own, and gives how many resources it has heard of and how many writes were refused.
async fn world(mut random: Random, library: &Library) -> (u64, u64) {
    let folder = tempdir().unwrap();
    let faults = Faults::calm(library, folder.path());
    let mut all = Ledger::default();
    let mut server = start(folder.path(), &faults);
    let token = server.token("acme", "acmesecret").await;
    for (path, body) in
        [("/v1/users", json!({"name": "ada"})), ("/v1/channels", json!({"type": "PUBLIC", "name": "general"}))]
    {
        server.post(path, &token, body).await.ok();
    }
    all.fates.insert("/v1/users/1".to_owned(), Fate::Kept("ada".to_owned()));
    all.fates.insert("/v1/channels/1".to_owned(), Fate::Kept("general".to_owned()));
    for round in 0..kills() {
        let trouble = match random.below(8) {
            0 => Trouble::Pause,
            1 | 2 => Trouble::Disk,
            3 => Trouble::Clock,
            4 => Trouble::Resets,
            _ => Trouble::None,
        };
        let may_fail = trouble == Trouble::Disk;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| write(&server, &token, Random(random.below(u64::MAX)), format!("{round}-{writer}"), may_fail))
            .collect();
        let killer = kill(&server, &token, trouble, &faults, Random(random.below(u64::MAX)));
        let (written, ()) = tokio::join!(futures::future::join_all(writers), killer);
        assert_eq!(server.program.finish().code, None, "the program is to end by the signal");

        if random.below(4) == 0 {
            // A start may be killed as well, at any moment.
            let starting = Program::spawn(serve(folder.path(), &faults));
            tokio::time::sleep(Duration::from_micros(random.below(60_000))).await;
            drop(starting);
        }
        server = start(folder.path(), &faults);
        let mut touched = Vec::new();
        for ledger in written {
            all.fates.extend(ledger.fates);
            all.refused += ledger.refused;
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
    (all.fates.len() as u64, all.refused)
}

fn serve(folder: &Path, faults: &Faults) -> Command {
    let mut command = command(folder, ["serve", "--listen", "127.0.0.1:0", "--database", "sqlite:test.db"]);
    faults.reach(&mut command);
    command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
    command
}

fn start(folder: &Path, faults: &Faults) -> Serving {
    // A client of its own for every start, as connections of the last one would be dead.
    Serving::greeted(Program::spawn(serve(folder, faults)), reqwest::Client::new())
}

/// Retrieves what an address names and compares it with what was promised.
async fn check(server: &Serving, token: &str, address: &str, fate: &Fate) {
    let answer = server.get(address, token).await;
    let text = &answer.body[if address.contains("messages") { "body" } else { "name" }];
    match fate {
        Fate::Kept(kept) => {
            assert_eq!(answer.status, 200, "{address} was acknowledged and is lost: {answer:?}");
            assert_eq!(text, kept, "{address} is not what was acknowledged");
        }
        Fate::Changing(before, after) => {
            assert_eq!(answer.status, 200, "{address} was acknowledged and is lost: {answer:?}");
            assert!(text == before || text == after, "{address} is neither {before} nor {after}: {answer:?}");
        }
        Fate::Gone => assert_eq!(answer.status, 404, "{address} was deleted and is back: {answer:?}"),
        Fate::Unknown => assert!(matches!(answer.status.as_u16(), 200 | 404), "{answer:?}"),
    }
}

/// The number that a total or a listing may have: what is kept, and perhaps what the kills left open.
fn check_total(all: &Ledger, noun: &str, total: u64) {
    let of_noun = all.fates.iter().filter(|(address, _)| address.split('/').nth(2) == Some(noun));
    let count = |wanted: fn(&Fate) -> bool| of_noun.clone().filter(|(_, fate)| wanted(fate)).count() as u64;
    let least = count(|fate| matches!(fate, Fate::Kept(_) | Fate::Changing(..)));
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
#[expect(clippy::print_stdout, reason = "a long run is told how hard it was")]
fn acknowledged_writes_survive() {
    let (seed, library) = (seed(), Arc::new(Library::build()));
    // A thread for each, as waiting for a program to start or to end holds up the thread that waits.
    let worlds: Vec<_> = (0..WORLDS)
        .map(|number| {
            let library = Arc::clone(&library);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(world(Random(seed.wrapping_add(number)), &library))
            })
        })
        .collect();
    let outcomes: Vec<_> = worlds.into_iter().map(|world| world.join().ok()).collect();
    let repeat = format!("to repeat it: CHATKITTY_TEST_SEED={seed} cargo test --test api durability");
    let (mut acknowledged, mut refused) = (0, 0);
    for outcome in outcomes {
        let outcome = outcome.expect(&repeat);
        acknowledged += outcome.0;
        refused += outcome.1;
    }
    // A slow disk makes them few, but with less than one a kill the moments would prove nothing.
    assert!(acknowledged > WORLDS * kills(), "only {acknowledged} writes were acknowledged; {repeat}");
    assert!(refused > 0, "the disk never failed: the program does not suffer faults.c; {repeat}");
    println!("{} kills, {acknowledged} resources, {refused} writes refused by a failing disk", WORLDS * kills());
}
