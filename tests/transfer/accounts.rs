//! Whole accounts: what goes along, and what does not.

use tower_mfa::account::{Bypass, EventKind, FirstFactor, Refusal};
use tower_mfa::id::Subject;
use tower_mfa::service::{ChallengeRequest, LoginOutcome, Reply};
use tower_mfa::testing::{Fault, SoftAuthenticator};
use tower_mfa::transfer::{TransferErrorKind, Why};
use tower_mfa::webauthn::RelyingParty;

use crate::bank::acr;
use crate::places::{here, key, there, why};
use crate::scene::{Scene, answered, challenged, cheap, complete, refusal, subject};

#[tokio::test]
async fn who_has_moved_signs_in_with_the_app_the_codes_and_the_passkey_of_before() {
    let here = here();
    let mut passkey = SoftAuthenticator::passkey();
    let alice = here.enrolled("alice").await;
    here.bind_key(&alice.by, &mut passkey).await;
    let codes = alice.bound.recovery_codes.unwrap();
    let used = Reply::recovery_code(codes[0].expose());
    answered(here.answer(&challenged(here.begin("alice").await), used.clone()).await.unwrap());
    let there = there(&here);
    let report = there.import(&here.export().await).await.unwrap();
    assert_eq!((report.seen, report.moved, report.refused), (1, 1, 0));

    // The recovery code that was used there is used here, and the other is not.
    let asked = challenged(there.begin("alice").await);
    assert!(matches!(refusal(there.answer(&asked, used).await), Refusal::InvalidCode { .. }));
    answered(there.answer(&asked, Reply::recovery_code(codes[1].expose())).await.unwrap());
    let tokens = there.sign_in("alice", &alice.app).await;
    assert_eq!(acr(&tokens), "aal2");
    let started = there.passkey(None).await;
    let by = there.auth(&complete(there.finish(&started, &mut passkey).await.unwrap()));
    assert_eq!(by.subject().id(), "alice", "by the name that authenticators have for the account");
}

/// A code that was used before the move is used. Rows: N63B-3.1.4.2-c
#[tokio::test]
async fn a_code_that_was_used_there_does_not_count_here() {
    let here = here();
    let alice = here.enrolled("alice").await;
    here.sign_in("alice", &alice.app).await;
    let used = Reply::totp(alice.app.code(here.now()));
    let there = there(&here);
    there.import(&here.export().await).await.unwrap();
    let asked = challenged(there.begin("alice").await);
    assert!(matches!(refusal(there.answer(&asked, used).await), Refusal::InvalidCode { .. }));
    assert!(there.kinds("alice").await.contains(&EventKind::OtpReplayed));
}

#[tokio::test]
async fn failures_are_counted_on_and_a_lock_goes_along() {
    let here = here();
    let alice = here.enrolled("alice").await;
    let asked = challenged(here.begin("alice").await);
    for _ in 0..3 {
        let wrong = Reply::totp(alice.app.code(here.now().plus(86_400)));
        assert!(matches!(refusal(here.answer(&asked, wrong).await), Refusal::InvalidCode { .. }));
    }
    let there = there(&here);
    there.import(&here.export().await).await.unwrap();
    let asked = challenged(there.begin("alice").await);
    let right = Reply::totp(alice.app.code(there.now().plus(30)));
    assert!(matches!(refusal(there.answer(&asked, right).await), Refusal::Throttled { .. }), "the lock of before");
}

#[tokio::test]
async fn sessions_pending_bindings_and_a_bypass_stay_behind() {
    let here = Scene::with(crate::bank::policy(Default::default()).bypass_at_most(86_400).build().unwrap());
    let alice = here.enrolled("alice").await;
    here.start(&alice.by).await.unwrap();
    here.clock.advance(2);
    let _ = here.mfa.open_challenge(&alice.by, ChallengeRequest::new().max_age(1)).await.unwrap();
    let end = here.now().plus(3_600);
    let bypass = Bypass::new("ops-7", "the phone is being repaired").approved_by("ciso").until(end);
    here.mfa.grant_bypass(&subject("alice"), bypass).await.unwrap();
    let file = here.export().await;
    let there = there_without_keys(&here);
    there.import(&file).await.unwrap();
    let [before, document] = [here.document("alice").await, there.document("alice").await];
    let [before, document] = [before, document].map(|text| serde_json::from_str::<serde_json::Value>(&text).unwrap());
    for gone in ["sessions", "challenges", "bypass"] {
        assert!(before.get(gone).is_some() && document.get(gone).is_none(), "{gone}");
    }
    assert_eq!(before["authenticators"].as_array().unwrap().len(), 2);
    assert_eq!(document["authenticators"].as_array().unwrap().len(), 1, "and nothing that waits for its code");
    assert!(matches!(there.begin("alice").await, LoginOutcome::Challenge(_)));
    let refresh = alice.bound.tokens.refresh_token().unwrap();
    assert!(there.mfa.refresh(refresh).await.is_err());
}

fn there_without_keys(here: &Scene) -> Scene {
    let there = Scene::with(cheap().bypass_at_most(86_400).build().unwrap());
    there.clock.advance(here.now().since(there.now()));
    there
}

#[tokio::test]
async fn who_is_suspended_stays_so_and_of_who_was_erased_nothing_goes() {
    let here = here();
    for name in ["alice", "bob"] {
        here.enrolled(name).await;
    }
    here.mfa.suspend(&subject("alice"), "ops", "stolen phone").await.unwrap();
    here.mfa.erase(&subject("bob"), "ops", "has left").await.unwrap();
    let there = there(&here);
    let file = here.export().await;
    assert!(!String::from_utf8(file.clone()).unwrap().contains("bob"));
    assert_eq!(there.import(&file).await.unwrap().moved, 1);
    assert!(matches!(there.begin("alice").await, LoginOutcome::Blocked { .. }));
}

#[tokio::test]
async fn the_trail_says_who_moved_what_and_where_it_ended_before() {
    let here = here();
    here.enrolled("alice").await;
    let file = here.export().await;
    let there = there(&here);
    there.import(&file).await.unwrap();
    let events = there.events("alice").await;
    let [imported] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(imported.kind, EventKind::AccountImported);
    assert_eq!((imported.actor.as_deref(), imported.reason.as_deref()), (Some("ops-7"), Some("ticket 4711")));
    let ended = here.mfa.verify_chain(&subject("alice")).await.unwrap().last;
    let detail = imported.detail.as_deref().unwrap();
    assert!(detail.contains(&format!("\"n\":{ended},")), "{detail}");
    assert_eq!(there.mfa.verify_chain(&subject("alice")).await.unwrap().last, 1, "a chain of its own");
    // And in the old place stands that they were handed out, under the same name.
    let noted = here.heard.lock().unwrap().iter().find(|(_, e)| e.kind == EventKind::AccountsExported).cloned();
    let (_, noted) = noted.expect("an export is an event");
    let export = noted.detail.as_deref().unwrap();
    assert!(export.starts_with("export ") && detail.starts_with(export), "{export} and {detail}");
    assert_eq!(noted.actor.as_deref(), Some("ops-7"));
}

#[tokio::test]
async fn nobody_is_taken_over_who_is_there_and_a_second_import_changes_nothing() {
    let here = here();
    here.enrolled("alice").await;
    let bob = here.enrolled("bob").await;
    let there = there(&here);
    let own = there.enrolled("alice").await;
    let file = here.export().await;
    let report = there.import(&file).await.unwrap();
    assert_eq!((report.moved, report.refused, report.by_reason["already_there"]), (1, 1, 1));
    assert_eq!(report.refusals[0].subject, Some(subject("alice")));
    there.sign_in("alice", &own.app).await;
    there.sign_in("bob", &bob.app).await;
    let before = [there.document("alice").await, there.document("bob").await];
    let again = there.import(&file).await.unwrap();
    // Bob is who was moved a moment ago, and alice somebody to decide about.
    assert_eq!(again.by_reason, [("already_moved", 1), ("already_there", 1)].into());
    let another = there.import(&here.export().await).await.unwrap();
    assert_eq!(another.by_reason, [("already_there", 2)].into(), "another export is another matter");
    assert_eq!([there.document("alice").await, there.document("bob").await], before);
}

/// Whoever was erased here does not come back by an old file, and whoever is suspended is not set free by one.
#[tokio::test]
async fn an_export_revives_nobody_who_was_erased_or_suspended_here() {
    let here = here();
    for name in ["alice", "bob"] {
        here.enrolled(name).await;
    }
    let (file, there) = (here.export().await, there(&here));
    there.import(&file).await.unwrap();
    there.mfa.erase(&subject("alice"), "ops", "has left").await.unwrap();
    there.mfa.suspend(&subject("bob"), "ops", "stolen phone").await.unwrap();
    for file in [file, here.export().await] {
        let before = [there.document("alice").await, there.document("bob").await];
        let report = there.import(&file).await.unwrap();
        assert_eq!((report.moved, report.by_reason["erased"]), (0, 1));
        assert_eq!(report.refusals[0].why, Why::Erased, "nobody says that the account is there");
        assert_eq!([there.document("alice").await, there.document("bob").await], before);
    }
}

#[tokio::test]
async fn a_passkey_of_somebody_here_is_nobody_elses() {
    let (here, mut passkey) = (here(), SoftAuthenticator::passkey());
    here.keyed("alice", &mut passkey).await;
    let file = here.export().await;
    let there = there(&here);
    let mallory = there.signed_in("mallory").await;
    let started = there.start_key(&mallory, tower_mfa::service::KeyRequest::passkey()).await;
    let own = SoftAuthenticator::passkey().register(started.public_key.as_str(), crate::bank::ORIGIN).unwrap();
    let stolen = crate::bank::with_the_id_of(&own, &id_of(&here).await);
    there.mfa.confirm_key(tower_mfa::service::Enroller::Session(&mallory), started.id, &stolen).await.unwrap();
    let report = there.import(&file).await.unwrap();
    assert_eq!((report.moved, &report.refusals[0].why), (0, &Why::Claimed));
    assert_eq!(there.subjects().await, ["mallory"], "nothing of it was written");
}

/// The credential of the only account, as a registration would name it.
async fn id_of(s: &Scene) -> String {
    let document: serde_json::Value = serde_json::from_str(&s.document("alice").await).unwrap();
    serde_json::json!({"id": document["authenticators"][0]["credential"]["webauthn"]["id"]}).to_string()
}

#[tokio::test]
async fn keys_of_another_relying_party_are_refused_before_nobody_can_sign_in() {
    let (here, mut passkey) = (here(), SoftAuthenticator::passkey());
    here.keyed("alice", &mut passkey).await;
    here.enrolled("bob").await;
    let file = here.export().await;
    let renamed = RelyingParty::builder("other.example", "https://other.example").build().unwrap();
    for there in [Scene::built(|mfa| mfa.webauthn(renamed)), Scene::new()] {
        let report = there.import(&file).await.unwrap();
        assert_eq!((report.moved, report.by_reason["other_relying_party"]), (1, 1), "an app answers anywhere");
        assert_eq!(there.subjects().await, ["bob"]);
    }
}

#[tokio::test]
async fn a_dry_run_says_the_same_and_writes_nothing() {
    let here = here();
    for name in ["alice", "bob", "carol"] {
        here.enrolled(name).await;
    }
    let there = there(&here);
    there.enrolled("bob").await;
    let mut nothing = Vec::new();
    let counted = here.mfa.export_accounts(&mut nothing, &key(), why().dry_run(true)).await.unwrap();
    assert_eq!((counted.moved, nothing.len()), (3, 0));
    let (file, commits) = (here.export().await, there.store.commits());
    let rehearsed = there.mfa.import_accounts(file.as_slice(), &key(), why().dry_run(true)).await.unwrap();
    assert_eq!((there.store.commits(), there.subjects().await), (commits, vec!["bob".to_owned()]));
    let done = there.import(&file).await.unwrap();
    assert_eq!((rehearsed.moved, &rehearsed.refusals), (done.moved, &done.refusals));
}

#[tokio::test]
async fn one_tenant_moves_and_the_others_stay() {
    let here = here();
    for (tenant, id) in [("acme", "alice"), ("acme", "bob"), ("other", "alice")] {
        let subject = Subject::with_tenant(tenant, id).unwrap();
        let first = FirstFactor::password_checked_by_host(subject, here.now());
        complete(here.mfa.begin(first).await.unwrap());
    }
    let acme = |subject: &Subject| subject.tenant() == Some("acme");
    let (mut file, mut seen) = (Vec::new(), Vec::new());
    let why_acme = why().only(acme).on_progress(|report| seen.push(report.seen));
    let report = here.mfa.export_accounts(&mut file, &key(), why_acme).await.unwrap();
    assert_eq!((report.moved, report.refused, seen), (2, 0, vec![2]));
    let there = there(&here);
    let bob = |subject: &Subject| subject.id() == "bob";
    let report = there.mfa.import_accounts(file.as_slice(), &key(), why().only(bob)).await.unwrap();
    assert_eq!((report.seen, report.moved), (1, 1));
}

#[tokio::test]
async fn everybody_who_is_refused_is_named_and_progress_is_told() {
    let here = here();
    for n in 0..70 {
        here.password(&format!("person-{n:02}")).await;
    }
    let there = there(&here);
    let file = here.export().await;
    there.import(&file).await.unwrap();
    let (mut refused, mut seen) = (Vec::new(), Vec::new());
    let told = why().on_refused(|one| refused.push(one.to_string())).on_progress(|report| seen.push(report.seen));
    let report = there.mfa.import_accounts(file.as_slice(), &key(), told).await.unwrap();
    assert_eq!((refused.len(), report.about, report.remaining()), (70, Some(70), Some(0)));
    assert!(
        refused.iter().any(|text| text.contains("person-17): it was taken in from this export before")),
        "{refused:?}"
    );
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]) && seen.len() > 1 && seen.ends_with(&[70]), "{seen:?}");
}

#[tokio::test]
async fn an_account_that_cannot_be_read_is_named_and_the_others_go() {
    let here = here();
    here.enrolled("alice").await;
    here.enrolled("bob").await;
    // As after a key was taken out too early.
    let document = here.document("alice").await.replace("\"first.", "\"gone.");
    crate::places::put(&here.store, "alice", &document).await;
    let mut file = Vec::new();
    let report = here.mfa.export_accounts(&mut file, &key(), why()).await.unwrap();
    assert_eq!((report.moved, &report.refusals[0].why), (1, &Why::Sealed));
    assert_eq!(report.refusals[0].subject, Some(subject("alice")));
    let there = there(&here);
    assert_eq!(there.import(&file).await.unwrap().moved, 1);
    assert_eq!(there.subjects().await, ["bob"]);
}

#[tokio::test]
async fn a_store_that_fails_ends_it_and_the_next_call_goes_on() {
    let here = here();
    for n in 0..40 {
        here.password(&format!("person-{n:02}")).await;
    }
    let (file, there) = (here.export().await, there(&here));
    there.store.set(Some(Fault::NotCommitted));
    let error = there.import(&file).await.unwrap_err();
    assert_eq!(error.kind(), TransferErrorKind::Service);
    there.store.set(None);
    let report = there.import(&file).await.unwrap();
    assert_eq!(report.seen, 40);
    assert_eq!(there.subjects().await.len(), 40);
    // And what cannot be noted is not handed out.
    here.store.set(Some(Fault::NotCommitted));
    let mut file = Vec::new();
    let error = here.mfa.export_accounts(&mut file, &key(), why()).await.unwrap_err();
    assert_eq!((error.kind(), file.len()), (TransferErrorKind::Service, 0));
}
