//! The work list: claiming, renewing, giving back.
//!
//! Claims run by the database's clock, so that no machine's clock matters; when a task is due is the
//! service's present, like everything the provider's calendar decides.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;
use uuid::Uuid;

use crate::model::artifact::{ArtifactState, SessionRef};
use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::artifact::{Owed, SessionStream, Task};

/// What is lost within this goes before what is newest.
const NEAR_EXPIRY: TimeDelta = TimeDelta::hours(12);
/// Tasks of a stream that one claim finds due beyond those it takes, so that what comes due is soon in order.
const FOUND_AT_ONCE: i64 = 64;
/// How the transaction of a claim begins. Before there are statistics, the planner would sort all that is ready instead
/// of reading the index in its order. A claim that a crash of the server loses leaves its tasks as they were.
/// Public for a test that reads its plan.
pub const CLAIM_BEGIN: &str = "begin; set local synchronous_commit = off; set local jit = off; set local enable_seqscan = off; \
                               set local enable_bitmapscan = off; set local enable_sort = off; \
                               set local enable_hashjoin = off; set local enable_mergejoin = off";

/// How many tasks of a stream are claimed at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The stream.
    pub stream: Stream,
    /// The number.
    pub count: usize,
}

/// Names one claim on one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    /// The session.
    pub session_id: i64,
    /// The stream.
    pub stream: Stream,
    token: Uuid,
}

/// Claims due tasks, of each stream as many as it has places: those about to be lost first, then those of the newest
/// sessions. The claim holds for `duration` without renewal: a killed worker keeps its few tasks from others for so long.
pub async fn claim(
    pool: &PgPool,
    source_id: SourceId,
    places: &[Places],
    duration: Duration,
    now: DateTime<Utc>,
) -> Result<Vec<Task>, StoreError> {
    let failed = StoreError::doing("claiming what is to be fetched");
    let names: Vec<&str> = places.iter().map(|one| one.stream.as_str()).collect();
    let counts: Vec<i64> = places.iter().map(|one| i64::try_from(one.count).unwrap_or(i64::MAX)).collect();
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
    /// `None` for a task that was only found due.
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

/// Prolongs the claims on `tasks` of one source to `duration` from now.
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

/// A task that is given back as if it had not been tried.
#[derive(Debug, Clone, Copy)]
pub struct GivenBack<'a> {
    /// Which.
    pub task: &'a Task,
    /// When it is due again.
    pub due_at: DateTime<Utc>,
    /// The class of what kept it from being answered: its content is owed. `None`: it was not asked for.
    pub put_off: Option<&'a str>,
}

/// Gives tasks of one source back.
pub async fn give_back(pool: &PgPool, tasks: &[GivenBack<'_>], now: DateTime<Utc>) -> Result<(), StoreError> {
    let Some(first) = tasks.first() else { return Ok(()) };
    let mut tasks = tasks.to_vec();
    tasks.sort_unstable_by_key(|one| (one.task.session_id, one.task.stream.as_str()));
    sqlx::query!(
        "update ingest.artifact_tasks t
            set claim_token = null, claimed_until = null, attempts = greatest(t.attempts - 1, 0),
                next_try_at = back.due_at, is_ready = back.due_at <= $6 and not t.is_waiting,
                first_attempt_at = case when t.attempts <= 1 then null else t.first_attempt_at end,
                owed_since = case when back.class is null then t.owed_since else coalesce(t.owed_since, $6) end,
                tries = case when back.class is not null and t.owed_since is null then 0 else t.tries end,
                reason = coalesce(t.reason, back.class)
           from unnest($1::int[], $2::bigint[], $3::text[], $4::uuid[], $5::timestamptz[], $7::text[])
                back(source_id, session_id, stream, token, due_at, class)
          where t.source_id = back.source_id and t.session_id = back.session_id and t.stream = back.stream
            and t.claim_token = back.token",
        &vec![first.task.source_id.0; tasks.len()],
        &tasks.iter().map(|one| one.task.session_id).collect::<Vec<_>>(),
        &tasks.iter().map(|one| one.task.stream.as_str()).collect::<Vec<_>>() as &[&str],
        &tasks.iter().map(|one| one.task.token).collect::<Vec<_>>(),
        &tasks.iter().map(|one| one.due_at).collect::<Vec<_>>(),
        now,
        &tasks.iter().map(|one| one.put_off).collect::<Vec<_>>() as &[Option<&str>],
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("giving tasks back"))?;
    Ok(())
}

/// When the next task of a source comes due that is in no instance's hands; `None`: there is none.
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
    .map_err(StoreError::doing("reading what is due next"))
}

impl Task {
    /// A task nobody claimed, for tests of what is decided about one.
    #[cfg(test)]
    pub(crate) fn for_test(
        source_id: SourceId,
        stream: Stream,
        session: SessionRef,
        expires_at: Option<DateTime<Utc>>,
        first_attempt_at: DateTime<Utc>,
        state: ArtifactState,
    ) -> Self {
        Self {
            source_id,
            session_id: 1,
            stream,
            session,
            requested_at: None,
            expires_at,
            first_attempt_at,
            attempts: 1,
            state,
            reason: None,
            due_at: first_attempt_at,
            owed: Owed::default(),
            token: Uuid::nil(),
            content_hash: None,
        }
    }

    /// The instant ages are counted from: the session's end, or a later request to make it. `None`: the session runs.
    pub fn counts_from(&self) -> Option<DateTime<Utc>> {
        let ended_at = self.session.ended_at?;
        Some(self.requested_at.map_or(ended_at, |requested_at| requested_at.max(ended_at)))
    }

    /// The claim on it.
    pub fn key(&self) -> ClaimKey {
        ClaimKey { session_id: self.session_id, stream: self.stream, token: self.token }
    }

    /// Its place in the order in which tasks are tried, the order of a claim: what is about to be lost comes first, then
    /// what belongs to the newest sessions.
    pub fn urgency(&self, now: DateTime<Utc>) -> impl Ord + use<> {
        let near = self.expires_at.filter(|at| *at > now && *at <= now + NEAR_EXPIRY);
        let newest = Reverse((self.session.ended_at.unwrap_or(DateTime::<Utc>::MAX_UTC), self.session_id));
        (near.is_none(), near, newest, self.stream)
    }
}
