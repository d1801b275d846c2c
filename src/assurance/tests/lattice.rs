use proptest::prelude::*;

use super::super::{
    AcrNames, Circumstances, Day, Decision, Facts, Forbidden, Hours, Method, Missing, Proof, Requirement, decide, unmet,
};
use super::NOW;
use super::generated::{a_requirement, a_token, best, from_home};
use crate::assurance::Authentication;
use crate::clock::Timestamp;
use crate::network::Network;

fn accepts(wanted: &Requirement, token: &Authentication) -> bool {
    decide(wanted, token, from_home()) == Decision::Allow
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The strictest of two is what both ask for: no more, and no less.
    #[test]
    fn joined_requirements_accept_exactly_what_both_accept(
        a in a_requirement(), b in a_requirement(), token in a_token()
    ) {
        let both = accepts(&a, &token) && accepts(&b, &token);
        prop_assert_eq!(accepts(&a.and(&b), &token), both, "{}", a.and(&b));
        prop_assert_eq!(accepts(&b.and(&a), &token), both, "{}", b.and(&a));
    }

    #[test]
    fn what_is_at_least_as_strict_accepts_no_more(a in a_requirement(), b in a_requirement(), token in a_token()) {
        if a.implies(&b) {
            prop_assert!(!accepts(&a, &token) || accepts(&b, &token), "{a} beside {b}");
        }
        prop_assert!(!(a.stricter_than(&b) && b.stricter_than(&a)));
    }

    #[test]
    fn what_is_joined_is_as_strict_as_its_parts(a in a_requirement(), b in a_requirement()) {
        let both = a.and(&b);
        prop_assert!(a.implies(&a));
        prop_assert!(both.implies(&a) && both.implies(&b), "{a} and {b}: {both}");
    }

    /// Whoever can be let through by proving something is told what; whoever cannot is not sent to try.
    #[test]
    fn what_is_left_to_be_proved_decides_as_the_whole(wanted in a_requirement(), token in a_token()) {
        let facts = Facts { roles: token.roles(), scopes: token.scopes(), at: from_home() };
        match (wanted.reduced(&facts), decide(&wanted, &token, from_home())) {
            (Err(why), Decision::Forbid(forbidden)) => prop_assert_eq!(why, forbidden),
            (Ok(rest), Decision::Allow) => prop_assert_eq!(unmet(&rest, token.assurance(), NOW), []),
            (Ok(rest), Decision::StepUp(step_up)) => {
                prop_assert!(!step_up.missing().is_empty());
                // An approval is apart there: an alternative that asks for nothing else is as good as met.
                if rest.actions().next().is_none() {
                    prop_assert!(!unmet(&rest, token.assurance(), NOW).is_empty());
                }
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// A client that asks for what it was told, and has it, would be sent in a circle.
    #[test]
    fn what_a_client_is_told_to_bring_is_not_there_yet(wanted in a_requirement(), token in a_token()) {
        let Decision::StepUp(way) = decide(&wanted, &token, from_home()) else { return Ok(()) };
        if !way.missing().contains(&Missing::Action) {
            let names = AcrNames::default();
            let mut asked = names.requirement_of(names.acceptable_for(&way)[0]).unwrap();
            asked = way.max_age().map_or(asked.clone(), |secs| asked.within(secs));
            if !way.kinds().is_empty() {
                let fresh = |kind: Proof| way.max_age().map_or(kind, |secs| kind.within(secs));
                asked = asked.with_any_of(way.kinds().iter().map(|kind| Requirement::aal1().with_proof(fresh(*kind))));
            }
            prop_assert!(!unmet(&asked, token.assurance(), NOW).is_empty(), "{wanted}: {way:?}");
        }
    }

    /// Where the check finds no way, there is none: not even for everything at once, just now.
    #[test]
    fn what_is_refused_as_impossible_is_met_by_nobody(wanted in a_requirement(), token in a_token()) {
        let refused = wanted.check(Method::ALL);
        if refused.as_ref().is_err_and(|why| !why.rule().contains("never needed")) {
            prop_assert!(!accepts(&wanted, &token) && !accepts(&wanted, &best()), "{wanted}: {:?}", refused);
        }
    }
}

/// Requirements by chance are seldom ordered; these are, or only seem to be.
#[test]
fn what_is_as_strict_in_one_part_and_looser_in_another_implies_nothing() {
    let from = |text: &str| Requirement::aal1().or_network(text.parse().unwrap());
    let open = |from, to| Requirement::aal1().or_hours(Hours::between((from, 0), (to, 0)));
    let both = |a: Requirement, b: Requirement| Requirement::aal1().with_all_of(a).with_all_of(b);
    for (stricter, looser) in [
        (from("10.1.0.0/16"), from("10.0.0.0/8")),
        (from("10.0.0.0/8"), Requirement::aal1()),
        (open(9, 17), open(8, 18)),
        (open(9, 17), Requirement::aal1()),
        (Requirement::aal2().within(60), both(Requirement::aal2(), Requirement::aal1().within(60))),
        (
            Requirement::aal1().within(60).for_action("a"),
            both(Requirement::aal1().within(60), Requirement::aal1().for_action("a")),
        ),
        (Requirement::aal1().with_proof(Proof::passkey()), Requirement::aal1().with_proof(Proof::of(Method::WebAuthn))),
    ] {
        assert!(stricter.implies(&looser), "({stricter}) beside ({looser})");
        assert!(!looser.implies(&stricter), "({looser}) beside ({stricter})");
    }
    assert!(both(open(8, 12), open(10, 18)).implies(&open(10, 12)), "what all parts have in common");
    let halves = open(8, 12).or_hours(Hours::between((12, 0), (18, 0)));
    assert!(halves.implies(&open(8, 18)) && open(8, 18).implies(&halves), "two windows without a gap are one");
}

/// A fresh password is as new as it is, beside an old code.
#[test]
fn joined_an_age_stays_that_of_the_part_which_asks_for_it() {
    let (fresh, level) = (Requirement::aal1().within(60), Requirement::aal2());
    let evidence = [super::proof(Method::Password, 0), super::proof(Method::Totp, 300)];
    let token = super::authentication(super::reached(&evidence));
    assert!(accepts(&fresh, &token) && accepts(&level, &token));
    assert!(accepts(&fresh.and(&level), &token) && accepts(&level.and(&fresh), &token), "{}", fresh.and(&level));
}

#[test]
fn one_of_several_is_enough_and_each_has_its_own_age() {
    let pay = Requirement::aal1().with_any_of([
        Requirement::aal2().with_proof(Proof::passkey().within(300)),
        Requirement::aal2().with_proof(Proof::of(Method::Totp).within(60)),
    ]);
    let missing = |evidence: &[super::super::Evidence]| unmet(&pay, &super::reached(evidence), NOW);
    let password = || super::proof(Method::Password, 9_999);
    assert_eq!(missing(&[password(), super::proof(Method::Totp, 60)]), []);
    assert_eq!(missing(&[password(), super::proof(Method::Totp, 61)]), [Missing::Kind]);
    assert_eq!(missing(&[super::webauthn(300, "phr uv")]), []);
    assert_eq!(missing(&[super::webauthn(301, "phr uv")]), [Missing::Kind]);
    let touched = [password(), super::webauthn(0, "phr")];
    assert_eq!(missing(&touched), [Missing::Kind], "a key that was touched has not verified its user");
    assert_eq!(missing(&[password(), super::proof(Method::Sms, 0)]), [Missing::Kind]);
}

#[test]
fn whoever_lacks_a_kind_hears_which_would_do_and_how_fresh() {
    let pay = Requirement::aal1().with_any_of([
        Requirement::aal2().with_proof(Proof::passkey().within(300)),
        Requirement::aal2().with_proof(Proof::of(Method::Totp).within(60)),
    ]);
    let evidence = [super::proof(Method::Password, 0), super::proof(Method::Totp, 61)];
    let Decision::StepUp(way) = decide(&pay, &super::authentication(super::reached(&evidence)), NOW) else {
        panic!("too old")
    };
    let names: Vec<&str> = way.kinds().iter().map(|proof| proof.name()).collect();
    assert_eq!((names, way.max_age()), (vec!["passkey", "totp"], Some(60)), "either, and new enough for each");
}

#[test]
fn the_nearest_of_several_ways_is_the_one_that_is_told() {
    let wanted = Requirement::aal1().with_any_of([
        Requirement::aal3().within(60),
        Requirement::aal2().within(300),
        Requirement::aal1().with_role("robot"),
    ]);
    let evidence = [super::proof(Method::Password, 301), super::proof(Method::Totp, 301)];
    let Decision::StepUp(way) = decide(&wanted, &super::authentication(super::reached(&evidence)), NOW) else {
        panic!("too old")
    };
    assert_eq!((way.missing(), way.max_age()), ([Missing::Freshness].as_slice(), Some(300)));

    // Of two that lack one thing each: whoever has no passkey would never be let in, told to bring one.
    let (passkey, code) = (Requirement::aal2().phishing_resistant(), Proof::of(Method::Totp).within(60));
    let either = Requirement::aal1().with_any_of([passkey, Requirement::aal2().with_proof(code)]);
    let Decision::StepUp(way) = decide(&either, &super::authentication(super::reached(&evidence)), NOW) else {
        panic!("too old")
    };
    assert_eq!((way.missing(), way.kinds()), ([Missing::Kind].as_slice(), [code].as_slice()));
}

#[test]
fn from_where_and_when_no_proof_changes() {
    let office: Network = "192.0.2.0/24".parse().unwrap();
    let wanted = Requirement::aal1().or_network(office);
    let token = best();
    assert_eq!(decide(&wanted, &token, from_home()), Decision::Allow);
    assert_eq!(decide(&wanted, &token, NOW), Decision::Forbid(Forbidden::Network), "nobody knows from where");
    let elsewhere = Circumstances::at(NOW).from([198, 51, 100, 1].into());
    assert_eq!(decide(&wanted, &token, elsewhere), Decision::Forbid(Forbidden::Network));
    let at_night = Requirement::aal1().or_hours(Hours::between((22, 0), (6, 0)));
    assert_eq!(decide(&at_night, &token, NOW), Decision::Forbid(Forbidden::Hours));
}

#[test]
fn a_constant_says_all_there_is_to_ask() {
    const TRUSTED: &[Network] = &[Network::v4([192, 0, 2, 0], 24), Network::v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32)];
    const OFFICE: &[Hours] = &[Hours::between((8, 0), (18, 0)).on(&[Day::Mon, Day::Fri])];
    const RECENT: &[Requirement] =
        &[Requirement::aal2().proved_by(&[Proof::of(Method::Totp).within(60)]), Requirement::aal3().within(300)];
    const PAY: Requirement = Requirement::any_of(RECENT)
        .with_roles(&["clerk"])
        .with_scopes(&["pay"])
        .from_networks(TRUSTED)
        .in_hours(OFFICE)
        .for_action("transfer_funds");
    assert_eq!(
        PAY.to_string(),
        "AAL1, approved for transfer_funds, role clerk, scope pay, from 192.0.2.0/24 or 2001:db8::/32, \
         mon,fri 08:00-18:00 UTC, either (AAL2, TOTP at most 1 minute old) or (AAL3, at most 5 minutes old)"
    );
    assert!(PAY.check(Method::ALL).is_ok());
    assert!(PAY.stricter_than(&Requirement::aal1().with_role("clerk")));
}

#[test]
fn a_requirement_nobody_can_meet_is_refused_with_a_way_out() {
    let network = |text: &str| text.parse::<Network>().unwrap();
    let two = |a: Requirement, b: Requirement| Requirement::aal1().with_all_of(a).with_all_of(b);
    let office = |from, to| Requirement::aal1().or_hours(Hours::between((from, 0), (to, 0)));
    for (wanted, says) in [
        (Requirement::aal1().or_hours(Hours::between((8, 0), (8, 0))), "never opens: leave it out"),
        (Requirement::aal1().or_hours(Hours::between((8, 0), (25, 0))), "00:00 to 23:59"),
        (Requirement::aal1().or_hours(Hours::between((8, 0), (9, 0)).on(&[])), "no day"),
        (Requirement::aal1().or_hours(Hours::between((8, 0), (9, 0)).utc_offset(1_200)), "18 hours"),
        (two(office(8, 9), office(9, 10)), "no minute in common"),
        (
            two(Requirement::aal1().or_network(network("10.0.0.0/8")), Requirement::aal1().or_network(network("::/0"))),
            "no address lies in all",
        ),
        (two(Requirement::aal1().for_action("a"), Requirement::aal1().for_action("b")), "a token carries one"),
        (Requirement::aal1().with_any_of([]), "there are none"),
        (Requirement::aal1().with_any_of([Requirement::aal2(), Requirement::aal1()]), "never needed"),
        (Requirement::aal1().with_proof(Proof::factor(super::super::Factor::Inherence)), "ask for a passkey"),
        (Requirement::aal1().with_role(""), "no name"),
        (Requirement::aal1().with_role("a\n"), "no name"),
    ] {
        let refused = wanted.check(Method::ALL).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    for kind in Method::ALL {
        assert!(Requirement::aal1().with_proof(Proof::of(*kind)).check(Method::ALL).is_ok(), "{kind:?}, of so many");
    }
    let by_code = [Method::Totp, Method::RecoveryCode];
    for wanted in [
        Requirement::aal3(),
        Requirement::aal2().phishing_resistant(),
        Requirement::aal1().with_proof(Proof::passkey()),
    ] {
        let refused = wanted.check(&by_code).unwrap_err().to_string();
        assert!(refused.contains("by nobody with a password and totp, recovery_code: allow another kind"), "{refused}");
        assert!(wanted.check(Method::ALL).is_ok());
    }
}

#[test]
fn a_window_is_open_when_a_calendar_says_so() {
    // Saturday, 1 January 2028, 00:00 UTC.
    let new_year = 1_830_297_600;
    let at =
        |day: u64, hour: u64, minute: u64| Timestamp::from_secs(new_year + day * 86_400 + hour * 3_600 + minute * 60);
    let night = Hours::between((22, 0), (6, 0)).on(&[Day::Sat]);
    assert!(!night.contains(at(0, 5, 59)), "that night began on Friday");
    assert!(night.contains(at(0, 22, 0)) && night.contains(at(1, 5, 59)));
    assert!(!night.contains(at(1, 6, 0)) && !night.contains(at(1, 22, 0)));
    let whole_day = Hours::between((0, 0), (24, 0)).on(&[Day::Sun]);
    assert!(whole_day.contains(at(1, 0, 0)) && whole_day.contains(at(1, 23, 59)) && !whole_day.contains(at(2, 0, 0)));
    let far_west = Hours::between((0, 0), (1, 0)).on(&[Day::Sat]).utc_offset(-12 * 60);
    assert!(far_west.contains(at(0, 12, 30)) && !far_west.contains(at(0, 0, 30)));
    for day in 0..7 {
        let opened =
            Day::ALL.iter().filter(|name| Hours::between((0, 0), (24, 0)).on(&[**name]).contains(at(day, 12, 0)));
        assert_eq!(opened.count(), 1, "a day has one name");
    }
}
