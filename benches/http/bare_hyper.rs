//! Baseline (a): hyper and nothing else, sending bytes that were captured from the product.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::wire::Answer;

/// The one answer this server gives.
struct Fixed {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Serves the answer in `file` to every request, until killed.
///
/// # Errors
/// The file holds no answer, or no port can be bound.
pub(crate) fn serve(file: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let fixed = Arc::new(fixed_answer(&Answer::parse(&bytes)?)?);
    // tokio's defaults, as the product has them.
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(accept(fixed))
}

async fn accept(fixed: Arc<Fixed>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let fixed = Arc::clone(&fixed);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&fixed, request));
            // A client that goes away in the middle of a request is no concern of a baseline.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(fixed: &Fixed, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // The product reads the body before it answers, so the baseline does too.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(fixed.body.clone()));
    *response.status_mut() = fixed.status;
    *response.headers_mut() = fixed.headers.clone();
    Ok(response)
}

fn fixed_answer(answer: &Answer) -> anyhow::Result<Fixed> {
    let head = str::from_utf8(&answer.head).context("the captured head is not text")?;
    let mut headers = HeaderMap::new();
    for (name, value) in head.split("\r\n").skip(1).filter_map(|line| line.split_once(':')) {
        // hyper writes these itself.
        if ["connection", "content-length", "date"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
            continue;
        }
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value.trim())?);
    }
    Ok(Fixed { status: StatusCode::from_u16(answer.status)?, headers, body: Bytes::from(answer.body.clone()) })
}
