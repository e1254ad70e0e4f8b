//! Whether a cursor page costs the same however many messages there are.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::fixture::{self, Fixture};
use crate::load::Load;
use crate::raw_sqlite::Messages;
use crate::report::GrowthReport;
use crate::rounds::{Plan, alternate};
use crate::server::Server;
use crate::wire;

/// Deep pages that take turns, spread over the middle half of the channel, so that not one page alone is hot.
const DEEP_PAGES: i64 = 64;

/// Connections that read at the same time.
const CONNECTIONS: usize = 16;

/// A server whose one channel holds a number of messages.
struct Grown {
    server: Server,
    messages: u64,
    first: Load,
    deep: Load,
}

/// Measures the first page and deep pages at each of `sizes`, all in the same rounds.
///
/// # Errors
/// A database cannot be filled, or a deep page does not begin where its cursor says.
pub(crate) fn measure(plan: &Plan, scratch: &Path, sizes: &[u64]) -> anyhow::Result<Vec<GrowthReport>> {
    let mut grown = Vec::new();
    for &size in sizes {
        eprintln!("filling a channel with {size} messages …");
        grown.push(grow(scratch, size).with_context(|| format!("at {size} messages"))?);
    }
    eprintln!("measuring cursor pages …");
    let subjects: Vec<_> = grown.iter().flat_map(|it| [(&it.server, &it.first), (&it.server, &it.deep)]).collect();
    let measured = alternate(plan, &subjects, || Ok(()))?;
    let reference = measured.first().context("no size was given")?.median;
    let pages = grown.iter().flat_map(|it| [(it.messages, "first"), (it.messages, "deep")]);
    Ok(pages
        .zip(measured)
        .map(|((messages, page), measured)| GrowthReport::new(messages, page, measured, &reference))
        .collect())
}

fn grow(scratch: &Path, size: u64) -> anyhow::Result<Grown> {
    let database = scratch.join(format!("messages-{size}.db"));
    let server = Server::product(&database)?;
    server.wait_until_ready()?;
    let fixture = Fixture::create(server.address)?;
    drop(server);

    // The product's own message is the first; straight into the table, as five million requests would take minutes.
    let messages = Messages::open(&database)?;
    messages.fill(size.saturating_sub(1))?;
    let (oldest, newest) = messages.ids()?;
    drop(messages);

    let server = Server::product(&database)?;
    server.wait_until_ready()?;
    let authorization = fixture::authorize(server.address)?;
    let path = format!("/v1/channels/{}/messages?size=25", fixture.channel);
    let cursors: Vec<i64> =
        (0..DEEP_PAGES).map(|turn| oldest + (newest - oldest) / 4 * (DEEP_PAGES + 2 * turn) / DEEP_PAGES).collect();
    let deep: Vec<Vec<u8>> =
        cursors.iter().map(|cursor| wire::get(&format!("{path}&next={cursor}"), &authorization)).collect();
    for (request, &cursor) in deep.iter().zip(&cursors) {
        ensure_page_at(&server, request, cursor)?;
    }
    let load = |requests: Vec<Vec<u8>>| Load { requests: requests.into(), status: 200, connections: CONNECTIONS };
    Ok(Grown { server, messages: size, first: load(vec![wire::get(&path, &authorization)]), deep: load(deep) })
}

/// A cursor that is ignored would make every deep page a first page, and the comparison a compliment.
fn ensure_page_at(server: &Server, request: &[u8], cursor: i64) -> anyhow::Result<()> {
    let page = wire::exchange(server.address, request)?.json()?;
    let messages = page["_embedded"]["messages"].as_array().context("the answer is no page of messages")?;
    let first = messages.first().and_then(|message| message["id"].as_i64());
    ensure!(
        messages.len() == 25 && first.is_some_and(|id| (id - cursor).abs() <= 1),
        "the page at next={cursor} has {} messages and begins with {first:?}",
        messages.len()
    );
    Ok(())
}
