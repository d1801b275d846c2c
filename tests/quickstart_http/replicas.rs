//! The quickstart, started three times on one database behind a load balancer, and killed.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tower_mfa::clock::{Clock as _, SystemClock, Timestamp};
use tower_mfa::testing::AuthenticatorApp;

use super::client::{body, status};
use super::postgres::Database;
use super::{built, folder, root};

/// A running quickstart among others.
struct Replica {
    child: Child,
    address: SocketAddr,
}

impl Replica {
    fn start(database: &Database, keys: &Path, origin: &str) -> Self {
        let mut child = Command::new(built(root(), "quickstart"))
            .args(["--listen", "127.0.0.1:0", "--store", &database.url, "--origin", origin, "--keys"])
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

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands each connection to the next replica that takes it.
struct Balancer {
    listener: TcpListener,
    turn: Arc<AtomicUsize>,
    /// How many connections a replica has taken.
    taken: Arc<AtomicUsize>,
}

impl Balancer {
    fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap(), turn: Arc::default(), taken: Arc::default() }
    }

    fn origin(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    fn serve(&self, replicas: &[Replica]) {
        let addresses: Vec<SocketAddr> = replicas.iter().map(|replica| replica.address).collect();
        let listener = self.listener.try_clone().unwrap();
        let (turn, taken) = (Arc::clone(&self.turn), Arc::clone(&self.taken));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let first = turn.fetch_add(1, Ordering::Relaxed);
                let mut in_turn = (0..addresses.len()).map(|next| addresses[(first + next) % addresses.len()]);
                let server = in_turn.find_map(|address| TcpStream::connect(address).ok()).expect("a replica is there");
                taken.fetch_add(1, Ordering::Relaxed);
                carry(client.unwrap(), server);
            }
        });
    }

    /// Which replica is the next.
    fn send_next_to(&self, replica: usize) {
        self.turn.store(replica, Ordering::Relaxed);
    }
}

/// Both ways, until the server ends it.
fn carry(client: TcpStream, server: TcpStream) {
    let (mut asks, mut takes) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || io::copy(&mut asks, &mut takes));
    std::thread::spawn(move || {
        let (mut answers, mut hears) = (server, client);
        let _ = io::copy(&mut answers, &mut hears);
        let _ = hears.shutdown(Shutdown::Both);
    });
}

/// Somebody who tries again when a page does not come.
struct Person<'a> {
    balancer: &'a Balancer,
    repeats: AtomicUsize,
}

impl Person<'_> {
    fn ask(&self, method: &str, path: &str, token: &str, sent: &Value) -> (u16, Value) {
        for _ in 0..3 {
            match self.ask_once(method, path, token, &sent.to_string()) {
                Ok(answer) if !answer.is_empty() => return (status(&answer), body(&answer)),
                _ => self.repeats.fetch_add(1, Ordering::Relaxed),
            };
        }
        (0, Value::Null)
    }

    fn ask_once(&self, method: &str, path: &str, token: &str, sent: &str) -> io::Result<String> {
        let address = self.balancer.listener.local_addr()?;
        let mut stream = TcpStream::connect(address)?;
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

    fn log_in(&self) -> Value {
        let login = json!({ "username": "alice", "password": "correct horse battery staple" });
        let (status, answer) = self.ask("POST", "/login", "", &login);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn answer(&self, challenge: &Value, code: &str) -> (u16, Value) {
        let text = |name: &str| challenge[name].as_str().unwrap().to_owned();
        let path = format!("/mfa/challenges/{}/verify", text("challenge_id"));
        self.ask("POST", &path, &text("challenge_token"), &json!({ "type": "totp", "code": code }))
    }

    /// Binds a telephone; what confirms it is the code of now.
    fn bind(&self) -> AuthenticatorApp {
        let answer = self.log_in();
        let token = answer["access_token"].as_str().unwrap();
        let (status, started) = self.ask("POST", "/mfa/authenticators", token, &json!({ "type": "totp" }));
        assert_eq!(status, 201, "{started}");
        let app = AuthenticatorApp::scan(started["otpauth_uri"].as_str().unwrap()).unwrap();
        let path = format!("/mfa/authenticators/{}/confirm", started["id"].as_str().unwrap());
        let (status, bound) = self.ask("POST", &path, token, &json!({ "code": app.code(now()) }));
        assert_eq!(status, 200, "{bound}");
        app
    }
}

fn now() -> Timestamp {
    SystemClock.now().unwrap()
}

#[test]
fn of_three_on_one_database_one_is_killed_in_the_middle_of_a_sign_in_and_nobody_notices_but_by_a_repeat() {
    let Some(database) = Database::new("replicas") else { return };
    let folder = folder("quickstart-replicas");
    let balancer = Balancer::new();
    let start = || Replica::start(&database, &folder.join("keys"), &balancer.origin());
    let replicas = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(start)).collect();
        starting.into_iter().map(|replica| replica.join().unwrap()).collect::<Vec<_>>()
    });
    balancer.serve(&replicas);
    let alice = Person { balancer: &balancer, repeats: AtomicUsize::new(0) };
    let app = alice.bind();

    balancer.send_next_to(0);
    let challenge = alice.log_in();
    assert_eq!(alice.repeats.load(Ordering::Relaxed), 0);
    // It takes the answer, does not come to look at it, and is killed.
    replicas[1].signal("-STOP");
    balancer.send_next_to(1);
    // That of the next step, which is good already: the one of now is used up.
    let code = app.code(now().plus(30));
    let before = balancer.taken.load(Ordering::Relaxed);
    let (status, answer) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| alice.answer(&challenge, &code));
        while balancer.taken.load(Ordering::Relaxed) == before {
            std::thread::yield_now();
        }
        replicas[1].signal("-KILL");
        asking.join().unwrap()
    });
    assert_eq!(status, 200, "{answer}");
    assert_eq!(alice.repeats.load(Ordering::Relaxed), 1, "the repeat");

    let token = answer["access_token"].as_str().unwrap();
    for replica in 0..3 {
        balancer.send_next_to(replica);
        assert_eq!(alice.ask("GET", "/account", token, &Value::Null).0, 200, "the session is known to each of them");
        balancer.send_next_to(replica);
        let again = alice.answer(&alice.log_in(), &code);
        assert_eq!(again.0, 422, "and the code is used up for each of them: {}", again.1);
    }
    drop(replicas);
    std::fs::remove_dir_all(&folder).unwrap();
}
