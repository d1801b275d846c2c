//! What is logged: every committed event, under one target, without a secret in it.

use crate::account::Event;
use crate::account::webauthn::CeremonyError;
use crate::id::Subject;
use crate::rate_limit::Scope;

/// Logs a committed event at `info`, target `tower_mfa::event`.
pub(crate) fn event(subject: &Subject, event: &Event) {
    let kind = event.kind;
    let (authenticator, address) = (event.authenticator_id, event.address.as_deref());
    tracing::info!(target: "tower_mfa::event", %subject, ?kind, ?authenticator, address, count = event.count);
}

/// Logs which check of a ceremony failed; the client is told only that one did.
pub(crate) fn ceremony_failed(subject: &Subject, address: Option<&str>, error: &CeremonyError) {
    let source = std::error::Error::source(error).map(ToString::to_string);
    tracing::info!(target: "tower_mfa::webauthn", %subject, address, rule = error.rule, source, "refused");
}

/// Logs that an assertion was of a credential that may not answer.
pub(crate) fn unknown_credential(address: Option<&str>) {
    tracing::info!(target: "tower_mfa::webauthn", address, rule = "WA-AUTH-5 credential", "refused");
}

/// Logs that a credential which somebody tried to bind is another subject's.
pub(crate) fn claimed(subject: &Subject) {
    tracing::info!(target: "tower_mfa::webauthn", %subject, rule = "WA-REG-26 another subject's credential", "refused");
}

/// Logs that what a key has signed is right and was not taken: it was used up meanwhile, or policy refuses it, of
/// which there is an event.
pub(crate) fn not_taken(address: Option<&str>) {
    tracing::info!(target: "tower_mfa::webauthn", address, rule = "used up, or not allowed", "refused");
}

/// Logs that a budget is spent, whose it is, and that an answer was not looked at for that.
pub(crate) fn limited(scope: Scope, address: Option<&str>) {
    tracing::warn!(target: "tower_mfa::limit", %scope, address, "refused");
}

/// Logs why something was refused as unavailable; the client is told only that it was.
pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) {
    trouble("refused: cannot decide", error);
}

/// Logs what an operator should mend, and why.
pub(crate) fn trouble(what: &'static str, error: &(dyn std::error::Error + 'static)) {
    tracing::error!(target: "tower_mfa::unavailable", error, "{what}");
}
