use std::borrow::Cow;

use super::Aal;

/// What a route, an action or the login policy asks for.
///
/// ```
/// use tower_mfa::assurance::{Aal, Requirement};
///
/// let admin = Requirement::aal2().with_role("admin");
/// assert_eq!(admin.roles().len(), 1);
/// let both = admin.and(&Requirement::aal3().within(60));
/// assert_eq!((both.level(), both.max_age()), (Aal::Three, Some(60)));
/// assert_eq!(both.roles().len(), 1, "nothing that was asked for is dropped");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Requirement {
    level: Aal,
    max_age: Option<u32>,
    phishing_resistant: bool,
    hardware: bool,
    actions: Vec<Cow<'static, str>>,
    roles: Vec<Cow<'static, str>>,
    scopes: Vec<Cow<'static, str>>,
}

impl Requirement {
    /// Asks for at least `level`.
    pub const fn at_least(level: Aal) -> Self {
        Self {
            level,
            max_age: None,
            phishing_resistant: false,
            hardware: false,
            actions: Vec::new(),
            roles: Vec::new(),
            scopes: Vec::new(),
        }
    }

    /// Asks for AAL1: somebody is signed in.
    pub const fn aal1() -> Self {
        Self::at_least(Aal::One)
    }

    /// Asks for AAL2: two distinct factors.
    pub const fn aal2() -> Self {
        Self::at_least(Aal::Two)
    }

    /// Asks for AAL3: a hardware key that cannot be phished.
    pub const fn aal3() -> Self {
        Self::at_least(Aal::Three)
    }

    /// Asks for an authentication at most `secs` seconds old (RFC 9470 `max_age`).
    ///
    /// The age is that of the newest possession or inherence proof that carries the level, and the
    /// phishing resistance or hardware asked for: typing the password again does not help, nor does
    /// a code where a passkey is wanted.
    pub const fn within(mut self, secs: u32) -> Self {
        self.max_age = Some(secs);
        self
    }

    /// Asks for a proof that a look-alike site cannot pass on.
    pub const fn phishing_resistant(mut self) -> Self {
        self.phishing_resistant = true;
        self
    }

    /// Asks for a phishing-resistant key that cannot leave its hardware.
    pub const fn hardware(mut self) -> Self {
        self.phishing_resistant = true;
        self.hardware = true;
        self
    }

    /// Asks for a step-up made for this action, by name; called twice, for the later one.
    pub fn for_action(mut self, action: impl Into<Cow<'static, str>>) -> Self {
        self.actions = vec![action.into()];
        self
    }

    /// Asks for a role; called twice, for both.
    pub fn with_role(mut self, role: impl Into<Cow<'static, str>>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Asks for a scope; called twice, for both.
    pub fn with_scope(mut self, scope: impl Into<Cow<'static, str>>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Asks for everything either of the two asks for.
    ///
    /// A token approves one action, so two that name different ones are met by nobody.
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.level = self.level.max(other.level);
        both.max_age = match (self.max_age, other.max_age) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        both.phishing_resistant |= other.phishing_resistant;
        both.hardware |= other.hardware;
        both.actions.extend(other.actions.iter().filter(|a| !self.actions.contains(a)).cloned());
        both.roles.extend(other.roles.iter().filter(|r| !self.roles.contains(r)).cloned());
        both.scopes.extend(other.scopes.iter().filter(|s| !self.scopes.contains(s)).cloned());
        both
    }

    /// Returns the least level.
    #[must_use]
    pub const fn level(&self) -> Aal {
        self.level
    }

    /// Returns the greatest age in seconds, where freshness is asked for.
    #[must_use]
    pub const fn max_age(&self) -> Option<u32> {
        self.max_age
    }

    /// Tells whether phishing resistance is asked for.
    #[must_use]
    pub const fn wants_phishing_resistance(&self) -> bool {
        self.phishing_resistant
    }

    /// Tells whether a hardware-held key is asked for.
    #[must_use]
    pub const fn wants_hardware(&self) -> bool {
        self.hardware
    }

    /// Returns the action a step-up must have been made for.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        self.actions.first().map(Cow::as_ref)
    }

    /// Returns every action asked for: more than one only after [`Requirement::and`].
    #[must_use]
    pub fn actions(&self) -> &[Cow<'static, str>] {
        &self.actions
    }

    /// Returns the roles asked for.
    #[must_use]
    pub fn roles(&self) -> &[Cow<'static, str>] {
        &self.roles
    }

    /// Returns the scopes asked for.
    #[must_use]
    pub fn scopes(&self) -> &[Cow<'static, str>] {
        &self.scopes
    }
}
