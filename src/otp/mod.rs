//! One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238), the key URI, and its QR code.
//!
//! Everything here is a plain function on plain values: the time, the random bytes and the last
//! step used come in as arguments, a verdict goes out. Nothing is stored, so replay protection is
//! a promise between this room and its caller: a successful check returns the step (or counter)
//! that matched, the caller stores it with the same transaction that grants access, and hands it
//! back as `last_used` (or `next`) at the following check.
//!
//! ```
//! use tower_mfa::clock::Timestamp;
//! use tower_mfa::entropy::SystemEntropy;
//! use tower_mfa::otp::{Algorithm, Code, Mismatch, Secret, Totp, Window};
//!
//! let totp = Totp::default(); // SHA-1, 6 digits, 30 seconds: what every app can do
//! let secret = Secret::generate(Algorithm::Sha1, &SystemEntropy).unwrap();
//! let now = Timestamp::from_secs(1_111_111_111);
//!
//! // The app on the phone shows this; a person types it with a space in the middle.
//! let shown = totp.code_at(&secret, totp.step_at(now).unwrap());
//! let typed = Code::parse(&shown.expose().replacen("", " ", 1), totp.digits()).unwrap();
//!
//! let step = totp.verify(&secret, &typed, now, Window::default(), None).unwrap();
//! assert_eq!(Some(step), totp.step_at(now), "the step whose code it was: keep it");
//! let again = totp.verify(&secret, &typed, now, Window::default(), Some(step));
//! assert_eq!(again, Err(Mismatch::Replayed), "a code is good for one sign-in");
//! ```
//!
//! | to | see |
//! |---|---|
//! | make or import a key | [`Secret`] |
//! | read what a person typed | [`Code::parse`] |
//! | check an authenticator app | [`Totp`], [`Window`] |
//! | check a token that counts | [`Hotp`], [`LookAhead`], [`ResyncWindow`] |
//! | hand a key to an app, or take it from one | [`OtpauthUri`] |

mod base32;
mod code;
mod hotp;
mod params;
mod secret;
mod totp;
mod truncate;
mod uri;
mod uri_parse;

#[cfg(feature = "qr")]
pub mod qr;

pub use code::{Code, InvalidCode};
pub use hotp::{Counter, Hotp, LookAhead, Matched, ResyncWindow};
pub use params::{Algorithm, Digits, Period};
pub use secret::{InvalidSecret, Secret};
pub use totp::{Diagnosis, Mismatch, Step, Totp, Window};
pub use uri::{InvalidUri, Moving, OtpauthUri};
