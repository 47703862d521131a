//! How far a read replica has come: positions in the write-ahead log, and the reasons not to read from a replica.
//!
//! Positions of the log are compared, and no clocks: a replica holds everything that was committed before the primary
//! reached the position that the replica has replayed. An idle primary makes no replica late.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::{ReadError, reading};

/// The position of a server in the write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPosition {
    /// Identifier of the cluster, and number of the database in it: the same at a primary and its replicas.
    pub database: String,
    /// Whether the server is in recovery.
    pub is_standby: bool,
    /// Timeline of the log. That of a standby can be late, and is never early.
    pub timeline: i32,
    /// End of what is written, or at a standby of what is replayed; `None`: it has replayed nothing.
    pub lsn: Option<i64>,
}

impl LogPosition {
    /// Returns why this is not the position of a replica of `primary`.
    pub fn mismatch(&self, primary: &Self) -> Option<ReplicaTrouble> {
        if self.database != primary.database {
            Some(ReplicaTrouble::Foreign)
        } else if !self.is_standby {
            Some(ReplicaTrouble::NotStandby)
        } else {
            (self.timeline != primary.timeline).then_some(ReplicaTrouble::OtherTimeline)
        }
    }
}

/// Returns the position of a server.
pub async fn position(pool: &PgPool) -> Result<LogPosition, ReadError> {
    let found = sqlx::query_as!(
        LogPosition,
        r#"select s.system_identifier || '/' || d.oid as "database!", pg_is_in_recovery() as "is_standby!",
                  case when pg_is_in_recovery() then greatest(c.timeline_id, r.min_recovery_end_timeline)
                       else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
                       end as "timeline!",
                  (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end
                   - '0/0'::pg_lsn)::bigint as lsn
             from pg_control_system() s
            cross join pg_control_checkpoint() c
            cross join pg_control_recovery() r
             join pg_database d on d.datname = current_database()"#
    );
    found.fetch_one(pool).await.map_err(reading("the position in the write-ahead log"))
}

/// What a standby does when replay and a long query conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbySettings {
    /// `hot_standby_feedback`.
    pub has_feedback: bool,
    /// `max_standby_streaming_delay`, milliseconds; -1: without end.
    pub max_delay_ms: i64,
}

/// Returns these settings of a standby.
pub async fn settings(pool: &PgPool) -> Result<StandbySettings, ReadError> {
    let found = sqlx::query_as!(
        StandbySettings,
        r#"select current_setting('hot_standby_feedback')::boolean as "has_feedback!",
                  (select s.setting::bigint from pg_settings s where s.name = 'max_standby_streaming_delay')
                    as "max_delay_ms!""#
    );
    found.fetch_one(pool).await.map_err(reading("the settings of the replica"))
}

/// The reason why answers are not read from the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaTrouble {
    /// It does not answer.
    Unreachable,
    /// It is not in recovery.
    NotStandby,
    /// It is not a replica of the database.
    Foreign,
    /// It has not followed the last failover.
    OtherTimeline,
    /// It is further behind than allowed.
    Behind,
}

impl ReplicaTrouble {
    /// Returns its class, for programs.
    pub fn class(self) -> &'static str {
        match self {
            Self::Unreachable => "replica_unreachable",
            Self::NotStandby => "replica_not_standby",
            Self::Foreign => "replica_foreign",
            Self::OtherTimeline => "replica_other_timeline",
            Self::Behind => "replica_behind",
        }
    }

    /// Describes it in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unreachable => "The read replica does not answer.",
            Self::NotStandby => "The server at database.read_url is no replica: it is not in recovery.",
            Self::Foreign => "The database at database.read_url is no replica of the one at database.url.",
            Self::OtherTimeline => "The read replica has not followed the last failover of the primary.",
            Self::Behind => "The read replica is further behind than database.read_max_lag_seconds.",
        }
    }

    /// Returns advice for operators. All answers come from the primary meanwhile.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => {
                "Check that the replica runs, and that database.read_url names its address; until then, the primary \
                 answers everything."
            }
            Self::NotStandby => "After a failover, point database.read_url to a standby of the new primary.",
            Self::Foreign => "Correct database.read_url: it names a streaming replica, and the same database there.",
            Self::OtherTimeline => {
                "Wait for the next restart point of the replica (checkpoint_timeout); if it lasts, see the log of the \
                 replica: it may need pg_rewind."
            }
            Self::Behind => {
                "See pg_stat_replication on the primary and pg_is_wal_replay_paused() on the replica: replay is \
                 paused, waits for long queries, or the network is slow."
            }
        }
    }
}

/// The read replica, as this process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReplicaHealth {
    /// Whether answers are read from it.
    pub is_used: bool,
    /// It holds all that was committed before this instant; null: unknown.
    pub as_of: Option<DateTime<Utc>>,
    /// Age of `as_of`, seconds.
    pub lag_seconds: Option<i64>,
    /// Why it is not used.
    #[serde(skip)]
    pub trouble: Option<ReplicaTrouble>,
}
