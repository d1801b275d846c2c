//! Every kind of token at every route: each opens its own and no other.

use serde_json::{Value, json};
use tower_mfa::policy::{Login, Policy, PolicySource, Who};

use crate::client::{Service, policy};
use crate::contract::{concrete, served};

/// The kinds of token there are, each genuine and in force.
struct Tokens {
    access: String,
    refresh: String,
    challenge: String,
    enrolment: String,
    /// The challenge that the challenge token is for.
    challenge_id: String,
}

impl Tokens {
    fn all(&self) -> [(&'static str, &str); 4] {
        [
            ("access", &self.access),
            ("refresh", &self.refresh),
            ("challenge", &self.challenge),
            ("enrolment", &self.enrolment),
        ]
    }
}

/// Everybody must have a factor but alice, who may sign in without.
struct Lenient(std::sync::Arc<Policy>, std::sync::Arc<Policy>);

impl PolicySource for Lenient {
    fn policy(&self, who: Who<'_>) -> std::sync::Arc<Policy> {
        if who.subject.id() == "carol" { self.1.clone() } else { self.0.clone() }
    }
}

async fn service() -> (Service, Tokens) {
    let built = |login| std::sync::Arc::new(policy(login).build().unwrap());
    let source = Lenient(built(Login::IfEnrolled), built(Login::Required));
    let s = Service::with(Login::IfEnrolled, |builder| builder.policy_source(source));
    let alice = s.person("alice").await;
    let enrolment = s.login("carol").await.text("enrolment_token");
    s.person("bob").await;
    let asked = s.asked("bob").await;
    let tokens = Tokens {
        access: alice.access,
        refresh: alice.refresh,
        challenge: asked.token,
        challenge_id: asked.id,
        enrolment,
    };
    (s, tokens)
}

/// The kind a route takes.
fn takes(route: &str) -> &'static [&'static str] {
    match route {
        "GET /.well-known/jwks.json"
        | "GET /.well-known/webauthn"
        | "GET /mfa/openapi.json"
        | "GET /mfa/mfa.js"
        | "POST /mfa/passkeys/start"
        | "POST /mfa/passkeys/finish"
        | "POST /mfa/token/refresh" => &[],
        "GET /mfa/challenges/{id}" | "POST /mfa/challenges/{id}/verify" => &["access", "challenge"],
        "GET /mfa/status" | "POST /mfa/authenticators" | "POST /mfa/authenticators/{id}/confirm" => {
            &["access", "enrolment"]
        }
        _ => &["access"],
    }
}

/// A body that is good enough to get past the reading of it.
fn body(route: &str) -> Option<Value> {
    Some(match route {
        "POST /mfa/challenges" | "POST /mfa/disable" => json!({}),
        "POST /mfa/challenges/{id}/verify" => json!({"type": "totp", "code": "000000"}),
        "POST /mfa/authenticators" => json!({"type": "totp"}),
        "POST /mfa/authenticators/{id}/confirm" => json!({"code": "000000"}),
        "PATCH /mfa/authenticators/{id}" => json!({"label": "x"}),
        _ => return None,
    })
}

#[tokio::test]
async fn r8725_3_12_a_no_kind_of_token_passes_for_another_at_any_route() {
    let (s, tokens) = service().await;
    for route in served().iter().filter(|route| !takes(route).is_empty()) {
        for (kind, token) in tokens.all().into_iter().filter(|(kind, _)| !takes(route).contains(kind)) {
            let path = concrete(route).replace("AAAAAAAAAAAAAAAAAAAAAA", &tokens.challenge_id);
            let before = s.store.calls();
            for (header, value) in
                [("authorization", format!("Bearer {token}")), ("cookie", format!("__Host-mfa={token}"))]
            {
                let headers = [(header, &*value), ("sec-fetch-site", "same-origin")];
                let answer = s.ask(&path, &headers, body(route)).await;
                answer.refuses(401, "invalid_token");
            }
            assert_eq!(s.store.calls(), before, "{kind} at {route} is refused before the store is asked");
        }
    }
}

#[tokio::test]
async fn r8725_3_12_a_a_refresh_takes_refresh_tokens_alone() {
    let (s, tokens) = service().await;
    for (kind, token) in tokens.all().into_iter().filter(|(kind, _)| *kind != "refresh") {
        s.refresh(token).await.refuses(401, "invalid_token");
        let cookie = format!("__Secure-mfa-refresh={token}");
        let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
        let answer = s.ask("POST /mfa/token/refresh", &headers, None).await.refuses(401, "invalid_token");
        assert!(answer.header("www-authenticate").contains("realm=\"Example Bank\""), "{kind}");
    }
    s.refresh(&tokens.refresh).await.is(200);
}

#[tokio::test]
async fn every_kind_opens_its_own_routes() {
    let (s, tokens) = service().await;
    s.get("/mfa/status", &tokens.access).await.is(200);
    s.get("/mfa/status", &tokens.enrolment).await.is(200);
    s.get(&format!("/mfa/challenges/{}", tokens.challenge_id), &tokens.challenge).await.is(200);
    s.post("/mfa/authenticators", &tokens.enrolment, json!({"type": "totp"})).await.is(201);
}

#[tokio::test]
async fn a_token_of_a_protected_route_is_an_access_token() {
    let (s, tokens) = service().await;
    s.get("/profile", &tokens.access).await.is(200);
    for token in [&tokens.refresh, &tokens.challenge, &tokens.enrolment] {
        s.get("/profile", token).await.refuses(401, "invalid_token");
    }
}

#[tokio::test]
async fn r6750_2_a_a_token_in_the_query_is_no_token() {
    let (s, tokens) = service().await;
    s.ask(&format!("GET /mfa/status?access_token={}", tokens.access), &[], None).await.refuses(401, "unauthenticated");
}

#[tokio::test]
async fn two_tokens_of_ours_are_refused_and_a_challenge_token_stands_alone_at_its_own_route() {
    let (s, tokens) = service().await;
    let (bearer, cookie) = (format!("Bearer {}", tokens.access), format!("__Host-mfa={}", tokens.access));
    let both = [("authorization", &*bearer), ("cookie", &*cookie)];
    s.ask("GET /mfa/status", &both, None).await.refuses(400, "invalid_request");
    s.ask("GET /mfa/status", &[("authorization", &bearer), ("authorization", &bearer)], None)
        .await
        .refuses(400, "invalid_request");
    let challenge = format!("Bearer {}", tokens.challenge);
    let beside = [("authorization", &*challenge), ("cookie", &*cookie)];
    s.ask(&format!("GET /mfa/challenges/{}", tokens.challenge_id), &beside, None).await.is(200);
    s.ask("GET /mfa/status", &beside, None).await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn a_session_token_stands_beside_a_hosts_own_token_where_that_is_switched_on() {
    let off = Service::new(Login::IfEnrolled);
    let token = off.login("alice").await.text("access_token");
    off.ask("GET /mfa/status", &[("x-session-token", &token)], None).await.refuses(401, "unauthenticated");

    let s = Service::with(Login::IfEnrolled, |builder| builder.session_token_header(true));
    let token = s.login("alice").await.text("access_token");
    let ours = format!("Bearer {token}");
    s.ask("GET /mfa/status", &[("x-session-token", &token)], None).await.is(200);
    s.ask("GET /mfa/status", &[("authorization", &ours)], None).await.is(200);
    for foreign in ["Bearer opaque-of-the-host", "Bearer eyJhbGciOiJub25lIn0.e30.", "Basic YTpi"] {
        s.ask("GET /mfa/status", &[("authorization", foreign), ("x-session-token", &token)], None).await.is(200);
        let forged = [("authorization", foreign), ("x-session-token", "forged")];
        s.ask("GET /mfa/status", &forged, None).await.refuses(401, "invalid_token");
    }
    let both = [("authorization", &*ours), ("x-session-token", &*token)];
    s.ask("GET /mfa/status", &both, None).await.refuses(400, "invalid_request");
    let cookie = format!("__Host-mfa={token}");
    let three = [("authorization", "Bearer foreign"), ("x-session-token", &*token), ("cookie", &*cookie)];
    s.ask("GET /mfa/status", &three, None).await.refuses(400, "invalid_request");
}

#[tokio::test]
async fn cve_2026_27840_a_shortened_or_lengthened_token_is_refused() {
    let (s, tokens) = service().await;
    for (_, token) in tokens.all() {
        for changed in [&token[..token.len() - 1], &format!("{token}A"), &format!("{token}="), &token[1..]] {
            s.get("/mfa/status", changed).await.refuses(401, "invalid_token");
            let path = format!("/mfa/challenges/{}", tokens.challenge_id);
            s.get(&path, changed).await.refuses(401, "invalid_token");
            s.refresh(changed).await.refuses(401, "invalid_token");
        }
    }
}

#[tokio::test]
async fn asvs_9_2_1_an_expired_token_is_refused_at_every_route() {
    let (s, tokens) = service().await;
    s.hands.turn(900);
    for route in served().iter().filter(|route| !takes(route).is_empty()) {
        let bearer = format!("Bearer {}", tokens.access);
        let answer = s.ask(&concrete(route), &[("authorization", &bearer)], body(route)).await;
        answer.refuses(401, "invalid_token");
    }
    s.get("/profile", &tokens.access).await.refuses(401, "invalid_token");
}
