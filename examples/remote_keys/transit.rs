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

const TOKEN: (&str, &str) = ("x-vault-token", fake::VAULT_TOKEN);

struct Transit {
    service: Service,
    /// The version of the key whose public half is published: one that was rotated meanwhile signs nothing here.
    version: u64,
}

impl Sign for Transit {
    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            let body = json!({"input": STANDARD.encode(message), "hash_algorithm": "sha2-256",
                "marshaling_algorithm": "jws", "key_version": self.version});
            let answer = self.service.post("/v1/transit/sign/tower-mfa-tokens", TOKEN, &body).await?;
            let signature = text(&answer, "/data/signature")?.rsplit(':').next().unwrap_or_default();
            Ok(URL_SAFE_NO_PAD.decode(signature)?)
        })
    }
}

pub(crate) async fn open() -> Done<Remote> {
    let fake = fake::transit().await?;
    let service = Service::at(fake.base);
    // By POST it would be made anew.
    let key = service.get("/v1/transit/keys/tower-mfa-tokens", TOKEN).await?;
    let version = key.pointer("/data/latest_version").and_then(Value::as_u64).ok_or("a key of no version")?;
    let pem = text(&key, &format!("/data/keys/{version}/public_key"))?;
    let pem: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let public = VerifyingKey::from_jwk(&kms::jwk(&STANDARD.decode(pem)?).ok_or("no P-256 key")?)?;
    let mut masters = Vec::new();
    for (id, wrapped) in fake.wrapped {
        let body = json!({"ciphertext": format!("vault:v1:{wrapped}")});
        let answer = service.post("/v1/transit/decrypt/tower-mfa-masters", TOKEN, &body).await?;
        masters.push(MasterKey::new(id, SecretBytes::new(STANDARD.decode(text(&answer, "/data/plaintext")?)?))?);
    }
    let signer = Arc::new(Transit { service, version });
    Ok(Remote { name: "Vault Transit", public, signer, masters, off: fake.off })
}
