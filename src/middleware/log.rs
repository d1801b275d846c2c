//! What the layers tell the operator. Never a token, a cookie or a header's value.

use http::Method;

use super::Refusal;
use crate::token::{ElevateError, ElevateErrorKind, IntrospectError, RedeemError};

const TARGET: &str = "tower_mfa::middleware";

pub(super) fn refused(refusal: &Refusal) {
    tracing::debug!(target: TARGET, kind = ?refusal.kind(), token = ?refusal.token_error(), "request refused");
}

pub(super) fn not_layered() {
    tracing::error!(target: TARGET, "refused: this route asks for an authentication, but no AuthenticateLayer is outside it");
}

pub(super) fn misplaced(refusal: &Refusal) {
    let trick = refusal.path_trick();
    tracing::error!(target: TARGET, ?trick, "refused: the RoutePolicyLayer stands where it cannot judge this request");
}

pub(super) fn no_bodies() {
    tracing::error!(target: TARGET, "a rule asks for the approval of a request, and its RoutePolicyLayer reads no bodies: with_bodies()");
}

pub(super) fn refused_by(rule: &str, refusal: &Refusal) {
    tracing::debug!(target: TARGET, rule, kind = ?refusal.kind(), "request refused by a rule");
}

/// What a policy would have refused. The client writes method and path: escaped, and no novel.
pub(super) fn would_refuse(rule: Option<&str>, method: &Method, path: &str, refusal: &Refusal) {
    tracing::info!(
        target: TARGET,
        rule = rule.unwrap_or("-"),
        method = ?method.as_str().chars().take(32).collect::<String>(),
        path = ?path.chars().take(200).collect::<String>(),
        kind = ?refusal.kind(),
        missing = ?refusal.missing(),
        trick = ?refusal.path_trick(),
        "request would be refused"
    );
}

pub(super) fn not_redeemed(error: &RedeemError) {
    let error: &dyn std::error::Error = error;
    tracing::error!(target: TARGET, error, "refused: the approval could not be spent");
}

pub(super) fn not_elevated(error: &ElevateError) {
    let why: &dyn std::error::Error = error;
    match error.kind() {
        ElevateErrorKind::Unavailable => tracing::error!(target: TARGET, error = why, "a code could not be checked"),
        kind => tracing::debug!(target: TARGET, ?kind, "a code that came with a request was refused"),
    }
}

pub(super) fn not_asked() {
    tracing::error!(target: TARGET, "an IntrospectLayer has no AuthenticateLayer outside: what asks for an authentication refuses");
}

pub(super) fn not_introspected(error: &IntrospectError) {
    let why: &dyn std::error::Error = error;
    tracing::error!(target: TARGET, error = why, "it is not known whether a session is still there");
}

pub(super) fn no_clock() {
    tracing::error!(target: TARGET, "no token can be verified: the clock cannot be read");
}
