//! Where a token may stand, and what is made of one that is not believed.

use super::*;
use crate::assurance::Aal;
use crate::middleware::source::is_b64token;

fn sources(house: &House) -> AuthenticateLayer {
    house.layer().sources([Source::BEARER, Source::SESSION_TOKEN, Source::COOKIE])
}

fn ask(house: &House, request: Request<()>) -> Answer {
    answer(sources(house).layer(RequireLayer::new(Requirement::aal1()).layer(house.inner())), request)
}

#[test]
fn each_configured_source_is_read_and_no_other() {
    let house = House::new();
    let token = house.token(&two_factors());
    let each = [
        get().header("authorization", format!("Bearer {token}")),
        get().header("x-session-token", &token),
        get().header("cookie", format!("a=b; __Host-mfa={token}; c=d")),
    ];
    for (at, request) in each.into_iter().enumerate() {
        let request = request.body(()).unwrap();
        assert_eq!(ask(&house, request.clone()).status, StatusCode::OK);
        let by_default = house.ask(Requirement::aal1(), request).status;
        assert_eq!(by_default, if at == 0 { StatusCode::OK } else { StatusCode::UNAUTHORIZED });
    }
}

#[test]
fn r6750_2_a_two_sources_that_both_carry_a_token_are_refused() {
    let house = House::new();
    let token = house.token(&two_factors());
    let bearer = format!("Bearer {token}");
    let two = [
        get().header("authorization", &bearer).header("x-session-token", &token),
        get().header("authorization", &bearer).header("cookie", format!("__Host-mfa={token}")),
        get().header("authorization", &bearer).header("authorization", &bearer),
        get().header("x-session-token", &token).header("x-session-token", &token),
        get().header("authorization", &bearer).header("x-session-token", "\"broken\""),
    ];
    for request in two {
        let answer = ask(&house, request.body(()).unwrap());
        assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "invalid_request".into()));
        assert_eq!((answer.kind(), house.served()), (RefusalKind::TwoTokens, 0));
    }
}

#[test]
fn r6750_2_a_a_token_in_the_query_is_never_looked_at() {
    let house = House::new();
    let token = house.token(&two_factors());
    let uri = format!("https://api.example/?access_token={token}");
    let in_query = Request::get(&uri).body(()).unwrap();
    assert_eq!(ask(&house, in_query).kind(), RefusalKind::Unauthenticated);
    let beside = Request::get(uri).header("authorization", format!("Bearer {token}")).body(()).unwrap();
    assert_eq!(ask(&house, beside).status, StatusCode::OK);
}

#[test]
fn r6750_2_b_the_scheme_is_compared_in_any_case() {
    let house = House::new();
    let token = house.token(&two_factors());
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let request = get().header("authorization", format!("{scheme}  {token}")).body(()).unwrap();
        assert_eq!(ask(&house, request).status, StatusCode::OK, "{scheme}");
    }
    for other in [format!("Basic {token}"), format!("Bearerx {token}"), token.clone(), format!("DPoP {token}")] {
        let request = get().header("authorization", &other).body(()).unwrap();
        assert_eq!(ask(&house, request).kind(), RefusalKind::Unauthenticated, "{other}");
    }
}

#[test]
fn r6750_2_b_what_is_no_b64token_is_an_invalid_token() {
    let house = House::new();
    let token = house.token(&two_factors());
    for bad in [
        format!("{token},"),
        format!("{token} {token}"),
        format!("\"{token}\""),
        "=".into(),
        "a=b".into(),
        String::new(),
    ] {
        let request = get().header("authorization", format!("Bearer {bad}")).body(()).unwrap();
        let answer = ask(&house, request);
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "invalid_token".into()), "{bad}");
    }
}

#[test]
fn a_public_route_is_served_whatever_the_token_but_a_bad_one_is_nobody() {
    let house = House::new();
    let token = house.token(&two_factors());
    let tampered = format!("{token}x");
    for (sent, who) in [(&*token, "alice"), (&*tampered, "nobody"), ("x", "nobody")] {
        let answer = answer(sources(&house).layer(house.inner()), bearing(sent));
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, who.as_bytes()));
    }
}

#[test]
fn the_log_is_told_why_a_token_was_refused_and_the_client_is_not() {
    let house = House::new();
    let token = house.token(&two_factors());
    house.watch.set(LOGIN.plus(900));
    let late = ask(&house, bearing(&token));
    let forged = ask(&house, bearing("e30.e30.e30"));
    assert_ne!(late.refusal.as_ref().unwrap().token_error(), forged.refusal.as_ref().unwrap().token_error());
    assert_eq!((late.status, late.challenge(), &late.body), (forged.status, forged.challenge(), &forged.body));
}

#[test]
fn asvs_10_3_4_level_methods_and_time_come_from_the_token_that_was_verified() {
    let house = House::new();
    let inner = service_fn(|request: Request<()>| {
        let who: &Authentication = request.extensions().get().unwrap();
        assert_eq!(who.assurance().level(), Aal::Two);
        assert_eq!(who.assurance().auth_time(), Some(LOGIN));
        assert!(who.assurance().amr().iter().any(|method| **method == *"otp"));
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
    });
    let service = house.layer().layer(RequireLayer::new(Requirement::aal2().within(300)).layer(inner));
    assert_eq!(answer(service, bearing(&house.token(&two_factors()))).status, StatusCode::OK);
}

#[test]
fn n63b_5_2_b_the_service_itself_judges_freshness_and_not_the_issuer() {
    let house = House::new();
    let token = house.token(&two_factors());
    house.watch.set(LOGIN.plus(61));
    let answer = house.ask(Requirement::aal2().within(60), bearing(&token));
    assert_eq!(answer.json()["missing"], serde_json::json!(["freshness"]), "the token is valid for 900 seconds");
    assert_eq!(house.ask(Requirement::aal2(), bearing(&token)).status, StatusCode::OK);
}

#[test]
fn n63b_5_1_b_a_token_never_counts_for_more_than_its_evidence() {
    let house = House::new();
    for (assurance, aal2, aal3) in [(password(), 401, 401), (two_factors(), 200, 401), (passkey(), 200, 401)] {
        let token = house.token(&assurance);
        let statuses =
            [Requirement::aal2(), Requirement::aal3()].map(|r| house.ask(r, bearing(&token)).status.as_u16());
        assert_eq!(statuses, [aal2, aal3]);
    }
}

#[test]
fn r6750_2_b_exactly_the_characters_of_a_b64token_are_taken() {
    for byte in 0..=u8::MAX {
        let wanted = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        assert_eq!(is_b64token(&format!("a{}Z", char::from(byte))), wanted, "{byte:#x}");
    }
}
