//! Where the accounts are: one store for all processes, and the keys they share.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tower_mfa::account::Event;
use tower_mfa::assurance::Method;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::Subject;
use tower_mfa::policy::{Login, LoginPolicy, Policy};
use tower_mfa::recovery_code::{Count, Scheme};
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::{Feed, PostgresStore, RedisStore, SqliteStore, Store};
use tower_mfa::testing::ManualClock;
use tower_mfa::token::{Algorithm, SigningKey};
use tower_mfa::vault::MasterKey;
use tower_mfa::webauthn::RelyingParty;

use super::folder::Folder;
use super::gated::{Gate, Gated};
use super::postgres::Database;
use super::server::Place;

pub(crate) const ORIGIN: &str = "https://bank.example";
/// How many challenges an account may have open.
pub(crate) const PENDING: usize = 8;

/// A store that several processes open, by its URL, and the folder of their keys.
pub(crate) struct Engine {
    pub(crate) url: String,
    folder: Folder,
    _server: Server,
}

/// What is taken away when the engine is.
#[expect(dead_code, reason = "it is only kept")]
enum Server {
    None,
    Postgres(Database),
    Redis(Place),
}

impl Engine {
    /// Those that are there, each empty; those that are not are named.
    pub(crate) fn all(test: &str) -> Vec<Self> {
        let folder = Folder::new(&format!("processes-{test}"));
        let file = format!("sqlite:{}", folder.path().join("mfa.sqlite").display());
        let mut all = vec![Self::at(file, folder, Server::None)];
        if let Some(database) = Database::new(&format!("processes_{test}")) {
            let folder = Folder::new(&format!("processes-postgres-{test}"));
            all.push(Self::at(database.url.clone(), folder, Server::Postgres(database)));
        }
        for (name, place) in [("redis", Place::single(test)), ("cluster", Place::cluster(test))] {
            if let Some(place) = place {
                let folder = Folder::new(&format!("processes-{name}-{test}"));
                // With the prefix of its keys.
                let url = format!("{}#{}", place.urls, place.prefix);
                all.push(Self::at(url, folder, Server::Redis(place)));
            }
        }
        all
    }

    fn at(url: String, folder: Folder, server: Server) -> Self {
        write_keys(&folder.path().join("keys"));
        Self { url, folder, _server: server }
    }

    pub(crate) fn keys(&self) -> String {
        self.folder.path().join("keys").to_str().unwrap().to_owned()
    }

    pub(crate) async fn open(&self, clock: &ManualClock) -> Service {
        open(&self.url, &self.keys(), clock, &Gate::new().0).await
    }
}

/// A service, and how its store is reached beside it.
pub(crate) struct Service {
    pub(crate) mfa: Mfa,
    pub(crate) clock: ManualClock,
    trail: Box<dyn Trail>,
}

impl Service {
    /// All events of a subject, as the store has them.
    pub(crate) async fn events(&self, subject: &Subject) -> Vec<Event> {
        self.trail.of(subject).await
    }
}

/// A store, whichever it is.
trait Trail {
    fn of<'a>(&'a self, subject: &'a Subject) -> Pin<Box<dyn Future<Output = Vec<Event>> + 'a>>;
}

impl<S: Store> Trail for S {
    fn of<'a>(&'a self, subject: &'a Subject) -> Pin<Box<dyn Future<Output = Vec<Event>> + 'a>> {
        Box::pin(async move {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let page = self.events(Feed::Subject(subject), after.as_ref(), 200).await.unwrap();
                all.extend(page.items().iter().map(|event| serde_json::from_str::<Event>(event.body()).unwrap()));
                after = page.next().cloned();
                if after.is_none() {
                    return all;
                }
            }
        })
    }
}

pub(crate) async fn open(url: &str, keys: &str, clock: &ManualClock, gate: &Gate) -> Service {
    match url.strip_prefix("sqlite:") {
        Some(file) => on(SqliteStore::open(file).await.unwrap(), keys, clock, gate),
        None if url.starts_with("postgres") => on(PostgresStore::connect(url).await.unwrap(), keys, clock, gate),
        None => {
            let (urls, prefix) = url.split_once('#').unwrap();
            // The server of a test is set as it is.
            let store = RedisStore::builder().prefix(prefix).accept_data_loss(true);
            on(store.connect(urls).await.unwrap(), keys, clock, gate)
        }
    }
}

fn on(store: impl Store + Clone, keys: &str, clock: &ManualClock, gate: &Gate) -> Service {
    // Cheap recovery codes; whoever has a key or an app is asked for it.
    let policy = Policy::builder()
        .recovery_scheme(Scheme::argon2id(7_168, 5, 1).unwrap())
        .recovery_codes(Count::new(2).unwrap())
        .pending_challenges(PENDING)
        .login(LoginPolicy::new(Login::IfEnrolled).enrolled_by([Method::WebAuthn, Method::Totp]));
    let mfa = Mfa::builder(Gated::new(store.clone(), gate.clone()))
        .issuer("https://id.example")
        .audience("api")
        .keys(Keys::load_or_create(keys).unwrap())
        .policy(policy.build().unwrap())
        .webauthn(RelyingParty::builder("bank.example", ORIGIN).build().unwrap())
        .with_clock(clock.clone())
        // A commit that is held up waits for others, however busy the machine is.
        .store_deadline(Duration::from_secs(60));
    Service { mfa: mfa.build().unwrap(), clock: clock.clone(), trail: Box::new(store) }
}

/// Keys that are made quickly; the crate's own would be RSA.
fn write_keys(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    let pem = SigningKey::generate(Algorithm::EdDsa).unwrap().to_pkcs8_pem().unwrap();
    let master = MasterKey::generate("first", &SystemEntropy).unwrap();
    let line = format!("first {}\n", STANDARD.encode(master.expose()));
    for (name, content) in [("signing-key.pem", pem.expose()), ("master-keys", &line)] {
        std::fs::write(folder.join(name), content).unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
