use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::ORIGIN;
use http::{Request, Response};

use super::layer::Rule;
use super::response::refuse;
use crate::assurance::Authentication;
use crate::middleware::refusal::Form;
use crate::middleware::settings::{Examined, verdict};
use crate::middleware::{ClientAddress, Refusal, RefusalKind, log};
use crate::secret::SecretString;
use crate::token::{ElevateError, Elevated, InlineCode};

/// Where a code stands that came with the request (`docs/HTTP.md`).
pub(super) const HEADER: &str = "x-mfa-token";

/// The check of a code that came with a request.
pub(super) type Elevating = Pin<Box<dyn Future<Output = Result<Elevated, ElevateError>> + Send>>;

/// Where a request goes on.
pub(super) enum Step {
    Pass,
    Elevate(Elevating),
    Refuse(Refusal),
}

/// The plain decision, and what a code that came with the request may make of a "not yet".
pub(super) fn decide<B>(rule: &Arc<Rule>, request: &Request<B>) -> Step {
    match verdict(&rule.requirement, request.extensions()) {
        Ok(_) => Step::Pass,
        Err((refusal, _)) if refusal.kind() == RefusalKind::StepUp => match elevating(rule, request) {
            Ok(Some(elevating)) => Step::Elevate(elevating),
            Ok(None) => Step::Refuse(refusal),
            Err(twice) => Step::Refuse(twice),
        },
        Err((refusal, _)) => Step::Refuse(refusal),
    }
}

/// Begins to check the code of `X-MFA-Token`, where codes are taken and one can help.
fn elevating<B>(rule: &Arc<Rule>, request: &Request<B>) -> Result<Option<Elevating>, Refusal> {
    let requirement = &rule.requirement;
    let mut codes = request.headers().get_all(HEADER).iter();
    let (Some(elevate), Some(code)) = (&rule.elevate, codes.next()) else { return Ok(None) };
    if requirement.wants_phishing_resistance() || requirement.actions().nth(1).is_some() || is_browser(request) {
        return Ok(None);
    }
    let code = code.to_str().ok().filter(|_| codes.next().is_none());
    let code = code.ok_or_else(|| Refusal::parameter("X-MFA-Token", "must be one code of an authenticator app"))?;
    let Some(who) = request.extensions().get::<Authentication>() else { return Ok(None) };
    let (elevate, rule) = (Arc::clone(elevate), Arc::clone(rule));
    let (who, code, address) = (who.clone(), SecretString::new(code), address(request));
    Ok(Some(Box::pin(async move {
        elevate.elevate(InlineCode::new(&who, &code, &rule.requirement).from_address(address)).await
    })))
}

/// Where the request came from, as far as the host has said how to find out.
fn address<B>(request: &Request<B>) -> Option<IpAddr> {
    request.extensions().get().copied().map(ClientAddress::ip)
}

/// Whether a browser sends it, by headers that no page can remove. A page whose tokens stand in
/// cookies it cannot read is to get none in a header it can.
fn is_browser<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN)
}

/// Decides once more with what the code has proved, and returns the better token, or says why there is none.
pub(super) fn elevated<B>(
    rule: &Rule,
    request: &mut Request<B>,
    outcome: Result<Elevated, ElevateError>,
) -> Result<SecretString, Refusal> {
    let (authentication, token) = match outcome {
        Ok(elevated) => elevated.into_parts(),
        Err(error) => {
            log::not_elevated(&error);
            let not_enough = || verdict(&rule.requirement, request.extensions()).err();
            let refusal = Refusal::inline(error.kind()).or_else(|| Some(not_enough()?.0));
            return Err(refusal.unwrap_or(Refusal::new(RefusalKind::Unavailable)));
        }
    };
    let extensions = request.extensions_mut();
    if let Some(before) = extensions.get::<Authentication>() {
        let better = authentication.in_place_of(before);
        extensions.insert(better);
    }
    verdict(&rule.requirement, request.extensions()).map(|_| token).map_err(|(refusal, _)| refusal)
}

/// Says no, in the words of the rule's host if it has its own.
pub(super) fn answer<B>(rule: &Rule, request: &Request<B>, refusal: Refusal) -> Response<Bytes> {
    let settings = Examined::of(request.extensions()).map(|examined| examined.settings);
    let form = Form::of(request.method(), request.headers());
    let mut answer = refuse(&refusal, settings, form);
    if let Some(replace) = &rule.replace {
        answer = form.bare(replace(&refusal, answer));
    }
    answer.extensions_mut().insert(refusal);
    answer
}
