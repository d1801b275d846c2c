//! The examples that are no quickstart, run as a person runs them.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails loudly")]

#[path = "common/example.rs"]
mod example;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use example::built;

/// Ends the program with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get(address: &str, path: &str, token: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_enforcer_checks_tokens_on_hyper_alone() {
    let child = Command::new(built(Path::new(env!("CARGO_MANIFEST_DIR")), "enforcer"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut running = Running(child);
    let mut tokens = Vec::new();
    let mut address = None;
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap) {
        if let Some((_, rest)) = line.split_once("Bearer ") {
            tokens.push(rest.split('\'').next().unwrap().to_owned());
        }
        if let Some(rest) = line.strip_prefix("listening on http://") {
            address = Some(rest.to_owned());
            break;
        }
    }
    let address = address.expect("it listens");
    let [password, code] = &*tokens else { panic!("two tokens") };
    assert!(get(&address, "/transfer", None).starts_with("HTTP/1.1 401 "));
    let more = get(&address, "/transfer", Some(password));
    assert!(more.starts_with("HTTP/1.1 401 ") && more.contains("insufficient_user_authentication"), "{more}");
    let allowed = get(&address, "/transfer", Some(code));
    assert!(allowed.starts_with("HTTP/1.1 200 ") && allowed.ends_with("alice may\n"), "{allowed}");
    let (head, tail) = code.split_at(code.len() / 2);
    let forged = format!("{head}A{tail}");
    assert!(get(&address, "/transfer", Some(&forged)).contains("invalid_token"));
    assert!(get(&address, "/", None).ends_with("hello, stranger\n"));
}

#[test]
fn every_operation_is_called_directly() {
    let output = Command::new(built(Path::new(env!("CARGO_MANIFEST_DIR")), "direct")).output().expect("it starts");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("The phone is lost") && told.contains("The audit trail has"), "{told}");
}

/// The keys never stand in a file of the service's, and without who keeps them nobody gets in.
#[test]
fn keys_are_kept_by_a_service_like_kms_and_one_like_transit() {
    let program = built(Path::new(env!("CARGO_MANIFEST_DIR")), "remote_keys");
    let output = Command::new(program).output().expect("it starts");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for service in ["AWS KMS: 2 master keys unwrapped", "Vault Transit: 2 master keys unwrapped"] {
        assert!(told.contains(service), "{told}");
    }
    assert_eq!(told.matches("her token verifies under the public key").count(), 2, "{told}");
    assert_eq!(told.matches("the service is gone: unavailable").count(), 2, "{told}");
}
