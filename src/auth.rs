//! Client credentials → access token, access token → caller.
//!
//! Secrets and tokens are kept only as hashes. A secret is 256 random bits unless an operator chooses one, so a salted
//! HMAC is enough and a slow password hash would only slow the token endpoint; see [`Secret`].

use crate::error::Error;
use crate::limits::{Limits, Standing, network};
use crate::store::audit::{Act, Outcome};
use crate::store::credentials::{CredentialRow, HashedSecret};
use crate::store::tokens::TokenRow;
use crate::store::{Store, Tx, credentials, tokens};
use hmac::{Hmac, KeyInit, Mac};
use http::header::AUTHORIZATION;
use openapi_dropshot::runtime::{Call, Operation};
use parking_lot::{Mutex, RwLock};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use subtle::ConstantTimeEq;

/// How long a checked token is believed before the database is asked again, and so how long a token outlives its
/// revocation by another process at most. What this process revokes it forgets at once.
const TRUST: Duration = Duration::from_secs(1);
/// Tokens remembered at most; beyond it the oldest memory goes first, at the cost of a look into the database.
const REMEMBERED: usize = 10_000;
/// Wrong secrets that one address may send for one client within [`WINDOW`]; then it has to wait, whatever it sends.
const GUESSES: u32 = 50;
/// How long wrong secrets are counted, and so how long the wait is at most.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses and clients whose wrong secrets are counted at most.
const COUNTED: usize = 10_000;

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The application that the token was issued to.
    pub application: i64,
    /// The client that it was issued to.
    pub client: Arc<str>,
    /// What the token may do; `None`: everything.
    scopes: Option<Arc<str>>,
    /// The token's hash.
    token: [u8; 32],
}

impl Caller {
    /// Whether the name in an address is this caller's application.
    pub fn is(&self, name: &str) -> bool {
        // Only the canonical spelling: `01` would be a second address of the same resource.
        name == "me" || name.parse() == Ok(self.application) && !name.starts_with(['0', '+'])
    }

    /// Refuses a token that lacks a scope which only what is asked for tells.
    ///
    /// # Errors
    /// 403.
    pub fn require(&self, scope: &'static str) -> Result<(), Error> {
        if self.may(scope) { Ok(()) } else { Err(Error::Forbidden { scope }) }
    }

    /// Refuses a token that lacks a scope which the operation demands.
    ///
    /// # Errors
    /// 403.
    pub fn permit(&self, operation: &Operation) -> Result<(), Error> {
        // The document's requirements are all of the one scheme; each of its scopes is needed.
        let scopes = operation.security.iter().flat_map(|alternative| alternative.iter()).flat_map(|one| one.scopes);
        scopes.copied().try_for_each(|scope| self.require(scope))
    }

    /// The hash of its token, for [`Authority::is_valid`].
    pub fn token(&self) -> [u8; 32] {
        self.token
    }

    /// Whether its token has this scope.
    pub fn may(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.split(' ').any(|granted| granted == scope))
    }
}

/// A client that has shown a secret of its own.
#[derive(Debug)]
pub struct Client {
    /// The client.
    pub credential: CredentialRow,
    /// The hash of the secret that it has shown, of the two that it may have.
    hash: Vec<u8>,
}

/// A token as it is handed out, once.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: Secret,
    /// Seconds it is valid.
    pub expires_in: i64,
    /// What it may do, as the answer says it.
    pub scope: String,
}

/// Issues and checks tokens.
#[derive(Debug)]
pub struct Authority {
    lifetime: Duration,
    remembered: RwLock<Memory>,
    guesses: Mutex<HashMap<(IpAddr, String), Guesses>>,
    /// How often may be asked.
    pub limits: Limits,
}

/// The tokens that were checked lately, by their hashes.
#[derive(Debug, Default)]
struct Memory {
    tokens: HashMap<[u8; 32], Remembered>,
    /// How often something was forgotten before its time. A row that was read before then may be of a token that is
    /// revoked since, and so is not remembered.
    revocations: u64,
}

/// Wrong secrets from one address for one client.
#[derive(Debug)]
struct Guesses {
    since: Instant,
    count: u32,
}

#[derive(Clone, Debug)]
struct Remembered {
    caller: Caller,
    expires_time: i64,
    checked: Instant,
}

impl Authority {
    /// Tokens live for `lifetime`.
    pub fn new(lifetime: Duration, limits: Limits) -> Self {
        Authority { lifetime, remembered: RwLock::default(), guesses: Mutex::default(), limits }
    }

    /// Says whose token the request carries. What that token may do, [`Caller::permit`] tells.
    ///
    /// # Errors
    /// 401 without a valid token, 429 beyond the application's rate.
    pub async fn caller(&self, store: &Store, call: &Call) -> Result<Caller, Error> {
        let header = call
            .headers()
            .get(AUTHORIZATION)
            .ok_or(Error::Unauthorized("send an access token as Authorization: Bearer TOKEN"))?;
        let token = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or(Error::Unauthorized("the Authorization header is not a bearer token"))?
            .1;
        let hash = Secret::new(token.trim().to_owned()).digest();
        let caller = match self.recall(&hash) {
            Some(caller) => caller,
            None => self.look_up(store, hash).await?,
        };
        self.limits.count_application(caller.application, &call.request.extensions)?;
        Ok(caller)
    }

    /// Whether the token with this hash is still worth something, for what goes on after its request was let in. While
    /// the database cannot be asked, it is.
    pub async fn is_valid(&self, store: &Store, hash: [u8; 32]) -> bool {
        self.recall(&hash).is_some() || !matches!(self.look_up(store, hash).await, Err(Error::InvalidToken))
    }

    fn recall(&self, hash: &[u8; 32]) -> Option<Caller> {
        let remembered = self.remembered.read();
        let found = remembered.tokens.get(hash)?;
        (found.checked.elapsed() < TRUST && found.expires_time > now()).then(|| found.caller.clone())
    }

    async fn look_up(&self, store: &Store, hash: [u8; 32]) -> Result<Caller, Error> {
        let revocations = self.remembered.read().revocations;
        let row = store.read(move |tx| tokens::get(tx, &hash)).await?;
        let Some(row) = row.filter(|row| row.expires_time > now()) else {
            self.remembered.write().tokens.remove(&hash);
            return Err(Error::InvalidToken);
        };
        let caller = Caller {
            application: row.application_id,
            client: row.client_id.into(),
            scopes: row.scopes.map(Arc::from),
            token: hash,
        };
        let mut remembered = self.remembered.write();
        if remembered.revocations != revocations {
            return Ok(caller);
        }
        let tokens = &mut remembered.tokens;
        if tokens.len() >= REMEMBERED {
            let fresh = |found: &mut Remembered| found.checked.elapsed() < TRUST;
            tokens.retain(|_, found| fresh(found));
            if tokens.len() >= REMEMBERED {
                tokens.clear();
            }
        }
        let (expires_time, checked) = (row.expires_time, Instant::now());
        tokens.insert(hash, Remembered { caller: caller.clone(), expires_time, checked });
        Ok(caller)
    }

    /// The client that has these credentials. Its secret may be the present one, or the one before while that is kept.
    ///
    /// # Errors
    /// 401 for wrong credentials and for those of an expired client, 429 for too many wrong ones from one address, or too
    /// many at all.
    pub async fn client(
        &self,
        store: &Store,
        call: &Call,
        client_id: String,
        secret: &Secret,
    ) -> Result<Client, Error> {
        let from = call.remote_addr.ip();
        self.limits.count_token(from, &call.request.extensions)?;
        let guesser = (network(from), client_id.clone());
        self.refuse_guesser(&guesser)?;
        let credential = store.read(move |tx| credentials::get(tx, &client_id)).await?;
        // Two comparisons, whatever is found: neither an unknown client nor one with a single secret, nor which of two
        // secrets was sent, can be told by the time it takes.
        let nobody = HashedSecret { salt: vec![0; 16], hash: vec![0; 32] };
        let present = credential.as_ref().map_or(&nobody, |row| &row.secret);
        let previous = credential.as_ref().and_then(|row| row.previous.as_ref()).map_or(&nobody, |old| &old.secret);
        let [is_present, is_previous] =
            [present, previous].map(|known| bool::from(secret.hash(&known.salt).ct_eq(known.hash.as_slice())));
        let matching = is_present.then_some(present).or(is_previous.then_some(previous));
        let hash = matching.map(|known| known.hash.clone());
        let client = credential.zip(hash).map(|(credential, hash)| Client { credential, hash });
        client.filter(|client| client.credential.good_until(&client.hash, now()).is_some()).ok_or_else(|| {
            self.count_guess(guesser);
            Error::Credentials { challenge: true }
        })
    }

    /// A new token for a client, good for no longer than the client and the secret that it has shown. `scope` asks for
    /// less than the client may do.
    ///
    /// # Errors
    /// 400 for a scope that the client may not use, 401 if the client or its secret has ended since it was checked.
    pub async fn issue(&self, store: &Store, client: Client, scope: Option<&str>) -> Result<IssuedToken, Error> {
        let Client { credential: CredentialRow { client_id, application_id, scopes, .. }, hash: shown } = client;
        let scopes = narrowed(scope, scopes)?;
        let token = Secret::generate();
        let (created_time, hash) = (now(), token.digest());
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX / 1000);
        let issued = store.write(move |tx| {
            // Asked again here: what ends a client or a secret ends the tokens in one transaction, and none may follow.
            let credential = credentials::get(tx, &client_id)?;
            let Some(end) = credential.and_then(|row| row.good_until(&shown, created_time)) else { return Ok(None) };
            let expires_time = end.min(created_time.saturating_add(lifetime * 1000));
            let row = TokenRow { application_id, client_id, scopes, expires_time, created_time };
            tokens::insert(tx, &hash, &row)?;
            Ok(Some(row))
        });
        let row = issued.await?.ok_or(Error::Credentials { challenge: true })?;
        Ok(IssuedToken { token, expires_in: (row.expires_time - row.created_time) / 1000, scope: row.scope() })
    }

    /// Ends a token of the client, and records the act if there was such a token; any other stays as it is.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke(&self, store: &Store, client: CredentialRow, token: &Secret, act: Act) -> Result<(), Error> {
        let hash = token.digest();
        let CredentialRow { application_id, client_id, .. } = client;
        let revoke = move |tx: &Tx<'_>| {
            let revoked = tokens::delete(tx, application_id, &client_id, &hash)?;
            if revoked {
                act.record(tx, Outcome::Done, now())?;
            }
            Ok(revoked)
        };
        let revoked = store.write(revoke).await?;
        if revoked {
            let mut remembered = self.remembered.write();
            remembered.revocations += 1;
            remembered.tokens.remove(&hash);
        }
        Ok(())
    }

    /// A token that is good now, if it belongs to the application of the client.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(&self, store: &Store, client: &CredentialRow, token: &Secret) -> Result<Option<TokenRow>, Error> {
        let hash = token.digest();
        let row = store.read(move |tx| tokens::get(tx, &hash)).await?;
        Ok(row.filter(|row| row.application_id == client.application_id && row.expires_time > now()))
    }

    /// Refuses who has guessed too often, before the secret is looked at: else a guesser would only have to go on.
    fn refuse_guesser(&self, guesser: &(IpAddr, String)) -> Result<(), Error> {
        let guesses = self.guesses.lock();
        let Some(found) = guesses.get(guesser).filter(|found| found.count >= GUESSES) else { return Ok(()) };
        match WINDOW.checked_sub(found.since.elapsed()) {
            Some(wait) => {
                let retry_after = wait.as_secs() + 1;
                let standing = Standing::new("wrong-secrets", GUESSES, WINDOW.as_secs(), 0, retry_after);
                Err(Error::TooManyRequests { retry_after, standing: Some(standing) })
            }
            None => Ok(()),
        }
    }

    fn count_guess(&self, guesser: (IpAddr, String)) {
        let mut guesses = self.guesses.lock();
        if guesses.len() >= COUNTED {
            guesses.retain(|_, found| found.since.elapsed() < WINDOW);
            if guesses.len() >= COUNTED {
                guesses.clear();
            }
        }
        let fresh = || Guesses { since: Instant::now(), count: 0 };
        let found = guesses.entry(guesser).or_insert_with(fresh);
        if found.since.elapsed() >= WINDOW {
            *found = fresh();
        }
        found.count += 1;
    }

    /// Forgets what is remembered of an application's tokens, so that they end at once in this process.
    pub fn forget(&self, application: i64) {
        let mut remembered = self.remembered.write();
        remembered.revocations += 1;
        remembered.tokens.retain(|_, found| found.caller.application != application);
    }
}

/// The scopes of a new token: those asked for, if the credentials may use them all.
fn narrowed(asked: Option<&str>, allowed: Option<String>) -> Result<Option<String>, Error> {
    let Some(asked) = asked.map(str::trim).filter(|asked| !asked.is_empty()) else { return Ok(allowed) };
    let names: Vec<&str> = asked.split_whitespace().collect();
    let whole = |name: &str| name.starts_with("org:") && name.ends_with(":app");
    if names.iter().all(|name| whole(name)) {
        // What the token endpoint itself reports of unrestricted credentials.
        return Ok(allowed);
    }
    let known = known_scopes();
    let permitted = |name: &&str| match &allowed {
        Some(allowed) => allowed.split(' ').any(|granted| granted == *name),
        None => known.contains(name),
    };
    match names.iter().find(|name| !permitted(name)) {
        Some(_) => {
            let description = "these credentials may not use a scope that was asked for".to_owned();
            Err(Error::Grant { error: "invalid_scope", description })
        }
        None => Ok(Some(names.join(" "))),
    }
}

/// Every scope that some operation of the document demands.
pub fn known_scopes() -> Vec<&'static str> {
    let operations = crate::generated::server::OPERATIONS.iter();
    let requirements =
        operations.flat_map(|operation| operation.security.iter().flat_map(|alternative| alternative.iter()));
    let mut scopes: Vec<_> = requirements.flat_map(|requirement| requirement.scopes.iter().copied()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// Milliseconds since the Unix epoch.
pub fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// A client secret or an access token in the clear. It does not show itself in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// A secret that somebody chose.
    pub fn new(text: String) -> Self {
        Secret(text)
    }

    /// 256 random bits.
    pub fn generate() -> Self {
        use base64::Engine as _;
        Secret(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<32>()))
    }

    /// The text, to be shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of an access token and found by: it is random, so that nobody needs to be kept from guessing it.
    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// What is stored of a client secret.
    pub fn hash(&self, salt: &[u8]) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("any length is a key");
        mac.update(self.0.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Random bytes of the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "without randomness no secret may be made")]
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
