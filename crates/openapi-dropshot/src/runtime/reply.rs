//! What handlers answer.

use super::call::Call;
use super::failure::{Failure, FailureKind};
use super::{Response, Service};
use bytes::Bytes;
use dropshot::Body;
use futures::{Stream, TryStreamExt as _};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use serde::Serialize;
use sync_wrapper::SyncStream;

/// The success of an operation: its body, and headers beside the usual ones.
#[derive(Debug)]
pub struct Reply<T> {
    body: T,
    headers: HeaderMap,
}

impl<T> Reply<T> {
    /// A reply without further headers.
    pub fn new(body: T) -> Self {
        Reply { body, headers: HeaderMap::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl<T> From<T> for Reply<T> {
    fn from(body: T) -> Self {
        Reply::new(body)
    }
}

/// A body that is not JSON, of the media type that was negotiated.
#[derive(Debug)]
pub struct Content(Body);

impl Content {
    /// Bytes that are at hand.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Content(Body::from(bytes.into()))
    }

    /// Bytes as they come. After an error the answer ends, so that the caller sees it is not whole.
    pub fn stream<S, E>(bytes: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        // Bodies must be `Sync`, which few streams are.
        Content(Body::wrap(StreamBody::new(SyncStream::new(bytes.map_ok(Frame::data)))))
    }

    /// Any body.
    pub fn body(body: Body) -> Self {
        Content(body)
    }
}

/// Answers with JSON.
pub fn json<S: Service, T: Serialize>(service: &S, call: &Call, outcome: Result<Reply<T>, S::Error>) -> Response {
    match outcome {
        Ok(reply) => {
            // Most answers fit; a longer one grows as any vector does.
            let mut bytes = Vec::with_capacity(1024);
            match serde_json::to_writer(&mut bytes, &reply.body) {
                Ok(()) => respond(call, reply.headers, Body::from(bytes)),
                Err(error) => {
                    let message = format!("the answer cannot be written: {error}");
                    service.render(Failure::new(FailureKind::Internal, message).into(), Some(call.operation))
                }
            }
        }
        Err(error) => service.render(error, Some(call.operation)),
    }
}

/// Answers with anything else.
pub fn content<S: Service>(service: &S, call: &Call, outcome: Result<Reply<Content>, S::Error>) -> Response {
    match outcome {
        Ok(reply) => respond(call, reply.headers, reply.body.0),
        Err(error) => service.render(error, Some(call.operation)),
    }
}

/// Answers without a body.
pub fn empty<S: Service>(service: &S, call: &Call, outcome: Result<Reply<()>, S::Error>) -> Response {
    match outcome {
        Ok(reply) => respond(call, reply.headers, Body::empty()),
        Err(error) => service.render(error, Some(call.operation)),
    }
}

fn respond(call: &Call, mut headers: HeaderMap, body: Body) -> Response {
    if let Some(media) = call.media {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(media));
    }
    let (mut parts, ()) = response::Response::new(()).into_parts();
    parts.status = StatusCode::from_u16(call.operation.status).unwrap_or(StatusCode::OK);
    parts.headers = headers;
    Response::from_parts(parts, body)
}
