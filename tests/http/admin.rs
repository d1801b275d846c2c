//! The administration: `GET /explain`, behind its role and AAL2.

use std::sync::Arc;

use axum::Router;
use http::Method;
use serde_json::{Value, json};
use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::{Proof, Requirement};
use tower_mfa::id::Subject;
use tower_mfa::middleware::TransactionLayer;
use tower_mfa::middleware::route_policy::{Mode, RoutePolicy, Rule};
use tower_mfa::policy::Login;
use tower_mfa::routes::AdminRoutes;
use tower_mfa::service::{LoginOutcome, Mfa};

use crate::client::{Answer, Service};
use crate::document::ADMINISTRATION;

/// The route policy that is explained: a rule of every kind.
pub(crate) fn routes(mfa: &Mfa) -> RoutePolicy {
    let get = |name: &str| Rule::on(name, [Method::GET], &format!("/{name}"));
    let transfer = Requirement::aal2().within(300).for_action("transfer_funds");
    let transfer =
        TransactionLayer::builder(transfer).parameters(["to", "amount"]).redeem(Arc::new(mfa.clone())).build().unwrap();
    let either = Requirement::aal1().with_any_of([Requirement::aal3(), Requirement::aal2().with_role("auditor")]);
    RoutePolicy::builder()
        .rule(get("home").public())
        .rule(get("hooks").guarded_elsewhere())
        .rule(get("accounts").require(either))
        .rule(get("reported").require(Requirement::aal3()).with_mode(Mode::ReportOnly))
        .rule(get("off").require(Requirement::aal3()).with_mode(Mode::Off))
        .rule(Rule::on("transfer", [Method::POST], "/transfer").transaction(transfer))
        .rule(Rule::on("vault", [Method::GET], "/vault").require(Requirement::aal3()))
        .rule(Rule::on("account", [Method::GET], "/account").require(Requirement::aal2()))
        .build()
        .unwrap()
}

fn service() -> Service {
    Service::new(Login::IfEnrolled)
}

async fn asked(s: &Service, token: &str, query: &str) -> Answer {
    s.get(&format!("{ADMINISTRATION}/explain?{query}"), token).await
}

/// Signs somebody in with a role and a second factor.
async fn operator_with(s: &Service, role: &str) -> String {
    let person = s.person("root").await;
    s.hands.turn(30);
    let login = s.call(Method::POST, "/login", None, Some(json!({"user": "root", "roles": [role]}))).await;
    let (id, token) = (login.text("challenge_id"), login.text("challenge_token"));
    let code = person.app.code(s.hands.read());
    let verify = format!("/mfa/challenges/{id}/verify");
    s.post(&verify, &token, json!({"type": "totp", "code": code})).await.is(200).text("access_token")
}

/// Somebody who may see the administration.
pub(crate) async fn operator(s: &Service) -> String {
    operator_with(s, "admin").await
}

#[tokio::test]
async fn only_a_role_at_aal2_is_told() {
    let s = service();
    let query = "method=GET&path=/vault";
    s.ask(&format!("GET {ADMINISTRATION}/explain?{query}"), &[], None).await.refuses(401, "unauthenticated");
    let alice = s.person("alice").await;
    asked(&s, &alice.access, query).await.refuses(403, "insufficient_scope");
    let login = s.call(Method::POST, "/login", None, Some(json!({"user": "bob", "roles": ["admin"]}))).await;
    asked(&s, &login.text("access_token"), query).await.refuses(401, "insufficient_user_authentication");
    let root = operator(&s).await;
    asked(&s, &root, query).await.is(200);
    s.get(&format!("{ADMINISTRATION}/nothing"), &root).await.refuses(404, "not_found");
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
    assert_eq!(explained["missing"], json!(["level"]));

    let allowed = asked(&s, &root, "method=GET&path=%2Faccount%3Fx=1&subject=alice").await.is(200).body;
    assert_eq!(allowed["outcome"], "allowed", "the query is no part of it: {allowed}");
    let nobody = asked(&s, &root, "method=GET&path=/account").await.is(200).body;
    assert_eq!(nobody["code"], "unauthenticated");
    let unnamed = asked(&s, &root, "method=DELETE&path=/account&subject=alice").await.is(200).body;
    assert_eq!((&unnamed["rule"], &unnamed["code"]), (&Value::Null, &"forbidden".into()));
}

/// Each answer is held against the OpenAPI document, too.
#[tokio::test]
async fn every_kind_of_rule_is_explained_in_the_words_of_the_document() {
    let s = service();
    let root = operator(&s).await;
    for (request, access, mode, outcome, code) in [
        ("method=GET&path=/home", json!("public"), "enforce", "allowed", Value::Null),
        ("method=GET&path=/hooks", json!("guarded-elsewhere"), "enforce", "allowed", Value::Null),
        ("method=GET&path=/account", json!("require"), "enforce", "allowed", Value::Null),
        (
            "method=GET&path=/reported",
            json!("require"),
            "report-only",
            "reported",
            json!("insufficient_user_authentication"),
        ),
        ("method=GET&path=/off", json!("require"), "off", "allowed", Value::Null),
        (
            "method=POST&path=/transfer",
            json!("transaction"),
            "enforce",
            "refused",
            json!("insufficient_user_authentication"),
        ),
        ("method=GET&path=/nowhere", Value::Null, "enforce", "refused", json!("forbidden")),
        ("method=GET&path=//home", Value::Null, "enforce", "refused", json!("invalid_request")),
    ] {
        let explained = asked(&s, &root, &format!("{request}&subject=root")).await.is(200).body;
        let said = ["access", "mode", "outcome", "code"].map(|member| explained[member].clone());
        assert_eq!(said, [access, json!(mode), json!(outcome), code], "{explained}");
    }
    let explained = asked(&s, &root, "method=GET&path=/accounts&subject=root").await.is(200).body;
    let ways = explained["findings"][1]["either"].as_array().unwrap();
    assert_eq!((ways.len(), &ways[1][1]["asks"], &ways[1][1]["met"]), (2, &json!("role auditor"), &json!(false)));
    assert!(explained["findings"][0].get("either").is_none(), "there is no choice: {explained}");
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
        ("method=GET&path=/&sid=AAAAAAAAAAAAAAAAAAAAAA", "sid"),
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

/// A service whose administration is what `change` makes of it.
fn serving(change: impl FnOnce(AdminRoutes) -> AdminRoutes) -> Service {
    let mut s = service();
    let admin = change(s.mfa.admin_routes().explaining(routes(&s.mfa))).into_router();
    s.app = Router::new().nest(ADMINISTRATION, admin).fallback_service(s.app);
    s
}

#[tokio::test]
async fn a_host_asks_its_operators_for_another_role_or_another_proof() {
    let s = serving(|admin| admin.role("ops"));
    let query = "method=GET&path=/vault";
    let root = operator_with(&s, "admin").await;
    let refused = asked(&s, &root, query).await.refuses(403, "insufficient_scope");
    assert!(
        refused.header("www-authenticate").starts_with("Bearer realm=\"Example Bank\", error=\"insufficient_scope\"")
    );
    let s = serving(|admin| admin.role("ops"));
    asked(&s, &operator_with(&s, "ops").await, query).await.is(200);

    let passkey = Requirement::aal2().with_proof(Proof::passkey());
    let s = serving(|admin| admin.require(passkey));
    let refused = asked(&s, &operator(&s).await, query).await.refuses(401, "insufficient_user_authentication");
    assert_eq!(refused.body["required"]["kinds"], json!(["passkey"]));
    let office = Requirement::aal2().or_network("10.0.0.0/8".parse().unwrap());
    let s = serving(|admin| admin.require(office));
    asked(&s, &operator(&s).await, query).await.refuses(403, "forbidden");
}

#[tokio::test]
async fn without_a_policy_there_is_nothing_to_explain() {
    let mut s = service();
    let admin = s.mfa.admin_routes().into_router();
    s.app = Router::new().nest(ADMINISTRATION, admin).fallback_service(s.app);
    s.ask(&format!("GET {ADMINISTRATION}/explain?method=GET&path=/"), &[], None).await.refuses(404, "not_found");
    asked(&s, &operator(&s).await, "method=GET&path=/").await.refuses(404, "not_found");
}

/// A role of one tenant's is not a role over another's people.
#[tokio::test]
async fn an_operator_of_a_tenant_sees_that_tenant_alone() {
    let s = serving(|admin| admin.role("ops").require(Requirement::aal1()));
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
