//! A key URI from anywhere: it is refused, or it prints to one that reads back as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::otp::OtpauthUri;

fuzz_target!(|text: &str| {
    let _ = OtpauthUri::danger_parse_short_secret(text);
    let Ok(uri) = OtpauthUri::parse(text) else { return };
    let printed = uri.print();
    let again = OtpauthUri::parse(printed.expose()).expect("what is printed can be read");
    assert_eq!((uri.issuer(), uri.account(), uri.moving()), (again.issuer(), again.account(), again.moving()));
    assert_eq!(uri.secret().expose(), again.secret().expose());
    assert_eq!(printed.expose(), again.print().expose(), "and prints the same");
});
