//! RealtimeKit's daily totals: `GET …/analytics/daywise`.
//!
//! Sessions and minutes of each day. The vendor documents neither the time zone of the days nor the instant by which
//! a session is assigned to one, so the totals only complement the list. A day that is left out is unknown, not zero.

use chrono::NaiveDate;

use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::ApiClient;
use crate::connector::record::{Fields, elements, members};
use crate::model::page::DayTotal;
use crate::model::time::Window;
use crate::providers::listing;
use crate::providers::realtimekit::client;

/// Returns the totals of the days that touch `window`; `None` where the provider has none, or none that can be read.
pub(super) async fn read(
    api: &ApiClient,
    sessions_path: &str,
    window: &Window,
) -> Result<Option<Vec<DayTotal>>, PullError> {
    let path = format!("{}/analytics/daywise", sessions_path.trim_end_matches("/sessions"));
    let day = |at: chrono::DateTime<chrono::Utc>| at.date_naive().to_string();
    let query = [("start_date", day(window.from)), ("end_date", day(window.to))];
    let answer = match client::ask(api, &path, &query).await {
        // an app may have no such totals: the list is authoritative
        Err(error)
            if matches!(error.kind, PullErrorKind::NotFound | PullErrorKind::Config | PullErrorKind::Contract) =>
        {
            return Ok(None);
        }
        answer => answer?,
    };
    let ignored = listing::drift_of(&answer);
    let rows = || {
        let envelope = members(&answer.body)?;
        let data = members(envelope.get("data")?.get())?;
        let stats = members(data.get("session_stats")?.get())?;
        elements(stats.get("day_stats")?.get())
    };
    let Some(rows) = rows() else { return Ok(None) };
    let total = |raw: &serde_json::value::RawValue| {
        let row = Fields::open(raw.get(), &ignored).ok()?;
        let day: NaiveDate = row.text("day")?.trim().get(..10)?.parse().ok()?;
        let session_count = listing::envelope_count(&row, "total_sessions")?;
        Some(DayTotal { day, session_count, minutes: row.decimal("total_session_minutes")? })
    };
    Ok(Some(rows.into_iter().filter_map(total).collect()))
}
