use proptest::prelude::*;

use super::super::evidence::newest_of_each;
use super::super::{Decision, Evidence, Requirement, assess, decide, unmet};
use super::NOW;
use super::generated::{a_requirement, a_token, from_home, of_proofs, proofs, token_of};

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

    /// Whoever was let through is let through with more to show.
    #[test]
    fn more_evidence_never_lowers_a_decision(some in proofs(4), more in proofs(4), wanted in a_requirement()) {
        let all: Vec<Evidence> = some.iter().chain(&more).cloned().collect();
        if let Some(before) = assess(&some, false)
            && let Some(after) = assess(&all, false)
            && decide(&wanted, &token_of(before), from_home()) == Decision::Allow
        {
            prop_assert_eq!(decide(&wanted, &token_of(after), from_home()), Decision::Allow);
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
    fn a_kept_proof_is_as_fresh_as_all_of_them(proofs in proofs(20), wanted in of_proofs(0)) {
        let mut kept = proofs.clone();
        newest_of_each(&mut kept);
        if let (Some(all), Some(kept)) = (assess(&proofs, true), assess(&kept, true)) {
            prop_assert_eq!(unmet(&wanted, &all, NOW), unmet(&wanted, &kept, NOW));
        }
    }

    #[test]
    fn a_stricter_requirement_never_accepts_what_a_weaker_one_refuses(weaker in a_requirement(), token in a_token()) {
        let accepts = |wanted: &Requirement| decide(wanted, &token, from_home()) == Decision::Allow;
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
