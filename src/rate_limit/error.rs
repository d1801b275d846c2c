use crate::error::BoxError;

/// It could not be known whether a budget has something left.
///
/// ```
/// use std::error::Error;
/// use tower_mfa::rate_limit::RateLimitError;
///
/// let gone = RateLimitError::new("connection refused");
/// assert_eq!(gone.to_string(), "the rate limit cannot be asked");
/// assert_eq!(gone.source().unwrap().to_string(), "connection refused");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the rate limit cannot be asked")]
pub struct RateLimitError {
    source: BoxError,
}

impl RateLimitError {
    /// Says why.
    #[must_use]
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { source: source.into() }
    }
}
