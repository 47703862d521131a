//! The request of an erasure: one transaction stores the person's pseudonyms as erased, and gives its rows others.
//!
//! The rest of the erasure is work that any process continues, see [`super::work`]. A dry run does all of it in one
//! transaction, and rolls it back.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::failpoint;
use crate::store::erasure::find::{self, Person, Place};
use crate::store::erasure::people::{ErasureError, Named, People, Work};
use crate::store::erasure::redact::ErasedRows;
use crate::store::erasure::step::{erase_rest, replace, step};
use crate::store::erasure::tombstone::{self, Pseudonyms};
use crate::store::erasure::work::add_rows;
use crate::store::operation::{self, Operation, Operator};
use crate::store::{StoreError, bulk};

/// A request to erase a person.
#[derive(Debug, Clone, Copy)]
pub struct ErasureRequest<'a> {
    /// The person.
    pub person: Named<'a>,
    /// Whether sessions of the person alone are deleted. Otherwise they stay as counted, without the person.
    pub deletes_sessions: bool,
    /// Whether nothing is changed.
    pub is_dry_run: bool,
    /// The author.
    pub operator: &'a Operator,
    /// The present.
    pub now: DateTime<Utc>,
}

/// Result of a request, or of its dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Number of the erasure; `None`: a dry run.
    pub erasure_id: Option<i64>,
    /// Pseudonyms under which the person was stored.
    pub person_count: i64,
    /// Rows by table: of a dry run, all that would be erased.
    pub rows: ErasedRows,
}

impl People {
    /// Begins the erasure of a person; the same request again returns the same erasure.
    pub async fn erase(&self, request: &ErasureRequest<'_>) -> Result<Requested, ErasureError> {
        let failed = StoreError::doing("erasing a person");
        let mut tx = bulk::begin_durable(&self.pool).await.map_err(&failed)?;
        sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
        let place = find::place(&mut tx, request.person.source, !request.is_dry_run).await?;
        let pseudonyms = Pseudonyms { key: &self.person_key, slug: &place.slug };
        let person = find::person(&mut tx, &place, pseudonyms, &request.person).await?;
        let person_count = i64::try_from(person.stored.len()).unwrap_or(i64::MAX);
        if let Some(erasure_id) = earlier(&mut tx, &place, &person, request).await? {
            return Ok(Requested { erasure_id: Some(erasure_id), person_count, rows: ErasedRows::new() });
        }
        let erasure_id = begin(&mut tx, &place, &person, request).await?;
        let mut rows = replace(&mut tx, place.source_id, Some(erasure_id), request.now).await?;
        if request.is_dry_run {
            let mut work = Work {
                erasure_id,
                source_id: place.source_id,
                pseudonyms,
                progress: 0,
                deletes_sessions: request.deletes_sessions,
                now: request.now,
            };
            while let Some(progress) = step(&mut tx, &work, &mut rows).await? {
                work.progress = progress;
            }
            erase_rest(&mut tx, &work, &person.sought, &mut rows).await?;
            tx.rollback().await.map_err(&failed)?;
            return Ok(Requested { erasure_id: None, person_count, rows });
        }
        add_rows(&mut tx, erasure_id, &rows).await?;
        failpoint::reach("erasure.before_commit");
        tx.commit().await.map_err(&failed)?;
        failpoint::reach("erasure.after_commit");
        Ok(Requested { erasure_id: Some(erasure_id), person_count, rows })
    }
}

/// Returns the erasure that already covers the request.
async fn earlier(
    tx: &mut PgConnection,
    place: &Place,
    person: &Person,
    request: &ErasureRequest<'_>,
) -> Result<Option<i64>, StoreError> {
    if !person.stored.is_empty() || request.is_dry_run {
        return Ok(None);
    }
    sqlx::query_scalar!(
        "select r.erasure_id from ingest.erasures r
          where r.source_id = $1 and r.deletes_sessions >= $3
            and r.erasure_id = (select max(e.erasure_id) from ingest.erased_people e
                                 where e.source_id = $1 and e.person_id = any($2))",
        place.source_id.0,
        &person.all.iter().cloned().collect::<Vec<_>>(),
        request.deletes_sessions,
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("looking for an earlier erasure"))
}

/// Writes the erasure into the journals, and the pseudonyms as erased.
async fn begin(
    tx: &mut PgConnection,
    place: &Place,
    person: &Person,
    request: &ErasureRequest<'_>,
) -> Result<i64, StoreError> {
    let sought = serde_json::to_value(&person.sought).unwrap_or_default();
    let erasure_id = sqlx::query_scalar!(
        "insert into ingest.erasures (source_id, requested_at, deletes_sessions, requested_by, request_id, sought)
         values ($1, $2, $3, $4, $5, $6) returning erasure_id",
        place.source_id.0,
        request.now,
        request.deletes_sessions,
        request.operator.requested_by,
        request.operator.request_id,
        sought,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(StoreError::doing("recording an erasure"))?;
    let people: Vec<(String, i64)> = person.all.iter().map(|id| (id.clone(), erasure_id)).collect();
    tombstone::insert(tx, place.source_id, &people).await?;
    // the journal names the erasure, and no identity
    let target = erasure_id.to_string();
    let operation = Operation {
        source_id: Some(place.source_id),
        stream: None,
        kind: "erase_person",
        target: Some(&target),
        operator: request.operator,
        now: request.now,
    };
    operation::record(tx, &operation).await?;
    Ok(erasure_id)
}
