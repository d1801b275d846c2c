//! `docs/HTTP.md`, read as a client's author reads it: its routes, its errors, its members.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The sections that name routes of `mfa.routes()`, `mfa.well_known()` and `mfa.admin_routes()`.
const SECTIONS: [&str; 4] = ["Challenges", "Authenticators", "Sessions, devices, events", "Administration"];

pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

pub(crate) fn page() -> String {
    file("docs/HTTP.md")
}

fn section(page: &str, title: &str) -> String {
    let found = page.split("\n## ").find(|section| section.starts_with(title));
    found.unwrap_or_else(|| panic!("no section {title}")).to_owned()
}

/// What stands between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Where the administration is nested in these tests; the document gives its routes no prefix.
pub(crate) const ADMINISTRATION: &str = "/admin/mfa";

/// Every `METHOD /path` of the document.
pub(crate) fn routes() -> BTreeSet<String> {
    let page = page();
    routes_of(&page, &SECTIONS)
}

/// The routes that stand below "Not built yet".
pub(crate) fn not_built() -> BTreeSet<String> {
    routes_of(&page(), &["Not built yet"])
}

fn routes_of(page: &str, sections: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in sections.iter().flat_map(|title| section(page, title).lines().map(str::to_owned).collect::<Vec<_>>()) {
        // In a table the first cell is the call.
        let cell = line.strip_prefix("| ").map_or(&*line, |row| row.split(" | ").next().unwrap());
        let mut before: Option<String> = None;
        for span in spans(cell) {
            let route = match (span.split_once(' '), &before) {
                (Some((method @ ("GET" | "POST" | "PATCH" | "PUT" | "DELETE"), rest)), _) => {
                    format!("{method} {}", rest.split(' ').next().unwrap())
                }
                // `…/start` · `/finish`
                (None, Some(before)) if span.starts_with('/') => {
                    format!("{}{span}", &before[..before.rfind('/').unwrap()])
                }
                _ => continue,
            };
            before = Some(route.clone());
            found.extend(alternatives(&route).iter().map(|route| nested(route)));
        }
    }
    found
}

/// A route with its prefix, where it is of the administration.
fn nested(route: &str) -> String {
    match route.split_once(' ').unwrap() {
        (_, path) if path.starts_with("/mfa/") || path.starts_with("/.well-known/") => route.to_owned(),
        (method, path) => format!("{method} {ADMINISTRATION}{path}"),
    }
}

/// `…/reset|unlock|suspend` are three.
fn alternatives(route: &str) -> Vec<String> {
    let (start, last) = route.rsplit_once('/').unwrap();
    last.split('|').map(|word| format!("{start}/{word}")).collect()
}

/// A row of the error table: what belongs to it beside the usual members.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) status: u16,
    pub(crate) members: Vec<String>,
    pub(crate) headers: Vec<String>,
}

/// The error table, by code, with the two codes the prose adds.
pub(crate) fn errors() -> BTreeMap<String, Row> {
    let page = page();
    let conventions = section(&page, "Conventions");
    let mut rows = BTreeMap::new();
    for line in conventions.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let (status, last) = (cells[0].parse().unwrap(), cells.last().unwrap());
        let is_word = |span: &&str| span.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let codes: Vec<&str> = spans(cells[1].split(" (").next().unwrap()).filter(is_word).collect();
        for code in &codes {
            let mut row = Row { status, ..Row::default() };
            // Where two codes share a row, the extra is the second one's.
            let of_this = codes.last() == Some(code);
            for span in spans(last).filter(|_| of_this && cells.len() == 4) {
                match span.chars().next() {
                    // The scope stands in the header.
                    Some('a'..='z') if *code != "insufficient_scope" => row.members.push(span.to_owned()),
                    Some('A'..='Z') => row.headers.push(span.split(':').next().unwrap().to_ascii_lowercase()),
                    _ => {}
                }
            }
            rows.insert((*code).to_owned(), row);
        }
    }
    for (status, code) in [(413, "too_large"), (415, "unsupported_media_type")] {
        assert!(conventions.contains(&format!("`{status} {code}`")), "{code}");
        rows.insert(code.to_owned(), Row { status, ..Row::default() });
    }
    rows
}

/// The members of an object, with whether each may be left out.
pub(crate) type Members = BTreeMap<String, bool>;

/// The members of the first object behind `then` in the line that has `anchor`.
pub(crate) fn members(anchor: &str, then: &str) -> Members {
    let page = page();
    let line = page.lines().find(|line| line.contains(anchor)).unwrap_or_else(|| panic!("no {anchor}"));
    let behind = &line[line.find(anchor).unwrap()..];
    let behind = &behind[behind.find(then).unwrap_or_else(|| panic!("no {then} behind {anchor}"))..];
    let mut found = object(&behind[behind.find('{').unwrap()..]);
    // `"access_token",…` stands for what a completed login gives.
    if found.contains_key("access_token") && !found.contains_key("token_type") {
        for (name, _) in members("{\"status\":\"complete\"", "{") {
            let optional = name == "refresh_token";
            found.entry(name).or_insert(optional);
        }
    }
    found
}

/// Reads `{"a","b"?,"c":{…},"d":[…]}`: the names at the first level.
fn object(text: &str) -> Members {
    let (mut members, mut depth, mut begins) = (Members::new(), 0, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '{' | '[' => (depth, begins) = (depth + 1, c == '{' && depth == 0),
            '}' | ']' => depth -= 1,
            ',' => begins = depth == 1,
            '"' => {
                let (name, behind) = rest.split_once('"').unwrap();
                if begins && depth == 1 {
                    members.insert(name.to_owned(), behind.starts_with('?'));
                }
                (rest, begins) = (behind, false);
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    members
}

/// The members that stand in an answer and not in the document, or the other way round.
#[track_caller]
pub(crate) fn exactly(body: &Value, documented: &Members) {
    let there: BTreeSet<&String> = body.as_object().unwrap_or_else(|| panic!("no object: {body}")).keys().collect();
    let undocumented: Vec<_> = there.iter().filter(|name| !documented.contains_key(**name)).collect();
    let missing: Vec<_> = documented.iter().filter(|(name, optional)| !**optional && !there.contains(name)).collect();
    assert!(
        undocumented.is_empty() && missing.is_empty(),
        "undocumented {undocumented:?}, missing {missing:?}: {body}"
    );
    for (name, value) in body.as_object().unwrap() {
        assert!(is_typed(name, value), "{name} is {value}");
    }
}

/// Whether a member has the type the document shows by its examples.
fn is_typed(name: &str, value: &Value) -> bool {
    match name {
        "expires_in"
        | "auth_time"
        | "created_at"
        | "last_seen"
        | "at"
        | "remaining"
        | "total"
        | "sessions"
        | "iat"
        | "exp"
        | "retry_after"
        | "attempts_remaining"
        | "recovery_codes_remaining" => value.is_u64() || name == "created_at" && value.is_null(),
        "last_used_at" => value.is_u64() || value.is_null(),
        "amr" | "methods" | "authenticators" | "items" | "allowed" | "recovery" | "findings" | "missing" => {
            value.is_array()
        }
        "transports" => value.is_array(),
        "public_key" | "accepted_credentials" => value.is_object(),
        "recovery_codes" => value.is_array() || value.is_object(),
        "authenticator" | "step_up" | "state" => value.is_object(),
        "phishing_resistant" | "synced" | "current" | "met" => value.is_boolean(),
        "next" | "rule" | "access" | "code" => value.is_string() || value.is_null(),
        _ => value.is_string(),
    }
}

#[test]
fn the_document_is_read_as_it_is_meant() {
    let routes = routes();
    for route in [
        "POST /mfa/challenges",
        "POST /mfa/passkeys/finish",
        "DELETE /mfa/sessions/{sid}",
        "POST /mfa/token/refresh",
        "GET /.well-known/jwks.json",
        "POST /admin/mfa/subjects/{subject}/unlock",
        "GET /admin/mfa/explain",
    ] {
        assert!(routes.contains(route), "{route} in {routes:?}");
    }
    assert_eq!(routes.len(), 35, "{routes:#?}");
    let errors = errors();
    assert_eq!(errors.len(), 16, "{errors:#?}");
    assert_eq!(errors["no_eligible_authenticator"].members, ["allowed"]);
    assert_eq!(errors["throttled"].headers, ["retry-after"]);
    let opened = members("`POST /mfa/challenges` (session token)", "201");
    assert_eq!(opened.keys().collect::<Vec<_>>(), ["challenge_id", "expires_in", "methods"]);
    assert!(members("An authenticator: ", "{")["synced"]);
    assert!(members("`POST /mfa/authenticators/{id}/confirm`", "200").contains_key("refresh_token"));
}
