//! Sessions that are or may be stored: one batched upsert; and the removal of sessions.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::model::id::SourceId;
use crate::model::session::{MAPPING_VERSION, Session, SessionState};
use crate::store::page::prepared::Prepared;
use crate::store::page::seen::Known;
use crate::store::{StoreError, closed_hours, newer_wins, person, source_tables};

/// Writes sessions and returns their numbers by the provider's id. A partial record adds its values, and clears no
/// stored value. The sessions were requested at `fetched_at`.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    known: &HashMap<String, Known>,
    (fetched_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<HashMap<String, i64>, StoreError> {
    let (partial, whole): (Vec<_>, Vec<&Prepared<'_>>) =
        records.iter().partition(|record| newer_wins::is_partial(record, known));
    let (lacking, full): (Vec<_>, Vec<&Prepared<'_>>) = whole.iter().partition(|record| record.lacks_field);
    let ended = ended_without_field(tx, source_id, &lacking).await?;
    let partial: Vec<&Prepared<'_>> = partial.into_iter().chain(lacking).collect();
    let state = |session: &Session| match session.state {
        SessionState::Live if ended.contains(session.provider_session_id.as_str()) => SessionState::Unknown,
        state => state,
    };
    let mut ids = write(tx, source_id, &full, Scope::Full, |session| session.state, (fetched_at, now)).await?;
    ids.extend(write(tx, source_id, &partial, Scope::Partial, state, (fetched_at, now)).await?);
    Ok(ids)
}

/// Returns the stored sessions among these that have ended. Their records lack a usual field, without which an ended
/// session may look like a running one.
async fn ended_without_field(
    tx: &mut PgConnection,
    source_id: SourceId,
    lacking: &[&Prepared<'_>],
) -> Result<HashSet<String>, StoreError> {
    if lacking.is_empty() {
        return Ok(HashSet::new());
    }
    let ids = Columns { records: lacking }.text(|s| s.provider_session_id.as_str());
    let ended = sqlx::query_scalar!(
        "select provider_session_id from core.sessions
          where source_id = $1 and provider_session_id = any($2) and session_state = 'ended'",
        source_id.0,
        &ids as &[&str],
    );
    let ended = ended.fetch_all(tx).await.map_err(StoreError::doing("reading which sessions have ended"))?;
    Ok(ended.into_iter().collect())
}

/// Completeness of the records of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// The whole session.
    Full,
    /// Part of the session, or all but a usual field: what it does not state keeps its value.
    Partial,
}

async fn write(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    scope: Scope,
    state: impl Fn(&Session) -> SessionState,
    (fetched_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<HashMap<String, i64>, StoreError> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let of = Columns { records };
    // Citus passes no parameter to what an insert does with stored rows: hence a statement for each
    macro_rules! upsert {
        ($file:literal) => {{
            let rows = sqlx::query_file!(
                $file,
                source_id.0,
                &of.text(|s| s.provider_session_id.as_str()) as &[&str],
                &of.text(|s| s.kind.as_str()) as &[&str],
                &of.optional(|s| s.provider_status.as_deref()) as &[Option<&str>],
                &of.text(|s| state(s).as_str()) as &[&str],
                &of.text(|s| s.outcome.as_str()) as &[&str],
                &of.any(|s| s.is_flagged_unresolved) as &[Option<bool>],
                &of.optional(|s| s.channel.as_deref()) as &[Option<&str>],
                &records.iter().map(|r| r.person_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
                &of.optional(|s| s.parent_provider_session_id.as_deref()) as &[Option<&str>],
                &of.optional(|s| s.group_key.as_deref()) as &[Option<&str>],
                &of.any(|s| s.created_at),
                &of.any(|s| s.started_at),
                &of.any(|s| s.ended_at) as &[Option<DateTime<Utc>>],
                &of.optional(|s| s.ended_at_source.map(crate::model::session::EndSource::as_str)) as &[Option<&str>],
                &of.any(|s| s.completed_at) as &[Option<DateTime<Utc>>],
                &of.any(|s| s.last_activity_at) as &[Option<DateTime<Utc>>],
                &of.any(|s| s.duration_seconds) as &[Option<rust_decimal::Decimal>],
                &of.any(|s| s.provider_minutes) as &[Option<rust_decimal::Decimal>],
                &of.any(|s| s.max_concurrent_participants) as &[Option<i32>],
                &of.any(|s| s.provider_updated_at) as &[Option<DateTime<Utc>>],
                &records.iter().map(|r| &r.row_hash[..]).collect::<Vec<_>>() as &[&[u8]],
                now,
                &records.iter().map(|r| &r.raw_hash[..]).collect::<Vec<_>>() as &[&[u8]],
                fetched_at,
                i16::from(MAPPING_VERSION),
            )
            .fetch_all(tx)
            .await
            .map_err(StoreError::doing("writing sessions"))?;
            Ok(rows.into_iter().map(|row| (row.provider_session_id, row.session_id)).collect())
        }};
    }
    match scope {
        Scope::Full => upsert!("src/store/session_upsert/full.sql"),
        Scope::Partial => upsert!("src/store/session_upsert/partial.sql"),
    }
}

/// Removes sessions with all their data. No foreign key or trigger could cascade this, since a distributed engine
/// refuses both. Returns the people whose first visit is in another session now.
pub(super) async fn remove(tx: &mut PgConnection, source_id: SourceId, ids: &[i64]) -> Result<Vec<String>, StoreError> {
    let failed = StoreError::doing("removing sessions");
    let people = sqlx::query_scalar!(
        r#"select person_id as "person_id!" from core.sessions
            where source_id = $1 and session_id = any($2) and person_id is not null
            union
           select person_id from core.participants
            where source_id = $1 and session_id = any($2) and person_id is not null"#,
        source_id.0,
        ids,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let parts = source_tables::list(tx).await?.into_iter().filter(|table| table.is_part_of_session);
    for table in parts.map(|table| table.name).chain(["core.sessions".to_owned()]) {
        // the name comes from the catalog
        let delete = format!("delete from {table} where source_id = $1 and session_id = any($2)");
        sqlx::query(AssertSqlSafe(delete)).bind(source_id.0).bind(ids).execute(&mut *tx).await.map_err(&failed)?;
    }
    sqlx::query!(
        "insert into ingest.removed_sessions (session_id, removed_at) select id, statement_timestamp() from unnest($1::bigint[]) id",
        ids,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    closed_hours::void(tx).await?;
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    person::date(tx, source_id, &people).await
}

/// The rows as columns of one statement.
pub(super) struct Columns<'a, 'r> {
    pub(super) records: &'a [&'a Prepared<'r>],
}

impl<'a> Columns<'a, '_> {
    pub(super) fn any<T>(&self, of: impl Fn(&'a Session) -> T) -> Vec<T> {
        self.records.iter().map(|record| of(&record.record.session)).collect()
    }

    pub(super) fn text(&self, of: impl Fn(&'a Session) -> &'a str) -> Vec<&'a str> {
        self.any(of)
    }

    pub(super) fn optional(&self, of: impl Fn(&'a Session) -> Option<&'a str>) -> Vec<Option<&'a str>> {
        self.any(of)
    }
}
