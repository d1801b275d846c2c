//! The module for browsers: small, alone, and there once.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use serde_json::Value;

const MODULE: &str = include_str!("../src/routes/mfa.js");

fn package() -> Value {
    serde_json::from_str(include_str!("../js/package.json")).expect("JSON")
}

#[test]
fn it_has_at_most_six_kibibytes_as_it_is_shipped() {
    assert!(MODULE.len() <= 6 * 1024, "{} bytes", MODULE.len());
}

#[test]
fn it_loads_nothing_and_runs_no_text() {
    for word in ["import", "require(", "eval", "Function", "innerHTML", "document.write", "http:", "https:"] {
        assert!(!MODULE.contains(word), "{word}");
    }
}

#[test]
fn it_exports_what_its_manual_and_its_types_name() {
    let names = |text: &str| -> Vec<String> {
        let exports = text.lines().filter_map(|line| line.strip_prefix("export "));
        let named =
            exports.filter(|line| ["class", "const", "async", "function"].iter().any(|word| line.starts_with(word)));
        let mut names: Vec<String> = named
            .map(|line| line.replace("async ", ""))
            .filter_map(|line| Some(line.split_once(' ')?.1.split([' ', '(', '=']).next()?.to_owned()))
            .collect();
        names.sort();
        names
    };
    let exported = names(MODULE);
    assert_eq!(exported, ["MfaError", "authenticate", "autofill", "register", "signalAccepted", "stepUp", "verify"]);
    assert_eq!(names(include_str!("../js/mfa.d.ts")), exported, "the types");
    let manual = include_str!("../js/README.md");
    assert!(exported.iter().all(|name| manual.contains(&format!("{name}(")) || manual.contains(&format!("`{name}`"))));
}

#[test]
fn the_package_is_of_this_version_and_has_no_dependencies_and_no_second_copy() {
    let package = package();
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    assert!(package.get("dependencies").is_none() && package.get("devDependencies").is_none());
    assert_eq!(package["license"], env!("CARGO_PKG_LICENSE"));
    let packs = package["scripts"]["prepack"].as_str().expect("a script");
    assert!(packs.contains("../src/routes/mfa.js"));
    assert!(std::fs::metadata("js/mfa.js").is_err(), "the package is made of src/routes/mfa.js");
}
