use std::sync::Arc;

use super::inner::Inner;
use super::shell::{IfMissing, Matter};
use super::{Error, Mfa};
use crate::account::SeedOf;
use crate::clock::Timestamp;
use crate::id::{EventId, Subject};
use crate::store::{EventCursor, Feed, Page, SinkState, StoredEvent};

/// The outbox, as whoever relays its events sees it.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Inner>);

/// An event that was given up.
pub(crate) struct GivenUp<'a> {
    pub(crate) sink: &'a str,
    pub(crate) event: EventId,
    pub(crate) why: &'a str,
    /// The place before it, from where it is read again.
    pub(crate) after: Option<&'a EventCursor>,
}

impl Mfa {
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox(Arc::clone(&self.inner))
    }
}

impl Outbox {
    pub(crate) fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.0.clock.now()?)
    }

    /// A name that no other running relay has.
    pub(crate) fn holder(&self) -> Result<String, Error> {
        Ok(EventId::generate(&*self.0.entropy).map_err(Error::unavailable)?.to_string())
    }

    pub(crate) async fn events(
        &self,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, Error> {
        self.0.event_page(Feed::All, after, limit).await
    }

    pub(crate) async fn sink(&self, name: &str) -> Result<Option<SinkState>, Error> {
        Ok(self.0.in_time(self.0.store.sink(name)).await?)
    }

    pub(crate) async fn advance(&self, name: &str, from: Option<&SinkState>, to: &SinkState) -> Result<bool, Error> {
        Ok(self.0.in_time(self.0.store.advance(name, from, to)).await?)
    }

    /// Writes down that an event was given up, where whoever looks after deliveries finds it.
    pub(crate) async fn give_up(&self, what: &GivenUp<'_>) -> Result<(), Error> {
        let subject = given_up_of(what.sink)?;
        let (seed, if_missing) = (SeedOf::Nobody, IfMissing::Create);
        // A clock that was ahead once must not hold up all that is given up until it is right again.
        let matter = Matter { subject: &subject, seed, address: None, if_missing, resets_clock: true };
        let after = what.after.map(EventCursor::as_str);
        self.0.turn(matter, |account, turn| account.note_given_up(turn, what.event, after, what.why)).await
    }
}

/// Whose events are those that a sink has given up.
pub(crate) fn given_up_of(sink: &str) -> Result<Subject, Error> {
    // Told apart from the other notes of the outbox, whatever the sink is called.
    Subject::with_tenant(super::audit::OUTBOX, format!("sink {sink}")).map_err(Error::unavailable)
}
