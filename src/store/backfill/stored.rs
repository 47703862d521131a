//! A backfill as it is stored, and the right to write for one of its units.

use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::time::Window;
use crate::store::{StoreError, StreamKey};

/// The right to write for one unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    /// Source and stream.
    pub stream_key: StreamKey,
    /// Its number.
    pub unit_id: i64,
    pub(in crate::store) token: Uuid,
}

/// Purpose of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading a range again, or for the first time.
    Backfill,
    /// Comparing a range with the provider's counts.
    Reconcile,
}

impl Purpose {
    /// Returns the value in `ingest.backfills.purpose`, and in `ingest.runs.purpose`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Reconcile => "reconcile",
        }
    }

    fn parse(text: &str) -> Self {
        if text == "reconcile" { Self::Reconcile } else { Self::Backfill }
    }
}

/// State of a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackfillState {
    /// A worker processes it, or it waits for one.
    Running,
    /// An operator paused it.
    Paused,
    /// Every unit is proven.
    Done,
    /// It ended with unproven units.
    Failed,
    /// An operator ended it.
    Cancelled,
}

impl BackfillState {
    /// Returns the value in `ingest.backfills.state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "running" => Self::Running,
            "paused" => Self::Paused,
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

/// A backfill, as its workers need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backfill {
    /// Its number.
    pub backfill_id: i64,
    /// Source and stream.
    pub stream_key: StreamKey,
    /// The purpose.
    pub purpose: Purpose,
    /// The whole range.
    pub range: Window,
    /// The state.
    pub state: BackfillState,
    /// Whether any window lists everything, because the provider ignores the filter.
    pub is_unfiltered: bool,
}

/// A day in the provider's daily totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayFigures {
    /// Number of sessions.
    pub count: i64,
    /// Minutes.
    pub minutes: Decimal,
    /// Hours by which the provider's day begins before midnight UTC; `None`: unknown.
    pub offset_hours: Option<i32>,
}

/// Returns the backfill of that number.
pub(super) async fn read(tx: &mut PgConnection, backfill_id: i64) -> Result<Option<Backfill>, StoreError> {
    let row = sqlx::query!(
        "select source_id, stream, purpose, range_from, range_to, state, is_unfiltered
           from ingest.backfills where backfill_id = $1",
        backfill_id,
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("reading a backfill"))?;
    Ok(row.and_then(|row| {
        Some(Backfill {
            backfill_id,
            stream_key: StreamKey::of(row.source_id, &row.stream)?,
            purpose: Purpose::parse(&row.purpose),
            range: Window { from: row.range_from, to: row.range_to },
            state: BackfillState::parse(&row.state),
            is_unfiltered: row.is_unfiltered,
        })
    }))
}
