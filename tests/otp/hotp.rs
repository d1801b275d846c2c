//! RFC 4226.

use tower_mfa::otp::{Algorithm, Code, Counter, Digits, Hotp, LookAhead, Matched, Mismatch, ResyncWindow};

use crate::{code, flipped, key, vectors};

const NO_LOOK_AHEAD: u8 = 0;

fn check(typed: &str, next: u64, look_ahead: u8) -> Result<Matched, Mismatch> {
    let hotp = Hotp::default().with_digits(Digits::new(u8::try_from(typed.len()).unwrap()).unwrap());
    hotp.verify(&key(Algorithm::Sha1), &code(typed), Counter::new(next), LookAhead::new(look_ahead).unwrap())
}

/// The code matches the counter, is what the token shows, and is wrong for a key with one bit turned.
fn agrees(count: u64, expected: &str) {
    let secret = key(Algorithm::Sha1);
    let hotp = Hotp::default().with_digits(code(expected).digits());
    let at = Counter::new(count);
    let exact = LookAhead::new(NO_LOOK_AHEAD).unwrap();

    assert_eq!(hotp.code_at(&secret, at).expose(), expected);
    let matched = hotp.verify(&secret, &code(expected), at, exact).unwrap();
    assert_eq!((matched.counter.get(), matched.next.get()), (count, count + 1));
    assert_eq!(hotp.verify(&flipped(&secret), &code(expected), at, exact), Err(Mismatch::Wrong));
}

#[test]
fn r4226_5_3_a_the_codes_of_appendix_d_are_accepted() {
    for row in vectors::rows("rfc4226_appendix_d") {
        agrees(row.number("count"), row.text("code"));
    }
}

#[test]
fn r4226_5_3_a_leading_zeros_are_part_of_the_code() {
    for row in vectors::rows("leading_zeros") {
        let (count, shown) = (row.number("count"), row.text("code"));
        agrees(count, shown);
        assert!(Code::parse(shown.trim_start_matches('0'), Digits::SIX).is_err(), "{shown} without its zeros");
    }
}

#[test]
fn r4226_5_3_a_fewer_than_6_and_more_than_8_digits_are_refused() {
    for digits in [0, 1, 5, 9, 10, 255] {
        assert_eq!(Digits::new(digits).unwrap_err().field(), "digits");
    }
    assert_eq!([6, 7, 8].map(|digits| Digits::new(digits).unwrap().get()), [6, 7, 8]);
    assert!(serde_json::from_str::<Hotp>(r#"{"algorithm":"SHA1","digits":5}"#).is_err());
}

#[test]
fn r4226_5_3_b_the_code_is_the_tail_of_a_31_bit_number() {
    // Section 5.4 in whole is a unit test beside the code: its MAC has no known key.
    let hotp = Hotp::default().with_digits(Digits::EIGHT);
    assert_eq!(hotp.code_at(&key(Algorithm::Sha1), Counter::new(0)).expose(), "84755224", "of 1284755224");
}

#[test]
fn r4226_5_1_the_counter_has_eight_bytes_the_highest_first() {
    for row in vectors::rows("big_counters") {
        agrees(row.number("count"), row.text("code6"));
        agrees(row.number("count"), row.text("code8"));
    }
}

#[test]
fn r4226_5_3_c_the_offset_is_in_the_last_byte_and_not_in_byte_19() {
    for row in vectors::rows("trap_byte_19") {
        let algorithm = Algorithm::from_name(row.text("algorithm")).unwrap();
        let hotp = Hotp::default().with_algorithm(algorithm).with_digits(Digits::EIGHT);
        let step = Counter::new(row.number::<u64>("time") / 30);
        assert_ne!(hotp.code_at(&key(algorithm), step).expose(), row.text("code8"));
    }
}

#[test]
fn r4226_7_2_a_after_a_match_the_server_counts_on_from_there() {
    let codes: Vec<_> = vectors::rows("rfc4226_appendix_d").iter().map(|row| row.text("code").to_owned()).collect();
    let matched = check(&codes[3], 0, 10).unwrap();
    assert_eq!((matched.counter.get(), matched.next.get()), (3, 4));
    for passed in &codes[..=3] {
        assert!(check(passed, matched.next.get(), 10).is_err(), "{passed} is behind the counter");
    }
    assert_eq!(check(&codes[4], matched.next.get(), 10).unwrap().next.get(), 5);
}

#[test]
fn n63b_3_1_4_1_b_the_next_counter_is_always_past_the_one_that_matched() {
    for (typed, next) in [("755224", 0), ("520489", 0), ("399871", 8)] {
        let matched = check(typed, next, 10).unwrap();
        assert!(matched.counter.get() >= next && matched.next > matched.counter);
    }
}

#[test]
fn n63b_3_1_4_2_d_the_code_used_last_is_told_apart_from_a_wrong_one() {
    assert_eq!(check("969429", 4, 10), Err(Mismatch::Replayed));
    assert_eq!(check("359152", 4, 10), Err(Mismatch::Wrong));
}

#[test]
fn r4226_7_4_a_a_code_at_the_end_of_the_look_ahead_is_accepted_and_the_next_one_is_not() {
    let ten = LookAhead::default();
    assert_eq!(ten.get(), 10);
    let (hotp, secret) = (Hotp::default(), key(Algorithm::Sha1));
    for (ahead, accepted) in [(0, true), (10, true), (11, false)] {
        let shown = hotp.code_at(&secret, Counter::new(100 + ahead));
        assert_eq!(hotp.verify(&secret, &shown, Counter::new(100), ten).is_ok(), accepted, "{ahead} ahead");
    }
    assert_eq!(LookAhead::new(101).unwrap_err().field(), "look_ahead");
    assert!(serde_json::from_str::<LookAhead>("101").is_err());
}

#[test]
fn r4226_7_4_b_two_codes_in_a_row_bring_a_token_back() {
    let (hotp, secret) = (Hotp::default(), key(Algorithm::Sha1));
    let shown = |count| hotp.code_at(&secret, Counter::new(count));
    let window = ResyncWindow::new(100).unwrap();
    let resync =
        |first, second, next| hotp.resynchronise(&secret, &shown(first), &shown(second), Counter::new(next), window);

    assert!(hotp.verify(&secret, &shown(50), Counter::new(0), LookAhead::default()).is_err(), "too far for one code");
    let matched = resync(50, 51, 0).unwrap();
    assert_eq!((matched.counter.get(), matched.next.get()), (51, 52), "both codes are used up");
    assert_eq!(resync(50, 52, 0), Err(Mismatch::Wrong), "not in a row");
    assert_eq!(resync(51, 50, 0), Err(Mismatch::Wrong), "the wrong way round");
    assert_eq!(resync(50, 50, 0), Err(Mismatch::Wrong), "one code twice");
    assert_eq!(resync(50, 51, 51), Err(Mismatch::Wrong), "the first is behind the counter");
    assert!(resync(100, 101, 0).is_ok(), "at the end of the window");
    assert!(resync(101, 102, 0).is_err(), "past the end of the window");
    assert_eq!(
        hotp.resynchronise(&flipped(&secret), &shown(50), &shown(51), Counter::new(0), window),
        Err(Mismatch::Wrong)
    );
    assert!(ResyncWindow::new(0).is_err() && ResyncWindow::new(1_001).is_err());
}

#[test]
fn r4226_6_a_guess_against_the_widest_look_ahead_stays_a_long_shot() {
    // Sec = s·v/10^d: codes looked at, times guesses before the hard limit, over all codes.
    let widest = f64::from(LookAhead::new(100).unwrap().get()) + 1.0;
    let default = f64::from(LookAhead::default().get()) + 1.0;
    assert!(default * 100.0 / 1e6 < 1.2e-3);
    assert!(widest * 100.0 / 1e6 < 1.02e-2);
}

#[test]
fn the_end_of_the_counter_is_a_refusal_and_no_overflow() {
    let (hotp, secret) = (Hotp::default(), key(Algorithm::Sha1));
    let (first, second) = (Counter::new(u64::MAX - 1), Counter::new(u64::MAX));
    let wide = LookAhead::new(100).unwrap();
    let last = hotp.code_at(&secret, second);
    let last_but_one = hotp.code_at(&secret, first);

    assert_eq!(hotp.verify(&secret, &last_but_one, first, wide).unwrap().next, second);
    assert_eq!(hotp.verify(&secret, &last, second, wide), Err(Mismatch::Wrong), "none could follow it");
    let resync = hotp.resynchronise(&secret, &last_but_one, &last, first, ResyncWindow::default());
    assert_eq!(resync, Err(Mismatch::Wrong));
}

#[test]
fn of_two_counters_with_one_code_the_earlier_is_taken() {
    for row in vectors::rows("adjacent_collision") {
        let (first, second): (u64, u64) = (row.number("first"), row.number("second"));
        assert_eq!(check(row.text("code"), first, 10).unwrap().counter.get(), first);
        assert_eq!(check(row.text("code"), second, 10).unwrap().counter.get(), second, "and then the later");
        assert_eq!(check(row.text("code"), second + 1, 10), Err(Mismatch::Replayed));
    }
}

#[test]
fn a_code_read_with_another_number_of_digits_is_wrong() {
    let secret = key(Algorithm::Sha1);
    let eight = Hotp::default().with_digits(Digits::EIGHT);
    // 84755224 modulo a million is 755224.
    assert_eq!(eight.verify(&secret, &code("755224"), Counter::new(0), LookAhead::default()), Err(Mismatch::Wrong));
}
