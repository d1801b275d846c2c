use http::Method;

use super::path::PathTrick;
use super::policy::RoutePolicy;
use super::rule::{Mode, Rule};
use crate::middleware::settings::Examined;
use crate::middleware::{Refusal, RefusalKind};

/// What a policy says to a request, by its head alone.
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    /// The rule that stands there, and its place.
    pub(crate) rule: Option<(usize, &'a Rule)>,
    pub(crate) step: Step<'a>,
    /// What would have been refused if it were enforced, each with the rule it is of.
    pub(crate) would_refuse: [Option<Refusal>; 2],
}

/// Where the request goes.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// To the service inside.
    Pass,
    /// Back.
    Refuse(Refusal),
    /// To what this rule asks for, which decides.
    Ask(&'a Rule),
}

/// Decides what becomes of a request with this method and raw path.
///
/// `trick` is what the caller knows of the path beside its text. `examined` is looked at where a rule
/// reports only: one that is enforced decides for itself, for it may read a code or a body
/// ([`Rule::objection`] says what it makes of the head).
pub(crate) fn decide_route<'a>(
    policy: &'a RoutePolicy,
    method: &Method,
    path: &str,
    trick: Option<PathTrick>,
    examined: Option<Examined<'_>>,
) -> Verdict<'a> {
    let found = policy.find(method, path);
    let trick = trick.or(found.trick).map(Refusal::bad_path);
    let trick = match (trick, policy.bad_paths()) {
        // Which rule it is meant for cannot be told, so none is named.
        (Some(refusal), Mode::Enforce) => {
            return Verdict { rule: None, step: Step::Refuse(refusal), would_refuse: [None, None] };
        }
        (trick, _) => trick,
    };
    let (step, objection) = match found.rule() {
        Some(rule) => match rule.mode() {
            Mode::Enforce if rule.asks() => (Step::Ask(rule), None),
            Mode::ReportOnly => (Step::Pass, rule.objection(examined)),
            Mode::Enforce | Mode::Off => (Step::Pass, None),
        },
        None => match policy.unnamed() {
            Mode::Enforce | Mode::Off => (Step::Refuse(Refusal::new(RefusalKind::NotNamed)), None),
            Mode::ReportOnly => (Step::Pass, Some(Refusal::new(RefusalKind::NotNamed))),
        },
    };
    Verdict { rule: found.rule, step, would_refuse: [trick, objection] }
}
