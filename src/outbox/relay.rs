use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::schedule::Retries;
use super::sink::{Sink, SinkError};
use super::trace;
use super::window::{Started, Window};
use crate::account::{Event, EventKind};
use crate::error::ConfigError;
use crate::id::Subject;
use crate::service::{Error, GivenUp, Mfa, Outbox, until_stopped};
use crate::store::{EventCursor, Lease, MAX_PAGE, SinkState, StoredEvent};

/// For how long a relay holds its sink after it was heard of last. One that died is replaced after it.
const LEASE: Duration = Duration::from_secs(15);
/// What names begin with that the crate keeps for itself.
const RESERVED: &str = "tower-mfa ";
/// How often it says that it is still there, and looks for new events.
const TICK: Duration = Duration::from_secs(1);

/// Reads the outbox and hands every event to a sink, at least once, wherever the process dies meanwhile.
///
/// Any number of replicas may run a relay of one name: one of them reads, the others stand by. An event that stays
/// refused is given up after a while ([`Retries`]), and is found by
/// [`Mfa::given_up`](crate::service::Mfa::given_up).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use tower_mfa::account::FirstFactor;
/// use tower_mfa::clock::{Clock, SystemClock};
/// use tower_mfa::id::Subject;
/// use tower_mfa::outbox::{Relay, channel};
/// use tower_mfa::service::{Keys, Mfa};
/// use tower_mfa::store::MemoryStore;
///
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).build().unwrap();
/// let (sink, mut events) = channel(64);
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let relay = tokio::spawn(Relay::new(&mfa, "audit", sink).unwrap().run(stopped));
///
/// let alice = Subject::new("alice").unwrap();
/// mfa.begin(FirstFactor::password_checked_by_host(alice.clone(), SystemClock.now().unwrap())).await.unwrap();
/// let (subject, event) = events.recv().await.unwrap();
/// assert_eq!(subject, alice);
/// drop(stop);
/// relay.await.unwrap();
///
/// let (other, _) = channel(1);
/// assert!(Relay::new(&mfa, "", other).is_err(), "its position is kept by its name");
/// # });
/// ```
pub struct Relay<S> {
    outbox: Outbox,
    name: Box<str>,
    sink: Arc<S>,
    retries: Retries,
}

impl<S> std::fmt::Debug for Relay<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<S: Sink> Relay<S> {
    /// Makes a relay; `name` (1 to 200 bytes) is what its position is kept by. A new name begins with the oldest event.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for another name.
    pub fn new(mfa: &Mfa, name: &str, sink: S) -> Result<Self, ConfigError> {
        if name.is_empty() || name.len() > 200 || name.chars().any(char::is_control) || name.starts_with(RESERVED) {
            let rule = "must be 1 to 200 bytes without control characters, and not begin with \"tower-mfa \"";
            return Err(ConfigError::new("name", rule));
        }
        Ok(Self { outbox: mfa.outbox(), name: name.into(), sink: Arc::new(sink), retries: Retries::default() })
    }

    /// Says for how long a refused event is tried again. Default: a quarter of an hour.
    #[must_use]
    pub fn retries(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// Relays until `stop` is ready. What is on its way then is delivered again by whoever comes next.
    ///
    /// A store that does not answer is asked again; the operator is told.
    ///
    /// # Cancel safety
    ///
    /// Safe; whoever comes next waits a quarter of a minute.
    pub async fn run(self, stop: impl Future) {
        let held = Held::default();
        let work = async {
            let (mut seen, mut holder) = (None, None);
            loop {
                if let Err(error) = self.hold(&mut holder, &mut seen, &held).await {
                    trace::relay_failed(&self.name, &error);
                }
                tokio::time::sleep(TICK).await;
            }
        };
        until_stopped(stop, work).await;
        if let Some(state) = held.take() {
            let free = SinkState::new(state.position().cloned(), None);
            // Whoever comes next does without: the lease ends by itself.
            drop(self.outbox.advance(&self.name, Some(&state), &free).await);
        }
    }

    /// Hands one event over that was given up, once: `note` is one of
    /// [`Mfa::given_up`](crate::service::Mfa::given_up).
    ///
    /// It takes no lease and moves no position: it may be called while a relay runs, and comes out of the order of its
    /// subject.
    ///
    /// # Errors
    ///
    /// [`Redelivery::Refused`] when the sink does not take it now either, [`Redelivery::Pruned`] when retention took
    /// it, [`Redelivery::Unavailable`] when the store does not answer.
    ///
    /// # Cancel safety
    ///
    /// Safe; it may have been handed over.
    pub async fn deliver_again(&self, note: &Event) -> Result<(), Redelivery> {
        let after = note.after.as_deref().map(EventCursor::new).transpose().map_err(|_| Redelivery::Pruned)?;
        let page = self.outbox.events(after.as_ref(), MAX_PAGE).await.map_err(Redelivery::Unavailable)?;
        let found = page.items().iter().find(|event| Some(*event.id()) == note.event_id).ok_or(Redelivery::Pruned)?;
        let event = serde_json::from_str::<Event>(found.body());
        let event = event.map_err(|error| Redelivery::Refused(SinkError::never(error)))?;
        self.sink.deliver(found.subject(), &event).await.map_err(Redelivery::Refused)
    }

    /// Takes the sink, if nobody has it, and works until it is lost.
    ///
    /// A lease is over when nothing was heard of its holder for its time, by this relay's own watch: the clocks of
    /// two replicas need not agree.
    async fn hold(&self, holder: &mut Option<String>, seen: &mut Option<Seen>, held: &Held) -> Result<(), Error> {
        let holder = match holder {
            Some(holder) => &*holder,
            None => &*holder.insert(self.outbox.holder()?),
        };
        let found = self.outbox.sink(&self.name).await?;
        let since = match seen.take() {
            Some(before) if before.state == found => before.since,
            _ => Instant::now(),
        };
        let lease = found.as_ref().and_then(SinkState::lease);
        if lease.is_some_and(|lease| lease.holder() != holder) && since.elapsed() < LEASE {
            *seen = Some(Seen { state: found, since });
            return Ok(());
        }
        let position = found.as_ref().and_then(SinkState::position).cloned();
        let mine = self.state(holder, position)?;
        if !self.outbox.advance(&self.name, found.as_ref(), &mine).await? {
            return Ok(());
        }
        held.set(Some(mine.clone()));
        let worked = self.work(holder, mine, held).await;
        held.set(None);
        worked
    }

    fn state(&self, holder: &str, position: Option<EventCursor>) -> Result<SinkState, Error> {
        let until = self.outbox.now()?.plus(LEASE.as_secs());
        Ok(SinkState::new(position, Some(Lease::new(holder, until))))
    }

    /// Reads, delivers and moves on, until somebody else has the sink.
    async fn work(&self, holder: &str, mut state: SinkState, held: &Held) -> Result<(), Error> {
        let (mut window, mut on_their_way) = (Window::default(), JoinSet::new());
        let mut position = state.position().cloned();
        loop {
            let behind = window.end().or(position.as_ref()).cloned();
            self.fill(&mut window, behind).await?;
            while let Some(started) = window.start_next() {
                on_their_way.spawn(self.clone().deliver(started, position.clone()));
            }
            let tick = Instant::now().checked_add(TICK).unwrap_or_else(Instant::now);
            while let Ok(Some(done)) = timeout_at(tick, on_their_way.join_next()).await {
                // One that panicked, or whose giving up could not be written down, is begun again.
                let Ok(Some(number)) = done else { return Ok(()) };
                position = window.finish(number).or(position);
                while let Some(started) = window.start_next() {
                    on_their_way.spawn(self.clone().deliver(started, position.clone()));
                }
            }
            if window.is_empty() && position.as_ref() == state.position() {
                sleep_until(tick).await;
            }
            let next = self.state(holder, position.clone())?;
            if next != state && !self.outbox.advance(&self.name, Some(&state), &next).await? {
                return Ok(());
            }
            held.set(Some(next.clone()));
            state = next;
        }
    }

    async fn fill(&self, window: &mut Window, behind: Option<EventCursor>) -> Result<(), Error> {
        if window.room() > 0 {
            let page = self.outbox.events(behind.as_ref(), window.room()).await?;
            page.into_items().into_iter().for_each(|event| window.push(event));
        }
        Ok(())
    }

    /// Hands one event over, however often it takes; returns its number once it is done.
    async fn deliver(self, started: Started, position: Option<EventCursor>) -> Option<u64> {
        let Started { number, before, event: stored } = started;
        let before = before.or(position);
        let Ok(event) = serde_json::from_str::<Event>(stored.body()) else {
            let why = "the event cannot be read: it is of a newer version, or damaged";
            return self.give_up(&stored, before, why).await.then_some(number);
        };
        // Notes of what a sink has refused are sent to none: two that refuse would tell each other for ever.
        if event.kind == EventKind::DeliveryGivenUp {
            return Some(number);
        }
        let (begun, mut failures) = (Instant::now(), 0_u32);
        loop {
            let Err(error) = self.attempt(stored.subject(), &event).await else { return Some(number) };
            failures = failures.saturating_add(1);
            trace::delivery_failed(&self.name, &event, failures, &error);
            match self.retries.pause(failures, begun.elapsed(), error.wait()).filter(|_| error.is_worth_another_try()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.give_up(&stored, before, &why(&error)).await.then_some(number),
            }
        }
    }

    /// One try, on a task of its own: a sink that panics has failed like any, and holds up nobody else's events.
    async fn attempt(&self, subject: &Subject, event: &Event) -> Result<(), SinkError> {
        let (sink, subject, event) = (Arc::clone(&self.sink), subject.clone(), event.clone());
        let mut attempt = JoinSet::new();
        attempt.spawn(async move { sink.deliver(&subject, &event).await });
        match attempt.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(panicked)) => Err(SinkError::later(panicked)),
            None => Err(SinkError::later("the attempt was not made")),
        }
    }

    async fn give_up(&self, stored: &StoredEvent, before: Option<EventCursor>, why: &str) -> bool {
        let what = GivenUp { sink: &self.name, event: *stored.id(), why, after: before.as_ref() };
        let noted = self.outbox.give_up(&what).await;
        if let Err(error) = &noted {
            trace::relay_failed(&self.name, error);
        }
        noted.is_ok()
    }
}

/// Why an event that was given up could not be handed over after all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Redelivery {
    /// The sink does not take it now either.
    #[error("the sink does not take it now either")]
    Refused(#[source] SinkError),
    /// It is not in the outbox any more.
    #[error("the event is not in the outbox any more, or was never there")]
    Pruned,
    /// The store does not answer.
    #[error("the store does not answer")]
    Unavailable(#[source] Error),
}

/// Somebody else's lease, and since when it is as it is.
struct Seen {
    state: Option<SinkState>,
    since: Instant,
}

/// What this relay holds just now, to be given back.
#[derive(Default)]
struct Held(Mutex<Option<SinkState>>);

impl Held {
    fn set(&self, state: Option<SinkState>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn take(&self) -> Option<SinkState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<S> Clone for Relay<S> {
    fn clone(&self) -> Self {
        let Self { outbox, name, sink, retries } = self;
        Self { outbox: outbox.clone(), name: name.clone(), sink: Arc::clone(sink), retries: *retries }
    }
}

/// What the operator reads of a refusal.
fn why(error: &SinkError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}").chars().take(300).collect()
}
