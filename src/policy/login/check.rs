//! What makes a login policy one that somebody can live with: every rule can apply and changes
//! something, and nobody is asked for what cannot be had.

use std::cmp::Ordering;

use super::effective::EffectiveLogin;
use super::kinds::Kinds;
use super::rule::LoginRule;
use super::{Login, overlap};
use crate::error::ConfigError;

/// Most rules of a policy: each is looked at by every request.
const RULES_MAX: usize = 256;
/// Longest text of a selector, in bytes: no session has a longer one.
const TEXT_MAX: usize = 255;
/// Longest name of a rule, in characters.
const NAME_MAX: usize = 64;

type Checked = Result<(), ConfigError>;

fn refused(rule: impl Into<String>) -> Checked {
    Err(ConfigError::new("login", rule.into()))
}

fn refused_in(rule: &LoginRule, why: &str) -> Checked {
    refused(format!("rule {:?}: {why}", rule.name)).map_err(|error| error.of(rule.name.clone()))
}

pub(super) fn check(base: &EffectiveLogin, rules: &[LoginRule]) -> Checked {
    if rules.len() > RULES_MAX {
        return refused("has more than 256 rules; give tenants policies of their own (PolicySource)");
    }
    check_base(base)?;
    for (at, rule) in rules.iter().enumerate() {
        check_name(rule, rules.get(..at).unwrap_or_default())?;
        check_selectors(rule)?;
        check_demands(base, rule)?;
    }
    check_least_matters(base, rules)?;
    check_shadows(base, rules)?;
    check_numbers_together(base, rules)?;
    check_kinds_together(base, rules, Kinds::that_help())
}

fn check_base(base: &EffectiveLogin) -> Checked {
    if let Some(why) = wrong_number(base.most, Some(base.least)).or_else(|| wrong_kinds(base.kinds)) {
        return refused(why);
    }
    if base.enrolled_by.and(Kinds::authenticators()).is_empty() {
        return refused("enrolled_by names nothing that can be bound; the mode `optional` is what never asks");
    }
    Ok(())
}

fn wrong_number(most: Option<usize>, least: Option<usize>) -> Option<&'static str> {
    if most.is_some_and(|n| !(1..=64).contains(&n)) {
        return Some("at_most must be 1 to 64; where none may be bound the mode is `off`");
    }
    if least.is_some_and(|n| !(1..=2).contains(&n)) {
        return Some("at_least must be 1 or 2; where none need be bound the mode is `if_enrolled`");
    }
    None
}

fn wrong_kinds(kinds: Kinds) -> Option<&'static str> {
    if kinds.is_empty() {
        return Some("kinds is empty; where none may be bound the mode is `off`");
    }
    if kinds != Kinds::all() && kinds.and(Kinds::authenticators()) != kinds {
        return Some(
            "kinds has one that nobody binds: a password, recovery codes, another provider's word or a device",
        );
    }
    if kinds.and(Kinds::that_prove()).is_empty() {
        return Some("kinds makes no AAL2 beside a password, as e-mail does not; add one that does, like totp");
    }
    None
}

fn check_name(rule: &LoginRule, before: &[LoginRule]) -> Checked {
    let length = rule.name.chars().count();
    if length == 0 || length > NAME_MAX || rule.name.chars().any(char::is_control) {
        return refused_in(rule, "the name must have 1 to 64 characters, none of them control characters");
    }
    if before.iter().any(|other| other.name == rule.name) {
        return refused_in(rule, "the name is used twice; give each rule its own");
    }
    Ok(())
}

fn check_selectors(rule: &LoginRule) -> Checked {
    let texts =
        [("tenants", &rule.tenants), ("roles", &rule.roles), ("groups", &rule.groups), ("clients", &rule.clients)];
    let networks = [("networks", &rule.networks), ("outside_networks", &rule.outside)];
    if texts.iter().all(|(_, list)| list.is_none()) && networks.iter().all(|(_, list)| list.is_none()) {
        return refused_in(rule, "selects nobody in particular; what is for everybody is said in the base");
    }
    for (name, list) in texts.iter().filter_map(|(name, list)| Some((name, list.as_ref()?))) {
        if list.is_empty() {
            return refused_in(rule, &format!("{name} is empty, so it never applies; leave {name} out, or the rule"));
        }
        let is_real = |text: &str| !text.is_empty() && text.len() <= TEXT_MAX && !text.chars().any(char::is_control);
        if let Some(text) = list.iter().find(|text| !is_real(text)) {
            let why =
                format!("{name} has {text:?}, which nobody has: must be 1 to 255 bytes, none a control character");
            return refused_in(rule, &why);
        }
    }
    for (name, list) in networks.iter().filter_map(|(name, list)| Some((name, list.as_ref()?))) {
        if list.is_empty() {
            return refused_in(rule, &format!("{name} is empty; name a network, or leave {name} out"));
        }
    }
    if !overlap::can_apply(rule) {
        return refused_in(rule, "every address in networks is shut out by outside_networks; drop one of the two");
    }
    Ok(())
}

/// A member that is no stricter than the base changes nothing, and whoever wrote it thinks it does.
fn check_demands(base: &EffectiveLogin, rule: &LoginRule) -> Checked {
    let demands = &rule.demands;
    let why = wrong_number(demands.most, demands.least).or_else(|| wrong_kinds(demands.kinds?));
    if let Some(why) = why {
        return refused_in(rule, why);
    }
    let changes = |name, asks: bool, is_stricter: bool| (asks, is_stricter, name);
    let members = [
        changes("mode", demands.mode.is_some(), base.and(demands).mode != base.mode),
        changes("kinds", demands.kinds.is_some(), base.and(demands).kinds != base.kinds),
        changes("at_most", demands.most.is_some(), base.and(demands).most != base.most),
        changes("at_least", demands.least.is_some(), base.and(demands).least != base.least),
    ];
    if members.iter().all(|(asks, ..)| !asks) {
        return refused_in(rule, "asks for nothing; give it a mode, kinds, at_most or at_least");
    }
    let vain = members.iter().find(|(asks, is_stricter, _)| *asks && !is_stricter);
    vain.map_or(Ok(()), |(.., name)| {
        let why =
            format!("{name} is no stricter than the base, so it changes nothing: leave it out, or loosen the base");
        refused_in(rule, &why)
    })
}

fn check_least_matters(base: &EffectiveLogin, rules: &[LoginRule]) -> Checked {
    let modes = || rules.iter().filter_map(|rule| rule.demands.mode).chain([base.mode]);
    if modes().any(Login::enforces) {
        return Ok(());
    }
    let why = "at_least has nobody to hold for: no mode requires MFA; make one `required`, or leave it out";
    if base.least > 1 {
        return refused(why);
    }
    rules.iter().find(|rule| rule.demands.least.is_some()).map_or(Ok(()), |rule| refused_in(rule, why))
}

/// A rule that applies only where another does, and asks for no more, never changes anything.
fn check_shadows(base: &EffectiveLogin, rules: &[LoginRule]) -> Checked {
    for (at, rule) in rules.iter().enumerate() {
        let shadows = |(other_at, other): &(usize, &LoginRule)| {
            let with = base.and(&other.demands);
            // Of two that are the same, the later one is the one too many.
            let is_twin = || *other_at > at && overlap::covers(rule, other) && base.and(&rule.demands) == with;
            *other_at != at && overlap::covers(other, rule) && with.and(&rule.demands) == with && !is_twin()
        };
        if let Some((_, other)) = rules.iter().enumerate().find(shadows) {
            let why = format!(
                "changes nothing, for {:?} applies wherever it does and is as strict; drop it, or make it stricter",
                other.name
            );
            return refused_in(rule, &why);
        }
    }
    Ok(())
}

const NO_ROOM: &str = "leaves no room to replace an authenticator that works, for the last that must be bound cannot be \
    removed and no other bound beside it; make at_most one more than at_least";

/// What one rule lets be bound must be as many as another wants, wherever both can apply; and one more
/// where any must be, so that each can be replaced.
fn check_numbers_together(base: &EffectiveLogin, rules: &[LoginRule]) -> Checked {
    if let Some(why) = wrong_numbers(base, base.mode.enforces()) {
        return refused(why);
    }
    for rule in rules {
        let alone = base.and(&rule.demands);
        if let Some(why) = wrong_numbers(&alone, is_enforced(&alone, &[rule], rules)) {
            return refused_in(rule, &format!("together with the base it says: {why}"));
        }
        let clash = rules.iter().find_map(|other| {
            let both = alone.and(&other.demands);
            let why = wrong_numbers(&both, is_enforced(&both, &[rule, other], rules))?;
            overlap::can_apply_together(&[rule, other]).then_some((other, why))
        });
        if let Some((other, why)) = clash {
            return refused_in(rule, &format!("together with {:?} it says: {why}", other.name));
        }
    }
    Ok(())
}

fn wrong_numbers(login: &EffectiveLogin, enforced: bool) -> Option<&'static str> {
    let most = login.most?;
    match most.cmp(&login.least) {
        Ordering::Less => Some("at_most is less than at_least; nobody can have both"),
        Ordering::Equal if enforced => Some(NO_ROOM),
        Ordering::Equal | Ordering::Greater => None,
    }
}

/// Whether MFA is required of somebody to whom all of `these` apply: they say so, or another can beside them.
fn is_enforced(login: &EffectiveLogin, these: &[&LoginRule], rules: &[LoginRule]) -> bool {
    let says_so = |rule: &&LoginRule| rule.demands.mode.is_some_and(Login::enforces);
    let applies = |rule: &LoginRule| overlap::can_apply_together(&[these, &[rule]].concat());
    login.mode.enforces() || rules.iter().filter(says_so).any(applies)
}

/// Wherever rules can apply together they must leave one kind that can be bound and makes AAL2; `useful`
/// are the kinds that do.
pub(super) fn check_kinds_together(base: &EffectiveLogin, rules: &[LoginRule], useful: Kinds) -> Checked {
    let left = base.kinds.and(useful);
    if left.is_empty() {
        return refused("kinds has none that this version can bind for AAL2; add totp");
    }
    let narrowing: Vec<&LoginRule> = rules.iter().filter(|rule| rule.demands.kinds.is_some()).collect();
    let Some(clash) = leaving_none(&narrowing, &mut Vec::new(), left) else {
        return Ok(());
    };
    let [first, others @ ..] = clash.as_slice() else { return Ok(()) };
    if others.is_empty() {
        return refused_in(first, "kinds leaves none that this version can bind for AAL2; add totp");
    }
    let others: Vec<String> = others.iter().map(|rule| format!("{:?}", rule.name)).collect();
    let why = format!("together with {} it leaves no kind to bind; let them share one", others.join(", "));
    refused_in(first, &why)
}

/// Rules that can apply together and between them forbid every kind that is `left`: for the first of
/// them some rule must, so only those that do are tried.
fn leaving_none<'a>(
    rules: &[&'a LoginRule],
    picked: &mut Vec<&'a LoginRule>,
    left: Kinds,
) -> Option<Vec<&'a LoginRule>> {
    let Some(kind) = left.iter().next() else { return Some(picked.clone()) };
    for rule in rules {
        let Some(kinds) = rule.demands.kinds.filter(|kinds| !kinds.contains(kind)) else { continue };
        picked.push(rule);
        let found = overlap::can_apply_together(picked).then(|| leaving_none(rules, picked, left.and(kinds))).flatten();
        if found.is_some() {
            return found;
        }
        picked.pop();
    }
    None
}
