//! What stands in a query, as schemas. It is taken out by name, as text, so no type of its own reads it.
#![expect(dead_code, reason = "these types describe what is read as text; none is ever made")]

use schemars::JsonSchema;

use crate::routes::page::{LIMIT, LIMITS};

/// How many of a list.
#[derive(JsonSchema)]
#[schemars(inline, extend("default" = LIMIT))]
pub(in crate::routes) struct Limit(#[schemars(range(min = *LIMITS.start(), max = *LIMITS.end()))] usize);

/// A method: a token by RFC 9110 §5.6.2.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(in crate::routes) struct MethodName(#[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))] String);

/// The id of a subject, or of its tenant: the host's.
#[derive(JsonSchema)]
#[schemars(inline)]
pub(in crate::routes) struct Name(#[schemars(length(min = 1, max = 255))] String);

/// An IP address.
#[derive(JsonSchema)]
#[schemars(inline, extend("anyOf" = [{"format": "ipv4"}, {"format": "ipv6"}]))]
pub(in crate::routes) struct Address(String);
