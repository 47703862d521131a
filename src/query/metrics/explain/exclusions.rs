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
use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::sql::statement::Statement;
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
    pub source: String,
    /// First instant inside.
    pub from: DateTime<Utc>,
    /// First instant after it.
    pub to: DateTime<Utc>,
    /// `before_history`: older data are not requested; `has_gap`: reading failed; `accepted_gap`: reading failed and
    /// an operator accepts it; `awaiting_sync`: not read yet.
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
    let all = subject.sources.iter().map(|source| source.source_id).collect();
    let elsewhere = subject.behind(subject.query.as_known_at.unwrap_or(now)).elsewhere(all);
    let [not_applicable, open, stale_open] =
        counts(snapshot, elsewhere, ["not_applicable", "open", "stale_open"]).await?;
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
    let [deleted, breakout_rooms] =
        counts(snapshot, subject.behind(now).never_counted(), ["deleted", "breakout_rooms"]).await?;
    Ok((deleted, breakout_rooms))
}

/// Runs a statement of one row, and returns its counts.
async fn counts<const N: usize>(
    snapshot: &Snapshot,
    statement: Statement,
    names: [&str; N],
) -> Result<[i64; N], ReadError> {
    let what = "the exclusions of a metric value";
    let rows = statement.fetch_all(snapshot).await.map_err(reading(what))?;
    let mut counts = [0; N];
    for (count, name) in counts.iter_mut().zip(names) {
        *count = rows.first().map_or(Ok(0), |row| row.try_get(name)).map_err(reading(what))?;
    }
    Ok(counts)
}

/// All rows in scope of a value, each in one class. A session whose rows were never read stands for one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct RowClasses {
    /// Rows in scope: those in the range and, of rows without a time, those whose session began in it.
    pub rows: i64,
    /// Rows behind the value.
    pub counted: i64,
    /// Rows behind the value of which a part is unknown.
    pub partly_known: i64,
    /// Rows that lack the data of the metric or their time.
    pub unknown: i64,
    /// Rows of sessions that the provider deleted.
    pub deleted: i64,
    /// Rows of breakout rooms.
    pub breakout_rooms: i64,
    /// Rows that the metric is not about, by its definition.
    pub not_measured: i64,
}

/// Counts all rows in scope by class.
pub(super) async fn classes(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<RowClasses, ReadError> {
    let mut sum = [0; 6];
    for statement in subject.behind(now).classes() {
        let names = ["rows", "counted", "partly_known", "unknown", "deleted", "breakout_rooms"];
        let found = counts(snapshot, statement, names).await?;
        sum.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
    }
    let [rows, counted, partly_known, unknown, deleted, breakout_rooms] = sum;
    let not_measured = rows - counted - partly_known - unknown - deleted - breakout_rooms;
    Ok(RowClasses { rows, counted, partly_known, unknown, deleted, breakout_rooms, not_measured })
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
