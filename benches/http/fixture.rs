//! What a server under measurement holds: made over HTTP, as a user would.

use std::net::SocketAddr;

use anyhow::Context;
use serde_json::{Value, json};

use crate::server::{CLIENT_ID, CLIENT_SECRET};
use crate::wire;

/// Users made by [`Fixture::create`]: four full pages of 25.
const USERS: usize = 100;

/// The body of every message; as long as a longish chat message.
pub(crate) const MESSAGE_BODY: &str =
    "Shall we meet at the north gate at seven, or would you rather take the ferry and join us on the island?";

/// Access to a server, and the things made on it.
pub(crate) struct Fixture {
    /// A header line with a fresh access token.
    pub(crate) authorization: String,
    /// One of the users.
    pub(crate) user: i64,
    /// A PUBLIC channel, whose messages are kept.
    pub(crate) channel: i64,
}

impl Fixture {
    /// Makes 100 users, a channel and one message in it on a server with an empty database.
    ///
    /// # Errors
    /// A request fails; the message carries the answer.
    pub(crate) fn create(address: SocketAddr) -> anyhow::Result<Fixture> {
        let authorization = authorize(address)?;
        let mut user = 0;
        for number in 1..=USERS {
            let body = json!({ "name": format!("user-{number:04}"), "displayName": format!("User number {number}") });
            user = create(address, &authorization, "/v1/users", &body).context("cannot create a user")?;
        }
        let body = json!({ "type": "PUBLIC", "name": "bench", "displayName": "Bench" });
        let channel = create(address, &authorization, "/v1/channels", &body).context("cannot create a channel")?;
        let messages = format!("/v1/channels/{channel}/messages");
        create(address, &authorization, &messages, &json!({ "body": MESSAGE_BODY }))
            .context("cannot create a message")?;
        Ok(Fixture { authorization, user, channel })
    }
}

/// Channels made by [`Fixture::create_channels`]; a quarter of them is found by the filters.
const CHANNELS: usize = 400;

impl Fixture {
    /// Makes 400 PUBLIC channels, every second one with the first user as a member, and of those every second one in the
    /// team `north`.
    ///
    /// # Errors
    /// A request fails; the message carries the answer.
    pub(crate) fn create_channels(&self, address: SocketAddr) -> anyhow::Result<()> {
        for number in 0..CHANNELS {
            let members = if number % 2 == 0 { json!([{ "username": "user-0001" }]) } else { json!([]) };
            let team = if number % 4 == 0 { "north" } else { "south" };
            let name = format!("channel-{number:04}");
            let body = json!({ "type": "PUBLIC", "name": name, "members": members, "properties": { "team": team } });
            create(address, &self.authorization, "/v1/channels", &body).context("cannot create a channel")?;
        }
        Ok(())
    }
}

/// Fetches an access token and gives the header line that carries it.
///
/// # Errors
/// The token endpoint refuses; the message carries the answer.
pub(crate) fn authorize(address: SocketAddr) -> anyhow::Result<String> {
    let answer = wire::exchange(address, &token_request())?.json().context("cannot get an access token")?;
    let token = answer["access_token"].as_str().context("the token answer has no access_token")?;
    Ok(wire::bearer(token))
}

/// The request for an access token.
pub(crate) fn token_request() -> Vec<u8> {
    let form = "grant_type=client_credentials";
    wire::post("/oauth/token", &wire::basic(CLIENT_ID, CLIENT_SECRET), "application/x-www-form-urlencoded", form)
}

/// Posts JSON and gives the `id` of the answer.
fn create(address: SocketAddr, authorization: &str, path: &str, body: &Value) -> anyhow::Result<i64> {
    let request = wire::post(path, authorization, "application/json", &body.to_string());
    let answer = wire::exchange(address, &request)?.json()?;
    answer["id"].as_i64().with_context(|| format!("the answer has no id: {answer}"))
}
