//! A document as whoever can write to the database leaves it. Everything a subject can do runs on
//! it: it is refused or it works, and nothing panics.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_mfa::account::FirstFactor;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::otp::{Secret, Totp};
use tower_mfa::service::{ChallengeRequest, Enroller, LoginOutcome, Reply, Responder, TotpEnrolment};
use tower_mfa_fuzz::{Forge, NOW, OneDocument, block_on, claims, service};

static FORGE: LazyLock<Forge> = LazyLock::new(Forge::new);

fuzz_target!(|text: &str| {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let id = |list: &str| value[list][0]["id"].as_str().unwrap_or_default().to_owned();
    let mfa = service(OneDocument(text.into()), FORGE.keys());
    let Ok(by) = mfa.authenticate(&FORGE.signed(claims(&id("sessions")).as_bytes())) else { return };
    let code = || {
        let secret = Secret::from_bytes(&[7; 20]).expect("20 bytes");
        let totp = Totp::default();
        let step = totp.step_at(Timestamp::from_secs(NOW)).expect("after 1970");
        totp.code_at(&secret, step).expose().to_owned()
    };
    let alice = Subject::new("alice").expect("a name");
    block_on(async {
        let first = FirstFactor::password_checked_by_host(alice.clone(), Timestamp::from_secs(NOW));
        match mfa.begin(first).await {
            Ok(LoginOutcome::Challenge(c)) => {
                let _ = mfa.answer(Responder::Token(&c.token), c.id, Reply::totp(code())).await;
            }
            Ok(LoginOutcome::EnrolmentRequired { enrolment_token, .. }) => {
                let _ = mfa.status(Enroller::Token(&enrolment_token)).await;
            }
            _ => {}
        }
        let _ = mfa.status(Enroller::Session(&by)).await;
        let _ = mfa.sessions(&by, None, 50).await;
        let _ = mfa.open_challenge(&by, ChallengeRequest::new().action("transfer")).await;
        if let Ok(challenge) = id("challenges").parse() {
            let _ = mfa.challenge(Responder::Session(&by), challenge).await;
            let _ = mfa.answer(Responder::Session(&by), challenge, Reply::totp(code())).await;
            let unknown = Reply::totp_of(&id("authenticators"), "000000");
            let _ = mfa.answer(Responder::Session(&by), challenge, unknown).await;
        }
        let _ = mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new()).await;
        if let Ok(authenticator) = id("authenticators").parse() {
            let _ = mfa.confirm(Enroller::Session(&by), authenticator, "000000").await;
            let _ = mfa.rename(&by, authenticator, "phone").await;
            let _ = mfa.remove(&by, authenticator).await;
        }
        let _ = mfa.disable(&by, None, None).await;
        let _ = mfa.end_other_sessions(&by).await;
        let _ = mfa.log_out(&by).await;
        let _ = mfa.unlock(&alice, "operator", "fuzzing").await;
        let _ = mfa.reset(&alice, "operator", "fuzzing").await;
        let _ = mfa.erase(&alice, "operator", "fuzzing").await;
    });
});
