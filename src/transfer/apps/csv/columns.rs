//! Which column of a table holds what.

use std::borrow::Cow;

use crate::transfer::apps::error::{ReadError, ReadErrorKind};

/// What a column of a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Column {
    /// Whose key it is: the host's user.
    Subject,
    /// The account name the app showed.
    Account,
    /// Who issued the key.
    Issuer,
    /// What its owner calls it.
    Label,
    /// The serial number of the device.
    Serial,
    /// The secret.
    Secret,
    /// SHA1, SHA256 or SHA512; empty is SHA1.
    Algorithm,
    /// 6, 7 or 8; empty is 6.
    Digits,
    /// Seconds; empty is 30.
    Period,
    /// `totp`; empty is that, too.
    Type,
    /// A whole key URI: where it stands, it counts, and secret and parameters beside it do not.
    Uri,
}

const ALL: [(Column, &str); 11] = [
    (Column::Subject, "subject"),
    (Column::Account, "account"),
    (Column::Issuer, "issuer"),
    (Column::Label, "label"),
    (Column::Serial, "serial"),
    (Column::Secret, "secret"),
    (Column::Algorithm, "algorithm"),
    (Column::Digits, "digits"),
    (Column::Period, "period"),
    (Column::Type, "type"),
    (Column::Uri, "uri"),
];

/// How secrets are written in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SecretEncoding {
    /// Base 32, as apps show it: either case, in groups or not, padded or not.
    #[default]
    Base32,
    /// Hexadecimal: either case, with spaces, hyphens or colons between or not.
    Hex,
    /// Base 64, of either alphabet, padded or not.
    Base64,
}

/// What the columns of a table are called, and how it is written.
///
/// A column is found by its name in the header, in any case and order. `secret` or `uri` must be
/// there, and so must every column that was named with [`Columns::named`]; what is not there means
/// its default. Other columns do not matter.
///
/// ```
/// use tower_mfa::transfer::apps::{self, Column, Columns, Found, SecretEncoding};
///
/// let columns = Columns::default()
///     .named(Column::Subject, "User")
///     .named(Column::Secret, "Seed")
///     .secrets_in(SecretEncoding::Hex)
///     .semicolons();
/// let table = "user;seed;team\nalice;3132333435363738393031323334353637383930;ops\nbob;31;ops\n";
/// let found: Vec<Found> = apps::csv(table.as_bytes(), columns).collect::<Result<_, _>>().unwrap();
/// assert!(matches!(&found[0], Found::Key(key) if key.subject() == Some("alice")));
/// assert!(matches!(&found[1], Found::Skipped(skipped) if skipped.why().code() == "secret_short"));
/// ```
#[derive(Debug, Clone)]
pub struct Columns {
    names: Vec<(Column, Cow<'static, str>, bool)>,
    pub(super) delimiter: u8,
    pub(super) secrets: SecretEncoding,
}

/// Named after what they hold: `subject`, `account`, `issuer`, `label`, `serial`, `secret`,
/// `algorithm`, `digits`, `period`, `type`, `uri`; commas between, secrets in base 32.
impl Default for Columns {
    fn default() -> Self {
        Self {
            names: ALL.iter().map(|(column, name)| (*column, Cow::Borrowed(*name), false)).collect(),
            delimiter: b',',
            secrets: SecretEncoding::default(),
        }
    }
}

impl Columns {
    /// Says what a column is called, and that it must be there.
    #[must_use]
    pub fn named(mut self, column: Column, name: impl Into<String>) -> Self {
        let name = name.into();
        for known in self.names.iter_mut().filter(|known| known.0 == column) {
            known.1 = Cow::Owned(name.clone());
            known.2 = true;
        }
        self
    }

    /// Says how secrets are written.
    #[must_use]
    pub fn secrets_in(self, secrets: SecretEncoding) -> Self {
        Self { secrets, ..self }
    }

    /// Parts fields by `;`, as spreadsheets of many countries write them.
    #[must_use]
    pub fn semicolons(self) -> Self {
        Self { delimiter: b';', ..self }
    }

    /// Parts fields by tabs.
    #[must_use]
    pub fn tabs(self) -> Self {
        Self { delimiter: b'\t', ..self }
    }

    /// Finds the columns in a header.
    pub(super) fn find(&self, header: &[&str]) -> Result<Found, ReadError> {
        let header: Vec<String> = header.iter().map(|name| name.trim().to_lowercase()).collect();
        let mut found = Found { places: Vec::new(), width: header.len() };
        for (column, name, required) in &self.names {
            let wanted = name.trim().to_lowercase();
            let mut places = header.iter().enumerate().filter(|(_, name)| **name == wanted).map(|(at, _)| at);
            match (places.next(), places.next()) {
                (Some(at), None) => found.places.push((*column, at)),
                (Some(_), Some(_)) => return Err(ReadError::column(ReadErrorKind::ColumnTwice, name)),
                (None, _) if *required => return Err(ReadError::column(ReadErrorKind::Column, name)),
                (None, _) => {}
            }
        }
        if found.place(Column::Secret).or(found.place(Column::Uri)).is_none() {
            let name = self.names.iter().find(|known| known.0 == Column::Secret).map(|known| &*known.1);
            return Err(ReadError::column(ReadErrorKind::Column, name.unwrap_or("secret")));
        }
        Ok(found)
    }
}

/// Where the columns stand.
#[derive(Debug)]
pub(super) struct Found {
    places: Vec<(Column, usize)>,
    pub(super) width: usize,
}

impl Found {
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == column).map(|(_, at)| *at)
    }
}
