//! A verification whole, from the reply to the signed token: what a service does around a load and a commit, beside that
//! load and commit sent bare.

use std::sync::Arc;
use std::time::Duration;

use tower_mfa::id::Subject;
use tower_mfa::policy::Policy;
use tower_mfa::recovery_code::Scheme;
use tower_mfa::service::Mfa;
use tower_mfa::store::{Commit, MemoryStore, Store};
use tower_mfa::token::Algorithm;
use tower_mfa_benches::scene::{BEYOND, Person, Scene};
use tower_mfa_benches::{Report, Turned};

use super::verification::{ROUND, Written, batch, now, report_rates, revision};

/// Each is asked and answers once in a batch: a code is good once.
const PEOPLE: usize = 128;

/// People with an app and ten recovery codes, whom a service knows from any store that has their documents.
pub struct People {
    scene: Scene,
    all: Vec<(Arc<Person>, String)>,
}

impl People {
    pub async fn enrolled() -> Self {
        // Recovery codes are hashed while somebody enrols, which is not measured.
        let policy = Policy::builder().recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap()).build().unwrap();
        let store = MemoryStore::new();
        let scene = Scene::with_policy(store.clone(), Algorithm::EdDsa, Turned::at(now().as_secs()), policy).await;
        let mut all = Vec::new();
        for number in 0..PEOPLE {
            let person = scene.enrol(&format!("user-1{number:07}")).await;
            let document = store.load(&person.subject).await.unwrap().unwrap().into_document();
            all.push((Arc::new(person), document));
        }
        Self { scene, all }
    }

    /// Right codes answered a second by a service over the store, beside loads and commits a second that are sent bare,
    /// in turns and in the same batches.
    pub async fn compare<F>(
        &self,
        (engine, store): (&str, impl Store + Clone),
        (subjects, written): (&[Subject], &Written),
        bare: impl Fn(Subject, Written) -> F,
        after_each: impl AsyncFn(),
        report: &mut Report,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        for (person, document) in &self.all {
            let _ = store.commit(Commit::new(&person.subject, None, revision(), document)).await.unwrap();
        }
        let mfa = self.scene.over(store);
        let alone = async || {
            rate(async || batch(subjects[..PEOPLE].to_vec(), |subject| bare(subject, written.clone())).await.0).await
        };
        let what = format!("a code answered, {engine} (bare load and commit = 1)");
        report_rates(&what, (async || rate(async || self.answered(&mfa).await).await, alone), after_each, report, "")
            .await;
    }

    /// How long the answers of all take, who were asked before and sign out afterwards.
    async fn answered(&self, mfa: &Mfa) -> Duration {
        let clock = &self.scene.clock;
        clock.turn(BEYOND);
        let all = self.all.iter().map(|(person, _)| Arc::clone(person)).collect();
        let begin = |person: Arc<Person>| {
            let (mfa, clock) = (mfa.clone(), clock.clone());
            async move { person.begin(&mfa, &clock, 0).await }
        };
        let (_, asked) = batch(all, begin).await;
        let (took, tokens) = batch(asked, |asked| asked.answer(mfa.clone())).await;
        let log_out = |by| {
            let mfa = mfa.clone();
            async move { mfa.log_out(&by).await.unwrap() }
        };
        batch(tokens.iter().map(|tokens| self.scene.authenticated(tokens)).collect(), log_out).await;
        took
    }
}

/// How many a second, when a batch takes as long as that.
async fn rate(took: impl AsyncFn() -> Duration) -> f64 {
    let (mut batches, mut all) = (0, Duration::ZERO);
    while all < ROUND {
        all += took().await;
        batches += 1;
    }
    f64::from(batches) * PEOPLE as f64 / all.as_secs_f64()
}
