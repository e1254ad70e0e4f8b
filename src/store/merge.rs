//! One listing made of several that are each in the order of their ids.

use super::StoreError;
use std::collections::BinaryHeap;

/// At most `limit` of the ids that the listings have from `least` to `greatest`, the smallest or the greatest first; one
/// that several listings have comes once.
///
/// `next` gives the first id in that order of the listing with this number, within bounds. It is asked once for each of
/// the `listings` and once for each id that is taken, so that long listings cost no more than short ones.
pub(super) fn merge(
    listings: usize,
    (least, greatest): (i64, i64),
    ascending: bool,
    limit: i64,
    mut next: impl FnMut(usize, (i64, i64)) -> Result<Option<i64>, StoreError>,
) -> Result<Vec<i64>, StoreError> {
    // The greatest is the first of a heap, so that ids are turned round where the smallest is wanted.
    let rank = |id: i64| if ascending { -id } else { id };
    let mut heads = BinaryHeap::new();
    for listing in 0..listings {
        heads.extend(next(listing, (least, greatest))?.map(|id| (rank(id), listing)));
    }
    let (mut ids, limit) = (Vec::new(), usize::try_from(limit).unwrap_or(0));
    while ids.len() < limit {
        let Some((first, listing)) = heads.pop() else { break };
        let id = rank(first);
        if ids.last() != Some(&id) {
            ids.push(id);
        }
        let rest = if ascending { (id + 1, greatest) } else { (least, id - 1) };
        heads.extend(next(listing, rest)?.map(|id| (rank(id), listing)));
    }
    Ok(ids)
}
