//! The ways to answer a challenge.

use super::Account;
use super::authenticator::Authenticator;
use super::challenge::Offer;
use super::refusal::Refusal;
use super::turn::Turn;
use super::webauthn::{Challenge, OptionsJson, Request};
use crate::assurance::{Evidence, Method, Requirement, assess, unmet};
use crate::policy::UserVerification;

/// One way to answer, and what it would prove. The proofs are weighed and thrown away.
#[derive(Clone)]
struct Way {
    by: By,
    proof: Evidence,
}

#[derive(Clone, Copy)]
enum By {
    App(usize),
    /// A key, with its user verified or not.
    Key {
        at: usize,
        verified: bool,
    },
    Recovery,
}

/// The keys that may answer a challenge.
pub(super) struct Listed {
    pub(super) keys: Vec<usize>,
    /// None of them is enough unless its user is verified.
    pub(super) user_verification: bool,
}

impl Account {
    /// What a key must sign to answer a new challenge, where the account has one.
    pub(super) fn to_sign(&self, turn: &Turn<'_>) -> Result<Option<Challenge>, Refusal> {
        let has_key = turn.ceremonies.is_some() && self.active(turn.now).any(|a| a.credential.key().is_some());
        Ok(has_key.then(|| Challenge::generate(turn.entropy)).transpose()?)
    }

    /// The ways to answer that lead to `asks`: those that do so alone, or, when none does, those
    /// that do together.
    pub(super) fn offers(
        &self,
        turn: &Turn<'_>,
        evidence: &[Evidence],
        asks: &Requirement,
        to_sign: Option<Challenge>,
    ) -> Vec<Offer> {
        let ways = self.leading(turn, evidence, asks, to_sign.is_some());
        let keys = to_sign.zip(listed(&ways)).and_then(|(to_sign, keys)| self.key_offer(turn, to_sign, &keys));
        let apps_and_codes = ways.iter().filter_map(|way| match way.by {
            By::App(at) => self.authenticators.get(at).map(app_offer),
            By::Recovery => Some(recovery_offer(self.recovery_remaining())),
            By::Key { .. } => None,
        });
        keys.into_iter().chain(apps_and_codes).collect()
    }

    /// The keys that may answer (WA-AUTH-5), where any may.
    pub(super) fn listed_keys(&self, turn: &Turn<'_>, evidence: &[Evidence], asks: &Requirement) -> Option<Listed> {
        listed(&self.leading(turn, evidence, asks, true))
    }

    fn leading(&self, turn: &Turn<'_>, evidence: &[Evidence], asks: &Requirement, with_keys: bool) -> Vec<Way> {
        let ways = self.ways(turn, with_keys);
        let leads = |with: &[Evidence]| {
            let all = [evidence, with].concat();
            assess(&all, true).is_some_and(|assurance| unmet(asks, &assurance, turn.now).is_empty())
        };
        let alone: Vec<Way> = ways.iter().filter(|way| leads(std::slice::from_ref(&way.proof))).cloned().collect();
        let proofs: Vec<Evidence> = ways.iter().map(|way| way.proof.clone()).collect();
        if alone.is_empty() && leads(&proofs) { ways } else { alone }
    }

    fn ways(&self, turn: &Turn<'_>, with_keys: bool) -> Vec<Way> {
        let now = turn.now;
        let active = self.authenticators.iter().enumerate().filter(|(_, a)| a.is_active(now));
        let mut ways: Vec<Way> = active
            .flat_map(|(at, a)| {
                let proof = Evidence::new(a.credential.method(), now).by(a.id);
                let Some(key) = a.credential.key() else { return vec![Way { by: By::App(at), proof }] };
                let by = |verified| {
                    let with = key.properties(turn.trust(), verified);
                    Way { by: By::Key { at, verified }, proof: proof.clone().with(with) }
                };
                let is_taken = with_keys && key.is_allowed(turn.trust());
                [false, true].into_iter().filter(|_| is_taken).map(by).collect()
            })
            .collect();
        if self.recovery_remaining() > 0 {
            ways.push(Way { by: By::Recovery, proof: Evidence::new(Method::RecoveryCode, now) });
        }
        ways
    }

    fn key_offer(&self, turn: &Turn<'_>, to_sign: Challenge, listed: &Listed) -> Option<Offer> {
        let keys = listed.keys.iter().filter_map(|at| self.authenticators.get(*at)?.credential.key());
        let rp = turn.ceremonies?.relying();
        let verification =
            listed.user_verification || turn.policy.webauthn.user_verification == UserVerification::Required;
        let request =
            Request::new(to_sign, turn.policy, rp.id, verification).listing(keys.map(|key| (&key.id, &key.transports)));
        Some(Offer {
            method: Method::WebAuthn,
            authenticator_id: None,
            label: None,
            remaining: None,
            public_key: Some(OptionsJson::of(&request)?),
        })
    }
}

/// Keys that are enough as they are, or else those that are with their users verified.
fn listed(ways: &[Way]) -> Option<Listed> {
    let of = |wanted: bool| {
        let keys = ways.iter().filter_map(|way| match way.by {
            By::Key { at, verified } if verified == wanted => Some(at),
            _ => None,
        });
        keys.collect::<Vec<usize>>()
    };
    [false, true]
        .into_iter()
        .map(|verified| Listed { keys: of(verified), user_verification: verified })
        .find(|listed| !listed.keys.is_empty())
}

fn app_offer(a: &Authenticator) -> Offer {
    Offer {
        method: a.credential.method(),
        authenticator_id: Some(a.id),
        label: Some(a.label.clone()),
        remaining: None,
        public_key: None,
    }
}

const fn recovery_offer(remaining: usize) -> Offer {
    Offer {
        method: Method::RecoveryCode,
        authenticator_id: None,
        label: None,
        remaining: Some(remaining),
        public_key: None,
    }
}
