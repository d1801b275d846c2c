//! Reads `tests/vectors/*.txt`: a line of column names, then a row a line, columns parted by `|`;
//! lines that begin with `#` say where the numbers come from.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

/// One row, by column name.
pub(crate) struct Row(BTreeMap<String, String>);

impl Row {
    pub(crate) fn text(&self, column: &str) -> &str {
        self.0.get(column).unwrap_or_else(|| panic!("no column {column}"))
    }

    pub(crate) fn number<N: FromStr<Err: Debug>>(&self, column: &str) -> N {
        self.text(column).parse().unwrap()
    }
}

/// The rows of a file. A file without rows is a mistake, so that no test passes on nothing.
pub(crate) fn rows(file: &str) -> Vec<Row> {
    let path = format!("{}/tests/vectors/{file}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let names = cells(lines.next().unwrap());
    let rows: Vec<_> = lines
        .map(|line| {
            let cells = cells(line);
            assert_eq!(cells.len(), names.len(), "{path}: {line}");
            Row(names.iter().cloned().zip(cells).collect())
        })
        .collect();
    assert!(!rows.is_empty(), "{path} has no rows");
    rows
}

/// Bytes written in hexadecimal.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
