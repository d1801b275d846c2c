use std::future::Future;
use std::pin::Pin;

use crate::assurance::Authentication;
use crate::error::BoxError;

/// Spends approvals that may be used once: the memory of which `step_up.jti` have been.
///
/// `service::Mfa` is one, over its store. An enforcer without a store brings its own, over whatever
/// all its replicas share and can write to with "only if it is not there yet".
///
/// ```
/// use std::collections::HashSet;
/// use std::sync::Mutex;
/// use tower_mfa::assurance::Authentication;
/// use tower_mfa::token::{Redeem, RedeemError, RedeemFuture, Redeemed};
///
/// /// For one process alone: another would let the same approval through once more.
/// #[derive(Default)]
/// struct InMemory(Mutex<HashSet<String>>);
///
/// impl Redeem for InMemory {
///     fn redeem<'a>(&'a self, who: &'a Authentication) -> RedeemFuture<'a> {
///         Box::pin(async move {
///             let Some(approval) = who.step_up() else { return Ok(Redeemed::Void) };
///             let mut spent = self.0.lock().map_err(|_| RedeemError::new("the table is poisoned"))?;
///             Ok(if spent.insert(approval.id().to_string()) { Redeemed::Now } else { Redeemed::Before })
///         })
///     }
/// }
///
/// let _: std::sync::Arc<dyn Redeem> = std::sync::Arc::new(InMemory::default());
/// ```
///
/// # Security
///
/// Of any number of calls with one approval exactly one may answer [`Redeemed::Now`], whatever the
/// process: the check and the write are one step. An entry is kept until the approval has lapsed,
/// `StepUpGrant::expires_at`, by the slowest clock that honours it.
pub trait Redeem: Send + Sync + 'static {
    /// Spends the approval that `who` carries.
    ///
    /// # Errors
    ///
    /// [`RedeemError`] when that is not known: the request is then answered `503` and does not run.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped may have spent the approval; it must not leave it half spent.
    fn redeem<'a>(&'a self, who: &'a Authentication) -> RedeemFuture<'a>;
}

/// What [`Redeem::redeem`] returns.
pub type RedeemFuture<'a> = Pin<Box<dyn Future<Output = Result<Redeemed, RedeemError>> + Send + 'a>>;

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
#[non_exhaustive]
pub enum Redeemed {
    /// It was good, and is spent by this call: the request may run.
    Now,
    /// It had been spent before.
    Before,
    /// It is worth nothing: there is none, it has lapsed, or its session is over.
    Void,
}

/// It is not known whether an approval was spent.
#[derive(Debug, thiserror::Error)]
#[error("the approval could not be spent")]
pub struct RedeemError {
    source: BoxError,
}

impl RedeemError {
    /// Says why, to the operator.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into() }
    }
}
