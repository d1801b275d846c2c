//! What a profile holds a policy to: a table of rules, each a pure function.

use std::fmt;

use super::{DAY, HOUR, MINUTE};
use crate::assurance::{Aal, Requirement};
use crate::error::ConfigError;
use crate::policy::{Login, Policy, PolicyBuilder, SessionLimits, Telephone};

/// The text a policy is held to when it is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// [`nist_aal2`](super::nist_aal2).
    NistAal2,
    /// [`nist_aal3`](super::nist_aal3).
    NistAal3,
    /// [`pci_dss_4`](super::pci_dss_4).
    PciDss4,
    /// [`owasp_asvs_l1`](super::owasp_asvs_l1).
    OwaspAsvsL1,
    /// [`owasp_asvs_l2`](super::owasp_asvs_l2).
    OwaspAsvsL2,
    /// [`owasp_asvs_l3`](super::owasp_asvs_l3).
    OwaspAsvsL3,
}

/// One rule of a [`Profile`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ProfileRule {
    /// Its id, as in `docs/CONFORMANCE.md`.
    pub id: &'static str,
    /// The setting it is about, as it is spelled in the builder.
    pub field: &'static str,
    /// What it says of that setting.
    pub says: &'static str,
    holds: fn(&Policy) -> bool,
}

impl Profile {
    /// Every profile there is.
    pub const ALL: &'static [Self] =
        &[Self::NistAal2, Self::NistAal3, Self::PciDss4, Self::OwaspAsvsL1, Self::OwaspAsvsL2, Self::OwaspAsvsL3];

    /// Returns its name, which is that of the preset.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NistAal2 => "nist_aal2",
            Self::NistAal3 => "nist_aal3",
            Self::PciDss4 => "pci_dss_4",
            Self::OwaspAsvsL1 => "owasp_asvs_l1",
            Self::OwaspAsvsL2 => "owasp_asvs_l2",
            Self::OwaspAsvsL3 => "owasp_asvs_l3",
        }
    }

    /// Returns the rules it adds to those of every policy.
    pub fn rules(self) -> impl Iterator<Item = ProfileRule> {
        let tables: &[&[ProfileRule]] = match self {
            Self::NistAal2 => &[NIST_AAL2],
            Self::NistAal3 => &[NIST_AAL2, NIST_AAL3],
            Self::PciDss4 => &[PCI_DSS_4],
            Self::OwaspAsvsL1 => &[ASVS_L1],
            Self::OwaspAsvsL2 => &[ASVS_L1, ASVS_L2],
            Self::OwaspAsvsL3 => &[ASVS_L1, ASVS_L2, ASVS_L3],
        };
        tables.iter().copied().flatten().copied()
    }

    fn check(self, policy: &Policy) -> Result<(), ConfigError> {
        match self.rules().find(|rule| !(rule.holds)(policy)) {
            None => Ok(()),
            Some(rule) => Err(ConfigError::new(rule.field, format!("{self}: {}, {}", rule.says, rule.id))),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for ProfileRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.field, self.says, self.id)
    }
}

impl Policy {
    /// Returns the profile it was held to when it was built.
    #[must_use]
    pub const fn profile(&self) -> Option<Profile> {
        self.profile
    }
}

impl PolicyBuilder {
    /// Holds what is built to this profile; the presets do.
    pub(super) const fn profile(mut self, profile: Profile) -> Self {
        self.policy.profile = Some(profile);
        self
    }
}

pub(in crate::policy) fn check(policy: &Policy) -> Result<(), ConfigError> {
    policy.profile.map_or(Ok(()), |profile| profile.check(policy))
}

const fn rule(id: &'static str, field: &'static str, says: &'static str, holds: fn(&Policy) -> bool) -> ProfileRule {
    ProfileRule { id, field, says, holds }
}

const SECOND_FACTOR: &str = "must be Required";
const NO_BYPASS: &str = "must not be set: nothing stands in for the second factor";

const NIST_AAL2: &[ProfileRule] = &[
    rule("N63B-2.2.1-a", "login", SECOND_FACTOR, requires_a_second_factor),
    rule("N63B-2.2.1-a", "bypass_at_most", NO_BYPASS, |p| p.bypass_at_most.is_none()),
    rule("N63B-2.2.3-a", "session", "AAL2 must end after 24 hours, and after 1 hour without activity", |p| {
        ends_within(p.session_limits(Aal::Two), DAY, HOUR)
    }),
    rule("N63B-2.2.3-a", "session", "AAL1, whose time runs from the login, must end after 24 hours", |p| {
        p.session_limits(Aal::One).overall <= DAY
    }),
    rule("N63B-4.2.1.1-a", "recovery_format", "must have at least 64 random bits", |p| p.recovery_format.bits() >= 64),
    rule("N63B-4.2.1.1-d", "replace_used_recovery_codes", "must be on", |p| p.replace_used_recovery_codes),
    rule("N63B-3.1.3.1-a", "sent_codes", "must take none by e-mail", |p| !p.sent_codes.takes_email()),
    rule(
        "N63B-3.2.9-a",
        "sent_codes",
        "must take those by telephone beside another kind alone",
        telephone_is_not_alone,
    ),
    rule("X14", "registered_amr_only", "must be on", |p| p.registered_amr_only),
];

const NIST_AAL3: &[ProfileRule] = &[
    rule("N63B-2.3.3-a", "session", "AAL3 must end after 12 hours, and after 15 minutes without activity", |p| {
        ends_within(p.session_limits(Aal::Three), 12 * HOUR, 15 * MINUTE)
    }),
    rule("N63B-2.3.3-a", "session", "AAL1, whose time runs from the login, must end after 12 hours", |p| {
        p.session_limits(Aal::One).overall <= 12 * HOUR
    }),
    rule("N63B-2.3.1-a", "action", "each must ask for AAL3", |p| {
        each_action_asks(p, &Requirement::at_least(Aal::Three))
    }),
    rule("N63B-2.3.2-a", "action", "each must ask for phishing resistance", |p| {
        each_action_asks(p, &Requirement::aal1().phishing_resistant())
    }),
];

const PCI_DSS_4: &[ProfileRule] = &[
    rule("PCI-8.4.2", "login", SECOND_FACTOR, requires_a_second_factor),
    rule(
        "PCI-8.3.4",
        "lock",
        "must come after at most 10 failures within a day or more, for 30 minutes, account-wide",
        |p| p.lock.failures <= 10 && p.lock.within >= DAY && p.lock.wait(0) >= 30 * MINUTE && p.lock.account_wide,
    ),
    rule("PCI-8.2.8", "session", "must end after 15 minutes without activity, at every level", |p| {
        p.sessions.iter().all(|limits| ends_within(*limits, u32::MAX, 15 * MINUTE))
    }),
];

const ASVS_L1: &[ProfileRule] =
    &[rule("ASVS-6.1.1", "lock", "must not be account-wide: who guesses locks out the owner", |p| {
        !p.lock.account_wide
    })];

const ASVS_L2: &[ProfileRule] = &[
    rule("ASVS-6.3.3", "login", SECOND_FACTOR, requires_a_second_factor),
    rule("ASVS-6.3.4", "bypass_at_most", NO_BYPASS, |p| p.bypass_at_most.is_none()),
    rule("ASVS-6.5.5", "totp_window", "must be STRICT, and a period at most 30 s", |p| {
        p.totp_window == crate::otp::Window::STRICT && p.totp.period().as_secs() <= 30
    }),
    rule("ASVS-6.6.1", "sent_codes", "must take those by telephone beside another kind alone", telephone_is_not_alone),
    rule("ASVS-7.3.1", "session", "must end after some time without activity, at every level", |p| {
        p.sessions.iter().all(|limits| limits.idle.is_some())
    }),
    rule("ASVS-7.5.1", "disable_by_code", "must be off", |p| !p.disable_by_code),
];

const ASVS_L3: &[ProfileRule] = &[
    rule("ASVS-6.3.6", "sent_codes", "must take none by e-mail", |p| !p.sent_codes.takes_email()),
    rule("ASVS-6.6.1", "sent_codes", "must take none by telephone", telephone_is_refused),
    rule("ASVS-6.3.3", "action", "each must ask for phishing-resistant hardware", |p| {
        each_action_asks(p, &Requirement::aal1().phishing_resistant().hardware())
    }),
];

fn requires_a_second_factor(policy: &Policy) -> bool {
    policy.login().mode() == Login::Required
}

/// Whether no action can be approved with less, by whatever alternative of it.
fn each_action_asks(policy: &Policy, least: &Requirement) -> bool {
    policy.actions.values().all(|requirement| requirement.implies(least))
}

fn telephone_is_not_alone(policy: &Policy) -> bool {
    policy.sent_codes.of_telephone() != Telephone::Alone
}

fn telephone_is_refused(policy: &Policy) -> bool {
    policy.sent_codes.of_telephone() == Telephone::Refused
}

fn ends_within(limits: SessionLimits, overall: u32, idle: u32) -> bool {
    limits.overall <= overall && limits.idle.is_some_and(|secs| secs <= idle)
}
