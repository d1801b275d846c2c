//! Known ways around MFA, as far as a layer can close them.

use super::*;

#[test]
fn ghsa_xg6x_h9c9_2m83_a_session_from_before_the_second_factor_opens_no_route_that_asks_for_it() {
    let house = House::new();
    let early = house.token(&password());
    // The token is remembered by the verifier; remembering it does not lift it.
    for _ in 0..3 {
        assert_eq!(house.ask(Requirement::aal2(), bearing(&early)).status, StatusCode::UNAUTHORIZED);
        assert_eq!(house.ask(Requirement::aal1(), bearing(&early)).status, StatusCode::OK);
    }
    assert_eq!(house.served(), 3);
}

#[test]
fn ghsa_xg6x_h9c9_2m83_a_remembered_token_is_checked_again_at_every_request() {
    let house = House::new();
    let token = house.token(&two_factors());
    assert_eq!(house.ask(Requirement::aal2(), bearing(&token)).status, StatusCode::OK);
    let read = house.verifier.verify(&token, LOGIN.plus(10)).unwrap();
    house.verifier.revoke_session(read.subject(), read.session().unwrap(), LOGIN.plus(10), LOGIN.plus(900));
    assert_eq!(house.ask(Requirement::aal2(), bearing(&token)).code(), "invalid_token");
}

#[test]
fn cve_2025_25068_an_upgrade_and_a_nested_service_are_refused_like_any_request() {
    let house = House::new();
    let low = house.token(&password());
    let upgrade = get()
        .header("authorization", format!("Bearer {low}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    assert_eq!(house.ask(Requirement::aal2(), upgrade.body(()).unwrap()).status, StatusCode::UNAUTHORIZED);

    let nested =
        RequireLayer::new(Requirement::aal2()).layer(RequireLayer::new(Requirement::aal1()).layer(house.inner()));
    assert_eq!(answer(house.layer().layer(nested), bearing(&low)).status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.served(), 0);
}

#[test]
fn cve_2022_24857_a_second_door_without_the_outer_layer_is_shut() {
    let house = House::new();
    let token = house.token(&two_factors());
    let alone = RequireLayer::new(Requirement::aal1()).layer(house.inner());
    let answer = answer(alone, bearing(&token));
    assert_eq!((answer.status, answer.code()), (StatusCode::INTERNAL_SERVER_ERROR, "internal".into()));
    assert_eq!((answer.kind(), house.served()), (RefusalKind::NotLayered, 0));
}

#[test]
fn cve_2022_24857_layers_the_wrong_way_round_refuse_everything() {
    let house = House::new();
    let swapped = RequireLayer::new(Requirement::aal1()).layer(house.layer().layer(house.inner()));
    assert_eq!(answer(swapped, bearing(&house.token(&two_factors()))).kind(), RefusalKind::NotLayered);
    assert_eq!(house.served(), 0);
}

#[test]
fn cve_2025_12760_the_service_is_not_called_before_the_answer_is_yes() {
    let house = House::new();
    let (low, high) = (house.token(&password()), house.token(&two_factors()));
    for request in [nobody(), bearing("x"), bearing(&low)] {
        assert_eq!(house.ask(Requirement::aal2(), request).status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(house.served(), 0);
    assert_eq!(house.ask(Requirement::aal2(), bearing(&high)).status, StatusCode::OK);
    assert_eq!(house.served(), 1);
}

#[test]
fn cve_2026_22594_nothing_a_client_sends_beside_its_token_skips_the_check() {
    let house = House::new();
    let low = house.token(&password());
    for (name, value) in [
        ("x-skip-mfa", "true"),
        ("x-mfa-verified", "1"),
        ("x-acr", "aal3"),
        ("x-forwarded-uri", "/public"),
        ("x-original-url", "/health"),
        ("x-http-method-override", "OPTIONS"),
        ("user-agent", "GoogleHC/1.0"),
    ] {
        let request = Request::post("https://api.example/?skipEmailVerification=true&acr=aal3")
            .header("authorization", format!("Bearer {low}"))
            .header(name, value);
        assert_eq!(
            house.ask(Requirement::aal2(), request.body(()).unwrap()).status,
            StatusCode::UNAUTHORIZED,
            "{name}"
        );
    }
    let options = Request::options("/").header("authorization", format!("Bearer {low}")).body(()).unwrap();
    assert_eq!(house.ask(Requirement::aal2(), options).status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.served(), 0);
}

#[test]
fn cve_2026_0723_every_way_a_token_can_fail_is_a_refusal() {
    let house = House::new();
    let token = house.token(&two_factors());
    let stranger = House::new().token(&two_factors());
    let (head, signature) = token.rsplit_once('.').unwrap();
    let cut = &token[..token.len() - 4];
    for bad in
        [stranger, format!("{head}."), format!("{head}.AAAA"), cut.to_owned(), signature.to_owned(), "a".repeat(20_000)]
    {
        let answer = house.ask(Requirement::aal1(), bearing(&bad));
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "invalid_token".into()));
    }
    assert_eq!(house.served(), 0);
}

#[test]
fn cve_2026_56256_a_request_straight_to_the_service_is_checked_there() {
    let house = House::new();
    assert_eq!(house.ask(Requirement::aal2(), nobody()).status, StatusCode::UNAUTHORIZED);
    assert_eq!(house.served(), 0);
}
