//! The text-search configuration of a source, which each of its texts repeats.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::source::SourceRegistration;
use crate::store::StoreError;
use crate::store::write_guard::take_source;

/// Sets the configuration of a source, and rewrites its texts where it is another one. Writers hold the row of the
/// lease until their texts are stored, so none writes with the former configuration meanwhile.
pub(super) async fn set(tx: &mut PgConnection, source_id: i32, source: &SourceRegistration) -> Result<(), StoreError> {
    let failed = StoreError::doing("setting the language of a source");
    let change = sqlx::query!(
        r#"select c.cfgname::text as name
             from core.sources s
             left join pg_catalog.pg_ts_config c
                    on c.cfgname = $2 and c.cfgnamespace = 'pg_catalog'::regnamespace
            where s.source_id = $1 and s.search_language is distinct from c.cfgname::text"#,
        source_id,
        source.search_language,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(&failed)?;
    let Some(change) = change else { return Ok(()) };
    take_source(tx, SourceId(source_id)).await?;
    if change.name != source.search_language {
        let (source, language) = (source.slug.as_str(), source.search_language.as_deref());
        tracing::warn!(source, language, "this server has no such text-search configuration: `simple` is used");
    }
    sqlx::query!("update core.sources set search_language = $2 where source_id = $1", source_id, change.name)
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    follow(tx, source_id).await
}

/// Rewrites the texts of a source that have another configuration than their source.
pub(super) async fn follow(tx: &mut PgConnection, source_id: i32) -> Result<(), StoreError> {
    let failed = StoreError::doing("setting the language of texts");
    sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
    sqlx::query!(
        "with source as (select s.source_id, s.search_language from core.sources s where s.source_id = $1),
              messages as (update core.messages m set search_language = s.search_language from source s
                            where m.source_id = s.source_id
                              and m.search_language is distinct from s.search_language),
              segments as (update core.transcript_segments m set search_language = s.search_language from source s
                            where m.source_id = s.source_id
                              and m.search_language is distinct from s.search_language)
         update core.session_summaries m set search_language = s.search_language from source s
          where m.source_id = s.source_id and m.search_language is distinct from s.search_language",
        source_id,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}
