//! The rights of docs/OPERATIONS.md: enough, and no more.

use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tower_mfa::store::conformance;

use crate::postgres::Schema;

/// What docs/OPERATIONS.md gives the service's role, which owns nothing.
fn grants() -> impl Iterator<Item = &'static str> {
    let text = include_str!("../../docs/OPERATIONS.md");
    let (_, after) = text.split_once("```sql\n").expect("a block of SQL");
    let (block, _) = after.split_once("```").expect("its end");
    block.lines().filter(|line| line.starts_with("GRANT"))
}

/// A role of a test's own; dropped by hand, for it belongs to no schema.
struct Role {
    name: String,
    url: String,
}

impl Role {
    async fn new(schema: &Schema) -> Self {
        let name = format!("{}_role", schema.name());
        schema.execute(&format!("CREATE ROLE {name} LOGIN")).await;
        let (_, server) = schema.url().split_once('@').expect("a URL with a user");
        Self { url: format!("postgres://{name}@{server}"), name }
    }

    async fn grant(&self, schema: &Schema, prefix: &str) {
        for grant in grants() {
            let on_tables = grant.replace("tower_mfa.", &format!("{{}}.{prefix}"));
            let grant =
                on_tables.replace("SCHEMA tower_mfa", "SCHEMA {}").replace(" TO mfa;", &format!(" TO {};", self.name));
            schema.execute(&grant).await;
        }
    }

    async fn drop(self, schema: &Schema) {
        schema.execute(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_role_with_the_grants_of_the_documentation_can_do_all_that_is_needed() {
    let Some(schema) = Schema::new("grants") else { return };
    let (role, made) = (Role::new(&schema).await, AtomicUsize::new(0));
    let fresh = async || {
        let prefix = format!("g{}_", made.fetch_add(1, Ordering::Relaxed));
        let options = schema.options().table_prefix(&prefix).unwrap().max_connections(8);
        drop(options.clone().connect(schema.url()).await.unwrap());
        role.grant(&schema, &prefix).await;
        options.connect(&role.url).await.unwrap()
    };
    let said = conformance::run(fresh).await;
    role.drop(&schema).await;
    said.unwrap();
    assert!(made.into_inner() > 0);
}

#[tokio::test]
async fn a_role_with_the_grants_of_the_documentation_can_do_nothing_else() {
    let Some(schema) = Schema::new("no_grants") else { return };
    let role = Role::new(&schema).await;
    drop(schema.store().await);
    role.grant(&schema, "").await;
    let mut by_role = PgConnection::connect(&role.url).await.unwrap();
    let mut said = Vec::new();
    for sql in [
        "DELETE FROM {}.account",
        "UPDATE {}.claim SET subject = 'bob'",
        "DELETE FROM {}.claim",
        "UPDATE {}.schema_version SET version = 1",
        "DROP TABLE {}.event",
        "CREATE TABLE {}.more (id int)",
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(sql.replace("{}", schema.name()))).execute(&mut by_role).await;
        said.push((
            sql,
            refused.err().and_then(|error| error.as_database_error()?.code().map(|code| code.to_string())),
        ));
    }
    drop(by_role);
    role.drop(&schema).await;
    for (sql, code) in said {
        assert_eq!(code.as_deref(), Some("42501"), "{sql}: there is no right to");
    }
}
