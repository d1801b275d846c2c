use crate::clock::Timestamp;
use crate::otp::{InvalidUri, Moving, OtpauthUri};

/// An authenticator app that has scanned one key URI.
///
/// See [`testing`](crate::testing) for an example.
#[derive(Debug, Clone)]
pub struct AuthenticatorApp {
    uri: OtpauthUri,
}

impl AuthenticatorApp {
    /// Scans a key URI (`otpauth://…`).
    ///
    /// # Errors
    ///
    /// [`InvalidUri`] when it is none.
    pub fn scan(uri: &str) -> Result<Self, InvalidUri> {
        Ok(Self { uri: OtpauthUri::parse(uri)? })
    }

    /// Returns what it shows at `now`: a TOTP app the code of the present step, a token that counts
    /// the code of its first counter. Before the epoch of the key, nothing.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        let secret = self.uri.secret();
        let code = match self.uri.moving() {
            Moving::Totp(totp) => totp.step_at(now).map(|step| totp.code_at(secret, step)),
            Moving::Hotp(hotp, counter) => Some(hotp.code_at(secret, counter)),
        };
        code.map(|code| code.expose().to_owned()).unwrap_or_default()
    }
}
