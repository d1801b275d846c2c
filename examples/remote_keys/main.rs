//! Keys that are kept elsewhere: `cargo run --example remote_keys`.
//!
//! A service shaped like AWS KMS and one like Vault's Transit engine run on loopback, in this program. With each in
//! turn the master keys of the vault are unwrapped when the service starts ([`KeyRing`](tower_mfa::vault::KeyRing) is
//! asked on the way of every request and must not wait), and every token is signed over there
//! ([`Sign`](tower_mfa::token::Sign)). Alice binds an app and signs in; then the service is gone, and nobody gets in.

mod fake;
mod http;
mod kms;
mod transit;

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;

use tower_mfa::account::{FirstFactor, Refusal};
use tower_mfa::assurance::Aal;
use tower_mfa::clock::{Clock as _, SystemClock, Timestamp};
use tower_mfa::id::Subject;
use tower_mfa::otp::{Moving, OtpauthUri};
use tower_mfa::service::{AnswerOutcome, Enroller, Keys, LoginOutcome, Mfa, Reply, Responder, TotpEnrolment};
use tower_mfa::store::MemoryStore;
use tower_mfa::token::{KeySet, Sign, SigningKey, VerifyingKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

pub(crate) type Done<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What a host asks of such a service, whichever it is.
pub(crate) struct Remote {
    name: &'static str,
    public: VerifyingKey,
    signer: Arc<dyn Sign>,
    /// The ring, the newest first.
    masters: Vec<MasterKey>,
    off: fake::Switch,
}

#[tokio::main]
async fn main() -> Done<()> {
    for remote in [kms::open().await?, transit::open().await?] {
        story(remote).await?;
    }
    Ok(())
}

async fn story(remote: Remote) -> Done<()> {
    say(&format!("{}: {} master keys unwrapped, tokens are signed there", remote.name, remote.masters.len()));
    let signing = KeySet::new(SigningKey::remote(remote.public, remote.signer));
    let keys = Keys::new(signing, Arc::new(LocalKeyRing::new(remote.masters)?));
    let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api").keys(keys).build()?;

    let LoginOutcome::Complete(tokens) = mfa.begin(first_factor()?).await? else { return Err("a challenge?".into()) };
    let by = mfa.authenticate(tokens.access_token().expose())?;
    let started = mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await?;
    let app = OtpauthUri::parse(started.otpauth_uri.expose())?;
    mfa.confirm(Enroller::Session(&by), started.id, code(&app, SystemClock.now()?)?).await?;
    say("  alice has bound an app: its key is sealed with a master key that no file here holds");

    let LoginOutcome::Challenge(asked) = mfa.begin(first_factor()?).await? else { return Err("no challenge?".into()) };
    let next = code(&app, SystemClock.now()?.plus(30))?;
    let answer = mfa.answer(Responder::Token(&asked.token), asked.id, Reply::totp(next)).await?;
    let AnswerOutcome::Complete(answer) = answer else { return Err("one more?".into()) };
    let session = mfa.authenticate(answer.tokens.access_token().expose())?;
    assert_eq!(session.assurance().level(), Aal::Two);
    say("  alice signs in with a code: her token verifies under the public key");

    remote.off.turn();
    let refused = mfa.refresh(answer.tokens.refresh_token().ok_or("no refresh token")?).await;
    let refused = refused.err().ok_or("a token that nobody signed?")?;
    assert!(matches!(refused.refusal(), Refusal::Unavailable { .. }), "{refused:?}");
    say(&format!("  the service is gone: {refused}; nothing is granted"));
    Ok(())
}

fn first_factor() -> Done<FirstFactor> {
    Ok(FirstFactor::password_checked_by_host(Subject::new("alice")?, SystemClock.now()?))
}

fn code(app: &OtpauthUri, at: Timestamp) -> Done<String> {
    let Moving::Totp(totp) = app.moving() else { return Err("a counter?".into()) };
    let step = totp.step_at(at).ok_or("before the epoch")?;
    Ok(totp.code_at(app.secret(), step).expose().to_owned())
}

pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
