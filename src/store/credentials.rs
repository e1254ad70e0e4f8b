//! Credentials: the client ids and hashed secrets that an application gets tokens with. An application has several
//! clients if it wants, each with scopes and an expiry of its own.

use super::{Row, StoreError, Tx, tokens};

/// A row of `credentials`. `Debug` leaves the hashes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    /// Unique in the database.
    pub client_id: String,
    /// The application it belongs to.
    pub application_id: i64,
    /// The secret that the client was given last.
    pub secret: HashedSecret,
    /// The secret before that one, until it is replaced or dropped.
    pub previous: Option<PreviousSecret>,
    /// Scopes with blanks between; `None` is all of them.
    pub scopes: Option<String>,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// Milliseconds since the epoch, from when on the client gets no tokens; `None` is never.
    pub expires_time: Option<i64>,
}

/// What is kept of a secret, which itself is kept nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedSecret {
    /// Random bytes the secret was hashed with.
    pub salt: Vec<u8>,
    /// The hash.
    pub hash: Vec<u8>,
}

impl std::fmt::Debug for HashedSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashedSecret(…)")
    }
}

/// A secret that has been replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousSecret {
    /// What is kept of it.
    pub secret: HashedSecret,
    /// Milliseconds since the epoch, from when on it is worth nothing.
    pub expires_time: i64,
}

impl CredentialRow {
    /// Until when the client's secret with this hash gets tokens, in milliseconds since the epoch: `None` if it gets none
    /// at `now`, `i64::MAX` if nothing ends it.
    pub fn good_until(&self, hash: &[u8], now: i64) -> Option<i64> {
        let client = self.expires_time.unwrap_or(i64::MAX);
        let secret = if self.secret.hash == hash {
            i64::MAX
        } else {
            self.previous.as_ref().filter(|previous| previous.secret.hash == hash)?.expires_time
        };
        Some(client.min(secret)).filter(|until| *until > now)
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT client_id, application_id, salt, secret_hash, scopes, created_time, expires_time, previous_salt, ",
            "previous_secret_hash, previous_expires_time FROM credentials ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<CredentialRow, StoreError> {
    let previous = match row.opt_i64(9)? {
        Some(expires_time) => {
            Some(PreviousSecret { secret: HashedSecret { salt: row.bytes(7)?, hash: row.bytes(8)? }, expires_time })
        }
        None => None,
    };
    Ok(CredentialRow {
        client_id: row.text(0)?,
        application_id: row.i64(1)?,
        secret: HashedSecret { salt: row.bytes(2)?, hash: row.bytes(3)? },
        previous,
        scopes: row.opt_text(4)?,
        created_time: row.i64(5)?,
        expires_time: row.opt_i64(6)?,
    })
}

/// Creates a credential that does not expire. A client id that is in use, in any application, is
/// [`StoreError::Taken`].
pub fn create(
    tx: &Tx<'_>,
    application: i64,
    client_id: &str,
    salt: &[u8],
    secret_hash: &[u8],
    scopes: Option<&str>,
    now: i64,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO credentials (client_id, application_id, salt, secret_hash, scopes, created_time) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[client_id.into(), application.into(), salt.into(), secret_hash.into(), scopes.into(), now.into()],
    )?;
    Ok(())
}

/// Sets when one of the application's clients expires, and says whether it has that client. Tokens of the client that
/// would be good for longer end then as well.
pub fn set_expiry(tx: &Tx<'_>, application: i64, client_id: &str, expires: Option<i64>) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE credentials SET expires_time = $1 WHERE application_id = $2 AND client_id = $3",
        &[expires.into(), application.into(), client_id.into()],
    )?;
    if let Some(expires) = expires {
        tokens::end_by(tx, application, client_id, expires)?;
    }
    Ok(changed > 0)
}

/// The credential with this client id, whichever application has it.
pub fn get(tx: &Tx<'_>, client_id: &str) -> Result<Option<CredentialRow>, StoreError> {
    tx.query_opt(select!("WHERE client_id = $1"), &[client_id.into()], read)
}

/// The credentials of an application, oldest first.
pub fn list(tx: &Tx<'_>, application: i64) -> Result<Vec<CredentialRow>, StoreError> {
    tx.query(select!("WHERE application_id = $1 ORDER BY created_time, client_id"), &[application.into()], read)
}

/// Removes one of the application's clients with its tokens, and says whether it had that client.
pub fn delete(tx: &Tx<'_>, application: i64, client_id: &str) -> Result<bool, StoreError> {
    let client = [application.into(), client_id.into()];
    let removed = tx.execute("DELETE FROM credentials WHERE application_id = $1 AND client_id = $2", &client)?;
    tokens::delete_for_client(tx, application, client_id)?;
    Ok(removed > 0)
}

/// Gives one of the application's credentials a new secret, and says whether it has that credential.
///
/// The secret that it had stays good until `keep_until`, and tokens live no longer than that, since any of them may have
/// been got with it. Without, the secret and the tokens end at once. A secret that was kept before ends either way: two
/// are good at a time.
pub fn replace_secret(
    tx: &Tx<'_>,
    application: i64,
    client_id: &str,
    secret: &HashedSecret,
    keep_until: Option<i64>,
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE credentials SET salt = $1, secret_hash = $2, previous_expires_time = $3, \
         previous_salt = CASE WHEN $3 IS NOT NULL THEN salt END, \
         previous_secret_hash = CASE WHEN $3 IS NOT NULL THEN secret_hash END \
         WHERE application_id = $4 AND client_id = $5",
        &[
            secret.salt.as_slice().into(),
            secret.hash.as_slice().into(),
            keep_until.into(),
            application.into(),
            client_id.into(),
        ],
    )?;
    match keep_until {
        Some(end) => tokens::end_by(tx, application, client_id, end)?,
        None => tokens::delete_for_client(tx, application, client_id)?,
    };
    Ok(changed > 0)
}

/// Ends the secret that one of the application's clients had before its present one, and says whether there was one that
/// is good at `now`. The client's tokens end with it, since any of them may have been got with it.
pub fn drop_previous(tx: &Tx<'_>, application: i64, client_id: &str, now: i64) -> Result<bool, StoreError> {
    let dropped = tx.execute(
        "UPDATE credentials SET previous_salt = NULL, previous_secret_hash = NULL, previous_expires_time = NULL \
         WHERE application_id = $1 AND client_id = $2 AND previous_expires_time > $3",
        &[application.into(), client_id.into(), now.into()],
    )? > 0;
    if dropped {
        tokens::delete_for_client(tx, application, client_id)?;
    }
    Ok(dropped)
}
