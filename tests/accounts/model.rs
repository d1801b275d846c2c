//! Random sequences of operations against a simple model of one account: who is signed in, what is
//! bound, which codes are used up. After every operation the account must be what the model says.

use proptest::prelude::*;
use tower_mfa::account::{EventKind, Refusal};
use tower_mfa::assurance::{Aal, Authentication};
use tower_mfa::id::AuthenticatorId;
use tower_mfa::policy::LockSchedule;
use tower_mfa::secret::SecretString;
use tower_mfa::service::{AnswerOutcome, Enroller, Error, LoginChallenge, LoginOutcome, Reply, Tokens};
use tower_mfa::testing::AuthenticatorApp;

use crate::scene::{Scene, cheap, scan, subject};

const STEP: u64 = 30;
const FRESH: u64 = 300;
const FIRST_BINDING: u64 = 900;
const CHALLENGE: u64 = 300;
const GRACE: u64 = 30;

/// What is done; numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Op {
    Wait(u64),
    Begin,
    Answer(usize, usize),
    AnswerWrong(usize),
    Bind(usize),
    Remove(usize, usize),
    Refresh(usize),
    RefreshAgain(usize),
    LogOut(usize),
    EndOthers(usize),
    Suspend,
    Unlock,
    Reset,
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0..8_usize;
    prop_oneof![
        4 => (1..90_u64).prop_map(Op::Wait),
        4 => Just(Op::Begin),
        5 => (which(), which()).prop_map(|(challenge, app)| Op::Answer(challenge, app)),
        1 => which().prop_map(Op::AnswerWrong),
        4 => which().prop_map(Op::Bind),
        1 => (which(), which()).prop_map(|(session, app)| Op::Remove(session, app)),
        2 => which().prop_map(Op::Refresh),
        2 => which().prop_map(Op::RefreshAgain),
        1 => which().prop_map(Op::LogOut),
        1 => which().prop_map(Op::EndOthers),
        1 => Just(Op::Suspend),
        2 => Just(Op::Unlock),
        1 => Just(Op::Reset),
    ]
}

struct App {
    app: AuthenticatorApp,
    id: AuthenticatorId,
    last_step: u64,
}

struct Session {
    by: Authentication,
    level: Aal,
    auth_time: u64,
    login_at: u64,
    refresh: SecretString,
    /// The token before, and when it was replaced.
    before: Option<(SecretString, u64)>,
}

struct Open {
    asked: LoginChallenge,
    until: u64,
    login_at: u64,
}

struct Model {
    s: Scene,
    apps: Vec<App>,
    sessions: Vec<Session>,
    ended: Vec<Session>,
    open: Vec<Open>,
    suspended: bool,
}

fn pick<T>(list: &[T], number: usize) -> Option<usize> {
    number.checked_rem(list.len())
}

impl Model {
    fn new() -> Self {
        let lock = LockSchedule::new(100, 300, &[30]);
        let policy = cheap().lock(lock).pending_challenges(32).max_sessions(256).max_authenticators(64);
        let s = Scene::with(policy.build().unwrap());
        Self { s, apps: vec![], sessions: vec![], ended: vec![], open: vec![], suspended: false }
    }

    fn now(&self) -> u64 {
        self.s.now().as_secs()
    }

    fn opened(&mut self, tokens: &Tokens, level: Aal, login_at: u64) {
        let by = self.s.auth(tokens);
        assert_eq!(by.assurance().level(), level);
        let refresh = tokens.refresh_token().unwrap().clone();
        self.sessions.push(Session { by, level, auth_time: self.now(), login_at, refresh, before: None });
    }

    fn end(&mut self, at: usize) {
        let ended = self.sessions.remove(at);
        self.ended.push(ended);
    }

    fn end_all(&mut self) {
        self.ended.append(&mut self.sessions);
    }

    fn end_others(&mut self, keep: usize) {
        let kept = self.sessions.remove(keep);
        self.end_all();
        self.sessions.push(kept);
    }

    async fn begin(&mut self) {
        let (now, outcome) = (self.now(), self.s.begin("alice").await);
        match outcome {
            LoginOutcome::Blocked { .. } => assert!(self.suspended),
            LoginOutcome::Complete(tokens) => {
                assert!(!self.suspended && self.apps.is_empty());
                self.opened(&tokens, Aal::One, now);
            }
            LoginOutcome::Challenge(asked) => {
                assert!(!self.suspended && !self.apps.is_empty());
                self.open.push(Open { asked, until: now + CHALLENGE, login_at: now });
            }
            other => panic!("{other:?}"),
        }
    }

    async fn answer(&mut self, challenge: usize, app: usize) {
        let (Some(at), Some(with)) = (pick(&self.open, challenge), pick(&self.apps, app)) else { return };
        let (now, code) = (self.now(), self.apps[with].app.code(self.s.now()));
        let outcome = self.s.answer(&self.open[at].asked, Reply::totp(code)).await;
        if now >= self.open[at].until {
            assert_eq!(outcome.unwrap_err().refusal(), &Refusal::ChallengeGone);
        } else if now / STEP > self.apps[with].last_step {
            let AnswerOutcome::Complete(answer) = outcome.unwrap() else { panic!("two factors are enough") };
            self.apps[with].last_step = now / STEP;
            let login_at = self.open.remove(at).login_at;
            self.opened(&answer.tokens, Aal::Two, login_at);
        } else {
            assert!(matches!(outcome.unwrap_err().refusal(), Refusal::InvalidCode { .. }), "used up");
        }
    }

    async fn answer_wrong(&mut self, challenge: usize) {
        let Some(at) = pick(&self.open, challenge) else { return };
        let codes: Vec<String> = self.apps.iter().map(|a| a.app.code(self.s.now())).collect();
        let near = |code: &String| codes.contains(code);
        let wrong = (0..).map(|n: u32| format!("{n:06}")).find(|code| !near(code)).unwrap();
        assert!(self.s.answer(&self.open[at].asked, Reply::totp(wrong)).await.is_err());
    }

    /// Whether a session may bind, and remove what is bound.
    fn may(&self, session: &Session) -> (bool, bool) {
        let fresh = self.now() - session.auth_time <= FRESH;
        match self.apps.is_empty() {
            true => (fresh || self.now() - session.login_at <= FIRST_BINDING, false),
            false => (fresh && session.level == Aal::Two, fresh && session.level == Aal::Two),
        }
    }

    async fn bind(&mut self, session: usize) {
        let Some(at) = pick(&self.sessions, session) else { return };
        let started = self.s.start(&self.sessions[at].by).await;
        let allowed = self.may(&self.sessions[at]).0;
        assert_eq!(started.is_ok(), allowed, "{:?}", started.err());
        let Ok(started) = started else { return };
        let app = scan(&started);
        let by = Enroller::Session(&self.sessions[at].by);
        let bound = self.s.mfa.confirm(by, started.id, app.code(self.s.now())).await.unwrap();
        assert_eq!(bound.recovery_codes.is_some(), self.apps.is_empty());
        let login_at = self.sessions[at].login_at;
        self.end_all();
        self.open.clear();
        self.apps.push(App { app, id: started.id, last_step: self.now() / STEP });
        self.opened(&bound.tokens, Aal::Two, login_at);
    }

    async fn remove(&mut self, session: usize, app: usize) {
        let (Some(at), Some(which)) = (pick(&self.sessions, session), pick(&self.apps, app)) else { return };
        let removed = self.s.mfa.remove(&self.sessions[at].by, self.apps[which].id).await;
        assert_eq!(removed.is_ok(), self.may(&self.sessions[at]).1, "{removed:?}");
        if removed.is_ok() {
            self.apps.remove(which);
            self.end_others(at);
        }
    }

    async fn refresh(&mut self, session: usize, again: bool) {
        let (now, Some(at)) = (self.now(), pick(&self.sessions, session)) else { return };
        let held = &mut self.sessions[at];
        if !again {
            let tokens = self.s.mfa.refresh(&held.refresh).await.unwrap();
            let next = tokens.refresh_token().unwrap().clone();
            held.before = Some((std::mem::replace(&mut held.refresh, next), now));
            return;
        }
        let Some((before, replaced_at)) = &held.before else { return };
        let outcome: Result<Tokens, Error> = self.s.mfa.refresh(before).await;
        if now - replaced_at <= GRACE {
            assert_eq!(outcome.unwrap().refresh_token().unwrap().expose(), held.refresh.expose());
        } else {
            assert_eq!(outcome.unwrap_err().refusal(), &Refusal::InvalidToken);
            self.end(at);
        }
    }

    async fn order(&mut self, op: Op) {
        let (alice, mfa) = (subject("alice"), &self.s.mfa);
        match op {
            Op::Suspend => mfa.suspend(&alice, "root", "why").await.unwrap(),
            Op::Reset => mfa.reset(&alice, "root", "why").await.unwrap(),
            _ => return mfa.unlock(&alice, "root", "why").await.map(|()| self.suspended = false).unwrap(),
        }
        self.end_all();
        self.open.clear();
        match op {
            Op::Suspend => self.suspended = true,
            _ => self.apps.clear(),
        }
    }

    async fn perform(&mut self, op: Op) {
        match op {
            Op::Wait(secs) => self.s.clock.advance(secs),
            Op::Begin => self.begin().await,
            Op::Answer(challenge, app) => self.answer(challenge, app).await,
            Op::AnswerWrong(challenge) => self.answer_wrong(challenge).await,
            Op::Bind(session) => self.bind(session).await,
            Op::Remove(session, app) => self.remove(session, app).await,
            Op::Refresh(session) => self.refresh(session, false).await,
            Op::RefreshAgain(session) => self.refresh(session, true).await,
            Op::LogOut(session) => {
                let Some(at) = pick(&self.sessions, session) else { return };
                self.s.mfa.log_out(&self.sessions[at].by).await.unwrap();
                self.end(at);
            }
            Op::EndOthers(session) => {
                let Some(at) = pick(&self.sessions, session) else { return };
                self.s.mfa.end_other_sessions(&self.sessions[at].by).await.unwrap();
                self.end_others(at);
            }
            Op::Suspend | Op::Unlock | Op::Reset => self.order(op).await,
        }
    }

    /// The account is what the model says, as everybody who holds something of it sees it.
    async fn check(&self) {
        for session in &self.sessions {
            let status = self.s.mfa.status(Enroller::Session(&session.by)).await.unwrap();
            assert_eq!((status.sessions, status.authenticators.len()), (self.sessions.len(), self.apps.len()));
            assert_eq!(status.recovery_codes.remaining > 0, !self.apps.is_empty());
        }
        for session in &self.ended {
            let status = self.s.mfa.status(Enroller::Session(&session.by)).await;
            assert_eq!(status.unwrap_err().refusal(), &Refusal::InvalidToken);
            assert!(self.s.mfa.refresh(&session.refresh).await.is_err());
        }
        let told = self.s.events("alice").await.len();
        assert_eq!(self.s.heard.lock().unwrap().len(), told, "the hook hears of all that is committed");
        let accepted = self.s.count("alice", EventKind::AnswerAccepted).await;
        assert!(accepted <= self.s.count("alice", EventKind::LoginChallenged).await, "one success a challenge");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows: ASVS-6.5.1, PCI-8.5.1-d
    #[test]
    fn an_account_is_what_a_simple_model_says_after_any_operations(ops in prop::collection::vec(op(), 1..32)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            model.begin().await;
            for op in ops {
                model.perform(op).await;
                model.check().await;
            }
        });
    }
}
