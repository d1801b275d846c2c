//! The functional core: all MFA state of a subject as one value, and every change it can undergo.
//!
//! An `Account` is one versioned document. Each transition is a synchronous function on it: the
//! time, the random bytes, the policy and the keys come in as a `Turn`, an answer and
//! events go out, and nothing is read or written besides. The shell (`service`) loads the document,
//! runs the transition and commits both with one compare-and-swap; if somebody else was faster, it
//! runs the transition again on the fresh document. So replay protection, single use, throttling
//! and lockout are decided here, once, without a race.
//!
//! What this room gives to the outside are the data types in which it speaks: [`Event`],
//! [`Refusal`], and the views of authenticators, challenges and sessions.

mod answer;
mod asks;
mod authenticator;
mod binding;
mod bypass;
mod chain;
mod challenge;
mod elevate;
mod enrolment;
mod event;
mod first_factor;
mod keys;
mod login;
mod manage;
#[cfg(feature = "transfer")]
mod moving;
mod offers;
mod operate;
mod origin;
mod passkey_login;
mod recovery;
mod redeem;
mod refusal;
mod sealed;
mod session;
mod sessions;
mod step_up;
mod stored_evidence;
#[cfg(test)]
mod tests;
mod throttle;
mod turn;
mod view;
pub(crate) mod webauthn;
mod wide_lock;

pub use authenticator::Status;
pub use bypass::Bypass;
pub use challenge::{ChallengeView, Offer};
pub use event::{Event, EventKind};
pub use first_factor::{FirstFactor, KnownUser};
pub use refusal::Refusal;
pub use view::{AuthenticatorView, Enrolment, KeyEnrolment, RecoveryCodesView, SessionView, StatusView};
pub use webauthn::OptionsJson;

pub(crate) use answer::{Answered, Given, Which};
pub(crate) use binding::{Bindable, Binder, Confirmation, Confirmed, Started};
pub(crate) use chain::{Chain, Place as ChainPlace, linked};
pub(crate) use challenge::Access;
pub(crate) use enrolment::Enrolling;
pub(crate) use keys::{AskedKey, ProvenKey, ProvenRegistration};
pub(crate) use login::LoginStep;
#[cfg(feature = "transfer")]
pub(crate) use moving::{ForeignApp, Mover, PackError, Packed, TakenIn};
pub(crate) use operate::{CLOCK_TOLERANCE, Order};
pub(crate) use passkey_login::{PasskeyLogin, Whose, passkey_request};
pub(crate) use recovery::{Reserved, SetPlan, Settling};
pub(crate) use sealed::{ChallengeClaims, EnrolmentClaims, PasskeyClaims, RefreshClaims};
pub(crate) use session::Grant;
pub(crate) use step_up::{Ask, Bind, Opened};
pub(crate) use turn::{Held, Turn};

use serde::{Deserialize, Serialize};

use crate::assurance::{Aal, Evidence};
use crate::clock::Timestamp;
use crate::id::{ChallengeId, SessionId, Subject, TokenId};
use crate::recovery_code::RecoverySet;
use authenticator::Authenticator;
use challenge::Challenge;
use enrolment::UsedGrace;
use keys::Handle;
use origin::Origin;
use passkey_login::UsedSignIn;
use redeem::Spent;
use session::{Seed, Session};
use throttle::Throttle;

/// The version of the document this code writes. Every older one is read for ever.
const SCHEMA: u16 = 1;

/// All MFA state of one subject. Every list in it has a maximum.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// The schema version.
    v: u16,
    subject: Subject,
    created_at: Timestamp,
    /// The latest time this account has seen; a clock that goes back revives nothing.
    latest: Timestamp,
    #[serde(default, skip_serializing_if = "Standing::is_normal")]
    standing: Standing,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    authenticators: Vec<Authenticator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery: Option<Recovery>,
    /// The counters of recovery codes; they count where there are none, too.
    #[serde(default, skip_serializing_if = "Throttle::is_untouched")]
    recovery_throttle: Throttle,
    /// The counter of all of them together, for a policy that locks the account as a whole.
    #[serde(default, skip_serializing_if = "Throttle::is_untouched")]
    throttle: Throttle,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    challenges: Vec<Challenge>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Session>,
    /// The newest enrolment token: the only one that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrolment: Option<Ticket>,
    #[serde(default, skip_serializing_if = "UsedGrace::is_untouched")]
    used_grace: UsedGrace,
    /// Until when logins complete with the first factor alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bypass: Option<bypass::Granted>,
    /// What the account is called by authenticators: drawn when the first key is asked for, and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_handle: Option<Handle>,
    /// Sign-ins by a passkey that began without an account, until they would have lapsed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    passkey_sign_ins: Vec<UsedSignIn>,
    /// When the clock was set right: sign-ins by a passkey that began before are void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign_ins_since: Option<Timestamp>,
    /// The approvals that were used, until they would have lapsed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spent: Vec<Spent>,
    /// The chain of its events, its key and where it ends, sealed; `None` before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Origin::is_here")]
    origin: Origin,
    /// A clock behind this account has been reported; once is enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    clock_reported: bool,
    /// Whether it was read from a store: then it has a chain, or had one.
    #[serde(skip)]
    is_stored: bool,
}

/// How an operator has left the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    #[default]
    Normal,
    Suspended,
    /// A tombstone: the subject is gone, and whoever read the old document is not current.
    Erased,
}

impl Standing {
    const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }
}

/// The recovery codes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recovery {
    set: RecoverySet,
    /// The hard limit was reached: only a new set helps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
}

/// The right to bind what must be bound before there is a session, and what its login proved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticket {
    id: TokenId,
    expires_at: Timestamp,
    seed: Seed,
    #[serde(with = "stored_evidence")]
    evidence: Vec<Evidence>,
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    /// Where it stops making sense. The parser's own message quotes the document, which holds
    /// hashes and sealed keys, and they do not belong in a log.
    #[error("the document is not one of ours, from line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("the document has schema version {0}, which is newer than this program")]
    Newer(u16),
    #[error("the document belongs to another subject")]
    OtherSubject,
}

impl From<serde_json::Error> for DocumentError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}

impl Account {
    pub(crate) fn new(subject: Subject, now: Timestamp) -> Self {
        Self {
            v: SCHEMA,
            subject,
            created_at: now,
            latest: now,
            standing: Standing::Normal,
            authenticators: Vec::new(),
            recovery: None,
            recovery_throttle: Throttle::default(),
            throttle: Throttle::default(),
            challenges: Vec::new(),
            sessions: Vec::new(),
            enrolment: None,
            used_grace: UsedGrace::default(),
            bypass: None,
            user_handle: None,
            passkey_sign_ins: Vec::new(),
            sign_ins_since: None,
            spent: Vec::new(),
            chain: None,
            origin: Origin::default(),
            clock_reported: false,
            is_stored: false,
        }
    }

    /// Reads a document; `subject` is whose it was asked for.
    pub(crate) fn read(document: &str, subject: &Subject) -> Result<Self, DocumentError> {
        let account = Self { is_stored: true, ..serde_json::from_str(document)? };
        if account.v > SCHEMA {
            return Err(DocumentError::Newer(account.v));
        }
        // A row copied to another subject is no account of theirs.
        if account.subject != *subject {
            return Err(DocumentError::OtherSubject);
        }
        Ok(account)
    }

    pub(crate) fn write(&self) -> Result<String, DocumentError> {
        Ok(serde_json::to_string(self)?)
    }

    pub(crate) const fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Notes the time of a commit, ends what a change has taken the ground from, and drops what has
    /// expired, so that lists stay short.
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        self.end_bypass_after(turn)?;
        let now = turn.now;
        // The clock has caught up: should it fall behind again, that is another incident.
        self.clock_reported &= turn.clock < self.latest;
        self.latest = self.latest.max(now);
        self.authenticators.retain(|a| !a.is_stale(now));
        // An expired challenge stays a while, so that its owner hears 410 and not 404.
        let kept = u64::from(turn.policy.challenge_ttl);
        self.challenges.retain(|c| now < c.expires_at.plus(kept));
        self.sessions.retain(|s| now < s.until);
        self.forget_spent(now);
        self.forget_sign_ins(now);
        if self.enrolment.as_ref().is_some_and(|ticket| ticket.expires_at <= now) {
            self.enrolment = None;
        }
        Ok(())
    }

    /// The authenticators that count as bound; the recovery codes are no authenticator of their own.
    fn bound(&self) -> impl Iterator<Item = &Authenticator> {
        self.authenticators.iter().filter(|a| a.is_bound())
    }

    fn has_bound(&self) -> bool {
        self.bound().next().is_some()
    }

    fn active(&self, now: Timestamp) -> impl Iterator<Item = &Authenticator> {
        self.authenticators.iter().filter(move |a| a.is_active(now))
    }

    /// The highest level what is bound can reach, worked out anew each time (CVE-2024-45042).
    fn highest_level(&self, turn: &Turn<'_>) -> Aal {
        self.bound().map(|a| a.credential.reaches(turn.trust())).max().unwrap_or(Aal::One)
    }

    fn recovery_remaining(&self) -> usize {
        self.recovery.as_ref().filter(|r| !r.disabled).map_or(0, |r| r.set.remaining())
    }

    fn session_index(&self, id: SessionId) -> Option<usize> {
        self.sessions.iter().position(|s| s.id == id)
    }
}

/// Whose client, roles and groups decide which policy is in force.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SeedOf<'a> {
    /// A login brings them along.
    Given(Described<'a>),
    Session(&'a str),
    Challenge(ChallengeId),
    Ticket(TokenId),
    /// An operator acts for nobody's client.
    Nobody,
}

/// What the host has said of a login, as far as policy asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) roles: &'a [Box<str>],
    pub(crate) groups: &'a [Box<str>],
}

impl Account {
    /// Returns the client, roles and groups of a session, challenge or enrolment.
    pub(crate) fn described<'a>(&'a self, of: SeedOf<'a>) -> Option<Described<'a>> {
        let session = |sid: SessionId| self.session_index(sid).and_then(|at| self.sessions.get(at)).map(|s| &s.seed);
        let seed = match of {
            SeedOf::Given(described) => return Some(described),
            SeedOf::Session(sid) => session(sid.parse().ok()?)?,
            SeedOf::Challenge(id) => match &self.challenges.iter().find(|c| c.id == id)?.origin {
                challenge::Origin::Login(seed) => seed,
                challenge::Origin::Session(sid) => session(*sid)?,
            },
            SeedOf::Ticket(id) => &self.enrolment.as_ref().filter(|ticket| ticket.id == id)?.seed,
            SeedOf::Nobody => return None,
        };
        Some(Described { client_id: &seed.client_id, roles: &seed.roles, groups: &seed.groups })
    }
}
