use super::super::{Aal, Evidence, Method, assess};
use super::oracle::{self, Type};
use super::{every_kind, evidence_of, for_every_combination, proof, reached, webauthn};

fn level(evidence: &[Evidence]) -> Option<Aal> {
    assess(evidence, false).map(|assurance| assurance.level())
}

#[test]
fn every_kind_of_authentication_stands_in_the_table() {
    for method in Method::ALL {
        assert!(every_kind().iter().any(|kind| kind.evidence.method() == *method), "{method:?} is not in the table");
    }
}

/// Rows: N63B-2.2.1-a, N63B-2.2.1-b, N63B-2.3.1-a, N63B-2.3.2-a, N63B-2.3.2-b
#[test]
fn n63b_2_2_1_a_every_pair_and_triple_reaches_the_level_of_the_tables() {
    for_every_combination(|kinds| {
        assert_eq!(level(&evidence_of(kinds)), oracle::level(kinds), "{kinds:#?}");
    });
}

/// Rows: N63B-3.2.5-a, ACR-2
#[test]
fn n63b_3_2_5_a_what_a_person_types_is_never_phishing_resistant() {
    for_every_combination(|kinds| {
        let Some(assurance) = assess(&evidence_of(kinds), false) else { return };
        assert_eq!(assurance.is_phishing_resistant(), oracle::is_phishing_resistant(kinds), "{kinds:#?}");
        assert_eq!(assurance.is_hardware(), oracle::is_hardware_protected(kinds), "{kinds:#?}");
    });
    let typed = [Method::Totp, Method::Hotp, Method::RecoveryCode, Method::Sms, Method::Voice, Method::Push];
    for method in typed {
        assert!(!reached(&[proof(Method::Password, 0), proof(method, 0)]).is_phishing_resistant(), "{method:?}");
    }
}

/// Rows: CS-MFA-1, PCI-8.5.1-c
#[test]
fn cs_mfa_1_the_same_factor_twice_is_one_factor() {
    use Method::{Hotp, Password, Push, RecoveryCode, Sms, Totp, Voice};
    let possession = [Totp, Hotp, RecoveryCode, Sms, Voice, Push];
    for one in possession {
        for two in possession {
            assert_eq!(level(&[proof(one, 0), proof(two, 0)]), Some(Aal::One), "{one:?} and {two:?}");
        }
    }
    assert_eq!(level(&[proof(Password, 9), proof(Password, 0)]), Some(Aal::One));
    assert_eq!(level(&[proof(Totp, 0), webauthn(0, "phr hw")]), Some(Aal::One), "two things one has");
    assert_eq!(level(&[proof(Password, 0), proof(Totp, 0)]), Some(Aal::Two));
}

#[test]
fn n63b_2_2_1_b_a_key_without_user_verification_needs_a_password_beside_it() {
    assert_eq!(level(&[webauthn(0, "phr")]), Some(Aal::One));
    assert_eq!(level(&[webauthn(0, "phr"), proof(Method::Password, 0)]), Some(Aal::Two));
}

#[test]
fn n63b_2_3_1_a_aal3_wants_cryptography_and_a_second_factor() {
    assert_eq!(level(&[webauthn(0, "phr uv hw")]), Some(Aal::Three));
    assert_eq!(level(&[webauthn(0, "phr hw"), proof(Method::Password, 0)]), Some(Aal::Three));
    assert_eq!(level(&[webauthn(0, "phr hw")]), Some(Aal::One), "a key that anybody may touch");
    assert_eq!(level(&[webauthn(0, "phr hw"), proof(Method::Sms, 0)]), Some(Aal::One));
    // The PIN of one authenticator does not activate another.
    assert_eq!(level(&[webauthn(0, "phr hw"), webauthn(0, "phr uv synced")]), Some(Aal::Two));
}

#[test]
fn n63b_2_3_2_a_a_key_of_unknown_origin_is_not_aal3() {
    assert_eq!(level(&[webauthn(0, "phr uv")]), Some(Aal::Two), "nothing attests the hardware");
    assert_eq!(level(&[webauthn(0, "uv hw")]), Some(Aal::Two), "not bound to the verifier's name");
}

#[test]
fn n63b_2_3_2_b_a_synced_key_is_not_aal3() {
    assert_eq!(level(&[webauthn(0, "phr uv hw synced")]), Some(Aal::Two));
    assert_eq!(level(&[webauthn(0, "phr uv synced"), proof(Method::Password, 0)]), Some(Aal::Two));
    assert!(!reached(&[webauthn(0, "phr uv hw synced")]).is_hardware());
}

/// Rows: N63B-B.3-UV
#[test]
fn n63b_3_1_7_2_a_a_key_whose_user_was_not_verified_is_one_factor() {
    assert_eq!(level(&[webauthn(0, "phr hw")]), Some(Aal::One));
    assert_eq!(level(&[webauthn(0, "phr synced")]), Some(Aal::One));
    assert_eq!(level(&[webauthn(0, "phr uv")]), Some(Aal::Two));
}

#[test]
fn n63b_b_3_uv_a_touch_after_a_pin_does_not_take_the_pin_back() {
    assert_eq!(level(&[webauthn(60, "phr uv hw"), webauthn(0, "phr hw")]), Some(Aal::Three));
    assert_eq!(level(&[webauthn(60, "phr hw"), webauthn(0, "phr hw")]), Some(Aal::One));
}

/// Rows: ASVS-6.3.6
#[test]
fn n63b_3_1_3_1_a_an_email_code_is_no_factor() {
    assert_eq!(level(&[proof(Method::Email, 0)]), None);
    for_every_combination(|kinds| {
        let without: Vec<_> = kinds.iter().filter(|k| k.evidence.method() != Method::Email).copied().collect();
        assert_eq!(level(&evidence_of(kinds)), level(&evidence_of(&without)), "{kinds:#?}");
    });
}

#[test]
fn asvs_6_3_6_a_password_and_an_email_code_are_aal1() {
    assert_eq!(level(&[proof(Method::Password, 0), proof(Method::Email, 0)]), Some(Aal::One));
}

#[test]
fn n63b_5_1_f_a_remembered_device_is_no_authentication() {
    assert_eq!(level(&[proof(Method::TrustedDevice, 0)]), None);
    assert_eq!(level(&[proof(Method::TrustedDevice, 0), proof(Method::Email, 0)]), None);
    for_every_combination(|kinds| {
        let without: Vec<_> = kinds.iter().filter(|k| k.evidence.method() != Method::TrustedDevice).copied().collect();
        assert_eq!(level(&evidence_of(kinds)), level(&evidence_of(&without)), "{kinds:#?}");
    });
}

/// Rows: X3
#[test]
fn advisory_58_a_remembered_login_is_aal1_without_mfa() {
    let remembered = reached(&[proof(Method::Password, 0), proof(Method::TrustedDevice, 0)]);
    assert_eq!(remembered.level(), Aal::One);
    assert!(!remembered.amr().iter().any(|value| &**value == "mfa"), "{:?}", remembered.amr());
}

#[test]
fn what_a_provider_does_not_vouch_for_is_nothing() {
    let silent = every_kind().into_iter().filter(|k| k.nist == Type::NoAuthenticator);
    for kind in silent {
        assert_eq!(level(std::slice::from_ref(&kind.evidence)), None, "{kind:?}");
    }
    assert_eq!(level(&[]), None);
}
