//! The schemas of the document, each written once.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::answers::{Id, Login, Problem};
use crate::assurance::{Aal, Requirement};
use crate::routes::operation::SchemaOf;
use crate::service::Mfa;

/// What is read is described by the types that read it, what is answered by [`super::answers`].
pub(super) struct Schemas {
    reads: SchemaGenerator,
    answers: SchemaGenerator,
    classes: Vec<String>,
}

impl Schemas {
    pub(super) fn new(mfa: &Mfa) -> Self {
        let settings = |change: fn(&mut SchemaSettings)| {
            let mut settings = SchemaSettings::draft2020_12().with(|s| {
                s.definitions_path = "/components/schemas".into();
                s.meta_schema = None;
            });
            change(&mut settings);
            settings.into_generator()
        };
        let mut answers = settings(|settings| {
            settings.contract = schemars::generate::Contract::Serialize;
            settings.transforms.push(Box::new(RecursiveTransform(left_out_is_never_null)));
        });
        // The parameters of paths, the refusals, and the answer of a route that is the host's.
        answers.subschema_for::<Id>();
        answers.subschema_for::<Problem>();
        answers.subschema_for::<Login>();
        Self { reads: settings(|_| {}), answers, classes: classes(mfa) }
    }

    pub(super) fn read(&mut self, schema: SchemaOf) -> Schema {
        schema(&mut self.reads)
    }

    pub(super) fn answered(&mut self, schema: SchemaOf) -> Schema {
        schema(&mut self.answers)
    }

    pub(super) fn finish(mut self) -> Value {
        let mut all: Map<String, Value> = self.answers.take_definitions(true);
        all.extend(self.reads.take_definitions(true));
        let mut all = Value::Object(all);
        // Which classes there are, this service alone knows.
        if let Some(Value::Object(acr)) = all.pointer_mut("/OpenChallenge/properties/acr") {
            let names = self.classes.into_iter().map(Value::from).chain([Value::Null]);
            acr.insert("enum".to_owned(), names.collect());
        }
        all
    }
}

/// The names a client may ask for.
fn classes(mfa: &Mfa) -> Vec<String> {
    let verifier = mfa.verifier();
    let names = verifier.acr_names();
    let levels = [Aal::One, Aal::Two, Aal::Three].map(|level| names.of(level));
    let resistant = names.acceptable(&Requirement::aal2().phishing_resistant());
    let mut classes: Vec<String> = levels.into_iter().map(str::to_owned).collect();
    classes.extend(resistant.into_iter().map(str::to_owned));
    classes
}

/// A member of an answer that need not be there is never `null` when it is.
fn left_out_is_never_null(schema: &mut Schema) {
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let optional = properties.iter_mut().filter(|(name, _)| !required.contains(&json!(name)));
        optional.for_each(|(_, property)| forbid_null(property));
    }
}

fn forbid_null(property: &mut Value) {
    let Some(members) = property.as_object_mut() else { return };
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({"type": "null"}));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            members.remove("anyOf");
            members.extend(only);
        }
    }
}
