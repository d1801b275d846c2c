//! The host's own part: its users and their passwords. A real service has a table for them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use argon2::Argon2;
use tokio::sync::Semaphore;
use tower_mfa::entropy::{Entropy as _, SystemEntropy};
use tower_mfa::secret::constant_time_eq;

pub(crate) const NAMES: [&str; 3] = ["alice", "bob", "root"];
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Nobody's name or password is longer, so that a request cannot buy much work.
const LONGEST: usize = 256;
/// How many passwords are hashed at once; each takes 19 MiB.
const AT_ONCE: usize = 2;

pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) roles: &'static [&'static str],
    salt: [u8; 16],
    hash: [u8; 32],
}

pub(crate) struct Users {
    known: Vec<User>,
    /// Stands in for whoever is unknown, so that the answer takes as long (OWASP ASVS 5 §6.3.8).
    nobody: User,
    places: Semaphore,
    throttle: Throttle,
}

/// What became of a password.
pub(crate) enum Checked<'a> {
    Right(&'a User),
    /// Wrong, or nobody has that name: which of the two is not told.
    Wrong,
    /// Too many were wrong; this one was not looked at.
    Throttled(Duration),
}

impl Users {
    pub(crate) fn new() -> Result<Self, String> {
        let known = NAMES.iter().map(|name| User::new(name, Self::roles_of(name).unwrap_or_default(), PASSWORD));
        Ok(Self {
            known: known.collect::<Result<_, _>>()?,
            nobody: User::new("", &[], PASSWORD)?,
            places: Semaphore::new(AT_ONCE),
            throttle: Throttle::default(),
        })
    }

    /// The roles of whoever has this name, if anybody has.
    pub(crate) fn roles_of(name: &str) -> Option<&'static [&'static str]> {
        let roles: &[&str] = if name == "root" { &["admin"] } else { &[] };
        NAMES.contains(&name).then_some(roles)
    }

    /// Checks a password; a slow hash, so it is done off the runtime's threads.
    pub(crate) async fn check(&self, name: &str, password: &str, from: IpAddr) -> Checked<'_> {
        // Counted only when it is about to be compared, so that a few at once, all right, are not
        // taken for guesses.
        let Ok(_place) = self.places.acquire().await else { return Checked::Wrong };
        if let Err(wait) = self.throttle.admit(name, from) {
            return Checked::Throttled(wait);
        }
        let known = self.known.iter().find(|user| user.name == name);
        let user = known.unwrap_or(&self.nobody);
        let right = password.len() <= LONGEST && matches(user, password).await;
        match known {
            Some(user) if right => {
                self.throttle.forget(name, from);
                Checked::Right(user)
            }
            _ => Checked::Wrong,
        }
    }
}

async fn matches(user: &User, password: &str) -> bool {
    let (salt, password) = (user.salt, password.to_owned());
    let derived = tokio::task::spawn_blocking(move || derive(&password, &salt)).await;
    derived.is_ok_and(|hash| hash.is_ok_and(|hash| constant_time_eq(&hash, &user.hash)))
}

impl User {
    fn new(name: &'static str, roles: &'static [&'static str], password: &str) -> Result<Self, String> {
        let mut salt = [0; 16];
        SystemEntropy.fill(&mut salt).map_err(|e| e.to_string())?;
        Ok(Self { name, roles, hash: derive(password, &salt)?, salt })
    }
}

fn derive(password: &str, salt: &[u8]) -> Result<[u8; 32], String> {
    let mut hash = [0; 32];
    Argon2::default().hash_password_into(password.as_bytes(), salt, &mut hash).map_err(|e| e.to_string())?;
    Ok(hash)
}

/// Five wrong passwords for a name from an address, then waits that double up to 15 minutes. It
/// counts before it compares, so that parallel guesses are no way around it.
#[derive(Default)]
struct Throttle(Mutex<HashMap<(Box<str>, IpAddr), Attempts>>);

struct Attempts {
    count: u32,
    last: Instant,
}

const FREE: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Names and addresses are a stranger's to choose: what is kept of them is bounded.
const KEPT: usize = 10_000;

impl Attempts {
    fn wait(&self) -> Duration {
        let Some(over) = self.count.checked_sub(FREE) else { return Duration::ZERO };
        Duration::from_secs(30).saturating_mul(1 << over.min(5)).min(LONGEST_WAIT)
    }
}

impl Throttle {
    fn admit(&self, name: &str, from: IpAddr) -> Result<(), Duration> {
        let Ok(mut kept) = self.0.lock() else { return Err(LONGEST_WAIT) };
        let now = Instant::now();
        kept.retain(|_, attempts| now.duration_since(attempts.last) < LONGEST_WAIT);
        if kept.len() >= KEPT
            && let Some(oldest) = kept.iter().min_by_key(|(_, attempts)| attempts.last).map(|(key, _)| key.clone())
        {
            kept.remove(&oldest);
        }
        let attempts = kept.entry(key(name, from)).or_insert(Attempts { count: 0, last: now });
        let left = attempts.wait().saturating_sub(now.duration_since(attempts.last));
        if !left.is_zero() {
            return Err(left);
        }
        attempts.count = attempts.count.saturating_add(1);
        attempts.last = now;
        Ok(())
    }

    fn forget(&self, name: &str, from: IpAddr) {
        if let Ok(mut kept) = self.0.lock() {
            kept.remove(&key(name, from));
        }
    }
}

fn key(name: &str, from: IpAddr) -> (Box<str>, IpAddr) {
    (name.chars().take(LONGEST).collect(), from)
}
