//! Budgets that replicas share.

use std::sync::Arc;

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::clock::{Clock, SystemClock, Timestamp};
use tower_mfa::id::Subject;
use tower_mfa::rate_limit::{Budget, Quota, RateLimit, RateLimits, Taken, conformance};
use tower_mfa::service::{Enroller, Keys, LoginChallenge, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment};
use tower_mfa::store::{MemoryStore, RedisStore};
use tower_mfa::testing::AuthenticatorApp;

use crate::server::{Own, Place};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn budgets_in_redis_conform() {
    for place in Place::both("budgets") {
        let wait = async |secs: u32| tokio::time::sleep(std::time::Duration::from_secs(secs.into())).await;
        conformance::run(async || place.fresh().await, &SystemClock, wait).await.unwrap();
    }
}

/// What is forgotten when its time is over takes no room for ever.
#[tokio::test]
async fn a_budget_leaves_nothing_behind_when_it_is_full_again() {
    for place in Place::both("what budgets leave behind") {
        let store = place.store().await;
        let of = |number: u8, per| Budget::destination([number; 32], Quota::new(2, per).unwrap());
        let now = Timestamp::EPOCH;
        let budgets = || place.keys().into_iter().filter(|key| key.contains(":budget:")).count();
        assert_eq!(store.take(&[of(1, 86_400), of(2, 86_400)], now).await.unwrap(), Taken::Granted);
        assert_eq!(budgets(), 2);
        let expiring = |key: &String| -> bool {
            let ask = |c: &mut redis::Connection| redis::cmd("TTL").arg(key).query::<i64>(c);
            place.plain().iter_mut().any(|connection| ask(connection).is_ok_and(|secs| (1..=43_200).contains(&secs)))
        };
        assert!(place.keys().iter().filter(|key| key.contains(":budget:")).all(expiring));
        store.give_back(&[of(1, 86_400), of(2, 86_400)], now).await.unwrap();
        assert_eq!(budgets(), 0);
    }
}

/// A service of its own, with its own documents, and budgets that it shares.
fn replica(limit: RedisStore) -> Mfa {
    Mfa::builder(MemoryStore::new())
        .issuer("https://id.example")
        .audience("api")
        .keys(Keys::generate().unwrap())
        .rate_limit(limit)
        .rate_limits(RateLimits::new().address(Quota::new(4, 86_400).unwrap()))
        .build()
        .unwrap()
}

async fn begun(mfa: &Mfa) -> LoginOutcome {
    let now = SystemClock.now().unwrap();
    mfa.begin(FirstFactor::password_checked_by_host(Subject::new("alice").unwrap(), now)).await.unwrap()
}

/// Somebody who is asked for a code.
async fn asked(mfa: &Mfa) -> LoginChallenge {
    let LoginOutcome::Complete(tokens) = begun(mfa).await else { panic!("nothing is bound yet") };
    let session = mfa.authenticate(tokens.access_token().expose()).unwrap();
    let started = mfa.enrol_totp(Enroller::Session(&session), TotpEnrolment::new()).await.unwrap();
    let app = AuthenticatorApp::scan(started.otpauth_uri.expose()).unwrap();
    let code = app.code(SystemClock.now().unwrap());
    mfa.confirm(Enroller::Session(&session), started.id, code).await.unwrap();
    let LoginOutcome::Challenge(asked) = begun(mfa).await else { panic!("an app is bound") };
    asked
}

async fn guess(mfa: &Mfa, asked: &LoginChallenge) -> Refusal {
    let reply = Reply::totp_of("none of hers", "000000");
    mfa.answer(Responder::Token(&asked.token), asked.id, reply).await.unwrap_err().refusal().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_what_an_address_may_try() {
    for place in Place::both("a budget of two replicas") {
        let (one, other) = (replica(place.store().await), replica(place.store().await));
        let from = |mfa: &Mfa, address: &str| mfa.from_address(address);
        let (hers, his) = (asked(&one).await, asked(&other).await);
        for number in 0..4 {
            let (mfa, asked) = if number % 2 == 0 { (&one, &hers) } else { (&other, &his) };
            let refused = guess(&from(mfa, "192.0.2.66"), asked).await;
            assert!(!matches!(refused, Refusal::Throttled { retry_after: 1_000.. }), "{number}: {refused:?}");
        }
        for (mfa, asked) in [(&one, &hers), (&other, &his)] {
            let refused = guess(&from(mfa, "192.0.2.66"), asked).await;
            assert!(matches!(refused, Refusal::Throttled { retry_after: 1_000.. }), "{refused:?}");
        }
        let refused = guess(&from(&one, "192.0.2.7"), &hers).await;
        assert!(!matches!(refused, Refusal::Throttled { retry_after: 1_000.. }), "another address: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_budgets_cannot_be_asked_nothing_is_checked() {
    if !Own::is_there("budgets whose server is gone") {
        return;
    }
    let server = Own::durable();
    let place = Place::on(server.url());
    let mfa = Arc::new(replica(place.store().await));
    let asked = asked(&mfa).await;
    assert!(matches!(guess(&mfa.from_address("192.0.2.7"), &asked).await, Refusal::InvalidCode { .. }));
    drop(server);
    for address in ["192.0.2.7", "2001:db8::7"] {
        let refused = guess(&mfa.from_address(address), &asked).await;
        assert!(matches!(refused, Refusal::Unavailable { .. }), "{refused:?}");
    }
    // What needs no answer of anybody goes on.
    assert!(matches!(begun(&mfa).await, LoginOutcome::Challenge(_)));
}
