//! A client of Vault's Transit engine, as far as it is needed: `sign`, `decrypt`, the public key.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tower_mfa::secret::SecretBytes;
use tower_mfa::token::{Sign, SignFuture, VerifyingKey};
use tower_mfa::vault::MasterKey;

use crate::http::{Service, text};
use crate::{Done, Remote, fake, kms};

struct Transit(Service);

impl Transit {
    async fn call(&self, path: &str, body: &Value) -> Done<Value> {
        self.0.post(&format!("/v1/transit/{path}"), ("x-vault-token", fake::VAULT_TOKEN), body).await
    }
}

impl Sign for Transit {
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            let body = json!({"input": STANDARD.encode(message), "hash_algorithm": "sha2-256",
                "marshaling_algorithm": "jws"});
            let answer = self.call("sign/tower-mfa-tokens", &body).await?;
            let signature = text(&answer, "/data/signature")?.rsplit(':').next().unwrap_or_default();
            Ok(URL_SAFE_NO_PAD.decode(signature)?)
        })
    }
}

pub(crate) async fn open() -> Done<Remote> {
    let fake = fake::transit().await?;
    let transit = Transit(Service::at(fake.base));
    let answer = transit.call("keys/tower-mfa-tokens", &json!({})).await?;
    let pem: String = text(&answer, "/data/keys/1/public_key")?.lines().filter(|line| !line.starts_with('-')).collect();
    let public = VerifyingKey::from_jwk(&kms::jwk(&STANDARD.decode(pem)?).ok_or("no P-256 key")?)?;
    let mut masters = Vec::new();
    for (id, wrapped) in fake.wrapped {
        let answer =
            transit.call("decrypt/tower-mfa-masters", &json!({"ciphertext": format!("vault:v1:{wrapped}")})).await?;
        masters.push(MasterKey::new(id, SecretBytes::new(STANDARD.decode(text(&answer, "/data/plaintext")?)?))?);
    }
    Ok(Remote { name: "Vault Transit", public, signer: Arc::new(transit), masters, off: fake.off })
}
