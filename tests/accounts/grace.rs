//! How a grace is used up, and that nothing a client does gives any of it back.

use proptest::prelude::*;
use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::Aal;
use tower_mfa::clock::Timestamp;
use tower_mfa::policy::{Grace, Login, LoginRule};
use tower_mfa::service::{Enroller, LoginOutcome, Reply, Tokens};
use tower_mfa::testing::Fault;

use crate::login_modes::{counted, enrol, lenient_beside, status, strictly, under, until, word};
use crate::scene::{
    Person, START, Scene, answered, challenged, cheap, complete, is_unavailable, refusal, subject, ticket,
};

/// Rows: GHSA-xg6x-h9c9-2m83, CVE-2026-9091
#[tokio::test]
async fn a_grace_lets_as_many_sign_in_as_it_says_and_then_nobody_without_an_authenticator() {
    let s = under(counted(3));
    for left in [2, 1, 0] {
        let by = s.signed_in("alice").await;
        assert_eq!(status(&s, Enroller::Session(&by)).await.0, "required");
        let due = s.events("alice").await.pop().unwrap();
        assert_eq!((due.kind, due.count, due.until), (EventKind::EnrolmentDue, Some(left), None));
        assert_eq!(due.sid.map(|sid| sid.to_string()).as_deref(), by.session());
    }
    let token = ticket(s.begin("alice").await);
    assert_eq!(status(&s, Enroller::Token(&token)).await, ("required", None));
    let token = ticket(s.begin("alice").await);
    assert_eq!(s.count("alice", EventKind::EnrolmentDue).await, 3, "who was refused was not counted");
    let person = enrol(&s, &token).await;
    assert_eq!(status(&s, Enroller::Session(&person.by)).await, ("complete", None));
    s.sign_in("alice", &person.app).await;
    assert_eq!(s.count("alice", EventKind::EnrolmentDue).await, 3);
}

#[tokio::test]
async fn a_grace_until_a_date_ends_on_that_second_and_the_status_says_when() {
    let s = under(until(86_400));
    let end = Timestamp::from_secs(START + 86_400);
    let by = s.signed_in("alice").await;
    assert_eq!(status(&s, Enroller::Session(&by)).await, ("required", Some(end)));
    let due = s.events("alice").await.pop().unwrap();
    assert_eq!((due.kind, due.count, due.until), (EventKind::EnrolmentDue, None, Some(end)));
    s.clock.advance(86_399);
    complete(s.begin("alice").await);
    s.clock.advance(1);
    ticket(s.begin("alice").await);
    // The clock goes back: what had passed stays passed for this account.
    s.clock.go_back(200);
    let token = ticket(s.begin("alice").await);
    assert_eq!(status(&s, Enroller::Token(&token)).await, ("required", None));
}

#[tokio::test]
async fn of_a_date_and_a_count_what_comes_first_ends_the_grace() {
    let both = |secs, sign_ins| {
        Login::RequiredAfter(Grace::new(Some(Timestamp::from_secs(START + secs)), Some(sign_ins)).unwrap())
    };
    let s = under(both(86_400, 1));
    complete(s.begin("alice").await);
    ticket(s.begin("alice").await);
    let s = under(both(60, 5));
    complete(s.begin("alice").await);
    s.clock.advance(60);
    ticket(s.begin("alice").await);
}

#[tokio::test]
async fn a_clock_that_goes_back_gives_no_sign_in_back() {
    let s = under(counted(2));
    complete(s.begin("alice").await);
    s.clock.go_back(250);
    complete(s.begin("alice").await);
    ticket(s.begin("alice").await);
}

/// Rows: GHSA-jhmr-57cj-q6g9
#[tokio::test]
async fn logins_that_race_use_up_a_grace_no_slower_than_one_after_the_other() {
    let s = under(counted(3));
    let racing: Vec<_> = (0..12)
        .map(|_| {
            let s = s.clone();
            tokio::spawn(async move { word(&s.begin("alice").await) })
        })
        .collect();
    let mut complete = 0;
    for login in racing {
        complete += usize::from(login.await.unwrap() == "complete");
    }
    assert_eq!(complete, 3);
}

#[tokio::test]
async fn a_login_that_was_not_committed_is_not_counted() {
    let s = under(counted(1));
    s.store.set(Some(Fault::NotCommitted));
    assert!(is_unavailable(s.mfa.begin(s.first("alice")).await));
    s.store.set(None);
    complete(s.begin("alice").await);
    ticket(s.begin("alice").await);
}

/// Rows: CVE-2019-16766
#[tokio::test]
async fn removing_an_authenticator_again_opens_no_second_grace() {
    for (mode, before) in [(counted(3), 2), (until(86_400), 0)] {
        let s = under(lenient_beside(LoginRule::new("strict").mode(mode)));
        for _ in 0..before {
            complete(strictly(&s).await);
        }
        let by = s.auth(&complete(strictly(&s).await));
        let person = s.bind(&by).await;
        // The strict client does not let it go, and the lenient one does.
        let id = person.bound.authenticator.id;
        assert!(matches!(refusal(s.mfa.remove(&person.by, id).await), Refusal::Conflict(_)), "{mode:?}");
        assert!(matches!(refusal(s.mfa.disable(&person.by, None, None).await), Refusal::Forbidden(_)));
        let lenient = s.auth(&s.sign_in_anew("alice", &person.app).await);
        s.mfa.remove(&lenient, id).await.unwrap();
        complete(s.begin("alice").await);
        ticket(strictly(&s).await);
    }
}

#[tokio::test]
async fn binding_and_removing_elsewhere_gives_no_sign_in_back() {
    let s = under(lenient_beside(LoginRule::new("strict").mode(counted(2))));
    complete(strictly(&s).await);
    let person = s.enrolled("alice").await;
    s.mfa.remove(&person.by, person.bound.authenticator.id).await.unwrap();
    complete(strictly(&s).await);
    ticket(strictly(&s).await);
}

#[tokio::test]
async fn whoever_once_signed_in_with_what_is_required_has_no_grace_left() {
    let s = under(lenient_beside(LoginRule::new("strict").mode(counted(5))));
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(strictly(&s).await);
    answered(s.answer(&asked, Reply::totp(person.app.code(s.now()))).await.unwrap());
    let lenient = s.auth(&s.sign_in_anew("alice", &person.app).await);
    s.mfa.disable(&lenient, None, None).await.unwrap();
    ticket(strictly(&s).await);
    // Nor does an operator's reset give one; what it leaves is the enrolment.
    s.mfa.reset(&subject("alice"), "root", "lost it").await.unwrap();
    let person = enrol(&s, &ticket(strictly(&s).await)).await;
    assert_eq!(person.by.assurance().level(), Aal::Two);
}

/// Rows: GHSA-xg6x-h9c9-2m83
#[tokio::test]
async fn a_session_of_a_password_alone_is_refreshed_no_longer_than_a_login_would_give_it() {
    let s = under(until(86_400));
    let tokens = s.password("alice").await;
    s.clock.advance(86_399);
    let tokens = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    s.clock.advance(1);
    let late = s.mfa.refresh(tokens.refresh_token().unwrap()).await;
    assert_eq!(refusal(late), Refusal::InvalidToken, "the grace is over");
    let person = enrol(&s, &ticket(s.begin("alice").await)).await;
    drop(s.mfa.refresh(person.bound.tokens.refresh_token().unwrap()).await.unwrap());
}

/// Rows: CVE-2022-30689
#[tokio::test]
async fn a_grace_is_used_up_across_processes_and_restarts() {
    let s = under(counted(2));
    complete(s.begin("alice").await);
    // Another process on the same store, with the same policy.
    let again = crate::scene::builder(s.store.clone(), &s.clock, &s.heard)
        .policy(cheap().login(counted(2)).build().unwrap())
        .build()
        .unwrap();
    complete(again.begin(s.first("alice")).await.unwrap());
    ticket(again.begin(s.first("alice")).await.unwrap());
    ticket(s.begin("alice").await);
}

/// What whoever knows the password may do: through the strict client, through the one that asks for
/// nothing, and at another time.
#[derive(Debug, Clone, Copy)]
enum Op {
    SignIn,
    SignInElsewhere,
    Bind,
    BindElsewhere,
    Remove,
    Wait(u64),
    GoBack(u64),
    Refresh,
    Reset,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::SignIn),
        1 => Just(Op::SignInElsewhere),
        2 => Just(Op::Bind),
        2 => Just(Op::BindElsewhere),
        3 => Just(Op::Remove),
        2 => (1..400_u64).prop_map(Op::Wait),
        1 => (1..250_u64).prop_map(Op::GoBack),
        1 => Just(Op::Refresh),
        1 => Just(Op::Reset),
    ]
}

/// What the property counts: sign-ins of the strict client that a password alone completed.
struct Count {
    s: Scene,
    allowed: u32,
    end: u64,
    complete: u32,
    /// The latest time the account has been used at.
    latest: u64,
    last: Option<Tokens>,
    person: Option<Person>,
}

impl Count {
    fn note(&mut self, is_complete: bool) {
        self.latest = self.latest.max(self.s.now().as_secs());
        if is_complete {
            self.complete += 1;
            assert!(self.complete <= self.allowed, "one more than the grace has");
            assert!(self.latest < self.end, "the date has passed");
        }
    }

    async fn sign_in(&mut self) -> LoginOutcome {
        let outcome = strictly(&self.s).await;
        self.note(matches!(outcome, LoginOutcome::Complete(_)));
        outcome
    }

    async fn perform(&mut self, op: Op) {
        match op {
            Op::SignIn => {
                if let LoginOutcome::Complete(tokens) = self.sign_in().await {
                    self.last = Some(tokens);
                }
            }
            Op::Bind if self.person.is_none() => {
                self.person = Some(match self.sign_in().await {
                    LoginOutcome::Complete(tokens) => self.s.bind(&self.s.auth(&tokens)).await,
                    outcome => enrol(&self.s, &ticket(outcome)).await,
                });
            }
            Op::SignInElsewhere => {
                complete(self.s.begin("alice").await);
                self.note(false);
            }
            Op::BindElsewhere if self.person.is_none() => {
                self.person = Some(self.s.enrolled("alice").await);
                self.note(false);
            }
            Op::Remove => {
                let Some(person) = self.person.take() else { return };
                // No code is taken twice, so the clock catches up first.
                self.s.clock.advance(self.latest.saturating_sub(self.s.now().as_secs()));
                let tokens = self.s.sign_in_anew("alice", &person.app).await;
                self.s.mfa.remove(&self.s.auth(&tokens), person.bound.authenticator.id).await.unwrap();
                self.note(false);
            }
            Op::Refresh => {
                let Some(last) = self.last.take() else { return };
                if self.s.mfa.refresh(last.refresh_token().unwrap()).await.is_ok() {
                    assert!(self.latest.max(self.s.now().as_secs()) < self.end, "refreshed behind the date");
                }
            }
            Op::Reset => {
                self.s.mfa.reset(&subject("alice"), "root", "why").await.unwrap();
                self.person = None;
                self.note(false);
            }
            Op::Wait(secs) => self.s.clock.advance(secs),
            // Farther than the tolerance nothing is decided at all.
            Op::GoBack(secs) if self.s.now().as_secs() - secs + 250 >= self.latest => self.s.clock.go_back(secs),
            Op::Bind | Op::BindElsewhere | Op::GoBack(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_things_gives_a_password_more_than_its_grace(
        allowed in 1..4_u32,
        secs in 1..2_000_u64,
        ops in prop::collection::vec(op(), 1..24),
    ) {
        let end = START + secs;
        let grace = Grace::new(Some(Timestamp::from_secs(end)), Some(allowed)).unwrap();
        let login = lenient_beside(LoginRule::new("strict").mode(Login::RequiredAfter(grace)));
        let s = under(login);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut count = Count { s, allowed, end, complete: 0, latest: START, last: None, person: None };
            complete(count.s.begin("alice").await);
            for op in ops {
                count.perform(op).await;
            }
        });
    }
}
