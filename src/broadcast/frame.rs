//! Events as a stream has them: the text of server-sent events, with the document's `StreamEvent` as data.

use crate::Timestamp;
use crate::auth::now;
use crate::store::events::{EventRow, EventType};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What a reader sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// The origin that links are made of: `https://chat.example.com`.
    pub origin: String,
    /// The types of events.
    pub types: Vec<EventType>,
    /// The channels, if only those of some are seen.
    pub channels: Option<BTreeSet<i64>>,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// More waited for the reader than there is room for.
    SlowReader,
    /// The token has expired or was revoked.
    TokenInvalid,
    /// The server stops.
    ServerStopping,
    /// The reader did not want to wait for more.
    EndReached,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::SlowReader => "SLOW_READER",
            Reason::TokenInvalid => "TOKEN_INVALID",
            Reason::ServerStopping => "SERVER_STOPPING",
            Reason::EndReached => "END_REACHED",
        }
    }
}

impl View {
    /// The text of those events that are seen.
    pub(super) fn frames<'r>(&self, rows: impl Iterator<Item = &'r EventRow>) -> Bytes {
        let mut text = String::new();
        for row in rows.filter(|row| self.sees(row)) {
            let EventRow { id, kind, .. } = row;
            let (kind, created_time) = (kind.as_str(), Timestamp::from_millis(row.created_time));
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "id: {id}\nevent: {kind}\ndata: {{\"type\":\"{kind}\",\"id\":{id},\"createdTime\":\"{created_time}\""
            );
            if let Some(channel) = row.channel_id {
                let _ = write!(text, ",\"channelId\":{channel}");
            }
            // JSON has no line breaks in it, so that it is one line of data.
            let _ = write!(text, ",\"{}\":{}}}\n\n", subject(row.kind), row.resource(&self.origin));
        }
        text.into()
    }

    fn sees(&self, row: &EventRow) -> bool {
        self.types.contains(&row.kind)
            && self
                .channels
                .as_ref()
                .is_none_or(|channels| row.channel_id.is_some_and(|channel| channels.contains(&channel)))
    }
}

/// What an event is about, as its data names it.
fn subject(kind: EventType) -> &'static str {
    use EventType as Type;
    match kind {
        Type::UserCreated | Type::UserUpdated | Type::UserDeleted => "user",
        Type::MemberCreated | Type::MemberUpdated | Type::MemberDeleted => "user",
        Type::ChannelCreated | Type::ChannelUpdated | Type::ChannelDeleted => "channel",
        Type::MessageCreated | Type::MessageUpdated | Type::MessageDeleted => "message",
        Type::MessagesDeleted => "application",
        Type::KeystrokesSent => "keystrokes",
        Type::ChannelEventSent => "event",
    }
}

/// The first event: where the stream begins, and whether events before that are missing.
pub(super) fn started(id: i64, reset: bool) -> Bytes {
    let kind = if reset { "STREAM_RESET" } else { "STREAM_STARTED" };
    let now = Timestamp::from_millis(now());
    let data = format!("{{\"type\":\"{kind}\",\"id\":{id},\"createdTime\":\"{now}\"}}");
    format!("id: {id}\nevent: {kind}\ndata: {data}\n\n").into()
}

/// The last event. It has no id, so that the reader resumes from the one before.
pub(super) fn ended(reason: Reason) -> Bytes {
    let (now, reason) = (Timestamp::from_millis(now()), reason.as_str());
    let data = format!("{{\"type\":\"STREAM_ENDED\",\"createdTime\":\"{now}\",\"reason\":\"{reason}\"}}");
    format!("event: STREAM_ENDED\ndata: {data}\n\n").into()
}

/// A comment, and the id to resume from: a reader takes note of it, and sees no event.
pub(super) fn heartbeat(id: i64) -> Bytes {
    format!(": heartbeat\nid: {id}\n\n").into()
}
