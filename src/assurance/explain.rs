//! Why a decision is what it is, for the person who has to explain it.

use serde::Serialize;

use super::decide::{Approval, Held, Known, proved_at};
use super::requirement::Ago;
use super::{Authentication, Circumstances, Decision, Evidence, Proof, Requirement, StepUp, StepUpGrant};
use crate::clock::Timestamp;

/// One thing a requirement asks for, and what there is of it.
///
/// Written down it is a member of an explanation in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What is asked for: `AAL2`, `at most 5 minutes old`, `role admin`.
    pub asks: String,
    /// Whether it is there.
    pub met: bool,
    /// What there is of it: `AAL1`, `the newest proof that counts is 12 minutes old`.
    pub held: String,
    /// The alternatives of which one is enough, each with its own findings; empty where there is no choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub either: Vec<Vec<Self>>,
}

/// Why a decision is what it is.
///
/// ```
/// use tower_mfa::assurance::{Authentication, Circumstances, Requirement, explain};
/// use tower_mfa::clock::Timestamp;
///
/// // A token of `alice` was verified: a password and a code, both at `then`.
/// fn example(alice: &Authentication, then: Timestamp) {
///     let transfer = Requirement::aal2().within(300);
///     let late = explain(&transfer, alice, Circumstances::at(then.plus(720)));
///     assert!(!late.is_allowed());
///     assert_eq!(
///         late.to_string(),
///         "Asked for: AAL2, at most 5 minutes old. alice is signed in at AAL2, by the password 12 minutes ago \
///          and TOTP 12 minutes ago. That is not enough: at most 5 minutes old is wanted, and the newest proof that \
///          counts is 12 minutes old. To go on: prove it again, now."
///     );
///     assert!(explain(&transfer, alice, Circumstances::at(then)).is_allowed());
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # example(&scene::verified(), Timestamp::from_secs(1_800_000_000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Explained {
    requirement: String,
    decision: Decision,
    findings: Vec<Finding>,
    who: String,
}

/// Explains what [`decide`](super::decide) says, by the same rules.
///
/// An approval that is bound to parameters counts here as one of its action: which request it was made for,
/// only the layer that reads the request can say.
pub fn explain(requirement: &Requirement, authentication: &Authentication, at: impl Into<Circumstances>) -> Explained {
    explain_known(requirement, &Known::of(authentication), at.into(), |_| true)
}

/// As [`explain`], of whoever is known, and of the approvals that `covers` lets count.
pub(crate) fn explain_known(
    requirement: &Requirement,
    known: &Known<'_>,
    at: Circumstances,
    covers: impl Fn(&StepUpGrant) -> bool + Copy,
) -> Explained {
    Explained {
        requirement: requirement.to_string(),
        decision: known.decide(requirement, at, covers),
        findings: known.held(at, covers).findings(requirement),
        who: who(known, at.now()),
    }
}

impl Explained {
    /// Returns the decision.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Tells whether it is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }

    /// Returns everything that is asked for, with what there is of it.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// As a person would say it, in whole sentences.
impl std::fmt::Display for Explained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asked for: {}. {}.", self.requirement, self.who)?;
        let missing: Vec<String> = self.findings.iter().filter(|finding| !finding.met).map(Finding::sentence).collect();
        match &self.decision {
            Decision::Allow => write!(f, " That is enough."),
            Decision::StepUp(way) => {
                write!(f, " That is not enough: {}. To go on: {}.", missing.join("; "), advice(way))
            }
            _ => write!(f, " That is not enough: {}. Nothing that could be proved would help.", missing.join("; ")),
        }
    }
}

impl Finding {
    fn new(asks: impl Into<String>, met: bool, held: impl Into<String>) -> Self {
        Self { asks: asks.into(), met, held: held.into(), either: Vec::new() }
    }

    fn sentence(&self) -> String {
        if self.either.is_empty() {
            return format!("{} is wanted, and {}", self.asks, self.held);
        }
        let ways = self.either.iter().map(|way| {
            let lacking: Vec<String> = way.iter().filter(|finding| !finding.met).map(Self::sentence).collect();
            format!("({})", lacking.join("; "))
        });
        format!("one of several is wanted, and of each something is missing: {}", ways.collect::<Vec<_>>().join(" or "))
    }
}

/// `alice is signed in at AAL2, by the password 12 minutes ago and TOTP 3 minutes ago`.
fn who(known: &Known<'_>, now: Timestamp) -> String {
    let (name, assurance) = (known.name, known.assurance);
    let mut evidence: Vec<&Evidence> = assurance.evidence().iter().collect();
    evidence.sort_by_key(|proof| proof.method());
    let by: Vec<String> = evidence.iter().map(|e| format!("{} {}", Proof::of(e.method()), ago(e.at(), now))).collect();
    let by = if by.is_empty() { "and nothing says by what".to_owned() } else { format!("by {}", listed(&by)) };
    format!("{name} is signed in at {}, {by}", assurance.level())
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at) {
        0 => "just now".into(),
        secs => format!("{} ago", Ago(rounded(secs))),
    }
}

/// Nobody reads out seconds of an hour.
const fn rounded(secs: u64) -> u64 {
    match secs {
        0..120 => secs,
        120..7_200 => secs.saturating_sub(secs % 60),
        7_200..172_800 => secs.saturating_sub(secs % 3_600),
        _ => secs.saturating_sub(secs % 86_400),
    }
}

fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// What would help, said to a person.
fn advice(way: &StepUp) -> String {
    use super::{Aal, Missing};
    let lacks = |what| way.missing().contains(&what);
    let kinds: Vec<String> = way.kinds().iter().map(ToString::to_string).collect();
    let prove = if !kinds.is_empty() {
        format!("prove {}", kinds.join(" or "))
    } else if lacks(Missing::Hardware) || (lacks(Missing::Level) && way.level() == Aal::Three) {
        "use a hardware security key".into()
    } else if lacks(Missing::PhishingResistance) {
        "use a passkey or security key".into()
    } else if lacks(Missing::Level) && way.level() == Aal::Two {
        "give a second factor".into()
    } else if lacks(Missing::Level) {
        "sign in".into()
    } else if lacks(Missing::Freshness) {
        // Another proof than the one that is too old would not help.
        match (way.wants_hardware() || way.level() == Aal::Three, way.wants_phishing_resistance()) {
            (true, _) => "use the hardware security key again, now".into(),
            (false, true) => "use the passkey or security key again, now".into(),
            (false, false) => "prove it again, now".into(),
        }
    } else {
        return format!("approve {}", way.action().unwrap_or("the action"));
    };
    match way.action().filter(|_| lacks(Missing::Action)) {
        Some(action) => format!("{prove}, and approve {action}"),
        None => prove,
    }
}

impl Held<'_> {
    fn findings(&self, requirement: &Requirement) -> Vec<Finding> {
        let mut findings = self.proved(requirement);
        findings.extend(self.known(requirement));
        for part in requirement.parts() {
            findings.extend(self.findings(part));
        }
        for choice in requirement.choices() {
            let either: Vec<Vec<Finding>> = choice.iter().map(|one| self.findings(one)).collect();
            let met = either.iter().any(|way| way.iter().all(|finding| finding.met));
            let asks = choice.iter().map(|one| format!("({one})")).collect::<Vec<_>>().join(" or ");
            findings
                .push(Finding { either, ..Finding::new(asks, met, if met { "one of them" } else { "none of them" }) });
        }
        findings
    }

    /// What proofs are asked for.
    fn proved(&self, part: &Requirement) -> Vec<Finding> {
        let (assurance, now) = (self.assurance, self.now);
        let mut found = vec![Finding::new(
            part.level.to_string(),
            assurance.level >= part.level,
            format!("the level is {}", assurance.level),
        )];
        if part.hardware {
            let held = if assurance.hardware { "a hardware key" } else { "no hardware key was used" };
            found.push(Finding::new("a hardware key", assurance.hardware, held));
        } else if part.phishing_resistant {
            let yes = assurance.phishing_resistant;
            let held = if yes { "a proof that cannot be phished" } else { "no proof is one that cannot be phished" };
            found.push(Finding::new("phishing resistant", yes, held));
        }
        if let Some(secs) = part.max_age {
            let at = proved_at(part, assurance);
            let held = at.map_or_else(
                || "nothing says how old the proofs are".into(),
                |at| format!("the newest proof that counts is {} old", Ago(rounded(now.since(at)))),
            );
            let asks = format!("at most {} old", Ago(u64::from(secs)));
            found.push(Finding::new(asks, super::is_fresh(at, secs, now), held));
        }
        for proof in part.proofs() {
            let of_kind = |e: &&Evidence| proof.is_of(e);
            let newest = assurance.evidence.iter().filter(of_kind).map(Evidence::at).max();
            let held =
                newest.map_or_else(|| "there is none of it".into(), |at| format!("the newest was {}", ago(at, now)));
            found.push(Finding::new(proof.to_string(), proof.is_among(&assurance.evidence, now), held));
        }
        for action in part.own_actions() {
            found.push(Finding::new(
                format!("approved for {action}"),
                self.is_approved(action, part),
                self.approval_held(),
            ));
        }
        found
    }

    fn approval_held(&self) -> String {
        match self.approval {
            Approval::Wanted(Some(grant)) if grant.expires_at() <= self.now => {
                format!("its approval of {} has lapsed", grant.action())
            }
            Approval::Wanted(Some(grant)) => format!("it was approved for {}", grant.action()),
            _ => "nothing was approved".into(),
        }
    }

    /// What no proof changes.
    fn known(&self, part: &Requirement) -> Vec<Finding> {
        let Some(facts) = &self.facts else { return Vec::new() };
        let names = |held: &[Box<str>], what: &str| match held {
            [] => format!("there is no {what}"),
            some => format!("its {what}s are {}", some.join(", ")),
        };
        let has = |held: &[Box<str>], wanted: &str| held.iter().any(|name| **name == *wanted);
        let roles = part
            .roles()
            .map(|role| Finding::new(format!("role {role}"), has(facts.roles, role), names(facts.roles, "role")));
        let scopes = part.scopes().map(|scope| {
            Finding::new(format!("scope {scope}"), has(facts.scopes, scope), names(facts.scopes, "scope"))
        });
        let mut found: Vec<Finding> = roles.chain(scopes).collect();
        if !part.networks.is_empty() {
            let lies = |address| part.networks.iter().any(|network| network.contains(address));
            let held = facts.at.address().map_or("its address is not known".into(), |a| format!("it comes from {a}"));
            let asks = part.networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            found.push(Finding::new(format!("from {asks}"), facts.at.address().is_some_and(lies), held));
        }
        if !part.hours.is_empty() {
            let open = part.hours.iter().any(|window| window.contains(self.now));
            let asks = part.hours.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            found.push(Finding::new(asks, open, format!("it is {}", super::requirement::Moment(self.now))));
        }
        found
    }
}
