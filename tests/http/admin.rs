//! The administration: `GET /explain`, behind its role and AAL2.

use axum::Router;
use http::Method;
use serde_json::Value;
use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::Requirement;
use tower_mfa::id::Subject;
use tower_mfa::middleware::route_policy::{RoutePolicy, Rule};
use tower_mfa::policy::Login;
use tower_mfa::service::LoginOutcome;

use crate::client::{Answer, Service};

fn service() -> Service {
    let mut s = Service::new(Login::IfEnrolled);
    let policy = RoutePolicy::builder()
        .rule(Rule::on("vault", [Method::GET], "/vault").require(Requirement::aal3()))
        .rule(Rule::on("account", [Method::GET], "/account").require(Requirement::aal2()))
        .build()
        .unwrap();
    let admin = s.mfa.admin_routes().role("ops").explaining(policy).into_router();
    s.app = Router::new().nest("/mfa/admin", admin).merge(s.app);
    s
}

async fn asked(s: &Service, token: &str, query: &str) -> Answer {
    s.get(&format!("/mfa/admin/explain?{query}"), token).await
}

/// Somebody who signs in with a role and a second factor.
async fn operator(s: &Service) -> String {
    let person = s.person("root").await;
    s.hands.turn(30);
    let login = s.call(Method::POST, "/login", None, Some(serde_json::json!({"user": "root", "roles": ["ops"]}))).await;
    let (id, token) = (login.text("challenge_id"), login.text("challenge_token"));
    let code = person.app.code(s.hands.read());
    let verify = format!("/mfa/challenges/{id}/verify");
    s.post(&verify, &token, serde_json::json!({"type": "totp", "code": code})).await.is(200).text("access_token")
}

#[tokio::test]
async fn only_a_role_at_aal2_is_told() {
    let s = service();
    let query = "method=GET&path=/vault";
    s.ask(&format!("GET /mfa/admin/explain?{query}"), &[], None).await.refuses(401, "unauthenticated");
    let alice = s.person("alice").await;
    asked(&s, &alice.access, query).await.refuses(403, "insufficient_scope");
    let login = s.call(Method::POST, "/login", None, Some(serde_json::json!({"user": "bob", "roles": ["ops"]}))).await;
    asked(&s, &login.text("access_token"), query).await.refuses(401, "insufficient_user_authentication");
    let root = operator(&s).await;
    asked(&s, &root, query).await.is(200);
    s.get("/mfa/admin/nothing", &root).await.refuses(404, "not_found");
}

#[tokio::test]
async fn an_operator_reads_why_somebody_is_refused() {
    let s = service();
    s.person("alice").await;
    let root = operator(&s).await;
    let explained = asked(&s, &root, "method=GET&path=/vault&subject=alice").await.is(200).body;
    assert_eq!((&explained["rule"], &explained["outcome"]), (&"vault".into(), &"refused".into()));
    let sentence = explained["sentence"].as_str().unwrap();
    assert!(
        sentence
            .starts_with("GET /vault is refused, by the rule \"vault\". Asked for: AAL3. alice is signed in at AAL2")
    );
    assert!(
        sentence.ends_with("AAL3 is wanted, and the level is AAL2. To go on: use a hardware security key."),
        "{sentence}"
    );
    assert_eq!(explained["missing"], serde_json::json!(["level"]));

    let allowed = asked(&s, &root, "method=GET&path=%2Faccount%3Fx=1&subject=alice").await.is(200).body;
    assert_eq!(allowed["outcome"], "allowed", "the query is no part of it: {allowed}");
    let nobody = asked(&s, &root, "method=GET&path=/account").await.is(200).body;
    assert_eq!(nobody["code"], "unauthenticated");
    let unnamed = asked(&s, &root, "method=DELETE&path=/account&subject=alice").await.is(200).body;
    assert_eq!((&unnamed["rule"], &unnamed["code"]), (&Value::Null, &"forbidden".into()));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_by_the_name_of_its_member() {
    let s = service();
    let root = operator(&s).await;
    for (query, field) in [
        ("path=/x", "method"),
        ("method=GET", "path"),
        ("method=G%20T&path=/", "method"),
        ("method=GET&path=/&method=PUT", "method"),
        ("method=GET&path=/&tenant=t", "tenant"),
        ("method=GET&path=/&address=here", "address"),
        ("method=GET&path=/&subject=", "subject"),
        ("method=GET&path=/&what=1", "what"),
    ] {
        let refused = asked(&s, &root, query).await.refuses(400, "invalid_request");
        assert_eq!(refused.body["field"], field, "{query}");
    }
    asked(&s, &root, "method=GET&path=/&subject=stranger").await.refuses(404, "not_found");
    s.person("alice").await;
    for sid in ["nonsense", "AAAAAAAAAAAAAAAAAAAAAA"] {
        asked(&s, &root, &format!("method=GET&path=/&subject=alice&sid={sid}")).await.refuses(404, "not_found");
    }
}

#[tokio::test]
async fn without_a_policy_there_is_nothing_to_explain() {
    let mut s = Service::new(Login::IfEnrolled);
    s.app = Router::new().nest("/mfa/admin", s.mfa.admin_routes().into_router());
    s.ask("GET /mfa/admin/explain?method=GET&path=/", &[], None).await.refuses(404, "not_found");
}

/// A role of one tenant's is not a role over another's people.
#[tokio::test]
async fn an_operator_of_a_tenant_sees_that_tenant_alone() {
    let mut s = service();
    let policy = RoutePolicy::builder().rule(Rule::on("vault", [Method::GET], "/vault").public()).build().unwrap();
    let admin = s.mfa.admin_routes().role("ops").require(Requirement::aal1()).explaining(policy).into_router();
    s.app = Router::new().nest("/mfa/admin", admin);
    let token = async |subject: Subject| {
        let first = FirstFactor::password_checked_by_host(subject, s.hands.read());
        let LoginOutcome::Complete(tokens) = s.mfa.begin(first.roles(["ops"])).await.unwrap() else {
            panic!("complete")
        };
        tokens.access_token().expose().to_owned()
    };
    let of = |tenant: &str| Subject::with_tenant(tenant, "alice").unwrap();
    let (bank, shop) = (token(of("bank")).await, token(of("shop")).await);
    let everywhere = token(Subject::new("root").unwrap()).await;
    let query = "method=GET&path=/vault&subject=alice";
    for (operator, tenant, status) in [
        (&bank, "&tenant=bank", 200),
        (&bank, "&tenant=shop", 404),
        (&bank, "", 404),
        (&shop, "&tenant=shop", 200),
        (&everywhere, "&tenant=bank", 200),
        (&everywhere, "&tenant=shop", 200),
    ] {
        asked(&s, operator, &format!("{query}{tenant}")).await.is(status);
    }
    asked(&s, &bank, "method=GET&path=/vault").await.is(200);
}
