//! CBOR as authenticators write it (CTAP2 §8), read so that no other reader can read it otherwise.
//!
//! Whoever registers writes these bytes, and no signature covers those of a credential without an
//! attestation. So there are limits to depth and breadth, and what later readers would each resolve
//! in their own way is refused: two values for one key, lengths that are not said, tags.

/// Deepest nesting: the attestation object, its statement, the chain in it, and one to spare. The
/// stack of a thread is what it protects (WA-REG-13).
const DEEPEST: u8 = 8;

/// Most members of a list or map: keys are compared each with each.
const MOST: u64 = 64;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Self>),
    /// In the order they came; no key twice.
    Map(Vec<(Self, Self)>),
    /// A truth value, nothing, or a number with a fraction: in extension outputs, which nobody reads.
    Other(u8, u64),
}

impl<'a> Item<'a> {
    /// Reads all of `bytes` as one item.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        match Self::read_first(bytes)? {
            (item, []) => Some(item),
            _ => None,
        }
    }

    /// Reads the item that `bytes` begin with, and returns what stands behind it.
    pub(super) fn read_first(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader { rest: bytes };
        let item = reader.item(DEEPEST)?;
        Some((item, reader.rest))
    }

    /// The member of a map.
    pub(super) fn get(&self, key: &Item<'_>) -> Option<&Self> {
        let Self::Map(members) = self else { return None };
        members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The member of a map that is named by a word.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.get(&Item::Text(name))
    }

    /// The member of a map that is named by a number, as in COSE keys.
    pub(super) fn label(&self, label: i64) -> Option<&Self> {
        self.get(&Item::Integer(label))
    }

    pub(super) const fn integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    pub(super) const fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    pub(super) const fn text(&self) -> Option<&'a str> {
        if let Self::Text(value) = self { Some(value) } else { None }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    pub(super) const fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    pub(super) fn is_empty_map(&self) -> bool {
        matches!(self, Self::Map(members) if members.is_empty())
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(count).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// The head of an item: its major type, its additional information, and the number it carries.
    fn head(&mut self) -> Option<(u8, u8, u64)> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        let (major, info) = (first >> 5, first & 0x1f);
        let width = match info {
            0..=23 => return Some((major, info, u64::from(info))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            // 31 is a length that is not said.
            _ => return None,
        };
        let number = self.take(width)?.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        Some((major, info, number))
    }

    fn item(&mut self, depth: u8) -> Option<Item<'a>> {
        let depth = depth.checked_sub(1)?;
        let (major, info, number) = self.head()?;
        match major {
            0 => i64::try_from(number).ok().map(Item::Integer),
            1 => i64::try_from(number).ok().map(|number| Item::Integer(!number)),
            2 => self.take(number).map(Item::Bytes),
            3 => std::str::from_utf8(self.take(number)?).ok().map(Item::Text),
            4 => self.list(number, depth),
            5 => self.map(number, depth),
            7 if matches!(info, 20..=23 | 25..=27) => Some(Item::Other(info, number)),
            _ => None,
        }
    }

    fn list(&mut self, count: u64, depth: u8) -> Option<Item<'a>> {
        if count > MOST {
            return None;
        }
        (0..count).map(|_| self.item(depth)).collect::<Option<_>>().map(Item::List)
    }

    fn map(&mut self, count: u64, depth: u8) -> Option<Item<'a>> {
        if count > MOST {
            return None;
        }
        let mut members: Vec<(Item<'a>, Item<'a>)> = Vec::new();
        for _ in 0..count {
            let (key, value) = (self.item(depth)?, self.item(depth)?);
            if members.iter().any(|(other, _)| *other == key) {
                return None;
            }
            members.push((key, value));
        }
        Some(Item::Map(members))
    }
}
