use std::cell::Cell;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool, Row as _};
use tokio::runtime::Runtime;
use tower_mfa::entropy::SystemEntropy;
use tower_mfa::id::{EventId, Subject};
use tower_mfa::store::{PostgresOptions, PostgresStore, StoredEvent};
use tower_mfa_benches::Report;

use super::answers::People;
use super::verification::{ROUND, Written, accounts, now, ours_once, rate, report_rates, revision};

/// As many as a store opens unless it is told otherwise.
const CONNECTIONS: u32 = 10;

/// Loads and commits a second through the store, against the same statements and bytes sent by sqlx alone, on the same
/// tables, in turns. A document and two events, as a right answer writes them.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let Ok(url) = std::env::var("TEST_POSTGRES_URL") else {
        println!("left out: TEST_POSTGRES_URL is not set, so no PostgreSQL was measured");
        return;
    };
    runtime.block_on(async {
        let schema = format!("tower_mfa_bench_{}", std::process::id());
        let options = PgConnectOptions::disable_statement_logging(url.parse().expect("a URL"));
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
        let pool = pool.connect_with(options).await.unwrap();
        let (written, people) = (Written::by_an_answer().await, People::enrolled().await);
        for direct in [true, false] {
            let store = PostgresOptions::new().schema(&schema).unwrap().max_connections(CONNECTIONS).direct(direct);
            let store = store.connect(&url).await.unwrap();
            let bare = Bare { pool: pool.clone(), schema: schema.as_str().into(), direct };
            compare(&store, &bare, &written, &people, report).await;
            run(&pool, &format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    });
}

async fn compare(store: &PostgresStore, bare: &Bare, written: &Written, people: &People, report: &mut Report) {
    let subjects = accounts(store, written).await;
    run(&bare.pool, &format!("VACUUM ANALYZE {}.account", bare.schema)).await;
    let wal = Cell::new(0.0);
    let ours = async || {
        let before = lsn(&bare.pool).await;
        let rate = rate(&subjects, written, |subject, written| ours_once(store.clone(), subject, written)).await;
        wal.set((lsn(&bare.pool).await - before) / (rate * ROUND.as_secs_f64()));
        rate
    };
    let alone = async || rate(&subjects, written, |subject, written| bare.clone().once(subject, written)).await;
    let how = if bare.direct { "prepared" } else { "for any pooler" };
    let what = format!("load and commit, PostgreSQL, {how} (bare sqlx = 1)");
    let details = format!(", document of {} bytes", written.document.len());
    report_rates(&what, (ours, alone), async || {}, report, &details).await;
    println!("  {:.0} bytes of WAL each", wal.get());
    let (engine, once) = (format!("PostgreSQL, {how}"), |subject, written| bare.clone().once(subject, written));
    people.compare((&engine, store.clone()), (&subjects, written), once, async || {}, report).await;
}

/// sqlx and nothing else.
#[derive(Clone)]
struct Bare {
    pool: PgPool,
    schema: Arc<str>,
    direct: bool,
}

const LOAD: &str = r#"SELECT pg_is_in_recovery(), found.* FROM (SELECT) AS one LEFT JOIN (
    SELECT revision::text, document::text FROM "{}"."account" WHERE subject = $1::text) AS found ON true"#;

/// What `src/store/postgres/commit.rs` says for a document that is there and events, without claims.
const COMMIT: &str = r#"WITH
changed AS (
    UPDATE "{}"."account" SET revision = $1::uuid, document = $2::jsonb
    WHERE subject = $3::text AND revision = $4::uuid
    RETURNING subject),
place AS MATERIALIZED (
    SELECT CASE WHEN pg_advisory_xact_lock_shared(
                         ('"{}"."event"'::regclass::oid::bigint << 32)
                         | ((SELECT last_value - (NOT is_called)::int FROM "{}"."event_number") & 4294967295)) IS NOT NULL
                THEN nextval('"{}"."event_number"') END AS number,
           changed.subject
    FROM changed),
written AS (
    INSERT INTO "{}"."event" (number, part, subject, id, at, body, revokes)
    SELECT place.number, event.part, place.subject, event.id, event.at, event.body, nullif(event.revokes, '')
    FROM place
    CROSS JOIN unnest($5::text[], $6::bigint[], $7::text[], $8::text[]) WITH ORDINALITY AS event (id, at, body, revokes, part))
SELECT EXISTS (SELECT FROM changed),
       false,
       extract(epoch FROM clock_timestamp())::bigint,
       CASE WHEN current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
            THEN set_config('synchronous_commit', 'on', true) END"#;

impl Bare {
    async fn once(self, subject: Subject, written: Written) {
        let row = self.load(&subject).await;
        let (old, document): (String, String) = (row.get(1), row.get(2));
        assert!(!document.is_empty());
        let ids = written.events.iter().map(|_| EventId::generate(&SystemEntropy).unwrap().to_string()).collect();
        let revision = format!("{:032x}", u128::from_be_bytes(*revision().as_bytes()));
        let row = self.commit(&subject, &old, &revision, ids, &written).await;
        assert!(row.get::<bool, _>(0));
    }

    async fn load(&self, subject: &Subject) -> PgRow {
        let sql = LOAD.replace("{}", &self.schema);
        if self.direct {
            return sqlx::query(AssertSqlSafe(sql)).bind(subject.storage_key()).fetch_one(&self.pool).await.unwrap();
        }
        let sql = sql.replace("$1", &quoted(subject.id()));
        sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap()
    }

    async fn commit(&self, subject: &Subject, old: &str, new: &str, ids: Vec<String>, written: &Written) -> PgRow {
        let sql = COMMIT.replace("{}", &self.schema);
        let seconds = i64::try_from(now().as_secs()).unwrap();
        let ids_count = ids.len();
        let (times, bodies) = (vec![seconds; ids.len()], written.events.iter().map(StoredEvent::body));
        if self.direct {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(new.to_owned()).bind(written.document.to_string());
            let query = query.bind(subject.storage_key()).bind(old.to_owned()).bind(ids).bind(times);
            let bodies: Vec<String> = bodies.map(str::to_owned).collect();
            return query.bind(bodies).bind(vec![String::new(); ids_count]).fetch_one(&self.pool).await.unwrap();
        }
        let list = |texts: Vec<String>| format!("ARRAY[{}]", texts.join(","));
        let values = [
            quoted(new),
            quoted(&written.document),
            quoted(subject.id()),
            quoted(old),
            list(ids.iter().map(|id| quoted(id)).collect()),
            list(times.iter().map(|time| format!("'{time}'::bigint")).collect()),
            list(bodies.map(quoted).collect()),
            list(vec![quoted(""); ids_count]),
        ];
        let mut text = String::new();
        let mut parts = sql.split('$');
        text.push_str(parts.next().unwrap());
        for part in parts {
            let number: usize = part[..1].parse().unwrap();
            text.push_str(&values[number - 1]);
            text.push_str(&part[1..]);
        }
        sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(&self.pool).await.unwrap()
    }
}

fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}

/// How many bytes of WAL the server has written since it was made.
async fn lsn(pool: &PgPool) -> f64 {
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8";
    sqlx::raw_sql(sql).fetch_one(pool).await.unwrap().get(0)
}
