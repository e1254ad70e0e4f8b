//! Operations that progenitor cannot call: those that take files, and those that answer with something other than JSON.

use super::arguments::{list, path, query_values};
use super::operation::Command;
use crate::Client;
use crate::generated::client::{ClientInfo as _, Error, types::ErrorBody};
use anyhow::Context as _;
use clap::ArgMatches;
use futures::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response};
use serde_json::Value;
use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Bytes of a file that are read at once.
const CHUNK: usize = 64 << 10;

/// Sends the operation as the command line says it, and gives the answer of a success.
pub(super) async fn send(
    client: &Client,
    command: &Command,
    matches: &ArgMatches,
    body: &Value,
    files: &[(&'static str, String)],
) -> anyhow::Result<Response> {
    let url = format!("{}{}", client.baseurl(), path(command, matches));
    let mut request = client.client().request(command.operation.method.clone(), url);
    request = request.query(&query_values(command, matches));
    let headers = command.parameters().filter(|parameter| parameter["in"] == "header");
    for name in headers.filter_map(|parameter| parameter["name"].as_str()) {
        request = list(matches, name).fold(request, |request, value| request.header(name, value));
    }
    if files.is_empty() && command.body("json").is_some() {
        request = request.json(body);
    } else if command.body("multipart/form-data").is_some() {
        request = request.multipart(form(body, files).await?);
    }
    let answer = client.transfer(request.build().map_err(Error::<ErrorBody>::from)?).await;
    Ok(answer?)
}

/// The fields as text, or as JSON where they are more, and the files behind them.
async fn form(body: &Value, files: &[(&'static str, String)]) -> anyhow::Result<Form> {
    let mut form = Form::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        let part = match value.as_str() {
            Some(text) => Part::text(text.to_owned()),
            None => Part::text(value.to_string()).mime_str("application/json")?,
        };
        form = form.part(name.clone(), part);
    }
    for (name, file) in files {
        form = form.part(*name, part(file).await.with_context(|| format!("cannot send {file}"))?);
    }
    Ok(form)
}

/// A file, read while it is sent.
async fn part(file: &str) -> anyhow::Result<Part> {
    let path = Path::new(file);
    let opened = tokio::fs::File::open(path).await?;
    let length = opened.metadata().await?.len();
    let progress = bytes(length, file);
    let chunks = stream::try_unfold((opened, progress), async |(mut file, progress)| {
        let mut chunk = Vec::with_capacity(CHUNK);
        let read = (&mut file).take(CHUNK as u64).read_to_end(&mut chunk).await?;
        progress.inc(read as u64);
        Ok::<_, std::io::Error>((read > 0).then_some((chunk, (file, progress))))
    });
    let part = Part::stream_with_length(Body::wrap_stream(chunks), length);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    Ok(part.file_name(name).mime_str(kind.essence_str())?)
}

/// Writes an answer that is not JSON to standard output or a file.
pub(super) async fn save(answer: Response, matches: &ArgMatches) -> anyhow::Result<()> {
    let mut chunks = answer.bytes_stream();
    let Some(file) = matches.get_one::<String>("output") else {
        while let Some(chunk) = chunks.next().await {
            crate::cli::print_bytes(&chunk.map_err(Error::<ErrorBody>::ResponseBodyError)?)?;
        }
        return Ok(());
    };
    let mut written = tokio::fs::File::create(file).await.with_context(|| format!("cannot write {file}"))?;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(Error::<ErrorBody>::ResponseBodyError)?;
        written.write_all(&chunk).await.with_context(|| format!("cannot write {file}"))?;
    }
    written.flush().await.with_context(|| format!("cannot write {file}"))
}

/// A bar on standard error, if that is a terminal.
fn bytes(length: u64, file: &str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_message(file.to_owned());
    match ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
