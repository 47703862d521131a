//! Rows in the range that a metric value excludes, by reason.
//!
//! Rows that never count are found with the value's own rows, without its rule of counting. Sessions to which the
//! metric does not apply, or that are not decided yet, are found by their start. Sessions that were not read yet
//! cannot be counted: they are reported as time ranges that are not proven.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use utoipa::ToSchema;

use crate::query::catalog::Source;
use crate::query::metrics::as_of;
use crate::query::metrics::counted_sessions;
use crate::query::metrics::explain::subject::{Counting, Naming, Subject};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::statement::Statement;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// Most ranges reported. A source without any proof has one, so this is seldom reached.
const MAX_STRETCHES: usize = 100;

/// Rows excluded from the value, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LeftOut)]
pub struct Exclusions {
    /// Undecided sessions that began in the range, with activity in the last 24 hours. Only for metrics of outcomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<i64>,
    /// Undecided sessions that began in the range, without activity in the last 24 hours. Only for metrics of
    /// outcomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_open: Option<i64>,
    /// Sessions or presences that lack the data the metric needs; as `unknown_count` of the value.
    pub unknown: i64,
    /// Sessions that began in the range at sources to which the metric does not apply, or that do not fetch its data.
    pub not_applicable: i64,
    /// Records of the sources, of any time, that could not be normalized.
    pub rejected: i64,
    /// Sessions in the range that the provider deleted.
    pub deleted: i64,
    /// Breakout rooms in the range; their parent sessions are counted instead.
    pub breakout_rooms: i64,
    /// Parts of the range, up to now, that are not proven complete: data may be missing there.
    pub out_of_coverage: Vec<Stretch>,
}

/// A time range that is not proven complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stretch {
    /// Slug of the source.
    #[schema(example = "rtk-prod")]
    pub source: String,
    /// First instant inside.
    pub from: DateTime<Utc>,
    /// First instant after it.
    pub to: DateTime<Utc>,
    /// `before_history`: older data are not requested; `has_gap`: reading failed; `accepted_gap`: reading failed and
    /// an operator accepts it; `awaiting_sync`: not read yet.
    #[schema(example = "awaiting_sync")]
    pub reason: &'static str,
}

/// Returns the rows excluded from a value; `unknown` is the value's count of rows without data.
pub(super) async fn of(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    unknown: i64,
    now: DateTime<Utc>,
) -> Result<Exclusions, ReadError> {
    let (deleted, breakout_rooms) = never_counted(snapshot, subject, now).await?;
    let (not_applicable, open, stale_open) = elsewhere(snapshot, subject, now).await?;
    let decides = subject.metric.requires == Requires::Outcomes;
    let rejects = |source: &&Source| source.streams.iter().map(|stream| stream.open_reject_count).sum::<i64>();
    Ok(Exclusions {
        open: decides.then_some(open),
        stale_open: decides.then_some(stale_open),
        unknown,
        not_applicable,
        rejected: subject.telling.iter().map(rejects).sum(),
        deleted: if subject.query.filter.includes_deleted { 0 } else { deleted },
        breakout_rooms,
        out_of_coverage: stretches(&subject.telling, subject.query.range, now),
    })
}

/// Counts deleted sessions and breakout rooms in the range.
async fn never_counted(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<(i64, i64), ReadError> {
    if !subject.metric.is_of_sessions() {
        return Ok((0, 0));
    }
    let mut sql = Statement::new(
        "select count(distinct (s.source_id, s.session_id)) filter (where s.is_deleted_at_provider) as deleted,
                count(distinct (s.source_id, s.session_id)) filter (where s.is_part_of_session",
    );
    // Each session is counted in one of the two.
    sql.push(if subject.query.filter.includes_deleted { "" } else { " and not s.is_deleted_at_provider" });
    sql.push(") as breakout_rooms");
    if subject.metric.additivity.is_along_time() {
        subject.push_started(&mut sql, Counting::All, Naming::Number, now);
    } else {
        subject.push_rows(&mut sql, Counting::All, Naming::Number, now);
    }
    sql.push(" and not s.is_counted");
    let what = "the exclusions of a metric value";
    let rows = sql.fetch_all(snapshot).await.map_err(reading(what))?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    let counts = row.try_get("deleted").and_then(|deleted| Ok((deleted, row.try_get("breakout_rooms")?)));
    counts.map_err(reading(what))
}

/// Counts sessions that began in the range: those at sources without the metric, and open ones at the other sources.
async fn elsewhere(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<(i64, i64, i64), ReadError> {
    let TimeRange { from, to } = subject.query.range;
    let known_at = subject.query.as_known_at.unwrap_or(now);
    let all: Vec<i32> = subject.sources.iter().map(|source| source.source_id).collect();
    let mut sql = Statement::new("select count(*) filter (where not s.source_id = any(");
    sql.push_bind(subject.telling_ids())
        .push(")) as not_applicable, count(*) filter (where is_open and not is_stale) as open, ");
    sql.push("count(*) filter (where is_open and is_stale) as stale_open");
    sql.push(" from ");
    as_of::push_sessions(&mut sql, &subject.query);
    sql.push(" cross join lateral (select s.outcome = 'open' and s.source_id = any(").push_bind(subject.telling_ids());
    sql.push(") as is_open, analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, null, ");
    sql.push_bind(known_at)
        .push(") as is_stale) o where s.started_at >= ")
        .push_bind(from)
        .push(" and s.started_at < ")
        .push_bind(to);
    counted_sessions::push_filter(&mut sql, &subject.query);
    sql.push(" and s.source_id = any(").push_bind(all).push(")");
    let what = "the exclusions of a metric value";
    let rows = sql.fetch_all(snapshot).await.map_err(reading(what))?;
    let Some(row) = rows.first() else { return Ok((0, 0, 0)) };
    let count = |name: &str| row.try_get(name);
    let counts = count("not_applicable").and_then(|other| Ok((other, count("open")?, count("stale_open")?)));
    counts.map_err(reading(what))
}

/// Returns the parts of the range, up to now, that the enabled sources have not proven.
fn stretches(sources: &[&Source], range: TimeRange, now: DateTime<Utc>) -> Vec<Stretch> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_enabled) {
        let mut proven: Vec<TimeRange> = source.streams.iter().flat_map(|stream| stream.proven.clone()).collect();
        proven.sort_by_key(|proven| proven.from);
        proven.push(TimeRange { from: range.to.min(now), to: range.to.min(now) });
        let mut at = range.from;
        for proven in proven {
            let to = proven.from.min(range.to).min(now);
            let cut = source.history_from.clamp(at, to.max(at));
            for piece in [TimeRange { from: at, to: cut }, TimeRange { from: cut, to }] {
                if piece.from < piece.to {
                    found.push(stretch(source, piece));
                }
            }
            at = at.max(proven.to);
        }
    }
    found.truncate(MAX_STRETCHES);
    found
}

fn stretch(source: &Source, range: TimeRange) -> Stretch {
    let TimeRange { from, to } = range;
    let touches = |gap: &TimeRange| gap.touches(range);
    let reason = if to <= source.history_from {
        "before_history"
    } else if source.streams.iter().flat_map(|stream| &stream.gaps).any(touches) {
        "has_gap"
    } else if source.streams.iter().flat_map(|stream| &stream.accepted).any(touches) {
        "accepted_gap"
    } else {
        "awaiting_sync"
    };
    Stretch { source: source.source.clone(), from, to, reason }
}
