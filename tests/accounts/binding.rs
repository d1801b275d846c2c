//! Binding from a session: who may, how fresh, how often, and what it changes.

use tower_mfa::account::{EventKind, FirstFactor, Refusal, Status};
use tower_mfa::assurance::{Aal, Method, Missing};
use tower_mfa::otp::Algorithm;
use tower_mfa::policy::Login;
use tower_mfa::service::{Enroller, LoginOutcome, Reply, TotpEnrolment};

use crate::scene::{Scene, cheap, complete, is_unavailable, refusal, scan, subject};

fn is_stale<T: std::fmt::Debug>(outcome: Result<T, tower_mfa::service::Error>) -> Vec<Missing> {
    let Refusal::Insufficient(step_up) = refusal(outcome) else { panic!("more proof was wanted") };
    step_up.missing().to_vec()
}

/// Rows: N63B-4.1.2.1-b, ASVS-7.5.1
#[tokio::test]
async fn a_first_binding_may_follow_its_login_by_fifteen_minutes_and_no_longer() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    s.clock.advance(899);
    s.start(&by).await.unwrap();
    let tokens = s.password("bob").await;
    s.clock.advance(901);
    let refreshed = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    let late = s.auth(&refreshed);
    assert_eq!(is_stale(s.start(&late).await), [Missing::Freshness], "a refresh makes no login new");
    let again = s.signed_in("bob").await;
    s.start(&again).await.unwrap();
    // A password the host checked long ago makes no new login either, and none ahead of the clock lasts longer.
    let at = |name, at| s.mfa.begin(FirstFactor::password_checked_by_host(subject(name), at));
    let old = s.auth(&complete(at("carol", s.now().minus(901)).await.unwrap()));
    assert_eq!(is_stale(s.start(&old).await), [Missing::Freshness]);
    let ahead = s.auth(&complete(at("dave", s.now().plus(3_600)).await.unwrap()));
    s.clock.advance(901);
    let refused = s.start(&ahead).await;
    assert!(refused.is_err(), "{refused:?}");
}

/// Rows: PCI-8.3.3, CS-MFA-6, ASVS-7.5.1, CVE-2026-3429, CVE-2019-16766
#[tokio::test]
async fn n63b_4_1_2_1_b_a_bound_account_binds_more_only_at_its_own_level_and_freshly() {
    let s = Scene::login(Login::Optional);
    let person = s.enrolled("alice").await;
    let password_only = s.signed_in("alice").await;
    assert_eq!(is_stale(s.start(&password_only).await), [Missing::Level], "a password alone binds nothing more");
    s.clock.advance(300);
    s.start(&person.by).await.unwrap();
    s.clock.advance(1);
    let stale = is_stale(s.start(&person.by).await);
    assert_eq!(stale, [Missing::Freshness], "at five minutes it still counts, a second later it does not");
}

#[tokio::test]
async fn cs_mfa_6_a_binding_begun_in_one_session_is_no_door_for_another() {
    let s = Scene::login(Login::Optional);
    let person = s.enrolled("alice").await;
    let started = s.start(&person.by).await.unwrap();
    let password_only = s.signed_in("alice").await;
    let code = scan(&started).code(s.now());
    let stolen = s.mfa.confirm(Enroller::Session(&password_only), started.id, code).await;
    assert_eq!(is_stale(stolen), [Missing::Level]);
}

/// Rows: N63B-4.1-a, N63B-4.1-b
#[tokio::test]
async fn n63b_4_1_2_1_a_several_authenticators_are_bound_and_each_works() {
    let s = Scene::new();
    let phone = s.enrolled("alice").await;
    let tablet = s.bind(&phone.by).await;
    assert!(tablet.bound.recovery_codes.is_none(), "codes come with the first alone");
    s.sign_in("alice", &phone.app).await;
    let tokens = s.sign_in("alice", &tablet.app).await;
    let status = s.mfa.status(Enroller::Session(&s.auth(&tokens))).await.unwrap();
    assert_eq!(status.authenticators.len(), 2);
    for known in &status.authenticators {
        assert_eq!((known.method, known.status, known.phishing_resistant), (Method::Totp, Status::Active, false));
        assert!(known.created_at >= phone.bound.authenticator.created_at && known.last_used_at.is_some());
    }
    let told: Vec<_> =
        s.events("alice").await.into_iter().filter(|e| e.kind == EventKind::AuthenticatorBound).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|e| e.authenticator_id.is_some() && e.at >= status.authenticators[0].created_at));
}

/// Rows: N63B-3.1.4.2-c, R6238-5.2-c, PCI-8.5.1-a
#[tokio::test]
async fn the_confirming_code_is_used_up() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let LoginOutcome::Challenge(asked) = s.begin("alice").await else { panic!("an app is bound") };
    let again = s.answer(&asked, Reply::totp(person.app.code(s.now()))).await;
    assert!(matches!(refusal(again), Refusal::InvalidCode { .. }));
    assert_eq!(s.count("alice", EventKind::OtpReplayed).await, 1);
}

#[tokio::test]
async fn asvs_6_4_1_a_binding_nobody_confirms_expires_and_counts_for_nothing() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    let started = s.start(&by).await.unwrap();
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)), "an unconfirmed app protects nothing yet");
    s.clock.advance(600);
    let code = scan(&started).code(s.now());
    let late = s.mfa.confirm(Enroller::Session(&by), started.id, code).await;
    assert_eq!(refusal(late), Refusal::NotFound);
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    assert!(status.authenticators.is_empty());
}

#[tokio::test]
async fn a_code_of_another_algorithm_tells_the_operator_of_an_app_that_ignores_the_uri() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    let wanted = TotpEnrolment::new().algorithm(Algorithm::Sha256);
    let started = s.mfa.enrol_totp(Enroller::Session(&by), wanted).await.unwrap();
    let ignorant = started.otpauth_uri.expose().replace("algorithm=SHA256", "algorithm=SHA1");
    let app = tower_mfa::testing::AuthenticatorApp::scan(&ignorant).unwrap();
    let refused = s.mfa.confirm(Enroller::Session(&by), started.id, app.code(s.now())).await;
    assert_eq!(refusal(refused), Refusal::InvalidCode { attempts_remaining: 2, retry_after: None });
    let told = s.events("alice").await.into_iter().find(|e| e.kind == EventKind::BindingRefused).unwrap();
    let detail = told.detail.unwrap();
    assert!(detail.contains("SHA1") && detail.contains("ignores"), "{detail}");
    let code = scan(&started).code(s.now());
    s.mfa.confirm(Enroller::Session(&by), started.id, code).await.unwrap();
}

#[tokio::test]
async fn a_code_of_a_wrong_time_tells_the_operator_how_far_the_phone_is_off() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    let started = s.start(&by).await.unwrap();
    let slow = scan(&started).code(s.now().minus(10 * 60));
    assert!(s.mfa.confirm(Enroller::Session(&by), started.id, slow).await.is_err());
    let told = s.events("alice").await.into_iter().find(|e| e.kind == EventKind::BindingRefused).unwrap();
    assert!(told.detail.unwrap().contains("-20 steps"));
}

#[tokio::test]
async fn wrong_confirmations_are_throttled_and_never_leave_a_binding_that_counts() {
    let policy = cheap().hard_limit(3).build().unwrap();
    let s = Scene::with(policy);
    let by = s.signed_in("alice").await;
    let started = s.start(&by).await.unwrap();
    let confirm = |code: &str| s.mfa.confirm(Enroller::Session(&by), started.id, code.to_owned());
    let right = scan(&started).code(s.now());
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for left in [2, 1, 0] {
        // The third reaches the hard limit of this policy: it lapses, and no waiting brings it back.
        let wrong = refusal(confirm(wrong).await);
        assert_eq!(wrong, Refusal::InvalidCode { attempts_remaining: left, retry_after: None });
    }
    assert!(confirm(&right).await.is_err());
    let again = s.begin("alice").await;
    assert!(matches!(again, LoginOutcome::Complete(_)), "what was never confirmed does not lock its owner out");
}

#[tokio::test]
async fn what_is_too_much_is_a_conflict_and_pending_bindings_are_few() {
    let s = Scene::with(cheap().max_authenticators(2).build().unwrap());
    let person = s.enrolled("alice").await;
    let mut started = Vec::new();
    for _ in 0..5 {
        started.push(s.start(&person.by).await.unwrap());
    }
    let status = s.mfa.status(Enroller::Session(&person.by)).await.unwrap();
    assert_eq!(status.authenticators.len(), 5, "one that is bound, and four that wait");
    let oldest = scan(&started[0]).code(s.now());
    assert_eq!(refusal(s.mfa.confirm(Enroller::Session(&person.by), started[0].id, oldest).await), Refusal::NotFound);
    let second = s.bind(&person.by).await;
    assert!(matches!(refusal(s.start(&second.by).await), Refusal::Conflict(_)));
}

#[tokio::test]
async fn cve_2020_5240_an_authenticator_is_reached_by_its_owner_alone() {
    let s = Scene::new();
    let (alice, mallory) = (s.enrolled("alice").await, s.enrolled("mallory").await);
    let hers = alice.bound.authenticator.id;
    assert_eq!(refusal(s.mfa.remove(&mallory.by, hers).await), Refusal::NotFound);
    assert_eq!(refusal(s.mfa.rename(&mallory.by, hers, "mine").await), Refusal::NotFound);
    assert_eq!(refusal(s.mfa.disable(&mallory.by, None, Some(hers)).await), Refusal::NotFound);
    let pending = s.start(&alice.by).await.unwrap();
    let code = scan(&pending).code(s.now());
    assert_eq!(refusal(s.mfa.confirm(Enroller::Session(&mallory.by), pending.id, code).await), Refusal::NotFound);
    let status = s.mfa.status(Enroller::Session(&alice.by)).await.unwrap();
    assert_eq!(status.authenticators.len(), 2, "nothing of hers was touched");
}

/// Rows: ASVS-7.4.3, ASVS-7.2.4
#[tokio::test]
async fn cve_2024_21722_a_change_of_a_factor_ends_the_other_sessions() {
    let s = Scene::new();
    let before = s.password("alice").await;
    let phone = s.enrolled("alice").await;
    assert!(s.mfa.refresh(before.refresh_token().unwrap()).await.is_err(), "binding ended it");
    let other = s.sign_in("alice", &phone.app).await;
    let here = s.auth(&s.sign_in("alice", &phone.app).await);
    let tablet = s.bind(&here).await;
    assert!(s.mfa.authenticate(other.access_token().expose()).is_err(), "binding another ended it");
    let other = s.sign_in("alice", &phone.app).await;
    s.mfa.remove(&tablet.by, phone.bound.authenticator.id).await.unwrap();
    assert!(s.mfa.authenticate(other.access_token().expose()).is_err(), "removing one ended it");
    let other = s.sign_in("alice", &tablet.app).await;
    s.mfa.regenerate_recovery_codes(&tablet.by).await.unwrap();
    assert!(s.mfa.authenticate(other.access_token().expose()).is_err(), "new recovery codes ended it");
    let other = s.sign_in("alice", &tablet.app).await;
    let here = s.auth(&s.sign_in("alice", &tablet.app).await);
    s.mfa.disable(&here, None, None).await.unwrap();
    assert!(s.mfa.authenticate(other.access_token().expose()).is_err(), "switching off ended it");
    assert!(s.mfa.status(Enroller::Session(&here)).await.is_ok(), "who did it stays");
}

/// Rows: ASVS-6.5.6, N63B-4.5-a, N63B-3.2.1-a, ASVS-6.3.7
#[tokio::test]
async fn a_removed_authenticator_is_dead_at_once_and_takes_the_codes_with_it() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let code = person.bound.recovery_codes.as_ref().unwrap()[0].expose().to_owned();
    let LoginOutcome::Challenge(open) = s.begin("alice").await else { panic!("an app is bound") };
    s.mfa.remove(&person.by, person.bound.authenticator.id).await.unwrap();
    s.clock.advance(30);
    assert!(s.answer(&open, Reply::totp(person.app.code(s.now()))).await.is_err());
    assert!(s.answer(&open, Reply::recovery_code(code)).await.is_err());
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)), "nothing is bound any more");
    assert_eq!(s.count("alice", EventKind::AuthenticatorRemoved).await, 1);
}

#[tokio::test]
async fn a_label_is_trimmed_short_and_printable() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let id = person.bound.authenticator.id;
    assert_eq!(&*s.mfa.rename(&person.by, id, "  my phone ").await.unwrap().label, "my phone");
    assert_eq!(s.mfa.rename(&person.by, id, &"ü".repeat(64)).await.unwrap().label.chars().count(), 64);
    for bad in ["ü".repeat(65), "tab\there".to_owned(), "line\nbreak".to_owned()] {
        let refused = refusal(s.mfa.rename(&person.by, id, &bad).await);
        assert!(matches!(refused, Refusal::InvalidRequest { field: "label", .. }), "{bad:?}");
        let wanted = TotpEnrolment::new().label(bad);
        assert!(s.mfa.enrol_totp(Enroller::Session(&person.by), wanted).await.is_err());
    }
    assert_eq!(s.count("alice", EventKind::AuthenticatorRenamed).await, 2);
}

#[tokio::test]
async fn a_label_shows_all_there_is_of_it() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let id = person.bound.authenticator.id;
    let named = async |label: &str| s.mfa.rename(&person.by, id, label).await;
    let turns = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').chain(['\u{200e}', '\u{200f}', '\u{61c}']);
    let hidden = "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{e0041}\u{e0101}";
    for c in turns.chain(hidden.chars()) {
        for label in [format!("Pho{c}ne"), format!("Phone{c}"), format!("{c}Phone")] {
            let refused = refusal(named(&label).await);
            assert!(matches!(refused, Refusal::InvalidRequest { field: "label", .. }), "{label:?}: {refused:?}");
        }
    }
    assert!(named("one\u{2028}two").await.is_err(), "a line that ends is two");
    assert!(named("é\u{200d}\u{200d}é").await.is_err(), "a joiner joins letters, not joiners");
    for fine in [
        "Phone (work) #2",
        "هاتفي",
        "گوشی\u{200c}ام",
        "☎\u{fe0f} office",
        "👩\u{200d}💻",
        "1\u{fe0f}\u{20e3}",
        "Büro 電話",
    ] {
        assert_eq!(&*named(fine).await.unwrap().label, fine);
    }
}

/// Rows: N63B-4.4-a
#[tokio::test]
async fn an_expired_authenticator_is_refused_still_counts_as_bound_and_was_warned_of_once() {
    const DAY: u64 = 86_400;
    let s = Scene::with(cheap().totp_valid_for(60 * 86_400).build().unwrap());
    let person = s.enrolled("alice").await;
    assert_eq!(person.bound.authenticator.expires_at, Some(s.now().plus(60 * DAY)));
    s.sign_in("alice", &person.app).await;
    assert_eq!(s.count("alice", EventKind::AuthenticatorExpiring).await, 0);
    s.clock.advance(30 * DAY);
    s.sign_in("alice", &person.app).await;
    s.sign_in("alice", &person.app).await;
    assert_eq!(s.count("alice", EventKind::AuthenticatorExpiring).await, 1, "told once");
    s.clock.advance(30 * DAY);
    let LoginOutcome::Challenge(asked) = s.begin("alice").await else { panic!("it counts as bound") };
    assert!(asked.methods.iter().all(|offer| offer.method == Method::RecoveryCode), "only what is usable is offered");
    assert!(s.answer(&asked, Reply::totp(person.app.code(s.now()))).await.is_err());
    let code = person.bound.recovery_codes.unwrap()[0].expose().to_owned();
    let in_again = crate::scene::answered(s.answer(&asked, Reply::recovery_code(code)).await.unwrap());
    let here = s.auth(&in_again);
    assert_eq!(here.assurance().level(), Aal::Two);
    let status = s.mfa.status(Enroller::Session(&here)).await.unwrap();
    assert_eq!(status.authenticators[0].status, Status::Expired);
    s.bind(&here).await;
}

/// Rows: R6238-R4/R5, N63B-3.1.4.2-b, ASVS-11.5.1
#[tokio::test]
async fn ten_thousand_enrolments_never_give_one_key_twice() {
    let s = Scene::new();
    let by = s.signed_in("alice").await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10_000 {
        let started = s.start(&by).await.unwrap();
        assert_eq!(started.secret.expose().len(), 32, "160 bits in base 32");
        assert!(seen.insert(started.secret.expose().to_owned()));
    }
}

#[tokio::test]
async fn another_subjects_session_of_the_same_name_in_another_tenant_binds_nothing_here() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    let elsewhere = tower_mfa::id::Subject::with_tenant("other", "alice").unwrap();
    let first = FirstFactor::password_checked_by_host(elsewhere, s.now());
    let tokens = complete(s.mfa.begin(first).await.unwrap());
    let other = s.auth(&tokens);
    assert_ne!(other.subject(), &subject("alice"));
    assert_eq!(refusal(s.mfa.remove(&other, person.bound.authenticator.id).await), Refusal::NotFound);
    assert!(!is_unavailable(s.mfa.rename(&other, person.bound.authenticator.id, "x").await));
}
