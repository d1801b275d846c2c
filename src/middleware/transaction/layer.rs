use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use tower::Layer;

use super::Transaction;
use crate::assurance::Requirement;
use crate::error::ConfigError;
use crate::token::Redeem;

/// Longest body that is read unless the host says otherwise, in bytes, and the most it may say.
const BODY_LIMIT: usize = 64 * 1024;
const BODY_LIMIT_MAX: usize = 4 * 1024 * 1024;
/// As many as can be bound (`bind_digest`).
const NAMES_MAX: usize = 16;

/// Lets a request through only with an approval of its own parameters, once.
///
/// It goes where a [`RequireLayer`](crate::middleware::RequireLayer) would, inside of one
/// [`AuthenticateLayer`](crate::middleware::AuthenticateLayer).
///
/// ```
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::middleware::TransactionLayer;
///
/// let transfer = || {
///     TransactionLayer::builder(Requirement::aal2().within(300).for_action("transfer_funds"))
///         .parameters(["to", "amount"])
/// };
/// // Good once, and nothing remembers which are spent: that would be good for ever.
/// assert_eq!(transfer().build().unwrap_err().field(), "redeem");
///
/// // With an `Mfa`, whose store remembers: `.redeem(Arc::new(mfa.clone()))`. Without:
/// assert!(transfer().danger_reusable().build().is_ok());
/// ```
///
/// # Security
///
/// A client controls the body. A parameter that is missing, stands twice in whatever spelling, or is
/// neither a string nor an integer is `400`; a body without a length, or over the limit, is not read.
#[derive(Clone)]
#[must_use]
pub struct TransactionLayer {
    rule: Arc<Rule>,
}

pub(super) struct Rule {
    pub(super) requirement: Requirement,
    pub(super) action: Box<str>,
    pub(super) names: Vec<Box<str>>,
    pub(super) body_limit: usize,
    /// `None` where the host has said that an approval may be used again.
    pub(super) redeem: Option<Arc<dyn Redeem>>,
}

/// Builds a [`TransactionLayer`].
#[must_use]
pub struct TransactionLayerBuilder {
    requirement: Requirement,
    names: Vec<Box<str>>,
    body_limit: usize,
    redeem: Option<Arc<dyn Redeem>>,
    reusable: bool,
}

impl TransactionLayer {
    /// Begins with the requirement, which names the action.
    pub fn builder(requirement: Requirement) -> TransactionLayerBuilder {
        TransactionLayerBuilder {
            requirement,
            names: Vec::new(),
            body_limit: BODY_LIMIT,
            redeem: None,
            reusable: false,
        }
    }

    /// Returns what it asks for, beside the approval.
    pub fn requirement(&self) -> &Requirement {
        &self.rule.requirement
    }
}

impl TransactionLayerBuilder {
    /// Names the members of the JSON body that the approval is bound to: strings and integers, at most
    /// 16.
    ///
    /// Name all that decide what happens: what is not named, the subject has not approved.
    pub fn parameters<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Gives the memory of which approvals are spent.
    pub fn redeem(mut self, redeem: Arc<dyn Redeem>) -> Self {
        self.redeem = Some(redeem);
        self
    }

    /// Lets one approval be used again until it lapses. Default: once.
    ///
    /// # Security
    ///
    /// Whoever sees the token can then repeat the request: for what does no harm when it happens twice.
    pub const fn danger_reusable(mut self) -> Self {
        self.reusable = true;
        self
    }

    /// Sets the longest body that is read, in bytes (1 to 4 MiB). Default: 64 KiB.
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Checks the settings and builds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the field and the rule: the requirement names no action or more than one,
    /// no parameter is named, one twice or more than 16, the limit is out of range, or an approval is
    /// good once and nothing remembers which are spent.
    pub fn build(self) -> Result<TransactionLayer, ConfigError> {
        let mut actions = self.requirement.actions();
        let (Some(action), None) = (actions.next(), actions.next()) else {
            return Err(ConfigError::new("requirement", "must name one action: for_action(…)"));
        };
        let action: Box<str> = action.into();
        drop(actions);
        if self.names.is_empty() || self.names.len() > NAMES_MAX {
            return Err(ConfigError::new("parameters", "must be 1 to 16 names of members of the body"));
        }
        let lower: BTreeSet<String> = self.names.iter().map(|name| name.to_ascii_lowercase()).collect();
        if lower.len() < self.names.len() {
            return Err(ConfigError::new("parameters", "must differ by more than upper and lower case"));
        }
        if !(1..=BODY_LIMIT_MAX).contains(&self.body_limit) {
            return Err(ConfigError::new("body_limit", "must be 1 byte to 4 MiB"));
        }
        if self.redeem.is_none() && !self.reusable {
            let rule = "must be given where an approval is good once: an Mfa is one, or your own over a shared store";
            return Err(ConfigError::new("redeem", rule));
        }
        let redeem = self.redeem.filter(|_| !self.reusable);
        let Self { requirement, names, body_limit, .. } = self;
        Ok(TransactionLayer { rule: Arc::new(Rule { requirement, action, names, body_limit, redeem }) })
    }
}

impl<S> Layer<S> for TransactionLayer {
    type Service = Transaction<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Transaction::new(inner, Arc::clone(&self.rule))
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("requirement", &self.requirement)
            .field("parameters", &self.names)
            .field("body_limit", &self.body_limit)
            .field("single_use", &self.redeem.is_some())
            .finish()
    }
}

impl fmt::Debug for TransactionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionLayer").field("rule", &self.rule).finish()
    }
}

impl fmt::Debug for TransactionLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionLayerBuilder")
            .field("requirement", &self.requirement)
            .field("parameters", &self.names)
            .finish_non_exhaustive()
    }
}
