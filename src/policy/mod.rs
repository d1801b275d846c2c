//! Every knob, with a safe default, and a check when it is built.
//!
//! A [`Policy`] says how codes are made, how often one may be wrong, how long things live, who must
//! have a second factor at login (a [`LoginPolicy`]) and what an action needs. A setting that the standards refuse is
//! refused by [`PolicyBuilder::build`], with the field and the rule named.
//!
//! ```
//! use tower_mfa::assurance::Requirement;
//! use tower_mfa::policy::{Login, Policy};
//!
//! let policy = Policy::builder()
//!     .login(Login::Required)
//!     .action("close_account", Requirement::aal2().within(60))
//!     .build()
//!     .unwrap();
//! assert_eq!(policy.action("close_account").unwrap().max_age(), Some(60));
//! assert!(policy.action("unheard_of").is_none());
//!
//! let refused = Policy::builder().hard_limit(101).build().unwrap_err();
//! assert_eq!(refused.field(), "hard_limit");
//! ```
//!
//! [`presets`] begin with what a text asks for, or with a common habit.
//!
//! Tenants, groups and clients can have policies of their own: a [`PolicySource`] is asked for each
//! request, with who it concerns.

mod action;
mod builder;
mod exceptions;
#[cfg(feature = "policy-file")]
pub mod file;
mod limits;
mod login;
pub mod presets;
mod sent_codes;
mod webauthn;

pub use action::BoundTo;
pub use builder::PolicyBuilder;
pub use limits::{LockSchedule, SessionLimits};
pub use login::{EffectiveLogin, Grace, Login, LoginPolicy, LoginRule};
pub use sent_codes::{SentCodes, SentCodesError, Telephone};
pub use webauthn::{Attachment, Conveyance, Hint, Reaction, ResidentKey, UserVerification, WebAuthnPolicy};

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::assurance::{Aal, Method, Requirement};
use crate::id::Subject;
use crate::otp;
use crate::recovery_code;

/// The rules in force for one subject, client and set of roles.
///
/// ```
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::policy::{Login, Policy};
///
/// let policy = Policy::builder().action("pay", Requirement::aal2().within(300)).build().unwrap();
/// assert_eq!(policy.login().mode(), Login::IfEnrolled, "what is not said is the default");
/// assert_eq!(policy.action("pay").unwrap().max_age(), Some(300));
/// assert!(policy.action("steal").is_none(), "an action nobody has named is none");
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) login: LoginPolicy,
    pub(crate) totp: otp::Totp,
    pub(crate) totp_window: otp::Window,
    pub(crate) recovery_count: recovery_code::Count,
    pub(crate) recovery_format: recovery_code::Format,
    pub(crate) recovery_scheme: recovery_code::Scheme,
    pub(crate) recovery_low_at: usize,
    pub(crate) lock: LockSchedule,
    pub(crate) elevated_budget: u32,
    pub(crate) hard_limit: u32,
    pub(crate) challenge_ttl: u32,
    pub(crate) pending_challenges: usize,
    pub(crate) enrolment_ttl: u32,
    pub(crate) sessions: [SessionLimits; 3],
    pub(crate) max_sessions: usize,
    pub(crate) max_authenticators: usize,
    pub(crate) access_token_ttl: [u32; 3],
    pub(crate) step_up_ttl: u32,
    pub(crate) binding_max_age: u32,
    pub(crate) first_binding_window: u32,
    pub(crate) totp_valid_for: Option<u32>,
    pub(crate) expiry_warning: u32,
    pub(crate) actions: BTreeMap<Box<str>, Requirement>,
    pub(crate) bound: BTreeMap<Box<str>, BoundTo>,
    pub(crate) registered_amr_only: bool,
    pub(crate) disable_by_code: bool,
    pub(crate) webauthn: WebAuthnPolicy,
    pub(crate) sent_codes: SentCodes,
    pub(crate) replace_used_recovery_codes: bool,
    pub(crate) bypass_at_most: Option<u32>,
    pub(crate) profile: Option<presets::Profile>,
}

impl Policy {
    /// Starts from the defaults.
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// Returns what the action of this name needs; `None` for an action nobody has named.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Requirement> {
        self.actions.get(name)
    }

    /// Returns what the approval of this action is bound to; `None` for one that is not bound.
    #[must_use]
    pub fn bound_to(&self, action: &str) -> Option<&BoundTo> {
        self.bound.get(action)
    }

    /// Returns what login asks of accounts: the base, and the rules.
    pub const fn login(&self) -> &LoginPolicy {
        &self.login
    }

    /// Returns the rules for passkeys and security keys.
    pub const fn webauthn(&self) -> &WebAuthnPolicy {
        &self.webauthn
    }

    /// Returns what login asks of `who`, all rules taken together.
    #[must_use]
    pub fn login_for(&self, who: Who<'_>) -> EffectiveLogin {
        self.login.login_for(who)
    }

    /// The kinds of proof that somebody under this policy can come to have.
    pub(crate) fn attainable(&self) -> Vec<Method> {
        Method::ALL.iter().copied().filter(|kind| self.login.lets_somebody_have(*kind)).collect()
    }

    pub(crate) const fn session_limits(&self, level: Aal) -> SessionLimits {
        let [one, two, three] = self.sessions;
        match level {
            Aal::One => one,
            Aal::Two => two,
            Aal::Three => three,
        }
    }

    pub(crate) const fn access_token_ttl(&self, level: Aal) -> u32 {
        let [one, two, three] = self.access_token_ttl;
        match level {
            Aal::One => one,
            Aal::Two => two,
            Aal::Three => three,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        PolicyBuilder::default().into_unchecked()
    }
}

/// Who a policy is looked up for, and where from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Who<'a> {
    /// The subject, with its tenant.
    pub subject: &'a Subject,
    /// The client the session belongs to.
    pub client_id: &'a str,
    /// The roles the host gave the session.
    pub roles: &'a [Box<str>],
    /// The groups the host has put the subject into.
    pub groups: &'a [Box<str>],
    /// Where the request comes from; `None` when nobody knows.
    pub address: Option<IpAddr>,
}

impl<'a> Who<'a> {
    /// Names a subject, a client and the roles the host gave: for a test of one's own
    /// [`PolicySource`] or [`LoginPolicy`]. It is in no group, and nobody knows where.
    #[must_use]
    pub const fn new(subject: &'a Subject, client_id: &'a str, roles: &'a [Box<str>]) -> Self {
        Self { subject, client_id, roles, groups: &[], address: None }
    }

    /// Puts it into groups.
    #[must_use]
    pub const fn groups(mut self, groups: &'a [Box<str>]) -> Self {
        self.groups = groups;
        self
    }

    /// Says where the request comes from.
    #[must_use]
    pub const fn address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

/// Gives the policy in force, so that tenants, groups and clients can differ.
///
/// It is asked on the way of every request and must not wait: load policies beforehand and hand out
/// what is loaded.
///
/// ```
/// use std::sync::Arc;
/// use tower_mfa::account::FirstFactor;
/// use tower_mfa::clock::{Clock, SystemClock};
/// use tower_mfa::id::Subject;
/// use tower_mfa::policy::{Login, Policy, PolicySource, Who};
/// use tower_mfa::service::{Keys, LoginOutcome, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// struct ByTenant {
///     strict: Arc<Policy>,
///     usual: Arc<Policy>,
/// }
///
/// impl PolicySource for ByTenant {
///     fn policy(&self, who: Who<'_>) -> Arc<Policy> {
///         let strict = who.subject.tenant() == Some("bank") || who.roles.iter().any(|r| &**r == "admin");
///         if strict { self.strict.clone() } else { self.usual.clone() }
///     }
/// }
///
/// let strict = Arc::new(Policy::builder().login(Login::Required).build().unwrap());
/// let source = ByTenant { strict, usual: Arc::new(Policy::default()) };
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mfa = Mfa::builder(MemoryStore::new())
///     .issuer("https://id.example")
///     .audience("api")
///     .keys(Keys::generate().unwrap())
///     .policy_source(source)
///     .build()
///     .unwrap();
/// let login = async |tenant| {
///     let alice = Subject::with_tenant(tenant, "alice").unwrap();
///     mfa.begin(FirstFactor::password_checked_by_host(alice, SystemClock.now().unwrap())).await.unwrap()
/// };
/// assert!(matches!(login("shop").await, LoginOutcome::Complete(_)));
/// assert!(matches!(login("bank").await, LoginOutcome::EnrolmentRequired { .. }), "no session without a factor");
/// # });
/// ```
pub trait PolicySource: Send + Sync + 'static {
    /// Returns the policy for `who`.
    fn policy(&self, who: Who<'_>) -> Arc<Policy>;
}

impl PolicySource for Arc<Policy> {
    fn policy(&self, _who: Who<'_>) -> Arc<Policy> {
        Self::clone(self)
    }
}
