//! Replicas that are simulated, over a store that is, by a scheduler that goes by a seed: it lets calls wait, loses
//! answers after the commit, crashes replicas and moves their clocks. Every commit is held to what no commit may do
//! (`marks`), and after each seed the trail is compared, call by call, with what clients were told.
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

mod clocks;
mod invariants;
mod marks;
mod memory;
mod operations;
mod plant;
mod scheduler;
mod store;
mod told;
mod world;

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use plant::Plant;
use scheduler::{run, run_by_told};

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
    let broken = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // The first that breaks ends them all: a long run says so at once.
                while broken.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let ran = catch_unwind(|| run(seed, Plant::Nothing).broken);
                    let what = ran.unwrap_or_else(|_| Some("it panicked".to_owned()));
                    if let Some(what) = what {
                        *broken.lock().unwrap() = Some((seed, what));
                    }
                }
            });
        }
    });
    if let Some((seed, what)) = broken.into_inner().unwrap() {
        panic!("SIMULATION_SEED={seed} cargo test --test simulation shows it: {what}");
    }
}

#[test]
fn a_seed_is_the_same_story_every_time() {
    for seed in 0..20 {
        assert_eq!(run(seed, Plant::Nothing).trace, run(seed, Plant::Nothing).trace, "seed {seed}");
    }
}

/// What a store does wrongly is seen by clients, too, and not by who looks into the store alone.
#[test]
fn what_is_planted_is_heard_of() {
    for (plant, by) in [
        (Plant::ForgetsSteps, "accepted twice"),
        (Plant::ForgetsUsedRecoveryCodes, "accepted twice"),
        (Plant::GrantsTooHigh, "the evidence: a token says"),
        (Plant::KeepsSessions, "the orders"),
    ] {
        let found = (0..600).find_map(|seed| run_by_told(seed, plant).broken.map(|broken| (seed, broken)));
        let Some((seed, broken)) = found else { panic!("{plant:?} was not found") };
        println!("{plant:?}: seed {seed}: {broken}");
        assert!(broken.contains(by), "{plant:?}: seed {seed}: {broken}");
    }
}

/// A simulation that finds nothing may be one that looks at nothing: with each of these in the store, it must find it,
/// by the invariant that it breaks.
#[test]
fn what_is_planted_is_found() {
    for (plant, by) in [
        (Plant::LosesUpdates, &["accepted twice", "the chain", "the calls", "the orders", "the time"][..]),
        (Plant::ForgetsUnheard, &["accepted twice"]),
        (Plant::ForgetsFailures, &["the budget"]),
        (Plant::ForgetsSteps, &["accepted twice"]),
        (Plant::AnswersBeforeItWrites, &["accepted twice", "the calls", "the chain", "the orders", "the evidence"]),
        (Plant::DropsEvents, &["the chain"]),
        (Plant::DoublesEvents, &["the chain"]),
        (Plant::ForgetsUsedRecoveryCodes, &["accepted twice"]),
        (Plant::GrantsTooHigh, &["the evidence: a session has totp"]),
        (Plant::RefusesAndWrites, &["the refusals"]),
        (Plant::KeepsSessions, &["the orders"]),
        (Plant::ForgetsTheTime, &["the time"]),
    ] {
        let found = (0..600).find_map(|seed| run(seed, plant).broken.map(|broken| (seed, broken)));
        let Some((seed, broken)) = found else { panic!("{plant:?} was not found") };
        println!("{plant:?}: seed {seed}: {broken}");
        assert!(by.iter().any(|by| broken.contains(by)), "{plant:?}: seed {seed}: {broken}");
    }
}
