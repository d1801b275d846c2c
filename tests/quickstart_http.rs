//! The quickstart, driven over HTTP by a program that knows only `docs/HTTP.md`: Python's standard
//! library for everything, PyJWT for the tokens.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

#[path = "quickstart_http/bank.rs"]
mod bank;
#[path = "quickstart_http/client.rs"]
mod client;
#[path = "common/example.rs"]
mod example;
#[path = "quickstart_http/keys.rs"]
mod keys;
#[path = "common/left_out.rs"]
mod left_out;
#[path = "quickstart_http/policy.rs"]
mod policy;
#[path = "common/postgres.rs"]
#[expect(dead_code, reason = "what other tests ask of it")]
mod postgres;
#[path = "common/quickstart.rs"]
mod quickstart;
#[path = "quickstart_http/replicas.rs"]
mod replicas;
#[path = "quickstart_http/scan.rs"]
mod scan;
#[path = "store_redis/server/mod.rs"]
#[expect(dead_code, unused_imports, reason = "what other tests ask of it")]
mod server;
#[path = "common/tools.rs"]
mod tools;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use example::built;
use quickstart::Quickstart;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of its own for a test; what an earlier run left is removed.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn has_pyjwt() -> bool {
    if !tools::installed(&["python3"]) {
        return false;
    }
    let found = Command::new("python3").args(["-c", "import jwt, cryptography"]).output();
    let missing: &[&str] = if found.is_ok_and(|output| output.status.success()) { &[] } else { &["PyJWT[crypto]"] };
    tools::none_missing(missing)
}

fn tell(store: &str, chapter: &[&str]) -> String {
    let bank = Quickstart::start(root(), &["--store", store], &[]);
    let arguments = [&["tests/interop/story.py", &bank.origin], chapter].concat();
    String::from_utf8(tools::run("python3", &arguments, b"")).unwrap()
}

#[test]
fn the_whole_story_is_told_over_http_on_memory() {
    if has_pyjwt() {
        assert_eq!(tell("memory:", &[]), "the story is told\n");
    }
}

#[test]
fn the_whole_story_is_told_over_http_on_sqlite_and_outlives_a_restart() {
    if has_pyjwt() {
        let folder = folder("quickstart-story");
        let store = format!("sqlite:{}", folder.join("mfa.sqlite").display());
        assert_eq!(tell(&store, &[]), "the story is told\n");
        assert_eq!(tell(&store, &["again"]), "it is all still there\n");
        let keys = folder.join("mfa.keys").join("signing-key.pem");
        let key = std::fs::read_to_string(keys).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(key.contains("PRIVATE KEY"), "the keys stand beside the file");
    }
}

#[test]
fn the_whole_story_is_told_over_http_on_postgres_and_outlives_a_restart() {
    let Some(database) = postgres::Database::new("story") else { return };
    if has_pyjwt() {
        let folder = folder("quickstart-postgres-story");
        let keys = folder.join("keys");
        let tell = |chapter: &[&str]| {
            let options = ["--store", &database.url, "--keys", keys.to_str().unwrap()];
            let bank = Quickstart::start(root(), &options, &[]);
            let arguments = [&["tests/interop/story.py", &bank.origin], chapter].concat();
            String::from_utf8(tools::run("python3", &arguments, b"")).unwrap()
        };
        assert_eq!(tell(&[]), "the story is told\n");
        assert_eq!(tell(&["again"]), "it is all still there\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Starts it in vain; returns what it says.
fn refused(options: &[&str]) -> String {
    let output = Command::new(built(root(), "quickstart")).args(options).output().unwrap();
    assert!(!output.status.success(), "{options:?}");
    assert!(output.stdout.is_empty(), "{options:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_start_that_goes_wrong_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = refused(&["--listen", &format!("localhost:{port}"), "--store", "memory:"]);
    assert!(said.contains("in use by another program") && said.contains("--listen"), "{said}");

    let folder = folder("quickstart-refused");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("file");
    std::fs::write(&file, "no folder").unwrap();
    let said = refused(&["--listen", "127.0.0.1:0", "--store", &format!("sqlite:{}/mfa.sqlite", file.display())]);
    assert!(said.contains("cannot make the folder"), "{said}");
    std::fs::remove_dir_all(&folder).unwrap();

    for (options, why) in [
        (&["--bad"][..], "--bad"),
        (&["--store", "postgres:"], "postgres://USER@HOST/DATABASE, redis://HOST or memory:"),
        (&["--store", "sqlite:"], "sqlite:FILE, "),
        (&["--origin", "localhost:3000"], "--origin"),
        (&["--origin", "http://localhost/a"], "--origin"),
        (&["--listen", "3000"], "ADDRESS:PORT"),
        (&["--listen"], "--listen"),
        (&["--listen", "0.0.0.0:0"], "--public"),
        (&["--policy"], "--policy"),
    ] {
        let said = refused(options);
        assert!(said.starts_with("error: ") && said.contains(why) && said.contains("Usage:"), "{options:?}: {said}");
    }
}

/// New keys beside an old file would start, and open nothing in it.
#[test]
fn a_file_whose_keys_are_gone_is_not_started_with_new_ones() {
    let folder = folder("quickstart-keys");
    let file = folder.join("mfa.sqlite");
    let store = format!("sqlite:{}", file.display());
    drop(Quickstart::start(root(), &["--store", &store], &[]));
    std::fs::remove_dir_all(folder.join("mfa.keys")).unwrap();
    let said = refused(&["--store", &store]);
    assert!(said.contains("are gone") && said.contains("mfa.keys"), "{said}");
    assert!(!folder.join("mfa.keys").exists(), "and none were made");
    std::fs::remove_file(file).unwrap();
    drop(Quickstart::start(root(), &["--store", &store], &[]));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_page_may_use_keys_and_nothing_that_watches_and_the_module_is_the_one_of_the_crate() {
    let bank = Quickstart::start(root(), &["--store", "memory:"], &[]);
    for path in ["/", "/assets/app.js"] {
        let answer = client::send(&bank, "GET", path, None, "");
        assert_eq!(client::status(&answer), 200, "{path}");
        let allowed = "permissions-policy: camera=(), microphone=(), geolocation=(), \
            publickey-credentials-get=(self), publickey-credentials-create=(self)\r\n";
        assert!(answer.contains(allowed), "{path}: {answer}");
        assert!(answer.contains("script-src 'self'; "), "{path}: {answer}");
    }
    let module = client::send(&bank, "GET", "/mfa/mfa.js", None, "");
    let (head, text) = module.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: text/javascript; charset=utf-8"), "{head}");
    assert_eq!(text, tower_mfa::routes::BROWSER_MODULE);
}
