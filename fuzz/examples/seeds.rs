//! Writes the seeds that only the library can make: `cargo run --example seeds` in `fuzz/`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tower_mfa::account::FirstFactor;
use tower_mfa::clock::Timestamp;
use tower_mfa::id::Subject;
use tower_mfa::otp::{OtpauthUri, Totp};
use tower_mfa::secret::SecretString;
use tower_mfa::service::{
    Answer, AnswerOutcome, ChallengeRequest, Enroller, LoginOutcome, Reply, Responder, TotpEnrolment,
};
use tower_mfa::store::{MemoryStore, Store as _};
use tower_mfa::testing::{KeyType, SoftAttestationCa, SoftAuthenticator};
use tower_mfa_fuzz::{Forge, NOW, b64, block_on, claims, service, unb64};

fn main() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let write_bytes = |name: &str, content: &[u8]| {
        let path = seeds.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    };
    webauthn(&write_bytes);
    let write = |name: &str, content: &str| write_bytes(name, content.as_bytes());
    let (store, forge) = (MemoryStore::new(), Forge::new());
    let mfa = service(store.clone(), forge.keys());
    let alice = Subject::new("alice").expect("a name");
    let document = || block_on(store.load(&alice)).expect("it is there").expect("it is there").into_document();

    let tokens = match block_on(mfa.begin(first(&alice, NOW))).expect("a login") {
        LoginOutcome::Complete(tokens) => tokens,
        other => panic!("{other:?}"),
    };
    write("sealed_token/refresh", tokens.refresh_token().expect("a new session").expose());
    write("document/login.json", &document());
    let by = mfa.authenticate(tokens.access_token().expose()).expect("our own token");
    let enrolment = block_on(mfa.enrol_totp(Enroller::Session(&by), TotpEnrolment::new())).expect("an enrolment");
    write("document/pending.json", &document());
    let uri = OtpauthUri::parse(enrolment.otpauth_uri.expose()).expect("our own");
    write("otpauth_uri/ours", enrolment.otpauth_uri.expose());
    write("otp_secret/ours", uri.secret().to_base32().expose());
    let code = |steps: i64| {
        let step = Totp::default().step_at(Timestamp::from_secs(NOW)).expect("after 1970").get();
        let step = tower_mfa::otp::Step::new(step.checked_add_signed(steps).expect("after 1970"));
        Totp::default().code_at(uri.secret(), step).expose().to_owned()
    };
    let bound = block_on(mfa.confirm(Enroller::Session(&by), enrolment.id, code(-1))).expect("the right code");
    write("document/bound.json", &document());
    write(
        "recovery_code/ours",
        &format!("\u{f}{}", bound.recovery_codes.expect("the first authenticator")[3].expose()),
    );

    let LoginOutcome::Challenge(challenge) = block_on(mfa.begin(first(&alice, NOW))).expect("a login") else {
        panic!("one authenticator is bound");
    };
    write("sealed_token/challenge", challenge.token.expose());
    write("document/challenge.json", &document());
    let answer = mfa.answer(Responder::Token(&challenge.token), challenge.id, Reply::totp(code(0)));
    let AnswerOutcome::Complete(Answer { tokens, .. }) = block_on(answer).expect("the right code") else {
        panic!("one factor was missing");
    };
    write("token/ours", &format!("\0{}", tokens.access_token().expose()));
    write("token/claims", &format!("\u{2}{}", claims("AAAAAAAAAAAAAAAAAAAAAA")));
    let by = mfa.authenticate(tokens.access_token().expose()).expect("our own token");
    let ask = ChallengeRequest::new().action("transfer").bind([("to", "bob")]).expect("a string");
    let _ = block_on(mfa.open_challenge(&by, ask)).expect("it is an action");
    let wrong = mfa.answer(Responder::Session(&by), challenge.id, Reply::totp("000000"));
    let _ = block_on(wrong);
    write("document/session_and_challenge.json", &document());
    write("jwks/ours.json", &mfa.jwks_json().expect("the clock stands"));
    let (header, value) = ("authorization", SecretString::new(format!("Bearer {}", tokens.access_token().expose())));
    write("request_head/bearer", &format!("GET /transfer?x=1\nhost: api.example\n{header}: {}", value.expose()));
}

/// Answers of authenticators, for the site and the challenge that `webauthn::fuzzing` asks with.
fn webauthn(write: &dyn Fn(&str, &[u8])) {
    let (origin, challenge) = ("https://example.com", b64(&[1; 32]));
    let create = format!(r#"{{"rp":{{"id":"example.com"}},"user":{{"id":"CQkJ"}},"challenge":"{challenge}"}}"#);
    let get = |id: &Value| {
        format!(r#"{{"rpId":"example.com","challenge":"{challenge}","allowCredentials":[{{"id":{id}}}]}}"#)
    };
    let maker = SoftAttestationCa::generate().expect("a root");
    let authenticators = [
        ("passkey", SoftAuthenticator::passkey()),
        ("es384", SoftAuthenticator::passkey().key_type(KeyType::Es384)),
        ("rs256", SoftAuthenticator::passkey().key_type(KeyType::Rs256)),
        ("itself", SoftAuthenticator::security_key()),
        ("chain", SoftAuthenticator::security_key().attested_by(&maker)),
    ];
    for (name, mut authenticator) in authenticators {
        let answer = authenticator.register(&create, origin).expect("a registration");
        write(&format!("webauthn_responses/{name}.json"), answer.as_bytes());
        let answer: Value = serde_json::from_str(&answer).expect("our own");
        let object = unb64url(answer["response"]["attestationObject"].as_str().expect("it is there"));
        write(&format!("webauthn_responses/{name}.cbor"), &object);
        if name != "passkey" {
            continue;
        }
        // Behind the head of the last member of the object: a name, and a length in two bytes.
        let at = object.windows(8).position(|window| window == b"authData").expect("it is there");
        write("webauthn_responses/passkey.data", &object[at + 10..]);
        // The two coordinates are the last of it, each behind three bytes.
        let (x, y) = (&object[object.len() - 67..object.len() - 35], &object[object.len() - 32..]);
        let key = serde_json::json!({ "alg": -7, "x": b64(x), "y": b64(y) });
        let key =
            serde_json::json!({ "id": answer["id"], "kind": "passkey", "public_key": { "ec": key }, "counter": 0 });
        write("webauthn_key/passkey.json", key.to_string().as_bytes());
        let rsa = serde_json::json!({ "alg": -257, "n": b64(&[0xff; 256]), "e": "AQAB" });
        let rsa = serde_json::json!({ "id": answer["id"], "kind": "security_key", "public_key": { "rsa": rsa }, "counter": 9 });
        write("webauthn_key/rsa.json", rsa.to_string().as_bytes());
        let assertion = authenticator.assert(&get(&answer["id"]), origin).expect("an assertion");
        write("webauthn_responses/assertion.json", assertion.as_bytes());
    }
}

fn unb64url(text: &str) -> Vec<u8> {
    unb64(&text.replace('-', "+").replace('_', "/"))
}

fn first(subject: &Subject, at: u64) -> FirstFactor {
    FirstFactor::password_checked_by_host(subject.clone(), Timestamp::from_secs(at))
        .client("web")
        .roles(["admin"])
        .address("192.0.2.1")
}
