//! Who goes on next, by a seed: one call at a time, so that a seed is one story.

use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::AbortHandle;
use tower_mfa::service::Mfa;
use tower_mfa::testing::ManualClock;

use super::invariants;
use super::memory::Memory;
use super::operations::{Attempts, Operation, Told, With, perform};
use super::plant::Plant;
use super::store::{Shared, Verdict, Waiting};
use super::world::{BEGINNING, NAMES, START, replica};

const REPLICAS: usize = 3;
const STEPS: usize = 90;

/// A story that was told, and what is wrong with it.
pub(crate) struct Ran {
    pub(crate) trace: Vec<String>,
    pub(crate) broken: Option<String>,
}

/// Tells a story, and compares it with what was stored and what no commit may take back.
pub(crate) fn run(seed: u64, plant: Plant) -> Ran {
    tell(seed, plant, true)
}

/// The same by what clients were told alone.
pub(crate) fn told(seed: u64, plant: Plant) -> Ran {
    tell(seed, plant, false)
}

fn tell(seed: u64, plant: Plant, by_marks: bool) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut scheduler = Scheduler::new(seed, plant);
        for _ in 0..STEPS {
            scheduler.step().await;
        }
        scheduler.end().await;
        let latest = scheduler.clocks.iter().map(ManualClock::time).max().unwrap();
        if !by_marks {
            scheduler.shared.lock().state.marks = super::marks::Marks::default();
        }
        let clock = ManualClock::at(latest.as_secs());
        let survivor = replica(&scheduler.shared, 0, &clock, u64::MAX);
        let broken = match scheduler.memory.panicked.take() {
            Some(panicked) => Some(panicked),
            None => invariants::broken(&survivor, &clock, &scheduler.shared, &scheduler.memory).await,
        };
        Ran { trace: scheduler.trace, broken }
    })
}

struct Running {
    replica: usize,
    person: usize,
    operation: Operation,
    abort: AbortHandle,
}

/// Operations that have ended, by their numbers.
type Ended = Arc<Mutex<Vec<(u64, Told)>>>;

struct Scheduler {
    random: StdRng,
    plant: Plant,
    shared: Shared,
    clocks: Vec<ManualClock>,
    replicas: Vec<Mfa>,
    started: u64,
    seed: u64,
    running: Vec<(u64, Running)>,
    ended: Ended,
    attempts: Attempts,
    memory: Memory,
    trace: Vec<String>,
}

impl Scheduler {
    fn new(seed: u64, plant: Plant) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let shared = Shared::new(BEGINNING.state.clone(), plant);
        // Clocks are within five minutes of each other.
        let clocks: Vec<_> = (0..REPLICAS).map(|_| ManualClock::at(START + random.random_range(0..60))).collect();
        let replicas = clocks.iter().zip(0..).enumerate();
        let replicas = replicas.map(|(n, (clock, own))| replica(&shared, n, clock, seed << 16 | own)).collect();
        shared.lock().has_begun = true;
        let (running, ended, attempts) = (Vec::new(), Ended::default(), Attempts::default());
        let (memory, trace) = (Memory::default(), Vec::new());
        Self { random, plant, shared, clocks, replicas, started: 16, seed, running, ended, attempts, memory, trace }
    }

    async fn step(&mut self) {
        self.pay();
        match self.random.random_range(0..100) {
            0..30 => self.begin(),
            30..34 => self.crash(),
            34..46 => self.move_clocks(),
            _ => self.let_go(),
        }
        self.settle().await;
    }

    /// Lets all that is left go on to its end.
    async fn end(&mut self) {
        self.settle().await;
        loop {
            while self.pay() {}
            let first = self.shared.lock().waiting.first().map(|waiting| waiting.replica);
            if first.is_none() {
                break;
            }
            let waiting = self.shared.lock().waiting.remove(0);
            self.answer(waiting, 0);
            self.settle().await;
        }
        self.shared.lock().has_begun = false;
    }

    /// Waits until every operation that runs waits for the store, and hears of those that have ended.
    async fn settle(&mut self) {
        loop {
            let ended = std::mem::take(&mut *self.ended.lock().unwrap());
            for (number, told) in ended {
                let at = self.running.iter().position(|(of, _)| *of == number).unwrap();
                let (_, running) = self.running.remove(at);
                self.trace.push(format!("  {} at {}: {}", NAMES[running.person], running.replica, told.name()));
                self.memory.hear(running.person, &told);
            }
            if self.shared.lock().waiting.len() == self.running.len() {
                return;
            }
            self.shared.moved.notified().await;
        }
    }

    fn begin(&mut self) {
        let (at, person) = (self.random.random_range(0..REPLICAS), self.random.random_range(0..NAMES.len()));
        // In one replica one waits behind the other: nothing to interleave.
        if self.running.iter().any(|(_, running)| (running.replica, running.person) == (at, person)) {
            return;
        }
        let operation = self.operation(person);
        self.trace.push(format!("{} at {at}: {}", NAMES[person], shown(&operation)));
        self.started += 1;
        let (number, ended, moved) = (self.started, Arc::clone(&self.ended), Arc::clone(&self.shared.moved));
        let story = self.seed;
        let work = perform(self.replicas[at].clone(), person, operation.clone(), Arc::clone(&self.attempts));
        let task = tokio::spawn(work);
        let abort = task.abort_handle();
        tokio::spawn(async move {
            let told = match task.await {
                Ok(told) => told,
                // It crashed with its replica.
                Err(gone) if gone.is_cancelled() => return,
                Err(panicked) => Told::Panicked(format!("seed {story}: {panicked}")),
            };
            ended.lock().unwrap().push((number, told));
            moved.notify_one();
        });
        self.running.push((number, Running { replica: at, person, operation, abort }));
    }

    fn operation(&mut self, person: usize) -> Operation {
        let own: Vec<_> = self.memory.sessions.iter().filter(|(of, ..)| *of == person).cloned().collect();
        let session = (!own.is_empty()).then(|| own[self.random.random_range(0..own.len())].clone());
        match (self.random.random_range(0..100), session, self.memory.last_step[person]) {
            (0..8, Some((_, _, refresh)), _) => Operation::Refresh(refresh),
            (8..14, Some((_, access, _)), _) => Operation::LogOut(access),
            (14..17, ..) => Operation::Unlock,
            (17..20, ..) => Operation::SignIn(With::Recovery(self.random.random_range(0..2))),
            (20..28, ..) => Operation::SignIn(With::Key),
            (28..36, ..) if let Some(number) = self.latest_attempt(person) => Operation::SendAgain(number),
            (36..44, _, Some(step)) => Operation::SignIn(With::Again(step)),
            (44..62, ..) => Operation::SignIn(With::Wrong),
            _ => Operation::SignIn(With::Right),
        }
    }

    fn latest_attempt(&self, person: usize) -> Option<usize> {
        self.attempts.lock().unwrap().iter().rposition(|attempt| attempt.person == person)
    }

    /// Lets one of those that wait go on, in one way or another.
    fn let_go(&mut self) {
        let count = self.shared.lock().waiting.len();
        if count == 0 {
            return self.begin();
        }
        let (at, how) = (self.random.random_range(0..count), self.random.random_range(0..100));
        let waiting = self.shared.lock().waiting.remove(at);
        self.answer(waiting, how);
    }

    fn answer(&mut self, waiting: Waiting, how: u32) {
        let Waiting { replica, what, write, go } = waiting;
        let (verdict, shown) = match (how, write) {
            (0..88, None) => (Verdict::Go(None), "goes on".to_owned()),
            (0..88, Some(write)) => {
                let mut inner = self.shared.lock();
                let committed = if self.plant == Plant::AnswersBeforeItWrites {
                    inner.owed.push((replica, write));
                    tower_mfa::store::Committed::Done
                } else {
                    inner.state.apply(&write, self.plant)
                };
                (Verdict::Go(Some(committed)), format!("{committed:?}"))
            }
            (88..94, Some(write)) => {
                let committed = self.shared.lock().state.apply(&write, self.plant.unheard());
                (Verdict::AnswerLost, format!("{committed:?}, and the answer is lost"))
            }
            _ => (Verdict::Failed, "fails".to_owned()),
        };
        self.trace.push(format!("  {what} of {replica} {shown}"));
        drop(go.send(verdict));
    }

    /// Writes what was answered before it was written, where that is planted.
    fn pay(&mut self) -> bool {
        let mut inner = self.shared.lock();
        if inner.owed.is_empty() {
            return false;
        }
        let (_, write) = inner.owed.remove(0);
        let plant = self.plant;
        let _ = inner.state.apply(&write, plant);
        true
    }

    fn crash(&mut self) {
        let at = self.random.random_range(0..REPLICAS);
        let waiting = std::mem::take(&mut self.shared.lock().waiting);
        let (gone, others) = waiting.into_iter().partition::<Vec<_>, _>(|waiting| waiting.replica == at);
        self.shared.lock().waiting = others;
        let mut reached = 0;
        for waiting in gone {
            // What was sent may arrive, though nobody waits for it any more.
            if let Some(write) = waiting.write.filter(|_| self.random.random()) {
                reached += u32::from(
                    self.shared.lock().state.apply(&write, self.plant.unheard()) == tower_mfa::store::Committed::Done,
                );
            }
        }
        self.shared.lock().owed.retain(|(of, _)| *of != at);
        let (dead, running) =
            std::mem::take(&mut self.running).into_iter().partition::<Vec<_>, _>(|(_, r)| r.replica == at);
        self.running = running;
        for (_, dead) in &dead {
            dead.abort.abort();
            self.memory.lose(dead.person, &dead.operation);
        }
        self.trace.push(format!("{at} crashes with {} in hand, {reached} of them written", dead.len()));
        self.started += 1;
        self.replicas[at] = replica(&self.shared, at, &self.clocks[at], self.seed << 16 | self.started);
    }

    /// Time goes on for all; one clock is set right or wrong now and then.
    fn move_clocks(&mut self) {
        let secs = self.random.random_range(1..45);
        self.clocks.iter().for_each(|clock| clock.advance(secs));
        let at = self.random.random_range(0..REPLICAS);
        let odd = match self.random.random_range(0..10) {
            0 => self.random.random_range(0..60),
            _ => 0,
        };
        let latest = self.clocks.iter().map(|clock| clock.time().as_secs()).max().unwrap();
        let own = self.clocks[at].time().as_secs();
        // Never five minutes behind the one that is furthest.
        if odd > 0 && latest - own + odd < 240 {
            self.clocks[at].go_back(odd);
        } else {
            self.clocks[at].advance(odd);
        }
        self.trace.push(format!("{secs} seconds pass, {at} is {odd} off"));
    }
}

fn shown(operation: &Operation) -> String {
    match operation {
        Operation::SignIn(with) => format!("signs in, {with:?}"),
        Operation::SendAgain(number) => format!("sends the answer {number} again"),
        Operation::Refresh(_) => "refreshes".to_owned(),
        Operation::LogOut(_) => "logs out".to_owned(),
        Operation::Unlock => "is unlocked".to_owned(),
    }
}
