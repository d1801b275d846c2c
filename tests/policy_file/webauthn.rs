//! What a file says of passkeys and security keys.

use tower_mfa::id::Aaguid;
use tower_mfa::policy::file::PolicyDocument;
use tower_mfa::policy::{
    Attachment, Conveyance, Hint, Policy, Reaction, ResidentKey, UserVerification, WebAuthnPolicy,
};

use crate::refused;

const ALL: &str = r#"
version = 1

[webauthn]
user_verification = "required"
resident_key = "required"
attachment = "cross-platform"
hints = ["security-key", "hybrid"]
attestation = "direct"
must_be_attested = true
deny_synced = true
allow_aaguids = ["2fc0579f-8113-47ea-b116-bb5a8db9202a", "EE882879-721C-4913-9775-3DFCCE97072A"]
deny_aaguids = ["d8522d9f-575b-4866-88a9-ba99fa02f35b"]
trust_aaguids = ["2fc0579f-8113-47ea-b116-bb5a8db9202a"]
on_counter_regression = "alert"
on_eligibility_change = "step-down"
on_backup_lost = "reject"
passkey_valid_for = "365 days"
security_key_valid_for = 86400
"#;

fn models(of: &[&str]) -> Vec<Aaguid> {
    of.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn every_rule_for_keys_can_stand_in_a_file() {
    let said = WebAuthnPolicy::default()
        .user_verification(UserVerification::Required)
        .resident_key(ResidentKey::Required)
        .attachment(Attachment::CrossPlatform)
        .hints([Hint::SecurityKey, Hint::Hybrid])
        .attestation(Conveyance::Direct)
        .must_be_attested(true)
        .deny_synced(true)
        .allow_aaguids(models(&["2fc0579f-8113-47ea-b116-bb5a8db9202a", "ee882879-721c-4913-9775-3dfcce97072a"]))
        .deny_aaguids(models(&["d8522d9f-575b-4866-88a9-ba99fa02f35b"]))
        .trust_aaguids(models(&["2fc0579f-8113-47ea-b116-bb5a8db9202a"]))
        .on_counter_regression(Reaction::Alert)
        .on_eligibility_change(Reaction::StepDown)
        .on_backup_lost(Reaction::Reject)
        .passkey_valid_for(365 * 86_400)
        .security_key_valid_for(86_400);
    let of_toml = PolicyDocument::from_toml(ALL).unwrap();
    let json = serde_json::to_string(&toml::from_str::<toml::Value>(ALL).unwrap()).unwrap();
    let of_json = PolicyDocument::from_json(&json).unwrap();
    for document in [of_toml, of_json] {
        assert_eq!(*document.policy(Policy::builder()).unwrap().webauthn(), said);
    }
}

/// A flag of the program, such as a model that it was told to trust, is not undone by a file that says nothing of it.
#[test]
fn what_a_file_leaves_out_is_as_the_program_says() {
    let program = || WebAuthnPolicy::default().trust_aaguids(models(&["2fc0579f-8113-47ea-b116-bb5a8db9202a"]));
    let over = |text: &str| {
        let document = PolicyDocument::from_toml(text).unwrap();
        document.policy(Policy::builder().webauthn(program())).unwrap().webauthn().clone()
    };
    assert_eq!(over("version = 1"), program());
    assert_eq!(over("version = 1\n[webauthn]\ndeny_synced = true"), program().deny_synced(true));
    let other = over("version = 1\n[webauthn]\ntrust_aaguids = []");
    assert_eq!(other, WebAuthnPolicy::default());
}

#[test]
fn a_slip_in_the_rules_for_keys_is_refused_with_its_place() {
    let rules = |rest: &str| format!("version = 1\n\n[webauthn]\n{rest}\n");
    refused(&rules("user_verification = \"discouraged\""), 4, "unknown variant `discouraged`");
    refused(&rules("deny_synched = true"), 4, "unknown field `deny_synched`");
    refused(&rules("trust_aaguids = [\"2fc0579f\"]"), 4, "a model such as 2fc0579f-8113");
    refused(&rules("allow_aaguids = []"), 4, "leave the member out");
    // What contradicts itself is told where the rules begin.
    refused(&rules("trust_aaguids = [\"00000000-0000-0000-0000-000000000000\"]"), 3, "which every key may claim");
    refused(&rules("must_be_attested = true\nattestation = \"none\""), 3, "are not asked to be");
    refused(&rules("passkey_valid_for = \"5 minutes\""), 3, "must be 86400 to");
}
