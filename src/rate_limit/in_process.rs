use std::net::IpAddr;
use std::ops::Add;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::{Quota as Rate, RateLimiter};

use super::budget::Key;
use super::table::Table;
use super::{Budget, Quota, RateLimit, RateLimitError, Taken};
use crate::clock::Timestamp;

/// Budgets in the memory of this process: the default.
///
/// Of each scope 65,536 keys are told apart, in 1 MiB; of addresses, as many of IPv4 and as many of IPv6, so that
/// whoever has any number of one kind has no say over the other. Of more, a newcomer goes on where the one of others
/// that owes least has got to; no number of addresses makes room that was spent.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::rate_limit::{Budget, InProcess, Quota, RateLimit, Taken};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let (limit, now) = (InProcess::default(), Timestamp::from_secs(1_800_000_000));
/// let of = [Budget::address("192.0.2.7".parse().unwrap(), Quota::new(30, 300).unwrap())];
/// for _ in 0..30 {
///     assert_eq!(limit.take(&of, now).await.unwrap(), Taken::Granted);
/// }
/// assert!(matches!(limit.take(&of, now).await.unwrap(), Taken::Spent { retry_after: 10, .. }));
/// assert_eq!(limit.take(&of, now.plus(10)).await.unwrap(), Taken::Granted);
/// # });
/// ```
#[derive(Debug)]
pub struct InProcess {
    addresses_v4: Table,
    addresses_v6: Table,
    networks64: Table,
    networks48: Table,
    webauthn_v4: Table,
    webauthn_v6: Table,
    destinations: Table,
    global: Table,
}

/// How many keys of a scope are told apart.
const KEYS: usize = 65_536;
const KEYS_AT_MOST: usize = 1 << 24;

impl Default for InProcess {
    fn default() -> Self {
        Self::with_capacity(KEYS)
    }
}

impl InProcess {
    /// Tells at least this many keys of each scope apart, each in 16 bytes; 512 are the least, 16,777,216 the most.
    #[must_use]
    pub fn with_capacity(keys: usize) -> Self {
        let table = || Table::new(keys.min(KEYS_AT_MOST));
        Self {
            addresses_v4: table(),
            addresses_v6: table(),
            networks64: table(),
            networks48: table(),
            webauthn_v4: table(),
            webauthn_v6: table(),
            destinations: table(),
            global: Table::new(1),
        }
    }

    const fn table(&self, of: &Budget) -> &Table {
        match of.key() {
            Key::Address(IpAddr::V4(_)) => &self.addresses_v4,
            Key::Address(IpAddr::V6(_)) => &self.addresses_v6,
            Key::Network64(_) => &self.networks64,
            Key::Network48(_) => &self.networks48,
            Key::WebAuthn(IpAddr::V4(_)) => &self.webauthn_v4,
            Key::WebAuthn(IpAddr::V6(_)) => &self.webauthn_v6,
            Key::Destination(_) => &self.destinations,
            Key::Global => &self.global,
        }
    }

    fn take_one(&self, of: &Budget, now: At) -> Taken {
        let Some(rate) = rate(of.quota()) else { return Taken::spent(of.scope(), of.quota().per()) };
        // A limiter is two numbers; what lasts is the table.
        let table = self.table(of).at_most(now.0.saturating_add(whole(of.quota())));
        let limiter: RateLimiter<Key, _, At, NoOpMiddleware<At>> = RateLimiter::new(rate, table, now);
        let Err(until) = limiter.check_key(of.key()) else { return Taken::Granted };
        let wait = until.earliest_possible().0.saturating_sub(now.0).div_ceil(NANOS);
        Taken::spent(of.scope(), u32::try_from(wait).unwrap_or(u32::MAX))
    }

    fn give_one_back(&self, of: &Budget, now: At) {
        self.table(of).forgive(of.key(), interval(of.quota()), now.0);
    }

    /// Two requests may each take from one budget and find the other spent, where one of them could have had both:
    /// then both wait, and nobody has too much.
    fn take_all(&self, of: &[Budget], now: Timestamp) -> Taken {
        let now = At::of(now);
        for (number, budget) in of.iter().enumerate() {
            let taken = self.take_one(budget, now);
            if taken != Taken::Granted {
                of.iter().take(number).for_each(|before| self.give_one_back(before, now));
                return taken;
            }
        }
        Taken::Granted
    }
}

impl RateLimit for InProcess {
    async fn take(&self, of: &[Budget], now: Timestamp) -> Result<Taken, RateLimitError> {
        Ok(self.take_all(of, now))
    }

    async fn give_back(&self, of: &[Budget], now: Timestamp) -> Result<(), RateLimitError> {
        of.iter().for_each(|budget| self.give_one_back(budget, At::of(now)));
        Ok(())
    }
}

const NANOS: u64 = 1_000_000_000;

/// The nanoseconds after which one comes back.
fn interval(quota: Quota) -> u64 {
    quota.interval_micros().saturating_mul(1_000)
}

/// What whoever has spent all of it owes.
fn whole(quota: Quota) -> u64 {
    interval(quota).saturating_mul(u64::from(quota.burst()))
}

fn rate(quota: Quota) -> Option<Rate> {
    Rate::with_period(Duration::from_nanos(interval(quota))).map(|rate| rate.allow_burst(quota.burst_nonzero()))
}

/// A point in time as governor counts: nanoseconds since the epoch. It is its own clock, for time is passed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct At(u64);

impl At {
    /// Up to the year 2262: what is later stands still, and so leaves room for what is added to it.
    fn of(now: Timestamp) -> Self {
        Self(now.as_secs().saturating_mul(NANOS).min(u64::MAX >> 1))
    }
}

impl Clock for At {
    type Instant = Self;

    fn now(&self) -> Self {
        *self
    }
}

/// Governor keeps times as what has passed since a limiter was made, and here one is made for every request. So what
/// has passed is counted from the epoch, whenever that was, and added to it.
impl Add<Nanos> for At {
    type Output = Self;

    fn add(self, nanos: Nanos) -> Self {
        Self(nanos.as_u64())
    }
}

impl Reference for At {
    fn duration_since(&self, _: Self) -> Nanos {
        Nanos::from(self.0)
    }

    fn saturating_sub(&self, nanos: Nanos) -> Self {
        Self(self.0.saturating_sub(nanos.as_u64()))
    }
}
