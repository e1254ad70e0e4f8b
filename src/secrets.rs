//! The secrets of users, sealed so that a copy of the database tells nothing.
//!
//! XChaCha20-Poly1305 with a random nonce; the application, the user and the name are sealed in, so that bytes moved to
//! another row do not open. The key comes from `CHATKITTY_SECRETS_KEY` or from a file beside the database that is made
//! at the first start. Both may hold several keys: the first seals, all open. To change keys, put a new one first and
//! start again: what is sealed with another one is sealed anew, and once the log says so the old key can go.

use crate::auth::{Secret, random};
use crate::error::Error;
use crate::store::secrets::{self, SecretRow};
use crate::store::{Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of a nonce.
const NONCE: usize = 24;
/// Secrets that are sealed anew at a time.
const BATCH: i64 = 100;

/// Where the keys are.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Given: base64 of 32 bytes, or several with commas between.
    Given(Secret),
    /// In this file, one in a line; it is made if it is not there.
    File(PathBuf),
    /// Nowhere: a key that is gone with the server, as its database is.
    Nowhere,
}

/// What seals and opens. It shows nothing of its keys.
pub struct Vault {
    /// The first one seals.
    keys: Vec<SealingKey>,
}

struct SealingKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    fn new(bytes: &[u8; 32]) -> Self {
        let hash = Sha256::new().chain_update(b"chatkitty secrets key\0").chain_update(bytes).finalize();
        let id = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        SealingKey { id, cipher: XChaCha20Poly1305::new(&Key::from(*bytes)) }
    }
}

impl Vault {
    /// Takes the keys, and makes sure that they open what the database has.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn open(source: &KeySource, store: &Store) -> Result<Self, String> {
        let (text, place) = match source {
            KeySource::Given(keys) => (keys.reveal().to_owned(), "CHATKITTY_SECRETS_KEY".to_owned()),
            KeySource::File(path) => (key_file(path)?, path.display().to_string()),
            KeySource::Nowhere => (STANDARD.encode(random::<32>()), "memory".to_owned()),
        };
        let mut keys = Vec::new();
        for key in text.split([',', '\n']).map(str::trim).filter(|key| !key.is_empty()) {
            let bytes = STANDARD_NO_PAD.decode(key.trim_end_matches('=')).ok().and_then(|bytes| bytes.try_into().ok());
            let Some(bytes) = bytes else {
                return Err(format!(
                    "{place} holds no key for secrets: write base64 of 32 bytes, as of `openssl rand -base64 32`"
                ));
            };
            keys.push(SealingKey::new(&bytes));
        }
        if keys.is_empty() {
            return Err(format!("{place} is empty; put back the key that secrets are sealed with"));
        }
        let needed = store.read(secrets::key_ids).await.map_err(|error| error.to_string())?;
        match needed.iter().find(|id| keys.iter().all(|key| key.id != **id)) {
            Some(id) => Err(format!(
                "the database has secrets sealed with the key {id}, which {place} does not hold; put that key back, behind \
                 the others"
            )),
            None => Ok(Vault { keys }),
        }
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// When the value is longer than any body.
    pub fn seal(&self, application: i64, user: i64, name: &str, value: &[u8]) -> Result<SecretRow, Error> {
        // There is one at least, and the first seals.
        let key = self.keys.first().ok_or_else(broken)?;
        let nonce = random::<NONCE>();
        let context = context(&key.id, application, user, name);
        let payload = Payload { msg: value, aad: &context };
        let sealed = key.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| broken())?;
        Ok(SecretRow {
            application_id: application,
            user_id: user,
            name: name.to_owned(),
            key_id: key.id.clone(),
            sealed: [nonce.as_slice(), &sealed].concat(),
        })
    }

    /// Opens what [`Vault::seal`] made for the same place.
    ///
    /// # Errors
    /// When the key is gone, or the row has been tampered with.
    pub fn unseal(&self, secret: &SecretRow) -> Result<Vec<u8>, Error> {
        let key = self.keys.iter().find(|key| key.id == secret.key_id).ok_or_else(broken)?;
        let (nonce, sealed) = secret.sealed.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        let context = context(&key.id, secret.application_id, secret.user_id, &secret.name);
        let payload = Payload { msg: sealed, aad: &context };
        key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| broken())
    }

    /// Seals with the first key what is sealed with another one. What fails is tried again at the next start.
    pub async fn reseal(&self, store: &Store) {
        let Some(key) = self.keys.first() else { return };
        let mut count = 0;
        loop {
            let id = key.id.clone();
            let rows = match store.read(move |tx| secrets::sealed_otherwise(tx, &id, BATCH)).await {
                Ok(rows) if rows.is_empty() => break,
                Ok(rows) => rows,
                Err(error) => return tracing::warn!(%error, "secrets keep their older key for now"),
            };
            let mut anew = Vec::with_capacity(rows.len());
            for row in rows {
                let value = self.unseal(&row);
                match value.and_then(|value| self.seal(row.application_id, row.user_id, &row.name, &value)) {
                    Ok(sealed) => anew.push((row, sealed)),
                    Err(_) => return tracing::error!("a secret cannot be opened; the older keys must stay"),
                }
            }
            count += anew.len();
            let written = store.write(move |tx| {
                anew.iter().try_for_each(|(before, after)| secrets::reseal(tx, before, &after.key_id, &after.sealed))
            });
            if let Err(error) = written.await {
                return tracing::warn!(%error, "secrets keep their older key for now");
            }
        }
        if count > 0 {
            tracing::info!(count, key = key.id, "secrets are sealed with the first key; the older ones can go");
        }
    }
}

/// What a value is sealed for. Its parts have a fixed length but the last.
fn context(key: &str, application: i64, user: i64, name: &str) -> Vec<u8> {
    let version = b"chatkitty user secret 1\0";
    [version.as_slice(), key.as_bytes(), &application.to_be_bytes(), &user.to_be_bytes(), name.as_bytes()].concat()
}

fn broken() -> Error {
    StoreError::Engine("a secret cannot be opened: its key is gone, or its row was changed by another hand".to_owned())
        .into()
}

/// The text of the key file, which nobody else may read.
fn key_file(path: &Path) -> Result<String, String> {
    let unusable = |error: &dyn std::fmt::Display| {
        format!("the key file {} cannot be used ({error}); mend it or set CHATKITTY_SECRETS_KEY", path.display())
    };
    if !path.exists() {
        make_key_file(path).map_err(|error| unusable(&error))?;
    }
    match exposure(path).map_err(|error| unusable(&error))? {
        Some(advice) => Err(advice),
        None => fs::read_to_string(path).map_err(|error| unusable(&error)),
    }
}

/// What to do about a key file that others may use; nothing if they may not.
///
/// # Errors
/// When the file is not there, or its permissions cannot be read.
pub fn exposure(path: &Path) -> io::Result<Option<String>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            let path = path.display();
            return Ok(Some(format!(
                "others may read the key file {path}: run `chmod 600 {path}`, and change the key if they did"
            )));
        }
    }
    Ok(None)
}

/// Makes a key file; of two servers that start at once, both take the file of one.
fn make_key_file(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("key-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let linked = writeln!(file, "{}", STANDARD.encode(random::<32>()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
