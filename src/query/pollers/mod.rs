//! The health of polling: one entry for each stream of each source.
//!
//! Nothing of it is stored. It is computed from facts at each request, so that a poller that died cannot leave a good
//! report behind. [`state`] interprets the facts.

mod depth;
mod owed;
mod parts;
pub mod quota;
pub mod rejects;
pub mod state;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::clock::parse_schedule;
pub use crate::query::pollers::depth::Tasks;
pub use crate::query::pollers::owed::{GivenUp, Owed};
pub use crate::query::pollers::parts::{
    AcceptedWindow, AcceptedWindows, CurrentRun, IncompleteWindow, IncompleteWindows, LastError, Lease, Pause,
};
use crate::query::pollers::quota::CallQuota;
use crate::query::pollers::rejects::LastRunRejects;
use crate::query::pollers::state::PollerState;
use crate::query::{ReadError, reading};

/// Health of the polling of one stream.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Poller {
    /// Slug of the source.
    #[schema(example = "rtk-prod")]
    pub source: String,
    /// Kind of platform.
    #[schema(example = "realtimekit")]
    pub provider: String,
    /// Kind of record polled.
    #[schema(example = "sessions")]
    pub stream: String,
    /// Summary of the health.
    pub state: PollerState,
    /// Whether an operator should look at it.
    pub is_failing: bool,
    /// Time at which a run last began; null: never.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Time at which a run last ended complete; null: never.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Everything before this instant is stored; null: nothing is proven yet.
    pub complete_through: Option<DateTime<Utc>>,
    /// Age of `complete_through`, seconds.
    pub lag_seconds: Option<i64>,
    /// The oldest instant at which the state of the stored records was last checked, over all history; null: unknown
    /// for some of the records.
    pub state_as_of: Option<DateTime<Utc>>,
    /// Time at which it is polled next by schedule, never before the provider allows; null: it is not polled.
    pub next_run_at: Option<DateTime<Utc>>,
    /// The provider accepts no call before this instant.
    pub parked_until: Option<DateTime<Utc>>,
    /// Number of consecutive failed runs.
    pub consecutive_failures: i32,
    /// The pause, with its start and author; null: it is polled.
    pub paused: Option<Pause>,
    /// The run that has not ended.
    pub run: Option<CurrentRun>,
    /// The current right to write the stream.
    pub lease: Option<Lease>,
    /// Records that could not be normalized and wait for a fix.
    pub open_reject_count: i64,
    /// Records of the last ended run that could not be normalized; null: none has ended, or the stream is no list.
    pub last_run_rejects: Option<LastRunRejects>,
    /// Ranges known not to be complete.
    pub incomplete_windows: IncompleteWindows,
    /// Incomplete ranges that an operator accepts; they do not make the stream failing.
    pub accepted_windows: AcceptedWindows,
    /// The work list of a per-session stream; null for lists.
    pub tasks: Option<Tasks>,
    /// Calls left to its account; null: the provider has not reported any.
    pub quota: Option<CallQuota>,
    /// The last error, until another replaces it.
    pub last_error: Option<LastError>,
}

/// Facts of the database about one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    source: String,
    provider: String,
    stream: String,
    schedule: String,
    is_enabled: bool,
    paused_at: Option<DateTime<Utc>>,
    paused_by: Option<String>,
    due_at: Option<DateTime<Utc>>,
    last_attempt_at: Option<DateTime<Utc>>,
    registered_at: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_verdict: Option<String>,
    last_error_class: Option<String>,
    last_error_detail: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
    consecutive_failures: i32,
    parked_until: Option<DateTime<Utc>>,
    lease_owner: Option<String>,
    lease_until: Option<DateTime<Utc>>,
    complete_through: Option<DateTime<Utc>>,
    state_as_of: Option<DateTime<Utc>>,
    open_reject_count: i64,
    run_id: Option<i64>,
    run_started_at: Option<DateTime<Utc>>,
    run_heartbeat_at: Option<DateTime<Utc>>,
    run_page_count: Option<i32>,
    run_record_count: Option<i64>,
    ended_run_id: Option<i64>,
    ended_rejected_count: Option<i64>,
    ended_record_count: Option<i64>,
    incomplete_count: i64,
    incomplete_starts: Vec<DateTime<Utc>>,
    incomplete_ends: Vec<DateTime<Utc>>,
    incomplete_reasons: Vec<String>,
    accepted_count: i64,
    accepted_starts: Vec<DateTime<Utc>>,
    accepted_ends: Vec<DateTime<Utc>>,
    accepted_notes: Vec<String>,
    quota_calls: Option<i64>,
    quota_remaining: Option<i64>,
    quota_resets_at: Option<DateTime<Utc>>,
    quota_used_up_until: Option<DateTime<Utc>>,
    quota_blocked_until: Option<DateTime<Utc>>,
}

/// Returns all streams, by source, at `now`. A run without a heartbeat for `stalled_after` has stalled; `advice`
/// returns the advice for a class of errors.
pub async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    stalled_after: TimeDelta,
    advice: fn(&str) -> Option<&'static str>,
) -> Result<Vec<Poller>, ReadError> {
    let facts = sqlx::query_file_as!(Facts, "src/query/pollers/facts.sql").fetch_all(pool).await;
    let facts = facts.map_err(reading("the state of the streams"))?;
    let mut pollers: Vec<Poller> =
        facts.into_iter().map(|facts| Poller::of(facts, now, stalled_after, advice)).collect();
    for mut of_sessions in depth::list(pool, now, stalled_after, advice).await? {
        let list = pollers.iter().find(|list| list.source == of_sessions.source);
        of_sessions.quota = list.and_then(|list| list.quota.clone());
        pollers.push(of_sessions);
    }
    // List streams come before per-session streams of the same source: the sort is stable.
    pollers.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(pollers)
}

impl Poller {
    fn of(
        facts: Facts,
        now: DateTime<Utc>,
        stalled_after: TimeDelta,
        advice: fn(&str) -> Option<&'static str>,
    ) -> Self {
        let state = PollerState::of(&facts, now, stalled_after);
        Self {
            state,
            is_failing: state.is_failing(),
            next_run_at: facts.next_run_at(now),
            lag_seconds: facts.complete_through.map(|at| (now - at).num_seconds().max(0)),
            run: facts.current_run(),
            quota: CallQuota::of(&facts, now),
            lease: facts.lease_owner.clone().zip(facts.lease_until).map(|(owner, until)| Lease { owner, until }),
            incomplete_windows: facts.incomplete_windows(),
            accepted_windows: facts.accepted_windows(),
            last_run_rejects: LastRunRejects::of(&facts),
            paused: Pause::of(facts.paused_at, facts.paused_by.clone()),
            tasks: None,
            last_error: facts.last_error_class.clone().map(|class| LastError {
                advice: advice(&class),
                class,
                detail: facts.last_error_detail.clone(),
                at: facts.last_error_at,
            }),
            source: facts.source,
            provider: facts.provider,
            stream: facts.stream,
            last_attempt_at: facts.last_attempt_at,
            last_success_at: facts.last_success_at,
            complete_through: facts.complete_through,
            state_as_of: facts.state_as_of,
            parked_until: facts.parked_until,
            consecutive_failures: facts.consecutive_failures,
            open_reject_count: facts.open_reject_count,
        }
    }
}

impl Facts {
    fn next_run_at(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.is_enabled || self.paused_at.is_some() {
            return None;
        }
        // A parked stream is polled as soon as the provider allows, independent of its schedule.
        if let Some(until) = self.parked_until.filter(|until| *until > now) {
            return Some(until);
        }
        if self.due_at.is_some() {
            return Some(now);
        }
        parse_schedule(&self.schedule).ok()?.find_next_occurrence(&now.trunc_subsecs(0), false).ok()
    }

    /// Returns since when a run is overdue: the second tick after the last attempt. One tick may have passed during
    /// that attempt.
    pub(crate) fn overdue_since(&self) -> Option<DateTime<Utc>> {
        let schedule = parse_schedule(&self.schedule).ok()?;
        let expected = schedule.find_next_occurrence(&self.last_attempt_at.or(self.registered_at)?, false).ok()?;
        schedule.find_next_occurrence(&expected.max(self.parked_until.unwrap_or(expected)), false).ok()
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

    fn incomplete_windows(&self) -> IncompleteWindows {
        let ends = self.incomplete_starts.iter().zip(&self.incomplete_ends);
        let first = ends.zip(&self.incomplete_reasons).map(|((from, to), reason)| IncompleteWindow {
            from: *from,
            to: *to,
            reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
        });
        IncompleteWindows { count: self.incomplete_count, first: first.collect() }
    }

    fn accepted_windows(&self) -> AcceptedWindows {
        let ends = self.accepted_starts.iter().zip(&self.accepted_ends).zip(&self.accepted_notes);
        let first = ends.map(|((from, to), note)| AcceptedWindow { from: *from, to: *to, note: note.clone() });
        AcceptedWindows { count: self.accepted_count, first: first.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(now: &str, parked_until: Option<&str>) -> Option<String> {
        let facts = Facts {
            schedule: "0 */5 * * * *".to_owned(),
            is_enabled: true,
            parked_until: parked_until.map(|at| at.parse().unwrap()),
            ..Facts::default()
        };
        facts.next_run_at(now.parse().unwrap()).map(|at| at.format("%H:%M:%S").to_string())
    }

    #[test]
    fn the_next_run_follows_the_schedule_and_the_provider() {
        assert_eq!(next("2026-11-20T10:02:00Z", None).as_deref(), Some("10:05:00"));
        assert_eq!(next("2026-11-20T10:05:00Z", None).as_deref(), Some("10:10:00"));
        assert_eq!(next("2026-11-20T10:02:00Z", Some("2026-11-20T10:31:10Z")).as_deref(), Some("10:31:10"));
        assert_eq!(next("2026-11-20T10:02:00Z", Some("2026-11-20T10:01:00Z")).as_deref(), Some("10:05:00"));
    }
}
