//! Stands in for `trace` when the feature `tracing` is off: nothing is logged.

use crate::account::Event;
use crate::account::webauthn::CeremonyError;
use crate::id::Subject;
use crate::rate_limit::Scope;

pub(crate) const fn event(_subject: &Subject, _event: &Event) {}

pub(crate) const fn ceremony_failed(_subject: &Subject, _address: Option<&str>, _error: &CeremonyError) {}

pub(crate) const fn unknown_credential(_address: Option<&str>) {}

pub(crate) const fn claimed(_subject: &Subject) {}

pub(crate) const fn not_taken(_address: Option<&str>) {}

pub(crate) const fn limited(_scope: Scope, _address: Option<&str>) {}

pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) {
    trouble("", error);
}

pub(crate) fn trouble(_what: &'static str, _error: &(dyn std::error::Error + 'static)) {}
