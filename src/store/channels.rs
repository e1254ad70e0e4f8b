//! Channels.

use super::leftovers::{self, channel_stays, user_stays};
use super::page::{Slice, id_list, name_list, order_by, total_order};
use super::tx::words;
use super::{Param, Row, Sort, StoreError, Tx, applications, members, threads};
use std::fmt::Write as _;

words! {
    /// Who sees a channel and who may join it.
    ChannelType {
        /// Anyone, without joining; its messages are not kept.
        Open = "OPEN",
        /// Anyone may join.
        Public = "PUBLIC",
        /// Members only, who are invited.
        Private = "PRIVATE",
        /// A fixed set of members, one channel for each set.
        Direct = "DIRECT",
    }
}

impl ChannelType {
    /// Whether users become members of such a channel, and cease to be, as time goes by.
    pub const fn is_group(self) -> bool {
        matches!(self, ChannelType::Public | ChannelType::Private)
    }

    /// Whether only members see such a channel.
    pub const fn is_restricted(self) -> bool {
        matches!(self, ChannelType::Private | ChannelType::Direct)
    }
}

/// A row of `channels`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRow {
    /// Unique in the database, never reused.
    pub id: i64,
    /// The application it belongs to.
    pub application_id: i64,
    /// Who sees it and who may join it.
    pub kind: ChannelType,
    /// Unique in the application; DIRECT channels have none.
    pub name: Option<String>,
    /// What users see; DIRECT channels have none.
    pub display_name: Option<String>,
    /// The user who created it; the application if none.
    pub creator_id: Option<i64>,
    /// A JSON object.
    pub properties: String,
    /// Milliseconds since the epoch.
    pub created_time: i64,
    /// How many members it has.
    pub members: i64,
}

/// What a channel is created from; the store adds the rest of the row.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Who sees it and who may join it.
    pub kind: ChannelType,
    /// Unique in the application; none for DIRECT channels.
    pub name: Option<String>,
    /// What users see; none for DIRECT channels.
    pub display_name: Option<String>,
    /// The user who creates it; to make that user a member is the caller's rule.
    pub creator_id: Option<i64>,
    /// The users who are members from the start, in any order; one named twice counts once.
    pub members: Vec<i64>,
    /// A JSON object.
    pub properties: String,
}

/// Which channels a listing has. Everything left out matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    /// Those of one type.
    pub kind: Option<ChannelType>,
    /// Those that have all of these users as members, and perhaps others.
    pub members: Vec<i64>,
    /// Those created at this time or later.
    pub start_time: Option<i64>,
    /// Those created before this time.
    pub end_time: Option<i64>,
    /// Those whose properties contain this JSON object.
    pub properties: Option<String>,
}

impl ChannelFilter {
    /// Whether it says nothing but the type, of which the total is kept.
    fn is_by_type_alone(&self) -> bool {
        *self == ChannelFilter { kind: self.kind, ..ChannelFilter::default() }
    }
}

macro_rules! columns {
    () => {
        "channels.id, channels.application_id, channels.type, channels.name, channels.display_name, \
         channels.creator_id, channels.properties, channels.created_time, channels.members"
    };
}

fn read(row: &Row<'_>) -> Result<ChannelRow, StoreError> {
    Ok(ChannelRow {
        id: row.i64(0)?,
        application_id: row.i64(1)?,
        kind: row.word(2)?,
        name: row.opt_text(3)?,
        display_name: row.opt_text(4)?,
        creator_id: row.opt_i64(5)?,
        properties: row.text(6)?,
        created_time: row.i64(7)?,
        members: row.i64(8)?,
    })
}

/// Creates a channel with its memberships and its MAIN thread.
///
/// A name that is in use in the application, or for DIRECT a set of members that has its channel already,
/// is [`StoreError::Taken`].
pub fn create(tx: &Tx<'_>, application: i64, channel: NewChannel, now: i64) -> Result<ChannelRow, StoreError> {
    let members = sorted(&channel.members);
    let count = i64::try_from(members.len()).unwrap_or(i64::MAX);
    let member_key = (channel.kind == ChannelType::Direct).then(|| member_key(&members));
    let id = tx.insert(
        "INSERT INTO channels (application_id, type, name, display_name, creator_id, properties, created_time, \
         member_key, restricted, members) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            application.into(),
            channel.kind.into(),
            channel.name.as_ref().into(),
            channel.display_name.as_ref().into(),
            channel.creator_id.into(),
            (&channel.properties).into(),
            now.into(),
            member_key.as_ref().into(),
            channel.kind.is_restricted().into(),
            count.into(),
        ],
    )?;
    members::insert(tx, application, id, &members, channel.kind.is_restricted(), now)?;
    threads::create_main(tx, application, id, now)?;
    applications::count_channels(tx, application, channel.kind, 1)?;
    Ok(ChannelRow {
        id,
        application_id: application,
        kind: channel.kind,
        name: channel.name,
        display_name: channel.display_name,
        creator_id: channel.creator_id,
        properties: channel.properties,
        created_time: now,
        members: count,
    })
}

/// The channel with this id.
pub fn get(tx: &Tx<'_>, application: i64, id: i64) -> Result<Option<ChannelRow>, StoreError> {
    tx.query_opt(
        concat!(
            "SELECT ",
            columns!(),
            " FROM channels WHERE application_id = $1 AND id = $2",
            channel_stays!("channels.id")
        ),
        &[application.into(), id.into()],
        read,
    )
}

/// Gives a channel another display name and other properties.
pub fn update(
    tx: &Tx<'_>,
    application: i64,
    id: i64,
    display_name: Option<&str>,
    properties: &str,
) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE channels SET display_name = $1, properties = $2 WHERE application_id = $3 AND id = $4",
        &[display_name.into(), properties.into(), application.into(), id.into()],
    )?;
    Ok(())
}

/// The channels with these ids, in no order. Ids that no channel has are left out.
pub fn find_by_ids(tx: &Tx<'_>, application: i64, ids: &[i64]) -> Result<Vec<ChannelRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = id_list(2, ids, &mut params);
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM channels WHERE application_id = $1",
        channel_stays!("channels.id"),
        " AND id IN"
    );
    tx.query(&format!("{sql} ({list})"), &params, read)
}

/// The channels of these names, in no order. Names that no channel has are left out.
pub fn find_by_names(tx: &Tx<'_>, application: i64, names: &[&str]) -> Result<Vec<ChannelRow>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut params = vec![Param::Integer(application)];
    let list = name_list(2, names, &mut params);
    let sql = concat!("SELECT ", columns!(), " FROM channels WHERE application_id = $1 AND name IN");
    tx.query(&format!("{sql} ({list})"), &params, read)
}

/// The channel of this name, of whichever type.
pub fn find_by_name(tx: &Tx<'_>, application: i64, name: &str) -> Result<Option<ChannelRow>, StoreError> {
    tx.query_opt(
        concat!("SELECT ", columns!(), " FROM channels WHERE application_id = $1 AND name = $2"),
        &[application.into(), name.into()],
        read,
    )
}

/// The DIRECT channel of exactly this set of users, named in any order.
pub fn find_direct(tx: &Tx<'_>, application: i64, members: &[i64]) -> Result<Option<ChannelRow>, StoreError> {
    tx.query_opt(
        concat!("SELECT ", columns!(), " FROM channels WHERE application_id = $1 AND member_key = $2"),
        &[application.into(), (&member_key(&sorted(members))).into()],
        read,
    )
}

/// The channels `offset..offset + limit` of the listing that `filter` and `sort` make.
pub fn page(
    tx: &Tx<'_>,
    application: i64,
    filter: &ChannelFilter,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<ChannelRow>, StoreError> {
    let slice = Slice::new(offset, limit, || total(tx, application, filter))?;
    let mut params = vec![Param::Integer(application)];
    let mut sql = format!(concat!("SELECT ", columns!(), "{}"), matching(filter, &mut params));
    sql += &order_by("channels", &total_order(sort), slice.reverse);
    let next = params.len() + 1;
    let _ = write!(sql, " LIMIT ${next} OFFSET ${}", next + 1);
    params.extend([Param::Integer(slice.limit), Param::Integer(slice.offset)]);
    Ok(slice.arrange(tx.query(&sql, &params, read)?))
}

/// How many channels the listing of `filter` has. Kept for all and for each type, else counted.
pub fn total(tx: &Tx<'_>, application: i64, filter: &ChannelFilter) -> Result<i64, StoreError> {
    let mut params = vec![Param::Integer(application)];
    let counted;
    let sql = if filter.is_by_type_alone() {
        match filter.kind {
            None => {
                "SELECT open_channels + public_channels + private_channels + direct_channels \
                 FROM applications WHERE id = $1"
            }
            Some(ChannelType::Open) => "SELECT open_channels FROM applications WHERE id = $1",
            Some(ChannelType::Public) => "SELECT public_channels FROM applications WHERE id = $1",
            Some(ChannelType::Private) => "SELECT private_channels FROM applications WHERE id = $1",
            Some(ChannelType::Direct) => "SELECT direct_channels FROM applications WHERE id = $1",
        }
    } else {
        counted = format!("SELECT count(*){}", matching(filter, &mut params));
        &counted
    };
    Ok(tx.query_opt(sql, &params, |row| row.i64(0))?.unwrap_or(0))
}

/// `FROM … WHERE …` of the channels that `filter` matches, with its values for the placeholders from `$2` on.
///
/// CROSS JOIN says the same as JOIN and has SQLite go through the first user's memberships, rather than
/// through all channels in the order of the page.
fn matching<'f>(filter: &'f ChannelFilter, params: &mut Vec<Param<'f>>) -> String {
    let mut sql = String::new();
    for (n, member) in filter.members.iter().enumerate() {
        params.push(Param::Integer(*member));
        let placeholder = params.len();
        if n == 0 {
            let _ = write!(
                sql,
                " FROM members CROSS JOIN channels WHERE members.application_id = $1 \
                 AND members.user_id = ${placeholder} AND channels.application_id = $1 \
                 AND channels.id = members.channel_id"
            );
        } else {
            let _ = write!(
                sql,
                " AND EXISTS (SELECT 1 FROM members AS other WHERE other.application_id = $1 \
                 AND other.channel_id = members.channel_id AND other.user_id = ${placeholder})"
            );
        }
    }
    if filter.members.is_empty() {
        sql += " FROM channels WHERE channels.application_id = $1";
    }
    if let Some(kind) = filter.kind {
        params.push(kind.into());
        let _ = write!(sql, " AND channels.type = ${}", params.len());
    }
    for (time, comparison) in [(filter.start_time, ">="), (filter.end_time, "<")] {
        if let Some(time) = time {
            params.push(time.into());
            let _ = write!(sql, " AND channels.created_time {comparison} ${}", params.len());
        }
    }
    if let Some(properties) = &filter.properties {
        params.push(properties.into());
        let _ = write!(sql, " AND json_contains(channels.properties, ${})", params.len());
    }
    sql + channel_stays!("channels.id")
}

/// The channels `offset..offset + limit` of those a user has access to: all OPEN and PUBLIC ones, and the
/// PRIVATE and DIRECT ones it is a member of.
pub fn page_for_user(
    tx: &Tx<'_>,
    application: i64,
    user: i64,
    sort: &[Sort],
    offset: i64,
    limit: i64,
) -> Result<Vec<ChannelRow>, StoreError> {
    let total = || Ok(total_for_user(tx, application, user)?.unwrap_or(0));
    let slice = Slice::new(offset, limit, total)?;
    let order = total_order(sort);
    // Both halves come from an index in the order of the page, and are merged only as far as the page
    // goes; only then are the rows themselves looked up.
    let keys: Vec<&str> = order.iter().map(|step| step.key.column()).collect();
    let mut joined = String::from("SELECT members.channel_id AS id FROM members WHERE");
    if keys.len() > 1 {
        joined.clear();
        for (n, key) in keys.iter().enumerate() {
            let _ = write!(joined, "{} channels.{key}", if n == 0 { "SELECT" } else { "," });
        }
        joined += " FROM members CROSS JOIN channels WHERE channels.application_id = $1 \
                   AND channels.id = members.channel_id AND";
    }
    let sql = format!(
        concat!(
            "SELECT ",
            columns!(),
            " FROM (SELECT * FROM (SELECT {} FROM channels WHERE application_id = $1 AND restricted = 0",
            channel_stays!("channels.id"),
            " UNION ALL {} members.application_id = $1 AND members.user_id = $2 AND members.restricted = 1",
            channel_stays!("members.channel_id"),
            ") AS accessible{} ",
            "LIMIT $3 OFFSET $4) AS page CROSS JOIN channels ",
            "WHERE channels.application_id = $1 AND channels.id = page.id{}"
        ),
        keys.join(", "),
        joined,
        order_by("accessible", &order, slice.reverse),
        order_by("channels", &order, slice.reverse),
    );
    let params: [Param<'_>; 4] = [application.into(), user.into(), slice.limit.into(), slice.offset.into()];
    Ok(slice.arrange(tx.query(&sql, &params, read)?))
}

/// How many channels a user has access to; `None` if the application has no such user.
pub fn total_for_user(tx: &Tx<'_>, application: i64, user: i64) -> Result<Option<i64>, StoreError> {
    tx.query_opt(
        concat!(
            "SELECT applications.open_channels + applications.public_channels + users.restricted_channels ",
            "- (SELECT count(*) FROM deleted_channels CROSS JOIN members WHERE deleted_channels.application_id = $1 ",
            "AND members.application_id = $1 AND members.channel_id = deleted_channels.channel_id ",
            "AND members.user_id = users.id AND members.restricted = 1) ",
            "FROM users CROSS JOIN applications ",
            "WHERE users.application_id = $1 AND users.id = $2 AND applications.id = $1",
            user_stays!("users.id")
        ),
        &[application.into(), user.into()],
        |row| row.i64(0),
    )
}

/// Deletes a channel with its memberships, threads and messages, and says whether it was there. What does not fit into
/// one batch is [`leftovers`], and found by nobody.
pub fn delete(tx: &Tx<'_>, application: i64, id: i64) -> Result<bool, StoreError> {
    let mut left = leftovers::BATCH;
    delete_within(tx, application, id, &mut left)
}

/// Deletes a channel, and removes no more than the rows that are `left` of a batch.
pub(super) fn delete_within(tx: &Tx<'_>, application: i64, id: i64, left: &mut i64) -> Result<bool, StoreError> {
    let Some(channel) = get(tx, application, id)? else { return Ok(false) };
    applications::count_channels(tx, application, channel.kind, -1)?;
    if !leftovers::remove_channel(tx, application, id, left)? {
        for sql in [
            "INSERT INTO deleted_channels (application_id, channel_id) VALUES ($1, $2)",
            // The name, and the set of members, are free again.
            "UPDATE channels SET name = NULL, member_key = NULL WHERE application_id = $1 AND id = $2",
        ] {
            tx.execute(sql, &[application.into(), id.into()])?;
        }
    }
    Ok(true)
}

fn sorted(members: &[i64]) -> Vec<i64> {
    let mut members = members.to_vec();
    members.sort_unstable();
    members.dedup();
    members
}

/// What a set of members is told apart by: their ids, sorted, with commas between.
fn member_key(sorted: &[i64]) -> String {
    let ids: Vec<String> = sorted.iter().map(i64::to_string).collect();
    ids.join(",")
}
