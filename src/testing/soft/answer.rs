//! The browser's part: options in, credentials out, and the client data between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::Lie;

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unb64(value: &Value) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(value.as_str()?).ok()
}

/// The options of a ceremony.
pub(super) struct Asked(Value);

impl Asked {
    pub(super) fn read(json: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(json).ok()?;
        let value = value.get("publicKey").cloned().unwrap_or(value);
        value.get("challenge")?.as_str()?;
        Some(Self(value))
    }

    pub(super) fn rp_id(&self) -> Option<String> {
        let id = self.0.get("rpId").or_else(|| self.0.get("rp")?.get("id"))?;
        id.as_str().map(str::to_owned)
    }

    pub(super) fn user_handle(&self) -> Option<Vec<u8>> {
        unb64(self.0.get("user")?.get("id")?)
    }

    pub(super) fn allowed(&self) -> Vec<Vec<u8>> {
        self.ids("allowCredentials")
    }

    pub(super) fn excludes(&self, id: &[u8]) -> bool {
        self.ids("excludeCredentials").iter().any(|excluded| excluded == id)
    }

    fn ids(&self, list: &str) -> Vec<Vec<u8>> {
        let list = self.0.get(list).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|credential| unb64(credential.get("id")?)).collect()
    }

    /// What the browser says (§5.8.1.1), lies included.
    pub(super) fn client_data(&self, kind: &str, origin: &str, lies: &[Lie]) -> Vec<u8> {
        let kind = lies.iter().find_map(Lie::kind).unwrap_or(kind);
        let challenge = self.0.get("challenge").and_then(Value::as_str).unwrap_or_default();
        let challenge = lies.iter().find_map(Lie::challenge).unwrap_or(challenge);
        let framed = lies.contains(&Lie::CrossOrigin);
        let (kind, challenge, origin) = (json!(kind), json!(challenge), json!(origin));
        let mut text = format!(r#"{{"type":{kind},"challenge":{challenge},"origin":{origin},"crossOrigin":{framed}"#);
        if let Some(top) = lies.iter().find_map(Lie::top_origin) {
            text.push_str(&format!(r#","topOrigin":{}"#, json!(top)));
        }
        text.push('}');
        text.into_bytes()
    }
}

/// `RegistrationResponseJSON`.
pub(super) fn registration(id: &[u8], client_data: &[u8], object: &[u8], discoverable: bool) -> Value {
    json!({
        "id": b64(id),
        "rawId": b64(id),
        "type": "public-key",
        "authenticatorAttachment": if discoverable { "platform" } else { "cross-platform" },
        "clientExtensionResults": { "credProps": { "rk": discoverable } },
        "response": {
            "clientDataJSON": b64(client_data),
            "attestationObject": b64(object),
            "transports": if discoverable { ["internal", "hybrid"] } else { ["nfc", "usb"] },
        },
    })
}

/// `AuthenticationResponseJSON`.
pub(super) fn assertion(id: &[u8], client_data: &[u8], data: &[u8], signature: &[u8], handle: Option<&[u8]>) -> Value {
    json!({
        "id": b64(id),
        "rawId": b64(id),
        "type": "public-key",
        "clientExtensionResults": {},
        "response": {
            "clientDataJSON": b64(client_data),
            "authenticatorData": b64(data),
            "signature": b64(signature),
            "userHandle": handle.map(b64),
        },
    })
}
