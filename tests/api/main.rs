//! The promises of the API, tested over HTTP against the real server, each test with a database of its own.

#![allow(unreachable_pub, reason = "modules of a test binary share their helpers, and nobody else can")]

mod analytics;
mod applications;
mod audit;
mod authorization;
mod bad_input;
mod channels;
mod child;
mod client;
mod command_line;
mod commands;
mod contract;
mod deletions;
mod durability;
mod edge;
mod events;
mod explorer;
mod files;
mod imports;
mod jobs;
mod limits;
mod members;
mod messages;
mod model;
mod naming;
mod notifications;
mod paging;
mod program;
mod read_receipts;
mod readme;
mod refused_starts;
mod reports;
mod secrets;
mod sessions;
mod support;
mod threads;
mod tls;
mod unread;
mod users;
