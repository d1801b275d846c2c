use proptest::prelude::*;

use super::super::{Decision, Evidence, Forbidden, Known, Method, Missing, Requirement, StepUpGrant, decide, unmet};
use super::generated::{a_requirement, a_token, from_home};
use super::{NOW, approval, authentication, proof, reached, token_with, webauthn};
use crate::assurance::Authentication;
use crate::clock::Timestamp;

fn missing(requirement: &Requirement, evidence: &[Evidence]) -> Vec<Missing> {
    unmet(requirement, &reached(evidence), NOW)
}

fn password_and_code(password_age: u64, code_age: u64) -> [Evidence; 2] {
    [proof(Method::Password, password_age), proof(Method::Totp, code_age)]
}

#[test]
fn r9470_x_age_a_proof_is_fresh_at_max_age_and_stale_one_second_later() {
    let wanted = Requirement::aal2().within(300);
    assert_eq!(missing(&wanted, &password_and_code(300, 300)), []);
    assert_eq!(missing(&wanted, &password_and_code(301, 301)), [Missing::Freshness]);
    let now_or_never = Requirement::aal2().within(0);
    assert_eq!(missing(&now_or_never, &password_and_code(0, 0)), []);
    assert_eq!(missing(&now_or_never, &password_and_code(1, 1)), [Missing::Freshness]);
    let for_ever = Requirement::aal2().within(u32::MAX);
    assert_eq!(missing(&for_ever, &[proof(Method::Password, 0), Evidence::new(Method::Totp, NOW)]), []);
}

#[test]
fn r9470_x_age_a_proof_from_the_future_is_not_believed() {
    let wanted = Requirement::aal2().within(300);
    for (ahead, believed) in [(60, true), (61, false), (u64::MAX, false)] {
        let evidence = [proof(Method::Password, 0), Evidence::new(Method::Totp, NOW.plus(ahead))];
        assert_eq!(missing(&wanted, &evidence).is_empty(), believed, "{ahead} seconds ahead");
    }
}

#[test]
fn r9470_x_age_a_token_without_auth_time_is_never_fresh() {
    let mut foreign = reached(&password_and_code(0, 0));
    foreign.evidence.clear();
    assert_eq!(unmet(&Requirement::aal2().within(300), &foreign, NOW), [], "its auth_time is what counts");
    foreign.auth_time = None;
    assert_eq!(unmet(&Requirement::aal2().within(u32::MAX), &foreign, NOW), [Missing::Freshness]);
    assert_eq!(unmet(&Requirement::aal2(), &foreign, NOW), [], "where nobody asks for the age");
}

#[test]
fn r9470_x_age_a_foreign_auth_time_has_the_same_boundaries() {
    let mut foreign = reached(&password_and_code(0, 0));
    foreign.evidence.clear();
    for (auth_time, fresh) in [
        (NOW.minus(300), true),
        (NOW.minus(301), false),
        (NOW.plus(60), true),
        (NOW.plus(61), false),
        (Timestamp::EPOCH, false),
    ] {
        foreign.auth_time = Some(auth_time);
        assert_eq!(unmet(&Requirement::aal2().within(300), &foreign, NOW).is_empty(), fresh, "{auth_time}");
    }
}

#[test]
fn ghsa_hp74_gm6m_2qm5_typing_the_password_again_does_not_freshen_an_old_code() {
    let wanted = Requirement::aal2().within(300);
    assert_eq!(missing(&wanted, &password_and_code(0, 301)), [Missing::Freshness]);
    assert_eq!(missing(&wanted, &password_and_code(9_999, 10)), [], "an old password beside a new code");
    let signed_in = Requirement::aal1().within(300);
    assert_eq!(missing(&signed_in, &password_and_code(0, 301)), [], "where no more than a password is asked for");
    assert_eq!(missing(&signed_in, &[proof(Method::Password, 301)]), [Missing::Freshness]);
}

#[test]
fn ghsa_hp74_gm6m_2qm5_a_fresh_code_does_not_freshen_an_old_passkey() {
    let evidence = [proof(Method::Password, 9_999), webauthn(301, "phr uv"), proof(Method::Totp, 0)];
    assert_eq!(missing(&Requirement::aal2().phishing_resistant().within(300), &evidence), [Missing::Freshness]);
    assert_eq!(missing(&Requirement::aal2().within(300), &evidence), [], "where a code is enough");
    let key = [proof(Method::Password, 9_999), webauthn(301, "phr hw"), webauthn(0, "phr uv synced")];
    assert_eq!(missing(&Requirement::aal2().hardware().within(300), &key), [Missing::Freshness]);
    assert_eq!(missing(&Requirement::aal2().phishing_resistant().within(300), &key), []);
}

#[test]
fn a_fresh_code_meets_aal2_in_a_session_whose_key_is_old() {
    let evidence = [proof(Method::Password, 9_999), webauthn(9_999, "phr uv hw"), proof(Method::Totp, 10)];
    assert_eq!(missing(&Requirement::aal2().within(300), &evidence), []);
    assert_eq!(missing(&Requirement::aal3().within(300), &evidence), [Missing::Freshness]);
}

#[test]
fn auth_time_is_the_newest_proof_that_counts_for_the_level() {
    let at = |evidence: &[Evidence]| reached(evidence).auth_time().map(|at| NOW.since(at));
    assert_eq!(at(&[proof(Method::Password, 5)]), Some(5));
    assert_eq!(at(&password_and_code(5, 50)), Some(50));
    assert_eq!(at(&[proof(Method::Password, 5), proof(Method::Totp, 50), proof(Method::Email, 0)]), Some(50));
    assert_eq!(at(&[proof(Method::Totp, 0), webauthn(50, "phr uv hw")]), Some(50), "a code is not AAL3");
}

#[test]
fn what_is_lacking_is_named_and_not_called_old_too() {
    let evidence = password_and_code(0, 0);
    assert_eq!(missing(&Requirement::aal3().within(300), &evidence), [Missing::Level]);
    assert_eq!(
        missing(&Requirement::aal3().hardware().within(300), &evidence),
        [Missing::Level, Missing::PhishingResistance, Missing::Hardware]
    );
}

fn with_grant(action: &str, seconds_ago: u64) -> Authentication {
    let mut token = token_with(reached(&password_and_code(seconds_ago, seconds_ago)));
    token.step_up = Some(approval(action, seconds_ago));
    Authentication::from_parts(token)
}

fn allows(requirement: &Requirement, authentication: &Authentication) -> bool {
    decide(requirement, authentication, NOW) == Decision::Allow
}

#[test]
fn asvs_7_5_3_an_action_needs_an_approval_made_for_it() {
    let transfer = Requirement::aal2().for_action("transfer_funds");
    assert!(!allows(&transfer, &authentication(reached(&password_and_code(0, 0)))));
    assert!(allows(&transfer, &with_grant("transfer_funds", 0)));
    assert!(!allows(&transfer, &with_grant("Transfer_funds", 0)));
    assert!(!allows(&transfer, &with_grant("transfer_funds_to_self", 0)));
    assert!(allows(&transfer, &with_grant("transfer_funds", 299)));
    assert!(!allows(&transfer, &with_grant("transfer_funds", 300)), "an approval lapses");
    assert!(!allows(&transfer.within(60), &with_grant("transfer_funds", 61)), "and may have to be newer");
}

/// Who approved five to bob has not approved the action at large.
#[test]
fn cs_ta_1_an_approval_of_some_parameters_approves_no_others() {
    let mut token = token_with(reached(&password_and_code(0, 0)));
    let bound = StepUpGrant { bind: Some("sha-256:yrBaBcq8".into()), ..approval("transfer_funds", 0) };
    token.step_up = Some(bound);
    let token = Authentication::from_parts(token);
    let transfer = Requirement::aal2().for_action("transfer_funds");
    assert!(
        matches!(decide(&transfer, &token, NOW), Decision::StepUp(missing) if missing.missing() == [Missing::Action])
    );
    assert!(allows(&Requirement::aal2(), &token), "where no action is asked for it stands in nobody's way");
}

#[test]
fn one_token_does_not_approve_two_actions() {
    let both = Requirement::aal2().for_action("pay").and(&Requirement::aal1().for_action("delete"));
    assert_eq!(both.actions().count(), 2);
    assert!(!allows(&both, &with_grant("pay", 0)));
    assert!(!allows(&both, &with_grant("delete", 0)));
    let same = Requirement::aal2().for_action("pay").and(&Requirement::aal1().for_action("pay"));
    assert!(allows(&same, &with_grant("pay", 0)));
}

#[test]
fn whoever_lacks_a_role_or_scope_is_not_sent_to_prove_more() {
    let mut token = token_with(reached(&[proof(Method::Password, 0)]));
    token.roles = vec!["admin".into()];
    token.scopes = vec!["read".into()];
    let token = Authentication::from_parts(token);
    let role = Requirement::aal3().with_role("admin").with_role("auditor");
    assert_eq!(decide(&role, &token, NOW), Decision::Forbid(Forbidden::Role("auditor".into())));
    let scope = Requirement::aal1().with_scope("read").with_scope("write");
    assert_eq!(decide(&scope, &token, NOW), Decision::Forbid(Forbidden::Scope("read write".into())));
    assert!(allows(&Requirement::aal1().with_role("admin").with_scope("read"), &token));
    assert!(!allows(&Requirement::aal1().with_role("Admin"), &token), "names are compared exactly");
}

/// Who may do nothing else is told what he can ask for: a scope before a role, and of those the fewest.
#[test]
fn what_forbids_is_what_the_nearest_alternative_lacks() {
    let token = authentication(reached(&[proof(Method::Password, 0)]));
    let (role, scope) = (Requirement::aal1().with_role("admin"), Requirement::aal1().with_scope("write"));
    let never = Requirement::any_of(&[]);
    let scopes = |names: &str| Decision::Forbid(Forbidden::Scope(names.into()));
    let role_alone = Decision::Forbid(Forbidden::Role("admin".into()));
    let two = scope.clone().with_scope("read");
    for (either, says) in [
        ([role.clone(), scope.clone()], scopes("write")),
        ([two.clone(), scope.clone()], scopes("write")),
        ([scope.clone().with_role("admin"), two.clone()], scopes("write read")),
        ([two.clone(), Requirement::aal1().with_scope("x").with_scope("y")], scopes("write read")),
        ([never, role.clone()], role_alone.clone()),
        ([role.clone().with_scope("write"), role.clone()], role_alone),
    ] {
        let wanted = Requirement::aal1().with_any_of(either);
        assert_eq!(decide(&wanted, &token, NOW), says, "{wanted}");
        assert_eq!(decide(&Requirement::aal1().with_all_of(wanted), &token, NOW), says);
    }
    // One that is open needs nothing of the others.
    let open = Requirement::aal1().with_any_of([scope, Requirement::aal1()]);
    assert!(allows(&open, &token));
    assert_eq!(decide(&open.with_all_of(two), &token, NOW), scopes("write read"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// RFC 6750 §3: whoever comes back with the scopes that were named is not refused for want of one.
    #[test]
    fn the_scopes_that_are_named_are_all_that_are_needed(wanted in a_requirement(), token in a_token()) {
        let known = Known::of(&token);
        let Decision::Forbid(Forbidden::Scope(named)) = known.decide(&wanted, from_home(), |_| true) else {
            return Ok(());
        };
        let granted: Vec<Box<str>> = named.split(' ').map(Into::into).collect();
        let again = Known { scopes: &granted, ..known }.decide(&wanted, from_home(), |_| true);
        prop_assert!(!matches!(again, Decision::Forbid(Forbidden::Scope(_))), "{wanted}: {named}");
    }
}

#[test]
fn a_step_up_always_says_what_is_missing() {
    let Decision::StepUp(step_up) =
        decide(&Requirement::aal2().for_action("pay"), &authentication(reached(&[proof(Method::Password, 0)])), NOW)
    else {
        panic!("a password is not AAL2");
    };
    assert_eq!(step_up.missing(), [Missing::Level, Missing::Action]);
}
