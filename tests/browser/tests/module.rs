//! `mfa.js` alone, in a browser, with a server and authenticators that are played: `module/cases.js`.

use tower_mfa_browser::site::{File, Site};
use tower_mfa_browser::{Driver, can_browse};

const JS: &str = "text/javascript";
const MODULE: &str = include_str!("../../../src/routes/mfa.js");
const CASES: &str = include_str!("module/cases.js");
const FILES: &[File] = &[
    ("/", "text/html", "<!doctype html><meta charset=utf-8><title>mfa.js</title>"),
    ("/mfa.js", JS, MODULE),
    ("/cases.js", JS, CASES),
];

#[test]
fn the_module_does_what_its_cases_say() {
    if !can_browse() {
        return;
    }
    let site = Site::serve(FILES);
    let driver = Driver::start();
    let page = driver.browser();
    let names = CASES.lines().filter_map(|line| line.strip_prefix("export async function ")?.split('(').next());
    let mut failed = Vec::new();
    for name in names {
        // A page of its own: a case may take away what the browser has.
        page.open(&site.origin);
        let run =
            format!("return import('/cases.js').then((m) => m.{name}()).then(() => '', (e) => e.stack ?? `${{e}}`);");
        let said = page.script(&run);
        if said != "" {
            failed.push(format!("{name}: {}", said.as_str().unwrap_or("no text")));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
