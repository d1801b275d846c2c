use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;

use super::rule::{Mode, Rule};
use crate::middleware::Refusal;

/// A request that a policy refused, or would have refused if it were enforced.
///
/// [`RoutePolicyLayer::on_report`](super::RoutePolicyLayer::on_report) hands it to the host.
///
/// # Security
///
/// Method and path are what the client has sent: escape them where they are printed. The query, which
/// may hold what is nobody's business, is not among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    rule: Option<Arc<str>>,
    mode: Mode,
    method: Method,
    path: Box<str>,
    refusal: Refusal,
}

impl Report {
    pub(super) fn new(rule: Option<&Rule>, mode: Mode, method: Method, path: &str, refusal: Refusal) -> Self {
        Self { rule: rule.map(Rule::shared_name), mode, method, path: path.into(), refusal }
    }

    /// Returns the name of the rule; `None` where no rule names the address, or the path is refused
    /// before any is looked for.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Returns whether it was refused ([`Mode::Enforce`]) or would have been ([`Mode::ReportOnly`]).
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the path as it was sent.
    #[must_use]
    pub const fn path(&self) -> &str {
        &self.path
    }

    /// Returns why, and what is missing.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

/// What has become of the requests to one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Let through, with nothing said against them.
    pub allowed: u64,
    /// Let through because the rule reports only.
    pub would_refuse: u64,
    /// Refused.
    pub refused: u64,
}

/// What is counted of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Allowed,
    WouldRefuse,
    Refused,
}

#[derive(Debug, Default)]
struct Count {
    allowed: AtomicU64,
    would_refuse: AtomicU64,
    refused: AtomicU64,
}

/// A count for each rule, and one for what none names: as many as rules, whatever clients send.
#[derive(Debug)]
pub(super) struct Counts(Box<[Count]>);

impl Counts {
    pub(super) fn for_rules(rules: usize) -> Self {
        Self(std::iter::repeat_with(Count::default).take(rules.saturating_add(1)).collect())
    }

    /// Counts one request. Numbers for people: nothing is decided by them, so no order is kept.
    pub(super) fn add(&self, rule: Option<usize>, what: Counted) {
        let last = self.0.len().saturating_sub(1);
        let Some(count) = self.0.get(rule.unwrap_or(last)) else { return };
        let number = match what {
            Counted::Allowed => &count.allowed,
            Counted::WouldRefuse => &count.would_refuse,
            Counted::Refused => &count.refused,
        };
        number.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> impl Iterator<Item = Tally> {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        self.0.iter().map(move |count| Tally {
            allowed: read(&count.allowed),
            would_refuse: read(&count.would_refuse),
            refused: read(&count.refused),
        })
    }
}
