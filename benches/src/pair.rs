use std::hint::black_box;
use std::time::{Duration, Instant};

/// Two ways to do one thing, timed in turns, so that what disturbs the machine disturbs both.
#[derive(Debug)]
pub struct Pair {
    pub ours: Duration,
    pub theirs: Duration,
    pub ratio: f64,
}

impl Pair {
    /// Runs `rounds` rounds of `calls` calls of each, first the one and then the other, the order
    /// changing from round to round; the ratio is the median of the rounds' own ratios.
    pub fn measure<A, B>(
        rounds: usize,
        calls: usize,
        mut ours: impl FnMut() -> A,
        mut theirs: impl FnMut() -> B,
    ) -> Self {
        Self::measure_on(rounds, calls, || (), |()| ours(), |()| theirs())
    }

    /// The same for calls that use something up; `make` is not timed.
    pub fn measure_on<I, A, B>(
        rounds: usize,
        calls: usize,
        mut make: impl FnMut() -> I,
        mut ours: impl FnMut(I) -> A,
        mut theirs: impl FnMut(I) -> B,
    ) -> Self {
        let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        // The first round warms caches and branch predictors, and does not count.
        for round in 0..=rounds {
            let mut inputs = || (0..calls).map(|_| make()).collect::<Vec<_>>();
            let (first, second) = (inputs(), inputs());
            let (mine, peers) = if round % 2 == 0 {
                let mine = time(first, &mut ours);
                (mine, time(second, &mut theirs))
            } else {
                let peers = time(first, &mut theirs);
                (time(second, &mut ours), peers)
            };
            if round > 0 {
                ratios.push(mine.as_secs_f64() / peers.as_secs_f64());
                a.push(mine);
                b.push(peers);
            }
        }
        ratios.sort_by(f64::total_cmp);
        Self { ours: median(&mut a), theirs: median(&mut b), ratio: ratios[ratios.len() / 2] }
    }
}

/// The time of one call, from as many as there are inputs.
fn time<I, T>(inputs: Vec<I>, work: &mut impl FnMut(I) -> T) -> Duration {
    let calls = u32::try_from(inputs.len()).expect("few enough");
    let start = Instant::now();
    for input in inputs {
        black_box(work(black_box(input)));
    }
    start.elapsed() / calls
}

/// The middle one.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
