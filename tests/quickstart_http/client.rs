//! A client that sends what it is told to, byte for byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::quickstart::Quickstart;

/// Sends one request as it stands, the path too; returns the answer without its date.
pub(crate) fn send(bank: &Quickstart, method: &str, path: &str, token: Option<&str>, body: &str) -> String {
    let address = bank.origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}connection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_inclusive('\n').filter(|line| !line.starts_with("date: ")).collect()
}

pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

pub(crate) fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// What somebody gets for the right password.
pub(crate) fn log_in(bank: &Quickstart, name: &str, token: &str) -> String {
    let login = json!({ "username": name, "password": "correct horse battery staple" });
    let answer = body(&send(bank, "POST", "/login", None, &login.to_string()));
    answer[token].as_str().unwrap().to_owned()
}
