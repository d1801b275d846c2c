use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::account::Event;
use crate::error::BoxError;
use crate::id::Subject;

/// Where events go: a webhook, a log, a queue of the host's.
///
/// # Security
///
/// An event holds no secret; it holds what is personal: subjects, addresses, times.
pub trait Sink: Send + Sync + 'static {
    /// Hands one event over.
    ///
    /// It is called at least once for every event, after a crash again for some: what must not happen twice is told
    /// apart by the event's id. Events of one subject come in their order, each when the one before it was handed
    /// over or given up.
    ///
    /// It may take its time, as a channel does that is full; it must end: nothing of its subject is sent before it
    /// does, and when too many wait, nothing at all. What asks another machine brings a timeout of its own.
    ///
    /// # Errors
    ///
    /// [`SinkError::later`] to be tried again, [`SinkError::never`] where that would not help.
    fn deliver<'a>(&'a self, subject: &'a Subject, event: &'a Event) -> Delivery<'a>;
}

/// What [`Sink::deliver`] returns.
pub type Delivery<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// An event could not be handed over.
#[derive(Debug)]
pub struct SinkError {
    again: bool,
    wait: Option<Duration>,
    source: BoxError,
}

impl SinkError {
    /// It may succeed later.
    pub fn later(source: impl Into<BoxError>) -> Self {
        Self { again: true, wait: None, source: source.into() }
    }

    /// It will not succeed, however often it is tried: the event is given up at once.
    pub fn never(source: impl Into<BoxError>) -> Self {
        Self { again: false, wait: None, source: source.into() }
    }

    /// Says how long the receiver wants to be left alone.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Tells whether it is worth another try.
    #[must_use]
    pub const fn is_worth_another_try(&self) -> bool {
        self.again
    }

    pub(super) const fn wait(&self) -> Option<Duration> {
        self.wait
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.again { "the event could not be handed over" } else { "the event is not taken" })
    }
}

impl std::error::Error for SinkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
