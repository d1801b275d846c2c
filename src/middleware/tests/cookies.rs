//! Cookies, and who caused the request they came with.

use super::*;
use crate::middleware::csrf::{CookieUse, Origins, check};

fn ask(house: &House, layer: AuthenticateLayer, request: http::request::Builder) -> Answer {
    let layer = layer.sources([Source::BEARER, Source::COOKIE]);
    let service = layer.layer(RequireLayer::new(Requirement::aal1()).layer(house.inner()));
    answer(service, request.body(()).unwrap())
}

#[test]
fn n63b_5_1_e_an_unsafe_request_with_a_cookie_must_come_from_our_own_pages() {
    let house = House::new();
    let cookie = format!("__Host-mfa={}", house.token(&two_factors()));
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("origin", "https://api.example")], 200),
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], 403),
        (&[("sec-fetch-site", "same-site"), ("origin", "https://other.api.example")], 403),
        (&[("sec-fetch-site", "none")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "https://api.example.evil.example")], 403),
        // The browser knows better than the name alone: another scheme is another site.
        (&[("sec-fetch-site", "cross-site"), ("origin", "https://api.example")], 403),
        (&[], 401),
    ];
    for (headers, status) in cases {
        for method in ["POST", "PUT", "PATCH", "DELETE", "PURGE"] {
            let request = Request::builder().method(method).uri("https://api.example/").header("cookie", &cookie);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let answer = ask(&house, house.layer(), request);
            assert_eq!(answer.status.as_u16(), status, "{method} {headers:?}");
            if status == 403 {
                assert_eq!((answer.code(), answer.challenge()), ("forbidden".into(), ""));
            }
        }
    }
}

#[test]
fn n63b_5_1_e_a_cookie_without_either_header_is_passed_over_and_a_bearer_token_is_not() {
    let house = House::new();
    let token = house.token(&two_factors());
    let cookie = format!("__Host-mfa={token}");
    let alone = ask(&house, house.layer(), post().header("cookie", &cookie));
    assert_eq!(alone.kind(), RefusalKind::Unauthenticated);
    let beside = post().header("cookie", &cookie).header("authorization", format!("Bearer {token}"));
    assert_eq!(ask(&house, house.layer(), beside).status, StatusCode::OK);
}

#[test]
fn n63b_5_1_1_c_a_cookie_that_a_browser_should_have_dropped_is_refused_by_its_token() {
    let house = House::new();
    let cookie = format!("__Host-mfa={}", house.token(&two_factors()));
    let status = |house: &House| ask(house, house.layer(), get().header("cookie", &cookie)).status;
    house.turn_to(899);
    assert_eq!(status(&house), StatusCode::OK);
    house.turn_to(900);
    assert_eq!(status(&house), StatusCode::UNAUTHORIZED);
}

#[test]
fn n63b_5_1_c_a_cookie_sent_again_after_its_session_ended_is_refused() {
    let house = House::new();
    let token = house.token(&two_factors());
    let cookie = format!("__Host-mfa={token}");
    assert_eq!(ask(&house, house.layer(), get().header("cookie", &cookie)).status, StatusCode::OK);
    let read = house.verifier.verify(&token, LOGIN.plus(1)).unwrap();
    house.verifier.revoke_session(read.subject(), read.session().unwrap(), LOGIN.plus(1), LOGIN.plus(900));
    assert_eq!(ask(&house, house.layer(), get().header("cookie", &cookie)).kind(), RefusalKind::InvalidToken);
}

#[test]
fn a_safe_request_may_come_from_anywhere() {
    let house = House::new();
    let cookie = format!("__Host-mfa={}", house.token(&two_factors()));
    for method in ["GET", "HEAD", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/").header("cookie", &cookie);
        assert_eq!(ask(&house, house.layer(), request.header("sec-fetch-site", "cross-site")).status, StatusCode::OK);
    }
}

#[test]
fn a_trusted_origin_may_send_the_cookie_and_its_neighbour_may_not() {
    let house = House::new();
    let cookie = format!("__Host-mfa={}", house.token(&two_factors()));
    for (origin, status) in [
        ("https://app.example", 200),
        ("https://APP.example", 200),
        ("http://app.example", 403),
        ("https://app.example:8443", 403),
        ("https://xapp.example", 403),
    ] {
        let layer = house.layer().trusted_origins(Origins::new(["https://app.example"]).unwrap());
        let request = post().header("cookie", &cookie).header("origin", origin).header("sec-fetch-site", "same-site");
        assert_eq!(ask(&house, layer, request).status.as_u16(), status, "{origin}");
    }
}

#[test]
fn an_origin_is_spelled_as_a_browser_spells_it_or_refused_at_start_up() {
    for good in ["https://app.example", "http://localhost:3000", "https://app.example:8443", "http://[::1]:3000"] {
        assert!(Origins::new([good]).is_ok(), "{good}");
    }
    for bad in [
        "*",
        "null",
        "app.example",
        "https://",
        "https://a/",
        "https://a:443",
        "http://a:80",
        "ftp://a",
        "https://u@a",
        "https://a?b",
    ] {
        assert_eq!(Origins::new([bad]).unwrap_err().field(), "trusted_origins", "{bad}");
    }
}

#[test]
fn over_http_only_ones_own_machine_is_its_own_origin() {
    let headers = |host: &str, origin: &str| {
        let request = Request::post("/").header("host", host).header("origin", origin);
        request.body(()).unwrap().into_parts().0
    };
    for (host, origin, verdict) in [
        ("localhost:3000", "http://localhost:3000", CookieUse::Accept),
        ("127.0.0.1:3000", "http://127.0.0.1:3000", CookieUse::Accept),
        ("[::1]:3000", "http://[::1]:3000", CookieUse::Accept),
        ("localhost:3000", "http://localhost:3001", CookieUse::CrossSite),
        ("api.example", "http://api.example", CookieUse::CrossSite),
        ("api.example", "https://api.example", CookieUse::Accept),
        ("localhost.evil.example", "http://localhost.evil.example", CookieUse::CrossSite),
    ] {
        let parts = headers(host, origin);
        assert_eq!(
            check(&parts.method, &parts.uri, &parts.headers, &Origins::default()),
            verdict,
            "{origin} to {host}"
        );
    }
}

#[test]
fn an_upgrade_is_no_safe_request() {
    let house = House::new();
    let cookie = format!("__Host-mfa={}", house.token(&two_factors()));
    let upgrade = || get().header("cookie", &cookie).header("connection", "upgrade").header("upgrade", "websocket");
    assert_eq!(
        ask(&house, house.layer(), upgrade().header("origin", "https://evil.example")).kind(),
        RefusalKind::CrossSite
    );
    assert_eq!(ask(&house, house.layer(), upgrade().header("origin", "https://api.example")).status, StatusCode::OK);
}

#[test]
fn headers_that_stand_twice_are_nobodys_word() {
    let house = House::new();
    let cookie = format!("__Host-mfa={}", house.token(&two_factors()));
    for name in ["sec-fetch-site", "origin"] {
        let value = if name == "origin" { "https://api.example" } else { "same-origin" };
        let request = post().header("cookie", &cookie).header(name, value).header(name, value);
        assert_eq!(ask(&house, house.layer(), request).status, StatusCode::FORBIDDEN, "{name}");
    }
}

#[test]
fn cve_2024_28197_a_cookie_set_by_a_sibling_domain_is_never_chosen() {
    let house = House::new();
    let (ours, theirs) = (house.token(&password()), house.token(&two_factors()));
    for request in [
        get().header("cookie", format!("__Host-mfa={ours}; __Host-mfa={theirs}")),
        get().header("cookie", format!("__Host-mfa={ours}")).header("cookie", format!("__Host-mfa={theirs}")),
        get().header("cookie", format!("__Host-mfa={ours};__Host-mfa=")),
    ] {
        let answer = ask(&house, house.layer(), request);
        assert_eq!((answer.status, answer.kind()), (StatusCode::BAD_REQUEST, RefusalKind::TwoTokens));
    }
    // Only the name that no sibling domain can set is read, and to the letter.
    for name in ["mfa", "__host-mfa", "__Host-mfa2", "x__Host-mfa", "__Host-mf", "\u{2000}__Host-mfa"] {
        let answer = ask(&house, house.layer(), get().header("cookie", format!("{name}={theirs}").into_bytes()));
        assert_eq!(answer.kind(), RefusalKind::Unauthenticated, "{name}");
    }
    assert!(Source::cookie("session").is_err());
}
