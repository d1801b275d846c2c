//! One row of the API: where it stands, who may call it, what it reads, answers and refuses.
//!
//! The router and the OpenAPI document are both made of these rows, so nothing is served that is not
//! described, and nothing described that is not served.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::routing::{self, MethodRouter};
use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::openapi::queries::Limit;
use crate::middleware::problem::Code;
use crate::service::Mfa;

/// What most answers are.
const JSON: &str = "application/json";
/// What the module for browsers is.
pub(super) const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Writes the schema of one type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// Whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Anybody: there is no credential to show.
    Anybody,
    /// The holder of a session.
    Session,
    /// The holder of a session, or of the challenge's own token.
    Challenged,
    /// The holder of a session, or of an enrolment token.
    Enrolling,
    /// The holder of a refresh token, in the body or as a cookie.
    Refreshing,
    /// The holder of a session that has what the administration asks for.
    Operator,
}

/// What stands in the query of a request.
pub(super) struct Asks {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) is_required: bool,
    pub(super) schema: SchemaOf,
}

/// What a request has in its body.
pub(super) struct Reads {
    pub(super) schema: SchemaOf,
    /// Whether it may be left out.
    pub(super) is_optional: bool,
}

/// An answer that is no refusal.
pub(super) struct Answers {
    pub(super) status: StatusCode,
    pub(super) says: &'static str,
    /// The body; `None` where there is none.
    pub(super) schema: Option<SchemaOf>,
    pub(super) media_type: &'static str,
}

/// One operation, with the handler that runs it.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) caller: Caller,
    pub(super) reads: Option<Reads>,
    pub(super) asks: Vec<Asks>,
    pub(super) sets_cookies: bool,
    pub(super) answers: Vec<Answers>,
    refuses: &'static [Code],
    run: MethodRouter<Mfa>,
}

impl Operation {
    pub(super) fn get<H: Handler<T, Mfa>, T: 'static>(path: &'static str, run: H) -> Self {
        Self::new(Method::GET, path, routing::get(run))
    }

    pub(super) fn post<H: Handler<T, Mfa>, T: 'static>(path: &'static str, run: H) -> Self {
        Self::new(Method::POST, path, routing::post(run))
    }

    pub(super) fn patch<H: Handler<T, Mfa>, T: 'static>(path: &'static str, run: H) -> Self {
        Self::new(Method::PATCH, path, routing::patch(run))
    }

    pub(super) fn delete<H: Handler<T, Mfa>, T: 'static>(path: &'static str, run: H) -> Self {
        Self::new(Method::DELETE, path, routing::delete(run))
    }

    fn new(method: Method, path: &'static str, run: MethodRouter<Mfa>) -> Self {
        Self {
            method,
            path,
            name: "",
            tag: "",
            summary: "",
            caller: Caller::Session,
            reads: None,
            asks: Vec::new(),
            sets_cookies: false,
            answers: Vec::new(),
            refuses: &[],
            run,
        }
    }

    /// Gives it a name for generated clients, a section, and one sentence for a person.
    pub(super) fn named(self, name: &'static str, tag: &'static str, summary: &'static str) -> Self {
        Self { name, tag, summary, ..self }
    }

    /// Says whose request it is, where that is not the holder of a session.
    pub(super) fn by(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// Says what is in the body.
    pub(super) fn reads<T: JsonSchema>(self) -> Self {
        Self { reads: Some(Reads { schema: schema_of::<T>, is_optional: false }), ..self }
    }

    /// Says what may be in the body, or no body at all.
    pub(super) fn may_read<T: JsonSchema>(self) -> Self {
        Self { reads: Some(Reads { schema: schema_of::<T>, is_optional: true }), ..self }
    }

    /// Says what must stand in the query.
    pub(super) fn asks<T: JsonSchema>(mut self, name: &'static str, says: &'static str) -> Self {
        self.asks.push(Asks { name, says, is_required: true, schema: schema_of::<T> });
        self
    }

    /// Says what may stand in the query.
    pub(super) fn may_ask<T: JsonSchema>(mut self, name: &'static str, says: &'static str) -> Self {
        self.asks.push(Asks { name, says, is_required: false, schema: schema_of::<T> });
        self
    }

    /// Says that it is read in pages: `?after=&limit=`.
    pub(super) fn in_pages(self) -> Self {
        self.may_ask::<String>("after", "The `next` of the page before.").may_ask::<Limit>("limit", "How many at most.")
    }

    /// Says that a browser's cookies are set, or cleared, where cookies are on.
    pub(super) fn sets_cookies(self) -> Self {
        Self { sets_cookies: true, ..self }
    }

    /// Adds an answer with a body.
    pub(super) fn answers<T: JsonSchema>(mut self, status: StatusCode, says: &'static str) -> Self {
        self.answers.push(Answers { status, says, schema: Some(schema_of::<T>), media_type: JSON });
        self
    }

    /// Adds an answer that is a script.
    pub(super) fn answers_a_script(mut self, says: &'static str) -> Self {
        let (status, schema): (_, SchemaOf) = (StatusCode::OK, schema_of::<String>);
        self.answers.push(Answers { status, says, schema: Some(schema), media_type: SCRIPT });
        self
    }

    /// Adds an answer without a body.
    pub(super) fn answers_nothing(mut self, says: &'static str) -> Self {
        self.answers.push(Answers { status: StatusCode::NO_CONTENT, says, schema: None, media_type: JSON });
        self
    }

    /// Lists the refusals beside those that follow from who calls and what is read.
    pub(super) fn refuses(self, refuses: &'static [Code]) -> Self {
        Self { refuses, ..self }
    }

    /// Every refusal there can be, by status; `cookies` is whether browsers carry tokens in them.
    pub(super) fn refusals(&self, cookies: bool) -> BTreeMap<u16, Vec<Code>> {
        let by_caller: &[Code] = match self.caller {
            Caller::Anybody => &[],
            Caller::Refreshing if !cookies => &[Code::InvalidToken],
            // What the host asks of its operators may name networks or hours, too.
            Caller::Operator => &[
                Code::InvalidRequest,
                Code::Unauthenticated,
                Code::InvalidToken,
                Code::InsufficientUserAuthentication,
                Code::InsufficientScope,
                Code::Forbidden,
            ],
            _ => &[Code::InvalidRequest, Code::Unauthenticated, Code::InvalidToken],
        };
        // A cookie that another site made the browser send.
        let by_cookie: &[Code] = if cookies && self.caller != Caller::Anybody { &[Code::Forbidden] } else { &[] };
        let by_body: &[Code] = match self.reads {
            Some(_) => &[Code::InvalidRequest, Code::TooLarge, Code::UnsupportedMediaType],
            None => &[],
        };
        let by_query: &[Code] = if self.asks.is_empty() { &[] } else { &[Code::InvalidRequest] };
        let by_path: &[Code] = if self.path.contains('{') { &[Code::NotFound] } else { &[] };
        let all = [by_caller, by_cookie, by_body, by_query, by_path, self.refuses].concat();
        let mut found: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        // In the order of the table of errors, so that the same refusals always read the same.
        for code in Code::ALL.iter().filter(|code| all.contains(code)) {
            found.entry(code.status().as_u16()).or_default().push(*code);
        }
        found
    }
}

/// Serves the rows; those of one path together.
pub(super) fn router(operations: Vec<Operation>) -> Router<Mfa> {
    operations.into_iter().fold(Router::new(), |router, row| router.route(row.path, row.run))
}
