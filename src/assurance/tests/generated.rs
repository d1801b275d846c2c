//! Requirements, proofs and tokens of every shape, for properties.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::{Aal, Assurance, Circumstances, Day, Evidence, Hours, Method, Proof, Requirement, assess};
use super::{NOW, approval, every_kind, token_with};
use crate::assurance::Authentication;
use crate::network::Network;

fn a_proof() -> impl Strategy<Value = Evidence> {
    (select(every_kind()), 0_u64..1_000).prop_map(|(kind, seconds_ago)| {
        let mut proof = kind.evidence;
        proof.at = NOW.minus(seconds_ago);
        proof
    })
}

pub(super) fn proofs(most: usize) -> impl Strategy<Value = Vec<Evidence>> {
    vec(a_proof(), 1..=most)
}

/// Where every request of a property comes from.
pub(super) fn from_home() -> Circumstances {
    Circumstances::at(NOW).from([192, 0, 2, 7].into())
}

/// A requirement of levels, ages, kinds (`kinds` of them at most), actions, roles and scopes.
pub(super) fn of_proofs(kinds: usize) -> impl Strategy<Value = Requirement> {
    let level = select(vec![Aal::One, Aal::Two, Aal::Three]);
    let age = || option::of(select(vec![0_u32, 60, 300, 600, 1_000]));
    let name = || option::weighted(0.2, select(vec!["a", "b"]));
    let kind = (select(vec!["totp", "webauthn", "passkey", "knowledge", "possession", "pwd"]), age());
    let names = (name(), name(), name());
    (level, age(), any::<(bool, bool)>(), names, vec(kind, 0..=kinds)).prop_map(
        |(level, max_age, (phishing_resistant, hardware), (action, role, scope), kinds)| {
            let mut wanted = Requirement::at_least(level);
            wanted = max_age.map_or(wanted.clone(), |secs| wanted.within(secs));
            wanted = if phishing_resistant { wanted.phishing_resistant() } else { wanted };
            wanted = if hardware { wanted.hardware() } else { wanted };
            wanted = action.map_or(wanted.clone(), |action| wanted.for_action(action));
            wanted = role.map_or(wanted.clone(), |role| wanted.with_role(role));
            wanted = scope.map_or(wanted.clone(), |scope| wanted.with_scope(scope));
            kinds.into_iter().fold(wanted, |wanted, (name, age)| {
                let proof = Proof::from_name(name).unwrap();
                wanted.with_proof(age.map_or(proof, |secs| proof.within(secs)))
            })
        },
    )
}

/// That, and from where and when.
fn a_part() -> impl Strategy<Value = Requirement> {
    let networks = ["192.0.2.0/24", "192.0.2.7", "0.0.0.0/0", "198.51.100.0/24", "::/0"];
    let networks = subsequence(networks.to_vec(), 0..=2);
    // The properties take place on a Friday at eight in the morning.
    let hours = [
        Hours::between((0, 0), (24, 0)),
        Hours::between((8, 0), (9, 0)).on(&[Day::Fri]),
        Hours::between((22, 0), (8, 1)).on(&[Day::Thu]),
        Hours::between((9, 0), (17, 0)),
    ];
    (of_proofs(2), networks, subsequence(hours.to_vec(), 0..=1)).prop_map(|(wanted, networks, hours)| {
        let networks = networks.into_iter().map(|network| network.parse::<Network>().unwrap());
        let wanted = networks.fold(wanted, Requirement::or_network);
        hours.into_iter().fold(wanted, Requirement::or_hours)
    })
}

/// A requirement with alternatives and parts, two deep.
pub(super) fn a_requirement() -> impl Strategy<Value = Requirement> {
    a_part().prop_recursive(2, 6, 2, |inner| {
        (a_part(), vec(vec(inner.clone(), 1..=2), 0..=1), vec(inner, 0..=1)).prop_map(|(wanted, choices, parts)| {
            let wanted = choices.into_iter().fold(wanted, Requirement::with_any_of);
            parts.into_iter().fold(wanted, Requirement::with_all_of)
        })
    })
}

pub(super) fn a_token() -> impl Strategy<Value = Authentication> {
    let named = || subsequence(vec!["a", "b"], 0..=2);
    let grant = option::of((select(vec!["a", "b"]), 0_u64..400));
    (proofs(4), named(), named(), grant).prop_filter_map("no authentication", |(evidence, roles, scopes, grant)| {
        let mut token = token_with(assess(&evidence, false)?);
        token.roles = roles.into_iter().map(Into::into).collect();
        token.scopes = scopes.into_iter().map(Into::into).collect();
        token.step_up = grant.map(|(action, seconds_ago)| approval(action, seconds_ago));
        Some(Authentication::from_parts(token))
    })
}

/// A token that has whatever is no proof.
pub(super) fn token_of(assurance: Assurance) -> Authentication {
    let mut token = token_with(assurance);
    token.roles = vec!["a".into(), "b".into()];
    token.scopes = vec!["a".into(), "b".into()];
    Authentication::from_parts(token)
}

/// A token of everything at once: the best there is, just now.
pub(super) fn best() -> Authentication {
    let kinds = [Method::Password, Method::Totp, Method::RecoveryCode];
    let mut evidence: Vec<Evidence> = kinds.iter().map(|kind| Evidence::new(*kind, NOW)).collect();
    evidence.push(super::webauthn(0, "phr uv hw"));
    token_of(assess(&evidence, false).unwrap())
}
