//! The steps that registering and asserting have in common, and how each is named where it fails.

use crate::account::webauthn::CeremonyError;
use crate::error::BoxError;

/// Which of the two: §7.1 or §7.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    Register,
    Assert,
}

/// A step of both.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    ClientData,
    Type,
    Challenge,
    Origin,
    CrossOrigin,
    TopOrigin,
    AuthenticatorData,
    RpIdHash,
    UserPresent,
    UserVerified,
    BackupState,
}

impl Ceremony {
    /// What `type` of the client data must be (§5.8.1).
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Register => "webauthn.create",
            Self::Assert => "webauthn.get",
        }
    }

    const fn rule(self, step: Step) -> &'static str {
        match (self, step) {
            (Self::Register, Step::ClientData) => "WA-REG-6 client data",
            (Self::Register, Step::Type) => "WA-REG-7 type",
            (Self::Register, Step::Challenge) => "WA-REG-8 challenge",
            (Self::Register, Step::Origin) => "WA-REG-9 origin",
            (Self::Register, Step::CrossOrigin) => "WA-REG-10 cross origin",
            (Self::Register, Step::TopOrigin) => "WA-REG-11 top origin",
            (Self::Register, Step::AuthenticatorData) => "WA-REG-13 authenticator data",
            (Self::Register, Step::RpIdHash) => "WA-REG-14 RP id hash",
            (Self::Register, Step::UserPresent) => "WA-REG-15 user present",
            (Self::Register, Step::UserVerified) => "WA-REG-16 user verified",
            (Self::Register, Step::BackupState) => "WA-REG-17 backup state",
            (Self::Assert, Step::ClientData) => "WA-AUTH-7..9 client data",
            (Self::Assert, Step::Type) => "WA-AUTH-10 type",
            (Self::Assert, Step::Challenge) => "WA-AUTH-11 challenge",
            (Self::Assert, Step::Origin) => "WA-AUTH-12 origin",
            (Self::Assert, Step::CrossOrigin) => "WA-AUTH-13 cross origin",
            (Self::Assert, Step::TopOrigin) => "WA-AUTH-14 top origin",
            (Self::Assert, Step::AuthenticatorData) => "WA-AUTH-7..9 authenticator data",
            (Self::Assert, Step::RpIdHash) => "WA-AUTH-15 RP id hash",
            (Self::Assert, Step::UserPresent) => "WA-AUTH-16 user present",
            (Self::Assert, Step::UserVerified) => "WA-AUTH-17 user verified",
            (Self::Assert, Step::BackupState) => "WA-AUTH-18 backup state",
        }
    }

    /// Fails with the name of the step unless `holds`.
    pub(super) fn check(self, step: Step, holds: bool) -> Result<(), CeremonyError> {
        check(self.rule(step), holds)
    }

    /// What stands behind a step, or its failure.
    pub(super) fn need<T>(self, step: Step, found: Option<T>) -> Result<T, CeremonyError> {
        found.ok_or_else(|| refused(self.rule(step)))
    }

    pub(super) fn failed(self, step: Step, source: impl Into<BoxError>) -> CeremonyError {
        CeremonyError { rule: self.rule(step), source: Some(source.into()) }
    }
}

pub(super) const fn refused(rule: &'static str) -> CeremonyError {
    CeremonyError { rule, source: None }
}

pub(super) fn check(rule: &'static str, holds: bool) -> Result<(), CeremonyError> {
    if holds { Ok(()) } else { Err(refused(rule)) }
}
