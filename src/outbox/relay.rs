use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::lease::{Held, LEASE, Seen};
use super::schedule::Retries;
use super::sink::{Sink, SinkError};
use super::trace;
use super::window::{Started, Window};
use crate::account::{Event, EventKind};
use crate::error::ConfigError;
use crate::id::Subject;
use crate::service::{Error, GivenUp, Mfa, Outbox, until_stopped};
use crate::store::{EventCursor, Lease, MAX_PAGE, SinkState, StoredEvent};

/// How long the store may take while a sink is held: with less patience than the host may want, so that a lease is
/// renewed before it ends.
const PATIENCE: Duration = Duration::from_secs(5);
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
    /// Whose turn it is to write down that an event is given up.
    notes: Arc<tokio::sync::Mutex<()>>,
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
        let (outbox, sink, retries) = (mfa.outbox(), Arc::new(sink), Retries::default());
        Ok(Self { outbox, name: name.into(), sink, retries, notes: Arc::default() })
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
        let held = Arc::new(Held::default());
        let work = async {
            let (mut seen, mut holder) = (None, None);
            loop {
                if let Err(error) = self.hold(&mut holder, &mut seen, &held).await {
                    trace::relay_failed(&self.name, &error);
                }
                sleep(TICK).await;
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
    async fn hold(&self, holder: &mut Option<String>, seen: &mut Option<Seen>, held: &Arc<Held>) -> Result<(), Error> {
        let holder = match holder {
            Some(holder) => &*holder,
            None => &*holder.insert(self.outbox.holder()?),
        };
        let found = self.outbox.sink(&self.name).await?;
        let last = Seen::again(seen.take(), found.clone());
        if last.is_anothers(holder) {
            *seen = Some(last);
            return Ok(());
        }
        let position = found.as_ref().and_then(SinkState::position).cloned();
        let mine = self.state(holder, found.as_ref(), position)?;
        if !self.renew(found.as_ref(), &mine, held).await? {
            return Ok(());
        }
        let worked = self.work(holder, mine, held).await;
        held.take();
        worked
    }

    /// What is written next. Its time is a later one each time, also by a clock that stands still: that is how others see
    /// that it was renewed.
    fn state(&self, holder: &str, last: Option<&SinkState>, position: Option<EventCursor>) -> Result<SinkState, Error> {
        let until = self.outbox.now()?.plus(LEASE.as_secs());
        let before = last.and_then(SinkState::lease).map(Lease::until);
        let until = before.map_or(until, |before| until.max(before.plus(1)));
        Ok(SinkState::new(position, Some(Lease::new(holder, until))))
    }

    /// Writes down how far it is and that it is still there; `false` when somebody else has the sink.
    async fn renew(&self, from: Option<&SinkState>, to: &SinkState, held: &Held) -> Result<bool, Error> {
        let asked = Instant::now();
        let is_mine = in_time(self.outbox.advance(&self.name, from, to)).await?;
        if is_mine {
            held.set(to.clone(), asked);
        }
        Ok(is_mine)
    }

    /// Reads, delivers and moves on, until somebody else has the sink.
    async fn work(&self, holder: &str, mut state: SinkState, held: &Arc<Held>) -> Result<(), Error> {
        let (mut window, mut on_their_way) = (Window::default(), JoinSet::new());
        let mut position = state.position().cloned();
        loop {
            let behind = window.end().or(position.as_ref()).cloned();
            self.fill(&mut window, behind).await?;
            while let Some(started) = window.start_next() {
                on_their_way.spawn(self.clone().deliver(started, position.clone(), Arc::clone(held)));
            }
            let tick = Instant::now().checked_add(TICK).unwrap_or_else(Instant::now);
            while let Ok(Some(done)) = timeout_at(tick, on_their_way.join_next()).await {
                // One that panicked is begun again.
                let Ok(number) = done else { return Ok(()) };
                position = window.finish(number).or(position);
                while let Some(started) = window.start_next() {
                    on_their_way.spawn(self.clone().deliver(started, position.clone(), Arc::clone(held)));
                }
            }
            if window.is_empty() && position.as_ref() == state.position() {
                sleep_until(tick).await;
            }
            let next = self.state(holder, Some(&state), position.clone())?;
            if !self.renew(Some(&state), &next, held).await? {
                return Ok(());
            }
            state = next;
        }
    }

    async fn fill(&self, window: &mut Window, behind: Option<EventCursor>) -> Result<(), Error> {
        if window.room() > 0 {
            let page = in_time(self.outbox.events(behind.as_ref(), window.room())).await?;
            page.into_items().into_iter().for_each(|event| window.push(event));
        }
        Ok(())
    }

    /// Hands one event over, however often it takes; returns its number once it is done.
    async fn deliver(self, started: Started, position: Option<EventCursor>, held: Arc<Held>) -> u64 {
        let Started { number, before, event: stored } = started;
        let before = before.or(position);
        let Ok(event) = serde_json::from_str::<Event>(stored.body()) else {
            let why = "the event cannot be read: it is of a newer version, or damaged";
            self.give_up(&stored, before, why).await;
            return number;
        };
        // Notes of what a sink has refused are sent to none: two that refuse would tell each other for ever.
        if event.kind == EventKind::DeliveryGivenUp {
            return number;
        }
        let (begun, mut failures) = (Instant::now(), 0_u32);
        loop {
            held.until_sure().await;
            let Err(error) = self.attempt(stored.subject(), &event).await else { return number };
            failures = failures.saturating_add(1);
            trace::delivery_failed(&self.name, &event, failures, &error);
            match self.retries.pause(failures, begun.elapsed(), error.wait()).filter(|_| error.is_worth_another_try()) {
                Some(pause) => sleep(pause).await,
                None => {
                    self.give_up(&stored, before, &why(&error)).await;
                    return number;
                }
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

    /// Writes down that an event is given up, however often it takes.
    ///
    /// One after the other: the notes are events of one account, of which only a few may want a turn at once. What else
    /// is on its way goes on meanwhile, and is not begun anew for the sake of a note.
    async fn give_up(&self, stored: &StoredEvent, before: Option<EventCursor>, why: &str) {
        let what = GivenUp { sink: &self.name, event: *stored.id(), why, after: before.as_ref() };
        let _turn = self.notes.lock().await;
        while let Err(error) = self.outbox.give_up(&what).await {
            trace::relay_failed(&self.name, &error);
            sleep(TICK).await;
        }
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

impl<S> Clone for Relay<S> {
    fn clone(&self) -> Self {
        let Self { outbox, name, sink, retries, notes } = self;
        let (outbox, name, notes) = (outbox.clone(), name.clone(), Arc::clone(notes));
        Self { outbox, name, sink: Arc::clone(sink), retries: *retries, notes }
    }
}

/// What the operator reads of a refusal.
fn why(error: &SinkError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}").chars().take(300).collect()
}

async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(PATIENCE, call).await.unwrap_or_else(|elapsed| Err(Error::unavailable(elapsed)))
}
