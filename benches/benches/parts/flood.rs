use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tower_mfa::account::Refusal;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::policy::Policy;
use tower_mfa::recovery_code::Count;
use tower_mfa::service::{LoginOutcome, Mfa, Reply, Responder};
use tower_mfa::store::{Commit, MemoryStore, Revision, Store};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::{SUBJECT, Scene, login};
use tower_mfa_benches::{Report, Turned, median};

const ATTACKERS: u32 = 1_000;
/// Each signs in twice.
const PEOPLE: usize = 60;
const PAUSE: Duration = Duration::from_millis(25);

/// A thousand clients, each with a stolen password, send wrong recovery codes as fast as they are
/// answered, while somebody signs in with an app, over and over.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    runtime.block_on(async {
        let store = MemoryStore::new();
        // One code each is enough here, and the time stands, so that no challenge lapses.
        let policy = Policy::builder().recovery_codes(Count::new(1).unwrap()).build().unwrap();
        let clock = Turned::at(1_800_000_000);
        let scene = Scene::with_policy(store.clone(), Algorithm::Rs256, clock, policy).await;
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            people.push(scene.enrol(&format!("person-{number}")).await);
        }
        let document = store.load(&scene.subject).await.unwrap().unwrap().into_document();
        let flood = Arc::new(Flood::default());
        let mut attackers = Vec::new();
        for number in 1..=ATTACKERS {
            let name = format!("user-{number:08}");
            let victim = Subject::new(name.as_str()).unwrap();
            let revision = Revision::generate(&SystemEntropy).unwrap();
            let document = document.replace(SUBJECT, &name);
            let _ = store.commit(Commit::new(&victim, None, revision, &document)).await.unwrap();
            let (flood, mfa, clock) = (Arc::clone(&flood), scene.mfa.clone(), scene.clock.clone());
            attackers.push(tokio::spawn(async move { flood.attack(&mfa, &victim, &clock).await }));
        }
        let (mut times, begun) = (Vec::new(), Instant::now());
        for person in &people {
            for offset in [0, 1] {
                let start = Instant::now();
                drop(person.sign_in(&scene.mfa, &scene.clock, offset).await);
                times.push(start.elapsed());
                tokio::time::sleep(PAUSE).await;
            }
        }
        let secs = begun.elapsed().as_secs_f64();
        flood.over.store(true, Ordering::Relaxed);
        for attacker in attackers {
            attacker.await.unwrap();
        }
        let middle = median(&mut times).as_secs_f64() * 1e3;
        let worst = times.last().unwrap().as_secs_f64() * 1e3;
        let rate = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / secs;
        let details = format!(
            "  worst {worst:.0} ms; {:.0} wrong codes hashed and {:.0} turned away a second",
            rate(&flood.hashed),
            rate(&flood.refused)
        );
        report.line("sign in by TOTP while 1,000 send recovery codes", middle, 50.0, "ms", details);
    });
}

#[derive(Default)]
struct Flood {
    over: AtomicBool,
    hashed: AtomicU64,
    refused: AtomicU64,
}

impl Flood {
    async fn attack(&self, mfa: &Mfa, victim: &Subject, clock: &Turned) {
        while !self.over.load(Ordering::Relaxed) {
            let Ok(LoginOutcome::Challenge(challenge)) = mfa.begin(login(victim, clock)).await else {
                tokio::task::yield_now().await;
                continue;
            };
            while !self.over.load(Ordering::Relaxed) {
                let reply = Reply::recovery_code("0000-0000-0000-0000");
                let answer = mfa.answer(Responder::Token(&challenge.token), challenge.id, reply).await;
                let Err(refused) = answer else { panic!("the code is wrong") };
                let wrong = matches!(refused.refusal(), Refusal::InvalidCode { .. });
                let count = if wrong { &self.hashed } else { &self.refused };
                count.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                if !wrong && !matches!(refused.refusal(), Refusal::Unavailable { .. }) {
                    break;
                }
            }
        }
    }
}
