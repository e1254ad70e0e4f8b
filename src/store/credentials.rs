//! Credentials: the client ids and hashed secrets that an application gets tokens with.

use super::{Row, StoreError, Tx};

/// A row of `credentials`. `Debug` leaves the hash out.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// Unique in the database.
    pub client_id: String,
    /// The application it belongs to.
    pub application_id: i64,
    /// Random bytes the secret was hashed with.
    pub salt: Vec<u8>,
    /// The hash of the secret, which itself is kept nowhere.
    pub secret_hash: Vec<u8>,
    /// Scopes with blanks between; `None` is all of them.
    pub scopes: Option<String>,
    /// Milliseconds since the epoch.
    pub created_time: i64,
}

impl std::fmt::Debug for CredentialRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let CredentialRow { client_id, application_id, scopes, created_time, .. } = self;
        f.debug_struct("CredentialRow")
            .field("client_id", client_id)
            .field("application_id", application_id)
            .field("scopes", scopes)
            .field("created_time", created_time)
            .finish_non_exhaustive()
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT client_id, application_id, salt, secret_hash, scopes, created_time FROM credentials ", $rest)
    };
}

fn read(row: &Row<'_>) -> Result<CredentialRow, StoreError> {
    Ok(CredentialRow {
        client_id: row.text(0)?,
        application_id: row.i64(1)?,
        salt: row.bytes(2)?,
        secret_hash: row.bytes(3)?,
        scopes: row.opt_text(4)?,
        created_time: row.i64(5)?,
    })
}

/// Creates a credential. A client id that is in use, in any application, is [`StoreError::Taken`].
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

/// The credential with this client id, whichever application has it.
pub fn get(tx: &Tx<'_>, client_id: &str) -> Result<Option<CredentialRow>, StoreError> {
    tx.query_opt(select!("WHERE client_id = $1"), &[client_id.into()], read)
}

/// The credentials of an application, oldest first.
pub fn list(tx: &Tx<'_>, application: i64) -> Result<Vec<CredentialRow>, StoreError> {
    tx.query(select!("WHERE application_id = $1 ORDER BY created_time, client_id"), &[application.into()], read)
}

/// Gives one of the application's credentials a new secret, and says whether it has that credential.
///
/// Tokens that were issued before stay valid; see [`delete_for_application`](super::tokens::delete_for_application).
pub fn replace_secret(
    tx: &Tx<'_>,
    application: i64,
    client_id: &str,
    salt: &[u8],
    secret_hash: &[u8],
) -> Result<bool, StoreError> {
    let changed = tx.execute(
        "UPDATE credentials SET salt = $1, secret_hash = $2 WHERE application_id = $3 AND client_id = $4",
        &[salt.into(), secret_hash.into(), application.into(), client_id.into()],
    )?;
    Ok(changed > 0)
}
