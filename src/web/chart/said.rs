//! What a chart says, in sentences: its peak and its low, a trend or a share, and what is not known.
//!
//! The numbers are the decimals that the marks are placed by, written as in the table.

use rust_decimal::Decimal;

use crate::query::metrics::series::answer::Series;
use crate::query::metrics::status::BucketStatus;
use crate::web::chart::along::{Along, name};
use crate::web::figure::{grouped, percent_text};

/// The place of a bucket, and its value.
type Bucket = (usize, Decimal);

/// Returns what bars on one another say.
pub(super) fn stack(along: &Along<'_>) -> String {
    let Some(first) = along.series.first() else { return String::new() };
    let text = |value: Decimal| along.measured(first).text(value);
    let sum = |at: usize| {
        let values: Vec<Decimal> = along.series.iter().filter_map(|series| Along::value(series, at)).collect();
        (!values.is_empty()).then(|| values.into_iter().sum::<Decimal>())
    };
    let sums: Vec<(usize, Decimal)> = (0..along.count()).filter_map(|at| Some((at, sum(at)?))).collect();
    let named = |at: usize| along.answered.bucket_name(at);
    let extremes = extremes(along, &sums).map(|(most, least)| {
        let least = least.map(|(at, value)| format!(", least on {} ({})", named(at), text(value)));
        format!("Most on {} ({}){}.", named(most.0), text(most.1), least.unwrap_or_default())
    });
    let whole: Decimal = sums.iter().map(|(_, value)| *value).sum();
    let of_series = |series: &&Series| series.data.iter().flatten().map(|value| value.0).sum::<Decimal>();
    let greatest = along.series.iter().max_by_key(|series| of_series(series));
    let share = greatest
        .filter(|_| along.series.len() > 1 && whole > Decimal::ZERO)
        .map(|series| format!("Greatest part: {}, {}.", name(series), percent_text(of_series(series) / whole)));
    joined([extremes, share, gaps(along)])
}

/// Returns what lines say: of groups the extremes of all, of several metrics those of each, of one line its trend.
pub(super) fn lines(along: &Along<'_>) -> String {
    let points: Vec<Vec<Point<'_>>> = along.series.iter().map(|series| points(along, series)).collect();
    let said = |point: &Point<'_>| {
        let text = along.measured(point.series).text(point.value);
        format!("{text} on {}", along.answered.bucket_name(point.at))
    };
    let extremes = |word: &str, points: &[&Point<'_>], name: &dyn Fn(&Point<'_>) -> String| {
        // of equals the first
        let highest = points.iter().rev().max_by_key(|point| point.value)?;
        let whole = points.iter().filter(|point| is_whole(along, point.at));
        let lowest = whole.min_by_key(|point| point.value).filter(|lowest| lowest.value < highest.value);
        let lowest = lowest.map(|lowest| format!(", lowest {}{}", name(lowest), said(lowest))).unwrap_or_default();
        Some(format!("{word} {}{}{lowest}.", name(highest), said(highest)))
    };
    let is_of_groups = along.series.windows(2).all(|pair| pair[0].metric == pair[1].metric);
    let extremes = if is_of_groups {
        let is_one = along.series.len() == 1;
        let of = |point: &Point<'_>| if is_one { String::new() } else { format!("{}, ", name(point.series)) };
        extremes("Highest", &points.iter().flatten().collect::<Vec<_>>(), &of)
    } else {
        let of_each = along.series.iter().zip(&points).filter_map(|(series, points)| {
            let said = extremes("highest", &points.iter().collect::<Vec<_>>(), &|_| String::new())?;
            Some(format!("{}: {said}", name(series)))
        });
        Some(of_each.collect::<Vec<_>>().join(" "))
    };
    let trend = match points.as_slice() {
        [own] => {
            let mut whole = own.iter().filter(|point| is_whole(along, point.at));
            let ends = whole.next().zip(whole.next_back());
            ends.map(|(first, last)| format!("From {} to {}.", said(first), said(last)))
        }
        _ => None,
    };
    joined([extremes, trend, gaps(along)])
}

/// A value of a line.
struct Point<'a> {
    series: &'a Series,
    at: usize,
    value: Decimal,
}

fn points<'a>(along: &Along<'_>, series: &'a Series) -> Vec<Point<'a>> {
    (0..along.count()).filter_map(|at| Some(Point { series, at, value: Along::value(series, at)? })).collect()
}

/// Returns the greatest bucket, and the least of those that are whole; `None`: there is no value.
fn extremes(along: &Along<'_>, sums: &[Bucket]) -> Option<(Bucket, Option<Bucket>)> {
    let most = *sums.iter().rev().max_by_key(|(_, value)| *value)?;
    let whole = sums.iter().filter(|(at, _)| is_whole(along, *at));
    let least = whole.min_by_key(|(_, value)| *value).filter(|(_, value)| *value < most.1);
    Some((most, least.copied()))
}

/// Whether a bucket is over, known, and not cut by the range.
fn is_whole(along: &Along<'_>, at: usize) -> bool {
    let is_over = along.status(at).is_none_or(|status| status == BucketStatus::Complete);
    is_over && !along.is_doubtful(at) && !along.answered.is_partial(at)
}

/// Says how many buckets are not known.
fn gaps(along: &Along<'_>) -> Option<String> {
    let count = (0..along.count()).filter(|at| along.is_doubtful(*at)).count();
    let (granularity, whole) = (along.answered.answer.query.granularity, along.count());
    // parts of an hour have no name of their own
    let bucket = if granularity.contains('_') { "part" } else { granularity };
    let be = if count == 1 { "is" } else { "are" };
    let many = if whole == 1 { "" } else { "s" };
    (count > 0).then(|| format!("{count} of {whole} {bucket}{many} {be} not fully known."))
}

/// Returns what a map of the week says of a number that adds up: `value` is that of a day and an hour, and whether it
/// is not known.
pub(super) fn week(
    days: &[&str],
    hours: usize,
    text: impl Fn(Decimal) -> String,
    value: impl Fn(usize, usize) -> (Option<Decimal>, bool),
) -> String {
    let places = || (0..days.len()).flat_map(|day| (0..hours).map(move |hour| (day, hour)));
    let known = |(day, hour): (usize, usize)| Some(((day, hour), value(day, hour).0?));
    let most = places().filter_map(known).collect::<Vec<_>>();
    let most = most.into_iter().rev().max_by_key(|(_, value)| *value).filter(|(_, value)| *value > Decimal::ZERO);
    let most = most.map(|((day, hour), value)| format!("Most on {} at {hour:02}:00 ({}).", days[day], text(value)));
    let of_day = |day: usize| (0..hours).filter_map(|hour| value(day, hour).0).sum::<Decimal>();
    let whole: Decimal = (0..days.len()).map(of_day).sum();
    let busiest = (0..days.len()).rev().max_by_key(|day| of_day(*day));
    let calmest = (0..days.len()).min_by_key(|day| of_day(*day));
    let differ = |(busiest, calmest): &(usize, usize)| busiest != calmest && whole > Decimal::ZERO;
    let share = busiest.zip(calmest).filter(differ).map(|(busiest, calmest)| {
        let share = |day: usize| percent_text(of_day(day) / whole);
        format!("{} has {} of all, {} {}.", days[busiest], share(busiest), days[calmest], share(calmest))
    });
    let unknown = places().filter(|(day, hour)| value(*day, *hour).1).count();
    let hours = if unknown == 1 { "hour of the week is" } else { "hours of the week are" };
    let unknown = (unknown > 0).then(|| format!("{} {hours} not known.", grouped(unknown.into(), 0)));
    joined([most, share, unknown])
}

fn joined(sentences: [Option<String>; 3]) -> String {
    sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
