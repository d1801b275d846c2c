use super::{Policy, PolicyBuilder};
use crate::assurance::Method;

/// Which codes that are sent count as a second factor, and in what company.
///
/// NIST SP 800-63B-4 calls the telephone network a restricted authenticator: whoever uses it is told so,
/// and has another kind beside it (§3.2.9). A code in a mailbox is no authenticator to it at all
/// (§3.1.3.1).
///
/// ```
/// use tower_mfa::assurance::Method;
/// use tower_mfa::policy::{SentCodes, SentCodesError, Telephone};
///
/// let usual = SentCodes::default();
/// assert!(usual.check(&[Method::Sms, Method::Totp]).is_ok());
/// assert_eq!(usual.check(&[Method::Sms, Method::Voice]), Err(SentCodesError::NoAlternative));
/// assert_eq!(usual.check(&[Method::Email, Method::Totp]), Err(SentCodesError::Email));
///
/// let anything = usual.email(true).telephone(Telephone::Alone);
/// assert!(anything.check(&[Method::Email, Method::Sms]).is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct SentCodes {
    email: bool,
    telephone: Telephone,
}

/// Whether a code sent by SMS or spoken in a call counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Telephone {
    /// Never (OWASP ASVS 5 §6.6.1 at level 3).
    Refused,
    /// Beside a kind that is not restricted: an app, a key, an approval on a device.
    #[default]
    BesideAnother,
    /// With nothing else bound.
    Alone,
}

/// Why kinds do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SentCodesError {
    /// A code by e-mail is no factor here.
    #[error("a code sent by e-mail is no second factor")]
    Email,
    /// The telephone network is not used here.
    #[error("a code sent by SMS or spoken in a call is no second factor")]
    Telephone,
    /// There is nothing but restricted kinds.
    #[error("a code sent by SMS or spoken in a call needs another kind beside it")]
    NoAlternative,
}

impl SentCodes {
    /// Lets a code by e-mail count as a second factor. Default: no; it never reaches AAL2 either way.
    pub const fn email(mut self, counts: bool) -> Self {
        self.email = counts;
        self
    }

    /// Says when the telephone network counts. Default: [`Telephone::BesideAnother`].
    pub const fn telephone(mut self, telephone: Telephone) -> Self {
        self.telephone = telephone;
        self
    }

    /// Decides whether an account may have these kinds bound, and no others.
    ///
    /// # Errors
    ///
    /// [`SentCodesError`], the first rule that is broken.
    pub fn check(self, bound: &[Method]) -> Result<(), SentCodesError> {
        if !self.email && bound.contains(&Method::Email) {
            return Err(SentCodesError::Email);
        }
        if !bound.iter().copied().any(is_restricted) {
            return Ok(());
        }
        match self.telephone {
            Telephone::Refused => Err(SentCodesError::Telephone),
            Telephone::BesideAnother if !bound.iter().copied().any(is_alternative) => {
                Err(SentCodesError::NoAlternative)
            }
            Telephone::BesideAnother | Telephone::Alone => Ok(()),
        }
    }

    /// Whether a code by e-mail counts.
    pub(super) const fn takes_email(self) -> bool {
        self.email
    }

    /// When the telephone network counts.
    pub(super) const fn of_telephone(self) -> Telephone {
        self.telephone
    }
}

/// N63B-3.1.3.3-a.
const fn is_restricted(method: Method) -> bool {
    matches!(method, Method::Sms | Method::Voice)
}

/// What whoever has lost the number could use instead: an authenticator, not a list of codes for once.
const fn is_alternative(method: Method) -> bool {
    matches!(method, Method::Totp | Method::Hotp | Method::Push | Method::WebAuthn)
}

impl Policy {
    /// Returns which codes that are sent count as a second factor.
    pub const fn sent_codes(&self) -> SentCodes {
        self.sent_codes
    }
}

impl PolicyBuilder {
    /// Says which codes that are sent count as a second factor. Default: none by e-mail, and those over
    /// the telephone network beside another kind.
    pub const fn sent_codes(mut self, rules: SentCodes) -> Self {
        self.policy.sent_codes = rules;
        self
    }
}
