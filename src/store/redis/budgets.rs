//! Budgets that several replicas share.

use super::layout::Partition;
use super::{RedisStore, failure, script, values};
use crate::clock::Timestamp;
use crate::error::BoxError;
use crate::rate_limit::{Budget, RateLimit, RateLimitError, Taken};

/// Budgets for all replicas together, by the server's clock: give the store to
/// [`MfaBuilder::rate_limit`](crate::service::MfaBuilder::rate_limit), too.
///
/// A budget is one key, which is gone when it is full again; one script takes from it. In a cluster two budgets may
/// lie on two servers: they are taken from one after the other, and what the first gave is given back when the second
/// is spent. Where only budgets are kept here, documents elsewhere, nothing is lost that has to last:
/// `RedisStore::builder().replicas(0).accept_data_loss(true)` is quickest. Time is the server's: a user without the
/// right to `TIME` is refused every answer.
///
/// # Security
///
/// With `accept_data_loss(true)` nothing of the server's settings is checked: set `maxmemory-policy noeviction` yourself.
/// With another policy a full server throws budgets away, in the very flood of addresses that they are for, and whoever
/// floods it begins anew. With it a full server takes none, and every answer that is checked is a `503`: give it memory
/// for as many addresses as may come, 150 bytes or so for each that was wrong lately.
impl RateLimit for RedisStore {
    async fn take(&self, of: &[Budget], _: Timestamp) -> Result<Taken, RateLimitError> {
        for (number, budget) in of.iter().enumerate() {
            let taken = self.take_one(budget).await;
            if !matches!(taken, Ok(Taken::Granted)) {
                for before in of.iter().take(number) {
                    // Should it fail, somebody has one less for a while.
                    let _ = self.give_one_back(before).await;
                }
                return taken;
            }
        }
        Ok(Taken::Granted)
    }

    async fn give_back(&self, of: &[Budget], _: Timestamp) -> Result<(), RateLimitError> {
        for budget in of {
            self.give_one_back(budget).await?;
        }
        Ok(())
    }
}

impl RedisStore {
    fn place_of(&self, budget: &Budget) -> (Partition, String) {
        let (names, name) = (&self.inner.names, budget.name());
        let partition = names.of_budget(&name);
        (partition, names.budget(partition, &name))
    }

    async fn take_one(&self, budget: &Budget) -> Result<Taken, RateLimitError> {
        let (partition, key) = self.place_of(budget);
        let quota = budget.quota();
        let numbers = [quota.interval_micros().to_string(), quota.burst().to_string()];
        let call = script::TAKE.on([key]).args(numbers);
        let inner = &*self.inner;
        let said = call.write(&inner.servers, inner.places.of(partition)).await.map_err(failure::of_write);
        let said = said.and_then(values::text).map_err(RateLimitError::new)?;
        let wait: u64 = said.parse().map_err(|error| RateLimitError::new(BoxError::from(error)))?;
        if wait == 0 {
            return Ok(Taken::Granted);
        }
        Ok(Taken::spent(budget.scope(), u32::try_from(wait.div_ceil(1_000_000)).unwrap_or(u32::MAX)))
    }

    async fn give_one_back(&self, budget: &Budget) -> Result<(), RateLimitError> {
        let (partition, key) = self.place_of(budget);
        let call = script::GIVE_BACK.on([key]).arg(budget.quota().interval_micros().to_string());
        let inner = &*self.inner;
        let said = call.write(&inner.servers, inner.places.of(partition)).await;
        said.map(drop).map_err(|fault| RateLimitError::new(failure::of_write(fault)))
    }
}
