//! The rules of assurance against an oracle that is written from the text of NIST SP 800-63B-4 and
//! RFC 8176, over every single kind, every pair and every triple.

mod decisions;
mod explain;
mod generated;
mod lattice;
mod levels;
mod names;
mod oracle;
mod properties;

use super::evidence::FederatedLevel;
use super::{Assurance, Authentication, AuthenticationParts, Evidence, Method, Properties, StepUpGrant, assess};
use crate::clock::Timestamp;
use crate::id::{Subject, TokenId};
use oracle::{Kind, Type};

/// The time at which a test takes place.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A use of every kind there is, with every combination of properties that matters, beside what the
/// standard calls it.
fn every_kind() -> Vec<Kind> {
    let plain = |method: Method, nist: Type| Kind {
        evidence: Evidence::new(method, NOW),
        nist,
        phishing_resistant: false,
        exportable: true,
    };
    let mut kinds = vec![
        plain(Method::Password, Type::Password),
        plain(Method::Totp, Type::SingleFactorOtp),
        plain(Method::Hotp, Type::SingleFactorOtp),
        plain(Method::RecoveryCode, Type::LookUpSecret),
        plain(Method::Sms, Type::OutOfBand),
        plain(Method::Voice, Type::OutOfBand),
        plain(Method::Push, Type::OutOfBand),
        plain(Method::Email, Type::NoAuthenticator),
        plain(Method::TrustedDevice, Type::NoAuthenticator),
    ];
    // A stored or received proof may claim what its kind cannot have. Nothing comes of it.
    let boast = Properties {
        phishing_resistant: true,
        user_verified: true,
        hardware: true,
        synced: false,
        federated: Some(FederatedLevel::Aal2),
    };
    let boasting: Vec<Kind> =
        kinds.iter().map(|kind| Kind { evidence: kind.evidence.clone().with(boast), ..kind.clone() }).collect();
    kinds.extend(boasting);
    kinds.extend(passkeys_and_security_keys());
    kinds.extend(federated());
    kinds
}

fn passkeys_and_security_keys() -> impl Iterator<Item = Kind> {
    (0_u8..16).map(|bits| {
        let [phishing_resistant, user_verified, hardware, synced] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        let properties = Properties { phishing_resistant, user_verified, hardware, synced, federated: None };
        Kind {
            evidence: Evidence::new(Method::WebAuthn, NOW).with(properties),
            nist: if user_verified { Type::MultiFactorCryptographic } else { Type::SingleFactorCryptographic },
            phishing_resistant,
            exportable: synced || !hardware,
        }
    })
}

fn federated() -> impl Iterator<Item = Kind> {
    let vouched = [
        (None, Type::NoAuthenticator),
        (Some(FederatedLevel::Aal1), Type::AnotherProvidersOneFactor),
        (Some(FederatedLevel::Knowledge), Type::AnotherProvidersPassword),
        (Some(FederatedLevel::Aal2), Type::AnotherProvidersTwoFactors),
    ];
    vouched.into_iter().flat_map(|(federated, nist)| {
        [false, true].map(|phishing_resistant| {
            let properties = Properties { federated, phishing_resistant, ..Properties::default() };
            Kind {
                evidence: Evidence::new(Method::Federated, NOW).with(properties),
                nist,
                phishing_resistant,
                exportable: true,
            }
        })
    })
}

/// Calls `check` with every set of one, two and three kinds, a kind standing twice included.
fn for_every_combination(mut check: impl FnMut(&[&Kind])) {
    let kinds = every_kind();
    for (i, one) in kinds.iter().enumerate() {
        check(&[one]);
        for (j, two) in kinds.iter().enumerate().skip(i) {
            check(&[one, two]);
            for three in kinds.iter().skip(j) {
                check(&[one, two, three]);
            }
        }
    }
}

fn evidence_of(kinds: &[&Kind]) -> Vec<Evidence> {
    kinds.iter().map(|kind| kind.evidence.clone()).collect()
}

fn proof(method: Method, seconds_ago: u64) -> Evidence {
    Evidence::new(method, NOW.minus(seconds_ago))
}

fn webauthn(seconds_ago: u64, properties: &str) -> Evidence {
    let has = |what: &str| properties.split(' ').any(|p| p == what);
    proof(Method::WebAuthn, seconds_ago).with(Properties {
        phishing_resistant: has("phr"),
        user_verified: has("uv"),
        hardware: has("hw"),
        synced: has("synced"),
        federated: None,
    })
}

fn reached(evidence: &[Evidence]) -> Assurance {
    assess(evidence, false).expect("an authentication")
}

/// What a verified token with this assurance says.
fn token_with(assurance: Assurance) -> AuthenticationParts {
    AuthenticationParts {
        subject: Subject::new("alice").unwrap(),
        session: None,
        client_id: "web".into(),
        token_id: "t-1".into(),
        issued_at: NOW,
        expires_at: NOW.plus(900),
        assurance,
        step_up: None,
        roles: Vec::new(),
        scopes: Vec::new(),
    }
}

fn authentication(assurance: Assurance) -> Authentication {
    Authentication::from_parts(token_with(assurance))
}

fn approval(action: &str, seconds_ago: u64) -> StepUpGrant {
    StepUpGrant {
        id: TokenId::generate(&crate::entropy::SystemEntropy).unwrap(),
        action: action.into(),
        auth_time: NOW.minus(seconds_ago),
        expires_at: NOW.minus(seconds_ago).plus(300),
        bind: None,
    }
}
