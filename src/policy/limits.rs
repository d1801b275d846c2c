use crate::error::ConfigError;

/// How long a session may last: in all, and without being used. Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    pub(crate) overall: u32,
    pub(crate) idle: Option<u32>,
}

impl SessionLimits {
    /// Sets the overall time-out; a session that is never idle ends then all the same.
    #[must_use]
    pub const fn overall(secs: u32) -> Self {
        Self { overall: secs, idle: None }
    }

    /// Sets the idle time-out: what may pass between two refreshes or requests to the issuer.
    #[must_use]
    pub const fn idle(mut self, secs: u32) -> Self {
        self.idle = Some(secs);
        self
    }

    pub(super) fn check(self, field: &'static str, most: u32) -> Result<(), ConfigError> {
        if self.overall == 0 || self.idle == Some(0) {
            return Err(ConfigError::new(field, "a time-out must not be 0"));
        }
        if self.overall > most {
            return Err(ConfigError::new(field, format!("overall must be at most {most} s (NIST SP 800-63B-4 §2)")));
        }
        if self.idle.is_some_and(|idle| idle > self.overall) {
            return Err(ConfigError::new(field, "idle must not be longer than overall"));
        }
        Ok(())
    }
}

/// The temporary lock: how many failures within which time, and how long the waits are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockSchedule {
    pub(crate) failures: u32,
    pub(crate) within: u32,
    pub(crate) waits: Vec<u32>,
    pub(crate) account_wide: bool,
}

impl Default for LockSchedule {
    /// Three failures in five minutes; then 30 s, 1 min, 2 min, 5 min and from there on 30 min.
    fn default() -> Self {
        Self { failures: 3, within: 300, waits: vec![30, 60, 120, 300, 1800], account_wide: false }
    }
}

impl LockSchedule {
    /// Locks after `failures` within `within` seconds, for each of `waits` in turn; the last is
    /// repeated.
    #[must_use]
    pub fn new(failures: u32, within: u32, waits: &[u32]) -> Self {
        Self { failures, within, waits: waits.to_vec(), account_wide: false }
    }

    /// Counts the failures of all authenticators together and locks the account as a whole (PCI DSS 4.0.1,
    /// 8.3.4). Default: each for itself.
    ///
    /// Sessions that are already at AAL2 have no budget of their own then: their failures count, too, and
    /// while the lock lasts no code is looked at in them. Their tokens stay good.
    ///
    /// # Security
    ///
    /// Whoever has a password and nothing else can keep its owner from every second factor.
    #[must_use]
    pub const fn account_wide(mut self) -> Self {
        self.account_wide = true;
        self
    }

    pub(crate) fn wait(&self, level: u32) -> u32 {
        let level = usize::try_from(level).unwrap_or(usize::MAX);
        self.waits.get(level).or(self.waits.last()).copied().unwrap_or(1800)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.failures == 0 || self.failures > 100 {
            return Err(ConfigError::new("lock", "failures must be 1 to 100"));
        }
        if self.within == 0 {
            return Err(ConfigError::new("lock", "the time in which failures count must not be 0"));
        }
        // RFC 4226 §7.3: the throttle is what keeps six digits safe, so it cannot be switched off.
        if self.waits.is_empty() || self.waits.contains(&0) {
            return Err(ConfigError::new("lock", "there must be a wait, and none may be 0 s"));
        }
        if self.waits.is_sorted() { Ok(()) } else { Err(ConfigError::new("lock", "waits must not get shorter")) }
    }
}
