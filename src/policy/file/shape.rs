//! The shape of a policy file.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::requirement::Asked;
use super::scalar::{AtLeastOne, DateName, KindName, MethodName, NetworkName};

/// The file as a whole. `A`, `R`, `L` and `W` are its actions, routes, login rules and rules for keys, as its parser
/// hands them over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Policy", rename = "Policy")]
pub(super) struct Top<A, R, L, W> {
    /// Where the schema of this file is, for editors.
    #[serde(default, rename = "$schema")]
    _schema: Option<String>,
    /// The version of this format: 1.
    #[serde(rename = "version")]
    _version: Version,
    /// What becomes of a request that no route names. Default: enforce, it is denied.
    #[serde(default)]
    pub(super) unnamed: ModeName,
    /// What becomes of a request whose path means different things to different readers. Default: enforce, it is refused.
    #[serde(default)]
    pub(super) bad_paths: ModeName,
    /// What actions need, by their names.
    pub(super) actions: Option<Named<A>>,
    /// What login asks. Left out, it is as the program says.
    pub(super) login: Option<LoginTable<L>>,
    /// What passkeys and security keys must be. What is left out is as the program says.
    pub(super) webauthn: Option<W>,
    /// What routes ask for.
    pub(super) routes: Option<Vec<R>>,
}

/// The version of the format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            1 => Ok(Self),
            other => Err(D::Error::custom(format!("version {other} is not known: this program reads version 1"))),
        }
    }
}

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "const": 1 })
    }
}

/// How far a rule goes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ModeName {
    /// It refuses.
    #[default]
    Enforce,
    /// It lets through, and says what it would have refused.
    ReportOnly,
    /// It asks nothing.
    Off,
}

/// What an action needs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Action")]
pub(super) struct ActionTable {
    /// What has to be proved to approve it.
    pub(super) require: Asked,
    /// What an approval is bound to. Left out, it is good for the action at large.
    pub(super) bind: Option<Bind>,
}

/// What an approval is bound to: `"request"`, or the names of members of the body.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be \"request\", or a list of the names of members of the body")]
pub(super) enum Bind {
    /// The request as a whole: method, path and body.
    Whole(WholeRequest),
    /// Members of the JSON body.
    Members(Vec<String>),
}

/// The word for the request as a whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum WholeRequest {
    /// Method, path with query, and the digest of the body.
    Request,
}

/// What a route asks for: one of `access`, `require` and `action`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Route")]
pub(super) struct RouteTable {
    /// Its name in logs and explanations; each once.
    pub(super) name: String,
    /// The address, in the syntax of axum: `/users/{id}`, `/files/{*rest}`.
    pub(super) path: String,
    /// The methods. Default: every one but OPTIONS. HEAD follows GET.
    pub(super) methods: Option<AtLeastOne<MethodName>>,
    /// `public`, or `guarded-elsewhere` where what is behind decides for itself.
    pub(super) access: Option<AccessName>,
    /// What has to be proved.
    pub(super) require: Option<Asked>,
    /// The action that has to be approved; what that needs stands at `actions`.
    pub(super) action: Option<String>,
    /// Takes a code beside a token that is not enough (`X-MFA-Token`). Default: no.
    #[serde(default)]
    pub(super) inline_codes: bool,
    /// How far the rule goes. Default: enforce.
    #[serde(default)]
    pub(super) mode: ModeName,
    /// The longest body that is read for an approval, in bytes. Default: 65536.
    pub(super) body_limit: Option<usize>,
}

/// Who may pass without a question.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AccessName {
    /// Anybody.
    Public,
    /// Anybody here: what is behind decides for itself.
    GuardedElsewhere,
}

/// What login asks of everybody, and rules that only make it stricter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Login")]
pub(super) struct LoginTable<L> {
    /// What login asks.
    pub(super) mode: LoginMode,
    /// When the mode is `required_after`: until when an account may sign in without.
    pub(super) grace_until: Option<DateName>,
    /// When the mode is `required_after`: how many sign-ins it may make without.
    pub(super) grace_sign_ins: Option<u32>,
    /// The kinds that may be bound. Default: every kind.
    pub(super) kinds: Option<AtLeastOne<KindName>>,
    /// How many authenticators may be bound.
    pub(super) at_most: Option<usize>,
    /// How many must be bound where MFA is required: 1, or 2 for two independent ones. Default: 1.
    pub(super) at_least: Option<usize>,
    /// The kinds that make an account enrolled for `if_enrolled`. Default: every kind, of webauthn security keys alone.
    pub(super) enrolled_by: Option<AtLeastOne<KindName>>,
    /// Rules for some.
    pub(super) rules: Option<Vec<L>>,
}

/// What login asks.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LoginMode {
    /// No second factor, and none can be bound.
    Off,
    /// Only routes ask for more.
    Optional,
    /// Whoever has an authenticator is asked for it.
    IfEnrolled,
    /// As `required`, after a grace.
    RequiredAfter,
    /// Everybody is asked, and whoever has nothing bound has to bind something.
    Required,
}

/// A rule for some, which only makes login stricter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LoginRule")]
pub(super) struct LoginRuleTable {
    /// Its name; each once.
    pub(super) name: String,
    /// For subjects of these tenants.
    pub(super) tenants: Option<AtLeastOne<String>>,
    /// For sessions with one of these roles.
    pub(super) roles: Option<AtLeastOne<String>>,
    /// For subjects in one of these groups.
    pub(super) groups: Option<AtLeastOne<String>>,
    /// For sessions of these clients.
    pub(super) clients: Option<AtLeastOne<String>>,
    /// For requests from these networks.
    pub(super) networks: Option<AtLeastOne<NetworkName>>,
    /// For requests from none of these networks, or from nobody knows where.
    pub(super) outside_networks: Option<AtLeastOne<NetworkName>>,
    /// What login asks.
    pub(super) mode: Option<LoginMode>,
    /// When the mode is `required_after`: until when.
    pub(super) grace_until: Option<DateName>,
    /// When the mode is `required_after`: how many sign-ins.
    pub(super) grace_sign_ins: Option<u32>,
    /// The kinds that may be bound.
    pub(super) kinds: Option<AtLeastOne<KindName>>,
    /// How many authenticators may be bound.
    pub(super) at_most: Option<usize>,
    /// How many must be bound where MFA is required.
    pub(super) at_least: Option<usize>,
}

/// A table by names, none of them twice.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table by names")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Named<T>, M::Error> {
                let mut entries: Vec<(String, T)> = Vec::new();
                while let Some((name, entry)) = map.next_entry::<String, T>()? {
                    if entries.iter().any(|(known, _)| *known == name) {
                        return Err(M::Error::custom(format!("{name:?} stands twice")));
                    }
                    entries.push((name, entry));
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}
