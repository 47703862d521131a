//! Documented fields that the records of a per-session stream lack, and what is read again once they are back.
//!
//! A list is read again and again, so that a field that is back is seen. An artifact is settled once it is read. So
//! while a field is missing, the newest artifact that came without it is requested again every hour, and with each
//! poll: a single one shows that the field is back. All that came meanwhile is then due again. This module does not
//! decide whether a field is missing.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::model::verdict::SCHEMA_DRIFT;
use crate::store::field_presence::{FieldBook, MissingField};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, StreamKey};

/// Interval at which one artifact is requested again while a field is missing.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// Stores the counts of a pass that began at `began_at`, and returns the missing fields. Makes tasks due again.
pub async fn settle(
    pool: &PgPool,
    stream_key: StreamKey,
    fields: &FieldBook,
    began_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<MissingField>, StoreError> {
    if fields.is_idle() {
        return Ok(Vec::new());
    }
    let failed = StoreError::doing("storing which fields are usual");
    let mut tx = pool.begin().await.map_err(&failed)?;
    WriteGuard::Single(stream_key).check(&mut tx).await?;
    let fields = fields.with_news(&mut tx, stream_key).await?;
    let missing = fields.write(&mut tx, stream_key, began_at).await.map_err(&failed)?;
    if let Some(since) = fields.back_since(began_at) {
        make_due(&mut tx, stream_key, since, now, None).await?;
    }
    if let Some(since) = missing.iter().map(|field| field.since).min() {
        make_due(&mut tx, stream_key, since, now + LOOK_AGAIN, Some(1)).await?;
    }
    tx.commit().await.map_err(&failed)?;
    Ok(missing)
}

/// Returns which of `streams` lack a field, and makes an artifact of each of them due.
pub async fn look_again_now(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[Stream],
    dropped: &[String],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("looking for missing fields"))?;
    for (stream, since) in missing(&mut connection, source_id, streams, dropped).await? {
        make_due(&mut connection, StreamKey { source_id, stream }, since, now, Some(1)).await?;
    }
    Ok(())
}

/// Returns which of `streams` lack a field.
pub async fn streams_lacking(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[Stream],
    dropped: &[String],
) -> Result<Vec<Stream>, StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("looking for missing fields"))?;
    let missing = missing(&mut connection, source_id, streams, dropped).await?;
    Ok(missing.into_iter().map(|(stream, _)| stream).collect())
}

/// Returns the streams that lack a field, each with since when.
async fn missing(
    connection: &mut PgConnection,
    source_id: SourceId,
    streams: &[Stream],
    dropped: &[String],
) -> Result<Vec<(Stream, DateTime<Utc>)>, StoreError> {
    let names: Vec<&str> = streams.iter().map(|stream| stream.as_str()).collect();
    let rows = sqlx::query!(
        r#"select stream, min(missing_since)::timestamptz as "since!" from ingest.field_presence
            where source_id = $1 and stream = any($2) and missing_since is not null and field <> all($3)
            group by stream"#,
        source_id.0,
        &names as &[&str],
        dropped,
    )
    .fetch_all(connection)
    .await
    .map_err(StoreError::doing("looking for missing fields"))?;
    Ok(rows.into_iter().filter_map(|row| Some((Stream::parse(&row.stream)?, row.since))).collect())
}

/// Makes tasks due at `at` whose content came since then, or was not stored because it lacked a field: at most `limit`
/// of them, the newest sessions first.
async fn make_due(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    since: DateTime<Utc>,
    at: DateTime<Utc>,
    limit: Option<i64>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks t
            set next_try_at = $4, settled_at = null,
                state = case when t.state in ('available', 'empty') then t.state else 'pending' end
           from (select session_id from ingest.artifact_tasks
                  where source_id = $1 and stream = $2 and (content_at >= $3 or reason = $5)
                  order by ended_at desc nulls last, session_id desc limit $6) lacking
          where t.source_id = $1 and t.stream = $2 and t.session_id = lacking.session_id
            and (t.next_try_at is null or t.next_try_at > $4)",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        since,
        at,
        SCHEMA_DRIFT,
        limit,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("making tasks due whose content lacks a field"))?;
    Ok(())
}
