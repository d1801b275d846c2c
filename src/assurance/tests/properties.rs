use proptest::prelude::*;

use super::super::evidence::newest_of_each;
use super::super::{Aal, Decision, Evidence, Requirement, assess, decide, unmet};
use super::{NOW, approval, every_kind, token_with};
use crate::assurance::Authentication;

fn a_proof() -> impl Strategy<Value = Evidence> {
    (proptest::sample::select(every_kind()), 0_u64..1_000).prop_map(|(kind, seconds_ago)| {
        let mut proof = kind.evidence;
        proof.at = NOW.minus(seconds_ago);
        proof
    })
}

fn proofs(most: usize) -> impl Strategy<Value = Vec<Evidence>> {
    proptest::collection::vec(a_proof(), 1..=most)
}

fn a_requirement() -> impl Strategy<Value = Requirement> {
    let level = proptest::sample::select(vec![Aal::One, Aal::Two, Aal::Three]);
    let name = || proptest::option::of(proptest::sample::select(vec!["a", "b"]));
    (level, proptest::option::of(0_u32..1_000), any::<(bool, bool)>(), name(), name(), name()).prop_map(
        |(level, max_age, (phishing_resistant, hardware), action, role, scope)| {
            let mut requirement = Requirement::at_least(level);
            if let Some(secs) = max_age {
                requirement = requirement.within(secs);
            }
            if phishing_resistant {
                requirement = requirement.phishing_resistant();
            }
            if hardware {
                requirement = requirement.hardware();
            }
            if let Some(action) = action {
                requirement = requirement.for_action(action);
            }
            if let Some(role) = role {
                requirement = requirement.with_role(role);
            }
            match scope {
                Some(scope) => requirement.with_scope(scope),
                None => requirement,
            }
        },
    )
}

fn a_token() -> impl Strategy<Value = Authentication> {
    let named = || proptest::sample::subsequence(vec!["a", "b"], 0..=2);
    let grant = proptest::option::of((proptest::sample::select(vec!["a", "b"]), 0_u64..400));
    (proofs(4), named(), named(), grant).prop_filter_map("no authentication", |(evidence, roles, scopes, grant)| {
        let mut token = token_with(assess(&evidence, false)?);
        token.roles = roles.into_iter().map(Into::into).collect();
        token.scopes = scopes.into_iter().map(Into::into).collect();
        token.step_up = grant.map(|(action, seconds_ago)| approval(action, seconds_ago));
        Some(Authentication::from_parts(token))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn more_evidence_never_lowers_what_was_reached(some in proofs(6), more in proofs(6)) {
        let all: Vec<Evidence> = some.iter().chain(&more).cloned().collect();
        if let Some(before) = assess(&some, false) {
            let after = assess(&all, false).expect("more than enough");
            prop_assert!(after.level() >= before.level());
            prop_assert!(after.is_phishing_resistant() >= before.is_phishing_resistant());
            prop_assert!(after.is_hardware() >= before.is_hardware());
        }
    }

    #[test]
    fn more_evidence_never_makes_two_factors_stale(some in proofs(4), more in proofs(4), wanted in a_requirement()) {
        let all: Vec<Evidence> = some.iter().chain(&more).cloned().collect();
        if let Some(before) = assess(&some, false)
            && wanted.level() >= Aal::Two
            && unmet(&wanted, &before, NOW).is_empty()
        {
            prop_assert_eq!(unmet(&wanted, &assess(&all, false).expect("more than enough"), NOW), []);
        }
    }

    #[test]
    fn the_order_of_proofs_does_not_matter(proofs in proofs(6)) {
        let turned: Vec<Evidence> = proofs.iter().rev().cloned().collect();
        let (one, other) = (assess(&proofs, false), assess(&turned, false));
        prop_assert_eq!(one.as_ref().map(|a| (a.level(), a.auth_time())), other.as_ref().map(|a| (a.level(), a.auth_time())));
    }

    #[test]
    fn what_a_session_keeps_carries_what_was_proved(proofs in proofs(20)) {
        let mut kept = proofs.clone();
        newest_of_each(&mut kept);
        prop_assert!(kept.len() <= 8);
        let (all, kept) = (assess(&proofs, true), assess(&kept, true));
        prop_assert_eq!(
            all.as_ref().map(|a| (a.level(), a.auth_time(), a.is_phishing_resistant(), a.is_hardware())),
            kept.as_ref().map(|a| (a.level(), a.auth_time(), a.is_phishing_resistant(), a.is_hardware()))
        );
    }

    #[test]
    fn a_kept_proof_is_as_fresh_as_all_of_them(proofs in proofs(20), wanted in a_requirement()) {
        let mut kept = proofs.clone();
        newest_of_each(&mut kept);
        if let (Some(all), Some(kept)) = (assess(&proofs, true), assess(&kept, true)) {
            prop_assert_eq!(unmet(&wanted, &all, NOW), unmet(&wanted, &kept, NOW));
        }
    }

    #[test]
    fn joined_requirements_accept_only_what_both_accept(a in a_requirement(), b in a_requirement(), token in a_token()) {
        let accepts = |wanted: &Requirement| decide(wanted, &token, NOW) == Decision::Allow;
        for both in [a.and(&b), b.and(&a)] {
            prop_assert!(!accepts(&both) || (accepts(&a) && accepts(&b)), "{:?}", both);
        }
    }

    #[test]
    fn a_stricter_requirement_never_accepts_what_a_weaker_one_refuses(weaker in a_requirement(), token in a_token()) {
        let accepts = |wanted: &Requirement| decide(wanted, &token, NOW) == Decision::Allow;
        let stricter = [
            weaker.clone().phishing_resistant(),
            weaker.clone().hardware(),
            weaker.clone().with_role("a"),
            weaker.clone().with_scope("b"),
            weaker.and(&Requirement::aal2()),
            weaker.and(&Requirement::aal3()),
            weaker.and(&Requirement::aal1().within(100)),
            weaker.and(&Requirement::aal1().for_action("a")),
        ];
        for stricter in stricter {
            prop_assert!(!accepts(&stricter) || accepts(&weaker), "{:?} beside {:?}", stricter, weaker);
        }
    }
}
