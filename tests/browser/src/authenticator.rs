//! A security key that is plugged in, or a phone with passkeys: virtual ones (WebAuthn, "User Agent
//! Automation").

use serde_json::{Value, json};

use crate::Browser;

/// What kind of authenticator is there.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    transport: &'static str,
    resident_key: bool,
    user_verification: bool,
    synced: bool,
}

impl Model {
    /// Passkeys that are copied to all devices of their owner, unlocked by a finger.
    pub const SYNCED: Self = Self { transport: "internal", resident_key: true, user_verification: true, synced: true };
    /// Passkeys that stay in this device, unlocked by a finger.
    pub const DEVICE: Self = Self { synced: false, ..Self::SYNCED };
    /// A key on the USB port with a PIN.
    pub const SECURITY_KEY: Self = Self { transport: "usb", ..Self::DEVICE };
    /// A key on the USB port that only wants to be touched.
    pub const TOUCH_ONLY: Self = Self { resident_key: false, user_verification: false, ..Self::SECURITY_KEY };
}

/// An authenticator at a browser; it stays there until it is [removed](Self::remove) or the browser is
/// closed.
pub struct Authenticator<'a> {
    browser: &'a Browser,
    path: String,
}

impl Browser {
    /// Takes the autofill of passkeys away, from the next page on. A virtual authenticator chooses as soon as
    /// it is offered, before anybody could type.
    pub fn without_autofill(&self) {
        let source = "if (window.PublicKeyCredential) \
            PublicKeyCredential.isConditionalMediationAvailable = async () => false;";
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": source }));
    }

    /// Plugs an authenticator in. Whoever holds it always touches it and, where it can verify, is its owner.
    #[must_use]
    pub fn plug_in(&self, model: Model) -> Authenticator<'_> {
        let Model { transport, resident_key, user_verification, synced } = model;
        let id = self.post(
            "/webauthn/authenticator",
            &json!({
                "protocol": "ctap2",
                "transport": transport,
                "hasResidentKey": resident_key,
                "hasUserVerification": user_verification,
                "isUserVerified": user_verification,
                "isUserConsenting": true,
                "defaultBackupEligibility": synced,
                "defaultBackupState": synced,
            }),
        );
        let id = id.as_str().expect("an authenticator");
        Authenticator { browser: self, path: format!("/webauthn/authenticator/{id}") }
    }
}

impl Authenticator<'_> {
    /// Says whether whoever holds it is its owner: knows the PIN, has the finger.
    pub fn verifies(&self, yes: bool) {
        self.browser.post(&format!("{}/uv", self.path), &json!({ "isUserVerified": yes }));
    }

    /// What is kept in it.
    #[must_use]
    pub fn credentials(&self) -> Vec<Value> {
        let kept = self.browser.get(&format!("{}/credentials", self.path));
        kept.as_array().expect("a list").clone()
    }

    /// Puts a credential that another authenticator had into this one.
    pub fn restore(&self, credential: &Value) {
        self.browser.post(&format!("{}/credential", self.path), credential);
    }

    /// Wipes one credential off, as its owner does in the settings.
    pub fn forget(&self, credential: &Value) {
        let id = credential["credentialId"].as_str().expect("an id");
        self.browser.delete(&format!("{}/credentials/{id}", self.path));
    }

    /// Pulls it out; what is in it is gone.
    pub fn remove(self) {
        self.browser.delete(&self.path);
    }
}
