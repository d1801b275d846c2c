use std::time::{Duration, Instant};

use sqlx::postgres::PgPoolCopyExt as _;
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use tokio::runtime::Runtime;
use tower_mfa::id::Subject;
use tower_mfa::store::{PostgresOptions, PostgresStore};
use tower_mfa_benches::{Report, median};

use super::us;
use super::verification::{Written, ours_once};

const FEW: u64 = 10_000;
const ROUNDS: u64 = 2_000;
/// What the caches of the server are warmed with.
const WARM: u64 = 500;

/// One load and commit after the other among many accounts, against the same among 10,000; on demand, for it writes
/// some gigabytes. `TOWER_MFA_BENCH_ACCOUNTS` says how many are many.
pub fn measure(runtime: &Runtime, report: &mut Report) {
    let (url, many) = (std::env::var("TEST_POSTGRES_URL"), std::env::var("TOWER_MFA_BENCH_ACCOUNTS"));
    let (Ok(url), Ok(many)) = (url, many) else {
        println!("left out: TEST_POSTGRES_URL and TOWER_MFA_BENCH_ACCOUNTS are not both set, so no size was compared");
        return;
    };
    let many: u64 = many.parse().expect("a number of accounts");
    runtime.block_on(async {
        let schema = format!("tower_mfa_bench_{}", std::process::id());
        let pool = PgPool::connect(&url).await.unwrap();
        let written = Written::by_an_answer().await;
        let open = async |prefix: &str, accounts: u64| {
            let options = PostgresOptions::new().schema(&schema).unwrap().table_prefix(prefix).unwrap().direct(true);
            let store = options.connect(&url).await.unwrap();
            fill(&pool, &format!("{schema}.{prefix}account"), accounts, &written.document).await;
            store
        };
        let (small, big) = (open("small_", FEW).await, open("big_", many).await);
        compare((&small, &big), many, &written, &pool, &format!("{schema}.big_account"), report).await;
        run(&pool, &format!("DROP SCHEMA {schema} CASCADE")).await;
    });
}

async fn compare(
    (small, big): (&PostgresStore, &PostgresStore),
    many: u64,
    written: &Written,
    pool: &PgPool,
    table: &str,
    report: &mut Report,
) {
    let (mut few_times, mut many_times) = (Vec::new(), Vec::new());
    for round in 0..WARM + ROUNDS {
        let few_took = once(small, round, FEW, written).await;
        let many_took = once(big, round, many, written).await;
        if round >= WARM {
            few_times.push(few_took);
            many_times.push(many_took);
        }
    }
    let (few_us, many_us) = (us(median(&mut few_times)), us(median(&mut many_times)));
    let sizes =
        format!("SELECT pg_total_relation_size('{table}'), pg_table_size('{table}') - pg_relation_size('{table}')");
    let row = sqlx::raw_sql(AssertSqlSafe(sizes)).fetch_one(pool).await.unwrap();
    let (whole, toast): (i64, i64) = (row.get(0), row.get(1));
    let details = format!(
        "  {many_us:.0} of {few_us:.0} µs, {} bytes an account on disk with its index, {toast} of TOAST in all",
        u64::try_from(whole).unwrap() / many
    );
    report.line(&format!("load and commit among {many} accounts (10,000 = 1)"), many_us / few_us, 1.25, "", details);
}

/// Everybody in turn, far apart.
async fn once(store: &PostgresStore, round: u64, accounts: u64, written: &Written) -> Duration {
    let subject = Subject::new(format!("user-{:08}", round.wrapping_mul(7_368_787) % accounts)).unwrap();
    let start = Instant::now();
    ours_once(store.clone(), subject, written.clone()).await;
    start.elapsed()
}

/// So many at once are sent to be copied in.
const PIECE: u64 = 1_000;

async fn fill(pool: &PgPool, table: &str, accounts: u64, document: &str) {
    // As `COPY` wants text: nothing else in a document of JSON has to be escaped.
    let document = document.replace('\\', "\\\\");
    let statement = format!("COPY {table} (subject, revision, document) FROM STDIN");
    let mut copy = pool.copy_in_raw(&statement).await.unwrap();
    for first in (0..accounts).step_by(usize::try_from(PIECE).unwrap()) {
        let numbers = first..accounts.min(first + PIECE);
        let rows: String = numbers.map(|n| format!("user-{n:08}\t{n:032x}\t{document}\n")).collect();
        copy.send(rows.into_bytes()).await.unwrap();
    }
    assert_eq!(copy.finish().await.unwrap(), accounts);
    run(pool, &format!("VACUUM ANALYZE {table}")).await;
    run(pool, "CHECKPOINT").await;
}

async fn run(pool: &PgPool, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(pool).await.unwrap();
}
