//! Signing in with a passkey alone: it begins without an account, and ends in the one it belongs to.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::authenticator::{Authenticator, Credential};
use super::enrolment::LoginAsks;
use super::event::{About, EventKind};
use super::first_factor::FirstFactor;
use super::keys::{AskedKey, ProvenKey};
use super::login::LoginStep;
use super::refusal::Refusal;
use super::sealed::PasskeyClaims;
use super::turn::Turn;
use super::webauthn::{self, Assertion, CredentialId, Relying, Request, Transports};
use super::{Account, CLOCK_TOLERANCE, Standing};
use crate::assurance::{Aal, assess};
use crate::clock::Timestamp;
use crate::id::{ChallengeId, Subject};
use crate::policy::Policy;
use crate::vault::{Vault, VaultError};

/// Most sign-ins that an account remembers at a time. One more is refused: what is forgotten could be
/// used again.
const REMEMBERED_MAX: usize = 64;

/// For how long the token of a sign-in is good at most, in seconds: ten minutes, by a clock that runs ahead by
/// no more than is tolerated.
const LONGEST: u64 = 600 + CLOCK_TOLERANCE;

/// A sign-in that was used, until its token would have lapsed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsedSignIn {
    id: ChallengeId,
    until: Timestamp,
}

/// Whose credentials a sign-in has listed, all of one length: the token of a name that nobody has weighs
/// the same. Empty where no name was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Whose(#[serde(with = "webauthn::base64url")] Vec<u8>);

/// Longer than every [`Subject::storage_key`].
const WHOSE_LEN: usize = 2 * 255 + 2;

impl Whose {
    pub(crate) const fn anybody() -> Self {
        Self(Vec::new())
    }

    /// `None` stands for a name that is nobody's.
    pub(crate) fn of(subject: Option<&Subject>) -> Self {
        let mut bytes = subject.map(Subject::storage_key).unwrap_or_default().into_bytes();
        bytes.resize(WHOSE_LEN.max(bytes.len()), 0);
        Self(bytes)
    }

    pub(crate) const fn is_anybody(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn subject(&self) -> Option<Subject> {
        let key = std::str::from_utf8(&self.0).ok()?.trim_end_matches('\0');
        // No subject has an empty key, and none ends with a control character.
        Subject::from_storage_key(key).ok()
    }
}

/// What a sign-in with a passkey is about.
pub(crate) struct PasskeyLogin<'a> {
    pub(crate) claims: &'a PasskeyClaims,
    /// What the host says of whoever it turned out to be.
    pub(crate) described: &'a FirstFactor,
    pub(crate) audience: &'a str,
}

impl Account {
    /// The credentials to list for a name that was given.
    pub(crate) fn listable(&self, turn: &Turn<'_>) -> Vec<(CredentialId, Transports)> {
        let usable = |a: &&Authenticator| a.is_active(turn.now) && self.standing == Standing::Normal;
        let keys = self.authenticators.iter().filter(usable).filter_map(|a| a.credential.key());
        let allowed = keys.filter(|key| key.is_allowed(turn.trust()));
        allowed.map(|key| (key.id.clone(), key.transports.clone())).collect()
    }

    /// The key that an assertion names, if it is the account's (WA-AUTH-6b).
    pub(crate) fn asked_passkey(
        &self,
        turn: &Turn<'_>,
        claims: &PasskeyClaims,
        assertion: &Assertion,
    ) -> Result<AskedKey, Refusal> {
        let is_called = match &assertion.user_handle {
            Some(handle) => self.is_called(handle),
            // WA-AUTH-6a: where the name came first, a key need not say whose it is.
            None => !claims.of.is_anybody(),
        };
        let is_named = claims.of.is_anybody() || claims.of.subject().as_ref() == Some(&self.subject);
        let at = self.passkey_at(turn, &assertion.id).filter(|_| is_named && is_called);
        let key = at.and_then(|at| self.authenticators.get(at)).and_then(|a| a.credential.key());
        // Nothing stands beside it, so its user must be verified: one factor is no sign-in.
        Ok(AskedKey::new(claims.challenge, key.ok_or(Refusal::InvalidCredential)?, true))
    }

    fn passkey_at(&self, turn: &Turn<'_>, id: &CredentialId) -> Option<usize> {
        let is_it = |a: &Authenticator| matches!(&a.credential, Credential::Key(key) if key.id == *id);
        self.authenticators.iter().position(|a| a.is_active(turn.now) && is_it(a))
    }

    /// Takes an assertion that was checked as a login of its own.
    pub(crate) fn begin_by_passkey(
        &mut self,
        turn: &mut Turn<'_>,
        login: &PasskeyLogin<'_>,
        proven: &ProvenKey,
    ) -> Result<LoginStep, Refusal> {
        login.described.check()?;
        let claims = login.claims;
        if claims.challenge != proven.challenge || claims.expires_at <= turn.now || self.is_void(turn, claims) {
            return Err(Refusal::ChallengeGone);
        }
        self.forget_sign_ins(turn.now);
        if self.passkey_sign_ins.iter().any(|used| used.id == claims.id) {
            return Err(Refusal::ChallengeGone);
        }
        if self.passkey_sign_ins.len() >= REMEMBERED_MAX {
            return Err(Refusal::Throttled { retry_after: self.soonest_forgotten(turn.now) });
        }
        let used = UsedSignIn { id: claims.id, until: claims.expires_at };
        if self.standing != Standing::Normal {
            self.passkey_sign_ins.push(used);
            turn.record(EventKind::LoginBlocked, About { detail: Some("suspended".into()), ..About::default() })?;
            return Ok(LoginStep::Blocked { throttled: None, recovery: Vec::new() });
        }
        let at = self.passkey_at(turn, proven.id()).ok_or(Refusal::InvalidCredential)?;
        let proof = self.accept_key(turn, at, proven, false)?;
        self.passkey_sign_ins.push(used);
        self.warn_of_expiry(turn)?;
        let seed = login.described.seed(login.audience, turn.now);
        let evidence = vec![proof];
        let level = assess(&evidence, turn.policy.registered_amr_only).map(|assurance| assurance.level());
        if level < Some(Aal::Two) {
            // Verified for the first time, or stepped down: one factor, and no password beside it. What policy
            // lets whoever has typed one do without, and a bypass, are not for whoever has found a key.
            return self.ask_at_login(turn, seed, evidence);
        }
        match self.login_asks(turn) {
            LoginAsks::Enrolment => self.enrol_at_login(turn, seed, evidence),
            LoginAsks::Answer if self.must_bind_first(turn) => self.enrol_at_login(turn, seed, evidence),
            LoginAsks::Answer | LoginAsks::Nothing => self.complete_login(turn, seed, evidence),
        }
    }

    fn soonest_forgotten(&self, now: Timestamp) -> u32 {
        let soonest = self.passkey_sign_ins.iter().map(|used| used.until.since(now)).min().unwrap_or(1);
        u32::try_from(soonest.max(1)).unwrap_or(u32::MAX)
    }

    /// Whether a sign-in began before the clock was set right, or in a time that is yet to come.
    fn is_void(&self, turn: &Turn<'_>, claims: &PasskeyClaims) -> bool {
        self.sign_ins_since.is_some_and(|since| claims.began_at <= since)
            || claims.began_at > turn.now.plus(CLOCK_TOLERANCE)
    }

    /// Makes void what has begun before `now`, to which the clock was set back: what of it was used may be
    /// forgotten, and is not remembered for as long as a clock that had jumped ahead has said.
    pub(super) fn void_sign_ins(&mut self, now: Timestamp) {
        self.sign_ins_since = Some(now);
        self.passkey_sign_ins.retain(|used| used.until <= now.plus(LONGEST));
    }

    pub(super) fn forget_sign_ins(&mut self, now: Timestamp) {
        self.passkey_sign_ins.retain(|used| now < used.until);
        self.sign_ins_since = self.sign_ins_since.filter(|since| now < since.plus(LONGEST));
    }
}

/// What to ask the browser for. For a name that nobody has, or that has no key, the list is made up: the
/// same for the same name, and one that some authenticator could have given (WA-14.6.2).
pub(crate) fn passkey_request(
    vault: &Vault,
    policy: &Policy,
    rp: Relying<'_>,
    to_sign: webauthn::Challenge,
    listed: Option<(&str, Vec<(CredentialId, Transports)>)>,
) -> Result<Request, VaultError> {
    let request = Request::new(to_sign, policy, rp.id, true);
    let Some((name, keys)) = listed else { return Ok(request) };
    let keys = if keys.is_empty() { made_up(vault, name)? } else { keys };
    Ok(request.listing(keys.iter().map(|(id, transports)| (id, transports))))
}

/// Lengths of the credential ids of common authenticators, and how those are reached.
const SHAPES: [(usize, &[&str]); 4] =
    [(20, &["hybrid", "internal"]), (32, &["internal"]), (16, &["hybrid", "internal"]), (64, &["nfc", "usb"])];

/// One, two or three of them, so that more than one is no sign of somebody.
fn made_up(vault: &Vault, name: &str) -> Result<Vec<(CredentialId, Transports)>, VaultError> {
    // A version stands in it, so that another way to make them up changes nothing for those who look.
    let seed = |n: u8| vault.keyed_hash(&[b"made up credential 1", name.as_bytes(), &[n]]);
    let [first, ..] = seed(0)?;
    let count = match first {
        0..160 => 1,
        160..224 => 2,
        224.. => 3,
    };
    (1..=count).map(|n| made_of(seed(n)?).ok_or(VaultError::Closed)).collect()
}

fn made_of(seed: [u8; 32]) -> Option<(CredentialId, Transports)> {
    let [first, ..] = seed;
    let (length, transports) = SHAPES.iter().cycle().nth(usize::from(first))?;
    let blocks = [0_u8, 1].map(|n| Sha256::new().chain_update(seed).chain_update([n]).finalize());
    let bytes = blocks.iter().flatten().copied().take(*length).collect();
    let transports = Transports::new(transports.iter().map(|word| Box::from(*word)).collect()).unwrap_or_default();
    CredentialId::new(bytes).map(|id| (id, transports))
}
