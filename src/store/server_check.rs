//! What the service needs of the database server, tried without a lasting change.

use sqlx::PgPool;

use crate::store::StoreError;

/// What the server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections that it allows.
    pub connection_limit: i64,
    /// Connections that other programs use now, those of a service in another database included.
    pub other_connection_count: i64,
    /// Instances of the service that are alive.
    pub instance_count: i64,
}

/// Tries the writes that a start may need, in a transaction that is rolled back: a schema, and a row where the tables
/// exist.
pub async fn try_write(pool: &PgPool) -> Result<(), StoreError> {
    let failed = StoreError::doing("trying to write");
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query("create schema tributary_check").execute(&mut *tx).await.map_err(&failed)?;
    if has_tables(&mut tx).await.map_err(&failed)? {
        sqlx::query(
            "insert into ingest.instances (instance_id, role, version, commit_hash, started_at, last_seen_at)
             values ('check', 'api', '', '', now(), now())",
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    }
    tx.rollback().await.map_err(&failed)
}

/// Tries whether the disk of the database has space, by a temporary file of 2 MB. Other writes may reuse the space of
/// deleted rows, and succeed on a full disk.
pub async fn try_space(pool: &PgPool) -> Result<(), StoreError> {
    // the statements are one transaction, which ends with the last one
    let fill = "set local work_mem = '64kB'; set local temp_tablespaces = '';
                select count(*) from generate_series(1, 175000)";
    sqlx::raw_sql(fill).execute(pool).await.map_err(StoreError::doing("trying whether the disk has space"))?;
    Ok(())
}

async fn has_tables(connection: &mut sqlx::PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select to_regclass('ingest.instances') is not null").fetch_one(connection).await
}

/// Returns what the server allows.
pub async fn limits(pool: &PgPool) -> Result<ServerLimits, StoreError> {
    let failed = StoreError::doing("reading the limits of the server");
    let mut connection = pool.acquire().await.map_err(&failed)?;
    let (connection_limit, other_connection_count): (i64, i64) = sqlx::query_as(
        "select current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                - coalesce(current_setting('reserved_connections', true)::bigint, 0),
                (select count(*) from pg_stat_activity a
                  where a.datid is not null and a.usesysid is not null
                    and not (coalesce(a.application_name, '') like 'tributary-%' and a.datname = current_database()))",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(&failed)?;
    let mut instance_count = 0;
    if has_tables(&mut connection).await.map_err(&failed)? {
        instance_count = sqlx::query_scalar(
            "select count(*) from ingest.instances
              where stopped_at is null and last_seen_at > now() - interval '35 seconds'",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(&failed)?;
    }
    Ok(ServerLimits { connection_limit, other_connection_count, instance_count })
}
