//! Keys in a table.

mod columns;
mod rows;

use std::fmt;
use std::io::Read;

pub use columns::{Column, Columns, SecretEncoding};
use rows::{Row, Rows};

use super::error::{ReadError, ReadErrorKind};
use super::found::{AppKey, Found, Names, Place, Skipped};
use super::parts::{self, Keys};
use super::reason::Reason;
use crate::otp::{Algorithm, Digits, Period, Secret, Totp};

/// Reads a table of keys: values parted by commas, as RFC 4180 has them, with a header.
///
/// Taken as they come: lines that end with or without a carriage return, the mark of UTF-8 at the
/// beginning, fields in quotation marks with line ends in them. Rows without anything in them are
/// passed over without a word. A row of more than 16 KiB or 256 fields is skipped as such.
///
/// The first item is the [`ReadError`] when the header lacks a column; see [`Columns`].
///
/// ```
/// use tower_mfa::transfer::apps::{self, Columns, Found};
///
/// let table = "subject,secret,digits\nalice,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP,8\nbob,0189,6\n";
/// let found: Vec<Found> = apps::csv(table.as_bytes(), Columns::default()).collect::<Result<_, _>>().unwrap();
/// assert!(matches!(&found[0], Found::Key(key) if key.totp().digits().get() == 8));
/// let Found::Skipped(skipped) = &found[1] else { panic!("not base 32") };
/// assert_eq!(skipped.to_string(), "line 3 (bob): the secret is not in the encoding that is read here");
/// ```
pub fn csv<R: Read>(from: R, columns: Columns) -> Csv<R> {
    let rows = Rows::new(from, columns.delimiter);
    Csv { rows, columns, found: None, keys: Keys::default(), ended: false }
}

/// The reader of [`csv()`].
#[must_use = "an iterator does nothing until it is asked"]
pub struct Csv<R> {
    rows: Rows<R>,
    columns: Columns,
    found: Option<columns::Found>,
    keys: Keys,
    ended: bool,
}

impl<R> Csv<R> {
    /// Takes keys from 10 bytes instead of 16.
    ///
    /// # Security
    ///
    /// See [`Secret::danger_short_from_bytes`].
    pub fn danger_short_keys(self) -> Self {
        Self { keys: Keys { short: true }, ..self }
    }
}

impl<R> fmt::Debug for Csv<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv").field("columns", &self.columns).field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl<R: Read> Iterator for Csv<R> {
    type Item = Result<Found, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read> Csv<R> {
    fn read(&mut self) -> Result<Option<Found>, ReadError> {
        let found = match self.found.take() {
            Some(found) => found,
            None => header(&mut self.rows, &self.columns)?,
        };
        let found = self.found.insert(found);
        while let Some(row) = self.rows.next() {
            let (line, row) = row?;
            let place = Place::line_number(line);
            let skipped = |why| Ok(Some(Found::Skipped(Skipped::new(place, &Names::default(), why))));
            let fields = match row {
                Row::TooLong => return skipped(Reason::TooLong),
                Row::NotText => return skipped(Reason::NotText),
                Row::Fields(fields) if fields.iter().all(|field| field.trim().is_empty()) => continue,
                // Fields would stand under the names of others: nothing of them is repeated.
                Row::Fields(fields) if fields.len() != found.width => return skipped(Reason::Fields),
                Row::Fields(fields) => fields,
            };
            let entry = Entry { place, keys: self.keys, secrets: self.columns.secrets, fields: &fields, found };
            return Ok(Some(entry.read()));
        }
        Ok(None)
    }
}

fn header<R: Read>(rows: &mut Rows<R>, columns: &Columns) -> Result<columns::Found, ReadError> {
    let row = rows.next().transpose()?.map(|(_, row)| row);
    match row.unwrap_or(Row::Fields(Vec::new())) {
        Row::Fields(header) => columns.find(&header),
        Row::TooLong | Row::NotText => Err(ReadError::new(ReadErrorKind::Limit).at(Place::line_number(1))),
    }
}

/// One row under its header.
struct Entry<'a> {
    place: Place,
    keys: Keys,
    secrets: SecretEncoding,
    fields: &'a [&'a str],
    found: &'a columns::Found,
}

impl Entry<'_> {
    /// A field, or nothing where there is no such column.
    fn field(&self, column: Column) -> &str {
        let field = self.found.place(column).and_then(|at| self.fields.get(at));
        field.map_or("", |field| field.trim())
    }

    fn read(&self) -> Found {
        let names = match self.names() {
            Ok(names) => names,
            Err(why) => return Found::Skipped(Skipped::new(self.place, &Names::default(), why)),
        };
        let uri = self.field(Column::Uri);
        if !uri.is_empty() {
            return self.read_uri(uri, names);
        }
        match self.totp().and_then(|totp| Ok((totp, self.secret()?))) {
            Ok((totp, secret)) => Found::Key(AppKey { place: self.place, names, totp, secret, used_until: None }),
            Err(why) => Found::Skipped(Skipped::new(self.place, &names, why)),
        }
    }

    /// The row says whose it is, the URI the rest; what the URI calls account and issuer counts.
    fn read_uri(&self, uri: &str, names: Names) -> Found {
        match super::otpauth::read(uri, self.place, self.keys) {
            Found::Key(mut key) => {
                key.names = Names {
                    account: key.names.account.or(names.account),
                    issuer: key.names.issuer.or(names.issuer),
                    ..names
                };
                Found::Key(key)
            }
            Found::Skipped(skipped) if skipped.what().is_none() => {
                Found::Skipped(Skipped::new(self.place, &names, skipped.why()))
            }
            skipped => skipped,
        }
    }

    fn names(&self) -> Result<Names, Reason> {
        let name = |column| parts::name(self.field(column));
        Ok(Names {
            subject: name(Column::Subject)?,
            account: name(Column::Account)?,
            issuer: name(Column::Issuer)?,
            label: name(Column::Label)?,
            serial: name(Column::Serial)?,
            manufacturer: None,
        })
    }

    fn totp(&self) -> Result<Totp, Reason> {
        match self.field(Column::Type) {
            "" => {}
            kind if kind.eq_ignore_ascii_case("totp") => {}
            kind if kind.eq_ignore_ascii_case("hotp") => return Err(Reason::Counter),
            _ => return Err(Reason::Kind),
        }
        let algorithm = match self.field(Column::Algorithm) {
            "" => Algorithm::default(),
            name => Algorithm::from_name(name).ok_or(Reason::Algorithm)?,
        };
        let digits = match self.field(Column::Digits) {
            "" => Digits::default(),
            digits => parts::digits(digits)?,
        };
        let period = match self.field(Column::Period) {
            "" => Period::default(),
            secs => parts::period(secs)?,
        };
        Ok(Totp::default().with_algorithm(algorithm).with_digits(digits).with_period(period))
    }

    fn secret(&self) -> Result<Secret, Reason> {
        let text = self.field(Column::Secret);
        match self.secrets {
            _ if text.is_empty() => Err(Reason::SecretMissing),
            SecretEncoding::Base32 => Ok(self.keys.read_base32(text)?),
            SecretEncoding::Hex => self.keys.take_decoded(parts::hex(text)),
            SecretEncoding::Base64 => self.keys.take_decoded(parts::base64(text)),
        }
    }
}
