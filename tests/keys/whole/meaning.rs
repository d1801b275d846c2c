//! What each member means, shown by what happens with it and without it.

use serde_json::{Value, json};
use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::id::ChallengeId;
use tower_mfa::policy::{LockSchedule, Login, PolicyBuilder};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{AnswerOutcome, Enroller, Error, LoginOutcome, Reply, Responder, Tokens, TotpEnrolment};
use tower_mfa::testing::AuthenticatorApp;
use tower_mfa::token::Redeem as _;
use tower_mfa::transfer::apps;

use super::{OLD_APP, open, people, policy, transfer_key, v1, why, wrong};
use crate::scene::{Scene, challenged, subject};

/// One of the people of the vector.
struct One {
    name: &'static str,
    kept: Value,
}

impl One {
    fn named(name: &'static str) -> Self {
        Self { name, kept: people()[name].clone() }
    }

    fn held(&self, what: &str) -> &str {
        self.kept.pointer(&format!("/held{what}")).and_then(Value::as_str).unwrap_or_else(|| panic!("{what}"))
    }

    fn secret(&self, what: &str) -> SecretString {
        SecretString::new(self.held(what))
    }

    async fn open(&self) -> Scene {
        self.under(policy()).await
    }

    async fn under(&self, policy: PolicyBuilder) -> Scene {
        open(&self.kept["document"], policy, vec![v1()]).await
    }

    /// The same, but for what this pointer leads to.
    fn without(&self, pointer: &str) -> Self {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut kept = self.kept.clone();
        let parent = kept["document"].pointer_mut(parent).unwrap();
        assert!(parent.as_object_mut().unwrap().remove(name).is_some(), "{}: {pointer}", self.name);
        Self { name: self.name, kept }
    }

    /// The same, with something else there.
    fn with(&self, pointer: &str, value: Value) -> Self {
        let mut kept = self.kept.clone();
        *kept["document"].pointer_mut(pointer).unwrap() = value;
        Self { name: self.name, kept }
    }
}

/// What happens with a member, and what without it.
async fn both<T>(one: &One, pointer: &str, act: impl AsyncFn(&One) -> T) -> [T; 2] {
    [act(one).await, act(&one.without(pointer)).await]
}

fn word(outcome: &Result<LoginOutcome, Error>) -> &'static str {
    match outcome {
        Ok(LoginOutcome::Complete(_)) => "complete",
        Ok(LoginOutcome::Challenge(_)) => "challenge",
        Ok(LoginOutcome::EnrolmentRequired { .. }) => "enrolment",
        Ok(LoginOutcome::Blocked { throttled_for: Some(_), .. }) => "throttled",
        Ok(LoginOutcome::Blocked { .. }) => "blocked",
        Err(error) => refused(error),
        Ok(_) => "something else",
    }
}

fn refused(error: &Error) -> &'static str {
    match error.refusal() {
        Refusal::Unavailable { .. } => "unavailable",
        Refusal::ChallengeGone => "gone",
        Refusal::InvalidCredential => "invalid credential",
        Refusal::InvalidToken => "invalid token",
        Refusal::InvalidCode { .. } => "invalid code",
        Refusal::Throttled { .. } => "throttled",
        Refusal::AuthenticatorDisabled => "disabled",
        _ => "refused in another way",
    }
}

async fn begun(s: &Scene, one: &One) -> &'static str {
    word(&s.mfa.begin(s.first(one.name)).await)
}

/// Answers a login's question with a recovery code.
async fn with_code(one: &One, what: &str) -> &'static str {
    let s = one.open().await;
    let asked = challenged(s.begin(one.name).await);
    s.answer(&asked, Reply::recovery_code(one.held(what))).await.map_or_else(|error| refused(&error), |_| "complete")
}

async fn finished(one: &One, what: &str) -> &'static str {
    let s = one.open().await;
    let id: ChallengeId = one.held(&format!("{what}/id")).parse().unwrap();
    let credential = one.held(&format!("{what}/credential"));
    word(&s.mfa.finish_passkey(id, &one.secret(&format!("{what}/token")), credential).await)
}

#[tokio::test]
async fn how_an_operator_has_left_an_account_is_how_it_stays() {
    let login = async |one: &One| begun(&one.open().await, one).await;
    assert_eq!(both(&One::named("carol"), "/standing", login).await, ["blocked", "challenge"]);
    let known = async |one: &One| {
        let s = one.open().await;
        word(&s.mfa.begin(s.first(one.name).known_enrolled(true)).await)
    };
    assert_eq!(both(&One::named("erin"), "/standing", known).await, ["unavailable", "enrolment"]);
    assert_eq!(both(&One::named("greg"), "/bypass", login).await, ["complete", "challenge"]);
    let until = async |one: &One| one.open().await.mfa.bypass_until(&subject(one.name)).await.unwrap();
    let [until, none] = both(&One::named("greg"), "/bypass", until).await;
    assert_eq!((json!(until), none), (One::named("greg").kept["document"]["bypass"]["until"].clone(), None));
    let after = async |one: &One| {
        let s = one.under(policy().login(Login::Optional)).await;
        s.mfa.revoke_bypass(&subject("greg"), "ops-7", "the phone is back").await.unwrap();
        s.mfa.refresh(&one.secret("/refresh")).await.is_ok()
    };
    let of_session = "/sessions/1/seed/bypass_until";
    assert_eq!(both(&One::named("greg"), of_session, after).await, [false, true], "its session ends with it");
}

#[tokio::test]
async fn what_was_counted_is_counted_on() {
    let alice = One::named("alice");
    let apps = [alice.held("/otpauth_uri"), OLD_APP].map(|uri| AuthenticatorApp::scan(uri).unwrap());
    let left = |error: Error| match error.refusal() {
        Refusal::InvalidCode { attempts_remaining, .. } => *attempts_remaining,
        other => panic!("{other:?}"),
    };
    let at_login = async |one: &One| {
        let s = one.open().await;
        left(s.answer(&challenged(s.begin("alice").await), wrong(&s, &apps)).await.unwrap_err())
    };
    let one_app = alice.with("/authenticators/0/throttle", json!({"consecutive": 1}));
    assert_eq!(both(&one_app, "/authenticators/2/throttle", at_login).await, [1, 2]);
    let in_session = async |one: &One| {
        let s = one.open().await;
        let by = s.mfa.authenticate(one.held("/token")).unwrap();
        let id = one.held("/questions/pay").parse().unwrap();
        left(s.mfa.answer(Responder::Session(&by), id, wrong(&s, &apps)).await.unwrap_err())
    };
    assert_eq!(both(&alice, "/sessions/2/throttle", in_session).await, [3, 4]);
    assert_eq!(
        both(&alice, "/recovery_throttle", async |one| with_code(one, "/code").await).await,
        ["throttled", "complete"]
    );
    let wide = || policy().lock(LockSchedule::default().account_wide());
    let login = async |one: &One| begun(&one.under(wide()).await, one).await;
    assert_eq!(both(&alice, "/throttle", login).await, ["throttled", "challenge"]);
    let free = alice.without("/recovery_throttle");
    assert_eq!(with_code(&free, "/used_code").await, "invalid code");
    assert_eq!(with_code(&free.with("/recovery/set/used", json!([])), "/used_code").await, "complete");
}

/// At the hard limit, after whatever wait.
#[tokio::test]
async fn what_was_disabled_stays_disabled() {
    let dave = One::named("dave").without("/recovery_throttle");
    assert_eq!(
        both(&dave, "/recovery/disabled", async |one| with_code(one, "/code").await).await,
        ["disabled", "complete"]
    );
    let s = dave.open().await;
    let id = dave.held("/challenge").parse().unwrap();
    let token = dave.secret("/token");
    let reply = Reply::webauthn(dave.held("/credential"));
    let answer = s.mfa.answer(Responder::Token(&token), id, reply).await.unwrap();
    assert!(matches!(answer, AnswerOutcome::Complete(_)), "a key of RSA answers: {answer:?}");
}

#[tokio::test]
async fn a_grace_that_is_over_and_the_right_to_bind_are_kept() {
    let login = async |one: &One| begun(&one.open().await, one).await;
    let bob = One::named("bob");
    assert_eq!(both(&bob, "/used_grace", login).await, ["enrolment", "complete"]);
    let bare = One::named("carol").without("/standing").without("/authenticators");
    assert_eq!(both(&bare, "/used_grace", login).await, ["enrolment", "complete"]);
    let enrol = async |one: &One| {
        let s = one.open().await;
        let token = one.secret("/ticket");
        let started = s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await;
        started.map_or_else(|error| refused(&error), |_| "started")
    };
    assert_eq!(both(&bob, "/enrolment", enrol).await, ["started", "invalid token"]);
}

#[tokio::test]
async fn what_is_good_once_was_used() {
    let frank = One::named("frank");
    assert_eq!(both(&frank, "/passkey_sign_ins", async |one| finished(one, "/used").await).await, ["gone", "complete"]);
    assert_eq!(both(&frank, "/sign_ins_since", async |one| finished(one, "/early").await).await, ["gone", "complete"]);
    let unused = frank.without("/passkey_sign_ins");
    assert_eq!(
        both(&unused, "/user_handle", async |one| finished(one, "/used").await).await,
        ["complete", "invalid credential"]
    );
    let redeemed = async |one: &One| {
        let s = one.open().await;
        let by = s.mfa.authenticate(one.held("/spent")).unwrap();
        format!("{:?}", s.mfa.redeem(&by).await.unwrap())
    };
    assert_eq!(both(&One::named("alice"), "/spent", redeemed).await, ["Before", "Now"]);
}

#[tokio::test]
async fn a_clock_that_was_reported_is_not_reported_again() {
    let reported = async |one: &One| {
        let s = one.open().await;
        s.clock.go_back(7_200);
        (begun(&s, one).await, s.count("dave", EventKind::ClockBehind).await)
    };
    let both = both(&One::named("dave"), "/clock_reported", reported).await;
    assert_eq!(both, [("unavailable", 0), ("unavailable", 1)]);
}

#[tokio::test]
async fn where_an_account_and_its_app_came_from_is_remembered() {
    let alice = One::named("alice");
    let import = async |one: &One| {
        let s = one.open().await;
        let report = s.mfa.import_accounts(one.held("/export").as_bytes(), &transfer_key(), why()).await.unwrap();
        (report.moved, report.by_reason.into_keys().map(str::to_owned).collect::<Vec<_>>())
    };
    let [again, other] = both(&alice, "/origin/export", import).await;
    assert_eq!((again.1, other.1), (vec!["already_moved".to_owned()], vec!["already_there".to_owned()]));
    let app = async |one: &One| {
        let s = one.open().await;
        let list = apps::otpauth(OLD_APP.as_bytes());
        let report = s.mfa.import_apps(list, |_| Some(subject("alice")), why()).await.unwrap();
        (report.moved, report.by_reason.into_keys().map(str::to_owned).collect::<Vec<_>>())
    };
    let removed = alice.with("/authenticators", json!([]));
    assert_eq!(both(&removed, "/origin/apps", app).await, [(0, vec!["removed".to_owned()]), (1, vec![])]);
}

/// What her pages showed when the document was written.
#[tokio::test]
async fn its_owner_sees_what_she_saw_and_goes_on_with_what_she_holds() {
    let alice = One::named("alice");
    let s = alice.open().await;
    let by = s.mfa.authenticate(alice.held("/token")).unwrap();
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    assert_eq!(serde_json::to_value(status).unwrap(), alice.kept["status"]);
    let sessions = s.mfa.sessions(&by, None, 50).await.unwrap().items;
    assert_eq!(serde_json::to_value(sessions).unwrap(), alice.kept["sessions"]);
    let refreshed: Tokens = s.mfa.refresh(&alice.secret("/refresh")).await.unwrap();
    assert_eq!(s.auth(&refreshed).assurance().level().number(), 3);

    let id = alice.held("/questions/pay").parse().unwrap();
    let code = AuthenticatorApp::scan(alice.held("/otpauth_uri")).unwrap().code(s.now());
    let by = s.auth(&refreshed);
    let answer = s.mfa.answer(Responder::Session(&by), id, Reply::totp(code)).await.unwrap();
    let AnswerOutcome::Complete(answer) = answer else { panic!("{answer:?}") };
    let step_up = answer.tokens.step_up().unwrap();
    assert_eq!((step_up.action(), step_up.bind().is_some()), ("pay", true));
    assert_eq!(answer.state.as_deref(), Some(r#"{"note":"rent"}"#));
    assert_eq!(s.count("alice", EventKind::AuthenticatorExpiring).await, 0, "she was warned of it");
}
