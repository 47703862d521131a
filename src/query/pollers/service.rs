//! The health of what all streams share: the processes of the service, and the database.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::db::DatabaseTrouble;
use crate::model::verdict::CLOCK_SKEW;
use crate::query::pollers::clocks::{distance, is_off};
use crate::query::replication::{ReplicaHealth, ReplicaTrouble};
use crate::query::{ReadError, reading};

/// A process of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InstanceHealth {
    /// Host, process and a random number.
    pub id: String,
    /// The part of the service that it runs: `all`, `api` or `poller`.
    pub role: String,
    /// Version of the program.
    pub version: String,
    /// The commit that it was built from.
    pub commit: String,
    /// Time at which it started.
    pub started_at: DateTime<Utc>,
    /// Time of its last sign of life, by the database's clock.
    pub last_seen_at: DateTime<Utc>,
    /// Time at which it was asked to stop; null: it was not.
    pub stopped_at: Option<DateTime<Utc>>,
    /// Whether it gave a sign of life within 35 seconds and was not asked to stop.
    pub is_alive: bool,
}

/// The database, as the service sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct DatabaseHealth {
    /// Whether it accepts writes.
    pub is_writable: bool,
    /// Connections in use, of all programs.
    pub connection_count: i64,
    /// Connections that the server allows.
    pub connection_limit: i64,
    /// Its clock minus this process's, seconds; null: this process's clock is set by hand.
    pub clock_skew_seconds: Option<i64>,
}

/// A problem that concerns all streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServiceProblem {
    /// `no_poller`, `clock_skew`, or a class of the database (`database_disk_full` and others) or of the read replica
    /// (`replica_behind` and others).
    pub class: &'static str,
    /// Description.
    pub detail: String,
    /// Advice for operators.
    pub advice: &'static str,
}

/// The health of what all streams share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHealth {
    /// The processes seen within a day, oldest first.
    pub instances: Vec<InstanceHealth>,
    /// The database.
    pub database: DatabaseHealth,
    /// The read replica, as this process sees it; `None`: none is configured.
    pub replica: Option<ReplicaHealth>,
    /// The problems; none: all is well.
    pub problems: Vec<ServiceProblem>,
    /// Whether a poller once ran and none is alive.
    pub lacks_poller: bool,
}

/// Returns the health of what all streams share at `now`; `None` for a clock that was set by hand. `write_trouble` is
/// the reason why this process's last write failed.
pub async fn read(
    pool: &PgPool,
    now: Option<DateTime<Utc>>,
    write_trouble: Option<DatabaseTrouble>,
    replica: Option<ReplicaHealth>,
) -> Result<ServiceHealth, ReadError> {
    let rows = sqlx::query_file!("src/query/pollers/service.sql").fetch_all(pool).await;
    let rows = rows.map_err(reading("the processes of the service"))?;
    let first = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(reading("the processes of the service"))?;
    let skew = now.map(|now| (first.database_now - now).num_seconds());
    let database = DatabaseHealth {
        is_writable: !first.is_read_only && write_trouble.is_none(),
        connection_count: first.connection_count,
        connection_limit: first.connection_limit,
        clock_skew_seconds: skew,
    };
    let of_database = if first.is_read_only {
        Some(DatabaseTrouble::ReadOnly)
    } else if first.connection_count >= first.connection_limit {
        Some(DatabaseTrouble::NoConnections)
    } else {
        write_trouble
    };
    let lacks_poller = first.had_poller && !first.has_poller;
    let mut problems: Vec<ServiceProblem> = of_database.map(ServiceProblem::of_database).into_iter().collect();
    // where nothing can be written, no poller can give a sign of life
    if lacks_poller && of_database.is_none() {
        problems.push(ServiceProblem {
            class: "no_poller",
            detail: "No poller is alive.".to_owned(),
            advice: "Start `tributary serve`, or `serve --role poller`; if one runs, read its log: it cannot reach the \
                     database, or is suspended.",
        });
    }
    if let Some(skew) = skew.filter(|skew| is_off(*skew)) {
        problems.push(ServiceProblem {
            class: CLOCK_SKEW,
            detail: format!("The clock of the database is {} that of the machine that answers.", distance(skew)),
            advice: "Set both clocks (NTP); the streams name the one that is off, after their next poll.",
        });
    }
    let instances = rows.into_iter().filter_map(|row| {
        Some(InstanceHealth {
            id: row.instance_id?,
            role: row.role?,
            version: row.version?,
            commit: row.commit_hash?,
            started_at: row.started_at?,
            last_seen_at: row.last_seen_at?,
            stopped_at: row.stopped_at,
            is_alive: row.is_alive,
        })
    });
    problems.extend(replica.and_then(|replica| replica.trouble).map(ServiceProblem::of_replica));
    Ok(ServiceHealth { instances: instances.collect(), database, replica, problems, lacks_poller })
}

impl ServiceProblem {
    fn of_replica(trouble: ReplicaTrouble) -> Self {
        Self { class: trouble.class(), detail: trouble.sentence().to_owned(), advice: trouble.advice() }
    }

    fn of_database(trouble: DatabaseTrouble) -> Self {
        Self { class: trouble.class(), detail: trouble.sentence().to_owned(), advice: trouble.advice() }
    }
}
