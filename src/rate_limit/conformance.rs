//! The suite a rate limit proves itself with: one function for each property, races included.
//!
//! ```
//! use tower_mfa::clock::Clock;
//! use tower_mfa::rate_limit::{InProcess, conformance};
//! use tower_mfa::testing::ManualClock;
//!
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! let clock = ManualClock::at(1_800_000_000);
//! let wait = async |secs: u32| clock.advance(secs.into());
//! conformance::run(async || InProcess::default(), &clock, wait).await.unwrap();
//! # });
//! ```
//!
//! Every function wants a rate limit of which nothing was taken yet. One that goes by a clock of its own is given
//! [`SystemClock`](crate::clock::SystemClock), and a `wait` that sleeps, for two seconds in all. Give it a runtime with
//! several threads: on one alone, only what awaits is raced.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::{Budget, Quota, RateLimit, RateLimitError, Scope, Taken};
use crate::clock::{Clock, ClockError, Timestamp};
use crate::error::{BoxError, ConfigError};

/// Runs every property, each on a rate limit of its own, and stops at the first that fails.
///
/// # Errors
///
/// [`Failure`], which names the property.
///
/// # Cancel safety
///
/// Dropping it leaves budgets that were taken from.
pub async fn run<R: RateLimit>(
    fresh: impl AsyncFn() -> R,
    clock: &impl Clock,
    wait: impl AsyncFn(u32),
) -> Result<(), Failure> {
    let named = |name: &'static str| move |failure: Failure| Failure { property: Some(name), ..failure };
    let now = || clock.now();
    a_budget_gives_its_burst(fresh().await, now()?).await.map_err(named("a_budget_gives_its_burst"))?;
    what_is_given_back_is_there_again(fresh().await, now()?)
        .await
        .map_err(named("what_is_given_back_is_there_again"))?;
    nobody_has_more_than_the_burst(fresh().await, now()?).await.map_err(named("nobody_has_more_than_the_burst"))?;
    budgets_know_nothing_of_each_other(fresh().await, now()?)
        .await
        .map_err(named("budgets_know_nothing_of_each_other"))?;
    it_takes_from_all_or_none(fresh().await, now()?).await.map_err(named("it_takes_from_all_or_none"))?;
    a_race_is_granted_the_burst_and_no_more(fresh().await, now()?)
        .await
        .map_err(named("a_race_is_granted_the_burst_and_no_more"))?;
    a_race_for_two_budgets_costs_nobody_else(fresh().await, now()?)
        .await
        .map_err(named("a_race_for_two_budgets_costs_nobody_else"))?;
    it_says_when_to_come_back(fresh().await, clock, wait).await.map_err(named("it_says_when_to_come_back"))
}

/// One comes back in a day or so: no clock decides anything.
const DAY: u32 = 86_400;

fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, number))
}

fn of(number: u8, burst: u32) -> Result<Budget, Failure> {
    Ok(Budget::address(host(number), Quota::new(burst, DAY)?))
}

/// A budget gives as much as its quota says, and says which it was that is spent.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn a_budget_gives_its_burst<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    let all = every_scope(5)?;
    for budget in all {
        for number in 1..=5 {
            want(limit.take(&[budget], now).await?, Taken::Granted, &format!("take {number} of 5 of {budget:?}"))?;
        }
        let (scope, wait) = spent(limit.take(&[budget], now).await?, "the sixth of five")?;
        want(scope, budget.scope(), "what is spent")?;
        if !(1..=DAY / 5).contains(&wait) {
            return Err(Failure::new(format!("one of five a day comes back within {} s, not {wait}", DAY / 5)));
        }
    }
    Ok(())
}

/// What was given back can be taken, once.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn what_is_given_back_is_there_again<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    for budget in every_scope(2)? {
        for _ in 0..100 {
            want(limit.take(&[budget], now).await?, Taken::Granted, "what was given back")?;
            limit.give_back(&[budget], now).await?;
        }
        for _ in 0..2 {
            want(limit.take(&[budget], now).await?, Taken::Granted, "a whole budget")?;
        }
        spent(limit.take(&[budget], now).await?, "the third of two")?;
        limit.give_back(&[budget], now).await?;
        want(limit.take(&[budget], now).await?, Taken::Granted, "one that was given back to a spent budget")?;
        spent(limit.take(&[budget], now).await?, "a second, of one that was given back")?;
    }
    Ok(())
}

/// Giving back what was never taken adds nothing.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn nobody_has_more_than_the_burst<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    let budget = of(1, 3)?;
    for _ in 0..10 {
        limit.give_back(&[budget], now).await?;
    }
    want(limit.take(&[budget], now).await?, Taken::Granted, "the first of three")?;
    for _ in 0..10 {
        limit.give_back(&[budget], now).await?;
    }
    for _ in 0..3 {
        want(limit.take(&[budget], now).await?, Taken::Granted, "one of three")?;
    }
    spent(limit.take(&[budget], now).await?, "the fourth of three").map(drop)
}

/// One that is spent leaves all others whole: another address, another /64, and another scope.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn budgets_know_nothing_of_each_other<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    let all = every_scope(1)?;
    let others = [of(2, 1)?, network(1, 1)?, Budget::destination([2; 32], Quota::new(1, DAY)?)];
    for budget in all.into_iter().chain(others) {
        want(limit.take(&[budget], now).await?, Taken::Granted, &format!("the one there is of {budget:?}"))?;
        spent(limit.take(&[budget], now).await?, "the second of one")?;
    }
    Ok(())
}

/// Of several budgets each is taken from, or none.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn it_takes_from_all_or_none<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    let (own, shared) = (of(1, 3)?, network(0, 1)?);
    want(limit.take(&[own, shared], now).await?, Taken::Granted, "one of each")?;
    for both in [[own, shared], [shared, own]] {
        let (scope, _) = spent(limit.take(&both, now).await?, "one of each, of which one is spent")?;
        want(scope, Scope::Network64, "what is spent")?;
    }
    for _ in 0..2 {
        want(limit.take(&[own], now).await?, Taken::Granted, "what was not taken when the other was spent")?;
    }
    spent(limit.take(&[own], now).await?, "the fourth of three")?;
    limit.give_back(&[own, shared], now).await?;
    want(limit.take(&[own, shared], now).await?, Taken::Granted, "one of each, given back")
}

/// Of any number who take at once as many are granted as there are.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn a_race_is_granted_the_burst_and_no_more<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    let (limit, budget) = (Arc::new(limit), of(1, 30)?);
    let granted = race(64, |_| take_once(Arc::clone(&limit), vec![budget], now)).await?;
    want(granted.iter().filter(|granted| **granted).count(), 30, "of 64 at once, with a budget of 30")
}

/// Who finds the second budget spent has not lost of the first.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn a_race_for_two_budgets_costs_nobody_else<R: RateLimit>(limit: R, now: Timestamp) -> Result<(), Failure> {
    let (limit, shared) = (Arc::new(limit), network(0, 10)?);
    let own = (0..32).map(|number| of(number, 1)).collect::<Result<Vec<_>, _>>()?;
    let pair = |number: usize| own.get(number).map_or_else(|| vec![shared], |own| vec![*own, shared]);
    let granted = race(own.len(), |number| take_once(Arc::clone(&limit), pair(number), now)).await?;
    want(granted.iter().filter(|granted| **granted).count(), 10, "of 32 at once, with ten that all share")?;
    for (budget, granted) in own.iter().zip(granted) {
        let taken = limit.take(&[*budget], now).await?;
        want(taken == Taken::Granted, !granted, "whether one's own budget is whole")?;
    }
    Ok(())
}

/// After the seconds it says, one is granted.
///
/// # Errors
///
/// [`Failure`], with what was seen.
///
/// # Cancel safety
///
/// As [`run`].
pub async fn it_says_when_to_come_back<R: RateLimit>(
    limit: R,
    clock: &impl Clock,
    wait: impl AsyncFn(u32),
) -> Result<(), Failure> {
    let budget = Budget::address(host(1), Quota::new(2, 4)?);
    let mut taken = Taken::Granted;
    // Time may go on meanwhile.
    for _ in 0..100 {
        taken = limit.take(&[budget], clock.now()?).await?;
        if taken != Taken::Granted {
            break;
        }
    }
    let (_, secs) = spent(taken, "a hundred of two in four seconds")?;
    if !(1..=2).contains(&secs) {
        return Err(Failure::new(format!("one comes back in 2 s, not in {secs}")));
    }
    wait(secs).await;
    want(limit.take(&[budget], clock.now()?).await?, Taken::Granted, "after the wait")
}

fn network(number: u16, burst: u32) -> Result<Budget, Failure> {
    let address = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, number, 0, 0, 0, 7));
    Budget::network64(address, Quota::new(burst, DAY)?).ok_or_else(|| Failure::new("the suite made a wrong address"))
}

/// One budget of each scope.
fn every_scope(burst: u32) -> Result<Vec<Budget>, Failure> {
    let (quota, v6) = (Quota::new(burst, DAY)?, IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)));
    // Of one host, so that what they are kept by differs in the scope alone, wherever it can.
    let networks = [Budget::network64(v6, quota), Budget::network48(v6, quota)];
    let others = [
        Budget::address(v6, quota),
        Budget::webauthn(v6, quota),
        Budget::webauthn(host(1), quota),
        Budget::destination([1; 32], quota),
        Budget::global(quota),
    ];
    Ok([of(1, burst)?].into_iter().chain(networks.into_iter().flatten()).chain(others).collect())
}

async fn take_once<R: RateLimit>(limit: Arc<R>, of: Vec<Budget>, now: Timestamp) -> Result<bool, Failure> {
    Ok(limit.take(&of, now).await? == Taken::Granted)
}

/// Starts `tasks` tasks at once; returns what they return, in their order.
async fn race<F>(tasks: usize, mut start: impl FnMut(usize) -> F) -> Result<Vec<bool>, Failure>
where
    F: Future<Output = Result<bool, Failure>> + Send + 'static,
{
    let gate = Arc::new(Barrier::new(tasks));
    let mut running = JoinSet::new();
    for number in 0..tasks {
        let (gate, task) = (Arc::clone(&gate), start(number));
        running.spawn(async move {
            gate.wait().await;
            (number, task.await)
        });
    }
    let mut ended = Vec::new();
    while let Some(end) = running.join_next().await {
        let (number, granted) = end?;
        ended.push((number, granted?));
    }
    ended.sort_unstable();
    Ok(ended.into_iter().map(|(_, granted)| granted).collect())
}

/// A property that does not hold, and how that was seen.
#[derive(Debug)]
pub struct Failure {
    property: Option<&'static str>,
    what: String,
    source: Option<BoxError>,
}

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self { property: None, what: what.into(), source: None }
    }

    /// Returns the name of the property's function, where [`run`] called it.
    #[must_use]
    pub const fn property(&self) -> Option<&str> {
        self.property
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(property) = self.property {
            write!(f, "{property}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| -> &(dyn std::error::Error + 'static) { source })
    }
}

/// Lets `?` carry the errors that can happen on the way.
macro_rules! failure_from {
    ($($error:ty => $what:literal,)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { property: None, what: format!("{}: {error}", $what), source: Some(error.into()) }
            }
        })*
    };
}

failure_from! {
    RateLimitError => "the rate limit ended with an error",
    ClockError => "the clock cannot be read",
    ConfigError => "the suite made a wrong quota",
    tokio::task::JoinError => "a task of the suite ended early",
}

/// Fails with what was seen unless it is what was wanted.
#[expect(clippy::needless_pass_by_value, reason = "most of what is wanted is made in the call")]
fn want<T: PartialEq + fmt::Debug>(seen: T, wanted: T, about: &str) -> Result<(), Failure> {
    if seen == wanted { Ok(()) } else { Err(Failure::new(format!("{about}: wanted {wanted:?}, saw {seen:?}"))) }
}

fn spent(taken: Taken, about: &str) -> Result<(Scope, u32), Failure> {
    match taken {
        Taken::Spent { scope, retry_after } => Ok((scope, retry_after)),
        Taken::Granted => Err(Failure::new(format!("{about} was granted"))),
    }
}
