//! RFC 6238, and what NIST SP 800-63B-4 says of one-time passwords.

use tower_mfa::clock::Timestamp;
use tower_mfa::otp::{Algorithm, Code, Diagnosis, Digits, Mismatch, Period, Secret, Step, Totp, Window};

use crate::{code, flipped, key, vectors};

const NOW: Timestamp = Timestamp::from_secs(1_111_111_111);
const PRESENT: Step = Step::new(37_037_037);

/// Checks a six-digit SHA-1 code at [`NOW`].
fn check(typed: &str, window: Window, last_used: Option<Step>) -> Result<Step, Mismatch> {
    Totp::default().verify(&key(Algorithm::Sha1), &code(typed), NOW, window, last_used)
}

/// The code of a step around [`PRESENT`].
fn around(offset: i64) -> String {
    let rows = vectors::rows("window");
    rows.iter().find(|row| row.number::<i64>("offset") == offset).unwrap().text("code").to_owned()
}

fn at(offset: i64) -> Step {
    Step::new(PRESENT.get().checked_add_signed(offset).unwrap())
}

#[test]
fn r6238_4_2_b_the_codes_of_appendix_b_are_accepted_past_32_bits_of_time() {
    for row in vectors::rows("rfc6238_appendix_b") {
        let algorithm = Algorithm::from_name(row.text("algorithm")).unwrap();
        let (now, step) = (Timestamp::from_secs(row.number("time")), Step::new(row.number("step")));
        for column in ["code6", "code7", "code8"] {
            let typed = code(row.text(column));
            let totp = Totp::default().with_algorithm(algorithm).with_digits(typed.digits());
            let secret = key(algorithm);
            let check = |secret| totp.verify(secret, &typed, now, Window::STRICT, None);

            assert_eq!(totp.code_at(&secret, step).expose(), typed.expose());
            assert_eq!(check(&secret), Ok(step));
            assert_eq!(check(&flipped(&secret)), Err(Mismatch::Wrong));
        }
    }
}

#[test]
fn r6238_4_2_a_steps_are_counted_from_t0_in_whole_periods() {
    let totp = Totp::default();
    let step = |totp: &Totp, secs| totp.step_at(Timestamp::from_secs(secs)).map(Step::get);
    assert_eq!([0, 29, 30, 59, 60].map(|secs| step(&totp, secs)), [Some(0), Some(0), Some(1), Some(1), Some(2)]);
    for row in vectors::rows("other_params") {
        let totp = Totp::default()
            .with_period(Period::new(row.number("period")).unwrap())
            .with_t0(Timestamp::from_secs(row.number("t0")));
        let now = Timestamp::from_secs(row.number("time"));
        let secret = key(Algorithm::Sha1);
        let check = |secret| totp.verify(secret, &code(row.text("code")), now, Window::STRICT, None);
        assert_eq!(check(&secret), Ok(Step::new(row.number("step"))));
        assert_eq!(check(&flipped(&secret)), Err(Mismatch::Wrong));
    }
}

#[test]
fn before_t0_there_is_no_step_and_no_code_is_right() {
    let totp = Totp::default().with_t0(NOW.plus(1));
    let secret = key(Algorithm::Sha1);
    assert_eq!(totp.step_at(NOW), None);
    let first = totp.code_at(&secret, Step::new(0));
    assert_eq!(totp.verify(&secret, &first, NOW, Window::default(), None), Err(Mismatch::Wrong));
    assert_eq!(totp.verify(&secret, &first, NOW.plus(1), Window::default(), None), Ok(Step::new(0)));
}

#[test]
fn r6238_eid2866_a_20_byte_key_does_not_match_for_sha_256_and_512() {
    for row in vectors::rows("trap_short_key") {
        let algorithm = Algorithm::from_name(row.text("algorithm")).unwrap();
        let totp = Totp::default().with_algorithm(algorithm).with_digits(Digits::EIGHT);
        let (typed, now) = (code(row.text("code8")), Timestamp::from_secs(row.number("time")));
        let check = |secret: &Secret| totp.verify(secret, &typed, now, Window::default(), None);
        assert_eq!(check(&key(algorithm)), Err(Mismatch::Wrong));
        assert!(check(&key(Algorithm::Sha1)).is_ok(), "the trap is what a 20-byte key gives");
    }
}

#[test]
fn r6238_5_2_a_one_step_of_delay_is_accepted_and_two_are_not() {
    for offset in -3..=3 {
        let expected = if (-1..=1).contains(&offset) { Ok(at(offset)) } else { Err(Mismatch::Wrong) };
        assert_eq!(check(&around(offset), Window::default(), None), expected, "{offset} steps");
        let strict = if offset == 0 { Ok(PRESENT) } else { Err(Mismatch::Wrong) };
        assert_eq!(check(&around(offset), Window::STRICT, None), strict, "{offset} steps, strict");
    }
}

#[test]
fn r6238_5_2_b_a_step_lasts_30_seconds_unless_told_otherwise() {
    assert_eq!(Totp::default().period().as_secs(), 30);
}

#[test]
fn r6238_5_2_c_a_code_is_accepted_once() {
    let step = check(&around(0), Window::default(), None).unwrap();
    assert_eq!(check(&around(0), Window::default(), Some(step)), Err(Mismatch::Replayed));
    assert_eq!(check(&around(-1), Window::default(), Some(step)), Err(Mismatch::Replayed), "older than the last used");
    assert_eq!(check(&around(1), Window::default(), Some(step)), Ok(at(1)));
}

#[test]
fn n63b_3_1_4_2_c_the_step_used_once_stays_used_for_as_long_as_the_window_is_open() {
    let (totp, secret) = (Totp::default(), key(Algorithm::Sha1));
    for second in 0..120 {
        let again = totp.verify(&secret, &code(&around(0)), NOW.plus(second), Window::default(), Some(PRESENT));
        assert!(again.is_err(), "{second} seconds later");
    }
}

#[test]
fn cve_2015_7225_the_same_code_twice_is_refused() {
    let used = check(&around(0), Window::STRICT, None).unwrap();
    assert_eq!(check(&around(0), Window::STRICT, Some(used)), Err(Mismatch::Replayed));
}

#[test]
fn cve_2021_43177_a_used_code_is_not_good_again_one_or_two_steps_later() {
    let (totp, secret) = (Totp::default(), key(Algorithm::Sha1));
    let wide = Window::new(2, 2).unwrap();
    let used = totp.verify(&secret, &code(&around(0)), NOW, wide, None).unwrap();
    for later in [30, 60] {
        let again = totp.verify(&secret, &code(&around(0)), NOW.plus(later), wide, Some(used));
        assert_eq!(again, Err(Mismatch::Replayed), "{later} seconds later");
    }
}

#[test]
fn n63b_3_1_4_2_d_a_duplicate_use_is_told_apart_from_a_wrong_code() {
    assert_eq!(check(&around(0), Window::default(), Some(PRESENT)), Err(Mismatch::Replayed));
    assert_eq!(check("000000", Window::default(), Some(PRESENT)), Err(Mismatch::Wrong));
}

#[test]
fn r6238_x_collision_the_step_is_used_up_and_not_the_text_of_the_code() {
    for row in vectors::rows("adjacent_collision") {
        let (first, second): (u64, u64) = (row.number("first"), row.number("second"));
        let (totp, secret) = (Totp::default(), key(Algorithm::Sha1));
        let typed = code(row.text("code"));
        let check = |now, used| totp.verify(&secret, &typed, Timestamp::from_secs(now), Window::default(), used);

        assert_eq!(check(first * 30, None), Ok(Step::new(second)), "the newest step of the window is used up");
        assert_eq!(check(second * 30, Some(Step::new(first))), Ok(Step::new(second)), "no replay: another step");
        assert_eq!(check(second * 30, Some(Step::new(second))), Err(Mismatch::Replayed));
    }
}

#[test]
fn n63b_3_1_4_2_e_the_lifetime_of_a_code_is_bounded_both_ways() {
    for (past, future) in [(3, 0), (0, 3), (255, 255)] {
        assert_eq!(Window::new(past, future).unwrap_err().field(), "window");
    }
    let (totp, secret) = (Totp::default(), key(Algorithm::Sha1));
    let begin = PRESENT.get() * 30;
    let lives = |window, range: std::ops::Range<u64>| {
        range
            .filter(|secs| totp.verify(&secret, &code(&around(0)), Timestamp::from_secs(*secs), window, None).is_ok())
            .count()
    };
    assert_eq!(lives(Window::default(), begin - 200..begin + 200), 90, "30 seconds early to 30 seconds late");
    assert_eq!(lives(Window::STRICT, begin - 200..begin + 200), 30);
    assert_eq!(lives(Window::new(2, 2).unwrap(), begin - 200..begin + 200), 150);
}

#[test]
fn r6238_6_a_the_window_is_read_from_storage_with_the_same_bounds() {
    assert!(serde_json::from_str::<Window>("[2,2]").is_ok());
    assert!(serde_json::from_str::<Window>("[3,0]").is_err());
}

#[test]
fn n63b_3_1_4_1_d_a_period_over_two_minutes_is_refused() {
    assert_eq!(Period::new(120).unwrap().as_secs(), 120);
    for secs in [0, 121, u32::MAX] {
        assert_eq!(Period::new(secs).unwrap_err().field(), "period");
    }
    assert!(serde_json::from_str::<Period>("121").is_err());
}

#[test]
fn n63b_3_1_4_1_c_fewer_than_six_digits_are_refused() {
    assert!(Digits::new(5).is_err());
    assert!(serde_json::from_str::<Digits>("5").is_err());
}

#[test]
fn r4226_6_a_guess_against_the_default_window_hits_with_three_in_ten_thousand_before_the_hard_limit() {
    // Sec = s·v/10^d: codes accepted, times guesses before the hard limit, over all codes.
    let accepted = (-3..=3).filter(|offset| check(&around(*offset), Window::default(), None).is_ok()).count();
    assert!(accepted * 100 * 10_000 <= 3 * 1_000_000);
}

#[test]
fn cve_2025_6014_no_other_spelling_of_a_used_code_is_a_second_use() {
    let used = check(&around(0), Window::default(), None).unwrap();
    for spelling in [" 050471", "050471 ", "050 471", "050-471", "0 5 0 4 7 1"] {
        let typed = Code::parse(spelling, Digits::SIX).unwrap();
        let again = Totp::default().verify(&key(Algorithm::Sha1), &typed, NOW, Window::default(), Some(used));
        assert_eq!(again, Err(Mismatch::Replayed), "{spelling:?}");
    }
    let full_width = "０５０４７１";
    let arabic = "٠٥٠٤٧١";
    for refused in [
        full_width,
        arabic,
        "0050471",
        "50471",
        "+50471",
        "-50471",
        "-050471",
        "050471-",
        "0x50471",
        "050471\n",
        "050471\0",
        "5.0471e4",
        "050471a",
        "",
        " ",
        "050\u{a0}471",
        "050\u{2010}471",
        "050471050471",
    ] {
        assert!(Code::parse(refused, Digits::SIX).is_err(), "{refused:?}");
    }
}

/// Rows: ASVS-11.2.4
#[test]
fn rustsec_2022_0018_codes_cannot_be_compared_by_anything_but_the_check() {
    // A method of the type comes before one of a trait for all types: where `Code` learned `==`,
    // the answer would change.
    struct Ask<T>(std::marker::PhantomData<T>);
    impl<T: PartialEq> Ask<T> {
        fn comparable(&self) -> bool {
            true
        }
    }
    trait Otherwise {
        fn comparable(&self) -> bool {
            false
        }
    }
    impl<T> Otherwise for Ask<T> {}
    assert!(Ask::<u32>(std::marker::PhantomData).comparable(), "the question is well put");
    assert!(!Ask::<Code>(std::marker::PhantomData).comparable());
    assert!(!Ask::<Secret>(std::marker::PhantomData).comparable());

    // And the check looks at all of it: a code that differs in any one digit is wrong.
    let right = around(0);
    for place in 0..6 {
        for digit in '0'..='9' {
            let typed: String = right.chars().enumerate().map(|(i, c)| if i == place { digit } else { c }).collect();
            assert_eq!(check(&typed, Window::STRICT, None).is_ok(), typed == right, "{typed}");
        }
    }
}

#[test]
fn the_operator_learns_which_algorithm_an_app_computes() {
    let totp = Totp::default().with_algorithm(Algorithm::Sha256);
    let secret = key(Algorithm::Sha256);
    let shown = Totp::default().code_at(&secret, PRESENT);
    assert!(totp.verify(&secret, &shown, NOW, Window::default(), None).is_err());
    assert_eq!(totp.diagnose(&secret, &shown, NOW, 20), Some(Diagnosis::OtherAlgorithm(Algorithm::Sha1)));
}

#[test]
fn the_operator_learns_how_far_off_the_clock_of_a_phone_is() {
    let (totp, secret) = (Totp::default(), key(Algorithm::Sha1));
    for offset in [-120, -3, -2, 2, 3, 120] {
        let shown = totp.code_at(&secret, at(offset));
        assert_eq!(totp.diagnose(&secret, &shown, NOW, 120), Some(Diagnosis::StepOffset(offset)));
        assert_eq!(totp.diagnose(&secret, &shown, NOW, 1), None, "out of reach");
        assert_eq!(totp.diagnose(&flipped(&secret), &shown, NOW, 1), None);
    }
    let early = Timestamp::from_secs(0);
    assert_eq!(totp.diagnose(&secret, &code("000000"), early, u16::MAX), None, "nothing before step 0, no overflow");
}

#[test]
fn parameters_are_stored_as_they_are_named() {
    let totp = Totp::default().with_algorithm(Algorithm::Sha512).with_digits(Digits::EIGHT);
    let json = serde_json::to_string(&totp).unwrap();
    assert_eq!(json, r#"{"algorithm":"SHA512","digits":8,"period":30,"t0":0}"#);
    assert_eq!(serde_json::from_str::<Totp>(&json).unwrap(), totp);
    assert_eq!(serde_json::to_string(&PRESENT).unwrap(), "37037037");
}
