//! Who goes on next, by a seed: one call at a time, so that a seed is one story.

mod choice;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::task::AbortHandle;
use tower_mfa::service::Mfa;
use tower_mfa::testing::ManualClock;

use super::call::{Call, Door};
use super::caller::Caller;
use super::clocks::{Clocks, REPLICAS};
use super::counts::Counts;
use super::invariants;
use super::memory::{Memory, Start};
use super::operations::{Hands, Operation};
use super::plant::Plant;
use super::reasons;
use super::store::{Shared, Verdict, Waiting};
use super::told::Told;
use super::world::{BEGINNING, HARD_LIMIT, NAMES, replica};
use choice::shown;

const STEPS: usize = 64;
/// How many requests of one person are on their way in one replica.
const OVERLAPPING: usize = 3;
/// And how many of all, anywhere.
const AT_ONCE: usize = 7;

/// In how many stories one is of somebody who guesses.
pub(crate) const GUESSED: u64 = 4;
/// How many wrong answers one after the other disable for good in those.
const LOW_LIMIT: u32 = 4;

/// A story that was told, and what is wrong with it.
pub(crate) struct Ran {
    pub(crate) trace: Vec<String>,
    pub(crate) broken: Option<String>,
    pub(crate) counts: Counts,
}

/// What a story is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// To all that there is.
    All,
    /// To all but that what is told of a commit is what it changes.
    AllButTrail,
    /// To what clients were told, and that that is stored.
    Told,
}

/// Tells a story, and compares it with what was stored and what no commit may take back.
pub(crate) fn run(seed: u64, plant: Plant, by: By) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut scheduler = Scheduler::new(seed, plant);
        scheduler.shared.lock().state.marks.ignores_trail = by != By::All;
        for _ in 0..STEPS {
            scheduler.step().await;
        }
        scheduler.end().await;
        if by == By::Told {
            scheduler.shared.lock().state.marks = super::marks::Marks::default();
        }
        scheduler.memory.count(&mut scheduler.counts);
        scheduler.shared.lock().count(&mut scheduler.counts);
        let clock = ManualClock::at(scheduler.clocks.latest());
        let survivor = replica(&scheduler.shared, 0, &clock, u64::MAX, HARD_LIMIT);
        let hands = std::mem::take(&mut *scheduler.hands.lock().unwrap());
        let broken = invariants::broken(&survivor, &clock, &scheduler.shared, &scheduler.memory, &hands).await;
        Ran { trace: scheduler.trace, broken, counts: scheduler.counts }
    })
}

struct Running {
    replica: usize,
    person: usize,
    start: Start,
    /// Its newest call.
    call: Arc<Mutex<Call>>,
    abort: AbortHandle,
}

/// Operations that have ended, by their numbers.
type Ended = Arc<Mutex<Vec<(u64, Told)>>>;

struct Scheduler {
    random: StdRng,
    plant: Plant,
    shared: Shared,
    clocks: Clocks,
    replicas: Vec<Mfa>,
    started: u64,
    seed: u64,
    /// How many wrong answers one after the other disable for good.
    limit: u32,
    running: Vec<(u64, Running)>,
    ended: Ended,
    hands: Arc<Mutex<Hands>>,
    memory: Memory,
    trace: Vec<String>,
    counts: Counts,
}

impl Scheduler {
    fn new(seed: u64, plant: Plant) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let shared = Shared::new(BEGINNING.state.clone(), plant);
        let clocks = Clocks::new(&mut random);
        let limit = if Self::is_guessed(seed) { LOW_LIMIT } else { HARD_LIMIT };
        shared.lock().state.marks.budgets.hard_limit = usize::try_from(limit).unwrap();
        let replicas =
            (0..REPLICAS).zip(0..).map(|(n, own)| replica(&shared, n, clocks.of(n), seed << 16 | own, limit));
        let replicas = replicas.collect();
        shared.lock().has_begun = true;
        let (running, ended, hands) = (Vec::new(), Ended::default(), Arc::default());
        let (memory, trace, counts, started) = (Memory::default(), Vec::new(), Counts::default(), 16);
        Self {
            random,
            plant,
            shared,
            clocks,
            replicas,
            started,
            seed,
            limit,
            running,
            ended,
            hands,
            memory,
            trace,
            counts,
        }
    }

    const fn is_guessed(seed: u64) -> bool {
        seed.is_multiple_of(GUESSED)
    }

    async fn step(&mut self) {
        self.pay();
        match self.random.random_range(0..100) {
            0..30 => self.begin(),
            30..34 => self.crash(),
            34..36 => self.hang_up(),
            36..48 => self.trace.push(self.clocks.go_on(&mut self.random)),
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
        for (_, stuck) in &self.running {
            self.memory.broken = Some(format!("an operation of {} never ends", NAMES[stuck.person]));
        }
        self.clocks.set_right();
        self.shared.lock().has_begun = false;
    }

    /// Waits until every operation waits for the store, or for another one, and hears of those that have ended.
    async fn settle(&mut self) {
        // The time of the runtime goes on when nothing else can.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let ended = std::mem::take(&mut *self.ended.lock().unwrap());
        for (number, told) in ended {
            let at = self.running.iter().position(|(of, _)| *of == number).unwrap();
            let (_, running) = self.running.remove(at);
            self.trace.push(format!("  {} at {}: {}", NAMES[running.person], running.replica, told.name()));
            let call = running.call.lock().unwrap().clone();
            self.weigh(&running, &call, &told);
            self.memory.hear(running.person, &running.start, &call, &told);
        }
    }

    /// Asks why somebody was told so, where that needs a reason.
    fn weigh(&mut self, running: &Running, call: &Call, told: &Told) {
        let mut inner = self.shared.lock();
        if matches!(told, Told::Unavailable) {
            // Its replica believes no more what was issued before: nobody knows what has ended.
            inner.doubts.insert((running.replica, running.person));
        }
        let seen = inner.seen(call).clone();
        if let Some(broken) = reasons::missing(call, &seen, &inner.state.marks, told) {
            self.memory.break_with(broken);
        }
        self.counts.told(told, &running.start);
    }

    fn begin(&mut self) {
        let (at, person) = (self.random.random_range(0..REPLICAS), self.random.random_range(0..NAMES.len()));
        let overlapping = self.running.iter().filter(|(_, of)| (of.replica, of.person) == (at, person)).count();
        if overlapping == OVERLAPPING || self.running.len() == AT_ONCE {
            return;
        }
        let operation = self.operation(person);
        // An operator looks at the clock first.
        let at = match operation {
            Operation::Order(_) => self.clocks.right_one(at),
            _ => at,
        };
        self.trace.push(format!("{} at {at}: {}", NAMES[person], shown(&operation)));
        let start = self.memory.start(&operation, &self.hands.lock().unwrap());
        self.started += 1;
        let (number, story, ended) = (self.started, self.seed, Arc::clone(&self.ended));
        // No operation makes as many calls.
        let call = Arc::new(Mutex::new(Call { number: number << 4, door: Door::Begin, sid: None }));
        let (phone, hands, shared) = (self.clocks.phone(at), Arc::clone(&self.hands), self.shared.clone());
        let (mfa, replica) = (self.replicas[at].clone(), at);
        let caller = Caller { mfa, shared, replica, phone, hands, person, call: Arc::clone(&call) };
        let task = tokio::spawn(caller.perform(operation));
        let abort = task.abort_handle();
        tokio::spawn(async move {
            let told = match task.await {
                Ok(told) => told,
                // It crashed with its replica.
                Err(gone) if gone.is_cancelled() => return,
                Err(panicked) => Told::Broken(format!("seed {story}: {panicked}")),
            };
            ended.lock().unwrap().push((number, told));
        });
        self.running.push((number, Running { replica: at, person, start, call, abort }));
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
                self.counts.add("answers of the store lost");
                let committed = self.shared.lock().state.apply(&write, self.plant.unheard());
                (Verdict::AnswerLost, format!("{committed:?}, and the answer is lost"))
            }
            _ => {
                self.counts.add("calls to the store failed");
                (Verdict::Failed, "fails".to_owned())
            }
        };
        self.trace.push(format!("  {what} of {replica} {shown}"));
        drop(go.send(verdict));
    }

    /// Whoever waits for one of the answers waits no longer; what was begun goes on without him.
    fn hang_up(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let at = self.random.random_range(0..self.running.len());
        let (_, gone) = self.running.remove(at);
        gone.abort.abort();
        self.counts.add("clients that hung up");
        self.trace.push(format!("  {} at {} hangs up", NAMES[gone.person], gone.replica));
        self.shared.lock().doubts.insert((gone.replica, gone.person));
        self.memory.lose(gone.person, &gone.start, &gone.call.lock().unwrap());
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
            self.counts.add(if waiting.write.is_some() {
                "crashes with a write in hand"
            } else {
                "crashes while reading"
            });
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
            self.memory.lose(dead.person, &dead.start, &dead.call.lock().unwrap());
        }
        self.trace.push(format!("{at} crashes with {} in hand, {reached} of them written", dead.len()));
        // What it believed no more, it is not asked again.
        self.shared.lock().doubts.retain(|(of, _)| *of != at);
        self.started += 1;
        let entropy = self.seed << 16 | self.started;
        self.replicas[at] = replica(&self.shared, at, self.clocks.of(at), entropy, self.limit);
    }
}
