//! `docs/CONFORMANCE.md` says which tests show each rule of the standards and each known advisory.
//! It is written from the tests there are, so it cannot drift:
//!
//! ```text
//! TOWER_MFA_BLESS=1 cargo test --test conformance
//! ```
//!
//! rewrites it; without the variable the page is compared. A test belongs to the row whose id its
//! name begins with (`n63b_3_1_4_2_c_…`, `cve_2015_7225_…`; several ids may stand one behind the
//! other), and to those that a line
//! `/// Rows: N63B-3.1.4.2-c, CVE-2015-7225` above it names. What has no test yet has a reason in
//! `docs/conformance_reasons.toml`.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Deserialize;
use tree::Source;

#[derive(Deserialize)]
struct Standards {
    row: Vec<Row>,
}

/// A row of `docs/standards.toml`.
#[derive(Deserialize)]
struct Row {
    id: String,
    source: String,
    rule: String,
    force: String,
    who: String,
}

#[derive(Deserialize)]
struct Advisories {
    advisory: Vec<Advisory>,
}

/// A row of `docs/advisories.toml`.
#[derive(Deserialize)]
struct Advisory {
    number: u32,
    ids: Vec<String>,
    product: String,
    cause: String,
    shows: String,
}

#[derive(Deserialize)]
struct Reasons {
    reason: Vec<Reason>,
}

/// Why some rows have no test yet.
#[derive(Deserialize)]
struct Reason {
    /// Ids; one that ends in `*` stands for all that begin so.
    ids: Vec<String>,
    why: String,
    /// A path below `src/`: the reason is void as soon as it is there.
    until: Option<String>,
}

impl Reason {
    fn names(&self, id: &str) -> bool {
        self.ids.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => pattern == id,
        })
    }

    fn holds(&self) -> bool {
        !self.until.as_deref().is_some_and(|room| {
            let path = tree::root().join("src").join(room);
            path.exists() || path.with_extension("rs").exists()
        })
    }
}

/// What a line of the page is about.
struct Item {
    id: String,
    /// Who satisfies it (L, C, I, D), or the number of the advisory.
    second: String,
    /// The beginnings of names, and the ids in a `Rows:` line, that mean this item.
    keys: Vec<String>,
    /// Whether a test or a reason must be given.
    must: bool,
}

/// A test, and the rows it names beside its name.
struct Test {
    name: String,
    rows: Vec<String>,
}

fn read<T: for<'de> Deserialize<'de>>(file: &str) -> T {
    let text = std::fs::read_to_string(tree::root().join("docs").join(file)).expect(file);
    toml::from_str(&text).expect(file)
}

/// `N63B-3.1.4.2-c` as names of tests spell it: `n63b_3_1_4_2_c`.
fn spelled(id: &str) -> String {
    let words: Vec<String> =
        id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_ascii_lowercase).collect();
    words.join("_")
}

/// How names of tests may begin that belong to a row: `R7519-4.1.4/5` is either, and `1..4` is each.
fn keys_of(id: &str) -> Vec<String> {
    let mut keys = vec![spelled(id)];
    let several = id.rsplit_once("..").or_else(|| id.rsplit_once('/'));
    if let Some((first, last)) = several {
        let at = first.rfind(['.', '-']).map_or(0, |at| at.saturating_add(1));
        let (before, from) = first.split_at(at);
        let each: Vec<String> = match (from.parse::<u32>(), last.parse::<u32>()) {
            (Ok(from), Ok(to)) => (from..=to).map(|n| n.to_string()).collect(),
            _ => vec![from.to_owned(), last.to_owned()],
        };
        keys.extend(each.iter().map(|one| spelled(&format!("{before}{one}"))));
    }
    keys
}

fn standards() -> Vec<Item> {
    let Standards { row } = read("standards.toml");
    let item = |row: Row| {
        let said = [&row.source, &row.rule, &row.force].iter().all(|text| !text.trim().is_empty());
        assert!(said, "{} says too little", row.id);
        assert!(matches!(row.who.as_str(), "L" | "C" | "I" | "D"), "{}: who is `{}`", row.id, row.who);
        Item { keys: keys_of(&row.id), must: row.who == "L", id: row.id, second: row.who }
    };
    row.into_iter().map(item).collect()
}

fn advisories() -> Vec<Item> {
    let Advisories { advisory } = read("advisories.toml");
    let item = |advisory: Advisory| {
        let said = [&advisory.product, &advisory.cause, &advisory.shows].iter().all(|text| !text.trim().is_empty());
        assert!(said, "advisory {} says too little", advisory.number);
        let mut keys: Vec<String> = advisory.ids.iter().map(|id| spelled(id)).collect();
        keys.push(format!("advisory_{}", advisory.number));
        let id = advisory.ids.first().expect("an id").clone();
        Item { id, second: advisory.number.to_string(), keys, must: true }
    };
    advisory.into_iter().map(item).collect()
}

fn all_items() -> Vec<Item> {
    standards().into_iter().chain(advisories()).collect()
}

/// The tests of a file: functions behind `#[test]` or `#[tokio::test…]`, in `proptest!` too.
fn tests_of(source: &Source) -> Vec<Test> {
    let mut tests = Vec::new();
    let (mut is_test, mut rows) = (false, Vec::new());
    for line in source.text.lines().map(str::trim) {
        if let Some(named) = line.strip_prefix("/// Rows:") {
            rows.extend(named.split(',').map(|id| id.trim().to_owned()));
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = function_name(line) {
            if is_test {
                tests.push(Test { name: name.to_owned(), rows: std::mem::take(&mut rows) });
            }
            (is_test, rows) = (false, Vec::new());
        }
    }
    tests
}

fn function_name(line: &str) -> Option<&str> {
    let words = ["pub ", "pub(crate) ", "pub(super) ", "const ", "async "];
    let line = words.iter().fold(line, |line, word| line.strip_prefix(word).unwrap_or(line));
    let name = line.strip_prefix("fn ")?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

fn all_tests() -> Vec<Test> {
    ["src", "tests"].iter().flat_map(|folder| tree::rust_files(folder)).flat_map(|s| tests_of(&s)).collect()
}

/// The item whose key is the longest beginning of `name`, at a word's end, and what is left of it.
fn item_of<'a, 'n>(items: &'a [Item], name: &'n str) -> Option<(&'a Item, &'n str)> {
    let rest = |key: &str| match name.strip_prefix(key)? {
        "" => Some(""),
        rest => rest.strip_prefix('_'),
    };
    let shortest = |item: &Item| item.keys.iter().filter_map(|key| rest(key)).min_by_key(|rest| rest.len());
    items.iter().filter_map(|item| Some((item, shortest(item)?))).min_by_key(|(_, rest)| rest.len())
}

/// The items whose ids stand at the beginning of `name`, one behind the other.
fn items_of<'a>(items: &'a [Item], mut name: &str) -> Vec<&'a Item> {
    let mut found = Vec::new();
    while let Some((item, rest)) = item_of(items, name) {
        found.push(item);
        name = rest;
    }
    found
}

/// The tests of every item; what is wrong with their names goes to `wrong`.
fn assigned(items: &[Item], tests: &[Test], wrong: &mut Vec<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for test in tests {
        let looks_like_an_id =
            ["n63b_", "asvs_", "cve_", "ghsa_", "advisory_"].iter().any(|p| test.name.starts_with(p));
        let named = items_of(items, &test.name);
        if named.is_empty() && looks_like_an_id {
            wrong.push(format!("`{}` begins with no id there is", test.name));
        }
        for item in named {
            of.entry(item.id.clone()).or_default().insert(test.name.clone());
        }
        for row in &test.rows {
            match items.iter().find(|item| item.keys.contains(&spelled(row))) {
                Some(item) => drop(of.entry(item.id.clone()).or_default().insert(test.name.clone())),
                None => wrong.push(format!("`{}` names the row `{row}`, which there is not", test.name)),
            }
        }
    }
    of
}

const PREFACE: &str = "# Conformance

Which tests show each rule of `standards.toml` and each known way around MFA of `advisories.toml`, or why there is none
yet. Do not edit this page: it is written by

```text
TOWER_MFA_BLESS=1 cargo test --test conformance
```

from the names of the tests and the reasons in `conformance_reasons.toml`; without the variable the test compares.
A test belongs to the row whose id its name begins with, and to the rows named in a line `/// Rows: …` above it.

**Who**: `L` the library enforces it · `C` a default of the library, the host may choose · `I` the host's or operator's ·
`D` said in the documentation.

## Limits of the library that checks WebAuthn

What webauthn-rs-core 0.6 cannot do, with the rows it concerns; their tests show what is done instead.

- `WA-5.4-params`, `WA-REG-20`: ES256, ES384 and RS256; neither Ed25519 nor Ed448 nor P-521, so none of them is offered.
- `WA-REG-22`: RSA keys of credentials have 2,048 bits and the exponent 65537, no others.
- `WA-8.3`, `WA-8.5`, `WA-8.9`: no `tpm` (none that does not use SHA-1), `android-safetynet` or `compound` statements.
- `WA-REG-5`, `WA-REG-10`, `WA-REG-11`: with an attestation beside it, a byte-order mark or an allowed frame is refused.
- `WA-REG-24`: a root must have basic constraints and key usage; certificate dates are read from the system's clock.
- `WA-13.5.5`: no look-up of revocations; a root or a model that is taken out of the configuration vouches for nothing more.
- `WA-REG-15`: no conditional creation, so a user must have been there.
";

/// The page, as it should be; what has neither test nor reason goes to `wrong`.
fn page(of: &BTreeMap<String, BTreeSet<String>>, wrong: &mut Vec<String>) -> String {
    let Reasons { reason } = read("conformance_reasons.toml");
    let (standards, advisories) = (standards(), advisories());
    for id in reason.iter().flat_map(|r| &r.ids) {
        let named = |item: &Item| Reason { ids: vec![id.clone()], why: String::new(), until: None }.names(&item.id);
        if !standards.iter().chain(&advisories).any(named) {
            wrong.push(format!("conformance_reasons.toml names `{id}`, which there is not"));
        }
    }
    let mut page = PREFACE.to_owned();
    for (title, head, items) in [
        ("The standards", "| id | who | tests, or why there is none yet |", &standards),
        ("Known advisories", "| id | no. | tests, or why there is none yet |", &advisories),
    ] {
        let shown = items.iter().filter(|item| of.contains_key(&item.id)).count();
        let _ = write!(page, "\n## {title}\n\n{shown} of {} have tests.\n\n{head}\n|---|---|---|\n", items.len());
        for item in items {
            let _ = writeln!(page, "| {} | {} | {} |", item.id, item.second, told(item, of, &reason, wrong));
        }
    }
    page
}

fn told(item: &Item, of: &BTreeMap<String, BTreeSet<String>>, reasons: &[Reason], wrong: &mut Vec<String>) -> String {
    if let Some(tests) = of.get(&item.id) {
        return tests.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    }
    // An exact id speaks before a pattern.
    let exact = |r: &&Reason| r.ids.contains(&item.id);
    let by_pattern = || reasons.iter().find(|r| r.names(&item.id));
    match reasons.iter().find(exact).or_else(by_pattern) {
        Some(reason) if reason.holds() => return reason.why.clone(),
        Some(reason) if item.must => {
            let room = reason.until.as_deref().unwrap_or_default();
            wrong.push(format!("{}: `src/{room}` is there now; it needs a test or another reason", item.id));
        }
        None if item.must => wrong.push(format!("{}: neither a test nor a reason", item.id)),
        Some(_) | None => {}
    }
    match item.second.as_str() {
        "I" => "the host's part",
        "D" => "said in the documentation",
        _ => "–",
    }
    .to_owned()
}

/// The tests each line of the page lists, by id.
fn listed(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if let [id, _, last] = cells.as_slice() {
            let names = last.split(' ').filter_map(|word| word.strip_prefix('`')?.strip_suffix('`'));
            rows.insert((*id).to_owned(), names.map(str::to_owned).collect());
        }
    }
    rows
}

/// How the page that is there differs from the tests that are there.
fn differences(written: &str, items: &[Item], of: &BTreeMap<String, BTreeSet<String>>, all: &[Test]) -> Vec<String> {
    let rows = listed(written);
    let none = BTreeSet::new();
    let mut wrong = Vec::new();
    for item in items {
        let Some(names) = rows.get(&item.id) else {
            wrong.push(format!("{}: not on the page", item.id));
            continue;
        };
        let tests = of.get(&item.id).unwrap_or(&none);
        for name in names.difference(tests) {
            let why = if all.iter().any(|test| test.name == *name) { "is not its test" } else { "does not exist" };
            wrong.push(format!("{}: `{name}` {why}", item.id));
        }
        wrong.extend(tests.difference(names).map(|name| format!("{}: `{name}` is not listed", item.id)));
    }
    wrong
}

#[test]
fn every_row_has_its_tests_or_a_reason() {
    let (items, tests) = (all_items(), all_tests());
    let mut wrong = Vec::new();
    let of = assigned(&items, &tests, &mut wrong);
    let page = page(&of, &mut wrong);
    let path = tree::root().join("docs/CONFORMANCE.md");
    if std::env::var_os("TOWER_MFA_BLESS").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    wrong.extend(differences(&written, &items, &of, &tests));
    if wrong.is_empty() && written != page {
        wrong.push("the page reads otherwise".to_owned());
    }
    assert!(
        wrong.is_empty(),
        "docs/CONFORMANCE.md is not what the tests say:\n{}\n\nTOWER_MFA_BLESS=1 cargo test --test conformance \
         rewrites it; reasons stand in docs/conformance_reasons.toml",
        wrong.join("\n")
    );
}

#[test]
fn every_row_has_an_id_of_its_own() {
    let mut seen = BTreeSet::new();
    for key in all_items().into_iter().flat_map(|item| item.keys) {
        assert!(seen.insert(key.clone()), "{key} stands twice");
    }
    assert!(seen.len() > 450, "only {} ids", seen.len());
}

#[test]
fn a_test_is_found_and_given_to_its_rows() {
    let text = [
        "/// Rows: PCI-8.5.1-a, advisory-57",
        "#[test]",
        "fn n63b_3_1_4_2_c_x() {}",
        "fn helper() {}",
        "#[tokio::test(flavor = \"multi_thread\")]",
        "#[ignore = \"slow\"]",
        "async fn r4226_5_3_a_y() {}",
        "#[test]",
        "fn r9068_4_a_r7519_4_1_5_z(a in 0..9) {}",
    ];
    let tests = tests_of(&Source { path: String::new(), text: text.join("\n") });
    let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
    assert_eq!(names, ["n63b_3_1_4_2_c_x", "r4226_5_3_a_y", "r9068_4_a_r7519_4_1_5_z"]);
    let mut wrong = Vec::new();
    let of = assigned(&all_items(), &tests, &mut wrong);
    let ids: Vec<&str> = of.keys().map(String::as_str).collect();
    let scheb = "scheb/two-factor-bundle 2018-07-08 (#143)";
    assert_eq!(ids, ["N63B-3.1.4.2-c", "PCI-8.5.1-a", "R4226-5.3-a", "R7519-4.1.4/5", "R9068-4-a", scheb]);
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_name_or_row_that_means_nothing_is_reported() {
    let test = |name: &str, row: &str| Test { name: name.into(), rows: vec![row.into()] };
    let mut wrong = Vec::new();
    assigned(&all_items(), &[test("n63b_3_1_4_2_cc_typo", "R4226-5.1"), test("fine", "R4226-9.9")], &mut wrong);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}

#[test]
fn a_page_that_lists_too_much_or_too_little_is_reported() {
    let (items, tests) = (all_items(), all_tests());
    let of = assigned(&items, &tests, &mut Vec::new());
    let page = page(&of, &mut Vec::new());
    assert_eq!(differences(&page, &items, &of, &tests), Vec::<String>::new());
    let test = of.get("AMR-3").and_then(|names| names.first()).expect("a test of AMR-3");
    for (broken, said) in [
        (page.replace(&format!("`{test}`"), "`amr_3_gone`"), "does not exist"),
        (page.replace(&format!("| AMR-3 | L | `{test}`"), "| AMR-3 | L |"), "is not listed"),
        (page.replace("| AMR-3 |", "| AMR-33 |"), "not on the page"),
    ] {
        let wrong = differences(&broken, &items, &of, &tests).join("\n");
        assert!(wrong.contains(said), "{said}: {wrong}");
    }
}
