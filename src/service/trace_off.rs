//! Stands in for `trace` when the feature `tracing` is off: nothing is logged.

use crate::account::Event;
use crate::id::Subject;

pub(crate) const fn event(_subject: &Subject, _event: &Event) {}

pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) {
    trouble("", error);
}

pub(crate) fn trouble(_what: &'static str, _error: &(dyn std::error::Error + 'static)) {}
