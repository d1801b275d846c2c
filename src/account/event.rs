use serde::{Deserialize, Serialize};

use crate::assurance::Method;
use crate::clock::Timestamp;
use crate::id::{AuthenticatorId, EventId, SessionId};

/// What happened to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A login completed.
    SignedIn,
    /// The first factor succeeded and more was asked for.
    LoginChallenged,
    /// A login has to bind an authenticator before it gets a session.
    EnrolmentRequired,
    /// A login completed without the authenticators that the account must have: `count` says how many
    /// more may, `until` when that ends.
    EnrolmentDue,
    /// The first factor succeeded and nothing usable is bound, or the account is suspended.
    LoginBlocked,
    /// An answer was right.
    AnswerAccepted,
    /// An answer was wrong. At login this is a partial success somebody should hear of (OWASP ASVS
    /// 5 §6.3.5).
    AnswerRefused,
    /// A one-time password was right but had been used (NIST SP 800-63B-4 §3.1.4.2).
    OtpReplayed,
    /// A session was raised or refreshed by a right answer.
    SteppedUp,
    /// The approval of an action was used up: its request was let through.
    ApprovalSpent,
    /// Too many failures: answers are refused for a while.
    Locked,
    /// The signature counter of a key did not grow: a copy of it may be in use (WebAuthn §7.2, step 22).
    SignatureCounterRegressed,
    /// A key that could not be copied says that it can, or the other way round.
    BackupEligibilityChanged,
    /// A key is not backed up any more: its owner may want another beside it.
    BackupLost,
    /// Half of the consecutive failures that disable an authenticator.
    HardLimitNear,
    /// The hard limit was reached: the authenticator must be bound again.
    AuthenticatorDisabled,
    /// Somebody began to bind an authenticator.
    BindingStarted,
    /// A confirmation code was wrong; `detail` says what it would have matched.
    BindingRefused,
    /// An authenticator was bound.
    AuthenticatorBound,
    /// An authenticator was given another label.
    AuthenticatorRenamed,
    /// An authenticator was removed.
    AuthenticatorRemoved,
    /// An authenticator expires within the warning time.
    AuthenticatorExpiring,
    /// All authenticators were removed by their owner.
    MfaDisabled,
    /// A set of recovery codes was issued; the one before is void.
    RecoveryCodesIssued,
    /// A recovery code was used up.
    RecoveryCodeUsed,
    /// Few recovery codes are left; `count` says how many.
    RecoveryCodesLow,
    /// A session was ended.
    SessionEnded,
    /// A refresh token was used that had been replaced: its session was ended.
    RefreshReplayed,
    /// The clock stands more than five minutes behind what the account has seen.
    ClockBehind,
    /// An operator removed every authenticator.
    Reset,
    /// An operator lifted locks and suspension.
    Unlocked,
    /// An operator suspended the account.
    Suspended,
    /// An operator ended all sessions.
    SessionsEnded,
    /// An operator erased the account.
    Erased,
    /// An operator granted a bypass of the second factor; `until` says how long, `detail` who approved it.
    BypassGranted,
    /// A login completed with the first factor alone, because a bypass was granted.
    BypassUsed,
    /// Events from before `until` were pruned, of all subjects. It stands in a chain of its own, for whoever
    /// verifies the others.
    EventsPruned,
    /// An operator had all accounts exported; `detail` names the export. It stands in a chain of its own.
    AccountsExported,
    /// An operator had the account imported; `detail` names the export, its line, and where the chain of the
    /// account's events ended in the place it comes from.
    AccountImported,
    /// An operator had an authenticator imported that another system issued; `detail` says where it stood.
    AuthenticatorImported,
    /// An event was given up: a sink of the outbox did not take it, `detail` says why.
    DeliveryGivenUp,
    /// The chain of the account's events was gone from its document, or its key is lost: a new one begins with the events
    /// of this change.
    ChainBegunAnew,
    /// A bypass was revoked, or ended when what is bound was changed; at its time it ends without an event.
    BypassEnded,
}

/// One line of the audit trail, committed with the change it tells of.
///
/// It holds no secret and no code. Members that do not apply are left out of its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The event's own id.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// The kind of authenticator or answer it is about.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The authenticator it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticator_id: Option<AuthenticatorId>,
    /// The session it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The client the session belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Box<str>>,
    /// Where the request came from, as the host told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Box<str>>,
    /// The action a step-up was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Box<str>>,
    /// How many: failures so far, codes or sign-ins left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Until when: the end of a lock or a grace, an expiry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What an operator should know besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
    /// The event it is about, where that is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// From behind which place of the outbox that is read again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<str>>,
    /// The operator who acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Box<str>>,
    /// The operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// What an event says beside id, time and kind.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) method: Option<Method>,
    pub(crate) authenticator: Option<AuthenticatorId>,
    pub(crate) session: Option<SessionId>,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) action: Option<Box<str>>,
    pub(crate) count: Option<u32>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) detail: Option<Box<str>>,
    pub(crate) event: Option<EventId>,
    pub(crate) after: Option<Box<str>>,
    pub(crate) actor: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
}

impl About {
    pub(crate) fn session(id: SessionId) -> Self {
        Self { session: Some(id), ..Self::default() }
    }

    pub(crate) fn authenticator(id: AuthenticatorId, method: Method) -> Self {
        Self { authenticator: Some(id), method: Some(method), ..Self::default() }
    }

    pub(crate) fn method(method: Method) -> Self {
        Self { method: Some(method), ..Self::default() }
    }
}
