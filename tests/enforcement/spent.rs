//! What was spent is remembered for as long as it could be good, and no longer.

use tower_mfa::id::Subject;
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest};
use tower_mfa::token::{Redeem as _, Redeemed};

use crate::bank::{ACTION, Bank};
use crate::transaction::{HUNDRED, hundred_to_bob};

/// After a clock that had jumped is set right, nothing that was approved in between is good again.
#[tokio::test]
async fn a_spent_approval_stays_spent_when_a_jumped_clock_is_reset() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    let token = tokens.access_token().expose();
    assert_eq!(bank.send(Some(token), HUNDRED).await.0, 200);
    bank.clock.advance(700);
    let _elsewhere = bank.password("alice").await;
    bank.clock.go_back(700);
    assert_eq!(bank.send(Some(token), HUNDRED).await.0, 503, "the clock stands behind");
    let subject = Subject::new("alice").unwrap();
    bank.mfa.unlock(&subject, "root", "the clock is right again").await.unwrap();
    assert_eq!(bank.send(Some(token), HUNDRED).await.0, 401);
    assert_eq!(bank.moved(), 1);
}

/// Who may spend it at all has looked at the clock; a store that has forgotten what was spent must not let it be again.
#[tokio::test]
async fn cs_ta_1_an_approval_that_has_lapsed_is_not_spent_any_more() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let spent = bank.approved(&mut alice, hundred_to_bob()).await;
    let spent = bank.session(&spent);
    assert_eq!(bank.mfa.redeem(&spent).await.unwrap(), Redeemed::Now);
    // Five minutes, and five more by the slowest clock that honours it.
    bank.clock.advance(599);
    assert_eq!(bank.mfa.redeem(&spent).await.unwrap(), Redeemed::Before);
    bank.clock.advance(1);
    assert_eq!(bank.mfa.redeem(&spent).await.unwrap(), Redeemed::Void);
    let unused = bank.approved(&mut alice, hundred_to_bob()).await;
    let unused = bank.session(&unused);
    bank.clock.advance(600);
    assert_eq!(bank.mfa.redeem(&unused).await.unwrap(), Redeemed::Void);
}

/// More approvals than are remembered are refused, not forgotten; when they have lapsed there is room.
#[tokio::test]
async fn a_full_memory_of_spent_approvals_refuses() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let mut outcomes = Vec::new();
    for _ in 0..66 {
        let plain = bank.mfa.open_challenge(&alice.session, ChallengeRequest::new().action(ACTION)).await.unwrap();
        let ChallengeOutcome::Complete(plain) = plain else { panic!("the code is fresh") };
        outcomes.push(bank.mfa.redeem(&bank.session(&plain.tokens)).await.is_ok());
    }
    assert_eq!(outcomes.iter().filter(|ok| **ok).count(), 64);
    bank.clock.advance(500);
    let mut alice = alice;
    let tokens = bank.approved(&mut alice, hundred_to_bob()).await;
    assert_eq!(bank.send(Some(tokens.access_token().expose()), HUNDRED).await.0, 503, "none may be forgotten yet");
    bank.clock.advance(100);
    assert_eq!(
        bank.send(Some(tokens.access_token().expose()), HUNDRED).await.0,
        200,
        "though nothing was written since"
    );
}
