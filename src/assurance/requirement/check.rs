//! Whether anybody could ever meet a requirement.

use super::super::evidence::{Evidence, Factor, FederatedLevel, Method, Properties};
use super::super::{assess, unmet};
use super::lattice::{Clause, open};
use super::{Proof, Requirement};
use crate::clock::Timestamp;
use crate::error::ConfigError;

/// Most parts and alternatives of a requirement, longest name in it, most names and proofs of a part.
const PARTS_MAX: usize = 64;
const NAME_MAX: usize = 255;
const LIST_MAX: usize = 64;

impl Requirement {
    /// Checks that somebody could meet it, with authenticators of `kinds` and a password.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that says what stands in the way, and a way out: a window that never opens,
    /// networks or actions that exclude each other, an alternative that is never needed, a level that none
    /// of `kinds` reaches, a list without an end.
    ///
    /// ```
    /// use tower_mfa::assurance::{Method, Requirement};
    ///
    /// assert!(Requirement::aal2().check(&[Method::Totp]).is_ok());
    /// let refused = Requirement::aal3().check(&[Method::Totp]).unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "requirement: AAL3 is met by nobody with a password and totp: allow another kind, or ask for less",
    /// );
    /// ```
    pub fn check(&self, kinds: &[Method]) -> Result<(), ConfigError> {
        let mut count = 0_usize;
        self.each(&mut |_| count = count.saturating_add(1));
        if count > PARTS_MAX {
            return Err(refused(format!("has {count} parts and alternatives: {PARTS_MAX} are the most")));
        }
        let mut fault = None;
        self.each(&mut |part| fault = fault.take().or_else(|| part.fault()));
        if let Some(fault) = fault {
            return Err(refused(fault));
        }
        let Some(clauses) = self.clauses() else {
            return Err(refused("has too many alternatives to be told apart".into()));
        };
        let possible: Vec<&Clause<'_>> = clauses.iter().filter(|clause| contradiction(clause).is_none()).collect();
        if possible.is_empty() {
            let why = clauses.iter().find_map(contradiction).unwrap_or("has no alternative");
            return Err(refused(format!("{self}: {why}")));
        }
        if possible.iter().any(|clause| is_reached(clause, kinds)) {
            return Ok(());
        }
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let with = if names.is_empty() { "nothing else".to_owned() } else { names.join(", ") };
        Err(refused(format!("{self} is met by nobody with a password and {with}: allow another kind, or ask for less")))
    }

    /// Whether it asks for a proof of this very second. An action may, so that it is always asked for anew; what
    /// a token has to show is older by the time it is back.
    pub(crate) fn is_of_the_second(&self) -> bool {
        let mut found = false;
        self.each(&mut |part| {
            let mut ages = part.max_age.into_iter().chain(part.proofs.iter().filter_map(|proof| proof.max_age()));
            found |= ages.any(|secs| secs == 0);
        });
        found
    }

    /// What is wrong with this part, whatever stands around it.
    fn fault(&self) -> Option<String> {
        if let Some(fault) = self.hours.iter().find_map(|window| window.fault()) {
            return Some(fault.into());
        }
        if self.proofs.iter().any(|proof| proof.name() == Proof::factor(Factor::Inherence).name()) {
            return Some("nothing proves inherence by itself: ask for a passkey".into());
        }
        let named: Vec<&str> = self.roles.iter().chain(self.scopes.iter()).chain(self.own_actions()).collect();
        let is_name = |name: &&str| !name.is_empty() && name.len() <= NAME_MAX && !name.chars().any(char::is_control);
        if let Some(name) = named.iter().find(|name| !is_name(name)) {
            return Some(format!("{name:?} is no name: 1 to {NAME_MAX} bytes without control characters"));
        }
        let lists = [named.len(), self.proofs.iter().count(), self.networks.iter().count(), self.hours.iter().count()];
        if lists.iter().any(|length| *length > LIST_MAX) {
            return Some(format!("has more than {LIST_MAX} names, proofs, networks or windows in one part"));
        }
        self.choices().find_map(needless)
    }
}

fn refused(rule: String) -> ConfigError {
    ConfigError::new("requirement", rule)
}

/// An alternative that asks for more than another is never needed: whoever wrote it meant something else.
fn needless(choice: &[Requirement]) -> Option<String> {
    if choice.is_empty() {
        return Some("lists alternatives, and there are none: name one, or leave the list out".into());
    }
    let mut pairs = choice
        .iter()
        .enumerate()
        .flat_map(|(at, one)| choice.iter().skip(at.saturating_add(1)).map(move |other| (one, other)));
    pairs.find_map(|(one, other)| {
        let (more, less) = if one.implies(other) {
            (one, other)
        } else if other.implies(one) {
            (other, one)
        } else {
            return None;
        };
        Some(format!("the alternative ({more}) is never needed beside ({less}), which asks for no more: leave one out"))
    })
}

/// Why nobody can meet all parts of a clause at once.
fn contradiction(clause: &Clause<'_>) -> Option<&'static str> {
    if !open(clause).contains(&true) {
        return Some("its hours have no minute in common, so it never opens: widen one of them");
    }
    let mut actions = clause.iter().flat_map(|part| part.own_actions());
    if let Some(first) = actions.next()
        && actions.any(|other| other != first)
    {
        return Some("it asks for the approval of two actions, and a token carries one: ask for one");
    }
    // Two ranges are apart or one lies in the other, so some range of each list holds a common address or none does.
    let asked: Vec<_> = clause.iter().filter(|part| !part.networks.is_empty()).collect();
    let all = asked.iter().flat_map(|part| part.networks.iter());
    let is_common = |network: &crate::network::Network| {
        asked.iter().all(|part| part.networks.iter().any(|other| other.covers(network)))
    };
    if !asked.is_empty() && !all.into_iter().any(is_common) {
        return Some("no address lies in all of its networks: widen one of them");
    }
    None
}

/// Whether the best use of `kinds`, all of them, would meet every part.
fn is_reached(clause: &Clause<'_>, kinds: &[Method]) -> bool {
    let now = Timestamp::from_secs(1);
    let best = Properties {
        phishing_resistant: true,
        user_verified: true,
        hardware: true,
        synced: false,
        federated: Some(FederatedLevel::Aal2),
    };
    let used = kinds.iter().chain(&[Method::Password]).map(|kind| Evidence::new(*kind, now).with(best));
    let used: Vec<Evidence> = used.collect();
    let Some(mut assurance) = assess(&used, true) else { return false };
    // More kinds than a session keeps proofs of are still kinds one may be asked for.
    assurance.evidence = used;
    clause.iter().all(|part| {
        let alone = Requirement {
            alternatives: None,
            more_alternatives: Vec::new(),
            all: super::List::EMPTY,
            ..(*part).clone()
        };
        unmet(&alone, &assurance, now).is_empty()
    })
}
