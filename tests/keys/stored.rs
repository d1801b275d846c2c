//! What a document says of keys: read for as long as there are accounts.

use serde_json::{Value, json};
use tower_mfa::service::{ChallengeRequest, KeyRequest};
use tower_mfa::store::{Commit, Committed, Revision, Store};
use tower_mfa::testing::SoftAuthenticator;

use crate::bank::{bank, hard_key};
use crate::scene::{Scene, answered, challenged, complete, subject};

async fn document(s: &Scene) -> Value {
    serde_json::from_str(&s.document("alice").await).unwrap()
}

async fn put(s: &Scene, document: &Value) {
    let (alice, text) = (subject("alice"), document.to_string());
    let stored = s.store.load(&alice).await.unwrap().unwrap();
    let commit = Commit::new(&alice, Some(stored.revision()), Revision::from_bytes([9; 16]), &text);
    assert_eq!(s.store.commit(commit).await.unwrap(), Committed::Done);
}

fn members(of: &Value) -> Vec<&str> {
    of.as_object().unwrap().keys().map(String::as_str).collect()
}

/// WA-REG-27: every name below is in documents that are out there.
#[tokio::test]
async fn wa_reg_27_a_key_is_stored_under_names_of_our_own() {
    let s = bank();
    let mut key = hard_key();
    let by = s.keyed("alice", &mut key).await;
    s.clock.advance(1);
    s.start_key(&by, KeyRequest::security_key()).await;
    s.opened(&by, ChallengeRequest::new().max_age(0)).await;
    complete(s.finish(&s.passkey(Some("alice")).await, &mut key).await.unwrap());
    let stored = document(&s).await;
    let [bound, asked] = [0, 1].map(|at| stored["authenticators"][at]["credential"].clone());
    let names = ["aaguid", "attestation", "counter", "id", "kind", "public_key", "transports", "uv_initialized"];
    assert_eq!(members(&bound["webauthn"]), names, "and backup_eligible, backed_up where it is so");
    assert_eq!(members(&bound["webauthn"]["public_key"]["ec"]), ["alg", "x", "y"]);
    assert_eq!(bound["webauthn"]["kind"], "passkey");
    assert_eq!(members(&asked["webauthn_asked"]), ["challenge", "kind"]);
    assert_eq!(asked["webauthn_asked"]["kind"], "security_key");
    assert_eq!(stored["user_handle"].as_str().unwrap().len(), 86);
    assert_eq!(members(&stored["passkey_sign_ins"][0]), ["id", "until"]);
    assert_eq!(stored["challenges"][0]["to_sign"].as_str().unwrap().len(), 43);
    let mut soft = SoftAuthenticator::passkey();
    let s = bank();
    s.keyed("alice", &mut soft).await;
    let stored = document(&s).await["authenticators"][0]["credential"]["webauthn"].clone();
    for name in ["backed_up", "backup_eligible", "transports"] {
        assert!(stored.get(name).is_some(), "{name}");
    }
}

/// A key with nothing said of it but what each has; and an account from before there were keys.
#[tokio::test]
async fn what_a_document_leaves_out_is_what_it_was_before_there_was_a_name_for_it() {
    let s = bank();
    let mut key = SoftAuthenticator::security_key();
    s.keyed("alice", &mut key).await;
    let mut stored = document(&s).await;
    let of_key = stored["authenticators"][0]["credential"]["webauthn"].as_object_mut().unwrap();
    of_key.retain(|name, _| ["id", "kind", "public_key", "counter"].contains(&name.as_str()));
    put(&s, &stored).await;
    answered(s.answer_login(&challenged(s.begin("alice").await), &mut key).await.unwrap());

    let s = bank();
    s.signed_in("alice").await;
    let stored = document(&s).await;
    for name in ["user_handle", "passkey_sign_ins", "sign_ins_since", "throttle", "challenges"] {
        assert!(stored.get(name).is_none(), "{name}: an account without keys is written as before");
    }
    s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
}

/// A member that nobody knows is a document of somebody else, and never "no key".
#[tokio::test]
async fn a_key_that_cannot_be_understood_is_unavailable() {
    let s = bank();
    s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
    let whole = document(&s).await;
    let credential = "/authenticators/0/credential/webauthn";
    for (at, value) in [
        (format!("{credential}/id"), json!("")),
        (format!("{credential}/id"), json!("A".repeat(1_400))),
        (format!("{credential}/public_key"), json!({"ed": {"alg": -8, "x": "AA"}})),
        (format!("{credential}/counter"), json!(-1)),
        (format!("{credential}/attestation"), json!("believed")),
        ("/user_handle".into(), json!("a=")),
    ] {
        let mut broken = whole.clone();
        *broken.pointer_mut(&at).unwrap() = value;
        put(&s, &broken).await;
        assert!(crate::scene::is_unavailable(s.mfa.begin(s.first("alice")).await), "{at}");
    }
}
