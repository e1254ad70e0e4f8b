//! Access tokens, known by their hash alone.

use super::{Row, StoreError, Tx};

/// A row of `tokens`, without the hash that it was found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The application the token speaks for.
    pub application_id: i64,
    /// The credential it was issued to.
    pub client_id: String,
    /// Scopes with blanks between; `None` is all of them.
    pub scopes: Option<String>,
    /// Milliseconds since the epoch; from then on the token is worth nothing.
    pub expires_time: i64,
    /// Milliseconds since the epoch.
    pub created_time: i64,
}

impl TokenRow {
    /// What the token may do, as clients are told.
    pub fn scope(&self) -> String {
        self.scopes.clone().unwrap_or_else(|| format!("org:{}:app", self.application_id))
    }
}

/// Keeps a token.
pub fn insert(tx: &Tx<'_>, hash: &[u8], token: &TokenRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO tokens (hash, application_id, client_id, scopes, expires_time, created_time) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            hash.into(),
            token.application_id.into(),
            (&token.client_id).into(),
            token.scopes.as_ref().into(),
            token.expires_time.into(),
            token.created_time.into(),
        ],
    )?;
    Ok(())
}

/// The token with this hash, expired or not, unless its application is deleted. Of all queries this one does not
/// name the application: the token tells which it is.
pub fn get(tx: &Tx<'_>, hash: &[u8]) -> Result<Option<TokenRow>, StoreError> {
    tx.query_opt(
        "SELECT application_id, client_id, scopes, expires_time, created_time FROM tokens WHERE hash = $1 \
         AND EXISTS (SELECT 1 FROM applications WHERE id = tokens.application_id AND deleted_time IS NULL)",
        &[hash.into()],
        |row: &Row<'_>| {
            Ok(TokenRow {
                application_id: row.i64(0)?,
                client_id: row.text(1)?,
                scopes: row.opt_text(2)?,
                expires_time: row.i64(3)?,
                created_time: row.i64(4)?,
            })
        },
    )
}

/// Removes the token with this hash, if it was issued to this client of the application, and says whether it was.
pub fn delete(tx: &Tx<'_>, application: i64, client_id: &str, hash: &[u8]) -> Result<bool, StoreError> {
    let removed = tx.execute(
        "DELETE FROM tokens WHERE hash = $1 AND application_id = $2 AND client_id = $3",
        &[hash.into(), application.into(), client_id.into()],
    )?;
    Ok(removed > 0)
}

/// Removes at most `limit` tokens of any application that are expired at `now`, and says how many.
pub fn delete_expired(tx: &Tx<'_>, now: i64, limit: i64) -> Result<usize, StoreError> {
    tx.execute(
        "DELETE FROM tokens WHERE hash IN \
         (SELECT hash FROM tokens WHERE expires_time <= $1 ORDER BY expires_time LIMIT $2)",
        &[now.into(), limit.into()],
    )
}

/// Removes every token of one of the application's clients, and says how many.
pub fn delete_for_client(tx: &Tx<'_>, application: i64, client_id: &str) -> Result<usize, StoreError> {
    let client = [application.into(), client_id.into()];
    tx.execute("DELETE FROM tokens WHERE application_id = $1 AND client_id = $2", &client)
}

/// Lets no token of one of the application's clients live longer than `end`, and says how many would have.
pub fn end_by(tx: &Tx<'_>, application: i64, client_id: &str, end: i64) -> Result<usize, StoreError> {
    tx.execute(
        "UPDATE tokens SET expires_time = $1 WHERE application_id = $2 AND client_id = $3 AND expires_time > $1",
        &[end.into(), application.into(), client_id.into()],
    )
}
