//! Replay of sessions from raw records, with messages, trails, people and the provider's own columns.
//!
//! All versions of a record are read in the order in which they were fetched, and only the final state is saved, so
//! that no reader sees a session repeat its past states. Sessions of one page stay together.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use crate::connector::StoredBytes;
use crate::ingest::poller::{Poller, Source};
use crate::ingest::replay::report::{STOPPED, StreamReplay, Watcher};
use crate::model::page::{Page, Record};
use crate::model::stream::Stream;
use crate::store::artifact::task::SessionStream;
use crate::store::field_presence::FieldBook;
use crate::store::page::{self, SaveContext};
use crate::store::replay::{self as kept, After, Beginning, StoredRecord};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, StreamKey};

/// Records read at once.
const CHUNK: i64 = 200;

/// Rebuilds the sessions of a source.
pub(super) async fn replay(
    poller: &Poller,
    source: &Source,
    watcher: &dyn Watcher,
) -> Result<StreamReplay, StoreError> {
    let pool = &poller.pool;
    let stream_key = StreamKey { source_id: source.id, stream: Stream::Sessions };
    let total = u64::try_from(kept::count(pool, stream_key).await?).unwrap_or_default();
    let fields = FieldBook::load(pool, stream_key, &source.dropped_fields).await?;
    let mut told = StreamReplay::new(source, Stream::Sessions);
    let mut after: Option<After> = None;
    loop {
        watcher.at(source.slug.as_str(), "sessions", told.records, total);
        if poller.stop.is_cancelled() {
            told.detail = Some(STOPPED.to_owned());
            return Ok(told);
        }
        let mut chunk = Chunk { poller, source, fields: &fields, folded: Vec::new(), people: BTreeMap::new() };
        kept::each_version(pool, stream_key, after.as_ref(), CHUNK, |version| chunk.take(version)).await?;
        let Some(last) = chunk.folded.last() else { break };
        after = Some(After { newest_at: last.newest_at, id: last.id.clone() });
        told.records += chunk.folded.len() as u64;
        chunk.save(stream_key, &mut told).await?;
    }
    remove_unsupported(poller, stream_key, &mut told).await?;
    Ok(told)
}

/// The state of a session after all its versions.
struct Folded {
    id: String,
    first_at: DateTime<Utc>,
    newest_at: DateTime<Utc>,
    /// When the last version that counts was fetched: older ones may have been fetched after it.
    made_at: DateTime<Utc>,
    run_id: i64,
    /// `None`: no version can be read.
    record: Option<Record>,
    /// Whether the newest version can be read.
    is_readable: bool,
}

struct Chunk<'a> {
    poller: &'a Poller,
    source: &'a Source,
    fields: &'a FieldBook,
    folded: Vec<Folded>,
    people: BTreeMap<String, (&'static str, DateTime<Utc>)>,
}

impl Chunk<'_> {
    /// Adds the next version; versions of one record arrive together, oldest first.
    fn take(&mut self, version: StoredRecord) {
        let stored = StoredBytes { bytes: &version.body, now: version.last_fetched_at, is_partial: version.is_partial };
        let read = self.source.connector.read_record(stored).ok();
        if let Some(person) = read.as_ref().and_then(|record| record.session.identities.first()) {
            let id = self.poller.person_key.person_id(&self.source.pseudonym_slug, person);
            let seen = self.people.entry(id).or_insert((person.identity_kind, version.fetched_at));
            seen.1 = seen.1.min(version.fetched_at);
        }
        let is_next = self.folded.last().is_none_or(|folded| folded.id != version.id);
        if is_next {
            self.folded.push(Folded {
                id: version.id,
                first_at: version.fetched_at,
                newest_at: version.newest_at,
                made_at: version.last_fetched_at,
                run_id: version.run_id,
                record: None,
                is_readable: false,
            });
        }
        let Some(folded) = self.folded.last_mut() else { return };
        folded.first_at = folded.first_at.min(version.fetched_at);
        folded.is_readable = read.is_some();
        let Some(newer) = read else { return };
        let is_older =
            |before: &Record| newer.session.is_older_than(version.last_fetched_at, &before.session, folded.made_at);
        if folded.record.as_ref().is_some_and(is_older) {
            return;
        }
        (folded.made_at, folded.run_id) = (version.last_fetched_at, version.run_id);
        let alone = Some(newer.standing());
        let session = match folded.record.take() {
            Some(before) => before.session.followed_by(newer.session),
            None => newer.session,
        };
        // drift was counted when the record was fetched
        folded.record = Some(Record { raw: newer.raw, session, drift: Vec::new(), alone });
    }

    async fn save(self, stream_key: StreamKey, told: &mut StreamReplay) -> Result<(), StoreError> {
        let pool = &self.poller.pool;
        kept::restore_people(pool, stream_key.source_id, &self.people).await?;
        let ids: Vec<&str> = self.folded.iter().map(|folded| folded.id.as_str()).collect();
        let known: HashSet<String> = kept::known(pool, stream_key.source_id, &ids).await?.into_iter().collect();
        let beginnings = self.folded.iter().map(|folded| Beginning {
            id: folded.id.clone(),
            first_at: folded.first_at,
            made_at: folded.made_at,
        });
        let beginnings: Vec<Beginning> = beginnings.collect();
        let streams: Vec<SessionStream> = self.source.queued_streams();
        // a group has the same instant, and its sessions are either all stored or all not
        let mut groups: BTreeMap<(DateTime<Utc>, bool), (i64, Page)> = BTreeMap::new();
        for folded in self.folded {
            let is_known = known.contains(&folded.id);
            told.refused += u64::from(!folded.is_readable);
            // a row derived from the newest version is not replaced by one from an older version
            if let Some(record) = folded.record.filter(|_| folded.is_readable || !is_known) {
                let group = groups.entry((folded.made_at, is_known));
                group.or_insert_with(|| (folded.run_id, Page::default())).1.records.push(record);
            }
        }
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        for ((fetched_at, is_known), (run_id, page)) in groups {
            let context = SaveContext {
                guard: &WriteGuard::Replay(stream_key),
                run_id,
                tally: None,
                source_slug: &self.source.pseudonym_slug,
                person_key: &self.poller.person_key,
                session_streams: &streams,
                fields: self.fields,
                fetched_at,
                // an update of a stored row changes now; a restored row keeps its original age
                now: if is_known { self.poller.clock.now() } else { fetched_at },
            };
            let saved = page::save(pool, &context, &page, None).await?;
            told.written += count(saved.inserted_count + saved.updated_count);
            told.unchanged += count(saved.unchanged_count);
            told.refused += count(saved.rejected_count);
        }
        kept::restore_beginnings(pool, stream_key.source_id, &beginnings).await
    }
}

/// Removes sessions without a raw record. If that is most of the stored ones, the raw records are assumed to be
/// lost instead.
async fn remove_unsupported(poller: &Poller, stream_key: StreamKey, told: &mut StreamReplay) -> Result<(), StoreError> {
    let found = kept::unsupported(&poller.pool, stream_key.source_id).await?;
    if found.sessions == 0 {
        return Ok(());
    }
    if found.sessions * 2 > found.of {
        told.detail = Some(format!(
            "{} of {} sessions have no raw record; nothing was removed, since the raw records seem to be missing",
            found.sessions, found.of
        ));
        return Ok(());
    }
    told.removed = kept::remove_unsupported(&poller.pool, stream_key).await?;
    Ok(())
}
