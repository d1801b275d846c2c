//! A requirement as a policy file writes it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use super::scalar::{AtLeastOne, DayName, Level, NetworkName, ProofName, Span, TimeOfDay, UtcOffset};
use crate::assurance::{Aal, Day, Hours, Proof, Requirement};

/// A requirement: a level alone (`"aal2"`), or a table of all it asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked(pub(super) Requirement);

/// What a requirement asks for; everything that is named is asked for together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RequirementTable")]
struct Table {
    /// The least level. Default: aal1, somebody is signed in.
    level: Option<Level>,
    /// How old the newest proof that counts may be.
    within: Option<Span>,
    /// A proof that a look-alike site cannot pass on.
    #[serde(default)]
    phishing_resistant: bool,
    /// A phishing-resistant key that cannot leave its hardware.
    #[serde(default)]
    hardware: bool,
    /// Proofs by their kind, each with its own age; all of them.
    #[serde(default)]
    proofs: Vec<ProofTable>,
    /// Roles; all of them.
    #[serde(default)]
    roles: Vec<String>,
    /// Scopes; all of them.
    #[serde(default)]
    scopes: Vec<String>,
    /// Networks the request may come from; one of them.
    networks: Option<AtLeastOne<NetworkName>>,
    /// Hours in which the request may be made; one of these windows.
    hours: Option<AtLeastOne<HoursTable>>,
    /// Alternatives; one of them is enough.
    any_of: Option<AtLeastOne<Asked>>,
    /// Parts; all of them, each by itself.
    #[serde(default)]
    all_of: Vec<Asked>,
}

/// A proof that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ProofTable")]
struct ProofTable {
    /// Its kind, `passkey`, or a factor.
    of: ProofName,
    /// How old it may be.
    within: Option<Span>,
}

/// A window of the week.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Hours")]
struct HoursTable {
    /// When it opens.
    from: TimeOfDay,
    /// When it closes; before `from`, it is the next day.
    to: TimeOfDay,
    /// The days it opens on. Default: every day.
    days: Option<AtLeastOne<DayName>>,
    /// Which clock is meant. Default: UTC.
    utc_offset: Option<UtcOffset>,
}

impl From<Table> for Requirement {
    fn from(table: Table) -> Self {
        let mut asked = Self::at_least(table.level.map_or(Aal::One, Into::into));
        asked = table.within.map_or(asked.clone(), |span| asked.within(span.0));
        asked = if table.phishing_resistant { asked.phishing_resistant() } else { asked };
        asked = if table.hardware { asked.hardware() } else { asked };
        asked = table.proofs.into_iter().map(Proof::from).fold(asked, Self::with_proof);
        asked = table.roles.into_iter().fold(asked, Self::with_role);
        asked = table.scopes.into_iter().fold(asked, Self::with_scope);
        let networks = table.networks.into_iter().flat_map(|networks| networks.0);
        asked = networks.map(|network| network.0).fold(asked, Self::or_network);
        let windows = table.hours.into_iter().flat_map(|windows| windows.0);
        asked = windows.map(Hours::from).fold(asked, Self::or_hours);
        if let Some(alternatives) = table.any_of {
            asked = asked.with_any_of(alternatives.0.into_iter().map(|one| one.0));
        }
        table.all_of.into_iter().map(|part| part.0).fold(asked, Self::with_all_of)
    }
}

impl From<ProofTable> for Proof {
    fn from(table: ProofTable) -> Self {
        let proof = table.of.0;
        table.within.map_or(proof, |span| proof.within(span.0))
    }
}

impl From<HoursTable> for Hours {
    fn from(table: HoursTable) -> Self {
        let window = Self::between(table.from.0, table.to.0);
        let window = match table.days {
            Some(days) => window.on(&days.0.into_iter().map(Day::from).collect::<Vec<_>>()),
            None => window,
        };
        table.utc_offset.map_or(window, |offset| window.utc_offset(offset.0))
    }
}

impl<'de> Deserialize<'de> for Asked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AskedVisitor).map(Self)
    }
}

struct AskedVisitor;

impl<'de> Visitor<'de> for AskedVisitor {
    type Value = Requirement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level (\"aal1\", \"aal2\", \"aal3\") or a table of what is asked for")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Requirement, E> {
        match text {
            "aal1" => Ok(Requirement::aal1()),
            "aal2" => Ok(Requirement::aal2()),
            "aal3" => Ok(Requirement::aal3()),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Requirement, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
    }
}

impl JsonSchema for Asked {
    fn schema_name() -> Cow<'static, str> {
        "Requirement".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (level, table) = (generator.subschema_for::<Level>(), generator.subschema_for::<Table>());
        json_schema!({ "oneOf": [level, table] })
    }
}
