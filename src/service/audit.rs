use super::feed::given_up_of;
use super::shell::{IfMissing, Matter};
use super::{ChainError, ChainReport, ChainVerifier, Error, EventPage, Mfa};
use crate::account::{Event, EventKind};
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{EventCursor, Feed, MAX_PAGE};

/// The audit trail as a whole: what retention takes of it, and whether the rest is all there.
impl Mfa {
    /// Removes events from before `before`, read or not; returns how many they were.
    ///
    /// What was pruned is noted first, as an event of its own ([`EventKind::EventsPruned`]): whoever verifies a
    /// chain knows by it which events may be gone. A time that is still to come is taken for now, else the note would
    /// go with the rest.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`](crate::account::Refusal::Unavailable); call it again later.
    ///
    /// # Cancel safety
    ///
    /// Safe: a part may have been removed.
    pub async fn prune_events(&self, before: Timestamp) -> Result<u64, Error> {
        let (notes, before) = (notes()?, before.min(self.inner.clock.now()?));
        let matter = Matter { if_missing: IfMissing::Create, address: None, ..self.matter(&notes) };
        self.inner.turn(matter, |account, turn| account.note_pruning(turn, before)).await?;
        self.inner.prune_events(before).await
    }

    /// Lists the events that a sink has given up, as the notes that say so ([`EventKind::DeliveryGivenUp`]): `event_id`
    /// says which, `detail` why. At most `limit` (1 to 200) of them, from behind `after`.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidRequest`](crate::account::Refusal::InvalidRequest) for a cursor of another list,
    /// [`Refusal::Unavailable`](crate::account::Refusal::Unavailable) when the store does not answer.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn given_up(&self, sink: &str, after: Option<&EventCursor>, limit: usize) -> Result<EventPage, Error> {
        let page = self.inner.event_page(Feed::Subject(&given_up_of(sink)?), after, limit).await?;
        let next = page.next().cloned();
        let items = page.items().iter().filter_map(|event| serde_json::from_str(event.body()).ok()).collect();
        Ok(EventPage { items, next })
    }

    /// Verifies the chain of a subject's events against its document, all that retention has left of it.
    ///
    /// It reads every event of the subject; the errors of the chain are [`ChainError`]s, the others those of the
    /// store. What they mean, and what they cannot find, is said at [`ChainVerifier`].
    ///
    /// # Errors
    ///
    /// [`AuditError::Chain`] when it does not hold, [`AuditError::Service`] when the store does not answer or the
    /// subject has no account.
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    pub async fn verify_chain(&self, subject: &Subject) -> Result<ChainReport, AuditError> {
        let notes = notes()?;
        let (noted, pruned_before) = self.walk(&notes).await?;
        // The notes are held to what they say themselves: the newest of them is never pruned by its own.
        noted.map_or(Ok(()), |noted| noted.finish(pruned_before).map(drop))?;
        let (chain, _) = self.walk(subject).await?;
        let chain = chain.ok_or_else(|| Error::from(crate::account::Refusal::NotFound))?;
        Ok(chain.finish(pruned_before)?)
    }

    /// Goes through the events of a subject, and through what they say was pruned.
    async fn walk(&self, subject: &Subject) -> Result<(Option<ChainVerifier>, Option<Timestamp>), AuditError> {
        let Some(document) = self.inner.document(subject).await? else { return Ok((None, None)) };
        let mut chain = ChainVerifier::on(&document, &self.inner.vault)?;
        let (mut pruned_before, mut after) = (None, None);
        loop {
            let page = self.inner.event_page(Feed::Subject(subject), after.as_ref(), MAX_PAGE).await?;
            for event in page.items() {
                chain.check(event)?;
                pruned_before = pruned_before.max(pruning(event.body()));
            }
            after = page.next().cloned();
            if after.is_none() {
                return Ok((Some(chain), pruned_before));
            }
        }
    }
}

/// Why a chain could not be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// It does not hold.
    #[error("the chain of events does not hold")]
    Chain(#[from] ChainError),
    /// It could not be read.
    #[error("the events could not be read")]
    Service(#[from] Error),
}

/// Until when events were pruned, where an event says so.
fn pruning(body: &str) -> Option<Timestamp> {
    let event: Event = serde_json::from_str(body).ok()?;
    event.until.filter(|_| event.kind == EventKind::EventsPruned)
}

/// Whose events are the notes of what was pruned.
fn notes() -> Result<Subject, Error> {
    Subject::with_tenant(OUTBOX, "pruned").map_err(Error::unavailable)
}

/// The tenant of what the outbox notes about itself.
pub(super) const OUTBOX: &str = "tower-mfa outbox";
