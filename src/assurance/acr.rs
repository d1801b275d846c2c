use super::{Aal, Requirement, StepUp};
use crate::error::ConfigError;

/// How the levels are called on the wire (`acr`, `acr_values`).
///
/// The defaults are `aal1`, `aal2`, `aal3`, and `phr` and `phrh` of the EAP ACR Values 1.0. A host
/// can map each to a URI of its own; issuer and enforcer must use the same names.
///
/// ```
/// use tower_mfa::assurance::{Aal, AcrNames};
///
/// let names = AcrNames::default();
/// assert_eq!(names.of(Aal::Two), "aal2");
/// assert_eq!(names.level_of("aal3"), Some(Aal::Three));
/// assert_eq!(names.level_of("AAL3"), None, "names are compared exactly");
/// ```
#[derive(Debug, Clone)]
pub struct AcrNames {
    levels: [Box<str>; 3],
    phr: Box<str>,
    phrh: Box<str>,
}

impl Default for AcrNames {
    fn default() -> Self {
        Self { levels: ["aal1".into(), "aal2".into(), "aal3".into()], phr: "phr".into(), phrh: "phrh".into() }
    }
}

impl AcrNames {
    /// Renames the three levels.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a name is empty, doubled, longer than 255 bytes, has characters that
    /// cannot stand in a `WWW-Authenticate` parameter (RFC 6750 §3: no space, quote or backslash),
    /// or is `phr` or `phrh`, which are registered and mean something else.
    pub fn with_levels(self, one: &str, two: &str, three: &str) -> Result<Self, ConfigError> {
        Self { levels: [one.into(), two.into(), three.into()], ..self }.checked()
    }

    /// Renames the classes for phishing resistance, and for a phishing-resistant hardware key.
    ///
    /// # Errors
    ///
    /// As [`AcrNames::with_levels`].
    pub fn with_phishing_resistant(self, phr: &str, phrh: &str) -> Result<Self, ConfigError> {
        Self { phr: phr.into(), phrh: phrh.into(), ..self }.checked()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        // ACR-1: a registered name must not be used with another meaning (RFC 6711 §3).
        let taken = |name: &str, but: &str| matches!(name, "phr" | "phrh") && name != but;
        if self.levels.iter().any(|name| taken(name, "")) || taken(&self.phr, "phr") || taken(&self.phrh, "phrh") {
            return Err(ConfigError::new("acr", "phr and phrh are registered and keep their meaning"));
        }
        let names: Vec<&str> = self.levels.iter().map(|n| &**n).chain([&*self.phr, &*self.phrh]).collect();
        for (at, name) in names.iter().enumerate() {
            let plain = name.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
            if name.is_empty() || name.len() > 255 || !plain {
                return Err(ConfigError::new("acr", "a name must be 1 to 255 visible ASCII characters, no quote"));
            }
            if names.iter().skip(at.saturating_add(1)).any(|other| other == name) {
                return Err(ConfigError::new("acr", "two classes must not have one name"));
            }
        }
        Ok(self)
    }

    /// Returns the name of a level.
    #[must_use]
    pub fn of(&self, level: Aal) -> &str {
        let [one, two, three] = &self.levels;
        match level {
            Aal::One => one,
            Aal::Two => two,
            Aal::Three => three,
        }
    }

    /// Returns the level that has this name; `None` for any other text.
    #[must_use]
    pub fn level_of(&self, acr: &str) -> Option<Aal> {
        [Aal::One, Aal::Two, Aal::Three].into_iter().find(|level| self.of(*level) == acr)
    }

    /// Reads what a client asks for when it repeats an `acr_values` class: a level, `phr` or `phrh`.
    ///
    /// `phr` alone says nothing of a level, so it is taken as AAL2; `phrh` as AAL3, which asks for
    /// the same key.
    #[must_use]
    pub fn requirement_of(&self, acr: &str) -> Option<Requirement> {
        if *acr == *self.phr {
            return Some(Requirement::aal2().phishing_resistant());
        }
        if *acr == *self.phrh {
            return Some(Requirement::aal3().phishing_resistant());
        }
        self.level_of(acr).map(Requirement::at_least)
    }

    /// Returns the acceptable classes for `acr_values`, in order of preference (RFC 9470 §3).
    ///
    /// A class is listed only if having it is enough: where phishing resistance is asked for, a
    /// bare `aal2` would send the client in a circle.
    #[must_use]
    pub fn acceptable(&self, requirement: &Requirement) -> Vec<&str> {
        self.classes(requirement.level(), requirement.wants_phishing_resistance(), requirement.wants_hardware())
    }

    /// As [`acceptable`](Self::acceptable), for the nearest way to enough.
    #[must_use]
    pub fn acceptable_for(&self, step_up: &StepUp) -> Vec<&str> {
        self.classes(step_up.level(), step_up.wants_phishing_resistance(), step_up.wants_hardware())
    }

    fn classes(&self, level: Aal, phishing_resistant: bool, hardware: bool) -> Vec<&str> {
        match (level, phishing_resistant, hardware) {
            (Aal::Three, false, _) => vec![self.of(Aal::Three)],
            (Aal::Three, true, _) => vec![self.of(Aal::Three), &self.phrh],
            (_, _, true) => vec![&self.phrh],
            (_, true, false) => vec![&self.phr, &self.phrh],
            (level, false, false) => vec![self.of(level)],
        }
    }
}
