//! The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9470 §3).

use http::HeaderValue;

/// One challenge. R6750-3-b: each parameter is one field, so none can stand twice.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Challenge<'a> {
    pub(crate) realm: &'a str,
    pub(crate) error: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    /// Separated by spaces, in order of preference.
    pub(crate) acr_values: Option<&'a str>,
    pub(crate) max_age: Option<u32>,
    /// Separated by spaces.
    pub(crate) scope: Option<&'a str>,
}

impl Challenge<'_> {
    /// Writes the challenge. R6750-3-a: the realm always, so that no bare `Bearer` is sent.
    pub(crate) fn header(&self) -> HeaderValue {
        let max_age = self.max_age.map(|secs| secs.to_string());
        let mut text = String::from("Bearer");
        let parameters = [
            ("realm", Some(self.realm)),
            ("error", self.error),
            ("error_description", self.description),
            ("acr_values", self.acr_values),
            ("max_age", max_age.as_deref()),
            ("scope", self.scope),
        ];
        for (name, value) in parameters.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))) {
            text.push_str(if text.ends_with('"') { ", " } else { " " });
            text.push_str(name);
            text.push_str("=\"");
            text.extend(value.chars().map(allowed));
            text.push('"');
        }
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(r#"Bearer realm="api""#))
    }
}

/// R6750-3-c: %x20-21 / %x23-5B / %x5D-7E. Whatever else a realm, a scope or a name has in it is
/// replaced, so that no quote, backslash or line break ends the parameter or the header.
const fn allowed(character: char) -> char {
    match character {
        ' ' | '!' | '#'..='[' | ']'..='~' => character,
        _ => '?',
    }
}
