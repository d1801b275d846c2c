//! How a store is connected to.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;

use ::redis::io::tcp::TcpSettings;
use ::redis::{ConnectionInfo, IntoConnectionInfo as _};

use super::failure;
use super::layout::{Layout, MAX_PARTITIONS, Names, Partition, Prefix};
use super::servers::{Place, Places, Servers};
use super::settings::Rules;
use super::values;
use super::{Inner, RedisStore, StoreError, script};
use crate::clock::{Clock, SystemClock};
use crate::error::ConfigError;
use crate::store::skew::Skew;

/// How many partitions a store has when nobody says.
const PARTITIONS: u16 = 16;

/// Says how a [`RedisStore`] is connected to.
///
/// ```no_run
/// # async fn f() -> Result<(), tower_mfa::store::StoreError> {
/// use tower_mfa::store::RedisStore;
///
/// // Any server of a cluster leads to the others; more of them serve when one is down.
/// let nodes = "redis://10.0.0.1:7000,redis://10.0.0.2:7000";
/// let store = RedisStore::builder().prefix("bank").partitions(64).replicas(1).connect(nodes).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisStoreBuilder {
    prefix: Box<str>,
    partitions: Option<u16>,
    rules: Rules,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl RedisStoreBuilder {
    pub(super) fn new() -> Self {
        let rules = Rules { accept_data_loss: false, replicas: None };
        Self { prefix: "tower-mfa".into(), partitions: None, rules, clock: Arc::new(SystemClock) }
    }

    /// Puts every key under a name of its own, for a server that several share. Default: `tower-mfa`.
    ///
    /// 1 to 64 characters out of `A–Z a–z 0–9 - _ . :`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Says into how many parts a new store is cut: 1 to 64. Default: 16.
    ///
    /// A part is the least that lives on one server, so a cluster spreads a store over as many
    /// servers as it has parts. It is written down when the store is made and never changes: a
    /// store that is there already and has another number is refused. Leave it out to take a store
    /// as it is.
    #[must_use]
    pub const fn partitions(mut self, count: u16) -> Self {
        self.partitions = Some(count);
        self
    }

    /// Says how many replicas have every commit before it is answered. Default: one, of servers
    /// that have any when they are asked (every few seconds), and none of those that have not.
    ///
    /// With a number, servers with fewer replicas are refused and take no commits. 0 waits for
    /// none.
    #[must_use]
    pub const fn replicas(mut self, count: u16) -> Self {
        self.rules.replicas = Some(count);
        self
    }

    /// Takes servers that may lose what was committed. Default: false, they are refused.
    ///
    /// With it, neither the server's settings nor the rights of the user are checked.
    ///
    /// # Security
    ///
    /// What is lost is anything that was promised: a code that was used is good again, a wrong
    /// guess is not counted, a lock is open, an authenticator that was bound is gone.
    #[must_use]
    pub const fn accept_data_loss(mut self, accept: bool) -> Self {
        self.rules.accept_data_loss = accept;
        self
    }

    /// Sets the clock that the servers' are compared with. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Connects to the server of a URL, or to a cluster through the servers of several, with commas
    /// between them. Makes the store where there is none.
    ///
    /// `redis://[user[:password]@]host[:port][/database]`. `rediss://` is for TLS, where the program
    /// has turned on a TLS feature of the crate `redis`, version 1; `unix:` for a socket. A comma of a
    /// password is `%2C`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](crate::store::StoreErrorKind::Unavailable) when no server is reached, when one would
    /// lose commits, or whose user may not run all that a commit does, and
    /// [`accept_data_loss`](Self::accept_data_loss) was not said, or when what was asked for is not what is there; the
    /// source says which, and what to change.
    /// [`Corrupt`](crate::store::StoreErrorKind::Corrupt) when something else has written under this prefix.
    ///
    /// # Cancel safety
    ///
    /// Dropping it may leave a store that was just made, with nothing in it.
    pub async fn connect(self, urls: &str) -> Result<RedisStore, StoreError> {
        let prefix = Prefix::new(&self.prefix).map_err(StoreError::unavailable)?;
        if self.partitions.is_some_and(|count| !(1..=MAX_PARTITIONS).contains(&count)) {
            return Err(StoreError::unavailable(ConfigError::new("partitions", "must be 1 to 64")));
        }
        let infos = urls.split(',').map(info).collect::<Result<Vec<_>, _>>()?;
        let servers = Servers::connect(infos, self.rules).await.map_err(failure::of_read)?;
        let layout = layout(&servers, &prefix, self.partitions).await?;
        let names = Names::new(prefix.clone(), layout.partitions);
        let mut places = Vec::new();
        for partition in names.partitions() {
            let mark = names.mark(partition);
            places.push((servers.slot(&mark).await.map_err(failure::of_read)?, mark));
        }
        let (places, skew, may_lose) = (Places::new(places), Skew::new(self.clock), self.rules.accept_data_loss);
        let inner = Inner { servers, names, layout, places, skew, may_lose };
        let made = Made::of(&inner.servers, &prefix, inner.layout).await?;
        for partition in inner.names.partitions() {
            if made.is_there && !may_lose {
                inner.is_whole(partition).await?;
            }
            hold_to_layout(&inner, partition).await?;
            if !may_lose {
                may_commit(&inner, partition).await?;
            }
        }
        made.write(&inner.servers).await?;
        inner.compare_clocks().await;
        Ok(RedisStore::on(inner))
    }
}

fn info(url: &str) -> Result<ConnectionInfo, StoreError> {
    let info = ConnectionInfo::from_str(url.trim()).and_then(|info| info.into_connection_info());
    let info = info.map_err(StoreError::unavailable)?;
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// Reads how the store was made, or makes it. Of many who make one at once, one does.
async fn layout(servers: &Servers, prefix: &Prefix, wanted: Option<u16>) -> Result<Layout, StoreError> {
    let key = prefix.layout_key();
    let at = Place { slot: servers.slot(&key).await.map_err(failure::of_read)?, mark: &key };
    let own = Layout::generate(wanted.unwrap_or(PARTITIONS)).map_err(StoreError::unavailable)?;
    let layout = agreed(servers, at, &key, own).await?;
    match wanted {
        Some(wanted) if wanted != layout.partitions => Err(StoreError::unavailable(format!(
            "the store under this prefix was made with {} partitions, and {wanted} are asked for: leave \
             RedisStoreBuilder::partitions out, or choose another prefix",
            layout.partitions
        ))),
        _ => Ok(layout),
    }
}

/// Whether the store was made to its end: from then on a partition without its copy of the layout has lost all it had.
struct Made {
    key: String,
    slot: u16,
    layout: String,
    is_there: bool,
}

impl Made {
    async fn of(servers: &Servers, prefix: &Prefix, layout: Layout) -> Result<Self, StoreError> {
        let (key, layout) = (prefix.made_key(), layout.to_string());
        let slot = servers.slot(&key).await.map_err(failure::of_read)?;
        let mut get = ::redis::cmd("GET");
        get.arg(&key);
        let found = servers.read(Place { slot, mark: &key }, &get).await.map_err(failure::of_read)?;
        let is_there = values::text_or_none(found)?.is_some_and(|found| found == layout);
        Ok(Self { key, slot, layout, is_there })
    }

    async fn write(self, servers: &Servers) -> Result<(), StoreError> {
        if self.is_there {
            return Ok(());
        }
        let mut set = ::redis::cmd("SET");
        set.arg(&self.key).arg(&self.layout);
        let at = Place { slot: self.slot, mark: &self.key };
        servers.write(at, &set).await.map(drop).map_err(failure::of_read)
    }
}

/// Holds a partition to the layout. Were the layout lost and another one made, documents would not
/// be found where they are, and nobody would have MFA: so each partition has a copy.
async fn hold_to_layout(inner: &Inner, partition: Partition) -> Result<(), StoreError> {
    let key = inner.names.layout(partition);
    let found = agreed(&inner.servers, inner.places.of(partition), &key, inner.layout).await?;
    if found == inner.layout {
        return Ok(());
    }
    Err(StoreError::corrupt(format!(
        "partition {} belongs to a store that was made anew: bring its {} back from a backup",
        partition.0,
        inner.names.layout(partition),
    )))
}

/// Refuses a user whose rights end in the middle of a commit, which nobody undoes.
async fn may_commit(inner: &Inner, partition: Partition) -> Result<(), StoreError> {
    let call = script::RIGHTS.on([inner.names.layout(partition)]);
    let said = call.read(&inner.servers, inner.places.of(partition)).await.map_err(failure::of_read)?;
    match values::text(said)?.as_str() {
        "" => Ok(()),
        missing => Err(StoreError::unavailable(format!("the user of the URL may not run {missing}: allow it (ACL)"))),
    }
}

/// Writes a layout where there is none, and returns the one that is there.
async fn agreed(servers: &Servers, at: Place<'_>, key: &str, own: Layout) -> Result<Layout, StoreError> {
    let mut get = ::redis::cmd("GET");
    get.arg(key);
    let found = servers.read(at, &get).await.map_err(failure::of_read)?;
    let found = match values::text_or_none(found)? {
        Some(found) => found,
        None => {
            let mut set = ::redis::cmd("SET");
            set.arg(key).arg(own.to_string()).arg("NX");
            servers.write(at, &set).await.map_err(failure::of_read)?;
            values::text(servers.read(at, &get).await.map_err(failure::of_read)?)?
        }
    };
    Layout::read(&found).ok_or_else(|| StoreError::corrupt(format!("{key} was written by something else: {found}")))
}
