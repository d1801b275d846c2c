//! Four processes, sixty-four tasks each, at the same thing.

use tower_mfa::account::EventKind;
use tower_mfa::clock::Timestamp;
use tower_mfa::testing::ManualClock;

use super::engine::{Engine, Service};
use super::job::{Job, Outcome, Reply, What};
use super::person::{Person, answer, options};
use super::times;
use super::worker::Worker;

const PROCESSES: usize = 4;
const TASKS: u64 = 64;
/// How many wrong answers there are before the first lock, by default.
const BUDGET: usize = 3;
const START: u64 = 1_800_000_000;

/// A store, who prepares, and four who race.
struct Track {
    engine: Engine,
    service: Service,
    workers: Vec<Worker>,
    round: u64,
}

impl Track {
    async fn on(engine: Engine) -> Self {
        let service = engine.open(&ManualClock::at(START)).await;
        let workers = (0..PROCESSES).map(|_| Worker::start(&engine)).collect();
        Self { engine, service, workers, round: 0 }
    }

    /// A person of this round alone, whose app has a code that was not used yet.
    async fn person(&mut self) -> Person {
        self.round += 1;
        let person = self.service.enrolled(&format!("person-{}", self.round)).await;
        self.service.clock.advance(60);
        person
    }

    fn now(&self) -> Timestamp {
        self.service.clock.time()
    }

    fn race(&mut self, what: What) -> Vec<Outcome> {
        let job = Job { what, at: self.now().as_secs(), tasks: TASKS };
        self.workers.iter_mut().for_each(|worker| worker.tell(&job));
        self.workers.iter_mut().flat_map(|worker| worker.outcomes().unwrap()).collect()
    }
}

fn complete(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.is_complete()).count()
}

fn said(outcomes: &[Outcome], what: &str) -> usize {
    outcomes.iter().filter(|outcome| outcome.said == what).count()
}

/// Runs a race on every engine that is there.
async fn everywhere(test: &str, race: impl AsyncFn(&mut Track)) {
    for engine in Engine::all(test) {
        let mut track = Track::on(engine).await;
        for _ in 0..times("PROCESSES_ROUNDS", 2) {
            race(&mut track).await;
        }
        drop(track.workers);
        drop(track.engine);
    }
}

#[tokio::test]
async fn of_all_who_bring_one_code_one_comes_in() {
    everywhere("code", async |track| {
        let person = track.person().await;
        let asked = track.service.asked(&person).await;
        let code = person.app.code(track.now());
        let outcomes = track.race(answer(&asked, Reply::Totp(code)));
        assert_eq!(complete(&outcomes), 1, "{}: {outcomes:?}", track.engine.url);
        let done = track.service.events(&person.subject).await;
        let done = done.iter().filter(|event| event.kind == EventKind::AnswerAccepted).count();
        assert_eq!(done, 1, "{}", track.engine.url);
    })
    .await;
}

#[tokio::test]
async fn of_all_who_bring_one_recovery_code_one_comes_in_and_it_is_used_up() {
    everywhere("recovery", async |track| {
        let person = track.person().await;
        let asked = track.service.asked(&person).await;
        let outcomes = track.race(answer(&asked, Reply::Recovery(person.recovery_code.clone())));
        assert_eq!(complete(&outcomes), 1, "{}: {outcomes:?}", track.engine.url);
        let again = track.service.asked(&person).await;
        let outcomes = track.race(answer(&again, Reply::Recovery(person.recovery_code.clone())));
        assert_eq!(complete(&outcomes), 0, "{}: {outcomes:?}", track.engine.url);
    })
    .await;
}

#[tokio::test]
async fn of_all_who_bring_one_assertion_one_comes_in() {
    everywhere("assertion", async |track| {
        let mut person = track.person().await;
        let mut key = track.service.with_passkey(&mut person).await;
        let asked = track.service.asked(&person).await;
        let credential = key.assert(options(&asked).as_str(), super::engine::ORIGIN).unwrap();
        let outcomes = track.race(answer(&asked, Reply::WebAuthn(credential)));
        assert_eq!(complete(&outcomes), 1, "{}: {outcomes:?}", track.engine.url);
    })
    .await;
}

/// All who ask get the same new one, or none: one generation is consumed.
#[tokio::test]
async fn of_all_who_bring_one_refresh_token_each_gets_the_same_next_one() {
    everywhere("refresh", async |track| {
        let person = track.person().await;
        let token = person.tokens.refresh_token().unwrap().expose().to_owned();
        let outcomes = track.race(What::Refresh { token: token.clone() });
        let mut next: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.refresh_token.clone()).collect();
        assert!(!next.is_empty(), "{}: {outcomes:?}", track.engine.url);
        next.sort();
        next.dedup();
        assert_eq!(next.len(), 1, "{}", track.engine.url);
        assert_ne!(next[0], token);
        assert_eq!(said(&outcomes, "invalid token"), 0, "nobody's session is taken for stolen");
    })
    .await;
}

/// Answered ≤ counted ≤ budget.
#[tokio::test]
async fn of_all_who_guess_no_more_are_heard_than_the_budget_allows_and_each_is_counted() {
    everywhere("guesses", async |track| {
        let person = track.person().await;
        let asked = track.service.asked(&person).await;
        let right = person.app.code(track.now());
        let wrong = if right == "000000" { "111111" } else { "000000" };
        let outcomes = track.race(answer(&asked, Reply::Totp(wrong.to_owned())));
        let answered = said(&outcomes, "invalid code");
        let events = track.service.events(&person.subject).await;
        let counted = events.iter().filter(|event| event.kind == EventKind::AnswerRefused).count();
        assert!(answered <= counted && counted <= BUDGET, "{}: {answered} {counted}", track.engine.url);
        assert!(answered > 0, "{}: {outcomes:?}", track.engine.url);
        let late = track.race(answer(&asked, Reply::Totp(right)));
        assert_eq!(complete(&late), 0, "{}: it is locked: {late:?}", track.engine.url);
    })
    .await;
}
