//! The shape of the house: imports flow one way, files stay small, features gate modules.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod tree;

use std::collections::BTreeSet;

use tree::Source;

/// The rooms of `src/`. One may use only itself and what stands before it.
const ORDER: &[&str] = &[
    "error",
    "clock",
    "entropy",
    "id",
    "network",
    "secret",
    "assurance",
    "otp",
    "recovery_code",
    "token",
    "middleware",
    "extract",
    "vault",
    "policy",
    "account",
    "store",
    "service",
    "webauthn",
    "risk",
    "delivery",
    "outbox",
    "transfer",
    "federation",
    "routes",
    "portal",
    "testing",
];

/// Longest source file, in lines.
const LONGEST: usize = 400;

fn place(room: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == room)
}

/// The modules a file stands in: `src/otp/totp.rs` is `["otp", "totp"]`, `src/lib.rs` is nothing.
fn modules(source: &Source) -> Vec<&str> {
    let path = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut modules: Vec<&str> = path.split('/').collect();
    if matches!(modules.last(), Some(&("mod" | "lib"))) {
        modules.pop();
    }
    modules
}

fn is_test_file(source: &Source) -> bool {
    modules(source).iter().any(|module| *module == "tests" || module.ends_with("_tests"))
}

/// Takes comments out, and inline modules that only tests see.
fn production_code(text: &str) -> String {
    let bare: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let bare = bare.join("\n");
    let mut kept = String::new();
    let mut rest = bare.as_str();
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = skip_item(&rest[at..]);
    }
    kept + rest
}

/// Skips one item: to its `;`, or past its braces.
fn skip_item(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            ';' if depth == 0 => return &text[at..],
            '{' => depth = depth.saturating_add(1),
            '}' if depth == 1 => return &text[at..],
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    ""
}

/// The names that directly follow a path to the crate's root: `a` and `b` in `crate::{a::X, b}`.
fn names_after(text: &str) -> Vec<String> {
    let ident = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = text.strip_prefix('{') else { return vec![ident(text)] };
    let mut names = Vec::new();
    let (mut depth, mut expects_name) = (0_usize, true);
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => expects_name = true,
            c if expects_name && (c.is_alphanumeric() || c == '_') => {
                names.push(ident(&group[at..]));
                expects_name = false;
            }
            _ => {}
        }
    }
    names
}

/// What a file uses of the crate's root, through `crate::` or through enough of `super::`.
fn uses(source: &Source) -> BTreeSet<String> {
    let code = production_code(&source.text);
    let to_root = "super::".repeat(modules(source).len());
    let mut paths = vec!["crate::"];
    if !to_root.is_empty() {
        paths.push(&to_root);
    }
    let mut found = BTreeSet::new();
    for path in paths {
        let mut before = "";
        for after in code.split(path) {
            let begins = !before.is_empty() && !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if begins {
                found.extend(names_after(after));
            }
            before = after;
        }
    }
    found
}

/// Everything wrong with the imports of these files.
fn wrong_imports(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources.iter().filter(|source| !is_test_file(source)) {
        let modules = modules(source);
        let Some(room) = modules.first() else { continue };
        let Some(own) = place(room) else {
            wrong.push(format!("{}: the room `{room}` does not stand in the order", source.path));
            continue;
        };
        for used in uses(source) {
            match place(&used) {
                Some(other) if other <= own => {}
                Some(_) => wrong.push(format!("{}: uses `{used}`, which stands below `{room}`", source.path)),
                None => wrong.push(format!("{}: uses `crate::{used}`; name the room it stands in", source.path)),
            }
        }
    }
    wrong
}

#[test]
fn imports_flow_one_way() {
    let wrong = wrong_imports(&tree::rust_files("src"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_that_goes_up_the_house_is_found() {
    let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let wrong = |path: &str, text: &str| wrong_imports(&[file(path, text)]).len();
    assert_eq!(wrong("src/account/mod.rs", "use crate::policy::Policy;"), 0);
    assert_eq!(wrong("src/policy/mod.rs", "use crate::account::Account;"), 1);
    assert_eq!(wrong("src/policy/mod.rs", "use crate::{clock::{Clock, Timestamp}, store, id::Subject};"), 1);
    assert_eq!(wrong("src/policy/preset.rs", "use super::super::account::Account;"), 1);
    assert_eq!(wrong("src/policy/preset.rs", "use super::account;"), 0, "a file of its own room");
    assert_eq!(wrong("src/policy/mod.rs", "fn f() -> crate::service::Mfa { loop {} }"), 1);
    assert_eq!(wrong("src/policy/mod.rs", "// crate::account\n#[cfg(test)]\nmod t { use crate::account::A; }"), 0);
    assert_eq!(wrong("src/policy/tests.rs", "use crate::account::Account;"), 0);
    assert_eq!(wrong("src/policy/mod.rs", "#[cfg(test)]\nmod tests;\nuse crate::account::A;"), 1);
    assert_eq!(wrong("src/policy/mod.rs", "use crate::Policy;"), 1, "the root hides the room");
    assert_eq!(wrong("src/cellar/mod.rs", ""), 1, "an unknown room");
}

#[test]
fn no_source_file_is_longer_than_a_person_reads() {
    for source in tree::rust_files("src") {
        let lines = source.text.lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines; {LONGEST} are the most", source.path);
    }
}

/// Lines that mention a feature and gate something else than a module or what is made public of it.
fn wrong_gates(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
    let mut wrong = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        // An inner attribute of the crate sets lints; it gates nothing.
        if !line.contains("feature = \"") || line.starts_with("//") || line.starts_with("#![cfg_attr(") {
            continue;
        }
        let attribute =
            |line: &&&str| ["#", "//", ")", "feature", "any(", "all(", "not("].iter().any(|p| line.starts_with(p));
        let item = lines.iter().skip(at).find(|line| !attribute(line)).copied().unwrap_or_default();
        if !["mod ", "pub mod ", "pub(crate) mod ", "pub use ", "pub(crate) use "].iter().any(|p| item.starts_with(p)) {
            wrong.push(format!("{}:{}: {line}", source.path, at.saturating_add(1)));
        }
    }
    wrong
}

#[test]
fn features_gate_modules_and_nothing_else() {
    let wrong: Vec<String> = tree::rust_files("src").iter().flat_map(wrong_gates).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_feature_that_gates_a_field_is_found() {
    let wrong = |text: &str| wrong_gates(&Source { path: "src/lib.rs".into(), text: text.into() }).len();
    assert_eq!(
        wrong("#[cfg(feature = \"token\")]\n#[cfg_attr(docsrs, doc(cfg(feature = \"token\")))]\npub mod token;"),
        0
    );
    assert_eq!(wrong("#[cfg(any(\n    feature = \"a\",\n    feature = \"b\",\n))]\npub use qr::Qr;"), 0);
    assert_eq!(wrong("struct S {\n    #[cfg(feature = \"token\")]\n    token: u8,\n}"), 1);
    assert_eq!(wrong("#[cfg(feature = \"token\")]\nfn issue() {}"), 1);
    assert_eq!(wrong("if cfg!(feature = \"token\") {}"), 1);
}
