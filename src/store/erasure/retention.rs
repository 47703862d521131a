//! Retention of content by its age, for each source that has a limit: what ended longer ago loses its texts, names,
//! contacts and raw bytes. Pages that bring such a session later lose them as they are saved, see [`super::redact`].

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use crate::failpoint;
use crate::model::id::SourceId;
use crate::store::data_version::{self, Changed};
use crate::store::erasure::people::People;
use crate::store::erasure::redact::{redact, streams};
use crate::store::erasure::tombstone::Pseudonyms;
use crate::store::write_guard::take_source;
use crate::store::{StoreError, bulk};

/// Sessions erased in one transaction.
const BATCH: i64 = 200;

/// A source with a limit.
struct Limited {
    source_id: i32,
    slug: String,
    days: i32,
}

/// Position in the sessions of a source, by their start.
type After = (DateTime<Utc>, i64);

impl People {
    /// Stores the limits of the sources with these slugs; `None`: the content stays. Other sources keep theirs.
    pub async fn set_limits(&self, slugs: &[String], days: &[Option<i32>]) -> Result<(), StoreError> {
        sqlx::query!(
            "update core.sources s set content_retention_days = configured.days
               from unnest($1::text[], $2::integer[]) as configured (slug, days)
              where s.source_slug = configured.slug and s.content_retention_days is distinct from configured.days",
            slugs,
            days as &[Option<i32>],
        )
        .execute(&self.pool)
        .await
        .map_err(StoreError::doing("storing how long content stays"))?;
        Ok(())
    }

    /// Erases the content of sessions that ended too long ago. Returns their number.
    pub async fn expire(&self, now: DateTime<Utc>, is_stopped: impl Fn() -> bool) -> Result<u64, StoreError> {
        let limited = sqlx::query_as!(
            Limited,
            r#"select source_id, pseudonym_slug as slug, content_retention_days as "days!" from core.sources
                where content_retention_days is not null order by source_id"#,
        )
        .fetch_all(&self.pool)
        .await
        .map_err(StoreError::doing("reading how long content stays"))?;
        let mut erased = 0;
        for source in &limited {
            let mut after = Some((DateTime::<Utc>::UNIX_EPOCH, 0));
            while let Some(from) = after.filter(|_| !is_stopped()) {
                let (count, next) = self.expire_next(source, from, now).await?;
                erased += count;
                after = next;
            }
        }
        Ok(erased)
    }

    async fn expire_next(
        &self,
        source: &Limited,
        after: After,
        now: DateTime<Utc>,
    ) -> Result<(u64, Option<After>), StoreError> {
        let failed = StoreError::doing("erasing old content");
        let before = now - TimeDelta::days(i64::from(source.days));
        let mut tx = bulk::begin_durable(&self.pool).await.map_err(&failed)?;
        // no writer is in the middle of a session
        take_source(&mut tx, SourceId(source.source_id)).await?;
        let sessions = sqlx::query!(
            r#"select session_id, provider_session_id, started_at as "started_at: DateTime<Utc>" from core.sessions
                where source_id = $1 and (started_at, session_id) > ($3::timestamptz, $4) and started_at < $2
                  and content_erased_at is null and coalesce(ended_at, last_activity_at, started_at) < $2
                order by started_at, session_id
                limit $5"#,
            source.source_id,
            before,
            after.0,
            after.1,
            BATCH,
        )
        .fetch_all(&mut *tx)
        .await
        .map_err(&failed)?;
        let source_id = SourceId(source.source_id);
        let pseudonyms = Pseudonyms { key: &self.person_key, slug: &source.slug };
        let ids: Vec<&str> = sessions.iter().map(|one| one.provider_session_id.as_str()).collect();
        let (numbers, _) = redact(&mut tx, pseudonyms, source_id, &ids, now).await?;
        let count = numbers.len() as u64;
        data_version::raise_each(&mut tx, source_id, &streams(), &Changed::numbers(numbers)).await?;
        if sessions.is_empty() {
            expire_rejects(&mut tx, source_id, before, now).await?;
        }
        failpoint::reach("erasure.before_commit");
        tx.commit().await.map_err(&failed)?;
        Ok((count, sessions.last().map(|last| (last.started_at, last.session_id))))
    }
}

/// Erases the bytes of records that could not be read and did not come again since.
async fn expire_rejects(
    tx: &mut PgConnection,
    source_id: SourceId,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.rejects
            set body = '', resolved_at = coalesce(resolved_at, $3), resolution = coalesce(resolution, 'erased')
          where source_id = $1 and last_seen_at < $2 and body <> ''",
        source_id.0,
        before,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("erasing old rejects"))?;
    Ok(())
}
