//! Rows of bounded size, in buffers that are wiped.
//!
//! `csv-core` is the automaton inside of the `csv` crate. It is used alone because it keeps nothing:
//! the crate around it holds rows in buffers of its own, grows them as a row grows, and wipes none.

use std::io::{self, ErrorKind, Read};

use csv_core::{ReadRecordResult, Reader};
use zeroize::{Zeroize, Zeroizing};

/// Most bytes of one row's fields.
const ROW_MAX: usize = 16 * 1024;
/// Most fields of one row.
const FIELDS_MAX: usize = 256;
/// How much is asked for at a time.
const CHUNK: usize = 8 * 1024;

/// Reads row by row; what is over the limit of a row is thrown away up to its end.
pub(super) struct Rows<R> {
    from: R,
    automaton: Box<Reader>,
    input: Zeroizing<Vec<u8>>,
    at: usize,
    filled: usize,
    ended: bool,
    /// The automaton has had its first bytes.
    has_begun: bool,
    /// Lines that are behind.
    lines: u64,
    output: Zeroizing<Vec<u8>>,
    written: usize,
    ends: Vec<usize>,
    fields: usize,
}

/// What one row was.
pub(super) enum Row<'a> {
    Fields(Vec<&'a str>),
    TooLong,
    NotText,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(from: R, delimiter: u8) -> Self {
        Self {
            from,
            automaton: Box::new(csv_core::ReaderBuilder::new().delimiter(delimiter).build()),
            input: Zeroizing::new(vec![0; CHUNK]),
            at: 0,
            filled: 0,
            ended: false,
            has_begun: false,
            lines: 0,
            output: Zeroizing::new(vec![0; ROW_MAX]),
            written: 0,
            ends: vec![0; FIELDS_MAX],
            fields: 0,
        }
    }

    /// Returns the next row and the line it begins in.
    pub(super) fn next(&mut self) -> Option<io::Result<(u64, Row<'_>)>> {
        let begun = match self.skip_line_ends() {
            Ok(()) => self.lines.saturating_add(1),
            Err(error) => return Some(Err(error)),
        };
        let too_long = match self.read() {
            Ok(Some(too_long)) => too_long,
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        };
        let row = match too_long {
            true => Row::TooLong,
            false => self.fields().map_or(Row::NotText, Row::Fields),
        };
        Some(Ok((begun, row)))
    }

    fn fields(&self) -> Option<Vec<&str>> {
        let ends = self.ends.get(..self.fields)?;
        let begins = std::iter::once(&0).chain(ends);
        begins.zip(ends).map(|(begin, end)| std::str::from_utf8(self.output.get(*begin..*end)?).ok()).collect()
    }

    /// Reads one row, and says whether it was too long; nothing at the end.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.forget_row();
        let mut too_long = false;
        loop {
            self.fill()?;
            let input = self.input.get(self.at..self.filled).unwrap_or_default();
            let output = self.output.get_mut(self.written..).unwrap_or_default();
            let ends = self.ends.get_mut(self.fields..).unwrap_or_default();
            let (result, used, written, fields) = self.automaton.read_record(input, output, ends);
            self.has_begun = true;
            self.pass(used);
            self.written = self.written.saturating_add(written);
            self.fields = self.fields.saturating_add(fields);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    too_long = true;
                    self.forget_row();
                }
                ReadRecordResult::Record => return Ok(Some(too_long)),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn forget_row(&mut self) {
        self.output.get_mut(..self.written).unwrap_or_default().zeroize();
        self.written = 0;
        self.fields = 0;
    }

    /// Passes empty lines, which the automaton would pass without counting them to anybody.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            self.fill()?;
            match self.input.get(self.at..self.filled).and_then(|rest| rest.first()) {
                Some(b'\n' | b'\r') => self.pass(1),
                _ => return Ok(()),
            }
        }
    }

    fn pass(&mut self, used: usize) {
        let to = self.at.saturating_add(used);
        let passed = self.input.get(self.at..to).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.lines = self.lines.saturating_add(lines.try_into().unwrap_or(u64::MAX));
        self.at = to;
    }

    /// Has at least one byte ready, or the end. Before the automaton has begun it wants four: that looks once for the
    /// three of the mark that some editors put before the first line, and takes no more for the end.
    fn fill(&mut self) -> io::Result<()> {
        let wanted = if self.has_begun { 1 } else { 4 };
        let left = self.input.get(self.at..self.filled).map_or(0, <[u8]>::len);
        if left >= wanted || self.ended {
            return Ok(());
        }
        if left > 0 {
            self.input.copy_within(self.at..self.filled, 0);
        }
        (self.at, self.filled) = (0, left);
        while self.filled < wanted && !self.ended {
            match self.from.read(self.input.get_mut(self.filled..).unwrap_or_default()) {
                Ok(0) => self.ended = true,
                Ok(read) => self.filled = self.filled.saturating_add(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
