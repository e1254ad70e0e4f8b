//! What follows from `openapi.yaml`: the client by progenitor, and the server traits by openapi-dropshot.
//!
//! [`generate`] is the one way from the document to `generated/`; the root package's `build.rs` calls it.

#![forbid(unsafe_code)]

mod generate;

pub use generate::{Error, generate};
