use crate::assurance::{Method, StepUp};

/// A typed "no": what it is, and what the client can do next.
///
/// Each kind has one status and one `code` in the HTTP contract. What differs behind one kind is
/// told to the operator in an event, never to the client.
///
/// ```
/// use tower_mfa::account::Refusal;
///
/// fn may_try_again_now(refusal: &Refusal) -> bool {
///     matches!(refusal, Refusal::InvalidCode { attempts_remaining: 1.., .. })
/// }
/// assert!(may_try_again_now(&Refusal::InvalidCode { attempts_remaining: 2, retry_after: None }));
/// assert!(!may_try_again_now(&Refusal::Throttled { retry_after: 30 }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request makes no sense; nothing was looked at. `400 invalid_request`.
    #[error("invalid request: {field}: {rule}")]
    InvalidRequest {
        /// The member that is wrong.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The approval of the action is good for one request alone, and its data were not given, or others.
    /// `400 invalid_request`.
    #[error("invalid request: bind: must name the data of the request: {}", .names.join(", "))]
    Unbound {
        /// The members that `bind` must have, and no others.
        names: Vec<Box<str>>,
    },
    /// The token, of whatever kind, is bad, expired, revoked or used. `401 invalid_token`.
    #[error("the token is not valid")]
    InvalidToken,
    /// The session must prove more first. `401 insufficient_user_authentication`.
    #[error("more proof is needed")]
    Insufficient(
        /// What is missing, and the nearest way to it.
        Box<StepUp>,
    ),
    /// Policy denies it, whatever is proved. `403 forbidden`.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// No such id for this subject. `404 not_found`.
    #[error("not found")]
    NotFound,
    /// It would break a rule of the account. `409 conflict`.
    #[error("conflict: {0}")]
    Conflict(&'static str),
    /// Nothing that is bound can meet the requirement. `409 no_eligible_authenticator`.
    #[error("no eligible authenticator")]
    NoEligibleAuthenticator {
        /// The kinds that could be bound and would.
        allowed: Vec<Method>,
    },
    /// The challenge is expired, used or superseded. `410 challenge_gone`.
    #[error("the challenge is gone")]
    ChallengeGone,
    /// Wrong, replayed, unknown or foreign: one answer for all. `422 invalid_code`.
    #[error("the answer is wrong")]
    InvalidCode {
        /// How many more may be wrong before the next temporary lock.
        attempts_remaining: u32,
        /// Seconds until it is worth another try, when this answer began the lock: what
        /// [`Throttled`](Self::Throttled) would say to the same answer now.
        retry_after: Option<u32>,
    },
    /// Wrong, unknown, foreign, or not taken by policy: one answer for all credentials. Nothing was counted
    /// against the account. `422 invalid_code`.
    #[error("the credential is wrong")]
    InvalidCredential,
    /// The hard limit was reached; the authenticator must be bound again. `423`.
    #[error("the authenticator is disabled")]
    AuthenticatorDisabled,
    /// Locked for a while; nothing was checked, nothing counted. `429 throttled`.
    #[error("throttled for {retry_after} s")]
    Throttled {
        /// Seconds until it is worth another try.
        retry_after: u32,
    },
    /// It cannot be decided now; nothing was granted. `503 unavailable`.
    #[error("unavailable")]
    Unavailable {
        /// Seconds until it is worth another try.
        retry_after: u32,
    },
}

impl Refusal {
    pub(crate) const fn invalid(field: &'static str, rule: &'static str) -> Self {
        Self::InvalidRequest { field, rule }
    }

    pub(crate) const fn unavailable() -> Self {
        Self::Unavailable { retry_after: 1 }
    }
}
