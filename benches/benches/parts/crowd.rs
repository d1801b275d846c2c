use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::service::{LoginOutcome, Reply, Responder};
use tower_mfa::store::{Commit, MemoryStore, Revision, SqliteStore, Store};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::{SUBJECT, Scene, login};
use tower_mfa_benches::{Report, Turned, median};

const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;
const VERIFICATIONS: usize = 400;
const GUESSERS: usize = 64;

/// A verification among a million accounts beside one among ten thousand, both in memory.
pub fn accounts(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let (few, many) = (filled(FEW).await, filled(MANY).await);
        let (mut among_few, mut among_many) = (Vec::new(), Vec::new());
        for _ in 0..VERIFICATIONS {
            for (scene, times) in [(&few, &mut among_few), (&many, &mut among_many)] {
                let (id, token) = scene.challenged().await;
                let (took, tokens) = scene.answer(id, &token).await;
                times.push(took);
                scene.log_out(&tokens).await;
            }
        }
        let (few, many) = (median(&mut among_few), median(&mut among_many));
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        let details = format!("  {} of {} µs", many.as_micros(), few.as_micros());
        report.line("a verification among 1,000,000, beside 10,000, memory", ratio, 1.25, "", details);
    });
}

async fn filled(accounts: u32) -> Scene {
    let store = MemoryStore::new();
    let scene = Scene::set(store.clone(), Algorithm::EdDsa, Turned::at(1_800_000_000)).await;
    let document = store.load(&scene.subject).await.unwrap().unwrap().into_document();
    for number in 1..=accounts {
        let name = format!("user-{number:08}");
        let (subject, revision) = (Subject::new(name.as_str()).unwrap(), Revision::generate(&SystemEntropy).unwrap());
        let document = document.replace(SUBJECT, &name);
        let _ = store.commit(Commit::new(&subject, None, revision, &document)).await.unwrap();
    }
    scene
}

/// Sixty-four wrong guesses at one account, all at once, over and over, beside somebody else who signs in.
pub fn guesses(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let folder = std::env::temp_dir().join(format!("tower-mfa-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = SqliteStore::open(folder.join("guesses.sqlite")).await.unwrap();
        let scene = Scene::set(store, Algorithm::EdDsa, Turned::at(1_800_000_000)).await;
        let victim = scene.enrol("victim").await.subject;
        let (mut calm, mut beside) = (Vec::new(), Vec::new());
        let guessed = Arc::new(AtomicU64::new(0));
        // In turns, so that what disturbs the disk disturbs both.
        for _ in 0..8 {
            sign_ins(&scene, &mut calm).await;
            let over = Arc::new(AtomicBool::new(false));
            let attack = tokio::spawn(attack(
                scene.mfa.clone(),
                victim.clone(),
                scene.clock.clone(),
                over.clone(),
                guessed.clone(),
            ));
            sign_ins(&scene, &mut beside).await;
            over.store(true, Ordering::Relaxed);
            attack.await.unwrap();
        }
        let (calm, beside) = (median(&mut calm), median(&mut beside));
        let details =
            format!("  {} of {} µs, {} guesses", beside.as_micros(), calm.as_micros(), guessed.load(Ordering::Relaxed));
        let ratio = beside.as_secs_f64() / calm.as_secs_f64();
        report.line("a verification beside 64 wrong guesses at another's", ratio, 1.1, "", details);
        drop(std::fs::remove_dir_all(&folder));
    });
}

async fn sign_ins(scene: &Scene, times: &mut Vec<Duration>) {
    for _ in 0..50 {
        let (id, token) = scene.challenged().await;
        let (took, tokens) = scene.answer(id, &token).await;
        times.push(took);
        scene.log_out(&tokens).await;
    }
}

/// All 64 at once, and again as soon as the last was answered, twenty times a second at most.
async fn attack(
    mfa: tower_mfa::service::Mfa,
    victim: Subject,
    clock: Turned,
    over: Arc<AtomicBool>,
    guessed: Arc<AtomicU64>,
) {
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        if let Ok(LoginOutcome::Challenge(asked)) = mfa.begin(login(&victim, &clock)).await {
            let asked = Arc::new(asked);
            let all = (0..GUESSERS).map(|_| {
                let (mfa, asked) = (mfa.clone(), Arc::clone(&asked));
                tokio::spawn(async move {
                    drop(mfa.answer(Responder::Token(&asked.token), asked.id, Reply::totp("000000")).await);
                })
            });
            for guess in all.collect::<Vec<_>>() {
                guess.await.unwrap();
            }
            guessed.fetch_add(GUESSERS as u64, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_millis(50).saturating_sub(begun.elapsed())).await;
    }
}
