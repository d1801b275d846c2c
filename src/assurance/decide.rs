use std::net::IpAddr;

use super::assess::{Asked, newest_for};
use super::step_up::{Missing, StepUp};
use super::{Assurance, Authentication, Facts, Requirement, StepUpGrant};
use crate::clock::Timestamp;
use crate::id::Name;

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

/// When a request is made, and from where.
///
/// ```
/// use tower_mfa::assurance::Circumstances;
/// use tower_mfa::clock::Timestamp;
///
/// let then = Circumstances::at(Timestamp::from_secs(1_800_000_000));
/// assert!(then.address().is_none(), "an address that is not known lies in no network");
/// assert_eq!(then.from("::ffff:192.0.2.7".parse().unwrap()).address(), Some("192.0.2.7".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Circumstances {
    now: Timestamp,
    address: Option<IpAddr>,
}

impl Circumstances {
    /// Says when; from where is not known.
    pub const fn at(now: Timestamp) -> Self {
        Self { now, address: None }
    }

    /// Says from where: the peer of the connection, or what a trusted proxy says of it.
    pub const fn from(self, address: IpAddr) -> Self {
        Self { address: Some(address.to_canonical()), ..self }
    }

    /// Says from where, as far as it is known.
    pub(crate) const fn if_known_from(self, address: Option<IpAddr>) -> Self {
        match address {
            Some(address) => self.from(address),
            None => self,
        }
    }

    /// Returns when it is.
    #[must_use]
    pub const fn now(self) -> Timestamp {
        self.now
    }

    /// Returns from where it is, where that is known; an IPv4 address always as one.
    #[must_use]
    pub const fn address(self) -> Option<IpAddr> {
        self.address
    }
}

impl From<Timestamp> for Circumstances {
    fn from(now: Timestamp) -> Self {
        Self::at(now)
    }
}

/// Why no proof would help.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forbidden {
    /// A role is missing.
    Role(Box<str>),
    /// Scopes are missing; these are all that the nearest way asks for (RFC 6750 §3), separated by spaces.
    Scope(Box<str>),
    /// The request comes from none of the networks it may come from, or it is not known from where.
    Network,
    /// It is none of the hours it may be made in.
    Hours,
    /// Nobody may: the requirement leaves no alternative.
    Never,
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
pub fn decide(requirement: &Requirement, authentication: &Authentication, at: impl Into<Circumstances>) -> Decision {
    // An approval that is bound to parameters is none of the action at large: who approved five to bob
    // has not approved the rest.
    decide_by(requirement, authentication, at.into(), |grant| grant.bind.is_none())
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
    at: impl Into<Circumstances>,
) -> Decision {
    decide_by(requirement, authentication, at.into(), |grant| grant.bind.as_deref() == Some(digest))
}

/// `covers` says whether an approval of the action, in time and fresh, is the one that is wanted.
pub(crate) fn decide_by(
    requirement: &Requirement,
    authentication: &Authentication,
    at: Circumstances,
    covers: impl Fn(&StepUpGrant) -> bool,
) -> Decision {
    Known::of(authentication).decide(requirement, at, covers)
}

/// What is known of somebody: from a verified token, from a session that is explained, from a record.
///
/// It opens nothing: only an [`Authentication`] does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) assurance: &'a Assurance,
    pub(crate) roles: &'a [Box<str>],
    pub(crate) scopes: &'a [Box<str>],
    pub(crate) step_up: Option<&'a StepUpGrant>,
}

impl<'a> Known<'a> {
    pub(crate) fn of(authentication: &'a Authentication) -> Self {
        Self {
            name: authentication.subject().name(),
            assurance: authentication.assurance(),
            roles: authentication.roles(),
            scopes: authentication.scopes(),
            step_up: authentication.step_up(),
        }
    }

    pub(crate) fn decide(
        &self,
        requirement: &Requirement,
        at: Circumstances,
        covers: impl Fn(&StepUpGrant) -> bool,
    ) -> Decision {
        let held = self.held(at, covers);
        if let Some(forbidden) = held.facts.as_ref().and_then(|facts| requirement.forbids(facts)) {
            return Decision::Forbid(forbidden);
        }
        if held.meets(requirement) { Decision::Allow } else { Decision::StepUp(held.way_to(requirement)) }
    }

    pub(super) fn held(&self, at: Circumstances, covers: impl Fn(&StepUpGrant) -> bool) -> Held<'a> {
        Held {
            assurance: self.assurance,
            approval: Approval::Wanted(self.step_up.filter(|grant| covers(grant))),
            now: at.now(),
            facts: Some(Facts { roles: self.roles, scopes: self.scopes, at }),
        }
    }
}

/// Lists what `assurance` lacks of `requirement`: roles, scopes, networks, hours and the approval of an
/// action apart.
#[must_use]
pub fn unmet(requirement: &Requirement, assurance: &Assurance, now: Timestamp) -> Vec<Missing> {
    way(requirement, assurance, now).map(StepUp::into_missing).unwrap_or_default()
}

/// The nearest way for `assurance` to meet `requirement`, as [`unmet`] sees it; `None` where it does.
pub(crate) fn way(requirement: &Requirement, assurance: &Assurance, now: Timestamp) -> Option<StepUp> {
    let held = Held { assurance, approval: Approval::Apart, now, facts: None };
    (!held.meets(requirement)).then(|| held.way_to(requirement))
}

/// What is known of whoever asks.
pub(super) struct Held<'a> {
    pub(super) assurance: &'a Assurance,
    pub(super) approval: Approval<'a>,
    pub(super) now: Timestamp,
    /// Without them no alternative is out of the question.
    pub(super) facts: Option<Facts<'a>>,
}

/// What is to be done about the approval of an action.
pub(super) enum Approval<'a> {
    Apart,
    Wanted(Option<&'a StepUpGrant>),
}

impl Held<'_> {
    /// The decision. Every part is met, and of every choice one alternative.
    fn meets(&self, requirement: &Requirement) -> bool {
        !Missing::ALL.iter().any(|what| self.is_lacking(requirement, *what))
            && requirement.all.iter().all(|part| self.meets(part))
            && requirement.choices().all(|choice| choice.iter().any(|one| self.is_possible(one) && self.meets(one)))
    }

    fn is_possible(&self, alternative: &Requirement) -> bool {
        self.facts.as_ref().is_none_or(|facts| alternative.forbids(facts).is_none())
    }

    /// What is missing of what a part asks for itself; alternatives and parts of it apart.
    fn lacks(&self, part: &Requirement) -> Vec<Missing> {
        Missing::ALL.iter().copied().filter(|what| self.is_lacking(part, *what)).collect()
    }

    fn is_lacking(&self, part: &Requirement, what: Missing) -> bool {
        let (assurance, now) = (self.assurance, self.now);
        match what {
            Missing::Level => assurance.level < part.level,
            Missing::PhishingResistance => part.phishing_resistant && !assurance.phishing_resistant,
            Missing::Hardware => part.hardware && !assurance.hardware,
            Missing::Freshness => part.max_age.is_some_and(|secs| !is_fresh(proved_at(part, assurance), secs, now)),
            Missing::Kind => !part.proofs.iter().all(|proof| proof.is_among(&assurance.evidence, now)),
            Missing::Action => !part.own_actions().all(|action| self.is_approved(action, part)),
        }
    }

    pub(super) fn is_approved(&self, action: &str, part: &Requirement) -> bool {
        let Approval::Wanted(approval) = self.approval else { return true };
        approval.is_some_and(|grant| {
            let fresh = part.max_age.is_none_or(|max_age| is_fresh(Some(grant.auth_time), max_age, self.now));
            *grant.action == *action && self.now < grant.expires_at && fresh
        })
    }

    /// What to prove, so that all of it is met: of each choice the alternative that lacks least.
    fn way_to(&self, requirement: &Requirement) -> StepUp {
        let mut way = StepUp::asking(requirement, self.lacks(requirement));
        if let Some(proof) = requirement.proofs().find(|proof| !proof.is_among(&self.assurance.evidence, self.now)) {
            // Where several are missing, one after the other: each answer brings the next.
            way.asks_for(proof);
        }
        for part in requirement.all.iter() {
            way.join(self.way_to(part));
        }
        for choice in requirement.choices() {
            let mut ways: Vec<StepUp> =
                choice.iter().filter(|one| self.is_possible(one)).map(|one| self.way_to(one)).collect();
            // Of two that lack as much the one that asks for less is nearer, of two alike the first.
            ways.sort_by_key(StepUp::distance);
            let mut ways = ways.into_iter();
            let Some(mut nearest) = ways.next() else { continue };
            ways.for_each(|other| nearest.or(other));
            way.join(nearest);
        }
        way
    }
}

/// When the newest proof was made that carries what is asked for; what is lacking altogether is
/// reported as such, and not as old too.
pub(crate) fn proved_at(requirement: &Requirement, assurance: &Assurance) -> Option<Timestamp> {
    // R9470-x-age: who does not say when has said nothing of freshness, whatever else stands there.
    let auth_time = assurance.auth_time?;
    if assurance.evidence.is_empty() {
        // A foreign issuer's token: its `auth_time` is all there is to go by.
        return Some(auth_time);
    }
    newest_for(
        &assurance.evidence,
        Asked {
            level: requirement.level.min(assurance.level),
            phishing_resistant: requirement.phishing_resistant && assurance.phishing_resistant,
            hardware: requirement.hardware && assurance.hardware,
        },
    )
}

pub(super) fn is_fresh(auth_time: Option<Timestamp>, max_age: u32, now: Timestamp) -> bool {
    // RFC 9470 §5: at max_age it still counts, one second later it does not.
    auth_time.is_some_and(|at| at <= now.plus(FUTURE_TOLERANCE) && now.since(at) <= u64::from(max_age))
}
