//! What an answer costs where it comes from, whosever account it is for.

use std::future::Future;

use super::{Error, Mfa};
use crate::account::Refusal;
use crate::network::read_address;
use crate::rate_limit::{RateLimitError, Taken, Tried};

impl Mfa {
    /// Makes an attempt that somebody might make often: takes from the budgets of `address` before anything is
    /// looked at, and gives back what was taken for one that was not wrong.
    ///
    /// Of a thousand at once no more are checked than there is budget, since none waits to be counted.
    pub(super) async fn limited<T>(
        &self,
        address: Option<&str>,
        what: Tried,
        attempt: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let of = self.inner.limits.budgets(address.and_then(read_address), what);
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
        let is_wrong = outcome.as_ref().is_err_and(|error| is_wrong(error.refusal()));
        if !is_wrong && let Err(error) = self.in_time(limit.give_back(&of, now)).await {
            super::trace::trouble("an answer that costs nothing stays counted", &error);
        }
        outcome
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, RateLimitError>>) -> Result<T, RateLimitError> {
        tokio::time::timeout(self.inner.store_deadline, call)
            .await
            .unwrap_or_else(|late| Err(RateLimitError::new(late)))
    }
}

/// Whether an answer was compared and found wrong. All else says of no code whether it is right, so nobody who guesses
/// is better off for it, and it costs nothing where it comes from: a slip of the finger (five digits), what could not
/// have helped whatever the code was, an account that is locked, which would let its owner hold up an office by
/// answering on, and an outage, which is not to be followed by one of everybody who tried meanwhile.
const fn is_wrong(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::InvalidCode { .. } | Refusal::InvalidCredential => true,
        Refusal::InvalidRequest { .. }
        | Refusal::Unbound { .. }
        | Refusal::InvalidToken
        | Refusal::Insufficient(_)
        | Refusal::Forbidden(_)
        | Refusal::NotFound
        | Refusal::Conflict(_)
        | Refusal::NoEligibleAuthenticator { .. }
        | Refusal::ChallengeGone
        | Refusal::AuthenticatorDisabled
        | Refusal::Throttled { .. }
        | Refusal::Unavailable { .. } => false,
    }
}
