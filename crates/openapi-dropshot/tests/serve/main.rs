//! Two documents served over HTTP by a stock dropshot server: what the runtime promises, seen from outside.

mod everything;
mod fixture;
mod petstore;

/// Written by the generator; `tests/golden.rs` keeps it in step.
mod generated {
    #[rustfmt::skip]
    pub(crate) mod everything;
    #[rustfmt::skip]
    pub(crate) mod petstore;
}
