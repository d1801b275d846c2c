//! Rules as they are written: what stands for what, and what is refused when a policy is built.

use http::Method;
use tower_mfa::assurance::{Method as Kind, Proof, Requirement};
use tower_mfa::middleware::route_policy::{Access, Mode, RoutePolicy, RoutePolicyBuilder, Rule};

use super::{policy, rules};

fn named(policy: &RoutePolicy, method: &str, path: &str) -> Option<String> {
    let found = policy.find(&Method::from_bytes(method.as_bytes()).unwrap(), path);
    found.rule().map(|rule| rule.name().to_owned())
}

#[track_caller]
fn refused(builder: RoutePolicyBuilder, said: &[&str]) {
    let error = builder.build().unwrap_err();
    for part in said {
        assert!(error.to_string().contains(part), "{error}: {part}");
    }
}

fn get(name: &str, pattern: &str) -> Rule {
    Rule::on(name, [Method::GET], pattern).public()
}

#[test]
fn the_most_specific_pattern_decides_and_the_order_of_rules_does_not() {
    let patterns = ["/{*rest}", "/a/{x}", "/a/b", "/a/{x}/c", "/a/b/{*more}"];
    let backwards = patterns.iter().rev();
    for order in [patterns.iter().collect::<Vec<_>>(), backwards.collect()] {
        let rules = order.iter().enumerate().map(|(at, pattern)| get(&format!("r{at}"), pattern));
        let policy = RoutePolicy::builder().rules(rules).build().unwrap();
        let pattern = |path| policy.find(&Method::GET, path).rule().map(Rule::pattern);
        assert_eq!(pattern("/a/b"), Some("/a/b"));
        assert_eq!(pattern("/a/z"), Some("/a/{x}"));
        assert_eq!(pattern("/a/b/c"), Some("/a/b/{*more}"));
        assert_eq!(pattern("/a/z/c"), Some("/a/{x}/c"));
        assert_eq!(pattern("/a/z/d"), Some("/{*rest}"));
        assert_eq!(pattern("/"), None, "{{*rest}} is something, not nothing");
    }
}

#[test]
fn head_follows_get_and_options_is_named_by_itself_or_denied() {
    let policy = policy();
    assert_eq!(named(&policy, "HEAD", "/accounts/7").as_deref(), Some("accounts"));
    assert_eq!(named(&policy, "HEAD", "/accounts/7/send"), None, "a POST has no HEAD");
    for path in ["/", "/open/a", "/accounts/7", "/admin/a"] {
        assert_eq!(named(&policy, "OPTIONS", path), None, "{path}");
    }
    let with_options = rules().rule(Rule::on("preflight", [Method::OPTIONS], "/accounts/{any}").public());
    assert_eq!(named(&with_options.build().unwrap(), "OPTIONS", "/accounts/7").as_deref(), Some("preflight"));
}

/// As a router answers 405, and does not look for a wider route.
#[test]
fn a_method_that_the_best_pattern_does_not_name_is_denied_whatever_a_wider_one_says() {
    let policy = rules().rule(Rule::on_any_method("rest", "/{*rest}").public()).build().unwrap();
    assert_eq!(named(&policy, "POST", "/accounts/7"), None);
    assert_eq!(named(&policy, "POST", "/accounts/7/x").as_deref(), Some("rest"));
}

#[test]
fn a_method_by_name_goes_before_any_method() {
    let policy = rules().rule(Rule::on("purge", [Method::DELETE], "/admin/{*all}").require(Requirement::aal3()));
    let policy = policy.build().unwrap();
    assert_eq!(named(&policy, "DELETE", "/admin/x").as_deref(), Some("purge"));
    assert_eq!(named(&policy, "PROPFIND", "/admin/x").as_deref(), Some("admin"));
    assert_eq!(named(&policy, "INVENTED", "/admin/x").as_deref(), Some("admin"), "any is any");
}

#[test]
fn letters_have_a_case_and_a_trailing_slash_is_another_address() {
    for path in ["/Admin/x", "/ADMIN/x", "/accounts/7/", "/accounts/", "/accounts", "/admin/", "/admin"] {
        assert_eq!(named(&policy(), "GET", path), None, "{path}");
    }
}

#[test]
fn what_has_no_path_is_named_by_nothing() {
    let policy = RoutePolicy::builder().rule(Rule::on_any_method("all", "/{*rest}").public()).build().unwrap();
    for path in ["", "*", "id.example:443", "open/a"] {
        assert_eq!(policy.find(&Method::GET, path).rule().map(Rule::name), None, "{path}");
    }
}

#[test]
fn a_rule_that_is_never_asked_is_refused_and_both_are_named() {
    let twice = |first: Rule, second: Rule| RoutePolicy::builder().rule(first).rule(second);
    refused(twice(get("one", "/u/{id}"), get("two", "/u/{name}")), &["\"two\"", "\"one\"", "leave one of them out"]);
    let both = Rule::on("two", [Method::POST, Method::GET], "/u/{id}").public();
    refused(twice(get("one", "/u/{id}"), both), &["\"two\" (POST, GET /u/{id})", "\"one\""]);
    let any = |name| Rule::on_any_method(name, "/u").public();
    refused(twice(any("one"), any("two")), &["\"two\" (any method /u)", "\"one\""]);
    refused(twice(get("one", "/a"), get("one", "/b")), &["\"one\"", "name of another rule"]);
    let twice_in_one = Rule::on("one", [Method::GET, Method::GET], "/a").public();
    refused(RoutePolicy::builder().rule(twice_in_one), &["is never asked"]);
    assert!(twice(get("one", "/u/{id}"), any("two")).build().is_ok());
}

#[test]
fn two_patterns_that_no_router_could_have_are_refused_with_a_way_out() {
    let both = RoutePolicy::builder().rule(get("one", "/u/{id}")).rule(get("all", "/u/{*rest}"));
    refused(both, &["\"all\"", "/u/{", "{name}/{*rest}"]);
    let apart = RoutePolicy::builder().rule(get("one", "/u/{id}")).rule(get("all", "/u/{id}/{*rest}"));
    assert!(apart.build().is_ok());
}

#[test]
fn a_rule_that_no_request_can_meet_is_refused_by_name() {
    for (pattern, said) in [("/a//b", "can never match"), ("/a/../b", "can never match"), ("/a;x", "parameter")] {
        refused(RoutePolicy::builder().rule(get("odd", pattern)), &["rule: \"odd\" (GET", pattern, said]);
    }
    let unknown = Rule::on("odd", [Method::from_bytes(b"PSOT").unwrap()], "/a").public();
    refused(RoutePolicy::builder().rule(unknown), &["\"odd\"", "PSOT", "on_any_method"]);
    let head = Rule::on("odd", [Method::HEAD], "/a").public();
    refused(RoutePolicy::builder().rule(head), &["\"odd\"", "name GET"]);
    refused(RoutePolicy::builder().rule(Rule::on("odd", [], "/a").public()), &["\"odd\"", "must name a method"]);
    for name in ["", "a b", "a\nb", &"a".repeat(65)] {
        refused(RoutePolicy::builder().rule(get(name, "/a")), &["must have a name"]);
    }
}

/// A proof is older than that by the time its token comes back: whoever was asked would be asked for ever.
#[test]
fn an_age_of_no_second_is_refused_wherever_it_stands() {
    let of = |asked: Requirement| RoutePolicy::builder().rule(Rule::on("now", [Method::GET], "/now").require(asked));
    let proof = Requirement::aal1().with_proof(Proof::of(Kind::Totp).within(0));
    for asked in [Requirement::aal2().within(0), proof.clone(), Requirement::aal1().with_any_of([proof.clone()])] {
        refused(of(asked), &["\"now\"", "allow a minute"]);
    }
    assert!(of(Requirement::aal2().within(1)).build().is_ok());
}

/// Nothing is let through in silence: an area that is open says so in a rule.
#[test]
fn what_no_rule_names_cannot_be_switched_off() {
    refused(rules().unnamed(Mode::Off), &["unnamed: ", "/open/{*rest}"]);
    refused(rules().bad_paths(Mode::Off), &["bad_paths: "]);
    let policy = policy();
    assert_eq!((policy.unnamed(), policy.bad_paths()), (Mode::Enforce, Mode::Enforce));
}

#[test]
fn a_policy_lists_its_rules_for_people_and_for_tests() {
    let policy = rules().report_only().build().unwrap();
    let lines: Vec<String> = policy.rules().iter().map(Rule::to_string).collect();
    assert_eq!(lines[0], "landing: GET /, public, report-only");
    assert_eq!(lines[5], "mfa: any method /mfa/{*rest}, guarded elsewhere, report-only");
    assert_eq!(lines[2], "accounts: GET /accounts/{id}, asks for AAL2, report-only");
    let accounts = &policy.rules()[2];
    assert!(matches!(accounts.access(), Access::Require(layer) if *layer.requirement() == Requirement::aal2()));
    assert_eq!(accounts.methods(), Some(&[Method::GET][..]));
    assert_eq!(policy.rules()[1].methods(), None);
}
