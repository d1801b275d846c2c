//! Whatever a host names and whatever a client sends.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::middleware::challenge_header::Challenge;
use crate::middleware::csrf::{Origins, check};
use crate::middleware::source::{Credential, find};

/// Reads a challenge back; `None` when it is not `Bearer` and parameters of quoted characters.
fn parameters(header: &HeaderValue) -> Option<Vec<(String, String)>> {
    let mut rest = header.to_str().ok()?.strip_prefix("Bearer ")?;
    let mut parameters = Vec::new();
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        parameters.push((name.to_owned(), value.to_owned()));
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return after.is_empty().then_some(parameters),
        }
    }
}

proptest! {
    #[test]
    fn r6750_3_c_no_forbidden_character_reaches_the_header(
        realm in any::<String>(),
        error in any::<Option<String>>(),
        description in any::<Option<String>>(),
        acr in any::<Option<String>>(),
        scope in any::<Option<String>>(),
        max_age in any::<Option<u32>>(),
    ) {
        let challenge = Challenge {
            realm: &realm,
            error: error.as_deref(),
            description: description.as_deref(),
            acr_values: acr.as_deref(),
            max_age,
            scope: scope.as_deref(),
        };
        let header = challenge.header();
        let found = parameters(&header).unwrap();
        let given = [true, error.is_some(), description.is_some(), acr.is_some(), scope.is_some(), max_age.is_some()];
        let given = given.into_iter().filter(|given| *given).count();
        prop_assert_eq!(found.len(), given);
        for (name, value) in &found {
            prop_assert!(value.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E)), "{}", name);
            prop_assert_eq!(found.iter().filter(|(other, _)| other == name).count(), 1);
        }
    }

    #[test]
    fn no_header_a_client_can_send_makes_the_search_panic_or_invents_a_token(
        authorization in proptest::collection::vec(any::<Vec<u8>>(), 0..3),
        cookie in proptest::collection::vec("(__Host-mfa|mfa|a)?[=;\", a-z\u{80}]{0,12}", 0..3),
        session in proptest::collection::vec(any::<Vec<u8>>(), 0..2),
        fetch_site in any::<Option<Vec<u8>>>(),
        origin in any::<Option<Vec<u8>>>(),
        host in any::<Option<Vec<u8>>>(),
        post in any::<bool>(),
    ) {
        let mut request = if post { Request::post("/") } else { Request::get("/") };
        let lines = authorization.into_iter().map(|line| ("authorization", line))
            .chain(cookie.into_iter().map(|line| ("cookie", line.into_bytes())))
            .chain(session.into_iter().map(|line| ("x-session-token", line)))
            .chain(fetch_site.map(|line| ("sec-fetch-site", line)))
            .chain(origin.map(|line| ("origin", line)))
            .chain(host.map(|line| ("host", line)));
        for (name, line) in lines {
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                request = request.header(name, value);
            }
        }
        let request = request.body(()).unwrap();
        let sources = [Source::BEARER, Source::SESSION_TOKEN, Source::COOKIE];
        if let Credential::Token(token) = find(&sources, &Origins::default(), (&request).into()) {
            let somewhere = request.headers().values().any(|value| {
                value.as_bytes().windows(token.len()).any(|part| part == token.as_bytes())
            });
            prop_assert!(somewhere && !token.is_empty());
        }
        let _ = check(request.method(), request.uri(), request.headers(), &Origins::default());
        let house = House::new();
        prop_assert_ne!(house.ask(Requirement::aal1(), request).status, StatusCode::OK);
    }

    #[test]
    fn a_bearer_line_of_any_bytes_is_nothing_a_token_or_malformed(line in any::<Vec<u8>>()) {
        let mut value = b"Bearer ".to_vec();
        value.extend(line);
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let request = get().header("authorization", value).body(()).unwrap();
            let found = find(&[Source::BEARER], &Origins::default(), (&request).into());
            prop_assert!(matches!(found, Credential::Token(_) | Credential::Malformed));
        }
    }
}
