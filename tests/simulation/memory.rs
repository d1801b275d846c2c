//! What clients remember.

use std::collections::BTreeMap;

use super::operations::{Operation, Proof, Told};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// How often each was let in by what.
    pub(crate) accepted: BTreeMap<(usize, Proof), u32>,
    pub(crate) wrong: [usize; 2],
    /// Answers of which nobody was told what became.
    pub(crate) unknown: [usize; 2],
    /// The step that was accepted last.
    pub(crate) last_step: [Option<u64>; 2],
    /// Access and refresh tokens, by person.
    pub(crate) sessions: Vec<(usize, String, String)>,
    pub(crate) logged_out: Vec<(usize, String)>,
    pub(crate) panicked: Option<String>,
}

impl Memory {
    pub(crate) fn hear(&mut self, person: usize, told: &Told) {
        match told {
            Told::In(proof, access, refresh) => {
                *self.accepted.entry((person, *proof)).or_default() += 1;
                if let Proof::Step(step) = proof {
                    self.last_step[person] = Some(*step);
                }
                self.sessions.push((person, access.clone(), refresh.clone()));
            }
            Told::Wrong => self.wrong[person] += 1,
            Told::Unknown => self.unknown[person] += 1,
            Told::Refreshed(old, new) => {
                for (_, _, refresh) in self.sessions.iter_mut().filter(|(_, _, refresh)| refresh == old) {
                    refresh.clone_from(new);
                }
            }
            Told::LoggedOut(session) => self.logged_out.push((person, session.clone())),
            Told::Panicked(how) => self.panicked = Some(how.clone()),
            Told::Refused(_) => {}
        }
    }

    /// A replica crashed in the middle of this.
    pub(crate) fn lose(&mut self, person: usize, operation: &Operation) {
        if matches!(operation, Operation::SignIn(_) | Operation::SendAgain(_)) {
            self.unknown[person] += 1;
        }
    }

    pub(crate) fn let_in(&self, person: usize) -> usize {
        let own = self.accepted.iter().filter(|((of, _), _)| *of == person);
        own.map(|(_, times)| usize::try_from(*times).unwrap()).sum()
    }
}
