//! A verifier that is to know what other replicas have revoked, and does not: nobody is believed, and nobody is told
//! that the token is bad (`docs/HTTP.md`, the row of 503).

use std::time::Instant;

use http::Method;

use super::*;
use crate::middleware::route_policy::{Mode, RoutePolicy, Rule};
use crate::token::TokenErrorKind;

fn is_unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable".into()));
    assert_eq!(answer.json()["status"], 503);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), ("5", "no-store"));
    assert_eq!(answer.challenge(), "", "another token would be believed no more");
    assert_eq!(answer.kind(), RefusalKind::Unavailable);
    assert_eq!(answer.refusal.as_ref().unwrap().token_error(), Some(TokenErrorKind::NotKnown), "for the log");
}

#[test]
fn while_it_is_not_known_what_was_revoked_a_good_token_is_a_503_until_it_is() {
    let house = House::untold();
    let token = house.token(&two_factors());
    for requirement in [Requirement::aal1(), Requirement::aal2().within(300), Requirement::aal3().with_role("admin")] {
        is_unavailable(&house.ask(requirement, bearing(&token)));
    }
    let head = Request::head("https://api.example/").header("authorization", format!("Bearer {token}"));
    let answer = house.ask(Requirement::aal1(), head.body(()).unwrap());
    assert_eq!((answer.status, answer.body.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
    assert_eq!(answer.header("retry-after"), "5");
    let call = post().header("content-type", "application/grpc").header("authorization", format!("Bearer {token}"));
    assert_eq!(house.ask(Requirement::aal1(), call.body(()).unwrap()).header("grpc-status"), "14");
    assert_eq!(house.served(), 0);

    house.verifier.caught_up(Instant::now());
    assert_eq!(house.ask(Requirement::aal2(), bearing(&token)).status, StatusCode::OK);
    assert_eq!(house.ask(Requirement::aal3(), bearing(&token)).status, StatusCode::UNAUTHORIZED);
}

/// Else a client would keep a token that no news will make good.
#[test]
fn what_is_bad_whatever_the_news_is_not_a_503() {
    let house = House::untold();
    let token = house.token(&two_factors());
    let ask = |request| house.ask(Requirement::aal1(), request);
    assert_eq!(ask(nobody()).code(), "unauthenticated");
    assert_eq!(ask(bearing(&format!("{token}x"))).code(), "invalid_token");
    house.turn_to(900);
    assert_eq!(ask(bearing(&token)).code(), "invalid_token", "it has expired");
    assert_eq!(house.served(), 0);
}

#[test]
fn a_rule_of_a_route_policy_answers_the_same_and_a_public_one_goes_on() {
    let house = House::untold();
    let token = house.token(&two_factors());
    let to = |path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        request.body(()).unwrap()
    };
    let rules = RoutePolicy::builder()
        .rule(Rule::on("public", [Method::GET], "/public").public())
        .rule(Rule::on("asks", [Method::GET], "/asks").require(Requirement::aal2()))
        .rule(Rule::on("reports", [Method::GET], "/reports").require(Requirement::aal2()).with_mode(Mode::ReportOnly));
    let layer = RoutePolicyLayer::new(rules.build().unwrap());
    let ask = |path| answer(house.layer().layer(layer.layer(house.inner())), to(path));

    let refused = ask("/asks");
    is_unavailable(&refused);
    assert_eq!((refused.refusal.unwrap().rule(), house.served()), (Some("asks"), 0));
    for open in ["/public", "/reports"] {
        let served = ask(open);
        assert_eq!((served.status, &*served.body), (StatusCode::OK, &b"nobody"[..]), "{open}");
    }
    house.verifier.caught_up(Instant::now());
    assert_eq!(&*ask("/asks").body, b"alice");
}
