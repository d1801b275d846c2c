//! No more guesses are compared than there is a budget for, whatever they are guesses of, and none while it is spent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tower_mfa::account::{Event, EventKind};
use tower_mfa::assurance::Method;
use tower_mfa::clock::Timestamp;

use super::{Looked, list};
use crate::call::Door;
use crate::counts::Counts;
use crate::world::ELEVATED_BUDGET;

/// How many wrong answers there are in how many seconds, by default.
const BUDGET: usize = 3;
const WITHIN: u64 = 300;

#[derive(Clone, Default)]
pub(crate) struct Budgets {
    /// How many wrong answers one after the other disable for good.
    pub(crate) hard_limit: usize,
    subjects: BTreeMap<String, Spent>,
}

impl Budgets {
    pub(super) fn of(&mut self, subject: &str) -> Of<'_> {
        Of { hard_limit: self.hard_limit, spent: self.subjects.entry(subject.to_owned()).or_default() }
    }

    pub(super) fn count(&self, counts: &mut Counts) {
        for (what, many) in self.subjects.values().flat_map(|spent| &spent.counted) {
            counts.add_many(what, *many);
        }
    }
}

pub(super) struct Of<'a> {
    hard_limit: usize,
    spent: &'a mut Spent,
}

/// What is guessed, or from where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    App(String),
    RecoveryCodes,
    /// A session that has two factors has a budget of its own, so that nobody locks its owner out.
    Session(String),
}

impl What {
    const fn name(&self) -> &'static str {
        match self {
            Self::App(_) => "guesses of apps",
            Self::RecoveryCodes => "guesses of recovery codes",
            Self::Session(_) => "guesses from sessions of two factors",
        }
    }
}

#[derive(Clone, Default)]
struct Spent {
    guesses: BTreeMap<What, Guesses>,
    /// The calls whose recovery code is counted and not yet compared.
    reserved: BTreeSet<u64>,
    /// How many guesses there were, of what.
    counted: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Default)]
struct Guesses {
    /// Those that are counted towards the next lock.
    recent: Vec<Timestamp>,
    locked_until: Option<Timestamp>,
    /// Those since the last right one, wherever they came from.
    consecutive: usize,
    is_disabled: bool,
}

impl Of<'_> {
    pub(super) fn look(mut self, looked: &Looked<'_>) -> Option<String> {
        self.guessed(looked).err()
    }

    fn guessed(&mut self, looked: &Looked<'_>) -> Result<(), String> {
        let elevated = elevated(looked);
        let begins_anew = [EventKind::Reset, EventKind::Erased, EventKind::MfaDisabled];
        if looked.has_any(&begins_anew) {
            self.spent.guesses.clear();
            self.spent.reserved.clear();
        }
        if looked.is_by(Door::Recover) && looked.call.is_some() {
            self.recovery(looked, elevated.as_ref())?;
        }
        let of_app = |event: &&Event| event.method == Some(Method::Totp);
        let refused = |event: &&Event| event.kind == EventKind::AnswerRefused;
        // A code is compared with each app, and is one guess of its session.
        if let (Some(session), Some(first)) = (&elevated, looked.events.iter().filter(of_app).find(refused)) {
            self.count(session, first.at, true)?;
        }
        looked.events.iter().try_for_each(|event| self.event(event, elevated.as_ref()))
    }

    fn event(&mut self, event: &Event, elevated: Option<&What>) -> Result<(), String> {
        let id = event.authenticator_id.map(|id| What::App(id.to_string()));
        match (event.kind, event.method, id) {
            (EventKind::Unlocked, ..) => {
                // What is disabled stays so, and what was counted towards that.
                for guesses in self.spent.guesses.values_mut() {
                    (guesses.recent, guesses.locked_until) = (Vec::new(), None);
                }
            }
            (EventKind::AnswerRefused, Some(Method::Totp), Some(app)) => {
                self.free(elevated.unwrap_or(&app), event.at)?;
                self.count(&app, event.at, elevated.is_none())?;
                self.hard(&app)?;
            }
            (EventKind::AnswerAccepted, Some(Method::Totp), Some(app)) => {
                self.free(elevated.unwrap_or(&app), event.at)?;
                self.hard(&app)?;
                std::iter::once(&app).chain(elevated).for_each(|what| *self.of(what) = Guesses::default());
            }
            (EventKind::AuthenticatorBound, _, Some(app)) => *self.of(&app) = Guesses::default(),
            (EventKind::AuthenticatorDisabled, _, app) => {
                self.of(&app.unwrap_or(What::RecoveryCodes)).is_disabled = true;
            }
            (EventKind::RecoveryCodesIssued, ..) => *self.of(&What::RecoveryCodes) = Guesses::default(),
            (EventKind::Locked, _, app) => {
                let session = event.sid.map(|sid| What::Session(sid.to_string()));
                let guesses = self.of(&app.or(session).unwrap_or(What::RecoveryCodes));
                (guesses.recent, guesses.locked_until) = (Vec::new(), event.until);
            }
            _ => {}
        }
        Ok(())
    }

    /// A recovery code is counted in a commit of its own, before it is compared: whoever is cut off has failed.
    fn recovery(&mut self, looked: &Looked<'_>, elevated: Option<&What>) -> Result<(), String> {
        let Some(call) = looked.call.map(|call| call.number) else { return Ok(()) };
        let codes = What::RecoveryCodes;
        let is_wrong =
            |event: &Event| event.kind == EventKind::AnswerRefused && event.method == Some(Method::RecoveryCode);
        let is_right = looked.has(EventKind::RecoveryCodeUsed);
        if is_right || looked.events.iter().any(is_wrong) {
            if !self.spent.reserved.remove(&call) {
                return Err(format!("the budget: the recovery code of call {call} was compared before it was counted"));
            }
            if is_right {
                std::iter::once(&codes).chain(elevated).for_each(|what| *self.of(what) = Guesses::default());
            }
            return Ok(());
        }
        // What is disabled by those that were begun is told of by itself.
        if looked.has_any(&[EventKind::ClockBehind, EventKind::AuthenticatorDisabled]) {
            return Ok(());
        }
        let at = Timestamp::from_secs(looked.latest());
        self.free(elevated.unwrap_or(&codes), at)?;
        self.count(elevated.unwrap_or(&codes), at, true)?;
        if elevated.is_some() {
            self.count(&codes, at, false)?;
        }
        self.hard(&codes)?;
        self.spent.reserved.insert(call);
        Ok(())
    }

    fn of(&mut self, what: &What) -> &mut Guesses {
        self.spent.guesses.entry(what.clone()).or_default()
    }

    fn free(&mut self, what: &What, at: Timestamp) -> Result<(), String> {
        match self.of(what).locked_until.filter(|until| at < *until) {
            Some(until) => Err(format!("the budget: an answer at {at} though locked until {until}: {what:?}")),
            None => Ok(()),
        }
    }

    fn count(&mut self, what: &What, at: Timestamp, is_recent: bool) -> Result<(), String> {
        let most = if matches!(what, What::Session(_)) { ELEVATED_BUDGET } else { BUDGET };
        *self.spent.counted.entry(what.name()).or_default() += 1;
        let guesses = self.of(what);
        guesses.consecutive += 1;
        if is_recent {
            guesses.recent.retain(|before| at.since(*before) < WITHIN);
            guesses.recent.push(at);
        }
        match guesses.recent.len() {
            many if many > most => Err(format!("the budget: {many} wrong answers in five minutes: {what:?}")),
            _ => Ok(()),
        }
    }

    fn hard(&mut self, what: &What) -> Result<(), String> {
        let most = self.hard_limit;
        let guesses = self.of(what);
        if guesses.is_disabled || guesses.consecutive > most {
            let (many, is) = (guesses.consecutive, guesses.is_disabled);
            return Err(format!("the hard limit: {many} wrong answers one after the other, disabled: {is}: {what:?}"));
        }
        Ok(())
    }
}

/// The session that an answer comes from, where it has two factors already.
fn elevated(looked: &Looked<'_>) -> Option<What> {
    let call = looked.call.filter(|call| matches!(call.door, Door::Answer | Door::Recover))?;
    let sid = call.sid.as_ref()?;
    let session = list(looked.before?, "sessions").find(|session| session["id"] == **sid)?;
    let is_second = |proof: &Value| proof["type"] != "pwd";
    let has_two = session["evidence"].as_array().unwrap().iter().any(is_second);
    has_two.then(|| What::Session(sid.clone()))
}
