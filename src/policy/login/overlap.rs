//! Where rules can apply: whether at all, whether together, and whether one does wherever another does.

use super::rule::LoginRule;
use crate::network::Network;

type Texts = Option<Vec<Box<str>>>;

/// Whether somebody can come from where the rule selects.
pub(super) fn can_apply(rule: &LoginRule) -> bool {
    can_apply_together(&[rule])
}

/// Whether one request can be selected by all of these. A subject has one tenant, a session one client
/// and a request one address; roles and groups there can be many of.
pub(super) fn can_apply_together(rules: &[&LoginRule]) -> bool {
    let share = |of: fn(&LoginRule) -> &Texts| {
        let mut lists = rules.iter().filter_map(|rule| of(rule).as_ref());
        let Some(first) = lists.next() else { return true };
        let others: Vec<_> = lists.collect();
        first.iter().any(|text| others.iter().all(|list| list.contains(text)))
    };
    share(|rule| &rule.tenants) && share(|rule| &rule.clients) && share_an_address(rules)
}

/// An address nobody knows is outside of everything, so only who must be inside somewhere can clash.
fn share_an_address(rules: &[&LoginRule]) -> bool {
    let mut inside: Option<Vec<Network>> = None;
    for networks in rules.iter().filter_map(|rule| rule.networks.as_ref()) {
        inside = Some(match inside {
            None => networks.clone(),
            // Two ranges lie in one another or have nothing in common.
            Some(before) => before.iter().flat_map(|a| networks.iter().filter_map(|b| smaller(*a, *b))).collect(),
        });
    }
    let shut_out = |network: &Network| {
        rules.iter().filter_map(|rule| rule.outside.as_ref()).flatten().any(|outside| outside.covers(network))
    };
    inside.is_none_or(|inside| inside.iter().any(|network| !shut_out(network)))
}

fn smaller(a: Network, b: Network) -> Option<Network> {
    if a.covers(&b) {
        return Some(b);
    }
    b.covers(&a).then_some(a)
}

/// Whether `wide` applies wherever `narrow` does.
pub(super) fn covers(wide: &LoginRule, narrow: &LoginRule) -> bool {
    let within = |of: fn(&LoginRule) -> &Texts| match (of(wide), of(narrow)) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.iter().all(|text| wide.contains(text)),
    };
    let lie_in = |inner: &[Network], outer: &[Network]| inner.iter().all(|a| outer.iter().any(|b| b.covers(a)));
    let networks = match (&wide.networks, &narrow.networks) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => lie_in(narrow, wide),
    };
    let outside = match (&wide.outside, &narrow.outside) {
        (None, _) => true,
        (Some(_), None) => false,
        // Who is outside of more is outside of less.
        (Some(wide), Some(narrow)) => lie_in(wide, narrow),
    };
    within(|rule| &rule.tenants)
        && within(|rule| &rule.roles)
        && within(|rule| &rule.groups)
        && within(|rule| &rule.clients)
        && networks
        && outside
}
