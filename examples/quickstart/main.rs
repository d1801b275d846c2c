//! A small bank, protected end to end: `cargo run --example quickstart`, then open the page it names.
//!
//! The host's own part is its users and their passwords (`users.rs`, `login.rs`). What the library
//! does is in two places: `mfa.begin(…)` behind `POST /login`, and one layer around all routes
//! (`routes.rs`), which holds them to a policy in a file (`policy.toml`). Change the file while this
//! runs. The page (`page/`) talks to nothing but the HTTP contract, `docs/HTTP.md`.

mod args;
mod body;
mod keys;
mod listing;
mod login;
mod page;
mod place;
mod policy;
mod routes;
mod serve;
mod terminal;
mod users;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use args::{Args, Command, Listen, Place};
use routes::App;
use terminal::Terminal;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match args::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => say(args::USAGE).map(|()| ExitCode::SUCCESS),
        Ok(Command::Routes(args)) => listing::routes(&args).and_then(|(list, is_whole)| {
            say(list.trim_end())?;
            Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }),
        Ok(Command::Serve(args)) => run(args).await.map(|()| ExitCode::SUCCESS),
        Err(wrong) => {
            let _ = writeln!(std::io::stderr(), "error: {wrong}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|wrong| {
        let _ = writeln!(std::io::stderr(), "error: {wrong}");
        ExitCode::FAILURE
    })
}

fn say(text: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string())
}

async fn run(args: Args) -> Result<(), String> {
    let listeners = serve::bind(args.listen).await?;
    let address = listeners.first().ok_or("nothing to listen on")?.local_addr().map_err(|e| e.to_string())?;
    let listens = match args.listen {
        Listen::Localhost(_) => format!("http://localhost:{}", address.port()),
        Listen::One(_) => format!("http://{address}"),
    };
    let origin = args.origin.clone().unwrap_or_else(|| listens.clone());
    let mfa = place::open(&args).await?;
    let file = policy::open(&args)?;
    let mfa = mfa.issuer(origin.as_str()).audience("quickstart").app_name("tower-mfa quickstart");
    let mfa = match keys::relying_party(&args, &origin)? {
        Some(site) => mfa.webauthn(site).directory(keys::Bank),
        None => mfa,
    };
    let mfa = mfa
        .policy_source(file.policies())
        .admin_mounted_at(routes::ADMINISTRATION)
        .cookies(true)
        .build()
        .map_err(|e| chain(&e))?;
    place::follow(&args, &mfa);
    let (routes, terminal) = (file.routes(&mfa), Terminal::open());
    let app = App { mfa, users: users::Users::new()?, loopback: args.listen.is_loopback() };
    let _ = std::io::stdout().write_all(welcome(&origin, &listens, &args).as_bytes());
    policy::watch(file, routes.clone(), terminal.clone());
    serve::serve(listeners, routes::service(app, &routes, terminal)).await.map_err(|e| chain(&e))
}

fn welcome(origin: &str, listens: &str, args: &Args) -> String {
    let data = match &args.place {
        Place::Memory => "in memory, gone when this stops".to_owned(),
        // The file, what SQLite keeps beside it, and the keys.
        Place::Sqlite(file) => format!("{}; delete them to begin again", file.with_extension("*").display()),
        // Without user and password.
        Place::Redis(urls) => {
            let places: Vec<_> =
                urls.split(',').map(|url| url.rsplit_once(['@', '/']).map_or(url, |(_, place)| place)).collect();
            format!("Redis, {}", places.join(", "))
        }
        Place::Postgres(url) => {
            let place = url.rsplit_once('@').map_or(url.as_str(), |(_, place)| place);
            format!("PostgreSQL, {place}, schema tower_mfa")
        }
    };
    let names = users::NAMES.join(", ");
    let policy = args.policy_file();
    let mut text = format!(
        "\ntower-mfa quickstart\n\n  open      {origin}\n  sign in   {names} (root is an admin)\n  password  {}\n  data      {data}\n  policy    {}; edit it while this runs\n  stop      Ctrl-C\n\n",
        users::PASSWORD,
        policy.display(),
    );
    if origin != listens {
        text.push_str(&format!("It listens on {listens}, and expects somebody at {origin} who hands requests on.\n\n"));
    }
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
