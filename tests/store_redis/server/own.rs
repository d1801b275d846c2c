//! A server that a test starts for itself.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// `redis-server` on a free port of loopback, stopped and forgotten at the end of the test.
pub(crate) struct Own {
    server: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

/// What the store wants of a server.
pub(crate) const DURABLE: &[&str] =
    &["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];

/// The program to start: Valkey's speaks the same.
fn program() -> String {
    std::env::var("TEST_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned())
}

impl Own {
    /// Tells whether there is a program to start, and says on stderr what is left out if not.
    pub(crate) fn is_there(test: &str) -> bool {
        let found = Command::new(program()).arg("--version").stdout(Stdio::null()).status().is_ok();
        if !found {
            super::left_out(test, &format!("{} is not installed", program()));
        }
        found
    }

    pub(crate) fn start(arguments: &[&str]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("tower-mfa-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        // A server of a cluster has a second port, 10000 above.
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let port = std::iter::repeat_with(free).find(|port| *port < 55_000).unwrap();
        let server = Command::new(program())
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--repl-diskless-sync-delay", "0", "--dir"])
            .arg(&folder)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let own = Self { server, folder, port };
        own.wait_for("a connection", |own| own.connect().is_ok());
        own
    }

    pub(crate) fn durable() -> Self {
        Self::start(DURABLE)
    }

    /// A replica of another one, when it has caught up.
    pub(crate) fn replica_of(master: &Self) -> Self {
        let port = master.port.to_string();
        let replica = Self::start(&[DURABLE, &["--replicaof", "127.0.0.1", &port]].concat());
        // The replica says so earlier, and is not counted yet.
        master.wait_for("the replica", |own| own.info("replication").contains("state=online"));
        replica
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn connect(&self) -> redis::RedisResult<redis::Connection> {
        redis::Client::open(self.url())?.get_connection_with_timeout(Duration::from_secs(1))
    }

    /// Runs one command, written as in `redis-cli`.
    pub(crate) fn run<T: redis::FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            asked.arg(word);
        });
        asked.query(&mut self.connect().unwrap()).unwrap()
    }

    pub(crate) fn info(&self, section: &str) -> String {
        self.run(&format!("INFO {section}"))
    }

    /// Stops the process without ending it, or lets it go on: a server that says nothing.
    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.server.id().to_string()]).status().unwrap().success());
    }

    fn wait_for(&self, what: &str, mut is_there: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_there(self) {
            assert!(start.elapsed() < Duration::from_secs(20), "{what} did not come");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
