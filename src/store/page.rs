//! What numbered pages share: their order, and how a far page is reached.

use super::{Param, StoreError};
use std::fmt::Write as _;

/// A property that users and channels can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// The id, which is also the order of creation.
    Id,
    /// The unique name. DIRECT channels have none and come before all names.
    Name,
    /// The display name. DIRECT channels have none and come before all of them.
    DisplayName,
    /// The time of creation.
    CreatedTime,
}

/// One step of an order. Rows that are equal in all steps are ordered by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// The property compared.
    pub key: SortKey,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl SortKey {
    pub(super) fn column(self) -> &'static str {
        match self {
            SortKey::Id => "id",
            SortKey::Name => "name",
            SortKey::DisplayName => "display_name",
            SortKey::CreatedTime => "created_time",
        }
    }
}

/// The steps that matter, ending with the id: what follows an id or repeats a key decides nothing.
///
/// The id goes the way of the step before it, as the indexes have it.
pub(super) fn total_order(sort: &[Sort]) -> Vec<Sort> {
    let mut order: Vec<Sort> = Vec::with_capacity(sort.len() + 1);
    for step in sort {
        if order.iter().all(|earlier| earlier.key != step.key) {
            order.push(*step);
        }
        if step.key == SortKey::Id {
            return order;
        }
    }
    let descending = order.last().is_some_and(|last| last.descending);
    order.push(Sort { key: SortKey::Id, descending });
    order
}

/// `ORDER BY` over columns of `table`, from fixed words only.
pub(super) fn order_by(table: &str, order: &[Sort], reverse: bool) -> String {
    let mut sql = String::with_capacity(64);
    for (n, step) in order.iter().enumerate() {
        let before = if n == 0 { " ORDER BY " } else { ", " };
        // PostgreSQL would by itself put what has no name at the other end.
        let direction = match (step.key, step.descending == reverse) {
            (SortKey::Name | SortKey::DisplayName, true) => " NULLS FIRST",
            (SortKey::Name | SortKey::DisplayName, false) => " DESC NULLS LAST",
            (SortKey::Id | SortKey::CreatedTime, true) => "",
            (SortKey::Id | SortKey::CreatedTime, false) => " DESC",
        };
        // Writing to a String cannot fail.
        let _ = write!(sql, "{before}{table}.{}{direction}", step.key.column());
    }
    sql
}

/// Which rows of an ordered listing a statement must take to give a page.
pub(super) struct Slice {
    /// Whether to go through the listing from its end, and turn the rows round afterwards.
    pub(super) reverse: bool,
    pub(super) offset: i64,
    pub(super) limit: i64,
}

impl Slice {
    /// The rows `offset..offset + limit`. An offset costs a step for every row it skips, so that pages near
    /// the end, the last one above all, are taken from there. Only a far page has to know the `total`.
    pub(super) fn new(
        offset: i64,
        limit: i64,
        total: impl FnOnce() -> Result<i64, StoreError>,
    ) -> Result<Slice, StoreError> {
        if offset < 1000 {
            return Ok(Slice { reverse: false, offset, limit });
        }
        let total = total()?;
        let end = offset.saturating_add(limit).min(total);
        let limit = (end - offset).max(0);
        let reverse = offset > total / 2;
        Ok(Slice { reverse, offset: if reverse { total - end } else { offset }, limit })
    }

    /// Brings rows into the order of the listing.
    pub(super) fn arrange<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        if self.reverse {
            rows.reverse();
        }
        rows
    }
}

/// A list of placeholders for `ids`, for `IN (…)`, the first of them `$first`; the values go to `params`.
///
/// The last id is repeated up to a power of two, which keeps the number of different statements small.
/// There must be at least one id.
pub(super) fn id_list<'a>(first: usize, ids: &[i64], params: &mut Vec<Param<'a>>) -> String {
    let last = ids.last().copied().unwrap_or_default();
    let padded = ids.len().next_power_of_two();
    params.extend(ids.iter().copied().chain(std::iter::repeat(last)).take(padded).map(Param::Integer));
    placeholders(first, padded)
}

/// A list of placeholders for names, as [`id_list`] makes it for ids.
pub(super) fn name_list<'a>(first: usize, names: &[&'a str], params: &mut Vec<Param<'a>>) -> String {
    let last = names.last().copied().unwrap_or_default();
    let padded = names.len().next_power_of_two();
    params.extend(names.iter().copied().chain(std::iter::repeat(last)).take(padded).map(Param::Text));
    placeholders(first, padded)
}

/// `$first, $first+1, …`, `count` of them.
fn placeholders(first: usize, count: usize) -> String {
    let mut sql = String::with_capacity(count * 6);
    for n in first..first + count {
        let _ = write!(sql, "{}${n}", if n == first { "" } else { ", " });
    }
    sql
}
