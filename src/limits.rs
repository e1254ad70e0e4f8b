//! How many requests one sender may send in a second, and how answers tell it, in the header fields `RateLimit-Policy` and
//! `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

use crate::config::Config;
use crate::error::Error;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use parking_lot::{Mutex, RwLock, RwLockWriteGuard};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Senders that a limit remembers at most.
const REMEMBERED: usize = 50_000;
/// Seconds after which a quota is whole again.
const WINDOW: u64 = 1;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The limits that an operator has set.
#[derive(Debug)]
pub struct Limits {
    applications: Option<Rate<i64>>,
    addresses: Option<Rate<IpAddr>>,
    tokens: Option<Rate<IpAddr>>,
}

impl Limits {
    /// The limits of this configuration.
    pub fn new(config: &Config) -> Self {
        Limits {
            applications: config.rate_limit.map(|limit| Rate::new("application", limit)),
            addresses: config.address_rate_limit.map(|limit| Rate::new("address", limit)),
            tokens: config.token_rate_limit.map(|limit| Rate::new("token", limit)),
        }
    }

    /// Whether there is any.
    pub fn are_set(&self) -> bool {
        self.applications.is_some() || self.addresses.is_some() || self.tokens.is_some()
    }

    /// Counts a request with a token of this application.
    ///
    /// # Errors
    /// 429.
    pub fn count_application(&self, application: i64, of: &Extensions) -> Result<(), Error> {
        self.applications.as_ref().map_or(Ok(()), |rate| rate.count(&application, of))
    }

    /// Counts a request, whatever it is for.
    ///
    /// # Errors
    /// 429.
    pub fn count_address(&self, from: IpAddr, of: &Extensions) -> Result<(), Error> {
        self.addresses.as_ref().map_or(Ok(()), |rate| rate.count(&network(from), of))
    }

    /// Counts a request with client credentials.
    ///
    /// # Errors
    /// 429.
    pub fn count_token(&self, from: IpAddr, of: &Extensions) -> Result<(), Error> {
        self.tokens.as_ref().map_or(Ok(()), |rate| rate.count(&network(from), of))
    }
}

/// What counts as one address: of IPv6 the first 64 bits, as the rest is for whoever has them to choose.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

type Limiter<K> = RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// Requests a second for each sender, all of which may come at once.
#[derive(Debug)]
struct Rate<K: Hash + Eq + Clone> {
    name: &'static str,
    limit: NonZeroU32,
    senders: RwLock<Limiter<K>>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(name: &'static str, limit: NonZeroU32) -> Self {
        Rate { name, limit, senders: RwLock::new(limiter(limit)) }
    }

    fn count(&self, sender: &K, of: &Extensions) -> Result<(), Error> {
        let counted = {
            let senders = self.senders.read();
            (senders.len() < REMEMBERED).then(|| senders.check_key(sender))
        };
        let standing = |remaining| Standing::new(self.name, self.limit.get(), WINDOW, remaining, WINDOW);
        match counted.unwrap_or_else(|| self.with_room().check_key(sender)) {
            Ok(state) => {
                if let Some(standings) = of.get::<Standings>() {
                    standings.0.lock().push(standing(state.remaining_burst_capacity()));
                }
                Ok(())
            }
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
                let standing = Standing { reset: wait, ..standing(0) };
                Err(Error::TooManyRequests { retry_after: wait, standing: Some(standing) })
            }
        }
    }

    /// The senders without those whose quota is whole again. If too many are left, all are forgotten, which gives each
    /// of them at most one quota more: what is remembered must not grow with the number of those who send.
    fn with_room(&self) -> RwLockWriteGuard<'_, Limiter<K>> {
        let mut senders = self.senders.write();
        senders.retain_recent();
        if senders.len() > REMEMBERED / 2 {
            *senders = limiter(self.limit);
        }
        senders
    }
}

fn limiter<K: Hash + Eq + Clone>(limit: NonZeroU32) -> Limiter<K> {
    RateLimiter::keyed(Quota::per_second(limit)).with_middleware()
}

/// Where the sender of a request stands with one limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    name: &'static str,
    quota: u32,
    window: u64,
    remaining: u32,
    reset: u64,
}

impl Standing {
    /// `remaining` of `quota` requests are left within `window` seconds, and `reset` seconds from now all of them.
    pub fn new(name: &'static str, quota: u32, window: u64, remaining: u32, reset: u64) -> Self {
        Standing { name, quota, window, remaining, reset }
    }

    /// Adds it to the headers of an answer, to those that may be there.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let Standing { name, quota, window, remaining, reset } = self;
        let policy = format!("\"{name}\";q={quota};w={window}");
        let state = format!("\"{name}\";r={remaining};t={reset}");
        for (field, item) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, state)] {
            let before = headers.get(&field).and_then(|value| value.to_str().ok());
            let list = before.map_or_else(|| item.clone(), |before| format!("{before}, {item}"));
            if let Ok(value) = HeaderValue::try_from(list) {
                headers.insert(field, value);
            }
        }
    }
}

/// Where the sender of a request stands with every limit that has let it through. It travels with the request, for the
/// answer to tell.
#[derive(Clone, Debug, Default)]
pub struct Standings(Arc<Mutex<Vec<Standing>>>);

impl Standings {
    /// Adds all to the headers of the answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        self.0.lock().iter().for_each(|standing| standing.tell(headers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_senders_is_bounded() {
        let rate = Rate::new("address", NonZeroU32::MIN);
        for sender in 0..3 * REMEMBERED {
            rate.count(&sender, &Extensions::new()).expect("the first request of a sender");
            assert!(rate.senders.read().len() <= REMEMBERED);
        }
    }

    #[test]
    fn a_sender_cannot_choose_what_counts_as_his_address() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
