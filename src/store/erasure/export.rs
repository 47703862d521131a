//! The export of a person: all rows of the person as JSON, by table.
//!
//! The rows are those that an erasure would empty, found by the same conditions. Of a session with several people, only
//! the person's own rows are included, and the session itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::store::StoreError;
use crate::store::erasure::people::{ErasureError, Named, People};
use crate::store::erasure::tombstone::Pseudonyms;
use crate::store::erasure::{find, personal};
use crate::store::operation::{self, Operation, Operator};

/// Most sessions of one person.
const MAX_SESSIONS: usize = 5_000;

/// All stored rows of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// Pseudonyms under which the person is stored.
    pub person_ids: Vec<String>,
    /// Identifiers of the person.
    pub identifiers: Vec<String>,
    /// Names of the person.
    pub names: Vec<String>,
    /// Rows by table, each an object of its columns.
    pub rows: BTreeMap<String, Vec<Value>>,
}

impl People {
    /// Exports a person.
    pub async fn export(&self, named: &Named<'_>) -> Result<Exported, ErasureError> {
        let failed = StoreError::doing("exporting a person");
        let mut tx = self.pool.begin().await.map_err(&failed)?;
        // one state of the data for all tables
        sqlx::query("set transaction isolation level repeatable read").execute(&mut *tx).await.map_err(&failed)?;
        let place = find::place(&mut tx, named.source, false).await?;
        let pseudonyms = Pseudonyms { key: &self.person_key, slug: &place.slug };
        let person = find::person(&mut tx, &place, pseudonyms, named).await?;
        let (own, shared) = sessions(&mut tx, place.source_id.0, &person.stored).await?;
        if own.len() + shared.len() > MAX_SESSIONS {
            return Err(ErasureError::TooMany(MAX_SESSIONS));
        }
        let mut rows = BTreeMap::new();
        for table in personal::tables(&mut tx).await? {
            // the session itself is theirs; other rows only where they can be told apart by person
            let of_person = match table.name.as_str() {
                "core.sessions" => "true".to_owned(),
                _ => table.is_of_any("$4").unwrap_or_else(|| "false".to_owned()),
            };
            // all names come from the catalog
            let sql = format!(
                "select to_jsonb(t) - 'row_hash' - 'raw_hash' from {} t
                  where t.source_id = $1 and $4::text[] is not null
                    and (t.session_id = any($2) or t.session_id = any($3) and {of_person})
                  order by t.session_id",
                table.name
            );
            let found: Vec<Value> = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(place.source_id.0)
                .bind(&own)
                .bind(&shared)
                .bind(&person.stored)
                .fetch_all(&mut *tx)
                .await
                .map_err(&failed)?;
            if !found.is_empty() {
                rows.insert(table.name, found);
            }
        }
        Ok(Exported {
            person_ids: person.stored,
            identifiers: person.sought.identifiers.into_iter().collect(),
            names: person.sought.names.into_iter().collect(),
            rows,
        })
    }
}

impl People {
    /// Writes an export of the command line into the journals, which name no person.
    pub async fn record_export(&self, source: &str, operator: &Operator, now: DateTime<Utc>) -> Result<(), StoreError> {
        let target = Some(source);
        let operation = Operation { source_id: None, stream: None, kind: "export_person", target, operator, now };
        operation::write(&self.pool, &operation).await.map(drop)
    }
}

/// Returns the numbers of the sessions of a person, and of those in which others are too.
async fn sessions(
    tx: &mut PgConnection,
    source_id: i32,
    people: &[String],
) -> Result<(Vec<i64>, Vec<i64>), StoreError> {
    let rows = sqlx::query!(
        r#"select session_id as "session_id!", bool_or(is_own) as "is_own!"
             from (select session_id, true as is_own from core.sessions
                    where source_id = $1 and person_id = any($2)
                    union all
                   select session_id, false from core.participants where source_id = $1 and person_id = any($2)
                    union all
                   select session_id, false from core.transcript_segments
                    where source_id = $1 and speaker_id = any($2)) theirs
            group by session_id"#,
        source_id,
        people,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading the sessions of a person"))?;
    let numbers = |is_own| rows.iter().filter(|row| row.is_own == is_own).map(|row| row.session_id).collect();
    Ok((numbers(true), numbers(false)))
}
