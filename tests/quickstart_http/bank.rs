//! The quickstart, started several times on one database behind a load balancer.

use std::any::Any;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tower_mfa::clock::{Clock as _, SystemClock, Timestamp};
use tower_mfa::testing::AuthenticatorApp;

use super::client::{body, status};
use super::postgres::Database;
use super::server::Own;
use super::{built, folder, root};

/// Whoever waits so long for an answer waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Several quickstarts, what is between them and a person, and what they share.
pub(crate) struct Bank {
    pub(crate) replicas: Vec<Replica>,
    pub(crate) balancer: Balancer,
    folder: PathBuf,
    _database: Box<dyn Any>,
}

impl Bank {
    /// One on each database that there is a server for.
    pub(crate) fn all(replicas: usize, test: &str) -> impl Iterator<Item = Self> {
        let postgres = move || {
            let database = Database::new(test)?;
            Some(Self::on(&database.url.clone(), database, replicas, &format!("{test}-postgres")))
        };
        let redis = move || {
            let server = Own::is_there(test).then(Own::durable)?;
            Some(Self::on(&server.url(), server, replicas, &format!("{test}-redis")))
        };
        std::iter::once_with(postgres).chain(std::iter::once_with(redis)).flatten()
    }

    fn on(store: &str, database: impl Any, replicas: usize, name: &str) -> Self {
        let (folder, balancer) = (folder(&format!("quickstart-{name}")), Balancer::new());
        let start = || Replica::start(store, &folder.join("keys"), &balancer.origin());
        let replicas = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..replicas).map(|_| scope.spawn(start)).collect();
            starting.into_iter().map(|replica| replica.join().unwrap()).collect::<Vec<_>>()
        });
        balancer.serve(&replicas);
        Self { replicas, balancer, folder, _database: Box::new(database) }
    }

    pub(crate) fn alice(&self) -> Person<'_> {
        Person { balancer: &self.balancer, repeats: AtomicUsize::new(0) }
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.replicas.clear();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A running quickstart among others.
pub(crate) struct Replica {
    child: Child,
    address: SocketAddr,
}

impl Replica {
    fn start(store: &str, keys: &Path, origin: &str) -> Self {
        let mut child = Command::new(built(root(), "quickstart"))
            .args(["--listen", "127.0.0.1:0", "--store", store, "--origin", origin, "--keys"])
            .arg(keys)
            .arg("--policy")
            .arg(root().join("examples/quickstart/policy.toml"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the quickstart starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let listens = lines.find_map(|line| {
            let line = line.expect("text");
            let (address, _) = line.trim().strip_prefix("It listens on http://")?.split_once(',')?;
            Some(address.parse().expect("an address"))
        });
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: listens.expect("it says where it listens") }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        send_signal(self.id(), signal);
    }
}

fn send_signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands each connection to the next replica that takes it.
pub(crate) struct Balancer {
    listener: TcpListener,
    turn: Arc<AtomicUsize>,
    /// How many connections a replica has taken.
    taken: Arc<AtomicUsize>,
    /// The process that is killed when it answers; nobody hears the answer.
    doomed: Arc<Mutex<Option<u32>>>,
}

impl Balancer {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { listener, turn: Arc::default(), taken: Arc::default(), doomed: Arc::default() }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    fn serve(&self, replicas: &[Replica]) {
        let addresses: Vec<SocketAddr> = replicas.iter().map(|replica| replica.address).collect();
        let listener = self.listener.try_clone().unwrap();
        let (turn, taken, doomed) = (Arc::clone(&self.turn), Arc::clone(&self.taken), Arc::clone(&self.doomed));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let mut in_turn = (0..addresses.len()).map(|next| addresses[(first + next) % addresses.len()]);
                let server = in_turn.find_map(|address| TcpStream::connect(address).ok()).expect("a replica is there");
                taken.fetch_add(1, Ordering::Relaxed);
                carry(client.unwrap(), server, doomed.lock().unwrap().take());
            }
        });
    }

    /// Which replica is the next.
    pub(crate) fn send_next_to(&self, replica: usize) {
        self.turn.store(replica, Ordering::Relaxed);
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn kill_when_it_answers_next(&self, replica: &Replica) {
        *self.doomed.lock().unwrap() = Some(replica.id());
    }
}

/// Both ways, until the server ends it.
fn carry(client: TcpStream, server: TcpStream, doomed: Option<u32>) {
    let (mut asks, mut takes) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || io::copy(&mut asks, &mut takes));
    std::thread::spawn(move || {
        let (mut answers, mut hears) = (server, client);
        if let Some(process) = doomed {
            assert_eq!(answers.read(&mut [0]).unwrap(), 1, "it answers");
            send_signal(process, "-KILL");
        } else {
            let _ = io::copy(&mut answers, &mut hears);
        }
        let _ = hears.shutdown(Shutdown::Both);
    });
}

/// Somebody who tries again when a page does not come.
pub(crate) struct Person<'a> {
    balancer: &'a Balancer,
    repeats: AtomicUsize,
}

impl Person<'_> {
    pub(crate) fn repeats(&self) -> usize {
        self.repeats.load(Ordering::Relaxed)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, sent: &Value) -> (u16, Value) {
        for _ in 0..3 {
            match self.ask_once(method, path, token, &sent.to_string()) {
                Ok(answer) if !answer.is_empty() => return (status(&answer), read(&answer)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("{method} {path}: no answer comes"),
                _ => self.repeats.fetch_add(1, Ordering::Relaxed),
            };
        }
        (0, Value::Null)
    }

    fn ask_once(&self, method: &str, path: &str, token: &str, sent: &str) -> io::Result<String> {
        let address = self.balancer.listener.local_addr()?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let authorization = if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}connection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{sent}",
            sent.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    pub(crate) fn log_in(&self) -> Value {
        let login = json!({ "username": "alice", "password": "correct horse battery staple" });
        let (status, answer) = self.ask("POST", "/login", "", &login);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn answer(&self, challenge: &Value, kind: &str, code: &str) -> (u16, Value) {
        let text = |name: &str| challenge[name].as_str().unwrap().to_owned();
        let path = format!("/mfa/challenges/{}/verify", text("challenge_id"));
        self.ask("POST", &path, &text("challenge_token"), &json!({ "type": kind, "code": code }))
    }

    /// Binds a telephone; what confirms it is the code of now. Returns what was answered, too.
    pub(crate) fn bind(&self) -> (AuthenticatorApp, Value) {
        let answer = self.log_in();
        let token = answer["access_token"].as_str().unwrap();
        let (status, started) = self.ask("POST", "/mfa/authenticators", token, &json!({ "type": "totp" }));
        assert_eq!(status, 201, "{started}");
        let app = AuthenticatorApp::scan(started["otpauth_uri"].as_str().unwrap()).unwrap();
        let path = format!("/mfa/authenticators/{}/confirm", started["id"].as_str().unwrap());
        let (status, bound) = self.ask("POST", &path, token, &json!({ "code": app.code(now()) }));
        assert_eq!(status, 200, "{bound}");
        (app, bound)
    }
}

/// What has no body says so by its status.
fn read(answer: &str) -> Value {
    if answer.ends_with("\r\n\r\n") { Value::Null } else { body(answer) }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now().unwrap()
}
