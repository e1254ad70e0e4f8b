#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[cfg(feature = "generator")]
mod check;
#[cfg(feature = "generator")]
mod diagnostics;
#[cfg(feature = "generator")]
mod generate;
#[cfg(feature = "generator")]
pub mod model;
#[cfg(feature = "generator")]
mod names;
#[cfg(feature = "generator")]
mod parse;
#[cfg(feature = "generator")]
mod projection;
#[cfg(feature = "generator")]
mod text;
#[cfg(feature = "generator")]
mod tokens;
#[cfg(feature = "generator")]
mod types;

#[cfg(feature = "runtime")]
pub mod runtime;

#[cfg(feature = "generator")]
pub use {
    diagnostics::{Diagnostic, Diagnostics, Place},
    generate::{Error, Settings, TypesFrom, generate, read},
    projection::{OpenEnum, Projection, Renamed, Union, projection, restore_names},
    text::Files,
};
