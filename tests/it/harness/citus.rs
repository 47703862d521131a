//! Databases of a Citus cluster: one on each node, cloned from a template on each node.
//!
//! The cluster is the one whose coordinator `CITUS_URL` names; its database has the extension and knows all nodes. It
//! does not spread `create database` with a template, so each node is told.

use std::io::Write as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// Returns whether the tests are to use a Citus cluster.
pub(crate) fn is_used() -> bool {
    url().is_some()
}

#[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
pub(super) fn url() -> Option<String> {
    std::env::var("CITUS_URL").ok().filter(|url| !url.trim().is_empty())
}

/// Says that a test does not use the cluster, and why; true where one is used.
pub(crate) fn skips(reason: &str) -> bool {
    if is_used() {
        say("SKIPPED on Citus", reason);
    }
    is_used()
}

/// Says it past the runner, which shows what a test prints only where the test fails.
fn say(what: &str, why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "{what}: {test}: {why}");
}

/// Returns a table that each page with something new is written to, and that takes a trigger. A distributed table takes
/// none; on Citus it is the one that a page writes last.
pub(crate) fn table_with_trigger(of_pages: &'static str) -> &'static str {
    if is_used() { "ingest.data_versions" } else { of_pages }
}

/// Gives a connection the role of analysts. On Citus it keeps its own: nodes check the rights of the caller on tables,
/// which analysts lack.
pub(crate) async fn set_analyst_role(connection: &mut PgConnection) {
    if is_used() {
        say("ASKED AS THE OWNER on Citus", "a login without rights on the tables cannot read the views");
        return;
    }
    sqlx::query("set role tributary_analyst").execute(connection).await.expect("the role exists");
}

/// Runs statements on each node, in the database of the address.
pub(super) async fn on_each_node(coordinator: &PgConnectOptions, statements: &[String]) -> Result<(), sqlx::Error> {
    for (host, port) in nodes(coordinator).await? {
        let mut node = coordinator.clone().host(&host).port(port).connect().await?;
        run(&mut node, statements).await?;
        node.close().await?;
    }
    Ok(())
}

/// Creates an empty database of the cluster.
pub(super) async fn create(admin: &PgConnectOptions, name: &str) -> Result<(), sqlx::Error> {
    on_each_node(admin, &[format!("create database {name}")]).await?;
    let nodes = nodes(admin).await?;
    let mut joins = Vec::new();
    for (number, (host, port)) in nodes.iter().enumerate() {
        let mut node = admin.clone().host(host).port(*port).database(name).connect().await?;
        run(&mut node, &["create extension citus".to_owned()]).await?;
        let join = if number == 0 { "citus_set_coordinator_host" } else { "citus_add_node" };
        joins.push(format!("select {join}('{host}', {port})"));
    }
    run(&mut admin.clone().database(name).connect().await?, &joins).await
}

/// Makes a database a template, which the background workers of the extension would keep in use.
pub(super) async fn make_template(admin: &PgConnectOptions, name: &str) -> Result<(), sqlx::Error> {
    let ends = format!("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'");
    on_each_node(admin, &[format!("alter database {name} with is_template true allow_connections false"), ends]).await
}

/// The nodes, coordinator first.
async fn nodes(coordinator: &PgConnectOptions) -> Result<Vec<(String, u16)>, sqlx::Error> {
    let mut connection = coordinator.connect().await?;
    let nodes: Vec<(String, i32)> = sqlx::query_as("select nodename, nodeport from pg_dist_node order by groupid")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(nodes.into_iter().map(|(host, port)| (host, u16::try_from(port).expect("a port"))).collect())
}

async fn run(node: &mut PgConnection, statements: &[String]) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("set citus.enable_create_database_propagation to off").execute(&mut *node).await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut *node).await?;
    }
    Ok(())
}
