//! A code as people type it, at any time and with any parameters: what is accepted is the code of
//! the step that is returned, in the window, and newer than the last one used.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{Algorithm, Code, Digits, Period, Secret, Step, Totp, Window};

fuzz_target!(|input: (u64, u64, Option<u64>, [u8; 5], &str)| {
    let (now, t0, last_used, [algorithm, digits, period, past, future], typed) = input;
    let algorithm = Algorithm::ALL[usize::from(algorithm) % Algorithm::ALL.len()];
    let Ok(digits) = Digits::new(6 + digits % 3) else { return };
    let Ok(period) = Period::new(u32::from(period).clamp(1, 120)) else { return };
    let Ok(window) = Window::new(past % 3, future % 3) else { return };
    let totp = Totp::default().with_algorithm(algorithm).with_digits(digits).with_period(period);
    let totp = totp.with_t0(Timestamp::from_secs(t0));
    let secret = Secret::from_bytes(&[7; 20]).expect("20 bytes");
    let (now, last_used) = (Timestamp::from_secs(now), last_used.map(Step::new));

    // A right code as well as whatever was typed, so that both ends are reached.
    let right = totp.step_at(now).map(|step| totp.code_at(&secret, step));
    for code in right.into_iter().chain(Code::parse(typed, digits).ok()) {
        let _ = totp.diagnose(&secret, &code, now, 3);
        let Ok(step) = totp.verify(&secret, &code, now, window, last_used) else { continue };
        assert_eq!(totp.code_at(&secret, step).expose(), code.expose());
        assert!(last_used.is_none_or(|used| step > used));
        let present = totp.step_at(now).expect("a step was accepted").get();
        let reach =
            present.saturating_sub(u64::from(window.past()))..=present.saturating_add(u64::from(window.future()));
        assert!(reach.contains(&step.get()));
        assert!(totp.verify(&secret, &code, now, Window::STRICT, Some(step)).is_err() || step.get() < present);
    }
});
