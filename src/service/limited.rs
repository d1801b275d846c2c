//! What an answer costs where it comes from, whosever account it is for.

use std::future::Future;

use super::{Error, Mfa};
use crate::account::Refusal;
use crate::network::read_address;
use crate::rate_limit::{RateLimitError, Taken};

impl Mfa {
    /// Makes an attempt that somebody might make often: takes from the budgets of `address` before anything is
    /// looked at, and gives back what a right answer has taken.
    ///
    /// Of a thousand at once no more are checked than there is budget, since none waits to be counted. All else is
    /// paid for, a refusal before anything was compared too: whoever sends answers to a locked account is no better
    /// for that. Where nothing could be decided nobody has learned anything, and an outage of the store is not to
    /// be followed by one of everybody who tried meanwhile.
    pub(super) async fn limited<T>(
        &self,
        address: Option<&str>,
        attempt: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let of = self.inner.limits.budgets(address.and_then(read_address));
        if of.is_empty() {
            return attempt.await;
        }
        let limit = &self.inner.rate_limit;
        let now = self.inner.clock.now()?;
        match self.in_time(limit.take(&of, now)).await {
            Ok(Taken::Granted) => {}
            Ok(Taken::Spent { scope, retry_after }) => {
                super::trace::limited(scope, address);
                return Err(Refusal::Throttled { retry_after }.into());
            }
            Err(error) => {
                super::trace::unavailable(&error);
                return Err(Error::unavailable(error));
            }
        }
        let outcome = attempt.await;
        let is_free = outcome.as_ref().map_or_else(|error| is_undecided(error.refusal()), |_| true);
        if is_free && let Err(error) = self.in_time(limit.give_back(&of, now)).await {
            super::trace::trouble("a right answer stays counted", &error);
        }
        outcome
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, RateLimitError>>) -> Result<T, RateLimitError> {
        tokio::time::timeout(self.inner.store_deadline, call)
            .await
            .unwrap_or_else(|late| Err(RateLimitError::new(late)))
    }
}

const fn is_undecided(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Unavailable { .. })
}
