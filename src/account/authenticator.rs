use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::throttle::Throttle;
use super::turn::Turn;
use super::webauthn::{Challenge, Key, KeyKind, Trust};
use crate::assurance::{Aal, Method};
use crate::clock::Timestamp;
use crate::id::{AuthenticatorId, SessionId, Subject, TokenId};
use crate::otp::{Secret, Step, Totp};
use crate::vault::Purpose;

/// Longest label, in characters.
pub(crate) const LABEL_MAX: usize = 64;

/// What state an authenticator is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Handed out, not confirmed.
    Pending,
    /// Bound and usable.
    Active,
    /// The hard failure limit was reached; must be bound again.
    Disabled,
    /// Reported lost or held back by an operator.
    Suspended,
    /// Its validity is over.
    Expired,
}

/// One thing bound to a subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Authenticator {
    pub(crate) id: AuthenticatorId,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub(crate) label: Box<str>,
    pub(crate) created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<Timestamp>,
    /// When it expires: a pending one unconfirmed, an active one at the end of its validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) expiry_warned: bool,
    pub(crate) status: Status,
    /// Who may confirm it while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    pub(crate) credential: Credential,
    #[serde(default, skip_serializing_if = "Throttle::is_untouched")]
    pub(crate) throttle: Throttle,
}

/// Who started a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    Session(SessionId),
    Ticket(TokenId),
}

/// What an authenticator is checked with. Each kind is one variant, and the compiler names every
/// place that must answer for a new one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Credential {
    Totp {
        params: Totp,
        /// The key, sealed for this subject and this authenticator.
        sealed: String,
        /// The newest step that was used: nothing at or before it is accepted again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last_step: Option<Step>,
    },
    /// A passkey or security key that was asked for and has not answered: what it must sign.
    #[serde(rename = "webauthn_asked")]
    Asked { challenge: Challenge, kind: KeyKind },
    /// A passkey or security key.
    #[serde(rename = "webauthn")]
    Key(Box<Key>),
}

impl Credential {
    pub(crate) const fn method(&self) -> Method {
        match self {
            Self::Totp { .. } => Method::Totp,
            Self::Asked { .. } | Self::Key(_) => Method::WebAuthn,
        }
    }

    /// The highest level it can help to reach, beside a password.
    pub(crate) fn reaches(&self, trust: Trust<'_>) -> Aal {
        match self {
            Self::Totp { .. } | Self::Asked { .. } => Aal::Two,
            Self::Key(key) => key.reaches(trust),
        }
    }

    /// N63B-3.2.5-a: what a person types can be typed into the wrong page.
    pub(crate) const fn is_phishing_resistant(&self) -> bool {
        match self {
            Self::Totp { .. } => false,
            Self::Asked { .. } | Self::Key(_) => true,
        }
    }

    pub(crate) const fn key_kind(&self) -> Option<KeyKind> {
        match self {
            Self::Totp { .. } => None,
            Self::Asked { kind, .. } => Some(*kind),
            Self::Key(key) => Some(key.kind),
        }
    }

    pub(crate) const fn key(&self) -> Option<&Key> {
        match self {
            Self::Key(key) => Some(key),
            Self::Totp { .. } | Self::Asked { .. } => None,
        }
    }
}

impl Authenticator {
    /// The state it is in at `now`: an active one whose time is over has expired.
    pub(crate) fn status_at(&self, now: Timestamp) -> Status {
        match self.status {
            Status::Active if self.expires_at.is_some_and(|end| end <= now) => Status::Expired,
            status => status,
        }
    }

    pub(crate) fn is_active(&self, now: Timestamp) -> bool {
        self.status_at(now) == Status::Active
    }

    /// Whether it counts as bound: everything but a binding nobody has confirmed. What is disabled,
    /// suspended or expired still counts, else a hundred wrong guesses would open an enrolment.
    pub(crate) fn is_bound(&self) -> bool {
        self.status != Status::Pending
    }

    pub(crate) fn is_stale(&self, now: Timestamp) -> bool {
        self.status == Status::Pending && self.expires_at.is_some_and(|end| end <= now)
    }

    /// Ends its use at the hard limit. A binding nobody has confirmed lapses instead: disabled it
    /// would count as bound, and lock out an owner who never had it.
    pub(crate) fn disable(&mut self, now: Timestamp) {
        match self.status {
            Status::Pending => self.expires_at = Some(now),
            _ => self.status = Status::Disabled,
        }
    }

    pub(crate) fn open_secret(&self, turn: &Turn<'_>, subject: &Subject) -> Result<Secret, Refusal> {
        let Credential::Totp { sealed, .. } = &self.credential else { return Err(Refusal::NotFound) };
        let bytes = turn.vault.open(Purpose::OtpSecret, subject, self.id.as_bytes(), sealed)?;
        Secret::danger_short_from_bytes(bytes.expose()).map_err(|_| Refusal::unavailable())
    }
}

/// Checks a label a person gave: at most 64 characters, none of which is hidden or turns the others
/// around. Two labels that look the same must be the same.
pub(crate) fn label(text: &str) -> Result<Box<str>, Refusal> {
    let text = text.trim();
    if text.chars().count() > LABEL_MAX {
        return Err(Refusal::invalid("label", "must have at most 64 characters"));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::invalid("label", "must not have control characters"));
    }
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if is_misleading(before, c, chars.peek().copied()) {
            return Err(Refusal::invalid("label", "must not have characters that are hidden or turn the text around"));
        }
        before = Some(c);
    }
    Ok(text.into())
}

/// Whether a character shows nothing of itself: Unicode's format characters (`Cf`), its separators of
/// lines, and what else is ignorable by default or blank. Among them are those that turn the direction
/// of the text (CVE-2021-42574).
fn is_misleading(before: Option<char>, c: char, after: Option<char>) -> bool {
    let joins = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let is_joined = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !joins(c));
    match c {
        // Persian, the scripts of India and emoji are written with joiners; between Latin letters they
        // would only hide.
        c if joins(c) => !(is_joined(before) && is_joined(after)),
        // How an emoji is drawn; behind a digit, only as part of a keycap.
        '\u{fe00}'..='\u{fe0f}' => !is_joined(before) && after != Some('\u{20e3}'),
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' => true,
        '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' => true,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}
