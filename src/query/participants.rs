//! The participants of one session, by joining time, with their names.
//!
//! Names are personal data and live in `analytics_pii`. A person who joined twice is listed twice.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::model::time;
use crate::query::availability::Parts;
use crate::query::number::Number;
use crate::query::{ReadError, reading};

/// One presence of a person in a session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Participant {
    /// Number of the presence.
    pub participant_id: i64,
    /// The provider's id of the presence; new on each join.
    pub provider_participant_id: String,
    /// Pseudonym of the person; null: unidentified.
    pub person_id: Option<String>,
    /// Display name. Personal.
    pub display_name: Option<String>,
    /// The customer's own id of the person. Personal.
    pub custom_participant_id: Option<String>,
    /// Name of the participant's permissions.
    pub preset_name: Option<String>,
    /// Time at which the presence began; null: not given.
    pub joined_at: Option<DateTime<Utc>>,
    /// Time at which it ended; null: not ended, or unknown.
    pub left_at: Option<DateTime<Utc>>,
    /// True if the provider gave no end, and `left_at` is `joined_at` plus the given length.
    pub is_left_at_derived: bool,
    /// Length as given by the provider, seconds; null: not given.
    pub duration_seconds: Option<Number>,
    /// True if the same person was in this session before.
    pub is_rejoin: bool,
}

impl Participant {
    /// Returns its sort key.
    pub fn key(&self) -> (DateTime<Utc>, i64) {
        (self.joined_at.unwrap_or_else(never), self.participant_id)
    }
}

/// Returns the last instant that can be stored: the sort time of presences without a start.
fn never() -> DateTime<Utc> {
    time::sane_range().1 - TimeDelta::microseconds(1)
}

/// Returns up to `limit` presences after the one with sort key `after`; those without a start come last.
pub async fn list(
    pool: &PgPool,
    of: &Parts,
    after: Option<(DateTime<Utc>, i64)>,
    limit: i64,
) -> Result<Vec<Participant>, ReadError> {
    let (joined_at, participant_id) = after.unwrap_or((DateTime::UNIX_EPOCH, i64::MIN));
    sqlx::query_as!(
        Participant,
        r#"
        select p.participant_id as "participant_id!", p.provider_participant_id as "provider_participant_id!",
               p.person_id, name.display_name, name.custom_participant_id, p.preset_name, p.joined_at, p.left_at,
               p.is_left_at_derived as "is_left_at_derived!", p.duration_seconds as "duration_seconds: Number",
               p.is_rejoin as "is_rejoin!"
          from analytics.participants p
          join analytics_pii.participants name using (source_id, session_id, provider_participant_id)
         where p.source_id = $1 and p.session_id = $2
           and (coalesce(p.joined_at, $3), p.participant_id) > ($4::timestamptz, $5::bigint)
         order by coalesce(p.joined_at, $3), p.participant_id
         limit $6
        "#,
        of.source_id,
        of.session_id,
        never(),
        joined_at,
        participant_id,
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(reading("participants"))
}
