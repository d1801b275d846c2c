//! The store without its type, so that what is built on it needs no type parameter.

use std::future::Future;
use std::pin::Pin;

use crate::clock::Timestamp;
use crate::id::Subject;
use crate::store::{
    Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle,
};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The part of [`Store`] that the service calls, with its futures boxed; every store has it.
pub(crate) trait DynStore: Send + Sync + 'static {
    fn load<'a>(&'a self, subject: &'a Subject) -> Answer<'a, Option<Stored>>;
    fn subject_of<'a>(&'a self, handle: &'a UserHandle) -> Answer<'a, Option<Subject>>;
    fn commit<'a>(&'a self, commit: Commit<'a>) -> Answer<'a, Committed>;
    fn scan<'a>(&'a self, after: Option<&'a ScanCursor>, limit: usize) -> Answer<'a, Page<Stored, ScanCursor>>;
    fn count(&self) -> Answer<'_, u64>;
    fn events<'a>(
        &'a self,
        of: Feed<'a>,
        after: Option<&'a EventCursor>,
        limit: usize,
    ) -> Answer<'a, Page<StoredEvent, EventCursor>>;
    fn sink<'a>(&'a self, name: &'a str) -> Answer<'a, Option<SinkState>>;
    fn advance<'a>(&'a self, name: &'a str, from: Option<&'a SinkState>, to: &'a SinkState) -> Answer<'a, bool>;
    fn prune(&self, before: Timestamp) -> Answer<'_, u64>;
}

impl<S: Store> DynStore for S {
    fn load<'a>(&'a self, subject: &'a Subject) -> Answer<'a, Option<Stored>> {
        Box::pin(Store::load(self, subject))
    }

    fn subject_of<'a>(&'a self, handle: &'a UserHandle) -> Answer<'a, Option<Subject>> {
        Box::pin(Store::subject_of(self, handle))
    }

    fn commit<'a>(&'a self, commit: Commit<'a>) -> Answer<'a, Committed> {
        Box::pin(Store::commit(self, commit))
    }

    fn scan<'a>(&'a self, after: Option<&'a ScanCursor>, limit: usize) -> Answer<'a, Page<Stored, ScanCursor>> {
        Box::pin(Store::scan(self, after, limit))
    }

    fn count(&self) -> Answer<'_, u64> {
        Box::pin(Store::count(self))
    }

    fn events<'a>(
        &'a self,
        of: Feed<'a>,
        after: Option<&'a EventCursor>,
        limit: usize,
    ) -> Answer<'a, Page<StoredEvent, EventCursor>> {
        Box::pin(Store::events(self, of, after, limit))
    }

    fn sink<'a>(&'a self, name: &'a str) -> Answer<'a, Option<SinkState>> {
        Box::pin(Store::sink(self, name))
    }

    fn advance<'a>(&'a self, name: &'a str, from: Option<&'a SinkState>, to: &'a SinkState) -> Answer<'a, bool> {
        Box::pin(Store::advance(self, name, from, to))
    }

    fn prune(&self, before: Timestamp) -> Answer<'_, u64> {
        Box::pin(Store::prune(self, before))
    }
}
