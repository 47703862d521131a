//! The catalog: the sources, their capabilities, and how far each is proven complete.
//!
//! Every answer begins with this one small look-up. It is read *before* the rows: a page that is saved in between can
//! make the rows newer than the stated completeness, but never the reverse. Its fingerprint covers everything that an
//! answer depends on besides the request, so that an unchanged answer is recognised without computing it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

pub use crate::model::source_access::SourceFilter;

use crate::model::session::SessionKind;
use crate::model::session_outcome::SessionOutcome;
use crate::model::source_access::SourceAccess;
use crate::model::stream::Stream;
use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// A source that is, or once was, configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its number.
    pub source_id: i32,
    /// Its slug.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Basis of its metered minutes; `None`: it meters nothing.
    pub minutes_basis: Option<String>,
    /// Whether it reports if a conversation was resolved.
    pub has_outcomes: bool,
    /// `inline`, `per_session`, `not_fetched` or `none`.
    pub message_support: String,
    /// Streams fetched session by session.
    pub session_streams: Vec<String>,
    /// Steps of a chat that mean that a human took over; empty: not configured.
    pub human_steps: Vec<String>,
    /// The kinds of session it can have.
    pub session_kinds: Vec<String>,
    /// Start of its history: nothing older is requested.
    pub history_from: DateTime<Utc>,
    /// Cron schedule of six fields, UTC.
    pub schedule: String,
    /// Lag from which its streams are stale.
    pub stale_after_seconds: i32,
    /// Whether it is still configured.
    pub is_enabled: bool,
    /// The streams polled from it.
    pub streams: Vec<StreamState>,
}

impl Source {
    /// Returns whether it can have sessions with participants and transcripts.
    pub fn has_meetings(&self) -> bool {
        let meetings = [SessionKind::Meeting, SessionKind::Livestream].map(SessionKind::as_str);
        self.session_kinds.iter().any(|kind| meetings.contains(&kind.as_str()))
    }

    /// Returns whether it can have sessions of one of these kinds and with one of these outcomes; empty lists mean
    /// any.
    pub fn can_hold(&self, session_kinds: &[String], outcomes: &[String]) -> bool {
        let is_kind = session_kinds.is_empty() || session_kinds.iter().any(|kind| self.session_kinds.contains(kind));
        let may_be = |outcome: &String| (outcome == SessionOutcome::NotApplicable.as_str()) != self.has_outcomes;
        is_kind && (outcomes.is_empty() || outcomes.iter().any(may_be))
    }
}

/// Completeness of one stream of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// Kind of record.
    pub stream: String,
    /// Everything before this instant is stored; `None`: nothing is proven yet.
    pub complete_through: Option<DateTime<Utc>>,
    /// The oldest instant at which the state of the stored records was last checked, over the requested range or all
    /// history; `None`: some of it was never checked again.
    pub state_as_of: Option<DateTime<Utc>>,
    /// Time at which a run last ended complete.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Verdict of the last run, or `never_ran`.
    pub last_verdict: String,
    /// Whether an operator paused it.
    pub is_paused: bool,
    /// Records that could not be normalized and wait for a fix.
    pub open_reject_count: i64,
    /// Ranges that touch the requested range, are known to be incomplete and are not accepted by an operator.
    pub gaps: Vec<TimeRange>,
    /// Ranges that touch the requested range and are proven complete.
    pub proven: Vec<TimeRange>,
    /// Ranges that touch the requested range, are not proven complete and are accepted by an operator.
    pub accepted: Vec<TimeRange>,
}

impl StreamState {
    /// Returns the ranges that are proven complete or accepted; the rest is unknown. Oldest first; they neither
    /// overlap nor touch.
    pub fn covered(&self) -> Vec<TimeRange> {
        let mut ranges: Vec<TimeRange> = self.proven.iter().chain(&self.accepted).copied().collect();
        ranges.sort_by_key(|range| range.from);
        let mut covered: Vec<TimeRange> = Vec::new();
        for range in ranges {
            match covered.last_mut().filter(|last| last.to >= range.from) {
                Some(last) => last.to = last.to.max(range.to),
                None => covered.push(range),
            }
        }
        covered
    }
}

/// The sources that a caller may see, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// By slug.
    pub sources: Vec<Source>,
    /// Number of writes, over these sources.
    pub version: i64,
    /// The limit of the caller.
    pub access: SourceAccess,
    /// The instant up to which the read replica held everything when it was read; `None`: it was read from the primary.
    pub replica_as_of: Option<DateTime<Utc>>,
}

struct Row {
    source_id: i32,
    source: String,
    provider: String,
    minutes_basis: Option<String>,
    has_outcomes: bool,
    message_support: String,
    session_streams: Vec<String>,
    human_steps: Vec<String>,
    session_kinds: Vec<String>,
    history_from: DateTime<Utc>,
    schedule: String,
    stale_after_seconds: i32,
    is_enabled: bool,
    stream: Option<String>,
    complete_through: Option<DateTime<Utc>>,
    state_as_of: Option<DateTime<Utc>>,
    last_success_at: Option<DateTime<Utc>>,
    last_verdict: Option<String>,
    is_paused: Option<bool>,
    open_reject_count: Option<i64>,
    gap_starts: Vec<DateTime<Utc>>,
    gap_ends: Vec<DateTime<Utc>>,
    proven_starts: Vec<DateTime<Utc>>,
    proven_ends: Vec<DateTime<Utc>>,
    accepted_starts: Vec<DateTime<Utc>>,
    accepted_ends: Vec<DateTime<Utc>>,
    version: i64,
}

impl Catalog {
    /// Reads the sources of a caller with this access, from which all that it asks is chosen, and the gaps in `range`.
    pub async fn load(pool: &PgPool, access: &SourceAccess, range: Option<TimeRange>) -> Result<Self, ReadError> {
        let is_whole = range.is_none();
        let range = range.unwrap_or(TimeRange { from: DateTime::UNIX_EPOCH, to: DateTime::UNIX_EPOCH });
        let listing = Stream::LISTING.map(|stream| stream.as_str().to_owned());
        let rows = sqlx::query_as!(
            Row,
            r#"
            select src.source_id as "source_id!", src.source as "source!", src.provider as "provider!",
                   src.minutes_basis, src.has_outcomes as "has_outcomes!", src.message_support as "message_support!",
                   src.session_streams as "session_streams!", src.session_kinds as "session_kinds!",
                   src.human_steps as "human_steps!",
                   src.history_from as "history_from!", core.schedule as "schedule!", core.stale_after_seconds,
                   src.is_enabled as "is_enabled!",
                   fresh.stream as "stream?", fresh.complete_through, fresh.last_success_at, fresh.last_verdict,
                   fresh.open_reject_count, fresh.is_paused,
                   case when $4 then fresh.state_as_of
                        else (select case when bool_and(r.seen_at is not null) then min(r.seen_at) end
                                from ingest.state_ranges r
                               where r.source_id = src.source_id and r.stream = fresh.stream
                                 and r.range_from < $2 and r.range_to > $1) end as state_as_of,
                   array(select lower(r) from unnest(known.doubted - gap.accepted) r order by 1) as "gap_starts!",
                   array(select upper(r) from unnest(known.doubted - gap.accepted) r order by 1) as "gap_ends!",
                   array(select lower(r) from unnest(known.proven) r order by 1) as "proven_starts!",
                   array(select upper(r) from unnest(known.proven) r order by 1) as "proven_ends!",
                   array(select lower(r) from unnest(gap.accepted) r order by 1) as "accepted_starts!",
                   array(select upper(r) from unnest(gap.accepted) r order by 1) as "accepted_ends!",
                   (select coalesce(sum(v.version), 0)::bigint from ingest.data_versions v
                     where $5::text[] is null or v.source_id in
                           (select o.source_id from core.sources o where o.source_slug = any($5))) as "version!"
              from analytics.sources src
              join core.sources core on core.source_id = src.source_id
              -- streams that walk a list: what is fetched session by session proves no range, it is missing per session
              left join analytics.stream_freshness fresh on fresh.source = src.source and fresh.stream = any($3)
             cross join lateral (
                   select coalesce(range_agg(tstzrange(w.window_from, w.window_to)) filter (where not w.is_complete), '{}')
                            as doubted,
                          coalesce(range_agg(tstzrange(w.window_from, w.window_to)) filter (where w.is_complete), '{}')
                            as proven
                     from ingest.windows w
                    where w.source_id = src.source_id and w.stream = fresh.stream
                      and w.window_from < $2 and w.window_to > $1) known
             cross join lateral (
                   select coalesce(range_agg(tstzrange(h.window_from, h.window_to)), '{}') as accepted
                     from ingest.accepted_gaps h
                    where h.source_id = src.source_id and h.stream = fresh.stream and h.reopened_at is null
                      and h.window_from < $2 and h.window_to > $1) gap
             where $5::text[] is null or src.source = any($5)
             order by src.source, fresh.stream
            "#,
            range.from,
            range.to,
            &listing,
            is_whole,
            access.limit()
        )
        .fetch_all(pool)
        .await
        .map_err(reading("the catalog of sources"))?;
        Ok(Self::gather(rows, access))
    }

    fn gather(rows: Vec<Row>, access: &SourceAccess) -> Self {
        let version = rows.first().map_or(0, |row| row.version);
        let mut sources: Vec<Source> = Vec::new();
        for mut row in rows {
            let stream = row.take_stream();
            match sources.last_mut().filter(|last| last.source_id == row.source_id) {
                Some(same) => same.streams.extend(stream),
                None => sources.push(row.into_source(stream)),
            }
        }
        Self { sources, version, access: access.clone(), replica_as_of: None }
    }

    /// Returns the sources that pass a filter, by slug; disabled ones too, since their history stays.
    pub fn select(&self, filter: &SourceFilter) -> Vec<&Source> {
        let any_of = |list: &[String], value: &String| list.is_empty() || list.contains(value);
        let chosen = |s: &&Source| any_of(&filter.providers, &s.provider) && any_of(&filter.sources, &s.source);
        self.sources.iter().filter(chosen).collect()
    }

    /// Returns the providers that have sources.
    pub fn providers(&self) -> BTreeSet<&str> {
        self.sources.iter().map(|source| source.provider.as_str()).collect()
    }

    /// Returns the version of the data behind an answer. It increases with every write, in the order of commits. A
    /// timestamp would not, since the transaction that began first may commit last.
    pub fn data_version(&self) -> String {
        format!("d{}", self.version)
    }

    /// Returns a hash of everything that an answer takes from the catalog, besides the database that it was read from.
    pub fn fingerprint(&self) -> Vec<u8> {
        Sha256::digest(format!("{:?}", Self { replica_as_of: None, ..self.clone() })).to_vec()
    }
}

impl Row {
    fn take_stream(&mut self) -> Option<StreamState> {
        Some(StreamState {
            stream: self.stream.take()?,
            complete_through: self.complete_through,
            state_as_of: self.state_as_of,
            last_success_at: self.last_success_at,
            last_verdict: self.last_verdict.take().unwrap_or_default(),
            is_paused: self.is_paused.unwrap_or(false),
            open_reject_count: self.open_reject_count.unwrap_or(0),
            gaps: TimeRange::between(&self.gap_starts, &self.gap_ends),
            proven: TimeRange::between(&self.proven_starts, &self.proven_ends),
            accepted: TimeRange::between(&self.accepted_starts, &self.accepted_ends),
        })
    }

    fn into_source(self, stream: Option<StreamState>) -> Source {
        Source {
            source_id: self.source_id,
            source: self.source,
            provider: self.provider,
            minutes_basis: self.minutes_basis,
            has_outcomes: self.has_outcomes,
            message_support: self.message_support,
            session_streams: self.session_streams,
            human_steps: self.human_steps,
            session_kinds: self.session_kinds,
            history_from: self.history_from,
            schedule: self.schedule,
            stale_after_seconds: self.stale_after_seconds,
            is_enabled: self.is_enabled,
            streams: stream.into_iter().collect(),
        }
    }
}
