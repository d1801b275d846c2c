//! Every operation as a call, without HTTP: `cargo run --example direct`.
//!
//! Alice enrols an authenticator app, signs in with a code, approves a payment, loses the phone and
//! gets in with a recovery code; a code used twice and a guess are refused.

use std::error::Error;

use tower_mfa::account::{EventKind, FirstFactor, Refusal};
use tower_mfa::assurance::{Aal, Authentication, Requirement, decide};
use tower_mfa::clock::{Clock, SystemClock, Timestamp};
use tower_mfa::id::Subject;
use tower_mfa::otp::{Moving, OtpauthUri};
use tower_mfa::policy::Policy;
use tower_mfa::service::{
    AnswerOutcome, ChallengeOutcome, ChallengeRequest, Enroller, Keys, LoginChallenge, LoginOutcome, Mfa, Reply,
    Responder, TotpEnrolment,
};
use tower_mfa::store::MemoryStore;

type Done<T> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Done<()> {
    let payment = Requirement::aal2().within(300).for_action("pay");
    let policy = Policy::builder().action("pay", Requirement::aal2().within(300)).build()?;
    let mfa = Mfa::builder(MemoryStore::new())
        .issuer("https://id.example")
        .audience("api")
        .app_name("Example Bank")
        .keys(Keys::generate()?)
        .policy(policy)
        .on_event(|subject, event| say(&format!("  event: {subject} {:?}", event.kind)))
        .build()?;

    say("The first login: nothing is bound, so the password is all there is.");
    let LoginOutcome::Complete(tokens) = login(&mfa).await? else { return Err("a challenge?".into()) };
    let password_only = mfa.authenticate(tokens.access_token().expose())?;
    assert_eq!(password_only.assurance().level(), Aal::One);

    say("Enrol an authenticator app and confirm it with its first code.");
    let started = mfa.enrol_totp(Enroller::Session(&password_only), TotpEnrolment::new().label("phone")).await?;
    let app = OtpauthUri::parse(started.otpauth_uri.expose())?;
    let first_code = code(&app, SystemClock.now()?)?;
    let bound = mfa.confirm(Enroller::Session(&password_only), started.id, first_code.as_str()).await?;
    let codes = bound.recovery_codes.ok_or("the first authenticator comes with recovery codes")?;
    say(&format!("  {} recovery codes, shown once", codes.len()));

    say("Sign in with the next code; the one that confirmed is used up.");
    let challenge = challenge(&mfa).await?;
    let by = Responder::Token(&challenge.token);
    let replayed = mfa.answer(by, challenge.id, Reply::totp(first_code)).await;
    assert!(matches!(replayed, Err(e) if matches!(e.refusal(), Refusal::InvalidCode { .. })));
    // The window reaches one step ahead, so the next code is good already.
    let next_code = code(&app, SystemClock.now()?.plus(30))?;
    let session = complete(&mfa, mfa.answer(by, challenge.id, Reply::totp(next_code)).await?)?;
    assert_eq!(session.assurance().level(), Aal::Two);

    say("Approve a payment: the factor is fresh, so nobody asks again.");
    let now = SystemClock.now()?;
    assert_ne!(decide(&payment, &session, now), tower_mfa::assurance::Decision::Allow);
    let approved = mfa.open_challenge(&session, ChallengeRequest::new().action("pay")).await?;
    let ChallengeOutcome::Complete(answer) = approved else { return Err("asked again?".into()) };
    let approved = mfa.authenticate(answer.tokens.access_token().expose())?;
    assert_eq!(decide(&payment, &approved, now), tower_mfa::assurance::Decision::Allow);

    say("The phone is lost: a recovery code beside the password.");
    let lost = self::challenge(&mfa).await?;
    let spare = codes.first().ok_or("no codes")?.expose();
    let outcome = mfa.answer(Responder::Token(&lost.token), lost.id, Reply::recovery_code(spare)).await?;
    let session = complete(&mfa, outcome)?;

    let trail = mfa.events(&session, None, 200).await?;
    assert!(trail.items.iter().any(|event| event.kind == EventKind::RecoveryCodeUsed));
    say(&format!("The audit trail has {} events.", trail.items.len()));
    Ok(())
}

/// The host has checked the password; what is missing?
async fn login(mfa: &Mfa) -> Done<LoginOutcome> {
    let first = FirstFactor::password_checked_by_host(Subject::new("alice")?, SystemClock.now()?);
    Ok(mfa.begin(first.client("terminal").account_name("alice@example.com")).await?)
}

async fn challenge(mfa: &Mfa) -> Done<LoginChallenge> {
    match login(mfa).await? {
        LoginOutcome::Challenge(challenge) => Ok(challenge),
        other => Err(format!("no challenge: {other:?}").into()),
    }
}

fn complete(mfa: &Mfa, outcome: AnswerOutcome) -> Done<Authentication> {
    match outcome {
        AnswerOutcome::Complete(answer) => Ok(mfa.authenticate(answer.tokens.access_token().expose())?),
        other => Err(format!("more is wanted: {other:?}").into()),
    }
}

/// What an authenticator app that has scanned `uri` shows at `at`.
fn code(uri: &OtpauthUri, at: Timestamp) -> Done<String> {
    let Moving::Totp(totp) = uri.moving() else { return Err("no TOTP".into()) };
    let step = totp.step_at(at).ok_or("before 1970")?;
    Ok(totp.code_at(uri.secret(), step).expose().to_owned())
}

fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
