//! The login policy as a value: which rules apply, that the strictest wins, and what is refused.

use std::net::IpAddr;

use proptest::prelude::*;
use tower_mfa::assurance::Method;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::network::Network;
use tower_mfa::policy::{EffectiveLogin, Grace, Login, LoginPolicy, LoginRule, Policy, Who};

fn network(text: &str) -> Network {
    text.parse().unwrap()
}

fn rule(name: &str) -> LoginRule {
    LoginRule::new(name)
}

/// What is wrong with a policy of these rules on the default base; it is the same when it is checked
/// alone and when a `Policy` is built of it.
fn refused(policy: LoginPolicy) -> String {
    let error = policy.check().unwrap_err();
    assert_eq!(error.field(), "login");
    let built = Policy::builder().login(policy).build().unwrap_err();
    assert_eq!(built.to_string(), error.to_string());
    error.rule().to_owned()
}

fn with(rules: impl IntoIterator<Item = LoginRule>) -> LoginPolicy {
    rules.into_iter().fold(LoginPolicy::default(), LoginPolicy::rule)
}

#[test]
fn a_rule_applies_when_each_selector_it_has_applies_and_one_of_a_list_is_enough() {
    let (bank, shop) = (Subject::with_tenant("bank", "alice").unwrap(), Subject::new("alice").unwrap());
    let (admin, staff): ([Box<str>; 1], [Box<str>; 1]) = (["admin".into()], ["staff".into()]);
    let who = |subject| Who::new(subject, "web", &admin).groups(&staff);
    let cases = [
        (rule("tenant").tenants(["mill", "bank"]), true, false),
        (rule("role").roles(["operator", "admin"]), true, true),
        (rule("other role").roles(["operator"]), false, false),
        (rule("group").groups(["staff"]), true, true),
        (rule("a role is no group").groups(["admin"]), false, false),
        (rule("client").clients(["web"]), true, true),
        (rule("all of them").tenants(["bank"]).roles(["admin"]).groups(["staff"]).clients(["web"]), true, false),
        (rule("all but one").tenants(["bank"]).roles(["admin"]).groups(["boss"]).clients(["web"]), false, false),
    ];
    for (rule, of_the_bank, of_no_tenant) in cases {
        assert_eq!(rule.applies_to(who(&bank)), of_the_bank, "{}", rule.name());
        assert_eq!(rule.applies_to(who(&shop)), of_no_tenant, "{}", rule.name());
    }
}

#[test]
fn an_address_nobody_knows_is_inside_of_nothing_and_outside_of_everything() {
    let alice = Subject::new("alice").unwrap();
    let at = |address: Option<&str>| {
        Who::new(&alice, "web", &[]).address(address.map(|text| text.parse::<IpAddr>().unwrap()))
    };
    let offices = || [network("10.0.0.0/8"), network("2001:db8::/32")];
    let (inside, outside) = (rule("in").networks(offices()), rule("out").outside_networks(offices()));
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
        assert!(inside.applies_to(at(Some(address))) && !outside.applies_to(at(Some(address))), "{address}");
    }
    for address in [Some("192.0.2.7"), Some("::1"), None] {
        assert!(!inside.applies_to(at(address)) && outside.applies_to(at(address)), "{address:?}");
    }
}

#[test]
fn the_rule_for_a_client_inherits_what_the_rule_for_its_tenant_says() {
    let policy = LoginPolicy::new(Login::Optional)
        .rule(rule("bank").tenants(["bank"]).mode(Login::Required).at_most(3))
        .rule(rule("console").clients(["console"]).mode(Login::IfEnrolled).at_least(2).kinds([Method::Totp]));
    policy.check().unwrap();
    let (clerk, shopper) = (Subject::with_tenant("bank", "bob").unwrap(), Subject::new("bob").unwrap());
    let of = |subject, client| policy.login_for(Who::new(subject, client, &[]));
    let both = of(&clerk, "console");
    assert_eq!((both.mode(), both.at_most(), both.at_least()), (Login::Required, Some(3), 2));
    assert!(both.allows(Method::Totp) && !both.allows(Method::Sms));
    let web = of(&clerk, "web");
    assert_eq!((web.mode(), web.at_most(), web.at_least()), (Login::Required, Some(3), 1));
    assert!(web.allows(Method::Sms));
    let console = of(&shopper, "console");
    assert_eq!((console.mode(), console.at_most(), console.at_least()), (Login::IfEnrolled, None, 0));
    assert_eq!(of(&shopper, "web").mode(), Login::Optional);
    let names: Vec<&str> = policy.rules_for(Who::new(&clerk, "console", &[])).map(LoginRule::name).collect();
    assert_eq!(names, ["bank", "console"]);
}

#[test]
fn where_mfa_is_off_nothing_may_be_bound_and_nothing_must() {
    let off = LoginPolicy::new(Login::Off);
    let alice = Subject::new("alice").unwrap();
    let login = off.login_for(Who::new(&alice, "web", &[]));
    assert!(Method::ALL.iter().all(|kind| !login.allows(*kind)));
    assert_eq!(login.at_least(), 0);
}

#[test]
fn of_two_graces_what_ends_first_wins() {
    let at = |secs| Some(Timestamp::from_secs(secs));
    let grace = |until, sign_ins| Login::RequiredAfter(Grace::new(until, sign_ins).unwrap());
    assert_eq!(grace(at(9), Some(2)).and(grace(at(5), None)), grace(at(5), Some(2)));
    assert_eq!(grace(None, Some(7)).and(grace(None, Some(2))), grace(None, Some(2)));
    assert_eq!(grace(at(9), None).and(Login::Required), Login::Required);
    assert_eq!(Login::IfEnrolled.and(grace(at(9), None)), grace(at(9), None));
}

#[test]
fn a_grace_must_end() {
    let at = |secs| Some(Timestamp::from_secs(secs));
    assert!(Grace::new(at(1_800_000_000), Some(1000)).is_ok());
    for (until, sign_ins) in
        [(None, None), (None, Some(0)), (None, Some(1001)), (at(4_102_444_801), None), (at(u64::MAX), Some(3))]
    {
        assert_eq!(Grace::new(until, sign_ins).unwrap_err().field(), "grace", "{until:?} {sign_ins:?}");
    }
}

#[test]
fn a_rule_that_could_never_apply_is_refused_by_its_name() {
    let strict = |rule: LoginRule| rule.mode(Login::Required);
    let ten = || [network("10.0.0.0/8")];
    for (rule, says) in [
        (strict(rule("r")), "said in the base"),
        (strict(rule("r").roles([""; 0])), "roles is empty"),
        (strict(rule("r").tenants([""; 0])), "tenants is empty"),
        (strict(rule("r").clients([""; 0]).roles(["a"])), "clients is empty"),
        (strict(rule("r").networks([])), "networks is empty"),
        (strict(rule("r").outside_networks([])), "outside_networks is empty"),
        (strict(rule("r").groups([""])), "which nobody has"),
        (strict(rule("r").groups(["a\nb"])), "which nobody has"),
        (strict(rule("r").roles(["x".repeat(256)])), "which nobody has"),
        (strict(rule("r").networks([network("10.1.0.0/16")]).outside_networks(ten())), "shut out"),
    ] {
        let why = refused(with([rule]));
        assert!(why.starts_with("rule \"r\": ") && why.contains(says), "{why}");
    }
    let admins = |name: &str| strict(rule(name).roles(["admin"]));
    for name in ["", "a\tb", &"x".repeat(65)] {
        assert!(refused(with([admins(name)])).contains("the name must"), "{name:?}");
    }
    assert!(refused(with([admins("a"), strict(rule("a").roles(["other"]))])).contains("used twice"));
    let many = (0..257).map(|n| strict(rule(&n.to_string()).roles([n.to_string()])));
    assert!(refused(with(many)).contains("256"));
}

#[test]
fn a_rule_that_changes_nothing_is_refused_by_its_name() {
    let admins = || rule("r").roles(["admin"]);
    for (rule, says) in [
        (admins(), "asks for nothing"),
        (admins().mode(Login::IfEnrolled), "mode is no stricter"),
        (admins().mode(Login::Optional), "mode is no stricter"),
        (admins().mode(Login::Off).at_most(2), "mode is no stricter"),
        (admins().mode(Login::Required).at_least(1), "at_least is no stricter"),
        (admins().kinds(Method::ALL.iter().copied()), "kinds is no stricter"),
    ] {
        let why = refused(with([rule]));
        assert!(why.starts_with("rule \"r\": ") && why.contains(says), "{why}");
    }
    let why = refused(LoginPolicy::default().at_most(2).rule(admins().at_most(3)));
    assert!(why.contains("at_most is no stricter"), "{why}");
    // One that another makes needless, wherever it applies.
    let wide = || rule("wide").roles(["admin", "operator"]).mode(Login::Required);
    for narrow in [
        rule("narrow").roles(["admin"]).mode(Login::Required),
        rule("narrow").roles(["operator"]).clients(["web"]).mode(Login::RequiredAfter(Grace::sign_ins(3).unwrap())),
        rule("narrow").roles(["operator", "admin"]).mode(Login::Required),
    ] {
        let why = refused(with([wide(), narrow.clone()]));
        assert!(why.starts_with("rule \"narrow\": ") && why.contains("\"wide\""), "{why}");
        assert!(with([narrow, wide().kinds([Method::Totp])]).check().is_err());
    }
    for other in [
        rule("other").roles(["auditor"]).mode(Login::Required),
        rule("other").roles(["admin"]).mode(Login::Required).at_least(2),
        rule("other").clients(["web"]).mode(Login::Required),
    ] {
        with([wide(), other]).check().unwrap();
    }
    let inner = |text: &str| rule(text).networks([network(text)]).mode(Login::Required);
    assert!(refused(with([inner("10.1.0.0/16"), inner("10.0.0.0/8")])).contains("rule \"10.1.0.0/16\""));
    let outer = |text: &str| rule(text).outside_networks([network(text)]).mode(Login::Required);
    assert!(refused(with([outer("10.1.0.0/16"), outer("10.0.0.0/8")])).contains("rule \"10.0.0.0/8\""));
}

#[test]
fn what_nobody_can_satisfy_is_refused() {
    let required = || LoginPolicy::new(Login::Required);
    for (policy, says) in [
        (required().kinds([]), "kinds is empty"),
        (required().kinds([Method::Email]), "no AAL2"),
        (required().kinds([Method::Totp, Method::Password]), "nobody binds"),
        (required().kinds([Method::Totp, Method::RecoveryCode]), "nobody binds"),
        (required().kinds([Method::Push]), "none that this version can bind"),
        (required().at_most(1).at_least(2), "less than at_least"),
        (required().at_most(2).at_least(2), "one more than at_least"),
        (required().at_most(1), "one more than at_least"),
        (required().at_most(0), "1 to 64"),
        (required().at_most(65), "1 to 64"),
        (required().at_least(0), "1 or 2"),
        (required().at_least(3), "1 or 2"),
        (LoginPolicy::default().enrolled_by([]), "nothing that can be bound"),
        (LoginPolicy::default().enrolled_by([Method::Password]), "nothing that can be bound"),
        (LoginPolicy::default().at_least(2), "nobody to hold for"),
        (with([rule("r").roles(["a"]).at_least(2)]), "nobody to hold for"),
        (required().rule(rule("r").roles(["a"]).kinds([Method::Sms])), "leaves none"),
        (required().rule(rule("r").roles(["a"]).kinds([Method::Email])), "no AAL2"),
        (required().at_least(2).rule(rule("r").roles(["a"]).at_most(1)), "nobody can have both"),
        (required().rule(rule("r").roles(["a"]).at_most(1)), "together with the base it says: leaves no room"),
        (
            with([
                rule("r").roles(["a"]).at_most(2),
                rule("s").clients(["web"]).at_least(2),
                rule("t").tenants(["bank"]).mode(Login::Required),
            ]),
            r#"together with "s" it says: leaves no room"#,
        ),
        (
            required().rule(rule("r").roles(["a"]).at_most(2)).rule(rule("s").clients(["web"]).at_least(2)),
            r#"together with "s" it says: leaves no room"#,
        ),
    ] {
        let why = refused(policy);
        assert!(why.contains(says), "{says}: {why}");
    }
    // Where nobody is under both, there is nothing to meet.
    required()
        .rule(rule("r").tenants(["bank"]).at_most(2))
        .rule(rule("s").tenants(["shop"]).at_least(2))
        .check()
        .unwrap();
    // One that is disabled takes a place beside the two that must be.
    let two = || Policy::builder().login(required().at_least(2));
    assert_eq!(two().max_authenticators(2).build().unwrap_err().field(), "max_authenticators");
    assert!(two().max_authenticators(3).build().is_ok());
}

fn mode() -> impl Strategy<Value = Login> {
    let grace = (proptest::option::of(1..9_u64), proptest::option::of(1..5_u32));
    prop_oneof![
        Just(Login::Off),
        Just(Login::Optional),
        Just(Login::IfEnrolled),
        grace.prop_filter_map("ends", |(until, sign_ins)| {
            Grace::new(until.map(Timestamp::from_secs), sign_ins).ok().map(Login::RequiredAfter)
        }),
        Just(Login::Required),
    ]
}

fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Option<Vec<&'static str>>> {
    proptest::option::of(proptest::sample::subsequence(names, 1..=names.len()))
}

prop_compose! {
    fn any_rule(name: &'static str)(
        tenants in some_of(&["bank", "shop"]),
        roles in some_of(&["admin", "clerk"]),
        clients in some_of(&["web", "cli"]),
        inside in proptest::option::of(any::<bool>()),
        mode in proptest::option::of(mode()),
        kinds in proptest::option::of(proptest::sample::subsequence(Method::ALL, 0..=Method::ALL.len())),
        most in proptest::option::of(1..5_usize),
        least in proptest::option::of(1..3_usize),
    ) -> LoginRule {
        let mut rule = LoginRule::new(name);
        if let Some(tenants) = tenants { rule = rule.tenants(tenants); }
        if let Some(roles) = roles { rule = rule.roles(roles); }
        if let Some(clients) = clients { rule = rule.clients(clients); }
        rule = match inside {
            Some(true) => rule.networks([network("10.0.0.0/8")]),
            Some(false) => rule.outside_networks([network("10.0.0.0/8")]),
            None => rule,
        };
        if let Some(mode) = mode { rule = rule.mode(mode); }
        if let Some(kinds) = kinds { rule = rule.kinds(kinds); }
        if let Some(most) = most { rule = rule.at_most(most); }
        if let Some(least) = least { rule = rule.at_least(least); }
        rule
    }
}

/// Whether `b` lets nobody do what `a` does not.
fn is_as_strict(b: &EffectiveLogin, a: &EffectiveLogin) -> bool {
    a.mode().and(b.mode()) == b.mode()
        && Method::ALL.iter().all(|kind| a.allows(*kind) || !b.allows(*kind) || a.mode() == Login::Off)
        && a.at_most().is_none_or(|most| b.at_most().is_some_and(|fewer| fewer <= most))
        && a.at_least() <= b.at_least()
}

proptest! {
    #[test]
    fn a_rule_more_never_makes_a_login_looser_and_their_order_is_nothing(
        base in mode(),
        rules in proptest::collection::vec(any_rule("r"), 0..5),
        more in any_rule("more"),
        (tenant, role, client) in (any::<bool>(), any::<bool>(), any::<bool>()),
        address in proptest::option::of(proptest::sample::select(&["10.0.0.1", "192.0.2.7"][..])),
    ) {
        let subject = if tenant { Subject::with_tenant("bank", "a") } else { Subject::new("a") }.unwrap();
        let roles: [Box<str>; 1] = [if role { "admin" } else { "clerk" }.into()];
        let who = Who::new(&subject, if client { "web" } else { "cli" }, &roles);
        let who = who.address(address.map(|text| text.parse().unwrap()));
        let of = |rules: &[LoginRule]| {
            rules.iter().cloned().fold(LoginPolicy::new(base), LoginPolicy::rule).login_for(who)
        };
        let before = of(&rules);
        let mut all = rules.clone();
        all.push(more.clone());
        let after = of(&all);
        prop_assert!(is_as_strict(&after, &before), "{before:?} {after:?}");
        prop_assert!(more.applies_to(who) || after == before);
        all.reverse();
        prop_assert_eq!(of(&all), after);
    }

    /// What is refused is only what cannot work: under a policy that was built, everybody who must bind
    /// can bind, and as many as they must.
    #[test]
    fn whoever_must_have_mfa_under_a_policy_that_was_built_can_have_it(
        base in mode(),
        rules in (any_rule("a"), any_rule("b"), any_rule("c"), any_rule("d")),
        (tenant, role, client) in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        // A rule that is refused beside those before it is left out.
        let policy = <[LoginRule; 4]>::from(rules).into_iter().fold(LoginPolicy::new(base), |policy, rule| {
            let more = policy.clone().rule(rule);
            if more.check().is_ok() { more } else { policy }
        });
        let subject = if tenant { Subject::with_tenant("bank", "a") } else { Subject::new("a") }.unwrap();
        let roles: [Box<str>; 1] = [if role { "admin" } else { "clerk" }.into()];
        let login = policy.login_for(Who::new(&subject, if client { "web" } else { "cli" }, &roles));
        if login.at_least() > 0 {
            prop_assert!(login.allows(Method::Totp) || login.allows(Method::WebAuthn));
            prop_assert!(login.at_most().is_none_or(|most| most > login.at_least()));
        }
    }
}
