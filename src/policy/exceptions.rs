//! The ways around the usual rules that a policy may open, each shut by default.

use super::builder::range;
use super::{Policy, PolicyBuilder};
use crate::error::ConfigError;

const DAY: u32 = 24 * 60 * 60;

impl PolicyBuilder {
    /// Lets an operator grant an account a bypass of at most this many seconds (60 to 30 days): its logins
    /// then complete with the first factor alone, at AAL1. Default: none can be granted.
    ///
    /// See `Mfa::grant_bypass` for what a grant must say.
    pub const fn bypass_at_most(mut self, secs: u32) -> Self {
        self.policy.bypass_at_most = Some(secs);
        self
    }

    /// Issues a new recovery code in the place of each that is used, shown once with the answer (NIST SP
    /// 800-63B-4 §4.2.1.1). Default: no; the set gets shorter, and its owner is told when few are left.
    ///
    /// An attempt then costs two slow hashes, right or wrong.
    pub const fn replace_used_recovery_codes(mut self, replace: bool) -> Self {
        self.policy.replace_used_recovery_codes = replace;
        self
    }
}

pub(super) fn check(policy: &Policy) -> Result<(), ConfigError> {
    policy.bypass_at_most.map_or(Ok(()), |secs| range("bypass_at_most", secs, 60..=30 * DAY))
}
