//! Lines of bounded length, in one buffer that is wiped.

use std::io::{self, BufRead, ErrorKind};

use zeroize::{Zeroize, Zeroizing};

/// Reads line by line; what is over the limit of a line is thrown away up to its end.
pub(super) struct Lines<R> {
    from: R,
    max: usize,
    number: u64,
    /// Never grows, so that no copy of a secret stays behind in memory that was let go.
    line: Zeroizing<Vec<u8>>,
    ended: bool,
}

/// What one line was.
pub(super) enum Line<'a> {
    Text(&'a str),
    TooLong,
    NotText,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R, max: usize) -> Self {
        Self { from, max, number: 0, line: Zeroizing::new(Vec::with_capacity(max)), ended: false }
    }

    /// Returns the next line that is neither empty nor a comment, with its number; its ends are trimmed.
    pub(super) fn next(&mut self) -> Option<io::Result<(u64, Line<'_>)>> {
        loop {
            if self.ended {
                return None;
            }
            match self.read() {
                Ok(None) => {
                    self.ended = true;
                    return None;
                }
                Ok(Some(true)) => return Some(Ok((self.number, Line::TooLong))),
                Ok(Some(false)) if self.says_nothing() => {}
                Ok(Some(false)) => break,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        let line = match std::str::from_utf8(&self.line) {
            Ok(text) => Line::Text(without_mark(text, self.number)),
            Err(_) => Line::NotText,
        };
        Some(Ok((self.number, line)))
    }

    fn says_nothing(&self) -> bool {
        let line = self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line);
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    }

    /// Reads one line, and says whether it was too long; nothing at the end.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.line.as_mut_slice().zeroize();
        self.line.clear();
        let (mut too_long, mut begun) = (false, false);
        loop {
            let chunk = match self.from.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() && !begun {
                return Ok(None);
            }
            if !begun {
                self.number = self.number.saturating_add(1);
                begun = true;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let (part, used) = match end {
                Some(end) => (chunk.get(..end).unwrap_or_default(), end.saturating_add(1)),
                None => (chunk, chunk.len()),
            };
            if self.line.len().saturating_add(part.len()) > self.max {
                too_long = true;
            } else {
                self.line.extend_from_slice(part);
            }
            let last = end.is_some() || chunk.is_empty();
            self.from.consume(used);
            if last {
                return Ok(Some(too_long));
            }
        }
    }
}

/// Without the mark that some editors put before the first line, and without whitespace at the ends.
fn without_mark(text: &str, number: u64) -> &str {
    let text = if number == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
    text.trim()
}
