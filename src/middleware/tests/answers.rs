//! What a refusal looks like (`docs/HTTP.md`, RFC 9470 §3, RFC 6750 §3).

use super::*;
use crate::assurance::{AcrNames, Missing};
use crate::middleware::problem::{Code, Problem};

#[test]
fn what_meets_the_requirement_gets_through_and_what_does_not_gets_a_challenge() {
    let house = House::new();
    let answer = house.ask(Requirement::aal2(), bearing(&house.token(&two_factors())));
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"alice"[..]));
    assert_eq!((answer.refusal, house.served()), (None, 1));

    let answer = house.ask(Requirement::aal2(), bearing(&house.token(&password())));
    assert_eq!((answer.status, house.served()), (StatusCode::UNAUTHORIZED, 1));
}

#[test]
fn r9470_3_a_the_challenge_is_one_of_the_bearer_scheme_and_names_the_error() {
    let house = House::new();
    let answer = house.ask(Requirement::aal2().within(300), bearing(&house.token(&password())));
    assert_eq!(
        answer.challenge(),
        "Bearer realm=\"api\", error=\"insufficient_user_authentication\", error_description=\"This resource asks \
         for a stronger or a more recent authentication.\", acr_values=\"aal2\", max_age=\"300\""
    );
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        answer.json(),
        serde_json::json!({
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "detail": "This resource asks for a stronger or a more recent authentication.",
            "code": "insufficient_user_authentication",
            "required": {"acr": "aal2", "max_age": 300},
            "missing": ["level"],
            "step_up_uri": "/mfa/challenges",
        })
    );
    assert_eq!(answer.refusal.unwrap().missing(), [Missing::Level]);
}

#[test]
fn r9470_3_b_acceptable_classes_stand_in_order_of_preference() {
    let house = House::new();
    let token = house.token(&two_factors());
    let answer = house.ask(Requirement::aal2().phishing_resistant(), bearing(&token));
    assert!(answer.challenge().contains(r#", acr_values="phr phrh""#), "{}", answer.challenge());
    assert!(!answer.challenge().contains("max_age"), "freshness was not asked for");
    assert_eq!(answer.json()["required"], serde_json::json!({"acr": "phr", "phr": true}));
    assert_eq!(answer.json()["missing"], serde_json::json!(["phishing_resistance"]));
    let key = house.token(&passkey());
    assert_eq!(house.ask(Requirement::aal2().phishing_resistant(), bearing(&key)).status, StatusCode::OK);
}

#[test]
fn r9470_3_c_max_age_is_a_quoted_non_negative_integer() {
    let house = House::new();
    let token = house.token(&password());
    for (asked, sent) in [(0, r#", max_age="0""#), (u32::MAX, r#", max_age="4294967295""#)] {
        let answer = house.ask(Requirement::aal2().within(asked), bearing(&token));
        assert!(answer.challenge().ends_with(sent), "{}", answer.challenge());
    }
}

#[test]
fn r9470_x_age_is_met_at_max_age_and_not_one_second_later() {
    let house = House::new();
    let token = house.token(&two_factors());
    for (age, status) in [(300, StatusCode::OK), (301, StatusCode::UNAUTHORIZED)] {
        house.watch.set(LOGIN.plus(age));
        assert_eq!(house.ask(Requirement::aal2().within(300), bearing(&token)).status, status, "{age}");
    }
}

/// Rows: R9068-4-f
#[test]
fn r9470_9_b_an_invalid_token_learns_nothing_of_the_requirement() {
    let house = House::new();
    let answer = house.ask(Requirement::aal3().within(60), bearing("not.a.token"));
    assert_eq!(answer.code(), "invalid_token");
    assert_eq!(
        answer.challenge(),
        r#"Bearer realm="api", error="invalid_token", error_description="The token is not valid.""#
    );
    assert!(answer.json().get("required").is_none());
}

#[test]
fn r9470_3_d_classes_and_age_stand_in_one_challenge() {
    let house = House::new();
    let answer = house.ask(Requirement::aal3().within(60), bearing(&house.token(&password())));
    assert!(answer.challenge().ends_with(r#", acr_values="aal3", max_age="60""#), "{}", answer.challenge());
    assert_eq!(answer.json()["missing"], serde_json::json!(["level"]));
    house.turn_to(61);
    let answer = house.ask(Requirement::aal3().within(60), bearing(&house.token(&password())));
    assert_eq!(answer.json()["missing"], serde_json::json!(["level", "freshness"]));
}

/// One answer of every kind that carries a challenge.
fn challenges() -> Vec<String> {
    let house = House::new();
    let requirement = || Requirement::aal3().hardware().within(60).with_scope("read");
    let (bare, scoped) = (password(), password());
    let scopes: &'static [Box<str>] = Box::leak(Box::new(["read".into()]));
    let bare = house.token(&bare);
    let scoped = house.token_with(&scoped, |claims| claims.with_scopes(scopes));
    let answers = [nobody(), bearing("x.y.z"), bearing(&bare), bearing(&scoped)].map(|r| house.ask(requirement(), r));
    let kinds: Vec<_> = answers.iter().map(Answer::kind).collect();
    assert_eq!(
        kinds,
        [RefusalKind::Unauthenticated, RefusalKind::InvalidToken, RefusalKind::Scope, RefusalKind::StepUp]
    );
    answers.iter().map(|answer| answer.challenge().to_owned()).collect()
}

#[test]
fn r6750_3_a_no_challenge_is_a_bare_scheme() {
    for challenge in challenges() {
        assert!(challenge.starts_with("Bearer realm=\"api\""), "{challenge}");
    }
}

#[test]
fn r6750_3_b_no_parameter_stands_twice() {
    for challenge in challenges() {
        for name in ["realm", "error", "error_description", "acr_values", "max_age", "scope"] {
            assert!(challenge.matches(&format!(" {name}=\"")).count() <= 1, "{name} in {challenge}");
        }
    }
}

#[test]
fn r6750_3_c_a_realm_with_a_quote_is_refused_at_start_up() {
    let house = House::new();
    for realm in ["", "a\"b", "a\\b", "a\r\nb", "ä"] {
        assert_eq!(house.layer().realm(realm).unwrap_err().field(), "realm", "{realm:?}");
    }
    let layer = house.layer().realm("payments of Example & Co").unwrap();
    let service = layer.layer(RequireLayer::new(Requirement::aal1()).layer(house.inner()));
    assert_eq!(answer(service, nobody()).challenge(), r#"Bearer realm="payments of Example & Co""#);
}

#[test]
fn r6750_3_1_a_each_error_has_its_status() {
    let statuses =
        [Code::InvalidRequest, Code::InvalidToken, Code::InsufficientScope].map(|code| code.status().as_u16());
    assert_eq!(statuses, [400, 401, 403]);
}

#[test]
fn r6750_3_1_b_no_credentials_get_no_error_code() {
    let house = House::new();
    let answer = house.ask(Requirement::aal2(), nobody());
    assert_eq!((answer.status, answer.challenge()), (StatusCode::UNAUTHORIZED, r#"Bearer realm="api""#));
    assert_eq!((answer.code(), answer.kind()), ("unauthenticated".into(), RefusalKind::Unauthenticated));
}

#[test]
fn a_missing_scope_is_answered_with_all_that_are_needed() {
    let house = House::new();
    let requirement = || Requirement::aal1().with_scope("read").with_scope("write");
    let answer = house.ask(requirement(), bearing(&house.token(&two_factors())));
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "insufficient_scope".into()));
    assert!(answer.challenge().contains(r#"error="insufficient_scope""#));
    assert!(answer.challenge().ends_with(r#", scope="read write""#), "{}", answer.challenge());

    let assurance = two_factors();
    let token =
        house.token_with(&assurance, |claims| claims.with_scopes(Box::leak(Box::new(["read".into(), "write".into()]))));
    assert_eq!(house.ask(requirement(), bearing(&token)).status, StatusCode::OK);
}

#[test]
fn a_scope_that_stands_in_a_part_or_an_alternative_is_named_by_the_nearest_way() {
    let house = House::new();
    let scoped = |scope: &str| Requirement::aal1().with_scope(scope);
    let either = [scoped("audit").with_scope("export"), scoped("write"), Requirement::aal1().with_role("root")];
    let requirement = || scoped("read").with_any_of(either.clone()).with_all_of(scoped("notes"));
    let assurance = two_factors();
    let with = |scopes: &[&str]| {
        let scopes: Vec<Box<str>> = scopes.iter().map(|scope| (*scope).into()).collect();
        house.token_with(&assurance, |claims| claims.with_scopes(Box::leak(scopes.into())))
    };
    for (held, named) in [
        (&[][..], "read notes write"),
        (&["read", "notes"], "read notes write"),
        (&["read", "notes", "audit"], "read notes audit export"),
        (&["write"], "read notes write"),
    ] {
        let answer = house.ask(requirement(), bearing(&with(held)));
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "insufficient_scope".into()), "{held:?}");
        assert!(answer.challenge().ends_with(&format!(r#", scope="{named}""#)), "{held:?}: {}", answer.challenge());
        let named: Vec<&str> = named.split(' ').collect();
        assert_eq!(house.ask(requirement(), bearing(&with(&named))).status, StatusCode::OK, "and that is enough");
    }
}

#[test]
fn a_missing_role_is_no_reason_to_prove_anything() {
    let house = House::new();
    let admin = Requirement::aal3().with_role("admin").with_scope("read");
    let answer = house.ask(admin, bearing(&house.token(&password())));
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "insufficient_scope".into()));
    assert!(!answer.challenge().contains("scope=\""), "no scope would help");
    assert!(!answer.challenge().contains("acr_values"));
}

#[test]
fn an_action_is_named_in_the_body_and_a_step_up_for_it_passes() {
    let house = House::new();
    let requirement = || Requirement::aal2().for_action("transfer_funds");
    let answer = house.ask(requirement(), bearing(&house.token(&two_factors())));
    assert_eq!(answer.json()["missing"], serde_json::json!(["action"]));
    assert_eq!(answer.json()["action"], "transfer_funds");

    let (assurance, grant) = (two_factors(), grant("transfer_funds"));
    let token = house.token_with(&assurance, |claims| claims.with_step_up(&grant));
    assert_eq!(house.ask(requirement(), bearing(&token)).status, StatusCode::OK);
    let other = house.ask(Requirement::aal2().for_action("close_account"), bearing(&token));
    assert_eq!(other.status, StatusCode::UNAUTHORIZED);
}

#[test]
fn names_and_places_of_the_host_are_used() {
    let keys = KeySet::new(SigningKey::generate(Algorithm::Es256).unwrap());
    let names = AcrNames::default().with_levels("urn:x:1", "urn:x:2", "urn:x:3").unwrap();
    let house = House {
        issuer: Issuer::new("https://id.example", "api", keys.clone()).unwrap().with_acr_names(names.clone()),
        verifier: Arc::new(Verifier::new("https://id.example", "api", keys).unwrap().with_acr_names(names)),
        ..House::new()
    };
    let layer = house.layer().step_up_uri("https://id.example/auth/challenges");
    let service = layer.layer(RequireLayer::new(Requirement::aal2()).layer(house.inner()));
    let answer = answer(service, bearing(&house.token(&password())));
    assert!(answer.challenge().contains(r#"acr_values="urn:x:2""#));
    assert_eq!(answer.json()["required"]["acr"], "urn:x:2");
    assert_eq!(answer.json()["step_up_uri"], "https://id.example/auth/challenges");
}

#[test]
fn the_host_may_answer_in_its_own_words_and_the_reason_stays_attached() {
    let house = House::new();
    let layer = RequireLayer::new(Requirement::aal2()).with_response(|refusal, answer| {
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        let mut own = Response::new(Bytes::from(refusal.to_string()));
        *own.status_mut() = StatusCode::FOUND;
        own
    });
    let answer = answer(house.layer().layer(layer.layer(house.inner())), nobody());
    assert_eq!((answer.status, &*answer.body), (StatusCode::FOUND, &b"no credentials were presented"[..]));
    assert_eq!((answer.kind(), house.served()), (RefusalKind::Unauthenticated, 0));
}

#[test]
fn an_answer_to_head_has_the_headers_and_no_body() {
    let house = House::new();
    let request = Request::head("https://api.example/").body(()).unwrap();
    let answer = house.ask(Requirement::aal2(), request);
    assert_eq!((answer.status, answer.body.len()), (StatusCode::UNAUTHORIZED, 0));
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(!answer.challenge().is_empty());
}

#[test]
fn a_clock_that_cannot_be_read_is_neither_a_yes_nor_a_no() {
    let house = House::new();
    let token = house.token(&two_factors());
    house.watch.stop();
    let answer = house.ask(Requirement::aal1(), bearing(&token));
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable".into()));
    assert_eq!((answer.header("retry-after"), house.served()), ("5", 0));
    assert_eq!(answer.challenge(), "", "a better token would not help");
}

#[test]
fn every_row_of_the_error_table_in_docs_http_md_is_written_as_it_says() {
    let contract = include_str!("../../../docs/HTTP.md");
    for code in Code::ALL {
        let answer = Problem::new(*code).into_response();
        let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(
            (json["code"].as_str(), json["status"].as_u64()),
            (Some(code.name()), Some(u64::from(code.status().as_u16())))
        );
        assert_eq!(answer.headers()["cache-control"], "no-store");
        if *code == Code::Internal {
            continue; // the host's own mistake, which no contract promises
        }
        let status = code.status().as_u16().to_string();
        let row = contract.lines().find(|line| line.contains(&format!("`{}`", code.name())) && line.contains(&status));
        assert!(row.is_some() || contract.contains(&format!("`{status} {}`", code.name())), "{code:?}");
    }
}

#[test]
fn a_problem_carries_what_the_table_calls_extra() {
    let problem =
        Problem::new(Code::InvalidCode).attempts_remaining(2).field("code").allowed(["totp"]).detail("Wrong.");
    let answer = problem.into_response();
    let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": "Wrong.",
            "code": "invalid_code", "field": "code", "attempts_remaining": 2, "allowed": ["totp"],
        })
    );
    assert!(!answer.headers().contains_key("www-authenticate"));
}
