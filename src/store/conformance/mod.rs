//! The suite a store proves itself with: one function for each property, races included.
//!
//! Run all of it in a test of your own, or call a function by its name:
//!
//! ```
//! use tower_mfa::store::{MemoryStore, conformance};
//!
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! conformance::run(async || MemoryStore::new()).await.unwrap();
//! conformance::races::one_commit_of_a_race_wins(MemoryStore::new()).await.unwrap();
//! # });
//! ```
//!
//! Every function wants a store that is empty. The suite runs on tokio, in real time, and draws
//! from the operating system's randomness. Give it a runtime with several threads: on one alone,
//! only what awaits is raced.

pub mod claims;
pub mod documents;
pub mod outbox;
pub mod races;
pub mod sinks;

use std::fmt;
use std::future::Future;

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::entropy::SystemEntropy;
use crate::error::BoxError;
use crate::id::{EventId, Subject};
use crate::store::{Commit, Committed, EventCursor, Feed, NewEvent, Revision, Store, StoredEvent};

/// Runs every property, each on a store of its own, and stops at the first that fails.
///
/// # Errors
///
/// [`Failure`], which names the property.
///
/// # Cancel safety
///
/// Dropping it leaves the store it was at half filled.
pub async fn run<S: Store, F: AsyncFn() -> S>(fresh: F) -> Result<(), Failure> {
    documents::run(&fresh).await?;
    claims::run(&fresh).await?;
    outbox::run(&fresh).await?;
    sinks::run(&fresh).await?;
    races::run(&fresh).await
}

/// Runs the properties of one file by their names.
macro_rules! properties {
    ($($property:ident,)*) => {
        pub(super) async fn run<S: crate::store::Store, F: AsyncFn() -> S>(
            fresh: &F,
        ) -> Result<(), crate::store::conformance::Failure> {
            $($property(fresh().await).await.map_err(|failure| failure.of(stringify!($property)))?;)*
            Ok(())
        }
    };
}
use properties;

/// A property that does not hold, and how that was seen.
#[derive(Debug)]
pub struct Failure {
    property: Option<&'static str>,
    what: String,
    source: Option<BoxError>,
}

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self { property: None, what: what.into(), source: None }
    }

    fn of(mut self, property: &'static str) -> Self {
        self.property = Some(property);
        self
    }

    /// Returns the name of the property's function, where [`run`] called it.
    #[must_use]
    pub fn property(&self) -> Option<&str> {
        self.property
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(property) = self.property {
            write!(f, "{property}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| {
            let source: &(dyn std::error::Error + 'static) = source;
            source
        })
    }
}

/// Lets `?` carry the errors that can happen on the way.
macro_rules! failure_from {
    ($($error:ty => $what:literal,)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self { property: None, what: format!("{}: {error}", $what), source: Some(error.into()) }
            }
        })*
    };
}

failure_from! {
    crate::store::StoreError => "the store ended with an error",
    crate::store::InvalidCursor => "a cursor cannot be read back",
    crate::store::InvalidUserHandle => "the suite made a wrong user handle",
    crate::entropy::EntropyError => "the suite found no randomness",
    crate::error::ConfigError => "the suite made a wrong subject",
    serde_json::Error => "a document is not JSON",
    tokio::task::JoinError => "a task of the suite ended early",
}

/// Fails with what was seen unless it is what was wanted.
#[expect(clippy::needless_pass_by_value, reason = "most of what is wanted is made in the call")]
fn want<T: PartialEq + fmt::Debug>(seen: T, wanted: T, about: &str) -> Result<(), Failure> {
    if seen == wanted { Ok(()) } else { Err(Failure::new(format!("{about}: wanted {wanted:?}, saw {seen:?}"))) }
}

fn revision() -> Result<Revision, Failure> {
    Ok(Revision::generate(&SystemEntropy)?)
}

fn event(at: u64, body: &str) -> Result<NewEvent, Failure> {
    Ok(NewEvent::new(EventId::generate(&SystemEntropy)?, Timestamp::from_secs(at), body))
}

/// Commits a document with one event for each body and returns its revision.
async fn put<S: Store>(
    store: &S,
    subject: &Subject,
    expected: Option<&Revision>,
    at: u64,
    bodies: &[&str],
) -> Result<Revision, Failure> {
    let revision = revision()?;
    let events = bodies.iter().map(|body| event(at, body)).collect::<Result<Vec<_>, _>>()?;
    let commit = Commit::new(subject, expected, revision, "{}").with_events(&events);
    want(store.commit(commit).await?, Committed::Done, "a commit on the current revision")?;
    Ok(revision)
}

/// The document, spelled as [`canonical`] does.
async fn current<S: Store>(store: &S, subject: &Subject) -> Result<Option<(Revision, String)>, Failure> {
    let stored = store.load(subject).await?;
    stored.map(|stored| Ok((*stored.revision(), canonical(stored.document())?))).transpose()
}

/// JSON as text that is the same for the same value.
fn canonical(json: &str) -> Result<String, Failure> {
    Ok(serde_json::from_str::<serde_json::Value>(json)?.to_string())
}

/// Reads a feed to its end, `limit` at a time, each cursor carried through its text.
async fn read_all<S: Store>(store: &S, of: Feed<'_>, limit: usize) -> Result<Vec<StoredEvent>, Failure> {
    let mut read = Vec::new();
    let mut after: Option<EventCursor> = None;
    loop {
        let page = store.events(of, after.as_ref(), limit).await?;
        let next = page.next().cloned();
        if next.is_some() && page.items().is_empty() {
            return Err(Failure::new("a page holds nothing and says that more follows"));
        }
        read.extend(page.into_items());
        match next {
            Some(next) => after = Some(next.to_string().parse()?),
            None => return Ok(read),
        }
    }
}

fn bodies(events: &[StoredEvent]) -> Vec<&str> {
    events.iter().map(StoredEvent::body).collect()
}

/// Starts `tasks` tasks at once and collects what they return.
async fn race<T, Fut>(tasks: usize, mut start: impl FnMut(usize) -> Fut) -> Result<Vec<T>, Failure>
where
    T: Send + 'static,
    Fut: Future<Output = Result<T, Failure>> + Send + 'static,
{
    let gate = std::sync::Arc::new(tokio::sync::Barrier::new(tasks));
    let mut running = JoinSet::new();
    for number in 0..tasks {
        let (gate, task) = (std::sync::Arc::clone(&gate), start(number));
        running.spawn(async move {
            gate.wait().await;
            task.await
        });
    }
    let mut ended = Vec::new();
    while let Some(end) = running.join_next().await {
        ended.push(end??);
    }
    Ok(ended)
}
