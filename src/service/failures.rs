use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;

/// Counts assertions that failed, by the address they came from, and by nothing else: counted against an
/// account, whoever knows the id of somebody's credential could lock its owner out.
///
/// Default: [`InProcess`], 30 failures in five minutes for each address.
///
/// # Security
///
/// Everybody behind one address has one budget. Behind a proxy that the host has not named
/// (`trusted_proxies`) that is everybody there is, and a stranger who fails thirty times holds up all of them.
pub trait FailureBudget: Send + Sync + 'static {
    /// Returns the seconds until an answer from this address is looked at again; `None` if now.
    fn wait(&self, address: &str, now: Timestamp) -> Option<u32>;

    /// Counts a failure.
    fn charge(&self, address: &str, now: Timestamp);
}

/// Failures of each address, in the memory of this process: a flood of one address stops being work.
///
/// ```
/// use tower_mfa::clock::Timestamp;
/// use tower_mfa::service::{FailureBudget, InProcess};
///
/// let (budget, now) = (InProcess::default(), Timestamp::from_secs(1_800_000_000));
/// for _ in 0..30 {
///     assert_eq!(budget.wait("192.0.2.7", now), None);
///     budget.charge("192.0.2.7", now);
/// }
/// assert_eq!(budget.wait("192.0.2.7", now), Some(300));
/// assert_eq!(budget.wait("192.0.2.8", now), None, "another address");
/// assert_eq!(budget.wait("192.0.2.7", now.plus(300)), None);
/// ```
#[derive(Debug, Default)]
pub struct InProcess(Mutex<HashMap<IpAddr, Window>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Timestamp,
    failures: u32,
}

/// How many failures an address has in one window, and how long that is, in seconds.
const FAILURES: u32 = 30;
const WINDOW: u64 = 300;
/// Most addresses that are remembered. Of more, new ones are not counted until others lapse: whoever has
/// so many is not held up by a count of each.
const ADDRESSES: usize = 65_536;

impl InProcess {
    fn windows(&self) -> MutexGuard<'_, HashMap<IpAddr, Window>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A network of IPv6 of 64 bits is one customer's, who may use any address in it. With a port, as a host may
/// say it, it is the same customer.
fn key(address: &str) -> Option<IpAddr> {
    let ip = crate::network::read_address(address)?;
    match ip.to_canonical() {
        IpAddr::V6(v6) => Some(IpAddr::V6((v6.to_bits() & (!0 << 64)).into())),
        v4 @ IpAddr::V4(_) => Some(v4),
    }
}

impl FailureBudget for InProcess {
    fn wait(&self, address: &str, now: Timestamp) -> Option<u32> {
        let window = *self.windows().get(&key(address)?)?;
        let end = window.began.plus(WINDOW);
        let is_spent = window.failures >= FAILURES && now < end;
        is_spent.then(|| u32::try_from(end.since(now)).unwrap_or(u32::MAX))
    }

    fn charge(&self, address: &str, now: Timestamp) {
        let Some(key) = key(address) else { return };
        let mut windows = self.windows();
        if windows.len() >= ADDRESSES {
            windows.retain(|_, window| now < window.began.plus(WINDOW));
        }
        if windows.len() >= ADDRESSES && !windows.contains_key(&key) {
            return;
        }
        let window = windows.entry(key).or_insert(Window { began: now, failures: 0 });
        if now >= window.began.plus(WINDOW) {
            *window = Window { began: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
    }
}
