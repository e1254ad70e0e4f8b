//! The secrets of users, as sealed bytes: what they say is known to [`Vault`](crate::secrets::Vault) alone.

use super::{Param, StoreError, Tx};

/// A row of `user_secrets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRow {
    /// The application of the user.
    pub application_id: i64,
    /// The user.
    pub user_id: i64,
    /// Unique among the secrets of the user.
    pub name: String,
    /// Which key it is sealed with.
    pub key_id: String,
    /// The sealed value.
    pub sealed: Vec<u8>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT application_id, user_id, name, key_id, sealed FROM user_secrets ", $rest)
    };
}

fn read(row: &super::Row<'_>) -> Result<SecretRow, StoreError> {
    Ok(SecretRow {
        application_id: row.i64(0)?,
        user_id: row.i64(1)?,
        name: row.text(2)?,
        key_id: row.text(3)?,
        sealed: row.bytes(4)?,
    })
}

/// The secret of this name.
pub fn get(tx: &Tx<'_>, application: i64, user: i64, name: &str) -> Result<Option<SecretRow>, StoreError> {
    tx.query_opt(
        select!("WHERE application_id = $1 AND user_id = $2 AND name = $3"),
        &[application.into(), user.into(), name.into()],
        read,
    )
}

/// Keeps a secret in place of the one of its name. The user must be the application's.
pub fn set(tx: &Tx<'_>, secret: &SecretRow) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO user_secrets (application_id, user_id, name, key_id, sealed) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (application_id, user_id, name) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed",
        &[
            secret.application_id.into(),
            secret.user_id.into(),
            (&secret.name).into(),
            (&secret.key_id).into(),
            secret.sealed.as_slice().into(),
        ],
    )?;
    Ok(())
}

/// Removes a secret, and says whether it was there.
pub fn remove(tx: &Tx<'_>, application: i64, user: i64, name: &str) -> Result<bool, StoreError> {
    let sql = "DELETE FROM user_secrets WHERE application_id = $1 AND user_id = $2 AND name = $3";
    Ok(tx.execute(sql, &[application.into(), user.into(), name.into()])? > 0)
}

/// The keys that secrets of the database are sealed with.
pub fn key_ids(tx: &Tx<'_>) -> Result<Vec<String>, StoreError> {
    tx.query("SELECT DISTINCT key_id FROM user_secrets ORDER BY key_id", &[], |row| row.text(0))
}

/// Some secrets that are sealed with another key than this one, of whichever application.
pub fn sealed_otherwise(tx: &Tx<'_>, key_id: &str, limit: i64) -> Result<Vec<SecretRow>, StoreError> {
    tx.query(select!("WHERE key_id <> $1 LIMIT $2"), &[key_id.into(), limit.into()], read)
}

/// Takes a secret sealed anew for the one it was read as, unless that has been set or removed meanwhile.
pub fn reseal(tx: &Tx<'_>, before: &SecretRow, key_id: &str, sealed: &[u8]) -> Result<(), StoreError> {
    let params: [Param<'_>; 6] = [
        key_id.into(),
        sealed.into(),
        before.application_id.into(),
        before.user_id.into(),
        (&before.name).into(),
        before.sealed.as_slice().into(),
    ];
    tx.execute(
        "UPDATE user_secrets SET key_id = $1, sealed = $2 \
         WHERE application_id = $3 AND user_id = $4 AND name = $5 AND sealed = $6",
        &params,
    )?;
    Ok(())
}
