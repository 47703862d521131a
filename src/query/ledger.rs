//! The minutes ledger: one row for each session and kind of minutes it can have.
//!
//! No row means not applicable; a row without minutes means unknown, not zero. The ledger counts the same sessions as
//! metrics do, so that the rows of a kind add up to the metric of the same name. Rows are not rounded, so that the
//! sums agree to the last digit.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::metrics::sql::statement::Statement;
use crate::query::number::Unrounded;
use crate::query::sessions::list::SessionFilter;
use crate::query::{ReadError, reading};

/// The kinds of minutes.
pub const KINDS: [&str; 4] = ["active", "consumed", "participant", "wall_clock"];

/// Minutes of one kind of one session.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct LedgerLine {
    /// Time at which the session began.
    pub started_at: DateTime<Utc>,
    /// The session.
    pub session_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// The provider's id, unchanged.
    pub provider_session_id: String,
    /// `consumed` (metered by the provider), `wall_clock` (start to end), `participant` (sum of the presences) or
    /// `active` (gaps between messages, five minutes each at most).
    pub minutes_kind: String,
    /// Basis of the minutes: `participant_time`, `session_time`, `elapsed` or `activity`. Do not add different bases
    /// without saying so.
    pub minutes_basis: String,
    /// Number of minutes; null: unknown, which is not zero.
    pub minutes: Option<Unrounded>,
    /// Whether the provider meters them.
    pub is_billable: bool,
    /// True while the session is live or open.
    pub is_provisional: bool,
    /// Rounding of sold minutes: `none`, or the rounding of the rate card in force; null: not sold.
    pub rounding: Option<String>,
    /// Minutes sold, after rounding; null: not sold, or unknown.
    pub rounded_minutes: Option<Unrounded>,
    /// Metered minutes minus the sum of the presences, signed; null: not applicable, or unknown.
    pub difference_minutes: Option<Unrounded>,
    /// Reason for the difference: `still_live`, `rounding`, `participants_missing` or `other`.
    pub difference_class: Option<String>,
}

/// Sort key of a line: start, session and kind.
pub type LedgerKey = (DateTime<Utc>, i64, String);

/// Returns up to `limit` lines of sessions that pass the filter, of these kinds (none: all), after `after`; newest
/// first.
pub async fn list(
    pool: &PgPool,
    filter: &SessionFilter,
    kinds: &[String],
    after: Option<LedgerKey>,
    limit: i64,
) -> Result<Vec<LedgerLine>, ReadError> {
    let mut sql = Statement::new(COLUMNS);
    sql.push(ROUNDINGS).push(KINDS_OF_SESSION).append(filter.conditions());
    if !kinds.is_empty() {
        sql.push(" and k.minutes_kind = any(").push_bind(kinds.to_vec()).push(")");
    }
    if let Some((started_at, session_id, kind)) = after {
        // The first condition sets the start of the index scan.
        sql.push(" and s.started_at <= ").push_bind(started_at);
        sql.push(" and (s.started_at, s.session_id, k.minutes_kind) < (").push_bind(started_at);
        sql.push(", ").push_bind(session_id).push(", ").push_bind(kind).push(")");
    }
    sql.push(" order by s.started_at desc, s.session_id desc, k.minutes_kind desc limit ").push_bind(limit);
    sql.bound().build_query_as().fetch_all(pool).await.map_err(reading("the minutes ledger"))
}

const COLUMNS: &str = "
select s.started_at, s.session_id, s.source, s.provider, s.provider_session_id, k.minutes_kind, k.minutes_basis,
       k.minutes, k.is_billable, s.is_provisional,
       case when k.is_billable then coalesce(r.rounding, 'none') end as rounding,
       case when k.is_billable then s.rounded_minutes end as rounded_minutes,
       case when k.is_billable then s.unexplained_minutes end as difference_minutes,
       case when k.is_billable then s.unexplained_minutes_class end as difference_class
  from analytics.priced_sessions s";

/// Presets can have different prices, so parts of a session may be rounded in different ways.
const ROUNDINGS: &str = "
 cross join lateral (
       select string_agg(distinct x.pricing_rounding, ',' order by x.pricing_rounding) as rounding
         from analytics.session_costs x
        where x.source_id = s.source_id and x.session_id = s.session_id and x.pricing_unit = 'minute') r";

const KINDS_OF_SESSION: &str = "
 cross join lateral (values
         ('consumed', s.minutes_basis, s.minutes_consumed, true, s.minutes_basis is not null),
         ('wall_clock', 'elapsed', s.elapsed_minutes, false, true),
         ('participant', 'participant_time', s.participant_minutes, false, s.session_kind in ('meeting', 'livestream')),
         ('active', 'activity', round(s.active_seconds / 60, 12),
          false, s.session_kind = 'chat' and s.message_support <> 'none')
       ) k (minutes_kind, minutes_basis, minutes, is_billable, is_applicable)
 where k.is_applicable and s.is_counted";
