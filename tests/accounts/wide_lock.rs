//! Ten failures of whatever kind lock the user, where policy counts the account as a whole.

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::policy::presets::pci_dss_4;
use tower_mfa::policy::{LockSchedule, Login};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Reply, Responder};

use crate::presets::cheaply;
use crate::scene::{Current, Person, Scene, answered, challenged, cheap, refusal, scan, subject};

const WRONG_RECOVERY: &str = "0000-0000-0000-0000";

async fn bank() -> (Scene, Person) {
    let s = Scene::with(cheaply(pci_dss_4()).build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    s.clock.advance(30);
    (s, alice)
}

impl Scene {
    fn wrong(&self, person: &Person) -> Reply {
        let right = person.app.code(self.now());
        let near = [self.now().minus(30), self.now(), self.now().plus(30)].map(|at| person.app.code(at));
        let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code) && *code != right);
        Reply::totp(wrong.unwrap())
    }

    /// Fails `times` at login, with wrong codes of the app and wrong recovery codes in turn; returns what was
    /// last said.
    async fn fail(&self, person: &Person, times: usize) -> Refusal {
        let mut said = None;
        for n in 0..times {
            let asked = challenged(self.begin("alice").await);
            let reply = if n % 2 == 0 { self.wrong(person) } else { Reply::recovery_code(WRONG_RECOVERY) };
            said = Some(refusal(self.answer(&asked, reply).await));
        }
        said.unwrap()
    }
}

#[tokio::test]
async fn pci_8_3_4_ten_failures_of_all_kinds_together_lock_the_user_for_thirty_minutes() {
    let (s, alice) = bank().await;
    assert_eq!(s.fail(&alice, 9).await, Refusal::InvalidCode { attempts_remaining: 1, retry_after: None });
    let asked = challenged(s.begin("alice").await);
    let tenth = s.fail(&alice, 1).await;
    assert_eq!(tenth, Refusal::InvalidCode { attempts_remaining: 0, retry_after: Some(1_800) });
    // Right or wrong, of whatever kind, by whatever challenge: nothing is looked at.
    let code = alice.bound.recovery_codes.as_ref().unwrap()[0].expose();
    for reply in [Reply::totp(alice.app.code(s.now())), Reply::recovery_code(code), s.wrong(&alice)] {
        assert_eq!(refusal(s.answer(&asked, reply).await), Refusal::Throttled { retry_after: 1_800 });
    }
    let commits = s.store.commits();
    let blocked = s.begin("alice").await;
    assert!(matches!(blocked, LoginOutcome::Blocked { throttled_for: Some(1_800), .. }), "{blocked:?}");
    assert_eq!(s.store.commits(), commits);
    let locks: Vec<_> = s.events("alice").await.into_iter().filter(|event| event.kind == EventKind::Locked).collect();
    assert_eq!((locks.len(), locks[0].authenticator_id, locks[0].detail.as_deref()), (1, None, Some("account")));
    s.clock.advance(1_799);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Blocked { throttled_for: Some(1), .. }));
    s.clock.advance(1);
    s.sign_in("alice", &alice.app).await;
}

/// Rows: PCI-8.3.4
#[tokio::test]
async fn failures_are_not_forgotten_with_time_and_are_with_a_success() {
    let (s, alice) = bank().await;
    s.fail(&alice, 9).await;
    s.clock.advance(20 * 86_400);
    assert_eq!(s.fail(&alice, 1).await, Refusal::InvalidCode { attempts_remaining: 0, retry_after: Some(1_800) });
    s.clock.advance(1_800);
    s.fail(&alice, 9).await;
    s.sign_in("alice", &alice.app).await;
    assert_eq!(s.fail(&alice, 9).await, Refusal::InvalidCode { attempts_remaining: 1, retry_after: None });
    // Or until the user is identified: by an operator.
    s.fail(&alice, 1).await;
    s.mfa.unlock(&subject("alice"), "ops-7", "called back and identified").await.unwrap();
    s.sign_in("alice", &alice.app).await;
}

/// An attempt with a recovery code counts as a failure before it is looked at: as the tenth it locks, and a right
/// one takes all of it back.
#[tokio::test]
async fn a_right_recovery_code_as_the_tenth_attempt_is_a_success_and_forgets_the_nine() {
    let (s, alice) = bank().await;
    s.fail(&alice, 9).await;
    let code = alice.bound.recovery_codes.as_ref().unwrap()[0].expose();
    let asked = challenged(s.begin("alice").await);
    assert!(s.answer(&asked, Reply::recovery_code(code)).await.is_ok());
    assert_eq!(s.fail(&alice, 9).await, Refusal::InvalidCode { attempts_remaining: 1, retry_after: None });
    s.sign_in("alice", &alice.app).await;
}

/// Rows: PCI-8.3.4
#[tokio::test]
async fn a_session_has_no_budget_of_its_own_but_its_token_stays_good() {
    let (s, alice) = bank().await;
    s.fail(&alice, 8).await;
    let opened = s.mfa.open_challenge(&alice.by, ChallengeRequest::new().max_age(0)).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("it is asked for anew") };
    let answer = |reply| s.mfa.answer(Responder::Session(&alice.by), view.id, reply);
    assert_eq!(
        refusal(answer(s.wrong(&alice)).await),
        Refusal::InvalidCode { attempts_remaining: 1, retry_after: None },
        "its failures are the user's"
    );
    assert!(matches!(
        refusal(answer(Reply::recovery_code(WRONG_RECOVERY)).await),
        Refusal::InvalidCode { attempts_remaining: 0, retry_after: Some(1_800) }
    ));
    let right = Reply::totp(alice.app.code(s.now()));
    assert_eq!(refusal(answer(right).await), Refusal::Throttled { retry_after: 1_800 });
    assert!(s.mfa.sessions(&alice.by, None, 50).await.is_ok());
    assert!(matches!(s.begin("alice").await, LoginOutcome::Blocked { .. }));
}

/// What policy no longer asks for holds nobody back; what was counted is there again with the policy.
#[tokio::test]
async fn a_lock_of_the_whole_account_holds_only_where_policy_counts_the_account() {
    let locking = LockSchedule::new(10, u32::MAX, &[1_800]);
    let (wide, single) = (
        cheap().login(Login::Required).lock(locking.clone().account_wide()),
        cheap().login(Login::Required).lock(locking),
    );
    let current = Current::of(wide.clone());
    let s = Scene::sourced(current.clone());
    let alice = s.enrolled_by_ticket("alice").await;
    s.clock.advance(30);
    s.fail(&alice, 10).await;
    assert!(matches!(s.begin("alice").await, LoginOutcome::Blocked { throttled_for: Some(1_800), .. }));
    current.set(single.clone());
    let asked = challenged(s.begin("alice").await);
    current.set(wide);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Blocked { throttled_for: Some(1_800), .. }));
    let right = || Reply::totp(alice.app.code(s.now()));
    assert_eq!(refusal(s.answer(&asked, right()).await), Refusal::Throttled { retry_after: 1_800 });
    current.set(single);
    answered(s.answer(&asked, right()).await.unwrap());
}

/// What is only being bound is no way in: a slip there locks nobody's account.
#[tokio::test]
async fn slips_while_binding_do_not_lock_the_account() {
    let (s, alice) = bank().await;
    let started = s.start(&alice.by).await.unwrap();
    let second = scan(&started);
    for _ in 0..10 {
        let foreign = second.code(s.now().plus(86_400));
        let refused = s.mfa.confirm(Enroller::Session(&alice.by), started.id, foreign).await;
        assert!(refused.is_err());
    }
    s.sign_in("alice", &alice.app).await;
}
