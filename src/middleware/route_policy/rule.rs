use std::fmt;
use std::sync::Arc;

use http::Method;

use super::explain::covers;
use super::methods;
use crate::assurance::{self, Requirement, decide_by};
use crate::error::ConfigError;
use crate::middleware::settings::Examined;
use crate::middleware::{Refusal, RefusalKind, RequireLayer, TransactionLayer};

/// What a policy asks for at one address: a name, methods, a pattern, an access, a mode.
///
/// ```
/// use http::Method;
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::route_policy::{Mode, Rule};
///
/// let accounts = Rule::on("accounts", [Method::GET], "/accounts/{id}").require(Requirement::aal2());
/// assert_eq!((accounts.name(), accounts.mode()), ("accounts", Mode::Enforce));
/// assert!(!accounts.clone().with_mode(Mode::ReportOnly).to_string().contains("enforce"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Rule {
    name: Arc<str>,
    /// `None`: every method but OPTIONS.
    methods: Option<Vec<Method>>,
    pattern: Box<str>,
    access: Access,
    mode: Mode,
}

/// What has to be there for a request to pass.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Access {
    /// Nothing.
    Public,
    /// Nothing here: what is behind it decides for itself, as [`Mfa::routes`](crate::service::Mfa) do.
    GuardedElsewhere,
    /// An authentication that meets a requirement.
    Require(RequireLayer),
    /// An approval of this very request.
    Transaction(TransactionLayer),
}

impl Access {
    /// Returns its name: `public`, `guarded-elsewhere`, `require` or `transaction`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::GuardedElsewhere => "guarded-elsewhere",
            Self::Require(_) => "require",
            Self::Transaction(_) => "transaction",
        }
    }

    /// Returns what somebody has to prove, where anything.
    #[must_use]
    pub fn requirement(&self) -> Option<&Requirement> {
        match self {
            Self::Public | Self::GuardedElsewhere => None,
            Self::Require(layer) => Some(layer.requirement()),
            Self::Transaction(layer) => Some(layer.requirement()),
        }
    }
}

impl From<Requirement> for Access {
    fn from(requirement: Requirement) -> Self {
        Self::Require(RequireLayer::new(requirement))
    }
}

impl From<RequireLayer> for Access {
    fn from(layer: RequireLayer) -> Self {
        Self::Require(layer)
    }
}

impl From<TransactionLayer> for Access {
    fn from(layer: TransactionLayer) -> Self {
        Self::Transaction(layer)
    }
}

/// How far a rule goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// Refuses.
    #[default]
    Enforce,
    /// Lets everything through untouched, and says what it would have refused.
    ReportOnly,
    /// Asks nothing and says nothing.
    Off,
}

impl Mode {
    /// Returns its name, as a report writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::ReportOnly => "report-only",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The first half of a [`Rule`]: where it stands. What it asks for is still to be said.
#[derive(Debug, Clone)]
#[must_use]
pub struct Address {
    name: Arc<str>,
    methods: Option<Vec<Method>>,
    pattern: Box<str>,
}

impl Rule {
    /// Begins a rule for these methods at the addresses that fit `pattern`, in the syntax of axum:
    /// `/users/{id}`, `/files/{*rest}`.
    ///
    /// HEAD follows GET and need not be named. The name goes to logs and reports: 1 to 64 letters,
    /// digits, `-`, `_` and `.`; it is checked by the policy's `build`, as is the pattern.
    pub fn on(name: &str, methods: impl IntoIterator<Item = Method>, pattern: &str) -> Address {
        Address { name: name.into(), methods: Some(methods.into_iter().collect()), pattern: pattern.into() }
    }

    /// Begins a rule for every method but OPTIONS that no other rule names at this pattern.
    pub fn on_any_method(name: &str, pattern: &str) -> Address {
        Address { name: name.into(), methods: None, pattern: pattern.into() }
    }

    /// Sets how far the rule goes. Default: [`Mode::Enforce`].
    pub fn with_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the methods it names; `None` stands for every one but OPTIONS.
    #[must_use]
    pub fn methods(&self) -> Option<&[Method]> {
        self.methods.as_deref()
    }

    /// Returns the pattern as it was written.
    #[must_use]
    pub const fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Returns what it asks for.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// Returns how far it goes.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) const fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Checks all of it but the pattern, which the table reads.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(allowed) {
            return Err(ConfigError::new(
                "rule",
                "must have a name of 1 to 64 letters, digits, \"-\", \"_\" and \".\"",
            ));
        }
        let named = self.methods().unwrap_or(&[Method::GET]);
        if named.is_empty() {
            return Err(self.error("must name a method; on_any_method(…) has them all"));
        }
        if let Some(unknown) = named.iter().find(|method| !methods::is_known(method)) {
            let rule = format!("names a method that nobody sends: {unknown}; on_any_method(…) has them all");
            return Err(self.error(&rule));
        }
        if named.contains(&Method::HEAD) && !named.contains(&Method::GET) {
            return Err(self.error("names HEAD, which follows GET; name GET"));
        }
        let Some(asked) = self.access.requirement() else { return Ok(()) };
        if asked.is_of_the_second() {
            return Err(self
                .error("asks for what nobody can meet: a proof 0 seconds old is older when it comes; allow a minute"));
        }
        asked
            .check(assurance::Method::ALL)
            .map_err(|error| self.error(&format!("asks for what nobody can meet: {}", error.rule())))
    }

    /// What is wrong with it, behind its name.
    pub(super) fn error(&self, broken: &str) -> ConfigError {
        let Self { name, pattern, .. } = self;
        ConfigError::new("rule", format!("\"{name}\" ({} {pattern}) {broken}", self.methods_text())).of(&**name)
    }

    fn methods_text(&self) -> String {
        let Some(methods) = self.methods() else { return "any method".into() };
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        names.join(", ")
    }

    /// Whether anything is asked for.
    pub(super) const fn asks(&self) -> bool {
        !matches!(self.access, Access::Public | Access::GuardedElsewhere)
    }

    /// Says what this rule has against a request, by its head alone: no body is read, no code looked at
    /// and no approval spent.
    pub(crate) fn objection(&self, examined: Option<Examined<'_>>) -> Option<Refusal> {
        let wanted = self.access.requirement()?;
        let judged = examined.ok_or(Refusal::new(RefusalKind::NotLayered)).and_then(|examined| {
            let covers = covers(&self.access);
            examined.decides(|who, at| decide_by(wanted, who, at, covers)).map(drop)
        });
        Some(judged.err()?.by_rule(self.shared_name()))
    }
}

impl Address {
    /// Asks for nothing.
    pub fn public(self) -> Rule {
        self.access(Access::Public)
    }

    /// Asks for nothing, because what is behind it does: for routes such as `/mfa/{*rest}`.
    pub fn guarded_elsewhere(self) -> Rule {
        self.access(Access::GuardedElsewhere)
    }

    /// Asks for what a [`Requirement`] says; or a [`RequireLayer`], where codes may come with the request
    /// or the answer is another one.
    pub fn require(self, wanted: impl Into<RequireLayer>) -> Rule {
        self.access(Access::Require(wanted.into()))
    }

    /// Asks for an approval of the very request, as a [`TransactionLayer`] does.
    ///
    /// The policy's layer has to read bodies for it:
    /// [`with_bodies`](super::RoutePolicyLayer::with_bodies).
    pub fn transaction(self, layer: TransactionLayer) -> Rule {
        self.access(Access::Transaction(layer))
    }

    /// Asks for `access`, where that is data.
    pub fn access(self, access: impl Into<Access>) -> Rule {
        let Self { name, methods, pattern } = self;
        Rule { name, methods, pattern, access: access.into(), mode: Mode::Enforce }
    }
}

/// One line for a list: `accounts: GET /accounts/{id}, asks for AAL2, enforce`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}, ", self.name, self.methods_text(), self.pattern)?;
        match &self.access {
            Access::Public => f.write_str("public")?,
            Access::GuardedElsewhere => f.write_str("guarded elsewhere")?,
            Access::Require(layer) => write!(f, "asks for {}", layer.requirement())?,
            Access::Transaction(layer) => write!(f, "asks for an approval of the request and {}", layer.requirement())?,
        }
        write!(f, ", {}", self.mode)
    }
}
