//! A commit that lands after its deadline, between the look and the second try.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tower_mfa::account::EventKind;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::service::Reply;
use tower_mfa::store::{
    Commit, Committed, EventCursor, Feed, Page, ScanCursor, SinkState, Store, StoreError, Stored, StoredEvent,
    UserHandle,
};

use crate::scene::{Scene, answered, builder, challenged};

/// Its first commit hangs; it is written just before the second one, which is the same.
struct Late<S> {
    inner: S,
    commits: AtomicU32,
}

impl<S: Store> Store for Late<S> {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        self.inner.load(subject).await
    }
    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.inner.subject_of(handle).await
    }
    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        match self.commits.fetch_add(1, Ordering::SeqCst) {
            0 => pending().await,
            1 => {
                assert_eq!(self.inner.commit(commit).await?, Committed::Done, "the late one");
                let second = self.inner.commit(commit).await?;
                assert_eq!(second, Committed::Conflict);
                Ok(second)
            }
            _ => self.inner.commit(commit).await,
        }
    }
    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.inner.scan(after, limit).await
    }
    async fn count(&self) -> Result<u64, StoreError> {
        self.inner.count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.inner.events(of, after, limit).await
    }
    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.inner.sink(name).await
    }
    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.inner.advance(name, expected, new).await
    }
    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}

#[tokio::test]
async fn a_right_answer_whose_commit_came_late_is_right_and_no_replay() {
    let s = Scene::new();
    let person = s.enrolled("alice").await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    let late = Late { inner: s.store.clone(), commits: AtomicU32::new(0) };
    let deadline = Duration::from_millis(40);
    let mfa = builder(late, &s.clock, &s.heard).store_deadline(deadline).build().unwrap();
    let slow = Scene { mfa, ..s.clone() };
    let code = person.app.code(s.now());
    let tokens = answered(slow.answer(&asked, Reply::totp(code)).await.unwrap());
    assert!(s.mfa.authenticate(tokens.access_token().expose()).is_ok());
    let count = |kind| s.count("alice", kind);
    assert_eq!(count(EventKind::AnswerAccepted).await, 1);
    assert_eq!(count(EventKind::OtpReplayed).await + count(EventKind::AnswerRefused).await, 0);
}
