use serde::{Deserialize, Serialize};

use crate::assurance::{Aal, Proof, Requirement};

/// What of a requirement is left to be proved, as the document keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asks {
    level: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    phr: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hw: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    proofs: Vec<AskedProof>,
    /// Lists of which one each is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    any: Vec<Vec<Self>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    all: Vec<Self>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedProof {
    of: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<u32>,
}

impl Asks {
    /// Keeps what can be proved; what is asked of roles, networks and hours was looked at before.
    pub(crate) fn of(requirement: &Requirement) -> Self {
        Self {
            level: requirement.level().number(),
            max_age: requirement.max_age(),
            phr: requirement.wants_phishing_resistance(),
            hw: requirement.wants_hardware(),
            proofs: requirement.proofs().map(AskedProof::of).collect(),
            any: requirement.choices().map(|choice| choice.iter().map(Self::of).collect()).collect(),
            all: requirement.parts().map(Self::of).collect(),
        }
    }

    pub(crate) fn requirement(&self) -> Requirement {
        // A number no version has written asks for the most, so it fails closed.
        let level = match self.level {
            1 => Aal::One,
            2 => Aal::Two,
            _ => Aal::Three,
        };
        let mut asked = Requirement::at_least(level);
        asked = self.max_age.map_or(asked.clone(), |secs| asked.within(secs));
        asked = match (self.phr, self.hw) {
            (_, true) => asked.hardware(),
            (true, false) => asked.phishing_resistant(),
            (false, false) => asked,
        };
        asked = self.proofs.iter().fold(asked, |asked, proof| match proof.proof() {
            Some(proof) => asked.with_proof(proof),
            // A kind no version has written: nobody has it.
            None => asked.with_any_of([]),
        });
        let any = |choice: &Vec<Self>| choice.iter().map(Self::requirement).collect::<Vec<_>>();
        asked = self.any.iter().fold(asked, |asked, choice| asked.with_any_of(any(choice)));
        self.all.iter().fold(asked, |asked, part| asked.with_all_of(part.requirement()))
    }
}

impl AskedProof {
    fn of(proof: Proof) -> Self {
        Self { of: proof.name().into(), max_age: proof.max_age() }
    }

    fn proof(&self) -> Option<Proof> {
        let proof = Proof::from_name(&self.of)?;
        Some(self.max_age.map_or(proof, |secs| proof.within(secs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assurance::Method;

    #[test]
    fn what_is_kept_is_what_was_asked() {
        let asked = Requirement::aal2().within(300).phishing_resistant().with_proof(Proof::of(Method::Totp).within(60));
        let asked =
            asked.with_any_of([Requirement::aal1().with_proof(Proof::passkey()), Requirement::aal3().hardware()]);
        let asked = asked.with_all_of(Requirement::aal1().within(5));
        let kept = serde_json::to_string(&Asks::of(&asked)).unwrap();
        assert_eq!(serde_json::from_str::<Asks>(&kept).unwrap().requirement(), asked);
    }

    #[test]
    fn what_no_version_has_written_is_met_by_nobody() {
        let kept: Asks = serde_json::from_str(r#"{"level":1,"proofs":[{"of":"telepathy"}]}"#).unwrap();
        assert!(kept.requirement().check(Method::ALL).is_err());
        let kept: Asks = serde_json::from_str(r#"{"level":9}"#).unwrap();
        assert_eq!(kept.requirement().level(), Aal::Three);
    }
}
