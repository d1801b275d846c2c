//! What cannot be tested here is said, with a name, and fails where nothing may be left out.

use std::io::Write as _;

/// Says past the capture of the test harness, which would hide it when the test passes, what was not tested and why; with
/// `TOWER_MFA_REQUIRE_TOOLS=1` it fails instead. A test is named as the harness names it, which gives each a thread of that
/// name, unless it runs them all on one: then it is `called` what whoever asks calls it.
pub(crate) fn left_out(called: &str, why: &str) {
    let thread = std::thread::current();
    let test = thread.name().filter(|name| *name != "main").unwrap_or(called);
    let required = std::env::var_os("TOWER_MFA_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "{test}: {why}");
    let _ = writeln!(std::io::stderr().lock(), "LEFT OUT: {test}: {why}");
}
