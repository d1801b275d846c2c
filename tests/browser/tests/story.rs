//! The quickstart's page in the hands of a person, from the first sign-in to a lost phone.
//!
//! Pictures of every view are kept under `target/browser/`.

#[path = "../../common/example.rs"]
mod example;
#[path = "../../common/quickstart.rs"]
mod quickstart;

use std::time::Duration;

use quickstart::Quickstart;
use tower_mfa_browser::person::*;
use tower_mfa_browser::{App, Browser, Driver, can_browse, root};

/// Sets up an app from the account's page; returns it with the recovery codes.
fn enrol(page: &Browser) -> (App, Vec<String>) {
    let mut app = begin_enrolment(page, "My phone");
    page.screenshot("3-enrol");
    assert_scannable(page, "3-enrol");
    confirm(page, &app.wrong_code());
    page.shows("#enrol .problem", "does not match");
    confirm(page, &app.code());
    (app, save_codes(page))
}

/// The code on the screen is the key beside it.
fn assert_scannable(page: &Browser, picture: &str) {
    if let Some(uri) = page.scan(picture) {
        let secret = page.text("#secret").replace(' ', "");
        assert!(uri.starts_with("otpauth://totp/") && uri.contains(&format!("secret={secret}")), "{uri}");
    }
}

/// Reads the recovery codes; the page does not go on before they are said to be saved.
fn save_codes(page: &Browser) -> Vec<String> {
    let codes = read_codes(page);
    page.screenshot("4-codes");
    page.print(true);
    assert!(page.is_shown("#codes") && !page.is_shown("#codes-form"), "what is printed is the codes");
    page.screenshot("4-codes-printed");
    page.print(false);
    page.click("#codes-form [type=submit]");
    assert!(page.is_shown("#view-codes"), "it must not go on yet");
    keep_codes(page);
    codes
}

#[test]
fn a_person_does_the_whole_story() {
    if !can_browse() {
        return;
    }
    let bank = Quickstart::start(&root(), &["--store", "memory:"], &[]);
    let driver = Driver::start();
    let page = driver.browser();

    page.open(&bank.origin);
    signs_in_by_keyboard_alone(&page);
    page.shows("#apps", "Your password alone protects this account");
    let (mut app, recovery) = enrol(&page);
    page.shows("#level", "second step");
    page.shows("#apps", "My phone");
    page.screenshot("5-account");

    sign_out(&page);
    signs_in_with_a_code(&page, &mut app);
    sends_money(&page, &mut app);
    stays_signed_in(&page, &bank.origin);
    let other = driver.browser();
    other.open(&bank.origin);
    loses_the_phone(&page, &other, &recovery);
    opens_routes(&page);
    looks_right_everywhere(&page);

    sign_out(&page);
    assert_eq!(page.complaints(), Vec::<String>::new());
    assert_eq!(other.complaints(), Vec::<String>::new());
}

fn signs_in_by_keyboard_alone(page: &Browser) {
    page.shows("#sign-in-title", "Sign in");
    assert_eq!(page.focus(), "username");
    page.keys("alice");
    page.keys(&TAB.to_string());
    assert_eq!(page.focus(), "password");
    page.keys(PASSWORD);
    page.keys(&TAB.to_string());
    assert_eq!(page.focus(), "Sign in");
    assert!(page.shows_focus(), "the focus must be visible");
    page.screenshot("1-sign-in-focus");
    page.keys(&ENTER.to_string());
    page.shows("#account-title", "Your account");
    assert_eq!(page.focus(), "account-title");
    page.screenshot("2-account-without-app");
}

fn signs_in_with_a_code(page: &Browser, app: &mut App) {
    sign_in(page, "alice");
    page.shows("#answer-title", "Second step");
    answer(page, "#answer-place", &app.wrong_code());
    page.shows("#answer-place .problem", "2 more tries");
    page.screenshot("6-second-step");
    answer(page, "#answer-place", "12");
    page.shows("#answer-place .problem", "6 to 8 digits");
    answer(page, "#answer-place", &app.code());
    page.shows("#account-title", "Your account");
}

fn sends_money(page: &Browser, app: &mut App) {
    // What is asked can be declined, and nothing is sent.
    page.fill("#transfer-amount", "40");
    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 40 € to bob?");
    page.keys(&ESCAPE.to_string());
    page.shows("#transfer .done", "Not sent");

    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 40 € to bob?");
    page.screenshot("7-step-up");
    answer(page, "#step-up-place", &app.code());
    page.shows("#transfer .done", "Sent 40 € to bob");
    page.fill("#transfer-amount", "41");
    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 41 € to bob?");
    answer(page, "#step-up-place", &app.code());
    page.shows("#transfer .done", "Sent 41 € to bob");
    page.screenshot("8-sent");
}

fn stays_signed_in(page: &Browser, origin: &str) {
    page.open(origin);
    page.shows("#account-title", "Your account");
    // As when the access token is over: it is renewed, and the request sent again.
    page.forget_cookie("mfa", origin);
    page.click("#try [data-path='/account']");
    page.shows("#try-answer", "\"balance\"");
    assert_eq!(page.script("return document.cookie;"), "", "no script may read a token");

    // A token that is about to end is renewed while somebody is there, and only then.
    soon_over(page, origin);
    std::thread::sleep(Duration::from_secs(7));
    assert!(token_left(page) < 0, "nobody is there, so the session grows idle");
    soon_over(page, origin);
    page.keys(&TAB.to_string());
    page.wait("the renewal", || (token_left(page) > 600).then_some(()));
}

/// Lets the page believe that its token ends in six seconds.
fn soon_over(page: &Browser, origin: &str) {
    page.script("localStorage.setItem('mfa-token-ends', String(Date.now() + 6000));");
    page.open(origin);
    page.shows("#account-title", "Your account");
}

/// How long the page believes its token is good, in seconds.
fn token_left(page: &Browser) -> i64 {
    let left = page.script("return Math.floor((localStorage.getItem('mfa-token-ends') - Date.now()) / 1000);");
    left.as_i64().expect("a number")
}

fn loses_the_phone(page: &Browser, other: &Browser, recovery: &[String]) {
    sign_in(other, "alice");
    other.click("#answer-place [data-part=other]");
    answer(other, "#answer-place", &recovery[0].to_lowercase());
    other.shows("#message", "9 are left");
    other.shows("#recovery", "9 of 10");

    sign_out(page);
    sign_in(page, "alice");
    page.click("#answer-place [data-part=other]");
    answer(page, "#answer-place", &recovery[0]);
    page.shows("#answer-place .problem", "That code is not right");
    page.screenshot("9-recovery-code");
    answer(page, "#answer-place", &recovery[1]);
    page.shows("#message", "8 are left");

    page.shows("#sessions", "This browser");
    page.wait("two sessions", || (page.count("#sessions li") == 2).then_some(()));
    page.click("#end-others");
    page.shows("#message", "signed out everywhere else");
    assert_eq!(page.count("#sessions li"), 1);
    other.click("#try [data-path='/profile']");
    other.shows("#message", "Your session is over");
    assert!(other.is_shown("#view-sign-in"));
}

fn opens_routes(page: &Browser) {
    for (path, said) in [
        ("/public", "Anybody may read this"),
        ("/profile", "\"subject\": \"alice\""),
        ("/account", "\"balance\""),
        ("/admin", "403 insufficient_scope"),
        ("/vault", "409 no_eligible_authenticator"),
    ] {
        page.click(&format!("#try [data-path='{path}']"));
        page.shows("#try-answer", &format!("GET {path}"));
        page.shows("#try-answer", said);
    }
}

fn looks_right_everywhere(page: &Browser) {
    page.dark(true);
    page.screenshot("10-dark");
    page.phone(360, 740);
    assert_eq!(page.overflow(), 0, "the account must fit a phone");
    page.screenshot("11-phone-dark");
    page.dark(false);
    page.screenshot("12-phone");
    page.click("#add-app");
    page.shows("#enrol-title", "Set up");
    assert_eq!(page.overflow(), 0, "the name of an app must fit a phone");
    page.screenshot("13-phone-name");
    drop(name_app(page, "Tablet"));
    assert_eq!(page.overflow(), 0, "the enrolment must fit a phone");
    page.screenshot("13-phone-enrol");
    assert_scannable(page, "13-phone-enrol");
    page.click("#enrol-cancel");
    page.shows("#account-title", "Your account");
    page.click("#new-codes");
    page.shows("#ask-title", "new recovery codes");
    page.screenshot("14-phone-ask");
    page.click("#ask-yes");
    assert_eq!(save_codes(page).len(), 10);
    assert_eq!(page.overflow(), 0);
    page.click("#apps button[aria-label='Rename My phone']");
    page.fill("#ask-input", "<b>Old</b> phone");
    page.click("#ask-yes");
    page.shows("#apps", "<b>Old</b> phone");
    page.desktop();
}

#[test]
fn a_transfer_of_100_is_approved_and_101_is_refused() {
    if !can_browse() {
        return;
    }
    let bank = Quickstart::start(&root(), &["--store", "memory:"], &[]);
    let driver = Driver::start();
    let page = driver.browser();
    page.open(&bank.origin);
    sign_in(&page, "alice");
    let mut app = begin_enrolment(&page, "Phone");
    confirm(&page, &app.code());
    save_codes(&page);

    page.fill("#transfer-amount", "100");
    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 100 € to bob? Your approval is good once, for 5 minutes.");
    // Something between the page and the bank takes the approval of 100 for 101.
    page.script(
        "window.plain = fetch; window.fetch = async (to, options) => {
             if (!to.url.endsWith('/transfer')) return window.plain(to, options);
             const { method, headers } = to;
             return window.plain('/transfer', { ...options, method, headers, body: (await to.text()).replace('100', '101') });
         };",
    );
    answer(&page, "#step-up-place", &app.code());
    page.shows("#transfer-problem", "What you approved was used or changed meanwhile");
    page.screenshot("32-not-101");
    page.script("window.fetch = window.plain;");
    page.click("#transfer [type=submit]");
    page.shows("#transfer .done", "Sent 100 € to bob");

    // The file is changed while the page is open.
    bank.edit_policy(&[("5 minutes", "1 minute")]);
    bank.says("policy: in force now: transfer");
    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 100 € to bob? Your approval is good once, for 1 minute.");
    page.screenshot("33-one-minute");
    answer(&page, "#step-up-place", &app.code());
    page.shows("#transfer .done", "Sent 100 € to bob");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_policy_that_is_made_stricter_asks_again_and_an_administrator_reads_why() {
    if !can_browse() {
        return;
    }
    let bank = Quickstart::start(&root(), &["--store", "memory:"], &[]);
    let driver = Driver::start();
    let alice = driver.browser();
    alice.open(&bank.origin);
    sign_in(&alice, "alice");
    alice.shows("#account-title", "Your account");
    assert!(!alice.is_shown("#why"), "alice is no administrator");

    let page = driver.browser();
    page.open(&bank.origin);
    sign_in(&page, "root");
    confirm(&page, &begin_enrolment(&page, "Phone").code());
    save_codes(&page);
    page.click("#try [data-path='/account']");
    page.shows("#try-answer", "\"balance\"");

    let strict = "require = { level = \"aal2\", within = \"1 second\" }\ninline_codes";
    bank.edit_policy(&[("require = \"aal2\"\ninline_codes", strict)]);
    bank.says("account: GET /account, asks for AAL2, at most 1 second old");
    // The code was given a second ago at most, or it is now.
    page.wait("the question", || {
        page.script("document.querySelector(\"#try [data-path='/account']\").click();");
        page.is_shown("#step-up").then_some(())
    });
    page.shows("#step-up-why", "at most 1 second old");
    page.screenshot("34-asked-again");
    page.keys(&ESCAPE.to_string());
    page.shows("#try-answer", "Not asked again");
    asks_why(&page);
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// By keyboard alone, from the field on.
fn asks_why(page: &Browser) {
    page.click("#why-subject");
    page.keys(&TAB.to_string());
    assert_eq!(page.focus(), "why-request");
    page.keys(&TAB.to_string());
    assert_eq!(page.focus(), "Ask why");
    assert!(page.shows_focus());
    page.keys(&ENTER.to_string());
    page.shows("#why-answer", "GET /vault is refused, by the rule \"vault\".");
    page.shows("#why-answer", "alice is signed in at AAL1, by the password");
    page.screenshot("35-why");
    for (who, request, said) in
        [("mallory", "GET /vault", "Nobody of that name"), ("", "vault", "Write a method and an address")]
    {
        page.fill("#why-subject", who);
        page.fill("#why-request", request);
        page.click("#why-form [type=submit]");
        page.shows("#why-problem", said);
        assert_eq!(page.text("#why-answer"), "");
    }
    page.fill("#why-request", "get /nowhere");
    page.click("#why-form [type=submit]");
    page.shows("#why-answer", "no rule of the policy names this address");
    page.dark(true);
    page.screenshot("36-why-dark");
    page.phone(360, 740);
    assert_eq!(page.overflow(), 0, "the administration must fit a phone");
    page.screenshot("37-why-phone-dark");
    page.dark(false);
    page.screenshot("38-why-phone");
    page.desktop();
}

#[test]
fn a_required_app_is_set_up_before_the_first_session_and_bad_days_are_explained() {
    if !can_browse() {
        return;
    }
    let required = ("mode = \"if_enrolled\"", "mode = \"required\"");
    let bank = Quickstart::start(&root(), &["--store", "memory:"], &[required]);
    let driver = Driver::start();
    let page = driver.browser();
    page.open(&bank.origin);

    page.fill("#username", "bob");
    page.fill("#password", "wrong");
    page.click("#sign-in [type=submit]");
    page.shows("#sign-in .problem", "user name or the password is wrong");
    sign_in(&page, "bob");
    page.shows("#enrol-why", "needs a second step");
    page.screenshot("14-required-name");
    page.click("#enrol-name [type=submit]");
    page.shows("#enrol-add", "Add it to your app");
    let mut app = App::new(&page.text("#secret"));
    confirm(&page, &app.code());
    save_codes(&page);
    page.shows("#level", "second step");

    // The app is the only one, and this bank requires one.
    page.click("#apps button[aria-label='Remove Authenticator app']");
    page.shows("#ask-title", "Remove");
    page.click("#ask-yes");
    page.shows("#message", "the last authenticator");

    sign_out(&page);
    sign_in(&page, "bob");
    for left in ["2 more tries", "One more try", "a pause of 30 seconds"] {
        answer(&page, "#answer-place", &app.wrong_code());
        page.shows("#answer-place .problem", left);
    }
    page.shows("#answer-place [type=submit]", "Wait ");
    page.screenshot("15-locked");
    // It was begun here, and is heard of elsewhere.
    let other = driver.browser();
    other.open(&bank.origin);
    sign_in(&other, "bob");
    answer(&other, "#answer-place", &app.code());
    other.shows("#answer-place .problem", "Too many wrong tries");
    other.shows("#answer-place [type=submit]", "Wait ");
    // Another way in is not locked.
    page.click("#answer-place [data-part=other]");
    page.shows("#answer-place [type=submit]", "Continue");

    drop(bank);
    page.click("#answer-place [data-part=back]");
    sign_in(&page, "bob");
    page.shows("#sign-in .problem", "cannot be reached");
    page.screenshot("16-offline");
    assert_eq!(page.complaints(), Vec::<String>::new());
}
