use super::super::{Aal, AcrNames, Assurance, Evidence, Method, Requirement, assess, unmet};
use super::{NOW, evidence_of, for_every_combination, proof, reached, webauthn};

/// The IANA registry "Authentication Method Reference Values", all 21.
const REGISTERED: [&str; 21] = [
    "face", "fpt", "geo", "hwk", "iris", "kba", "mca", "mfa", "otp", "pin", "pop", "pwd", "rba", "retina", "sc", "sms",
    "swk", "tel", "user", "vbm", "wia",
];

fn amr(evidence: &[Evidence]) -> Vec<String> {
    assess(evidence, true).expect("an authentication").amr().iter().map(|value| value.to_string()).collect()
}

fn has(assurance: &Assurance, value: &str) -> bool {
    assurance.amr().iter().any(|v| &**v == value)
}

#[test]
fn amr_1_no_value_stands_twice() {
    for_every_combination(|kinds| {
        let Some(assurance) = assess(&evidence_of(kinds), false) else { return };
        let mut values = assurance.amr().to_vec();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), assurance.amr().len(), "{:?}", assurance.amr());
    });
}

/// Rows: X14
#[test]
fn amr_2_registered_only_means_the_registry_and_private_names_collide_with_none() {
    for_every_combination(|kinds| {
        let evidence = evidence_of(kinds);
        let (Some(registered), Some(all)) = (assess(&evidence, true), assess(&evidence, false)) else { return };
        assert!(registered.amr().iter().all(|value| REGISTERED.contains(&&**value)), "{:?}", registered.amr());
        let (first, private) = all.amr().split_at(registered.amr().len());
        assert_eq!(first, registered.amr(), "registered values come first");
        for value in private {
            let lower = value.to_ascii_lowercase();
            assert!(!REGISTERED.contains(&lower.as_str()), "{value} is registered");
            assert!(value.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'), "{value}");
        }
    });
}

/// Rows: PCI-8.5.1-c
#[test]
fn amr_3_mfa_is_said_exactly_of_two_distinct_factors() {
    for_every_combination(|kinds| {
        let Some(assurance) = assess(&evidence_of(kinds), false) else { return };
        assert_eq!(has(&assurance, "mfa"), assurance.level() >= Aal::Two, "{:?}", assurance.amr());
    });
}

#[test]
fn amr_2_each_way_to_sign_in_is_named_as_the_registry_means_it() {
    let pwd = || proof(Method::Password, 0);
    for (evidence, named) in [
        (vec![pwd()], "pwd"),
        (vec![pwd(), proof(Method::Totp, 0)], "pwd otp mfa"),
        (vec![pwd(), proof(Method::Hotp, 0)], "pwd otp mfa"),
        (vec![pwd(), proof(Method::Sms, 0)], "pwd sms mfa"),
        (vec![pwd(), proof(Method::Voice, 0)], "pwd tel mfa"),
        (vec![webauthn(0, "phr uv synced")], "swk user mfa"),
        (vec![webauthn(0, "phr uv")], "pop user mfa"),
        (vec![webauthn(0, "phr uv hw")], "hwk user mfa"),
        (vec![pwd(), webauthn(0, "phr hw")], "pwd hwk user mfa"),
        (vec![pwd(), webauthn(0, "phr")], "pwd pop user mfa"),
        (vec![webauthn(0, "phr")], "pop user"),
        (vec![pwd(), proof(Method::RecoveryCode, 0)], "pwd mfa"),
        (vec![pwd(), proof(Method::Email, 0)], "pwd"),
        (vec![pwd(), proof(Method::TrustedDevice, 0)], "pwd"),
    ] {
        assert_eq!(amr(&evidence).join(" "), named);
    }
}

/// Rows: X14
#[test]
fn amr_2_private_values_follow_the_registered_ones() {
    let both = reached(&[proof(Method::Password, 0), proof(Method::Totp, 0)]);
    assert_eq!(both.amr().join(" "), "pwd otp mfa totp");
    let recovery = reached(&[proof(Method::Password, 0), proof(Method::RecoveryCode, 0)]);
    assert_eq!(recovery.amr().join(" "), "pwd mfa recovery", "a recovery code is no otp");
}

#[test]
fn acr_1_a_class_has_one_name_that_fits_a_header() {
    let names = AcrNames::default();
    assert!(names.clone().with_levels("urn:example:aal1", "urn:example:aal2", "https://id.example/aal3").is_ok());
    for bad in ["", "two words", "quo\"te", "back\\slash", "line\r\nbreak", "é", "aal1", "phr", "phrh"] {
        assert!(names.clone().with_levels("aal1", bad, "aal3").is_err(), "{bad:?}");
    }
    assert!(names.clone().with_levels("aal1", &"x".repeat(255), "aal3").is_ok());
    assert!(names.with_levels("aal1", &"x".repeat(256), "aal3").is_err());
}

#[test]
fn acr_1_a_registered_name_keeps_its_meaning() {
    let renamed = || AcrNames::default().with_phishing_resistant("urn:example:phr", "urn:example:phrh").unwrap();
    assert!(renamed().with_levels("aal1", "phr", "aal3").is_err());
    assert!(renamed().with_levels("aal1", "aal2", "phrh").is_err());
    assert!(AcrNames::default().with_phishing_resistant("phrh", "phr").is_err(), "the two exchanged");
    assert!(renamed().with_phishing_resistant("phr", "phrh").is_ok(), "and back again");
}

#[test]
fn acr_2_phr_and_phrh_are_asked_for_where_they_are_enough() {
    let names = AcrNames::default();
    assert_eq!(names.acceptable(&Requirement::aal2()), ["aal2"]);
    assert_eq!(names.acceptable(&Requirement::aal2().phishing_resistant()), ["phr", "phrh"]);
    assert_eq!(names.acceptable(&Requirement::aal2().hardware()), ["phrh"]);
    assert_eq!(names.acceptable(&Requirement::aal3()), ["aal3"]);
}

/// A client that asks for one of the classes it was told must not be sent in a circle.
#[test]
fn r9470_3_b_reaching_any_class_that_was_named_meets_the_requirement() {
    let names = AcrNames::default();
    let bare = [Requirement::aal1(), Requirement::aal2(), Requirement::aal3()];
    let asked: Vec<Requirement> =
        bare.into_iter().flat_map(|r| [r.clone(), r.clone().phishing_resistant(), r.hardware()]).collect();
    for_every_combination(|kinds| {
        let Some(assurance) = assess(&evidence_of(kinds), false) else { return };
        for requirement in &asked {
            for class in names.acceptable(requirement) {
                let repeated = names.requirement_of(class).expect("our own name");
                if unmet(&repeated, &assurance, NOW).is_empty() {
                    assert_eq!(unmet(requirement, &assurance, NOW), [], "{class} for {requirement:?}: {kinds:#?}");
                }
            }
        }
    });
}
