//! What an answer should lead to, and whether it does.

use tower_mfa::account::Refusal;
use tower_mfa::assurance::Aal;
use tower_mfa::clock::Timestamp;
use tower_mfa::service::{Reply, Responder};

use super::ops::{Named, Typed};
use super::parts::{App, Counter, Expected, Session};
use super::{HARD_LIMIT, Model};
use crate::world::*;

impl Model {
    /// The challenge an answer is for, and the session that opened it, if both are alive.
    pub(super) fn reached(&self, at: usize) -> Option<Option<usize>> {
        let held = &self.challenges[at];
        let session = held.by.as_ref().err().copied();
        let live = held.live && self.now() < held.expires && session.is_none_or(|s| self.sessions[s].live);
        live.then_some(session)
    }

    pub(super) fn type_in(&self, typed: Typed) -> String {
        match typed {
            Typed::Shown(app, steps) => {
                let at = self.now().checked_add_signed(i64::from(steps) * 30).unwrap();
                self.apps[app].shown.code(Timestamp::from_secs(at))
            }
            Typed::Replayed => self.last_code.clone(),
            Typed::Foreign => self.foreign.code(self.clock.time()),
            Typed::Wrong => self.nodes[0].wrong(&[&self.apps[0].shown, &self.apps[1].shown]),
        }
    }

    pub(super) async fn totp(&mut self, node: usize, n: usize, named: Named, typed: Typed) {
        let Some(at) = n.checked_rem(self.challenges.len()) else { return };
        let code = self.type_in(typed);
        let expected = self.expect_totp(at, named, &code);
        let reply = match named {
            Named::Any => Reply::totp(code.as_str()),
            Named::App(app) => Reply::totp_of(&self.apps[app].id, code.as_str()),
            Named::Unknown => Reply::totp_of("nobody's", code.as_str()),
        };
        self.compare(node, at, reply, &expected).await;
        if expected == Expected::Accepted {
            self.last_code = code;
        }
    }

    pub(super) fn expect_totp(&mut self, at: usize, named: Named, code: &str) -> Expected {
        let Some(session) = self.reached(at) else { return Expected::Unreached };
        let now = self.now();
        let meant = match named {
            Named::App(app) => vec![app],
            _ => vec![0, 1],
        };
        let mut tried = meant.clone();
        tried.retain(|app| !self.apps[*app].disabled);
        if tried.is_empty() {
            return Expected::Refused(Refusal::AuthenticatorDisabled);
        }
        let wait = |app: &usize| self.apps[*app].counter.wait(now);
        let waits: Vec<u64> = match session {
            Some(session) => self.sessions[session].counter.wait(now).into_iter().collect(),
            None => tried.iter().filter_map(wait).collect(),
        };
        if session.is_none() {
            tried.retain(|app| wait(app).is_none());
        }
        if let Some(soonest) = waits.iter().min().filter(|_| session.is_some() || tried.is_empty()) {
            return Expected::Refused(Refusal::Throttled { retry_after: u32::try_from(*soonest).unwrap() });
        }
        let compared = tried.iter().copied().filter(|_| !matches!(named, Named::Unknown));
        let hit = compared.filter_map(|app| self.apps[app].matches(now, code).map(|step| (app, step))).next();
        if let Some((app, step)) = hit {
            let app = &mut self.apps[app];
            assert!(!app.accepted.contains(&step), "each code is accepted at most once ever");
            app.accepted.push(step);
            app.last_step = step;
            app.counter = Counter::default();
            self.succeed(at, session);
            return Expected::Accepted;
        }
        let attempts_remaining = self.fail_totp(&tried, session);
        let usable: Vec<&App> = meant.iter().map(|app| &self.apps[*app]).filter(|app| !app.disabled).collect();
        let waits: Vec<Option<u64>> = match session {
            Some(session) if !usable.is_empty() => vec![self.sessions[session].counter.wait(now)],
            _ => usable.iter().map(|app| app.counter.wait(now)).collect(),
        };
        // A pause is one when none of those that were meant can be tried.
        let soonest = waits.into_iter().collect::<Option<Vec<u64>>>().and_then(|waits| waits.into_iter().min());
        let retry_after = soonest.map(|wait| u32::try_from(wait).unwrap());
        Expected::Refused(Refusal::InvalidCode { attempts_remaining, retry_after })
    }

    fn fail_totp(&mut self, tried: &[usize], session: Option<usize>) -> u32 {
        let (now, mut remaining) = (self.now(), 3);
        for app in tried {
            let app = &mut self.apps[*app];
            match session {
                Some(_) => app.counter.since_success += 1,
                None => remaining = remaining.min(app.counter.fail(now, 3)),
            }
            app.disabled = app.counter.since_success >= HARD_LIMIT;
        }
        session.map_or(remaining, |session| self.sessions[session].counter.fail(now, 5))
    }

    pub(super) async fn recover(&mut self, node: usize, n: usize, code: Option<usize>) {
        let Some(at) = n.checked_rem(self.challenges.len()) else { return };
        let typed = code.map_or("00000000ZZZZZZZZ".to_owned(), |code| self.codes[code].0.clone());
        let expected = self.expect_recovery(at, code);
        self.compare(node, at, Reply::recovery_code(typed), &expected).await;
    }

    pub(super) fn expect_recovery(&mut self, at: usize, code: Option<usize>) -> Expected {
        let Some(session) = self.reached(at) else { return Expected::Unreached };
        let now = self.now();
        if self.set_disabled {
            return Expected::Refused(Refusal::AuthenticatorDisabled);
        }
        let counter = session.map_or(&self.recovery, |session| &self.sessions[session].counter);
        if let Some(wait) = counter.wait(now) {
            return Expected::Refused(Refusal::Throttled { retry_after: u32::try_from(wait).unwrap() });
        }
        if let Some(code) = code.filter(|code| !self.codes[*code].1) {
            self.codes[code].1 = true;
            self.recovery = Counter::default();
            self.succeed(at, session);
            return Expected::Accepted;
        }
        let remaining = match session {
            Some(session) => {
                self.recovery.since_success += 1;
                self.sessions[session].counter.fail(now, 5)
            }
            None => self.recovery.fail(now, 3),
        };
        self.set_disabled = self.recovery.since_success >= HARD_LIMIT;
        let counter = session.map_or(&self.recovery, |session| &self.sessions[session].counter);
        let wait = counter.wait(now).filter(|_| !self.set_disabled);
        let retry_after = wait.map(|wait| u32::try_from(wait).unwrap());
        Expected::Refused(Refusal::InvalidCode { attempts_remaining: remaining, retry_after })
    }

    /// A right answer ends its challenge and the session it began from.
    pub(super) fn succeed(&mut self, at: usize, session: Option<usize>) {
        self.challenges[at].live = false;
        if let Some(session) = session {
            self.sessions[session].live = false;
        }
    }

    pub(super) async fn compare(&mut self, node: usize, at: usize, reply: Reply, expected: &Expected) {
        self.seen.insert(expected.name());
        let held = &self.challenges[at];
        let by = match &held.by {
            Ok(token) => Responder::Token(token),
            Err(session) => Responder::Session(&self.sessions[*session].auth),
        };
        let answer = complete(self.nodes[node].mfa.answer(by, held.id, reply).await);
        match (expected, answer) {
            (Expected::Accepted, Ok(tokens)) => {
                let auth = self.nodes[node].session(&tokens);
                assert_eq!(auth.assurance().level(), Aal::Two);
                assert_eq!(tokens.auth_time(), Some(self.clock.time()));
                assert_eq!(tokens.step_up().is_some(), held.by.is_err());
                assert!(
                    self.sessions.iter().all(|s| s.tokens.session() != tokens.session()),
                    "a session id of its own"
                );
                self.sessions.push(Session { tokens, auth, live: true, counter: Counter::default() });
            }
            (Expected::Refused(expected), Err(refused)) => assert_eq!(refused, *expected),
            (Expected::Unreached, Err(Refusal::ChallengeGone | Refusal::NotFound | Refusal::InvalidToken)) => {}
            (expected, answer) => panic!("{expected:?} was expected: {answer:?}"),
        }
    }
}
