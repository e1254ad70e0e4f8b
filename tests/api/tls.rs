//! TLS: both versions of HTTP, links, the forms of keys, renewed certificates, and files that cannot be used.

use crate::child::{Serving, command, run};
use crate::support::Answer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, KeyPair, PKCS_RSA_SHA256};
use reqwest::{Certificate, Version};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::{TempDir, tempdir};

/// A folder with `cert.pem` and `key.pem`, and a client that trusts that certificate and no other.
struct Identity {
    folder: TempDir,
    certificate: Certificate,
    key: KeyPair,
}

fn identity(key: KeyPair) -> Identity {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    fs::set_permissions(folder.path().join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let certificate = Certificate::from_pem(certificate.pem().as_bytes()).unwrap();
    Identity { folder, certificate, key }
}

fn serve(folder: &Path) -> Command {
    let mut command = command(folder, ["serve", "--listen", "127.0.0.1:0", "--database", "sqlite:test.db"]);
    command.args(["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    command.env("CHATKITTY_CLIENT_ID", "acme").env("CHATKITTY_CLIENT_SECRET", "acmesecret");
    command
}

impl Identity {
    fn start(&self, client: reqwest::ClientBuilder) -> Serving {
        let http = client.tls_certs_only([self.certificate.clone()]).build().unwrap();
        Serving::greeted(crate::child::Program::spawn(serve(self.folder.path())), http)
    }
}

/// Serves with a key, and fetches the application with this version of HTTP.
async fn answers(identity: &Identity, client: reqwest::ClientBuilder, version: Version) {
    let server = identity.start(client);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let token = server.token("acme", "acmesecret").await;
    let request = server.request(reqwest::Method::GET, "/v1/applications/me", &token);
    let response = request.send().await.expect("an answer over TLS");
    assert_eq!(response.version(), version);
    let body: serde_json::Value = response.json().await.unwrap();
    let link = body["_links"]["self"]["href"].as_str().unwrap();
    assert_eq!(link, format!("{}/v1/applications/1", server.url), "links have the scheme that the client used");
    Answer::of(server.http.get(link).bearer_auth(&token)).await.ok();
    // The client must be free to take part: the end of an HTTP/2 connection is agreed between both sides.
    let finished = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

#[tokio::test]
async fn http_2_is_negotiated() {
    answers(&identity(KeyPair::generate().unwrap()), reqwest::Client::builder(), Version::HTTP_2).await;
}

#[tokio::test]
async fn http_1_1_is_served_to_clients_that_know_no_other() {
    let client = reqwest::Client::builder().http1_only();
    answers(&identity(KeyPair::generate().unwrap()), client, Version::HTTP_11).await;
}

#[tokio::test]
async fn files_come_by_environment_too() {
    let identity = identity(KeyPair::generate().unwrap());
    let mut serve = command(identity.folder.path(), ["serve", "--listen", "127.0.0.1:0"]);
    serve.env("CHATKITTY_TLS_CERT", "cert.pem").env("CHATKITTY_TLS_KEY", "key.pem");
    let http = reqwest::Client::builder().tls_certs_only([identity.certificate.clone()]).build().unwrap();
    let server = Serving::greeted(crate::child::Program::spawn(serve), http);
    Answer::of(server.http.get(format!("{}/health/live", server.url))).await.ok();
}

/// Takes the key out of its PKCS#8 wrapping: a sequence of a version, an algorithm and the older form.
fn unwrapped(pkcs8: &[u8]) -> &[u8] {
    let (sequence, _) = element(pkcs8);
    let (_version, rest) = element(sequence);
    let (_algorithm, rest) = element(rest);
    element(rest).0
}

/// The content of the first DER element, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match usize::from(der[1]) {
        short if short < 0x80 => (2, short),
        long => {
            let digits = &der[2..2 + long - 0x80];
            (2 + digits.len(), digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
        }
    };
    der[head..].split_at(length)
}

/// Replaces the key's file by its older form with this label.
fn rewrite_key(identity: &Identity, label: &str) {
    let body = STANDARD.encode(unwrapped(identity.key.serialized_der()));
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let text = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"));
    fs::write(identity.folder.path().join("key.pem"), text).unwrap();
}

#[tokio::test]
async fn an_elliptic_key_in_sec1_is_accepted() {
    let identity = identity(KeyPair::generate().unwrap());
    rewrite_key(&identity, "EC PRIVATE KEY");
    answers(&identity, reqwest::Client::builder(), Version::HTTP_2).await;
}

#[tokio::test]
async fn an_rsa_key_in_pkcs8_is_accepted() {
    let identity = identity(KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
    answers(&identity, reqwest::Client::builder(), Version::HTTP_2).await;
}

#[tokio::test]
async fn an_rsa_key_in_pkcs1_is_accepted() {
    let identity = identity(KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
    rewrite_key(&identity, "RSA PRIVATE KEY");
    answers(&identity, reqwest::Client::builder(), Version::HTTP_2).await;
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let identity = identity(KeyPair::generate().unwrap());
    let CertifiedKey { signing_key, .. } = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(identity.folder.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
    let words = ["the key in key.pem is not the key of the certificate in cert.pem", "issued together"];
    run(serve(identity.folder.path())).failed(1, &words);
}

#[test]
fn files_that_hold_something_else_are_refused_by_name() {
    let broken = |label: &str| format!("-----BEGIN {label}-----\naGVsbG8gd29ybGQ=\n-----END {label}-----\n");
    for (file, text) in [
        ("cert.pem", String::new()),
        ("cert.pem", "hello".to_owned()),
        ("cert.pem", broken("CERTIFICATE")),
        ("key.pem", String::new()),
        ("key.pem", broken("PRIVATE KEY")),
        ("key.pem", broken("ENCRYPTED PRIVATE KEY")),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\nnever ended".to_owned()),
    ] {
        let identity = identity(KeyPair::generate().unwrap());
        fs::write(identity.folder.path().join(file), text).unwrap();
        let words = [&format!("{file} cannot be used for TLS"), "PEM", "unencrypted key in --tls-key"];
        run(serve(identity.folder.path())).failed(1, &words);
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    for file in ["cert.pem", "key.pem"] {
        let identity = identity(KeyPair::generate().unwrap());
        fs::remove_file(identity.folder.path().join(file)).unwrap();
        run(serve(identity.folder.path())).failed(1, &[&format!("{file} cannot be used for TLS"), "No such file"]);
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let identity = identity(KeyPair::generate().unwrap());
    for mode in [0o604, 0o640, 0o644, 0o620, 0o666] {
        fs::set_permissions(identity.folder.path().join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
        run(serve(identity.folder.path())).failed(1, &["others may read the key file key.pem", "`chmod 600 key.pem`"]);
    }
}

/// Whether a client that trusts this certificate alone gets through, over a connection of its own.
async fn is_shown(identity: &Identity, url: &str) -> bool {
    let http = reqwest::Client::builder().tls_certs_only([identity.certificate.clone()]).build().unwrap();
    match http.get(format!("{url}/health/live")).send().await {
        Ok(answer) => answer.status() == 200,
        Err(error) => {
            assert!(
                format!("{error:?}").contains("ertificate"),
                "something else than the certificate failed: {error:?}"
            );
            false
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_read_without_a_restart() {
    let (before, after) = (identity(KeyPair::generate().unwrap()), identity(KeyPair::generate().unwrap()));
    let mut server = before.start(reqwest::Client::builder());
    assert_eq!((is_shown(&before, &server.url).await, is_shown(&after, &server.url).await), (true, false));
    let token = server.token("acme", "acmesecret").await;
    let replace = |file: &str| {
        fs::copy(after.folder.path().join(file), before.folder.path().join(file)).unwrap();
    };
    // Halfway through the replacement the two do not belong together.
    replace("cert.pem");
    server.program.signal("HUP");
    server.program.log_until("the certificate that was read before stays in use");
    assert_eq!((is_shown(&before, &server.url).await, is_shown(&after, &server.url).await), (true, false));
    replace("key.pem");
    server.program.signal("HUP");
    server.program.log_until("new connections get the certificate that has just been read");
    assert_eq!((is_shown(&before, &server.url).await, is_shown(&after, &server.url).await), (false, true));
    // The connection that was open before serves on.
    server.get("/v1", &token).await.ok();
    fs::write(before.folder.path().join("cert.pem"), "nothing of use").unwrap();
    server.program.signal("HUP");
    server.program.log_until("cert.pem cannot be used for TLS");
    fs::write(before.folder.path().join("cert.pem"), fs::read(after.folder.path().join("cert.pem")).unwrap()).unwrap();
    fs::set_permissions(before.folder.path().join("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    server.program.signal("HUP");
    server.program.log_until("others may read the key file key.pem");
    assert_eq!((is_shown(&before, &server.url).await, is_shown(&after, &server.url).await), (false, true));
}

#[test]
fn nothing_is_written_before_the_certificate_is_read() {
    let identity = identity(KeyPair::generate().unwrap());
    fs::remove_file(identity.folder.path().join("key.pem")).unwrap();
    run(serve(identity.folder.path())).failed(1, &[]);
    assert!(!identity.folder.path().join("test.db").exists(), "the credentials of that database would be lost");
}
