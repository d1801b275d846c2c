use tokio::runtime::Runtime;
use totp_rs::Builder;
use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{Code, Digits, Secret, Totp, Window};
use tower_mfa_benches::{Pair, Report};

use super::us;

/// A wrong code, from the raw secret: what a server does that keeps nothing but bytes.
pub fn measure(_: &Runtime, report: &mut Report) {
    let raw: &[u8] = b"12345678901234567890";
    let at = 1_800_000_015;
    let ours = || {
        let secret = Secret::from_bytes(raw).unwrap();
        let code = Code::parse("000000", Digits::SIX).unwrap();
        Totp::default().verify(&secret, &code, Timestamp::from_secs(at), Window::default(), None).is_ok()
    };
    let theirs = || {
        let totp = Builder::new().with_secret(raw.to_vec()).with_skew(1).build().unwrap();
        totp.check("000000", at).is_some()
    };
    assert!(!ours() && !theirs(), "the code is wrong");
    let pair = Pair::measure(401, 2_000, ours, theirs);
    let details = format!("  {:.3} of {:.3} µs", us(pair.ours), us(pair.theirs));
    report.line("a wrong TOTP code, ±1 (totp-rs 6 = 1)", pair.ratio, 0.75, "", details);
}
