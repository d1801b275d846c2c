//! What the operator is told of deliveries.

use std::error::Error as _;

use super::sink::SinkError;
use crate::account::Event;
use crate::service::Error;

pub(super) fn relay_failed(sink: &str, error: &Error) {
    let source = error.source().map(ToString::to_string);
    tracing::error!(target: "tower_mfa::outbox", sink, %error, source, "the outbox cannot be relayed just now");
}

pub(super) fn delivery_failed(sink: &str, event: &Event, failures: u32, error: &SinkError) {
    let source = error.source().map(ToString::to_string);
    tracing::warn!(target: "tower_mfa::outbox", sink, event = %event.id, failures, %error, source, "not delivered");
}
