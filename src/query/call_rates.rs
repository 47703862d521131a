//! Call rates: the calls per minute that each source may make now, and their origin.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::{ReadError, reading};

/// Calls per minute of a source's account. Sources of one account share it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallRate {
    /// Calls per minute in force now.
    #[schema(example = 560.0)]
    pub requests_per_minute: f64,
    /// Origin of the rate. `configured`: `requests_per_minute` of the source is the ceiling; `provider`: the
    /// strictest policy that the provider states, times `quota_share`; `default`: the provider states none.
    #[schema(example = "provider")]
    pub decided_by: String,
    /// Calls per minute left by the provider's strictest stated policy; null: it states none.
    #[schema(example = 560.0)]
    pub stated_per_minute: Option<f64>,
}

/// Returns the rates by source id.
pub async fn list(pool: &PgPool, now: DateTime<Utc>) -> Result<BTreeMap<i32, CallRate>, ReadError> {
    let rows = sqlx::query!(
        r#"select s.source_id, b.requests_per_minute, b.is_set_by_hand,
                  coalesce(b.lifted_until > $1, false) as "is_lifted!",
                  (select min(greatest(q.quota * b.share_permille / 1000, 1) * 60.0 / q.window_seconds)::float8
                     from ingest.call_quotas q where q.budget_key = b.budget_key) as stated_per_minute
             from core.sources s
             join ingest.call_budgets b on b.budget_key = s.budget_key"#,
        now,
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the call rates of the sources"))?;
    let rates = rows.into_iter().map(|row| {
        let own = f64::from(row.requests_per_minute);
        let stated = row.stated_per_minute;
        let (requests_per_minute, decided_by) = match stated {
            Some(stated) if row.is_lifted || stated < own => (stated, "provider"),
            _ if row.is_set_by_hand => (own, "configured"),
            _ => (own, "default"),
        };
        let rate = CallRate { requests_per_minute, decided_by: decided_by.to_owned(), stated_per_minute: stated };
        (row.source_id, rate)
    });
    Ok(rates.collect())
}
