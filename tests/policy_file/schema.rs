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
