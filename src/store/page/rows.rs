//! The rows of a page: inserts of new sessions, upserts of sessions that may be stored, and writes one by one.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{Acquire, PgConnection};

use crate::failpoint;
use crate::model::message::{Message, SessionStats};
use crate::model::page::Reject;
use crate::store::artifact::enqueue;
use crate::store::page::insert;
use crate::store::page::prepared::{Prepared, SaveContext};
use crate::store::page::seen::{Known, Seen};
use crate::store::raw::{self, RawRecord};
use crate::store::{StoreError, drift, extension, message, newer_wins, person, reject, session, trail};

/// Write mode of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Unknown sessions are new.
    New,
    /// Unknown sessions may be stored after all, by a concurrent writer.
    MayBeStored,
    /// The same, but one by one: the database refuses a value of one of them.
    OneByOne,
}

/// Returns the bytes of records whose stored sessions are `known`.
fn bodies<'a, 'r: 'a>(
    records: impl IntoIterator<Item = &'a Prepared<'r>>,
    known: &HashMap<String, Known>,
) -> Vec<RawRecord<'r>> {
    let body = |record: &'a Prepared<'r>| RawRecord {
        id: record.id().into(),
        body: &record.record.raw,
        hash: record.raw_hash,
        is_partial: newer_wins::is_partial(record, known),
    };
    records.into_iter().map(body).collect()
}

/// Stores the bytes of records that are older than the stored ones.
pub(super) async fn keep_bytes(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    older: &[&Prepared<'_>],
    seen: &Seen,
) -> Result<(), StoreError> {
    if older.is_empty() {
        return Ok(());
    }
    let bodies = bodies(older.iter().copied(), &seen.known);
    raw::insert(tx, context.guard.stream_key().source_id, context.origin(), &bodies).await
}

/// Result of writing records.
#[derive(Debug, Default)]
pub(super) struct Written<'a, 'r> {
    /// The written ones.
    pub(super) records: Vec<&'a Prepared<'r>>,
    /// Rejects for those that the database refused.
    pub(super) refused: Vec<Reject>,
    /// Stored people whose first visit is another one now.
    pub(super) people: Vec<String>,
}

/// Writes records.
pub(super) async fn write_all<'a, 'r>(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    records: Vec<&'a Prepared<'r>>,
    seen: &Seen,
    way: Way,
) -> Result<Written<'a, 'r>, StoreError> {
    if way != Way::OneByOne {
        let people = write(tx, context, &records, seen, way).await?;
        return Ok(Written { records, people, ..Written::default() });
    }
    let mut written = Written::default();
    for record in records {
        match write_alone(tx, context, record, seen).await? {
            Ok(people) => {
                written.records.push(record);
                written.people.extend(people);
            }
            Err(reject) => written.refused.push(reject),
        }
    }
    Ok(written)
}

async fn write(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    records: &[&Prepared<'_>],
    seen: &Seen,
    way: Way,
) -> Result<Vec<String>, StoreError> {
    let mut people = Vec::new();
    if records.is_empty() {
        return Ok(people);
    }
    let stream_key = context.guard.stream_key();
    let source_id = stream_key.source_id;
    let (mut rows, mut others) = (Vec::new(), Vec::new());
    for record in records.iter().copied() {
        match seen.numbers.get(record.id()).filter(|_| way == Way::New) {
            Some(number) => rows.push((*number, record)),
            None => others.push(record),
        }
    }
    if !rows.is_empty() {
        people = add(tx, context, &rows, seen.search_language.as_deref()).await?;
    }
    let is_new = others.is_empty();
    if !is_new {
        let (changed, moved) = change(tx, context, &others, &seen.known).await?;
        rows.extend(changed);
        people.extend(moved);
    }
    failpoint::reach("page.mid_upsert");
    extension::upsert(tx, source_id, &rows, &seen.known, is_new).await?;
    let drift = records.iter().flat_map(|record| &record.record.drift);
    drift::count(tx, stream_key, drift, context.now).await?;
    let ids: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    enqueue::enqueue(tx, source_id, &ids, context.session_streams, context.now).await?;
    Ok(people)
}

/// Writes sessions that are new; returns the stored people whose first visit is another one now.
async fn add(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    rows: &[(i64, &Prepared<'_>)],
    search_language: Option<&str>,
) -> Result<Vec<String>, StoreError> {
    let mut visits = person::Visits::new();
    for (_, record) in rows {
        if let Some((id, kind)) = record.person() {
            person::add(&mut visits, id, kind, record.record.session.started_at);
        }
    }
    let bodies = bodies(rows.iter().map(|(_, record)| *record), &HashMap::new());
    let people = insert::sessions(tx, context, rows, &bodies, &visits).await?;
    failpoint::reach("page.after_raw");
    message::insert(tx, context.guard.stream_key().source_id, search_language, &insert::carried(rows)).await?;
    Ok(people)
}

/// Writes sessions that may be stored; returns them with their numbers, and the people whose first visit is another one
/// now.
async fn change<'a, 'r>(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    records: &[&'a Prepared<'r>],
    known: &HashMap<String, Known>,
) -> Result<(Vec<(i64, &'a Prepared<'r>)>, Vec<String>), StoreError> {
    let SaveContext { guard, fetched_at, now, .. } = *context;
    let source_id = guard.stream_key().source_id;
    let moved = Moved::of(records, known);
    let mut people = person::meet(tx, source_id, &moved.visits, now).await?;
    let bodies = bodies(records.iter().copied(), known);
    raw::insert(tx, source_id, context.origin(), &bodies).await?;
    failpoint::reach("page.after_raw");
    let ids = session::upsert(tx, source_id, records, known, (fetched_at, now)).await?;
    let rows: Vec<(i64, &'a Prepared<'r>)> =
        records.iter().filter_map(|record| Some((*ids.get(record.id())?, *record))).collect();
    people.extend(person::date_with(tx, source_id, &moved.people, &moved.sessions).await?);
    // sessions assumed to be new may be stored all the same
    let stored: Vec<i64> = rows.iter().map(|(id, _)| *id).collect();
    trail::replace(tx, source_id, &rows, &stored).await?;
    // messages that all recent records lack are not deleted
    let listing = rows.iter().filter(|(_, record)| !(record.lacks_message_field && known.contains_key(record.id())));
    let carried: Vec<(i64, &[Message])> = insert::carried(&listing.copied().collect::<Vec<_>>());
    message::replace(tx, source_id, &carried, &stored, SessionStats::of).await?;
    Ok((rows, people))
}

/// The visits of people in the written sessions, and the first visits that may be later now.
struct Moved<'a> {
    visits: person::Visits<'a>,
    /// People who lost a session, or whose session begins at another time.
    people: Vec<&'a str>,
    /// Sessions that begin at another time.
    sessions: Vec<i64>,
}

impl<'a> Moved<'a> {
    fn of(records: &[&'a Prepared<'_>], known: &'a HashMap<String, Known>) -> Self {
        let mut moved = Self { visits: person::Visits::new(), people: Vec::new(), sessions: Vec::new() };
        for record in records {
            let stored = known.get(record.id());
            let is_partial = newer_wins::is_partial(record, known);
            let own: DateTime<Utc> = record.record.session.started_at;
            let started_at = stored.filter(|_| is_partial).map_or(own, |stored| stored.started_at);
            let person = record.person();
            if let Some((id, kind)) = person {
                person::add(&mut moved.visits, id, kind, started_at);
            }
            let Some(stored) = stored else { continue };
            let is_moved = started_at != stored.started_at;
            if is_moved {
                moved.sessions.push(stored.session_id);
                moved.people.extend(person.map(|(id, _)| id));
            }
            let before = stored.person_id.as_deref();
            // a partial record removes no person
            let stays = before == person.map(|(id, _)| id) || (person.is_none() && is_partial);
            moved.people.extend(before.filter(|_| is_moved || !stays));
        }
        moved
    }
}

/// Writes one record within a savepoint, as [`write()`] does; a record the database refuses is returned as a reject.
async fn write_alone(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    record: &Prepared<'_>,
    seen: &Seen,
) -> Result<Result<Vec<String>, Reject>, StoreError> {
    let failed = StoreError::doing("writing one record");
    let mut savepoint = tx.begin().await.map_err(&failed)?;
    match write(&mut savepoint, context, &[record], seen, Way::OneByOne).await {
        Ok(people) => {
            savepoint.commit().await.map_err(&failed)?;
            Ok(Ok(people))
        }
        Err(error) if error.is_data() => {
            savepoint.rollback().await.map_err(&failed)?;
            tracing::warn!(cause = error.cause(), "the database refused a record, stored as a reject");
            let record = record.record;
            let (id, is_partial) = (&record.session.provider_session_id, record.session.is_partial);
            Ok(Err(reject::refused("record", &record.raw, Some(id), is_partial)))
        }
        Err(error) => Err(error),
    }
}
