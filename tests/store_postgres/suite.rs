//! The conformance suite, by every way to the server.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;
use tower_mfa::store::conformance;

use crate::folder::Folder;
use crate::postgres::Schema;
use crate::tools;
use crate::toy_store::Alternating;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms() {
    let Some(schema) = Schema::new("conforms") else { return };
    conformance::run(async || schema.fresh().connect(schema.url()).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_with_prepared_statements() {
    let Some(schema) = Schema::new("prepared") else { return };
    conformance::run(async || schema.fresh().direct(true).connect(schema.url()).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_through_two_pools() {
    let Some(schema) = Schema::new("two_pools") else { return };
    let fresh = async || {
        let options = schema.fresh();
        let (one, other) = tokio::join!(options.clone().connect(schema.url()), options.connect(schema.url()));
        Alternating::new(one.unwrap(), other.unwrap())
    };
    conformance::run(fresh).await.unwrap();
}

/// The host uses its pool for itself, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_through_a_pool_of_the_hosts() {
    let Some(schema) = Schema::new("hosts_pool") else { return };
    let options = PgConnectOptions::disable_statement_logging(schema.url().parse().unwrap());
    let pool = sqlx::PgPool::connect_with(options).await.unwrap();
    conformance::run(async || schema.fresh().with_pool(pool.clone()).await.unwrap()).await.unwrap();
    let mut host = pool.begin().await.unwrap();
    sqlx::raw_sql("CREATE TEMPORARY TABLE orders (id int)").execute(&mut *host).await.unwrap();
    host.rollback().await.unwrap();
}

/// Ten clients share three connections, and none has one for longer than a statement.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms_through_pgbouncer_in_transaction_mode() {
    let Some(schema) = Schema::new("pgbouncer") else { return };
    if !tools::installed(&["pgbouncer"]) {
        return;
    }
    let pooler = Pooler::start(schema.url()).await;
    conformance::run(async || schema.fresh().connect(&pooler.url).await.unwrap()).await.unwrap();
}

/// A PgBouncer of the test's own, ended with it.
struct Pooler {
    url: String,
    process: Child,
    _folder: Folder,
}

impl Pooler {
    async fn start(server: &str) -> Self {
        let server: PgConnectOptions = server.parse().unwrap();
        let (user, database) = (server.get_username(), server.get_database().unwrap());
        let folder = Folder::new("pgbouncer");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (users, settings) = (folder.path().join("users.txt"), folder.path().join("pgbouncer.ini"));
        std::fs::write(&users, format!("\"{user}\" \"\"\n")).unwrap();
        let (host, server_port, users) = (server.get_host(), server.get_port(), users.display());
        let text = format!(
            "[databases]\n{database} = host={host} port={server_port} dbname={database}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {users}\npool_mode = transaction\ndefault_pool_size = 3\n"
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new("pgbouncer");
        command.arg("--quiet").arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // It refuses to run as root, and reads its settings as the user it changes to.
        if std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0) {
            command.args(["--user", "nobody"]);
        }
        let mut process = command.spawn().unwrap();
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
                return Self { url, process, _folder: folder };
            }
            assert!(process.try_wait().unwrap().is_none(), "pgbouncer ended");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("pgbouncer does not listen");
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
