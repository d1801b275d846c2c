//! What a document says of keys: read for as long as there are accounts.

use serde_json::{Value, json};
use tower_mfa::assurance::Method;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::EventId;
use tower_mfa::policy::WebAuthnPolicy;
use tower_mfa::secret::SecretBytes;
use tower_mfa::service::{ChallengeRequest, Enroller, KeyRequest, Keys, Reply};
use tower_mfa::store::{Commit, Committed, Feed, MemoryStore, NewEvent, Revision, Store};
use tower_mfa::testing::{AuthenticatorApp, FaultyStore, ManualClock, SeededEntropy, SoftAuthenticator};
use tower_mfa::vault::MasterKey;

use crate::bank::{bank, built, hard_key, policy, site};
use crate::scene::{Heard, START, Scene, answered, builder, challenged, complete, keys_of, subject};

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

const KEYS_V1: &str = include_str!("../vectors/account_v1_keys.json");
/// When the vector's account was last used.
const KEYS_V1_AT: u64 = START + 60;

fn v1_keys() -> Keys {
    keys_of(vec![MasterKey::new("v1", SecretBytes::new(vec![7; 32])).unwrap()])
}

/// A bank on a store that holds a document for alice, and her events.
async fn holding(document: &str, events: &[NewEvent]) -> Scene {
    let store = FaultyStore::new(MemoryStore::new());
    let (alice, revision) = (subject("alice"), Revision::from_bytes([1; 16]));
    let commit = Commit::new(&alice, None, revision, document).with_events(events);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    let (clock, heard) = (ManualClock::at(KEYS_V1_AT), Heard::default());
    let mfa = builder(store.clone(), &clock, &heard)
        .keys(v1_keys())
        .policy(policy(WebAuthnPolicy::default()).build().unwrap());
    let mfa = mfa.webauthn(site().build().unwrap()).build().unwrap();
    Scene { mfa, clock, store, heard }
}

/// Writes `tests/vectors/account_v1_keys.json`: an account with an app, a passkey and a chain of events. It is kept as
/// it was first written.
#[tokio::test]
#[ignore = "makes the vector; an old document is never made anew"]
async fn make_the_vector_of_version_1_with_keys() {
    let s = built(|mfa| mfa.keys(v1_keys()).with_entropy(SeededEntropy::new(2)));
    let by = s.signed_in("alice").await;
    let started = s.start(&by).await.unwrap();
    let uri = started.otpauth_uri.expose().to_owned();
    let code = AuthenticatorApp::scan(&uri).unwrap().code(s.now());
    let bound = s.mfa.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
    let by = s.auth(&bound.tokens);
    s.bind_key(&by, &mut SoftAuthenticator::passkey()).await;
    let page = s.store.events(Feed::Subject(&subject("alice")), None, 200).await.unwrap();
    let events: Vec<_> = page.items().iter().map(|e| json!([e.id(), e.at(), e.body(), e.revokes()])).collect();
    let document: Value = serde_json::from_str(&s.document("alice").await).unwrap();
    let file = json!({"document": document, "events": events, "otpauth_uri": uri});
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/account_v1_keys.json");
    std::fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
}

/// Rows: WA-REG-27
#[tokio::test]
async fn a_document_of_version_1_with_keys_and_a_chain_is_read_for_ever() {
    let file: Value = serde_json::from_str(KEYS_V1).unwrap();
    let events: Vec<(EventId, Timestamp, String, Option<String>)> =
        serde_json::from_value(file["events"].clone()).unwrap();
    let count = u64::try_from(events.len()).unwrap();
    let events: Vec<_> = events
        .into_iter()
        .map(|(id, at, body, revokes)| {
            let event = NewEvent::new(id, at, body);
            revokes.map_or(event.clone(), |what| event.revoking(what))
        })
        .collect();
    let s = holding(&file["document"].to_string(), &events).await;
    let report = s.mfa.verify_chain(&subject("alice")).await.unwrap();
    assert_eq!((report.first, report.last), (1, count));
    let short = holding(&file["document"].to_string(), &events[1..]).await;
    assert!(short.mfa.verify_chain(&subject("alice")).await.is_err(), "the first is missed");

    let app = AuthenticatorApp::scan(file["otpauth_uri"].as_str().unwrap()).unwrap();
    let asked = challenged(s.begin("alice").await);
    assert!(asked.methods.iter().any(|offer| offer.public_key.is_some()), "the passkey is asked for, too");
    let by = s.auth(&answered(s.answer(&asked, Reply::totp(app.code(s.now()))).await.unwrap()));
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    let kinds: Vec<_> = status.authenticators.iter().map(|one| one.method).collect();
    assert_eq!(kinds, [Method::Totp, Method::WebAuthn]);
}
