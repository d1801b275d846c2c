//! Budgets: the suite on what there is, on one written by an outsider and on careless ones; and the table of this
//! process when somebody fills it.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a helper of a test may panic like the test")]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use tower_mfa::clock::Timestamp;
use tower_mfa::rate_limit::{Budget, InProcess, Quota, RateLimit, RateLimitError, Taken, conformance};
use tower_mfa::testing::ManualClock;

const NOW: u64 = 1_800_000_000;

fn quota(burst: u32, per: u32) -> Quota {
    Quota::new(burst, per).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_secs(NOW)
}

async fn conforms<R: RateLimit>(fresh: impl AsyncFn() -> R) -> Result<(), conformance::Failure> {
    let clock = ManualClock::at(NOW);
    conformance::run(fresh, &clock, async |secs: u32| clock.advance(secs.into())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn budgets_in_this_process_conform() {
    conforms(async || InProcess::default()).await.unwrap();
    conforms(async || InProcess::with_capacity(0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_public_types_are_enough_for_one_of_ones_own() {
    conforms(async || Toy::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_suite_finds_what_is_careless() {
    for (careless, property) in [
        (Careless::OneMore, "a_budget_gives_its_burst"),
        (Careless::KeepsAll, "what_is_given_back_is_there_again"),
        (Careless::GivesAnything, "nobody_has_more_than_the_burst"),
        (Careless::OneKey, "a_budget_gives_its_burst"),
        (Careless::ForgetsTheScope, "a_budget_gives_its_burst"),
        (Careless::TakesSome, "it_takes_from_all_or_none"),
        (Careless::ChecksThenActs, "a_race_is_granted_the_burst_and_no_more"),
        (Careless::WaitsTooShort, "it_says_when_to_come_back"),
    ] {
        let failure = conforms(async || Toy { careless: Some(careless), ..Toy::default() }).await.unwrap_err();
        assert_eq!(failure.property(), Some(property), "{careless:?}: {failure}");
    }
}

/// Whoever has more addresses than are told apart has no more for it, and no sweep is made over all of them.
#[tokio::test]
async fn a_full_table_counts_newcomers_as_what_they_push_out() {
    let (limit, quota) = (InProcess::with_capacity(512), quota(3, 300));
    let host = |number: u32| Budget::address(IpAddr::V4(Ipv4Addr::from_bits(number)), quota);
    let mut granted = 0_u32;
    for round in 0..3 {
        for number in 0..5_000 {
            granted += u32::from(limit.take(&[host(number)], now()).await.unwrap() == Taken::Granted);
        }
        assert_eq!(granted, 3 * 512, "round {round}: as many as there is room for, each with its own");
    }
    // Whoever comes when all is spent waits like those who have spent it, and no longer than that.
    let Taken::Spent { retry_after, .. } = limit.take(&[host(1 << 31)], now()).await.unwrap() else { panic!("free") };
    assert_eq!(retry_after, 100);
    assert_eq!(limit.take(&[host(1 << 31)], now().plus(100)).await.unwrap(), Taken::Granted);
}

#[tokio::test]
async fn whoever_was_wrong_is_still_known_after_a_flood_of_others() {
    let (limit, quota) = (InProcess::with_capacity(512), quota(3, 300));
    let host = |number: u128| Budget::address(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + number)), quota);
    for _ in 0..3 {
        assert_eq!(limit.take(&[host(0)], now()).await.unwrap(), Taken::Granted);
    }
    for number in 1..10_000 {
        let _ = limit.take(&[host(number)], now()).await.unwrap();
    }
    assert_ne!(limit.take(&[host(0)], now()).await.unwrap(), Taken::Granted);
}

/// A /50 of IPv6 is enough to fill what is kept of it.
#[tokio::test]
async fn whoever_has_all_addresses_of_one_kind_has_no_say_over_the_other() {
    let (limit, quota) = (InProcess::with_capacity(512), quota(3, 300));
    let v6 = |number: u128| Budget::address(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) + number)), quota);
    for number in 0..20_000 {
        let _ = limit.take(&[v6(number)], now()).await.unwrap();
    }
    assert_ne!(limit.take(&[v6(1 << 64)], now()).await.unwrap(), Taken::Granted, "all there is was spent");
    let v4 = Budget::address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), quota);
    assert_eq!(limit.take(&[v4], now()).await.unwrap(), Taken::Granted);
}

#[tokio::test]
async fn two_services_of_one_process_may_share_one() {
    let shared = Arc::new(InProcess::default());
    let (one, other) = (Arc::clone(&shared), shared);
    let of = [Budget::global(quota(1, 300))];
    assert_eq!(RateLimit::take(&one, &of, now()).await.unwrap(), Taken::Granted);
    assert!(matches!(RateLimit::take(&other, &of, now()).await.unwrap(), Taken::Spent { .. }));
    RateLimit::give_back(&one, &of, now()).await.unwrap();
    assert_eq!(RateLimit::take(&other, &of, now()).await.unwrap(), Taken::Granted);
}

#[tokio::test]
async fn those_who_have_nothing_to_pay_take_no_room_from_others() {
    let (limit, quota) = (InProcess::with_capacity(512), quota(3, 300));
    let host = |number: u32| Budget::address(IpAddr::V4(Ipv4Addr::from_bits(number)), quota);
    for number in 0..5_000 {
        assert_eq!(limit.take(&[host(number)], now()).await.unwrap(), Taken::Granted, "{number}");
        limit.give_back(&[host(number)], now()).await.unwrap();
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_locks_nobody_out_for_as_long() {
    let (limit, of) = (InProcess::default(), [Budget::global(quota(30, 300))]);
    for _ in 0..30 {
        assert_eq!(limit.take(&of, now()).await.unwrap(), Taken::Granted);
    }
    let yesterday = now().minus(86_400);
    let Taken::Spent { retry_after, .. } = limit.take(&of, yesterday).await.unwrap() else { panic!("it was spent") };
    assert_eq!(retry_after, 10);
    assert_eq!(limit.take(&of, yesterday.plus(10)).await.unwrap(), Taken::Granted);
    // Nor does any other time break it.
    for now in [Timestamp::EPOCH, Timestamp::from_secs(u64::MAX)] {
        let _ = limit.take(&of, now).await.unwrap();
        limit.give_back(&of, now).await.unwrap();
    }
}

/// Who was right owes nothing, then or now.
#[tokio::test]
async fn a_clock_that_was_set_back_holds_up_nobody_who_was_right() {
    let (limit, of) = (InProcess::default(), [Budget::global(quota(3, 300))]);
    for _ in 0..10 {
        assert_eq!(limit.take(&of, now()).await.unwrap(), Taken::Granted);
        limit.give_back(&of, now()).await.unwrap();
    }
    let earlier = now().minus(3_600);
    for _ in 0..3 {
        assert_eq!(limit.take(&of, earlier).await.unwrap(), Taken::Granted);
    }
    assert_ne!(limit.take(&of, earlier).await.unwrap(), Taken::Granted);
}

/// A budget as somebody outside of the crate would keep it, with faults to switch on.
#[derive(Default)]
struct Toy {
    /// Microseconds until which each owes something.
    owed: Mutex<HashMap<String, u64>>,
    careless: Option<Careless>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Careless {
    OneMore,
    KeepsAll,
    GivesAnything,
    OneKey,
    ForgetsTheScope,
    TakesSome,
    ChecksThenActs,
    WaitsTooShort,
}

impl Toy {
    fn is(&self, careless: Careless) -> bool {
        self.careless == Some(careless)
    }

    fn name(&self, of: &Budget) -> String {
        match self.careless {
            Some(Careless::OneKey) => String::new(),
            Some(Careless::ForgetsTheScope) => of.name().contains(':').to_string(),
            _ => of.name(),
        }
    }

    fn look(&self, of: &Budget, now: u64) -> Result<u64, Taken> {
        let one = u64::from(of.quota().per()) * 1_000_000 / u64::from(of.quota().burst());
        let burst = u64::from(of.quota().burst()) + u64::from(self.is(Careless::OneMore));
        let owed = self.owed.lock().unwrap().get(&self.name(of)).copied().unwrap_or(0);
        let owed = if self.is(Careless::GivesAnything) && owed > 0 { owed } else { owed.max(now) };
        let wait = (owed + one).saturating_sub(now + one * burst).div_ceil(1_000_000);
        let wait = if self.is(Careless::WaitsTooShort) { wait.min(1) } else { wait };
        if wait == 0 { Ok(owed + one) } else { Err(Taken::spent(of.scope(), u32::try_from(wait).unwrap())) }
    }
}

impl RateLimit for Toy {
    async fn take(&self, of: &[Budget], now: Timestamp) -> Result<Taken, RateLimitError> {
        let now = now.as_secs() * 1_000_000;
        static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let turn = if self.is(Careless::ChecksThenActs) { None } else { Some(ONE_AT_A_TIME.lock().await) };
        let mut owed = Vec::new();
        for budget in of {
            match self.look(budget, now) {
                Ok(until) if self.is(Careless::TakesSome) => {
                    self.owed.lock().unwrap().insert(self.name(budget), until);
                }
                Ok(until) => owed.push((self.name(budget), until)),
                Err(spent) => return Ok(spent),
            }
        }
        if turn.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        self.owed.lock().unwrap().extend(owed);
        Ok(Taken::Granted)
    }

    async fn give_back(&self, of: &[Budget], _: Timestamp) -> Result<(), RateLimitError> {
        for budget in of.iter().filter(|_| !self.is(Careless::KeepsAll)) {
            let one = u64::from(budget.quota().per()) * 1_000_000 / u64::from(budget.quota().burst());
            let name = self.name(budget);
            let mut owed = self.owed.lock().unwrap();
            if let Some(owed) = owed.get_mut(&name) {
                *owed -= one;
            }
        }
        Ok(())
    }
}
