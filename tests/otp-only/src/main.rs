//! `tower-mfa` without any feature: one-time passwords, pure. It asserts a yes and a no, and ends.

use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{Code, Mismatch, Secret, Totp, Window};

fn main() {
    // RFC 6238 appendix B, its last six digits.
    let (totp, now) = (Totp::default(), Timestamp::from_secs(1_111_111_111));
    let secret = Secret::from_bytes(b"12345678901234567890").unwrap();
    let code = Code::parse("050471", totp.digits()).unwrap();
    let wrong = Code::parse("050472", totp.digits()).unwrap();

    let step = totp.verify(&secret, &code, now, Window::default(), None).unwrap();
    let again = totp.verify(&secret, &code, now, Window::default(), Some(step));
    assert_eq!(again, Err(Mismatch::Replayed));
    assert!(totp.verify(&secret, &wrong, now, Window::default(), None).is_err());
    println!("otp-only: the code passes once; a wrong one does not");
}
