//! What the tables are called.

use crate::error::ConfigError;

/// Schema and table prefix. Quoted, they need no escaping: both consist of `a–z 0–9 _` alone.
#[derive(Debug, Clone)]
pub(super) struct Names {
    schema: Box<str>,
    prefix: Box<str>,
}

/// PostgreSQL cuts off what is longer (NAMEDATALEN).
const SCHEMA_MAX: usize = 63;

/// Leaves room for the longest name behind it.
const PREFIX_MAX: usize = 32;

impl Default for Names {
    fn default() -> Self {
        Self { schema: "tower_mfa".into(), prefix: "".into() }
    }
}

impl Names {
    pub(super) fn in_schema(self, schema: &str) -> Result<Self, ConfigError> {
        let begins = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
        if begins && schema.len() <= SCHEMA_MAX && schema.bytes().all(is_plain) && !schema.starts_with("pg_") {
            Ok(Self { schema: schema.into(), ..self })
        } else {
            let rule = "must be 1 to 63 of a-z, 0-9 and _, must not begin with a digit or pg_";
            Err(ConfigError::new("schema", rule))
        }
    }

    pub(super) fn prefixed(self, prefix: &str) -> Result<Self, ConfigError> {
        if prefix.len() <= PREFIX_MAX && prefix.bytes().all(is_plain) {
            Ok(Self { prefix: prefix.into(), ..self })
        } else {
            Err(ConfigError::new("table_prefix", "must be at most 32 of a-z, 0-9 and _"))
        }
    }

    /// Writes what stands for `{name}`: a table with its schema; `{.name}` is without, `{}` the schema.
    pub(super) fn write(&self, text: &mut String, name: &str) {
        let parts: &[&str] = match name.strip_prefix('.') {
            Some(name) => &["\"", &self.prefix, name, "\""],
            None if name.is_empty() => &["\"", &self.schema, "\""],
            None => &["\"", &self.schema, "\".\"", &self.prefix, name, "\""],
        };
        parts.iter().for_each(|part| text.push_str(part));
    }

    pub(super) const fn schema(&self) -> &str {
        &self.schema
    }

    /// A table without its schema, a constraint as an error tells it.
    pub(super) fn bare(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}
