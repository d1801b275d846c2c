use std::fmt;

use super::assess::{Asked, newest_for};
use super::{Assurance, Authentication, Requirement, StepUpGrant};
use crate::clock::Timestamp;

/// How far in the future an authentication may seem to lie before it is not believed, in seconds.
const FUTURE_TOLERANCE: u64 = 60;

/// The answer to "is this enough?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Decision {
    /// Yes.
    Allow,
    /// Not yet: the subject can do something about it.
    StepUp(StepUp),
    /// No: nothing the subject proves will help.
    Forbid(Forbidden),
    /// It cannot be decided now. This is neither a yes nor a no.
    Unavailable,
}

/// Exactly what is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepUp {
    missing: Vec<Missing>,
}

impl StepUp {
    /// Returns what is missing, most important first; never empty.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }
}

/// The role or scope the token does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forbidden {
    /// A role is missing.
    Role(Box<str>),
    /// Scopes are missing; these are all that the requirement asks for (RFC 6750 §3).
    Scope(Box<str>),
}

/// One thing a request lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The level is too low.
    Level,
    /// No phishing-resistant proof.
    PhishingResistance,
    /// No proof from a hardware-held key.
    Hardware,
    /// The newest proof is too old.
    Freshness,
    /// No step-up for this action.
    Action,
}

impl Missing {
    /// Returns the name used in the problem body.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::PhishingResistance => "phishing_resistance",
            Self::Hardware => "hardware",
            Self::Freshness => "freshness",
            Self::Action => "action",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Decides whether `authentication` meets `requirement` at `now`.
///
/// Roles and scopes are looked at first: whoever lacks them is not sent to prove something that
/// cannot help.
///
/// ```
/// use tower_mfa::assurance::{Authentication, Decision, Missing, Requirement, decide};
/// use tower_mfa::clock::Timestamp;
///
/// // A token of `who` was verified: a password and a code, both at `then`.
/// fn example(who: &Authentication, then: Timestamp) {
///     let transfer = Requirement::aal2().within(300);
///     assert_eq!(decide(&transfer, who, then.plus(300)), Decision::Allow);
///
///     let Decision::StepUp(late) = decide(&transfer, who, then.plus(301)) else { panic!("that is too old") };
///     assert_eq!(late.missing(), [Missing::Freshness]);
///
///     let admin = Requirement::aal1().with_role("admin");
///     assert!(matches!(decide(&admin, who, then), Decision::Forbid(_)), "no proof gives a role");
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # example(&scene::verified(), Timestamp::from_secs(1_800_000_000));
/// ```
///
/// # Security
///
/// A pure function of its arguments: the middleware, the extractors and the account all call it.
/// A missing `auth_time` satisfies no freshness rule, and one that lies more than a minute in the
/// future is not believed. Where the token carries evidence, the age is that of the newest proof
/// which meets the requirement: a fresh code is no fresh passkey.
pub fn decide(requirement: &Requirement, authentication: &Authentication, now: Timestamp) -> Decision {
    // An approval that is bound to parameters is none of the action at large: who approved five to bob
    // has not approved the rest.
    decide_by(requirement, authentication, now, |grant| grant.bind.is_none())
}

/// Decides as [`decide`] does, where the action is to be approved with certain parameters: `digest`
/// is that of the request ([`bind_digest`](crate::token::bind_digest)).
///
/// # Security
///
/// An approval of the action at large is none of these parameters, and one of others neither.
pub fn decide_bound(
    requirement: &Requirement,
    authentication: &Authentication,
    digest: &str,
    now: Timestamp,
) -> Decision {
    decide_by(requirement, authentication, now, |grant| grant.bind.as_deref() == Some(digest))
}

/// `covers` says whether an approval of the action, in time and fresh, is the one that is wanted.
pub(crate) fn decide_by(
    requirement: &Requirement,
    authentication: &Authentication,
    now: Timestamp,
    covers: impl Fn(&StepUpGrant) -> bool,
) -> Decision {
    if let Some(role) = requirement.roles().iter().find(|role| !authentication.roles().iter().any(|r| **r == ***role)) {
        return Decision::Forbid(Forbidden::Role(role.as_ref().into()));
    }
    if !requirement.scopes().iter().all(|scope| authentication.scopes().iter().any(|s| **s == **scope)) {
        return Decision::Forbid(Forbidden::Scope(requirement.scopes().join(" ").into()));
    }
    let mut missing = unmet(requirement, authentication.assurance(), now);
    let approval = authentication.step_up().filter(|grant| covers(grant));
    if !requirement.actions().iter().all(|action| is_approved(action, requirement, approval, now)) {
        missing.push(Missing::Action);
    }
    if missing.is_empty() { Decision::Allow } else { Decision::StepUp(StepUp { missing }) }
}

/// Lists what `assurance` lacks of `requirement`, roles, scopes and action apart.
#[must_use]
pub fn unmet(requirement: &Requirement, assurance: &Assurance, now: Timestamp) -> Vec<Missing> {
    let fresh = requirement.max_age().is_none_or(|max_age| is_fresh(proved_at(requirement, assurance), max_age, now));
    [
        (assurance.level() < requirement.level(), Missing::Level),
        (requirement.wants_phishing_resistance() && !assurance.is_phishing_resistant(), Missing::PhishingResistance),
        (requirement.wants_hardware() && !assurance.is_hardware(), Missing::Hardware),
        (!fresh, Missing::Freshness),
    ]
    .into_iter()
    .filter_map(|(lacking, what)| lacking.then_some(what))
    .collect()
}

/// When the newest proof was made that carries what is asked for; what is lacking altogether is
/// reported as such, and not as old too.
fn proved_at(requirement: &Requirement, assurance: &Assurance) -> Option<Timestamp> {
    // R9470-x-age: who does not say when has said nothing of freshness, whatever else stands there.
    let auth_time = assurance.auth_time?;
    if assurance.evidence.is_empty() {
        // A foreign issuer's token: its `auth_time` is all there is to go by.
        return Some(auth_time);
    }
    newest_for(
        &assurance.evidence,
        Asked {
            level: requirement.level().min(assurance.level),
            phishing_resistant: requirement.wants_phishing_resistance() && assurance.phishing_resistant,
            hardware: requirement.wants_hardware() && assurance.hardware,
        },
    )
}

fn is_fresh(auth_time: Option<Timestamp>, max_age: u32, now: Timestamp) -> bool {
    // RFC 9470 §5: at max_age it still counts, one second later it does not.
    auth_time.is_some_and(|at| at <= now.plus(FUTURE_TOLERANCE) && now.since(at) <= u64::from(max_age))
}

fn is_approved(action: &str, requirement: &Requirement, approval: Option<&StepUpGrant>, now: Timestamp) -> bool {
    approval.is_some_and(|grant| {
        let fresh = requirement.max_age().is_none_or(|max_age| is_fresh(Some(grant.auth_time), max_age, now));
        *grant.action == *action && now < grant.expires_at && fresh
    })
}
