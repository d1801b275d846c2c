//! Makes `tests/vectors/account_v1_whole.json`: people through whose documents every member of version 1 goes.

use std::slice;

use serde_json::{Map, Value, json};
use tower_mfa::account::{Bypass, FirstFactor};
use tower_mfa::assurance::{Authentication, Method, Proof, Requirement};
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::policy::LockSchedule;
use tower_mfa::recovery_code::Scheme;
use tower_mfa::service::{
    ChallengeOutcome, ChallengeRequest, Enroller, KeyRequest, LoginChallenge, PasskeyChallenge, Reply, Responder,
    TotpEnrolment,
};
use tower_mfa::testing::{AuthenticatorApp, KeyType, SeededEntropy, SoftAuthenticator};
use tower_mfa::token::{Algorithm, Redeem as _, Redeemed, SigningKey};
use tower_mfa::transfer::apps;
use tower_mfa::vault::MasterKey;

use super::{OLD_APP, keys, policy, transfer_key, v1, why, wrong};
use crate::bank::{ORIGIN, built, hard_key, options};
use crate::scene::{Current, Scene, answered, challenged, is_unavailable, subject, ticket};

struct Maker {
    s: Scene,
    current: Current,
    signing: String,
    people: Map<String, Value>,
}

impl Maker {
    fn new() -> Self {
        let signing = SigningKey::generate(Algorithm::EdDsa).unwrap().to_pkcs8_pem().unwrap().expose().to_owned();
        let current = Current::of(policy());
        let source = current.clone();
        let s =
            built(|mfa| mfa.keys(keys(&signing, vec![v1()])).with_entropy(SeededEntropy::new(3)).policy_source(source));
        Self { s, current, signing, people: Map::new() }
    }

    /// Keeps the document, what its owner holds, and what they see.
    async fn keep(&mut self, name: &str, held: Value, by: Option<&Authentication>) {
        let document: Value = serde_json::from_str(&self.s.document(name).await).unwrap();
        let mut kept = json!({"document": document, "held": held});
        if let Some(by) = by {
            let items = self.s.mfa.sessions(by, None, 50).await.unwrap().items;
            kept["sessions"] = serde_json::to_value(items).unwrap();
            kept["status"] = serde_json::to_value(self.s.mfa.status(Enroller::Session(by)).await.unwrap()).unwrap();
        }
        let now: Value = serde_json::from_str(&self.s.document(name).await).unwrap();
        assert_eq!(now, kept["document"], "looking changes nothing");
        self.people.insert(name.to_owned(), kept);
    }

    /// A clock that jumps two hours ahead for one login, and back.
    async fn jump(&self, name: &str) -> LoginChallenge {
        self.s.clock.advance(7_200);
        let asked = challenged(self.s.begin(name).await);
        self.s.clock.go_back(7_200);
        asked
    }

    async fn fail(&self, asked: &LoginChallenge, reply: &Reply, times: usize) {
        for _ in 0..times {
            assert!(self.s.answer(asked, reply.clone()).await.is_err());
        }
    }
}

/// Somebody with an app, whose key is known.
struct Enrolled {
    uri: String,
    app: AuthenticatorApp,
    codes: Vec<String>,
    by: Authentication,
}

async fn enrolled(s: &Scene, name: &str) -> Enrolled {
    let by = s.signed_in(name).await;
    let started = s.mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new().label("phone")).await.unwrap();
    let uri = started.otpauth_uri.expose().to_owned();
    let app = AuthenticatorApp::scan(&uri).unwrap();
    let bound = s.mfa.confirm(Enroller::Session(&by), started.id, app.code(s.now())).await.unwrap();
    let codes = bound.recovery_codes.unwrap().iter().map(|code| code.expose().to_owned()).collect();
    Enrolled { uri, app, codes, by: s.auth(&bound.tokens) }
}

fn full(s: &Scene, name: &str) -> FirstFactor {
    let first = s.first(name).client("web").roles(["admin"]).scopes(["read"]).groups(["staff"]);
    first.address("192.0.2.7").account_name(format!("{name}@example.org"))
}

/// Taken in from elsewhere, with an app from a third place: keys of both kinds, failures of every kind, sessions and
/// questions.
async fn alice(m: &mut Maker) {
    let s = m.s.clone();
    let place = keys(&m.signing, vec![MasterKey::generate("elsewhere", &SystemEntropy).unwrap()]);
    let elsewhere = built(|mfa| mfa.keys(place).policy(policy().build().unwrap()));
    let (mut hard, mut passkey) = (hard_key(), SoftAuthenticator::passkey());
    let there = enrolled(&elsewhere, "alice").await;
    elsewhere.bind_key(&there.by, &mut hard).await;
    let codes = there.codes;
    let mut export = Vec::new();
    elsewhere.mfa.export_accounts(&mut export, &transfer_key(), why()).await.unwrap();
    assert_eq!(s.mfa.import_accounts(&*export, &transfer_key(), why()).await.unwrap().moved, 1);
    let list = apps::otpauth(OLD_APP.as_bytes());
    assert_eq!(s.mfa.import_apps(list, |_| Some(subject("alice")), why()).await.unwrap().moved, 1);
    s.clock.advance(60);

    let asked = challenged(s.mfa.begin(full(&s, "alice")).await.unwrap());
    answered(s.answer(&asked, Reply::recovery_code(&*codes[0])).await.unwrap());
    let asked = challenged(s.mfa.begin(full(&s, "alice")).await.unwrap());
    let by = s.auth(&answered(s.answer_login(&asked, &mut hard).await.unwrap()));
    s.bind_key(&by, &mut passkey).await;
    drop(s.finish(&s.passkey(None).await, &mut passkey).await.unwrap());
    let asked = challenged(s.mfa.begin(full(&s, "alice")).await.unwrap());
    let tokens = answered(s.answer_login(&asked, &mut hard).await.unwrap());
    let tokens = s.mfa.refresh(tokens.refresh_token().unwrap()).await.unwrap();
    let by = s.auth(&tokens);
    let ChallengeOutcome::Complete(paid) =
        s.mfa.open_challenge(&by, ChallengeRequest::new().action("pay")).await.unwrap()
    else {
        panic!("the proof is fresh")
    };
    assert_eq!(s.mfa.redeem(&s.auth(&paid.tokens)).await.unwrap(), Redeemed::Now);

    let questions = questions(&s, &by, &mut hard).await;
    failures(m, &by, &[there.app, AuthenticatorApp::scan(OLD_APP).unwrap()]).await;
    s.start(&by).await.unwrap();
    s.start_key(&by, KeyRequest::security_key().label("blue")).await;
    let held = json!({
        "token": tokens.access_token().expose(), "refresh": tokens.refresh_token().unwrap().expose(),
        "spent": paid.tokens.access_token().expose(), "otpauth_uri": there.uri, "questions": questions,
        "used_code": codes[0], "code": codes[1],
        "export": String::from_utf8(export).unwrap(),
    });
    m.keep("alice", held, Some(&by)).await;
}

/// One that is answered in part, and one about a payment.
async fn questions(s: &Scene, by: &Authentication, key: &mut SoftAuthenticator) -> Value {
    let much = Requirement::aal3().within(5).hardware().with_proof(Proof::of(Method::Totp).within(60));
    let much = much.with_any_of([Requirement::aal1().with_proof(Proof::passkey()), Requirement::aal3().hardware()]);
    let much = much.with_all_of(Requirement::aal2().within(100).phishing_resistant());
    s.clock.advance(6);
    let view = s.opened(by, ChallengeRequest::new().require(much)).await;
    drop(s.step_up(by, &view, key).await.unwrap());
    s.clock.advance(61);
    let pay = ChallengeRequest::new().action("pay").bind([("to", "bob")]).unwrap().state(r#"{"note":"rent"}"#);
    json!({"much": view.id, "pay": s.opened(by, pay).await.id})
}

/// Wrong codes: in a session, at login, of the recovery codes, and where they count for the account as a whole.
async fn failures(m: &Maker, by: &Authentication, apps: &[AuthenticatorApp]) {
    let s = &m.s;
    let view = s.opened(by, ChallengeRequest::new().max_age(0)).await;
    for round in [5, 1] {
        for _ in 0..round {
            let answer = s.mfa.answer(Responder::Session(by), view.id, wrong(s, apps)).await;
            assert!(answer.is_err());
        }
        s.clock.advance(31);
    }
    let asked = challenged(s.mfa.begin(full(s, "alice")).await.unwrap());
    m.fail(&asked, &wrong(s, apps), 3).await;
    s.clock.advance(31);
    m.fail(&asked, &wrong(s, apps), 1).await;
    m.fail(&asked, &Reply::recovery_code("0000-0000-0000-0000"), 3).await;
    m.current.set(policy().lock(LockSchedule::default().account_wide()));
    m.fail(&asked, &wrong(s, apps), 3).await;
    m.current.set(policy());
}

/// Has used up the logins without an authenticator, and is about to bind one.
async fn bob(m: &mut Maker) {
    let s = m.s.clone();
    let _first = s.password("bob").await;
    let token = ticket(s.mfa.begin(full(&s, "bob")).await.unwrap());
    drop(s.mfa.enrol_totp(Enroller::Token(&token), TotpEnrolment::new()).await.unwrap());
    m.keep("bob", json!({"ticket": token.expose()}), None).await;
}

/// Suspended, with recovery codes of the other scheme.
async fn carol(m: &mut Maker) {
    m.current.set(policy().recovery_scheme(Scheme::pbkdf2_sha256(600_000).unwrap()));
    let carol = enrolled(&m.s, "carol").await;
    m.current.set(policy());
    m.s.mfa.suspend(&subject("carol"), "ops-7", "the phone is lost").await.unwrap();
    m.keep("carol", json!({"code": carol.codes[0]}), None).await;
}

/// At the hard limit with the app and the codes, under a clock that had jumped.
async fn dave(m: &mut Maker) {
    let s = m.s.clone();
    let mut key = SoftAuthenticator::security_key().key_type(KeyType::Rs256);
    let dave = enrolled(&s, "dave").await;
    s.bind_key(&dave.by, &mut key).await;
    m.current.set(policy().hard_limit(3));
    let asked = challenged(s.begin("dave").await);
    m.fail(&asked, &wrong(&s, slice::from_ref(&dave.app)), 3).await;
    m.fail(&asked, &Reply::recovery_code("0000-0000-0000-0000"), 3).await;
    s.clock.advance(31);
    m.fail(&asked, &Reply::recovery_code(&*dave.codes[0]), 1).await;
    m.current.set(policy());
    let asked = m.jump("dave").await;
    let credential = key.assert(options(&asked.methods).as_str(), ORIGIN).unwrap();
    assert!(is_unavailable(s.mfa.begin(s.first("dave")).await));
    let held =
        json!({"code": dave.codes[0], "challenge": asked.id, "token": asked.token.expose(), "credential": credential});
    m.keep("dave", held, None).await;
}

async fn erin(m: &mut Maker) {
    enrolled(&m.s, "erin").await;
    m.s.mfa.erase(&subject("erin"), "ops-7", "has left").await.unwrap();
    m.keep("erin", json!({}), None).await;
}

/// Signs in by a passkey; a clock that had jumped was set right in between.
async fn frank(m: &mut Maker) {
    let s = m.s.clone();
    let mut key = SoftAuthenticator::passkey();
    s.keyed("frank", &mut key).await;
    let held = |started: &PasskeyChallenge, key: &mut SoftAuthenticator| {
        let credential = key.assert(started.public_key.as_str(), ORIGIN).unwrap();
        json!({"id": started.id, "token": started.token.expose(), "credential": credential})
    };
    let early = held(&s.passkey(Some("frank")).await, &mut key);
    let _ahead = m.jump("frank").await;
    s.clock.advance(1);
    s.mfa.unlock(&subject("frank"), "ops-7", "the clock is right again").await.unwrap();
    s.clock.advance(1);
    let started = s.passkey(Some("frank")).await;
    let used = held(&started, &mut key);
    drop(s.finish(&started, &mut key).await.unwrap());
    m.keep("frank", json!({"early": early, "used": used}), None).await;
}

/// Signs in with the password alone for an hour.
async fn greg(m: &mut Maker) {
    let s = m.s.clone();
    enrolled(&s, "greg").await;
    let hour = Bypass::new("ops-7", "the phone is being repaired").approved_by("ciso").until(s.now().plus(3_600));
    s.mfa.grant_bypass(&subject("greg"), hour).await.unwrap();
    let tokens = s.password("greg").await;
    m.keep("greg", json!({"refresh": tokens.refresh_token().unwrap().expose()}), None).await;
}

/// It is kept as it was first written.
#[tokio::test]
#[ignore = "makes the vector; an old document is never made anew"]
async fn make_the_vector_of_version_1_with_every_member() {
    let mut m = Maker::new();
    alice(&mut m).await;
    bob(&mut m).await;
    carol(&mut m).await;
    dave(&mut m).await;
    erin(&mut m).await;
    frank(&mut m).await;
    greg(&mut m).await;
    let file = json!({"signing_key": m.signing, "people": m.people});
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/account_v1_whole.json");
    std::fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
}
