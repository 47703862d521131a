//! Sources, and the facts learnt about them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::source::SourceRegistration;
use crate::model::stream::Stream;
use crate::store::{StoreError, data_version, search_language};

/// Registers the configured sources and their streams, and marks all others as no longer configured. Returns the ids
/// in the order of `sources`. Writes nothing where nothing changed, and nothing at all where one is being removed.
pub async fn register(pool: &PgPool, sources: &[SourceRegistration]) -> Result<Vec<SourceId>, StoreError> {
    let failed = StoreError::doing("registering the sources");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let slugs: Vec<String> = sources.iter().map(|source| source.slug.to_string()).collect();
    sqlx::query!("update core.sources set is_enabled = false where is_enabled and source_slug <> all($1)", &slugs)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    let mut ids = Vec::with_capacity(sources.len());
    for source in sources {
        date_sessions(&mut tx, source).await?;
        let id = register_one(&mut tx, source).await.map_err(&failed)?;
        let id = id.ok_or_else(|| StoreError::SourceRemoved { slug: source.slug.to_string() })?;
        register_streams(&mut tx, id, source).await.map_err(&failed)?;
        search_language::set(&mut tx, id, source).await?;
        ids.push(SourceId(id));
    }
    tx.commit().await.map_err(&failed)?;
    Ok(ids)
}

/// Returns `None` where the source is being removed. Its row stays locked, so that no removal begins meanwhile.
async fn register_one(tx: &mut PgConnection, source: &SourceRegistration) -> Result<Option<i32>, sqlx::Error> {
    let basis = source.capabilities.minutes_basis.map(crate::model::source::MinutesBasis::as_str);
    let kinds = source.capabilities.session_kinds.iter().map(|kind| kind.as_str().to_owned()).collect::<Vec<_>>();
    let streams: Vec<String> = source.session_streams.iter().map(|stream| stream.as_str().to_owned()).collect();
    sqlx::query!(
        "insert into core.sources as s (source_slug, provider, account_ref, minutes_basis, has_outcomes,
                                        message_support, history_from, schedule, session_kinds, session_streams,
                                        human_steps, credential_fingerprint, stale_after_seconds,
                                        content_retention_days, is_enabled, pseudonym_slug)
         -- a source that got another name keeps its pseudonyms; they must not be those of another account
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, true,
                case when count(*) = 0 then $1 else $1 || '#' || gen_random_uuid() end
           from core.sources other where other.pseudonym_slug = $1
         on conflict (source_slug) do update
            set provider = excluded.provider, account_ref = excluded.account_ref,
                minutes_basis = excluded.minutes_basis, has_outcomes = excluded.has_outcomes,
                message_support = excluded.message_support, history_from = excluded.history_from,
                schedule = excluded.schedule, session_kinds = excluded.session_kinds,
                session_streams = excluded.session_streams, human_steps = excluded.human_steps,
                credential_fingerprint = excluded.credential_fingerprint,
                stale_after_seconds = excluded.stale_after_seconds,
                content_retention_days = excluded.content_retention_days, is_enabled = true
          where s.removed_at is null
            and (s.provider, s.account_ref, s.minutes_basis, s.has_outcomes, s.message_support, s.history_from,
                 s.schedule, s.session_kinds, s.session_streams, s.human_steps, s.credential_fingerprint,
                 s.stale_after_seconds, s.content_retention_days, s.is_enabled)
                is distinct from
                (excluded.provider, excluded.account_ref, excluded.minutes_basis, excluded.has_outcomes,
                 excluded.message_support, excluded.history_from, excluded.schedule, excluded.session_kinds,
                 excluded.session_streams, excluded.human_steps, excluded.credential_fingerprint,
                 excluded.stale_after_seconds, excluded.content_retention_days, true)",
        source.slug.as_str(),
        source.provider,
        source.account_ref,
        basis,
        source.capabilities.has_outcomes,
        source.capabilities.messages.as_str(),
        source.history_from,
        source.schedule,
        &kinds,
        &streams,
        &source.human_steps,
        source.credential_fingerprint,
        source.stale_after_seconds,
        source.content_retention_days,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query_scalar!(
        "select source_id from core.sources where source_slug = $1 and removed_at is null",
        source.slug.as_str(),
    )
    .fetch_optional(&mut *tx)
    .await
}

async fn register_streams(tx: &mut PgConnection, id: i32, source: &SourceRegistration) -> Result<(), sqlx::Error> {
    let streams: Vec<String> = source.session_streams.iter().map(|stream| stream.as_str().to_owned()).collect();
    // sessions stored while a stream is off get no tasks: once it is on again, all stored sessions are enqueued
    sqlx::query!(
        "delete from ingest.source_facts
          where source_id = $1 and name = 'enlisted_streams' and value <> array_to_string($2::text[], ',')",
        id,
        &streams,
    )
    .execute(&mut *tx)
    .await?;
    for stream in Stream::LISTING {
        sqlx::query!(
            "insert into ingest.streams (source_id, stream) values ($1, $2) on conflict (source_id, stream) do nothing",
            id,
            stream.as_str(),
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Dates the sessions of a source of which analysts see something else with this registration.
async fn date_sessions(tx: &mut PgConnection, source: &SourceRegistration) -> Result<(), StoreError> {
    let streams: Vec<String> = source.session_streams.iter().map(|stream| stream.as_str().to_owned()).collect();
    let shown = sqlx::query_scalar!(
        "select s.source_id from core.sources s
          where s.source_slug = $1
            and (s.provider, s.minutes_basis, s.has_outcomes, s.message_support, s.session_streams, s.human_steps)
                is distinct from ($2::text, $3::text, $4::bool, $5::text, $6::text[], $7::text[])",
        source.slug.as_str(),
        source.provider,
        source.capabilities.minutes_basis.map(crate::model::source::MinutesBasis::as_str),
        source.capabilities.has_outcomes,
        source.capabilities.messages.as_str(),
        &streams,
        &source.human_steps,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(StoreError::doing("comparing a source"))?;
    if let Some(source_id) = shown {
        data_version::date_all(tx, source_id).await?;
    }
    Ok(())
}

/// An account with stored data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// Slug of its source.
    pub slug: String,
    /// Kind of platform.
    pub provider: String,
    /// The account's reference at the provider.
    pub account_ref: String,
    /// Fingerprint of the credential it was last polled with; `None`: unknown.
    pub credential_fingerprint: Option<String>,
    /// Whether it has sessions, and not only ranges proven to be empty.
    pub has_sessions: bool,
    /// Whether its rows are being deleted.
    pub is_removed: bool,
}

/// Returns the accounts with stored data, configured or not, and those whose data are being deleted.
pub async fn accounts(pool: &PgPool) -> Result<Vec<StoredAccount>, StoreError> {
    let failed = StoreError::doing("reading which accounts are stored");
    let sources = sqlx::query!(
        r#"select source_id, source_slug, provider, account_ref, credential_fingerprint,
                  removed_at is not null as "is_removed!",
                  exists (select from ingest.windows w where w.source_id = s.source_id) as "has_windows!"
             from core.sources s order by source_slug"#,
    )
    .fetch_all(pool)
    .await
    .map_err(&failed)?;
    let mut accounts = Vec::new();
    for source in sources {
        // a statement of its own, since Citus looks for sessions of one source alone or counts those of all
        let has_sessions = sqlx::query_scalar!(
            r#"select exists (select from core.sessions where source_id = $1) as "is_so!""#,
            source.source_id,
        )
        .fetch_one(pool)
        .await
        .map_err(&failed)?;
        if has_sessions || source.has_windows || source.is_removed {
            accounts.push(StoredAccount {
                slug: source.source_slug,
                provider: source.provider,
                account_ref: source.account_ref,
                credential_fingerprint: source.credential_fingerprint,
                has_sessions,
                is_removed: source.is_removed,
            });
        }
    }
    Ok(accounts)
}

/// Returns the slug used for pseudonyms of a source.
pub async fn pseudonym_slug(pool: &PgPool, source_id: SourceId) -> Result<String, StoreError> {
    sqlx::query_scalar!("select pseudonym_slug from core.sources where source_id = $1", source_id.0)
        .fetch_one(pool)
        .await
        .map_err(StoreError::doing("reading a source"))
}

/// Returns the names of all sources in the database, configured or not.
pub async fn slugs(pool: &PgPool) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!("select source_slug from core.sources order by source_slug")
        .fetch_all(pool)
        .await
        .map_err(StoreError::doing("listing the sources"))
}

/// Returns the facts learnt about a source so far.
pub async fn facts(pool: &PgPool, source_id: SourceId) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = sqlx::query!("select name, value from ingest.source_facts where source_id = $1", source_id.0)
        .fetch_all(pool)
        .await
        .map_err(StoreError::doing("reading the facts of a source"))?;
    Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
}

/// Stores the facts learnt from a page.
pub(super) async fn learn(
    tx: &mut PgConnection,
    source_id: SourceId,
    facts: &BTreeMap<&'static str, String>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if facts.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = facts.keys().copied().collect();
    let values: Vec<&str> = facts.values().map(String::as_str).collect();
    sqlx::query!(
        "insert into ingest.source_facts as f (source_id, name, value, learnt_at)
         select $1, new.name, new.value, $4 from unnest($2::text[], $3::text[]) new(name, value)
         on conflict (source_id, name) do update set value = excluded.value, learnt_at = excluded.learnt_at
          where f.value is distinct from excluded.value",
        source_id.0,
        &names as &[&str],
        &values as &[&str],
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("storing the facts of a source"))?;
    Ok(())
}
