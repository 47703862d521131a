//! Metric values ready to plot: labels of one axis, and beside them one array of values for each group and metric.
//!
//! The axis is time, or for a query without buckets its last dimension, so that a list of the greatest groups and a
//! heat map are plotted like a curve. A missing value stays null, with its reason beside it. It is made from the rows
//! of the answer and decides no value.

pub mod answer;

use std::collections::BTreeMap;

use crate::query::bucket::Granularity;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::fold::status::BucketStatus;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::response::answer::{Answer, MetricRow, Titles};
use crate::query::metrics::response::hour_of_week::HourOfWeek;
use crate::query::metrics::response::order::GROUPS_LEFT_OUT;
use crate::query::metrics::response::request_echo::QueryEcho;
use crate::query::metrics::response::series::answer::{Series, SeriesAnswer};
use crate::query::metrics::response::value::{Change, Value};
use crate::query::number::Number;

/// Label of a group without a value.
const MISSING: &str = "(none)";
/// Label of all groups that are not shown separately.
const OTHER: &str = "other";
/// Reason of a value that is missing because no row of the group was found.
const NO_ROWS: &str = "no_rows";
/// The same, where groups were left out: it may be one of these.
const NOT_SHOWN: &str = "not_shown";

/// A place on the axis: its key, and whether it stands for all others.
type Place = (bool, Option<String>);
/// A group of series, and whether it stands for all others.
type Group = (bool, BTreeMap<&'static str, Option<String>>);

/// One row of an answer: its place on the axis, and the group of its series.
struct Cell<'a> {
    place: Place,
    group: Group,
    status: BucketStatus,
    values: &'a BTreeMap<&'static str, Value>,
}

/// The axis with its labels, and the rows along it.
struct Plot<'a> {
    axis: &'static str,
    places: Vec<(Place, String)>,
    previous_labels: Option<Vec<Option<String>>>,
    cells: Vec<Cell<'a>>,
}

/// Returns the answer as arrays.
pub fn series(query: &MetricQuery, answer: Answer) -> SeriesAnswer {
    let along = query.dimensions.last().filter(|_| query.granularity == Granularity::None);
    let titles = answer.titles.clone().unwrap_or_default();
    let plot = match along {
        Some(dimension) => by_dimension(query, *dimension, &answer.rows, &titles),
        None => by_bucket(query, &answer.rows),
    };
    let is_cut = answer.warnings.iter().any(|warning| warning.code == GROUPS_LEFT_OUT);
    let series = plot.series(query, &titles, if is_cut { NOT_SHOWN } else { NO_ROWS });
    let Plot { axis, places, previous_labels, .. } = plot;
    finish((axis, places, previous_labels), series, answer)
}

/// Returns the hours of the week as arrays: one value for each hour of the day, for each group and weekday.
pub fn series_of_week(query: &MetricQuery, answer: Answer, hours: &[HourOfWeek]) -> SeriesAnswer {
    let hour = Dimension::LocalHour.as_str();
    let cells = hours.iter().map(|row| {
        let mut group = row.dimensions.clone();
        let place = (false, group.remove(hour).flatten());
        Cell { place, group: (false, group), status: row.status, values: &row.values }
    });
    let places = of_clock(Dimension::LocalHour);
    let plot = Plot { axis: hour, places, previous_labels: None, cells: cells.collect() };
    let series = plot.series(query, &Titles::new(), NO_ROWS);
    let Plot { axis, places, previous_labels, .. } = plot;
    finish((axis, places, previous_labels), series, answer)
}

type Axis = (&'static str, Vec<(Place, String)>, Option<Vec<Option<String>>>);

fn finish((axis, places, previous_labels): Axis, series: Vec<Series>, answer: Answer) -> SeriesAnswer {
    let other_place = places.iter().position(|((is_other, _), _)| *is_other);
    let (keys, labels) = places.into_iter().map(|((_, key), label)| (key, label)).unzip();
    SeriesAnswer {
        axis,
        labels,
        keys,
        other_place,
        previous_labels,
        series,
        totals: answer.totals,
        coverage: answer.coverage,
        bases: answer.bases,
        currency: answer.currency,
        titles: answer.titles,
        warnings: answer.warnings,
        rows_link: answer.rows_link,
        freshness: answer.freshness,
        definitions: answer.definitions,
        query: QueryEcho { shape: Some("series"), ..answer.query },
    }
}

fn by_bucket<'a>(query: &MetricQuery, rows: &'a [MetricRow]) -> Plot<'a> {
    let is_of_days = !matches!(query.granularity, Granularity::Hour | Granularity::FifteenMinutes);
    // an instant with the offset of the zone begins with the local date
    let label = |start: &String| if is_of_days { start.chars().take(10).collect() } else { start.clone() };
    let count = rows.len() / query.buckets.len().max(1);
    let firsts = || rows.iter().step_by(count.max(1));
    let place = |row: &MetricRow| (false, Some(row.bucket.start.clone()));
    let previous = |row: &MetricRow| row.previous_bucket.as_ref().map(|bucket| label(&bucket.start));
    Plot {
        axis: if is_of_days { "date" } else { "time" },
        places: firsts().map(|row| (place(row), label(&row.bucket.start))).collect(),
        previous_labels: query.comparison.as_ref().map(|_| firsts().map(previous).collect()),
        cells: rows.iter().map(|row| cell(row, place(row), (row.is_other, row.dimensions.clone()))).collect(),
    }
}

fn by_dimension<'a>(query: &MetricQuery, along: Dimension, rows: &'a [MetricRow], titles: &Titles) -> Plot<'a> {
    let name = along.as_str();
    let is_folded = query.top.is_some_and(|top| top.dimension == along);
    let mut places = of_clock(along);
    let mut cells = Vec::new();
    for row in rows {
        let mut group = row.dimensions.clone();
        let key = group.remove(name).flatten();
        let label = title(titles, name, key.as_ref()).to_owned();
        let (place, label) =
            if is_folded && row.is_other { ((true, None), OTHER.to_owned()) } else { ((false, key), label) };
        if !places.iter().any(|(known, _)| *known == place) {
            places.push((place.clone(), label));
        }
        cells.push(cell(row, place, (row.is_other && !is_folded, group)));
    }
    Plot { axis: name, places, previous_labels: None, cells }
}

/// Returns all hours or weekdays, so that an axis of them has no gaps; other dimensions show what is found.
fn of_clock(along: Dimension) -> Vec<(Place, String)> {
    let names: Vec<String> = match along {
        Dimension::LocalHour => (0..24).map(|hour| format!("{hour:02}")).collect(),
        Dimension::LocalWeekday => (1..=7).map(|day| day.to_string()).collect(),
        _ => Vec::new(),
    };
    names.into_iter().map(|name| ((false, Some(name.clone())), name)).collect()
}

fn cell(row: &MetricRow, place: Place, group: Group) -> Cell<'_> {
    Cell { place, group, status: row.bucket.status, values: &row.values }
}

/// Returns the display name of a value of a dimension.
fn title<'t>(titles: &'t Titles, dimension: &str, value: Option<&'t String>) -> &'t str {
    let titled = titles.get(dimension).zip(value).and_then(|(titles, value)| titles.get(value));
    titled.or(value).map_or(MISSING, String::as_str)
}

impl Plot<'_> {
    /// Returns the series in the order in which their groups first occur.
    fn series(&self, query: &MetricQuery, titles: &Titles, missing: &'static str) -> Vec<Series> {
        let mut groups: Vec<(&Group, BTreeMap<&Place, &Cell<'_>>)> = Vec::new();
        let mut known: BTreeMap<&Group, usize> = BTreeMap::new();
        for cell in &self.cells {
            let at = *known.entry(&cell.group).or_insert(groups.len());
            if at == groups.len() {
                groups.push((&cell.group, BTreeMap::new()));
            }
            if let Some((_, along)) = groups.get_mut(at) {
                along.insert(&cell.place, cell);
            }
        }
        let mut series = Vec::with_capacity(groups.len() * query.metrics.len());
        for (group, along) in &groups {
            let cells: Vec<Option<&Cell<'_>>> =
                self.places.iter().map(|(place, _)| along.get(place).copied()).collect();
            series.extend(query.metrics.iter().map(|metric| one(metric, group, &cells, query, titles, missing)));
        }
        series
    }
}

fn one(
    metric: &'static Metric,
    (is_other, group): &Group,
    cells: &[Option<&Cell<'_>>],
    query: &MetricQuery,
    titles: &Titles,
    missing: &'static str,
) -> Series {
    let values: Vec<Option<&Value>> =
        cells.iter().map(|cell| cell.and_then(|cell| cell.values.get(metric.id))).collect();
    let of_value = |value: Option<&Value>| value.map_or((None, Some(missing)), |value| (value.value, value.reason));
    let (data, reasons): (Vec<Option<Number>>, Vec<_>) = values.iter().copied().map(of_value).unzip();
    let unknown = |value: Option<&Value>| value.and_then(|value| value.unknown_count).unwrap_or(0);
    let unknown: Vec<i64> = values.iter().copied().map(unknown).collect();
    let before = |value: Option<&Value>| match value.and_then(|value| value.comparison.as_ref()) {
        Some(Change { previous, previous_reason, .. }) => (*previous, *previous_reason),
        None => (None, Some(missing)),
    };
    let before = query.comparison.as_ref().map(|_| values.iter().copied().map(before).unzip());
    let (previous, previous_reasons): (Option<Vec<_>>, Option<Vec<_>>) = before.unzip();
    Series {
        metric: metric.id,
        metric_label: metric.label,
        unit: metric.unit,
        dimensions: group.clone(),
        label: label(metric, group, query, titles),
        is_other: *is_other,
        data,
        reasons: some_of(reasons),
        status: cells.iter().map(|cell| cell.map(|cell| cell.status)).collect(),
        unknown_counts: unknown.iter().any(|count| *count > 0).then_some(unknown),
        previous,
        previous_reasons: previous_reasons.and_then(some_of),
    }
}

/// Returns the display name of a group: its values in the order of the query, then the weekday of an hour of the week.
fn label(
    metric: &Metric,
    group: &BTreeMap<&'static str, Option<String>>,
    query: &MetricQuery,
    titles: &Titles,
) -> String {
    let asked = query.dimensions.iter().map(|dimension| dimension.as_str());
    let of_clock = group.keys().copied().filter(|name| !query.dimensions.iter().any(|asked| asked.as_str() == *name));
    let names: Vec<&str> = asked
        .chain(of_clock)
        .filter_map(|name| group.get(name).map(|value| title(titles, name, value.as_ref())))
        .collect();
    if names.is_empty() { metric.label.to_owned() } else { names.join(" · ") }
}

/// Returns the list if it says anything.
fn some_of(reasons: Vec<Option<&'static str>>) -> Option<Vec<Option<&'static str>>> {
    reasons.iter().any(Option::is_some).then_some(reasons)
}
