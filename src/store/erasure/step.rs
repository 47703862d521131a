//! One step of an erasure: the next sessions of the person, and at the end what no session leads to.

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::data_version::{self, Changed};
use crate::store::erasure::people::{Sought, Work};
use crate::store::erasure::redact::{ErasedRows, redact, streams};
use crate::store::erasure::search::{self, Patterns};
use crate::store::erasure::tombstone;
use crate::store::{StoreError, session};

/// Sessions erased in one transaction.
const BATCH: i64 = 100;

/// Erases the next sessions, and adds their rows. Returns how far it is done; `None`: no session is left.
pub(super) async fn step(
    tx: &mut PgConnection,
    work: &Work<'_>,
    rows: &mut ErasedRows,
) -> Result<Option<i64>, StoreError> {
    let (sessions, progress) = next(tx, work).await?;
    if sessions.is_empty() {
        return Ok(None);
    }
    keep_names(tx, work, &sessions.iter().map(|one| one.session_id).collect::<Vec<_>>()).await?;
    let (gone, rest): (Vec<&Next>, Vec<&Next>) = sessions.iter().partition(|one| one.is_own && work.deletes_sessions);
    delete(tx, work, &gone, rows).await?;
    let ids: Vec<&str> = rest.iter().map(|one| one.provider_session_id.as_str()).collect();
    let (numbers, mut erased) = redact(tx, work.pseudonyms, work.source_id, &ids, work.now).await?;
    // these were counted when their pseudonym was replaced
    erased.retain(|table, _| !["core.sessions", "core.participants"].contains(&table.as_str()));
    for (table, count) in erased {
        *rows.entry(table).or_default() += count;
    }
    data_version::raise_each(tx, work.source_id, &streams(), &Changed::numbers(numbers)).await?;
    Ok(Some(progress))
}

/// A session of the person.
struct Next {
    session_id: i64,
    provider_session_id: String,
    is_own: bool,
}

/// Returns the next sessions: those of the person, then those in which only utterances are theirs.
async fn next(tx: &mut PgConnection, work: &Work<'_>) -> Result<(Vec<Next>, i64), StoreError> {
    let failed = StoreError::doing("reading the sessions of a person");
    let sessions = sqlx::query_as!(
        Next,
        r#"select session_id as "session_id!", provider_session_id as "provider_session_id!",
                  bool_or(is_own) as "is_own!"
             from (select s.session_id, s.provider_session_id, true as is_own
                     from core.sessions s
                    where s.source_id = $1 and s.session_id > $2
                      and s.person_id in (select erased_as from ingest.erased_people where erasure_id = $3)
                    union all
                   select s.session_id, s.provider_session_id, false
                     from core.participants p join core.sessions s using (source_id, session_id)
                    where p.source_id = $1 and p.session_id > $2
                      and p.person_id in (select erased_as from ingest.erased_people where erasure_id = $3)) theirs
            group by session_id, provider_session_id
            order by session_id
            limit $4"#,
        work.source_id.0,
        work.progress,
        work.erasure_id,
        BATCH,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    if let Some(last) = sessions.last().map(|one| one.session_id) {
        return Ok((sessions, last));
    }
    let sessions = sqlx::query_as!(
        Next,
        r#"select distinct s.session_id, s.provider_session_id, false as "is_own!"
             from core.transcript_segments g join core.sessions s using (source_id, session_id)
            where g.source_id = $1
              and g.speaker_id in (select person_id from ingest.erased_people where erasure_id = $2)
            limit $3"#,
        work.source_id.0,
        work.erasure_id,
        BATCH,
    )
    .fetch_all(tx)
    .await
    .map_err(&failed)?;
    Ok((sessions, work.progress))
}

/// Stores the person's names within sessions as erased: transcripts that come later may name the speaker alone.
async fn keep_names(tx: &mut PgConnection, work: &Work<'_>, numbers: &[i64]) -> Result<(), StoreError> {
    let names = sqlx::query!(
        r#"select distinct s.provider_session_id, p.display_name as "name!"
             from core.participants p join core.sessions s using (source_id, session_id)
            where p.source_id = $1 and p.session_id = any($2) and p.display_name <> ''
              and p.person_id in (select erased_as from ingest.erased_people where erasure_id = $3)"#,
        work.source_id.0,
        numbers,
        work.erasure_id,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("reading the names of a person"))?;
    let name = |session: &str, name: &str| (work.pseudonyms.of_name(session, name), work.erasure_id);
    let names: Vec<_> = names.iter().map(|row| name(&row.provider_session_id, &row.name)).collect();
    tombstone::insert(tx, work.source_id, &names).await
}

/// Deletes sessions of the person alone, with their records.
async fn delete(
    tx: &mut PgConnection,
    work: &Work<'_>,
    sessions: &[&Next],
    rows: &mut ErasedRows,
) -> Result<(), StoreError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = sessions.iter().map(|one| one.session_id).collect();
    let ids: Vec<&str> = sessions.iter().map(|one| one.provider_session_id.as_str()).collect();
    session::remove(tx, work.source_id, &numbers).await?;
    for table in ["raw_records", "rejects", "artifact_tasks", "session_changes", "absences"] {
        let by_record = ["raw_records", "rejects"].contains(&table);
        let by_record = if by_record { " or stream = any($3) and provider_record_id = any($2)" } else { "" };
        let sql = format!(
            "delete from ingest.{table} where source_id = $1 and $3::text[] is not null
                and (provider_session_id = any($2){by_record})"
        );
        let deleted = sqlx::query(AssertSqlSafe(sql)).bind(work.source_id.0).bind(&ids);
        let deleted = deleted.bind(Stream::LISTING.map(Stream::as_str).to_vec()).execute(&mut *tx).await;
        let deleted = deleted.map_err(StoreError::doing("deleting the sessions of a person"))?.rows_affected();
        if deleted > 0 {
            *rows.entry(format!("ingest.{table}")).or_default() += i64::try_from(deleted).unwrap_or(i64::MAX);
        }
    }
    Ok(())
}

/// Erases what no session leads to: changes of earlier days, versions of records that were replaced or are gone, and
/// records that could not be read.
pub(super) async fn erase_rest(
    tx: &mut PgConnection,
    work: &Work<'_>,
    sought: &Sought,
    rows: &mut ErasedRows,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("erasing what no session leads to");
    let changes = sqlx::query_scalar!(
        "update ingest.session_changes c
            set old_value = coalesce((select e.erased_as from ingest.erased_people e
                                       where e.source_id = $1 and e.person_id = c.old_value), c.old_value),
                new_value = coalesce((select e.erased_as from ingest.erased_people e
                                       where e.source_id = $1 and e.person_id = c.new_value), c.new_value)
          where c.source_id = $1 and c.field = 'person_id'
            and exists (select from ingest.erased_people e
                         where e.source_id = $1 and e.person_id in (c.old_value, c.new_value))
         returning c.provider_session_id",
        work.source_id.0,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let people = sqlx::query!(
        "delete from core.people k using ingest.erased_people e
          where k.source_id = $1 and e.source_id = $1 and e.erasure_id = $2
            and (e.person_id = k.person_id
                 or $3 and e.erased_as = k.person_id
                    and not exists (select from core.sessions s where s.source_id = $1 and s.person_id = k.person_id)
                    and not exists (select from core.participants p
                                     where p.source_id = $1 and p.person_id = k.person_id))",
        work.source_id.0,
        work.erasure_id,
        work.deletes_sessions,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let patterns = Patterns::of(sought);
    let raw = search::erase_records(tx, work, &patterns).await?;
    let rejects = search::erase_rejects(tx, work, &patterns).await?;
    let counts = [
        ("ingest.session_changes", changes.len() as u64),
        ("core.people", people.rows_affected()),
        ("ingest.raw_records", raw),
        ("ingest.rejects", rejects),
    ];
    for (table, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        *rows.entry(table.to_owned()).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
    }
    let ids = changes.iter().map(String::as_str).collect();
    data_version::raise_each(tx, work.source_id, &streams(), &Changed { ids, ..Changed::nothing() }).await
}

/// Replaces the pseudonyms of an erasure, or of all erasures of a source; utterances follow with their sessions.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    erasure_id: Option<i64>,
    now: DateTime<Utc>,
) -> Result<ErasedRows, StoreError> {
    let failed = StoreError::doing("replacing the pseudonyms of a person");
    let counted = sqlx::query!(
        r#"with erased as materialized (
               select person_id, erased_as from ingest.erased_people
                where source_id = $1 and ($2::bigint is null or erasure_id = $2)
           ), people as (
               update core.people k set person_id = e.erased_as from erased e
                where k.source_id = $1 and k.person_id = e.person_id
                  and not exists (select from core.people o where o.source_id = $1 and o.person_id = e.erased_as)
               returning 1
           ), sessions as (
               update core.sessions s set person_id = e.erased_as, last_changed_at = $3 from erased e
                where s.source_id = $1 and s.person_id = e.person_id returning s.provider_session_id
           ), participants as (
               update core.participants p set person_id = e.erased_as from erased e
                where p.source_id = $1 and p.person_id = e.person_id returning 1
           )
           select (select count(*) from people) as "people!", (select count(*) from sessions) as "sessions!",
                  (select count(*) from participants) as "participants!",
                  array(select erased_as from erased) as "erased_as!""#,
        source_id.0,
        erasure_id,
        now,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(&failed)?;
    let changed = Changed { people: counted.erased_as, ..Changed::nothing() };
    data_version::raise_each(tx, source_id, &streams(), &changed).await?;
    let rows = [
        ("core.people", counted.people),
        ("core.sessions", counted.sessions),
        ("core.participants", counted.participants),
    ];
    Ok(rows.into_iter().filter(|(_, count)| *count > 0).map(|(table, count)| (table.to_owned(), count)).collect())
}

/// Has all erased people of a source erased once more: a merge moved rows of theirs there.
pub(in crate::store) async fn erase_again(
    tx: &mut PgConnection,
    source_id: SourceId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    replace(tx, source_id, None, now).await?;
    sqlx::query!("update ingest.erasures set finished_at = null, progress = 0 where source_id = $1", source_id.0)
        .execute(tx)
        .await
        .map_err(StoreError::doing("erasing people of a merged source"))?;
    Ok(())
}
