//! Four processes, up to sixty-four tasks each, at the same thing.

use tower_mfa::account::EventKind;
use tower_mfa::clock::Timestamp;
use tower_mfa::testing::ManualClock;

use super::engine::{Engine, PENDING, Service};
use super::gated::Stop;
use super::job::{Job, Outcome, Reply, What};
use super::person::{Person, answer, options};
use super::times;
use super::worker::Worker;

const PROCESSES: usize = 4;
const TASKS: u64 = 64;
/// As many as stand in a process's line for one account. What a key has signed is checked before that, and costs much.
const SIGNED: u64 = 16;
/// How many wrong answers there are before the first lock, by default.
const BUDGET: usize = 3;
const START: u64 = 1_800_000_000;
/// As long as the longest lock there is, in seconds, and more.
const NO_LOCK: u64 = 1_830;

/// A store, who prepares, and four who race.
struct Track {
    engine: Engine,
    service: Service,
    workers: Vec<Worker>,
    tasks: u64,
    round: u64,
}

impl Track {
    async fn on(engine: Engine) -> Self {
        let service = engine.open(&ManualClock::at(START)).await;
        let workers = (0..PROCESSES).map(|_| Worker::start(&engine)).collect();
        Self { engine, service, workers, tasks: TASKS, round: 0 }
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

    /// As many challenges as there may be, and in every other round one: there its single use, here that of what
    /// answers it is what lets one in.
    async fn asked(&self, person: &Person, reply: &Reply) -> Vec<What> {
        let mut asked = Vec::new();
        for _ in 0..if self.is_dealt() { PENDING } else { 1 } {
            asked.push(answer(&self.service.asked(person).await, reply.clone()));
        }
        asked
    }

    fn is_dealt(&self) -> bool {
        self.round % 2 == 1
    }

    /// All processes have read the same document before the first of them writes: all but one of these find that
    /// another was faster.
    fn race(&mut self, whats: Vec<What>) -> Vec<Outcome> {
        self.tell(whats, Some(Stop::Before));
        let are_held_up = self.workers.iter_mut().filter_map(|worker| worker.is_held_up().then_some(worker));
        let are_held_up: Vec<_> = are_held_up.collect();
        assert_eq!(are_held_up.len(), PROCESSES, "{}: each of them has something to write", self.engine.url);
        are_held_up.into_iter().for_each(Worker::go_on);
        let (outcomes, conflicts) = self.reports();
        assert!(conflicts >= PROCESSES - 1, "{}: {conflicts} conflicts", self.engine.url);
        outcomes
    }

    /// All try, and what they want is taken already.
    fn come_late(&mut self, whats: Vec<What>) -> Vec<Outcome> {
        self.tell(whats, None);
        self.reports().0
    }

    /// Each process begins with another of what there is to try.
    fn tell(&mut self, mut whats: Vec<What>, stop: Option<Stop>) {
        let at = self.now().as_secs();
        for worker in &mut self.workers {
            worker.tell(&Job { whats: whats.clone(), at, tasks: self.tasks, stop });
            whats.rotate_left(1);
        }
    }

    fn reports(&mut self) -> (Vec<Outcome>, usize) {
        let (mut outcomes, mut conflicts) = (Vec::new(), 0);
        for report in self.workers.iter_mut().map(|worker| worker.report().unwrap()) {
            outcomes.extend(report.outcomes);
            conflicts += report.conflicts;
        }
        (outcomes, conflicts)
    }

    /// Somebody tries it alone.
    fn alone(&mut self, what: What) -> String {
        let job = Job { whats: vec![what], at: self.now().as_secs(), tasks: 1, stop: None };
        self.workers[0].tell(&job);
        self.workers[0].report().unwrap().outcomes.remove(0).said
    }

    async fn count(&self, person: &Person, kind: EventKind) -> usize {
        self.service.events(&person.subject).await.iter().filter(|event| event.kind == kind).count()
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
async fn of_all_who_bring_one_code_one_comes_in_whatever_they_answer_with_it() {
    everywhere("code", async |track| {
        let person = track.person().await;
        let code = person.app.code(track.now());
        let whats = track.asked(&person, &Reply::Totp(code)).await;
        let outcomes = track.race(whats);
        assert_eq!(complete(&outcomes), 1, "{}: {outcomes:?}", track.engine.url);
        assert_eq!(track.count(&person, EventKind::AnswerAccepted).await, 1, "{}", track.engine.url);
        if track.is_dealt() {
            assert!(said(&outcomes, "invalid code") > 0, "{}: it is used up: {outcomes:?}", track.engine.url);
        }
    })
    .await;
}

#[tokio::test]
async fn of_all_who_bring_one_recovery_code_one_comes_in_and_it_is_used_up() {
    everywhere("recovery", async |track| {
        let person = track.person().await;
        let reply = Reply::Recovery(person.recovery_code.clone());
        let whats = track.asked(&person, &reply).await;
        let outcomes = track.race(whats);
        assert_eq!(complete(&outcomes), 1, "{}: {outcomes:?}", track.engine.url);
        assert_eq!(track.count(&person, EventKind::RecoveryCodeUsed).await, 1, "{}", track.engine.url);

        // A lock that the first race has left would refuse them all, whatever they bring.
        track.service.clock.advance(NO_LOCK);
        let whats = track.asked(&person, &reply).await;
        let outcomes = track.race(whats);
        assert_eq!(complete(&outcomes), 0, "{}: {outcomes:?}", track.engine.url);
        assert!(said(&outcomes, "invalid code") > 0, "{}: {outcomes:?}", track.engine.url);
        track.service.clock.advance(NO_LOCK);
        let what = answer(&track.service.asked(&person).await, reply);
        assert_eq!(track.alone(what), "invalid code", "{}", track.engine.url);
    })
    .await;
}

#[tokio::test]
async fn of_all_who_bring_one_assertion_one_comes_in() {
    everywhere("assertion", async |track| {
        let mut person = track.person().await;
        let mut key = track.service.with_passkey(&mut person).await;
        let asked = track.service.asked(&person).await;
        track.tasks = SIGNED;
        let credential = key.assert(options(&asked).as_str(), super::engine::ORIGIN).unwrap();
        let outcomes = track.race(vec![answer(&asked, Reply::WebAuthn(credential))]);
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
        let outcomes = track.race(vec![What::Refresh { token: token.clone() }]);
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
        let wrong = Reply::Totp(person.wrong_code(track.now()));
        let whats = track.asked(&person, &wrong).await;
        let outcomes = track.race(whats);
        let answered = said(&outcomes, "invalid code");
        let counted = track.count(&person, EventKind::AnswerRefused).await;
        assert!(answered <= counted && counted <= BUDGET, "{}: {answered} {counted}", track.engine.url);
        assert!(answered > 0, "{}: {outcomes:?}", track.engine.url);
        let whats = track.asked(&person, &Reply::Totp(person.app.code(track.now()))).await;
        let late = track.come_late(whats);
        assert_eq!(complete(&late), 0, "{}: it is locked: {late:?}", track.engine.url);
        assert!(said(&late, "throttled") > 0, "{}: {late:?}", track.engine.url);
    })
    .await;
}
