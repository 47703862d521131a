//! Owed tasks: tasks whose content could not be read because of a fault, until it is read or given up.
//!
//! A task is owed while its `owed_since` is set. A task that was given up is settled and not owed; an operator can
//! have it retried. This module does not decide when that is right.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::data_version::{self, Changed};
use crate::store::operation::{self, Operation};
use crate::store::{StoreError, StreamKey};

/// Owed tasks of one stream with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedTasks {
    /// The stream.
    pub stream: Stream,
    /// Result of their last tries, for programs.
    pub class: String,
    /// Number of tasks.
    pub count: i64,
    /// The earliest next try among them.
    pub next_try_at: Option<DateTime<Utc>>,
}

/// Returns the owed tasks of `streams`: by stream, the most frequent reason first.
pub async fn list(pool: &PgPool, source_id: SourceId, streams: &[Stream]) -> Result<Vec<OwedTasks>, StoreError> {
    let rows = sqlx::query!(
        r#"select stream, coalesce(reason, 'unknown') as "class!", count(*) as "count!",
                  min(next_try_at)::timestamptz as next_try_at
             from ingest.artifact_tasks
            where source_id = $1 and stream = any($2) and owed_since is not null
            group by stream, reason
            order by stream, count(*) desc, reason"#,
        source_id.0,
        &names(streams) as &[&str],
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("counting owed tasks"))?;
    let owed = rows.into_iter().filter_map(|row| {
        let stream = Stream::parse(&row.stream)?;
        Some(OwedTasks { stream, class: row.class, count: row.count, next_try_at: row.next_try_at })
    });
    Ok(owed.collect())
}

/// Makes owed tasks with fewer than `most_tries` tries due at `now`. Leaves out tasks that wait for a second try a
/// day later, or for the instant that the provider stated.
pub async fn make_due(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[Stream],
    most_tries: i32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks set next_try_at = $4
          where source_id = $1 and stream = any($2) and owed_since is not null and tries < $3 and next_try_at > $4
            and reason <> all ('{not_found,no_link,link_dead,zero_bytes,no_length,rate_limited}')
            and (claimed_until is null or claimed_until <= now())",
        source_id.0,
        &names(streams) as &[&str],
        most_tries,
        now,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("making owed tasks due"))?;
    Ok(())
}

/// Makes tasks due whose calls the provider refused for their credential or their request: it accepts both again.
/// Requests a run of their streams, which a worker may have paused after the refusals.
pub(in crate::store) async fn retry_refused(
    tx: &mut PgConnection,
    source_id: SourceId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("making refused tasks due");
    let mut streams = sqlx::query_scalar!(
        "update ingest.artifact_tasks set next_try_at = $2
          where source_id = $1 and owed_since is not null and next_try_at > $2
            and reason in ('auth_failed', 'config_error')
            and (claimed_until is null or claimed_until <= now())
         returning stream",
        source_id.0,
        now,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    streams.sort_unstable();
    streams.dedup();
    sqlx::query!(
        "insert into ingest.controls as c (source_id, stream, due_at)
         select $1, refused.stream, $3 from unnest($2::text[]) refused(stream)
             on conflict (source_id, stream) do update set due_at = excluded.due_at
          where c.paused_at is null",
        source_id.0,
        &streams,
        now,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}

/// Returns when all tasks are due whose last tries found nothing and whose next one is after `now` and no later than
/// `until`; `None`: there is none.
pub async fn quick_tries_due_at(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[Stream],
    (now, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar!(
        r#"select max(next_try_at)::timestamptz as "last" from ingest.artifact_tasks
            where source_id = $1 and stream = any($2) and next_try_at > $3 and next_try_at <= $4 and tries > 0
              and claimed_until is null and not is_ready and not is_waiting"#,
        source_id.0,
        &names(streams) as &[&str],
        now,
        until,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading which task is tried next"))
}

/// Filter of settled tasks to retry.
#[derive(Debug, Clone, Copy)]
pub struct RetryFilter<'a> {
    /// The source.
    pub source_id: SourceId,
    /// The streams.
    pub streams: &'a [Stream],
    /// The states: those of tasks, and `incomplete` for content of which a part is missing.
    pub states: &'a [&'a str],
    /// Only sessions that began at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Only sessions that began before this instant.
    pub to: Option<DateTime<Utc>>,
}

impl RetryFilter<'_> {
    /// Describes the filter, for the journal of operations.
    pub fn in_words(&self) -> String {
        let at = |name: &str, at: Option<DateTime<Utc>>| {
            at.map(|at| format!(" {name} {}", at.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default()
        };
        format!("artifacts {}{}{}", self.states.join(","), at("from", self.from), at("to", self.to))
    }
}

/// Retries tasks that were given up: resets their tries and makes them due now. Writes the operation into the
/// journal; returns its number and how many tasks of each stream were made due.
pub async fn retry(
    pool: &PgPool,
    operation: &Operation<'_>,
    filter: &RetryFilter<'_>,
) -> Result<(i64, Vec<(Stream, i64)>), StoreError> {
    let failed = StoreError::doing("making tasks due again");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let operation_id = operation::record(&mut tx, operation).await?;
    let mut made_due = Vec::new();
    for stream in filter.streams {
        let numbers = retry_stream(&mut tx, *stream, filter, operation.now).await?;
        made_due.push((*stream, i64::try_from(numbers.len()).unwrap_or(i64::MAX)));
        if !numbers.is_empty() {
            let stream_key = StreamKey { source_id: filter.source_id, stream: *stream };
            data_version::raise(&mut tx, stream_key, &Changed::numbers(numbers)).await?;
        }
    }
    tx.commit().await.map_err(&failed)?;
    Ok((operation_id, made_due))
}

/// Returns the sessions whose tasks were made due.
async fn retry_stream(
    tx: &mut PgConnection,
    stream: Stream,
    filter: &RetryFilter<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<i64>, StoreError> {
    let states: Vec<String> = filter.states.iter().map(|state| (*state).to_owned()).collect();
    sqlx::query_scalar!(
        "update ingest.artifact_tasks t
            set next_try_at = $6, settled_at = null, attempts = 0, tries = 0, owed_since = null, agreed_since = null,
                -- content that is stored stays available meanwhile
                state = case when t.state = 'available' then t.state else 'pending' end
           from core.sessions s
          where t.source_id = $1 and t.stream = $2 and t.next_try_at is null
            and (t.state = any($3) or (t.state = 'available' and t.reason = 'incomplete' and 'incomplete' = any($3)))
            and s.source_id = t.source_id and s.session_id = t.session_id and not s.is_deleted_at_provider
            and ($4::timestamptz is null or s.started_at >= $4) and ($5::timestamptz is null or s.started_at < $5)
         returning t.session_id",
        filter.source_id.0,
        stream.as_str(),
        &states,
        filter.from,
        filter.to,
        now,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("making tasks due again"))
}

fn names(streams: &[Stream]) -> Vec<&'static str> {
    streams.iter().map(|stream| stream.as_str()).collect()
}
