//! What goes wrong on ordinary days: slips, second tabs, lost time, a lost phone.
//!
//! Pictures of every view are kept under `target/browser/`.

#[path = "../../common/example.rs"]
mod example;
#[path = "../../common/quickstart.rs"]
mod quickstart;

use quickstart::Quickstart;
use tower_mfa_browser::person::*;
use tower_mfa_browser::{Browser, Driver, can_browse, root};

/// A bank, with changes to its policy, and a browser in front of it; `None` where no browser can be driven.
fn open(changes: &[(&str, &str)]) -> Option<(Quickstart, Driver, Browser)> {
    if !can_browse() {
        return None;
    }
    let bank = Quickstart::start(&root(), &["--store", "memory:"], changes);
    let driver = Driver::start();
    let page = driver.browser();
    page.open(&bank.origin);
    page.shows("#sign-in-title", "Sign in");
    Some((bank, driver, page))
}

/// Lets ten minutes pass for the page.
fn pass_time(page: &Browser) {
    page.script("const now = Date.now; Date.now = () => now() + 601_000;");
}

fn is_quiet(page: &Browser) {
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
fn a_setup_that_is_over_says_why_and_can_be_left() {
    let Some((bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    page.shows("#account-title", "Your account");
    let first = page.tab();
    let second = page.new_tab();
    page.switch(&second);
    page.open(&bank.origin);
    let mut late = begin_enrolment(&page, "Late phone");
    page.switch(&first);
    let mut app = begin_enrolment(&page, "First phone");
    confirm(&page, &app.code());
    drop(read_codes(&page));
    keep_codes(&page);

    page.switch(&second);
    confirm(&page, &late.code());
    page.shows("#enrol-ended", "replaced or has ended");
    assert!(page.focus() == "enrol-again" && !page.is_shown("#enrol-steps"));
    page.screenshot("20-replaced");
    page.click("#enrol-leave");
    page.shows("#apps", "First phone");
    assert_eq!(page.count("#apps li"), 1);
    page.switch(&first);

    // The time for it is over: it is left, or begun again with another key.
    let old = begin_enrolment(&page, "Late phone");
    assert!(page.text("#enrol-time").contains("Time left"));
    pass_time(&page);
    page.shows("#enrol-ended", "The time to confirm is over");
    assert_eq!(page.text("#secret"), "", "a key that is void is not shown");
    page.phone(360, 740);
    assert_eq!(page.overflow(), 0);
    page.screenshot("21-setup-over");
    page.desktop();
    page.open(&bank.origin);
    let again = begin_enrolment(&page, "Late phone");
    assert_ne!(old.wrong_code() + &page.text("#secret"), again.wrong_code(), "another key");
    page.click("#enrol-cancel");
    page.shows("#apps", "First phone");
    let events = page.text("#events");
    assert!(!events.contains("renamed"), "the name came with it: {events}");
    is_quiet(&page);
}

#[test]
fn a_sign_in_that_took_too_long_or_was_reloaded_begins_again() {
    let Some((bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    let mut app = begin_enrolment(&page, "Phone");
    confirm(&page, &app.code());
    drop(read_codes(&page));
    keep_codes(&page);
    sign_out(&page);

    sign_in(&page, "alice");
    page.shows("#answer-title", "Second step");
    page.open(&bank.origin);
    page.shows("#sign-in-title", "Sign in");
    assert_eq!((page.text("#message"), page.focus()), (String::new(), "username".into()), "nothing went wrong");

    sign_in(&page, "alice");
    page.shows("#answer-title", "Second step");
    pass_time(&page);
    page.shows("#message", "That took too long");
    page.shows("#sign-in-title", "Sign in");
    assert_eq!(page.focus(), "password");
    page.screenshot("22-took-too-long");
    page.open(&bank.origin);
    sign_in(&page, "alice");
    answer(&page, "#answer-place", &app.code());
    page.shows("#account-title", "Your account");
    is_quiet(&page);
}

#[test]
fn recovery_codes_are_copied_downloaded_and_not_left_behind() {
    let Some((bank, _driver, page)) = open(&[]) else { return };
    page.allow_clipboard(&bank.origin);
    let folder = root().join("target/browser/downloads");
    page.download_to(&folder);
    sign_in(&page, "alice");
    let mut app = begin_enrolment(&page, "Phone");
    confirm(&page, &app.wrong_code());
    page.shows("#enrol .problem", "does not match");
    confirm(&page, &app.code());
    let codes = read_codes(&page);
    let starts = page.script("return [...document.querySelectorAll('#codes li')].map((li) => {
        const range = document.createRange(); range.selectNodeContents(li); return range.getBoundingClientRect().x; });");
    let starts = starts.as_array().unwrap();
    assert!(starts.iter().filter(|x| *x == &starts[9]).count() >= 5, "they stand below each other: {starts:?}");

    page.click("#codes-copy");
    page.shows("#codes-copy", "Copied");
    let copied = page.script("return navigator.clipboard.readText();");
    page.click("#codes-download");
    let file = folder.join("recovery-codes-alice.txt");
    let saved = page.wait("the file", || std::fs::read_to_string(&file).ok().filter(|text| !text.is_empty()));
    assert_eq!(copied.as_str(), Some(&*saved));
    for code in &codes {
        assert_eq!(saved.lines().filter(|line| line == code).count(), 1, "{code} in {saved}");
    }

    page.click("#sign-out");
    page.shows("#ask-title", "without the codes");
    page.screenshot("23-unsaved");
    page.keys(&ESCAPE.to_string());
    assert_eq!(read_codes(&page), codes, "nothing is lost");
    keep_codes(&page);
    let events = page.text("#events");
    assert_eq!(events.matches("wrong code").count(), 1, "a wrong code at set-up is told once: {events}");
    is_quiet(&page);
}

#[test]
fn a_slip_in_a_transfer_is_said_before_anybody_is_asked_for_a_code() {
    let Some((_bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    page.shows("#account-title", "Your account");
    for (to, amount, said, field) in [
        ("", "25", "Say who gets the money", "transfer-to"),
        ("   ", "25", "Say who gets the money", "transfer-to"),
        ("bob", "0", "from 1 to 1000000", "transfer-amount"),
        ("bob", "2.5", "from 1 to 1000000", "transfer-amount"),
        ("bob", "1000001", "from 1 to 1000000", "transfer-amount"),
        ("bob", "", "from 1 to 1000000", "transfer-amount"),
    ] {
        page.fill("#transfer-to", to);
        page.fill("#transfer-amount", amount);
        page.click("#transfer [type=submit]");
        page.shows("#transfer-problem", said);
        assert_eq!(page.focus(), field, "{to:?} {amount:?}");
        assert_eq!(page.count("#transfer [aria-invalid=true]"), 1);
    }
    page.screenshot("24-slip");
    // What is right goes on, and is refused here for want of an app.
    page.fill("#transfer-amount", "1000000");
    page.click("#transfer [type=submit]");
    page.shows("#transfer-problem", "Add an authenticator app first");
    assert_eq!(page.count("#transfer [aria-invalid]"), 0);
    is_quiet(&page);
}

/// What was asked for before the sign-out is answered after it.
#[test]
fn whoever_signs_out_while_the_page_loads_sees_nothing_of_the_account() {
    let Some((_bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    page.shows("#account-title", "Your account");
    page.script(
        "const own = window.fetch;
         window.fetch = async (request, ...how) => {
             const answer = await own(request, ...how);
             if (!request.url.endsWith('/mfa/sessions')) return answer;
             await new Promise((go) => { window.go = go; });
             setTimeout(() => { window.over = true; }, 500);
             return answer;
         };
         // As another tab that has signed in does it.
         dispatchEvent(new Event('storage'));",
    );
    page.wait("the late answer", || (page.script("return !!window.go") == true).then_some(()));
    sign_out(&page);
    page.shows("#sign-in", "Password");
    page.script("window.go()");
    page.wait("the end", || (page.script("return !!window.over") == true).then_some(()));
    assert!(!page.is_shown("#who") && page.is_shown("#sign-in"));
    is_quiet(&page);
}

#[test]
fn a_list_that_is_filled_anew_keeps_the_keyboard() {
    let Some((bank, driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    let mut app = begin_enrolment(&page, "Phone");
    confirm(&page, &app.code());
    drop(read_codes(&page));
    keep_codes(&page);
    let second = begin_enrolment(&page, "Tablet");
    let mut second = second;
    confirm(&page, &second.code());
    page.shows("#apps", "Tablet");
    let other = driver.browser();
    other.open(&bank.origin);
    sign_in(&other, "alice");
    answer(&other, "#answer-place", &app.code());
    other.shows("#account-title", "Your account");

    page.open(&bank.origin);
    press(&page, "#apps [aria-label='Rename Tablet']");
    page.shows("#ask-title", "Rename");
    page.keys("Slate");
    page.keys(&ENTER.to_string());
    page.shows("#message", "It is called “Slate” now");
    assert_eq!(focused_label(&page), "Rename Slate", "the button that was pressed");
    assert!(page.shows_focus());
    page.screenshot("25-renamed-by-keyboard");

    press(&page, "#sessions li button");
    page.shows("#message", "That session is ended");
    assert_eq!(page.focus(), "sessions-title");
    press(&page, "#apps [aria-label='Remove Slate']");
    page.shows("#ask-title", "Remove");
    page.keys(&ENTER.to_string());
    page.shows("#message", "“Slate” is removed");
    assert_eq!(page.focus(), "apps-title", "what was pressed is gone: its list");
    page.keys(&TAB.to_string());
    assert_eq!(focused_label(&page), "Rename Phone", "and on from there");
    page.phone(360, 740);
    page.screenshot("26-removed-by-keyboard");
    is_quiet(&page);
}

/// Presses a button by the keyboard.
fn press(page: &Browser, css: &str) {
    page.wait(css, || page.is_shown(css).then_some(()));
    page.script(&format!("document.querySelector({css:?}).focus();"));
    page.keys(&ENTER.to_string());
}

fn focused_label(page: &Browser) -> String {
    let label = page.script("return document.activeElement.ariaLabel;");
    label.as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_lost_phone_is_replaced_in_two_steps() {
    let Some((_bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    let mut app = begin_enrolment(&page, "Old phone");
    confirm(&page, &app.code());
    let codes = read_codes(&page);
    keep_codes(&page);
    assert!(!page.is_shown("#lost"), "nobody has lost anything");
    sign_out(&page);

    sign_in(&page, "alice");
    page.click("#answer-place [data-part=other]");
    answer(&page, "#answer-place", &codes[0]);
    page.shows("#message", "9 are left");
    page.shows("#lost", "add an app on a new phone first");
    page.screenshot("27-lost");
    page.phone(360, 740);
    page.dark(true);
    assert_eq!(page.overflow(), 0);
    page.screenshot("28-lost-phone-dark");
    page.dark(false);
    page.desktop();
    page.click("#lost-add");
    let mut new = name_app(&page, "New phone");
    confirm(&page, &new.code());
    page.shows("#lost", "remove it");
    assert!(!page.is_shown("#lost-add"));
    page.screenshot("29-lost-second-step");
    page.click("#apps button[aria-label='Remove Old phone']");
    page.click("#ask-yes");
    page.shows("#message", "“Old phone” is removed");
    assert!(!page.is_shown("#lost"), "that is done");
    is_quiet(&page);
}

#[test]
fn every_pause_says_how_long_it_is_and_holds_its_button() {
    let Some((_bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    let mut app = begin_enrolment(&page, "Phone");
    for left in ["2 more tries", "One more try", "a pause of 30 seconds"] {
        confirm(&page, &app.wrong_code());
        page.shows("#enrol .problem", left);
    }
    assert!(holds(&page, "#enrol [type=submit]"));
    assert_eq!(page.focus(), "enrol-code");
    page.screenshot("30-setup-pause");
    page.click("#enrol-cancel");
    app = begin_enrolment(&page, "Phone");
    assert!(!holds(&page, "#enrol [type=submit]"), "another key has no pause");
    confirm(&page, &app.code());
    drop(read_codes(&page));
    keep_codes(&page);
    sign_out(&page);

    page.fill("#username", "carol");
    for _ in 0..6 {
        page.script("document.querySelector('#sign-in .problem').textContent = '';");
        page.fill("#password", "guess");
        page.click("#sign-in [type=submit]");
        page.wait("an answer", || (!page.text("#sign-in .problem").is_empty()).then_some(()));
    }
    page.shows("#sign-in .problem", "not looked at. Wait ");
    assert!(holds(&page, "#sign-in [type=submit]"));
    page.screenshot("31-sign-in-pause");
    page.fill("#username", "alice");
    assert!(!holds(&page, "#sign-in [type=submit]"), "another name has no pause");
    is_quiet(&page);
}

/// Whether a button is held back, and says for how long.
fn holds(page: &Browser, css: &str) -> bool {
    let held = page.script(&format!("return document.querySelector({css:?}).disabled;")) == true;
    assert_eq!(held, page.text(css).starts_with("Wait ") && page.text(css).ends_with(" seconds"));
    held
}

#[test]
fn a_slip_in_the_policy_file_keeps_what_was_in_force() {
    let Some((bank, _driver, page)) = open(&[]) else { return };
    sign_in(&page, "alice");
    page.click("#try [data-path='/profile']");
    page.shows("#try-answer", "\"subject\": \"alice\"");
    bank.edit_policy(&[("require = \"aal1\"", "require = \"aal9\"")]);
    let said = bank.says("what was in force before stays so");
    assert!(said.contains("policy.toml: line ") && said.contains("aal9"), "{said}");
    page.click("#try [data-path='/public']");
    page.shows("#try-answer", "Anybody may read this");
    page.click("#try [data-path='/profile']");
    page.shows("#try-answer", "\"subject\": \"alice\"");

    bank.edit_policy(&[("aal9", "aal2")]);
    bank.says("policy: in force now: profile: GET /profile, asks for AAL2");
    page.click("#try [data-path='/profile']");
    page.shows("#try-answer", "Add an authenticator app first");
    is_quiet(&page);
}
