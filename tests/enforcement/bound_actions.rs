//! An action that the policy binds is asked for with the data of its request, or not at all.

use serde_json::json;
use tower_mfa::account::Refusal;
use tower_mfa::assurance::Requirement;
use tower_mfa::policy::{BoundTo, Policy};
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest};
use tower_mfa::token::{Elevate as _, ElevateErrorKind, InlineCode, body_digest};

use crate::bank::{ACTION, Bank};

fn fresh() -> Requirement {
    Requirement::aal2().within(300)
}

fn bank() -> Bank {
    Bank::with(|policy| {
        policy.bound_action(ACTION, fresh(), BoundTo::parameters(["to", "amount"])).bound_action(
            "replace_key",
            fresh(),
            BoundTo::WholeRequest,
        )
    })
}

#[tokio::test]
async fn cs_ta_1_without_its_data_or_with_others_a_bound_action_is_not_asked_for() {
    let bank = bank();
    let mut alice = bank.person("alice").await;
    let commits = bank.store.commits();
    let ask = |action: &str| ChallengeRequest::new().action(action);
    let (to, amount) = (("to", json!("bob")), ("amount", json!(100)));
    for request in [
        ask(ACTION),
        ask(ACTION).bind([to.clone()]).unwrap(),
        ask(ACTION).bind([to.clone(), ("Amount", json!(100))]).unwrap(),
        ask(ACTION).bind([to.clone(), amount.clone(), ("note", json!("rent"))]).unwrap(),
        ask(ACTION).bind([("method", "POST"), ("path", "/transfer"), ("body", &body_digest(b""))]).unwrap(),
    ] {
        let refused = bank.mfa.open_challenge(&alice.session, request).await.unwrap_err();
        assert_eq!(refused.refusal(), &Refusal::Unbound { names: vec!["to".into(), "amount".into()] });
        assert!(refused.to_string().contains("to, amount"), "{refused}");
    }
    let whole = bank.mfa.open_challenge(&alice.session, ask("replace_key")).await.unwrap_err();
    assert_eq!(whole.refusal(), &Refusal::Unbound { names: vec!["method".into(), "path".into(), "body".into()] });
    assert_eq!(bank.store.commits(), commits, "nothing was opened");
    // In another order they are the same data.
    let tokens = bank.approved(&mut alice, ask(ACTION).bind([amount, to]).unwrap()).await;
    let sent = bank.send(Some(tokens.access_token().expose()), r#"{"to":"bob","amount":100}"#).await;
    assert_eq!((sent.0.as_u16(), bank.moved()), (200, 1));
}

#[tokio::test]
async fn an_action_that_is_not_bound_may_be_asked_for_either_way() {
    let bank = bank();
    let mut alice = bank.person("alice").await;
    let plain = ChallengeRequest::new().action("close_account");
    let opened = bank.mfa.open_challenge(&alice.session, plain.clone()).await.unwrap();
    assert!(matches!(opened, ChallengeOutcome::Complete(_)), "the code is fresh");
    let bound = bank.approved(&mut alice, plain.bind([("why", "moving")]).unwrap()).await;
    assert!(bank.session(&bound).step_up().unwrap().bind().is_some());
}

/// Rows: CS-TA-1
#[tokio::test]
async fn a_code_that_comes_with_a_request_approves_no_bound_action() {
    let bank = bank();
    let alice = bank.person("alice").await;
    bank.clock.advance(30);
    let code = tower_mfa::secret::SecretString::new(alice.app.code(bank.clock.time()));
    let (bound, plain) = (fresh().for_action(ACTION), fresh().for_action("close_account"));
    let refused = bank.mfa.elevate(InlineCode::new(&alice.session, &code, &bound)).await.unwrap_err();
    assert_eq!(refused.kind(), ElevateErrorKind::Insufficient);
    assert!(bank.mfa.elevate(InlineCode::new(&alice.session, &code, &plain)).await.is_ok(), "and is still good");
}

#[test]
fn what_an_action_is_bound_to_is_checked_when_the_policy_is_built() {
    let refused = |names: Vec<String>| {
        let policy = Policy::builder().bound_action("pay", fresh(), BoundTo::parameters(names));
        let error = policy.build().unwrap_err();
        assert!(error.rule().contains("\"pay\""), "{error}");
        error.field()
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for names in [vec![], words("to To"), words("path method body"), vec!["x".repeat(1025)]] {
        assert_eq!(refused(names), "action");
    }
    assert_eq!(refused((0..17).map(|n| n.to_string()).collect()), "action");
    // Named again without, it is bound no longer.
    let again = Policy::builder().bound_action("pay", fresh(), BoundTo::WholeRequest).action("pay", fresh());
    assert!(again.build().unwrap().bound_to("pay").is_none());
}
