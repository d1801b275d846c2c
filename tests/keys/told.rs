//! What an operator is told of a ceremony that fails, and the client is not.

use tower_mfa::service::{Enroller, KeyRequest, Reply, Responder};
use tower_mfa::testing::{Lie, SoftAuthenticator};

use crate::bank::{ORIGIN, bank, is_wrong, options, with_the_id_of};
use crate::log::Log;
use crate::scene::{answered, challenged};

/// What was logged of ceremonies since it was asked last.
fn told() -> String {
    Log::take("tower_mfa::webauthn").join("\n")
}

/// The client hears one answer for all, the operator which check it was and from where.
#[tokio::test]
async fn which_check_failed_is_told_to_the_operator_alone() {
    Log::begin();
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let from = s.mfa.from_address("192.0.2.7");
    let answer = async |credential: String| {
        from.answer(Responder::Token(&asked.token), asked.id, Reply::webauthn(credential)).await
    };
    for (lie, rule) in [
        (Lie::Type("webauthn.create".into()), "WA-AUTH-10"),
        (Lie::Challenge("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()), "WA-AUTH-11"),
        (Lie::CrossOrigin, "WA-AUTH-13"),
        (Lie::RpId("evil.example".into()), "WA-AUTH-15"),
    ] {
        key = key.lying(lie);
        let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
        is_wrong(answer(credential).await);
        let line = told();
        assert!(line.contains(rule) && line.contains("192.0.2.7") && line.contains("alice"), "{rule}: {line}");
        key = key.honest();
    }
    let good = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    answered(answer(good).await.unwrap());
    assert_eq!(told(), "", "what succeeds has its event");
}

/// WA-REG-26: whoever binds another's credential is up to something.
#[tokio::test]
async fn another_subjects_credential_is_told_to_the_operator() {
    Log::begin();
    let s = bank();
    let (hers, his) = (s.signed_in("alice").await, s.signed_in("bob").await);
    let (for_her, for_him) =
        (s.start_key(&hers, KeyRequest::passkey()).await, s.start_key(&his, KeyRequest::passkey()).await);
    let make = |options: &str| SoftAuthenticator::passkey().unattested().register(options, ORIGIN).unwrap();
    let own = make(for_her.public_key.as_str());
    let stolen = with_the_id_of(&make(for_him.public_key.as_str()), &own);
    s.mfa.confirm_key(Enroller::Session(&hers), for_her.id, &own).await.unwrap();
    assert_eq!(told(), "");
    is_wrong(s.mfa.confirm_key(Enroller::Session(&his), for_him.id, &stolen).await);
    let line = told();
    assert!(line.contains("WA-REG-26") && line.contains("bob"), "{line}");
}
