//! What each mode of the login policy does to each state of an account, and how a grace is used up.

use std::net::IpAddr;

use tower_mfa::account::{ChallengeView, FirstFactor, Refusal};
use tower_mfa::assurance::{Authentication, Method};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Grace, Login, LoginPolicy, LoginRule};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Mfa, Reply, Responder, Tokens, TotpEnrolment,
};

use crate::scene::{Person, START, Scene, answered, challenged, cheap, complete, refusal, scan, subject, ticket};

pub(crate) fn under(login: impl Into<LoginPolicy>) -> Scene {
    Scene::with(cheap().login(login).build().unwrap())
}

pub(crate) fn counted(sign_ins: u32) -> Login {
    Login::RequiredAfter(Grace::sign_ins(sign_ins).unwrap())
}

pub(crate) fn until(secs: u64) -> Login {
    Login::RequiredAfter(Grace::until(Timestamp::from_secs(START + secs)).unwrap())
}

pub(crate) fn word(outcome: &LoginOutcome) -> &'static str {
    match outcome {
        LoginOutcome::Complete(tokens) => {
            assert_eq!(tokens.acr(), "aal1", "a password alone");
            "complete"
        }
        LoginOutcome::Challenge(_) => "challenge",
        LoginOutcome::EnrolmentRequired { .. } => "enrolment",
        LoginOutcome::Blocked { .. } => "blocked",
        other => panic!("{other:?}"),
    }
}

/// A client whose policy asks for nothing, beside the one under test.
pub(crate) fn lenient_beside(strict: LoginRule) -> LoginPolicy {
    LoginPolicy::new(Login::Optional).rule(strict.clients(["strict"]))
}

/// Signs in as alice with the client whose policy is under test.
pub(crate) async fn strictly(s: &Scene) -> LoginOutcome {
    s.mfa.begin(s.first("alice").client("strict")).await.unwrap()
}

pub(crate) async fn enrol(s: &Scene, token: &SecretString) -> Person {
    let started = s.mfa.enrol_totp(Enroller::Token(token), TotpEnrolment::new()).await.unwrap();
    let app = scan(&started);
    let bound = s.mfa.confirm(Enroller::Token(token), started.id, app.code(s.now())).await.unwrap();
    let by = s.auth(&bound.tokens);
    Person { app, bound, by }
}

pub(crate) async fn status(s: &Scene, by: Enroller<'_>) -> (&'static str, Option<Timestamp>) {
    let status = s.mfa.status(by).await.unwrap();
    (status.enrolment, status.grace_until)
}

/// A password's session, and the question it is asked when it wants more.
async fn opened(s: &Scene) -> (Authentication, ChallengeView) {
    let by = s.signed_in("alice").await;
    let opened = s.mfa.open_challenge(&by, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("a password alone") };
    (by, view)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Pending,
    Bound,
    Disabled,
    /// Disabled, and no recovery code is left.
    Lost,
    Suspended,
}

/// Brings alice into a state by a client that asks for nothing at login.
async fn bring(s: &Scene, state: State) {
    if state == State::Nothing {
        return;
    }
    let by = s.signed_in("alice").await;
    if state == State::Pending {
        s.start(&by).await.unwrap();
        return;
    }
    let person = s.bind(&by).await;
    if matches!(state, State::Disabled | State::Lost) {
        s.clock.advance(30);
        let right = person.app.code(s.now());
        let wrong = if right == "000000" { "000001" } else { "000000" };
        let (by, asked) = opened(s).await;
        for _ in 0..3 {
            drop(s.mfa.answer(Responder::Session(&by), asked.id, Reply::totp(wrong)).await);
        }
    }
    if state == State::Lost {
        for code in person.bound.recovery_codes.as_ref().unwrap() {
            let (by, view) = opened(s).await;
            let reply = Reply::recovery_code(code.expose());
            answered(s.mfa.answer(Responder::Session(&by), view.id, reply).await.unwrap());
        }
    }
    if state == State::Suspended {
        s.mfa.suspend(&subject("alice"), "root", "why").await.unwrap();
    }
}

/// Rows: CVE-2024-45042, CVE-2026-9091, GHSA-jhmr-57cj-q6g9, N63B-3.2.2-c
#[tokio::test]
async fn login_asks_what_its_mode_says_in_every_state_of_an_account() {
    use State::{Bound, Disabled, Lost, Nothing, Pending, Suspended};
    // Modes stricter than what the lenient client has; "off" and "optional" are tables of their own.
    let table = [
        (Login::IfEnrolled, [Nothing, Pending], "complete"),
        (Login::Required, [Nothing, Pending], "enrolment"),
        (counted(2), [Nothing, Pending], "complete"),
        (until(86_400), [Nothing, Pending], "complete"),
        (until(0), [Nothing, Pending], "enrolment"),
        (Login::IfEnrolled, [Bound, Disabled], "challenge"),
        (Login::Required, [Bound, Disabled], "challenge"),
        (counted(2), [Bound, Disabled], "challenge"),
        (until(86_400), [Bound, Disabled], "challenge"),
        (until(0), [Bound, Disabled], "challenge"),
        (Login::IfEnrolled, [Lost, Suspended], "blocked"),
        (Login::Required, [Lost, Suspended], "blocked"),
        (counted(2), [Lost, Suspended], "blocked"),
        (until(86_400), [Lost, Suspended], "blocked"),
        (until(0), [Lost, Suspended], "blocked"),
    ];
    for (mode, states, wanted) in table {
        for state in states {
            let login = lenient_beside(LoginRule::new("strict").mode(mode));
            let lock = tower_mfa::policy::LockSchedule::new(3, 300, &[1]);
            let s = Scene::with(cheap().login(login).lock(lock).hard_limit(3).build().unwrap());
            bring(&s, state).await;
            s.clock.advance(30);
            assert_eq!(word(&strictly(&s).await), wanted, "{mode:?} {state:?}");
        }
    }
    for state in [Nothing, Pending, Bound, Disabled, Lost] {
        let s = Scene::with(cheap().login(Login::Optional).hard_limit(3).build().unwrap());
        bring(&s, state).await;
        assert_eq!(word(&s.begin("alice").await), "complete", "{state:?}");
    }
}

#[tokio::test]
async fn where_mfa_is_off_nothing_can_be_bound_and_what_was_bound_can_go() {
    // The policy was `optional` when the app was bound.
    let login = LoginPolicy::new(Login::Off).rule(LoginRule::new("before").clients(["before"]).mode(Login::Optional));
    let s = under(login);
    let first = s.first("alice").client("before");
    let person = s.bind(&s.auth(&complete(s.mfa.begin(first).await.unwrap()))).await;
    assert!(matches!(refusal(s.start(&s.signed_in("alice").await).await), Refusal::Forbidden(_)));
    // A route that asks for more is answered with what there is.
    s.clock.advance(30);
    let (by, view) = opened(&s).await;
    let reply = Reply::totp(person.app.code(s.now()));
    let raised = s.auth(&answered(s.mfa.answer(Responder::Session(&by), view.id, reply).await.unwrap()));
    s.mfa.disable(&raised, None, None).await.unwrap();
    let opened = s.mfa.open_challenge(&s.signed_in("alice").await, ChallengeRequest::new()).await;
    assert_eq!(refusal(opened), Refusal::NoEligibleAuthenticator { allowed: vec![] });
}

#[tokio::test]
async fn a_binding_begun_before_mfa_was_switched_off_cannot_be_confirmed() {
    let away = LoginRule::new("office").networks(["10.0.0.0/8".parse().unwrap()]).mode(Login::Optional);
    let s = under(LoginPolicy::new(Login::Off).rule(away));
    let by = s.signed_in("alice").await;
    let here = s.mfa.from_address("10.0.0.1");
    let started = here.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
    let code = || scan(&started).code(s.now());
    let refused = s.mfa.confirm(Enroller::Session(&by), started.id, code()).await;
    assert!(matches!(refusal(refused), Refusal::Forbidden(_)));
    drop(here.confirm(Enroller::Session(&by), started.id, code()).await.unwrap());
}

#[tokio::test]
async fn a_session_begun_where_less_is_asked_is_not_carried_to_where_more_is() {
    let office = "10.0.0.0/8".parse().unwrap();
    let away = LoginRule::new("away").outside_networks([office]).mode(Login::Required);
    let s = under(LoginPolicy::new(Login::Optional).rule(away));
    let here = s.mfa.from_address("10.0.0.1");
    let refreshed = async |mfa: &Mfa, tokens: &Tokens| mfa.refresh(tokens.refresh_token().unwrap()).await;
    for enrolled in [false, true] {
        let tokens = complete(here.begin(s.first("alice")).await.unwrap());
        let commits = s.store.commits();
        for away in [s.mfa.clone(), s.mfa.from_address("192.0.2.7")] {
            assert_eq!(refusal(refreshed(&away, &tokens).await), Refusal::InvalidToken);
        }
        assert_eq!(s.store.commits(), commits);
        let tokens = refreshed(&here, &tokens).await.unwrap();
        if !enrolled {
            let by = s.auth(&tokens);
            let started = here.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await.unwrap();
            let code = scan(&started).code(s.now());
            let bound = here.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
            drop(refreshed(&s.mfa, &bound.tokens).await.unwrap());
        }
    }
}

#[tokio::test]
async fn a_kind_somebody_added_for_comfort_forces_no_second_factor_unless_policy_says_so() {
    let comfort = |mode| under(LoginPolicy::new(mode).enrolled_by([Method::WebAuthn]));
    let s = comfort(Login::IfEnrolled);
    s.enrolled("alice").await;
    assert_eq!(word(&s.begin("alice").await), "complete");
    let s = under(LoginPolicy::new(Login::IfEnrolled).enrolled_by([Method::WebAuthn, Method::Totp]));
    s.enrolled("alice").await;
    assert_eq!(word(&s.begin("alice").await), "challenge");
    // Where MFA is required, what is bound is asked for, whatever it was added for.
    let s = comfort(Login::Required);
    enrol(&s, &ticket(s.begin("alice").await)).await;
    assert_eq!(word(&s.begin("alice").await), "challenge");
}

#[tokio::test]
async fn a_rule_for_a_group_holds_for_everything_its_session_does() {
    let s =
        under(LoginPolicy::default().rule(LoginRule::new("staff").groups(["staff"]).mode(Login::Required).at_most(2)));
    let staff = |name: &str| s.first(name).groups(["guests", "staff"]);
    complete(s.mfa.begin(s.first("alice").groups(["guests"])).await.unwrap());
    let person = enrol(&s, &ticket(s.mfa.begin(staff("alice")).await.unwrap())).await;
    let person = s.bind(&person.by).await;
    assert!(matches!(refusal(s.start(&person.by).await), Refusal::Conflict(_)));
    assert!(matches!(refusal(s.mfa.disable(&person.by, None, None).await), Refusal::Forbidden(_)));
    // The groups go from session to session, as the roles do.
    s.clock.advance(30);
    let asked = challenged(s.mfa.begin(staff("alice")).await.unwrap());
    let by = s.auth(&answered(s.answer(&asked, Reply::totp(person.app.code(s.now()))).await.unwrap()));
    assert!(matches!(refusal(s.mfa.disable(&by, None, None).await), Refusal::Forbidden(_)));
}

#[tokio::test]
async fn a_rule_for_a_tenant_is_for_its_subjects_and_no_others() {
    let s = under(LoginPolicy::default().rule(LoginRule::new("bank").tenants(["bank"]).mode(Login::Required)));
    let of = async |tenant: &str| {
        let alice = Subject::with_tenant(tenant, "alice").unwrap();
        word(&s.mfa.begin(FirstFactor::password_checked_by_host(alice, s.now())).await.unwrap())
    };
    assert_eq!(
        (of("bank").await, of("shop").await, word(&s.begin("alice").await)),
        ("enrolment", "complete", "complete")
    );
}

#[tokio::test]
async fn a_rule_for_a_network_asks_where_the_request_comes_from() {
    let office = "10.0.0.0/8".parse().unwrap();
    let s = under(
        LoginPolicy::new(Login::Optional).rule(LoginRule::new("away").outside_networks([office]).mode(Login::Required)),
    );
    let from = async |address: Option<&str>| {
        let first = s.first("alice");
        let first = if let Some(address) = address { first.address(address) } else { first };
        word(&s.mfa.begin(first).await.unwrap())
    };
    for inside in ["10.1.2.3", "::ffff:10.1.2.3", "10.1.2.3:4711", "[::ffff:10.1.2.3]:80"] {
        assert_eq!(from(Some(inside)).await, "complete", "{inside}");
    }
    for outside in
        [None, Some("192.0.2.7"), Some("2001:db8::1"), Some("unknown"), Some("10.1.2.3, 192.0.2.7"), Some("")]
    {
        assert_eq!(from(outside).await, "enrolment", "{outside:?}");
    }
    let handle = s.mfa.from_address(&"10.1.2.3".parse::<IpAddr>().unwrap().to_string());
    assert_eq!(word(&handle.begin(s.first("alice")).await.unwrap()), "complete");
    let told = handle.begin(s.first("alice").address("192.0.2.7")).await.unwrap();
    assert_eq!(word(&told), "enrolment", "what the host says of this login counts first");
}
