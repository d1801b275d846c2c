//! A recovery code as people type it, in every format: it is refused, or it has one spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::recovery_code::{Format, Typed};

fuzz_target!(|input: (u8, &str)| {
    let (symbols, text) = input;
    let Ok(format) = Format::danger_short_recovery_codes(symbols) else { return };
    let Ok(typed) = Typed::parse(text, format) else { return };
    assert_eq!(typed.expose().len(), usize::from(symbols) + 1);
    let again = Typed::parse(typed.expose(), format).expect("the one spelling can be read");
    assert_eq!((typed.expose(), typed.slot()), (again.expose(), again.slot()));
});
