//! Who must have a second factor at login, and what may be bound: a base, and rules that make it
//! stricter.

mod check;
mod effective;
mod kinds;
mod mode;
mod overlap;
mod rule;
#[cfg(test)]
mod tests;

pub use effective::EffectiveLogin;
pub use mode::{Grace, Login};
pub use rule::LoginRule;

use super::Who;
use crate::assurance::Method;
use crate::error::ConfigError;
use kinds::Kinds;

/// The login policy: a base for everybody, and rules for tenants, roles, groups, clients and networks.
///
/// Of all rules that apply the strictest wins, member by member: the strictest mode, the kinds that all
/// of them allow, the fewest that may and the most that must be bound. So the rule for a client inherits
/// what the rule for its tenant says, and can only add to it.
///
/// ```
/// use tower_mfa::id::Subject;
/// use tower_mfa::policy::{Login, LoginPolicy, LoginRule, Policy, Who};
///
/// let login = LoginPolicy::new(Login::IfEnrolled)
///     .rule(LoginRule::new("bank").tenants(["bank"]).mode(Login::Required))
///     .rule(LoginRule::new("console").clients(["console"]).mode(Login::Required).at_least(2));
/// let policy = Policy::builder().login(login.clone()).build().unwrap();
///
/// let (shopper, clerk) = (Subject::new("alice").unwrap(), Subject::with_tenant("bank", "bob").unwrap());
/// assert_eq!(policy.login_for(Who::new(&shopper, "web", &[])).mode(), Login::IfEnrolled);
/// assert_eq!(policy.login_for(Who::new(&clerk, "web", &[])).mode(), Login::Required);
/// assert_eq!(policy.login_for(Who::new(&clerk, "console", &[])).at_least(), 2);
///
/// // A rule that could never change anything is refused, by its name.
/// let vain = login.rule(LoginRule::new("shop").tenants(["shop"]).mode(Login::Optional));
/// let refused = Policy::builder().login(vain).build().unwrap_err();
/// assert!(refused.rule().starts_with("rule \"shop\": "));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct LoginPolicy {
    base: EffectiveLogin,
    rules: Vec<LoginRule>,
}

impl LoginPolicy {
    /// Begins with what login asks of everybody.
    pub fn new(mode: Login) -> Self {
        let enrolled_by = Kinds::of(Kinds::authenticators().iter().filter(|kind| *kind != Method::WebAuthn));
        Self {
            base: EffectiveLogin {
                mode,
                kinds: Kinds::all(),
                most: None,
                least: 1,
                enrolled_by,
                enrolled_by_security_keys: true,
            },
            rules: Vec::new(),
        }
    }

    /// Lets only these kinds be bound. Default: every kind. What is bound already stays.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Method>) -> Self {
        self.base.kinds = Kinds::of(kinds);
        self
    }

    /// Sets how many authenticators may be bound (1 to 64). Default:
    /// [`PolicyBuilder::max_authenticators`](super::PolicyBuilder::max_authenticators), which holds
    /// beside it. One that is disabled or has expired does not count: it can be replaced. Where MFA is
    /// required it must be one more than [`at_least`](Self::at_least), so that one that works can be, too.
    pub const fn at_most(mut self, count: usize) -> Self {
        self.base.most = Some(count);
        self
    }

    /// Sets how many authenticators must be bound where MFA is required: 1, or 2 for two independent
    /// ones. Default: 1. Recovery codes do not count.
    ///
    /// An account that has one of two is challenged with it; in its grace the login is then complete,
    /// and afterwards it ends in an enrolment token, good for nothing but to bind the other. The first
    /// binding begins a session, which is not refreshed before the other is bound. Whether the two are on
    /// one phone no server can see.
    pub const fn at_least(mut self, count: usize) -> Self {
        self.base.least = count;
        self
    }

    /// Says which kinds make an account "enrolled" for [`Login::IfEnrolled`]. Default: every kind but
    /// passkeys, so that one somebody added for comfort forces no second factor. A security key is there to
    /// stand beside a password, and is asked for; [`Method::WebAuthn`] names both.
    pub fn enrolled_by(mut self, kinds: impl IntoIterator<Item = Method>) -> Self {
        self.base.enrolled_by = Kinds::of(kinds);
        self.base.enrolled_by_security_keys = self.base.enrolled_by.contains(Method::WebAuthn);
        self
    }

    /// Adds a rule (at most 256). Their order does not matter.
    pub fn rule(mut self, rule: LoginRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Returns what login asks of everybody, before any rule.
    #[must_use]
    pub const fn mode(&self) -> Login {
        self.base.mode
    }

    /// Works out what is in force for `who`.
    #[must_use]
    pub fn login_for(&self, who: Who<'_>) -> EffectiveLogin {
        self.rules_for(who).fold(self.base, |login, rule| login.and(&rule.demands))
    }

    /// Returns the rules that apply to `who`.
    pub fn rules_for<'a>(&'a self, who: Who<'a>) -> impl Iterator<Item = &'a LoginRule> {
        self.rules.iter().filter(move |rule| rule.applies_to(who))
    }

    /// Checks base and rules; [`PolicyBuilder::build`](super::PolicyBuilder::build) does so, too.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a number out of its range, a rule that can never apply or never changes
    /// anything, and demands that nobody can meet together. It names the rule, and a way out.
    pub fn check(&self) -> Result<(), ConfigError> {
        check::check(&self.base, &self.rules)
    }

    /// Whether somebody can have a proof of this kind, or come to have one. Where MFA is off, what was bound before
    /// still proves.
    pub(super) fn lets_somebody_have(&self, kind: Method) -> bool {
        match kind {
            // Codes come with the first authenticator.
            Method::Password | Method::RecoveryCode => true,
            _ => Kinds::authenticators().and(self.base.kinds).contains(kind),
        }
    }

    /// The most authenticators that must be bound anywhere.
    pub(super) fn greatest_least(&self) -> usize {
        self.rules.iter().filter_map(|rule| rule.demands.least).chain([self.base.least]).max().unwrap_or(1)
    }
}

impl Default for LoginPolicy {
    /// [`Login::IfEnrolled`] for everybody.
    fn default() -> Self {
        Self::new(Login::default())
    }
}

impl From<Login> for LoginPolicy {
    fn from(mode: Login) -> Self {
        Self::new(mode)
    }
}
