//! Users.

use super::leftovers::{self, channel_stays, user_stays};
use super::page::{Slice, id_list, name_list, order_by, total_order};
use super::tx::words;
use super::unread::{totals, unread};
use super::{Param, Row, Sort, StoreError, Tx, applications, channels, files};

words! {
    /// What a user is.
    UserType {
        /// A human being.
        Person = "PERSON",
        /// A program.
        Bot = "BOT",
    }
}

/// A row of `users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// The application it belongs to.
    pub application_id: i64,
    /// What the user is.
    pub kind: UserType,
    /// Unique in the application.
    pub name: String,
    /// What other users see.
    pub display_name: String,
    /// Whether a guest session made it.
    pub is_guest: bool,
    /// The free text of its presence.
    pub status: String,
    /// A JSON object.
    pub properties: String,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// How many PRIVATE and DIRECT channels it is a member of.
    pub restricted_channels: i64,
    /// A JSON object; without it, one is drawn.
    pub display_picture: Option<String>,
    /// How many active sessions it has; it is online while there is one.
    pub sessions: i64,
}

/// What a user is created from; the store adds the rest of the row.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// What the user is.
    pub kind: UserType,
    /// Unique in the application.
    pub name: String,
    /// What other users see.
    pub display_name: String,
    /// Whether a guest session made it.
    pub is_guest: bool,
    /// The free text of its presence.
    pub status: String,
    /// A JSON object.
    pub properties: String,
}

/// Which users a listing has. Everything left out matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// The user of exactly this name.
    pub name: Option<String>,
    /// Those whose properties contain those of this JSON object.
    pub properties: Option<String>,
    /// Those who have messages that they have not read, or those who have none.
    pub unread: Option<bool>,
}

/// The columns of a [`UserRow`], in the order [`read`] takes them in.
macro_rules! columns {
    () => {
        "users.id, users.application_id, users.type, users.name, users.display_name, users.is_guest, users.status, \
         users.properties, users.created_time, users.restricted_channels, users.display_picture, \
         users.sessions"
    };
}
pub(super) use columns;

/// How many columns [`read`] takes; a joined column has this number.
pub(super) const COLUMNS: usize = 12;

pub(super) fn read(row: &Row<'_>) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        kind: row.word(2)?,
        name: row.text(3)?,
        display_name: row.text(4)?,
        is_guest: row.bool(5)?,
        status: row.text(6)?,
        properties: row.text(7)?,
        created_time: row.i64(8)?,
        restricted_channels: row.i64(9)?,
        display_picture: row.opt_text(10)?,
        sessions: row.i64(11)?,
    })
}

/// Creates a user. A name that is in use in the application is [`StoreError::Taken`].
pub fn create(tx: &Tx<'_>, application: i64, user: NewUser, now: i64) -> Result<UserRow, StoreError> {
    let id = tx.insert(
        "INSERT INTO users (application_id, type, name, display_name, is_guest, status, properties, created_time) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &[
            application.into(),
            user.kind.into(),
            (&user.name).into(),
            (&user.display_name).into(),
            user.is_guest.into(),
            (&user.status).into(),
            (&user.properties).into(),
            now.into(),
        ],
    )?;
    applications::count_users(tx, application, 1)?;
    Ok(UserRow {
        id,
        application_id: application,
        kind: user.kind,
        name: user.name,
        display_name: user.display_name,
        is_guest: user.is_guest,
        status: user.status,
        properties: user.properties,
        created_time: now,
        restricted_channels: 0,
        display_picture: None,
        sessions: 0,
    })
}

/// Keeps what can be changed of a user as this row has it.
pub fn update(tx: &Tx<'_>, user: &UserRow) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE users SET display_name = $1, is_guest = $2, status = $3, properties = $4 \
         WHERE application_id = $5 AND id = $6",
        &[
            (&user.display_name).into(),
            user.is_guest.into(),
            (&user.status).into(),
            (&user.properties).into(),
            user.application_id.into(),
            user.id.into(),
        ],
    )?;
    Ok(())
}

/// The user with this id.
pub fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<UserRow>, StoreError> {
    tx.query_opt(
        concat!("SELECT ", columns!(), " FROM users WHERE application_id = $1 AND id = $2", user_stays!("users.id")),
        &[application.into(), id.into()],
        read,
    )
}

/// The user of this name.
pub fn get_by_name(tx: &Tx<'_>, application: i64, name: &str) -> Result<Option<UserRow>, StoreError> {
    tx.query_opt(
        concat!("SELECT ", columns!(), " FROM users WHERE application_id = $1 AND name = $2"),
        &[application.into(), name.into()],
        read,
    )
}

/// The users of these names, in no order. Names that no user has are left out.
pub fn find_by_names(tx: &Tx<'_>, application: i64, names: &[&str]) -> Result<Vec<UserRow>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = name_list(2, names, &mut params);
    let sql = format!(concat!("SELECT ", columns!(), " FROM users WHERE application_id = $1 AND name IN ({})"), list);
    tx.query(&sql, &params, read)
}

/// The users with these ids, in no order. Ids that no user has are left out.
pub fn find_by_ids(tx: &Tx<'_>, application: i64, ids: &[i64]) -> Result<Vec<UserRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, ids, &mut params);
    let sql =
        concat!("SELECT ", columns!(), " FROM users WHERE application_id = $1", user_stays!("users.id"), " AND id IN");
    let sql = format!("{sql} ({list})");
    tx.query(&sql, &params, read)
}

/// The ID of the newest user; 0 if there is none.
pub fn last_id(tx: &Tx<'_>, application: i64) -> Result<i64, StoreError> {
    let sql = "SELECT id FROM users WHERE application_id = $1 ORDER BY id DESC LIMIT 1";
    Ok(tx.query_opt(sql, &[application.into()], |row| row.i64(0))?.unwrap_or(0))
}

/// At most `limit` of the users with IDs above `after` up to `last`, by ID.
pub fn following(tx: &Tx<'_>, application: i64, after: i64, last: i64, limit: i64) -> Result<Vec<UserRow>, StoreError> {
    tx.query(
        concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE application_id = $1 AND id > $2 AND id <= $3",
            user_stays!("users.id"),
            " ORDER BY id LIMIT $4"
        ),
        &[application.into(), after.into(), last.into(), limit.into()],
        read,
    )
}

/// The users `offset..offset + limit` of the listing that `filter` and `sort` make.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    filter: &UserFilter,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<UserRow>, StoreError> {
    let slice = Slice::new(offset, limit, || total(tx, application, filter))?;
    let order = order_by("users", &total_order(sort), slice.reverse);
    let (conditions, mut params) = filter.conditions(application);
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend([Param::Integer(slice.limit), Param::Integer(slice.offset)]);
    let sql = format!(
        concat!("SELECT ", columns!(), " FROM users WHERE users.application_id = $1{}{}{} LIMIT ${} OFFSET ${}"),
        conditions,
        user_stays!("users.id"),
        order,
        limit,
        offset
    );
    let rows = tx.query(&sql, &params, read)?;
    Ok(slice.arrange(rows))
}

/// How many users the listing of `filter` has.
pub fn total(tx: &Tx<'_>, application: i64, filter: &UserFilter) -> Result<i64, StoreError> {
    let (conditions, params) = filter.conditions(application);
    let sql = if conditions.is_empty() {
        "SELECT users FROM applications WHERE id = $1".to_owned()
    } else {
        // No total can be kept for every filter there may be.
        let stays = user_stays!("users.id");
        format!("SELECT count(*) FROM users WHERE users.application_id = $1{conditions}{stays}")
    };
    Ok(tx.query_opt(&sql, &params, |row| row.i64(0))?.unwrap_or(0))
}

impl UserFilter {
    /// The conditions of a statement whose first parameter is the application, and its parameters so far.
    fn conditions(&self, application: i64) -> (String, Vec<Param<'_>>) {
        let (mut sql, mut params) = (String::new(), vec![Param::Integer(application)]);
        if let Some(name) = &self.name {
            sql.push_str(" AND users.name = $2");
            params.push(name.into());
        }
        if let Some(properties) = &self.properties {
            params.push(properties.into());
            sql += &format!(" AND json_contains(users.properties, ${})", params.len());
        }
        if let Some(unread) = self.unread {
            sql.push_str(if unread { " AND EXISTS " } else { " AND NOT EXISTS " });
            sql.push_str(concat!(
                "(SELECT 1 FROM members ",
                totals!(),
                " WHERE members.application_id = $1 AND members.user_id = users.id AND ",
                unread!(),
                " > 0",
                channel_stays!("members.channel_id"),
                ")"
            ));
        }
        (sql, params)
    }
}

/// Gives a user another display picture, and lets go of the file of the one before. Says whether the user is there.
pub fn set_display_picture(tx: &Tx<'_>, application: i64, id: i64, picture: &str) -> Result<bool, StoreError> {
    if get(tx, application, id)?.is_none() {
        return Ok(false);
    }
    files::discard(tx, "user_id = $2", &[application.into(), id.into()])?;
    let sql = "UPDATE users SET display_picture = $1 WHERE application_id = $2 AND id = $3";
    Ok(tx.execute(sql, &[picture.into(), application.into(), id.into()])? > 0)
}

/// Deletes a user, and says whether it was there.
///
/// With it go its memberships, its messages with the replies to them, and the DIRECT channels it
/// is in, whose members are fixed. Channels it created stay, without a creator. What does not fit into one batch is
/// [`leftovers`], and found by nobody.
pub fn delete(tx: &Tx<'_>, application: i64, id: i64) -> Result<bool, StoreError> {
    if get(tx, application, id)?.is_none() {
        return Ok(false);
    }
    let user: [Param<'_>; 2] = [application.into(), id.into()];
    let direct = tx.query(
        concat!(
            "SELECT channels.id FROM members CROSS JOIN channels ",
            "WHERE members.application_id = $1 AND members.user_id = $2 AND members.restricted = 1 ",
            "AND channels.application_id = $1 AND channels.id = members.channel_id AND channels.type = 'DIRECT'",
            channel_stays!("channels.id")
        ),
        &user,
        |row| row.i64(0),
    )?;
    let mut left = leftovers::BATCH;
    for channel in direct {
        channels::delete_within(tx, application, channel, &mut left)?;
    }
    applications::count_users(tx, application, -1)?;
    if !leftovers::remove_user(tx, application, id, &mut left)? {
        for sql in [
            "INSERT INTO deleted_users (application_id, user_id) VALUES ($1, $2)",
            // The name is free again. No other can be like the one that it leaves, which begins with a control character.
            "UPDATE users SET name = char(1) || id WHERE application_id = $1 AND id = $2",
        ] {
            tx.execute(sql, &user)?;
        }
    }
    Ok(true)
}
