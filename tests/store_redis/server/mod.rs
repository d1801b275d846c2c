//! Servers for tests of the store in Redis: those that are named, and some of a test's own.

mod own;
mod proxy;

use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use own::{DURABLE, Own};
pub(crate) use proxy::{Cut, Proxy};
use tower_mfa::store::{RedisStore, RedisStoreBuilder};

use crate::left_out::left_out;

/// The URL of a server or a cluster, or a line on stderr that says which test was left out.
fn named(variable: &str, test: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if found.is_none() {
        left_out(test, &format!("{variable} is not set"));
    }
    found
}

/// A part of a server that belongs to one test, and is emptied at its end.
pub(crate) struct Place {
    pub(crate) urls: String,
    pub(crate) prefix: String,
    stores: AtomicUsize,
}

impl Place {
    pub(crate) fn on(urls: impl Into<String>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // It ends with a point: else the first of them, emptied, would take the keys of the tenth along.
        let prefix = format!("tower-mfa-test:{}-{number}.", std::process::id());
        Self { urls: urls.into(), prefix, stores: AtomicUsize::new(0) }
    }

    /// On the server of `TEST_REDIS_URL`.
    pub(crate) fn single(test: &str) -> Option<Self> {
        named("TEST_REDIS_URL", test).map(Self::on)
    }

    /// On the cluster of `TEST_REDIS_CLUSTER_URLS`.
    pub(crate) fn cluster(test: &str) -> Option<Self> {
        named("TEST_REDIS_CLUSTER_URLS", test).map(Self::on)
    }

    /// Both, where they are there: what holds on one must hold on the other.
    pub(crate) fn both(test: &str) -> Vec<Self> {
        [Self::single(test), Self::cluster(test)].into_iter().flatten().collect()
    }

    /// A store whatever the server is set to; with one prefix it is one store.
    pub(crate) fn builder(&self) -> RedisStoreBuilder {
        RedisStore::builder().prefix(self.prefix.as_str()).accept_data_loss(true)
    }

    pub(crate) async fn store(&self) -> RedisStore {
        self.builder().connect(&self.urls).await.unwrap()
    }

    /// A store that nobody has used.
    pub(crate) async fn fresh(&self) -> RedisStore {
        let number = self.stores.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{}:{number}", self.prefix);
        self.builder().prefix(prefix).connect(&self.urls).await.unwrap()
    }

    /// One plain connection to each server.
    pub(crate) fn plain(&self) -> Vec<redis::Connection> {
        self.urls.split(',').map(|url| redis::Client::open(url).unwrap().get_connection().unwrap()).collect()
    }

    /// Everything that begins like the store's keys, on all servers.
    pub(crate) fn keys(&self) -> Vec<String> {
        let found = self.plain().iter_mut().flat_map(|connection| keys(connection, &self.prefix)).collect::<Vec<_>>();
        found.into_iter().map(|key| String::from_utf8_lossy(&key).into_owned()).collect()
    }
}

/// Keys are bytes: a claimed value stands in its own.
fn keys(connection: &mut redis::Connection, prefix: &str) -> Vec<Vec<u8>> {
    let mut scan = redis::cmd("SCAN");
    let scan = scan.cursor_arg(0).arg("MATCH").arg(format!("{{{prefix}*")).arg("COUNT").arg(1000);
    scan.clone().iter(connection).unwrap().collect::<Result<_, _>>().unwrap()
}

impl Drop for Place {
    fn drop(&mut self) {
        for url in self.urls.split(',') {
            // A test's own server may be gone already.
            let Ok(mut connection) = redis::Client::open(url).unwrap().get_connection() else { continue };
            for key in keys(&mut connection, &self.prefix) {
                let _: Result<(), _> = redis::cmd("UNLINK").arg(key).query(&mut connection);
            }
        }
    }
}
