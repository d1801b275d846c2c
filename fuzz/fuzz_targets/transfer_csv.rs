//! A table from anywhere: whatever comes of it is the same however the stream is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_mfa::transfer::apps::{Columns, SecretEncoding, csv};

/// Hands out so many bytes at a time.
struct Cut<'a>(&'a [u8], usize);

impl std::io::Read for Cut<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = into.len().min(self.1);
        std::io::Read::read(&mut self.0, &mut into[..len])
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((shape, table)) = bytes.split_first() else { return };
    let columns = || {
        let columns = match shape & 3 {
            0 => Columns::default(),
            1 => Columns::default().semicolons(),
            _ => Columns::default().tabs(),
        };
        match shape >> 2 & 3 {
            0 => columns,
            1 => columns.secrets_in(SecretEncoding::Hex),
            _ => columns.secrets_in(SecretEncoding::Base64),
        }
    };
    let whole: Vec<_> = csv(table, columns()).map(|item| format!("{item:?}")).collect();
    let cut = Cut(table, usize::from(shape >> 4) + 1);
    let cut: Vec<_> = csv(cut, columns()).map(|item| format!("{item:?}")).collect();
    assert_eq!(whole, cut);
    tower_mfa_fuzz::no_word_of(csv(table, columns()), table);
});
