//! What is asked for.

mod check;
mod hours;
mod lattice;
mod list;
mod print;
mod proof;
mod reduce;

pub use hours::{Day, Hours};
pub use proof::Proof;

pub(crate) use hours::Moment;
pub(crate) use print::Ago;
pub(crate) use reduce::Facts;

use super::Aal;
use crate::network::Network;
use list::{List, Words};

/// What a route, an action or the login policy asks for.
///
/// A requirement is a constant where its parts are: the methods that take slices are `const`, those that
/// take owned values add to what is there. Everything it names is asked for together;
/// [`any_of`](Self::any_of) asks for one of several.
///
/// ```
/// use tower_mfa::assurance::{Aal, Method, Proof, Requirement};
///
/// const RECENT: &[Requirement] = &[
///     Requirement::aal2().proved_by(&[Proof::passkey().within(300)]),
///     Requirement::aal2().proved_by(&[Proof::of(Method::Totp).within(60)]),
/// ];
/// const PAY: Requirement = Requirement::any_of(RECENT).with_roles(&["clerk"]);
/// assert_eq!(
///     PAY.to_string(),
///     "AAL1, role clerk, either (AAL2, a passkey at most 5 minutes old) or (AAL2, TOTP at most 1 minute old)",
/// );
///
/// // Requirements of groups and roles combine to the strictest, and nothing that was asked for is dropped.
/// let both = PAY.and(&Requirement::aal3());
/// assert_eq!(both.level(), Aal::Three);
/// assert!(both.stricter_than(&PAY) && !PAY.stricter_than(&both));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Requirement {
    pub(super) level: Aal,
    pub(super) max_age: Option<u32>,
    pub(super) phishing_resistant: bool,
    pub(super) hardware: bool,
    /// All of them.
    pub(super) proofs: List<Proof>,
    /// A token approves one action, so two that differ are met by nobody.
    action: Option<&'static str>,
    action_named: Option<Box<str>>,
    pub(super) roles: Words,
    pub(super) scopes: Words,
    /// One of them, where there are any.
    pub(super) networks: List<Network>,
    /// One of them, where there are any.
    pub(super) hours: List<Hours>,
    /// One of them, even if there are none: whoever lists no alternative has left none.
    alternatives: Option<&'static [Self]>,
    more_alternatives: Vec<Vec<Self>>,
    /// All of them, each by itself.
    pub(super) all: List<Self>,
}

impl Requirement {
    /// Asks for at least `level`.
    pub const fn at_least(level: Aal) -> Self {
        Self {
            level,
            max_age: None,
            phishing_resistant: false,
            hardware: false,
            proofs: List::EMPTY,
            action: None,
            action_named: None,
            roles: Words::EMPTY,
            scopes: Words::EMPTY,
            networks: List::EMPTY,
            hours: List::EMPTY,
            alternatives: None,
            more_alternatives: Vec::new(),
            all: List::EMPTY,
        }
    }

    /// Asks for AAL1: somebody is signed in.
    pub const fn aal1() -> Self {
        Self::at_least(Aal::One)
    }

    /// Asks for AAL2: two distinct factors.
    pub const fn aal2() -> Self {
        Self::at_least(Aal::Two)
    }

    /// Asks for AAL3: a hardware key that cannot be phished.
    pub const fn aal3() -> Self {
        Self::at_least(Aal::Three)
    }

    /// Asks for one of `alternatives`, each of which is enough.
    pub const fn any_of(alternatives: &'static [Self]) -> Self {
        let mut any = Self::aal1();
        any.alternatives = Some(alternatives);
        any
    }

    /// Asks for each of `parts`, each by itself: where two are to be fresh, each has its own age.
    pub const fn all_of(parts: &'static [Self]) -> Self {
        let mut all = Self::aal1();
        all.all.begin_with(parts);
        all
    }

    /// Asks for an authentication at most `secs` seconds old (RFC 9470 `max_age`).
    ///
    /// The age is that of the newest possession or inherence proof that carries the level, and the
    /// phishing resistance or hardware asked for: typing the password again does not help, nor does
    /// a code where a passkey is wanted. Of AAL1 the age is that of whatever is newest.
    pub const fn within(mut self, secs: u32) -> Self {
        self.max_age = Some(secs);
        self
    }

    /// Asks for a proof that a look-alike site cannot pass on.
    pub const fn phishing_resistant(mut self) -> Self {
        self.phishing_resistant = true;
        self
    }

    /// Asks for a phishing-resistant key that cannot leave its hardware.
    pub const fn hardware(mut self) -> Self {
        self.phishing_resistant = true;
        self.hardware = true;
        self
    }

    /// Asks for each of these proofs, with its own age; called twice, for the later ones.
    pub const fn proved_by(mut self, proofs: &'static [Proof]) -> Self {
        self.proofs.begin_with(proofs);
        self
    }

    /// Asks for these roles, all of them; called twice, for the later ones.
    pub const fn with_roles(mut self, roles: &'static [&'static str]) -> Self {
        self.roles.begin_with(roles);
        self
    }

    /// Asks for these scopes, all of them; called twice, for the later ones.
    pub const fn with_scopes(mut self, scopes: &'static [&'static str]) -> Self {
        self.scopes.begin_with(scopes);
        self
    }

    /// Asks for a request from one of these networks; called twice, from the later ones.
    ///
    /// An address that is not known is in none. See
    /// [`ClientAddress`](../middleware/struct.ClientAddress.html) for who says it.
    pub const fn from_networks(mut self, networks: &'static [Network]) -> Self {
        self.networks.begin_with(networks);
        self
    }

    /// Asks for a time in one of these windows; called twice, in the later ones.
    pub const fn in_hours(mut self, windows: &'static [Hours]) -> Self {
        self.hours.begin_with(windows);
        self
    }

    /// Asks for a step-up made for this action; called twice, for the later one.
    pub const fn for_action(mut self, action: &'static str) -> Self {
        self.action = Some(action);
        self
    }

    /// Asks for a step-up made for the action of this name, where it is not known beforehand.
    pub fn for_action_named(mut self, action: impl Into<Box<str>>) -> Self {
        self.action = None;
        self.action_named = Some(action.into());
        self
    }

    /// Asks for one more proof.
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proofs.push(proof);
        self
    }

    /// Asks for a role; called twice, for both.
    pub fn with_role(mut self, role: impl Into<Box<str>>) -> Self {
        self.roles.push(role);
        self
    }

    /// Asks for a scope; called twice, for both.
    pub fn with_scope(mut self, scope: impl Into<Box<str>>) -> Self {
        self.scopes.push(scope);
        self
    }

    /// Allows one more network to ask from.
    pub fn or_network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Allows one more window to ask in.
    pub fn or_hours(mut self, window: Hours) -> Self {
        self.hours.push(window);
        self
    }

    /// Asks for one of `alternatives` besides; called twice, for one of each.
    pub fn with_any_of(mut self, alternatives: impl IntoIterator<Item = Self>) -> Self {
        self.more_alternatives.push(alternatives.into_iter().collect());
        self
    }

    /// Asks for `part` besides, by itself.
    pub fn with_all_of(mut self, part: Self) -> Self {
        self.all.push(part);
        self
    }

    /// Returns the least level; parts and alternatives may ask for more.
    #[must_use]
    pub const fn level(&self) -> Aal {
        self.level
    }

    /// Returns the greatest age in seconds, where freshness is asked for.
    #[must_use]
    pub const fn max_age(&self) -> Option<u32> {
        self.max_age
    }

    /// Tells whether phishing resistance is asked for.
    #[must_use]
    pub const fn wants_phishing_resistance(&self) -> bool {
        self.phishing_resistant
    }

    /// Tells whether a hardware-held key is asked for.
    #[must_use]
    pub const fn wants_hardware(&self) -> bool {
        self.hardware
    }

    /// Returns the proofs that are asked for by name.
    pub fn proofs(&self) -> impl Iterator<Item = Proof> {
        self.proofs.iter().copied()
    }

    /// Returns the action a step-up must have been made for.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        self.actions().next()
    }

    /// Returns every action asked for, in whatever alternative or part.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        let mut found: Vec<&str> = Vec::new();
        self.each(&mut |part| {
            found.extend(part.own_actions().filter(|action| !found.contains(action)).collect::<Vec<_>>())
        });
        found.into_iter()
    }

    /// The actions this part asks for itself: one, or two that no token approves.
    /// Whether there is no way to meet it without the approval of an action.
    pub(crate) fn always_asks_for_approval(&self) -> bool {
        self.own_actions().next().is_some()
            || self.all.iter().any(Self::always_asks_for_approval)
            || self.choices().any(|choice| choice.iter().all(Self::always_asks_for_approval))
    }

    pub(super) fn own_actions(&self) -> impl Iterator<Item = &str> + Clone {
        self.action.into_iter().chain(self.action_named.as_deref())
    }

    /// Returns the roles asked for in any case; alternatives may ask for more.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter()
    }

    /// Returns the scopes asked for in any case; alternatives may ask for more.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter()
    }

    /// Each list of which one alternative is enough.
    pub(crate) fn choices(&self) -> impl Iterator<Item = &[Self]> + Clone {
        self.alternatives.into_iter().chain(self.more_alternatives.iter().map(Vec::as_slice))
    }

    /// The parts that are all to be met, each by itself.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Self> {
        self.all.iter()
    }

    /// Visits this requirement, and every alternative and part of it.
    pub(super) fn each<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for part in self.choices().flatten().chain(self.all.iter()) {
            part.each(visit);
        }
    }
}
