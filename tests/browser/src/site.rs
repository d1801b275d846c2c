//! A site of a few files, for tests of scripts alone.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

/// A site on this machine, for as long as the test runs.
#[derive(Debug)]
pub struct Site {
    /// Where it is: a name, for an address of numbers has no passkeys.
    pub origin: String,
}

/// A path, its media type and what it answers.
pub type File = (&'static str, &'static str, &'static str);

impl Site {
    /// Serves these files, and 404 for everything else.
    #[must_use]
    pub fn serve(files: &'static [File]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let origin = format!("http://localhost:{}", listener.local_addr().expect("an address").port());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer(stream, files));
            }
        });
        Self { origin }
    }
}

fn answer(mut stream: TcpStream, files: &[File]) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines().map_while(Result::ok);
    let first = lines.next()?;
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = first.split([' ', '?']).nth(1)?;
    let (status, kind, body) = match files.iter().find(|(name, ..)| *name == path) {
        Some((_, kind, body)) => ("200 OK", *kind, *body),
        None => ("404 Not Found", "text/plain", ""),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()
}
