//! A small bank, protected end to end: `cargo run --example quickstart`, then open the page it names.
//!
//! The host's own part is its users and their passwords (`users.rs`, `login.rs`). What the library
//! does is in two places: `mfa.begin(…)` behind `POST /login`, and one requirement beside each route
//! in `routes.rs`. The page (`page/`) talks to nothing but the HTTP contract, `docs/HTTP.md`.

mod args;
mod body;
mod login;
mod page;
mod routes;
mod serve;
mod users;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use args::{Args, Command, Listen, Place};
use tower_mfa::assurance::Requirement;
use tower_mfa::policy::{BoundTo, Policy};
use tower_mfa::service::{Keys, Mfa};
use tower_mfa::store::{MemoryStore, SqliteStore};

#[tokio::main]
async fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let mut err = std::io::stderr();
    let told = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => writeln!(out, "{}", args::USAGE),
        Err(wrong) => {
            let _ = writeln!(err, "error: {wrong}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
        Ok(Command::Serve(args)) => match run(args).await {
            Ok(()) => Ok(()),
            Err(wrong) => {
                let _ = writeln!(err, "error: {wrong}");
                return ExitCode::FAILURE;
            }
        },
    };
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(args: Args) -> Result<(), String> {
    let listeners = serve::bind(args.listen).await?;
    let address = listeners.first().ok_or("nothing to listen on")?.local_addr().map_err(|e| e.to_string())?;
    let origin = match args.listen {
        Listen::Localhost(_) => format!("http://localhost:{}", address.port()),
        Listen::One(_) => format!("http://{address}"),
    };
    let transfer = Requirement::aal2().within(args.transfer_within);
    let policy = Policy::builder()
        .login(args.login)
        .bound_action(routes::TRANSFER, transfer.clone(), BoundTo::parameters(routes::OF_A_TRANSFER))
        .disable_by_code(true)
        .build()
        .map_err(|e| chain(&e))?;
    let mfa = match &args.place {
        Place::Memory => Mfa::builder(MemoryStore::new()).keys(Keys::generate().map_err(|e| chain(&e))?),
        Place::Sqlite(file) => {
            let folder = keys_of(file)?;
            if file.exists() && !folder.exists() {
                let (file, folder) = (file.display(), folder.display());
                return Err(format!("the keys of {file} are gone: put {folder} back, or delete {file} to begin again"));
            }
            let keys = Keys::load_or_create(&folder).map_err(|e| format!("{}: {}", folder.display(), chain(&e)))?;
            let store = SqliteStore::open(file).await.map_err(|e| format!("{}: {}", file.display(), chain(&e)))?;
            Mfa::builder(store).keys(keys)
        }
    };
    let mfa = mfa.issuer(origin.as_str()).audience("quickstart").app_name("tower-mfa quickstart");
    let mfa = mfa.policy(policy).cookies(true).build().map_err(|e| chain(&e))?;
    let app = routes::App { mfa, users: users::Users::new()?, loopback: args.listen.is_loopback(), transfer };
    let _ = std::io::stdout().write_all(welcome(&origin, &args).as_bytes());
    serve::serve(listeners, routes::router(app).map_err(|e| chain(&e))?).await.map_err(|e| chain(&e))
}

/// The keys stand beside the file they belong to: without them its secrets cannot be opened.
fn keys_of(file: &Path) -> Result<std::path::PathBuf, String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))?;
    Ok(file.with_extension("keys"))
}

fn welcome(origin: &str, args: &Args) -> String {
    let data = match &args.place {
        Place::Memory => "in memory, gone when this stops".to_owned(),
        // The file, what SQLite keeps beside it, and the keys.
        Place::Sqlite(file) => format!("{}; delete them to begin again", file.with_extension("*").display()),
    };
    let names = users::NAMES.join(", ");
    let mut text = format!(
        "\ntower-mfa quickstart\n\n  open      {origin}\n  sign in   {names} (root is an admin)\n  password  {}\n  data      {data}\n  stop      Ctrl-C\n\n",
        users::PASSWORD,
    );
    if !args.listen.is_loopback() {
        text.push_str(
            "Others can reach this. Browsers keep its cookies over https alone: put a proxy with TLS before it.\n\n",
        );
    }
    text
}

/// An error and what it comes from, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
