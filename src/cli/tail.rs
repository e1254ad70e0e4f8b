//! `chatkitty tail`.

use super::api::{Connection, DEFAULT_URL};
use super::failure::{self, Exit, Failure};
use super::{block_on, print};
use crate::events::Wanted;
use crate::generated::server::DOCUMENT;
use crate::generated::wire::StreamEvent;
use clap::builder::PossibleValuesParser;
use futures::TryStreamExt as _;
use serde_json::Value;
use std::fmt::Write as _;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Show only what happens in this channel; may be repeated.
    #[arg(long = "channel", value_name = "ID")]
    channels: Vec<i64>,
    /// Show only events of this type; may be repeated.
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(types()))]
    types: Vec<String>,
    /// Begin behind the event with this ID, rather than with what happens next.
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// Follow on behalf of the user with this name, who is online meanwhile.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Show each event as a line of JSON.
    #[arg(long)]
    json: bool,
    /// The address of the server, without /v1
    #[arg(long, env = "CHATKITTY_URL", value_name = "URL", default_value = DEFAULT_URL, help_heading = "Server")]
    server: String,
    /// The client ID of the application. Its secret is taken from CHATKITTY_CLIENT_SECRET: a flag would show it to
    /// others
    #[arg(long, env = "CHATKITTY_CLIENT_ID", value_name = "ID", help_heading = "Server")]
    client_id: Option<String>,
}

/// The types of events that the document knows.
fn types() -> Vec<&'static str> {
    let values = DOCUMENT.json().pointer("/components/schemas/StreamEventType/enum").and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_str).collect()
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    block_on(async {
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            outcome = follow(arguments) => outcome,
            _ = interrupted.recv() => Err(Failure::new(Exit::Interrupted, "interrupted", None).into()),
        }
    })
}

async fn follow(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { channels, types, after, username, json, server: url, client_id } = arguments;
    let types = types.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let client = Connection::new(url.clone(), client_id).client(false, true)?;
    client.authorize().await.map_err(|error| failure::of_token(error, &url))?;
    let mut events = std::pin::pin!(client.events(Wanted { channels, types, after, username }));
    let refused = |error| failure::of_call(error, &url, "GET /v1/events/stream");
    while let Some(event) = events.try_next().await.map_err(refused)? {
        let line = if json { serde_json::to_string(&event)? } else { line(&event)? };
        print(&format!("{line}\n"))?;
    }
    Ok(())
}

/// An event on one line, for people.
fn line(event: &StreamEvent) -> anyhow::Result<String> {
    let event = serde_json::to_value(event)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut line = format!("{} {} {}", text(&event["createdTime"]), event["id"], text(&event["type"]));
    if let Some(channel) = event["channelId"].as_i64() {
        write!(line, " in channel {channel}")?;
    }
    let subject = ["user", "channel", "message", "keystrokes", "event"].iter().find_map(|name| event.get(name));
    let subject = subject.unwrap_or(&Value::Null);
    let told = ["body", "keys", "name"].iter().find_map(|name| subject[*name].as_str());
    let told = told.or(subject["file"]["name"].as_str()).or(subject["type"].as_str()).map(str::to_owned);
    let who = subject["user"]["name"].as_str().or(subject["username"].as_str()).map(str::to_owned);
    for part in [who, told.or_else(|| subject["id"].as_i64().map(|id| id.to_string()))].into_iter().flatten() {
        // What people write must not reach a terminal as a command.
        let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
        write!(line, ": {}", part.chars().map(escaped).collect::<String>())?;
    }
    Ok(line)
}
