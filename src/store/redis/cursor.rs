//! Places in the outbox: one for each partition, in a short text.
//!
//! A partition's stream is written by one script after the other, so nothing comes behind a place
//! in it. Between partitions there is no such order, and so a reader of all of them has a place in
//! each.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::layout::{Layout, Partition};
use crate::id::Subject;
use crate::store::{EventCursor, ScanCursor, StoreError};

/// A place in a stream: behind the entry of this id. Zero is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    ms: u64,
    seq: u64,
}

/// Six bytes of milliseconds last ten thousand years; five of seven bits each have room for as
/// many events in a millisecond as no server can take.
const MS_MAX: u64 = (1 << 48) - 1;
const SEQ_MAX: u64 = (1 << 35) - 1;

impl Place {
    /// Reads the id of an entry: `ms-seq`.
    pub(super) fn read(id: &str) -> Option<Self> {
        let (ms, seq) = id.split_once('-')?;
        let place = Self { ms: ms.parse().ok()?, seq: seq.parse().ok()? };
        (place.ms <= MS_MAX && place.seq <= SEQ_MAX).then_some(place)
    }

    /// The bound that begins a range of a stream right behind it.
    pub(super) fn behind(self) -> String {
        if self == Self::default() { "-".to_owned() } else { format!("({}-{}", self.ms, self.seq) }
    }

    /// The same in a subject's sorted list, in the words of `commit.lua`.
    pub(super) fn behind_sorted(self) -> String {
        if self == Self::default() { "-".to_owned() } else { format!("({:015}-{:012}", self.ms, self.seq) }
    }

    fn write(self, to: &mut Vec<u8>) {
        to.extend(self.ms.to_be_bytes().into_iter().skip(2));
        let mut rest = self.seq;
        loop {
            // Seven bits, and one that says whether more follow.
            let [low, ..] = rest.to_le_bytes();
            rest >>= 7;
            if rest == 0 {
                to.push(low & 0x7f);
                return;
            }
            to.push(low | 0x80);
        }
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let (head, mut rest) = from.split_first_chunk::<6>()?;
        let ms = head.iter().fold(0_u64, |ms, byte| (ms << 8) | u64::from(*byte));
        let mut seq = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let (byte, behind) = rest.split_first()?;
            rest = behind;
            seq |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // One number has one spelling.
                if *byte == 0 && shift > 0 {
                    return None;
                }
                *from = rest;
                return Some(Self { ms, seq });
            }
        }
        None
    }
}

/// What a cursor of the outbox says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// Of a reader of all partitions: its place in each.
    All(Vec<Place>),
    /// Of a reader of one subject.
    One(Partition, Place),
}

const ALL: u8 = 1;
const ONE: u8 = 2;
const SCAN: u8 = 3;

impl Reading {
    pub(super) fn start(layout: &Layout) -> Self {
        Self::All(vec![Place::default(); usize::from(layout.partitions)])
    }

    pub(super) fn read(cursor: &EventCursor, layout: &Layout) -> Result<Self, StoreError> {
        Self::parse(cursor.as_str(), layout).ok_or_else(|| StoreError::cursor(FOREIGN))
    }

    fn parse(text: &str, layout: &Layout) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (kind, mut rest) = opened(&bytes, layout)?;
        let read = match kind {
            ALL => Self::All((0..layout.partitions).map(|_| Place::take(&mut rest)).collect::<Option<_>>()?),
            ONE => Self::One(take_partition(&mut rest, layout)?, Place::take(&mut rest)?),
            _ => return None,
        };
        rest.is_empty().then_some(read)
    }

    pub(super) fn write(&self, layout: &Layout) -> Result<EventCursor, StoreError> {
        let mut bytes = match self {
            Self::All(places) => {
                let mut bytes = begun(ALL, layout);
                places.iter().for_each(|place| place.write(&mut bytes));
                bytes
            }
            Self::One(partition, place) => {
                let mut bytes = begun(ONE, layout);
                bytes.extend(partition.0.to_be_bytes());
                place.write(&mut bytes);
                bytes
            }
        };
        bytes.shrink_to_fit();
        EventCursor::new(URL_SAFE_NO_PAD.encode(bytes)).map_err(StoreError::corrupt)
    }

    /// Where a reader of all partitions goes on. Of one that has read a single subject it is known
    /// only in that subject's partition: in the others it begins at the beginning, for what it
    /// meets twice it can tell, and what it never meets it cannot.
    pub(super) fn into_places(self, layout: &Layout) -> Vec<Place> {
        match self {
            Self::All(places) => places,
            Self::One(at, place) => {
                (0..layout.partitions).map(|number| if number == at.0 { place } else { Place::default() }).collect()
            }
        }
    }

    /// Where a reader of a partition goes on.
    pub(super) fn in_partition(&self, partition: Partition) -> Place {
        match self {
            Self::All(places) => places.get(usize::from(partition.0)).copied().unwrap_or_default(),
            Self::One(at, place) if *at == partition => *place,
            Self::One(..) => Place::default(),
        }
    }
}

pub(super) fn write_scan(partition: Partition, last: &str, layout: &Layout) -> Result<ScanCursor, StoreError> {
    let mut bytes = begun(SCAN, layout);
    bytes.extend(partition.0.to_be_bytes());
    bytes.extend(last.as_bytes());
    ScanCursor::new(URL_SAFE_NO_PAD.encode(bytes)).map_err(StoreError::corrupt)
}

/// The partition and the storage key to go on behind.
pub(super) fn read_scan(cursor: &ScanCursor, layout: &Layout) -> Result<(Partition, String), StoreError> {
    let parse = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor.as_str()).ok()?;
        let (kind, mut rest) = opened(&bytes, layout)?;
        let partition = take_partition(&mut rest, layout).filter(|_| kind == SCAN)?;
        let last = String::from_utf8(rest.to_vec()).ok()?;
        Subject::from_storage_key(&last).is_ok().then_some((partition, last))
    };
    parse().ok_or_else(|| StoreError::cursor(FOREIGN))
}

const FOREIGN: &str = "the cursor was made by another store";

fn begun(kind: u8, layout: &Layout) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(layout.id);
    bytes
}

fn opened<'a>(bytes: &'a [u8], layout: &Layout) -> Option<(u8, &'a [u8])> {
    let (kind, rest) = bytes.split_first()?;
    Some((*kind, rest.strip_prefix(&layout.id)?))
}

fn take_partition(from: &mut &[u8], layout: &Layout) -> Option<Partition> {
    let (number, rest) = from.split_first_chunk::<2>()?;
    *from = rest;
    Some(u16::from_be_bytes(*number)).filter(|number| *number < layout.partitions).map(Partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::InvalidCursor;
    use proptest::prelude::*;

    const LAYOUT: Layout = Layout { id: *b"a store!", partitions: 3 };

    fn place() -> impl Strategy<Value = Place> {
        (0..=MS_MAX, 0..=SEQ_MAX).prop_map(|(ms, seq)| Place { ms, seq })
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_it_was_written(places in proptest::collection::vec(place(), 3), at in 0_u16..3) {
            let one = Reading::One(Partition(at), places[0]);
            for reading in [Reading::All(places), one] {
                let cursor = reading.write(&LAYOUT).unwrap();
                prop_assert_eq!(Reading::read(&cursor, &LAYOUT).unwrap(), reading);
            }
        }

        #[test]
        fn what_somebody_made_up_is_refused_or_has_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut made_up = begun(ALL, &LAYOUT);
            made_up.extend(bytes);
            let text = URL_SAFE_NO_PAD.encode(made_up);
            if let Some(reading) = Reading::parse(&text, &LAYOUT) {
                let spelled = reading.write(&LAYOUT).unwrap();
                prop_assert_eq!(spelled.as_str(), text);
            }
        }
    }

    #[test]
    fn the_longest_cursor_fits() -> Result<(), InvalidCursor> {
        let layout = Layout { id: [255; 8], partitions: super::super::layout::MAX_PARTITIONS };
        let last = Place { ms: MS_MAX, seq: SEQ_MAX };
        let cursor = Reading::All(vec![last; 64]).write(&layout).unwrap();
        EventCursor::new(cursor.as_str()).map(drop)?;
        let subject = Subject::with_tenant("x".repeat(255), "y".repeat(255)).unwrap();
        let cursor = write_scan(Partition(63), &subject.storage_key(), &layout).unwrap();
        assert_eq!(read_scan(&cursor, &layout).unwrap(), (Partition(63), subject.storage_key()));
        Ok(())
    }

    #[test]
    fn a_cursor_of_another_store_or_kind_is_refused() {
        let other = Layout { id: *b"another.", ..LAYOUT };
        let more = Layout { partitions: 4, ..LAYOUT };
        let cursor = Reading::start(&LAYOUT).write(&LAYOUT).unwrap();
        assert!(Reading::read(&cursor, &LAYOUT).is_ok());
        assert!(Reading::read(&cursor, &other).is_err() && Reading::read(&cursor, &more).is_err());
        let scan = write_scan(Partition(2), "alice", &LAYOUT).unwrap();
        assert!(Reading::parse(scan.as_str(), &LAYOUT).is_none());
        assert!(read_scan(&cursor.as_str().parse().unwrap(), &LAYOUT).is_err());
        let far = write_scan(Partition(3), "alice", &LAYOUT).unwrap();
        assert!(read_scan(&far, &LAYOUT).is_err(), "there is no fourth partition");
    }

    #[test]
    fn an_id_of_an_entry_is_a_place() {
        let place = Place::read("1790000000000-12").unwrap();
        assert_eq!(place.behind(), "(1790000000000-12");
        assert_eq!(place.behind_sorted(), "(001790000000000-000000000012");
        assert_eq!(Place::default().behind(), "-");
        assert!(Place::read("1790000000000").is_none() && Place::read("x-1").is_none());
    }
}
