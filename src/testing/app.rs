use std::fmt;

use crate::clock::Timestamp;
use crate::otp::{InvalidUri, Moving, OtpauthUri};

/// A software authenticator: what a person's app does with a scanned key URI.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::testing::AuthenticatorApp;
///
/// // The key of RFC 6238, appendix B, with six digits.
/// let app = AuthenticatorApp::scan("otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
/// assert_eq!(app.code_at(Timestamp::from_secs(59)), "287082");
/// assert_ne!(app.code_at(Timestamp::from_secs(60)), "287082");
/// assert!(AuthenticatorApp::scan("https://example.com").is_err());
/// ```
///
/// # Security
///
/// It holds the key in the open, as an app does: for tests.
pub struct AuthenticatorApp(OtpauthUri);

impl AuthenticatorApp {
    /// Adds the account of an `otpauth` URI.
    ///
    /// # Errors
    ///
    /// [`InvalidUri`] when an app could not read it.
    pub fn scan(otpauth_uri: &str) -> Result<Self, InvalidUri> {
        OtpauthUri::parse(otpauth_uri).map(Self)
    }

    /// Returns the code the app shows at `now`; that of the counter in the URI for an HOTP one.
    #[must_use]
    pub fn code_at(&self, now: Timestamp) -> String {
        match self.0.moving() {
            Moving::Totp(totp) => {
                let step = totp.step_at(now).unwrap_or_else(|| crate::otp::Step::new(0));
                totp.code_at(self.0.secret(), step).expose().to_owned()
            }
            Moving::Hotp(hotp, counter) => hotp.code_at(self.0.secret(), counter).expose().to_owned(),
        }
    }

    /// Returns a code that is wrong at `now` and for `steps` periods before and after it.
    #[must_use]
    pub fn wrong_code_at(&self, now: Timestamp, steps: u64) -> String {
        let period = match self.0.moving() {
            Moving::Totp(totp) => u64::from(totp.period().as_secs()),
            Moving::Hotp(..) => 30,
        };
        let reach = period.saturating_mul(steps);
        let first = now.minus(reach);
        let right: Vec<String> =
            (0..=steps.saturating_mul(2)).map(|n| self.code_at(first.plus(n.saturating_mul(period)))).collect();
        let digits = right.first().map_or(6, String::len);
        let wrong = (0_u32..).map(|n| format!("{n:0digits$}")).find(|code| !right.contains(code));
        wrong.unwrap_or_default()
    }
}

impl fmt::Debug for AuthenticatorApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticatorApp").field("account", &self.0.account()).finish_non_exhaustive()
    }
}
