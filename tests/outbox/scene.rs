//! A bank whose events are written, and somebody who takes them, or does not.

use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;
use tower_mfa::account::{Event, EventKind, FirstFactor};
use tower_mfa::clock::{Clock as _, Timestamp};
use tower_mfa::id::{EventId, Subject};
use tower_mfa::outbox::{Delivery, Relay, Sink, SinkError};
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::{Feed, MemoryStore, Store};
use tower_mfa::testing::{FaultyStore, ManualClock};

pub(crate) struct Bank {
    pub(crate) mfa: Mfa,
    pub(crate) store: FaultyStore<MemoryStore>,
    clock: ManualClock,
}

impl Bank {
    pub(crate) fn new() -> Self {
        let store = FaultyStore::new(MemoryStore::new());
        let clock = ManualClock::at(1_800_000_000);
        let mfa = Mfa::builder(store.clone()).issuer("https://id.example").audience("api");
        let mfa = mfa.keys(Keys::generate().unwrap()).with_clock(clock.clone()).build().unwrap();
        Self { mfa, store, clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().unwrap()
    }

    /// Takes back what [`Self::pass_days`] was ahead.
    pub(crate) fn set_right(&self) {
        self.clock.go_back(2 * 86_400);
    }

    /// Lets so much pass that retention may take what was.
    pub(crate) fn pass_days(&self) {
        self.clock.advance(2 * 86_400);
    }

    /// Leaves an event behind.
    pub(crate) async fn sign_in(&self, name: &str) {
        let first = FirstFactor::password_checked_by_host(Subject::new(name).unwrap(), self.now());
        drop(self.mfa.begin(first).await.unwrap());
    }

    pub(crate) fn relay(&self, name: &str, sink: impl Sink) -> Running {
        let relay = Relay::new(&self.mfa, name, sink).unwrap();
        Running(tokio::spawn(relay.run(std::future::pending::<()>())))
    }

    /// What the store has, without the notes of the outbox about itself.
    pub(crate) async fn ids(&self) -> Vec<EventId> {
        let mut all = self.feed(Feed::All).await;
        all.sort_unstable();
        all
    }

    pub(crate) async fn ids_of(&self, name: &str) -> Vec<EventId> {
        self.feed(Feed::Subject(&Subject::new(name).unwrap())).await
    }

    async fn feed(&self, of: Feed<'_>) -> Vec<EventId> {
        let page = self.store.events(of, None, 200).await.unwrap();
        assert!(page.next().is_none(), "more than a page");
        let own = page.items().iter().filter(|event| event.subject().tenant().is_none());
        own.map(|event| *event.id()).collect()
    }
}

/// A relay that runs until it is dropped.
pub(crate) struct Running(JoinHandle<()>);

impl Running {
    /// As a process that dies: it says nothing to anybody.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    Take,
    Later,
    /// Later, and until then it wants to be left alone for a day.
    InADay,
    Never,
}

type Judge = Arc<dyn Fn(&str, usize) -> Verdict + Send + Sync>;

/// A receiver: it judges by the subject, and by how often it has been tried.
#[derive(Clone)]
pub(crate) struct Inbox {
    judge: Judge,
    taken: Arc<Mutex<Vec<(Subject, Event)>>>,
    refused: Arc<Mutex<usize>>,
}

impl Inbox {
    pub(crate) fn new(judge: impl Fn(&str, usize) -> Verdict + Send + Sync + 'static) -> Self {
        Self { judge: Arc::new(judge), taken: Arc::default(), refused: Arc::default() }
    }

    pub(crate) fn ids(&self) -> Vec<EventId> {
        let mut all: Vec<EventId> = self.taken.lock().unwrap().iter().map(|(_, event)| event.id).collect();
        all.sort_unstable();
        all
    }

    pub(crate) fn ids_of(&self, name: &str) -> Vec<EventId> {
        let taken = self.taken.lock().unwrap();
        taken.iter().filter(|(subject, _)| subject.id() == name).map(|(_, event)| event.id).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<EventKind> {
        self.taken.lock().unwrap().iter().map(|(_, event)| event.kind).collect()
    }

    /// How often it has refused.
    pub(crate) fn tries(&self) -> usize {
        *self.refused.lock().unwrap()
    }
}

impl Sink for Inbox {
    fn deliver<'a>(&'a self, subject: &'a Subject, event: &'a Event) -> Delivery<'a> {
        Box::pin(async move {
            let verdict = (self.judge)(subject.id(), self.tries());
            if !matches!(verdict, Verdict::Take) {
                *self.refused.lock().unwrap() += 1;
            }
            match verdict {
                Verdict::Take => {
                    self.taken.lock().unwrap().push((subject.clone(), event.clone()));
                    Ok(())
                }
                Verdict::InADay => Err(SinkError::later("not today").after(std::time::Duration::from_secs(86_400))),
                Verdict::Later => Err(SinkError::later("not just now")),
                Verdict::Never => Err(SinkError::never("nothing of this kind")),
            }
        })
    }
}
