//! Random sequences of operations, through two services over one store, against a model of a page.

mod answering;
mod ops;
mod parts;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use tower_mfa::account::Refusal;
use tower_mfa::id::ChallengeId;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, LoginOutcome};
use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store};
use tower_mfa::testing::{AuthenticatorApp, ManualClock};

use self::ops::{Op, op};
use self::parts::{App, Base, Counter, Held, Session, rules};
use crate::world::*;

const HARD_LIMIT: u32 = 7;
const WAITS: [u64; 5] = [30, 60, 120, 300, 1800];
const CODES: usize = 4;

struct Model {
    nodes: [World; 2],
    clock: ManualClock,
    store: MemoryStore,
    apps: Vec<App>,
    foreign: AuthenticatorApp,
    codes: Vec<(String, bool)>,
    recovery: Counter,
    set_disabled: bool,
    challenges: Vec<Held>,
    sessions: Vec<Session>,
    last_code: String,
    /// What kinds of answers there were.
    seen: BTreeSet<&'static str>,
}

impl Model {
    async fn new(base: &Base) -> Self {
        let (clock, store) = (ManualClock::at(base.now), MemoryStore::new());
        let subject = alice();
        let commit = Commit::new(&subject, None, Revision::from_bytes([7; 16]), &base.document);
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        let node = || World::over(builder(store.clone(), &clock, rules()), &clock);
        let app = |(shown, id): &(AuthenticatorApp, String)| App {
            shown: shown.clone(),
            id: id.clone(),
            // The confirming code is used up.
            last_step: 0,
            disabled: false,
            counter: Counter::default(),
            accepted: Vec::new(),
        };
        let mut apps: Vec<App> = base.apps.iter().map(app).collect();
        apps[0].last_step = base.now / 30 - 2;
        apps[1].last_step = base.now / 30 - 1;
        Self {
            nodes: [node(), node()],
            apps,
            foreign: base.foreign.clone(),
            codes: base.codes.iter().map(|code| (code.clone(), false)).collect(),
            recovery: Counter::default(),
            set_disabled: false,
            challenges: Vec::new(),
            sessions: Vec::new(),
            last_code: "000000".to_owned(),
            seen: BTreeSet::new(),
            clock,
            store,
        }
    }

    fn now(&self) -> u64 {
        self.clock.time().as_secs()
    }

    async fn run(&mut self, node: usize, op: Op) {
        match op {
            Op::Login => self.login(node).await,
            Op::StepUp(n) => self.open(node, n).await,
            Op::Totp(n, named, typed) => self.totp(node, n, named, typed).await,
            Op::Recovery(n, code) => self.recover(node, n, code).await,
            Op::Advance(secs) => self.clock.advance(secs),
            Op::Refresh(n) => self.refresh(node, n).await,
            Op::LogOut(n) => self.log_out(node, n).await,
            Op::Unlock => {
                self.nodes[node].mfa.unlock(&alice(), "root", "model").await.unwrap();
                self.apps.iter_mut().for_each(|app| app.counter.unlock());
                self.sessions.iter_mut().for_each(|session| session.counter.unlock());
                self.recovery.unlock();
            }
        }
        self.check_lists().await;
    }

    /// Holds a new challenge; the ninth supersedes the oldest of whoever has opened the most.
    fn hold(&mut self, id: ChallengeId, by: Result<SecretString, usize>) {
        let live: Vec<usize> = (0..self.challenges.len()).filter(|at| self.reached(*at).is_some()).collect();
        if live.len() == 8 {
            let origin = |at: usize| self.challenges[at].by.as_ref().err();
            let crowd = |at: usize| live.iter().filter(|other| origin(**other) == origin(at)).count();
            let most = live.iter().map(|at| crowd(*at)).max().unwrap();
            let crowded: Vec<usize> = live.iter().copied().filter(|at| crowd(*at) == most).collect();
            let own = crowded.iter().find(|at| origin(**at) == by.as_ref().err());
            let gone = *own.unwrap_or(&crowded[0]);
            self.challenges[gone].live = false;
        }
        self.challenges.push(Held { id, by, expires: self.now() + 300, live: true });
    }

    async fn login(&mut self, node: usize) {
        let now = self.now();
        let waits: Vec<Option<u64>> = {
            let apps = self.apps.iter().filter(|app| !app.disabled).map(|app| app.counter.wait(now));
            let codes = !self.set_disabled && self.codes.iter().any(|(_, used)| !used);
            apps.chain(codes.then(|| self.recovery.wait(now))).collect()
        };
        match self.nodes[node].login().await {
            LoginOutcome::Challenge(challenge) => {
                assert!(waits.iter().any(Option::is_none), "everything is locked: {waits:?}");
                self.hold(challenge.id, Ok(challenge.token));
            }
            LoginOutcome::Blocked { throttled_for, .. } => {
                assert!(waits.iter().all(Option::is_some), "something is free: {waits:?}");
                assert_eq!(throttled_for.map(u64::from), waits.into_iter().flatten().min());
            }
            other => panic!("a password alone: {other:?}"),
        }
    }

    async fn open(&mut self, node: usize, n: usize) {
        let Some(at) = n.checked_rem(self.sessions.len()) else { return };
        let wanted = ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap();
        let opened = self.nodes[node].mfa.open_challenge(&self.sessions[at].auth, wanted).await.map_err(refusal);
        let usable =
            self.apps.iter().any(|app| !app.disabled) || !self.set_disabled && self.codes.iter().any(|(_, used)| !used);
        match opened {
            Ok(ChallengeOutcome::Pending(view)) => {
                assert!(self.sessions[at].live && usable);
                self.hold(view.id, Err(at));
            }
            Err(Refusal::InvalidToken) => assert!(!self.sessions[at].live),
            Err(Refusal::NoEligibleAuthenticator { .. }) => assert!(self.sessions[at].live && !usable),
            other => panic!("{other:?}"),
        }
    }

    async fn refresh(&mut self, node: usize, n: usize) {
        let Some(at) = n.checked_rem(self.sessions.len()) else { return };
        let session = &mut self.sessions[at];
        let refreshed = self.nodes[node].mfa.refresh(session.tokens.refresh_token().unwrap()).await;
        match refreshed.map_err(refusal) {
            Ok(tokens) => {
                assert!(session.live);
                assert_eq!((tokens.acr(), tokens.auth_time()), (session.tokens.acr(), session.tokens.auth_time()));
                assert!(tokens.step_up().is_none());
                session.auth = self.nodes[node].session(&tokens);
                session.tokens = tokens;
            }
            Err(Refusal::InvalidToken) => assert!(!session.live),
            Err(other) => panic!("{other:?}"),
        }
    }

    async fn log_out(&mut self, node: usize, n: usize) {
        let Some(at) = n.checked_rem(self.sessions.len()) else { return };
        let session = &mut self.sessions[at];
        let ended = self.nodes[node].mfa.log_out(&session.auth).await;
        assert_eq!(ended.is_ok(), std::mem::replace(&mut session.live, false));
    }

    async fn check_lists(&self) {
        let stored = self.store.load(&alice()).await.unwrap().unwrap();
        let document: serde_json::Value = serde_json::from_str(stored.document()).unwrap();
        let count = |list: &str| document[list].as_array().map_or(0, Vec::len);
        assert!(count("challenges") <= 8 && count("sessions") <= 32 && count("authenticators") == 2);
        assert_eq!(count("sessions"), self.sessions.iter().filter(|session| session.live).count());
    }
}

#[test]
fn random_sequences_of_operations_do_what_the_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let base = runtime.block_on(Base::make());
    let seen = RefCell::new(BTreeSet::new());
    let all = ["accepted", "disabled", "locked", "throttled", "unreached", "wrong"];
    // What is rare does not come in every 64 sequences: then some more are run.
    for _ in 0..8 {
        let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(ops in proptest::collection::vec((0..2_usize, op()), 1..80))| {
            runtime.block_on(async {
                let mut model = Model::new(&base).await;
                for (node, op) in ops {
                    model.run(node, op).await;
                }
                seen.borrow_mut().extend(model.seen);
            });
        });
        if seen.borrow().iter().eq(&all) {
            return;
        }
    }
    panic!("the sequences come everywhere: {:?}", seen.into_inner());
}
