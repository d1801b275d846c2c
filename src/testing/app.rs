use crate::clock::Timestamp;
use crate::otp::{InvalidUri, Moving, OtpauthUri};

/// An authenticator app that has scanned one key URI.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::testing::AuthenticatorApp;
///
/// // The key of RFC 6238, Appendix B.
/// let uri = "otpauth://totp/Bank:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bank";
/// let app = AuthenticatorApp::scan(uri).unwrap();
/// assert_eq!(app.code(Timestamp::from_secs(59)), "287082");
/// assert_ne!(app.code(Timestamp::from_secs(60)), "287082", "thirty seconds are over");
/// assert!(AuthenticatorApp::scan("https://bank.example").is_err());
/// ```
///
/// [`testing`](crate::testing) shows it at work.
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
