//! Lateness of records, which determines the overlap of polls.
//!
//! A session that appears in a range already proven complete was too late for the earlier poll. The delay shows how
//! far polls must reach back, so the overlap grows with recent delays, up to a limit. Sessions found beyond it are
//! counted separately, and reconciliation deals with them. Counts are kept per day, so that old incidents expire.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::{StoreError, StreamKey};

/// Upper limit of the overlap.
pub const LONGEST_OVERLAP: TimeDelta = TimeDelta::hours(48);
/// Number of days for which a delay counts.
const RECENT_DAYS: i32 = 14;

/// Kinds of late records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A session, in a range that was proven complete.
    Appeared,
    /// The same, beyond any overlap.
    FoundLater,
    /// A change of an ended session.
    Changed,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::FoundLater => "found_later",
            Self::Changed => "changed",
        }
    }
}

/// Measures sessions stored for the first time and created at `created`: those in a proven range were missed when it
/// was proven. Runs before the page's own proof is written.
pub(super) async fn measure(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    created: &[DateTime<Utc>],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if created.is_empty() {
        return Ok(());
    }
    let late = sqlx::query!(
        r#"select late.seconds <= $4 as "is_near!", count(*) as "count!", max(late.seconds) as "seconds!"
             from unnest($3::timestamptz[]) c(at)
             join ingest.windows w on w.source_id = $1 and w.stream = $2 and w.is_complete
                                  and w.window_from <= c.at and c.at < w.window_to
            cross join lateral (select ceil(extract(epoch from w.window_to - c.at))::bigint as seconds) late
            group by 1"#,
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        created,
        LONGEST_OVERLAP.num_seconds(),
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("measuring how late sessions appear"))?;
    for row in late {
        let kind = if row.is_near { Kind::Appeared } else { Kind::FoundLater };
        note(tx, stream_key, kind, row.count, row.seconds, now).await?;
    }
    Ok(())
}

/// Counts `count` late records, whose largest delay is `seconds`.
pub(super) async fn note(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    kind: Kind,
    count: i64,
    seconds: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if count == 0 || seconds <= 0 {
        return Ok(());
    }
    sqlx::query!(
        "insert into ingest.lateness as l (source_id, stream, kind, day, record_count, largest_seconds)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (source_id, stream, kind, day) do update
            set record_count = l.record_count + excluded.record_count,
                largest_seconds = greatest(l.largest_seconds, excluded.largest_seconds)",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        kind.as_str(),
        now.date_naive(),
        count,
        seconds,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("counting late records"))?;
    Ok(())
}

/// Returns how far a stream's polls reach back: `least`, or the largest recent delay. Stored as a fact of the source,
/// so that it can be shown.
pub async fn overlap(
    pool: &PgPool,
    source_id: SourceId,
    stream: Stream,
    least: TimeDelta,
    now: DateTime<Utc>,
) -> Result<TimeDelta, StoreError> {
    let failed = StoreError::doing("reading how late sessions appear");
    let row = sqlx::query!(
        r#"select (select max(largest_seconds) from ingest.lateness
                    where source_id = $1 and stream = $2 and kind = 'appeared' and day > $3::date - $4::int) as measured,
                  (select value from ingest.source_facts where source_id = $1 and name = 'overlap_seconds') as shown"#,
        source_id.0,
        stream.as_str(),
        now.date_naive(),
        RECENT_DAYS,
    )
    .fetch_one(pool)
    .await
    .map_err(&failed)?;
    let measured = TimeDelta::seconds(row.measured.unwrap_or(0)).min(LONGEST_OVERLAP);
    let overlap = least.max(measured);
    let shown = overlap.num_seconds().to_string();
    if row.shown.as_deref() != Some(&shown) {
        sqlx::query!(
            "insert into ingest.source_facts (source_id, name, value, learnt_at) values ($1, 'overlap_seconds', $2, $3)
             on conflict (source_id, name) do update set value = excluded.value, learnt_at = excluded.learnt_at",
            source_id.0,
            shown,
            now,
        )
        .execute(pool)
        .await
        .map_err(&failed)?;
    }
    Ok(overlap)
}
