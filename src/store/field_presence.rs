//! Presence of documented fields in the records of a stream, and since when one is missing.
//!
//! Only new and changed records count, because unchanged ones add no information. A field is usual if at least half
//! of the earlier records had it. It is missing once nearly all of the records since lack it, in any number of runs;
//! it is back as soon as half of the records of a run have it. A record that lacks a usual field says nothing about
//! that field's meaning, so it clears no stored value.

mod usual;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::model::field::FieldPresence;
use crate::store::field_presence::usual::{Counts, Field};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, StreamKey};

/// Unknown fields listed with a missing one: one of them may be its new name.
const MAX_NAMED: i64 = 3;

/// A documented field that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingField {
    /// Path in the record, RFC 6901, without list positions.
    pub path: String,
    /// Start of its absence.
    pub since: DateTime<Utc>,
    /// New and changed records since then without it.
    pub absent_count: i64,
    /// All new and changed records since then.
    pub record_count: i64,
    /// Earlier records with it.
    pub earlier_present_count: i64,
    /// All earlier records.
    pub earlier_count: i64,
    /// Unknown fields first seen since then.
    pub unknown_fields: Vec<String>,
}

impl fmt::Display for MissingField {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, since, absent_count, record_count, earlier_present_count, earlier_count, .. } = self;
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(
            text,
            "the field {path} is missing from {absent_count} of {record_count} new and changed records since {since}; \
             {earlier_present_count} of {earlier_count} earlier ones had it"
        )?;
        match &self.unknown_fields[..] {
            [] => Ok(()),
            unknown => write!(text, " (unknown fields received since: {})", unknown.join(", ")),
        }
    }
}

/// Knowledge about the fields of a stream, and the counts of a run.
#[derive(Debug, Default)]
pub struct FieldBook {
    known: BTreeMap<String, Field>,
    /// Fields that are dropped for good.
    dropped: Vec<String>,
    counted: Mutex<BTreeMap<&'static str, Counts>>,
}

impl FieldBook {
    /// Loads the knowledge at the beginning of a run. Fields that are `dropped` for good are left out: a record need
    /// not have them.
    pub async fn load(pool: &PgPool, stream_key: StreamKey, dropped: &[String]) -> Result<Self, StoreError> {
        let known = Self::read(pool, stream_key, dropped).await?;
        Ok(Self { known, dropped: dropped.to_vec(), counted: Mutex::default() })
    }

    async fn read(
        executor: impl PgExecutor<'_>,
        stream_key: StreamKey,
        dropped: &[String],
    ) -> Result<BTreeMap<String, Field>, StoreError> {
        let rows = sqlx::query!(
            "select field, earlier_present, earlier_absent, recent_present, recent_absent, recent_from, missing_since
               from ingest.field_presence where source_id = $1 and stream = $2",
            stream_key.source_id.0,
            stream_key.stream.as_str(),
        )
        .fetch_all(executor)
        .await
        .map_err(StoreError::doing("reading which fields are usual"))?;
        let known = rows.into_iter().filter(|row| !dropped.contains(&row.field)).map(|row| {
            let field = Field {
                earlier: Counts { present: row.earlier_present, absent: row.earlier_absent },
                recent: Counts { present: row.recent_present, absent: row.recent_absent },
                recent_from: row.recent_from,
                missing_since: row.missing_since,
            };
            (row.field, field)
        });
        Ok(known.collect())
    }

    /// Returns the book with what others stored since it was loaded, which the transaction keeps from changing further:
    /// passes over artifacts run on several instances at once.
    pub(super) async fn with_news(&self, tx: &mut PgConnection, stream_key: StreamKey) -> Result<Self, StoreError> {
        sqlx::query!(
            "select from ingest.field_presence where source_id = $1 and stream = $2 order by field for no key update",
            stream_key.source_id.0,
            stream_key.stream.as_str(),
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("locking which fields are usual"))?;
        let known = Self::read(tx, stream_key, &self.dropped).await?;
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Self { known, dropped: self.dropped.clone(), counted: Mutex::new(counted) })
    }

    /// Whether there is nothing to store: no record was counted, and no field is missing.
    pub(super) fn is_idle(&self) -> bool {
        self.missing_since().is_none() && self.counted.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Returns since when a field is missing: the earliest instant.
    pub(super) fn missing_since(&self) -> Option<DateTime<Utc>> {
        self.known.values().filter_map(|field| field.missing_since).min()
    }

    /// Whether a record must not replace what was stored at `stored_at`: it lacks a usual field, which what was stored
    /// before the absence of the field began had.
    pub(super) fn protects(&self, stored_at: Option<DateTime<Utc>>, record: &FieldPresence) -> bool {
        record.each().filter(|(_, is_present)| !is_present).any(|(field, _)| {
            let usual = self.known.get(field.path).filter(|field| field.is_usual());
            usual.is_some_and(|field| field.recent_from.is_none_or(|from| stored_at.is_none_or(|at| at < from)))
        })
    }

    /// Whether a record lacks a usual field of its messages or of the session.
    pub(super) fn lacks(&self, record: &FieldPresence, of_messages: bool) -> bool {
        let is_usual = |path: &str| self.known.get(path).is_some_and(|field| field.is_usual());
        record
            .each()
            .any(|(field, is_present)| !is_present && field.is_of_messages == of_messages && is_usual(field.path))
    }

    /// Counts the fields of records that were written.
    pub(super) fn count<'a>(&self, written: impl Iterator<Item = &'a FieldPresence>) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (field, is_present) in written.flat_map(FieldPresence::each) {
            let counts = counted.entry(field.path).or_default();
            *(if is_present { &mut counts.present } else { &mut counts.absent }) += 1;
        }
    }

    /// Returns since when a field was missing that is back in a run that began at `began_at`: the earliest instant.
    pub fn back_since(&self, began_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = self.after(began_at);
        let back = self
            .known
            .iter()
            .filter(|(path, _)| after.get(path.as_str()).is_some_and(|field| field.missing_since.is_none()));
        back.filter_map(|(_, field)| field.missing_since).min()
    }

    /// Returns the state of each field after a run that began at `began_at`.
    fn after(&self, began_at: DateTime<Utc>) -> BTreeMap<&str, Field> {
        let mut after: BTreeMap<&str, Field> = self.known.iter().map(|(path, field)| (path.as_str(), *field)).collect();
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, counts) in counted.iter() {
            let field = after.entry(path).or_default();
            *field = field.after(*counts, began_at);
        }
        after
    }

    /// Stores the counts of a run that began at `began_at`, and returns the missing fields. Writes nothing where
    /// nothing was counted.
    pub async fn settle(
        &self,
        pool: &PgPool,
        guard: &WriteGuard,
        began_at: DateTime<Utc>,
    ) -> Result<Vec<MissingField>, StoreError> {
        if self
            .after(began_at)
            .iter()
            .all(|(path, field)| self.known.get(*path) == Some(field) && field.missing_since.is_none())
        {
            return Ok(Vec::new());
        }
        let failed = StoreError::doing("storing which fields are usual");
        let mut tx = pool.begin().await.map_err(&failed)?;
        guard.check(&mut tx).await?;
        let missing = self.write(&mut tx, guard.stream_key(), began_at).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(missing)
    }

    /// Writes the same within a transaction.
    pub(super) async fn write(
        &self,
        tx: &mut PgConnection,
        stream_key: StreamKey,
        began_at: DateTime<Utc>,
    ) -> Result<Vec<MissingField>, sqlx::Error> {
        let after = self.after(began_at);
        let changed: Vec<(&str, Field)> = after
            .iter()
            .filter(|(path, field)| self.known.get(**path) != Some(*field))
            .map(|(path, field)| (*path, *field))
            .collect();
        write(tx, stream_key, &changed).await?;
        let mut missing = Vec::new();
        for (path, field) in &after {
            let Some(since) = field.missing_since else { continue };
            missing.push(MissingField {
                path: (*path).to_owned(),
                since,
                absent_count: field.recent.absent,
                record_count: field.recent.all(),
                earlier_present_count: field.earlier.present,
                earlier_count: field.earlier.all(),
                unknown_fields: unknown_fields(tx, stream_key, since).await?,
            });
        }
        Ok(missing)
    }
}

async fn write(tx: &mut PgConnection, stream_key: StreamKey, fields: &[(&str, Field)]) -> Result<(), sqlx::Error> {
    fn column<T>(fields: &[(&str, Field)], of: impl Fn(&Field) -> T) -> Vec<T> {
        fields.iter().map(|(_, field)| of(field)).collect()
    }
    if fields.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into ingest.field_presence (source_id, stream, field, earlier_present, earlier_absent, recent_present,
                                            recent_absent, recent_from, missing_since)
         select $1, $2, x.* from unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
                                        $8::timestamptz[], $9::timestamptz[]) x
         on conflict (source_id, stream, field) do update
            set earlier_present = excluded.earlier_present, earlier_absent = excluded.earlier_absent,
                recent_present = excluded.recent_present, recent_absent = excluded.recent_absent,
                recent_from = excluded.recent_from, missing_since = excluded.missing_since",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        &fields.iter().map(|(path, _)| *path).collect::<Vec<_>>() as &[&str],
        &column(fields, |field| field.earlier.present),
        &column(fields, |field| field.earlier.absent),
        &column(fields, |field| field.recent.present),
        &column(fields, |field| field.recent.absent),
        &column(fields, |field| field.recent_from) as &[Option<DateTime<Utc>>],
        &column(fields, |field| field.missing_since) as &[Option<DateTime<Utc>>],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Returns the unknown fields of the stream first seen since then, most frequent first.
async fn unknown_fields(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    since: DateTime<Utc>,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "select path from ingest.oddities
          where source_id = $1 and stream = $2 and kind = 'unknown_field' and first_seen_at >= $3
          order by record_count desc, path limit $4",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        since,
        MAX_NAMED,
    )
    .fetch_all(tx)
    .await
}
