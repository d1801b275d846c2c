//! What the layers tell the operator. Never a token, a cookie or a header's value.

use super::Refusal;
use crate::token::{ElevateError, ElevateErrorKind, RedeemError};

const TARGET: &str = "tower_mfa::middleware";

pub(super) fn refused(refusal: &Refusal) {
    tracing::debug!(target: TARGET, kind = ?refusal.kind(), token = ?refusal.token_error(), "request refused");
}

pub(super) fn not_layered() {
    tracing::error!(target: TARGET, "refused: this route asks for an authentication, but no AuthenticateLayer is outside it");
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

pub(super) fn no_clock() {
    tracing::error!(target: TARGET, "no token can be verified: the clock cannot be read");
}
