use std::fmt;
use std::sync::Arc;

use http::{Extensions, Uri};
use tower::Layer;

use super::Transaction;
use crate::assurance::Requirement;
use crate::error::ConfigError;
use crate::middleware::original_uri::OriginalUri;
use crate::token::{Redeem, WHOLE_REQUEST, check_names};

/// Longest body that is read unless the host says otherwise, in bytes, and the most it may say.
const BODY_LIMIT: usize = 64 * 1024;
const BODY_LIMIT_MAX: usize = 4 * 1024 * 1024;

/// Lets a request through only with an approval of its own parameters, or of all of it, once.
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
/// Headers are bound in neither form: nothing that they say may change what happens.
#[derive(Clone)]
#[must_use]
pub struct TransactionLayer {
    rule: Arc<Rule>,
}

pub(super) struct Rule {
    pub(super) requirement: Requirement,
    pub(super) action: Box<str>,
    pub(super) names: Vec<Box<str>>,
    /// The names are those of a whole request.
    pub(super) whole_request: bool,
    pub(super) original_uri: Option<OriginalUri>,
    pub(super) body_limit: usize,
    /// `None` where the host has said that an approval may be used again.
    pub(super) redeem: Option<Arc<dyn Redeem>>,
}

/// Builds a [`TransactionLayer`].
#[must_use]
pub struct TransactionLayerBuilder {
    requirement: Requirement,
    names: Vec<Box<str>>,
    whole_request: bool,
    original_uri: Option<OriginalUri>,
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
            whole_request: false,
            original_uri: None,
            body_limit: BODY_LIMIT,
            redeem: None,
            reusable: false,
        }
    }

    /// The members of the body that an approval is bound to.
    pub(crate) fn parameters(&self) -> &[Box<str>] {
        &self.rule.names
    }

    /// Whether an approval is bound to the request as a whole.
    pub(crate) fn is_whole_request(&self) -> bool {
        self.rule.whole_request
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
    /// Name all that decide what happens: what is not named, the subject has not approved. Neither the method nor the
    /// path is among them: an approval is good at every route that asks for the same action with the same names. What a
    /// path says of the matter, `/accounts/{id}/transfer`, belongs into the body too, or is bound by
    /// [`whole_request`](Self::whole_request).
    pub fn parameters<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Binds the approval to the whole request instead: its method, its path with the query as it was
    /// sent, and the digest of its body, of whatever media type
    /// ([`body_digest`](crate::token::body_digest)).
    ///
    /// For what is more than a few parameters, as a file that is put or a resource that is deleted. One
    /// other byte is another request: a client sends exactly what it had approved. The path and the
    /// query together have at most 1024 bytes. The host is not bound: a service that answers to several
    /// names and does something else for each binds parameters that say which.
    pub const fn whole_request(mut self) -> Self {
        self.whole_request = true;
        self
    }

    /// Says where the URI stands that was sent, for a router that takes a prefix off it.
    ///
    /// In axum's `nest` that is `extract::original_uri`. Where it finds none, the one that a
    /// [`RoutePolicyLayer`](crate::middleware::RoutePolicyLayer) has judged whose rule this is, and else the
    /// request's own counts. A URI that was changed in any other way is refused.
    ///
    /// # Security
    ///
    /// Without it, what two nests have under one name is one path: an approval for `/payees/1` below
    /// `/tests` would be one below `/live`.
    pub const fn original_uri(mut self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.original_uri = Some(find);
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
    /// [`ConfigError`] with the field and the rule: the requirement names no action or more than one, or
    /// has an alternative that does without it, no parameter is named, one twice or more than 16, or some beside the whole request, the limit is
    /// out of range, or an approval is good once and nothing remembers which are spent.
    pub fn build(self) -> Result<TransactionLayer, ConfigError> {
        let mut actions = self.requirement.actions();
        let (Some(action), None) = (actions.next(), actions.next()) else {
            return Err(ConfigError::new("requirement", "must name one action: for_action(…)"));
        };
        let action: Box<str> = action.into();
        drop(actions);
        if !self.requirement.always_asks_for_approval() {
            // Else the approval of something else would be spent for what nobody has approved.
            let rule = "must ask for the action in every alternative: for_action(…) beside them, or in each";
            return Err(ConfigError::new("requirement", rule));
        }
        let names = self.bound_names().map_err(|rule| ConfigError::new("parameters", rule))?;
        if !(1..=BODY_LIMIT_MAX).contains(&self.body_limit) {
            return Err(ConfigError::new("body_limit", "must be 1 byte to 4 MiB"));
        }
        if self.redeem.is_none() && !self.reusable {
            let rule = "must be given where an approval is good once: an Mfa is one, or your own over a shared store";
            return Err(ConfigError::new("redeem", rule));
        }
        let redeem = self.redeem.filter(|_| !self.reusable);
        let Self { requirement, whole_request, original_uri, body_limit, .. } = self;
        let rule = Rule { requirement, action, names, whole_request, original_uri, body_limit, redeem };
        Ok(TransactionLayer { rule: Arc::new(rule) })
    }

    fn bound_names(&self) -> Result<Vec<Box<str>>, &'static str> {
        if !self.whole_request {
            return check_names(&self.names).map(|()| self.names.clone());
        }
        if self.names.is_empty() {
            return Ok(WHOLE_REQUEST.into_iter().map(Into::into).collect());
        }
        Err("and whole_request exclude each other: the whole request has every parameter in it")
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
            .field("whole_request", &self.whole_request)
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
            .field("whole_request", &self.whole_request)
            .finish_non_exhaustive()
    }
}
