//! What waits for one reader.

use super::frame::{self, Reason};
use crate::presence::Session;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// Bytes that may wait for a reader before more are put to them. Readers of the same events share them.
const ROOM: usize = 1 << 20;

/// A bounded queue of text for one reader. Putting never waits.
#[derive(Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Bytes>,
    bytes: usize,
    end: Option<Reason>,
    /// The last event has been taken, or the reader has gone.
    over: bool,
    /// The session of the user on whose behalf the reader reads. It ends with the stream, which a reader who is too slow
    /// may look at much later.
    session: Option<Session>,
    reader: Option<Waker>,
}

impl Mailbox {
    /// Puts text for the reader; `false` if there is no more to be put, as the reader is gone or too slow.
    pub(super) fn put(&self, text: Bytes) -> bool {
        let mut state = self.state.lock();
        if state.over || state.end.is_some() {
            return false;
        }
        if state.bytes > ROOM {
            state.end(Reason::SlowReader);
            return false;
        }
        state.bytes += text.len();
        state.waiting.push_back(text);
        state.wake();
        true
    }

    /// Ends the stream with an event that says why.
    pub(super) fn end(&self, reason: Reason) {
        self.state.lock().end(reason);
    }

    /// Keeps a session until the stream ends.
    pub(super) fn hold(&self, session: Session) {
        let mut state = self.state.lock();
        if !state.over && state.end.is_none() {
            state.session = Some(session);
        }
    }

    /// The reader takes nothing any more.
    pub(super) fn leave(&self) {
        let mut state = self.state.lock();
        state.over = true;
        state.waiting.clear();
        state.session = None;
    }

    /// Whether [`Mailbox::leave`] was called.
    pub(super) fn is_left(&self) -> bool {
        self.state.lock().over
    }

    /// Takes all that waits; nothing more comes after `None`.
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state.lock();
        if state.over {
            return Poll::Ready(None);
        }
        if let Some(text) = state.waiting.pop_front() {
            state.bytes -= text.len();
            return Poll::Ready(Some(text));
        }
        if let Some(reason) = state.end {
            state.over = true;
            return Poll::Ready(Some(frame::ended(reason)));
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl State {
    /// A slow reader gets its last event at once: it finds the rest in the store when it resumes.
    fn end(&mut self, reason: Reason) {
        if self.end.is_none() {
            self.end = Some(reason);
            self.session = None;
            if reason == Reason::SlowReader {
                self.waiting = VecDeque::new();
                self.bytes = 0;
            }
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}
