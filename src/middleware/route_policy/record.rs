//! Decisions that were recorded, and what another policy would have made of the same requests.

use std::net::IpAddr;

use http::Method;
use serde::{Deserialize, Serialize};

use super::policy::RoutePolicy;
use super::rule::Mode;
use crate::assurance::{
    Aal, Assurance, Authentication, Circumstances, Evidence, Known, Method as Kind, Properties, StepUpGrant,
};
use crate::clock::Timestamp;
use crate::id::{Name, TokenId};

/// A request as it was decided: enough of it to decide it again by another policy.
///
/// [`RoutePolicyLayer::on_decision`](super::RoutePolicyLayer::on_decision) hands one over for each request. Written
/// down (`serde_json::to_string`, a line each) it is what [`replay`] reads.
///
/// # Security
///
/// It says who asked for what, and when, from where: keep it as you keep an access log. No token and no secret
/// is in it, nor the query; it opens nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    at: Timestamp,
    method: Box<str>,
    path: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    who: Option<Who>,
    outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<Box<str>>,
}

/// What became of a request, by its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It passed, and nothing was said against it.
    Allowed,
    /// It passed, and would have been refused if its rule were enforced.
    Reported,
    /// It was refused.
    Refused,
}

/// Whoever asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Box<str>>,
    subject: Box<str>,
    level: u8,
    auth_time: Option<Timestamp>,
    #[serde(default, rename = "phr", skip_serializing_if = "std::ops::Not::not")]
    phishing_resistant: bool,
    #[serde(default, rename = "hw", skip_serializing_if = "std::ops::Not::not")]
    hardware: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<Proved>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved: Option<Approval>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Proved {
    r#type: Kind,
    at: Timestamp,
    #[serde(flatten)]
    properties: Properties,
}

/// The approval of an action; whether it was bound, and not to what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    action: Box<str>,
    auth_time: Timestamp,
    expires_at: Timestamp,
    bound: bool,
}

impl Who {
    fn of(who: &Authentication) -> Self {
        let assurance = who.assurance();
        let proved = |e: &Evidence| Proved { r#type: e.method(), at: e.at(), properties: e.properties() };
        Self {
            tenant: who.subject().tenant().map(Into::into),
            subject: who.subject().id().into(),
            level: assurance.level().number(),
            auth_time: assurance.auth_time(),
            phishing_resistant: assurance.is_phishing_resistant(),
            hardware: assurance.is_hardware(),
            evidence: assurance.evidence().iter().map(proved).collect(),
            roles: who.roles().to_vec(),
            scopes: who.scopes().to_vec(),
            approved: who.step_up().map(|grant| Approval {
                action: grant.action().into(),
                auth_time: grant.auth_time(),
                expires_at: grant.expires_at(),
                bound: grant.bind().is_some(),
            }),
        }
    }

    fn name(&self) -> Name<'_> {
        Name { tenant: self.tenant.as_deref(), id: &self.subject }
    }

    /// What was reached, for a decision that opens nothing.
    fn assurance(&self) -> Assurance {
        let level = match self.level {
            0 | 1 => Aal::One,
            2 => Aal::Two,
            _ => Aal::Three,
        };
        let evidence = |proved: &Proved| Evidence::new(proved.r#type, proved.at).with(proved.properties);
        Assurance::recorded(
            level,
            self.auth_time,
            (self.phishing_resistant, self.hardware),
            self.evidence.iter().map(evidence).collect(),
        )
    }

    fn step_up(&self) -> Option<StepUpGrant> {
        let Approval { action, auth_time, expires_at, bound } = self.approved.clone()?;
        // No id and no digest was written down: that it was bound is all there is to compare.
        let bind = bound.then(|| "recorded".into());
        let id: TokenId = "AAAAAAAAAAAAAAAAAAAAAA".parse().ok()?;
        Some(StepUpGrant { id, action, auth_time, expires_at, bind })
    }
}

impl Recorded {
    /// Records what `policy` makes of a request.
    pub(super) fn of(
        policy: &RoutePolicy,
        method: &Method,
        path: &str,
        who: Option<&Authentication>,
        at: Circumstances,
    ) -> Self {
        let recorded = Self {
            at: at.now(),
            method: method.as_str().into(),
            path: path.into(),
            address: at.address(),
            who: who.map(Who::of),
            outcome: Outcome::Allowed,
            rule: None,
        };
        let (outcome, rule) = judged(policy, method, path, who.map(Known::of).as_ref(), at);
        Self { outcome, rule: rule.map(Into::into), ..recorded }
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the path, as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the tenant of whoever asked, where there is one.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.who.as_ref().and_then(|who| who.tenant.as_deref())
    }

    /// Returns who asked, if anybody was signed in: the id within the [tenant](Self::tenant).
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.who.as_ref().map(|who| &*who.subject)
    }

    /// Returns what became of it.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the name of the rule that decided.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// What another policy makes of it.
    fn by(&self, policy: &RoutePolicy) -> (Outcome, Option<Box<str>>) {
        let Ok(method) = Method::from_bytes(self.method.as_bytes()) else { return (Outcome::Refused, None) };
        let at = Circumstances::at(self.at).if_known_from(self.address);
        let Some(who) = &self.who else {
            let (outcome, rule) = judged(policy, &method, &self.path, None, at);
            return (outcome, rule.map(Into::into));
        };
        let (assurance, step_up) = (who.assurance(), who.step_up());
        let known = Known {
            name: who.name(),
            assurance: &assurance,
            roles: &who.roles,
            scopes: &who.scopes,
            step_up: step_up.as_ref(),
        };
        let (outcome, rule) = judged(policy, &method, &self.path, Some(&known), at);
        (outcome, rule.map(Into::into))
    }
}

fn judged<'a>(
    policy: &'a RoutePolicy,
    method: &Method,
    path: &str,
    who: Option<&Known<'_>>,
    at: Circumstances,
) -> (Outcome, Option<&'a str>) {
    let judged = policy.judge(method, path, who, at);
    let outcome = match (judged.objection, judged.mode) {
        (None, _) | (Some(_), Mode::Off) => Outcome::Allowed,
        (Some(_), Mode::ReportOnly) => Outcome::Reported,
        (Some(_), Mode::Enforce) => Outcome::Refused,
    };
    (outcome, judged.rule.map(super::Rule::name))
}

/// A recorded request of which another policy makes something else.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed<'a> {
    recorded: &'a Recorded,
    outcome: Outcome,
    rule: Option<Box<str>>,
}

impl<'a> Changed<'a> {
    /// Returns the request, as it was decided.
    #[must_use]
    pub const fn recorded(&self) -> &'a Recorded {
        self.recorded
    }

    /// Returns what becomes of it now.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Returns the name of the rule that decides now.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}

/// One line for a person: `POST /transfer of alice: was allowed by "transfer", would be refused by "payments"`.
impl std::fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = |rule: Option<&str>| rule.map_or("by no rule".to_owned(), |name| format!("by \"{name}\""));
        let said = |outcome| match outcome {
            Outcome::Allowed => "allowed",
            Outcome::Reported => "reported",
            Outcome::Refused => "refused",
        };
        let Recorded { method, path, .. } = self.recorded;
        let name = self.recorded.who.as_ref().map(|who| who.name().to_string());
        let of = name.map_or(String::new(), |name| format!(" of {}", name.escape_debug()));
        let (was, would) = (said(self.recorded.outcome), said(self.outcome));
        let (then, now) = (by(self.recorded.rule()), by(self.rule()));
        write!(f, "{method} {}{of}: was {was} {then}, would be {would} {now}", path.escape_debug())
    }
}

/// Decides recorded requests by `policy`, before it is switched on, and returns those of which it makes something
/// else. Nothing is refused and nothing is spent by it.
///
/// ```
/// use http::Method;
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::route_policy::{Outcome, Recorded, RoutePolicy, Rule, replay};
///
/// let line = r#"{"at":1800000000,"method":"GET","path":"/report","outcome":"allowed","rule":"report"}"#;
/// let recorded: Vec<Recorded> = vec![serde_json::from_str(line).unwrap()];
///
/// let stricter = RoutePolicy::builder()
///     .rule(Rule::on("report", [Method::GET], "/report").require(Requirement::aal2()))
///     .build()
///     .unwrap();
/// let changed: Vec<String> = replay(&stricter, &recorded).map(|change| change.to_string()).collect();
/// assert_eq!(changed, ["GET /report: was allowed by \"report\", would be refused by \"report\""]);
///
/// let same = RoutePolicy::builder().rule(Rule::on("report", [Method::GET], "/report").public()).build().unwrap();
/// assert_eq!(replay(&same, &recorded).count(), 0);
/// assert_eq!(recorded[0].outcome(), Outcome::Allowed);
/// ```
pub fn replay<'a>(
    policy: &'a RoutePolicy,
    recorded: impl IntoIterator<Item = &'a Recorded> + 'a,
) -> impl Iterator<Item = Changed<'a>> {
    recorded.into_iter().filter_map(|recorded| {
        let (outcome, rule) = recorded.by(policy);
        (outcome != recorded.outcome).then_some(Changed { recorded, outcome, rule })
    })
}
