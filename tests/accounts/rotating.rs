//! Signing in while master keys are rotated, stopped at every call of the store there is: no timing, no luck.

use std::time::Duration;

use tower_mfa::account::EventKind;
use tower_mfa::store::MemoryStore;
use tower_mfa::testing::FaultyStore;
use tower_mfa::vault::MasterKey;

use crate::rotation::{master, on_keys};
use crate::scene::{Person, Scene, builder, keys_of, subject};
use crate::turnstile::{Held, Turnstile};

const NAMES: [&str; 2] = ["alice", "bob"];

/// People whose accounts are sealed with an old key, and two services that have the new one.
struct Rotating {
    people: Vec<Person>,
    new: MasterKey,
    /// The service one of whose calls is held.
    here: Scene,
    gate: Turnstile<FaultyStore<MemoryStore>>,
    elsewhere: Scene,
}

impl Rotating {
    async fn new(calls: usize) -> Self {
        let (old, new) = (master("old"), master("new"));
        let s = on_keys(&Scene::new(), vec![old.clone()]);
        let mut people = Vec::new();
        for name in NAMES {
            people.push(s.enrolled(name).await);
        }
        let ring = vec![new.clone(), old];
        let elsewhere = on_keys(&s, ring.clone());
        let gate = Turnstile::after(s.store.clone(), calls);
        // A call that is held is not a store that hangs.
        let here = builder(gate.clone(), &s.clock, &s.heard).store_deadline(Duration::from_secs(60));
        let here = Scene { mfa: here.keys(keys_of(ring)).build().unwrap(), ..s };
        Self { people, new, here, gate, elsewhere }
    }

    /// Everybody's account needs the new key alone, holds all sign-ins, and has lost no event.
    async fn is_whole(&self, sign_ins: [usize; 2]) {
        let s = on_keys(&self.elsewhere, vec![self.new.clone()]);
        for ((name, person), before) in NAMES.into_iter().zip(&self.people).zip(sign_ins) {
            assert_eq!(s.count(name, EventKind::AnswerAccepted).await, before, "{name}");
            s.sign_in(name, &person.app).await;
            s.mfa.verify_chain(&subject(name)).await.unwrap();
        }
        let again = s.mfa.rotate_keys(|_| ()).await.unwrap();
        assert_eq!((again.seen, again.sealed, again.is_clean()), (2, 0, true), "{again:?}");
    }
}

/// Rotates here, and signs everybody in while the rotation stands before its nth call: at another replica whoever it
/// is, and here whoever is not being sealed in that very moment. Who is waits for that one account. Returns which call
/// it was; `None` if it makes no more.
async fn sign_in_before(call: usize) -> Option<Held> {
    let scene = Rotating::new(call).await;
    let (here, gate) = (scene.here.clone(), &scene.gate);
    let mut rotating = tokio::spawn(async move { here.mfa.rotate_keys(|_| ()).await });
    let held = tokio::select! {
        held = gate.held() => held,
        rotated = &mut rotating => {
            assert!(rotated.unwrap().unwrap().is_clean());
            return None;
        }
    };
    let mut waiting = None;
    for (name, person) in NAMES.into_iter().zip(&scene.people) {
        scene.elsewhere.sign_in(name, &person.app).await;
        if held.of != Some(subject(name)) {
            scene.here.sign_in(name, &person.app).await;
            continue;
        }
        let (here, app) = (scene.here.clone(), person.app.clone());
        waiting = Some(tokio::spawn(async move { here.sign_in(name, &app).await }));
    }
    assert!(!rotating.is_finished());
    gate.let_go();
    if let Some(waiting) = waiting {
        waiting.await.unwrap();
    }
    let rotated = rotating.await.unwrap().unwrap();
    assert_eq!((rotated.seen, rotated.sealed, rotated.failed), (2, 2, 0), "{held:?}");
    scene.is_whole([2, 2]).await;
    Some(held)
}

#[tokio::test]
async fn wherever_a_rotation_stands_whoever_signs_in_is_let_in_and_nothing_is_lost() {
    let mut calls = Vec::new();
    while let Some(held) = sign_in_before(calls.len()).await {
        calls.push(held.call);
    }
    let of_each = ["load", "commit"];
    assert_eq!(calls, [&["sink", "count", "scan"][..], &of_each, &of_each, &["advance"]].concat());
}

/// Lets a rotation pass at another replica while a sign-in here stands before its nth call.
async fn rotate_before(call: usize) -> Option<Held> {
    let scene = Rotating::new(call).await;
    let (here, app) = (scene.here.clone(), scene.people[0].app.clone());
    let mut signing_in = tokio::spawn(async move { here.sign_in("alice", &app).await });
    let held = tokio::select! {
        held = scene.gate.held() => held,
        signed_in = &mut signing_in => {
            drop(signed_in.unwrap());
            return None;
        }
    };
    let rotated = scene.elsewhere.mfa.rotate_keys(|_| ()).await.unwrap();
    assert_eq!((rotated.seen, rotated.sealed, rotated.failed), (2, 2, 0), "{held:?}");
    scene.gate.let_go();
    signing_in.await.unwrap();
    scene.is_whole([1, 0]).await;
    Some(held)
}

#[tokio::test]
async fn wherever_a_sign_in_stands_when_a_rotation_passes_it_goes_on_and_undoes_nothing() {
    let mut calls = Vec::new();
    while let Some(held) = rotate_before(calls.len()).await {
        calls.push(held.call);
    }
    assert_eq!(calls, ["load", "commit", "load", "commit"], "the question and the answer");
}
