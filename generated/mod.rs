//! What follows from `openapi.yaml`. Written by `build.rs`; edits are lost at the next `cargo build`.
//!
//! [`client`] is progenitor's client and the wire types, [`wire`] has the unions and enums that may grow, [`server`] the
//! traits that the handwritten code fills in, and `cli` progenitor's command line over the client. `openapi.json` is the
//! document as JSON.

/// The command line of the API.
#[cfg(feature = "cli")]
#[allow(clippy::all, clippy::todo, missing_docs, unreachable_pub, rustdoc::all, unused)]
#[rustfmt::skip]
pub mod cli;
/// The client and the wire types.
#[allow(clippy::all, missing_docs, unreachable_pub, rustdoc::all, dead_code)]
#[rustfmt::skip]
pub mod client;
/// One trait per tag, and their registration.
#[cfg(feature = "server")]
#[allow(clippy::all, unused_imports, rustdoc::all)]
#[rustfmt::skip]
pub mod server;
/// Unions and enums that may grow.
#[allow(clippy::all, rustdoc::all)]
#[rustfmt::skip]
pub mod wire;
