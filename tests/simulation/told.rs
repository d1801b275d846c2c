//! What a client is told.

use tower_mfa::account::Refusal;
use tower_mfa::id::AuthenticatorId;
use tower_mfa::service::{Error, Tokens};

use super::operations::{Order, Proof};

pub(crate) const INVALID_TOKEN: &str = "invalid token";
/// By an operator, or for want of anything that can be used: not for a while.
pub(crate) const BLOCKED: &str = "blocked";

/// Tokens, and what is said of them.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) access: String,
    pub(crate) refresh: Option<String>,
    pub(crate) sid: String,
    pub(crate) acr: String,
    pub(crate) amr: Vec<String>,
}

impl Shown {
    pub(crate) fn of(tokens: &Tokens) -> Self {
        Self {
            access: tokens.access_token().expose().to_owned(),
            refresh: tokens.refresh_token().map(|token| token.expose().to_owned()),
            sid: tokens.session().to_string(),
            acr: tokens.acr().to_owned(),
            amr: tokens.amr().iter().map(ToString::to_string).collect(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// Let in: by what beside the first factor, and in place of which session.
    In {
        by: Option<Proof>,
        from: Option<usize>,
        shown: Shown,
    },
    /// Nothing was missing.
    Enough {
        from: usize,
        shown: Shown,
    },
    Refreshed {
        from: usize,
        shown: Shown,
    },
    /// An app was bound: its number, with the first step used up.
    Bound {
        from: usize,
        app: (usize, AuthenticatorId),
        step: u64,
        shown: Shown,
    },
    Removed {
        from: usize,
    },
    LoggedOut {
        from: usize,
        sid: String,
    },
    Obeyed(Order),
    /// It brought an answer, which was wrong.
    Wrong,
    /// It could not be decided, or nobody knows how it was.
    Unavailable,
    /// Its replica crashed: nobody said what became of it.
    Unknown,
    Refused(&'static str),
    /// It was asked, and had nothing to answer with.
    Left,
    /// What nobody should be told, or a panic: the story is broken.
    Broken(String),
}

impl Told {
    /// For the trace: without tokens, which differ from run to run by their signatures.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::In { by: Some(proof), .. } => format!("in by {proof:?}"),
            Self::In { by: None, .. } => "in by the first factor alone".to_owned(),
            Self::Enough { .. } => "nothing was missing".to_owned(),
            Self::Refreshed { .. } => "refreshed".to_owned(),
            Self::Bound { app, .. } => format!("app {} is bound", app.0),
            Self::Removed { .. } => "removed".to_owned(),
            Self::LoggedOut { .. } => "logged out".to_owned(),
            Self::Obeyed(order) => format!("{order:?} is done"),
            Self::Wrong => "wrong".to_owned(),
            Self::Unavailable => "unavailable".to_owned(),
            Self::Unknown => "unknown".to_owned(),
            Self::Left => "left the question".to_owned(),
            Self::Refused(why) => format!("refused: {why}"),
            Self::Broken(how) => format!("broken: {how}"),
        }
    }
}

/// What an answer was refused with.
pub(crate) fn refused_answer(error: &Error) -> Told {
    match error.refusal() {
        Refusal::InvalidCode { .. } => Told::Wrong,
        _ => refused(error),
    }
}

pub(crate) fn refused(error: &Error) -> Told {
    Told::Refused(match error.refusal() {
        Refusal::Unavailable { .. } => return Told::Unavailable,
        Refusal::InvalidToken => INVALID_TOKEN,
        Refusal::InvalidCredential => "invalid credential",
        Refusal::Insufficient(_) => "insufficient",
        Refusal::ChallengeGone => "gone",
        Refusal::Throttled { .. } => "throttled",
        Refusal::NoEligibleAuthenticator { .. } => "nothing eligible",
        Refusal::AuthenticatorDisabled => "disabled",
        Refusal::NotFound => "not found",
        Refusal::Conflict(_) => "conflict",
        Refusal::InvalidRequest { field: "until", .. } => "too late or too far",
        other => panic!("{other:?}"),
    })
}
