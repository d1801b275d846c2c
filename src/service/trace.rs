//! What is logged: every committed event, under one target, without a secret in it.

use crate::account::Event;
use crate::id::Subject;

/// Logs a committed event at `info`, target `tower_mfa::event`.
pub(crate) fn event(subject: &Subject, event: &Event) {
    let kind = event.kind;
    let (authenticator, address) = (event.authenticator_id, event.address.as_deref());
    tracing::info!(target: "tower_mfa::event", %subject, ?kind, ?authenticator, address, count = event.count);
}

/// Logs why something was refused as unavailable; the client is told only that it was.
pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) {
    trouble("refused: cannot decide", error);
}

/// Logs what an operator should mend, and why.
pub(crate) fn trouble(what: &'static str, error: &(dyn std::error::Error + 'static)) {
    tracing::error!(target: "tower_mfa::unavailable", error, "{what}");
}
