use std::collections::BTreeMap;

use super::{
    BoundTo, LockSchedule, LoginPolicy, Policy, SentCodes, SessionLimits, WebAuthnPolicy, action, exceptions, presets,
};
use crate::assurance::{Aal, Requirement};
use crate::clock::Timestamp;
use crate::error::ConfigError;
use crate::otp;
use crate::recovery_code::{Count, Format, Scheme};

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// Sets the knobs of a [`Policy`]; [`build`](PolicyBuilder::build) checks them.
///
/// ```
/// use tower_mfa::assurance::Aal;
/// use tower_mfa::otp::Window;
/// use tower_mfa::policy::{Policy, SessionLimits};
///
/// let strict = Policy::builder().totp_window(Window::STRICT).challenge_ttl(120);
/// assert!(strict.clone().build().is_ok());
///
/// // NIST SP 800-63B-4 §2.3.3: twelve hours at AAL3, and no more.
/// let refused = strict.session(Aal::Three, SessionLimits::overall(86_400)).build().unwrap_err();
/// assert_eq!(refused.field(), "session (AAL3)");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct PolicyBuilder {
    pub(super) policy: Policy,
}

impl Default for PolicyBuilder {
    fn default() -> Self {
        let policy = Policy {
            login: LoginPolicy::default(),
            totp: otp::Totp::default(),
            totp_window: otp::Window::default(),
            recovery_count: Count::default(),
            recovery_format: Format::default(),
            recovery_scheme: Scheme::default(),
            recovery_low_at: 3,
            lock: LockSchedule::default(),
            elevated_budget: 5,
            hard_limit: 100,
            challenge_ttl: 5 * MINUTE,
            pending_challenges: 8,
            enrolment_ttl: 10 * MINUTE,
            sessions: [
                SessionLimits::overall(30 * DAY),
                SessionLimits::overall(DAY).idle(HOUR),
                SessionLimits::overall(12 * HOUR).idle(15 * MINUTE),
            ],
            max_sessions: 32,
            max_authenticators: 16,
            access_token_ttl: [15 * MINUTE, 15 * MINUTE, 5 * MINUTE],
            step_up_ttl: 5 * MINUTE,
            binding_max_age: 5 * MINUTE,
            first_binding_window: 15 * MINUTE,
            totp_valid_for: None,
            expiry_warning: 30 * DAY,
            actions: BTreeMap::new(),
            bound: BTreeMap::new(),
            registered_amr_only: false,
            disable_by_code: false,
            webauthn: WebAuthnPolicy::default(),
            sent_codes: SentCodes::default(),
            replace_used_recovery_codes: false,
            bypass_at_most: None,
            profile: None,
        };
        Self { policy }
    }
}

impl PolicyBuilder {
    /// Says what login asks of an account: one [`Login`](super::Login) for everybody, or a
    /// [`LoginPolicy`] with rules. Default: [`Login::IfEnrolled`](super::Login::IfEnrolled).
    pub fn login(mut self, login: impl Into<LoginPolicy>) -> Self {
        self.policy.login = login.into();
        self
    }

    /// Sets the parameters of new TOTP authenticators. Default: SHA-1, 6 digits, 30 s, because
    /// widespread apps ignore anything else. A client may ask for more digits and a shorter period, and for
    /// nothing weaker.
    pub const fn totp(mut self, totp: otp::Totp) -> Self {
        self.policy.totp = totp;
        self
    }

    /// Sets how many steps around the present one are accepted. Default: one on each side (RFC 6238
    /// §5.2); [`otp::Window::STRICT`] meets the letter of OWASP ASVS 5 §6.5.5.
    pub const fn totp_window(mut self, window: otp::Window) -> Self {
        self.policy.totp_window = window;
        self
    }

    /// Sets how many recovery codes a set has. Default: 10.
    pub const fn recovery_codes(mut self, count: Count) -> Self {
        self.policy.recovery_count = count;
        self
    }

    /// Sets the length of recovery codes. Default: 75 random bits.
    pub const fn recovery_format(mut self, format: Format) -> Self {
        self.policy.recovery_format = format;
        self
    }

    /// Sets the slow hash of recovery codes. Default: Argon2id.
    pub const fn recovery_scheme(mut self, scheme: Scheme) -> Self {
        self.policy.recovery_scheme = scheme;
        self
    }

    /// Sets the temporary lock. It cannot be switched off.
    pub fn lock(mut self, schedule: LockSchedule) -> Self {
        self.policy.lock = schedule;
        self
    }

    /// Sets how many failures a session already at AAL2 has for itself, so that a stranger who
    /// locks the login does not lock its owner out too. Default: 5.
    pub const fn elevated_budget(mut self, failures: u32) -> Self {
        self.policy.elevated_budget = failures;
        self
    }

    /// Sets how many consecutive failures disable an authenticator until it is bound again (at
    /// most 100, NIST SP 800-63B-4 §3.2.2). Default: 100.
    pub const fn hard_limit(mut self, failures: u32) -> Self {
        self.policy.hard_limit = failures;
        self
    }

    /// Sets how long a challenge can be answered, in seconds (at most 600). Default: 300.
    pub const fn challenge_ttl(mut self, secs: u32) -> Self {
        self.policy.challenge_ttl = secs;
        self
    }

    /// Sets how many challenges may be pending (1 to 32); one more supersedes the oldest, first of
    /// all that of the session, or of the logins, that has opened the most. Default: 8.
    pub const fn pending_challenges(mut self, count: usize) -> Self {
        self.policy.pending_challenges = count;
        self
    }

    /// Sets how long an enrolment can be confirmed, in seconds (at most 3600). Default: 600.
    pub const fn enrolment_ttl(mut self, secs: u32) -> Self {
        self.policy.enrolment_ttl = secs;
        self
    }

    /// Sets the time-outs of sessions at a level.
    pub const fn session(mut self, level: Aal, limits: SessionLimits) -> Self {
        let [one, two, three] = &mut self.policy.sessions;
        match level {
            Aal::One => *one = limits,
            Aal::Two => *two = limits,
            Aal::Three => *three = limits,
        }
        self
    }

    /// Sets how many sessions a subject may have (1 to 256); one more ends, of those at the lowest level,
    /// the one unused for longest. Default: 32.
    pub const fn max_sessions(mut self, count: usize) -> Self {
        self.policy.max_sessions = count;
        self
    }

    /// Sets how many authenticators a subject may have (2 to 64). Default: 16.
    pub const fn max_authenticators(mut self, count: usize) -> Self {
        self.policy.max_authenticators = count;
        self
    }

    /// Sets how long access tokens of a level live, in seconds (at most 3600). Default: 900, at
    /// AAL3 300.
    pub const fn access_token_ttl(mut self, level: Aal, secs: u32) -> Self {
        let [one, two, three] = &mut self.policy.access_token_ttl;
        match level {
            Aal::One => *one = secs,
            Aal::Two => *two = secs,
            Aal::Three => *three = secs,
        }
        self
    }

    /// Sets how long a step-up is good for, in seconds (at most 900). Default: 300.
    pub const fn step_up_ttl(mut self, secs: u32) -> Self {
        self.policy.step_up_ttl = secs;
        self
    }

    /// Sets how fresh the evidence must be to bind, remove, regenerate or disable, in seconds (at
    /// most 900). Default: 300.
    pub const fn binding_max_age(mut self, secs: u32) -> Self {
        self.policy.binding_max_age = secs;
        self
    }

    /// Sets how long after login a first authenticator can be bound without more, in seconds (at
    /// most 3600). Default: 900.
    pub const fn first_binding_window(mut self, secs: u32) -> Self {
        self.policy.first_binding_window = secs;
        self
    }

    /// Lets TOTP authenticators expire this many seconds after they were bound; a warning event
    /// comes 30 days before. Default: never.
    pub const fn totp_valid_for(mut self, secs: u32) -> Self {
        self.policy.totp_valid_for = Some(secs);
        self
    }

    /// Names an action and what it needs. `Requirement::aal2().within(300)` is the usual choice.
    ///
    /// The requirement's own action is the name; a name not given here is unknown to clients.
    /// Whoever names one twice means the last.
    pub fn action(mut self, name: impl Into<Box<str>>, requirement: Requirement) -> Self {
        let name = name.into();
        self.policy.bound.remove(&name);
        self.policy.actions.insert(name, requirement);
        self
    }

    /// Names an action whose approval is good for one request alone: that of the data `bound` names.
    ///
    /// A client that asks for the approval without `bind`, or with other names, is told which ones
    /// (`400 invalid_request`), before anybody is asked for a code.
    pub fn bound_action(mut self, name: impl Into<Box<str>>, requirement: Requirement, bound: BoundTo) -> Self {
        let name = name.into();
        self.policy.bound.insert(name.clone(), bound);
        self.policy.actions.insert(name, requirement);
        self
    }

    /// Sets the rules for passkeys and security keys.
    pub fn webauthn(mut self, webauthn: WebAuthnPolicy) -> Self {
        self.policy.webauthn = webauthn;
        self
    }

    /// Leaves unregistered values out of `amr` (RFC 8176). Default: they follow the registered.
    pub const fn registered_amr_only(mut self, only: bool) -> Self {
        self.policy.registered_amr_only = only;
        self
    }

    /// Lets a person disable MFA by giving a code with the request. Default: no.
    ///
    /// # Security
    ///
    /// The code is an answer like any other, throttled and used up; what is given up is the pause
    /// for thought between proving oneself and switching protection off.
    pub const fn disable_by_code(mut self, allowed: bool) -> Self {
        self.policy.disable_by_code = allowed;
        self
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the field and the rule it breaks; a rule of the preset it began with has its
    /// id behind it.
    pub fn build(self) -> Result<Policy, ConfigError> {
        let p = self.policy;
        if p.totp.t0() != Timestamp::EPOCH {
            return Err(ConfigError::new("totp", "t0 must be 1970: no key URI can tell an app of another"));
        }
        p.login.check()?;
        p.lock.check()?;
        // N63B-3.2.2-a: no more than 100 consecutive failures.
        range("hard_limit", p.hard_limit, 1..=100)?;
        if p.hard_limit < p.lock.failures {
            return Err(ConfigError::new("hard_limit", "must not be lower than the failures of the temporary lock"));
        }
        range("elevated_budget", p.elevated_budget, 1..=10)?;
        range("challenge_ttl", p.challenge_ttl, 1..=600)?;
        range("pending_challenges", p.pending_challenges, 1..=32)?;
        range("enrolment_ttl", p.enrolment_ttl, 1..=3600)?;
        check_sessions(&p)?;
        range("max_sessions", p.max_sessions, 1..=256)?;
        // One that is disabled takes a place until its successor is bound.
        range("max_authenticators", p.max_authenticators, p.login.greatest_least().saturating_add(1)..=64)?;
        p.access_token_ttl.iter().try_for_each(|ttl| range("access_token_ttl", *ttl, 1..=3600))?;
        range("step_up_ttl", p.step_up_ttl, 1..=900)?;
        range("binding_max_age", p.binding_max_age, 1..=900)?;
        range("first_binding_window", p.first_binding_window, 1..=3600)?;
        if p.totp_valid_for.is_some_and(|secs| secs < DAY) {
            return Err(ConfigError::new("totp_valid_for", "must be at least a day"));
        }
        p.webauthn.check()?;
        action::check_all(&p)?;
        exceptions::check(&p)?;
        presets::check(&p)?;
        Ok(p)
    }

    pub(super) fn into_unchecked(self) -> Policy {
        self.policy
    }
}

pub(super) fn range<T: PartialOrd + std::fmt::Display + Copy>(
    field: &'static str,
    value: T,
    allowed: std::ops::RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(field, format!("must be {} to {}, not {value}", allowed.start(), allowed.end())))
}

fn check_sessions(p: &Policy) -> Result<(), ConfigError> {
    let [one, two, three] = p.sessions;
    // N63B-2.3.3-a is a SHALL; the other two are definite limits of our own choosing.
    three.check("session (AAL3)", 12 * HOUR)?;
    two.check("session (AAL2)", 30 * DAY)?;
    one.check("session (AAL1)", 366 * DAY)
}
