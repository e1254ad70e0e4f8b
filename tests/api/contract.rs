//! The walk over `openapi.yaml`: what holds for every operation is tested for every operation, at each of its
//! addresses, so that an operation that is added tomorrow is tested without being remembered.
//!
//! A test that fails names every operation at fault. When it names a new one, then either the server breaks a promise
//! of the document, or [`world`] lacks what the operation needs to find: give it that, rather than an exception.

mod answers;
mod bodies;
mod breakage;
mod conformance;
mod constraints;
mod document;
mod examples;
mod isolation;
mod limits;
mod links;
mod negotiation;
mod patterns;
mod registration;
mod relations;
mod request;
mod routing;
mod schemas;
mod security;
mod streams;
mod values;
mod world;
