//! By tokio's clock, which stands still until everybody waits: no machine is too slow for these, and no bound too long.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::time::{advance, sleep};

use super::*;
use crate::assurance::{Evidence, Method, assess};
use crate::clock::ClockError;
use crate::entropy::SystemEntropy;
use crate::id::{EventId, Subject, TokenId};
use crate::store::{
    Commit, Committed, MemoryStore, Page, Revision, ScanCursor, Store, Stored, StoredEvent, UserHandle,
};
use crate::token::{Algorithm, Claims, Issuer, KeySet, SigningKey, TokenErrorKind};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn event(number: u32) -> StoredEvent {
    let cursor = EventCursor::new(number.to_string()).unwrap();
    let id = EventId::generate(&SystemEntropy).unwrap();
    StoredEvent::new(cursor, Subject::new("alice").unwrap(), id, Timestamp::EPOCH, "{}")
}

/// However many sessions end: what is remembered of them is a place for each second.
#[tokio::test(start_paused = true)]
async fn what_is_read_within_a_second_takes_one_place() {
    let mut reader = Reader::default();
    for number in 0..1_000 {
        reader.read(&event(number), 900);
        advance(Duration::from_micros(999)).await;
    }
    assert_eq!(reader.recent.len(), 1);
    // The first of them was read a second before the last, whose tokens live as long.
    advance(Duration::from_secs(899 + CLOCK_TOLERANCE)).await;
    assert!(reader.take_lapsed().is_none(), "not before its time");
    advance(Duration::from_secs(2)).await;
    assert_eq!(reader.take_lapsed().unwrap().as_str(), "999");
    assert!(reader.recent.is_empty());
}

/// How a call of the store goes: how long it takes until it looks, and then until it answers; or that it fails.
#[derive(Debug, Clone, Copy)]
struct Call {
    looks_after: Duration,
    answers_after: Duration,
    fails: bool,
}

impl Call {
    const HANGS: Self = Self::taking(Duration::from_secs(86_400), Duration::ZERO);

    const fn taking(looks_after: Duration, answers_after: Duration) -> Self {
        Self { looks_after, answers_after, fails: false }
    }
}

/// A store whose calls go by a list, and then as `otherwise`.
#[derive(Clone)]
struct Slow {
    inner: Arc<dyn DynStore>,
    calls: Arc<Mutex<VecDeque<Call>>>,
    otherwise: Call,
}

impl Slow {
    fn new(calls: impl IntoIterator<Item = Call>, otherwise: Call) -> Self {
        let calls = Arc::new(Mutex::new(calls.into_iter().collect()));
        Self { inner: Arc::new(MemoryStore::new()), calls, otherwise }
    }

    async fn go<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let next = self.calls.lock().unwrap().pop_front().unwrap_or(self.otherwise);
        sleep(next.looks_after).await;
        let answer = call.await;
        sleep(next.answers_after).await;
        if next.fails { Err(StoreError::unavailable("told to fail")) } else { answer }
    }

    /// A session ends at another replica.
    async fn end(&self, subject: &Subject, session: SessionId, until: Timestamp) {
        let ended = Ended(vec![(session, until)]).write();
        let event = NewEvent::new(EventId::generate(&SystemEntropy).unwrap(), NOW, "{}").revoking(ended);
        let commit = Commit::new(subject, None, Revision::generate(&SystemEntropy).unwrap(), "{}");
        assert_eq!(self.inner.commit(commit.with_events(&[event])).await.unwrap(), Committed::Done);
    }
}

impl Store for Slow {
    async fn load(&self, _: &Subject) -> Result<Option<Stored>, StoreError> {
        unreachable!("the feed reads no document")
    }

    async fn subject_of(&self, _: &UserHandle) -> Result<Option<Subject>, StoreError> {
        unreachable!("the feed knows no handle")
    }

    async fn commit(&self, _: Commit<'_>) -> Result<Committed, StoreError> {
        unreachable!("the feed writes no document")
    }

    async fn scan(&self, _: Option<&ScanCursor>, _: usize) -> Result<Page<Stored, ScanCursor>, StoreError> {
        unreachable!("the feed looks through no documents")
    }

    async fn count(&self) -> Result<u64, StoreError> {
        unreachable!("the feed counts nothing")
    }

    async fn events(
        &self,
        of: Feed<'_>,
        after: Option<&EventCursor>,
        limit: usize,
    ) -> Result<Page<StoredEvent, EventCursor>, StoreError> {
        self.go(self.inner.events(of, after, limit)).await
    }

    async fn sink(&self, name: &str) -> Result<Option<SinkState>, StoreError> {
        self.go(self.inner.sink(name)).await
    }

    async fn advance(&self, name: &str, expected: Option<&SinkState>, new: &SinkState) -> Result<bool, StoreError> {
        self.go(self.inner.advance(name, expected, new)).await
    }

    async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}

/// The time of day, which has nothing to do with it.
#[derive(Debug)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Ok(NOW)
    }
}

/// Somebody with a token.
struct Person {
    subject: Subject,
    session: SessionId,
    token: String,
}

/// A verifier that hears of a store what has ended.
struct Replica {
    store: Slow,
    issuer: Issuer,
    verifier: Arc<Verifier>,
    begun: Watch,
}

impl Replica {
    fn new(within: Option<Duration>, store: Slow) -> Self {
        let keys = KeySet::new(SigningKey::generate(Algorithm::EdDsa).unwrap());
        let issuer = Issuer::new("https://id.example", "api", keys.clone()).unwrap();
        let verifier = Verifier::new("https://id.example", "api", keys).unwrap();
        let verifier = Arc::new(match within {
            Some(within) => verifier.expect_feed(within).unwrap(),
            None => verifier,
        });
        let feed = RevocationFeed::new(store.clone(), Arc::clone(&verifier), Arc::new(Noon));
        // It ends with the test's runtime.
        drop(tokio::spawn(feed.run(std::future::pending::<()>())));
        Self { store, issuer, verifier, begun: Watch::now() }
    }

    async fn person(&self, name: &str) -> Person {
        let (subject, session) = (Subject::new(name).unwrap(), SessionId::generate(&SystemEntropy).unwrap());
        let proved = assess(&[Evidence::new(Method::Password, NOW)], false).unwrap();
        let id = TokenId::generate(&SystemEntropy).unwrap();
        let claims = Claims::new(&subject, "web", session, id, &proved, NOW..NOW.plus(900));
        let token = self.issuer.issue(&claims).await.unwrap().expose().to_owned();
        Person { subject, session, token }
    }

    /// What it says of somebody's token now.
    fn says(&self, who: &Person) -> Result<(), TokenErrorKind> {
        let said = self.verifier.verify_by(&who.token, NOW, || Watch::now().into_std());
        said.map(drop).map_err(|error| error.kind())
    }

    async fn until(&self, since_begun: Duration) {
        sleep(since_begun.saturating_sub(self.begun.elapsed())).await;
    }
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The store answers once, half a second after it was asked, and hangs from then on: what is known is as of when it was
/// asked. Whose session ends meanwhile is believed until the bound is reached, and nobody is when it is passed.
#[tokio::test(start_paused = true)]
async fn a_feed_is_as_old_as_its_question_and_past_the_bound_nobody_is_believed() {
    for (within, bound) in [(None, 5_000), (Some(1_000), 1_000), (Some(7_300), 7_300)] {
        let half = Call::taking(millis(250), millis(250));
        // The place to begin at; what is new; and then nothing.
        let store = Slow::new([Call::taking(Duration::ZERO, Duration::ZERO), half], Call::HANGS);
        // Tokio's clock stood still while keys were made: ahead of the steady one, it measures what it says.
        advance(Duration::from_secs(60)).await;
        let replica = Replica::new(within.map(millis), store);
        let (alice, bob) = (replica.person("alice").await, replica.person("bob").await);
        replica.until(millis(499)).await;
        assert_eq!(replica.says(&alice), Err(TokenErrorKind::NotKnown), "nothing has been read");
        replica.until(millis(501)).await;
        assert_eq!((replica.says(&alice), replica.says(&bob)), (Ok(()), Ok(())));
        replica.store.end(&alice.subject, alice.session, NOW.plus(900)).await;
        // What is kept is whole milliseconds, and a timer may be one late.
        replica.until(millis(bound - 2)).await;
        assert_eq!((replica.says(&alice), replica.says(&bob)), (Ok(()), Ok(())), "{bound}");
        replica.until(millis(bound + 1)).await;
        let unknown = Err(TokenErrorKind::NotKnown);
        assert_eq!((replica.says(&alice), replica.says(&bob)), (unknown, unknown), "{bound}");
    }
}

/// What a store takes for each call is a tenth of the bound, also where a checkpoint is moved between two reads.
#[tokio::test(start_paused = true)]
async fn while_the_store_answers_in_time_nobody_is_told_that_it_is_not_known() {
    for bound in [1_000, 5_000, 30_000] {
        let call = Call::taking(millis(bound / 20), millis(bound / 20));
        let replica = Replica::new(Some(millis(bound)), Slow::new([], call));
        let (alice, bob) = (replica.person("alice").await, replica.person("bob").await);
        let gone = SessionId::generate(&SystemEntropy).unwrap();
        // Its tokens have lapsed before this is over, so a checkpoint follows.
        replica.store.end(&Subject::new("carol").unwrap(), gone, NOW.plus(1)).await;
        while replica.says(&alice).is_err() {
            sleep(millis(10)).await;
        }
        replica.store.end(&bob.subject, bob.session, NOW.plus(900)).await;
        let (ended, mut is_believed) = (Watch::now(), true);
        while ended.elapsed() < Duration::from_secs(400) {
            assert_eq!(replica.says(&alice), Ok(()), "{bound} after {:?}", ended.elapsed());
            if is_believed {
                is_believed = replica.says(&bob) != Err(TokenErrorKind::Revoked);
                assert!(!is_believed || ended.elapsed() <= millis(bound), "{bound}");
            }
            sleep(millis(bound / 20)).await;
        }
        assert!(replica.store.inner.sink(CHECKPOINT).await.unwrap().is_some(), "it was moved");
    }
}

/// What a seed tells: calls that are quick, slow, time out or fail, and when a session ends.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's multiplier; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).checked_rem(end).unwrap()
    }

    fn call(&mut self, bound: u64) -> Call {
        let longest = [bound / 10, bound / 2, bound, bound.saturating_mul(3)][usize::try_from(self.below(4)).unwrap()];
        let fails = self.below(8) == 0;
        Call { looks_after: millis(self.below(longest)), answers_after: millis(self.below(longest)), fails }
    }
}

/// However the store behaves. The longest that an ended session was believed, over all of it, comes close to the bound.
#[tokio::test(start_paused = true)]
async fn no_ended_session_is_believed_for_longer_than_the_bound() {
    let (mut latest, mut unknown) = (0.0, 0);
    for seed in 0..24 {
        // As above.
        advance(Duration::from_secs(60)).await;
        let mut chance = Chance(seed);
        let bound = [1_000, 2_000, 5_000, 10_000][usize::try_from(seed % 4).unwrap()];
        let calls: Vec<_> = (0..100).map(|_| chance.call(bound)).collect();
        let replica = Replica::new(Some(millis(bound)), Slow::new(calls, Call::HANGS));
        for number in 0..8 {
            let who = replica.person(&format!("person-{number}")).await;
            sleep(millis(chance.below(2 * bound))).await;
            replica.store.end(&who.subject, who.session, NOW.plus(900)).await;
            let ended = Watch::now();
            loop {
                match replica.says(&who) {
                    Ok(()) => latest = f64::max(latest, ended.elapsed().div_duration_f64(millis(bound))),
                    Err(TokenErrorKind::NotKnown) => unknown += 1,
                    Err(kind) => break assert_eq!(kind, TokenErrorKind::Revoked),
                }
                if ended.elapsed() > millis(2 * bound) {
                    break;
                }
                sleep(millis(bound / 40)).await;
            }
        }
    }
    assert!(latest <= 1.0, "{latest} of the bound");
    assert!(latest > 0.9 && unknown > 0, "{latest} of the bound, {unknown} unknown");
}

/// A revocation that arrives while a token is looked at, and the news that all is known by now.
#[test]
fn news_that_come_while_a_token_is_looked_at_do_not_make_it_good() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let replica = Replica::new(None, Slow::new([], Call::HANGS));
        let verifier = &replica.verifier;
        for is_remembered in [false, true] {
            let who = replica.person(&format!("alice-{is_remembered}")).await;
            if is_remembered {
                verifier.caught_up(Watch::now().into_std());
                assert_eq!(replica.says(&who), Ok(()));
            }
            let said = verifier.verify_by(&who.token, NOW, || {
                verifier.revoke_session(&who.subject, &who.session.to_string(), NOW, NOW.plus(900));
                verifier.caught_up(Watch::now().into_std());
                Watch::now().into_std()
            });
            assert_eq!(said.unwrap_err().kind(), TokenErrorKind::Revoked);
        }
    });
}
