//! The tables of NIST SP 800-63B-4 §2.2.1 and §2.3.1 as data, in the words of the standard.

use super::super::{Aal, Evidence};

/// The authenticator types of §3.1, and what stands outside of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Password,
    LookUpSecret,
    OutOfBand,
    SingleFactorOtp,
    SingleFactorCryptographic,
    MultiFactorCryptographic,
    /// One factor, of a kind the provider did not tell.
    AnotherProvidersOneFactor,
    AnotherProvidersPassword,
    AnotherProvidersTwoFactors,
    /// §3.1.3.1 and §5.1: e-mail, a remembered browser, a provider that vouches for nothing.
    NoAuthenticator,
}

use Type::{
    AnotherProvidersOneFactor, AnotherProvidersPassword, AnotherProvidersTwoFactors, LookUpSecret,
    MultiFactorCryptographic, OutOfBand, Password, SingleFactorCryptographic, SingleFactorOtp,
};

/// One use of an authenticator, beside what the standard says of it.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    pub(super) evidence: Evidence,
    pub(super) nist: Type,
    pub(super) phishing_resistant: bool,
    pub(super) exportable: bool,
}

/// §2.1.1: any of these alone.
const AAL1: &[Type] = &[
    Password,
    LookUpSecret,
    OutOfBand,
    SingleFactorOtp,
    SingleFactorCryptographic,
    MultiFactorCryptographic,
    AnotherProvidersOneFactor,
    AnotherProvidersPassword,
    AnotherProvidersTwoFactors,
];

/// §2.2.1: a multi-factor authenticator alone.
const AAL2_ALONE: &[Type] = &[MultiFactorCryptographic, AnotherProvidersTwoFactors];

/// §2.2.1: a password beside one physical authenticator.
const AAL2_TOGETHER: &[(Type, Type)] = &[
    (Password, LookUpSecret),
    (Password, OutOfBand),
    (Password, SingleFactorOtp),
    (Password, SingleFactorCryptographic),
    (AnotherProvidersPassword, LookUpSecret),
    (AnotherProvidersPassword, OutOfBand),
    (AnotherProvidersPassword, SingleFactorOtp),
    (AnotherProvidersPassword, SingleFactorCryptographic),
];

/// §2.3.1: multi-factor cryptography alone, its key as §2.3.2 wants it.
const AAL3_ALONE: &[Type] = &[MultiFactorCryptographic];

/// §2.3.1: single-factor cryptography, its key as §2.3.2 wants it, beside a password or a biometric.
/// Of a provider's two distinct factors at least one is known or inherent.
const AAL3_TOGETHER: &[(Type, Type)] = &[
    (Password, SingleFactorCryptographic),
    (AnotherProvidersPassword, SingleFactorCryptographic),
    (AnotherProvidersTwoFactors, SingleFactorCryptographic),
];

fn is_cryptographic(kind: &Kind) -> bool {
    matches!(kind.nist, SingleFactorCryptographic | MultiFactorCryptographic)
}

/// §2.3.2: public key, phishing resistant, not exportable.
fn key_is_fit_for_aal3(kind: &Kind) -> bool {
    is_cryptographic(kind) && kind.phishing_resistant && !kind.exportable
}

/// The level the tables give.
pub(super) fn level(kinds: &[&Kind]) -> Option<Aal> {
    let alone = |table: &[Type], fit: fn(&Kind) -> bool| kinds.iter().any(|k| table.contains(&k.nist) && fit(k));
    let together = |table: &[(Type, Type)], fit: fn(&Kind) -> bool| {
        kinds.iter().any(|a| kinds.iter().any(|b| table.contains(&(a.nist, b.nist)) && fit(b)))
    };
    if alone(AAL3_ALONE, key_is_fit_for_aal3) || together(AAL3_TOGETHER, key_is_fit_for_aal3) {
        Some(Aal::Three)
    } else if alone(AAL2_ALONE, |_| true) || together(AAL2_TOGETHER, |_| true) {
        Some(Aal::Two)
    } else if alone(AAL1, |_| true) {
        Some(Aal::One)
    } else {
        None
    }
}

/// §3.2.5: cryptography bound to the verifier's name, or a provider that says so.
pub(super) fn is_phishing_resistant(kinds: &[&Kind]) -> bool {
    kinds.iter().any(|kind| {
        let provider =
            matches!(kind.nist, AnotherProvidersOneFactor | AnotherProvidersPassword | AnotherProvidersTwoFactors);
        kind.phishing_resistant && (is_cryptographic(kind) || provider)
    })
}

/// EAP ACR Values 1.0, `phrh`: phishing resistant, and the key is protected by hardware.
pub(super) fn is_hardware_protected(kinds: &[&Kind]) -> bool {
    kinds.iter().any(|kind| key_is_fit_for_aal3(kind))
}
