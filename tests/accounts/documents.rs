//! What is stored: one document of every version is read for ever, a damaged one is never "no MFA",
//! and an account stays small.

use tower_mfa::account::Refusal;
use tower_mfa::assurance::{Aal, Decision, Requirement, decide};
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::policy::{Login, Policy};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::secret::SecretBytes;
use tower_mfa::service::{ChallengeOutcome, ChallengeRequest, Enroller, LoginOutcome, Reply};
use tower_mfa::store::{Commit, Committed, MemoryStore, Revision, Store};
use tower_mfa::testing::{AuthenticatorApp, FaultyStore, ManualClock, SeededEntropy};
use tower_mfa::vault::MasterKey;

use crate::scene::{START, Scene, answered, challenged, cheap, is_unavailable, keys_of, refusal, subject};

const V1: &str = include_str!("../vectors/account_v1.json");
/// When the vector's account was last used.
const V1_AT: u64 = START + 30;

/// The key of the vector's documents: 32 bytes of 7.
fn v1_keys() -> tower_mfa::service::Keys {
    keys_of(vec![MasterKey::new("v1", SecretBytes::new(vec![7; 32])).unwrap()])
}

/// A service on a store that holds `document` for alice.
async fn on(document: &str) -> Scene {
    let store = FaultyStore::new(MemoryStore::new());
    put(&store, document).await;
    let (clock, heard) = (ManualClock::at(V1_AT + 30), crate::scene::Heard::default());
    let mfa = crate::scene::builder(store.clone(), &clock, &heard).keys(v1_keys()).build().unwrap();
    Scene { mfa, clock, store, heard }
}

async fn put(store: &FaultyStore<MemoryStore>, document: &str) {
    let alice = subject("alice");
    let before = store.load(&alice).await.unwrap().map(|stored| *stored.revision());
    let revision = Revision::generate(&SystemEntropy).unwrap();
    let commit = Commit::new(&alice, before.as_ref(), revision, document);
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

/// What the file holds: the document, the app's key URI and one recovery code of the account.
fn v1() -> (String, AuthenticatorApp, String) {
    let file: serde_json::Value = serde_json::from_str(V1).unwrap();
    let text = |name: &str| file[name].as_str().unwrap().to_owned();
    (file["document"].to_string(), AuthenticatorApp::scan(&text("otpauth_uri")).unwrap(), text("recovery_code"))
}

/// Writes `tests/vectors/account_v1.json`: an account with an app, recovery codes, a session, a
/// pending binding, and a challenge of each kind. It is kept as it was first written.
#[tokio::test]
#[ignore = "makes the vector; an old document is never made anew"]
async fn make_the_vector_of_version_1() {
    let s = Scene::built(|builder| {
        let actions = cheap().login(Login::Optional).action("pay", Requirement::aal2().within(60));
        builder.keys(v1_keys()).with_entropy(SeededEntropy::new(1)).policy(actions.build().unwrap())
    });
    let first = s.first("alice").client("web").roles(["admin"]).scopes(["read"]).address("192.0.2.7");
    let by = s.auth(&crate::scene::complete(s.mfa.begin(first.account_name("alice@example.org")).await.unwrap()));
    let started = s.start(&by).await.unwrap();
    let uri = started.otpauth_uri.expose().to_owned();
    let app = AuthenticatorApp::scan(&uri).unwrap();
    let bound = s.mfa.confirm(Enroller::Session(&by), started.id, app.code(s.now())).await.unwrap();
    let by = s.auth(&bound.tokens);
    s.start(&by).await.unwrap();
    s.clock.advance(V1_AT - START);
    let pay = ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap().state(r#"{"note":"rent"}"#);
    let _ = s.mfa.open_challenge(&by, pay).await.unwrap();
    let code = bound.recovery_codes.unwrap()[1].expose().to_owned();
    let document: serde_json::Value = serde_json::from_str(&s.document("alice").await).unwrap();
    let file = serde_json::json!({"document": document, "otpauth_uri": uri, "recovery_code": code});
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/account_v1.json");
    std::fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
}

#[tokio::test]
async fn a_document_of_version_1_is_read_and_its_app_still_verifies() {
    let (document, app, _) = v1();
    let s = on(&document).await;
    let tokens = s.sign_in("alice", &app).await;
    let by = s.auth(&tokens);
    assert_eq!(by.assurance().level(), Aal::Two);
    let status = s.mfa.status(Enroller::Session(&by)).await.unwrap();
    assert_eq!((status.authenticators.len(), status.recovery_codes.remaining, status.sessions), (2, 2, 2));
    let sessions = s.mfa.sessions(&by, None, 10).await.unwrap().items;
    let web = sessions.iter().find(|v| &*v.client == "web").unwrap();
    assert_eq!((&*web.acr, web.address.as_deref()), ("aal2", Some("192.0.2.7")));
}

#[tokio::test]
async fn a_recovery_code_of_a_document_of_version_1_still_works_once() {
    let (document, _, code) = v1();
    let s = on(&document).await;
    let asked = challenged(s.begin("alice").await);
    answered(s.answer(&asked, Reply::recovery_code(code.clone())).await.unwrap());
    let asked = challenged(s.begin("alice").await);
    assert!(matches!(refusal(s.answer(&asked, Reply::recovery_code(code)).await), Refusal::InvalidCode { .. }));
}

/// What an account without an app has used of its grace is one small member, and no member for whoever
/// has used nothing.
#[tokio::test]
async fn a_used_grace_is_read_on_and_an_account_from_before_there_was_one_has_used_nothing() {
    let grace = Login::RequiredAfter(tower_mfa::policy::Grace::sign_ins(3).unwrap());
    let s = Scene::login(Login::Optional);
    drop(s.begin("alice").await);
    let before = s.document("alice").await;
    assert!(!before.contains("used_grace") && !before.contains("groups"));
    let s = Scene::built(|builder| builder.policy(cheap().login(grace).build().unwrap()));
    put(&s.store, &before).await;
    for used in 1..=3 {
        assert!(matches!(s.begin("alice").await, LoginOutcome::Complete(_)));
        assert!(s.document("alice").await.contains(&format!(r#""used_grace":{{"sign_ins":{used}}}"#)));
    }
    assert!(matches!(s.begin("alice").await, LoginOutcome::EnrolmentRequired { .. }));
}

/// Rows: CVE-2026-0723, ASVS-16.5.3
#[tokio::test]
async fn a_document_that_cannot_be_understood_is_unavailable_and_never_no_mfa() {
    let (good, app, _) = v1();
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let changed = |path: &str, to: serde_json::Value| {
        let mut value = value.clone();
        *value.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = to;
        value.to_string()
    };
    let mut unknown = value.clone();
    unknown["mfa_off"] = serde_json::json!(true);
    let mut bad = vec![
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        good[..good.len() / 2].to_owned(),
        format!("{good}{good}"),
        unknown.to_string(),
        changed("/v", serde_json::json!(2)),
        changed("/v", serde_json::json!("1")),
        changed("/subject", serde_json::json!("bob")),
        changed("/authenticators/0/status", serde_json::json!("off")),
        changed("/authenticators/0/credential", serde_json::json!({"none": {}})),
        changed("/authenticators/0/id", serde_json::json!("short")),
        changed("/recovery/set/hashes", serde_json::json!("")),
        changed("/sessions/0/evidence/0/type", serde_json::json!("magic")),
        changed("/sessions/0/tokens_until", serde_json::Value::Null),
    ];
    for used_grace in [serde_json::json!({"sign_ins": -1}), serde_json::json!({"never": true}), serde_json::json!(3)] {
        let mut changed = value.clone();
        changed["used_grace"] = used_grace;
        bad.push(changed.to_string());
    }
    bad.push(good.replacen("\"v\":1", "\"v\":1,\"v\":1", 1));
    for document in bad {
        let s = on(&document).await;
        for known in [false, true] {
            let outcome = s.mfa.begin(s.first("alice").known_enrolled(known)).await;
            assert!(is_unavailable(outcome), "{document}");
        }
        assert!(is_unavailable(s.mfa.reset(&subject("alice"), "root", "why").await));
        assert_eq!(s.document("alice").await, document, "what cannot be read is not written over");
    }
    let s = on(&changed("/authenticators/0/credential/totp/sealed", serde_json::json!("AQ"))).await;
    let asked = challenged(s.begin("alice").await);
    let answer = s.answer(&asked, Reply::totp(app.code(s.now()))).await;
    assert!(is_unavailable(answer), "a key that does not open checks nothing");
}

/// Rows: CVE-2025-6013
#[tokio::test]
async fn a_document_or_key_copied_to_another_account_opens_nothing_there() {
    let s = Scene::new();
    let (alice, mallory) = (s.enrolled("alice").await, s.enrolled("mallory").await);
    let (hers, his) = (s.document("alice").await, s.document("mallory").await);
    put(&s.store, &his).await;
    assert!(is_unavailable(s.mfa.begin(s.first("alice")).await), "another's document is none of hers");
    let sealed = |document: &str| {
        let value: serde_json::Value = serde_json::from_str(document).unwrap();
        value["authenticators"][0]["credential"]["totp"]["sealed"].as_str().unwrap().to_owned()
    };
    put(&s.store, &hers.replace(&sealed(&hers), &sealed(&his))).await;
    s.clock.advance(30);
    let asked = challenged(s.begin("alice").await);
    for app in [&alice.app, &mallory.app] {
        assert!(is_unavailable(s.answer(&asked, Reply::totp(app.code(s.now()))).await));
    }
}

#[tokio::test]
async fn an_account_with_an_app_and_ten_recovery_codes_is_small() {
    let scheme = Scheme::argon2id(7_168, 5, 1).unwrap();
    let policy = Policy::builder().recovery_scheme(scheme).recovery_codes(Count::new(10).unwrap()).build().unwrap();
    let s = Scene::with(policy);
    let person = s.enrolled("alice").await;
    s.mfa.log_out(&person.by).await.unwrap();
    let at_rest = s.document("alice").await.len();
    let tokens = s.sign_in("alice", &person.app).await;
    let in_use = s.document("alice").await.len();
    println!("at rest {at_rest} bytes, with a session {in_use} bytes");
    assert!(at_rest < 1_300, "{at_rest} bytes at rest: an SQLite row of more than 1.4 KB takes 2.1 KB on disk");
    assert!(in_use < 2_048, "{in_use} bytes with a session");
    drop(tokens);
}

#[tokio::test]
async fn every_list_in_a_document_has_a_maximum() {
    let s = Scene::login(Login::Optional);
    let person = s.enrolled("alice").await;
    for _ in 0..100 {
        let first = s.first("alice").roles((0..64).map(|n| format!("role-{n}")));
        assert!(matches!(s.mfa.begin(first).await.unwrap(), LoginOutcome::Complete(_)));
    }
    let tokens = s.sign_in_anew("alice", &person.app).await;
    let by = s.auth(&tokens);
    for _ in 0..20 {
        let _ = s.mfa.open_challenge(&by, ChallengeRequest::new().max_age(0)).await;
        let _ = s.start(&by).await.unwrap();
        s.clock.advance(1);
    }
    let value: serde_json::Value = serde_json::from_str(&s.document("alice").await).unwrap();
    let length = |name: &str| value[name].as_array().map_or(0, Vec::len);
    assert_eq!((length("sessions"), length("challenges"), length("authenticators")), (32, 8, 5));
    for first in [
        s.first("alice").roles((0..65).map(|n| n.to_string())),
        s.first("alice").roles(["x".repeat(256)]),
        s.first("alice").scopes(["x".repeat(256)]),
        s.first("alice").groups((0..65).map(|n| n.to_string())),
        s.first("alice").groups(["x".repeat(256)]),
        s.first("alice").groups((0..64).map(|n| format!("{n:0>65}"))),
        s.first("alice").client("x".repeat(256)),
        s.first("alice").client(""),
        s.first("alice").address("x".repeat(256)),
        s.first("alice").account_name("x".repeat(256)),
    ] {
        assert!(matches!(refusal(s.mfa.begin(first).await), Refusal::InvalidRequest { .. }));
    }
    assert!(s.now() > Timestamp::from_secs(START));
}

/// A login that no token, and no key URI, can describe is the host's mistake: it is told which part,
/// before a session is committed that nobody gets a token of.
#[tokio::test]
async fn what_no_token_can_say_of_a_login_is_refused_before_anything_is_written() {
    let s = Scene::login(Login::Optional);
    let cases = [
        ("scopes", s.first("alice").scopes(["read write"])),
        ("scopes", s.first("alice").scopes([""])),
        ("scopes", s.first("alice").scopes(["caf\u{e9}"])),
        ("roles", s.first("alice").roles(["ad\u{1}min"])),
        ("groups", s.first("alice").groups(["sta\u{1}ff"])),
        ("client", s.first("alice").client("we\nb")),
        ("address", s.first("alice").address("192.0.2.7\r\nX: y")),
        ("account_name", s.first("alice").account_name(" alice")),
        ("account_name", s.first("alice").account_name("")),
        ("account_name", s.first("alice").account_name("al\u{7}ice")),
    ];
    for (named, first) in cases {
        let refused = refusal(s.mfa.begin(first).await);
        assert!(matches!(&refused, Refusal::InvalidRequest { field, .. } if *field == named), "{named}: {refused:?}");
    }
    assert_eq!(s.store.commits(), 0);
    // What is allowed, at its longest, makes a token and a key URI.
    let odd = "\"\\".repeat(127);
    let first = s.first("alice").roles(vec![odd.clone(); 16]).client(odd.clone()).account_name("a:b ".repeat(63) + "c");
    let by = s.auth(&crate::scene::complete(s.mfa.begin(first).await.unwrap()));
    assert!(s.start(&by).await.is_ok());
}

/// Whoever has used a better key an hour ago and a code just now has a fresh code, and is not sent in a circle.
#[tokio::test]
async fn an_approval_at_once_is_as_old_as_the_proof_its_action_asks_for() {
    let pay = Requirement::aal2().within(300);
    let s = Scene::built(|builder| builder.policy(cheap().action("pay", pay.clone()).build().unwrap()));
    let alice = s.enrolled("alice").await;
    let mut document: serde_json::Value = serde_json::from_str(&s.document("alice").await).unwrap();
    let key = serde_json::json!({"type": "webauthn", "at": START - 600, "with": {"phr": true, "uv": true, "hw": true}});
    for session in document["sessions"].as_array_mut().unwrap() {
        session["evidence"].as_array_mut().unwrap().push(key.clone());
    }
    put(&s.store, &document.to_string()).await;

    let opened = s.mfa.open_challenge(&alice.by, ChallengeRequest::new().action("pay")).await.unwrap();
    let ChallengeOutcome::Complete(at_once) = opened else { panic!("the code is fresh: {opened:?}") };
    let by = s.auth(&at_once.tokens);
    assert_eq!(by.assurance().level(), Aal::Three);
    assert_eq!(decide(&pay.clone().for_action("pay"), &by, s.now()), Decision::Allow);
    assert_eq!(by.step_up().unwrap().auth_time(), s.now(), "the code's, and not the key's");
    assert!(matches!(decide(&pay.for_action("pay"), &by, s.now().plus(301)), Decision::StepUp(_)));
}
