//! The clocks of the replicas: within five minutes of each other, but for one that jumps now and then.

use rand::RngExt as _;
use rand::rngs::StdRng;
use tower_mfa::testing::ManualClock;

use super::world::START;

pub(crate) const REPLICAS: usize = 3;
/// In seconds.
pub(crate) const JUMP_AT_MOST: u64 = 4_000;

pub(crate) struct Clocks {
    all: Vec<ManualClock>,
    /// What phones go by that are used there: none of them jumps.
    phones: Vec<ManualClock>,
    /// Who has jumped, by how far, and whether ahead.
    jumped: Option<(usize, u64, bool)>,
    /// Whether anybody has, ever.
    has_jumped: bool,
}

impl Clocks {
    pub(crate) fn new(random: &mut StdRng) -> Self {
        let begin: Vec<_> = (0..REPLICAS).map(|_| START + random.random_range(0..60)).collect();
        let [all, phones] = [(); 2].map(|()| begin.iter().map(|at| ManualClock::at(*at)).collect());
        Self { all, phones, jumped: None, has_jumped: false }
    }

    pub(crate) fn of(&self, replica: usize) -> &ManualClock {
        &self.all[replica]
    }

    pub(crate) const fn have_jumped(&self) -> bool {
        self.has_jumped
    }

    /// The first from `replica` on whose clock has not jumped.
    pub(crate) fn right_one(&self, replica: usize) -> usize {
        let jumped = self.jumped.map(|(of, ..)| of);
        (replica..).map(|at| at % REPLICAS).find(|at| Some(*at) != jumped).unwrap()
    }

    pub(crate) fn phone(&self, replica: usize) -> ManualClock {
        self.phones[replica].clone()
    }

    /// The latest time that was right anywhere.
    pub(crate) fn latest(&self) -> u64 {
        self.phones.iter().map(|clock| clock.time().as_secs()).max().unwrap()
    }

    /// Time goes on for all; one clock is set right or wrong now and then, and jumps seldom.
    pub(crate) fn go_on(&mut self, random: &mut StdRng) -> String {
        let secs = random.random_range(1..45);
        self.all.iter().chain(&self.phones).for_each(|clock| clock.advance(secs));
        let at = random.random_range(0..REPLICAS);
        match (self.jumped, random.random_range(0..40)) {
            (Some((jumped, ..)), how) if how < 12 => {
                self.set_right();
                return format!("{secs} seconds pass, {jumped} is set right");
            }
            (None, 0) => {
                let (far, is_ahead) = (random.random_range(301..JUMP_AT_MOST), random.random());
                self.jump(at, far, is_ahead);
                return format!("{secs} seconds pass, {at} jumps by {far}, ahead: {is_ahead}");
            }
            _ => {}
        }
        let odd = if random.random_range(0..10) == 0 { random.random_range(0..60) } else { 0 };
        let (latest, own) = (self.latest(), self.phones[at].time().as_secs());
        // Never five minutes behind the one that is furthest.
        let goes_back = odd > 0 && latest - own + odd < 240;
        for clock in [&self.all[at], &self.phones[at]] {
            if goes_back { clock.go_back(odd) } else { clock.advance(odd) }
        }
        format!("{secs} seconds pass, {at} is {odd} off")
    }

    fn jump(&mut self, at: usize, far: u64, is_ahead: bool) {
        if is_ahead {
            self.all[at].advance(far)
        } else {
            self.all[at].go_back(far)
        }
        (self.jumped, self.has_jumped) = (Some((at, far, is_ahead)), true);
    }

    /// Sets the clock right that has jumped.
    pub(crate) fn set_right(&mut self) {
        let Some((at, far, was_ahead)) = self.jumped.take() else { return };
        if was_ahead { self.all[at].go_back(far) } else { self.all[at].advance(far) }
    }
}
