//! The two counters of an authenticator: a temporary lock, and a hard limit that waiting does not
//! clear (NIST SP 800-63B-4 §3.2.2, RFC 4226 §7.3).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::policy::LockSchedule;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Throttle {
    /// Failures since the last success; only a success of this authenticator clears it.
    #[serde(default, skip_serializing_if = "is_zero")]
    consecutive: u32,
    /// When the failures were that count towards the next lock; always fewer than lock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    recent: Vec<Timestamp>,
    /// How many locks there have been since the last success.
    #[serde(default, skip_serializing_if = "is_zero")]
    locks: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// What one more failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charged {
    /// Failures left until the next temporary lock; 0 when this one locked.
    pub(crate) remaining: u32,
    pub(crate) locked_until: Option<Timestamp>,
}

impl Throttle {
    /// Returns the seconds to wait, while locked.
    pub(crate) fn locked_for(&self, now: Timestamp) -> Option<u32> {
        let until = self.until.filter(|until| *until > now)?;
        Some(u32::try_from(until.since(now)).unwrap_or(u32::MAX))
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.consecutive == 0 && self.recent.is_empty() && self.locks == 0 && self.until.is_none()
    }

    pub(crate) const fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// Counts a failure towards the lock and the hard limit.
    pub(crate) fn fail(&mut self, now: Timestamp, schedule: &LockSchedule) -> Charged {
        self.count();
        // The window slides: were it to jump, two failures at the end of one and two at the beginning
        // of the next would be four in a moment.
        self.recent.retain(|at| now.since(*at) < u64::from(schedule.within));
        self.recent.push(now);
        let recent = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if recent < schedule.failures {
            return Charged { remaining: schedule.failures.saturating_sub(recent), locked_until: None };
        }
        let until = now.plus(u64::from(schedule.wait(self.locks)));
        self.until = Some(until);
        self.locks = self.locks.saturating_add(1);
        self.recent.clear();
        Charged { remaining: 0, locked_until: Some(until) }
    }

    /// Counts a failure towards the hard limit alone.
    pub(crate) const fn count(&mut self) {
        self.consecutive = self.consecutive.saturating_add(1);
    }

    /// A success of this authenticator clears everything (N63B-3.2.2-e).
    pub(crate) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// An operator's unlock ends the wait; the hard counter stays.
    pub(crate) fn unlock(&mut self) {
        *self = Self { consecutive: self.consecutive, ..Self::default() };
    }

    /// Returns how many failures are left until the next lock; 0 while locked.
    pub(crate) fn remaining(&self, now: Timestamp, failures: u32) -> u32 {
        let recent = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if self.locked_for(now).is_some() { 0 } else { failures.saturating_sub(recent) }
    }
}
