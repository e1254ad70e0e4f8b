#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod command_line;
mod document;
mod generate;

#[cfg(feature = "program")]
pub mod diff;

pub use document::Document;
pub use generate::Error;
