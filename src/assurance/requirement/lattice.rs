//! Requirements are ordered: what meets a stricter one meets a weaker one.

use super::list::List;
use super::{Hours, Requirement};
use crate::network::Network;

/// Most ways of meeting a requirement that are compared; beyond it two are not said to be ordered.
const WAYS_MAX: usize = 512;

/// One way of meeting a requirement: parts that are all to be met, alternatives chosen.
pub(super) type Clause<'a> = Vec<&'a Requirement>;

impl Requirement {
    /// Tells whether whatever meets this meets `other`, too: whether it is at least as strict.
    ///
    /// It may say no where the answer is yes, for requirements of very many alternatives; never yes where
    /// it is no.
    ///
    /// ```
    /// use tower_mfa::assurance::Requirement;
    ///
    /// let fresh = Requirement::aal2().within(60);
    /// assert!(fresh.implies(&Requirement::aal2().within(300)) && fresh.implies(&fresh));
    /// assert!(!fresh.implies(&Requirement::aal1().with_role("admin")));
    /// ```
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let (Some(ours), Some(theirs)) = (self.clauses(), other.clauses()) else { return self == other };
        ours.iter().all(|our| theirs.iter().any(|their| clause_implies(our, their)))
    }

    /// Tells whether this asks for more than `other`: whatever meets it meets `other`, and not the other
    /// way round. Of two that each ask for something of their own neither is stricter.
    #[must_use]
    pub fn stricter_than(&self, other: &Self) -> bool {
        self.implies(other) && !other.implies(self)
    }

    /// Asks for what both ask for: it is met exactly when each of them is.
    ///
    /// The level is the higher one. An age stays that of the part which asks for it.
    pub fn and(&self, other: &Self) -> Self {
        if self.implies(other) {
            return self.clone();
        }
        if other.implies(self) {
            return other.clone();
        }
        self.merged(other).unwrap_or_else(|| {
            let both = Self {
                phishing_resistant: self.phishing_resistant || other.phishing_resistant,
                hardware: self.hardware || other.hardware,
                ..Self::at_least(self.level.max(other.level))
            };
            both.with_all_of(self.clone()).with_all_of(other.clone())
        })
    }

    /// Both in one, where that asks for neither more nor less.
    fn merged(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        both.level = self.level.max(other.level);
        both.phishing_resistant |= other.phishing_resistant;
        both.hardware |= other.hardware;
        both.max_age = both.age_of(self, other)?;
        match (self.own_actions().next(), other.own_actions().next()) {
            (None, None) => {}
            // An approval is as fresh as its own part asks.
            (Some(_), None) if both.max_age == self.max_age => {}
            (None, Some(_)) if both.max_age == other.max_age => {
                (both.action, both.action_named) = (other.action, other.action_named.clone());
            }
            _ => return None,
        }
        both.networks = either(&self.networks, &other.networks)?;
        both.hours = either(&self.hours, &other.hours)?;
        other.proofs.iter().filter(|proof| !self.proofs.contains(proof)).for_each(|proof| both.proofs.push(*proof));
        other.roles.iter().filter(|role| !self.roles.contains(role)).for_each(|role| both.roles.push(role));
        other.scopes.iter().filter(|scope| !self.scopes.contains(scope)).for_each(|scope| both.scopes.push(scope));
        both.more_alternatives.extend(other.choices().map(<[Self]>::to_vec));
        other.all.iter().for_each(|part| both.all.push(part.clone()));
        Some(both)
    }

    /// The age that says the same of this, which joins the two, as theirs say of them.
    fn age_of(&self, one: &Self, other: &Self) -> Option<Option<u32>> {
        let kept = |with: &Self| with.max_age.is_some_and(|_| self.asks_like(with));
        match (one.max_age, other.max_age) {
            (None, None) => Some(None),
            (Some(_), None) if kept(one) => Some(one.max_age),
            (None, Some(_)) if kept(other) => Some(other.max_age),
            (Some(a), Some(b)) if a <= b && kept(one) => Some(Some(a)),
            (Some(a), Some(b)) if b <= a && kept(other) => Some(Some(b)),
            _ => None,
        }
    }

    fn asks_like(&self, other: &Self) -> bool {
        (self.level, self.phishing_resistant, self.hardware) == (other.level, other.phishing_resistant, other.hardware)
    }

    /// Every way of meeting it; `None` when there are too many.
    pub(super) fn clauses(&self) -> Option<Vec<Clause<'_>>> {
        let mut ways: Vec<Clause<'_>> = vec![vec![self]];
        for part in self.all.iter() {
            ways = product(&ways, &part.clauses()?)?;
        }
        for choice in self.choices() {
            let mut either = Vec::new();
            for alternative in choice {
                either.extend(alternative.clauses()?);
            }
            ways = product(&ways, &either)?;
        }
        Some(ways)
    }
}

fn product<'a>(ways: &[Clause<'a>], more: &[Clause<'a>]) -> Option<Vec<Clause<'a>>> {
    let count = ways.len().checked_mul(more.len()).filter(|count| *count <= WAYS_MAX);
    count.map(|_| ways.iter().flat_map(|way| more.iter().map(|other| [way.as_slice(), other].concat())).collect())
}

/// The list both ask for, where one says it all.
fn either<T: PartialEq + Clone>(one: &List<T>, other: &List<T>) -> Option<List<T>> {
    match (one.is_empty(), other.is_empty()) {
        (_, true) => Some(one.clone()),
        (true, false) => Some(other.clone()),
        _ => (one == other).then(|| one.clone()),
    }
}

fn clause_implies(ours: &Clause<'_>, theirs: &Clause<'_>) -> bool {
    theirs.iter().all(|their| part_is_implied(ours, their))
}

/// Whether what `their` asks for itself follows from `ours`.
fn part_is_implied(ours: &Clause<'_>, their: &Requirement) -> bool {
    let any = |of: &dyn Fn(&Requirement) -> bool| ours.iter().any(|our| of(our));
    let covers = |our: &Requirement| {
        our.level >= their.level && our.phishing_resistant >= their.phishing_resistant && our.hardware >= their.hardware
    };
    let as_fresh = |our: &Requirement| their.max_age.is_none_or(|most| our.max_age.is_some_and(|secs| secs <= most));
    any(&|our| our.level >= their.level)
        && (!their.phishing_resistant || any(&|our| our.phishing_resistant))
        && (!their.hardware || any(&|our| our.hardware))
        // The newest proof that carries more carries less, and is as new.
        && (their.max_age.is_none() || any(&|our| covers(our) && as_fresh(our)))
        && their.proofs.iter().all(|proof| any(&|our| our.proofs.iter().any(|ours| ours.implies(*proof))))
        && their.own_actions().all(|action| any(&|our| as_fresh(our) && our.own_actions().any(|ours| ours == action)))
        && their.roles.iter().all(|role| any(&|our| our.roles.contains(role)))
        && their.scopes.iter().all(|scope| any(&|our| our.scopes.contains(scope)))
        && (their.networks.is_empty() || any(&|our| lie_within(&our.networks, &their.networks)))
        && (their.hours.is_empty() || open_within(ours, &their.hours))
}

fn lie_within(ours: &List<Network>, theirs: &List<Network>) -> bool {
    !ours.is_empty() && ours.iter().all(|our| theirs.iter().any(|their| their.covers(our)))
}

/// Whether the hours in which all of `ours` are open are hours of `theirs`.
fn open_within(ours: &Clause<'_>, theirs: &List<Hours>) -> bool {
    let theirs = Hours::week(theirs);
    open(ours).iter().zip(theirs).all(|(our, their)| !*our || their)
}

/// The minutes of a week in which every part of a clause is open.
pub(super) fn open(clause: &Clause<'_>) -> Vec<bool> {
    let timed = clause.iter().filter(|part| !part.hours.is_empty());
    let weeks = timed.map(|part| Hours::week(&part.hours));
    weeks.fold(vec![true; 7 * 24 * 60], |all, week| all.into_iter().zip(week).map(|(a, b)| a && b).collect())
}
