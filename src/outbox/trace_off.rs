//! Without the feature `tracing` nobody is told.

use super::sink::SinkError;
use crate::account::Event;
use crate::service::Error;

pub(super) const fn relay_failed(_sink: &str, _error: &Error) {}

pub(super) const fn delivery_failed(_sink: &str, _event: &Event, _failures: u32, _error: &SinkError) {}
