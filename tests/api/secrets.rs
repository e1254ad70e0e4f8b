//! Secrets of users: kept for whoever may read them, and unreadable in the database.

use crate::child::{Serving, command, run};
use crate::deletions;
use crate::support::{Caller, Server};
use chatkitty_platform::auth::Secret;
use chatkitty_platform::server::start;
use chatkitty_platform::store::Store;
use chatkitty_platform::store::secrets::{self, SecretRow};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::tempdir;

const FIRST: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECOND: &str = "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=";

fn address(user: &Value, name: &str) -> String {
    format!("/v1/users/{}/secrets/{name}", user["id"])
}

async fn set(api: &Caller<'_>, user: &Value, name: &str, secret: Value) -> Value {
    api.put(&address(user, name), json!({"secret": secret})).await.ok()
}

async fn rows(store: &Store) -> Vec<SecretRow> {
    store.read(|tx| secrets::sealed_otherwise(tx, "", 100)).await.expect("the rows")
}

/// The keys that are in use.
async fn key_ids(store: &Store) -> Vec<String> {
    store.read(secrets::key_ids).await.expect("the keys")
}

#[tokio::test]
async fn a_secret_is_given_back_as_it_was_set() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    let value = json!({"token": "5f0c", "nested": {"list": [1, 2.5, null, "\u{0}"]}, "": {}});
    for name in ["crm", "na%20me%2Fx", "Z%C3%BCrich"] {
        assert_eq!(api.get(&address(&jane, name)).await.status, 404);
        assert_eq!(set(&api, &jane, name, value.clone()).await, jane);
        assert_eq!(api.get(&address(&jane, name)).await.ok(), json!({"secret": value}));
        assert_eq!(api.get(&address(&alex, name)).await.status, 404);
    }
    set(&api, &jane, "crm", json!({})).await;
    assert_eq!(api.get(&address(&jane, "crm")).await.ok(), json!({"secret": {}}));
    assert_eq!(api.get(&address(&jane, "CRM")).await.status, 404);
    assert_eq!(api.delete(&address(&jane, "crm")).await.ok(), jane);
    assert_eq!(api.get(&address(&jane, "crm")).await.status, 404);
    assert_eq!(api.delete(&address(&jane, "crm")).await.status, 404);
    assert_eq!(api.get(&address(&jane, "Z%C3%BCrich")).await.status, 200);
    // Nobody else has it, and no listing tells of it.
    let other = server.another_application().await;
    assert_eq!(other.get(&address(&jane, "Z%C3%BCrich")).await.status, 404);
    assert_eq!(api.get("/v1/users").await.ok()["_embedded"]["users"], json!([jane, alex]));
    let nobody = json!({"id": 999});
    let unkept = api.put(&address(&nobody, "crm"), json!({"secret": {}})).await;
    assert_eq!(unkept.status, 404);
}

#[tokio::test]
async fn only_an_object_is_a_secret() {
    let server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    for secret in [json!("text"), json!(1), json!([]), json!(null)] {
        let answer = api.put(&address(&user, "crm"), json!({"secret": secret})).await;
        answer.faults(&[("secret", "invalid")]);
    }
    api.put(&address(&user, "crm"), json!({})).await.faults(&[("secret", "missing_field")]);
    assert_eq!(rows(&server.store()).await, []);
}

#[tokio::test]
async fn the_database_does_not_tell_a_secret() {
    let mut server = Server::start().await;
    let api = server.application().await;
    let user = api.user("jdoe").await;
    set(&api, &user, "crm", json!({"token": "tell-tale"})).await;
    let first = rows(&server.store()).await;
    set(&api, &user, "crm", json!({"token": "tell-tale"})).await;
    assert_ne!(first[0].sealed, rows(&server.store()).await[0].sealed, "a nonce was used twice");
    drop(api);
    server.stop().await;
    let folder = server.files().parent().expect("the folder").to_owned();
    let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"tell-tale"), "{} tells it", file.display());
    }
}

#[tokio::test]
async fn a_sealed_value_opens_in_its_own_place_only() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    set(&api, &jane, "crm", json!({"of": "jane"})).await;
    let row = rows(&server.store()).await.remove(0);
    let mut tampered = row.clone();
    *tampered.sealed.last_mut().expect("bytes") ^= 1;
    let moved = SecretRow { user_id: alex["id"].as_i64().expect("an id"), ..row.clone() };
    let renamed = SecretRow { name: "other".to_owned(), ..row.clone() };
    let short = SecretRow { name: "short".to_owned(), sealed: vec![1], ..row };
    for (user, name, row) in
        [(&alex, "crm", moved), (&jane, "other", renamed), (&jane, "short", short), (&jane, "crm", tampered)]
    {
        let store = server.store();
        store.write(move |tx| secrets::set(tx, &row)).await.expect("the row");
        let answer = api.get(&address(user, name)).await;
        assert_eq!(answer.status, 500, "{name}");
        assert!(!answer.body.to_string().contains("jane"), "{answer:?}");
    }
}

#[tokio::test]
async fn secrets_go_with_their_user_and_their_application() {
    let server = Server::start().await;
    let api = server.application().await;
    let (jane, alex) = (api.user("jane").await, api.user("alex").await);
    set(&api, &jane, "crm", json!({})).await;
    set(&api, &alex, "crm", json!({})).await;
    api.delete(&format!("/v1/users/{}", jane["id"])).await.ok();
    assert_eq!(rows(&server.store()).await.len(), 1);
    api.delete("/v1/applications/me").await.ok();
    deletions::until_gone(&deletions::open(&server.database), 1).await;
    assert_eq!(rows(&server.store()).await, []);
}

#[tokio::test]
async fn keys_are_changed_by_putting_a_new_one_first() {
    let folder = tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("test.db").display());
    let with = |keys: &str| {
        let (keys, database) = (Secret::new(keys.to_owned()), database.clone());
        Server::start_with(move |config| (config.secrets_key, config.database) = (Some(keys), database))
    };
    let mut server = with(FIRST).await;
    let store = Store::open(&database).expect("the database");
    let api = server.application().await;
    let user = api.user("jdoe").await;
    // More than are sealed anew at a time.
    for number in 0..101 {
        set(&api, &user, &number.to_string(), json!({"number": number})).await;
    }
    let old = rows(&store).await[0].key_id.clone();
    drop(api);
    server.stop().await;

    let mut server = with(&format!("{SECOND}, {FIRST}")).await;
    let resealed = async {
        while key_ids(&store).await.contains(&old) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), resealed).await.expect("secrets are sealed anew");
    server.stop().await;

    let server = with(SECOND).await;
    let api = server.application().await;
    for number in [0, 57, 100] {
        let found = api.get(&address(&user, &number.to_string())).await.ok();
        assert_eq!(found, json!({"secret": {"number": number}}));
    }
}

/// The key file that a first start makes.
fn made(folder: &Path) -> PathBuf {
    assert_eq!(Serving::start(folder).stop().code, Some(0));
    folder.join("test.key")
}

#[test]
fn the_key_file_is_for_the_server_alone() {
    let folder = tempdir().unwrap();
    let file = made(folder.path());
    let key = fs::read_to_string(&file).unwrap();
    assert_eq!((key.len(), fs::metadata(&file).unwrap().permissions().mode() & 0o777), (45, 0o600));
    let serve = || command(folder.path(), ["serve", "--listen", "127.0.0.1:0", "--database", "sqlite:test.db"]);
    for mode in [0o640, 0o604, 0o644, 0o660] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        run(serve()).failed(1, &["others may read the key file", "test.key", "chmod 600"]);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(made(folder.path()), file);
    assert_eq!(fs::read_to_string(&file).unwrap(), key, "a second start changed the key");
    for nonsense in ["", "\n", "c2hvcnQ=", "not base64 at all"] {
        fs::write(&file, nonsense).unwrap();
        run(serve()).failed(1, &["test.key", "key"]);
    }
    let mut given = serve();
    given.env("CHATKITTY_SECRETS_KEY", "c2hvcnQ=");
    let finished = run(given);
    finished.failed(1, &["CHATKITTY_SECRETS_KEY holds no key", "openssl rand -base64 32"]);
    assert!(!finished.stderr.contains("c2hvcnQ"), "a key is not for the log: {finished:?}");
}

#[tokio::test]
async fn a_start_without_the_key_of_what_is_sealed_is_refused() {
    let mut server = Server::start().await;
    let api = server.application().await;
    set(&api, &api.user("jdoe").await, "crm", json!({})).await;
    drop(api);
    server.stop().await;
    let mut config = chatkitty_platform::config::Config { database: server.database.clone(), ..Default::default() };
    config.secrets_key = Some(Secret::new(FIRST.to_owned()));
    let refused = start(config).await.err().expect("the key is not the one").to_string();
    assert!(refused.contains("put that key back"), "{refused}");
    assert!(!refused.contains(FIRST), "{refused}");
}
