use std::fmt;

use super::super::evidence::{Evidence, Factor, Method};
use super::super::is_fresh;
use super::print::Ago;
use crate::clock::Timestamp;

/// One proof that a requirement asks for by name: of a kind, or of a factor, and how old it may be.
///
/// ```
/// use tower_mfa::assurance::{Factor, Method, Proof};
///
/// const CODE: Proof = Proof::of(Method::Totp).within(60);
/// assert_eq!(CODE.to_string(), "TOTP at most 1 minute old");
/// assert_eq!(Proof::passkey().to_string(), "a passkey");
/// assert_ne!(Proof::passkey(), Proof::of(Method::WebAuthn), "a key that was touched has not seen who touched it");
/// assert_eq!(Proof::factor(Factor::Knowledge).within(300).max_age(), Some(300));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Proof {
    of: Of,
    within: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    Method(Method),
    /// WebAuthn, and the authenticator has verified its user.
    Passkey,
    Factor(Factor),
}

impl Proof {
    /// Asks for a proof of this kind.
    pub const fn of(method: Method) -> Self {
        Self { of: Of::Method(method), within: None }
    }

    /// Asks for a WebAuthn assertion with its user verified: two factors in one.
    pub const fn passkey() -> Self {
        Self { of: Of::Passkey, within: None }
    }

    /// Asks for a proof of this factor, by whatever kind.
    ///
    /// What an authenticator has verified its user by, a fingerprint or a number, it does not say: so
    /// nothing proves [`Factor::Inherence`] by itself, and a policy that asks for it is refused.
    pub const fn factor(factor: Factor) -> Self {
        Self { of: Of::Factor(factor), within: None }
    }

    /// Asks that it be at most `secs` seconds old.
    pub const fn within(self, secs: u32) -> Self {
        Self { of: self.of, within: Some(secs) }
    }

    /// Returns the greatest age in seconds, where freshness is asked for.
    #[must_use]
    pub const fn max_age(self) -> Option<u32> {
        self.within
    }

    /// Returns the name by which clients and policy files call what is asked for: that of the kind,
    /// `passkey`, or that of the factor.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.of {
            Of::Method(method) => method.name(),
            Of::Passkey => "passkey",
            Of::Factor(Factor::Knowledge) => "knowledge",
            Of::Factor(Factor::Possession) => "possession",
            Of::Factor(Factor::Inherence) => "inherence",
        }
    }

    /// Returns what asks for a proof of this name; `None` for a name that is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let factors = [Factor::Knowledge, Factor::Possession, Factor::Inherence];
        let kinds = Method::ALL.iter().copied().map(Self::of);
        let all = kinds.chain([Self::passkey()]).chain(factors.map(Self::factor));
        all.into_iter().find(|proof| proof.name() == name)
    }

    /// Whether `evidence` is what is asked for, whatever its age.
    pub(crate) fn is_of(self, evidence: &Evidence) -> bool {
        match self.of {
            Of::Method(method) => evidence.method() == method,
            Of::Passkey => evidence.method() == Method::WebAuthn && evidence.is_user_verified(),
            Of::Factor(Factor::Knowledge) => evidence.proves_knowledge(),
            Of::Factor(Factor::Possession) => evidence.proves_possession(),
            Of::Factor(Factor::Inherence) => false,
        }
    }

    /// Whether one of `evidence` is what is asked for, and not too old.
    pub(crate) fn is_among(self, evidence: &[Evidence], now: Timestamp) -> bool {
        let fresh = |proof: &Evidence| self.within.is_none_or(|secs| is_fresh(Some(proof.at()), secs, now));
        evidence.iter().any(|proof| self.is_of(proof) && fresh(proof))
    }

    /// Whether whatever meets this meets `other`.
    pub(super) fn implies(self, other: Self) -> bool {
        let kind = match (self.of, other.of) {
            (Of::Passkey, Of::Method(Method::WebAuthn) | Of::Factor(Factor::Possession)) => true,
            (Of::Method(Method::Password), Of::Factor(Factor::Knowledge)) => true,
            (Of::Method(method), Of::Factor(Factor::Possession)) => method.factor() == Some(Factor::Possession),
            (ours, theirs) => ours == theirs,
        };
        kind && other.within.is_none_or(|most| self.within.is_some_and(|secs| secs <= most))
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.of {
            Of::Method(Method::Password) => "the password",
            Of::Method(Method::Totp) => "TOTP",
            Of::Method(Method::Hotp) => "HOTP",
            Of::Method(Method::RecoveryCode) => "a recovery code",
            Of::Method(Method::Sms) => "a code by SMS",
            Of::Method(Method::Voice) => "a code by telephone",
            Of::Method(Method::Email) => "a code by e-mail",
            Of::Method(Method::Push) => "an approval in an app",
            Of::Method(Method::WebAuthn) => "a passkey or security key",
            Of::Method(Method::Federated) => "another identity provider",
            Of::Method(Method::TrustedDevice) => "a remembered device",
            Of::Passkey => "a passkey",
            Of::Factor(Factor::Knowledge) => "something known",
            Of::Factor(Factor::Possession) => "something owned",
            Of::Factor(Factor::Inherence) => "something one is",
        })?;
        self.within.map_or(Ok(()), |secs| write!(f, " at most {} old", Ago(u64::from(secs))))
    }
}
