//! Policy files: what they say, and what is said of the slips in them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

#[path = "policy_file/reload.rs"]
mod reload;
#[path = "policy_file/schema.rs"]
mod schema;
#[path = "policy_file/webauthn.rs"]
mod webauthn;

use std::sync::Arc;

use tower_mfa::middleware::route_policy::{Mode, RoutePolicy};
use tower_mfa::policy::file::{PolicyDocument, PolicyFileError, RouteServices};
use tower_mfa::policy::{BoundTo, Policy};
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::MemoryStore;

const WHOLE: &str = r#"
version = 1
unnamed = "report-only"

[actions.transfer_funds]
require = { level = "aal2", within = "5 minutes" }
bind = ["to", "amount"]

[actions.replace_key]
require = { any_of = [
    { level = "aal2", proofs = [{ of = "passkey", within = 300 }] },
    { level = "aal2", proofs = [{ of = "totp", within = "1 minute" }] },
] }
bind = "request"

[login]
mode = "if_enrolled"

[[login.rules]]
name = "bank"
tenants = ["bank"]
mode = "required_after"
grace_until = "2027-01-31"
grace_sign_ins = 5

[[routes]]
name = "home"
path = "/"
methods = ["GET"]
access = "public"

[[routes]]
name = "mfa"
path = "/mfa/{*rest}"
access = "guarded-elsewhere"

[[routes]]
name = "transfer"
path = "/transfer"
methods = ["POST"]
action = "transfer_funds"
body_limit = 1024

[[routes]]
name = "office"
path = "/office/{room}"
mode = "report-only"
inline_codes = true
require = { level = "aal2", roles = ["clerk"], scopes = ["office"], networks = ["10.0.0.0/8", "::1"], hours = [
    { from = "08:00", to = "18:00", days = ["mon", "tue", "wed", "thu", "fri"], utc_offset = "+01:00" },
], all_of = ["aal1", { within = "12h" }] }
"#;

fn services() -> RouteServices {
    let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
    let mfa = Arc::new(mfa.keys(Keys::generate().unwrap()).build().unwrap());
    RouteServices::new(mfa.clone(), mfa)
}

fn built(document: &PolicyDocument) -> Result<(Policy, RoutePolicy), PolicyFileError> {
    let policy = document.policy(Policy::builder())?;
    let routes = document.routes(&policy, &services())?;
    Ok((policy, routes))
}

fn lines(routes: &RoutePolicy) -> Vec<String> {
    routes.rules().iter().map(ToString::to_string).collect()
}

#[test]
fn the_policies_of_the_readme_and_of_the_quickstart_are_read_as_they_stand() {
    let file = |path| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let readme = file("README.md");
    let snippet = readme.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let (_, routes) = built(&PolicyDocument::from_toml(snippet).unwrap()).unwrap();
    assert_eq!(
        lines(&routes),
        [
            "transfer: POST /transfer, asks for an approval of the request and AAL2, at most 5 minutes old, approved for \
             transfer_funds, enforce",
            "reports: any method /reports/{*rest}, asks for AAL3, phishing resistant, role auditor, report-only",
        ]
    );
    let quickstart = PolicyDocument::from_toml(&file("examples/quickstart/policy.toml")).unwrap();
    assert!(built(&quickstart).unwrap().1.rules().iter().all(|rule| rule.mode() == Mode::Enforce));
}

#[test]
fn a_file_says_what_routes_actions_and_logins_ask_for() {
    let (policy, routes) = built(&PolicyDocument::from_toml(WHOLE).unwrap()).unwrap();
    assert_eq!(policy.bound_to("transfer_funds").unwrap(), &BoundTo::parameters(["to", "amount"]));
    assert_eq!(
        policy.action("replace_key").unwrap().to_string(),
        "AAL1, either (AAL2, a passkey at most 5 minutes old) or (AAL2, TOTP at most 1 minute old)"
    );
    assert_eq!(routes.unnamed(), Mode::ReportOnly);
    assert_eq!(
        lines(&routes),
        [
            "home: GET /, public, enforce",
            "mfa: any method /mfa/{*rest}, guarded elsewhere, enforce",
            "transfer: POST /transfer, asks for an approval of the request and AAL2, at most 5 minutes old, approved for \
             transfer_funds, enforce",
            "office: any method /office/{room}, asks for AAL2, role clerk, scope office, from 10.0.0.0/8 or ::1/128, \
             mon-fri 08:00-18:00 UTC+01:00, (AAL1) and (AAL1, at most 12 hours old), report-only",
        ]
    );
}

#[test]
fn json_says_the_same() {
    let value: toml::Value = toml::from_str(WHOLE).unwrap();
    let json = serde_json::to_string_pretty(&value).unwrap();
    let (_, of_json) = built(&PolicyDocument::from_json(&json).unwrap()).unwrap();
    let (_, of_toml) = built(&PolicyDocument::from_toml(WHOLE).unwrap()).unwrap();
    assert_eq!(lines(&of_json), lines(&of_toml));
}

/// What is wrong with a TOML file, and with the same in JSON.
#[track_caller]
fn refused(toml: &str, line: usize, says: &str) {
    let error = PolicyDocument::from_toml(toml).and_then(|document| built(&document)).err();
    let error = error.unwrap_or_else(|| panic!("taken: {toml}"));
    assert!(error.message().contains(says), "{error}");
    assert_eq!(error.line(), Some(line), "{error}");
    if let Ok(value) = toml::from_str::<toml::Value>(toml) {
        let json = serde_json::to_string_pretty(&value).unwrap();
        let error = PolicyDocument::from_json(&json).and_then(|document| built(&document)).err();
        let error = error.unwrap_or_else(|| panic!("taken: {json}"));
        assert!(error.message().contains(says), "{error}");
        assert!(error.line().is_some() && error.column().is_some(), "{error}");
    }
}

#[test]
fn a_slip_is_refused_with_its_place_and_a_way_out() {
    let route = |rest: &str| format!("version = 1\n\n[[routes]]\nname = \"x\"\npath = \"/x\"\n{rest}\n");
    refused("version = 2\n", 1, "this program reads version 1");
    refused("version = 1\n\nrutes = []\n", 3, "unknown field `rutes`");
    refused("version = 1\n[[routes]]\nname = \"x\"\npath = \n", 4, "");
    refused(&route("require = \"aal4\""), 6, "expected a level");
    refused(&route("require = { level = \"aal2\", wihtin = 5 }"), 6, "unknown field `wihtin`");
    refused(
        &route("require = { within = \"5 minuets\" }"),
        6,
        "expected a duration: seconds, or words such as \"5 minutes\"",
    );
    refused(&route("require = { within = -5 }"), 6, "a positive number");
    // A month to the parser, a minute to whoever is tired: it would be open for 5 months.
    refused(&route("require = { within = \"5M\" }"), 6, "minutes as m, or months in full");
    for time in ["+8:00", "08:+5", "8:000"] {
        refused(
            &route(&format!("require = {{ hours = [{{ from = \"{time}\", to = \"18:00\" }}] }}")),
            6,
            "such as 08:00",
        );
    }
    for offset in ["+01:-5", "+01:99", "-00:+5", "01:000"] {
        let hours = format!("[{{ from = \"08:00\", to = \"18:00\", utc_offset = \"{offset}\" }}]");
        refused(&route(&format!("require = {{ hours = {hours} }}")), 6, "such as +01:00");
    }
    refused(&route("require = { networks = [] }"), 6, "leave the member out");
    refused(&route("require = { networks = [\"10.1.0.0/8\"] }"), 6, "without bits behind its prefix");
    refused(&route("require = { proofs = [{ of = \"telepathy\" }] }"), 6, "a kind of proof such as totp");
    refused(&route("require = { hours = [{ from = \"8:00\", to = \"18:00\" }] }"), 6, "a time such as 08:00");
    refused(&route("methods = [\"get\"]\naccess = \"public\""), 6, "in capitals");
    refused(&route("mode = \"on\"\naccess = \"public\""), 6, "unknown variant `on`");
}

#[test]
fn what_contradicts_itself_is_refused_by_the_name_of_the_rule() {
    let route = |rest: &str| format!("version = 1\n\n[[routes]]\nname = \"x\"\npath = \"/x\"\n{rest}\n");
    refused(&route(""), 3, "route \"x\": says nothing of who may pass");
    refused(&route("access = \"public\"\nrequire = \"aal1\""), 3, "more than one of access, require and action");
    refused(&route("action = \"steal\""), 3, "asks for the action \"steal\", which is not among the actions");
    refused(&route("access = \"public\"\nbody_limit = 5"), 3, "body_limit goes with an action that is bound");
    refused(&route("access = \"public\"\ninline_codes = true"), 3, "inline_codes goes with require");
    let never = "require = { hours = [{ from = \"08:00\", to = \"08:00\" }] }";
    refused(&route(never), 3, "never opens: leave it out for the whole day");
    refused(&route("require = { any_of = [\"aal1\", \"aal2\"] }"), 3, "is never needed beside (AAL1)");
    refused(&route("require = { level = \"aal2\", within = 0 }"), 3, "allow a minute");
    let twice = route("access = \"public\"") + "[[routes]]\nname = \"y\"\npath = \"/x\"\naccess = \"public\"\n";
    refused(&twice, 7, "\"y\"");
    let same_name = route("access = \"public\"") + "[[routes]]\nname = \"x\"\npath = \"/y\"\naccess = \"public\"\n";
    refused(&same_name, 7, "\"x\"");
    refused(&route("access = \"public\"").replace("\"/x\"", "\"/x//y\""), 3, "");
    let by_code = "version = 1\n[login]\nmode = \"required\"\nkinds = [\"totp\"]\n[[routes]]\nname = \"v\"\npath = \"/v\"\nrequire = \"aal3\"\n";
    refused(by_code, 5, "AAL3 is met by nobody");
    let pay = "version = 1\n[login]\nmode = \"required\"\nkinds = [\"totp\"]\n[actions.pay]\nrequire = \"aal3\"\n";
    refused(pay, 5, "\"pay\": AAL3 is met by nobody");
    refused("version = 1\n[actions.\"a b\"]\nrequire = \"aal2\"\n", 2, "the name must be 1 to 64");
    let vain = "version = 1\n[login]\nmode = \"required\"\n[[login.rules]]\nname = \"shop\"\ntenants = [\"shop\"]\nmode = \"optional\"\n";
    refused(vain, 4, "no stricter than the base");
    let endless = "version = 1\n[login]\nmode = \"optional\"\n[[login.rules]]\nname = \"bank\"\ntenants = [\"bank\"]\nmode = \"required_after\"\n";
    refused(endless, 4, "say grace_until, grace_sign_ins, or both");
}

/// What some editors put in front of a file is no part of it (RFC 8259 §8.1).
#[test]
fn a_byte_order_mark_and_the_line_ends_of_windows_are_no_slips() {
    for text in ["\u{feff}version = 1\r\n", "version = 1\r\nroutes = []\r\n"] {
        assert!(PolicyDocument::from_toml(text).is_ok(), "{text:?}");
    }
    assert!(PolicyDocument::from_json("\u{feff}{\r\n\"version\": 1\r\n}\r\n").is_ok());
    let slip = PolicyDocument::from_json("\u{feff}{\r\n\"version\": 1,\r\n\"rutes\": []}").unwrap_err();
    assert_eq!((slip.line(), slip.column()), (Some(3), Some(7)), "{slip}");
}

/// Whoever writes it by a program that went wrong hears of it, and no stack is too small.
#[test]
fn a_requirement_without_a_bottom_is_refused() {
    for depth in [64, 10_000] {
        for (open, close) in [("{ any_of = [", "] }"), ("{ all_of = [", "] }")] {
            let toml =
                format!("version = 1\n[actions.pay]\nrequire = {}\"aal2\"{}", open.repeat(depth), close.repeat(depth));
            let read = PolicyDocument::from_toml(&toml).and_then(|document| document.policy(Policy::builder()));
            assert!(read.is_err());
            let open = open.replace("any_of =", "\"any_of\":").replace("all_of =", "\"all_of\":");
            let require = format!("{}\"aal2\"{}", open.repeat(depth), close.repeat(depth));
            let json = format!(r#"{{"version":1,"actions":{{"pay":{{"require":{require}}}}}}}"#);
            let read = PolicyDocument::from_json(&json).and_then(|document| document.policy(Policy::builder()));
            assert!(read.is_err());
        }
    }
}

#[test]
fn json_with_two_members_of_one_name_is_refused() {
    for json in [
        r#"{"version":1,"actions":{"a":{"require":"aal2"},"a":{"require":"aal1"}}}"#,
        r#"{"version":1,"version":1}"#,
        "{\"version\":1,\"routes\":[\n {\"name\":\"x\",\"name\":\"y\",\"path\":\"/\",\"access\":\"public\"}]}",
    ] {
        let error = PolicyDocument::from_json(json).unwrap_err();
        assert!(error.message().contains("twice") || error.message().contains("duplicate"), "{error}");
    }
    let deep =
        PolicyDocument::from_json("{\"version\":1,\"routes\":[\n {\"name\":\"x\",\n  \"pth\":\"/\"}]}").unwrap_err();
    assert_eq!((deep.line(), deep.column()), (Some(3), Some(7)), "{deep}");
}
