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

/// One thing that is missing and that no proof gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bar<'a> {
    Role(&'a str),
    Scope,
    Network,
    Hours,
    Never,
}

/// How far it is to a way with these bars: a client can ask for a scope itself (RFC 6750 §3.1), whereas for a
/// role, another network or another hour somebody has to do something.
fn distance(bars: &[Bar<'_>]) -> (bool, usize, usize) {
    let scopes = bars.iter().filter(|bar| **bar == Bar::Scope).count();
    (bars.contains(&Bar::Never), bars.len().saturating_sub(scopes), scopes)
}

/// The alternative to which it is nearest, the first of several, and what stands in its way.
fn nearest<'a>(choice: &'a [Requirement], facts: &Facts<'_>) -> Option<(Vec<Bar<'a>>, &'a Requirement)> {
    choice.iter().map(|one| (one.bars(facts), one)).min_by_key(|(bars, _)| distance(bars))
}

fn has(held: &[Box<str>], wanted: &str) -> bool {
    held.iter().any(|name| **name == *wanted)
}

impl Requirement {
    /// Why nothing that could be proved would help, if that is so: what is first on the nearest way.
    pub(crate) fn forbids(&self, facts: &Facts<'_>) -> Option<Forbidden> {
        // What is asked of every request, and is so of nearly each: no list is made for it.
        if self.is_open(facts) {
            return None;
        }
        Some(match self.bars(facts).into_iter().next()? {
            Bar::Role(role) => Forbidden::Role(role.into()),
            Bar::Scope => Forbidden::Scope(self.scopes_needed(facts).join(" ").into()),
            Bar::Network => Forbidden::Network,
            Bar::Hours => Forbidden::Hours,
            Bar::Never => Forbidden::Never,
        })
    }

    /// Whether nothing stands in the way: [`bars`](Self::bars) has none.
    fn is_open(&self, facts: &Facts<'_>) -> bool {
        self.roles.iter().all(|role| has(facts.roles, role))
            && self.scopes.iter().all(|scope| has(facts.scopes, scope))
            && self.is_from(facts)
            && self.is_in_hours(facts)
            && self.all.iter().all(|part| part.is_open(facts))
            && self.choices().all(|choice| choice.iter().any(|one| one.is_open(facts)))
    }

    fn is_from(&self, facts: &Facts<'_>) -> bool {
        let from = |address| self.networks.iter().any(|network| network.contains(address));
        self.networks.is_empty() || facts.at.address().is_some_and(from)
    }

    fn is_in_hours(&self, facts: &Facts<'_>) -> bool {
        self.hours.is_empty() || self.hours.iter().any(|window| window.contains(facts.at.now()))
    }

    /// What stands in the way, by the nearest alternative of each choice; nothing where a proof is all it takes.
    fn bars(&self, facts: &Facts<'_>) -> Vec<Bar<'_>> {
        let roles = self.roles.iter().filter(|role| !has(facts.roles, role)).map(Bar::Role);
        let scopes = self.scopes.iter().filter(|scope| !has(facts.scopes, scope)).map(|_| Bar::Scope);
        let mut bars: Vec<Bar<'_>> = roles.chain(scopes).collect();
        if !self.is_from(facts) {
            bars.push(Bar::Network);
        }
        if !self.is_in_hours(facts) {
            bars.push(Bar::Hours);
        }
        for part in self.all.iter() {
            bars.extend(part.bars(facts));
        }
        for choice in self.choices() {
            bars.extend(nearest(choice, facts).map_or_else(|| vec![Bar::Never], |(bars, _)| bars));
        }
        bars
    }

    /// Every scope on the nearest way, those that are there included: a challenge names all that are required
    /// (RFC 6750 §3).
    fn scopes_needed(&self, facts: &Facts<'_>) -> Vec<&str> {
        let mut needed: Vec<&str> = self.scopes.iter().collect();
        let alternatives = self.choices().filter_map(|choice| nearest(choice, facts)).map(|(_, one)| one);
        for scope in self.all.iter().chain(alternatives).flat_map(|part| part.scopes_needed(facts)) {
            if !needed.contains(&scope) {
                needed.push(scope);
            }
        }
        needed
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
