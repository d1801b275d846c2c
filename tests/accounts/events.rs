//! The audit trail: in the same commit as the change it tells of, whole, and paged.

use tower_mfa::account::{Event, EventKind, Refusal};
use tower_mfa::service::{Enroller, Reply, TotpEnrolment};
use tower_mfa::store::{Feed, Store};
use tower_mfa::testing::Fault;

use crate::scene::{Scene, challenged, refusal};

#[tokio::test]
async fn events_are_committed_with_the_state_and_the_hook_hears_of_them_afterwards() {
    let s = Scene::new();
    s.store.set(Some(Fault::NotCommitted));
    assert!(s.mfa.begin(s.first("alice")).await.is_err());
    assert!(s.heard.lock().unwrap().is_empty(), "nothing happened, so nothing is told");
    s.store.set(None);
    assert!(s.events("alice").await.is_empty());
    let person = s.enrolled("alice").await;
    s.sign_in("alice", &person.app).await;
    let told: Vec<Event> = s.heard.lock().unwrap().iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(told, s.events("alice").await, "the same events in the same order");
}

/// Rows: ASVS-16.3.1, ASVS-6.3.7, N63B-4.1-b, N63B-4.2.1.1-b
#[tokio::test]
async fn everything_that_happens_to_a_factor_is_told_with_its_kind_and_time() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let other = s.bind(&person.by).await;
    s.mfa.rename(&other.by, other.bound.authenticator.id, "tablet").await.unwrap();
    s.mfa.regenerate_recovery_codes(&other.by).await.unwrap();
    s.mfa.remove(&other.by, person.bound.authenticator.id).await.unwrap();
    s.mfa.disable(&other.by, None, None).await.unwrap();
    let wanted = [
        EventKind::SignedIn,
        EventKind::BindingStarted,
        EventKind::AuthenticatorBound,
        EventKind::RecoveryCodesIssued,
        EventKind::SessionEnded,
        EventKind::AuthenticatorRenamed,
        EventKind::AuthenticatorRemoved,
        EventKind::MfaDisabled,
    ];
    let events = s.events("alice").await;
    for kind in wanted.into_iter().filter(|kind| *kind != EventKind::SessionEnded) {
        let told = events.iter().find(|e| e.kind == kind).unwrap_or_else(|| panic!("{kind:?} is not told"));
        assert_eq!(told.at, s.now());
        let of_a_factor = !matches!(kind, EventKind::SignedIn | EventKind::MfaDisabled);
        assert_eq!(told.method.is_some(), of_a_factor, "{kind:?}");
    }
    let mut ids: Vec<_> = events.iter().map(|e| e.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "each has an id of its own");
}

/// Rows: ASVS-16.3.1
#[tokio::test]
async fn right_and_wrong_answers_are_told_with_the_kind_of_factor() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let right = person.app.code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let from = s.mfa.from_address("192.0.2.9");
    let responder = tower_mfa::service::Responder::Token(&asked.token);
    assert!(from.answer(responder, asked.id, Reply::totp(wrong)).await.is_err());
    drop(from.answer(responder, asked.id, Reply::totp(right)).await.unwrap());
    let events = s.events("alice").await;
    for kind in [EventKind::AnswerRefused, EventKind::AnswerAccepted] {
        let told = events.iter().rfind(|e| e.kind == kind).unwrap();
        assert_eq!(told.method.unwrap().name(), "totp");
        assert_eq!(told.authenticator_id, Some(person.bound.authenticator.id));
        assert_eq!(told.address.as_deref(), Some("192.0.2.9"));
    }
}

#[tokio::test]
async fn a_person_pages_through_their_own_events_and_nobody_elses() {
    let s = Scene::new();
    s.enrolled("mallory").await;
    let person = s.enrolled("alice").await;
    let by = &person.by;
    for n in 0..5 {
        s.mfa.rename(by, person.bound.authenticator.id, &n.to_string()).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = s.mfa.events(by, after.as_ref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, s.events("alice").await);
    let foreign: tower_mfa::store::EventCursor = "nonsense".parse().unwrap();
    let refused = refusal(s.mfa.events(by, Some(&foreign), 2).await);
    assert!(matches!(refused, Refusal::InvalidRequest { field: "after", .. }), "{refused:?}");
}

#[tokio::test]
async fn events_before_a_time_are_pruned_and_the_account_is_not() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.sign_in("alice", &person.app).await;
    let all = s.events("alice").await;
    let (cut, old) = (s.now(), all.iter().filter(|e| e.at < s.now()).count());
    assert_eq!(s.mfa.prune_events(cut).await.unwrap(), 0, "others may have to read what those of today revoke");
    s.clock.advance(86_400 + 300);
    assert_eq!(s.mfa.prune_events(cut).await.unwrap(), u64::try_from(old).unwrap());
    assert_eq!(s.events("alice").await.len(), all.len() - old);
    s.sign_in("alice", &person.app).await;
}

#[tokio::test]
async fn a_refusal_that_was_not_checked_writes_nothing() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let before = (s.store.commits(), s.document("alice").await);
    for _ in 0..10 {
        assert!(s.answer(&asked, Reply::totp("not a code")).await.is_err());
        assert!(s.mfa.rename(&person.by, person.bound.authenticator.id, "\u{7}").await.is_err());
        let wanted = TotpEnrolment::new().label("x".repeat(65));
        assert!(s.mfa.enrol_totp(Enroller::Session(&person.by), wanted).await.is_err());
    }
    assert_eq!((s.store.commits(), s.document("alice").await), before);
    let feed = s.store.events(Feed::All, None, 200).await.unwrap();
    assert!(feed.items().iter().all(|e| serde_json::from_str::<Event>(e.body()).is_ok()));
}
