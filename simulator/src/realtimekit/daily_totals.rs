//! RealtimeKit's daily totals: `GET …/analytics/daywise`.
//!
//! A session belongs to the day of its creation. The time zone of days is undocumented, and therefore a quirk.
//! Without dates the answer covers the last thirty days.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde_json::json;

use super::conventions::{error, success};
use crate::feed::Bounds;
use crate::listing::{Call, Reply};

pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Reply> {
    let today = call.now.date_naive();
    let from = day(call, "start_date")?.unwrap_or(today - TimeDelta::days(30));
    let to = day(call, "end_date")?.unwrap_or(today);
    let offset = TimeDelta::hours(call.quirks.day_offset_hours);
    let midnight = |day: NaiveDate| -> DateTime<Utc> { day.and_time(NaiveTime::MIN).and_utc() - offset };
    let last = midnight(to) + TimeDelta::days(1) - TimeDelta::milliseconds(1);
    let bounds = Bounds { from: Some(midnight(from)), to: Some(last) };
    let mut days: BTreeMap<NaiveDate, (u64, Decimal)> =
        from.iter_days().take_while(|day| *day <= to).map(|day| (day, Default::default())).collect();
    for entry in call.feed.created_between(bounds, call.now) {
        let minutes = call.member(entry.key, "minutes_consumed").and_then(|text| text.parse::<Decimal>().ok());
        let slot = days.entry((entry.created_at + offset).date_naive()).or_default();
        slot.0 += 1;
        slot.1 += minutes.unwrap_or_default();
    }
    let number = |minutes: Decimal| -> serde_json::Value {
        minutes.normalize().to_string().parse::<serde_json::Number>().map_or(json!(0), Into::into)
    };
    let rows: Vec<_> = days
        .iter()
        .map(|(day, (count, minutes))| {
            json!({"day": day.to_string(), "total_sessions": count, "total_session_minutes": number(*minutes)})
        })
        .collect();
    let (count, minutes) =
        days.values().fold((0, Decimal::ZERO), |(count, sum), (sessions, minutes)| (count + sessions, sum + minutes));
    let data = json!({
        "session_stats": {"day_stats": rows, "sessions_count": count, "sessions_minutes_consumed": number(minutes)},
        "recording_stats": {"day_stats": [], "recording_count": 0, "recording_minutes_consumed": 0},
    });
    Ok(success(&data.to_string()))
}

fn day(call: &Call<'_>, name: &str) -> Result<Option<NaiveDate>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let refused = |_| error(400, &format!("BAD_REQUEST: \"{name}\" must be a date, YYYY-MM-DD"));
    text.parse().map(Some).map_err(refused)
}
