//! What the model is made of.

use tower_mfa::account::Refusal;
use tower_mfa::assurance::{Aal, Authentication};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::{ChallengeId, Subject};
use tower_mfa::policy::{PolicyBuilder, SessionLimits};
use tower_mfa::recovery_code::Count;
use tower_mfa::secret::SecretString;
use tower_mfa::service::Tokens;
use tower_mfa::store::Store;
use tower_mfa::testing::AuthenticatorApp;

use super::{HARD_LIMIT, WAITS};
use crate::world::*;

/// The two counters of anything that can be guessed.
#[derive(Default)]
pub(super) struct Counter {
    pub(super) since_success: u32,
    pub(super) recent: Vec<u64>,
    pub(super) locks: usize,
    pub(super) until: u64,
}

impl Counter {
    pub(super) fn wait(&self, now: u64) -> Option<u64> {
        self.until.checked_sub(now).filter(|wait| *wait > 0)
    }

    pub(super) fn fail(&mut self, now: u64, most: usize) -> u32 {
        self.since_success += 1;
        self.recent.retain(|at| now - at < 300);
        self.recent.push(now);
        if self.recent.len() < most {
            return u32::try_from(most - self.recent.len()).unwrap();
        }
        self.until = now + WAITS[self.locks.min(4)];
        self.locks += 1;
        self.recent.clear();
        0
    }

    pub(super) fn unlock(&mut self) {
        *self = Self { since_success: self.since_success, ..Self::default() };
    }
}

pub(super) struct App {
    pub(super) shown: AuthenticatorApp,
    pub(super) id: String,
    pub(super) last_step: u64,
    pub(super) disabled: bool,
    pub(super) counter: Counter,
    /// Every step that was ever accepted.
    pub(super) accepted: Vec<u64>,
}

impl App {
    /// The step a code is good for.
    pub(super) fn matches(&self, now: u64, code: &str) -> Option<u64> {
        let at = |step: u64| self.shown.code(Timestamp::from_secs(step * 30)) == code;
        let present = now / 30;
        (present - 1..=present + 1).rev().find(|step| *step > self.last_step && at(*step))
    }
}

pub(super) struct Held {
    pub(super) id: ChallengeId,
    /// The login's own token, or the session that opened it.
    pub(super) by: Result<SecretString, usize>,
    pub(super) expires: u64,
    pub(super) live: bool,
}

pub(super) struct Session {
    pub(super) tokens: Tokens,
    pub(super) auth: Authentication,
    pub(super) live: bool,
    pub(super) counter: Counter,
}

/// What is expected of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Accepted,
    Refused(Refusal),
    /// Not a live challenge of a live session: 401, 404 or 410.
    Unreached,
}

impl Expected {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unreached => "unreached",
            Self::Refused(Refusal::InvalidCode { attempts_remaining: 0, .. }) => "locked",
            Self::Refused(Refusal::InvalidCode { .. }) => "wrong",
            Self::Refused(Refusal::Throttled { .. }) => "throttled",
            Self::Refused(_) => "disabled",
        }
    }
}

pub(super) fn rules() -> PolicyBuilder {
    let endless = SessionLimits::overall(30 * 86_400);
    policy().hard_limit(HARD_LIMIT).session(Aal::Two, endless).recovery_codes(Count::new(4).unwrap())
}

/// An account with two apps and a set of codes, made once: its document, and what its owner holds.
pub(super) struct Base {
    pub(super) document: String,
    pub(super) apps: Vec<(AuthenticatorApp, String)>,
    pub(super) codes: Vec<String>,
    pub(super) foreign: AuthenticatorApp,
    pub(super) now: u64,
}

impl Base {
    pub(super) async fn make() -> Self {
        let world = World::with(rules());
        let foreign = world.enrol_first(Subject::new("bob").unwrap()).await.app;
        let first = world.enrolled().await;
        let second = world.enrol(&first.session).await;
        world.mfa.end_sessions(&alice(), "test", "begin").await.unwrap();
        Self {
            document: world.store.load(&alice()).await.unwrap().unwrap().into_document(),
            apps: vec![(first.app, first.id), (second.app, second.id)],
            codes: first.codes,
            foreign,
            now: world.now().as_secs(),
        }
    }
}
