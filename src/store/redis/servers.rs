//! Which server has a partition: one has all of them, or a cluster says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ::redis::{Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};

use super::failure::Fault;
use super::layout::Partition;
use super::map::{Range, Slot, address_of, beside, slots, split, text};
use super::node::Node;
use super::settings::Rules;

/// How often a command is sent on to where a server says that the key is.
const REDIRECTIONS: usize = 5;

/// All servers of a store.
#[derive(Debug)]
pub(super) struct Servers {
    /// How to reach the first; the others of a cluster are reached in the same way.
    info: ConnectionInfo,
    rules: Rules,
    nodes: Mutex<HashMap<String, Arc<Node>>>,
    map: RwLock<Arc<Map>>,
}

/// Where everything is.
#[derive(Debug)]
enum Map {
    /// One server, at this address.
    One(Arc<Node>),
    Cluster(Vec<Range>),
}

impl Servers {
    /// Connects to a server, and finds the others where it is one of a cluster. The first that
    /// answers is asked.
    pub(super) async fn connect(infos: Vec<ConnectionInfo>, rules: Rules) -> Result<Self, Fault> {
        let is_several = infos.len() > 1;
        let mut failure = Fault::unsent("a URL is wanted");
        for info in infos {
            match Self::connect_to(info, rules, is_several).await {
                Ok(servers) => return Ok(servers),
                Err(fault) => failure = fault,
            }
        }
        Err(failure)
    }

    async fn connect_to(info: ConnectionInfo, rules: Rules, is_several: bool) -> Result<Self, Fault> {
        let first = address_of(&info);
        // A server of a cluster need not be a master: what it is does not matter for the map.
        let node = Arc::new(Node::new(info.clone(), rules).map_err(Fault::unsent)?);
        let servers = Self {
            info,
            rules,
            nodes: Mutex::new(HashMap::from([(first.clone(), Arc::clone(&node))])),
            map: RwLock::new(Arc::new(Map::One(Arc::clone(&node)))),
        };
        let told = node.ask_unchecked(::redis::cmd("INFO").arg("cluster")).await?;
        if text(&told).is_some_and(|told| told.contains("cluster_enabled:1")) {
            servers.read_map(&first, &node).await?;
            for node in servers.masters()? {
                node.check().await?;
            }
        } else if is_several {
            return Err(Fault::unsent("several URLs are for the servers of one cluster, and this is none"));
        } else {
            node.check().await?;
        }
        Ok(servers)
    }

    /// The slot of a key, as the servers count it.
    pub(super) async fn slot(&self, key: &str) -> Result<Slot, Fault> {
        let map = self.map();
        let Map::Cluster(_) = &*map else { return Ok(0) };
        let node = self.node(0)?;
        match node.read(::redis::cmd("CLUSTER").arg("KEYSLOT").arg(key)).await? {
            Value::Int(slot) => Slot::try_from(slot).map_err(Fault::unsent),
            _ => Err(Fault::unsent("what the server says to CLUSTER KEYSLOT is not understood")),
        }
    }

    pub(super) async fn read(&self, at: Place<'_>, command: &Cmd) -> Result<Value, Fault> {
        let mut node = self.owner(at.slot).await?;
        for _ in 0..REDIRECTIONS {
            let fault = match read_settled(&node, at, command).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            node = match self.redirected(at.slot, &node, fault).await? {
                To::Node(node) => node,
                To::Once(node) => return one(node.read_many(&asking(command)).await?, 1),
            };
        }
        Err(Fault::unsent(TOO_OFTEN))
    }

    /// Reads from several partitions at once: one round trip for each server. Who says no to one
    /// of them is asked for it again, alone.
    pub(super) async fn read_many(&self, commands: &[(Place<'_>, Cmd)]) -> Result<Vec<Value>, Fault> {
        let mut answers: Vec<Option<Value>> = commands.iter().map(|_| None).collect();
        let mut by_node: Vec<(Arc<Node>, Vec<usize>)> = Vec::new();
        for (number, (at, _)) in commands.iter().enumerate() {
            let node = self.owner(at.slot).await?;
            match by_node.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &node)) {
                Some((_, numbers)) => numbers.push(number),
                None => by_node.push((node, vec![number])),
            }
        }
        for (node, numbers) in by_node {
            let asked = || numbers.iter().filter_map(|number| commands.get(*number));
            let mut pipeline = Pipeline::with_capacity(numbers.len());
            for (_, command) in asked() {
                pipeline.add_command(command.clone());
            }
            // A server that is gone is found again by asking for each alone.
            if let Some((at, _)) = asked().next()
                && let Err(fault) = settled(&node, *at).await
            {
                self.redirected(at.slot, &node, fault).await?;
                continue;
            }
            let Ok(found) = node.read_many(&pipeline).await else { continue };
            for (number, value) in numbers.into_iter().zip(found) {
                if let Some(answer) = answers.get_mut(number).filter(|_| !matches!(value, Value::ServerError(_))) {
                    *answer = Some(value);
                }
            }
        }
        let mut all = Vec::with_capacity(commands.len());
        for ((at, command), answer) in commands.iter().zip(answers) {
            all.push(match answer {
                Some(answer) => answer,
                None => self.read(*at, command).await?,
            });
        }
        Ok(all)
    }

    /// Sends a write. It is sent again only to where a server that refused it says the key is, or
    /// where no server was reached at all.
    pub(super) async fn write(&self, at: Place<'_>, command: &Cmd) -> Result<Value, Fault> {
        let mut node = self.owner(at.slot).await?;
        let mut alone = ::redis::pipe();
        alone.add_command(command.clone());
        for _ in 0..REDIRECTIONS {
            let fault = match node.write(&alone).await.and_then(|answers| one(answers, 0)) {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            node = match self.redirected(at.slot, &node, fault).await? {
                To::Node(node) => node,
                To::Once(node) => return one(node.write(&asking(command)).await?, 1),
            };
        }
        Err(Fault::unsent(TOO_OFTEN))
    }

    /// Where to send a command that was not done, or the fault back where it is not known that it
    /// was not, or nobody knows better.
    async fn redirected(&self, slot: Slot, from: &Arc<Node>, fault: Fault) -> Result<To, Fault> {
        let map = self.map();
        let Map::Cluster(_) = &*map else { return Err(fault) };
        match (fault.server(), fault.moved_to()) {
            (Some(ServerErrorKind::Ask), Some(address)) => Ok(To::Once(self.node_at(&address)?)),
            (Some(ServerErrorKind::Moved), Some(address)) => {
                let node = self.node_at(&address)?;
                // The answer itself is good for this command; the map is for those that follow.
                let _ = self.read_map(&address, &node).await;
                Ok(To::Node(node))
            }
            (Some(ServerErrorKind::ReadOnly), _) => self.elsewhere(slot, from, fault).await,
            _ if matches!(fault, Fault::Unsent(_)) => self.elsewhere(slot, from, fault).await,
            _ => Err(fault),
        }
    }

    /// The server that has a slot; where the map has none, the servers are asked for a newer one.
    async fn owner(&self, slot: Slot) -> Result<Arc<Node>, Fault> {
        let fault = match self.node(slot) {
            Ok(node) => return Ok(node),
            Err(fault) => fault,
        };
        for (address, node) in self.known() {
            if self.read_map(&address, &node).await.is_ok() {
                return self.node(slot);
            }
        }
        Err(fault)
    }

    /// Asks the other servers whether another one has the slot by now.
    async fn elsewhere(&self, slot: Slot, from: &Arc<Node>, fault: Fault) -> Result<To, Fault> {
        for (address, node) in self.known() {
            if !Arc::ptr_eq(&node, from) && self.read_map(&address, &node).await.is_ok() {
                let owner = self.node(slot)?;
                if !Arc::ptr_eq(&owner, from) {
                    return Ok(To::Node(owner));
                }
            }
        }
        Err(fault)
    }

    async fn read_map(&self, address: &str, node: &Node) -> Result<(), Fault> {
        let told = node.ask_unchecked(::redis::cmd("CLUSTER").arg("SLOTS")).await?;
        let (host, _) = split(address).ok_or_else(|| Fault::unsent("a server without an address"))?;
        let slots = slots(&told, host)
            .ok_or_else(|| Fault::unsent("what the server says to CLUSTER SLOTS is not understood"))?;
        if slots.is_empty() {
            return Err(Fault::unsent("no server of the cluster has any slot"));
        }
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Map::Cluster(slots));
        Ok(())
    }

    fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn nodes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Node>>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Vec<(String, Arc<Node>)> {
        self.nodes().iter().map(|(address, node)| (address.clone(), Arc::clone(node))).collect()
    }

    fn masters(&self) -> Result<Vec<Arc<Node>>, Fault> {
        match &*self.map() {
            Map::One(node) => Ok(vec![Arc::clone(node)]),
            Map::Cluster(slots) => slots.iter().map(|(.., address)| self.node_at(address)).collect(),
        }
    }

    fn node(&self, slot: Slot) -> Result<Arc<Node>, Fault> {
        match &*self.map() {
            Map::One(node) => Ok(Arc::clone(node)),
            Map::Cluster(slots) => {
                let found = slots.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
                let (.., address) =
                    found.ok_or_else(|| Fault::unsent(format!("no server of the cluster has slot {slot}")))?;
                self.node_at(address)
            }
        }
    }

    fn node_at(&self, address: &str) -> Result<Arc<Node>, Fault> {
        let mut nodes = self.nodes();
        if let Some(node) = nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let (host, port) = split(address).ok_or_else(|| Fault::unsent(format!("{address} is no address")))?;
        let info = self.info.clone().set_addr(beside(self.info.addr(), host, port));
        let node = Arc::new(Node::new(info, self.rules).map_err(Fault::unsent)?);
        nodes.insert(address.to_owned(), Arc::clone(&node));
        Ok(node)
    }
}

/// Where a command goes: a slot, and a key of the same slot that may be written to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) slot: Slot,
    pub(super) mark: &'a str,
}

/// The places of all partitions.
#[derive(Debug)]
pub(super) struct Places(Vec<(Slot, String)>);

impl Places {
    pub(super) fn new(places: Vec<(Slot, String)>) -> Self {
        Self(places)
    }

    pub(super) fn of(&self, partition: Partition) -> Place<'_> {
        let found = self.0.get(usize::from(partition.0));
        found.map_or(Place { slot: 0, mark: "" }, |(slot, mark)| Place { slot: *slot, mark })
    }
}

enum To {
    Node(Arc<Node>),
    /// For this command alone: the slot is on its way there.
    Once(Arc<Node>),
}

async fn read_settled(node: &Node, at: Place<'_>, command: &Cmd) -> Result<Value, Fault> {
    settled(node, at).await?;
    node.read(command).await
}

/// Before something is read: that replicas have what it may find, where they are to have it. Of a master that died with
/// a write under way nobody will ever know; its fault leads to the replica that took over, like that of any command.
async fn settled(node: &Node, at: Place<'_>) -> Result<(), Fault> {
    if !node.is_unsettled() {
        return Ok(());
    }
    let mut mark = ::redis::pipe();
    mark.cmd("SET").arg(at.mark).arg("");
    match node.settle_all(&mark).await {
        // The slot is on its way and the mark is gone ahead: as long as that lasts, nothing can be marked here.
        Err(fault) if fault.server() == Some(ServerErrorKind::Ask) => Ok(()),
        settled => settled,
    }
}

const TOO_OFTEN: &str = "the servers of the cluster send from one to the other";

fn asking(command: &Cmd) -> Pipeline {
    let mut both = ::redis::pipe();
    both.cmd("ASKING");
    both.add_command(command.clone());
    both
}

/// One of several answers, which may be a refusal.
fn one(answers: Vec<Value>, at: usize) -> Result<Value, Fault> {
    match answers.into_iter().nth(at) {
        Some(Value::ServerError(error)) => Err(Fault::of(RedisError::from(error))),
        Some(answer) => Ok(answer),
        None => Err(Fault::of(RedisError::from((ErrorKind::UnexpectedReturnType, "an answer is missing")))),
    }
}
