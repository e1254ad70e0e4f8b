//! One open stream.

use super::frame::{self, Reason, View};
use super::mailbox::Mailbox;
use super::{Broadcast, PAGE, Reader};
use crate::auth::Caller;
use crate::error::Error;
use crate::presence::Session;
use crate::store::events;
use bytes::Bytes;
use futures::stream::{self, Stream};
use std::sync::Arc;

/// A reader of an application's events: first of those that are kept, as fast as it takes them, then of what comes.
pub struct Subscription {
    broadcast: Arc<Broadcast>,
    application: i64,
    token: [u8; 32],
    view: Arc<View>,
    /// The id of the last event that it has seen or left out.
    position: i64,
    follow: bool,
    mailbox: Arc<Mailbox>,
    stage: Stage,
}

enum Stage {
    /// What the stream begins with has not been taken.
    First(Bytes),
    /// There may be events in the store that it has not seen.
    Kept,
    /// Everything comes by the mailbox.
    Live,
    Over,
}

impl Broadcast {
    /// Opens a stream that begins after the event with the id `after`, or with what happens next.
    ///
    /// # Errors
    /// 429 when the application has too many open, 503 when the server stops.
    pub async fn subscribe(
        self: &Arc<Self>,
        caller: &Caller,
        view: View,
        after: Option<i64>,
        follow: bool,
    ) -> Result<Subscription, Error> {
        let application = caller.application;
        if self.is_stopping() {
            return Err(Error::Stopping);
        }
        let (latest, next) = self
            .store
            .read(move |tx| {
                let next = after.map(|after| events::after(tx, application, after, 1)).transpose()?;
                Ok((events::latest(tx, application)?, next.and_then(|mut rows| rows.pop())))
            })
            .await?;
        let unbroken = after.filter(|after| *after == latest || next.is_some_and(|next| next.id == after + 1));
        let position = unbroken.unwrap_or(latest);
        {
            let mut open = self.open.lock();
            let count = open.entry(application).or_default();
            if *count >= self.limit {
                return Err(Error::TooManyRequests { retry_after: 10, standing: None });
            }
            *count += 1;
        }
        Ok(Subscription {
            broadcast: Arc::clone(self),
            application,
            token: caller.token(),
            view: Arc::new(view),
            position,
            follow,
            mailbox: Arc::default(),
            stage: Stage::First(frame::started(position, after.is_some() && unbroken.is_none())),
        })
    }
}

impl Subscription {
    /// Keeps the session of the user on whose behalf the stream is open, until it ends.
    pub fn hold(&self, session: Session) {
        self.mailbox.hold(session);
    }

    /// The text of the stream.
    pub fn into_stream(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, async |mut reader| Some((reader.next().await?, reader)))
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.stage {
                Stage::First(text) => {
                    let text = std::mem::take(text);
                    self.stage = Stage::Kept;
                    return Some(text);
                }
                Stage::Kept => match self.kept().await {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => return Some(text),
                    Err(reason) => {
                        self.stage = Stage::Over;
                        return Some(frame::ended(reason));
                    }
                },
                Stage::Live => return std::future::poll_fn(|context| self.mailbox.poll_take(context)).await,
                Stage::Over => return None,
            }
        }
    }

    /// The text of a page of events from the store; after the last page this becomes a live stream.
    async fn kept(&mut self) -> Result<Bytes, Reason> {
        let (application, position) = (self.application, self.position);
        if self.broadcast.is_stopping() {
            return Err(Reason::ServerStopping);
        }
        if !self.broadcast.authority.is_valid(&self.broadcast.store, self.token).await {
            return Err(Reason::TokenInvalid);
        }
        let read = self.broadcast.store.read(move |tx| events::after(tx, application, position, PAGE)).await;
        let rows = read.map_err(|error| {
            tracing::error!(%error, application, "kept events cannot be read");
            Reason::ServerStopping
        })?;
        match (rows.first(), rows.last()) {
            // It was overtaken: what it has not read is no longer kept.
            (Some(first), _) if first.id != position + 1 => Err(Reason::SlowReader),
            (_, Some(last)) => {
                self.position = last.id;
                Ok(self.view.frames(rows.iter()))
            }
            _ if !self.follow => Err(Reason::EndReached),
            _ => {
                let (view, mailbox) = (Arc::clone(&self.view), Arc::clone(&self.mailbox));
                let reader = Reader { view, mailbox, token: self.token, after: position };
                if self.broadcast.join(application, reader) {
                    self.stage = Stage::Live;
                }
                Ok(Bytes::new())
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.mailbox.leave();
        let mut open = self.broadcast.open.lock();
        if let Some(count) = open.get_mut(&self.application) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.application);
            }
        }
    }
}
