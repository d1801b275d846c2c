//! What a server has to be set to, so that what was committed stays.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{RedisError, Value, from_redis_value};

use super::failure::Fault;

/// What the host asks of every server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// The host knows that commits may be lost.
    pub(super) accept_data_loss: bool,
    /// How many replicas a commit waits for; `None` for one, where there is one.
    pub(super) replicas: Option<u16>,
}

impl Rules {
    /// How many replicas to wait for where `connected` are there.
    pub(super) fn wanted(self, connected: usize) -> Result<usize, Fault> {
        match self.replicas.map(usize::from) {
            None => Ok(connected.min(1)),
            Some(wanted) if wanted <= connected => Ok(wanted),
            Some(wanted) => Err(Fault::unsent(format!(
                "commits are to wait for {wanted} replicas and {connected} are connected: start them, or lower \
                 RedisStoreBuilder::replicas"
            ))),
        }
    }
}

/// What a server said of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) connected_replicas: usize,
    /// It has `WAITAOF` (Redis 7.2, Valkey 7.2), and a commit is worth waiting for on its disk.
    pub(super) waits_for_disk: bool,
}

/// Asks a server that was just connected to, and refuses one that would lose commits.
pub(super) async fn ask(connection: &mut MultiplexedConnection, rules: Rules) -> Result<Found, Fault> {
    let connected_replicas = replicas(connection).await?;
    rules.wanted(connected_replicas)?;
    if rules.accept_data_loss {
        return Ok(Found { connected_replicas, waits_for_disk: false });
    }
    let mut wrong = Vec::new();
    for setting in &SETTINGS {
        let mut command = ::redis::cmd("CONFIG");
        let answer: Result<Vec<String>, RedisError> =
            command.arg("GET").arg(setting.name).query_async(connection).await;
        let found = answer.map(|pair| pair.into_iter().nth(1));
        wrong.extend(setting.wrong(found.as_ref().map(Option::as_deref).map_err(ToString::to_string)));
    }
    if !wrong.is_empty() {
        return Err(Fault::unsent(format!(
            "this Redis can lose what was committed: {}. Where that is known and accepted, say so with \
             RedisStoreBuilder::accept_data_loss(true)",
            wrong.join("; ")
        )));
    }
    let mut command = ::redis::cmd("COMMAND");
    let known: Vec<Value> = command.arg("INFO").arg("WAITAOF").query_async(connection).await.map_err(Fault::unsent)?;
    Ok(Found { connected_replicas, waits_for_disk: known.first().is_some_and(|command| *command != Value::Nil) })
}

/// How many replicas a master has; a server that is none itself is refused, for it would take no
/// commit and answer from the past.
pub(super) async fn replicas(connection: &mut MultiplexedConnection) -> Result<usize, Fault> {
    let role: Vec<Value> = ::redis::cmd("ROLE").query_async(connection).await.map_err(Fault::unsent)?;
    let kind = role.first().cloned().map(from_redis_value::<String>);
    match (kind, role.get(2)) {
        (Some(Ok(kind)), Some(Value::Array(replicas))) if kind == "master" => Ok(replicas.len()),
        (Some(Ok(kind)), _) if kind != "master" => Err(Fault::unsent(format!("the server is a {kind}, not a master"))),
        _ => Err(Fault::unsent("what the server says to ROLE is not understood")),
    }
}

struct Setting {
    name: &'static str,
    wanted: &'static str,
    /// Whether a server that tells the others need not know of it: what does not know the exception makes none.
    may_be_unknown: bool,
    why: &'static str,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "maxmemory-policy",
        wanted: "noeviction",
        may_be_unknown: false,
        why: "with another one a full server throws documents away, and with them everybody's authenticators",
    },
    Setting {
        name: "appendonly",
        wanted: "yes",
        may_be_unknown: false,
        why: "without a log on the disk a restart loses what came last",
    },
    Setting {
        name: "appendfsync",
        wanted: "always",
        may_be_unknown: false,
        why: "with another one a power cut loses a second of commits, and a used code is good again",
    },
    Setting {
        name: "no-appendfsync-on-rewrite",
        wanted: "no",
        may_be_unknown: true,
        why: "as long as the log is rewritten, nothing else goes to the disk, and a power cut loses all of it",
    },
];

impl Setting {
    /// What is wrong with a value, and what to change.
    fn wrong(&self, found: Result<Option<&str>, String>) -> Option<String> {
        let Self { name, wanted, may_be_unknown, why } = self;
        match found {
            Ok(Some(found)) if found == *wanted => None,
            Ok(Some(found)) => Some(format!("{name} is {found}, set `{name} {wanted}` ({why})")),
            Ok(None) if *may_be_unknown => None,
            Ok(None) => Some(format!("{name} is not told, allow `CONFIG GET {name}`")),
            Err(error) => Some(format!("{name} cannot be read ({error}), allow `CONFIG GET {name}`")),
        }
    }
}

/// The command that waits until replicas have what this connection has written.
pub(super) fn wait_command(replicas: usize, for_disk: bool, at_most: Duration) -> ::redis::Cmd {
    let milliseconds = u64::try_from(at_most.as_millis()).unwrap_or(u64::MAX);
    if for_disk {
        let mut command = ::redis::cmd("WAITAOF");
        command.arg(1).arg(replicas).arg(milliseconds);
        command
    } else {
        let mut command = ::redis::cmd("WAIT");
        command.arg(replicas).arg(milliseconds);
        command
    }
}

/// Whether that many have it.
pub(super) fn waited_enough(answer: &Value, replicas: usize) -> bool {
    let enough = |count: &Value, wanted: usize| matches!(count, Value::Int(count) if usize::try_from(*count).is_ok_and(|count| count >= wanted));
    match answer {
        Value::Array(both) => match both.as_slice() {
            [own, theirs] => enough(own, 1) && enough(theirs, replicas),
            _ => false,
        },
        one => enough(one, replicas),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_loses_commits_is_named_with_the_one_to_set() {
        let [policy, appendonly, appendfsync, on_rewrite] = &SETTINGS;
        assert_eq!(policy.wrong(Ok(Some("noeviction"))), None);
        assert_eq!(appendonly.wrong(Ok(Some("yes"))), None);
        assert_eq!(appendfsync.wrong(Ok(Some("always"))), None);
        let said = policy.wrong(Ok(Some("allkeys-lru"))).unwrap();
        assert!(said.contains("maxmemory-policy is allkeys-lru, set `maxmemory-policy noeviction`"), "{said}");
        assert!(appendfsync.wrong(Ok(Some("everysec"))).unwrap().contains("set `appendfsync always`"));
        assert!(appendonly.wrong(Ok(None)).unwrap().contains("allow `CONFIG GET appendonly`"));
        assert!(on_rewrite.wrong(Ok(Some("no"))).is_none() && on_rewrite.wrong(Ok(None)).is_none());
        assert!(on_rewrite.wrong(Ok(Some("yes"))).unwrap().contains("set `no-appendfsync-on-rewrite no`"));
        assert!(appendonly.wrong(Err("NOPERM".to_owned())).unwrap().contains("cannot be read (NOPERM)"));
    }

    #[test]
    fn a_commit_waits_for_one_replica_where_there_is_one_or_for_as_many_as_were_asked_for() {
        let found = Rules { accept_data_loss: false, replicas: None };
        let asked = Rules { replicas: Some(2), ..found };
        assert!([0, 1, 2].map(|there| found.wanted(there).unwrap()) == [0, 1, 1]);
        assert!(asked.wanted(1).is_err());
        assert_eq!(asked.wanted(3).unwrap(), 2);
    }

    #[test]
    fn an_answer_to_waiting_counts_only_when_enough_have_it() {
        let both = |own, theirs| Value::Array(vec![Value::Int(own), Value::Int(theirs)]);
        assert!(waited_enough(&Value::Int(2), 2) && !waited_enough(&Value::Int(1), 2));
        assert!(waited_enough(&both(1, 2), 2) && !waited_enough(&both(0, 2), 2) && !waited_enough(&both(1, 1), 2));
        assert!(!waited_enough(&Value::Nil, 0) && !waited_enough(&Value::Array(Vec::new()), 0));
    }
}
