//! What the tests of the readers share.

use std::io::{self, BufRead, Read};

use tower_mfa::transfer::apps::{AppKey, Found, ReadError, Skipped};

/// A secret of 20 bytes, the one of the RFCs, in three encodings.
pub(crate) const SECRET: &[u8] = b"12345678901234567890";
pub(crate) const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub(crate) const HEX: &str = "3132333435363738393031323334353637383930";
pub(crate) const BASE64: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";
/// Ten bytes.
pub(crate) const SHORT: &str = "JBSWY3DPEHPK3PXP";

pub(crate) type Item = Result<Found, ReadError>;

/// Everything a reader finds; it must not break.
pub(crate) fn all(reader: impl Iterator<Item = Item>) -> Vec<Found> {
    reader.collect::<Result<_, _>>().unwrap()
}

pub(crate) fn keys(found: &[Found]) -> Vec<&AppKey> {
    found.iter().filter_map(|found| if let Found::Key(key) = found { Some(key) } else { None }).collect()
}

pub(crate) fn skipped(found: &[Found]) -> Vec<&Skipped> {
    found.iter().filter_map(|found| if let Found::Skipped(skipped) = found { Some(skipped) } else { None }).collect()
}

/// The codes of what was skipped, and where: `line 2: digits`.
pub(crate) fn told(found: &[Found]) -> Vec<String> {
    skipped(found).iter().map(|skipped| format!("{}: {}", skipped.place(), skipped.why().code())).collect()
}

/// One line for every item, errors too: what was found, by its secret where it is a key.
pub(crate) fn summary(reader: impl Iterator<Item = Item>) -> Vec<String> {
    reader
        .map(|item| match item {
            Ok(Found::Key(key)) => format!("{}: key {:?} {:?}", key.place(), key.secret().expose(), key.totp()),
            Ok(Found::Skipped(skipped)) => skipped.to_string(),
            Err(error) => format!("error {error}"),
        })
        .collect()
}

/// Hands out one byte at a time: what is found must not depend on how a stream comes.
pub(crate) struct Drops<'a>(pub(crate) &'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = into.len().min(1);
        self.0.read(&mut into[..len])
    }
}

impl BufRead for Drops<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.0[..self.0.len().min(1)])
    }

    fn consume(&mut self, amount: usize) {
        self.0 = &self.0[amount..];
    }
}

/// A stream that breaks after so many bytes.
pub(crate) struct Breaks<'a>(pub(crate) &'a [u8]);

impl Read for Breaks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("the disk went away")),
            read => Ok(read),
        }
    }
}

/// A stream without an end, of one byte.
pub(crate) struct Endless(pub(crate) u8, pub(crate) u64);

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = into.len().min(usize::try_from(self.1).unwrap_or(usize::MAX));
        into[..len].fill(self.0);
        self.1 -= u64::try_from(len).unwrap();
        Ok(len)
    }
}
