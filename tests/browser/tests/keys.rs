//! Passkeys and security keys in the hands of a person, with virtual authenticators.
//!
//! Pictures of every view are kept under `target/browser/`.

#[path = "../../common/example.rs"]
mod example;
#[path = "../../common/quickstart.rs"]
mod quickstart;

use quickstart::Quickstart;
use tower_mfa_browser::authenticator::Model;
use tower_mfa_browser::person::*;
use tower_mfa_browser::{Browser, Driver, can_browse, root};

/// The model that the browser's virtual authenticators say they are.
const VIRTUAL: &str = "01020304-0506-0708-0102-030405060708";

/// A bank and a browser in front of it, at an address with a name: others have no passkeys. The browser has no
/// autofill, so that a passkey is used when somebody wants it.
fn open(options: &[&str], changes: &[(&str, &str)]) -> Option<(Quickstart, Driver, Browser)> {
    if !can_browse() {
        return None;
    }
    let options = [&["--store", "memory:", "--listen", "localhost:0"], options].concat();
    let bank = Quickstart::start(&root(), &options, changes);
    let driver = Driver::start();
    let page = driver.browser();
    page.without_autofill();
    page.open(&bank.origin);
    page.shows("#sign-in-title", "Sign in");
    Some((bank, driver, page))
}

fn is_quiet(page: &Browser) {
    assert_eq!(page.complaints(), Vec::<String>::new());
}

/// Adds a passkey or a security key, from the account's page to whatever comes then.
fn add_key(page: &Browser, button: &str, name: &str) {
    page.click(button);
    page.shows("#enrol-name", "Name of this");
    page.fill("#enrol-label", name);
    page.click("#enrol-name [type=submit]");
}

/// Adds the first key of an account, and keeps the recovery codes that come with it.
fn add_first_key(page: &Browser, button: &str, name: &str) -> Vec<String> {
    page.shows("#account-title", "Your account");
    add_key(page, button, name);
    let codes = read_codes(page);
    keep_codes(page);
    page.shows("#apps", name);
    codes
}

#[test]
fn a_passkey_is_set_up_and_signs_in_without_name_and_password() {
    let Some((_bank, _driver, page)) = open(&[], &[]) else { return };
    let phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    page.shows("#apps", "Add a passkey, a security key or an authenticator app");
    page.screenshot("40-nothing-yet");
    page.click("#add-passkey");
    page.shows("#enrol-title", "Add a passkey");
    assert!(!page.text("#view-enrol").contains("app"), "a passkey is no app");
    page.screenshot("41-add-passkey");
    page.fill("#enrol-label", "My phone");
    page.click("#enrol-name [type=submit]");
    drop(read_codes(&page));
    keep_codes(&page);
    page.shows("#apps", "My phone");
    page.shows("#apps", "Passkey");
    page.shows("#apps", "synced");
    page.shows("#level", "(level 2)");
    page.screenshot("42-with-passkey");
    assert_eq!(phone.credentials().len(), 1);

    sign_out(&page);
    page.click("#passkey");
    page.shows("#account-title", "Your account");
    page.shows("#level", "With a passkey (level 2)");
    page.shows("#level-facts", "synced passkey");
    is_quiet(&page);
}

#[test]
fn a_passkey_is_offered_where_the_user_name_is_typed() {
    let Some((bank, driver, _page)) = open(&[], &[]) else { return };
    let page = driver.browser();
    page.open(&bank.origin);
    page.shows("#passkey-place", "Sign in with a passkey");
    // Nobody has a passkey: a password signs in, and ends the offer.
    sign_in(&page, "alice");
    let laptop = page.plug_in(Model::DEVICE);
    drop(add_first_key(&page, "#add-passkey", "Laptop"));
    page.shows("#apps", "on this device only");
    // This browser chooses the passkey as soon as the field offers it.
    page.click("#sign-out");
    page.shows("#account-title", "Your account");
    page.shows("#level", "With a passkey (level 2)");

    laptop.remove();
    sign_out(&page);
    sign_in(&page, "bob");
    page.shows("#who-name", "bob");
    is_quiet(&page);
}

/// Whoever holds the key closes the dialog of the browser.
fn close_dialogs(page: &Browser, yes: bool) {
    page.script(if yes {
        "const closed = () => Promise.reject(new DOMException('closed', 'NotAllowedError'));
         navigator.credentials.get = navigator.credentials.create = closed;"
    } else {
        "delete navigator.credentials.get; delete navigator.credentials.create;"
    });
}

#[test]
fn a_security_key_confirms_after_the_password_and_what_goes_wrong_is_said() {
    let Some((_bank, _driver, page)) = open(&[], &[]) else { return };
    let key = page.plug_in(Model::TOUCH_ONLY);
    sign_in(&page, "alice");
    page.shows("#account-title", "Your account");
    close_dialogs(&page, true);
    add_key(&page, "#add-security-key", "Blue key");
    page.shows("#enrol-name .problem", "Nothing was added. Try again");
    assert!(!page.text("#view-enrol").contains(" app"), "a key is no app");
    page.screenshot("43-not-added");
    close_dialogs(&page, false);
    page.click("#enrol-name [type=submit]");
    let codes = read_codes(&page);
    keep_codes(&page);
    page.shows("#apps", "Security key");
    page.shows("#apps", "on this key only");
    add_key(&page, "#add-security-key", "Blue key again");
    page.shows("#enrol-name .problem", "is added to your account already");
    page.click("#enrol-back");
    sign_out(&page);

    // By keyboard alone.
    page.fill("#username", "alice");
    page.fill("#password", PASSWORD);
    page.keys(&ENTER.to_string());
    page.shows("#answer-title", "Second step");
    page.shows("#answer-place [type=submit]", "Use your passkey or security key");
    assert_eq!(page.focus(), "Use your passkey or security key");
    assert!(page.shows_focus());
    page.screenshot("44-second-step");
    close_dialogs(&page, true);
    page.keys(&ENTER.to_string());
    page.shows("#answer-place .problem", "Nothing was confirmed. Try again, or use another way.");
    page.screenshot("45-cancelled");
    // There is another way, and a way back.
    page.click("#answer-place [data-part=other]");
    page.shows("#answer-place label", "Recovery code");
    answer(&page, "#answer-place", "0000-0000-0000-0000");
    page.shows("#answer-place .problem", "not right");
    page.click("#answer-place [data-part=other]");
    assert_eq!(page.text("#answer-place .problem"), "");
    close_dialogs(&page, false);
    page.click("#answer-place [type=submit]");
    page.shows("#account-title", "Your account");
    page.shows("#level", "password and a second step");
    page.shows("#events", "A key was accepted");
    assert_eq!(codes.len(), 10);
    drop(key);
    is_quiet(&page);
}

#[test]
fn a_transfer_is_approved_with_a_key() {
    let Some((_bank, _driver, page)) = open(&[], &[]) else { return };
    let phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    page.fill("#transfer-amount", "40");
    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 40 € to bob? Your approval is good once, for 5 minutes.");
    page.shows("#step-up-place [type=submit]", "Use your passkey or security key");
    assert_eq!(page.focus(), "Use your passkey or security key");
    page.screenshot("46-step-up");
    page.keys(&ESCAPE.to_string());
    page.shows("#transfer .done", "Not sent");

    page.click("#transfer [type=submit]");
    close_dialogs(&page, true);
    page.click("#step-up-place [type=submit]");
    page.shows("#step-up-place .problem", "Nothing was confirmed");
    close_dialogs(&page, false);
    page.click("#step-up-place [type=submit]");
    page.shows("#transfer .done", "Sent 40 € to bob");
    assert!(phone.credentials()[0]["signCount"].as_u64().is_some_and(|uses| uses > 0));

    // What is changed on its way is not what was approved.
    page.script(
        "window.plain = fetch; window.fetch = async (to, options) => {
             if (!to.url.endsWith('/transfer')) return window.plain(to, options);
             const { method, headers } = to;
             return window.plain('/transfer', { ...options, method, headers, body: (await to.text()).replace('41', '42') });
         };",
    );
    page.fill("#transfer-amount", "41");
    page.click("#transfer [type=submit]");
    page.click("#step-up-place [type=submit]");
    page.shows("#transfer-problem", "What you approved was used or changed meanwhile");
    is_quiet(&page);
}

#[test]
fn the_vault_opens_to_a_trusted_key_that_cannot_be_copied_and_to_no_other() {
    let Some((bank, _driver, page)) = open(&["--trust-aaguid", VIRTUAL], &[]) else { return };
    let phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    page.click("#try [data-path='/vault']");
    page.shows("#try-answer", "This needs a hardware security key that this service trusts");
    page.shows("#try-answer", "a synced passkey can be copied between devices and does not qualify");
    page.screenshot("47-vault-refused");

    // Where no more than that is asked for, it does.
    let vault = |level: &str| format!("require = {{ level = \"{level}\", phishing_resistant = true }}");
    bank.edit_policy(&[(&vault("aal3"), &vault("aal2"))]);
    bank.says("vault: GET /vault, asks for AAL2, phishing resistant");
    page.click("#try [data-path='/vault']");
    page.shows("#try-answer", "The vault is open");
    bank.edit_policy(&[(&vault("aal2"), &vault("aal3"))]);
    bank.says("vault: GET /vault, asks for AAL3, phishing resistant");

    phone.remove();
    let _key = page.plug_in(Model::SECURITY_KEY);
    add_key(&page, "#add-security-key", "Blue key");
    page.shows("#message", "The security key is added");
    assert!(!page.is_shown("#try-answer"), "what was answered before is gone");
    page.click("#try [data-path='/vault']");
    page.shows("#step-up-why", "This asks for a hardware key that nobody can phish or copy.");
    page.screenshot("48-vault-step-up");
    page.click("#step-up-place [type=submit]");
    page.shows("#try-answer", "The vault is open");
    page.open(&bank.origin);
    page.shows("#level", "(level 3)");
    page.screenshot("49-vault-open");
    is_quiet(&page);
}

#[test]
fn an_untrusted_key_does_not_open_the_vault_however_it_is_made() {
    let Some((_bank, _driver, page)) = open(&[], &[]) else { return };
    let _key = page.plug_in(Model::SECURITY_KEY);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-security-key", "Blue key"));
    page.click("#try [data-path='/vault']");
    page.shows("#try-answer", "a hardware security key that this service trusts");
    is_quiet(&page);
}

#[test]
fn one_of_two_keys_is_lost_and_removed() {
    let Some((bank, driver, page)) = open(&[], &[]) else { return };
    let phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    let lost = phone.credentials();

    let laptop = driver.browser();
    laptop.without_autofill();
    laptop.open(&bank.origin);
    let _finger = laptop.plug_in(Model::DEVICE);
    sign_in(&laptop, "alice");
    laptop.shows("#answer-title", "Second step");
    laptop.open(&bank.origin);
    phone.remove();
    let key = page.plug_in(Model::SECURITY_KEY);
    add_key(&page, "#add-passkey", "Blue key");
    page.shows("#message", "The passkey is added");
    page.shows("#apps", "Blue key");
    assert_eq!(page.count("#apps li"), 2);

    page.click("#apps button[aria-label='Rename My phone']");
    page.fill("#ask-input", "Lost phone");
    page.click("#ask-yes");
    page.shows("#apps", "Lost phone");
    page.click("#apps button[aria-label='Remove Lost phone']");
    page.shows("#ask-text", "It will not work any more");
    page.screenshot("50-remove");
    page.click("#ask-yes");
    page.wait("the removal", || {
        if page.is_shown("#step-up") {
            page.click("#step-up-place [type=submit]");
        }
        page.text("#message").contains("“Lost phone” is removed").then_some(())
    });
    assert_eq!(page.count("#apps li"), 1);
    sign_out(&page);
    page.click("#passkey");
    page.shows("#account-title", "Your account");
    sign_out(&page);

    // The finder of the phone gets nowhere.
    key.remove();
    let found = page.plug_in(Model::SYNCED);
    found.restore(&lost[0]);
    page.click("#passkey");
    page.shows("#passkey-problem", "That passkey is not known here");
    assert_eq!(page.focus(), "passkey");
    page.screenshot("51-removed-passkey");
    is_quiet(&page);
}

/// WA-AUTH-15: keys are made for one site, and the browser asks for them nowhere else. A site of numbers has none.
#[test]
fn the_keys_of_another_site_are_not_asked_for_and_the_page_says_so() {
    let Some((bank, _driver, page)) = open(&[], &[]) else { return };
    let _phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    sign_out(&page);
    let of_another_site = "const own = PublicKeyCredential.parseRequestOptionsFromJSON.bind(PublicKeyCredential);
        PublicKeyCredential.parseRequestOptionsFromJSON = (json) => own({ ...json, rpId: 'bank.example' });";
    page.script(of_another_site);
    page.click("#passkey");
    page.shows("#passkey-problem", "This browser cannot use passkeys at this address. Sign in with your password.");
    assert_eq!(page.focus(), "passkey");
    page.screenshot("53-another-site");
    sign_in(&page, "alice");
    page.shows("#answer-title", "Second step");
    page.script(of_another_site);
    page.click("#answer-place [type=submit]");
    page.shows("#answer-place .problem", "This browser or this key cannot do that here. Use another way.");
    page.screenshot("54-another-sites-key");

    page.open(&bank.origin.replace("localhost", "127.0.0.1"));
    page.shows("#sign-in", "Password");
    assert!(!page.is_shown("#passkey-place"));
    is_quiet(&page);
}

/// WA-14.6.3: what the page removes, the browser offers no more; what stays, stays.
#[test]
fn a_passkey_that_is_removed_is_taken_out_of_the_browser_too() {
    let Some((bank, _driver, page)) = open(&[], &[]) else { return };
    let phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    page.open(&bank.origin);
    page.shows("#apps", "My phone");
    assert_eq!(phone.credentials().len(), 1, "it is listed");
    page.click("#apps button[aria-label='Remove My phone']");
    page.click("#ask-yes");
    page.shows("#message", "“My phone” is removed");
    page.wait("the browser", || phone.credentials().is_empty().then_some(()));
    is_quiet(&page);
}

#[test]
fn a_passkey_that_is_not_unlocked_signs_nobody_in() {
    let Some((_bank, _driver, page)) = open(&[], &[]) else { return };
    let phone = page.plug_in(Model::SYNCED);
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    sign_out(&page);
    phone.verifies(false);
    page.click("#passkey");
    page.shows("#passkey-problem", "Nothing was confirmed. Try again, or sign in with your password.");
    page.screenshot("52-not-unlocked");
    phone.verifies(true);
    page.click("#passkey");
    page.shows("#account-title", "Your account");
    sign_out(&page);
    phone.forget(&phone.credentials()[0]);
    assert!(phone.credentials().is_empty());
    sign_in(&page, "alice");
    page.shows("#answer-title", "Second step");
    is_quiet(&page);
}

#[test]
fn whoever_must_have_a_second_step_chooses_which() {
    let required = ("mode = \"if_enrolled\"", "mode = \"required\"");
    let Some((_bank, _driver, page)) = open(&[], &[required]) else { return };
    let _key = page.plug_in(Model::SECURITY_KEY);
    sign_in(&page, "bob");
    page.shows("#enrol-why", "needs a second step");
    page.shows("#enrol-kinds", "Passkey");
    page.shows("#enrol-kinds", "Security key");
    page.shows("#enrol-kinds", "Authenticator app");
    page.screenshot("53-choice");
    page.dark(true);
    page.phone(360, 740);
    assert_eq!(page.overflow(), 0, "the choice must fit a phone");
    page.screenshot("54-choice-phone-dark");
    page.desktop();
    page.dark(false);
    page.click("#enrol-kinds li:nth-child(2) button");
    page.shows("#enrol-title", "Add a security key");
    page.click("#enrol-name [type=submit]");
    drop(read_codes(&page));
    keep_codes(&page);
    page.shows("#who-name", "bob");
    page.shows("#apps", "Security key");
    is_quiet(&page);
}

#[test]
fn the_views_with_keys_fit_a_phone_and_the_dark() {
    let Some((bank, _driver, page)) = open(&[], &[]) else { return };
    let _phone = page.plug_in(Model::SYNCED);
    let look = |name: &str| {
        for dark in [false, true] {
            page.dark(dark);
            page.phone(360, 740);
            assert_eq!(page.overflow(), 0, "{name} must fit a phone");
            page.screenshot(&format!("{name}-phone{}", if dark { "-dark" } else { "" }));
            page.desktop();
            page.screenshot(&format!("{name}{}", if dark { "-dark" } else { "" }));
        }
        page.dark(false);
    };
    look("55-sign-in");
    sign_in(&page, "alice");
    drop(add_first_key(&page, "#add-passkey", "My phone"));
    look("56-account");
    page.click("#add-security-key");
    page.shows("#enrol-title", "Add a security key");
    look("57-add-key");
    page.click("#enrol-back");
    page.click("#transfer [type=submit]");
    page.shows("#step-up-why", "Send 25 € to bob?");
    look("58-step-up");
    page.keys(&ESCAPE.to_string());
    page.click("#add-app");
    confirm(&page, &name_app(&page, "Tablet").code());
    page.shows("#message", "The app is set up");
    sign_out(&page);
    sign_in(&page, "alice");
    page.shows("#answer-place [type=submit]", "Use your passkey");
    look("59-second-step");
    page.open(&bank.origin);
    is_quiet(&page);
}
