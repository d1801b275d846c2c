//! From the claims of a token whose signature fits to an [`Authentication`]: a pure function.

use std::ops::Range;

use super::TokenErrorKind;
use super::wire::{Payload, Proof, StepUp};
use crate::assurance::{
    Aal, AcrNames, Assurance, Authentication, AuthenticationParts, Evidence, Method, Properties, StepUpGrant,
};
use crate::clock::Timestamp;
use crate::id::Subject;

/// Most proofs a token of ours carries (`docs/HTTP.md`).
const MAX_EVIDENCE: usize = 8;

/// What the verifier holds claims against.
pub(super) struct Terms<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) names: &'a AcrNames,
    pub(super) leeway: u64,
    pub(super) ahead: u64,
}

/// Checks the claims (RFC 9068 §4) and says from when to when they are believed.
pub(super) fn authentication(
    mut claims: Payload<'_>,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<(Authentication, Range<Timestamp>), TokenErrorKind> {
    check_parties(&claims, terms)?;
    let believed = believed(&claims, terms)?;
    if now >= believed.end {
        return Err(TokenErrorKind::Expired);
    }
    if now < believed.start {
        return Err(TokenErrorKind::NotYetValid);
    }
    let assurance = assurance(&mut claims, terms.names)?;
    let scope = claims.scope.as_ref().map_or("", |scope| &*scope.0);
    let parts = AuthenticationParts {
        subject: subject(claims.tenant.take(), present(claims.sub.take(), "sub")?)?,
        session: claims.sid,
        client_id: named(claims.client_id, "client_id")?,
        token_id: named(claims.jti, "jti")?,
        issued_at: present(claims.iat, "iat")?.floor(),
        expires_at: present(claims.exp, "exp")?.floor(),
        assurance,
        step_up: claims.step_up.map(grant),
        roles: claims.roles.unwrap_or_default(),
        scopes: scope.split(' ').filter(|scope| !scope.is_empty()).map(Box::from).collect(),
    };
    Ok((Authentication::from_parts(parts), believed))
}

fn present<T>(claim: Option<T>, name: &'static str) -> Result<T, TokenErrorKind> {
    claim.ok_or(TokenErrorKind::MissingClaim(name))
}

/// An empty name names nobody.
fn named(claim: Option<Box<str>>, name: &'static str) -> Result<Box<str>, TokenErrorKind> {
    present(claim.filter(|text| !text.is_empty()), name)
}

/// R9068-4-b, R9068-4-c: the issuer byte for byte, and this audience among those named.
fn check_parties(claims: &Payload<'_>, terms: &Terms<'_>) -> Result<(), TokenErrorKind> {
    let issuer = claims.iss.as_ref().ok_or(TokenErrorKind::MissingClaim("iss"))?;
    if *issuer.0 != *terms.issuer {
        return Err(TokenErrorKind::WrongIssuer);
    }
    let audience = claims.aud.as_ref().ok_or(TokenErrorKind::MissingClaim("aud"))?;
    if !audience.contains(terms.audience) {
        return Err(TokenErrorKind::WrongAudience);
    }
    Ok(())
}

/// R7519-4.1.4/5 and R9470-x-age: before `exp`, not before `nbf`, and not before what the token
/// says has already happened.
fn believed(claims: &Payload<'_>, terms: &Terms<'_>) -> Result<Range<Timestamp>, TokenErrorKind> {
    let expires = present(claims.exp, "exp")?.floor();
    let issued = present(claims.iat, "iat")?.floor();
    let approved = claims.step_up.as_ref().map(|step_up| step_up.auth_time.floor());
    let happened = [claims.nbf.map(|nbf| nbf.ceil()), claims.auth_time.map(|at| at.floor()), approved];
    let start = happened.into_iter().flatten().fold(issued, Timestamp::max);
    Ok(start.minus(terms.ahead)..expires.plus(terms.leeway))
}

/// Control characters and odd whitespace make another subject look like this one: refused.
fn subject(tenant: Option<Box<str>>, id: Box<str>) -> Result<Subject, TokenErrorKind> {
    match tenant {
        Some(tenant) => Subject::with_tenant(tenant, id),
        None => Subject::new(id),
    }
    .map_err(|_| TokenErrorKind::Malformed)
}

/// ASVS-6.8.4: without `acr` the weakest is assumed, and nothing else that is said of the
/// authentication is taken; a class that is not known is AAL1.
fn assurance(claims: &mut Payload<'_>, names: &AcrNames) -> Result<Assurance, TokenErrorKind> {
    let evidence = evidence(claims.evidence.take().unwrap_or_default())?;
    let Some(acr) = &claims.acr else {
        return Ok(Assurance {
            level: Aal::One,
            auth_time: None,
            phishing_resistant: false,
            hardware: false,
            amr: Vec::new(),
            evidence: Vec::new(),
        });
    };
    Ok(Assurance {
        level: names.level_of(&acr.0).unwrap_or(Aal::One),
        auth_time: claims.auth_time.map(|at| at.floor()),
        phishing_resistant: evidence.iter().any(|e| e.counts() && e.is_phishing_resistant()),
        hardware: evidence.iter().any(Evidence::is_aal3_key),
        amr: claims.amr.take().unwrap_or_default(),
        evidence,
    })
}

/// A kind that a newer issuer knows and we do not proves nothing here.
fn evidence(proofs: Vec<Proof<'_>>) -> Result<Vec<Evidence>, TokenErrorKind> {
    if proofs.len() > MAX_EVIDENCE {
        return Err(TokenErrorKind::Malformed);
    }
    let known = proofs.into_iter().filter_map(|proof| {
        let method = Method::from_name(&proof.method.0)?;
        let properties = Properties {
            phishing_resistant: proof.phr,
            user_verified: proof.uv,
            hardware: proof.hw,
            ..Properties::default()
        };
        Some(Evidence::new(method, proof.at.floor()).with(properties))
    });
    Ok(known.collect())
}

fn grant(step_up: StepUp) -> StepUpGrant {
    StepUpGrant {
        id: step_up.jti,
        action: step_up.action,
        auth_time: step_up.auth_time.floor(),
        expires_at: step_up.exp.floor(),
        bind: step_up.bind,
    }
}
