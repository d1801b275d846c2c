//! Recovery codes, through the public door.
//!
//! The slow hash is slow on purpose, so the tests share one hashed set and clone it.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::collections::HashSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use tower_mfa::clock::Timestamp;
use tower_mfa::entropy::{Entropy, EntropyError, SystemEntropy};
use tower_mfa::recovery_code::{
    Count, Digest, Draft, Format, Mismatch, Preimage, RecoveryCode, RecoverySet, Scheme, Typed, derive,
};

const MADE: Timestamp = Timestamp::from_secs(1_800_000_000);
const NOW: Timestamp = Timestamp::from_secs(1_800_000_600);

fn generate(count: u8, format: Format, scheme: Scheme, entropy: &dyn Entropy) -> (RecoverySet, Vec<RecoveryCode>) {
    Draft::generate(Count::new(count).unwrap(), format, scheme, entropy).unwrap().hash(MADE).unwrap()
}

static TEN: LazyLock<(RecoverySet, Vec<RecoveryCode>)> = LazyLock::new(|| {
    let draft = Draft::generate(Count::default(), Format::default(), Scheme::default(), &SystemEntropy).unwrap();
    draft.hash(MADE).unwrap()
});

fn ten() -> (RecoverySet, &'static [RecoveryCode]) {
    (TEN.0.clone(), &TEN.1)
}

/// The whole of an attempt up to the verdict.
fn digest(set: &RecoverySet, typed: &str) -> Digest {
    let typed = Typed::parse(typed, set.format()).unwrap();
    derive(&typed, &set.prepare(typed.slot())).unwrap()
}

/// A code with its last random symbol changed.
fn wrong(code: &RecoveryCode) -> String {
    let mut text = code.expose().to_owned();
    let last = text.pop().unwrap();
    text.push(if last == '0' { '1' } else { '0' });
    text
}

/// Rows: ASVS-6.5.1, CVE-2026-31875
#[test]
fn n63b_3_1_2_2_a_a_code_opens_once() {
    let (mut set, codes) = ten();
    let first = digest(&set, codes[0].expose());
    assert_eq!((set.remaining(), set.total()), (10, 10));
    assert_eq!(set.settle(&first, NOW), Ok(()));
    assert_eq!(set.remaining(), 9);
    assert_eq!(set.settle(&first, NOW), Err(Mismatch::Replayed));
    assert_eq!((set.remaining(), set.total()), (9, 10));
    assert_eq!(set.settle(&digest(&set, codes[9].expose()), NOW), Ok(()), "the others are still good");
    assert_eq!(set.remaining(), 8);
}

#[test]
fn cve_2025_67507_a_used_code_stays_used_after_it_was_stored_and_read_again() {
    let (mut set, codes) = ten();
    set.settle(&digest(&set, codes[3].expose()), NOW).unwrap();
    let mut read: RecoverySet = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
    assert_eq!((read.remaining(), read.total(), read.created_at()), (9, 10, MADE));
    let again = digest(&read, codes[3].expose());
    assert_eq!(read.settle(&again, NOW), Err(Mismatch::Replayed));
    assert_eq!(read.settle(&digest(&read, codes[4].expose()), NOW), Ok(()));
}

#[test]
fn a_wrong_code_changes_nothing() {
    let (mut set, codes) = ten();
    let before = serde_json::to_string(&set).unwrap();
    let guess = digest(&set, &wrong(&codes[0]));
    assert_eq!(set.settle(&guess, NOW), Err(Mismatch::Wrong));
    assert_eq!(serde_json::to_string(&set).unwrap(), before);
}

#[test]
fn cve_2025_64175_a_code_of_another_set_is_wrong() {
    let (mut set, _) = ten();
    let (_, others) = generate(1, Format::default(), Scheme::default(), &SystemEntropy);
    let foreign = digest(&set, others[0].expose());
    assert_eq!(set.settle(&foreign, NOW), Err(Mismatch::Wrong));
}

#[test]
fn a_set_that_was_replaced_meanwhile_does_not_take_the_old_digest() {
    let (old, codes) = ten();
    let late = digest(&old, codes[0].expose());
    let (mut new, _) = generate(1, Format::default(), Scheme::default(), &SystemEntropy);
    assert_eq!(new.settle(&late, NOW), Err(Mismatch::Wrong));
}

#[test]
fn a_slot_the_set_does_not_have_costs_the_same_hash_and_is_wrong() {
    let (mut set, _) = ten();
    let typed = Typed::parse("ZZZZ-ZZZZ-ZZZZ-ZZZZ", set.format()).unwrap();
    assert_eq!(typed.slot().index(), 31);
    let preimage = set.prepare(typed.slot());
    assert_eq!(preimage, Preimage::dummy(set.scheme()), "the dummy has the set's own scheme");
    assert_eq!(set.settle(&derive(&typed, &preimage).unwrap(), NOW), Err(Mismatch::Wrong));
    assert_eq!(set.remaining(), 10);
}

#[test]
fn n63b_3_1_2_1_a_without_randomness_there_are_no_codes() {
    struct Broken;
    impl Entropy for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError::new("no randomness today"))
        }
    }
    assert!(Draft::generate(Count::default(), Format::default(), Scheme::default(), &Broken).is_err());
}

#[test]
fn n63b_4_2_1_1_a_a_code_has_at_least_64_bits() {
    // The alphabet to the power of the random symbols, of which there are all but the slot.
    let shown = ten().1[0].expose().replace('-', "");
    let bits = 32_f64.log2() * f64::from(u32::try_from(shown.len() - 1).unwrap());
    assert!(bits >= 64.0);
    assert!((bits - f64::from(Format::default().bits())).abs() < f64::EPSILON);
    for random in 0..13 {
        assert_eq!(Format::new(random).unwrap_err().field(), "recovery_codes", "{random} symbols");
    }
    assert!((13..=31).all(|random| Format::new(random).unwrap().bits() >= 64));
    assert!(Format::new(32).is_err());
}

/// Rows: ASVS-6.5.4
#[test]
fn n63b_3_1_2_1_b_not_even_the_dangerous_door_leads_to_a_weak_code() {
    for random in 0..10 {
        assert!(Format::danger_short_recovery_codes(random).is_err(), "{random} symbols");
        assert!(serde_json::from_str::<Format>(&random.to_string()).is_err());
    }
    assert_eq!(Format::danger_short_recovery_codes(10).unwrap().bits(), 50);
}

#[test]
fn n63b_3_1_2_2_b_no_code_can_be_read_from_what_is_stored_or_printed() {
    let (set, codes) = ten();
    let draft = Draft::generate(Count::default(), Format::default(), Scheme::default(), &SystemEntropy).unwrap();
    let typed = Typed::parse(codes[0].expose(), set.format()).unwrap();
    let digest = derive(&typed, &set.prepare(typed.slot())).unwrap();
    let stored = serde_json::to_string(&set).unwrap();
    let seen = format!("{stored} {set:?} {codes:?} {typed:?} {digest:?} {draft:?} {:?}", set.prepare(typed.slot()));
    for code in codes {
        let plain = code.expose().replace('-', "");
        for part in plain.as_bytes().windows(6).map(|part| std::str::from_utf8(part).unwrap()) {
            assert!(!seen.contains(part) && !seen.contains(&part.to_lowercase()), "{part}");
        }
        assert!(!seen.contains(code.expose()));
    }
    let printed = format!("{set:?} {digest:?}");
    let hashes = serde_json::to_value(&set).unwrap()["hashes"].as_str().unwrap().to_owned();
    assert!(hashes.as_bytes().chunks(8).all(|part| !printed.contains(std::str::from_utf8(part).unwrap())));
}

/// Rows: ASVS-6.5.2
#[test]
fn n63b_3_1_2_2_c_each_code_has_a_salt_of_its_own_and_equal_codes_have_unequal_hashes() {
    /// Codes of one symbol, salts that differ.
    struct SameCodes(std::sync::atomic::AtomicU8);
    impl Entropy for SameCodes {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
            let call = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            out.fill(if out.len() == 16 { call } else { 7 });
            Ok(())
        }
    }
    let one = || generate(1, Format::default(), Scheme::default(), &SAME);
    static SAME: SameCodes = SameCodes(std::sync::atomic::AtomicU8::new(0));
    let ((a, shown_a), (b, shown_b)) = (one(), one());
    assert_eq!(shown_a[0].expose(), shown_b[0].expose(), "the same code twice");
    let hashed = |set: &RecoverySet| {
        let all = serde_json::to_value(set).unwrap()["hashes"].as_str().map(|text| URL_SAFE_NO_PAD.decode(text));
        all.unwrap().unwrap()
    };
    let (a, b) = (hashed(&a), hashed(&b));
    assert_eq!((a.len(), b.len()), (48, 48), "a salt of 16 bytes and a digest of 32");
    assert_ne!(a[..16], b[..16]);
    assert_ne!(a[16..], b[16..]);

    let (ten, _) = ten();
    let ten = hashed(&ten);
    let salts: HashSet<_> = ten.chunks_exact(48).map(|code| &code[..16]).collect();
    assert_eq!(salts.len(), 10);
}

#[test]
fn n63b_4_2_1_1_c_the_hash_is_a_password_hash_of_settled_cost() {
    for (m_kib, t, p) in
        [(0, 2, 1), (4_096, 16, 1), (7_167, 5, 1), (7_168, 4, 1), (19_456, 1, 1), (19_456, 2, 0), (19_456, 2, 5)]
    {
        assert_eq!(Scheme::argon2id(m_kib, t, p).unwrap_err().field(), "recovery_codes", "{m_kib} {t} {p}");
    }
    for (m_kib, t, p) in [(7_168, 5, 1), (9_216, 4, 1), (12_288, 3, 1), (19_456, 2, 1), (47_104, 1, 1), (65_536, 3, 4)]
    {
        assert!(Scheme::argon2id(m_kib, t, p).is_ok(), "{m_kib} {t} {p}");
    }
    assert!(Scheme::argon2id(u32::MAX, 2, 1).is_err() && Scheme::argon2id(19_456, u32::MAX, 1).is_err(), "too dear");
    assert!(Scheme::pbkdf2_sha256(599_999).is_err() && Scheme::pbkdf2_sha256(u32::MAX).is_err());
    for stored in [r#"{"argon2id":{"m_kib":8,"t":1,"p":1}}"#, r#"{"pbkdf2_sha256":{"iterations":1}}"#, r#""plain""#] {
        assert!(serde_json::from_str::<Scheme>(stored).is_err(), "{stored}");
    }
}

#[test]
fn the_approved_hash_is_pbkdf2_of_the_symbols_without_separators() {
    // Computed with Python's hashlib.pbkdf2_hmac("sha256", b"03QJD7316GR5Z0HT", bytes(range(16)), 600_000).
    let stored = r#"{"scheme":{"pbkdf2_sha256":{"iterations":600000}},"format":15,"created_at":1800000000,
        "hashes":"AAECAwQFBgcICQoLDA0ODwtSVx8u65A9Esp_SDs7sI5D5hK0DGLWhVFRJRNkORMp"}"#;
    let mut set: RecoverySet = serde_json::from_str(stored).unwrap();
    assert_eq!(set.scheme(), Scheme::pbkdf2_sha256(600_000).unwrap());
    assert_eq!(set.settle(&digest(&set, "03qj-d73l-6gr5-z0ht"), NOW), Ok(()));
}

#[test]
fn another_length_is_checked_as_the_default_one() {
    let format = Format::danger_short_recovery_codes(10).unwrap();
    let (mut set, codes) = generate(1, format, Scheme::default(), &SystemEntropy);
    assert_eq!(codes[0].expose().len(), 13, "{} symbols and two hyphens", 11);
    assert_eq!(set.settle(&digest(&set, codes[0].expose()), NOW), Ok(()));
    assert!(Typed::parse(codes[0].expose(), Format::default()).is_err(), "too short for another set");
}

#[test]
fn ten_codes_are_shown_in_groups_of_four_with_the_slot_in_front() {
    let (_, codes) = ten();
    let slots: String = codes.iter().map(|code| code.expose().chars().next().unwrap()).collect();
    assert_eq!(slots, "0123456789");
    for code in codes {
        let groups: Vec<_> = code.expose().split('-').collect();
        assert_eq!(groups.len(), 4);
        let symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        assert!(groups.iter().all(|group| group.len() == 4 && group.chars().all(|c| symbols.contains(c))));
    }
    let random: HashSet<_> = codes.iter().map(|code| &code.expose()[1..]).collect();
    assert_eq!(random.len(), 10);
}

#[test]
fn thirty_two_codes_have_thirty_two_slots() {
    let draft = Draft::generate(Count::new(32).unwrap(), Format::default(), Scheme::default(), &SystemEntropy);
    assert!(draft.is_ok());
    let slot =
        |symbol: char| Typed::parse(&format!("{symbol}000-0000-0000-0000"), Format::default()).unwrap().slot().index();
    let slots: Vec<_> = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars().map(slot).collect();
    assert_eq!(slots, (0..32).collect::<Vec<_>>());
    assert!(Count::new(33).is_err() && Count::new(0).is_err());
}

#[test]
fn ten_codes_take_well_under_a_kibibyte() {
    let (mut set, codes) = ten();
    assert!(serde_json::to_string(&set).unwrap().len() < 800);
    for code in codes {
        set.settle(&digest(&set, code.expose()), NOW).unwrap();
    }
    assert_eq!(set.remaining(), 0);
    assert!(serde_json::to_string(&set).unwrap().len() < 900, "also when all are used");
}

#[test]
fn stored_sets_that_are_malformed_are_refused() {
    let (mut set, codes) = ten();
    set.settle(&digest(&set, codes[3].expose()), NOW).unwrap();
    let good = serde_json::to_value(&set).unwrap();
    let with = |member: &str, value: serde_json::Value| {
        let mut json = good.clone();
        json[member] = value;
        serde_json::from_value::<RecoverySet>(json)
    };
    let hashes = |text: &str| with("hashes", text.into());
    let all = good["hashes"].as_str().unwrap();
    assert!(hashes(all).is_ok());
    assert!(hashes(&all.repeat(3)).is_ok(), "thirty");
    for broken in [&all[1..], &all[..all.len() - 1], "", &all[..64].repeat(33), &all.replacen(&all[..1], ".", 1)] {
        assert!(hashes(broken).is_err(), "{broken}");
    }
    assert!(hashes(&"é".repeat(32)).is_err(), "64 bytes are not 64 characters");

    let used = |used: serde_json::Value| with("used", used);
    assert_eq!(good["used"], serde_json::json!([[3, 1_800_000_600]]));
    assert_eq!(used(serde_json::json!([[0, 1], [3, 1], [9, 1]])).unwrap().remaining(), 7);
    for broken in [
        serde_json::json!([[10, 1]]),
        serde_json::json!([[3, 1], [3, 2]]),
        serde_json::json!([[4, 1], [3, 2]]),
        serde_json::json!([[256, 1]]),
        serde_json::json!([[3]]),
        serde_json::json!([[3, 1, 1]]),
    ] {
        assert!(used(broken.clone()).is_err(), "{broken}");
    }
    assert!(with("more", 1.into()).is_err());
}

#[test]
fn what_is_no_code_is_refused_before_any_hash() {
    for refused in [
        "",
        "3QJD",
        "3QJD-7316-GR5Z-0HT",
        "3QJD-7316-GR5Z-0HTWW",
        "3QJD-7316-GR5Z-0HTU",
        "3QJD_7316_GR5Z_0HTW",
        "3QJD-7316-GR5Z-0HT\u{ff37}",
        "3QJD\u{2010}7316-GR5Z-0HTW",
        "3QJD-7316-GR5Z-0HTW\n",
        "3QJD.7316.GR5Z.0HTW",
        "ıQJD-7316-GR5Z-0HTW",
    ] {
        assert!(Typed::parse(refused, Format::default()).is_err(), "{refused:?}");
    }
    assert!(Typed::parse(&"-".repeat(1_000_000), Format::default()).is_err());
}

proptest! {
    #[test]
    fn a_code_is_read_in_any_case_with_any_separators(
        symbols in "[0-9A-HJKMNP-TV-Z]{16}",
        noise in proptest::collection::vec((any::<bool>(), 0..3_usize, "[ -]{0,2}"), 16),
    ) {
        let typed: String = symbols.chars().zip(noise).map(|(symbol, (lower, twin, separator))| {
            let written = match (symbol, twin) {
                ('0', 1) => 'O',
                ('1', 1) => 'I',
                ('1', 2) => 'L',
                _ => symbol,
            };
            let written = if lower { written.to_ascii_lowercase() } else { written };
            format!("{written}{separator}")
        }).collect();
        let read = Typed::parse(&typed, Format::default()).unwrap();
        prop_assert_eq!(read.expose(), symbols);
    }

    #[test]
    fn whatever_is_typed_is_sixteen_symbols_or_no_code(typed in "\\PC{0,40}") {
        if let Ok(read) = Typed::parse(&typed, Format::default()) {
            prop_assert_eq!(read.expose().len(), 16);
            prop_assert_eq!(read.expose().as_bytes()[0], b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[usize::from(read.slot().index())]);
        }
    }
}
