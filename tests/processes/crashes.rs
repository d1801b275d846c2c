//! A process that is killed while it serves, and a client that remembers every answer it got.

use std::time::Duration;

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tower_mfa::account::{Event, EventKind};
use tower_mfa::testing::ManualClock;

use super::engine::{Engine, Service};
use super::job::{Job, Outcome, Reply};
use super::person::{Person, answer};
use super::times;
use super::worker::Worker;

const START: u64 = 1_800_000_000;
/// Somewhere within this long after it was asked something the process is killed.
const WITHIN: Duration = Duration::from_millis(8);

/// What the client was told, and what it asked and was told nothing of.
#[derive(Debug, Default)]
struct Memory {
    accepted: usize,
    refused: usize,
    unknown: Vec<Asked>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Right,
    Wrong,
}

impl Memory {
    fn hear(&mut self, asked: Asked, outcome: Option<&Outcome>) {
        match outcome.map(|outcome| &*outcome.said) {
            Some("complete") => self.accepted += 1,
            Some("invalid code") => self.refused += 1,
            Some(other) => panic!("{asked:?}: {other}"),
            None => self.unknown.push(asked),
        }
    }

    /// How many there must be, and how many there may be.
    fn bounds(&self, heard: usize, of: Asked) -> std::ops::RangeInclusive<usize> {
        heard..=heard + self.unknown.iter().filter(|asked| **asked == of).count()
    }
}

struct Client {
    service: Service,
    person: Person,
    memory: Memory,
}

impl Client {
    /// Asks one thing; the process may be killed meanwhile.
    async fn ask(&mut self, worker: &mut Worker, asked: Asked, kill_after: Option<Duration>) {
        // Half a minute brings a new code, and a quarter of an hour ends every lock of the tries before.
        self.service.clock.advance(1_830);
        let (challenge, now) = (self.service.asked(&self.person).await, self.service.clock.time());
        let right = self.person.app.code(now);
        let code = match asked {
            Asked::Right => right.clone(),
            Asked::Wrong => if right == "000000" { "111111" } else { "000000" }.to_owned(),
        };
        let job = Job { what: answer(&challenge, Reply::Totp(code)), at: now.as_secs(), tasks: 1 };
        worker.tell(&job);
        if let Some(after) = kill_after {
            std::thread::sleep(after);
            worker.kill();
        }
        let outcomes = worker.outcomes();
        self.memory.hear(asked, outcomes.as_ref().and_then(|outcomes| outcomes.first()));
        if asked == Asked::Right {
            self.is_used_up_if_accepted(outcomes.is_some(), right, worker, kill_after.is_some()).await;
        }
    }

    /// A code that was accepted is not accepted again, by whoever serves next.
    async fn is_used_up_if_accepted(&mut self, accepted: bool, code: String, worker: &mut Worker, is_dead: bool) {
        if !accepted {
            return;
        }
        let again = self.service.asked(&self.person).await;
        if is_dead {
            let reply = tower_mfa::service::Reply::totp(code);
            let responder = tower_mfa::service::Responder::Token(&again.token);
            assert!(self.service.mfa.answer(responder, again.id, reply).await.is_err());
        } else {
            let at = self.service.clock.time().as_secs();
            worker.tell(&Job { what: answer(&again, Reply::Totp(code)), at, tasks: 1 });
            assert_eq!(worker.outcomes().unwrap()[0].said, "invalid code");
        }
        self.memory.refused += 1;
    }

    /// All events, when the chain says that these are all. What a server was sent before its client was killed it still
    /// does: that may come between two readings, and no third one is without it.
    async fn settled(&self, url: &str) -> Vec<Event> {
        for _ in 0..100 {
            let events = self.service.events(&self.person.subject).await;
            let chain = self.service.mfa.verify_chain(&self.person.subject).await.unwrap();
            if chain.last == u64::try_from(events.len()).unwrap() {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{url}: the chain and the events do not come together");
    }

    /// What is stored is what was answered, and at most what was asked besides.
    async fn compare(&self, url: &str) {
        let events = self.settled(url).await;
        let count = |kind| events.iter().filter(|event| event.kind == kind).count();
        let (memory, accepted) = (&self.memory, count(EventKind::AnswerAccepted));
        assert!(memory.bounds(memory.accepted, Asked::Right).contains(&accepted), "{url}: {accepted} {memory:?}");
        let refused = count(EventKind::AnswerRefused);
        assert!(memory.bounds(memory.refused, Asked::Wrong).contains(&refused), "{url}: {refused} {memory:?}");
        let mut ids: Vec<_> = events.iter().map(|event| event.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), events.len(), "{url}: none twice");
    }
}

/// Rows: N63B-3.1.4.2-c
#[tokio::test]
async fn what_was_answered_outlives_whoever_answered() {
    let mut random = rand::rngs::StdRng::seed_from_u64(rand::rng().next_u64());
    for engine in Engine::all("crashes") {
        let service = engine.open(&ManualClock::at(START)).await;
        let person = service.enrolled("alice").await;
        let mut client = Client { service, person, memory: Memory::default() };
        for _ in 0..times("PROCESSES_KILLS", 5) {
            let mut worker = Worker::start(&engine);
            for _ in 0..random.random_range(0..3) {
                client.ask(&mut worker, if random.random() { Asked::Right } else { Asked::Wrong }, None).await;
            }
            let after = WITHIN.mul_f64(random.random());
            client.ask(&mut worker, if random.random() { Asked::Right } else { Asked::Wrong }, Some(after)).await;
            client.compare(&engine.url).await;
        }
        let memory = &client.memory;
        eprintln!(
            "{}: {} accepted, {} refused, {} cut off",
            engine.url,
            memory.accepted,
            memory.refused,
            memory.unknown.len()
        );
    }
}
