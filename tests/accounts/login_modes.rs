//! What each mode of the login policy does to each state of an account, and how a grace is used up.

use std::net::IpAddr;

use tower_mfa::account::{ChallengeView, EventKind, FirstFactor, Refusal};
use tower_mfa::assurance::{Aal, Authentication, Method};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Grace, Login, LoginPolicy, LoginRule};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Mfa, Reply, Responder, Tokens,
    TotpEnrolment,
};
use tower_mfa::testing::Fault;

use crate::scene::{
    Person, START, Scene, answered, challenged, cheap, complete, is_unavailable, refusal, scan, subject, ticket,
};

fn under(login: impl Into<LoginPolicy>) -> Scene {
    Scene::with(cheap().login(login).build().unwrap())
}

fn counted(sign_ins: u32) -> Login {
    Login::RequiredAfter(Grace::sign_ins(sign_ins).unwrap())
}

fn until(secs: u64) -> Login {
    Login::RequiredAfter(Grace::until(Timestamp::from_secs(START + secs)).unwrap())
}

fn word(outcome: &LoginOutcome) -> &'static str {
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
fn lenient_beside(strict: LoginRule) -> LoginPolicy {
    LoginPolicy::new(Login::Optional).rule(strict.clients(["strict"]))
}

/// Signs in as alice with the client whose policy is under test.
async fn strictly(s: &Scene) -> LoginOutcome {
    s.mfa.begin(s.first("alice").client("strict")).await.unwrap()
}

async fn enrol(s: &Scene, token: &SecretString) -> Person {
    let started = s.mfa.enrol_totp(Enroller::Token(token), TotpEnrolment::new()).await.unwrap();
    let app = scan(&started);
    let bound = s.mfa.confirm(Enroller::Token(token), started.id, app.code(s.now())).await.unwrap();
    let by = s.auth(&bound.tokens);
    Person { app, bound, by }
}

async fn status(s: &Scene, by: Enroller<'_>) -> (&'static str, Option<Timestamp>) {
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

/// Rows: N63B-4.2.1-a
#[tokio::test]
async fn a_recovery_code_opens_the_binding_of_the_second_where_the_first_is_lost() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    let code = first.bound.recovery_codes.as_ref().unwrap()[0].expose();
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::recovery_code(code)).await;
    let second = enrol(&s, &token).await;
    s.sign_in("alice", &second.app).await;
}

fn two() -> LoginPolicy {
    LoginPolicy::new(Login::Required).at_least(2)
}

#[tokio::test]
async fn of_two_that_must_be_bound_the_first_binding_goes_on_to_ask_for_the_second() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    assert_eq!(status(&s, Enroller::Session(&first.by)).await, ("required", None));
    assert!(matches!(refusal(s.mfa.remove(&first.by, first.bound.authenticator.id).await), Refusal::Conflict(_)));
    let second = s.bind(&first.by).await;
    assert!(second.bound.recovery_codes.is_none());
    assert_eq!(status(&s, Enroller::Session(&second.by)).await, ("complete", None));
    for id in [first.bound.authenticator.id, second.bound.authenticator.id] {
        assert!(matches!(refusal(s.mfa.remove(&second.by, id).await), Refusal::Conflict(_)));
    }
    let third = s.bind(&second.by).await;
    s.mfa.remove(&third.by, first.bound.authenticator.id).await.unwrap();
    s.sign_in("alice", &third.app).await;
}

/// Answers a login with a code; returns the enrolment token it ends in.
async fn enrolment_after(s: &Scene, asked: &tower_mfa::service::LoginChallenge, reply: Reply) -> SecretString {
    let outcome = s.answer(asked, reply).await.unwrap();
    let AnswerOutcome::EnrolmentRequired { enrolment_token, expires_in, allowed } = outcome else {
        panic!("{outcome:?}: one of two is bound")
    };
    assert_eq!((expires_in, allowed), (600, vec![Method::Totp]));
    enrolment_token
}

/// Rows: GHSA-xg6x-h9c9-2m83, CVE-2019-16766
#[tokio::test]
async fn whoever_has_one_of_two_is_asked_for_it_and_gets_no_session_but_the_right_to_bind_the_other() {
    let s = under(two());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    s.mfa.log_out(&first.by).await.unwrap();
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::totp(first.app.code(s.now()))).await;
    assert!(s.mfa.authenticate(token.expose()).is_err());
    let status_now = s.mfa.status(Enroller::Token(&token)).await.unwrap();
    assert_eq!((status_now.enrolment, status_now.sessions, &*status_now.acr), ("required", 0, "aal2"));
    assert_eq!(refusal(s.answer(&asked, Reply::totp("000000")).await), Refusal::ChallengeGone, "answered once");
    let second = enrol(&s, &token).await;
    assert_eq!(second.by.assurance().level(), Aal::Two);
    assert_eq!(status(&s, Enroller::Session(&second.by)).await.0, "complete");
    let again = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
    assert_eq!(refusal(again), Refusal::InvalidToken, "void at the activation");
    s.sign_in("alice", &second.app).await;
}

/// Rows: CVE-2019-16766, CVE-2024-45042
#[tokio::test]
async fn an_enrolment_that_a_password_alone_opened_binds_nothing_beside_an_authenticator() {
    let s = under(two());
    let stolen = ticket(s.begin("alice").await);
    let other = ticket(s.begin("alice").await);
    enrol(&s, &other).await;
    for token in [&stolen, &other] {
        let started = s.mfa.enrol_totp(Enroller::Token(token), TotpEnrolment::new()).await;
        assert_eq!(refusal(started), Refusal::InvalidToken);
    }
    // Where somebody binds by a session while a password's enrolment is open, that one is void as well.
    let s = under(lenient_beside(LoginRule::new("strict").mode(Login::Required).at_least(2)));
    let by = s.signed_in("alice").await;
    let token = ticket(strictly(&s).await);
    s.bind(&by).await;
    let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
    assert_eq!(refusal(started), Refusal::InvalidToken);
}

#[tokio::test]
async fn the_grace_holds_for_whoever_has_one_of_two_as_well() {
    let s = under(LoginPolicy::new(counted(3)).at_least(2));
    let by = s.signed_in("alice").await;
    let first = s.bind(&by).await;
    assert_eq!(status(&s, Enroller::Session(&first.by)).await.0, "required");
    for left in [1, 0] {
        let tokens = s.sign_in("alice", &first.app).await;
        assert_eq!(tokens.acr(), "aal2");
        assert_eq!(s.events("alice").await.last().map(|due| due.count), Some(Some(left)));
    }
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let token = enrolment_after(&s, &asked, Reply::totp(first.app.code(s.now()))).await;
    let second = enrol(&s, &token).await;
    s.sign_in("alice", &second.app).await;
}

/// Nobody is locked out for good: a recovery code opens the enrolment, what is disabled can be cleared
/// away beside one that works, and its place is free.
#[tokio::test]
async fn whoever_loses_one_of_two_can_replace_it_however_few_may_be_bound() {
    let login = two().at_most(2);
    let s = Scene::with(cheap().login(login).hard_limit(3).max_authenticators(3).build().unwrap());
    let first = enrol(&s, &ticket(s.begin("alice").await)).await;
    let second = s.bind(&first.by).await;
    assert!(matches!(refusal(s.start(&second.by).await), Refusal::Conflict(_)), "two are as many as may be");
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let lost = first.bound.authenticator.id;
    let codes = [first.app.code(s.now()), second.app.code(s.now())];
    let wrong = ["000000", "000001", "000002"].into_iter().find(|wrong| !codes.contains(&(*wrong).to_owned())).unwrap();
    for _ in 0..3 {
        drop(s.answer(&asked, Reply::totp_of(&lost.to_string(), wrong)).await);
    }
    let here = s.auth(&answered(s.answer(&asked, Reply::totp(second.app.code(s.now()))).await.unwrap()));
    assert_eq!(status(&s, Enroller::Session(&here)).await.0, "required", "one of them is disabled");
    let third = s.bind(&here).await;
    s.mfa.remove(&third.by, lost).await.unwrap();
    assert_eq!(status(&s, Enroller::Session(&third.by)).await.0, "complete");
}

/// Rows: CVE-2026-9091
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
        under(LoginPolicy::default().rule(LoginRule::new("staff").groups(["staff"]).mode(Login::Required).at_most(1)));
    let staff = |name: &str| s.first(name).groups(["guests", "staff"]);
    complete(s.mfa.begin(s.first("alice").groups(["guests"])).await.unwrap());
    let person = enrol(&s, &ticket(s.mfa.begin(staff("alice")).await.unwrap())).await;
    assert!(matches!(refusal(s.start(&person.by).await), Refusal::Conflict(_)));
    assert!(matches!(refusal(s.mfa.disable(&person.by, None, None).await), Refusal::Forbidden(_)));
    // The groups go from session to session, as the roles do.
    s.clock.advance(30);
    let asked = challenged(s.mfa.begin(staff("alice")).await.unwrap());
    let by = s.auth(&answered(s.answer(&asked, Reply::totp(person.app.code(s.now()))).await.unwrap()));
    assert!(matches!(refusal(s.mfa.disable(&by, None, None).await), Refusal::Forbidden(_)));
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

/// Rows: CVE-2025-6013
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
