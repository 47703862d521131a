//! Removes what is stored of erased people, and of sessions whose content is erased: of what a transaction wrote, and
//! of what was stored before.
//!
//! A session of the person alone loses all of its content. Of a session with several people, the rows of the person
//! lose theirs, and so does what cannot be told apart by person: summary, title, raw files. Rows with figures stay.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::erasure::personal;
use crate::store::erasure::tombstone::Pseudonyms;

/// Rows from which something was erased, by table.
pub(in crate::store) type ErasedRows = BTreeMap<String, i64>;

/// Pseudonyms of the erased people of the source.
const ERASED: &str = "array(select e.erased_as from ingest.erased_people e where e.source_id = $1)";

/// Sessions to redact: numbers, and the provider's ids.
#[derive(Debug, Default)]
struct Found {
    whole: (Vec<i64>, Vec<String>),
    shared: (Vec<i64>, Vec<String>),
}

/// Erases again what must not be stored of the sessions with these provider's ids. Returns the numbers of the sessions
/// and the rows.
pub(in crate::store) async fn redact(
    tx: &mut PgConnection,
    pseudonyms: Pseudonyms<'_>,
    source_id: SourceId,
    ids: &[&str],
    now: DateTime<Utc>,
) -> Result<(Vec<i64>, ErasedRows), StoreError> {
    replace_speakers(tx, pseudonyms, source_id, ids).await?;
    let found = find(tx, source_id, ids, now).await?;
    let numbers: Vec<i64> = [&found.whole.0[..], &found.shared.0].concat();
    let mut rows = ErasedRows::new();
    if numbers.is_empty() {
        return Ok((numbers, rows));
    }
    let mut count = |table: &str, rows_affected: u64| {
        if rows_affected > 0 {
            rows.insert(table.to_owned(), i64::try_from(rows_affected).unwrap_or(i64::MAX));
        }
    };
    for table in personal::tables(tx).await?.iter().filter(|table| !table.erase.is_empty()) {
        // what cannot be told apart by person is erased
        let is_of_erased = table.is_of_any(ERASED).unwrap_or_else(|| "true".to_owned());
        // all names come from the catalog
        let sql = format!(
            "update {} t set {} where t.source_id = $1 and ({})
                and (t.session_id = any($2) or t.session_id = any($3) and {is_of_erased})",
            table.name, table.erase, table.is_filled
        );
        let erased = sqlx::query(AssertSqlSafe(sql)).bind(source_id.0).bind(&found.whole.0).bind(&found.shared.0);
        let erased = erased.execute(&mut *tx).await.map_err(StoreError::doing("erasing personal data"))?;
        count(&table.name, erased.rows_affected());
    }
    count("ingest.raw_records", erase_bytes(tx, source_id, &found, now).await?);
    count("ingest.rejects", erase_rejects(tx, source_id, &found, now).await?);
    count("core.sessions", mark(tx, source_id, &found.whole.0, now).await?);
    Ok((numbers, rows))
}

/// Gives utterances of erased people their other pseudonym, found by the speaker's own pseudonym or by the name.
async fn replace_speakers(
    tx: &mut PgConnection,
    pseudonyms: Pseudonyms<'_>,
    source_id: SourceId,
    ids: &[&str],
) -> Result<(), StoreError> {
    let failed = StoreError::doing("erasing speakers");
    let labels = sqlx::query!(
        r#"select distinct s.session_id, s.provider_session_id, g.speaker_label as "label!"
             from core.sessions s join core.transcript_segments g using (source_id, session_id)
            where s.source_id = $1 and s.provider_session_id = any($2) and g.speaker_label is not null"#,
        source_id.0,
        ids as &[&str],
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let names: Vec<String> =
        labels.iter().map(|row| pseudonyms.of_name(&row.provider_session_id, &row.label)).collect();
    sqlx::query!(
        "update core.transcript_segments g set speaker_id = e.erased_as
           from unnest($2::bigint[], $3::text[], $4::text[]) named(session_id, label, pseudonym)
           join ingest.erased_people e on e.source_id = $1 and e.person_id = named.pseudonym
          where g.source_id = $1 and g.session_id = named.session_id and g.speaker_label = named.label
            and g.speaker_id is distinct from e.erased_as",
        source_id.0,
        &labels.iter().map(|row| row.session_id).collect::<Vec<_>>(),
        &labels.iter().map(|row| row.label.as_str()).collect::<Vec<_>>() as &[&str],
        &names,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "update core.transcript_segments g set speaker_id = e.erased_as
           from core.sessions s, ingest.erased_people e
          where s.source_id = $1 and s.provider_session_id = any($2)
            and g.source_id = $1 and g.session_id = s.session_id
            and e.source_id = $1 and e.person_id = g.speaker_id",
        source_id.0,
        ids as &[&str],
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}

async fn find(
    tx: &mut PgConnection,
    source_id: SourceId,
    ids: &[&str],
    now: DateTime<Utc>,
) -> Result<Found, StoreError> {
    let rows = sqlx::query!(
        r#"select s.session_id, s.provider_session_id, s.is_whole as "is_whole!"
             from (select s.source_id, s.session_id, s.provider_session_id,
                          (s.content_erased_at is not null
                           or exists (select from ingest.erased_people e
                                       where e.source_id = s.source_id and e.erased_as = s.person_id)
                           or coalesce(s.ended_at, s.last_activity_at, s.started_at)::timestamptz
                              < $3::timestamptz - src.content_retention_days * interval '1 day') is true as is_whole
                     from core.sessions s
                     join core.sources src on src.source_id = s.source_id
                    where s.source_id = $1 and s.provider_session_id = any($2)) s
            where (s.is_whole
                   or exists (select from core.participants p
                                join ingest.erased_people e on e.source_id = p.source_id and e.erased_as = p.person_id
                               where p.source_id = s.source_id and p.session_id = s.session_id)
                   or exists (select from core.transcript_segments g
                                join ingest.erased_people e on e.source_id = g.source_id and e.erased_as = g.speaker_id
                               where g.source_id = s.source_id and g.session_id = s.session_id))
            order by s.session_id"#,
        source_id.0,
        ids as &[&str],
        now,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("looking for what was erased"))?;
    let mut found = Found::default();
    for row in rows {
        let (numbers, ids) = if row.is_whole { &mut found.whole } else { &mut found.shared };
        numbers.push(row.session_id);
        ids.push(row.provider_session_id);
    }
    Ok(found)
}

/// Erases the bytes of raw records, but for those of one participant who is not erased.
async fn erase_bytes(
    tx: &mut PgConnection,
    source_id: SourceId,
    found: &Found,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let failed = StoreError::doing("erasing raw records");
    let of_lists = sqlx::query!(
        "update ingest.raw_records r set body = '', erased_at = $4
          where r.source_id = $1 and r.stream = any($2) and r.provider_record_id = any($3) and r.erased_at is null",
        source_id.0,
        &Stream::LISTING.map(Stream::as_str) as &[&str],
        &[&found.whole.1[..], &found.shared.1].concat(),
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let of_sessions = sqlx::query!(
        "update ingest.raw_records r set body = '', erased_at = $4
           from core.sessions s
          where s.source_id = $1 and s.provider_session_id = any($2::text[] || $3::text[])
            and r.source_id = $1 and r.provider_session_id = s.provider_session_id and r.erased_at is null
            and (s.provider_session_id = any($2::text[])
                 or not exists (select from core.participants p
                                 where p.source_id = s.source_id and p.session_id = s.session_id
                                   and r.provider_record_id = s.provider_session_id || '/' || p.provider_participant_id
                                   and not exists (select from ingest.erased_people e
                                                    where e.source_id = p.source_id and e.erased_as = p.person_id)))",
        source_id.0,
        &found.whole.1,
        &found.shared.1,
        now,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(of_lists.rows_affected() + of_sessions.rows_affected())
}

async fn erase_rejects(
    tx: &mut PgConnection,
    source_id: SourceId,
    found: &Found,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let erased = sqlx::query!(
        "update ingest.rejects r
            set body = '', resolved_at = coalesce(r.resolved_at, $4), resolution = coalesce(r.resolution, 'erased')
          where r.source_id = $1 and r.body <> ''
            and (r.provider_session_id = any($2) or r.stream = any($3) and r.provider_record_id = any($2))",
        source_id.0,
        &[&found.whole.1[..], &found.shared.1].concat(),
        &Stream::LISTING.map(Stream::as_str) as &[&str],
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("erasing rejects"))?;
    Ok(erased.rows_affected())
}

async fn mark(
    tx: &mut PgConnection,
    source_id: SourceId,
    numbers: &[i64],
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let marked = sqlx::query!(
        "update core.sessions set content_erased_at = $3
          where source_id = $1 and session_id = any($2) and content_erased_at is null",
        source_id.0,
        numbers,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("marking sessions as erased"))?;
    Ok(marked.rows_affected())
}

/// Returns the streams of a source's data, all of whose answers differ after an erasure.
pub(super) fn streams() -> BTreeSet<Stream> {
    Stream::ALL.into_iter().collect()
}
