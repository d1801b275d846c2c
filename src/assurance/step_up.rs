use std::fmt;

use super::{Aal, Proof, Requirement};

/// Exactly what is missing, and the nearest way to it.
///
/// Where a requirement has alternatives, it is the one that lacks least.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct StepUp {
    missing: Vec<Missing>,
    level: Aal,
    max_age: Option<u32>,
    phishing_resistant: bool,
    hardware: bool,
    kinds: Vec<Proof>,
    action: Option<Box<str>>,
}

/// One thing a request lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The level is too low.
    Level,
    /// No phishing-resistant proof.
    PhishingResistance,
    /// No proof from a hardware-held key.
    Hardware,
    /// The newest proof is too old.
    Freshness,
    /// No proof of a kind that is asked for, or only an old one.
    Kind,
    /// No step-up for this action.
    Action,
}

impl Missing {
    /// Every thing there is, most important first.
    pub(super) const ALL: [Self; 6] =
        [Self::Level, Self::PhishingResistance, Self::Hardware, Self::Freshness, Self::Kind, Self::Action];

    /// Returns the name used in the problem body.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::PhishingResistance => "phishing_resistance",
            Self::Hardware => "hardware",
            Self::Freshness => "freshness",
            Self::Kind => "kind",
            Self::Action => "action",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl StepUp {
    pub(super) fn asking(requirement: &Requirement, missing: Vec<Missing>) -> Self {
        Self {
            missing,
            level: requirement.level,
            max_age: requirement.max_age,
            phishing_resistant: requirement.phishing_resistant,
            hardware: requirement.hardware,
            kinds: Vec::new(),
            action: requirement.own_actions().next().map(Into::into),
        }
    }

    /// The approval of an action is missing: there was none, or it was of something else.
    pub(crate) fn approval_of(requirement: &Requirement) -> Self {
        Self { action: requirement.action().map(Into::into), ..Self::asking(requirement, vec![Missing::Action]) }
    }

    pub(super) fn asks_for(&mut self, proof: Proof) {
        self.kinds = vec![proof];
        self.fresh_within(proof.max_age());
    }

    fn fresh_within(&mut self, secs: Option<u32>) {
        self.max_age = [self.max_age, secs].into_iter().flatten().min();
    }

    /// Asks for what `other` asks for besides.
    pub(super) fn join(&mut self, other: Self) {
        self.level = self.level.max(other.level);
        self.phishing_resistant |= other.phishing_resistant;
        self.hardware |= other.hardware;
        self.fresh_within(other.max_age);
        if self.kinds.is_empty() {
            self.kinds = other.kinds;
        }
        self.action = self.action.take().or(other.action);
        self.missing.extend(other.missing);
        self.missing.sort_unstable();
        self.missing.dedup();
    }

    /// Takes in another way that differs only in the kind of proof it asks for: then any of their kinds
    /// will do, fresh enough for each.
    pub(super) fn or(&mut self, other: Self) {
        let same = |way: &Self| (way.level, way.phishing_resistant, way.hardware, way.action.clone());
        let only_kind = [Missing::Kind];
        if self.missing == only_kind && other.missing == only_kind && same(self) == same(&other) {
            self.kinds.extend(other.kinds);
            self.fresh_within(other.max_age);
        }
    }

    /// How far it is: the less is missing and the less is asked for, the nearer. A phishing-resistant proof is
    /// more than one of any other kind, which most people have.
    pub(super) fn distance(&self) -> impl Ord + use<> {
        (self.missing.len(), self.level, self.hardware, self.phishing_resistant)
    }

    /// Returns what is missing, most important first; never empty.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    pub(super) fn into_missing(self) -> Vec<Missing> {
        self.missing
    }

    /// Returns the level to reach.
    #[must_use]
    pub const fn level(&self) -> Aal {
        self.level
    }

    /// Returns how old a proof may be, in seconds: one made now is fresh enough for every part.
    #[must_use]
    pub const fn max_age(&self) -> Option<u32> {
        self.max_age
    }

    /// Tells whether a phishing-resistant proof is wanted.
    #[must_use]
    pub const fn wants_phishing_resistance(&self) -> bool {
        self.phishing_resistant
    }

    /// Tells whether a hardware-held key is wanted.
    #[must_use]
    pub const fn wants_hardware(&self) -> bool {
        self.hardware
    }

    /// Returns the proofs of which one is to be brought next; empty where any that leads to the level will do.
    pub fn kinds(&self) -> &[Proof] {
        &self.kinds
    }

    /// Returns the action that is to be approved.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }
}
