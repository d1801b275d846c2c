//! CBOR that is read, and CBOR that is not (RFC 8949, Appendix A).

use crate::webauthn::cbor::Item;

fn read(bytes: &[u8]) -> Option<Item<'_>> {
    Item::read(bytes)
}

#[test]
fn what_authenticators_write_is_read() {
    assert_eq!(read(b"\x17"), Some(Item::Integer(23)));
    assert_eq!(read(b"\x18\x64"), Some(Item::Integer(100)));
    assert_eq!(read(b"\x1a\x00\x0f\x42\x40"), Some(Item::Integer(1_000_000)));
    assert_eq!(read(b"\x1b\x00\x00\x00\xe8\xd4\xa5\x10\x00"), Some(Item::Integer(1_000_000_000_000)));
    assert_eq!(read(b"\x20"), Some(Item::Integer(-1)));
    assert_eq!(read(b"\x39\x01\x00"), Some(Item::Integer(-257)));
    assert_eq!(read(b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"), Some(Item::Integer(i64::MIN)));
    assert_eq!(read(b"\x44\x01\x02\x03\x04"), Some(Item::Bytes(&[1, 2, 3, 4])));
    assert_eq!(read("\u{64}IETF".as_bytes()), Some(Item::Text("IETF")));
    assert_eq!(read(b"\x82\x01\x02"), Some(Item::List(vec![Item::Integer(1), Item::Integer(2)])));
    let map = read(b"\xa2\x61a\x01\x61b\xf5").unwrap();
    assert_eq!(map.member("a").and_then(Item::integer), Some(1));
    assert_eq!(map.member("c"), None);
    assert!(read(b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a").is_some());
}

#[test]
fn what_can_be_read_in_two_ways_or_not_to_its_end_is_refused() {
    for wrong in [
        b"".as_slice(),
        b"\x01\x02",
        b"\x18",
        b"\x1c",
        b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x44\x01",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5f\x41\x01\xff",
        b"\x61\xff",
        b"\x7f\x61a\xff",
        b"\x81",
        b"\x9f\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xa1\x01",
        b"\xa2\x01\x02\x01\x03",
        b"\xa2\x01\x02\x18\x01\x03",
        b"\xbf\xff",
        b"\xc0\x61a",
        b"\xf8\xff",
        b"\xe0",
        b"\xff",
    ] {
        assert_eq!(read(wrong), None, "{wrong:02x?}");
    }
}

#[test]
fn nesting_and_breadth_have_an_end() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x01]].concat();
    assert!(read(&nested(7)).is_some());
    assert!(read(&nested(8)).is_none());
    assert!(read(&nested(100_000)).is_none());
    let wide = |count: u8| [vec![0x98, count], vec![0x01; usize::from(count)]].concat();
    assert!(read(&wide(64)).is_some());
    assert!(read(&wide(65)).is_none());
}
