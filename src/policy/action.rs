use super::Policy;
use crate::assurance::{Method, Requirement};
use crate::error::ConfigError;
use crate::token::{WHOLE_REQUEST, check_names};

/// What the approval of an action is bound to: the data of the one request it is for.
///
/// Say the same here and in the [`TransactionLayer`](crate::middleware::TransactionLayer) that lets the
/// request through: here a client is told before it asks anybody, there it is enforced.
///
/// ```
/// use tower_mfa::assurance::Requirement;
/// use tower_mfa::policy::{BoundTo, Policy};
///
/// let fresh = || Requirement::aal2().within(300);
/// let policy = Policy::builder()
///     .bound_action("transfer_funds", fresh(), BoundTo::parameters(["to", "amount"]))
///     .bound_action("replace_key", fresh(), BoundTo::WholeRequest)
///     .action("export", fresh())
///     .build()
///     .unwrap();
/// let names = |action| policy.bound_to(action).map(BoundTo::names);
/// assert_eq!(names("transfer_funds").unwrap(), ["to", "amount"]);
/// assert_eq!(names("replace_key").unwrap(), ["method", "path", "body"]);
/// assert!(names("export").is_none());
///
/// let twice = Policy::builder().bound_action("pay", fresh(), BoundTo::parameters(["to", "To"]));
/// assert_eq!(twice.build().unwrap_err().field(), "action");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoundTo {
    /// Members of the JSON body by their names, 1 to 16 of at most 1024 bytes: strings and integers.
    Parameters(Vec<Box<str>>),
    /// The request as a whole: method, path with query, and the digest of the body.
    WholeRequest,
}

impl BoundTo {
    /// Names the members of the body that decide what happens.
    #[must_use]
    pub fn parameters<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Parameters(names.into_iter().map(Into::into).collect())
    }

    /// Returns the names that `bind` must have, and no others.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Parameters(names) => names.iter().map(AsRef::as_ref).collect(),
            Self::WholeRequest => WHOLE_REQUEST.to_vec(),
        }
    }

    /// Whether `given` are these names, in whatever order.
    pub(crate) fn is_met_by(&self, given: &[Box<str>]) -> bool {
        let names = self.names();
        given.len() == names.len() && names.iter().all(|name| given.iter().any(|other| **other == **name))
    }
}

pub(super) fn check_all(policy: &Policy) -> Result<(), ConfigError> {
    let kinds = policy.attainable();
    policy.actions.iter().try_for_each(|(name, requirement)| check_action(name, requirement, &kinds))?;
    for (action, bound) in &policy.bound {
        if let BoundTo::Parameters(names) = bound {
            let refused = |rule| refused(action, format!("the names it is bound to {rule}"));
            check_names(names).map_err(refused)?;
        }
    }
    Ok(())
}

fn refused(action: &str, why: impl std::fmt::Display) -> ConfigError {
    ConfigError::new("action", format!("{action:?}: {why}")).of(action)
}

fn check_action(name: &str, requirement: &Requirement, kinds: &[Method]) -> Result<(), ConfigError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':'));
    if name.is_empty() || name.len() > 64 || !plain {
        return Err(refused(name, "the name must be 1 to 64 of A-Z a-z 0-9 _ - . :"));
    }
    if requirement.actions().any(|own| own != name) {
        return Err(refused(name, "must not require another action"));
    }
    requirement.check(kinds).map_err(|error| refused(name, error.rule()))
}
