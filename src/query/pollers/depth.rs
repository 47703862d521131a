//! The health of what is fetched session by session: the work list, and the last pass over it.
//!
//! That a file was never made, or vanished, is knowledge about a session and no failure of the stream: it is
//! counted and shown. Failing is only what keeps all sessions from being fetched.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::pollers::state::PollerState;
use crate::query::pollers::{AcceptedWindows, CurrentRun, IncompleteWindows, LastError, Pause, Poller};
use crate::query::{ReadError, reading};

/// The work list of one per-session stream: sessions by what is known of their artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tasks {
    /// Not found so far; still asked for.
    pub pending: i64,
    /// Stored.
    pub available: i64,
    /// It was there and holds nothing.
    pub empty: i64,
    /// Asked for in time and never made for this session.
    pub not_enabled: i64,
    /// Gone when it could first be read.
    pub expired: i64,
    /// It was there and could not be read; given up.
    pub failed: i64,
    /// Pending ones whose last try met an error and not just an absence.
    pub troubled: i64,
    /// Due now.
    pub due: i64,
    /// Since when the oldest of them is due.
    pub oldest_due_at: Option<DateTime<Utc>>,
}

struct Facts {
    source: String,
    provider: String,
    stream: String,
    is_enabled: bool,
    paused_at: Option<DateTime<Utc>>,
    paused_by: Option<String>,
    pending_count: i64,
    available_count: i64,
    empty_count: i64,
    not_enabled_count: i64,
    expired_count: i64,
    failed_count: i64,
    troubled_count: i64,
    due_count: i64,
    oldest_due_at: Option<DateTime<Utc>>,
    next_try_at: Option<DateTime<Utc>>,
    open_reject_count: i64,
    run_id: Option<i64>,
    run_started_at: Option<DateTime<Utc>>,
    run_heartbeat_at: Option<DateTime<Utc>>,
    run_finished_at: Option<DateTime<Utc>>,
    run_verdict: Option<String>,
    error_class: Option<String>,
    error_detail: Option<String>,
    run_page_count: Option<i32>,
    run_record_count: Option<i64>,
    last_success_at: Option<DateTime<Utc>>,
}

/// The per-session streams of all sources, by source, at `now`.
pub(super) async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    stalled_after: TimeDelta,
    advice: fn(&str) -> Option<&'static str>,
) -> Result<Vec<Poller>, ReadError> {
    let facts = sqlx::query_file_as!(Facts, "src/query/pollers/depth.sql", now).fetch_all(pool).await;
    let facts = facts.map_err(reading("the state of the work lists"))?;
    Ok(facts.into_iter().map(|facts| facts.into_poller(now, stalled_after, advice)).collect())
}

impl Facts {
    fn state(&self, now: DateTime<Utc>, stalled_after: TimeDelta) -> PollerState {
        if !self.is_enabled {
            return PollerState::Disabled;
        }
        if self.paused_at.is_some() {
            return PollerState::Paused;
        }
        let is_running = self.run_finished_at.is_none()
            && self.run_heartbeat_at.is_some_and(|heartbeat_at| now - heartbeat_at <= stalled_after);
        if is_running {
            return PollerState::Running;
        }
        match (self.run_verdict.as_deref(), self.error_class.as_deref()) {
            (Some("rate_limited"), _) => PollerState::RateLimited,
            (Some("failed"), Some("auth_failed")) => PollerState::AuthFailed,
            (Some("failed"), Some("config_error")) => PollerState::ConfigError,
            (Some("failed"), class) if class != Some("crashed") => PollerState::BackingOff,
            _ if self.oldest_due_at.is_some_and(|due_at| now - due_at.max(self.idle_since(due_at)) > stalled_after) => {
                PollerState::Stalled
            }
            _ => PollerState::Idle,
        }
    }

    /// When the last pass ended: tasks that came due before may have been left to the next.
    fn idle_since(&self, due_at: DateTime<Utc>) -> DateTime<Utc> {
        self.run_finished_at.unwrap_or(due_at)
    }

    fn into_poller(
        self,
        now: DateTime<Utc>,
        stalled_after: TimeDelta,
        advice: fn(&str) -> Option<&'static str>,
    ) -> Poller {
        let state = self.state(now, stalled_after);
        let run = self.run_finished_at.is_none().then(|| self.current_run()).flatten();
        let tasks = Tasks {
            pending: self.pending_count,
            available: self.available_count,
            empty: self.empty_count,
            not_enabled: self.not_enabled_count,
            expired: self.expired_count,
            failed: self.failed_count,
            troubled: self.troubled_count,
            due: self.due_count,
            oldest_due_at: self.oldest_due_at,
        };
        Poller {
            state,
            is_failing: state.is_failing(),
            last_attempt_at: self.run_started_at,
            last_success_at: self.last_success_at,
            complete_through: None,
            state_as_of: None,
            lag_seconds: self.oldest_due_at.map(|due_at| (now - due_at).num_seconds()),
            next_run_at: self.next_try_at.filter(|_| self.is_enabled && self.paused_at.is_none()).map(|at| at.max(now)),
            parked_until: None,
            consecutive_failures: i32::from(state.is_failing()),
            run,
            lease: None,
            paused: Pause::of(self.paused_at, self.paused_by),
            open_reject_count: self.open_reject_count,
            last_run_rejects: None,
            incomplete_windows: IncompleteWindows { count: 0, first: Vec::new() },
            accepted_windows: AcceptedWindows::default(),
            // the account's, which its lists tell
            quota: None,
            tasks: Some(tasks),
            last_error: self.error_class.map(|class| LastError {
                advice: advice(&class),
                class,
                detail: self.error_detail,
                at: self.run_finished_at.or(self.run_heartbeat_at),
            }),
            source: self.source,
            provider: self.provider,
            stream: self.stream,
        }
    }

    fn current_run(&self) -> Option<CurrentRun> {
        Some(CurrentRun {
            id: self.run_id?,
            started_at: self.run_started_at?,
            heartbeat_at: self.run_heartbeat_at?,
            pages: self.run_page_count?,
            records: self.run_record_count?,
        })
    }
}
