//! Replicas that are simulated, over a store that is, by a scheduler that goes by a seed: it lets calls wait, loses
//! answers after the commit, lets clients hang up, crashes replicas and moves their clocks. Every commit is held to what no
//! commit may do and to what is told of it (`marks`), a refusal that needs a reason to its reason (`reasons`), and after
//! each seed the trail is compared, call by call, with what clients were told. A run counts what happens in it (`counts`):
//! what hardly ever does would show nothing.
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

mod call;
mod caller;
mod clocks;
mod counts;
mod invariants;
mod marks;
mod memory;
mod operations;
mod plant;
mod reasons;
mod scheduler;
mod store;
mod told;
mod world;

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use counts::{Counts, FEWEST};
use plant::Plant;
use scheduler::{By, GUESSED, run};

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text}")))
}

#[test]
fn whatever_happens_what_clients_were_told_is_what_is_stored() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let ran = run(seed, Plant::Nothing, By::All);
        ran.trace.iter().for_each(|line| println!("{line}"));
        assert_eq!(ran.broken, None, "seed {seed}");
        return;
    }
    let (seeds, next) = (number("SIMULATION_SEEDS").unwrap_or(2_000), AtomicU64::new(0));
    let (broken, counts) = (Mutex::new(None), Mutex::new(Counts::default()));
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
                    let what = match catch_unwind(|| run(seed, Plant::Nothing, By::All)) {
                        Ok(ran) => {
                            counts.lock().unwrap().add_all(&ran.counts);
                            ran.broken
                        }
                        Err(_) => Some("it panicked".to_owned()),
                    };
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
    let counts = counts.into_inner().unwrap();
    println!("{counts:?}");
    if seeds >= FEWEST {
        assert_eq!(counts.too_few(seeds), Vec::<String>::new(), "what hardly happens shows nothing");
    }
}

#[test]
fn a_seed_is_the_same_story_every_time() {
    for seed in 0..20 {
        let [once, again] = [(); 2].map(|()| run(seed, Plant::Nothing, By::All).trace);
        assert_eq!(once, again, "seed {seed}");
    }
}

/// The first story that breaks with a bug in the store must break by what the bug breaks.
fn find(plant: Plant, by: By, broken_by: &[&str]) {
    let step = if plant.is_of_guesses() { GUESSED } else { 1 };
    let found =
        (0..600).map(|nth| nth * step).find_map(|seed| run(seed, plant, by).broken.map(|broken| (seed, broken)));
    let Some((seed, broken)) = found else { panic!("{plant:?} was not found") };
    println!("{plant:?}: seed {seed}: {broken}");
    assert!(broken_by.iter().any(|by| broken.contains(by)), "{plant:?}: seed {seed}: {broken}");
}

/// What a store does wrongly is seen by clients, too, and not by who looks into the store alone.
#[test]
fn what_is_planted_is_heard_of() {
    find(Plant::ForgetsSteps, By::Told, &["accepted twice"]);
    find(Plant::ForgetsUsedRecoveryCodes, By::Told, &["accepted twice"]);
    find(Plant::GrantsTooHigh, By::Told, &["the evidence: a token says"]);
    find(Plant::KeepsSessions, By::Told, &["the orders"]);
    find(Plant::HidesFaults, By::Told, &["the reasons"]);
    find(Plant::ReadsNoSessions, By::Told, &["the reasons"]);
}

/// A simulation that finds nothing may be one that looks at nothing: with each of these in the store, it must find it,
/// by the invariant that it breaks.
#[test]
fn what_is_planted_is_found() {
    for (plant, by) in [
        (Plant::LosesUpdates, &["accepted twice", "the chain", "the calls", "the orders", "the time"][..]),
        (Plant::ForgetsUnheard, &["accepted twice"]),
        (Plant::ForgetsFailures, &["the budget"]),
        (Plant::ForgetsFailuresWithRecoveryCodes, &["the budget"]),
        (Plant::ForgetsFailuresOfSessions, &["the budget"]),
        (Plant::ForgetsTheHardLimit, &["the hard limit"]),
        (Plant::ForgetsSteps, &["accepted twice"]),
        (
            Plant::AnswersBeforeItWrites,
            &["accepted twice", "the budget", "the calls", "the chain", "the orders", "the evidence"],
        ),
        (Plant::DropsEvents, &["the chain"]),
        (Plant::DoublesEvents, &["the chain"]),
        (Plant::ForgetsUsedRecoveryCodes, &["accepted twice"]),
        (Plant::GrantsTooHigh, &["the evidence: a session has totp"]),
        (Plant::RefusesAndWrites, &["the refusals"]),
        (Plant::SpendsGenerations, &["the refusals"]),
        (Plant::EndsOthersBesideReplayed, &["the refusals"]),
        (Plant::RefusesAndEndsBypass, &["the refusals"]),
        (Plant::KeepsSessions, &["the orders"]),
        (Plant::ForgetsTheTime, &["the time"]),
    ] {
        find(plant, By::AllButTrail, by);
    }
}

/// Each way in which what is told and what is so can differ.
#[test]
fn what_is_done_and_not_told_is_found_and_what_is_told_and_not_done() {
    for plant in [
        Plant::EndsSessionsUntold,
        Plant::HidesEnded,
        Plant::KeepsEnded,
        Plant::RefusesAndEndsBypass,
        Plant::ForgetsFailures,
        Plant::ForgetsTheHardLimit,
    ] {
        find(plant, By::All, &["the trail"]);
    }
}
