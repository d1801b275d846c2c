//! How a statement is sent: names put in, values bound or written into it.

use std::fmt::Write as _;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, Postgres};

use super::names::Names;

/// What a statement is given. In its text it is `$1`, `$2` …, in any order, each as often as it is needed, with a cast
/// to its type behind it.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Text(Option<&'a str>),
    Number(Option<i64>),
    Bytes(&'a [u8]),
    Texts(Vec<&'a str>),
    Numbers(Vec<i64>),
    ManyBytes(Vec<&'a [u8]>),
}

/// How values reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// As text of the statement, in one message. A pooler between that hands each message to another server connection
    /// does no harm: nothing is left on a connection that a later message needs. (sqlx prepares in one message and
    /// executes in the next, under a name that on the other connection can be another statement's.)
    Simple,
    /// Beside a statement that was prepared on this connection: it is planned once.
    Prepared,
}

impl Protocol {
    /// Runs one statement to its end: a commit is known to be one only when the server says that it is ready again.
    pub(super) async fn run(
        self,
        connection: &mut PgConnection,
        names: &Names,
        template: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        match self {
            Self::Simple => {
                let text = literal(names, template, values).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
                sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await
            }
            Self::Prepared => {
                let (text, order) = numbered(names, template);
                let query = sqlx::query(AssertSqlSafe(text));
                order.iter().filter_map(|number| values.get(*number)).fold(query, bind).fetch_all(connection).await
            }
        }
    }
}

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

fn bind<'q>(query: Query<'q>, value: &Value<'_>) -> Query<'q> {
    match value {
        Value::Text(text) => query.bind(text.map(str::to_owned)),
        Value::Number(number) => query.bind(*number),
        Value::Bytes(bytes) => query.bind(bytes.to_vec()),
        Value::Texts(texts) => query.bind(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()),
        Value::Numbers(numbers) => query.bind(numbers.clone()),
        Value::ManyBytes(many) => query.bind(many.iter().map(|bytes| bytes.to_vec()).collect::<Vec<_>>()),
    }
}

/// A text holds U+0000, which PostgreSQL has in no text.
#[derive(Debug, thiserror::Error)]
#[error("a text with U+0000 cannot be stored")]
struct Nul;

/// The statement with its values written into it.
fn literal(names: &Names, template: &str, values: &[Value<'_>]) -> Result<String, Nul> {
    let mut whole = true;
    let text = filled(names, template, |number, text| {
        if let Some(value) = values.get(number) {
            whole &= write_value(text, value);
        }
    });
    if whole { Ok(text) } else { Err(Nul) }
}

/// The statement with the values numbered as they come, and which of the template's they are.
fn numbered(names: &Names, template: &str) -> (String, Vec<usize>) {
    let mut order: Vec<usize> = Vec::new();
    let text = filled(names, template, |number, text| {
        let place = order.iter().position(|known| *known == number).unwrap_or_else(|| {
            order.push(number);
            order.len().saturating_sub(1)
        });
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, "${}", place.saturating_add(1));
    });
    (text, order)
}

/// Puts names for `{name}` and whatever `value` writes for `$1`, in one pass: what was put in is not looked at again.
fn filled(names: &Names, template: &str, mut value: impl FnMut(usize, &mut String)) -> String {
    let mut text = String::with_capacity(template.len().saturating_mul(2));
    let mut rest = template;
    while let Some((before, found)) = rest.find(['{', '$']).and_then(|at| rest.split_at_checked(at)) {
        text.push_str(before);
        if let Some((name, behind)) = found.strip_prefix('{').and_then(|name| name.split_once('}')) {
            names.write(&mut text, name);
            rest = behind;
            continue;
        }
        let digits = found.get(1..).unwrap_or_default();
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, behind) = digits.split_at_checked(end).unwrap_or((digits, ""));
        if let Some(number) = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
            value(number, &mut text);
        }
        rest = behind;
    }
    text.push_str(rest);
    text
}

/// Writes a value as SQL; returns whether it could be written.
fn write_value(text: &mut String, value: &Value<'_>) -> bool {
    match value {
        Value::Text(Some(one)) => write_text(text, one),
        Value::Number(Some(one)) => write_number(text, *one),
        Value::Text(None) | Value::Number(None) => {
            text.push_str("NULL");
            true
        }
        Value::Bytes(one) => write_bytes(text, one),
        Value::Texts(many) => write_array(text, many, |text, one| write_text(text, one)),
        Value::Numbers(many) => write_array(text, many, |text, one| write_number(text, *one)),
        Value::ManyBytes(many) => write_array(text, many, |text, one| write_bytes(text, one)),
    }
}

fn write_array<T>(text: &mut String, many: &[T], one: impl Fn(&mut String, &T) -> bool) -> bool {
    text.push_str("ARRAY[");
    let mut whole = true;
    for (place, item) in many.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        whole &= one(text, item);
    }
    text.push(']');
    whole
}

/// `E'…'` is read in one way whatever the settings: a backslash escapes, a quote is written twice.
fn write_text(text: &mut String, one: &str) -> bool {
    text.push_str("E'");
    for c in one.chars() {
        if matches!(c, '\'' | '\\') {
            text.push(c);
        }
        text.push(c);
    }
    text.push('\'');
    // It would end the message in the middle.
    !one.contains('\0')
}

fn write_number(text: &mut String, one: i64) -> bool {
    // Quoted, for the least of them: -9223372036854775808 is read as the negative of what does not fit.
    let _ = write!(text, "'{one}'::bigint");
    true
}

fn write_bytes(text: &mut String, bytes: &[u8]) -> bool {
    text.push_str("decode('");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str("', 'hex')");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(template: &str, values: &[Value<'_>]) -> String {
        literal(&Names::default(), template, values).expect("no NUL")
    }

    #[test]
    fn what_was_put_in_is_not_looked_at_again() {
        let text = written("SELECT $1, $2, $1", &[Value::Text(Some("$2 {account}")), Value::Number(Some(-7))]);
        assert_eq!(text, "SELECT E'$2 {account}', '-7'::bigint, E'$2 {account}'");
    }

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        assert_eq!(written("$1", &[Value::Text(Some(r"'; DROP \' --"))]), r"E'''; DROP \\'' --'");
        let many = [Value::Texts(vec!["'", "\\"]), Value::ManyBytes(vec![b"'", b""]), Value::Bytes(&[0, 255])];
        let wanted = r"ARRAY[E'''',E'\\'] ARRAY[decode('27', 'hex'),decode('', 'hex')] decode('00ff', 'hex')";
        assert_eq!(written("$1 $2 $3", &many), wanted);
    }

    #[test]
    fn a_nul_is_refused() {
        assert!(literal(&Names::default(), "$1", &[Value::Text(Some("a\0b"))]).is_err());
        assert!(literal(&Names::default(), "$1", &[Value::Texts(vec!["", "\0"])]).is_err());
        assert!(literal(&Names::default(), "$1", &[Value::Text(None)]).is_ok());
    }

    #[test]
    fn values_are_bound_in_the_order_they_come() {
        let (text, order) = numbered(&Names::default(), "$3 {account} $1 $3 $10");
        assert_eq!(text, r#"$1 "tower_mfa"."account" $2 $1 $3"#);
        assert_eq!(order, [2, 0, 9]);
    }
}
