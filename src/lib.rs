//! A self-hosted ChatKitty Platform API, driven by its OpenAPI document.
//!
//! `openapi.yaml` says what the API is; [`generated`] follows from it: progenitor's client with the wire types, and one
//! server trait per tag. The rest is written by hand, in the order in which a request meets it:
//!
//! - [`config`] and [`server`]: from flags and environment to a running server;
//! - [`edge`]: what every request passes before, and every response after, the generated routes;
//! - [`auth`]: client credentials → token, token → caller;
//! - [`limits`]: how often one sender may ask;
//! - [`platform`] and [`resources`]: the traits filled in, a file a tag;
//! - [`naming`]: the same API with its names in snake_case;
//! - [`files`]: what is uploaded, streamed to an object store and back;
//! - [`secrets`]: what is sealed before it is stored;
//! - [`hal`], [`hal_forms`] and [`error`]: links and pages, forms, and the documented errors;
//! - `jobs`: what goes on after its request was answered;
//! - [`broadcast`]: from recorded events to the streams that are open;
//! - [`presence`]: the sessions of the users on whose behalf streams are open;
//! - [`explorer`]: the document, its documentation page and a HAL explorer, served beside the API;
//! - [`store`]: rows and SQL by noun.
//!
//! With `default-features = false` the crate is the typed client alone: [`Client`], with tokens by [`session`], links by
//! [`follow`] and live [`events`].

pub mod events;
pub mod follow;
#[path = "../generated/mod.rs"]
pub mod generated;
pub mod session;
mod timestamp;

#[cfg(feature = "server")]
mod audit;
#[cfg(feature = "server")]
pub mod auth;
#[cfg(feature = "server")]
pub mod broadcast;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod edge;
#[cfg(feature = "server")]
pub mod error;
#[cfg(feature = "server")]
pub mod explorer;
#[cfg(feature = "server")]
pub mod files;
#[cfg(feature = "server")]
pub mod hal;
#[cfg(feature = "server")]
pub mod hal_forms;
#[cfg(feature = "server")]
mod jobs;
#[cfg(feature = "server")]
pub mod limits;
#[cfg(feature = "server")]
pub mod naming;
#[cfg(feature = "server")]
pub mod platform;
#[cfg(feature = "server")]
pub mod presence;
#[cfg(feature = "server")]
pub mod resources;
#[cfg(feature = "server")]
pub mod secrets;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;

pub use generated::client::{Client, types};
pub use timestamp::{ParseTimestampError, Timestamp};

/// The Rust of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
