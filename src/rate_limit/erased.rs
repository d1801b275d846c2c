//! The rate limit without its type, as the store is (`store/erased.rs`).

use std::future::Future;
use std::pin::Pin;

use super::{Budget, RateLimit, RateLimitError, Taken};
use crate::clock::Timestamp;

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, RateLimitError>> + Send + 'a>>;

/// [`RateLimit`] with its futures boxed; every one has it.
pub(crate) trait DynRateLimit: Send + Sync + 'static {
    fn take<'a>(&'a self, of: &'a [Budget], now: Timestamp) -> Answer<'a, Taken>;
    fn give_back<'a>(&'a self, of: &'a [Budget], now: Timestamp) -> Answer<'a, ()>;
}

impl<R: RateLimit> DynRateLimit for R {
    fn take<'a>(&'a self, of: &'a [Budget], now: Timestamp) -> Answer<'a, Taken> {
        Box::pin(RateLimit::take(self, of, now))
    }

    fn give_back<'a>(&'a self, of: &'a [Budget], now: Timestamp) -> Answer<'a, ()> {
        Box::pin(RateLimit::give_back(self, of, now))
    }
}
