//! The one error every builder in this crate answers with.

use std::borrow::Cow;

/// A setting that was refused: which field, and the rule it breaks.
///
/// Builders return it from `build()` and constructors from `new()`, so a wrong setting is met at
/// start-up and never at the first request.
///
/// ```
/// use tower_mfa::otp::Digits;
///
/// assert!(Digits::new(6).is_ok());
/// let refused = Digits::new(5).unwrap_err();
/// assert_eq!(refused.field(), "digits");
/// assert_eq!(refused.to_string(), "digits: must be 6, 7 or 8 (RFC 4226 §5.3)");
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct ConfigError {
    field: &'static str,
    rule: Cow<'static, str>,
    /// Which of several: the name of a rule, an action.
    item: Option<Box<str>>,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, rule: impl Into<Cow<'static, str>>) -> Self {
        Self { field, rule: rule.into(), item: None }
    }

    /// The same, where a constant is made.
    pub(crate) const fn fixed(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule: Cow::Borrowed(rule), item: None }
    }

    /// Says which of several rules or actions is to blame.
    pub(crate) fn of(self, item: impl Into<Box<str>>) -> Self {
        Self { item: Some(item.into()), ..self }
    }

    /// Returns the name of the setting, as it is spelled in the builder.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Returns the name of the rule or action that is to blame, where a setting has several.
    #[must_use]
    pub fn item(&self) -> Option<&str> {
        self.item.as_deref()
    }

    /// Returns the rule that was broken, as a sentence that fits behind "the setting".
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

/// The source of an error that comes from outside this crate.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;
