//! The work list: claiming, giving back.
//!
//! Claims run by the database's clock, so that no machine's clock matters; when a task is due is the
//! service's present, like everything the provider's calendar decides.

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

/// Claims up to `limit` due tasks: those about to be lost first, then those of the newest sessions. A claim holds for
/// `duration` without renewal: a killed worker keeps its few tasks from others for so long.
pub async fn claim(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[SessionStream],
    duration: Duration,
    now: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<Task>, StoreError> {
    let mut tasks = claim_some(pool, source_id, streams, duration, now, limit, true).await?;
    if tasks.len() < limit {
        tasks.extend(claim_some(pool, source_id, streams, duration, now, limit - tasks.len(), false).await?);
    }
    Ok(tasks)
}

struct Claimed {
    session_id: i64,
    stream: String,
    provider_session_id: String,
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    requested_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    first_attempt_at: DateTime<Utc>,
    attempts: i32,
    state: String,
    token: Uuid,
    content_hash: Option<Vec<u8>>,
    reason: Option<String>,
    due_at: DateTime<Utc>,
    owed_since: Option<DateTime<Utc>>,
    agreed_since: Option<DateTime<Utc>>,
    tries: i32,
}

async fn claim_some(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[SessionStream],
    duration: Duration,
    now: DateTime<Utc>,
    limit: usize,
    near_expiry: bool,
) -> Result<Vec<Task>, StoreError> {
    let names: Vec<&str> = streams.iter().map(|stream| stream.stream.as_str()).collect();
    let waiting = streams.iter().filter(|stream| stream.per_participant).map(|stream| stream.stream.as_str());
    let waiting: Vec<&str> = waiting.collect();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let claim = duration.as_secs_f64();
    let failed = StoreError::doing("claiming what is to be fetched");
    let rows = if near_expiry {
        let to = now + NEAR_EXPIRY;
        sqlx::query_file_as!(
            Claimed,
            "src/store/artifact/claim_expiring.sql",
            source_id.0,
            now,
            &names as &[&str],
            &waiting as &[&str],
            limit,
            claim,
            to
        )
        .fetch_all(pool)
        .await
    } else {
        sqlx::query_file_as!(
            Claimed,
            "src/store/artifact/claim_newest.sql",
            source_id.0,
            now,
            &names as &[&str],
            &waiting as &[&str],
            limit,
            claim
        )
        .fetch_all(pool)
        .await
    };
    Ok(rows.map_err(failed)?.into_iter().filter_map(|row| row.into_task(source_id)).collect())
}

impl Claimed {
    fn into_task(self, source_id: SourceId) -> Option<Task> {
        let session = SessionRef {
            provider_session_id: ProviderRecordId::parse(&self.provider_session_id).ok()?,
            started_at: self.started_at,
            ended_at: self.ended_at,
        };
        Some(Task {
            source_id,
            session_id: self.session_id,
            stream: Stream::parse(&self.stream)?,
            session,
            requested_at: self.requested_at,
            expires_at: self.expires_at,
            first_attempt_at: self.first_attempt_at,
            attempts: self.attempts,
            state: ArtifactState::parse(&self.state)?,
            reason: self.reason,
            due_at: self.due_at,
            owed: Owed { since: self.owed_since, agreed_since: self.agreed_since, tries: self.tries },
            token: self.token,
            content_hash: self.content_hash,
        })
    }
}

/// Prolongs the claims on `tasks` to `duration` from now.
pub async fn renew(pool: &PgPool, tasks: &[Uuid], duration: Duration) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks set claimed_until = now() + make_interval(secs => $2)
          where claim_token = any($1)",
        tasks,
        duration.as_secs_f64(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("renewing claims"))?;
    Ok(())
}

/// Gives a task back as if it had not been tried; it is due at `next_try_at`.
pub async fn give_back(pool: &PgPool, task: &Task, next_try_at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks
            set claim_token = null, claimed_until = null, attempts = greatest(attempts - 1, 0), next_try_at = $5,
                first_attempt_at = case when attempts <= 1 then null else first_attempt_at end
          where source_id = $1 and session_id = $2 and stream = $3 and claim_token = $4",
        task.source_id.0,
        task.session_id,
        task.stream.as_str(),
        task.token,
        next_try_at,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("giving a task back"))?;
    Ok(())
}

/// Gives a task back that was not answered: the try does not count, and its content is owed. `class` says why.
pub async fn put_off(
    pool: &PgPool,
    task: &Task,
    next_try_at: DateTime<Utc>,
    class: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks
            set claim_token = null, claimed_until = null, attempts = greatest(attempts - 1, 0), next_try_at = $5,
                first_attempt_at = case when attempts <= 1 then null else first_attempt_at end,
                owed_since = coalesce(owed_since, $6), tries = case when owed_since is null then 0 else tries end,
                reason = coalesce(reason, $7)
          where source_id = $1 and session_id = $2 and stream = $3 and claim_token = $4",
        task.source_id.0,
        task.session_id,
        task.stream.as_str(),
        task.token,
        next_try_at,
        now,
        class,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("putting a task off"))?;
    Ok(())
}

/// When the next task of a source comes due; `None`: nothing is left to do.
pub async fn next_due_at(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[SessionStream],
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let names: Vec<&str> = streams.iter().map(|stream| stream.stream.as_str()).collect();
    sqlx::query_scalar!(
        r#"select min(first.next_try_at)::timestamptz as "next"
             from unnest($2::text[]) wanted(stream)
            cross join lateral (select t.next_try_at from ingest.artifact_tasks t
                                 where t.source_id = $1 and t.stream = wanted.stream and t.next_try_at is not null
                                 order by t.next_try_at limit 1) first"#,
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

    /// The claim, for [`renew`].
    pub fn token(&self) -> Uuid {
        self.token
    }
}
