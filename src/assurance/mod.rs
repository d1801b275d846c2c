//! What was proved, what it amounts to, what is asked for, and whether it is enough.
//!
//! Four values and two pure functions, used by tokens, cookies, layers, extractors and the account
//! alike, so that they cannot disagree:
//!
//! | value | what it is |
//! |---|---|
//! | [`Evidence`] | proof that an authenticator was used at a time, with its properties |
//! | [`Assurance`] | what a set of evidence amounts to: [`Aal`], `amr`, `auth_time` |
//! | [`Requirement`] | what a route, an action or the login policy asks for |
//! | [`Decision`] | allow, step up (exactly what is missing), forbid, unavailable |
//!
//! [`assess`] turns evidence into assurance; [`decide`] turns assurance, requirement and the time
//! into a decision. The rules are those of NIST SP 800-63B-4 §2; this is the only place that knows
//! them. Nobody outside this crate can make an [`Evidence`] or an [`Authentication`]: the first
//! comes from a successful check, the second from a verified token.
//!
//! ```
//! use tower_mfa::assurance::{Aal, Requirement};
//!
//! let transfer = Requirement::aal2().within(300).for_action("transfer_funds");
//! assert_eq!(transfer.level(), Aal::Two);
//! assert_eq!(transfer.max_age(), Some(300));
//! assert!(!transfer.wants_phishing_resistance());
//! ```

mod acr;
mod amr;
mod assess;
mod authentication;
mod decide;
mod evidence;
mod explain;
mod requirement;
mod step_up;
#[cfg(test)]
mod tests;

pub use acr::AcrNames;
pub use amr::amr;
pub use assess::{Assurance, assess};
pub use authentication::{Authentication, StepUpGrant};
pub use decide::{Circumstances, Decision, Forbidden, decide, decide_bound, unmet};
pub use evidence::{Evidence, Factor, Method};
pub use explain::{Explained, Finding, explain};
pub use requirement::{Day, Hours, Proof, Requirement};
pub use step_up::{Missing, StepUp};

pub(crate) use authentication::AuthenticationParts;
pub(crate) use decide::{Known, decide_by, proved_at, way};
pub(crate) use evidence::{Properties, newest_of_each};
pub(crate) use explain::explain_known;
pub(crate) use requirement::Facts;

use decide::is_fresh;

use std::fmt;

/// An authenticator assurance level (NIST SP 800-63B-4 §2).
///
/// ```
/// use tower_mfa::assurance::Aal;
///
/// assert!(Aal::Three > Aal::Two);
/// assert!(Aal::One < Aal::Two);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "NIST SP 800-63B-4 defines three levels")]
pub enum Aal {
    /// One factor.
    One,
    /// Two distinct factors, at least one of them replay resistant.
    Two,
    /// Two distinct factors, one a hardware-held, non-exportable, phishing-resistant key.
    Three,
}

impl Aal {
    /// Returns the level as a number: 1, 2 or 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
        }
    }
}

impl fmt::Display for Aal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AAL{}", self.number())
    }
}
