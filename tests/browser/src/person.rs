//! What a person does on the page, again and again.

use crate::{App, Browser};

/// The password of everybody in the quickstart.
pub const PASSWORD: &str = "correct horse battery staple";
pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';
pub const ESCAPE: char = '\u{e00c}';

pub fn sign_in(page: &Browser, name: &str) {
    page.fill("#username", name);
    page.fill("#password", PASSWORD);
    page.click("#sign-in [type=submit]");
}

pub fn sign_out(page: &Browser) {
    page.click("#sign-out");
    page.shows("#message", "You are signed out");
}

/// Answers the question that is asked in `place`.
pub fn answer(page: &Browser, place: &str, code: &str) {
    page.fill(&format!("{place} input"), code);
    page.click(&format!("{place} [type=submit]"));
}

/// Begins to set up an app from the account's page, and types its key.
#[must_use]
pub fn begin_enrolment(page: &Browser, name: &str) -> App {
    page.click("#add-app");
    name_app(page, name)
}

/// Gives the new app a name and types its key.
#[must_use]
pub fn name_app(page: &Browser, name: &str) -> App {
    page.shows("#enrol-name", "Name of this app");
    page.fill("#enrol-label", name);
    page.click("#enrol-name [type=submit]");
    page.shows("#enrol-add", "Add it to your app");
    App::new(&page.text("#secret"))
}

pub fn confirm(page: &Browser, code: &str) {
    page.fill("#enrol-code", code);
    page.click("#enrol [type=submit]");
}

/// Reads the recovery codes.
#[must_use]
pub fn read_codes(page: &Browser) -> Vec<String> {
    page.shows("#codes-title", "recovery codes");
    let codes: Vec<String> = page.text("#codes").lines().map(|line| line.trim().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    codes
}

/// Says that the codes are saved, and goes on.
pub fn keep_codes(page: &Browser) {
    page.click("#codes-saved");
    page.click("#codes-form [type=submit]");
    page.shows("#account-title", "Your account");
    assert_eq!(page.text("#codes"), "", "the codes must be gone from the page");
}
