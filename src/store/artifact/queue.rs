//! The task queue: claiming, renewing, releasing.
//!
//! Claims use the database's clock, so that no machine's clock matters. Due times use the service's present, like
//! everything that depends on the provider's calendar.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::model::artifact::{ArtifactState, SessionRef};
use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::task::{ClaimKey, NEAR_EXPIRY, Owed, SessionStream, Task};

/// Tasks of a stream that one claim marks as due beyond those it takes, so that newly due tasks are soon in order.
const FOUND_AT_ONCE: i64 = 64;
/// Start of a claim's transaction. Without statistics, the planner would sort all ready tasks instead of reading the
/// index in order. If a server crash loses the claim, its tasks are unchanged. Public for a test of the plan.
pub const CLAIM_BEGIN: &str = "begin; set local synchronous_commit = off; set local jit = off; set local enable_seqscan = off; \
                               set local enable_bitmapscan = off; set local enable_sort = off; \
                               set local enable_hashjoin = off; set local enable_mergejoin = off";

/// Number of tasks of a stream to claim at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimLimit {
    /// The stream.
    pub stream: Stream,
    /// The number.
    pub count: usize,
}

/// Claims due tasks, for each stream up to its limit: those about to expire first, then those of the newest
/// sessions. The claim lasts `duration` without renewal, which is how long a killed worker blocks its few tasks.
pub async fn claim(
    pool: &PgPool,
    source_id: SourceId,
    limits: &[ClaimLimit],
    duration: Duration,
    now: DateTime<Utc>,
) -> Result<Vec<Task>, StoreError> {
    let failed = StoreError::doing("claiming artifact tasks");
    let names: Vec<&str> = limits.iter().map(|one| one.stream.as_str()).collect();
    let counts: Vec<i64> = limits.iter().map(|one| i64::try_from(one.count).unwrap_or(i64::MAX)).collect();
    let token = Uuid::new_v4();
    let mut tx = pool.begin_with(CLAIM_BEGIN).await.map_err(&failed)?;
    let rows = sqlx::query_file_as!(
        Claimed,
        "src/store/artifact/claim.sql",
        source_id.0,
        now,
        &names as &[&str],
        &counts,
        now + NEAR_EXPIRY,
        duration.as_secs_f64(),
        token,
        FOUND_AT_ONCE,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(rows.into_iter().filter_map(|row| row.into_task(source_id, token)).collect())
}

struct Claimed {
    session_id: i64,
    stream: String,
    is_taken: bool,
    provider_session_id: Option<String>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    requested_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    first_attempt_at: Option<DateTime<Utc>>,
    attempts: i32,
    state: String,
    content_hash: Option<Vec<u8>>,
    reason: Option<String>,
    due_at: Option<DateTime<Utc>>,
    owed_since: Option<DateTime<Utc>>,
    agreed_since: Option<DateTime<Utc>>,
    tries: i32,
}

impl Claimed {
    /// Returns `None` for a task that was only marked as due.
    fn into_task(self, source_id: SourceId, token: Uuid) -> Option<Task> {
        if !self.is_taken {
            return None;
        }
        let session = SessionRef {
            provider_session_id: ProviderRecordId::parse(&self.provider_session_id?).ok()?,
            started_at: self.started_at?,
            ended_at: self.ended_at,
        };
        Some(Task {
            source_id,
            session_id: self.session_id,
            stream: Stream::parse(&self.stream)?,
            session,
            requested_at: self.requested_at,
            expires_at: self.expires_at,
            first_attempt_at: self.first_attempt_at?,
            attempts: self.attempts,
            state: ArtifactState::parse(&self.state)?,
            reason: self.reason,
            due_at: self.due_at?,
            owed: Owed { since: self.owed_since, agreed_since: self.agreed_since, tries: self.tries },
            token,
            content_hash: self.content_hash,
        })
    }
}

/// Extends the claims on `tasks` of one source to `duration` from now.
pub async fn renew(
    pool: &PgPool,
    source_id: SourceId,
    tasks: &[ClaimKey],
    duration: Duration,
) -> Result<(), StoreError> {
    if tasks.is_empty() {
        return Ok(());
    }
    // in the order in which a save locks them
    let mut tasks = tasks.to_vec();
    tasks.sort_unstable_by_key(|one| (one.session_id, one.stream.as_str()));
    sqlx::query!(
        "update ingest.artifact_tasks t set claimed_until = now() + make_interval(secs => $5)
           from unnest($1::int[], $2::bigint[], $3::text[], $4::uuid[]) held(source_id, session_id, stream, token)
          where t.source_id = held.source_id and t.session_id = held.session_id and t.stream = held.stream
            and t.claim_token = held.token",
        &vec![source_id.0; tasks.len()],
        &tasks.iter().map(|one| one.session_id).collect::<Vec<_>>(),
        &tasks.iter().map(|one| one.stream.as_str()).collect::<Vec<_>>() as &[&str],
        &tasks.iter().map(|one| one.token).collect::<Vec<_>>(),
        duration.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("renewing claims"))?;
    Ok(())
}

/// How a claimed task whose try does not count returns to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untried {
    /// When it is due again.
    pub due_at: DateTime<Utc>,
    /// Class of the failure that prevented an answer; if set, the task is owed from now on.
    pub owed_for: Option<&'static str>,
}

/// Releases tasks of one source: the try does not count.
pub async fn give_back(pool: &PgPool, tasks: &[(&Task, Untried)], now: DateTime<Utc>) -> Result<(), StoreError> {
    let Some((first, _)) = tasks.first() else { return Ok(()) };
    let mut tasks = tasks.to_vec();
    tasks.sort_unstable_by_key(|(task, _)| (task.session_id, task.stream.as_str()));
    sqlx::query!(
        "update ingest.artifact_tasks t
            set claim_token = null, claimed_until = null, attempts = greatest(t.attempts - 1, 0),
                next_try_at = back.due_at, is_ready = back.due_at <= $7 and not t.is_waiting,
                first_attempt_at = case when t.attempts <= 1 then null else t.first_attempt_at end,
                owed_since = case when back.owed_for is null then t.owed_since else coalesce(t.owed_since, $7) end,
                tries = case when back.owed_for is not null and t.owed_since is null then 0 else t.tries end,
                reason = coalesce(t.reason, back.owed_for)
           from unnest($1::int[], $2::bigint[], $3::text[], $4::uuid[], $5::timestamptz[], $6::text[])
                back(source_id, session_id, stream, token, due_at, owed_for)
          where t.source_id = back.source_id and t.session_id = back.session_id and t.stream = back.stream
            and t.claim_token = back.token",
        &vec![first.source_id.0; tasks.len()],
        &tasks.iter().map(|(task, _)| task.session_id).collect::<Vec<_>>(),
        &tasks.iter().map(|(task, _)| task.stream.as_str()).collect::<Vec<_>>() as &[&str],
        &tasks.iter().map(|(task, _)| task.token).collect::<Vec<_>>(),
        &tasks.iter().map(|(_, untried)| untried.due_at).collect::<Vec<_>>(),
        &tasks.iter().map(|(_, untried)| untried.owed_for).collect::<Vec<_>>() as &[Option<&str>],
        now,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("releasing tasks"))?;
    Ok(())
}

/// Returns when the next unclaimed task of a source is due; `None`: there is none.
pub async fn next_due_at(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[SessionStream],
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let names: Vec<&str> = streams.iter().map(|stream| stream.stream.as_str()).collect();
    sqlx::query_scalar!(
        r#"select min(first.next_try_at)::timestamptz as "next"
             from unnest($2::text[]) wanted(stream)
            cross join lateral (
                   select one.* from (select t.next_try_at from ingest.artifact_tasks t
                                       where t.source_id = $1 and t.stream = wanted.stream and t.is_ready
                                       order by t.ended_at desc, t.session_id desc limit 1) one
                    union all
                   select one.* from (select t.next_try_at from ingest.artifact_tasks t
                                       where t.source_id = $1 and t.stream = wanted.stream
                                         and t.next_try_at is not null and t.claimed_until is null
                                         and not t.is_ready and not t.is_waiting
                                       order by t.next_try_at limit 1) one) first"#,
        source_id.0,
        &names as &[&str],
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading when the next task is due"))
}
