//! Documents in which every member of version 1 is set: none of them may ever mean anything else.

mod maker;
mod meaning;
mod plain;

use std::sync::Arc;

use serde_json::{Value, json};
use tower_mfa::assurance::Requirement;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Aaguid;
use tower_mfa::policy::{Grace, Login, LoginPolicy, PolicyBuilder, WebAuthnPolicy};
use tower_mfa::secret::SecretBytes;
use tower_mfa::service::{Keys, Reply};
use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store};
use tower_mfa::testing::{AuthenticatorApp, FaultyStore, ManualClock};
use tower_mfa::token::{KeySet, SigningKey};
use tower_mfa::transfer::{Move, TransferKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

use crate::bank::{MODEL, site};
use crate::scene::{Heard, Scene, builder, cheap, is_unavailable, subject};

const WHOLE: &str = include_str!("../../vectors/account_v1_whole.json");

/// An app that another system issued.
const OLD_APP: &str = "otpauth://totp/Old:alice?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ";

/// The master key of the vectors: 32 bytes of 7.
fn v1() -> MasterKey {
    MasterKey::new("v1", SecretBytes::new(vec![7; 32])).unwrap()
}

fn keys(signing: &str, ring: Vec<MasterKey>) -> Keys {
    let signing = KeySet::new(SigningKey::from_pkcs8_pem(signing).unwrap());
    Keys::new(signing, Arc::new(LocalKeyRing::new(ring).unwrap()))
}

fn transfer_key() -> TransferKey {
    TransferKey::new("move", SecretBytes::new([7; 32])).unwrap()
}

fn why() -> Move<'static> {
    Move::by("ops-7", "ticket 4711").unwrap()
}

/// One login without an authenticator; apps expire, keys of one model reach AAL3, and there may be a bypass.
fn policy() -> PolicyBuilder {
    let keys = WebAuthnPolicy::default().trust_aaguids([Aaguid::from_bytes(MODEL)]);
    let login = LoginPolicy::new(Login::RequiredAfter(Grace::sign_ins(1).unwrap()));
    let policy = cheap().webauthn(keys).login(login).action("pay", Requirement::aal2().within(60));
    policy.totp_valid_for(20 * 86_400).bypass_at_most(86_400)
}

/// A code that none of these apps shows.
fn wrong(s: &Scene, apps: &[AuthenticatorApp]) -> Reply {
    let near = [s.now().minus(30), s.now(), s.now().plus(30)];
    let shown: Vec<_> = apps.iter().flat_map(|app| near.map(|at| app.code(at))).collect();
    let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !shown.contains(code));
    Reply::totp(wrong.unwrap())
}

/// The people of the vector, by name: the document, what its owner holds, and what they saw.
fn people() -> serde_json::Map<String, Value> {
    file()["people"].as_object().unwrap().clone()
}

fn file() -> Value {
    serde_json::from_str(WHOLE).unwrap()
}

/// A service on a store that holds this document, at the last time it had seen.
async fn open(document: &Value, policy: PolicyBuilder, ring: Vec<MasterKey>) -> Scene {
    let store = FaultyStore::new(MemoryStore::new());
    let (who, text) = (subject(document["subject"].as_str().unwrap()), document.to_string());
    let commit = Commit::new(&who, None, Revision::generate(&SystemEntropy).unwrap(), &text);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    let (clock, heard) = (ManualClock::at(document["latest"].as_u64().unwrap()), Heard::default());
    let keys = keys(file()["signing_key"].as_str().unwrap(), ring);
    let mfa = builder(store.clone(), &clock, &heard).keys(keys).policy(policy.build().unwrap());
    let mfa = mfa.webauthn(site().build().unwrap()).build().unwrap();
    Scene { mfa, clock, store, heard }
}

/// JSON pointers to all objects of a document.
fn objects(of: &Value, at: &str, found: &mut Vec<String>) {
    match of {
        Value::Object(members) => {
            found.push(at.to_owned());
            members.iter().for_each(|(name, value)| objects(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| objects(item, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// What is sealed is sealed anew; all else stays what it was.
fn without_seals(mut document: Value) -> Value {
    document["chain"] = json!("sealed");
    for authenticator in document["authenticators"].as_array_mut().into_iter().flatten() {
        if let Some(sealed) = authenticator.pointer_mut("/credential/totp/sealed") {
            *sealed = json!("sealed");
        }
    }
    document
}

/// Read, and written by the one operation that changes nothing but seals.
#[tokio::test]
async fn every_member_of_version_1_is_read_and_written_back_as_it_was() {
    let newer = || MasterKey::generate("v2", &SystemEntropy).unwrap();
    for (name, kept) in people() {
        let s = open(&kept["document"], policy(), vec![newer(), v1()]).await;
        // At the last time it had seen, a clock that was reported has caught up.
        s.clock.go_back(10);
        let rotated = s.mfa.rotate_keys(|_| {}).await.unwrap();
        assert_eq!((rotated.sealed, rotated.failed), (1, 0), "{name}: {rotated:?}");
        let written: Value = serde_json::from_str(&s.document(&name).await).unwrap();
        assert_ne!(written["chain"], kept["document"]["chain"], "{name}");
        assert_eq!(without_seals(written), without_seals(kept["document"].clone()), "{name}");
    }
}

/// As a build meets it that is older than a member: a later one may say that less is proved, or less allowed.
#[tokio::test]
async fn a_member_that_nobody_knows_is_refused_wherever_it_stands() {
    for (name, kept) in people() {
        let mut all = Vec::new();
        objects(&kept["document"], "", &mut all);
        for at in all {
            let mut newer = kept["document"].clone();
            newer.pointer_mut(&at).unwrap()["said_by_a_newer_build"] = json!(true);
            let s = open(&newer, policy(), vec![v1()]).await;
            assert!(is_unavailable(s.mfa.begin(s.first(&name)).await), "{name}: {at}");
            assert!(is_unavailable(s.mfa.unlock(&subject(&name), "ops-7", "why").await), "{name}: {at}");
        }
    }
}
