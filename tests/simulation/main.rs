//! Replicas that are simulated, over a store that is, by a scheduler that goes by a seed: it lets calls wait, loses
//! answers after the commit, crashes replicas and moves their clocks. After each seed the trail is compared with what
//! clients were told.
//!
//! `SIMULATION_SEEDS` says how many seeds there are (2,000; `.ci/run --long` takes 100,000), `SIMULATION_SEED=n` runs one
//! again and prints what happened.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

mod invariants;
mod marks;
mod memory;
mod operations;
mod plant;
mod scheduler;
mod store;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use plant::Plant;
use scheduler::run;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}

#[test]
fn whatever_happens_what_clients_were_told_is_what_is_stored() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let ran = run(seed, Plant::Nothing);
        ran.trace.iter().for_each(|line| println!("{line}"));
        assert_eq!(ran.broken, None, "seed {seed}");
        return;
    }
    let (seeds, next) = (number("SIMULATION_SEEDS").unwrap_or(2_000), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let seed @ 0.. = next.fetch_add(1, Ordering::Relaxed)
                    && seed < seeds
                {
                    let broken = run(seed, Plant::Nothing).broken;
                    assert_eq!(broken, None, "SIMULATION_SEED={seed} cargo test --test simulation shows it");
                }
            });
        }
    });
}

#[test]
fn a_seed_is_the_same_story_every_time() {
    for seed in 0..20 {
        assert_eq!(run(seed, Plant::Nothing).trace, run(seed, Plant::Nothing).trace, "seed {seed}");
    }
}

/// A simulation that finds nothing may be one that looks at nothing: with each of these in the store, it must find it.
#[test]
fn what_is_planted_is_found() {
    for (plant, symptoms) in [
        (Plant::LosesUpdates, &["accepted twice", "the chain", "counted"][..]),
        (Plant::ForgetsUnheard, &["accepted twice"]),
        (Plant::ForgetsFailures, &["the budget"]),
        (Plant::ForgetsSteps, &["accepted twice"]),
        (Plant::AnswersBeforeItWrites, &["accepted twice", "counted", "the chain", "heard"]),
        (Plant::DropsEvents, &["the chain"]),
        (Plant::DoublesEvents, &["the chain"]),
        (Plant::ForgetsUsedRecoveryCodes, &["accepted twice"]),
    ] {
        let found = (0..400).find_map(|seed| run(seed, plant).broken.map(|broken| (seed, broken)));
        let Some((seed, broken)) = found else { panic!("{plant:?} was not found") };
        println!("{plant:?}: seed {seed}: {broken}");
        assert!(symptoms.iter().any(|symptom| broken.contains(symptom)), "{plant:?}: seed {seed}: {broken}");
    }
}
