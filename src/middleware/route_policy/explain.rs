use std::fmt;

use http::Method;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::path::PathTrick;
use super::policy::RoutePolicy;
use super::rule::{Access, Mode, Rule};
use crate::assurance::{Authentication, Circumstances, Explained, Known, StepUpGrant, explain_known};
use crate::id::Name;
use crate::middleware::problem::Code;
use crate::middleware::{Refusal, RefusalKind};

/// What a policy makes of a request, and why: for whoever has to say it to the one who was refused.
///
/// Written down it is JSON; printed, whole sentences.
///
/// ```
/// use http::Method;
/// use tower_mfa::assurance::{Authentication, Requirement};
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
///
/// // A token of `alice` was verified: a password and a code, both at `then`.
/// fn example(alice: &Authentication, then: Timestamp) {
///     let vault = Rule::on("vault", [Method::GET], "/vault").require(Requirement::aal3());
///     let policy = RoutePolicy::builder().rule(vault).build().unwrap();
///
///     let refused = policy.explain(&Method::GET, "/vault", Some(alice), then.plus(180));
///     assert!(!refused.passes());
///     assert_eq!(
///         refused.to_string(),
///         "GET /vault is refused, by the rule \"vault\". Asked for: AAL3. alice is signed in at AAL2, by the password \
///          3 minutes ago and TOTP 3 minutes ago. That is not enough: AAL3 is wanted, and the level is AAL2. To go on: use a \
///          hardware security key."
///     );
///     let unnamed = policy.explain(&Method::GET, "/elsewhere", Some(alice), then);
///     assert_eq!(
///         unnamed.to_string(),
///         "GET /elsewhere is refused: no rule of the policy names this address. To go on: name it in the policy."
///     );
/// }
/// # mod scene { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scene/token.rs")); }
/// # example(&scene::verified(), Timestamp::from_secs(1_800_000_000));
/// ```
///
/// # Security
///
/// It says how somebody is signed in, and when: show it to those who may know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct RouteExplanation {
    method: Method,
    path: Box<str>,
    rule: Option<Box<str>>,
    access: Option<&'static str>,
    mode: Mode,
    trick: Option<PathTrick>,
    /// What is said against it, whatever becomes of that.
    objection: Option<Code>,
    explained: Option<Explained>,
    /// What an approval is bound to, where one is wanted.
    bound: Option<String>,
    /// Who was asked about and is not signed in.
    absent: Option<Box<str>>,
}

/// What a policy makes of a request, by its head.
#[derive(Debug, Clone)]
pub(super) struct Judged<'a> {
    pub(super) rule: Option<&'a Rule>,
    /// How far the objection goes.
    pub(super) mode: Mode,
    pub(super) trick: Option<PathTrick>,
    pub(super) objection: Option<Refusal>,
}

/// Approvals that can open a rule: those of a transaction are bound, those of a requirement are not.
pub(super) const fn covers(access: &Access) -> fn(&StepUpGrant) -> bool {
    match access {
        Access::Transaction(_) => |grant| grant.bind().is_some(),
        _ => |grant| grant.bind().is_none(),
    }
}

impl RoutePolicy {
    /// Explains what becomes of a request: by its head, as it is decided; no body is read, and no code looked at.
    ///
    /// `path` is the raw one: percent-encoded, without the query. `who` is whoever asks, if anybody is signed in.
    pub fn explain(
        &self,
        method: &Method,
        path: &str,
        who: Option<&Authentication>,
        at: impl Into<Circumstances>,
    ) -> RouteExplanation {
        self.explain_known(method, path, who.map(Known::of).as_ref(), at.into())
    }

    pub(crate) fn explain_known(
        &self,
        method: &Method,
        path: &str,
        who: Option<&Known<'_>>,
        at: Circumstances,
    ) -> RouteExplanation {
        let judged = self.judge(method, path, who, at);
        let asked = judged.rule.and_then(|rule| Some((rule.access(), rule.access().requirement()?)));
        let explained = asked.zip(who).map(|((access, wanted), who)| explain_known(wanted, who, at, covers(access)));
        RouteExplanation {
            method: method.clone(),
            path: path.into(),
            rule: judged.rule.map(|rule| rule.name().into()),
            access: judged.rule.map(|rule| rule.access().name()),
            mode: judged.mode,
            trick: judged.trick,
            objection: judged.objection.map(|refusal| refusal.kind().code()),
            explained: explained.filter(|_| judged.trick.is_none()),
            bound: judged.rule.and_then(|rule| bound(rule.access())),
            absent: None,
        }
    }

    /// Judges a request by its head, for whoever is known.
    pub(super) fn judge(&self, method: &Method, path: &str, who: Option<&Known<'_>>, at: Circumstances) -> Judged<'_> {
        let found = self.find(method, path);
        if let Some(trick) = found.trick() {
            let objection = Some(Refusal::bad_path(trick));
            return Judged { rule: None, mode: self.bad_paths(), trick: Some(trick), objection };
        }
        let Some(rule) = found.rule() else {
            let objection = Some(Refusal::new(RefusalKind::NotNamed));
            return Judged { rule: None, mode: self.unnamed(), trick: None, objection };
        };
        let objection = rule.access().requirement().filter(|_| rule.mode() != Mode::Off).and_then(|wanted| {
            let Some(who) = who else { return Some(Refusal::new(RefusalKind::Unauthenticated)) };
            Refusal::of(who.decide(wanted, at, covers(rule.access())))
        });
        Judged { rule: Some(rule), mode: rule.mode(), trick: None, objection }
    }
}

/// What the approval of a transaction is good for, as a person would say it.
fn bound(access: &Access) -> Option<String> {
    let Access::Transaction(layer) = access else { return None };
    let names = layer.parameters();
    Some(match names {
        _ if layer.is_whole_request() => "this very request".into(),
        [] => "this request".into(),
        [only] => format!("this {only}"),
        [first @ .., last] => format!("this {} and {last}", first.join(", ")),
    })
}

impl RouteExplanation {
    /// Says who it is that was asked about, and is not signed in.
    pub(crate) fn of_absent(self, name: Name<'_>) -> Self {
        Self { absent: Some(name.to_string().into()), ..self }
    }

    /// Tells whether the request passes: nothing is said against it, or it is only reported.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.objection.is_none() || self.mode != Mode::Enforce
    }

    /// Returns what the request is refused with, or would be if the rule were enforced.
    #[must_use]
    pub const fn objection(&self) -> Option<Code> {
        self.objection
    }

    /// Returns the name of the rule that matched.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Returns how far the rule goes; where none matched, how far the refusal of what none names goes.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns what is asked for and what there is of it, where the rule asks for something of somebody.
    #[must_use]
    pub const fn explained(&self) -> Option<&Explained> {
        self.explained.as_ref()
    }

    const fn outcome(&self) -> &'static str {
        match (self.objection, self.mode) {
            (None, _) | (Some(_), Mode::Off) => "allowed",
            (Some(_), Mode::Enforce) => "refused",
            (Some(_), Mode::ReportOnly) => "reported",
        }
    }
}

impl fmt::Display for RouteExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, .. } = self;
        let verb = match self.outcome() {
            "refused" => "is refused",
            "reported" => "passes, and would be refused if it were enforced",
            _ => "passes",
        };
        write!(f, "{method} {} {verb}", path.escape_debug())?;
        if let Some(trick) = self.trick {
            return write!(f, ": the path has a trick in it, {trick}. To go on: send the plain path.");
        }
        let Some(rule) = &self.rule else {
            return f.write_str(": no rule of the policy names this address. To go on: name it in the policy.");
        };
        write!(f, ", by the rule \"{rule}\".")?;
        match (&self.explained, self.objection, self.access) {
            (_, _, _) if self.mode == Mode::Off => f.write_str(" The rule is switched off."),
            (Some(explained), ..) => {
                write!(f, " {explained}")?;
                self.bound.as_ref().map_or(Ok(()), |to| write!(f, " An approval is good once, and for {to} alone."))
            }
            (None, Some(_), _) => match &self.absent {
                Some(name) => write!(f, " {} is not signed in. To go on: sign in.", name.escape_debug()),
                None => f.write_str(" Nobody is signed in. To go on: sign in."),
            },
            (None, None, Some("guarded-elsewhere")) => f.write_str(" What is behind it decides for itself."),
            _ => f.write_str(" Anybody may."),
        }
    }
}

impl Serialize for RouteExplanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings = self.explained.as_ref().map(Explained::findings);
        let missing: Option<Vec<&str>> = self.explained.as_ref().and_then(|explained| match explained.decision() {
            crate::assurance::Decision::StepUp(way) => Some(way.missing().iter().map(|what| what.name()).collect()),
            _ => None,
        });
        let mut object = serializer.serialize_struct("RouteExplanation", 10)?;
        object.serialize_field("method", self.method.as_str())?;
        object.serialize_field("path", &self.path)?;
        object.serialize_field("rule", &self.rule)?;
        object.serialize_field("access", &self.access)?;
        object.serialize_field("mode", self.mode.name())?;
        object.serialize_field("outcome", self.outcome())?;
        object.serialize_field("code", &self.objection.map(Code::name))?;
        object.serialize_field("findings", findings.unwrap_or_default())?;
        object.serialize_field("missing", &missing.unwrap_or_default())?;
        object.serialize_field("sentence", &self.to_string())?;
        object.end()
    }
}
