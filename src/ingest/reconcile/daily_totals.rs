//! A provider's own daily totals, and the hour at which its days begin.
//!
//! Providers do not state the time zone of the totals. Each whole hour is tried, and the offset by which most days
//! agree with the stored data is taken. Where not even half of the days agree, the totals prove nothing, and the
//! comparison says so.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;

use crate::ingest::poller::{Poller, Source};
use crate::model::page::{DayTotal, PageRequest};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::backfill::DayFigures;
use crate::store::{StoreError, reconciliation};

/// Offsets of time zones in hours ahead of UTC. Zones with half hours are left out.
const OFFSETS: std::ops::RangeInclusive<i32> = -12..=14;

/// Returns the provider's totals for those of `windows` that are whole days; none where it has no totals, or does
/// not answer, because the counts of its list matter more, and where the process stops.
pub(super) async fn figures(
    poller: &Poller,
    source: &Source,
    windows: &[Window],
) -> Result<Vec<(Window, DayFigures)>, StoreError> {
    let days: Vec<Window> = windows.iter().copied().filter(is_day).collect();
    let Some((first, last)) = days.first().zip(days.last()) else { return Ok(Vec::new()) };
    let range = Window { from: first.from, to: last.to };
    let request = PageRequest { window: &range, cursor: None, now: poller.clock.now() };
    let call = source.backfill_connector.daily_totals(Stream::Sessions, request);
    let totals = match poller.stop.run_until_cancelled(call).await {
        Some(Ok(Some(totals))) => totals,
        Some(Ok(None)) | None => return Ok(Vec::new()),
        Some(Err(error)) => {
            tracing::info!(source = %source.slug, error = %error, "the provider's daily totals could not be read");
            return Ok(Vec::new());
        }
    };
    let totals: BTreeMap<NaiveDate, DayTotal> = totals.into_iter().map(|total| (total.day, total)).collect();
    let around = Window { from: range.from - TimeDelta::days(1), to: range.to + TimeDelta::days(1) };
    let hours = reconciliation::by_hour(&poller.pool, source.id, &around).await?;
    let offset_hours = border(&days, &totals, &hours);
    let figures = |day: &Window| {
        let total = totals.get(&day.from.date_naive())?;
        let count = i64::try_from(total.session_count).unwrap_or(i64::MAX);
        Some((*day, DayFigures { count, minutes: total.minutes, offset_hours }))
    };
    Ok(days.iter().filter_map(figures).collect())
}

fn is_day(window: &Window) -> bool {
    window.span() == TimeDelta::days(1) && window.from.time() == chrono::NaiveTime::MIN
}

/// Returns the provider's day as a window, if its days begin this many hours before midnight UTC.
pub(super) fn shifted(day: &Window, offset_hours: i32) -> Window {
    let shift = TimeDelta::hours(i64::from(offset_hours));
    Window { from: day.from - shift, to: day.to - shift }
}

/// Whether minutes agree, within the rounding error of many sessions.
pub(super) fn are_alike(theirs: Decimal, ours: Decimal) -> bool {
    let borne = Decimal::ONE.max(theirs.abs() * Decimal::new(5, 3));
    (theirs - ours).abs() <= borne
}

/// Returns the offset by which most days agree; prefers UTC among equals.
fn border(
    days: &[Window],
    totals: &BTreeMap<NaiveDate, DayTotal>,
    hours: &[(DateTime<Utc>, i64, Decimal)],
) -> Option<i32> {
    let told: Vec<(&Window, &DayTotal)> =
        days.iter().filter_map(|day| Some((day, totals.get(&day.from.date_naive())?))).collect();
    let agreeing = |offset: i32| {
        let agrees = |(day, total): &&(&Window, &DayTotal)| {
            let day = shifted(day, offset);
            let within = hours.iter().filter(|(hour, ..)| *hour >= day.from && *hour < day.to);
            let (count, minutes) = within
                .fold((0, Decimal::ZERO), |(count, sum), (_, sessions, minutes)| (count + sessions, sum + minutes));
            u64::try_from(count).is_ok_and(|count| count == total.session_count) && are_alike(total.minutes, minutes)
        };
        told.iter().filter(agrees).count()
    };
    let best = OFFSETS.max_by_key(|offset| (agreeing(*offset), -offset.abs()))?;
    (agreeing(best) * 2 >= told.len()).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_of_days_is_found_where_the_hours_say_so() {
        let midnight: DateTime<Utc> = "2026-03-02T00:00:00Z".parse().expect("an instant");
        let days: Vec<Window> = (0..3)
            .map(|n| midnight + TimeDelta::days(n))
            .map(|from| Window { from, to: from + TimeDelta::days(1) })
            .collect();
        // one session of ten minutes an hour before each midnight UTC, which belongs to the next day in Berlin
        let hours: Vec<_> = days.iter().map(|day| (day.from - TimeDelta::hours(1), 1, Decimal::from(10))).collect();
        let total = |day: &Window, session_count| DayTotal {
            day: day.from.date_naive(),
            session_count,
            minutes: Decimal::from(10 * session_count),
        };
        let in_berlin: BTreeMap<_, _> = days.iter().map(|day| (day.from.date_naive(), total(day, 1))).collect();
        assert_eq!(border(&days, &in_berlin, &hours), Some(1));
        let unlike: BTreeMap<_, _> = days.iter().map(|day| (day.from.date_naive(), total(day, 7))).collect();
        assert_eq!(border(&days, &unlike, &hours), None);
    }
}
