//! Stands in for `log` where the feature `tracing` is off.

use http::Method;

use super::Refusal;
use crate::token::{ElevateError, IntrospectError, RedeemError};

pub(super) const fn refused(_: &Refusal) {}

pub(super) const fn not_layered() {}

pub(super) const fn misplaced(_: &Refusal) {}

pub(super) const fn no_bodies() {}

pub(super) const fn refused_by(_: &str, _: &Refusal) {}

pub(super) const fn would_refuse(_: Option<&str>, _: &Method, _: &str, _: &Refusal) {}

pub(super) const fn not_redeemed(_: &RedeemError) {}

pub(super) const fn not_elevated(_: &ElevateError) {}

pub(super) const fn not_asked() {}

pub(super) const fn not_introspected(_: &IntrospectError) {}

pub(super) const fn no_clock() {}
