//! A store that is not there: nothing is granted, and everything says when to come again.

use serde_json::{Value, json};
use tower_mfa::policy::Login;

use crate::client::{Answer, Service};

#[track_caller]
fn is_unavailable(answer: Answer) {
    let answer = answer.refuses(503, "unavailable");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert!(answer.set_cookies().is_empty());
}

#[tokio::test]
async fn asvs_16_5_3_without_its_store_every_route_is_unavailable_and_nothing_is_lost() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    let asked = s.asked("alice").await;
    s.hands.turn(30);
    s.store.set(false);
    let id = &alice.id;
    let code = json!({"type": "totp", "code": alice.app.code(s.hands.read())});
    let recovery = json!({"type": "recovery_code", "code": alice.codes[0]});
    let calls: [(&str, &str, Option<Value>); 16] = [
        ("POST /mfa/challenges", &alice.access, Some(json!({}))),
        (&format!("GET {}", asked.show), &asked.token, None),
        (&format!("GET {}", asked.show), &alice.access, None),
        (&format!("POST {}", asked.verify), &asked.token, Some(code.clone())),
        (&format!("POST {}", asked.verify), &asked.token, Some(recovery.clone())),
        ("GET /mfa/status", &alice.access, None),
        ("POST /mfa/authenticators", &alice.access, Some(json!({"type": "totp"}))),
        (&format!("POST /mfa/authenticators/{id}/confirm"), &alice.access, Some(json!({"code": "000000"}))),
        (&format!("PATCH /mfa/authenticators/{id}"), &alice.access, Some(json!({"label": "x"}))),
        (&format!("DELETE /mfa/authenticators/{id}"), &alice.access, None),
        ("POST /mfa/recovery-codes", &alice.access, None),
        ("POST /mfa/disable", &alice.access, Some(json!({}))),
        ("POST /mfa/logout", &alice.access, None),
        ("GET /mfa/sessions", &alice.access, None),
        ("DELETE /mfa/sessions", &alice.access, None),
        ("GET /mfa/events", &alice.access, None),
    ];
    for (call, token, body) in &calls {
        is_unavailable(s.ask(call, &[("authorization", &format!("Bearer {token}"))], body.clone()).await);
    }
    is_unavailable(s.delete("/mfa/sessions/AAAAAAAAAAAAAAAAAAAAAA", &alice.access).await);
    is_unavailable(s.refresh(&alice.refresh).await);
    is_unavailable(s.call(http::Method::POST, "/login", None, Some(json!({"user": "alice"}))).await);
    s.ask("GET /.well-known/jwks.json", &[], None).await.is(200);
    s.get("/profile", &alice.access).await.is(200);

    s.store.set(true);
    s.post(&asked.verify, &asked.token, code).await.is(200);
    let asked = s.asked("alice").await;
    s.post(&asked.verify, &asked.token, recovery).await.is(200);
    s.refresh(&alice.refresh).await.is(200);
}

#[tokio::test]
async fn asvs_16_5_3_a_browser_keeps_its_cookies_while_the_store_is_away() {
    let s = Service::new(Login::IfEnrolled);
    let alice = s.person("alice").await;
    s.store.set(false);
    let cookie = format!("__Secure-mfa-refresh={}", alice.refresh);
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    is_unavailable(s.ask("POST /mfa/token/refresh", &headers, None).await);
    let cookie = format!("__Host-mfa={}", alice.access);
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    is_unavailable(s.ask("POST /mfa/logout", &headers, None).await);
}
