//! A key whose maker vouches for it opens the vault, where the quickstart was told to trust that maker.

use serde_json::{Value, json};
use tower_mfa::testing::{SoftAttestationCa, SoftAuthenticator};

use super::client::{body, log_in, send, status};
use super::quickstart::Quickstart;
use super::{folder, root};

/// Binds a key, steps up with it as far as it goes, and asks for the vault.
fn vault(bank: &Quickstart, key: &mut SoftAuthenticator) -> (u16, Value) {
    let ask = |method: &str, path: &str, token: &str, what: Value| {
        let answer = send(bank, method, path, Some(token), &what.to_string());
        (status(&answer), body(&answer))
    };
    let token = log_in(bank, "alice", "access_token");
    let wanted = json!({"type": "webauthn", "kind": "security_key"});
    let (_, started) = ask("POST", "/mfa/authenticators", &token, wanted);
    let made = key.register(&started["public_key"].to_string(), &bank.origin).unwrap();
    let credential: Value = serde_json::from_str(&made).unwrap();
    let confirm = format!("/mfa/authenticators/{}/confirm", started["id"].as_str().unwrap());
    let (_, bound) = ask("POST", &confirm, &token, json!({"credential": credential}));
    let token = bound["access_token"].as_str().unwrap().to_owned();

    let (refused, _) = ask("GET", "/vault", &token, json!({}));
    assert_eq!(refused, 401, "a registration proves no hardware");
    let (opened, asked) = ask("POST", "/mfa/challenges", &token, json!({"acr": "phrh"}));
    if opened != 201 {
        return (opened, asked);
    }
    let signed = key.assert(&asked["methods"][0]["public_key"].to_string(), &bank.origin).unwrap();
    let credential: Value = serde_json::from_str(&signed).unwrap();
    let verify = format!("/mfa/challenges/{}/verify", asked["challenge_id"].as_str().unwrap());
    let (_, answered) = ask("POST", &verify, &token, json!({"type": "webauthn", "credential": credential}));
    ask("GET", "/vault", answered["access_token"].as_str().unwrap(), json!({}))
}

#[test]
fn a_key_of_a_trusted_maker_opens_the_vault_and_one_of_another_does_not() {
    let (trusted, other) = (SoftAttestationCa::generate().unwrap(), SoftAttestationCa::generate().unwrap());
    let folder = folder("attestation-root");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("root.pem");
    std::fs::write(&file, trusted.root_pem()).unwrap();
    let options = ["--store", "memory:", "--listen", "localhost:0", "--attestation-root", file.to_str().unwrap()];

    let bank = Quickstart::start(root(), &options, &[]);
    let mut key = SoftAuthenticator::security_key().user_verified(true).attested_by(&trusted);
    assert_eq!(vault(&bank, &mut key).0, 200);

    let bank = Quickstart::start(root(), &options, &[]);
    let mut key = SoftAuthenticator::security_key().user_verified(true).attested_by(&other);
    let (refused, why) = vault(&bank, &mut key);
    assert_eq!(
        (refused, &why["code"], &why["allowed"]),
        (409, &json!("no_eligible_authenticator"), &json!(["webauthn"]))
    );
    std::fs::remove_dir_all(folder).unwrap();
}
