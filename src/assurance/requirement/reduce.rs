//! What is left of a requirement when it is known who asks, from where and when.

use super::super::decide::{Circumstances, Forbidden};
use super::Requirement;
use super::list::{List, Words};

/// What is known of whoever asks beside proofs: what no proof can change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) roles: &'a [Box<str>],
    pub(crate) scopes: &'a [Box<str>],
    pub(crate) at: Circumstances,
}

impl Requirement {
    /// Why nothing that could be proved would help, if that is so.
    pub(crate) fn forbids(&self, facts: &Facts<'_>) -> Option<Forbidden> {
        let has = |held: &[Box<str>], wanted: &str| held.iter().any(|name| **name == *wanted);
        if let Some(role) = self.roles.iter().find(|role| !has(facts.roles, role)) {
            return Some(Forbidden::Role(role.into()));
        }
        if !self.scopes.iter().all(|scope| has(facts.scopes, scope)) {
            return Some(Forbidden::Scope(self.scopes.iter().collect::<Vec<_>>().join(" ").into()));
        }
        let from = |address| self.networks.iter().any(|network| network.contains(address));
        if !self.networks.is_empty() && !facts.at.address().is_some_and(from) {
            return Some(Forbidden::Network);
        }
        if !self.hours.is_empty() && !self.hours.iter().any(|window| window.contains(facts.at.now())) {
            return Some(Forbidden::Hours);
        }
        if let Some(forbidden) = self.all.iter().find_map(|part| part.forbids(facts)) {
            return Some(forbidden);
        }
        self.choices().find_map(|choice| match choice {
            [] => Some(Forbidden::Never),
            several => {
                let mut refused = several.iter().map(|alternative| alternative.forbids(facts));
                let first = refused.next().flatten()?;
                refused.all(|one| one.is_some()).then_some(first)
            }
        })
    }

    /// What is left to be proved: nothing in it asks for a role, a scope, a network or a time.
    ///
    /// # Errors
    ///
    /// [`Forbidden`] when no proof would help.
    pub(crate) fn reduced(&self, facts: &Facts<'_>) -> Result<Self, Forbidden> {
        self.forbids(facts).map_or_else(|| Ok(self.to_be_proved(facts)), Err)
    }

    fn to_be_proved(&self, facts: &Facts<'_>) -> Self {
        let possible = |choice: &[Self]| -> Vec<Self> {
            choice.iter().filter(|one| one.forbids(facts).is_none()).map(|one| one.to_be_proved(facts)).collect()
        };
        let mut all = List::EMPTY;
        self.all.iter().for_each(|part| all.push(part.to_be_proved(facts)));
        Self {
            roles: Words::EMPTY,
            scopes: Words::EMPTY,
            networks: List::EMPTY,
            hours: List::EMPTY,
            alternatives: None,
            more_alternatives: self.choices().map(possible).collect(),
            all,
            ..self.clone()
        }
    }
}
