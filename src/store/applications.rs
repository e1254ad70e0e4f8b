//! Applications: the tenants. Their rows also keep the totals of what they own.

use super::channels::ChannelType;
use super::tx::words;
use super::{Param, Row, StoreError, Tx, files, jobs, messages};

/// A row of `applications`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// What its owner calls it; not unique.
    pub name: String,
    /// The primary API key, a UUID, unique in the database.
    pub key: String,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// A JSON object.
    pub properties: String,
    /// How many users it has.
    pub users: i64,
    /// How many OPEN channels it has.
    pub open_channels: i64,
    /// How many PUBLIC channels it has.
    pub public_channels: i64,
    /// How many PRIVATE channels it has.
    pub private_channels: i64,
    /// How many DIRECT channels it has.
    pub direct_channels: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, key, created_time, properties, users, open_channels, public_channels, ",
            "private_channels, direct_channels FROM applications ",
            $rest
        )
    };
}

fn read(row: &Row<'_>) -> Result<ApplicationRow, StoreError> {
    Ok(ApplicationRow {
        id: row.i64(0)?,
        name: row.text(1)?,
        key: row.text(2)?,
        created_time: row.i64(3)?,
        properties: row.text(4)?,
        users: row.i64(5)?,
        open_channels: row.i64(6)?,
        public_channels: row.i64(7)?,
        private_channels: row.i64(8)?,
        direct_channels: row.i64(9)?,
    })
}

/// Creates an application that owns nothing yet. A key that is in use is [`StoreError::Taken`].
pub fn create(tx: &Tx<'_>, name: &str, key: &str, now: i64) -> Result<ApplicationRow, StoreError> {
    let properties = "{}";
    let id = tx.insert(
        "INSERT INTO applications (name, key, created_time, properties) VALUES ($1, $2, $3, $4)",
        &[name.into(), key.into(), now.into(), properties.into()],
    )?;
    Ok(ApplicationRow {
        id,
        name: name.into(),
        key: key.into(),
        created_time: now,
        properties: properties.into(),
        users: 0,
        open_channels: 0,
        public_channels: 0,
        private_channels: 0,
        direct_channels: 0,
    })
}

/// The application with this id.
pub fn get(tx: &Tx<'_>, id: i64) -> Result<Option<ApplicationRow>, StoreError> {
    tx.query_opt(select!("WHERE id = $1 AND deleted_time IS NULL"), &[id.into()], read)
}

words! {
    /// Whether a feature is on.
    ToggleState {
        /// It is.
        Enabled = "ENABLED",
        /// It is not.
        Disabled = "DISABLED",
    }
}

/// The settings of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether people may come without an account.
    pub guest_users: ToggleState,
    /// Whether users may create channels.
    pub user_created_channels: ToggleState,
}

/// The settings of the application with this id.
pub fn settings(tx: &Tx<'_>, id: i64) -> Result<Option<Settings>, StoreError> {
    let sql = "SELECT guest_users, user_created_channels FROM applications WHERE id = $1";
    tx.query_opt(sql, &[id.into()], |row| {
        Ok(Settings { guest_users: row.word(0)?, user_created_channels: row.word(1)? })
    })
}

/// Gives the application with this id other settings.
pub fn set_settings(tx: &Tx<'_>, id: i64, settings: Settings) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE applications SET guest_users = $1, user_created_channels = $2 WHERE id = $3",
        &[settings.guest_users.into(), settings.user_created_channels.into(), id.into()],
    )?;
    Ok(())
}

/// All applications of the database, by id.
pub fn list(tx: &Tx<'_>) -> Result<Vec<ApplicationRow>, StoreError> {
    tx.query(select!("WHERE deleted_time IS NULL ORDER BY id"), &[], read)
}

/// Whether the database has no application, as when it has just been made.
pub fn is_empty(tx: &Tx<'_>) -> Result<bool, StoreError> {
    Ok(tx.query_opt("SELECT 1 FROM applications WHERE deleted_time IS NULL LIMIT 1", &[], |row| row.i64(0))?.is_none())
}

/// Deletes the application with everything in it, and says whether it was there.
///
/// From now on nobody finds it, and nobody can act for it. Its rows are [`leftovers`](super::leftovers).
pub fn delete(tx: &Tx<'_>, id: i64, now: i64) -> Result<bool, StoreError> {
    let sql = "UPDATE applications SET deleted_time = $1 WHERE id = $2 AND deleted_time IS NULL";
    let deleted = tx.execute(sql, &[now.into(), id.into()])? > 0;
    if deleted {
        tx.execute("DELETE FROM credentials WHERE application_id = $1", &[id.into()])?;
    }
    Ok(deleted)
}

/// Removes all rows of an application in one go, its own one last. There should not be many of them left.
pub(super) fn remove(tx: &Tx<'_>, id: i64) -> Result<(), StoreError> {
    let application: [Param<'_>; 1] = [id.into()];
    files::discard(tx, "1 = 1", &application)?;
    jobs::forget_application(tx, id)?;
    messages::delete_of_application(tx, id)?;
    for sql in [
        "DELETE FROM events WHERE application_id = $1",
        "DELETE FROM tokens WHERE application_id = $1",
        "DELETE FROM credentials WHERE application_id = $1",
        "DELETE FROM deleted_channels WHERE application_id = $1",
        "DELETE FROM deleted_users WHERE application_id = $1",
        "DELETE FROM channel_totals WHERE application_id = $1",
        "DELETE FROM reader_totals WHERE application_id = $1",
        "DELETE FROM attendances WHERE application_id = $1",
        "DELETE FROM participants WHERE application_id = $1",
        "DELETE FROM chat_sessions WHERE application_id = $1",
        "DELETE FROM user_sessions WHERE application_id = $1",
        "DELETE FROM moderators WHERE application_id = $1",
        "DELETE FROM invites WHERE application_id = $1",
        "DELETE FROM members WHERE application_id = $1",
        "DELETE FROM channels WHERE application_id = $1",
        "DELETE FROM user_secrets WHERE application_id = $1",
        "DELETE FROM users WHERE application_id = $1",
    ] {
        tx.execute(sql, &application)?;
    }
    tx.execute("DELETE FROM applications WHERE id = $1", &application)?;
    Ok(())
}

/// Changes the kept total of users by `change`.
pub(super) fn count_users(tx: &Tx<'_>, id: i64, change: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE applications SET users = users + $1 WHERE id = $2", &[change.into(), id.into()])?;
    Ok(())
}

/// Changes the kept total of memberships by `change`.
pub(super) fn count_members(tx: &Tx<'_>, id: i64, change: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE applications SET members = members + $1 WHERE id = $2", &[change.into(), id.into()])?;
    Ok(())
}

/// Changes the kept total of channels of one type by `change`.
pub(super) fn count_channels(tx: &Tx<'_>, id: i64, kind: ChannelType, change: i64) -> Result<(), StoreError> {
    let sql = match kind {
        ChannelType::Open => "UPDATE applications SET open_channels = open_channels + $1 WHERE id = $2",
        ChannelType::Public => "UPDATE applications SET public_channels = public_channels + $1 WHERE id = $2",
        ChannelType::Private => "UPDATE applications SET private_channels = private_channels + $1 WHERE id = $2",
        ChannelType::Direct => "UPDATE applications SET direct_channels = direct_channels + $1 WHERE id = $2",
    };
    tx.execute(sql, &[change.into(), id.into()])?;
    Ok(())
}
