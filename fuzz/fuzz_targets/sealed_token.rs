//! The opaque tokens clients carry: of a challenge, of an enrolment, of a refresh. None passes for
//! another, and garbage is refused before the store is asked.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tower_mfa::id::ChallengeId;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{Enroller, Mfa, Reply, Responder};
use tower_mfa_fuzz::{Forge, OneDocument, block_on, service};

static MFA: LazyLock<Mfa> = LazyLock::new(|| {
    let document = include_str!("../seeds/document/session_and_challenge.json");
    service(OneDocument(document.trim_end().into()), Forge::new().keys())
});

fuzz_target!(|text: &str| {
    let token = SecretString::new(text);
    let id: ChallengeId = "AAAAAAAAAAAAAAAAAAAAAA".parse().expect("16 bytes");
    let opened = block_on(async {
        let seen = MFA.challenge(Responder::Token(&token), id).await.is_ok();
        let answered = MFA.answer(Responder::Token(&token), id, Reply::totp("000000")).await.is_ok();
        let enrolling = MFA.status(Enroller::Token(&token)).await.is_ok();
        let refreshed = MFA.refresh(&token).await.is_ok();
        [seen || answered, enrolling, refreshed]
    });
    assert!(opened.iter().filter(|opened| **opened).count() <= 1, "one kind of token passed for another");
});
