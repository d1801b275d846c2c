//! Kinds that rules leave between them, for more kinds than can be bound today.

use super::check::check_kinds_together;
use super::kinds::Kinds;
use super::{Login, LoginPolicy, LoginRule};
use crate::assurance::Method::{self, Sms, Totp, WebAuthn};

fn clash(rules: &[LoginRule]) -> Option<String> {
    let policy = LoginPolicy::new(Login::Required);
    let useful = Kinds::of([Totp, Sms, WebAuthn]);
    check_kinds_together(&policy.base, rules, useful).err().map(|refused| refused.rule().to_owned())
}

fn rule(role: &str, kinds: &[Method]) -> LoginRule {
    LoginRule::new(role).roles([role]).kinds(kinds.iter().copied())
}

#[test]
fn rules_that_share_a_kind_two_by_two_and_none_all_together_are_found() {
    let (a, b, c) = (rule("a", &[Totp, Sms]), rule("b", &[Sms, WebAuthn]), rule("c", &[Totp, WebAuthn]));
    assert_eq!(clash(&[a.clone(), b.clone()]), None, "SMS is left");
    let refused = clash(&[a, b, c]).unwrap();
    for name in ["\"a\"", "\"b\"", "\"c\""] {
        assert!(refused.contains(name), "{refused}");
    }
}

#[test]
fn rules_that_nobody_is_under_at_once_may_disagree() {
    let disagree = |a: fn(LoginRule) -> LoginRule, b: fn(LoginRule) -> LoginRule| {
        clash(&[a(LoginRule::new("a")).kinds([Totp]), b(LoginRule::new("b")).kinds([WebAuthn])]).is_some()
    };
    assert!(!disagree(|r| r.tenants(["bank"]), |r| r.tenants(["shop"])));
    assert!(!disagree(|r| r.clients(["web"]), |r| r.clients(["cli", "console"])));
    let net = |text: &str| [text.parse().unwrap()];
    assert!(!disagree(
        |r| r.networks(["10.0.0.0/8".parse().unwrap()]),
        |r| r.networks(["11.0.0.0/8".parse().unwrap()])
    ));
    assert!(!disagree(
        |r| r.networks(["10.1.0.0/16".parse().unwrap()]),
        |r| r.outside_networks(["10.0.0.0/8".parse().unwrap()])
    ));
    assert!(disagree(|r| r.tenants(["bank"]), |r| r.clients(["web"])), "a client of the bank");
    assert!(disagree(|r| r.roles(["a"]), |r| r.roles(["b"])), "somebody may have both roles");
    assert!(disagree(
        |r| r.networks(["10.0.0.0/8".parse().unwrap()]),
        |r| r.outside_networks(["10.1.0.0/16".parse().unwrap()])
    ));
    let inner = LoginRule::new("a").networks(net("10.1.0.0/16")).kinds([Totp]);
    assert!(clash(&[inner, LoginRule::new("b").networks(net("10.0.0.0/8")).kinds([WebAuthn])]).is_some());
}

#[test]
fn a_rule_that_leaves_only_what_cannot_be_bound_is_found_alone() {
    let policy = LoginPolicy::new(Login::Required);
    let only_keys = [rule("admin", &[WebAuthn])];
    assert!(check_kinds_together(&policy.base, &only_keys, Kinds::of([Totp])).is_err());
    assert!(check_kinds_together(&policy.base, &only_keys, Kinds::of([Totp, WebAuthn])).is_ok());
}
