//! Signs of life of the processes of the service. They do not depend on any schedule.

use sqlx::PgPool;

use crate::store::StoreError;

/// A process of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Host, process and a random number.
    pub id: String,
    /// The part of the service that it runs: `all`, `api` or `poller`.
    pub role: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// The commit that it was built from.
    pub commit: &'static str,
}

/// Writes that a process is alive. The first time, deletes those that were last seen a week ago.
pub async fn note_alive(pool: &PgPool, instance: &Instance, is_first: bool) -> Result<(), StoreError> {
    let failed = StoreError::doing("noting that this process is alive");
    // all times are the database's, so that no machine's clock matters
    sqlx::query!(
        "insert into ingest.instances (instance_id, role, version, commit_hash, started_at, last_seen_at)
         values ($1, $2, $3, $4, now(), now())
         on conflict (instance_id) do update set last_seen_at = excluded.last_seen_at, stopped_at = null",
        instance.id,
        instance.role,
        instance.version,
        instance.commit,
    )
    .execute(pool)
    .await
    .map_err(&failed)?;
    // only a poller deletes: the row of the last poller shows that there was one
    if is_first && instance.role != "api" {
        sqlx::query!("delete from ingest.instances where last_seen_at < now() - interval '7 days'")
            .execute(pool)
            .await
            .map_err(&failed)?;
    }
    Ok(())
}

/// Writes that a process was asked to stop.
pub async fn note_stopped(pool: &PgPool, instance: &Instance) -> Result<(), StoreError> {
    sqlx::query!("update ingest.instances set stopped_at = now() where instance_id = $1", instance.id)
        .execute(pool)
        .await
        .map_err(StoreError::doing("noting that this process stops"))?;
    Ok(())
}
