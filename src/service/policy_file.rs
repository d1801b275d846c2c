//! A policy in a file, reloaded while serving.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use super::{Mfa, trace};
use crate::error::BoxError;
use crate::middleware::route_policy::{RoutePolicy, RoutePolicySource};
use crate::policy::file::{PolicyDocument, PolicyFileError, RouteServices};
use crate::policy::{Policy, PolicyBuilder, PolicySource, Who};
use crate::token::{Elevate, ElevateErrorKind, ElevateFuture, InlineCode, Redeem, RedeemError, RedeemFuture};

/// A policy file that is reloaded while serving, as a whole or not at all.
///
/// It gives an [`Mfa`] its policy and the [`RoutePolicyLayer`](crate::middleware::RoutePolicyLayer) its
/// routes. What was loaded last and was right is in force: a file that is wrong, or gone, changes nothing, and
/// the log and whoever [watches](Self::watch) hear why.
///
/// ```
/// use std::fs;
///
/// use http::Method;
/// use tower_mfa::middleware::route_policy::RoutePolicySource;
/// use tower_mfa::policy::Policy;
/// use tower_mfa::service::{Keys, Mfa, PolicyFile, Reloaded};
/// use tower_mfa::store::MemoryStore;
///
/// let folder = std::env::temp_dir().join(format!("policy-{}", std::process::id()));
/// fs::create_dir_all(&folder).unwrap();
/// let path = folder.join("policy.toml");
/// fs::write(&path, r#"
///     version = 1
///     routes = [{ name = "home", path = "/", methods = ["GET"], access = "public" }]
/// "#).unwrap();
/// let file = PolicyFile::open(&path, Policy::builder()).unwrap();
/// let mfa = Mfa::builder(MemoryStore::new()).issuer("https://id.example").audience("api");
/// let mfa = mfa.keys(Keys::generate().unwrap()).policy_source(file.policies()).build().unwrap();
/// let routes = file.routes(&mfa); // for `mfa.route_policy_layer(…)`
/// assert!(routes.current().find(&Method::GET, "/").rule().is_some());
///
/// // A slip keeps what there was, and says where it is.
/// fs::write(&path, "version = 1\nroutes = [{ name = \"home\" }]").unwrap();
/// assert!(file.reload().unwrap_err().to_string().ends_with("policy.toml: line 2, column 11: missing field `path`"));
/// assert!(routes.current().find(&Method::GET, "/").rule().is_some());
///
/// fs::write(&path, "version = 1").unwrap();
/// assert_eq!(file.reload().unwrap(), Reloaded::Changed);
/// assert!(routes.current().find(&Method::GET, "/").rule().is_none(), "what no route names is denied");
/// fs::remove_dir_all(folder).unwrap();
/// ```
#[derive(Clone)]
pub struct PolicyFile {
    shared: Arc<Shared>,
    /// Held by whoever serves, and by nothing the `Mfa` holds: else the two would keep each other alive.
    services: Arc<Late>,
}

struct Shared {
    path: PathBuf,
    base: PolicyBuilder,
    current: RwLock<Arc<Loaded>>,
    seen: Mutex<Seen>,
    services: Weak<Late>,
}

/// What was looked at last.
struct Seen {
    text: Arc<str>,
    /// What is wrong with it: then it is not in force.
    wrong: Option<PolicyFileError>,
}

struct Loaded {
    policy: Arc<Policy>,
    routes: RoutePolicy,
}

/// What became of a look at the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reloaded {
    /// It says what it said before, and that is in force.
    Unchanged,
    /// What it says is in force.
    Changed,
}

/// Why a policy file is not in force.
///
/// Its text names the file, and the line and column where one is to blame.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct PolicyLoadError {
    path: PathBuf,
    source: BoxError,
}

impl PolicyLoadError {
    /// Returns what is wrong with what the file says; `None` where it could not be read.
    #[must_use]
    pub fn document(&self) -> Option<&PolicyFileError> {
        self.source.downcast_ref()
    }
}

impl PolicyFile {
    /// Opens a file, JSON where its name ends with `.json`, else TOML; `base` is what it says nothing of.
    ///
    /// # Errors
    ///
    /// [`PolicyLoadError`] when it cannot be read or is wrong.
    pub fn open(path: impl Into<PathBuf>, base: PolicyBuilder) -> Result<Self, PolicyLoadError> {
        let path = path.into();
        let services = Arc::new(Late::default());
        let text = read(&path)?;
        let loaded = load(&path, &text, &base, &Arc::downgrade(&services)).map_err(|wrong| of(&path, wrong))?;
        let shared = Shared {
            path,
            base,
            current: RwLock::new(Arc::new(loaded)),
            seen: Mutex::new(Seen { text, wrong: None }),
            services: Arc::downgrade(&services),
        };
        Ok(Self { shared: Arc::new(shared), services })
    }

    /// Returns what an [`MfaBuilder`](super::MfaBuilder::policy_source) takes: the policy of the file.
    #[must_use]
    pub fn policies(&self) -> FilePolicies {
        FilePolicies(Arc::clone(&self.shared))
    }

    /// Returns what a [`RoutePolicyLayer`](crate::middleware::RoutePolicyLayer) takes: the routes of the file,
    /// whose approvals and codes are checked by `mfa`.
    ///
    /// The first `mfa` that is given stays: for another service, open the file again.
    #[must_use]
    pub fn routes(&self, mfa: &Mfa) -> FileRoutes {
        // Else rules that are in force would begin to ask another service's store.
        let _ = self.services.0.set(mfa.clone());
        FileRoutes { file: self.clone() }
    }

    /// Returns the policy that is in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.shared.current().policy)
    }

    /// Reads the file again, and puts in force what it says. It waits for the disk.
    ///
    /// # Errors
    ///
    /// [`PolicyLoadError`] when it cannot be read or is wrong: then what was in force stays so.
    pub fn reload(&self) -> Result<Reloaded, PolicyLoadError> {
        self.shared.look(|_| true).map(|(outcome, _)| outcome)
    }

    /// Looks at the file at every `interval`, and calls `hear` when what it says has changed, or is wrong. It goes on
    /// for ever: spawn it.
    ///
    /// A file is taken once it says the same twice, so that one that is being written is not taken half.
    ///
    /// # Cancel safety
    ///
    /// Safe: a file is in force as a whole or not at all.
    pub async fn watch(self, interval: Duration, hear: impl Fn(&Result<Reloaded, PolicyLoadError>) + Send) {
        let mut before: Option<Arc<str>> = None;
        let mut told = None;
        loop {
            tokio::time::sleep(interval).await;
            let (shared, last) = (Arc::clone(&self.shared), before.clone());
            let looked = tokio::task::spawn_blocking(move || shared.look(|text| last.as_ref() == Some(text)));
            let outcome = match looked.await {
                Ok(Ok((outcome, text))) => {
                    before = Some(text);
                    Ok(outcome)
                }
                Ok(Err(error)) => Err(error),
                // The runtime is being shut down.
                Err(_) => return,
            };
            // A file that stays wrong, or away, is told of once.
            let trouble = outcome.as_ref().err().map(ToString::to_string);
            let is_news = trouble.is_some() && trouble != told || matches!(outcome, Ok(Reloaded::Changed));
            told = trouble;
            if is_news {
                hear(&outcome);
            }
        }
    }
}

impl Shared {
    fn current(&self) -> Arc<Loaded> {
        // A lock is held for as long as a pointer takes to copy; nothing panics in it.
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file, and puts in force what it says if it `is_settled`.
    ///
    /// It is read while nobody else does: else who has read it first could be the last to put it in force.
    fn look(&self, is_settled: impl FnOnce(&Arc<str>) -> bool) -> Result<(Reloaded, Arc<str>), PolicyLoadError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let text = read(&self.path)?;
        if !is_settled(&text) {
            return Ok((Reloaded::Unchanged, text));
        }
        if seen.text == text {
            return match &seen.wrong {
                Some(wrong) => Err(of(&self.path, wrong.clone())),
                None => Ok((Reloaded::Unchanged, text)),
            };
        }
        match load(&self.path, &text, &self.base, &self.services) {
            Ok(loaded) => {
                *seen = Seen { text: Arc::clone(&text), wrong: None };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded);
                Ok((Reloaded::Changed, text))
            }
            Err(wrong) => {
                *seen = Seen { text, wrong: Some(wrong.clone()) };
                let error = of(&self.path, wrong);
                trace::trouble("the policy file is wrong; what was in force before stays so", &error);
                Err(error)
            }
        }
    }
}

fn of(path: &Path, wrong: PolicyFileError) -> PolicyLoadError {
    PolicyLoadError { path: path.into(), source: wrong.into() }
}

fn read(path: &Path) -> Result<Arc<str>, PolicyLoadError> {
    let failed = |source: std::io::Error| PolicyLoadError { path: path.into(), source: source.into() };
    fs::read_to_string(path).map(Into::into).map_err(failed)
}

fn load(path: &Path, text: &str, base: &PolicyBuilder, services: &Weak<Late>) -> Result<Loaded, PolicyFileError> {
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let document = if is_json { PolicyDocument::from_json(text) } else { PolicyDocument::from_toml(text) }?;
    let policy = document.policy(base.clone())?;
    let late = Arc::new(Through(services.clone()));
    let services = RouteServices::new(late.clone(), late);
    Ok(Loaded { routes: document.routes(&policy, &services)?, policy: Arc::new(policy) })
}

/// The policy of a [`PolicyFile`], for an [`Mfa`].
#[derive(Clone)]
pub struct FilePolicies(Arc<Shared>);

impl PolicySource for FilePolicies {
    fn policy(&self, _who: Who<'_>) -> Arc<Policy> {
        Arc::clone(&self.0.current().policy)
    }
}

/// The routes of a [`PolicyFile`], for a [`RoutePolicyLayer`](crate::middleware::RoutePolicyLayer).
#[derive(Clone)]
pub struct FileRoutes {
    file: PolicyFile,
}

impl RoutePolicySource for FileRoutes {
    fn current(&self) -> RoutePolicy {
        self.file.shared.current().routes.clone()
    }
}

/// The `Mfa` that checks approvals and codes: it needs the policy before it is built, and the routes need it.
#[derive(Default)]
struct Late(OnceLock<Mfa>);

/// The way from a rule to the `Mfa`. A rule that outlives it refuses: it cannot decide.
struct Through(Weak<Late>);

impl Through {
    fn mfa(&self) -> Option<Mfa> {
        self.0.upgrade()?.0.get().cloned()
    }
}

const NO_MFA: &str = "no Mfa was given for the routes of the policy file";

impl Redeem for Through {
    fn redeem<'a>(&'a self, who: &'a crate::assurance::Authentication) -> RedeemFuture<'a> {
        Box::pin(async move {
            match self.mfa() {
                Some(mfa) => mfa.redeem(who).await,
                None => Err(RedeemError::new(NO_MFA)),
            }
        })
    }
}

impl Elevate for Through {
    fn elevate<'a>(&'a self, attempt: InlineCode<'a>) -> ElevateFuture<'a> {
        Box::pin(async move {
            match self.mfa() {
                Some(mfa) => mfa.elevate(attempt).await,
                None => Err(ElevateErrorKind::Unavailable.into()),
            }
        })
    }
}

impl fmt::Debug for PolicyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyFile").field("path", &self.shared.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for FilePolicies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePolicies").field("path", &self.0.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for FileRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRoutes").field("path", &self.file.shared.path).finish_non_exhaustive()
    }
}
