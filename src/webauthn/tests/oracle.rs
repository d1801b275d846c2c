//! The library's own ceremony as a second opinion on assertions: what is accepted here it accepts too,
//! once counter, backup flag and user verification are out of its hands.

use std::time::Duration;

use serde_json::json;
use url::Url;
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::proto::{AuthenticationState, Credential, PublicKeyCredential};

use super::scene::{ASKED, Bound, ORIGIN, b64, bind, challenge, party};
use crate::account::webauthn::Assertion;
use crate::testing::{KeyType, Lie, SoftAuthenticator};
use crate::webauthn::key;

fn library_accepts(bound: &Bound, assertion: &Assertion) -> bool {
    let origin = vec![Url::parse(ORIGIN).unwrap()];
    let core = WebauthnCore::new_unsafe_experts_only("", "example.com", origin, Duration::ZERO, None, None);
    let id = b64(bound.registered.id.as_bytes());
    let credential: Credential = serde_json::from_value(json!({
        "cred_id": id,
        "cred": serde_json::to_value(key::to_library(&bound.registered.public_key).unwrap()).unwrap(),
        "counter": 0,
        "transports": null,
        "user_verified": false,
        "backup_eligible": assertion.authenticator_data.get(32).is_some_and(|flags| flags & 0x08 != 0),
        "backup_state": false,
        "registration_policy": "preferred",
        "extensions": {},
        "attestation": { "data": "None", "metadata": "None" },
        "attestation_format": "none",
    }))
    .unwrap();
    let state: AuthenticationState = serde_json::from_value(json!({
        "credentials": [],
        "policy": "preferred",
        "challenge": challenge(ASKED).to_text(),
        "appid": null,
        "allow_backup_eligible_upgrade": false,
    }))
    .unwrap();
    let answer: PublicKeyCredential = serde_json::from_value(json!({
        "id": id,
        "rawId": id,
        "type": "public-key",
        "response": {
            "authenticatorData": b64(&assertion.authenticator_data),
            "clientDataJSON": b64(&assertion.client_data),
            "signature": b64(&assertion.signature),
            "userHandle": null,
        },
    }))
    .unwrap();
    core.authenticate_single_credential(&answer, &state, &credential).is_ok()
}

#[test]
fn what_is_accepted_here_the_library_accepts_too() {
    for key_type in [KeyType::Es256, KeyType::Es384, KeyType::Rs256] {
        let mut bound = bind(SoftAuthenticator::passkey().key_type(key_type));
        let mut agree = |change: fn(SoftAuthenticator) -> SoftAuthenticator, both: bool| {
            let authenticator = std::mem::replace(&mut bound.authenticator, SoftAuthenticator::passkey());
            bound.authenticator = change(authenticator.honest());
            let assertion = bound.assertion(ORIGIN);
            assert_eq!(bound.check(&party(), &assertion).is_ok(), both);
            assert_eq!(library_accepts(&bound, &assertion), both);
        };
        agree(|key| key, true);
        agree(|key| key.user_verified(false), true);
        agree(|key| key.counter(9), true);
        agree(|key| key.backup(true, false), true);
        agree(|key| key.backup(false, false), true);
        agree(|key| key.backup(false, true), false);
        agree(|key| key.backup(true, true).user_present(false), false);
        agree(|key| key.user_present(true).lying(Lie::RpId("example.org".into())), false);
        agree(|key| key.lying(Lie::Type("webauthn.create".into())), false);
        agree(|key| key.lying(Lie::Challenge("AAAA".into())), false);
    }
}

#[test]
fn the_library_takes_a_frame_and_a_page_around_it_that_are_refused_here() {
    let lies =
        |key: SoftAuthenticator| key.lying(Lie::CrossOrigin).lying(Lie::TopOrigin("https://evil.example".into()));
    let mut bound = bind(SoftAuthenticator::passkey()).with(lies);
    let assertion = bound.assertion(ORIGIN);
    assert!(library_accepts(&bound, &assertion), "where this fails, the library has learnt it");
    assert!(bound.check(&party(), &assertion).is_err());
}
