//! What clients remember.

use std::collections::{BTreeMap, BTreeSet};

use tower_mfa::id::AuthenticatorId;

use super::call::{Call, Door};
use super::counts::Counts;
use super::operations::{Hands, Operation, Order, Own, Proof};
use super::told::{Shown, Told};

/// What became of a call, as far as it was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Its answer was right.
    Right,
    /// It bound an app.
    Bound,
    /// Its answer was wrong.
    Wrong,
    /// No answer was compared, or there was none.
    Refused,
    /// It was done, and no answer was asked for.
    Done,
    /// Nobody knows.
    Unknown,
}

/// The call that an operation ended with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called {
    pub(crate) person: usize,
    pub(crate) heard: Heard,
    /// Its answer may have been right.
    pub(crate) may_be_right: bool,
    pub(crate) door: Door,
    /// Why it was refused, where it was.
    pub(crate) why: Option<&'static str>,
}

/// A session that somebody was given.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) person: usize,
    sid: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// The first, where that was replaced.
    replaced: Option<String>,
    /// What was proved for it beside the first factor, in the words of a token.
    proved: BTreeSet<&'static str>,
    /// What its client was told that ends it.
    pub(crate) ended: Option<&'static str>,
}

/// What was known when an operation began.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// How many sessions there were.
    sessions: usize,
    /// What had ended the session that it works with.
    ended: Option<&'static str>,
    may_be_right: bool,
}

impl Start {
    /// Whether it works with a session of which its client was told that it has ended.
    pub(crate) const fn is_revival(&self) -> bool {
        self.ended.is_some()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// How often each was let in by what.
    pub(crate) accepted: BTreeMap<(usize, Proof), u32>,
    pub(crate) calls: BTreeMap<u64, Called>,
    /// The step that was accepted last, and of which app.
    pub(crate) last_step: [Option<(usize, u64)>; 2],
    pub(crate) sessions: Vec<Session>,
    pub(crate) logged_out: Vec<(usize, String)>,
    /// Apps of which it was heard that they are bound, beside the first.
    pub(crate) bound: Vec<(usize, usize, AuthenticatorId)>,
    /// What no client should have been told.
    pub(crate) broken: Option<String>,
}

impl Memory {
    pub(crate) fn start(&self, operation: &Operation, hands: &Hands) -> Start {
        let again = match operation {
            Operation::SendAgain(number) => hands.attempts.get(*number),
            _ => None,
        };
        let own = match operation {
            Operation::StepUp(own, _)
            | Operation::Refresh(own, _)
            | Operation::LogOut(own)
            | Operation::Bind(own, _)
            | Operation::Remove(own, _) => Some(own.number),
            _ => again.and_then(|attempt| attempt.from),
        };
        let own = own.map(|number| &self.sessions[number]);
        let is_wrong = match operation {
            Operation::SignIn(with) | Operation::StepUp(_, with) => with.is_wrong(),
            Operation::Bind(_, is_right) => !is_right,
            _ => again.is_some_and(|attempt| attempt.is_wrong),
        };
        Start { sessions: self.sessions.len(), ended: own.and_then(|own| own.ended), may_be_right: !is_wrong }
    }

    pub(crate) fn own(&self, number: usize) -> Own {
        let session = &self.sessions[number];
        let (access, refresh) = (session.access.clone(), session.refresh.clone());
        Own { number, sid: session.sid.clone(), access, refresh, replaced: session.replaced.clone() }
    }

    /// Hears how the operation of a person ended, with its newest call.
    pub(crate) fn hear(&mut self, person: usize, start: &Start, call: &Call, told: &Told) {
        let heard = match told {
            Told::In { by: Some(_), .. } => Heard::Right,
            Told::Bound { .. } => Heard::Bound,
            Told::Wrong => Heard::Wrong,
            Told::Unknown | Told::Unavailable | Told::Broken(_) => Heard::Unknown,
            Told::Refused(_) => Heard::Refused,
            _ => Heard::Done,
        };
        let why = if let Told::Refused(why) = told { Some(*why) } else { None };
        let called = Called { person, heard, may_be_right: start.may_be_right, door: call.door, why };
        self.calls.insert(call.number, called);
        match told {
            Told::In { by, from, shown } => {
                if let Some(proof) = by {
                    *self.accepted.entry((person, *proof)).or_default() += 1;
                }
                if let Some(Proof::Step(app, step)) = by {
                    self.last_step[person] = Some((*app, *step));
                }
                self.replaced(person, start, *from, by.map(word), shown);
            }
            Told::Bound { from, app, step, shown } => {
                *self.accepted.entry((person, Proof::Step(app.0, *step))).or_default() += 1;
                self.bound.push((person, app.0, app.1));
                self.end(person, start.sessions, "a binding");
                self.replaced(person, start, Some(*from), Some("totp"), shown);
            }
            Told::Enough { from, shown } => self.goes_on(start, *from, shown),
            Told::Refreshed { from, shown } => {
                self.goes_on(start, *from, shown);
                let refresh = &mut self.sessions[*from].refresh;
                let replaced = std::mem::replace(refresh, shown.refresh.clone().unwrap());
                self.sessions[*from].replaced.get_or_insert(replaced);
            }
            Told::Removed { from } => {
                self.lives(start, *from);
                let was = self.sessions[*from].ended;
                self.end(person, start.sessions, "a removal");
                self.sessions[*from].ended = was;
            }
            Told::LoggedOut { from, sid } => {
                self.lives(start, *from);
                self.sessions[*from].ended = Some("a logout");
                self.logged_out.push((person, sid.clone()));
            }
            Told::Obeyed(Order::Suspend | Order::Reset | Order::EndSessions | Order::Erase) => {
                self.end(person, start.sessions, "an operator's order");
            }
            Told::Broken(how) => self.break_with(how.clone()),
            Told::Obeyed(_) | Told::Left | Told::Wrong | Told::Unavailable | Told::Unknown | Told::Refused(_) => {}
        }
    }

    pub(crate) fn count(&self, counts: &mut Counts) {
        let of = |door: Door, heard: Heard| {
            let calls = self.calls.values().filter(|call| (call.door, call.heard) == (door, heard)).count();
            u64::try_from(calls).unwrap()
        };
        counts.add_many("wrong recovery codes", of(Door::Recover, Heard::Wrong));
    }

    /// A replica crashed in the middle of this.
    pub(crate) fn lose(&mut self, person: usize, start: &Start, call: &Call) {
        self.hear(person, start, call, &Told::Unknown);
    }

    /// Whoever was there before an operation began is gone after it.
    fn end(&mut self, person: usize, before: usize, why: &'static str) {
        for session in self.sessions[..before].iter_mut().filter(|session| session.person == person) {
            session.ended = session.ended.or(Some(why));
        }
    }

    fn replaced(&mut self, person: usize, start: &Start, from: Option<usize>, by: Option<&'static str>, shown: &Shown) {
        let mut proved = BTreeSet::from_iter(by);
        if let Some(from) = from {
            self.lives(start, from);
            proved.extend(&self.sessions[from].proved);
            self.sessions[from].ended = Some("a step-up");
        }
        self.weigh(&proved, shown);
        let (sid, access, refresh) = (shown.sid.clone(), shown.access.clone(), shown.refresh.clone().unwrap());
        self.sessions.push(Session { person, sid, access, refresh, replaced: None, proved, ended: None });
    }

    fn goes_on(&mut self, start: &Start, from: usize, shown: &Shown) {
        self.lives(start, from);
        let proved = self.sessions[from].proved.clone();
        self.weigh(&proved, shown);
        self.sessions[from].access.clone_from(&shown.access);
    }

    /// It was taken for a session when an operation ended: so nothing had ended it when that began.
    fn lives(&mut self, start: &Start, from: usize) {
        if let Some(why) = start.ended {
            self.break_with(format!("the orders: session {from} lived on after {why}"));
        }
    }

    /// A token says no more than was proved, and no less.
    fn weigh(&mut self, proved: &BTreeSet<&'static str>, shown: &Shown) {
        let acr = if proved.is_empty() { "aal1" } else { "aal2" };
        let said: BTreeSet<_> = ["totp", "recovery", "webauthn"]
            .into_iter()
            .filter(|word| shown.amr.iter().any(|amr| amr == word))
            .collect();
        let is_mfa = shown.amr.iter().any(|amr| amr == "mfa");
        if shown.acr != acr || said != *proved || is_mfa == proved.is_empty() {
            let (acr, amr) = (&shown.acr, &shown.amr);
            self.break_with(format!("the evidence: a token says {acr} by {amr:?}, and proved was {proved:?}"));
        }
    }

    pub(crate) fn break_with(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}

/// What a token says of it.
fn word(proof: Proof) -> &'static str {
    match proof {
        Proof::Step(..) => "totp",
        Proof::Recovery(_) => "recovery",
        Proof::Assertion(_) => "webauthn",
    }
}
