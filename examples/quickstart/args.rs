//! What can be said on the command line.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use lexopt::prelude::{Long, Short, ValueExt as _};
use tower_mfa::id::Aaguid;

pub(crate) const USAGE: &str = "\
Usage: cargo run --example quickstart -- [OPTIONS]

Options:
  --listen ADDRESS:PORT   where to listen [default: localhost:3000, that is 127.0.0.1 and ::1]
  --public                allow an address that others can reach; hides /dev
  --store STORE           sqlite:FILE, postgres://USER@HOST/DATABASE, redis://HOST (of a cluster several, commas
                          between) or memory:
                          [default: sqlite:quickstart-data/mfa.sqlite]
  --keys FOLDER           where the keys are: the same for everybody on one database
                          [default: beside the store's file; quickstart-data/postgres.keys, quickstart-data/redis.keys]
  --origin URL            where browsers find it, behind a load balancer: the same for everybody on one database
                          [default: where it listens]
  --policy FILE           the policy, TOML or JSON; it is read again while the quickstart serves
                          [default: policy.toml beside the store's file, written where none is]
  --trust-aaguid UUID     trust keys of this model to be hardware that cannot be copied: they open the vault
  --attestation-root FILE trust keys whose makers vouch for them under this certificate, PEM or DER
  --routes                list every route with what the policy asks for there, and end
  -h, --help              show this";

/// Where the data is kept, if nothing is said.
const FOLDER: &str = "quickstart-data";

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listen {
    /// This machine, both address families.
    Localhost(u16),
    One(SocketAddr),
}

/// Where the data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
    Redis(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) listen: Listen,
    pub(crate) public: bool,
    pub(crate) place: Place,
    pub(crate) keys: Option<PathBuf>,
    pub(crate) origin: Option<String>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) trusted_models: Vec<Aaguid>,
    pub(crate) attestation_roots: Vec<PathBuf>,
}

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Serve(Args),
    Routes(Args),
    Help,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            listen: Listen::Localhost(3000),
            public: false,
            place: Place::Sqlite(Path::new(FOLDER).join("mfa.sqlite")),
            keys: None,
            origin: None,
            policy: None,
            trusted_models: Vec::new(),
            attestation_roots: Vec::new(),
        }
    }
}

/// Reads the command line; the error is for a person.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let (mut args, mut lists_routes) = (Args::default(), false);
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(|e| e.to_string())? {
        match argument {
            Long("listen") => args.listen = listen(&value(&mut parser)?)?,
            Long("public") => args.public = true,
            Long("store") => args.place = place(&value(&mut parser)?)?,
            Long("keys") => args.keys = Some(parser.value().map_err(|e| e.to_string())?.into()),
            Long("origin") => args.origin = Some(origin(&value(&mut parser)?)?),
            Long("policy") => args.policy = Some(parser.value().map_err(|e| e.to_string())?.into()),
            Long("trust-aaguid") => args.trusted_models.push(aaguid(&value(&mut parser)?)?),
            Long("attestation-root") => {
                args.attestation_roots.push(parser.value().map_err(|e| e.to_string())?.into());
            }
            Long("routes") => lists_routes = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            other => return Err(other.unexpected().to_string()),
        }
    }
    match args.listen {
        _ if lists_routes => Ok(Command::Routes(args)),
        Listen::One(address) if !address.ip().is_loopback() && !args.public => Err(format!(
            "{address} can be reached by others, and the users' password is in the manual: add --public to mean it"
        )),
        _ => Ok(Command::Serve(args)),
    }
}

fn value(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().and_then(|text| text.string()).map_err(|e| e.to_string())
}

fn listen(text: &str) -> Result<Listen, String> {
    let refused =
        || format!("--listen {text}: must be ADDRESS:PORT, like 127.0.0.1:3000, [::1]:3000 or localhost:3000");
    match text.strip_prefix("localhost:") {
        Some(port) => port.parse().map(Listen::Localhost).map_err(|_| refused()),
        None => text.parse().map(Listen::One).map_err(|_| refused()),
    }
}

fn aaguid(text: &str) -> Result<Aaguid, String> {
    text.parse().map_err(|_| format!("--trust-aaguid {text}: must be like 2fc0579f-8113-47ea-b116-bb5a8db9202a"))
}

fn origin(text: &str) -> Result<String, String> {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@']) => Ok(text.to_owned()),
        _ => Err(format!("--origin {text}: must be a scheme, a host and perhaps a port, like http://localhost:8080")),
    }
}

fn place(text: &str) -> Result<Place, String> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(Place::Postgres(text.to_owned()));
    }
    if text.starts_with("redis://") {
        return Ok(Place::Redis(text.to_owned()));
    }
    let rule = "must be sqlite:FILE, postgres://USER@HOST/DATABASE, redis://HOST or memory:";
    let refused = || format!("--store {text}: {rule}");
    if text == "memory:" {
        return Ok(Place::Memory);
    }
    let file = text.strip_prefix("sqlite:").ok_or_else(refused)?;
    let file = file.strip_prefix("//").unwrap_or(file);
    // What SQLite itself would take for a database in memory.
    if file.is_empty() || file.starts_with(':') { Err(refused()) } else { Ok(Place::Sqlite(file.into())) }
}

impl Args {
    /// Where the policy is: named, or beside the data, or where the data would be.
    pub(crate) fn policy_file(&self) -> PathBuf {
        match (&self.policy, &self.place) {
            (Some(file), _) => file.clone(),
            (None, Place::Sqlite(file)) => file.with_file_name("policy.toml"),
            (None, Place::Memory | Place::Postgres(_) | Place::Redis(_)) => Path::new(FOLDER).join("policy.toml"),
        }
    }

    /// Where the keys are; none are kept of a store in memory.
    pub(crate) fn keys_folder(&self) -> Option<PathBuf> {
        match (&self.keys, &self.place) {
            (Some(folder), _) => Some(folder.clone()),
            // Without them the secrets in the file cannot be opened.
            (None, Place::Sqlite(file)) => Some(file.with_extension("keys")),
            (None, Place::Postgres(_)) => Some(Path::new(FOLDER).join("postgres.keys")),
            (None, Place::Redis(_)) => Some(Path::new(FOLDER).join("redis.keys")),
            (None, Place::Memory) => None,
        }
    }
}

impl Listen {
    pub(crate) fn addresses(self) -> Vec<SocketAddr> {
        match self {
            // The second family follows the port the first one got.
            Self::Localhost(port) => vec![(Ipv4Addr::LOCALHOST, port).into()],
            Self::One(address) => vec![address],
        }
    }

    pub(crate) fn is_loopback(self) -> bool {
        match self {
            Self::Localhost(_) => true,
            Self::One(address) => address.ip().is_loopback(),
        }
    }
}
