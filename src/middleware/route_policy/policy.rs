use std::fmt;
use std::sync::Arc;

use http::Method;

use super::path::PathTrick;
use super::report::{Counts, Tally};
use super::rule::{Mode, Rule};
use super::table::Table;
use crate::error::ConfigError;

/// The rules of a whole service. What none of them names is denied.
///
/// It does not change once it is built, and a clone is the same policy.
///
/// ```
/// use http::Method;
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
///
/// let policy = RoutePolicy::builder()
///     .rule(Rule::on("landing", [Method::GET], "/").public())
///     .rule(Rule::on_any_method("accounts", "/accounts/{*rest}").require(Requirement::aal2()))
///     .build()
///     .unwrap();
///
/// let rule_for = |method, path| policy.find(&method, path).rule().map(|rule| rule.name());
/// assert_eq!(rule_for(Method::GET, "/accounts/7"), Some("accounts"));
/// assert_eq!(rule_for(Method::HEAD, "/"), Some("landing"), "HEAD follows GET");
/// assert_eq!(rule_for(Method::POST, "/"), None, "denied: no rule names it");
/// assert_eq!(rule_for(Method::OPTIONS, "/accounts/7"), None, "OPTIONS is named by itself or not at all");
/// assert!(policy.find(&Method::GET, "/accounts/%2e%2e/").trick().is_some(), "refused before any rule");
///
/// let twice = RoutePolicy::builder()
///     .rule(Rule::on("one", [Method::GET], "/users/{id}").public())
///     .rule(Rule::on("other", [Method::GET], "/users/{name}").require(Requirement::aal2()));
/// assert!(twice.build().unwrap_err().rule().contains("is never asked"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct RoutePolicy {
    inner: Arc<Inner>,
}

struct Inner {
    rules: Vec<Rule>,
    table: Table,
    counts: Counts,
    unnamed: Mode,
    bad_paths: Mode,
}

/// Builds a [`RoutePolicy`].
#[derive(Debug)]
#[must_use]
pub struct RoutePolicyBuilder {
    rules: Vec<Rule>,
    unnamed: Mode,
    bad_paths: Mode,
    report_only: bool,
}

/// What a [`RoutePolicy`] finds for a method and a path.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Found<'a> {
    pub(super) rule: Option<(usize, &'a Rule)>,
    pub(super) trick: Option<PathTrick>,
}

impl<'a> Found<'a> {
    /// Returns the rule; without one, the request is denied.
    #[must_use]
    pub fn rule(&self) -> Option<&'a Rule> {
        self.rule.map(|(_, rule)| rule)
    }

    /// Returns what is wrong with the path; the request is refused for it, whatever the rule says.
    #[must_use]
    pub const fn trick(&self) -> Option<PathTrick> {
        self.trick
    }
}

impl RoutePolicy {
    /// Begins a policy that denies everything.
    pub const fn builder() -> RoutePolicyBuilder {
        RoutePolicyBuilder { rules: Vec::new(), unnamed: Mode::Enforce, bad_paths: Mode::Enforce, report_only: false }
    }

    /// Returns every rule, in the order in which they were given: for a list that people read, and for a
    /// test that every route of a service is among them.
    pub fn rules(&self) -> &[Rule] {
        &self.inner.rules
    }

    /// Returns how far the refusal of what no rule names goes.
    #[must_use]
    pub fn unnamed(&self) -> Mode {
        self.inner.unnamed
    }

    /// Returns how far the refusal of a path with a trick in it goes.
    #[must_use]
    pub fn bad_paths(&self) -> Mode {
        self.inner.bad_paths
    }

    /// Finds the rule for a request with this method and path, which is the raw one: percent-encoded, and
    /// without the query.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let (at, trick) = self.inner.table.find(method, path);
        let rule = at.and_then(|at| Some((at, self.inner.rules.get(at)?)));
        Found { rule, trick }
    }

    /// Returns what has become of the requests to each rule since the policy was built, and at the end of
    /// those that no rule names.
    #[must_use]
    pub fn tally(&self) -> Vec<(Option<&Rule>, Tally)> {
        let rules = self.inner.rules.iter().map(Some).chain([None]);
        rules.zip(self.inner.counts.read()).collect()
    }

    pub(super) fn rule_at(&self, at: usize) -> Option<&Rule> {
        self.inner.rules.get(at)
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.inner.counts
    }
}

impl RoutePolicyBuilder {
    /// Adds a rule. The order does not matter: the most specific pattern decides.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds rules.
    pub fn rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// Sets what becomes of a request that no rule names. Default: [`Mode::Enforce`], it is denied.
    ///
    /// # Security
    ///
    /// With [`Mode::ReportOnly`] whatever was forgotten is open: for the days in which the log says what
    /// was.
    pub const fn unnamed(mut self, mode: Mode) -> Self {
        self.unnamed = mode;
        self
    }

    /// Sets what becomes of a request whose path has a trick in it ([`PathTrick`]). Default:
    /// [`Mode::Enforce`], it is refused.
    ///
    /// # Security
    ///
    /// With [`Mode::ReportOnly`] the rule that fits the path as it stands is asked, and a service that
    /// reads the path in another way serves what that rule was not made for.
    pub const fn bad_paths(mut self, mode: Mode) -> Self {
        self.bad_paths = mode;
        self
    }

    /// Turns the whole policy into a report: no request is refused, and what would have been is said.
    pub const fn report_only(mut self) -> Self {
        self.report_only = true;
        self
    }

    /// Checks the rules and builds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that names the rule and a way out: two rules with one name, two for the same method
    /// and pattern, a method nobody sends, a pattern that no path can fit or that a router could not have
    /// beside another one; or what no rule names, or a path with a trick, is to be let through in silence.
    pub fn build(self) -> Result<RoutePolicy, ConfigError> {
        let Self { mut rules, unnamed, bad_paths, report_only } = self;
        if unnamed == Mode::Off {
            let rule = "must be enforced or reported; for an area that is open, write a public rule: /open/{*rest}";
            return Err(ConfigError::new("unnamed", rule));
        }
        if bad_paths == Mode::Off {
            return Err(ConfigError::new("bad_paths", "must be enforced or reported"));
        }
        let mut names = std::collections::HashSet::with_capacity(rules.len());
        for rule in &rules {
            rule.check()?;
            if !names.insert(rule.name()) {
                return Err(rule.error("has the name of another rule; reports could not tell them apart"));
            }
        }
        let table = Table::build(&rules)?;
        let soften = |mode| if report_only && mode == Mode::Enforce { Mode::ReportOnly } else { mode };
        for rule in &mut rules {
            rule.set_mode(soften(rule.mode()));
        }
        let counts = Counts::for_rules(rules.len());
        let (unnamed, bad_paths) = (soften(unnamed), soften(bad_paths));
        Ok(RoutePolicy { inner: Arc::new(Inner { rules, table, counts, unnamed, bad_paths }) })
    }
}

impl fmt::Debug for RoutePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutePolicy")
            .field("rules", &self.inner.rules)
            .field("unnamed", &self.inner.unnamed)
            .field("bad_paths", &self.inner.bad_paths)
            .finish_non_exhaustive()
    }
}

/// Where a [`RoutePolicyLayer`](super::RoutePolicyLayer) takes its policy from, at each request.
///
/// A [`RoutePolicy`] is its own source; one that is loaded anew while serving is yours.
pub trait RoutePolicySource: Send + Sync + 'static {
    /// Returns the policy that is in force. It is called on the way of every request and must not wait.
    fn current(&self) -> RoutePolicy;
}

impl RoutePolicySource for RoutePolicy {
    fn current(&self) -> RoutePolicy {
        self.clone()
    }
}

impl<S: RoutePolicySource + ?Sized> RoutePolicySource for Arc<S> {
    fn current(&self) -> RoutePolicy {
        (**self).current()
    }
}
