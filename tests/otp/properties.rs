//! What holds for every key, time and code.

use proptest::prelude::*;
use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{
    Algorithm, Code, Counter, Digits, Hotp, LookAhead, Mismatch, Period, ResyncWindow, Secret, Step, Totp, Window,
};

fn totps() -> impl Strategy<Value = Totp> {
    (0..3_usize, 6..=8_u8, 1..=120_u32, 0..2_000_000_000_u64).prop_map(|(algorithm, digits, period, t0)| {
        Totp::default()
            .with_algorithm(Algorithm::ALL[algorithm])
            .with_digits(Digits::new(digits).unwrap())
            .with_period(Period::new(period).unwrap())
            .with_t0(Timestamp::from_secs(t0))
    })
}

fn secrets() -> impl Strategy<Value = Secret> {
    proptest::collection::vec(any::<u8>(), 16..=128).prop_map(|bytes| Secret::from_bytes(&bytes).unwrap())
}

fn windows() -> impl Strategy<Value = Window> {
    (0..=2_u8, 0..=2_u8).prop_map(|(past, future)| Window::new(past, future).unwrap())
}

/// The verdict as the text of the standard puts it, step by step.
fn model(
    totp: &Totp,
    secret: &Secret,
    code: &Code,
    now: Timestamp,
    window: Window,
    used: Option<Step>,
) -> Result<Step, Mismatch> {
    let Some(present) = totp.step_at(now) else { return Err(Mismatch::Wrong) };
    let from = present.get().saturating_sub(window.past().into());
    let to = present.get().saturating_add(window.future().into());
    let matches: Vec<_> =
        (from..=to).map(Step::new).filter(|step| totp.code_at(secret, *step).expose() == code.expose()).collect();
    match matches.iter().rev().find(|step| used.is_none_or(|used| **step > used)) {
        Some(step) => Ok(*step),
        None if matches.is_empty() => Err(Mismatch::Wrong),
        None => Err(Mismatch::Replayed),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_an_app_shows_is_judged_as_the_standard_says(
        totp in totps(), secret in secrets(), now in any::<u64>(), window in windows(),
        shown in -4..=4_i64, used in proptest::option::of(-4..=4_i64),
    ) {
        let now = Timestamp::from_secs(now);
        let present = totp.step_at(now).unwrap_or(Step::new(0)).get();
        let offset = |offset: i64| Step::new(present.saturating_add_signed(offset));
        let code = totp.code_at(&secret, offset(shown));
        let used = used.map(offset);
        let verdict = totp.verify(&secret, &code, now, window, used);
        prop_assert_eq!(verdict, model(&totp, &secret, &code, now, window, used));
        if let Ok(step) = verdict {
            prop_assert!(used.is_none_or(|used| step > used), "only what is newer than the last used step");
            prop_assert!(totp.verify(&secret, &code, now, window, Some(step)).is_err(), "and only once");
        }
    }

    #[test]
    fn what_a_token_shows_is_accepted_within_the_look_ahead_alone(
        secret in secrets(), digits in 6..=8_u8, next in 0..u64::MAX - 300, look_ahead in 0..=100_u8, ahead in 0..=120_u64,
    ) {
        let hotp = Hotp::default().with_digits(Digits::new(digits).unwrap());
        let code = hotp.code_at(&secret, Counter::new(next + ahead));
        let verdict = hotp.verify(&secret, &code, Counter::new(next), LookAhead::new(look_ahead).unwrap());
        match verdict {
            Ok(matched) => {
                prop_assert!(matched.counter.get() <= next + ahead && matched.counter.get() >= next);
                prop_assert_eq!(matched.next.get(), matched.counter.get() + 1);
                let shown = hotp.code_at(&secret, matched.counter);
                prop_assert_eq!(shown.expose(), code.expose());
            }
            Err(_) => prop_assert!(ahead > u64::from(look_ahead)),
        }
    }

    #[test]
    fn no_counter_and_no_time_overflows(secret in secrets(), from_the_end in 0..200_u64, totp in totps()) {
        let hotp = Hotp::default();
        let next = Counter::new(u64::MAX - from_the_end);
        let code = hotp.code_at(&secret, next);
        let _ = hotp.verify(&secret, &code, next, LookAhead::new(100).unwrap());
        let _ = hotp.resynchronise(&secret, &code, &code, next, ResyncWindow::default());
        let end = Timestamp::from_secs(u64::MAX - from_the_end);
        let typed = Code::parse("00000000", Digits::EIGHT).unwrap();
        let _ = totp.with_digits(Digits::EIGHT).verify(&secret, &typed, end, Window::default(), Some(Step::new(u64::MAX)));
    }

    #[test]
    fn a_code_is_read_as_its_digits_whatever_is_typed(typed in "[0-9 -]{0,12}|\\PC{0,12}") {
        let digits: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        match Code::parse(&typed, Digits::SIX) {
            Ok(code) => prop_assert_eq!(code.expose(), digits),
            Err(_) => {
                let trimmed = typed.trim_matches(' ');
                let hyphen_at_an_end = trimmed.starts_with('-') || trimmed.ends_with('-');
                prop_assert!(hyphen_at_an_end || digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }

    #[test]
    fn base_32_gives_back_what_it_was_given(secret in secrets()) {
        let text = secret.to_base32();
        let padded = format!("{:=<width$}", text.expose(), width = text.expose().len().div_ceil(8) * 8);
        for spelling in [text.expose().to_owned(), text.expose().to_lowercase(), padded] {
            let read = Secret::from_base32(&spelling).unwrap();
            prop_assert_eq!(read.expose(), secret.expose());
        }
    }

    #[test]
    fn base_32_has_one_spelling_for_each_key(typed in "[A-Z2-7]{26,60}") {
        if let Ok(secret) = Secret::from_base32(&typed) {
            let written = secret.to_base32();
            prop_assert_eq!(written.expose(), typed);
        }
    }
}
