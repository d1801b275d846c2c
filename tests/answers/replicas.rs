//! Two services over one store, their calls of it interleaved in every order there is: no clock, no
//! threads, no luck.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tower_mfa::account::Refusal;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::service::{LoginChallenge, LoginOutcome, Reply, Responder, Tokens};
use tower_mfa::store::{
    Commit, Committed, EventCursor, Feed, MemoryStore, Page, ScanCursor, SinkState, Store, StoreError, Stored,
    StoredEvent, UserHandle,
};
use tower_mfa::testing::ManualClock;

use crate::world::*;

/// A store that gives way before each call, so that another service can step in between.
#[derive(Debug, Clone)]
struct Yielding(MemoryStore);

/// Pending once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Store for Yielding {
    async fn load(&self, subject: &Subject) -> Result<Option<Stored>, StoreError> {
        Yield(false).await;
        self.0.load(subject).await
    }

    async fn subject_of(&self, handle: &UserHandle) -> Result<Option<Subject>, StoreError> {
        self.0.subject_of(handle).await
    }

    async fn commit(&self, commit: Commit<'_>) -> Result<Committed, StoreError> {
        Yield(false).await;
        self.0.commit(commit).await
    }

    async fn scan(&self, after: Option<&ScanCursor>, limit: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        self.0.scan(after, limit).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.0.count().await
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.0.events(of, after, limit).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.0.sink(name).await
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.0.advance(name, expected, new).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.0.prune(before).await
    }
}

/// Runs two futures, one step of the first or the second as each bit of `schedule` says, then both
/// in turn to their ends.
async fn interleave<T>(one: impl Future<Output = T>, other: impl Future<Output = T>, schedule: u32) -> [T; 2] {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    let mut steps = 0;
    poll_fn(|cx| {
        let turn = if steps < 8 { schedule >> steps & 1 } else { steps & 1 };
        steps += 1;
        if turn == 0 && first.is_none() {
            first = poll(one.as_mut(), cx);
        } else if turn == 1 && second.is_none() {
            second = poll(other.as_mut(), cx);
        }
        if first.is_some() && second.is_some() {
            return Poll::Ready([first.take().unwrap(), second.take().unwrap()]);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

fn poll<T>(future: Pin<&mut impl Future<Output = T>>, cx: &mut Context<'_>) -> Option<T> {
    match future.poll(cx) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// How many orders the first eight steps of two have.
const SCHEDULES: u32 = 1 << 8;

struct Pair {
    one: World,
    other: World,
    bound: Enrolled,
}

impl Pair {
    async fn new() -> Self {
        let (clock, store) = (ManualClock::at(START), Yielding(MemoryStore::new()));
        let node = || World::over(builder(store.clone(), &clock, policy()), &clock);
        let (one, other) = (node(), node());
        let bound = one.enrolled().await;
        Self { one, other, bound }
    }

    /// Answers with two codes at once, each on a service of its own.
    async fn both(&self, to: [&LoginChallenge; 2], codes: [&str; 2], schedule: u32) -> [Result<Tokens, Refusal>; 2] {
        let answer = |world: &World, to: &LoginChallenge, code: &str| {
            let (mfa, token, id, reply) = (world.mfa.clone(), to.token.clone(), to.id, Reply::totp(code));
            async move { complete(mfa.answer(Responder::Token(&token), id, reply).await) }
        };
        interleave(answer(&self.one, to[0], codes[0]), answer(&self.other, to[1], codes[1]), schedule).await
    }
}

/// Rows: N63B-3.1.4.2-c, PCI-8.5.1-a
#[tokio::test]
async fn cve_2026_20779_of_two_answers_with_one_code_one_succeeds_in_every_order() {
    let pair = Pair::new().await;
    let (mut first_won, mut second_won) = (0, 0);
    for schedule in 0..SCHEDULES {
        pair.one.clock.advance(30);
        let (to, and_to) = (pair.one.challenge().await, pair.other.challenge().await);
        let code = pair.bound.app.code(pair.one.now());
        let outcomes = pair.both([&to, &and_to], [&code, &code], schedule).await;
        match &outcomes {
            [Ok(_), Err(lost)] => {
                first_won += 1;
                assert_eq!(*lost, wrong_with(2), "{schedule:b}");
            }
            [Err(lost), Ok(_)] => {
                second_won += 1;
                assert_eq!(*lost, wrong_with(2), "{schedule:b}");
            }
            other => panic!("{schedule:b}: {other:?}"),
        }
        pair.one.mfa.end_sessions(&alice(), "test", "again").await.unwrap();
        pair.one.mfa.unlock(&alice(), "test", "again").await.unwrap();
    }
    assert!(first_won > 20 && second_won > 20, "{first_won}, {second_won}");
}

#[tokio::test]
async fn one_challenge_is_answered_once_in_every_order_though_both_codes_are_right() {
    let pair = Pair::new().await;
    for schedule in 0..SCHEDULES / 4 {
        pair.one.clock.advance(90);
        let to = pair.one.challenge().await;
        let (now, next) = (pair.bound.app.code(pair.one.now()), pair.bound.app.code(pair.one.now().plus(30)));
        let outcomes = pair.both([&to, &to], [&now, &next], schedule).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{schedule:b}");
        let gone = outcomes.iter().any(|outcome| matches!(outcome, Err(Refusal::ChallengeGone)));
        assert!(gone, "{schedule:b}: {outcomes:?}");
    }
}

/// Rows: N63B-3.2.2-g
#[tokio::test]
async fn n63b_3_2_2_g_the_last_guess_of_a_budget_is_compared_once_in_every_order() {
    let pair = Pair::new().await;
    for schedule in 0..SCHEDULES / 4 {
        let LoginOutcome::Challenge(to) = pair.one.login().await else { panic!("no challenge") };
        let wrong = pair.one.wrong(&[&pair.bound.app]);
        for _ in 0..2 {
            pair.one.answer(&to, &wrong).await.unwrap_err();
        }
        let right = pair.bound.app.code(pair.one.now());
        let [last, late] = pair.both([&to, &to], [&wrong, &wrong], schedule).await.map(Result::unwrap_err);
        let throttled = Refusal::Throttled { retry_after: 30 };
        let known = [(wrong_with(0), throttled.clone()), (throttled.clone(), wrong_with(0))];
        assert!(known.contains(&(last, late)), "{schedule:b}");
        assert_eq!(pair.other.answer(&to, &right).await.unwrap_err(), throttled);
        pair.one.mfa.unlock(&alice(), "test", "again").await.unwrap();
        pair.one.clock.advance(30);
        // A success, so that the hard limit is not what this ends in.
        pair.one.sign_in(&pair.bound.app).await;
        pair.one.mfa.end_sessions(&alice(), "test", "again").await.unwrap();
    }
}
