//! Where everything stands: which partition a name belongs to, and the names of the keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::entropy::{self, EntropyError, SystemEntropy};
use crate::error::ConfigError;
use crate::id::Subject;
use crate::store::Claim;

/// As many as one cursor has room for a place in each.
pub(super) const MAX_PARTITIONS: u16 = 64;

/// Which key form this is: a store of another one is refused.
const FORM: &str = "1";

/// Names the data of one host among all that a server holds.
#[derive(Debug, Clone)]
pub(super) struct Prefix(Box<str>);

impl Prefix {
    pub(super) fn new(text: &str) -> Result<Self, ConfigError> {
        // Braces would make another hash tag of it.
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(ConfigError::new("prefix", "must have 1 to 64 characters out of A-Z a-z 0-9 - _ . :"))
        }
    }

    /// The key that says how the store was made.
    pub(super) fn layout_key(&self) -> String {
        format!("{{{}}}:layout", self.0)
    }

    /// The key that says which store was made to its end, with a copy of the layout in each partition.
    pub(super) fn made_key(&self) -> String {
        format!("{{{}}}:made", self.0)
    }
}

/// How a store was made; it never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Tells this store's cursors from another's.
    pub(super) id: [u8; 8],
    pub(super) partitions: u16,
}

impl Layout {
    pub(super) fn generate(partitions: u16) -> Result<Self, EntropyError> {
        Ok(Self { id: entropy::bytes(&SystemEntropy)?, partitions })
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (Some("tower-mfa"), Some(FORM)) = (parts.next(), parts.next()) else { return None };
        let id = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        let partitions = parts.next()?.parse().ok().filter(|count| (1..=MAX_PARTITIONS).contains(count))?;
        parts.next().is_none().then_some(Self { id, partitions })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tower-mfa {FORM} {} {}", URL_SAFE_NO_PAD.encode(self.id), self.partitions)
    }
}

/// One of the parts a store is cut into; all keys of one live on one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition(pub(super) u16);

/// The names of all keys.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: Prefix,
    partitions: u16,
}

impl Names {
    pub(super) fn new(prefix: Prefix, partitions: u16) -> Self {
        Self { prefix, partitions }
    }

    pub(super) fn partitions(&self) -> impl DoubleEndedIterator<Item = Partition> + use<> {
        (0..self.partitions).map(Partition)
    }

    pub(super) fn of_subject(&self, subject: &Subject) -> Partition {
        self.of(subject.storage_key().as_bytes())
    }

    pub(super) fn of_claim(&self, claim: &Claim) -> Partition {
        self.of(claim.value())
    }

    pub(super) fn of_sink(&self, name: &str) -> Partition {
        self.of(name.as_bytes())
    }

    pub(super) fn of_budget(&self, name: &str) -> Partition {
        self.of(name.as_bytes())
    }

    fn of(&self, name: &[u8]) -> Partition {
        let hash = Sha256::digest(name);
        // A digest begins with two bytes; 64 partitions divide them evenly enough.
        let number = hash.first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
        Partition(number.checked_rem(self.partitions).unwrap_or(0))
    }

    fn key(&self, partition: Partition, what: &str) -> String {
        format!("{{{}:{}}}:{what}", self.prefix.0, partition.0)
    }

    pub(super) fn document(&self, partition: Partition, subject: &str) -> String {
        format!("{{{}:{}}}:account:{subject}", self.prefix.0, partition.0)
    }

    /// What the subject holds, and which attempt may make it hold more.
    pub(super) fn claims(&self, partition: Partition, subject: &str) -> String {
        format!("{{{}:{}}}:claims:{subject}", self.prefix.0, partition.0)
    }

    /// The places of one subject's events in the partition's stream.
    pub(super) fn subject_events(&self, partition: Partition, subject: &str) -> String {
        format!("{{{}:{}}}:events:{subject}", self.prefix.0, partition.0)
    }

    /// The stream of the partition's events.
    pub(super) fn events(&self, partition: Partition) -> String {
        self.key(partition, "events")
    }

    /// The places of those of the partition's events that revoke something.
    pub(super) fn revocations(&self, partition: Partition) -> String {
        self.key(partition, "revocations")
    }

    /// The subjects of a partition, sorted.
    pub(super) fn subjects(&self, partition: Partition) -> String {
        self.key(partition, "subjects")
    }

    /// The partition's own copy of how the store was made.
    pub(super) fn layout(&self, partition: Partition) -> String {
        self.key(partition, "layout")
    }

    /// Written to where a write is needed and says nothing.
    pub(super) fn mark(&self, partition: Partition) -> String {
        self.key(partition, "mark")
    }

    pub(super) fn sink(&self, partition: Partition, name: &str) -> String {
        format!("{{{}:{}}}:sink:{name}", self.prefix.0, partition.0)
    }

    pub(super) fn budget(&self, partition: Partition, name: &str) -> String {
        format!("{{{}:{}}}:budget:{name}", self.prefix.0, partition.0)
    }

    /// Whose a claimed value is.
    pub(super) fn claim(&self, partition: Partition, claim: &Claim) -> Vec<u8> {
        let mut key = self.key(partition, "claim:").into_bytes();
        key.extend(claim_name(claim));
        key
    }
}

/// A claim among those of its subject.
pub(super) fn claim_name(claim: &Claim) -> Vec<u8> {
    let mut name = claim.kind().name().as_bytes().to_vec();
    name.push(b':');
    name.extend(claim.value());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_read_back_as_it_was_written() {
        let layout = Layout { id: [7; 8], partitions: 64 };
        assert_eq!(Layout::read(&layout.to_string()), Some(layout));
    }

    #[test]
    fn a_layout_that_is_not_understood_is_none() {
        let good = Layout { id: [7; 8], partitions: 16 }.to_string();
        assert!(Layout::read(&good).is_some());
        for bad in [
            "",
            "16",
            &good.replace("tower-mfa", "another"),
            &good.replace(" 1 ", " 2 "),
            &good.replace(" 16", " 0"),
            &good.replace(" 16", " 65"),
            &good.replace(" 16", ""),
            &format!("{good} more"),
        ] {
            assert_eq!(Layout::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_makes_no_hash_tag_of_its_own() {
        assert!(Prefix::new("tower-mfa").is_ok() && Prefix::new("a:b_c.D9").is_ok());
        for bad in ["", "a{b", "a}b", "a b", "ä", &"x".repeat(65)] {
            assert!(Prefix::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn subjects_are_spread_over_all_partitions() {
        let names = Names::new(Prefix::new("x").unwrap(), 16);
        let mut met = [0_u32; 16];
        for number in 0..1600 {
            let subject = Subject::new(format!("user-{number:08}")).unwrap();
            met[usize::from(names.of_subject(&subject).0)] += 1;
        }
        assert!(met.iter().all(|count| (50..200).contains(count)), "{met:?}");
    }
}
