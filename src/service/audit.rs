use super::feed::given_up_of;
use super::revocation_feed::A_DAY;
use super::shell::{IfMissing, Matter};
use super::{ChainError, ChainReport, ChainVerifier, Error, EventPage, Mfa};
use crate::account::{CLOCK_TOLERANCE, Event, EventKind, Refusal};
use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{EventCursor, Feed, MAX_PAGE, SinkState};

/// The audit trail as a whole: what retention takes of it, and whether the rest is all there.
impl Mfa {
    /// Removes events from before `before`, read or not; returns how many they were.
    ///
    /// Those of the last day stay, whatever `before` says: replicas may still have to read what they revoke. What has not
    /// been handed to a sink goes, too; where that must not be, ask [`relayed_until`](Self::relayed_until) first.
    ///
    /// What was pruned is noted first, as an event of its own ([`EventKind::EventsPruned`]): whoever verifies a
    /// chain knows by it which events may be gone.
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`]; call it again later.
    ///
    /// # Cancel safety
    ///
    /// Safe: a part may have been removed.
    pub async fn prune_events(&self, before: Timestamp) -> Result<u64, Error> {
        let (notes, living) = (notes()?, self.inner.clock.now()?.minus(A_DAY.saturating_add(CLOCK_TOLERANCE)));
        let before = before.min(living);
        // A clock that was ahead once must not put retention off until it is right again.
        let created = Matter { if_missing: IfMissing::Create, address: None, ..self.matter(&notes) };
        let matter = Matter { resets_clock: true, ..created };
        self.inner.turn(matter, |account, turn| account.note_pruning(turn, before)).await?;
        self.inner.prune_events(before).await
    }

    /// Returns a time from before which no event waits for one of these sinks: it was handed over, or given up. Sinks are
    /// called by the names of their [`Relay`](crate::outbox::Relay)s; one that has never run waits for all.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # use tower_mfa::account::FirstFactor;
    /// # use tower_mfa::clock::{Clock, SystemClock};
    /// # use tower_mfa::id::Subject;
    /// # use tower_mfa::service::{Keys, Mfa};
    /// # use tower_mfa::store::MemoryStore;
    /// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    /// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
    /// let (alice, now) = (Subject::new("alice").unwrap(), SystemClock.now().unwrap());
    /// mfa.begin(FirstFactor::password_checked_by_host(alice, now)).await.unwrap();
    ///
    /// let a_year_ago = now.minus(365 * 86_400);
    /// let sent = mfa.relayed_until(&["siem"]).await.unwrap();
    /// assert!(sent < now, "nobody has relayed what has happened");
    /// mfa.prune_events(a_year_ago.min(sent)).await.unwrap();
    ///
    /// assert!(mfa.relayed_until(&[]).await.unwrap() >= now, "nobody waits for anything");
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refusal::Unavailable`] when the store does not answer, [`Refusal::InvalidRequest`] when a sink's place is of
    /// another store.
    ///
    /// # Cancel safety
    ///
    /// Safe: it changes nothing.
    pub async fn relayed_until(&self, sinks: &[&str]) -> Result<Timestamp, Error> {
        let mut until = self.inner.clock.now()?;
        for sink in sinks {
            let state = self.inner.in_time(self.inner.store.sink(sink)).await?;
            let position = state.as_ref().and_then(SinkState::position);
            let page = self.inner.event_page(Feed::All, position, MAX_PAGE).await?;
            // Those behind may be a little older, by another replica's clock.
            let waits = page.items().iter().map(|event| event.at().minus(CLOCK_TOLERANCE)).min();
            until = waits.map_or(until, |waits| until.min(waits));
        }
        Ok(until)
    }

    /// Lists the events that a sink has given up, as the notes that say so ([`EventKind::DeliveryGivenUp`]): `event_id`
    /// says which, `detail` why. At most `limit` (1 to 200) of them, from behind `after`.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidRequest`] for a cursor of another list,
    /// [`Refusal::Unavailable`] when the store does not answer.
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
        let chain = chain.ok_or_else(|| Error::from(Refusal::NotFound))?;
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
                after = Some(event.cursor().clone());
            }
            if let Some(next) = page.next() {
                after = Some(next.clone());
                continue;
            }
            if chain.is_ahead() {
                // The account is in use: the document as it is now knows of all that was read, or it was put back.
                let document = self.inner.document(subject).await?.ok_or(Error::from(Refusal::NotFound))?;
                chain.update_on(&document, &self.inner.vault)?;
                if !chain.is_ahead() {
                    continue;
                }
            }
            return Ok((Some(chain), pruned_before));
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
