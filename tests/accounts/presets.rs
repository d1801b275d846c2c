//! Each preset builds, holds itself to its rules by name, and does what it says.

use std::collections::BTreeSet;

use tower_mfa::account::Refusal;
use tower_mfa::assurance::{Aal, Method, Requirement};
use tower_mfa::otp::{Digits, Period, Totp, Window};
use tower_mfa::policy::presets::{
    Profile, hosted, named, nist_aal2, nist_aal3, owasp_asvs_l1, owasp_asvs_l2, owasp_asvs_l3, pci_dss_4,
};
use tower_mfa::policy::{LockSchedule, Login, PolicyBuilder, SentCodes, SentCodesError, SessionLimits, Telephone};
use tower_mfa::recovery_code::{Count, Format, Scheme};
use tower_mfa::service::{
    ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Reply, Responder, Tokens, TotpEnrolment,
};
use tower_mfa::testing::AuthenticatorApp;

use crate::scene::{Scene, answered, challenged, cheap, complete, refusal, ticket};

/// The preset of a profile.
fn preset(profile: Profile) -> PolicyBuilder {
    named(profile.name()).unwrap()
}

/// With recovery codes that are few and cheap.
pub(crate) fn cheaply(policy: PolicyBuilder) -> PolicyBuilder {
    policy.recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap()).recovery_codes(Count::new(2).unwrap())
}

#[test]
fn every_preset_builds_and_remembers_its_profile() {
    for profile in Profile::ALL {
        assert_eq!(preset(*profile).build().unwrap().profile(), Some(*profile));
    }
    assert_eq!(named("hosted").unwrap().build().unwrap().profile(), None, "a habit is held to nothing");
}

type Break = fn(PolicyBuilder) -> PolicyBuilder;

/// A setting for each rule that breaks it and no other, whatever the profile.
fn breaks(id: &str, field: &str, says: &str) -> Vec<Break> {
    match (id, field) {
        (_, "login") => vec![|p| p.login(Login::IfEnrolled), |p| p.login(Login::Optional)],
        (_, "bypass_at_most") => vec![|p| p.bypass_at_most(60)],
        ("N63B-2.2.3-a", _) if says.starts_with("AAL1") => {
            vec![|p| p.session(Aal::One, SessionLimits::overall(86_401).idle(60)), |p| {
                p.session(Aal::One, SessionLimits::overall(30 * 86_400))
            }]
        }
        ("N63B-2.3.3-a", _) if says.starts_with("AAL1") => {
            vec![|p| p.session(Aal::One, SessionLimits::overall(43_201).idle(60))]
        }
        ("N63B-2.2.3-a", _) => vec![
            |p| p.session(Aal::Two, SessionLimits::overall(86_401).idle(3_600)),
            |p| p.session(Aal::Two, SessionLimits::overall(86_400).idle(3_601)),
            |p| p.session(Aal::Two, SessionLimits::overall(86_400)),
        ],
        ("N63B-2.3.3-a", _) => vec![|p| p.session(Aal::Three, SessionLimits::overall(43_200).idle(901)), |p| {
            p.session(Aal::Three, SessionLimits::overall(43_200))
        }],
        ("N63B-4.2.1.1-a", _) => vec![|p| p.recovery_format(Format::danger_short_recovery_codes(12).unwrap())],
        ("N63B-4.2.1.1-d", _) => vec![|p| p.replace_used_recovery_codes(false)],
        ("X14", _) => vec![|p| p.registered_amr_only(false)],
        ("N63B-2.3.1-a", "action") => vec![
            |p| p.action("pay", Requirement::aal2().phishing_resistant()),
            // One way to it that is weaker is the way that is taken.
            |p| {
                let ways = [Requirement::aal3(), Requirement::aal2().within(60)].map(Requirement::phishing_resistant);
                p.action("pay", Requirement::aal1().phishing_resistant().with_any_of(ways))
            },
        ],
        ("N63B-2.3.2-a", "action") => vec![|p| p.action("pay", Requirement::at_least(Aal::Three))],
        ("ASVS-6.3.3", "action") => vec![|p| p.action("pay", Requirement::aal2().phishing_resistant())],
        ("PCI-8.3.4", _) => vec![
            |p| p.lock(LockSchedule::new(11, u32::MAX, &[1_800]).account_wide()),
            |p| p.lock(LockSchedule::new(10, u32::MAX, &[1_799]).account_wide()),
            |p| p.lock(LockSchedule::new(10, 86_399, &[1_800]).account_wide()),
            |p| p.lock(LockSchedule::new(10, u32::MAX, &[1_800])),
        ],
        ("PCI-8.2.8", _) => vec![|p| p.session(Aal::One, SessionLimits::overall(86_400).idle(901)), |p| {
            p.session(Aal::Two, SessionLimits::overall(86_400))
        }],
        ("ASVS-6.1.1", _) => vec![|p| p.lock(LockSchedule::default().account_wide())],
        ("ASVS-6.5.5", _) => vec![|p| p.totp_window(Window::default()), |p| {
            p.totp(Totp::default().with_period(Period::new(60).unwrap()))
        }],
        ("ASVS-7.3.1", _) => vec![|p| p.session(Aal::One, SessionLimits::overall(86_400))],
        ("ASVS-7.5.1", _) => vec![|p| p.disable_by_code(true)],
        (_, "sent_codes") if says.contains("e-mail") => {
            vec![|p| p.sent_codes(SentCodes::default().telephone(Telephone::Refused).email(true))]
        }
        (_, "sent_codes") => vec![|p| p.sent_codes(SentCodes::default().telephone(Telephone::Alone))],
        other => panic!("no setting breaks {other:?}"),
    }
}

/// Rows: N63B-2.2.1-a, N63B-2.2.3-a, N63B-2.3.1-a, N63B-2.3.2-a, N63B-2.3.3-a, N63B-3.1.3.1-a, N63B-3.2.9-a, N63B-4.2.1.1-a, N63B-4.2.1.1-d, X14, PCI-8.2.8, PCI-8.3.4, PCI-8.4.1, PCI-8.4.2, PCI-8.4.3, ASVS-6.1.1, ASVS-6.3.3, ASVS-6.3.4, ASVS-6.3.6, ASVS-6.5.5, ASVS-6.6.1, ASVS-7.3.1, ASVS-7.5.1
#[test]
fn what_breaks_a_rule_of_the_profile_is_refused_with_the_id_of_the_rule() {
    for profile in Profile::ALL {
        for rule in profile.rules() {
            for broken in breaks(rule.id, rule.field, rule.says) {
                let refused = broken(preset(*profile)).build().expect_err(&format!("{profile} {rule:?}"));
                assert_eq!(refused.field(), rule.field, "{profile} {rule:?}");
                assert!(refused.rule().starts_with(&format!("{profile}: ")), "{refused}");
                // The stricter of two rules on one setting may speak for both.
                let ids: BTreeSet<_> = profile.rules().filter(|r| r.field == rule.field).map(|r| r.id).collect();
                assert!(ids.iter().any(|id| refused.rule().ends_with(id)), "{refused}");
            }
        }
    }
    let refused = nist_aal3().session(Aal::Three, SessionLimits::overall(43_200)).build().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "session: nist_aal3: AAL3 must end after 12 hours, and after 15 minutes without activity, N63B-2.3.3-a"
    );
    let too_long = nist_aal3().session(Aal::Three, SessionLimits::overall(43_201).idle(900)).build();
    assert_eq!(too_long.unwrap_err().field(), "session (AAL3)", "that no policy may");
}

#[test]
fn what_does_not_break_the_profile_is_the_hosts_to_choose() {
    let own = nist_aal2().session(Aal::Two, SessionLimits::overall(3_600).idle(60)).totp_window(Window::STRICT);
    assert!(own.action("pay", Requirement::aal2().within(60)).build().is_ok());
    assert!(pci_dss_4().lock(LockSchedule::new(3, 86_400, &[1_800, 3_600]).account_wide()).build().is_ok());
    assert!(nist_aal3().action("pay", Requirement::aal3().phishing_resistant()).build().is_ok());
    let twice = [Requirement::aal3().within(60), Requirement::aal3().hardware()];
    let either = Requirement::aal1().phishing_resistant().with_any_of(twice);
    assert!(nist_aal3().action("pay", either).build().is_ok());
    assert!(owasp_asvs_l3().action("pay", Requirement::aal3().hardware()).build().is_ok());
    assert_eq!(pci_dss_4().bypass_at_most(30 * 86_400 + 1).build().unwrap_err().field(), "bypass_at_most");
}

/// Rows: N63B-3.1.3.3-c, N63B-3.2.9-a, N63B-3.1.3.1-a, ASVS-6.6.1
#[test]
fn n63b_3_1_3_3_a_codes_by_telephone_stand_beside_an_unrestricted_kind_or_not_at_all() {
    use Method::{Email, Hotp, Push, RecoveryCode, Sms, Totp, TrustedDevice, Voice, WebAuthn};
    let rules = |policy: PolicyBuilder| policy.build().unwrap().sent_codes();
    let (usual, strict, lax) = (rules(nist_aal2()), rules(owasp_asvs_l3()), rules(hosted()));
    for restricted in [Sms, Voice] {
        for other in [Totp, Hotp, Push, WebAuthn] {
            assert_eq!(usual.check(&[restricted, other]), Ok(()));
            assert_eq!(strict.check(&[restricted, other]), Err(SentCodesError::Telephone));
        }
        // Codes for once, a mailbox and a remembered device are no alternative to the telephone.
        for alone in [&[restricted][..], &[Sms, Voice], &[restricted, RecoveryCode], &[restricted, TrustedDevice]] {
            assert_eq!(usual.check(alone), Err(SentCodesError::NoAlternative), "{alone:?}");
            assert_eq!(lax.check(alone), Ok(()));
        }
    }
    for email in [&[Email][..], &[Email, Totp], &[Email, Sms, Totp]] {
        assert_eq!((usual.check(email), lax.check(email)), (Err(SentCodesError::Email), Ok(())), "{email:?}");
    }
    for rules in [usual, strict, lax] {
        assert!(rules.check(&[]).is_ok() && rules.check(&[Totp, RecoveryCode]).is_ok());
    }
}

/// Rows: N63B-2.2.1-a, PCI-8.4.2, ASVS-6.3.3
#[tokio::test]
async fn under_a_strict_preset_a_password_alone_is_no_session() {
    for profile in Profile::ALL.iter().filter(|profile| **profile != Profile::OwaspAsvsL1) {
        let s = Scene::with(cheaply(preset(*profile)).build().unwrap());
        assert!(matches!(s.begin("alice").await, LoginOutcome::EnrolmentRequired { .. }), "{profile}");
    }
    let s = Scene::with(owasp_asvs_l1().build().unwrap());
    assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
}

/// Rows: X14
#[tokio::test]
async fn the_nist_presets_say_registered_values_alone() {
    let s = Scene::with(cheaply(nist_aal2()).build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    assert_eq!(alice.by.assurance().amr().join(" "), "pwd otp mfa");
}

/// Rows: ASVS-6.5.5
#[tokio::test]
async fn under_asvs_a_code_counts_in_its_own_half_minute() {
    let s = Scene::with(cheaply(owasp_asvs_l2()).build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    s.clock.advance(60);
    let code = alice.app.code(s.now());
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    assert!(matches!(refusal(s.answer(&asked, Reply::totp(code)).await), Refusal::InvalidCode { .. }));
    assert!(s.answer(&asked, Reply::totp(alice.app.code(s.now()))).await.is_ok());
}

/// A code that comes with a longer period counts for longer, whatever the window.
#[tokio::test]
async fn asvs_6_5_5_nobody_chooses_an_app_that_the_policy_would_not() {
    let s = Scene::with(cheaply(owasp_asvs_l2()).build().unwrap());
    let token = ticket(s.begin("alice").await);
    let wanted = |wanted| s.mfa.enrol_totp(Enroller::Token(&token), wanted);
    let longer = TotpEnrolment::new().period(Period::new(60).unwrap());
    assert!(matches!(refusal(wanted(longer).await), Refusal::InvalidRequest { field: "period", .. }));
    let stricter = TotpEnrolment::new().period(Period::new(15).unwrap()).digits(Digits::EIGHT);
    assert!(wanted(stricter).await.is_ok());

    let eight = cheap().totp(Totp::default().with_digits(Digits::EIGHT));
    let s = Scene::with(eight.build().unwrap());
    let by = s.signed_in("alice").await;
    let fewer = s.mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new().digits(Digits::SIX)).await;
    assert!(matches!(refusal(fewer), Refusal::InvalidRequest { field: "digits", .. }));
}

/// The time of AAL2 runs from the newest code, and a code alone is one factor: it carries no session past the
/// day of its password.
#[tokio::test]
async fn n63b_2_2_3_a_under_nist_no_code_carries_a_session_past_the_day_of_its_login() {
    for (profile, hours) in [(Profile::NistAal2, 24), (Profile::NistAal3, 12)] {
        let s = Scene::with(cheaply(preset(profile)).build().unwrap());
        let alice = s.enrolled_by_ticket("alice").await;
        let mut held = alice.bound.tokens;
        // A code every 45 minutes, so that it is never idle; the last one is given 45 minutes before the end.
        for _ in 1..hours * 4 / 3 {
            s.clock.advance(2_699);
            let refreshed = s.mfa.refresh(held.refresh_token().unwrap()).await.unwrap();
            s.clock.advance(1);
            held = step_up(&s, &refreshed, &alice.app).await;
        }
        s.clock.advance(2_699);
        let last = s.mfa.refresh(held.refresh_token().unwrap()).await.unwrap();
        s.clock.advance(1);
        assert_eq!(refusal(s.mfa.refresh(last.refresh_token().unwrap()).await), Refusal::InvalidToken, "{profile}");
    }
}

async fn step_up(s: &Scene, held: &Tokens, app: &AuthenticatorApp) -> Tokens {
    let by = s.auth(held);
    let opened = s.mfa.open_challenge(&by, ChallengeRequest::new().max_age(0)).await.unwrap();
    let ChallengeOutcome::Pending(view) = opened else { panic!("a code is wanted") };
    answered(s.mfa.answer(Responder::Session(&by), view.id, Reply::totp(app.code(s.now()))).await.unwrap())
}

/// Rows: PCI-8.2.8
#[tokio::test]
async fn pci_8_2_8_a_session_ends_after_fifteen_idle_minutes() {
    let s = Scene::with(cheaply(pci_dss_4()).build().unwrap());
    let alice = s.enrolled_by_ticket("alice").await;
    let used = s.mfa.refresh(alice.bound.tokens.refresh_token().unwrap());
    s.clock.advance(899);
    let used = used.await.unwrap();
    s.clock.advance(900);
    assert_eq!(refusal(s.mfa.refresh(used.refresh_token().unwrap()).await), Refusal::InvalidToken);
}

#[tokio::test]
async fn the_hosted_habits_are_optional_mfa_five_and_five_and_switching_off_by_code() {
    let s = Scene::with(hosted().recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap()).build().unwrap());
    complete(s.begin("bob").await);
    let alice = s.enrolled("alice").await;
    let codes = alice.bound.recovery_codes.unwrap();
    assert_eq!(codes.len(), 10);
    for (slot, code) in codes.iter().enumerate() {
        let groups: Vec<&str> = code.expose().split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        assert_eq!((lengths, groups[0]), (vec![1, 5, 5], &*slot.to_string()));
    }
    assert_eq!(Format::DANGER_FIVE_AND_FIVE.bits(), 50, "the slot is no secret and counts for nothing");
    let asked = challenged(s.begin("alice").await);
    assert!(s.answer(&asked, Reply::recovery_code(codes[3].expose())).await.is_ok());
    let by = s.sign_in("alice", &alice.app).await;
    s.clock.advance(30);
    s.mfa.disable(&s.auth(&by), Some(Reply::totp(alice.app.code(s.now()))), None).await.unwrap();
    complete(s.begin("alice").await);
}
