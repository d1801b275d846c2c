use super::sink::{Delivery, Sink, SinkError};
use crate::account::Event;
use crate::id::Subject;

/// Counts what happens, by the facade of the `metrics` crate: `tower_mfa_events_total`, with `kind` (as in an event's
/// JSON) and, where there is one, `type` (of the authenticator).
///
/// One replica counts for all of them, so add the processes up. After a crash some are counted twice; the trail itself
/// is exact. No label says who: a subject or an address would make a series of its own.
///
/// ```
/// use tower_mfa::outbox::Metrics;
///
/// fn is_a_sink(_: impl tower_mfa::outbox::Sink) {}
/// is_a_sink(Metrics::new());
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Metrics;

impl Metrics {
    /// Makes the sink, and tells the recorder what is counted.
    #[must_use]
    pub fn new() -> Self {
        metrics::describe_counter!("tower_mfa_events_total", "Events of accounts, by kind");
        Self
    }
}

impl Sink for Metrics {
    fn deliver<'a>(&'a self, _subject: &'a Subject, event: &'a Event) -> Delivery<'a> {
        let counted = count(event).map_err(SinkError::never);
        Box::pin(std::future::ready(counted))
    }
}

fn count(event: &Event) -> Result<(), serde_json::Error> {
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut labels = vec![("kind", name(serde_json::to_value(event.kind)?))];
    if let Some(method) = event.method {
        labels.push(("type", name(serde_json::to_value(method)?)));
    }
    metrics::counter!("tower_mfa_events_total", &labels).increment(1);
    Ok(())
}
