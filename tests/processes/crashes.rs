//! A process that is killed while it serves, and a client that remembers every answer it got.

use rand::{Rng as _, RngExt as _, SeedableRng as _};
use tower_mfa::account::{Event, EventKind};
use tower_mfa::testing::ManualClock;

use super::engine::{Engine, Service};
use super::gated::Stop;
use super::job::{Job, Outcome, Reply};
use super::memory::{Asked, Fate, Kill, Kills, Memory};
use super::person::{Person, answer};
use super::times;
use super::worker::Worker;

const START: u64 = 1_800_000_000;
/// As long as the longest lock there is, in seconds, and more. It brings a new code, too.
const NO_LOCK: u64 = 1_830;
/// So many kills on, somebody else signs in: whose events are read again and again shall not be thousands.
const KILLS_EACH: usize = 20;

struct Client<'a> {
    engine: &'a Engine,
    service: &'a Service,
    person: Person,
    memory: Memory,
}

impl Client<'_> {
    fn code(&self, asked: Asked) -> String {
        let now = self.service.clock.time();
        if asked == Asked::Wrong { self.person.wrong_code(now) } else { self.person.app.code(now) }
    }

    fn wait(&mut self) {
        self.service.clock.advance(NO_LOCK);
        self.memory.wait();
    }

    /// Answers a challenge of its own.
    async fn tell(&self, worker: &mut Worker, asked: Asked, stop: Option<Stop>) {
        let what = answer(&self.service.asked(&self.person).await, Reply::Totp(self.code(asked)));
        worker.tell(&Job { whats: vec![what], at: self.service.clock.time().as_secs(), tasks: 1, stop });
    }

    async fn tried(&self, worker: &mut Worker, asked: Asked) -> Outcome {
        self.tell(worker, asked, None).await;
        worker.report().unwrap().outcomes.remove(0)
    }

    async fn ask(&mut self, worker: &mut Worker, asked: Asked) {
        let outcome = self.tried(worker, asked).await;
        self.memory.hear(asked, &outcome.said);
    }

    /// All events, when the chain says that these are all. What a server was sent before its client was killed it still
    /// does: that may come between two readings, and no third one is without it.
    async fn settled(&self) -> Vec<Event> {
        for _ in 0..100 {
            let events = self.service.events(&self.person.subject).await;
            let chain = self.service.mfa.verify_chain(&self.person.subject).await.unwrap();
            if chain.last == u64::try_from(events.len()).unwrap() {
                return events;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{}: the chain and the events do not come together", self.engine.url);
    }

    async fn count(&self, kind: EventKind) -> usize {
        self.settled().await.iter().filter(|event| event.kind == kind).count()
    }

    /// Asks one thing of a process that is killed meanwhile, and the one after it what became of that.
    async fn cut(&mut self, mut worker: Worker, asked: Asked, kill: Kill) -> (Fate, Worker) {
        match kill {
            Kill::At(stop) => {
                self.tell(&mut worker, asked, Some(stop)).await;
                assert!(worker.is_held_up(), "{}: {asked:?} has something to write", self.engine.url);
            }
            Kill::After(after) => {
                self.tell(&mut worker, asked, None).await;
                std::thread::sleep(after);
            }
        }
        worker.kill();
        let told = worker.report();
        let mut next = Worker::start(self.engine);
        let fate = match (told, asked) {
            (Some(report), _) => {
                self.memory.hear(asked, &report.outcomes[0].said);
                if asked == Asked::Right {
                    self.ask(&mut next, Asked::UsedUp).await;
                }
                Fate::Told
            }
            (None, Asked::Wrong) => self.is_counted_if_it_is_there(&mut next).await,
            (None, _) => self.lets_in_if_it_is_not_there(&mut next).await,
        };
        (fate, next)
    }

    /// A right code of which nothing was told is used up if it was accepted, and good if it was not.
    async fn lets_in_if_it_is_not_there(&mut self, next: &mut Worker) -> Fate {
        let is_there = self.count(EventKind::AnswerAccepted).await > self.memory.accepted;
        let outcome = self.tried(next, Asked::Right).await;
        if outcome.is_complete() {
            assert!(!is_there, "{}: one code has let in two", self.engine.url);
            self.memory.accept();
            return Fate::Lost;
        }
        // Then it is there by now, which compare() looks at.
        self.memory.accept();
        self.memory.hear(Asked::UsedUp, &outcome.said);
        Fate::Written
    }

    /// A wrong code of which nothing was told counts if it is there. It is, or never will be, when another was counted:
    /// there can be but one commit on what was there before.
    async fn is_counted_if_it_is_there(&mut self, next: &mut Worker) -> Fate {
        let outcome = self.tried(next, Asked::Wrong).await;
        let is_locked = outcome.said == "throttled";
        if !is_locked {
            self.memory.hear(Asked::Wrong, &outcome.said);
        }
        let is_there = self.count(EventKind::AnswerRefused).await > self.memory.refused;
        if is_there {
            self.memory.refuse();
        }
        assert!(!is_locked || self.memory.is_locked(), "{}: {:?}", self.engine.url, self.memory);
        if is_there { Fate::Written } else { Fate::Lost }
    }

    /// No failure that was counted is gone: as many more as the policy says are heard, and the lock that follows keeps
    /// out whoever has the right code, for as long as the policy says.
    async fn is_locked_in_time(&mut self, worker: &mut Worker) {
        while !self.memory.is_locked() {
            self.ask(worker, Asked::Wrong).await;
        }
        let outcome = self.tried(worker, Asked::Right).await;
        let wanted = ("throttled", Some(self.memory.lock()));
        assert_eq!((&*outcome.said, outcome.wait), wanted, "{}: {:?}", self.engine.url, self.memory);
    }

    /// What is stored is what was answered, and what was found out besides.
    async fn compare(&self) {
        let events = self.settled().await;
        let count = |kind| events.iter().filter(|event| event.kind == kind).count();
        let found = [EventKind::AnswerAccepted, EventKind::AnswerRefused, EventKind::Locked].map(count);
        let memory = &self.memory;
        assert_eq!(found, [memory.accepted, memory.refused, memory.locked], "{}: {memory:?}", self.engine.url);
        let mut ids: Vec<_> = events.iter().map(|event| event.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), events.len(), "{}: none twice", self.engine.url);
    }

    async fn round(&mut self, mut worker: Worker, kills: &mut Kills) -> Worker {
        let mut random = rand::rngs::StdRng::seed_from_u64(rand::rng().next_u64());
        for _ in 0..random.random_range(0..3) {
            self.wait();
            self.ask(&mut worker, if random.random() { Asked::Right } else { Asked::Wrong }).await;
        }
        self.wait();
        for _ in 0..random.random_range(0..3) {
            self.ask(&mut worker, Asked::Wrong).await;
        }
        let (asked, kill) = kills.next(&mut random);
        let (fate, mut worker) = self.cut(worker, asked, kill).await;
        kills.learn(kill, fate);
        self.is_locked_in_time(&mut worker).await;
        self.compare().await;
        worker
    }
}

/// Rows: N63B-3.1.4.2-c
#[tokio::test]
async fn what_was_answered_outlives_whoever_answered() {
    let times = times("PROCESSES_KILLS", 5).max(Kills::FEWEST);
    for engine in Engine::all("crashes") {
        let service = engine.open(&ManualClock::at(START)).await;
        let (mut worker, mut kills) = (Worker::start(&engine), Kills::new());
        while kills.so_far() < times {
            let person = service.enrolled(&format!("person-{}", kills.so_far())).await;
            let mut client = Client { engine: &engine, service: &service, person, memory: Memory::default() };
            for _ in kills.so_far()..times.min(kills.so_far() + KILLS_EACH) {
                worker = client.round(worker, &mut kills).await;
            }
        }
        assert!(kills.have_cut_off_both(), "{}: {kills:?}", engine.url);
        eprintln!("{}: {kills:?}", engine.url);
    }
}
