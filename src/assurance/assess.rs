use super::Aal;
use super::evidence::Evidence;
use crate::clock::Timestamp;

/// Most proofs a session holds and a token carries.
pub(crate) const MAX_EVIDENCE: usize = 8;

/// What a set of evidence amounts to.
///
/// Made by [`assess`] from evidence, or by the token verifier from the claims of a signed token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assurance {
    pub(crate) level: Aal,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) phishing_resistant: bool,
    pub(crate) hardware: bool,
    pub(crate) amr: Vec<Box<str>>,
    pub(crate) evidence: Vec<Evidence>,
}

impl Assurance {
    /// What a record says of somebody; it was not worked out here, and opens nothing.
    pub(crate) const fn recorded(
        level: Aal,
        auth_time: Option<Timestamp>,
        (phishing_resistant, hardware): (bool, bool),
        evidence: Vec<Evidence>,
    ) -> Self {
        Self { level, auth_time, phishing_resistant, hardware, amr: Vec::new(), evidence }
    }

    /// Returns the authenticator assurance level.
    #[must_use]
    pub const fn level(&self) -> Aal {
        self.level
    }

    /// Returns the time of the newest possession or inherence proof that counts for the level (the
    /// password's at AAL1). `None` when a foreign issuer did not say: then nothing is fresh.
    #[must_use]
    pub const fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }

    /// Tells whether a phishing-resistant proof is among the evidence (`phr`).
    #[must_use]
    pub const fn is_phishing_resistant(&self) -> bool {
        self.phishing_resistant
    }

    /// Tells whether that proof came from a key that cannot leave its hardware (`phrh`).
    #[must_use]
    pub const fn is_hardware(&self) -> bool {
        self.hardware
    }

    /// Returns the authentication methods (`amr`), registered values first.
    #[must_use]
    pub fn amr(&self) -> &[Box<str>] {
        &self.amr
    }

    /// Returns the newest proof of each kind.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }
}

/// Works out what `evidence` amounts to; `None` when it is no authentication at all.
///
/// The rules are NIST SP 800-63B-4 §2.1.1, §2.2.1 and §2.3.1:
///
/// * **AAL3**: a non-exportable, phishing-resistant hardware key, with user verification or beside
///   a password.
/// * **AAL2**: a multi-factor authenticator (a user-verified passkey), or a password beside one
///   physical authenticator: recovery code, SMS, voice, push, TOTP, HOTP or WebAuthn key.
/// * **AAL1**: any one of these alone, and any number of the same factor.
/// * **nothing**: e-mail codes and remembered devices, alone or together.
///
/// More evidence never lowers the level. `registered_only` leaves the private values out of `amr`.
///
/// ```
/// use tower_mfa::assurance::{Aal, Evidence, Method, assess};
///
/// // What a session holds after a login: a password and a code.
/// fn example(evidence: &[Evidence]) {
///     let both = assess(evidence, false).unwrap();
///     assert_eq!(both.level(), Aal::Two);
///     assert!(both.amr().iter().any(|name| &**name == "mfa"));
///
///     let code: Vec<Evidence> = evidence.iter().filter(|proof| proof.method() == Method::Totp).cloned().collect();
///     assert_eq!(assess(&code, false).unwrap().level(), Aal::One, "one factor");
///     assert!(assess(&[], false).is_none(), "nothing was proved");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # example(scene::verified().assurance().evidence());
/// ```
#[must_use]
pub fn assess(evidence: &[Evidence], registered_only: bool) -> Option<Assurance> {
    let level = level(evidence)?;
    let mut newest = evidence.to_vec();
    super::newest_of_each(&mut newest);
    Some(Assurance {
        level,
        auth_time: auth_time(evidence, level),
        phishing_resistant: is_phishing_resistant(evidence),
        hardware: is_hardware(evidence),
        amr: super::amr(evidence, level, registered_only),
        evidence: newest,
    })
}

fn level(evidence: &[Evidence]) -> Option<Aal> {
    let knowledge = evidence.iter().any(Evidence::proves_knowledge);
    // N63B-2.3.1-a: multi-factor cryptography, or single-factor cryptography beside a password.
    if evidence.iter().any(|e| e.is_aal3_key() && (knowledge || e.is_multi_factor())) {
        return Some(Aal::Three);
    }
    // N63B-2.2.1-a: two distinct factors; two things one has are one factor.
    if evidence.iter().any(|e| e.is_multi_factor() || (knowledge && e.proves_possession())) {
        return Some(Aal::Two);
    }
    evidence.iter().any(Evidence::counts).then_some(Aal::One)
}

fn is_phishing_resistant(evidence: &[Evidence]) -> bool {
    evidence.iter().any(|e| e.counts() && e.is_phishing_resistant())
}

fn is_hardware(evidence: &[Evidence]) -> bool {
    evidence.iter().any(Evidence::is_aal3_key)
}

/// `docs/HTTP.md`: the newest possession or inherence proof that counts for the level, at AAL1 the
/// newest there is. A password typed again does not freshen an old code.
fn auth_time(evidence: &[Evidence], level: Aal) -> Option<Timestamp> {
    newest_for(evidence, Asked { level, phishing_resistant: false, hardware: false })
}

/// What `evidence` amounts to, and the newest proof for everything that can be asked of it.
pub(crate) fn carried_by(evidence: &[Evidence]) -> impl PartialEq + use<> {
    let kinds = [(false, false), (true, false), (true, true)];
    let asked = [Aal::One, Aal::Two, Aal::Three]
        .into_iter()
        .flat_map(|level| kinds.map(|(phishing_resistant, hardware)| Asked { level, phishing_resistant, hardware }));
    let newest: Vec<_> = asked.map(|asked| newest_for(evidence, asked)).collect();
    (level(evidence), is_phishing_resistant(evidence), is_hardware(evidence), newest)
}

/// What one proof must carry, so that its age is the one that matters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) level: Aal,
    pub(crate) phishing_resistant: bool,
    pub(crate) hardware: bool,
}

/// Returns the time of the newest proof that carries all of `asked`, by itself or beside a password.
///
/// Freshness is per factor (GHSA-hp74-gm6m-2qm5): a new code does not make an old passkey new.
pub(crate) fn newest_for(evidence: &[Evidence], asked: Asked) -> Option<Timestamp> {
    let knowledge = evidence.iter().any(Evidence::proves_knowledge);
    let newest = evidence.iter().filter(|e| {
        let carries = match asked.level {
            Aal::Three => e.is_aal3_key() && (knowledge || e.is_multi_factor()),
            // From AAL2 on the password is one of two factors, and its age says nothing of the other.
            Aal::Two => e.is_multi_factor() || (knowledge && e.proves_possession()),
            Aal::One => e.counts(),
        };
        carries && (!asked.phishing_resistant || e.is_phishing_resistant()) && (!asked.hardware || e.is_aal3_key())
    });
    newest.map(|e| e.at).max()
}
