//! The quickstart's policy file: changed while it runs, with slips in it, and reporting only.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::client::{body, log_in, send, status};
use super::quickstart::Quickstart;
use super::{built, folder, root};

const VAULT_MODE: &str = "# mode = \"report-only\"";

fn transfer(bank: &Quickstart, token: &str) -> String {
    send(bank, "POST", "/transfer", Some(token), r#"{"to":"bob","amount":100}"#)
}

#[test]
fn five_minutes_become_one_without_a_restart_and_a_slip_changes_nothing() {
    let bank = Quickstart::start(root(), &["--store", "memory:"], &[]);
    let alice = log_in(&bank, "alice", "access_token");
    assert_eq!(body(&transfer(&bank, &alice))["required"], json!({ "acr": "aal2", "max_age": 300 }));

    bank.edit_policy(&[("5 minutes", "1 minute")]);
    let said = bank.says("policy: in force now: ");
    assert!(said.contains("transfer: POST /transfer") && said.contains("at most 1 minute old"), "{said}");
    assert_eq!(body(&transfer(&bank, &alice))["required"], json!({ "acr": "aal2", "max_age": 60 }));

    bank.edit_policy(&[("1 minute", "10 minutes"), ("name = \"vault\"", "nmae = \"vault\"")]);
    let said = bank.says("what was in force before stays so");
    assert!(said.contains("policy.toml: line ") && said.contains("unknown field `nmae`"), "{said}");
    assert_eq!(body(&transfer(&bank, &alice))["required"]["max_age"], 60, "nothing of it is taken");

    assert_eq!(status(&send(&bank, "GET", "/profile", Some(&alice), "")), 200);
    bank.edit_policy(&[("nmae", "name"), ("10 minutes", "1 minute"), ("path = \"/profile\"", "path = \"/prophile\"")]);
    bank.says("profile: GET /prophile");
    assert_eq!(status(&send(&bank, "GET", "/profile", Some(&alice), "")), 403, "what no route names is denied");
}

#[test]
fn a_rule_that_reports_only_changes_no_byte_and_says_whom_it_would_have_refused() {
    let bank = Quickstart::start(root(), &["--store", "memory:"], &[]);
    let alice = log_in(&bank, "alice", "access_token");
    assert_eq!(status(&send(&bank, "GET", "/vault", Some(&alice), "")), 401);

    bank.edit_policy(&[(VAULT_MODE, "mode = \"report-only\"")]);
    bank.says("vault: GET /vault, asks for AAL3, phishing resistant, report-only");
    let reported = send(&bank, "GET", "/vault", Some(&alice), "");
    let said = bank.says("report-only: GET");
    assert_eq!(said, r#"report-only: GET /vault would be refused by "vault": level, phishing_resistance missing"#);

    bank.edit_policy(&[("report-only\"\n\n", "off\"\n\n")]);
    bank.says("vault: GET /vault, asks for AAL3, phishing resistant, off");
    assert_eq!(reported, send(&bank, "GET", "/vault", Some(&alice), ""));
    assert_eq!(body(&reported)["message"], "The vault is open.");
}

#[test]
fn a_transfer_whose_rule_reports_only_is_sent_and_a_strangers_is_not() {
    let reports = ("action = \"transfer_funds\"", "action = \"transfer_funds\"\nmode = \"report-only\"");
    let bank = Quickstart::start(root(), &["--store", "memory:"], &[reports]);
    let sent = transfer(&bank, &log_in(&bank, "alice", "access_token"));
    assert_eq!((status(&sent), &body(&sent)["amount"], &body(&sent)["from"]), (200, &json!(100), &json!("alice")));
    let said = bank.says("report-only: POST /transfer would be refused by \"transfer\"");
    assert!(said.ends_with("missing") && said.contains("action"), "{said}");
    assert_eq!(status(&transfer(&bank, "no-token")), 401);
}

#[test]
fn a_path_with_a_trick_in_it_is_refused_and_what_no_rule_names_is_denied() {
    let bank = Quickstart::start(root(), &["--store", "memory:"], &[]);
    let alice = log_in(&bank, "alice", "access_token");
    for path in [
        "//vault",
        "/public//",
        "/public/../vault",
        "/mfa/../vault",
        "/mfa/..%2fvault",
        "/mfa%2fstatus",
        "/./vault",
        "/%76ault",
        "/vault%2e",
        "/vault;public",
        "/public/%252e%252e/vault",
        "/vault%00",
        "/vault%zz",
    ] {
        let answer = send(&bank, "GET", path, Some(&alice), "");
        assert_eq!((status(&answer), &body(&answer)["code"]), (400, &json!("invalid_request")), "{path}");
    }
    for (method, path) in [
        ("GET", "/nowhere"),
        ("GET", "/vault/"),
        ("GET", "/VAULT"),
        ("POST", "/public"),
        ("OPTIONS", "/account"),
        ("OPTIONS", "*"),
        ("TRACE", "/profile"),
        ("GET", "/mfa"),
    ] {
        for token in [None, Some(&*alice)] {
            let answer = send(&bank, method, path, token, "");
            assert_eq!((status(&answer), &body(&answer)["code"]), (403, &json!("forbidden")), "{method} {path}");
        }
    }
    assert_eq!(status(&send(&bank, "HEAD", "/public", None, "")), 200, "HEAD follows GET");
    assert_eq!(status(&send(&bank, "HEAD", "/vault", None, "")), 401);
    assert_eq!(status(&send(&bank, "GET", "/mfa/nowhere", Some(&alice), "")), 404, "below /mfa the library answers");
}

/// Starts it beside a store; returns where it says that its policy is.
fn started(store: &str) -> (Child, String) {
    let mut child = Command::new(built(root(), "quickstart"))
        .args(["--listen", "127.0.0.1:0", "--store", store])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let policy = lines.find_map(|line| Some(line.trim().strip_prefix("policy")?.trim().to_owned())).unwrap();
    (child, policy)
}

#[test]
fn a_policy_file_is_written_where_none_is_and_never_over_another() {
    let folder = folder("quickstart-policy");
    let (store, file) = (format!("sqlite:{}", folder.join("mfa.sqlite").display()), folder.join("policy.toml"));
    let template = std::fs::read_to_string(root().join("examples/quickstart/policy.toml")).unwrap();
    for wanted in [&template, &template.replace("5 minutes", "1 minute")] {
        let (mut child, said) = started(&store);
        assert_eq!(said, format!("{}; edit it while this runs", file.display()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(&std::fs::read_to_string(&file).unwrap(), wanted);
        std::fs::write(&file, template.replace("5 minutes", "1 minute")).unwrap();
    }

    std::fs::write(&file, "version = 1\nroots = []").unwrap();
    let said = super::refused(&["--listen", "127.0.0.1:0", "--store", &store]);
    assert!(said.contains("policy.toml: line 2, column 1: unknown field `roots`"), "{said}");
    let missing = folder.join("mine.toml");
    let said =
        super::refused(&["--listen", "127.0.0.1:0", "--store", "memory:", "--policy", &missing.to_string_lossy()]);
    assert!(said.contains("mine.toml") && said.contains("without --policy"), "{said}");
    assert!(!missing.exists(), "a name with a slip in it is no policy");
    std::fs::remove_dir_all(&folder).unwrap();
}
