use proptest::prelude::*;

use super::super::{Circumstances, Day, Decision, Finding, Hours, Method, Proof, Requirement, decide_by, explain};
use super::generated::{a_requirement, a_token, from_home};
use super::{NOW, approval, authentication, proof, reached, token_with, webauthn};
use crate::assurance::Authentication;
use crate::id::Subject;

fn password_and_code(age: u64) -> Authentication {
    authentication(reached(&[proof(Method::Password, age), proof(Method::Totp, age)]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whoever reads the explanation reads what was decided.
    #[test]
    fn an_explanation_says_what_was_decided(wanted in a_requirement(), token in a_token()) {
        let explained = explain(&wanted, &token, from_home());
        let decided = decide_by(&wanted, &token, from_home(), |_| true);
        prop_assert_eq!(explained.decision(), &decided);
        let all_met = explained.findings().iter().all(|finding| finding.met);
        prop_assert_eq!(all_met, decided == Decision::Allow, "{}", explained);
    }
}

#[test]
fn it_says_what_is_wanted_and_what_there_is() {
    let said = |wanted: &Requirement, who: &Authentication| explain(wanted, who, from_home()).to_string();
    let office = Hours::between((18, 0), (20, 0)).on(&[Day::Mon, Day::Tue]);
    for (wanted, who, says) in [
        (
            Requirement::aal3(),
            password_and_code(180),
            "AAL3 is wanted, and the level is AAL2. To go on: use a hardware security key.",
        ),
        (
            Requirement::aal2().phishing_resistant(),
            password_and_code(0),
            "phishing resistant is wanted, and no proof is one that cannot be phished. To go on: use a passkey or security key.",
        ),
        (
            Requirement::aal2(),
            authentication(reached(&[proof(Method::Password, 7_300)])),
            "alice is signed in at AAL1, by the password 2 hours ago. That is not enough: AAL2 is wanted, and the level is AAL1. \
             To go on: give a second factor.",
        ),
        (
            Requirement::aal1().with_role("admin"),
            password_and_code(0),
            "role admin is wanted, and there is no role. Nothing that could be proved would help.",
        ),
        (
            Requirement::aal1().or_network("10.0.0.0/8".parse().unwrap()),
            password_and_code(0),
            "from 10.0.0.0/8 is wanted, and it comes from 192.0.2.7. Nothing",
        ),
        (
            Requirement::aal1().or_hours(office),
            password_and_code(0),
            "mon,tue 18:00-20:00 UTC is wanted, and it is fri 08:00 UTC.",
        ),
        (
            Requirement::aal1().with_proof(Proof::of(Method::Totp).within(60)),
            password_and_code(180),
            "TOTP at most 1 minute old is wanted, and the newest was 3 minutes ago. To go on: prove TOTP at most 1 minute old.",
        ),
        (
            Requirement::aal1().with_any_of([Requirement::aal3(), Requirement::aal2().within(60)]),
            password_and_code(180),
            "of each something is missing: (AAL3 is wanted, and the level is AAL2) or (at most 1 minute old is wanted, and the \
             newest proof that counts is 3 minutes old). To go on: prove it again, now.",
        ),
        (
            Requirement::aal2().for_action("pay"),
            password_and_code(0),
            "approved for pay is wanted, and nothing was approved. To go on: approve pay.",
        ),
        (
            Requirement::aal2(),
            password_and_code(60),
            "the password 1 minute ago and TOTP 1 minute ago. That is enough.",
        ),
    ] {
        let said = said(&wanted, &who);
        assert!(said.contains(says), "{said}");
    }
}

/// Two tenants may each have an alice.
#[test]
fn whoever_belongs_to_a_tenant_is_named_with_it() {
    let mut token = token_with(reached(&[proof(Method::Password, 0)]));
    token.subject = Subject::with_tenant("acme", "alice").unwrap();
    let said = explain(&Requirement::aal1(), &Authentication::from_parts(token), from_home()).to_string();
    assert!(said.contains(". acme/alice is signed in at AAL1"), "{said}");
}

/// A code of just now is there, and another one would not help.
#[test]
fn it_advises_no_code_where_a_key_is_too_old() {
    let beside = |key| reached(&[proof(Method::Password, 0), proof(Method::Totp, 0), webauthn(180, key)]);
    for (wanted, key, advice) in [
        (Requirement::aal2().phishing_resistant().within(60), "phr uv", "use the passkey or security key again, now."),
        (Requirement::aal3().within(60), "phr uv hw", "use the hardware security key again, now."),
        (Requirement::aal2().hardware().within(60), "phr uv hw", "use the hardware security key again, now."),
    ] {
        let said = explain(&wanted, &authentication(beside(key)), NOW).to_string();
        assert!(said.ends_with(&format!("is 3 minutes old. To go on: {advice}")), "{said}");
    }
}

#[test]
fn it_says_what_became_of_an_approval() {
    let holding = |action: &str, ago: u64| {
        let mut token = token_with(reached(&[proof(Method::Password, 0), proof(Method::Totp, 0)]));
        token.step_up = Some(approval(action, ago));
        Authentication::from_parts(token)
    };
    let held = |who: &Authentication| {
        let explained = explain(&Requirement::aal2().for_action("pay"), who, NOW);
        explained.findings().iter().find(|finding| finding.asks == "approved for pay").unwrap().held.clone()
    };
    assert_eq!(held(&holding("close", 0)), "it was approved for close");
    assert_eq!(held(&holding("pay", 301)), "its approval of pay has lapsed");
    assert!(explain(&Requirement::aal2().for_action("pay"), &holding("pay", 0), NOW).is_allowed());
}

#[test]
fn it_is_a_value_that_a_program_reads() {
    let who = authentication(reached(&[webauthn(0, "phr uv")]));
    let explained = explain(&Requirement::aal3(), &who, Circumstances::at(NOW));
    let written = serde_json::to_value(explained.findings()).unwrap();
    assert_eq!(written, serde_json::json!([{ "asks": "AAL3", "met": false, "held": "the level is AAL2" }]));
    let _: &[Finding] = explained.findings();
}
