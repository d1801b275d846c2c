//! What somebody does next.

use rand::RngExt as _;
use tower_mfa::id::AuthenticatorId;

use super::{GUESSED, Scheduler};
use crate::operations::{Operation, Order, With};
use crate::world::BEGINNING;

impl Scheduler {
    pub(super) fn operation(&mut self, person: usize) -> Operation {
        let sessions = self.memory.sessions.iter().enumerate();
        let own: Vec<_> = sessions.filter(|(_, session)| session.person == person).map(|(number, _)| number).collect();
        // The newest, most of the time: the others have ended.
        let own = match self.random.random_range(0..own.len().max(1)) {
            _ if own.is_empty() => None,
            old if self.random.random_range(0..2) == 0 => Some(own[old]),
            _ => own.last().copied(),
        };
        let own = own.map(|number| self.memory.own(number));
        let app = self.app(person);
        let how = self.random.random_range(0..100);
        if how < 10 {
            return Operation::Order(self.order());
        }
        match (how, own, self.memory.last_step[person]) {
            (10..30, Some(own), _) => Operation::Refresh(own, self.random.random()),
            (30..33, Some(own), _) => Operation::LogOut(own),
            (33..45, Some(own), _) => Operation::StepUp(own, self.with(app)),
            (45..50, Some(own), _) => Operation::Bind(own, self.random.random_range(0..4) > 0),
            (50..53, Some(own), _) => Operation::Remove(own, self.bound(person)),
            (53..60, ..) if let Some(number) = self.latest_attempt(person) => Operation::SendAgain(number),
            // Whoever guesses does so from where it locks nobody out.
            (66..88, Some(own), _) if Self::is_guessed(self.seed) => Operation::StepUp(own, self.with(app)),
            (60..66, _, Some((app, step))) => Operation::SignIn(With::Again(app, step)),
            _ => Operation::SignIn(self.with(app)),
        }
    }

    fn order(&mut self) -> Order {
        // Who turns clocks right lifts what came of it.
        if self.clocks.have_jumped() && self.random.random() {
            return Order::Unlock;
        }
        match self.random.random_range(0..20) {
            0..9 => Order::Unlock,
            9..11 => Order::Suspend,
            11 => Order::Reset,
            12..15 => Order::EndSessions,
            15 => Order::Erase,
            16..19 => Order::GrantBypass,
            _ => Order::RevokeBypass,
        }
    }

    fn with(&mut self, app: usize) -> With {
        let is_guess = Self::is_guessed(self.seed) && self.random.random_range(0..3) > 0;
        match self.random.random_range(0..40) {
            0..2 => With::Recovery(self.random.random_range(0..2)),
            2 => With::WrongRecovery(self.random.random_range(0..2)),
            3..7 => With::Key,
            7..17 => With::Wrong,
            17.. if is_guess && self.seed.is_multiple_of(2 * GUESSED) => {
                With::WrongRecovery(self.random.random_range(0..2))
            }
            17.. if is_guess => With::Wrong,
            _ => With::Right(app),
        }
    }

    /// An app that a person may still have.
    fn app(&mut self, person: usize) -> usize {
        let bound: Vec<_> = self.memory.bound.iter().filter(|(of, ..)| *of == person).collect();
        match self.random.random_range(0..=bound.len()) {
            0 => 0,
            later => bound[later - 1].1,
        }
    }

    /// An app that was bound.
    fn bound(&mut self, person: usize) -> AuthenticatorId {
        let bound: Vec<_> = self.memory.bound.iter().filter(|(of, ..)| *of == person).collect();
        match self.random.random_range(0..=bound.len()) {
            0 => BEGINNING.people[person].app_id,
            later => bound[later - 1].2,
        }
    }

    fn latest_attempt(&self, person: usize) -> Option<usize> {
        self.hands.lock().unwrap().attempts.iter().rposition(|attempt| attempt.person == person)
    }
}

pub(super) fn shown(operation: &Operation) -> String {
    match operation {
        Operation::SignIn(with) => format!("signs in, {with:?}"),
        Operation::StepUp(own, with) => format!("steps session {} up, {with:?}", own.number),
        Operation::SendAgain(number) => format!("sends the answer {number} again"),
        Operation::Refresh(own, is_newest) => format!("refreshes session {}, newest: {is_newest}", own.number),
        Operation::LogOut(own) => format!("logs session {} out", own.number),
        Operation::Bind(own, is_right) => format!("binds an app from session {}, right: {is_right}", own.number),
        Operation::Remove(own, _) => format!("removes an app from session {}", own.number),
        Operation::Order(order) => format!("is ordered: {order:?}"),
    }
}
