//! Following what happens in an application.

use crate::generated::client::types::ErrorBody;
use crate::generated::client::{Client, Error};
use crate::generated::wire::{StreamEvent, StreamEventType};
use futures::stream::{self, Stream, StreamExt};
use progenitor_client::ByteStream;
use std::time::Duration;

/// How long to wait before connecting again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Which events to follow, and from where. The default is all that the token may see, beginning with what happens next.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only what happens in these channels; empty: everywhere.
    pub channels: Vec<i64>,
    /// Only these types of events; empty: all.
    pub types: Vec<StreamEventType>,
    /// Those behind the event with this ID, which are kept for a while.
    pub after: Option<i64>,
    /// The name of the user on whose behalf they are followed, who is online meanwhile, and in the channels above.
    pub username: Option<String>,
}

impl Client {
    /// What happens in the application, as it happens, for as long as the stream is polled.
    ///
    /// When the connection is lost, or the server ends the stream, it connects again and resumes: no event is missed and
    /// none comes twice. If it was away for too long for that, [`StreamEvent::StreamReset`] comes in between: read anew
    /// what you keep a copy of. The first connection must succeed, and a refusal that will not mend by itself (400, 401,
    /// 403, 404) ends the stream with an error; all else is tried again, with pauses of up to ten seconds.
    ///
    /// ```no_run
    /// use chatkitty_platform::Client;
    /// use chatkitty_platform::events::Wanted;
    /// use chatkitty_platform::generated::wire::StreamEvent;
    /// use futures::TryStreamExt;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::connect("http://127.0.0.1:8080", "CLIENT_ID", "CLIENT_SECRET")?;
    /// let mut events = std::pin::pin!(client.events(Wanted { channels: vec![2], ..Wanted::default() }));
    /// while let Some(event) = events.try_next().await? {
    ///     match event {
    ///         StreamEvent::MessageCreated(sent) => println!("{}: {:?}", sent.id, sent.message),
    ///         StreamEvent::StreamReset(_) => println!("some events were missed"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self, wanted: Wanted) -> impl Stream<Item = Result<StreamEvent, Error<ErrorBody>>> {
        let follower = Follower { client: self, wanted, connection: None, pause: None };
        stream::try_unfold(follower, async |mut follower| Ok(follower.next().await?.map(|event| (event, follower))))
    }
}

struct Follower<'c> {
    client: &'c Client,
    /// `after` moves on with what was seen.
    wanted: Wanted,
    connection: Option<Connection>,
    /// How long to wait before the next attempt; none before the first.
    pause: Option<Duration>,
}

impl Follower<'_> {
    async fn next(&mut self) -> Result<Option<StreamEvent>, Error<ErrorBody>> {
        loop {
            let Some(connection) = &mut self.connection else {
                self.connect().await?;
                continue;
            };
            let Some(frame) = connection.frame().await else {
                self.connection = None;
                continue;
            };
            self.wanted.after = frame.id.or(self.wanted.after);
            if frame.data.is_empty() {
                continue;
            }
            let event = serde_json::from_str(&frame.data)
                .map_err(|error| Error::InvalidResponsePayload(frame.data.into(), error))?;
            match event {
                // Where it stands is noted, and of no interest beyond that.
                StreamEvent::StreamStarted(_) => self.pause = Some(PAUSE.0),
                StreamEvent::StreamEnded(_) => self.connection = None,
                event => {
                    self.pause = Some(PAUSE.0);
                    return Ok(Some(event));
                }
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Error<ErrorBody>> {
        if let Some(pause) = self.pause {
            tokio::time::sleep(pause).await;
            self.pause = Some((pause * 2).min(PAUSE.1));
        }
        let mut request = self.client.stream_events();
        if !self.wanted.channels.is_empty() {
            request = request.channel(self.wanted.channels.clone());
        }
        if !self.wanted.types.is_empty() {
            request = request.type_(self.wanted.types.clone());
        }
        if let Some(after) = self.wanted.after {
            request = request.last_event_id(after);
        }
        if let Some(username) = &self.wanted.username {
            request = request.username(username.clone());
        }
        match request.send().await {
            Ok(answer) => self.connection = Some(Connection::new(answer.into_inner())),
            Err(error) if self.pause.is_none() || is_final(&error) => return Err(error),
            Err(_) => {}
        }
        Ok(())
    }
}

/// Whether asking again would be answered the same.
fn is_final(error: &Error<ErrorBody>) -> bool {
    error.status().is_some_and(|status| matches!(status.as_u16(), 400 | 401 | 403 | 404))
}

/// The text of a stream, cut into what belongs together.
struct Connection {
    bytes: ByteStream,
    /// What has come and was not yet cut.
    waiting: Vec<u8>,
}

/// One event as the wire has it.
#[derive(Default)]
struct Frame {
    id: Option<i64>,
    data: String,
}

impl Connection {
    fn new(bytes: ByteStream) -> Self {
        Connection { bytes, waiting: Vec::new() }
    }

    /// The next frame; none at the end, or when the connection is lost, where half a frame does not count.
    async fn frame(&mut self) -> Option<Frame> {
        let mut frame = Frame::default();
        loop {
            while let Some(end) = self.waiting.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.waiting.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\r', '\n']);
                if line.is_empty() {
                    return Some(frame);
                }
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                let value = value.strip_prefix(' ').unwrap_or(value);
                match name {
                    "id" => frame.id = value.parse().ok(),
                    "data" if frame.data.is_empty() => value.clone_into(&mut frame.data),
                    "data" => frame.data.extend(["\n", value]),
                    // A comment, the type that the data repeats, or what a later version may send.
                    _ => {}
                }
            }
            self.waiting.extend_from_slice(&self.bytes.next().await?.ok()?);
        }
    }
}
