//! Every knob is checked when the policy is built, and the policy in force is that of the subject,
//! the client and the roles.

use std::sync::Arc;

use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::{Aal, Requirement};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::otp::{Period, Totp};
use tower_mfa::policy::{LockSchedule, Login, Policy, PolicyBuilder, PolicySource, SessionLimits, Who};
use tower_mfa::recovery_code::Count;
use tower_mfa::service::{Enroller, LoginOutcome, Reply};

use crate::scene::{Scene, answered, challenged, cheap, refusal};

const HOUR: u32 = 3_600;

fn refused(builder: PolicyBuilder) -> String {
    let error = builder.build().unwrap_err();
    assert!(error.to_string().contains(error.field()), "{error}");
    error.field().to_owned()
}

fn p() -> PolicyBuilder {
    Policy::builder()
}

/// Rows: N63B-3.2.2-a, N63B-3.1.4.2-f, ASVS-6.4.2
#[test]
fn a_number_outside_its_bounds_is_refused_by_name_and_the_bounds_are_allowed() {
    type Knob = fn(PolicyBuilder, u32) -> PolicyBuilder;
    let lock_of_one = || LockSchedule::new(1, 60, &[30]);
    let knobs: [(&str, Knob, u32, u32); 8] = [
        ("hard_limit", |b, n| b.hard_limit(n), 1, 100),
        ("elevated_budget", |b, n| b.elevated_budget(n), 1, 10),
        ("challenge_ttl", |b, n| b.challenge_ttl(n), 1, 600),
        ("enrolment_ttl", |b, n| b.enrolment_ttl(n), 1, 3_600),
        ("access_token_ttl", |b, n| b.access_token_ttl(Aal::Two, n), 1, 3_600),
        ("step_up_ttl", |b, n| b.step_up_ttl(n), 1, 900),
        ("binding_max_age", |b, n| b.binding_max_age(n), 1, 900),
        ("first_binding_window", |b, n| b.first_binding_window(n), 1, 3_600),
    ];
    for (name, set, least, most) in knobs {
        let with = |n| set(p().lock(lock_of_one()), n);
        assert!(with(least).build().is_ok() && with(most).build().is_ok(), "{name}");
        for wrong in [least - 1, most + 1, u32::MAX] {
            assert_eq!(refused(with(wrong)), name, "{wrong}");
        }
    }
    type Size = fn(PolicyBuilder, usize) -> PolicyBuilder;
    let sizes: [(&str, Size, usize, usize); 3] = [
        ("pending_challenges", |b, n| b.pending_challenges(n), 1, 32),
        ("max_sessions", |b, n| b.max_sessions(n), 1, 256),
        ("max_authenticators", |b, n| b.max_authenticators(n), 2, 64),
    ];
    for (name, set, least, most) in sizes {
        assert!(set(p(), least).build().is_ok() && set(p(), most).build().is_ok(), "{name}");
        for wrong in [least - 1, most + 1, usize::MAX] {
            assert_eq!(refused(set(p(), wrong)), name, "{wrong}");
        }
    }
}

#[test]
fn r4226_7_3_a_the_temporary_lock_cannot_be_switched_off() {
    let lock = |failures, within, waits: &[u32]| p().lock(LockSchedule::new(failures, within, waits));
    assert!(lock(1, 1, &[1]).build().is_ok() && lock(100, 300, &[30, 30, 60]).build().is_ok());
    for wrong in [lock(0, 300, &[30]), lock(101, 300, &[30]), lock(3, 0, &[30]), lock(3, 300, &[])] {
        assert_eq!(refused(wrong), "lock");
    }
    assert_eq!(refused(lock(3, 300, &[0])), "lock");
    assert_eq!(refused(lock(3, 300, &[60, 30])), "lock", "waits do not get shorter");
    assert_eq!(refused(lock(10, 300, &[30]).hard_limit(9)), "hard_limit");
}

/// Rows: N63B-2.2.3-a
#[test]
fn n63b_2_3_3_a_no_session_at_aal3_is_longer_than_twelve_hours() {
    let with = |level, limits| p().session(level, limits);
    assert!(with(Aal::Three, SessionLimits::overall(12 * HOUR)).build().is_ok());
    assert_eq!(refused(with(Aal::Three, SessionLimits::overall(12 * HOUR + 1))), "session (AAL3)");
    assert_eq!(refused(with(Aal::Three, SessionLimits::overall(13 * HOUR))), "session (AAL3)");
    assert_eq!(refused(with(Aal::Two, SessionLimits::overall(30 * 24 * HOUR + 1))), "session (AAL2)");
    assert_eq!(refused(with(Aal::One, SessionLimits::overall(367 * 24 * HOUR))), "session (AAL1)");
    assert_eq!(refused(with(Aal::One, SessionLimits::overall(0))), "session (AAL1)");
    assert_eq!(refused(with(Aal::Two, SessionLimits::overall(60).idle(0))), "session (AAL2)");
    assert_eq!(refused(with(Aal::Two, SessionLimits::overall(60).idle(61))), "session (AAL2)");
    assert!(with(Aal::Two, SessionLimits::overall(60).idle(60)).build().is_ok());
}

#[test]
fn the_other_knobs_are_checked_too() {
    assert_eq!(refused(p().totp(Totp::default().with_t0(Timestamp::from_secs(1)))), "totp");
    assert_eq!(refused(p().totp_valid_for(86_399)), "totp_valid_for");
    assert!(p().totp_valid_for(86_400).build().is_ok());
    for name in ["", "a b", "é", "a/b", &"x".repeat(65)] {
        assert_eq!(refused(p().action(name, Requirement::aal2())), "action", "{name:?}");
    }
    assert_eq!(refused(p().action("pay", Requirement::aal2().for_action("other"))), "action");
    assert!(p().action("pay", Requirement::aal2().for_action("pay")).build().is_ok());
    assert!(Period::new(121).is_err() && Period::new(120).is_ok());
    assert!(Policy::default().action("unheard_of").is_none());
}

/// Rows: CVE-2026-9091, GHSA-jhmr-57cj-q6g9, PCI-8.3.1
#[tokio::test]
async fn login_asks_what_its_mode_says() {
    for (mode, nothing_bound, app_bound) in [
        (Login::Optional, "complete", "complete"),
        (Login::IfEnrolled, "complete", "challenge"),
        (Login::Required, "enrolment", "challenge"),
    ] {
        let s = Scene::login(mode);
        let word = |outcome: LoginOutcome| match outcome {
            LoginOutcome::Complete(tokens) => {
                assert_eq!(tokens.acr(), "aal1", "a password alone");
                "complete"
            }
            LoginOutcome::Challenge(_) => "challenge",
            LoginOutcome::EnrolmentRequired { .. } => "enrolment",
            other => panic!("{other:?}"),
        };
        let first = s.begin("alice").await;
        let token = match &first {
            LoginOutcome::EnrolmentRequired { enrolment_token, .. } => Some(enrolment_token.clone()),
            _ => None,
        };
        if let Some(token) = token {
            let started = s.mfa.enrol_totp(Enroller::Token(&token), Default::default()).await.unwrap();
            let code = crate::scene::scan(&started).code(s.now());
            drop(s.mfa.confirm(Enroller::Token(&token), started.id, code).await.unwrap());
        } else {
            s.enrolled("alice").await;
        }
        assert_eq!((word(first), word(s.begin("alice").await)), (nothing_bound, app_bound), "{mode:?}");
    }
}

struct ByWho {
    strict: Arc<Policy>,
    usual: Arc<Policy>,
}

impl PolicySource for ByWho {
    fn policy(&self, who: Who<'_>) -> Arc<Policy> {
        let strict = who.subject.tenant() == Some("bank")
            || who.client_id == "console"
            || who.roles.iter().any(|role| &**role == "admin");
        if strict { self.strict.clone() } else { self.usual.clone() }
    }
}

fn by_who() -> ByWho {
    let strict = cheap().login(Login::Required).recovery_codes(Count::new(4).unwrap()).max_authenticators(2);
    ByWho { strict: Arc::new(strict.build().unwrap()), usual: Arc::new(cheap().build().unwrap()) }
}

#[tokio::test]
async fn the_policy_in_force_is_that_of_tenant_client_and_roles() {
    let s = Scene::sourced(by_who());
    let of = |first| s.mfa.begin(first);
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
    let strict = [
        tower_mfa::account::FirstFactor::password_checked_by_host(
            Subject::with_tenant("bank", "alice").unwrap(),
            s.now(),
        ),
        s.first("bob").client("console"),
        s.first("carol").roles(["admin"]),
    ];
    for first in strict {
        assert!(matches!(of(first).await.unwrap(), LoginOutcome::EnrolmentRequired { .. }));
    }
}

#[tokio::test]
async fn a_policy_for_a_role_holds_for_everything_its_session_does() {
    let s = Scene::sourced(by_who());
    let first = s.first("carol").roles(["admin"]);
    let token = crate::scene::ticket(s.mfa.begin(first.clone()).await.unwrap());
    let started = s.mfa.enrol_totp(Enroller::Token(&token), Default::default()).await.unwrap();
    let app = crate::scene::scan(&started);
    let bound = s.mfa.confirm(Enroller::Token(&token), started.id, app.code(s.now())).await.unwrap();
    assert_eq!(bound.recovery_codes.as_ref().unwrap().len(), 4, "as many codes as the role's policy says");
    let by = s.auth(&bound.tokens);
    assert_eq!(s.mfa.regenerate_recovery_codes(&by).await.unwrap().len(), 4);
    assert!(matches!(refusal(s.mfa.disable(&by, None, None).await), Refusal::Forbidden(_)));
    let last = s.mfa.remove(&by, bound.authenticator.id).await;
    assert!(matches!(refusal(last), Refusal::Conflict(_)), "the last one of an account that must have one");
    let second = s.bind(&by).await;
    assert!(matches!(refusal(s.start(&second.by).await), Refusal::Conflict(_)));
    s.mfa.remove(&second.by, bound.authenticator.id).await.unwrap();
    s.clock.advance(30);
    let asked = challenged(s.mfa.begin(first).await.unwrap());
    let tokens = answered(s.answer(&asked, Reply::totp(second.app.code(s.now()))).await.unwrap());
    assert_eq!(&*s.auth(&tokens).roles()[0], "admin");
}

/// Rows: N63B-3.1.2.1-c, CVE-2022-36071
#[tokio::test]
async fn no_recovery_codes_without_an_active_authenticator_or_below_aal2() {
    let s = Scene::login(Login::Optional);
    let by = s.signed_in("alice").await;
    assert!(matches!(refusal(s.mfa.regenerate_recovery_codes(&by).await), Refusal::Conflict(_)));
    let person = s.bind(&by).await;
    let password_only = s.signed_in("alice").await;
    assert!(matches!(refusal(s.mfa.regenerate_recovery_codes(&password_only).await), Refusal::Insufficient { .. }));
    s.mfa.disable(&person.by, None, None).await.unwrap();
    assert!(matches!(refusal(s.mfa.regenerate_recovery_codes(&person.by).await), Refusal::Conflict(_)));
    assert_eq!(s.count("alice", EventKind::MfaDisabled).await, 1);
}

#[tokio::test]
async fn mfa_is_disabled_by_a_code_only_where_policy_says_so_and_the_code_is_used_up() {
    let s = Scene::login(Login::Optional);
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let by = s.signed_in("alice").await;
    let code = person.app.code(s.now());
    assert!(matches!(refusal(s.mfa.disable(&by, Some(Reply::totp(code)), None).await), Refusal::Forbidden(_)));
    let s = Scene::with(cheap().login(Login::Optional).disable_by_code(true).build().unwrap());
    let person = s.enrolled("alice").await;
    let tablet = s.bind(&person.by).await;
    s.clock.advance(30);
    let by = s.signed_in("alice").await;
    assert!(matches!(refusal(s.mfa.disable(&by, None, None).await), Refusal::Insufficient { .. }));
    let code = || Some(Reply::totp(tablet.app.code(s.now())));
    s.mfa.disable(&by, code(), Some(person.bound.authenticator.id)).await.unwrap();
    assert!(matches!(refusal(s.mfa.disable(&by, code(), None).await), Refusal::InvalidCode { .. }), "used up");
    let spare = person.bound.recovery_codes.as_ref().unwrap()[0].expose();
    s.mfa.disable(&by, Some(Reply::recovery_code(spare)), None).await.unwrap();
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    assert!(status.authenticators.is_empty() && status.recovery_codes.remaining == 0);
}
