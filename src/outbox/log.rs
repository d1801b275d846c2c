use super::sink::{Delivery, Sink};
use crate::account::Event;
use crate::id::Subject;

/// Logs every event at `info`, target `tower_mfa::outbox::event`, whole and as JSON.
///
/// What each process logs of itself (target `tower_mfa::event`) ends with it. This is the trail as the store has it:
/// written by one replica of all, and what was committed just before a crash is not missing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Log;

impl Log {
    /// Makes the sink.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Sink for Log {
    fn deliver<'a>(&'a self, subject: &'a Subject, event: &'a Event) -> Delivery<'a> {
        let (id, kind) = (event.id, event.kind);
        // An event that was read is one that can be written.
        let body = serde_json::to_string(event).unwrap_or_default();
        tracing::info!(target: "tower_mfa::outbox::event", %subject, event = %id, ?kind, body);
        Box::pin(std::future::ready(Ok(())))
    }
}
