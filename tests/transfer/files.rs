//! Files: what somebody who can write to one and has no key gets out of it.

use tower_mfa::entropy::SystemEntropy;
use tower_mfa::secret::SecretBytes;
use tower_mfa::transfer::{TransferErrorKind, TransferKey};

use crate::places::{here, key, there, why};
use crate::scene::{START, Scene};

/// Three people, and the lines of their export.
async fn three() -> (Scene, Vec<u8>) {
    let here = here();
    for name in ["alice", "bob", "carol"] {
        here.enrolled(name).await;
    }
    let file = here.export().await;
    (here, file)
}

fn lines(file: &[u8]) -> Vec<Vec<u8>> {
    file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// What an import says of a file, and how many accounts there are then.
async fn outcome(here: &Scene, file: &[u8]) -> (Option<TransferErrorKind>, usize) {
    let there = there(here);
    let error = there.import(file).await.err().map(|error| error.kind());
    (error, there.subjects().await.len())
}

#[tokio::test]
async fn a_line_that_was_changed_moved_doubled_or_taken_out_ends_it_there() {
    let (here, file) = three().await;
    let lines = lines(&file);
    assert_eq!(lines.len(), 5);
    let with = |at: &[usize]| at.iter().flat_map(|at| lines[*at].clone()).collect::<Vec<u8>>();
    assert_eq!(outcome(&here, &with(&[0, 1, 2, 3, 4])).await, (None, 3));
    let changed = Some(TransferErrorKind::Changed);
    for (order, taken) in [
        ([0, 1, 3, 2, 4].as_slice(), 1),
        (&[0, 1, 1, 2, 3, 4], 1),
        (&[0, 2, 3, 4], 0),
        (&[0, 1, 2, 4], 2),
        (&[0, 4], 0),
    ] {
        assert_eq!(outcome(&here, &with(order)).await, (changed, taken), "{order:?}");
    }
    // Behind the end nothing is read.
    assert_eq!(outcome(&here, &with(&[0, 1, 2, 3, 4, 1])).await, (None, 3));
    let cut = Some(TransferErrorKind::CutOff);
    assert_eq!(outcome(&here, &with(&[0, 1, 2])).await, (cut, 2));
    assert_eq!(outcome(&here, &[]).await, (Some(TransferErrorKind::NotAnExport), 0));
}

#[tokio::test]
async fn no_changed_byte_of_a_file_is_believed() {
    let (here, file) = three().await;
    let there = there(&here);
    for at in 0..file.len() {
        let mut changed = file.clone();
        // Some keep the JSON whole: a digit for a digit, a letter for a letter.
        changed[at] ^= if file[at].is_ascii_alphanumeric() { 1 } else { 0x10 };
        // A rehearsal goes the same way, and writes nothing.
        let outcome = there.mfa.import_accounts(changed.as_slice(), &key(), why().dry_run(true)).await;
        assert!(
            outcome.is_err(),
            "byte {at} of {:?}",
            String::from_utf8_lossy(&changed[at.saturating_sub(20)..at + 1])
        );
    }
}

#[tokio::test]
async fn a_file_cut_off_anywhere_says_so_and_never_panics() {
    let (here, file) = three().await;
    let there = there(&here);
    for length in 0..file.len() {
        let outcome = there.mfa.import_accounts(&file[..length], &key(), why().dry_run(true)).await;
        let kind = outcome.unwrap_err().kind();
        assert!(matches!(kind, TransferErrorKind::CutOff | TransferErrorKind::NotAnExport), "{length}: {kind:?}");
    }
}

#[tokio::test]
async fn a_line_of_another_export_under_the_same_key_is_none_of_this() {
    let (here, file) = three().await;
    let other = lines(&here.export().await);
    let mut lines = lines(&file);
    lines[2] = other[2].clone();
    assert_eq!(outcome(&here, &lines.concat()).await, (Some(TransferErrorKind::Changed), 1));
}

#[tokio::test]
async fn another_key_opens_nothing_whatever_it_is_called() {
    let (here, file) = three().await;
    let there = there(&here);
    for other in [
        TransferKey::new("move", SecretBytes::new([8; 32])).unwrap(),
        TransferKey::new("other", SecretBytes::new([7; 32])).unwrap(),
        TransferKey::generate("move", &SystemEntropy).unwrap(),
    ] {
        let error = there.mfa.import_accounts(file.as_slice(), &other, why()).await.unwrap_err();
        assert_eq!((error.kind(), error.line()), (TransferErrorKind::OtherKey, Some(1)));
        assert_eq!(error.to_string(), "line 1: the file was made with another transfer key");
    }
    assert!(there.subjects().await.is_empty());
}

#[tokio::test]
async fn what_is_no_export_or_a_newer_one_is_called_so() {
    let (here, file) = three().await;
    let text = String::from_utf8(file).unwrap();
    for (changed, kind) in [
        (text.replace("\"v\":1,\"export\"", "\"v\":2,\"export\""), TransferErrorKind::Newer),
        (text.replace("tower-mfa accounts", "somebody's accounts"), TransferErrorKind::NotAnExport),
        ("otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP\n".into(), TransferErrorKind::NotAnExport),
        ("x".repeat(3 << 20), TransferErrorKind::NotAnExport),
    ] {
        assert_eq!(outcome(&here, changed.as_bytes()).await, (Some(kind), 0));
    }
}

#[tokio::test]
async fn no_key_of_an_app_and_no_code_stands_in_a_file() {
    let here = here();
    let by = here.signed_in("alice").await;
    let started = here.start(&by).await.unwrap();
    let secret = started.secret.expose().to_owned();
    let app = crate::scene::scan(&started);
    let enroller = tower_mfa::service::Enroller::Session(&by);
    let bound = here.mfa.confirm(enroller, started.id, app.code(here.now())).await.unwrap();
    let text = String::from_utf8(here.export().await).unwrap();
    let raw = tower_mfa::otp::Secret::from_base32(&secret).unwrap();
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(raw.expose());
    let sealed_here: serde_json::Value = serde_json::from_str(&here.document("alice").await).unwrap();
    let sealed_here = sealed_here["authenticators"][0]["credential"]["totp"]["sealed"].as_str().unwrap();
    let url_safe = base64.replace('+', "-").replace('/', "_");
    for planted in [&secret, &base64, &url_safe, sealed_here, bound.recovery_codes.unwrap()[0].expose()] {
        assert!(!text.contains(planted));
    }
    assert!(text.contains("move."), "sealed by the key of that name");
}

/// A file of version 1, as it was first written: read for ever.
const V1: &str = include_str!("../vectors/export_v1.jsonl");

#[tokio::test]
#[ignore = "makes the vector; an old file is never made anew"]
async fn make_the_vector_of_version_1() {
    let here = here();
    here.enrolled("alice").await;
    let mut passkey = tower_mfa::testing::SoftAuthenticator::passkey();
    here.keyed("bob", &mut passkey).await;
    here.mfa.suspend(&crate::scene::subject("bob"), "ops", "lost").await.unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/export_v1.jsonl");
    std::fs::write(path, here.export().await).unwrap();
}

#[tokio::test]
async fn a_file_of_version_1_is_read() {
    let there = crate::bank::with(crate::bank::policy(Default::default()));
    assert_eq!(there.now().as_secs(), START);
    assert_eq!(there.import(V1.as_bytes()).await.unwrap().moved, 2);
    assert!(matches!(there.begin("alice").await, tower_mfa::service::LoginOutcome::Challenge(_)));
    assert!(matches!(there.begin("bob").await, tower_mfa::service::LoginOutcome::Blocked { .. }));
}
