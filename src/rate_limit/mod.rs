//! How much may be tried, by whoever it is that tries: budgets that belong to no account.
//!
//! An account's own budget stands in its document and is counted there, whoever guesses. What it cannot see is
//! one guess at each of many accounts; that is counted here, by where it comes from. A budget is **taken from
//! before the work** and given back unless the answer was wrong: so of any number at once never more than the
//! budget are looked at, and whoever knows the code and waits for the answer pays nothing.
//!
//! ```
//! use tower_mfa::clock::Timestamp;
//! use tower_mfa::rate_limit::{Budget, InProcess, Quota, RateLimit, Taken};
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let (limit, now) = (InProcess::default(), Timestamp::from_secs(1_800_000_000));
//! let of = |address: &str| [Budget::address(address.parse().unwrap(), Quota::new(2, 60).unwrap())];
//!
//! for _ in 0..2 {
//!     assert_eq!(limit.take(&of("192.0.2.7"), now).await.unwrap(), Taken::Granted);
//! }
//! let Taken::Spent { retry_after, .. } = limit.take(&of("192.0.2.7"), now).await.unwrap() else { panic!("two are all") };
//! assert_eq!(retry_after, 30, "seconds");
//! assert_eq!(limit.take(&of("192.0.2.8"), now).await.unwrap(), Taken::Granted, "another address");
//!
//! // One of the answers was right after all.
//! limit.give_back(&of("192.0.2.7"), now).await.unwrap();
//! assert_eq!(limit.take(&of("192.0.2.7"), now).await.unwrap(), Taken::Granted);
//! # });
//! ```
//!
//! | implementation | feature | for |
//! |---|---|---|
//! | [`InProcess`] | `service` | one process; of several, each counts for itself. Two services in it share one in an `Arc` |
//! | [`store::RedisStore`](crate::store) | `redis` | several replicas, which share every budget |
//!
//! `rate_limit::conformance` (feature `testing`) is the suite that both pass, and one of your own should.

mod budget;
#[cfg(feature = "testing")]
pub mod conformance;
mod erased;
mod error;
mod in_process;
mod limits;
mod quota;
mod table;

use std::future::Future;
use std::sync::Arc;

use crate::clock::Timestamp;

pub use budget::{Budget, Scope};
pub(crate) use erased::DynRateLimit;
pub use error::RateLimitError;
pub use in_process::InProcess;
pub use limits::RateLimits;
pub(crate) use limits::Tried;
pub use quota::Quota;

/// Keeps budgets.
///
/// # Errors
///
/// [`RateLimitError`] when it cannot be known whether something is left. Who asked then refuses: nothing is
/// looked at for free because a server is gone.
///
/// # Security
///
/// Everybody behind one address has one budget. Behind a proxy that the host has not named
/// ([`trusted_proxies`](crate::service::MfaBuilder::trusted_proxies)) that is everybody there is, and one stranger
/// holds up all of them.
pub trait RateLimit: Send + Sync + 'static {
    /// Takes one from each of the budgets, or from none of them when one is spent.
    ///
    /// `now` is the caller's time. Who keeps budgets for several machines goes by one clock of its own instead.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have taken.
    fn take(&self, of: &[Budget], now: Timestamp) -> impl Future<Output = Result<Taken, RateLimitError>> + Send;

    /// Gives back what was taken for an answer that turned out not to be wrong. No budget ever has more than it began with.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it may have given back.
    fn give_back(&self, of: &[Budget], now: Timestamp) -> impl Future<Output = Result<(), RateLimitError>> + Send;
}

/// Two services in one process share what both are given.
impl<R: RateLimit> RateLimit for Arc<R> {
    async fn take(&self, of: &[Budget], now: Timestamp) -> Result<Taken, RateLimitError> {
        R::take(self, of, now).await
    }

    async fn give_back(&self, of: &[Budget], now: Timestamp) -> Result<(), RateLimitError> {
        R::give_back(self, of, now).await
    }
}

/// What came of taking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taken {
    /// One was taken from each.
    Granted,
    /// Nothing was taken from any.
    #[non_exhaustive]
    Spent {
        /// Of which budget nothing is left.
        scope: Scope,
        /// Seconds until something is, at least 1.
        retry_after: u32,
    },
}

impl Taken {
    /// Says that nothing is left of a budget; `retry_after` is in seconds, and a wait of none is one of 1.
    #[must_use]
    pub const fn spent(scope: Scope, retry_after: u32) -> Self {
        Self::Spent { scope, retry_after: if retry_after == 0 { 1 } else { retry_after } }
    }
}
