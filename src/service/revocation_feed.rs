use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant as Watch, timeout};

use super::stop::until_stopped;
use super::{Error, Mfa, trace};
use crate::account::CLOCK_TOLERANCE;
use crate::clock::{Clock, Timestamp};
use crate::id::SessionId;
use crate::store::{
    DynStore, EventCursor, Feed, MAX_PAGE, NewEvent, SinkState, Store, StoreError, StoreErrorKind, StoredEvent,
};
use crate::token::Verifier;

#[cfg(test)]
mod tests;

/// Where readers that start begin: behind what no living token can be concerned by any more.
const CHECKPOINT: &str = "tower-mfa revocations";
/// How often the checkpoint is moved.
const CHECKPOINTS: Duration = Duration::from_secs(60);
/// How often the feed is read at the least.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a store may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// For how long tokens are refused when it cannot be read which: no access token lives longer.
pub(super) const A_DAY: u64 = 24 * 60 * 60;

/// Tells a verifier what was revoked by other replicas: sessions that have ended, by a person, an operator, or a change
/// of factors.
///
/// It reads a small feed of its own in the store, several times within the time that the verifier expects it in: 5 s,
/// or what [`MfaBuilder::revocations_within`](super::MfaBuilder::revocations_within) says. While it cannot, the verifier
/// answers `503` after that time.
///
/// ```
/// # use std::time::Duration;
/// # use tower_mfa::service::{Keys, Mfa};
/// # use tower_mfa::store::MemoryStore;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
///
/// // Beside the service, for as long as it runs; here until `stop` is dropped.
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let feed = tokio::spawn(mfa.revocation_feed().run(stopped));
/// assert_eq!(mfa.verifier().feed_expected_within(), Some(Duration::from_secs(5)));
/// drop(stop);
/// feed.await.unwrap();
///
/// let too_seldom = Mfa::builder(MemoryStore::new()).revocations_within(Duration::from_secs(3600));
/// assert!(too_seldom.issuer("https://id.example").audience("api").keys(Keys::generate().unwrap()).build().is_err());
/// # });
/// ```
pub struct RevocationFeed {
    store: Arc<dyn DynStore>,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RevocationFeed").finish_non_exhaustive()
    }
}

impl Mfa {
    /// Returns the feed of this service's own verifier: run it beside the service.
    ///
    /// From this call on, tokens are believed only where it is known what all replicas have revoked, as of at most 5 s
    /// ago or what [`MfaBuilder::revocations_within`](super::MfaBuilder::revocations_within) has set.
    #[must_use]
    pub fn revocation_feed(&self) -> RevocationFeed {
        let inner = &self.inner;
        RevocationFeed::of(Arc::clone(&inner.store), Arc::clone(&inner.verifier), Arc::clone(&inner.clock))
    }
}

/// How far a reader has come.
#[derive(Default)]
struct Reader {
    position: Option<EventCursor>,
    has_begun: bool,
    /// Whether it has once read all there was: what it reads from then on has just happened.
    is_live: bool,
    /// Until when tokens may live that are concerned by what was read up to a place, by a watch that no clock moves;
    /// both ascend.
    recent: VecDeque<(Watch, EventCursor)>,
    moved: Option<Watch>,
}

impl RevocationFeed {
    /// Makes the feed of a service that only checks tokens and reaches the store: `verifier` is the one that its
    /// [`AuthenticateLayer`](crate::middleware::AuthenticateLayer) has. It believes tokens from now on as after
    /// [`Mfa::revocation_feed`]; [`Verifier::expect_feed`] sets another time.
    #[must_use]
    pub fn new(store: impl Store, verifier: Arc<Verifier>, clock: Arc<dyn Clock>) -> Self {
        Self::of(Arc::new(store), verifier, clock)
    }

    /// Whoever makes one counts on it, also before it runs, and when it never does.
    fn of(store: Arc<dyn DynStore>, verifier: Arc<Verifier>, clock: Arc<dyn Clock>) -> Self {
        verifier.expect_feed_by_default();
        Self { store, verifier, clock }
    }

    /// Reads until `stop` is ready. A store that does not answer is asked again; the operator is told.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn run(self, stop: impl Future) {
        let pause = self.verifier.feed_expected_within().map_or(PAUSE, |within| within.div_f32(5.0).min(PAUSE));
        let work = async {
            let mut reader = Reader::default();
            loop {
                // As of when it was asked: what is committed meanwhile may or may not be in the answer.
                let asked = Watch::now().into_std();
                match self.catch_up(&mut reader).await {
                    Ok(()) => self.verifier.caught_up(asked),
                    Err(error) => trace::trouble("what other replicas revoke cannot be read", &error),
                }
                tokio::time::sleep(pause).await;
            }
        };
        until_stopped(stop, work).await;
    }

    async fn catch_up(&self, reader: &mut Reader) -> Result<(), Error> {
        if !reader.has_begun {
            let checkpoint = in_time(self.store.sink(CHECKPOINT)).await?;
            reader.position = checkpoint.as_ref().and_then(SinkState::position).cloned();
            reader.has_begun = true;
        }
        loop {
            let page = in_time(self.store.events(Feed::Revocations, reader.position.as_ref(), MAX_PAGE)).await;
            let page = match page {
                // The place is of another store, which this one has replaced, or of one that has failed over and lost
                // what was there: from the beginning.
                Err(error) if error.kind() == StoreErrorKind::Cursor && reader.position.is_some() => {
                    *reader = Reader { has_begun: true, ..Reader::default() };
                    continue;
                }
                page => page?,
            };
            let now = self.clock.now()?;
            for event in page.items() {
                let lives = self.apply(event, now, reader.is_live);
                reader.read(event, lives);
            }
            if page.next().is_none() {
                reader.is_live = true;
                return self.move_checkpoint(reader).await;
            }
        }
    }

    /// Revokes here what an event says; returns for how many seconds tokens may have lived on that are concerned.
    ///
    /// Of what has just happened they live as long from now on, also where the clock here is ahead and takes them for
    /// expired: when it is set right, they are not. What was over a day ago when this reader began is over.
    fn apply(&self, event: &StoredEvent, now: Timestamp, is_live: bool) -> u64 {
        let lives = |until: Timestamp| until.since(event.at());
        let here = |until: Timestamp| if is_live { until.max(now.plus(lives(until))) } else { until };
        let Some(Ended(ended)) = event.revokes().and_then(Ended::read) else {
            // Of a newer version: all of the subject's.
            self.verifier.revoke_subject(event.subject(), event.at(), now, here(event.at().plus(A_DAY)));
            return A_DAY;
        };
        for (session, until) in &ended {
            let session = session.to_string();
            self.verifier.revoke_session_issued_by(event.subject(), &session, event.at(), now, here(*until));
        }
        let last = ended.iter().map(|(_, until)| *until).max().unwrap_or(event.at());
        if !is_live && last.plus(A_DAY) <= now { 0 } else { lives(last) }
    }

    /// Lets those who start begin behind what concerns no living token.
    async fn move_checkpoint(&self, reader: &mut Reader) -> Result<(), Error> {
        if reader.moved.is_some_and(|moved| moved.elapsed() < CHECKPOINTS) {
            return Ok(());
        }
        reader.moved = Some(Watch::now());
        let Some(place) = reader.take_lapsed() else { return Ok(()) };
        let found = in_time(self.store.sink(CHECKPOINT)).await?;
        // Whoever was faster has moved it as well as this one would.
        in_time(self.store.advance(CHECKPOINT, found.as_ref(), &SinkState::new(Some(place), None))).await?;
        Ok(())
    }
}

impl Reader {
    fn read(&mut self, event: &StoredEvent, lives: u64) {
        let (now, place) = (Watch::now(), event.cursor().clone());
        let after = |secs: u64| now.checked_add(Duration::from_secs(secs)).unwrap_or(now);
        let until = lives.saturating_add(CLOCK_TOLERANCE);
        self.position = Some(place.clone());
        match self.recent.back_mut() {
            Some(last) if after(until) <= last.0 => last.1 = place,
            // A second longer than it must: what is read within that second needs no entry of its own.
            _ => self.recent.push_back((after(until.saturating_add(1)), place)),
        }
    }

    /// The last place that no living token can be concerned by, whatever another replica's clock says.
    fn take_lapsed(&mut self) -> Option<EventCursor> {
        let (now, mut place) = (Watch::now(), None);
        while self.recent.front().is_some_and(|(until, _)| *until <= now) {
            place = self.recent.pop_front().map(|(_, place)| place);
        }
        place
    }
}

/// The sessions that ended with a commit, and until when they have access tokens: what stands in the feed.
pub(super) struct Ended(Vec<(SessionId, Timestamp)>);

impl Ended {
    /// Those that have a living token, by whatever replica's clock; `None` if there are none.
    pub(super) fn of(ended: &[(SessionId, Timestamp)], clock: Timestamp) -> Option<Self> {
        let living: Vec<_> = ended.iter().filter(|(_, until)| clock < until.plus(CLOCK_TOLERANCE)).copied().collect();
        (!living.is_empty()).then_some(Self(living))
    }

    /// Writes it into the last of a commit's events.
    pub(super) fn mark(&self, events: &mut [NewEvent]) -> Result<(), Error> {
        // A session never ends without an event; one that did would be believed elsewhere.
        let last = events.last_mut().ok_or_else(|| Error::busy("sessions ended without an event"))?;
        *last = last.clone().revoking(self.write());
        Ok(())
    }

    fn write(&self) -> String {
        let ended: Vec<_> = self.0.iter().map(|(id, until)| (id.to_string(), until.as_secs())).collect();
        serde_json::json!(ended).to_string()
    }

    fn read(text: &str) -> Option<Self> {
        let ended: Vec<(String, u64)> = serde_json::from_str(text).ok()?;
        let ended = ended.into_iter().map(|(id, until)| Some((id.parse().ok()?, Timestamp::from_secs(until))));
        ended.collect::<Option<_>>().map(Self)
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(PATIENCE, call).await.unwrap_or_else(|elapsed| Err(StoreError::unavailable(elapsed)))
}
