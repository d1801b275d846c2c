//! What holds for every request and answer. (That every answer has `no-store` and every error is a
//! problem, the client of these tests asserts each time.)

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tower_mfa::policy::Login;

use crate::client::{Answer, Service};
use crate::contract::{concrete, served};

/// Routes that read a body, with one that is right.
const BODIES: &[(&str, &str)] = &[
    ("POST /mfa/challenges", r#"{"acr":"aal1"}"#),
    ("POST /mfa/challenges/{id}/verify", r#"{"type":"totp","code":"000000"}"#),
    ("POST /mfa/authenticators", r#"{"type":"totp"}"#),
    ("POST /mfa/authenticators/{id}/confirm", r#"{"code":"000000"}"#),
    ("PATCH /mfa/authenticators/{id}", r#"{"label":"x"}"#),
    ("POST /mfa/disable", r#"{}"#),
    ("POST /mfa/recovery-codes", r#"{}"#),
    ("POST /mfa/token/refresh", r#"{"refresh_token":"x"}"#),
    ("POST /mfa/logout", r#"{}"#),
];

/// Sends a body as it is, whatever it is.
async fn raw(s: &Service, route: &str, token: &str, media_type: &str, body: impl Into<Body>) -> Answer {
    let route = concrete(route);
    let (method, path) = route.split_once(' ').unwrap();
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
    s.send(request.header("content-type", media_type).body(body.into()).unwrap()).await
}

async fn service() -> (Service, String) {
    let s = Service::new(Login::IfEnrolled);
    let token = s.person("alice").await.access;
    (s, token)
}

#[tokio::test]
async fn an_unknown_member_is_refused_by_name_at_every_route() {
    let (s, token) = service().await;
    for (route, body) in BODIES {
        let mut body: Value = serde_json::from_str(body).unwrap();
        body["surprise"] = json!(true);
        let answer = raw(&s, route, &token, "application/json", body.to_string()).await.refuses(400, "invalid_request");
        assert_eq!(answer.body["field"], "surprise", "{route}");
    }
    s.get("/mfa/status", &token).await.is(200);
}

#[tokio::test]
async fn a_body_over_64_kib_is_too_large_and_one_of_64_kib_is_not() {
    let (s, token) = service().await;
    let padded = |body: &str, length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    for (route, body) in BODIES {
        let body = padded(body, 64 * 1024 + 1);
        raw(&s, route, &token, "application/json", body).await.refuses(413, "too_large");
    }
    // The last of them ends the session.
    for (route, body) in BODIES {
        let answer = raw(&s, route, &token, "application/json", padded(body, 64 * 1024)).await;
        assert!(![400, 413, 415].contains(&answer.status.as_u16()), "{route}: {}", answer.body);
    }
}

#[tokio::test]
async fn another_media_type_is_unsupported_and_a_charset_is_none() {
    let (s, token) = service().await;
    for (route, body) in BODIES {
        for other in
            ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "application/json-patch+json", ""]
        {
            raw(&s, route, &token, other, *body).await.refuses(415, "unsupported_media_type");
        }
    }
    for json in ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=\"UTF-8\""] {
        raw(&s, "POST /mfa/challenges", &token, json, r#"{"acr":"aal1"}"#).await.is(200);
    }
}

#[tokio::test]
async fn grpc_is_another_media_type_like_any_other() {
    let (s, token) = service().await;
    for (route, body) in BODIES {
        raw(&s, route, &token, "application/grpc", *body).await.refuses(415, "unsupported_media_type");
        if *route != "POST /mfa/token/refresh" {
            raw(&s, route, "nonsense", "application/grpc+proto", *body).await.refuses(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_malformed() {
    let (s, token) = service().await;
    let deep = format!("{{\"bind\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let bodies = ["", "{", "[]", "null", "\"x\"", "7", "{}{}", "{\"acr\":\"aal1\",}", "\u{feff}{}", "{'acr':1}", &deep];
    for body in bodies {
        raw(&s, "POST /mfa/challenges", &token, "application/json", body.to_owned())
            .await
            .refuses(400, "invalid_request");
    }
    raw(&s, "POST /mfa/challenges", &token, "application/json", vec![b'{', 0xff, b'}'])
        .await
        .refuses(400, "invalid_request");
    let twice = r#"{"acr":"aal1","acr":"aal1"}"#;
    let answer =
        raw(&s, "POST /mfa/challenges", &token, "application/json", twice).await.refuses(400, "invalid_request");
    assert_eq!(answer.body["field"], "acr");
}

#[tokio::test]
async fn a_member_of_the_wrong_type_or_a_missing_one_is_named_and_its_value_is_not() {
    let (s, token) = service().await;
    let bodies = [
        ("POST /mfa/challenges/{id}/verify", json!({"type": "totp", "code": 123_456}), "code"),
        ("POST /mfa/challenges/{id}/verify", json!({"type": "totp", "code": ["123456"]}), "code"),
        ("POST /mfa/challenges", json!({"acr": 123_456, "zzz": 1}), "acr"),
        ("POST /mfa/challenges/{id}/verify", json!({"type": {"unknown field `123456`": 1}, "code": "x"}), "type"),
        ("POST /mfa/challenges/{id}/verify", json!({"code": "123456"}), "type"),
        ("POST /mfa/challenges/{id}/verify", json!({"type": "totp"}), "code"),
        ("POST /mfa/challenges", json!({"max_age": "missing field `123456`"}), "max_age"),
        ("POST /mfa/challenges", json!({"max_age": -1}), "max_age"),
        ("POST /mfa/challenges", json!({"max_age": 4_294_967_296_u64}), "max_age"),
        ("POST /mfa/challenges", json!({"acr": 123_456}), "acr"),
        ("POST /mfa/challenges", json!({"bind": "123456", "action": "transfer_funds"}), "bind"),
        ("POST /mfa/challenges", json!({"state": "123456"}), "state"),
        ("POST /mfa/authenticators", json!({"type": "totp", "digits": 123_456}), "digits"),
        ("POST /mfa/authenticators", json!({"type": "totp", "digits": 9}), "digits"),
        ("POST /mfa/authenticators", json!({"type": "totp", "period": 0}), "period"),
        ("POST /mfa/authenticators", json!({"type": "totp", "algorithm": "MD5"}), "algorithm"),
        ("POST /mfa/authenticators", json!({"type": "123456"}), "type"),
        ("POST /mfa/authenticators", json!({"type": "totp", "label": "x".repeat(65)}), "label"),
        ("POST /mfa/authenticators", json!({"type": "totp", "label": "a\u{0}b"}), "label"),
        ("POST /mfa/token/refresh", json!({"refresh_token": 123_456}), "refresh_token"),
        ("POST /mfa/disable", json!({"code": "123456"}), "type"),
        ("POST /mfa/disable", json!({"type": "123456", "code": "x"}), "type"),
    ];
    for (route, body, field) in bodies {
        let answer = raw(&s, route, &token, "application/json", body.to_string()).await.refuses(400, "invalid_request");
        assert_eq!(answer.body["field"], field, "{route} {body}");
        assert!(!answer.body.to_string().contains("123456"), "{route}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_wrong_method_or_address_is_not_found_and_says_so_as_a_problem() {
    let (s, token) = service().await;
    let bearer = format!("Bearer {token}");
    let served = served();
    for route in &served {
        let path = route.split_once(' ').unwrap().1;
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
            let known = |method: &str| served.contains(&format!("{method} {path}"));
            if known(method) || method == "HEAD" && known("GET") {
                continue;
            }
            let answer = s.ask(&concrete(&format!("{method} {path}")), &[("authorization", &bearer)], None).await;
            assert_eq!(answer.status, 404, "{method} {path}");
            assert!(method == "HEAD" || answer.code() == "not_found");
        }
    }
    for path in ["/mfa/nothing", "/mfa", "/mfa/status/", "/mfa//status", "/mfa/STATUS", "/mfa/challenges/a/b/c"] {
        let answer = s.get(path, &token).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "not_found"), "{path}");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let (s, token) = service().await;
    for route in served().iter().filter_map(|route| route.strip_prefix("GET ")) {
        let path = concrete(route);
        let got = s.get(&path, &token).await;
        let head = s.call(http::Method::HEAD, &path, Some(&token), None).await;
        assert_eq!((head.status, head.header("content-type")), (got.status, got.header("content-type")), "{path}");
        assert_eq!(
            s.ask(&format!("HEAD {path}"), &[], None).await.status,
            if path.ends_with(".json") || path.ends_with(".js") || path.starts_with("/.well-known") {
                200
            } else {
                401
            }
        );
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_one_looks_like_one_that_nobody_has() {
    let (s, token) = service().await;
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let long = "A".repeat(8000);
    let odd = [
        "x",
        "%FF",
        "%00",
        "%2e%2e",
        "..%2f..",
        "%F0%9F%98%80",
        "AAAAAAAAAAAAAAAAAAAAAA=",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "{id}",
        &long,
    ];
    for (route, body) in [
        ("GET /mfa/challenges/ID", None),
        ("POST /mfa/challenges/ID/verify", Some(json!({"type": "totp", "code": "000000"}))),
        ("POST /mfa/authenticators/ID/confirm", Some(json!({"code": "000000"}))),
        ("PATCH /mfa/authenticators/ID", Some(json!({"label": "x"}))),
        ("DELETE /mfa/authenticators/ID", None),
        ("DELETE /mfa/sessions/ID", None),
    ] {
        let bearer = format!("Bearer {token}");
        let like = s
            .ask(&route.replace("ID", unknown), &[("authorization", &bearer)], body.clone())
            .await
            .refuses(404, "not_found");
        for id in odd {
            let id = id.replace(['{', '}'], "~");
            let answer = s.ask(&route.replace("ID", &id), &[("authorization", &bearer)], body.clone()).await;
            assert_eq!((answer.status, &answer.body), (like.status, &like.body), "{route} {}", &id[..id.len().min(40)]);
        }
    }
}

#[tokio::test]
async fn lists_are_paged_within_bounds() {
    let (s, token) = service().await;
    for path in ["/mfa/sessions", "/mfa/events"] {
        for (query, field) in [
            ("limit=0", "limit"),
            ("limit=201", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("limit=", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("limit=1&limit=2", "limit"),
            ("after=x&after=y", "after"),
            ("after=no%20cursor", "after"),
            ("page=2", "page"),
        ] {
            let answer = s.get(&format!("{path}?{query}"), &token).await.refuses(400, "invalid_request");
            assert_eq!(answer.body["field"], field, "{path}?{query}");
        }
        for query in ["limit=1", "limit=200", ""] {
            s.get(&format!("{path}?{query}"), &token).await.is(200);
        }
    }
}
