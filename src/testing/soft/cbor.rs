//! As much CBOR as authenticators write.

/// The head of an item: its major type and a number.
fn head(major: u8, number: u64) -> Vec<u8> {
    let major = major << 5;
    match number {
        0..=23 => vec![major | u8::try_from(number).unwrap_or_default()],
        24..=0xff => [&[major | 24], &number.to_be_bytes()[7..]].concat(),
        0x100..=0xffff => [&[major | 25], &number.to_be_bytes()[6..]].concat(),
        _ => [&[major | 26], &number.to_be_bytes()[4..]].concat(),
    }
}

fn with_length(major: u8, content: &[u8]) -> Vec<u8> {
    let mut item = head(major, u64::try_from(content.len()).unwrap_or(u64::MAX));
    item.extend(content);
    item
}

pub(super) fn int(value: i32) -> Vec<u8> {
    let (major, number) = if value < 0 { (1, !value) } else { (0, value) };
    head(major, u64::from(number.unsigned_abs()))
}

pub(super) fn bytes(value: &[u8]) -> Vec<u8> {
    with_length(2, value)
}

pub(super) fn text(value: &str) -> Vec<u8> {
    with_length(3, value.as_bytes())
}

pub(super) fn list<const N: usize>(items: &[Vec<u8>; N]) -> Vec<u8> {
    let mut list = head(4, u64::try_from(N).unwrap_or(u64::MAX));
    list.extend(items.concat());
    list
}

pub(super) fn map(members: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    let members: Vec<(Vec<u8>, Vec<u8>)> = members.into_iter().collect();
    let mut map = head(5, u64::try_from(members.len()).unwrap_or(u64::MAX));
    map.extend(members.into_iter().flat_map(|(key, value)| [key, value]).flatten());
    map
}
