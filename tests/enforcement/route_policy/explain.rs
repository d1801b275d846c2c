//! Why a request is refused, and what another policy would have made of those that were.

use std::sync::{Arc, Mutex};

use http::{Method, Request};
use tower::Layer as _;
use tower_mfa::account::FirstFactor;
use tower_mfa::assurance::{Circumstances, Hours, Requirement};
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::middleware::route_policy::{Changed, Mode, Outcome, Read, Recorded, RoutePolicy, Rule, replay};
use tower_mfa::middleware::{ClientAddress, RoutePolicyLayer, TransactionLayer};
use tower_mfa::service::{Asking, ChallengeOutcome, ChallengeRequest, LoginOutcome};
use tower_mfa::testing::ManualClock;

use super::{Reached, request, rules, send};
use crate::bank::{ACTION, Bank, START, requirement};

fn everything() -> RoutePolicy {
    let transfer = TransactionLayer::builder(requirement()).parameters(["to"]).danger_reusable().build().unwrap();
    rules()
        .rule(Rule::on("transfer", [Method::POST], "/transfer").transaction(transfer))
        .rule(Rule::on("vault", [Method::GET], "/vault").require(Requirement::aal3()).with_mode(Mode::ReportOnly))
        .rule(Rule::on("beta", [Method::GET], "/beta").require(Requirement::aal3()).with_mode(Mode::Off))
        .build()
        .unwrap()
}

#[tokio::test]
async fn it_says_in_sentences_what_becomes_of_a_request_and_what_to_do() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let said = |method: &Method, path: &str, signed_in: bool| {
        let who = signed_in.then_some(&alice.session);
        everything().explain(method, path, who, Timestamp::from_secs(START + 720)).to_string()
    };
    for (method, path, signed_in, says) in [
        (Method::GET, "/", false, "GET / passes, by the rule \"landing\". Anybody may."),
        (
            Method::GET,
            "/mfa/status",
            false,
            "GET /mfa/status passes, by the rule \"mfa\". What is behind it decides for itself.",
        ),
        (
            Method::GET,
            "/accounts/7",
            false,
            "GET /accounts/7 is refused, by the rule \"accounts\". Nobody is signed in. To go on: sign in.",
        ),
        (
            Method::GET,
            "/accounts/7",
            true,
            "GET /accounts/7 passes, by the rule \"accounts\". Asked for: AAL2. alice is signed in at AAL2, by the password \
             12 minutes ago and TOTP 12 minutes ago. That is enough.",
        ),
        (
            Method::POST,
            "/transfer",
            true,
            "at most 5 minutes old is wanted, and the newest proof that counts is 12 minutes old; approved for transfer_funds \
             is wanted, and nothing was approved. To go on: prove it again, now, and approve transfer_funds. An approval is good \
             once, and for this to alone.",
        ),
        (
            Method::GET,
            "/admin/users",
            true,
            "role admin is wanted, and there is no role. Nothing that could be proved would help.",
        ),
        (
            Method::GET,
            "/vault",
            true,
            "GET /vault passes, and would be refused if it were enforced, by the rule \"vault\".",
        ),
        (Method::GET, "/beta", true, "GET /beta passes, by the rule \"beta\". The rule is switched off."),
        (Method::DELETE, "/", true, "DELETE / is refused: no rule of the policy names this address. To go on: name it"),
        (
            Method::GET,
            "/open//x",
            true,
            "GET /open//x is refused: the path has a trick in it, an empty segment. To go on: send the plain path.",
        ),
    ] {
        let said = said(&method, path, signed_in);
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn it_is_a_value_too() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let explained = everything().explain(&Method::GET, "/vault", Some(&alice.session), bank.clock.time());
    let value = serde_json::to_value(&explained).unwrap();
    let sentence = explained.to_string();
    assert_eq!(
        value,
        serde_json::json!({
            "method": "GET", "path": "/vault", "rule": "vault", "access": "require", "mode": "report-only",
            "outcome": "reported", "code": "insufficient_user_authentication",
            "findings": [{ "asks": "AAL3", "met": false, "held": "the level is AAL2" }],
            "missing": ["level"], "sentence": sentence,
        })
    );
    assert!(explained.passes() && explained.objection().is_some());
}

/// Whoever asks for somebody else hears what their session would be told.
#[tokio::test]
async fn a_session_is_explained_as_its_token_would_be_decided() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let (policy, method) = (everything(), Method::GET);
    for (path, after) in [("/accounts/7", 0), ("/vault", 10), ("/admin/x", 20), ("/", 30), ("/nowhere", 40)] {
        bank.clock.advance(after);
        let by_session =
            bank.mfa.explain(&policy, &method, path, Asking::subject(alice.session.subject())).await.unwrap();
        let by_token = policy.explain(&method, path, Some(&alice.session), bank.clock.time());
        assert_eq!(by_session, by_token, "{path}");
    }
    let sid = alice.session.session().unwrap().parse().unwrap();
    let named = Asking::subject(alice.session.subject()).session(sid);
    assert!(bank.mfa.explain(&policy, &method, "/", named).await.unwrap().passes());
    bank.mfa.log_out(&alice.session).await.unwrap();
    assert!(bank.mfa.explain(&policy, &method, "/", named).await.is_err(), "it is over");
    let nobody =
        bank.mfa.explain(&policy, &method, "/accounts/7", Asking::subject(alice.session.subject())).await.unwrap();
    assert!(nobody.to_string().contains("alice is not signed in. To go on: sign in."));
}

#[tokio::test]
async fn networks_and_hours_are_explained_with_where_and_when_it_is() {
    let wanted =
        Requirement::aal1().or_network("10.0.0.0/8".parse().unwrap()).or_hours(Hours::between((9, 0), (17, 0)));
    let policy =
        RoutePolicy::builder().rule(Rule::on("office", [Method::GET], "/office").require(wanted)).build().unwrap();
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let at = Circumstances::at(Timestamp::from_secs(START)).from("192.0.2.7".parse().unwrap());
    let said = policy.explain(&Method::GET, "/office", Some(&alice.session), at).to_string();
    assert!(said.contains("from 10.0.0.0/8 is wanted, and it comes from 192.0.2.7"), "{said}");
    assert!(said.contains("09:00-17:00 UTC is wanted, and it is fri 08:00 UTC"), "{said}");
}

/// Requests as they were decided, a line of JSON each, as a host would keep them.
async fn recorded(bank: &Bank, policy: RoutePolicy, asked: Vec<Request<axum::body::Body>>) -> Vec<Recorded> {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&lines);
    let layer = RoutePolicyLayer::new(policy).with_bodies().on_decision(move |recorded| {
        kept.lock().unwrap().push(serde_json::to_string(recorded).unwrap());
    });
    let app = bank.mfa.authenticate_layer().layer(layer.layer(Reached::default().router()));
    for request in asked {
        send(app.clone(), request).await;
    }
    let lines = lines.lock().unwrap().clone();
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn recorded_decisions_are_made_again_before_a_policy_is_switched_on() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let request_by = |method: &str, path: &str, token: &str| {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        request.body(axum::body::Body::from("{}")).unwrap()
    };
    let approval = ChallengeRequest::new().action(ACTION).bind([("to", "bob")]).unwrap();
    let tokens = bank.approved(&mut alice, approval).await;
    let token = tokens.access_token().expose();
    let asked = vec![
        request("GET", "/"),
        request("GET", "/accounts/7?secret=1"),
        request("GET", "/open//x"),
        request_by("GET", "/accounts/7", token),
        request_by("GET", "/vault", token),
        request_by("GET", "/nowhere", token),
        request_by("POST", "/transfer", token),
        request("GET", "/beta"),
    ];
    let records = recorded(&bank, everything(), asked).await;
    let outcomes: Vec<Outcome> = records.iter().map(Recorded::outcome).collect();
    use Outcome::{Allowed, Refused, Reported};
    assert_eq!(outcomes, [Allowed, Refused, Refused, Allowed, Reported, Refused, Allowed, Allowed]);
    assert_eq!(records[3].subject(), Some("alice"));
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains("secret") && !text.contains(token), "no query, no token: {text}");

    assert_eq!(replay(&everything(), &records).count(), 0, "the same policy decides the same");

    // A policy somebody is about to switch on: accounts become AAL3, the vault is enforced, and /nowhere is named.
    let next = RoutePolicy::builder()
        .rule(Rule::on("landing", [Method::GET], "/").public())
        .rule(Rule::on("accounts", [Method::GET], "/accounts/{id}").require(Requirement::aal3()))
        .rule(Rule::on("vault", [Method::GET], "/vault").require(Requirement::aal3()))
        .rule(Rule::on("nowhere", [Method::GET], "/nowhere").require(Requirement::aal1()))
        .rule(Rule::on("transfer", [Method::POST], "/transfer").require(requirement()))
        .rule(Rule::on("beta", [Method::GET], "/beta").require(Requirement::aal2()).with_mode(Mode::Off))
        .build()
        .unwrap();
    let changes: Vec<String> = replay(&next, &records).map(|change: Changed<'_>| change.to_string()).collect();
    assert_eq!(
        changes,
        [
            "GET /accounts/7 of alice: was allowed by \"accounts\", would be refused by \"accounts\"",
            "GET /vault of alice: was reported by \"vault\", would be refused by \"vault\"",
            "GET /nowhere of alice: was refused by no rule, would be allowed by \"nowhere\"",
            "POST /transfer of alice: was allowed by \"transfer\", would be refused by \"transfer\"",
        ],
        "an approval of parameters is none of the action at large"
    );
}

/// What the layer would refuse is not explained as a pass: an approval of the action at large opens no transaction.
#[tokio::test]
async fn cs_ta_1_an_approval_that_is_not_bound_explains_no_transaction() {
    let bank = Bank::new();
    let mut alice = bank.person("alice").await;
    let at = |bank: &Bank| Circumstances::at(bank.clock.time());
    let opened = bank.mfa.open_challenge(&alice.session, ChallengeRequest::new().action(ACTION)).await.unwrap();
    let ChallengeOutcome::Complete(plain) = opened else { panic!("the code is fresh") };
    let plain = bank.session(&plain.tokens);
    assert!(!everything().explain(&Method::POST, "/transfer", Some(&plain), at(&bank)).passes());
    let off = everything().explain(&Method::GET, "/beta", Some(&plain), at(&bank));
    assert!(off.passes() && off.objection().is_none(), "a rule that is off has nothing against anybody");
    let bound = ChallengeRequest::new().action(ACTION).bind([("to", "bob")]).unwrap();
    let bound = bank.approved(&mut alice, bound).await;
    let bound = bank.session(&bound);
    assert!(everything().explain(&Method::POST, "/transfer", Some(&bound), at(&bank)).passes());
}

/// Two tenants may each have an alice.
#[tokio::test]
async fn whoever_belongs_to_a_tenant_is_explained_and_recorded_with_it() {
    let bank = Bank::new();
    let subject = Subject::with_tenant("acme", "alice").unwrap();
    let first = FirstFactor::password_checked_by_host(subject.clone(), bank.clock.time());
    let LoginOutcome::Complete(tokens) = bank.mfa.begin(first).await.unwrap() else { panic!("nothing is bound") };
    let asking = async || {
        let asked = bank.mfa.explain(&everything(), &Method::GET, "/accounts/7", Asking::subject(&subject)).await;
        asked.unwrap().to_string()
    };
    let said = asking().await;
    assert!(said.contains(". acme/alice is signed in at AAL1"), "{said}");

    let mut request = request("GET", "/accounts/7");
    let bearer = format!("Bearer {}", tokens.access_token().expose());
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let record = recorded(&bank, everything(), vec![request]).await.pop().unwrap();
    assert_eq!((record.tenant(), record.subject()), (Some("acme"), Some("alice")));
    let line = serde_json::to_string(&record).unwrap();
    let old: Recorded = serde_json::from_str(&line.replace(r#""tenant":"acme","#, "")).unwrap();
    assert_eq!((old.tenant(), old.subject()), (None, Some("alice")), "as they were written before");
    let open = Rule::on("accounts", [Method::GET], "/accounts/{id}").require(Requirement::aal1());
    let open = RoutePolicy::builder().rule(open).build().unwrap();
    let changes: Vec<String> = replay(&open, [&record, &old]).map(|change| change.to_string()).collect();
    let of = |who| format!("GET /accounts/7 of {who}: was refused by \"accounts\", would be allowed by \"accounts\"");
    assert_eq!(changes, [of("acme/alice"), of("alice")]);

    bank.mfa.log_out(&bank.session(&tokens)).await.unwrap();
    let said = asking().await;
    assert!(said.contains("acme/alice is not signed in. To go on: sign in."), "{said}");
}

/// Time is passed in: to the `AuthenticateLayer`, and where there is none to the layer itself.
#[tokio::test]
async fn what_is_recorded_says_when_by_a_clock_that_was_given() {
    let bank = Bank::new();
    let own = ManualClock::at(START + 5_000);
    let kept: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
    let recording = |layer: RoutePolicyLayer<Read>| {
        let kept = Arc::clone(&kept);
        let keep = move |record: &Recorded| kept.lock().unwrap().push(serde_json::to_value(record).unwrap());
        layer.on_decision(keep).layer(Reached::default().router())
    };
    let alone = recording(RoutePolicyLayer::new(everything()).with_clock(Arc::new(own.clone())).with_bodies());
    let of_mfa = recording(bank.mfa.route_policy_layer(everything()));
    send(alone.clone(), request("GET", "/")).await;
    send(of_mfa, request("GET", "/")).await;
    send(bank.mfa.authenticate_layer().layer(alone.clone()), request("GET", "/")).await;
    own.fail(true);
    assert_eq!(send(alone, request("GET", "/")).await.status, 200, "nobody is refused for it");
    let times: Vec<Option<u64>> = kept.lock().unwrap().iter().map(|record| record["at"].as_u64()).collect();
    assert_eq!(times, [START + 5_000, START, START].map(Some), "without a time there is nothing to decide again");
}

#[tokio::test]
async fn what_is_recorded_says_from_where() {
    let bank = Bank::new();
    let alice = bank.person("alice").await;
    let opened = bank.mfa.open_challenge(&alice.session, ChallengeRequest::new()).await.unwrap();
    let ChallengeOutcome::Complete(tokens) = opened else { panic!("nothing is missing") };
    let bearer = format!("Bearer {}", tokens.tokens.access_token().expose());
    let from = |address: Option<&str>| {
        let mut request = request("GET", "/accounts/7");
        request.headers_mut().insert("authorization", bearer.parse().unwrap());
        if let Some(address) = address {
            request.extensions_mut().insert(ClientAddress::new(address.parse().unwrap()));
        }
        request
    };
    let asked = vec![from(Some("::ffff:192.0.2.7")), from(Some("198.51.100.1")), from(None)];
    let records = recorded(&bank, everything(), asked).await;
    let office = Requirement::aal1().or_network("192.0.2.0/24".parse().unwrap());
    let next = Rule::on("accounts", [Method::GET], "/accounts/{id}").require(office);
    let next = RoutePolicy::builder().rule(next).build().unwrap();
    let changed: Vec<&Recorded> = replay(&next, &records).map(|change| change.recorded()).collect();
    assert_eq!(changed, [&records[1], &records[2]], "what came from nobody knows where came from no network");
}
