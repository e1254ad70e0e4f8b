//! What generated servers stand on: inputs, checks, answers, and the way into dropshot.
//!
//! A generated handler asks the [`Service`] who is calling, reads and checks every input with [`Input`], calls the
//! trait method, and turns its [`Reply`] or error into a response. [`Api`] routes requests to these handlers inside a
//! dropshot server whose catch-all endpoints see every request first ([`Api::mount`]).

mod body;
mod call;
mod document;
mod failure;
mod operation;
mod patch;
mod reply;
mod router;
pub mod schema;

pub use body::{FilePart, Multipart, Upload};
pub use call::{Call, Input, default_value, preferred, required};
pub use document::{Described, Document};
pub use failure::{Code, Failure, FailureKind, Violation};
pub use http::Method;
pub use operation::{BodyRules, Case, Encoding, Location, Media, Naming, Operation, Parameter, PathAlias, Requirement};
pub use patch::{MergePatch, merge};
pub use reply::{Content, Reply, content, empty, json};
pub use router::{Api, Incoming, Outgoing, Route, Routes, Unrouted, allow, catch_all, endpoint};

/// A response of the server.
pub type Response = http::Response<dropshot::Body>;

/// What every generated trait builds on: who is calling, and what errors look like.
pub trait Service: Send + Sync + 'static {
    /// Who is calling, as handlers see it.
    type Principal: Send;
    /// What handlers fail with.
    type Error: From<Failure> + Send;

    /// Says who is calling, or refuses. Runs before anything of the request is read, for every operation that the
    /// document does not make public with `security: []`; [`Operation::security`] has what the document demands.
    fn authorize(&self, call: &Call) -> impl Future<Output = Result<Self::Principal, Self::Error>> + Send;

    /// Turns an error into the document's error response. `operation` is missing where no route was found.
    fn render(&self, error: Self::Error, operation: Option<&'static Operation>) -> Response;
}
