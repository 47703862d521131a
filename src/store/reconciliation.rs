//! Stored counts of a window, for comparison with the provider's count; and the history of comparisons.
//!
//! A provider's time filter means creation or last change, and stored sessions are counted by the same time. No
//! provider documents whether the end is included, so both counts are read. Sessions known to be deleted at the
//! provider are left out.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::time::Window;
use crate::store::{Place, StoreError};

/// Most ids stored of each kind.
pub const MAX_IDS: usize = 100;

/// Stored counts of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Sessions, excluding the window's end.
    pub half_open: i64,
    /// Sessions, including both ends.
    pub closed: i64,
    /// Minutes that the provider metered, excluding the end.
    pub minutes: Decimal,
}

impl Stored {
    /// Whether the provider's count is one of the two.
    pub fn agrees_with(&self, provider_count: i64) -> bool {
        provider_count == self.half_open || provider_count == self.closed
    }

    /// Returns the one of the two counts that is nearer to the provider's.
    pub fn nearest(&self, provider_count: Option<i64>) -> i64 {
        provider_count.filter(|count| *count >= self.closed).map_or(self.half_open, |_| self.closed)
    }
}

/// Result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonState {
    /// It was equal at once.
    Match,
    /// It differed, and is equal now.
    Healed,
    /// It differs.
    Differs,
    /// The provider states no count.
    Unverifiable,
    /// The provider could not be asked.
    Failed,
}

impl ComparisonState {
    /// Returns the value in `ingest.reconciliations.state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Healed => "healed",
            Self::Differs => "differs",
            Self::Unverifiable => "unverifiable",
            Self::Failed => "failed",
        }
    }
}

/// Minutes of one day, the provider's and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinutesComparison {
    /// From the provider's daily totals.
    pub provider: Decimal,
    /// Stored minutes of the same day.
    pub ours: Decimal,
    /// `match`, `differs`, `unverifiable`.
    pub state: &'static str,
    /// Hours by which the provider's day seems to begin before midnight UTC; `None`: unknown.
    pub offset_hours: Option<i32>,
}

/// A comparison, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// The compared window.
    pub window: Window,
    /// The result.
    pub state: ComparisonState,
    /// The reason, in a sentence.
    pub reason: Option<String>,
    /// The provider's count.
    pub provider_count: Option<i64>,
    /// Sessions stored before anything was read again.
    pub our_count_before: i64,
    /// Sessions stored now.
    pub our_count: i64,
    /// Number of missing sessions that were found.
    pub missing_count: i64,
    /// Of these, the sessions stored since.
    pub healed_ids: Vec<String>,
    /// Sessions that are stored and were not listed.
    pub surplus_ids: Vec<String>,
    /// Sessions whose stored state differed from the listed one; now updated.
    pub stale_ids: Vec<String>,
    /// Number of listed records that could not be read.
    pub rejected_count: i64,
    /// Minutes, where the provider has daily totals.
    pub minutes: Option<MinutesComparison>,
}

/// Counts the stored sessions of `window`, by creation or by the provider's time of last change.
pub async fn stored(
    pool: &PgPool,
    source_id: SourceId,
    window: &Window,
    is_by_change: bool,
) -> Result<Stored, StoreError> {
    let failed = StoreError::doing("counting the stored sessions of a window");
    let (half_open, closed, minutes) = if is_by_change {
        let row = sqlx::query!(
            r#"select count(*) filter (where provider_updated_at < $3) as "half_open!", count(*) as "closed!",
                      coalesce(sum(provider_minutes) filter (where provider_updated_at < $3), 0) as "minutes!"
                 from core.sessions
                where source_id = $1 and provider_updated_at >= $2 and provider_updated_at <= $3
                  and not is_deleted_at_provider"#,
            source_id.0,
            window.from,
            window.to,
        );
        let row = row.fetch_one(pool).await.map_err(&failed)?;
        (row.half_open, row.closed, row.minutes)
    } else {
        let row = sqlx::query!(
            r#"select count(*) filter (where created_at < $3) as "half_open!", count(*) as "closed!",
                      coalesce(sum(provider_minutes) filter (where created_at < $3), 0) as "minutes!"
                 from core.sessions
                where source_id = $1 and created_at >= $2 and created_at <= $3 and not is_deleted_at_provider"#,
            source_id.0,
            window.from,
            window.to,
        );
        let row = row.fetch_one(pool).await.map_err(&failed)?;
        (row.half_open, row.closed, row.minutes)
    };
    Ok(Stored { half_open, closed, minutes })
}

/// Returns sessions and minutes by the hour of creation; hours with none are left out.
pub async fn by_hour(
    pool: &PgPool,
    source_id: SourceId,
    window: &Window,
) -> Result<Vec<(DateTime<Utc>, i64, Decimal)>, StoreError> {
    let rows = sqlx::query!(
        r#"select date_trunc('hour', created_at::timestamptz, 'UTC') as "hour!", count(*) as "sessions!",
                  coalesce(sum(provider_minutes), 0) as "minutes!"
             from core.sessions
            where source_id = $1 and created_at >= $2 and created_at < $3 and not is_deleted_at_provider
            group by 1 order by 1"#,
        source_id.0,
        window.from,
        window.to,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("counting stored sessions by hour"))?;
    Ok(rows.into_iter().map(|row| (row.hour, row.sessions, row.minutes)).collect())
}

/// Returns the number of a source's newest session: any later insert has a greater one.
pub async fn newest(pool: &PgPool, source_id: SourceId) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select coalesce(max(session_id), 0) as "newest!" from core.sessions where source_id = $1"#,
        source_id.0
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading the newest session"))
}

/// Returns those of the listed ids that were stored after `newest` was read: they had been missing.
pub async fn inserted_since(
    pool: &PgPool,
    source_id: SourceId,
    listed: &[String],
    newest: i64,
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "select provider_session_id from core.sessions
          where source_id = $1 and provider_session_id = any($2) and session_id > $3
          order by created_at, session_id",
        source_id.0,
        listed,
        newest,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which sessions had been missing"))
}

/// Returns the stored sessions of `window`, by creation and excluding both ends, that are not among the listed ids.
pub async fn unlisted(
    pool: &PgPool,
    source_id: SourceId,
    window: &Window,
    listed: &[String],
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "select s.provider_session_id from core.sessions s
          where s.source_id = $1 and s.created_at > $2 and s.created_at < $3 and not s.is_deleted_at_provider
            and not exists (select from unnest($4::text[]) l(id) where l.id = s.provider_session_id)
          order by s.created_at, s.session_id",
        source_id.0,
        window.from,
        window.to,
        listed,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which sessions the provider does not list"))
}

/// Returns the stored sessions whose state had changed when the run read them again.
pub async fn changed_by(pool: &PgPool, source_id: SourceId, run_id: i64) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "select distinct c.provider_session_id
           from ingest.session_changes c
           join ingest.runs r on r.run_id = c.run_id
          where c.source_id = $1 and c.run_id = $2 and c.changed_at >= r.started_at
            and c.field <> 'is_deleted_at_provider'
          order by 1",
        source_id.0,
        run_id,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which sessions had changed"))
}

/// Stores a comparison, within the transaction that ends its unit.
pub(super) async fn record(
    tx: &mut PgConnection,
    place: Place,
    backfill_id: i64,
    run_id: Option<i64>,
    compared: &Comparison,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let count = |ids: &[String]| i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let bounded = |ids: &[String]| ids.iter().take(MAX_IDS).cloned().collect::<Vec<_>>();
    let minutes = compared.minutes;
    sqlx::query!(
        "insert into ingest.reconciliations
                (source_id, stream, window_from, window_to, checked_at, state, reason, provider_count,
                 our_count_before, our_count, missing_count, healed_count, surplus_count, rejected_count, missing_ids,
                 surplus_ids, provider_minutes, our_minutes, minutes_state, day_offset_hours, backfill_id, run_id,
                 stale_count, stale_ids)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23, $24)",
        place.source_id.0,
        place.stream.as_str(),
        compared.window.from,
        compared.window.to,
        now,
        compared.state.as_str(),
        compared.reason,
        compared.provider_count,
        compared.our_count_before,
        compared.our_count,
        compared.missing_count,
        count(&compared.healed_ids),
        count(&compared.surplus_ids),
        compared.rejected_count,
        &bounded(&compared.healed_ids),
        &bounded(&compared.surplus_ids),
        minutes.map(|minutes| minutes.provider),
        minutes.map(|minutes| minutes.ours),
        minutes.map(|minutes| minutes.state),
        minutes.and_then(|minutes| minutes.offset_hours),
        backfill_id,
        run_id,
        count(&compared.stale_ids),
        &bounded(&compared.stale_ids),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("storing a comparison"))?;
    Ok(())
}
