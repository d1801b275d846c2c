//! The published schema is that of the code, and knows the quickstart's file.

use std::fs;
use std::path::Path;

use tower_mfa::policy::file::json_schema;

#[test]
fn the_published_schema_is_the_one_the_code_reads_by() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.schema.json");
    let schema = json_schema() + "\n";
    if std::env::var_os("TOWER_MFA_BLESS").is_some() {
        fs::write(&path, &schema).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap();
    assert!(published == schema, "write it anew: TOWER_MFA_BLESS=1 cargo test --test policy_file schema");
}

/// What an editor says of the file while one writes.
#[test]
fn the_quickstarts_file_is_valid_by_the_schema_and_one_with_a_slip_is_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = serde_json::from_str(&json_schema()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    let file = fs::read_to_string(root.join("examples/quickstart/policy.toml")).unwrap();
    let is_valid = |text: &str| schema.is_valid(&toml::from_str::<serde_json::Value>(text).unwrap());
    assert!(is_valid(&file));
    for (right, slip) in [
        ("\"5 minutes\"", "\"five\""),
        ("access = \"public\"", "access = \"open\""),
        ("\"aal1\"", "\"aal9\""),
        ("# mode = \"report-only\"", "mode = \"report\""),
        ("bind =", "bound ="),
    ] {
        assert!(file.contains(right) && !is_valid(&file.replace(right, slip)), "{slip}");
    }
}
