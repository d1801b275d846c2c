//! The chain of a subject's events: what whoever writes to the store without a key can do to it unseen is nothing.

use std::sync::Arc;

use tower_mfa::account::EventKind;
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::service::{AuditError, ChainError, ChainErrorKind, ChainReport, ChainVerifier, Reply};
use tower_mfa::store::{Commit, Committed, Feed, MemoryStore, Revision, Store, Stored, StoredEvent};
use tower_mfa::testing::FaultyStore;
use tower_mfa::vault::{LocalKeyRing, MasterKey};

use crate::scene::{Scene, challenged, keys_of, subject};

/// What the store has of a subject, for somebody to tamper with.
struct Trail {
    document: Stored,
    events: Vec<StoredEvent>,
    ring: Arc<LocalKeyRing>,
}

impl Trail {
    async fn of(store: &FaultyStore<MemoryStore>, name: &str, ring: &[MasterKey]) -> Self {
        let subject = subject(name);
        let document = store.load(&subject).await.unwrap().unwrap();
        let page = store.events(Feed::Subject(&subject), None, 200).await.unwrap();
        let ring = Arc::new(LocalKeyRing::new(ring.to_vec()).unwrap());
        Self { document, events: page.into_items(), ring }
    }

    fn verify(&self, events: &[StoredEvent], pruned_before: Option<Timestamp>) -> Result<(u64, u64), ChainErrorKind> {
        let kind = |error: ChainError| error.kind();
        let mut chain = ChainVerifier::new(&self.document, self.ring.clone()).map_err(kind)?;
        events.iter().try_for_each(|event| chain.check(event)).map_err(kind)?;
        chain.finish(pruned_before).map(|ChainReport { first, last, .. }| (first, last)).map_err(kind)
    }

    fn without(&self, at: usize) -> Vec<StoredEvent> {
        let mut events = self.events.clone();
        events.remove(at);
        events
    }

    fn with_body(&self, at: usize, body: String) -> Vec<StoredEvent> {
        let mut events = self.events.clone();
        let one = &events[at];
        events[at] = StoredEvent::new(one.cursor().clone(), one.subject().clone(), *one.id(), one.at(), body);
        events
    }
}

/// Somebody who has enrolled, signed in, and mistyped.
async fn lived(name: &str) -> (Scene, Trail, MasterKey) {
    let key = MasterKey::generate("2026-11", &SystemEntropy).unwrap();
    let s = Scene::built(|mfa| mfa.keys(keys_of(vec![key.clone()])));
    let person = s.enrolled(name).await;
    s.sign_in(name, &person.app).await;
    let asked = challenged(s.begin(name).await);
    s.answer(&asked, Reply::totp("000000")).await.unwrap_err();
    let trail = Trail::of(&s.store, name, std::slice::from_ref(&key)).await;
    assert!(trail.events.len() > 6);
    (s, trail, key)
}

#[tokio::test]
async fn what_was_written_is_verified() {
    let (s, trail, _) = lived("alice").await;
    let last = u64::try_from(trail.events.len()).unwrap();
    assert_eq!(trail.verify(&trail.events, None), Ok((1, last)));
    let report = s.mfa.verify_chain(&subject("alice")).await.unwrap();
    assert_eq!((report.first, report.last), (1, last));
    assert!(matches!(s.mfa.verify_chain(&subject("nobody")).await, Err(AuditError::Service(_))));
}

#[tokio::test]
async fn an_event_that_is_taken_out_is_missed_wherever_it_stood() {
    let (_s, trail, _) = lived("alice").await;
    let last = trail.events.len() - 1;
    for at in 0..=last {
        let expected = if at == last { ChainErrorKind::CutOff } else { ChainErrorKind::Removed };
        assert_eq!(trail.verify(&trail.without(at), None), Err(expected), "{at}");
    }
    assert_eq!(trail.verify(&[], None), Err(ChainErrorKind::CutOff));
    // Nor does the document fit when its note of the chain is another one: of another place, or of another subject.
    let (_other, foreign, _) = lived("bob").await;
    let mut document: serde_json::Value = serde_json::from_str(trail.document.document()).unwrap();
    for note in [
        serde_json::from_str::<serde_json::Value>(foreign.document.document()).unwrap()["chain"].clone(),
        serde_json::Value::Null,
    ] {
        document["chain"] = note;
        let document = Stored::new(subject("alice"), *trail.document.revision(), document.to_string());
        let cut = Trail { document, events: trail.without(last), ring: trail.ring.clone() };
        assert!(cut.verify(&cut.events, None).is_err());
    }
}

#[tokio::test]
async fn an_event_that_is_changed_or_put_in_is_found() {
    let (_s, trail, _) = lived("alice").await;
    let (_other, foreign, _) = lived("bob").await;
    let refused = |events: &[StoredEvent]| trail.verify(events, None).unwrap_err();
    for at in 0..trail.events.len() {
        let body = trail.events[at].body();
        for (from, to) in [("\"kind\":\"", "\"kind\":\"un"), ("\"at\":1", "\"at\":2"), ("{", "{\"detail\":\"\",")] {
            let changed = refused(&trail.with_body(at, body.replacen(from, to, 1)));
            assert!(matches!(changed, ChainErrorKind::Changed | ChainErrorKind::Inserted), "{at} {from}: {changed:?}");
        }
        // Any byte at all: it is refused, or it is the same event written otherwise.
        for byte in 0..body.len() {
            let mut bytes = body.as_bytes().to_vec();
            bytes[byte] ^= 1;
            let Ok(other) = String::from_utf8(bytes) else { continue };
            assert!(trail.verify(&trail.with_body(at, other), None).is_err(), "{at} {byte}");
        }
        let mut twice = trail.events.clone();
        twice.insert(at, twice[at].clone());
        assert_eq!(refused(&twice), ChainErrorKind::Inserted);
        let mut mixed = trail.events.clone();
        mixed.insert(at, foreign.events[at].clone());
        assert!(trail.verify(&mixed, None).is_err());
    }
    let mut swapped = trail.events.clone();
    swapped.swap(1, 2);
    assert!(trail.verify(&swapped, None).is_err());
}

#[tokio::test]
async fn members_in_another_order_are_the_same_event() {
    let (_s, trail, _) = lived("alice").await;
    let sorted: serde_json::Value = serde_json::from_str(trail.events[0].body()).unwrap();
    assert_ne!(sorted.to_string(), trail.events[0].body(), "as a store that reads JSON gives it back");
    assert!(trail.verify(&trail.with_body(0, sorted.to_string()), None).is_ok());
}

#[tokio::test]
async fn what_retention_takes_may_be_gone_and_nothing_else() {
    let (s, before, key) = lived("alice").await;
    let cut = s.now();
    s.clock.advance(1);
    let _ = s.begin("alice").await;
    let left = before.events.iter().filter(|event| event.at() >= cut).count() + 1;
    s.clock.advance(2 * 86_400);
    s.mfa.prune_events(cut).await.unwrap();
    let report = s.mfa.verify_chain(&subject("alice")).await.unwrap();
    assert_eq!(report.last - report.first + 1, u64::try_from(left).unwrap());
    assert!(report.first > 1);
    // Somebody else's broom leaves no note.
    let trail = Trail::of(&s.store, "alice", std::slice::from_ref(&key)).await;
    assert_eq!(trail.verify(&trail.events, None), Err(ChainErrorKind::Removed));
    assert!(trail.verify(&trail.events, Some(cut)).is_ok());
    s.clock.advance(1);
    s.store.prune(s.now()).await.unwrap();
    let error = s.mfa.verify_chain(&subject("alice")).await.unwrap_err();
    let AuditError::Chain(error) = error else { panic!("{error:?}") };
    assert_eq!(error.kind(), ChainErrorKind::CutOff, "{error}");
    // What was written is told of all the same.
    let _ = s.begin("alice").await;
    let AuditError::Chain(error) = s.mfa.verify_chain(&subject("alice")).await.unwrap_err() else { panic!() };
    assert!(matches!(error.kind(), ChainErrorKind::Removed | ChainErrorKind::CutOff), "{error}");
}

/// The note of what was pruned stands in a chain, too: it cannot be made up, nor moved on.
#[tokio::test]
async fn a_note_of_retention_is_an_event_that_everybody_can_read() {
    let (s, _, _) = lived("alice").await;
    s.clock.advance(2 * 86_400);
    s.mfa.prune_events(s.now()).await.unwrap();
    let noted = s.store.events(Feed::All, None, 200).await.unwrap();
    let noted: Vec<_> = noted.items().iter().filter(|event| event.body().contains("events_pruned")).collect();
    assert_eq!(noted.len(), 1, "{:?}", EventKind::EventsPruned);
    let report = s.mfa.verify_chain(&subject("alice")).await.unwrap();
    assert_eq!(report.first, 0, "all of them were from before");
}

#[tokio::test]
async fn the_chain_outlives_its_master_key_and_its_account() {
    let (s, trail, old) = lived("alice").await;
    let new = MasterKey::generate("2026-12", &SystemEntropy).unwrap();
    let ring = || keys_of(vec![new.clone(), old.clone()]);
    let both = tower_mfa::service::Mfa::builder(s.store.clone()).issuer("https://id.example").audience("api");
    let both = both.keys(ring()).with_clock(s.clock.clone()).build().unwrap();
    assert!(both.rotate_keys(|_| ()).await.unwrap().is_clean());
    both.erase(&subject("alice"), "root", "asked to be forgotten").await.unwrap();
    let after = Trail::of(&s.store, "alice", std::slice::from_ref(&new)).await;
    let last = u64::try_from(after.events.len()).unwrap();
    assert!(after.events.len() > trail.events.len());
    assert_eq!(after.verify(&after.events, None), Ok((1, last)));
    let with_the_old_key = Trail { ring: trail.ring, ..after };
    assert_eq!(with_the_old_key.verify(&[], None), Err(ChainErrorKind::Unreadable));
}

/// Whoever was erased may come back, with nothing bound; the trail goes on.
#[tokio::test]
async fn the_chain_goes_on_where_an_erased_subject_signs_in_again() {
    let (s, trail, _) = lived("alice").await;
    s.mfa.erase(&subject("alice"), "root", "asked to be forgotten").await.unwrap();
    s.password("alice").await;
    let report = s.mfa.verify_chain(&subject("alice")).await.unwrap();
    assert!(report.first == 1 && report.last > u64::try_from(trail.events.len()).unwrap() + 1, "{report:?}");
}

/// Nobody is locked out for the sake of the trail, and whoever verifies it sees where it broke.
#[tokio::test]
async fn where_the_master_key_is_lost_a_new_chain_begins_and_the_break_is_found() {
    let (s, _, _) = lived("alice").await;
    let new = MasterKey::generate("2026-12", &SystemEntropy).unwrap();
    let alone = tower_mfa::service::Mfa::builder(s.store.clone()).issuer("https://id.example").audience("api");
    let alone = alone.keys(keys_of(vec![new.clone()])).with_clock(s.clock.clone()).build().unwrap();
    let AuditError::Chain(error) = alone.verify_chain(&subject("alice")).await.unwrap_err() else { panic!() };
    assert_eq!(error.kind(), ChainErrorKind::Unreadable);
    alone.reset(&subject("alice"), "root", "the key is lost").await.unwrap();
    let trail = Trail::of(&s.store, "alice", &[new]).await;
    assert_eq!(trail.verify(&trail.events, None), Err(ChainErrorKind::Changed));
    let n =
        |event: &StoredEvent| serde_json::from_str::<serde_json::Value>(event.body()).unwrap()["chain"]["n"].clone();
    let anew = trail.events.iter().rposition(|event| n(event) == 1).unwrap();
    assert!(anew > 0, "the old one is still there");
    let rest = &trail.events[anew..];
    assert_eq!(trail.verify(rest, None), Err(ChainErrorKind::BegunAnew), "what is left does not look whole");
    assert!(rest.iter().any(|event| event.body().contains("chain_begun_anew")));
    // Once retention has taken all from before, there is nothing to know of it, and the new one holds.
    assert!(trail.verify(rest, Some(s.now().plus(1))).is_ok());
}

/// Puts another document of Alice's in place of the one that stands there.
async fn put_back(s: &Scene, document: &str) {
    let (alice, revision) = (subject("alice"), Revision::generate(&SystemEntropy).unwrap());
    let before = s.store.load(&alice).await.unwrap().unwrap();
    let put = Commit::new(&alice, Some(before.revision()), revision, document);
    assert_eq!(s.store.commit(put).await.unwrap(), Committed::Done);
}

/// The trail is not erased by erasing the note of it.
#[tokio::test]
async fn a_chain_that_is_taken_out_of_the_document_leaves_no_trail_that_looks_whole() {
    let (s, trail, key) = lived("alice").await;
    let mut document: serde_json::Value = serde_json::from_str(trail.document.document()).unwrap();
    for note in [serde_json::Value::Null, serde_json::Value::from("2026-11.AAAA")] {
        document["chain"] = note;
        put_back(&s, &document.to_string()).await;
        s.store.prune(s.now().plus(1)).await.unwrap();
        let bare = Trail::of(&s.store, "alice", std::slice::from_ref(&key)).await;
        assert!(bare.events.is_empty() && bare.verify(&[], None).is_err());
        s.clock.advance(1);
        let _ = s.begin("alice").await;
        let AuditError::Chain(error) = s.mfa.verify_chain(&subject("alice")).await.unwrap_err() else { panic!() };
        assert_eq!(error.kind(), ChainErrorKind::BegunAnew, "{error}");
    }
}

#[tokio::test]
async fn a_document_that_is_put_back_is_older_than_its_events() {
    let (s, old, key) = lived("alice").await;
    s.clock.advance(30);
    let _ = s.begin("alice").await;
    let now = Trail::of(&s.store, "alice", std::slice::from_ref(&key)).await;
    let back = Trail { document: old.document.clone(), ..now };
    assert_eq!(back.verify(&back.events, None), Err(ChainErrorKind::OldDocument));
    // Of an account that is in use, a document that is read later knows of them.
    let mut chain = ChainVerifier::new(&back.document, back.ring.clone()).unwrap();
    back.events.iter().try_for_each(|event| chain.check(event)).unwrap();
    let current = s.store.load(&subject("alice")).await.unwrap().unwrap();
    chain.update(&current, back.ring.clone()).unwrap();
    chain.finish(None).unwrap();

    put_back(&s, old.document.document()).await;
    let AuditError::Chain(error) = s.mfa.verify_chain(&subject("alice")).await.unwrap_err() else { panic!() };
    assert_eq!(error.kind(), ChainErrorKind::OldDocument, "{error}");
    let (_other, foreign, _) = lived("bob").await;
    let mut chain = ChainVerifier::new(&current, back.ring.clone()).unwrap();
    for document in [&foreign.document, &old.document] {
        assert!(chain.update(document, back.ring.clone()).is_err(), "of another, or of before");
    }
}

/// While a new master key is rolled out, replicas with the old ring go on with the chains that they began.
#[tokio::test]
async fn a_replica_with_the_old_ring_does_not_break_a_chain() {
    let (s, _, old) = lived("alice").await;
    let new = MasterKey::generate("2026-12", &SystemEntropy).unwrap();
    let both = tower_mfa::service::Mfa::builder(s.store.clone()).issuer("https://id.example").audience("api");
    let both = both.keys(keys_of(vec![new, old])).with_clock(s.clock.clone()).build().unwrap();
    for mfa in [&both, &s.mfa, &both] {
        mfa.suspend(&subject("alice"), "carol", "left").await.unwrap();
        mfa.unlock(&subject("alice"), "carol", "is back").await.unwrap();
    }
    both.verify_chain(&subject("alice")).await.unwrap();
    assert!(both.rotate_keys(|_| ()).await.unwrap().is_clean());
    both.verify_chain(&subject("alice")).await.unwrap();
}
