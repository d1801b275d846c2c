use std::fmt;

use crate::assurance::{Factor, Method};

/// The kinds this crate can bind today.
const BINDABLE: &[Method] = &[Method::Totp, Method::WebAuthn];

/// The kinds that are an authenticator of their own. A password is the host's, recovery codes come with
/// the first authenticator, and the others are nothing a person has.
const AUTHENTICATORS: &[Method] =
    &[Method::Totp, Method::Hotp, Method::Sms, Method::Voice, Method::Email, Method::Push, Method::WebAuthn];

/// A set of kinds of authenticators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) fn of(kinds: impl IntoIterator<Item = Method>) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }

    pub(crate) fn all() -> Self {
        Self::of(Method::ALL.iter().copied())
    }

    pub(crate) fn authenticators() -> Self {
        Self::of(AUTHENTICATORS.iter().copied())
    }

    /// What this crate can bind and what then makes AAL2 beside a password.
    pub(crate) fn that_help() -> Self {
        Self::of(BINDABLE.iter().copied()).and(Self::that_prove())
    }

    /// What makes AAL2 beside a password (N63B-2.2.1): a thing somebody has, which a mailbox is not.
    pub(crate) fn that_prove() -> Self {
        Self::of(AUTHENTICATORS.iter().copied().filter(|kind| kind.factor() == Some(Factor::Possession)))
    }

    /// What of it this crate can bind.
    pub(crate) fn bindable(self) -> impl Iterator<Item = Method> {
        BINDABLE.iter().copied().filter(move |kind| self.contains(*kind))
    }

    pub(crate) fn contains(self, kind: Method) -> bool {
        self.0 & bit(kind) != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.iter().copied().filter(move |kind| self.contains(*kind))
    }
}

/// The bit of a kind. One that stood in no list would be in no set, and so allowed nowhere.
fn bit(kind: Method) -> u16 {
    let place = Method::ALL.iter().position(|known| *known == kind).and_then(|at| u32::try_from(at).ok());
    place.map_or(0, |at| 1_u16.unbounded_shl(at))
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let some = Kinds::of([Method::Totp, Method::TrustedDevice]);
        assert_eq!(some.iter().collect::<Vec<_>>(), [Method::Totp, Method::TrustedDevice]);
        assert!(some.and(Kinds::of([Method::Sms])).is_empty());
        assert_eq!(Kinds::all().iter().count(), Method::ALL.len(), "every kind has a bit of its own");
        assert!(!Kinds::that_prove().contains(Method::Email) && Kinds::that_prove().contains(Method::WebAuthn));
    }
}
