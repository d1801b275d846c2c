use super::evidence::Evidence;
use super::{Aal, Method};

/// Names the authentication methods of `evidence` (`amr`), without duplicates.
///
/// Registered values come first (RFC 8176, the IANA registry, and `pop` of the EAP ACR Values),
/// then `mfa` where two distinct factors were proved, then the private values that are common in
/// practice, unless `registered_only`. No registered value is used for what it does not mean: a
/// recovery code is no `otp`, a remembered device and an e-mail code are nothing.
#[must_use]
pub fn amr(evidence: &[Evidence], level: Aal, registered_only: bool) -> Vec<Box<str>> {
    let mut values: Vec<Box<str>> = Vec::new();
    let mut add = |value: &str| {
        if !values.iter().any(|v| &**v == value) {
            values.push(value.into());
        }
    };
    // By kind, so that the same evidence always reads the same: `pwd otp mfa`.
    let mut evidence: Vec<&Evidence> = evidence.iter().collect();
    evidence.sort_by_key(|proof| proof.method);
    for proof in &evidence {
        registered(proof).iter().for_each(|v| add(v));
    }
    // AMR-3: `mfa` if and only if two distinct factors were proved, which is what AAL2 means.
    if level >= Aal::Two {
        add("mfa");
    }
    if !registered_only {
        for proof in &evidence {
            private(proof.method).iter().for_each(|v| add(v));
        }
    }
    values
}

fn registered(proof: &Evidence) -> &'static [&'static str] {
    match proof.method {
        Method::Password => &["pwd"],
        Method::Totp | Method::Hotp => &["otp"],
        Method::Sms => &["sms"],
        Method::Voice => &["tel"],
        // `hwk` is said only of attested hardware, `swk` only of what is known to be copied; of
        // the rest, possession of a key is all that is known. `user` is the presence test.
        Method::WebAuthn if proof.is_hardware() => &["hwk", "user"],
        Method::WebAuthn if proof.properties.synced => &["swk", "user"],
        Method::WebAuthn => &["pop", "user"],
        Method::RecoveryCode | Method::Email | Method::Push | Method::Federated | Method::TrustedDevice => &[],
    }
}

fn private(method: Method) -> &'static [&'static str] {
    match method {
        Method::Totp => &["totp"],
        Method::Hotp => &["hotp"],
        Method::WebAuthn => &["fido", "webauthn"],
        Method::Email => &["email"],
        Method::RecoveryCode => &["recovery"],
        Method::Push => &["push"],
        Method::Password | Method::Sms | Method::Voice | Method::Federated | Method::TrustedDevice => &[],
    }
}
