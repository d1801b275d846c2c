use super::Login;
use super::kinds::Kinds;
use crate::assurance::Method;

/// What a rule asks for; what is `None` is left as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demands {
    pub(super) mode: Option<Login>,
    pub(super) kinds: Option<Kinds>,
    pub(super) most: Option<usize>,
    pub(super) least: Option<usize>,
}

/// The login policy in force for one subject, session and address: what
/// [`LoginPolicy::login_for`](super::LoginPolicy::login_for) works out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectiveLogin {
    pub(super) mode: Login,
    pub(super) kinds: Kinds,
    pub(super) most: Option<usize>,
    pub(super) least: usize,
    pub(super) enrolled_by: Kinds,
    pub(super) enrolled_by_security_keys: bool,
}

impl EffectiveLogin {
    /// Returns what login asks.
    #[must_use]
    pub const fn mode(&self) -> Login {
        self.mode
    }

    /// Tells whether an authenticator of this kind may be bound; none may where MFA is off.
    #[must_use]
    pub fn allows(&self, kind: Method) -> bool {
        self.mode != Login::Off && self.kinds.contains(kind)
    }

    /// Returns how many authenticators may be bound, where a rule says so.
    #[must_use]
    pub const fn at_most(&self) -> Option<usize> {
        self.most
    }

    /// Returns how many must be bound: none unless the mode [enforces](Login::enforces) any.
    #[must_use]
    pub const fn at_least(&self) -> usize {
        if self.mode.enforces() { self.least } else { 0 }
    }

    /// Tells whether having an authenticator of this kind makes an account "enrolled" for
    /// [`Login::IfEnrolled`]; for [`Method::WebAuthn`], whether a passkey does.
    #[must_use]
    pub fn is_enrolled_by(&self, kind: Method) -> bool {
        self.enrolled_by.contains(kind)
    }

    /// The same for a security key.
    #[must_use]
    pub const fn is_enrolled_by_security_keys(&self) -> bool {
        self.enrolled_by_security_keys
    }

    /// The kinds that can be offered to somebody who has to bind one.
    pub(crate) fn bindable(&self) -> impl Iterator<Item = Method> {
        self.kinds.bindable().filter(|kind| self.allows(*kind))
    }

    /// Whether passkeys and security keys are all that can be bound.
    pub(crate) fn needs_relying_party(&self) -> bool {
        let mut bindable = self.bindable().peekable();
        bindable.peek().is_some() && bindable.all(|kind| kind == Method::WebAuthn)
    }

    /// Adds what a rule asks for, member by member the stricter.
    pub(super) fn and(mut self, demands: &Demands) -> Self {
        if let Some(mode) = demands.mode {
            self.mode = self.mode.and(mode);
        }
        if let Some(kinds) = demands.kinds {
            self.kinds = self.kinds.and(kinds);
        }
        self.most = self.most.into_iter().chain(demands.most).min();
        self.least = self.least.max(demands.least.unwrap_or_default());
        self
    }
}
