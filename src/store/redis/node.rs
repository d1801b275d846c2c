//! One server: its connections, and waiting for its replicas.
//!
//! A command is sent once. Nothing here repeats one whose outcome is not known.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use ::redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, RedisError, ServerErrorKind, Value};

use super::failure::Fault;
use super::line::{Asked, Line, Link};
use super::settings::{self, Rules};

/// How long a connection may take to come up.
const CONNECTING: Duration = Duration::from_secs(2);
/// How long an answer may take. A connection that is late is given up, for it may be to nobody.
const ANSWERING: Duration = Duration::from_secs(4);
/// How long a commit waits for replicas.
const REPLICATING: Duration = Duration::from_secs(2);
/// How long what a server said of itself and its replicas is taken for true.
const ROLE_KNOWN: Duration = Duration::from_secs(5);

/// One server, and the ways to it.
#[derive(Debug)]
pub(super) struct Node {
    client: Client,
    rules: Rules,
    main: Link,
    /// For commits that wait for replicas: waiting holds up everything behind it on a connection.
    waiting: Link,
    replicas: AtomicUsize,
    /// When the replicas were counted, in milliseconds since `begun`.
    counted: AtomicU64,
    begun: Instant,
    /// How many writes were left behind of which it is not known that replicas have them …
    left_behind: AtomicU64,
    /// … and how many of them replicas have since.
    made_good: AtomicU64,
}

/// Says when it is dropped that a write may not be on replicas, unless it was said that it is.
struct Unsettled<'a> {
    left_behind: &'a AtomicU64,
    is_over: bool,
}

impl Unsettled<'_> {
    fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.left_behind.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl Node {
    pub(super) fn new(info: ConnectionInfo, rules: Rules) -> Result<Self, RedisError> {
        Ok(Self {
            client: Client::open(info)?,
            rules,
            main: Link::default(),
            waiting: Link::default(),
            replicas: AtomicUsize::new(0),
            counted: AtomicU64::new(0),
            begun: Instant::now(),
            left_behind: AtomicU64::new(0),
            made_good: AtomicU64::new(0),
        })
    }

    /// Connects, if it is not connected, and so finds out whether the server may be used at all.
    pub(super) async fn check(&self) -> Result<(), Fault> {
        self.line(&self.main).await.map(drop)
    }

    /// Asks a server that need not be fit for documents: what kind it is, and where the others are.
    pub(super) async fn ask_unchecked(&self, command: &Cmd) -> Result<Value, Fault> {
        if let Some(line) = self.main.current() {
            return ask(&self.main, &line, command).await;
        }
        let mut connection = self.connect().await?;
        command.query_async(&mut connection).await.map_err(Fault::unsent)
    }

    /// Asks something that writes nothing, once more where the connection broke.
    pub(super) async fn read(&self, command: &Cmd) -> Result<Value, Fault> {
        self.ask_role().await;
        match self.send(command).await {
            Err(Fault::Lost(_)) => self.send(command).await,
            answer => answer,
        }
    }

    /// The same for several at once; each has an answer of its own, which may be a refusal.
    pub(super) async fn read_many(&self, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        self.ask_role().await;
        match self.send_many(commands).await {
            Err(Fault::Lost(_)) => self.send_many(commands).await,
            answer => answer,
        }
    }

    /// Sends a write once, and waits until replicas have it where some are to.
    pub(super) async fn write(&self, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        let replicas = self.wanted().await?;
        if replicas == 0 {
            return self.send_many(commands).await;
        }
        let line = self.line(&self.waiting).await?;
        // Whoever goes away now leaves a write behind of which nobody knows whether replicas have it.
        let unsettled = Unsettled { left_behind: &self.left_behind, is_over: false };
        let answers = self.on(&self.waiting, &line, commands).await?;
        if !answers.iter().all(is_refusal) {
            self.settle(&line, replicas).await?;
        }
        unsettled.over();
        Ok(answers)
    }

    /// Tells whether something that can be read here may not be on the replicas that are to have it.
    pub(super) fn is_unsettled(&self) -> bool {
        self.left_behind.load(Ordering::Acquire) > self.made_good.load(Ordering::Acquire)
    }

    /// Waits until replicas have everything; `mark` writes something, for the connection that
    /// wrote the rest may be gone, and a new one waits for what it wrote itself.
    pub(super) async fn settle_all(&self, mark: &Pipeline) -> Result<(), Fault> {
        let left_behind = self.left_behind.load(Ordering::Acquire);
        for answer in self.write(mark).await? {
            if let Value::ServerError(error) = answer {
                return Err(Fault::of(error.into()));
            }
        }
        self.made_good.fetch_max(left_behind, Ordering::AcqRel);
        Ok(())
    }

    async fn wanted(&self) -> Result<usize, Fault> {
        self.ask_role().await;
        // A connection that is opened now has asked for itself.
        self.line(&self.main).await?;
        self.rules.wanted(self.replicas.load(Ordering::Acquire))
    }

    /// Asks every few seconds again whether it is a master, and how many replicas it has: one that was made a replica
    /// keeps its connections, and goes on answering on them, from the past.
    async fn ask_role(&self) {
        let known = self.counted.load(Ordering::Acquire);
        let now = self.now();
        let is_old = now.saturating_sub(known) > u64::try_from(ROLE_KNOWN.as_millis()).unwrap_or(u64::MAX);
        // One asks, the others go on with what was known.
        if is_old && self.counted.compare_exchange(known, now, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.count().await;
        }
    }

    async fn count(&self) {
        let Some(line) = self.main.current() else { return };
        let asked = Asked::on(&self.main, &line);
        let counted = settings::replicas(&mut line.connection.clone()).await;
        asked.answered();
        match counted {
            Ok(count) => self.replicas.store(count, Ordering::Release),
            // Whoever sends something next connects, asks again, and says why not.
            Err(_) => self.give_up_all(),
        }
    }

    /// What is true of one connection is true of the other: it is not the master that it was.
    fn give_up_all(&self) {
        self.main.set(None);
        self.waiting.set(None);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until replicas have what was written on this connection so far.
    async fn settle(&self, line: &Line, replicas: usize) -> Result<(), Fault> {
        let own = line.settled.written.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let mut settled = line.settled.settled.lock().await;
        if *settled >= own {
            return Ok(());
        }
        // All that was answered by now stands before the waiting on this connection.
        let upto = line.settled.written.load(Ordering::Acquire);
        let mut wait = ::redis::pipe();
        wait.add_command(settings::wait_command(replicas, line.waits_for_disk, REPLICATING));
        let answer = self.on(&self.waiting, line, &wait).await;
        if answer
            .as_ref()
            .is_ok_and(|answer| answer.first().is_some_and(|answer| settings::waited_enough(answer, replicas)))
        {
            *settled = upto;
            return Ok(());
        }
        drop(settled);
        // It may be that the replica is gone. Whatever comes of asking: the write was sent.
        self.counted.store(0, Ordering::Release);
        if self.line(&self.main).await.is_ok() {
            self.count().await;
        }
        Err(Fault::lost(match answer {
            Ok(_) => format!("written, but in {REPLICATING:?} fewer than {replicas} replicas had it"),
            Err(fault) => format!("written, but it is not known whether replicas have it: {fault:?}"),
        }))
    }

    async fn send(&self, command: &Cmd) -> Result<Value, Fault> {
        let line = self.line(&self.main).await?;
        ask(&self.main, &line, command).await
    }

    async fn send_many(&self, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        let line = self.line(&self.main).await?;
        self.on(&self.main, &line, commands).await
    }

    async fn on(&self, link: &Link, line: &Line, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
        let asked = Asked::on(link, line);
        let answers = line.connection.clone().req_packed_commands(commands, 0, commands.len()).await;
        let answers = answers.map_err(Fault::of);
        over(asked, &answers);
        // What was a master and is none any more is asked again what it is, before it is read from.
        if answers.as_ref().is_ok_and(|answers| answers.iter().any(is_read_only)) {
            self.give_up_all();
        }
        answers
    }

    async fn line(&self, link: &Link) -> Result<Line, Fault> {
        if let Some(line) = link.current() {
            return Ok(line);
        }
        let came = Instant::now();
        let mut failed = link.opening.lock().await;
        if let Some(line) = link.current() {
            return Ok(line);
        }
        if let Some((_, why)) = failed.as_ref().filter(|(at, _)| *at >= came) {
            return Err(Fault::unsent(why.clone()));
        }
        match self.open().await {
            Ok(line) => {
                link.set(Some(line.clone()));
                Ok(line)
            }
            Err(Fault::Unsent(why)) => {
                *failed = Some((Instant::now(), why.to_string()));
                Err(Fault::Unsent(why))
            }
            Err(other) => Err(other),
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Fault> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECTING)).set_response_timeout(Some(ANSWERING));
        self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(Fault::unsent)
    }

    async fn open(&self) -> Result<Line, Fault> {
        let mut connection = self.connect().await?;
        let found = settings::ask(&mut connection, self.rules).await?;
        self.replicas.store(found.connected_replicas, Ordering::Release);
        self.counted.store(self.now(), Ordering::Release);
        Ok(Line::new(connection, found.waits_for_disk))
    }
}

async fn ask(link: &Link, line: &Line, command: &Cmd) -> Result<Value, Fault> {
    let asked = Asked::on(link, line);
    let answer = command.query_async(&mut line.connection.clone()).await.map_err(Fault::of);
    over(asked, &answer);
    answer
}

fn over<T>(asked: Asked<'_>, answer: &Result<T, Fault>) {
    match answer {
        Err(Fault::Lost(_)) => asked.broken(),
        _ => asked.answered(),
    }
}

fn is_read_only(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::ReadOnly))
}

fn is_refusal(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(_))
}
