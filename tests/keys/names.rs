//! What a stranger learns of names, and what nobody locks by trying.

use std::sync::Arc;

use tower_mfa::account::Refusal;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::service::Keys;
use tower_mfa::testing::SoftAuthenticator;
use tower_mfa::token::{Algorithm, KeySet, SigningKey};
use tower_mfa::vault::{LocalKeyRing, MasterKey};

use crate::bank::{ORIGIN, bank, built, is_wrong, json, policy};
use crate::scene::{Scene, answered, challenged, complete, refusal};

/// WA-14.6.2: a name that nobody has is answered as one that somebody has.
#[tokio::test]
async fn wa_14_6_2_a_name_that_nobody_has_looks_like_one_with_a_key() {
    let s = bank();
    s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
    s.signed_in("bob").await;
    let (commits, loads) = (s.store.commits(), s.store.loads());
    let alice = s.passkey(Some("alice")).await;
    let per_question = s.store.loads() - loads;
    for name in ["bob", "nobody", "\u{1f}", "a name with spaces ", "acme/alice"] {
        let loads = s.store.loads();
        let (one, again) = (s.passkey(Some(name)).await, s.passkey(Some(name)).await);
        assert_eq!(s.store.loads() - loads, 2 * per_question, "{name}: as many looks");
        assert_eq!(one.token.expose().len(), alice.token.expose().len(), "{name}");
        let (one, again, hers) = (json(&one.public_key), json(&again.public_key), json(&alice.public_key));
        assert_eq!(one["allowCredentials"], again["allowCredentials"], "{name}: always the same");
        assert_ne!(one["challenge"], again["challenge"]);
        assert!((1..=3).contains(&one["allowCredentials"].as_array().unwrap().len()));
        let members = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(&one), members(&hers));
        let id = one["allowCredentials"][0]["id"].as_str().unwrap();
        assert!([22, 27, 43, 86].contains(&id.len()), "{id}: a length that authenticators use");
    }
    assert_ne!(
        json(&s.passkey(Some("nobody")).await.public_key)["allowCredentials"],
        json(&s.passkey(Some("somebody")).await.public_key)["allowCredentials"]
    );
    assert_eq!(s.store.commits(), commits, "nothing is written");
}

/// WA-14.6.2: two keys are no sign of somebody: names that nobody has have as many, each another.
#[tokio::test]
async fn wa_14_6_2_names_that_nobody_has_have_one_key_or_more() {
    let s = bank();
    let (mut counts, mut ids) = ([0; 4], std::collections::BTreeSet::new());
    for n in 0..200 {
        let listed = json(&s.passkey(Some(&format!("nobody-{n}"))).await.public_key)["allowCredentials"].clone();
        let listed = listed.as_array().unwrap();
        counts[listed.len()] += 1;
        ids.extend(listed.iter().map(|key| key["id"].as_str().unwrap().to_owned()));
    }
    assert!(counts[0] == 0 && counts[1..].iter().all(|count| *count > 5), "{counts:?}");
    assert_eq!(ids.len(), counts[1] + 2 * counts[2] + 3 * counts[3]);
}

/// WA-14.6.2: nor does the end of it tell, where somebody has begun with a name and has no key of hers.
#[tokio::test]
async fn wa_14_6_2_a_sign_in_that_fails_does_so_alike_whosever_the_name_is() {
    let by_name = bank();
    let by_table = built(|mfa| mfa.policy(policy(Default::default()).build().unwrap()).directory(Table));
    for s in [by_name, by_table] {
        s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
        s.signed_in("bob").await;
        let mut strangers = stranger().await;
        let commits = s.store.commits();
        for name in ["alice", "bob", "carol", "nobody", "\u{1f}"] {
            let started = s.passkey(Some(name)).await;
            let mut options = json(&started.public_key);
            options["allowCredentials"] = serde_json::json!([]);
            let credential = strangers.assert(&options.to_string(), ORIGIN).unwrap();
            let loads = s.store.loads();
            let from = s.mfa.from_address("192.0.2.66");
            let refused = refusal(from.finish_passkey(started.id, &started.token, &credential).await);
            assert_eq!((refused, s.store.loads() - loads), (Refusal::InvalidCredential, 1), "{name}");
        }
        assert_eq!(s.store.commits(), commits, "nothing is written");
    }
}

/// WA-14.6.2: who looks before and after a new master key learns of no names.
#[tokio::test]
async fn wa_14_6_2_a_new_master_key_changes_no_made_up_list() {
    let draw = |id| MasterKey::generate(id, &SystemEntropy).unwrap();
    let (october, november) = (draw("2026-10"), draw("2026-11"));
    let under = |ring: Vec<MasterKey>| {
        let signing = KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap());
        let keys = Keys::new(signing, Arc::new(LocalKeyRing::new(ring).unwrap()));
        built(|mfa| mfa.policy(policy(Default::default()).build().unwrap()).keys(keys))
    };
    let listed = async |s: Scene| json(&s.passkey(Some("nobody")).await.public_key)["allowCredentials"].clone();
    let before = listed(under(vec![october.clone()])).await;
    assert_eq!(listed(under(vec![november.clone(), october])).await, before);
    assert_ne!(listed(under(vec![november])).await, before, "they are drawn from the key, not from the name alone");
}

/// WA-14.6.2: where names are one in upper and lower case, nobody's are, too.
#[tokio::test]
async fn wa_14_6_2_another_spelling_tells_no_names() {
    let s = built(|mfa| mfa.policy(policy(Default::default()).build().unwrap()).directory(Table));
    s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
    for [one, other] in [["alice", "Alice"], ["bob", "BOB"], ["nobody", "Nobody"]] {
        let listed = async |name| json(&s.passkey(Some(name)).await.public_key)["allowCredentials"].clone();
        assert_eq!(listed(one).await, listed(other).await, "{one}");
    }
    // By default they are not one: neither somebody's nor nobody's.
    let s = bank();
    s.keyed("alice", &mut SoftAuthenticator::passkey()).await;
    for [one, other] in [["alice", "Alice"], ["nobody", "Nobody"]] {
        let listed = async |name| json(&s.passkey(Some(name)).await.public_key)["allowCredentials"].clone();
        assert_ne!(listed(one).await, listed(other).await, "{one}");
    }
}

/// The users of a host: alice, bob, and carol who has never been here.
struct Table;

impl tower_mfa::service::Directory for Table {
    fn spelling<'a>(&self, name: &'a str) -> std::borrow::Cow<'a, str> {
        name.to_lowercase().into()
    }

    fn subject_of<'a>(&'a self, name: &'a str) -> tower_mfa::service::DirectoryFuture<'a, tower_mfa::id::Subject> {
        let found = ["alice", "bob", "carol"].contains(&name).then(|| crate::scene::subject(name));
        Box::pin(async { Ok(found) })
    }

    fn user<'a>(
        &'a self,
        subject: &'a tower_mfa::id::Subject,
    ) -> tower_mfa::service::DirectoryFuture<'a, tower_mfa::account::KnownUser> {
        // Asked of those alone who have proved who they are: how long it takes tells nobody else.
        assert!(["alice", "bob", "carol"].contains(&subject.id()), "{subject} is nobody");
        Box::pin(async { Ok(Some(tower_mfa::account::KnownUser::new(subject.clone()))) })
    }
}

/// A key that is bound somewhere else.
async fn stranger() -> SoftAuthenticator {
    let mut key = SoftAuthenticator::passkey();
    Scene::keyed(&bank(), "mallory", &mut key).await;
    key
}

/// A stranger who knows somebody's credential id can lock nobody, and makes nobody write.
#[tokio::test]
async fn a_bad_signature_moves_no_counter_writes_nothing_and_takes_no_place_in_the_line() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let asked = challenged(s.begin("alice").await);
    let good = key.assert(crate::bank::options(&asked.methods).as_str(), ORIGIN).unwrap();
    let bad = broken(&good);
    let (commits, document) = (s.store.commits(), s.document("alice").await);
    // With the store's commits held up, whoever had to wait in the line would.
    s.store.set(Some(tower_mfa::testing::Fault::NotCommitted));
    for _ in 0..200 {
        is_wrong(s.answer(&asked, tower_mfa::service::Reply::webauthn(bad.clone())).await);
    }
    s.store.set(None);
    assert_eq!((s.store.commits(), s.document("alice").await), (commits, document));
    answered(s.answer(&asked, tower_mfa::service::Reply::webauthn(good)).await.unwrap());
}

/// It counts by address, and only there.
#[tokio::test]
async fn a_hundred_and_twenty_failures_of_an_address_are_all_it_has_at_once() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let (theirs, hers) = (s.mfa.from_address("192.0.2.66"), s.mfa.from_address("192.0.2.7"));
    let with_port = s.mfa.from_address("192.0.2.66:4711");
    let started = s.passkey(None).await;
    let good = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
    let bad = broken(&good);
    for _ in 0..120 {
        is_wrong(theirs.finish_passkey(started.id, &started.token, &bad).await);
    }
    for from in [theirs, with_port] {
        let throttled = refusal(from.finish_passkey(started.id, &started.token, &good).await);
        assert_eq!(throttled, Refusal::Throttled { retry_after: 3 });
    }
    complete(hers.finish_passkey(started.id, &started.token, &good).await.unwrap());
}

/// One answer for all, and no detail in it.
#[tokio::test]
async fn a_bad_signature_and_an_unknown_credential_are_one_answer() {
    let s = bank();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("alice", &mut key).await;
    let mut strangers = SoftAuthenticator::passkey();
    built(|mfa| mfa.policy(policy(Default::default()).build().unwrap())).keyed("mallory", &mut strangers).await;
    let started = s.passkey(None).await;
    let unknown = strangers.assert(started.public_key.as_str(), ORIGIN).unwrap();
    let bad = broken(&key.assert(started.public_key.as_str(), ORIGIN).unwrap());
    let texts = [unknown, bad].map(|credential| async {
        let error = s.mfa.finish_passkey(started.id, &started.token, &{ credential }).await.unwrap_err();
        (error.refusal().clone(), error.to_string())
    });
    let [one, other] = texts;
    assert_eq!(one.await, other.await);
}

/// A signature that is none: its last byte is another one.
fn broken(credential: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut credential: serde_json::Value = serde_json::from_str(credential).unwrap();
    let signature = credential["response"]["signature"].as_str().unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    credential["response"]["signature"] = URL_SAFE_NO_PAD.encode(bytes).into();
    credential.to_string()
}
