//! The live stream of what happens.

use super::sessions::Newcomer;
use crate::auth::Caller;
use crate::broadcast::View;
use crate::error::{Error, Fault};
use crate::generated::server::EventsApi;
use crate::generated::server::events::{StreamEventsHeaders, StreamEventsQuery};
use crate::generated::wire::{StreamEventType, ValidationErrorCode};
use crate::platform::Platform;
use crate::store::events::EventType;
use futures::StreamExt as _;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, USER_AGENT};
use openapi_dropshot::runtime::{Call, Content, Reply};
use std::convert::Infallible;

impl EventsApi for Platform {
    async fn stream_events(
        &self,
        call: &Call,
        caller: Caller,
        query: StreamEventsQuery,
        headers: StreamEventsHeaders,
    ) -> Result<Reply<Content>, Error> {
        let channels = query.channel;
        let newcomer = query.username.map(|name| newcomer(&caller, name, channels.as_deref(), call.headers()));
        let newcomer = newcomer.transpose()?;
        let view = View {
            origin: self.origin(call.headers(), &call.request.uri),
            types: types(&caller, query.type_.as_deref())?,
            channels: channels.map(|channels| channels.into_iter().collect()),
        };
        // A browser that connects again sends the header, and the address it was given at first.
        let after = headers.last_event_id.or(query.after);
        let subscription = self.broadcast.subscribe(&caller, view, after, query.follow).await?;
        if let Some(newcomer) = newcomer {
            // Behind the limits of streams, so that a refusal writes nothing.
            subscription.hold(self.broadcast.presence.start(caller.application, newcomer).await?);
        }
        let content = Content::stream(subscription.into_stream().map(Ok::<_, Infallible>));
        // nginx holds answers back to send them in larger pieces unless it is told not to.
        let unbuffered = HeaderName::from_static("x-accel-buffering");
        Ok(Reply::new(content).header(unbuffered, HeaderValue::from_static("no")))
    }
}

/// Channels that a session may be in at a time.
const CHANNELS: usize = 10;
/// Letters of a user agent that are kept.
const AGENT: usize = 1024;

/// Who comes with the stream.
fn newcomer(
    caller: &Caller,
    username: String,
    channels: Option<&[i64]>,
    headers: &HeaderMap,
) -> Result<Newcomer, Error> {
    caller.require("update:user")?;
    let channels = channels.unwrap_or_default();
    if channels.len() > CHANNELS {
        let message = "a user is in 10 channels at a time at most: name fewer, or leave `username` out";
        return Err(Fault::new("channel", ValidationErrorCode::Unprocessable, message).into());
    }
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).filter(|agent| !agent.is_empty());
    Ok(Newcomer {
        username,
        channels: channels.to_vec(),
        user_agent: agent.map(|agent| agent.chars().take(AGENT).collect()),
        may_create: caller.may("create:user"),
    })
}

/// The types that the caller asks for, or all it may see.
fn types(caller: &Caller, asked: Option<&[StreamEventType]>) -> Result<Vec<EventType>, Error> {
    let Some(asked) = asked else {
        return Ok(EventType::ALL.iter().copied().filter(|kind| caller.may(scope(*kind))).collect());
    };
    let mut types = Vec::new();
    for name in asked {
        // The checks before the handler admit the document's types only.
        let Ok(kind) = name.as_str().parse::<EventType>() else { continue };
        if !caller.may(scope(kind)) {
            return Err(Error::Forbidden { scope: scope(kind) });
        }
        types.push(kind);
    }
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

/// What a token must be allowed to see an event: to read what it tells of.
fn scope(kind: EventType) -> &'static str {
    use EventType as Type;
    match kind {
        Type::UserCreated | Type::UserUpdated | Type::UserDeleted => "read:user",
        Type::ChannelCreated | Type::ChannelUpdated | Type::ChannelDeleted => "read:channel",
        Type::MemberCreated | Type::MemberUpdated | Type::MemberDeleted => "read:channel_membership",
        Type::MessageCreated | Type::MessageUpdated | Type::MessageDeleted | Type::MessagesDeleted => "read:message",
        Type::KeystrokesSent | Type::ChannelEventSent => "read:channel",
    }
}
