//! Charts along time, as SVG: stacked bars and lines.
//!
//! Of the crates that draw charts, `charts-rs` fits best and does not fit: it writes colours into attributes, so that a
//! chart has one colour scheme; it has no pattern for unknown buckets; it fixes the width, so that labels shrink on a
//! phone; and it computes in `f32`. Here a mark has a class and coordinates in percent, labels keep their size, and only
//! the place of a mark is a float: each text comes from a decimal.

mod axis;
pub(crate) mod heat;
pub(crate) mod ranking;
pub(crate) mod spark;

use askama::Template;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::providers;
use crate::query::metrics::series::answer::Series;
use crate::query::metrics::status::BucketStatus;
use crate::web::chart::axis::{AxisLabel, Tick, labels, ticks};
use crate::web::figure::{Measured, reason_text};
use crate::web::panel::{Cell, Shown, Table};
use crate::web::reading::Answered;

/// Height of the plot, CSS pixels.
const HEIGHT: f64 = 190.0;
/// Room above the highest mark.
const HEADROOM: f64 = 8.0;
/// Colours besides those of providers.
const COLOURS: usize = 8;
/// Shapes of the points of lines.
const SHAPES: usize = 4;

/// A rectangle: x and width in percent, y and height in pixels.
struct Bar {
    class: String,
    x: String,
    width: String,
    y: String,
    height: String,
    /// Whether it is filled with the pattern of what is not known.
    is_hatched: bool,
}

/// A part of a line.
struct Stroke {
    class: String,
    x1: String,
    y1: String,
    x2: String,
    y2: String,
}

/// A point of a line.
struct Point {
    class: String,
    shape: usize,
    x: String,
    y: String,
}

/// The area of a bucket, with its values in words.
struct Hit {
    x: String,
    width: String,
    read: String,
}

/// An entry of the legend.
struct Key {
    class: String,
    shape: usize,
    text: String,
}

/// A chart.
#[derive(Template)]
#[template(path = "chart.html")]
struct Chart {
    caption: String,
    ticks: Vec<Tick>,
    labels: Vec<AxisLabel>,
    bars: Vec<Bar>,
    strokes: Vec<Stroke>,
    points: Vec<Point>,
    hits: Vec<Hit>,
    keys: Vec<Key>,
    has_unknown: bool,
    is_in_progress: bool,
    height: f64,
}

/// Returns the class of a series: a provider has its own colour everywhere.
fn class(series: &Series, place: usize) -> String {
    let of_provider = series.dimensions.get("provider").and_then(Option::as_ref);
    let known = of_provider.and_then(|name| providers::ALL.iter().position(|entry| entry.name == name));
    match known {
        _ if series.is_other => "c0".to_owned(),
        Some(place) => format!("p{}", place + 1),
        None => format!("c{}", place % COLOURS + 1),
    }
}

fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn pixels(length: f64) -> String {
    format!("{length:.1}")
}

/// Returns the size of a mark.
pub(super) fn size(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

/// Whether a value is missing because there is nothing to measure.
fn is_empty(reason: &str) -> bool {
    matches!(reason, "not_applicable" | "no_data" | "no_rows" | "not_begun" | "not_shown" | "in_progress")
}

/// Whether a value is missing because it is not known, so that its place must not look empty.
fn is_unknown(reason: Option<&str>) -> bool {
    reason.is_some_and(|reason| !is_empty(reason))
}

/// Series along time, as they are drawn and told.
struct Along<'a> {
    answered: &'a Answered,
    series: Vec<&'a Series>,
}

impl<'a> Along<'a> {
    fn of(answered: &'a Answered, metrics: &[&str]) -> Self {
        let is_shown = |series: &&Series| {
            let has_any = || series.data.iter().any(Option::is_some);
            let is_doubtful = || series.reasons.iter().flatten().any(|reason| is_unknown(*reason));
            metrics.contains(&series.metric) && (has_any() || is_doubtful())
        };
        Self { answered, series: answered.answer.series.iter().filter(is_shown).collect() }
    }

    fn count(&self) -> usize {
        self.answered.answer.labels.len().max(1)
    }

    #[expect(clippy::cast_precision_loss, reason = "at most some thousand buckets")]
    fn x(&self, place: f64) -> String {
        percent(place / self.count() as f64)
    }

    fn measured(&self, series: &'a Series) -> Measured<'a> {
        Measured { metric: series.metric, unit: series.unit, currency: self.answered.answer.currency.as_deref() }
    }

    fn reason(series: &Series, at: usize) -> Option<&'static str> {
        series.reasons.as_ref().and_then(|reasons| reasons.get(at).copied().flatten())
    }

    fn value(series: &Series, at: usize) -> Option<Decimal> {
        series.data.get(at).copied().flatten().map(|number| number.0)
    }

    fn status(&self, at: usize) -> Option<BucketStatus> {
        self.series.iter().find_map(|series| series.status.get(at).copied().flatten())
    }

    /// Returns whether a part of the bucket is not known.
    fn is_doubtful(&self, at: usize) -> bool {
        use BucketStatus::{AwaitingSync, HasGap};
        let of_status = |series: &&Series| matches!(series.status.get(at), Some(Some(AwaitingSync | HasGap)));
        self.series.iter().any(|series| is_unknown(Self::reason(series, at)) || of_status(&series))
    }

    /// Returns the values of a bucket in words.
    fn read(&self, at: usize) -> String {
        let values = self.series.iter().map(|series| {
            let figure = self.measured(series).figure(series.data.get(at).copied().flatten(), Self::reason(series, at));
            format!("{} {}", series.label, figure.text)
        });
        let values: Vec<String> = values.collect();
        format!("{}: {}{}", self.answered.bucket_name(at), values.join(", "), self.remark(at))
    }

    /// Returns what a reader must know of a bucket besides its values.
    fn remark(&self, at: usize) -> String {
        let status = self.status(at).filter(|status| *status != BucketStatus::Complete);
        let status = status.map(|status| format!(" ({})", reason_text(status.as_str()))).unwrap_or_default();
        let partial = if self.answered.is_partial(at) { " (part of it)" } else { "" };
        format!("{status}{partial}")
    }

    fn table(&self) -> Table {
        let mut head = vec![Cell::text("Period")];
        head.extend(self.series.iter().map(|series| Cell::number(series.label.clone())));
        let row = |at: usize| {
            let name = format!("{}{}", self.answered.bucket_name(at), self.remark(at));
            let values = self.series.iter().map(|series| {
                let value = series.data.get(at).copied().flatten();
                Cell::number(self.measured(series).figure(value, Self::reason(series, at)).text)
            });
            std::iter::once(Cell::text(name)).chain(values).collect()
        };
        Table { head, rows: (0..self.answered.answer.labels.len()).map(row).collect() }
    }

    fn chart(&self, caption: &str, greatest: f64, is_of_lines: bool) -> Chart {
        let text = |value: Decimal| match self.series.first() {
            Some(series) => self.measured(series).text(value),
            None => String::new(),
        };
        let count = self.count();
        let hits = (0..count).map(|at| Hit { x: self.x(as_place(at)), width: self.x(1.0), read: self.read(at) });
        let is_needed = self.series.len() > 1 || self.series.iter().any(|series| !series.dimensions.is_empty());
        let keys = self.series.iter().enumerate().map(|(place, series)| Key {
            class: class(series, place),
            shape: if is_of_lines { place % SHAPES + 1 } else { 0 },
            text: series.label.clone(),
        });
        Chart {
            caption: caption.to_owned(),
            ticks: ticks(greatest, HEIGHT, HEADROOM, text),
            labels: labels(&self.answered.answer.labels),
            bars: Vec::new(),
            strokes: Vec::new(),
            points: Vec::new(),
            hits: hits.collect(),
            keys: if is_needed { keys.collect() } else { Vec::new() },
            has_unknown: (0..count).any(|at| self.is_doubtful(at)),
            is_in_progress: (0..count).any(|at| self.status(at) == Some(BucketStatus::InProgress)),
            height: HEIGHT,
        }
    }

    fn shown(&self, chart: &Chart) -> Shown {
        let figure = chart.render().unwrap_or_default();
        Shown { figure, caption: chart.caption.clone(), table: Some(self.table()) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most some thousand buckets")]
fn as_place(at: usize) -> f64 {
    at as f64
}

/// Draws groups and metrics that add up, one on the other. Where a part is not known, the rest of the bucket is
/// hatched: a stack with a hole only looks smaller.
pub(crate) fn stacked(answered: &Answered, metrics: &[&str], caption: &str) -> Shown {
    let along = Along::of(answered, metrics);
    let sum = |at: usize| along.series.iter().filter_map(|series| Along::value(series, at)).sum::<Decimal>();
    let greatest = (0..along.count()).map(|at| size(sum(at))).fold(0.0, f64::max);
    let mut chart = along.chart(caption, greatest, false);
    let top = axis::top(greatest);
    let scale = |value: f64| value / top * (HEIGHT - HEADROOM);
    for at in 0..along.count() {
        let mut base = HEIGHT;
        let open = match along.status(at) {
            Some(BucketStatus::InProgress) => " open",
            _ if answered.is_partial(at) => " open",
            _ => "",
        };
        for (place, series) in along.series.iter().enumerate() {
            let height = Along::value(series, at).map_or(0.0, |value| scale(size(value).max(0.0)));
            if height > 0.0 {
                base -= height;
                chart.bars.push(Bar {
                    class: format!("{}{open}", class(series, place)),
                    x: along.x(as_place(at) + 0.1),
                    width: along.x(0.8),
                    y: pixels(base),
                    height: pixels(height),
                    is_hatched: false,
                });
            }
        }
        if along.is_doubtful(at) {
            chart.bars.push(Bar {
                class: "unknown".to_owned(),
                x: along.x(as_place(at) + 0.1),
                width: along.x(0.8),
                y: pixels(HEADROOM),
                height: pixels((base - HEADROOM).max(0.0)),
                is_hatched: true,
            });
        }
    }
    along.shown(&chart)
}

/// Draws each group of some metrics as a line, which stops where there is no value.
pub(crate) fn lines(answered: &Answered, metrics: &[&str], caption: &str) -> Shown {
    let along = Along::of(answered, metrics);
    let values = along.series.iter().flat_map(|series| series.data.iter().flatten());
    let greatest = values.map(|number| size(number.0)).fold(0.0, f64::max);
    let mut chart = along.chart(caption, greatest, true);
    let top = axis::top(greatest);
    let y = |value: Decimal| pixels(HEIGHT - size(value).max(0.0) / top * (HEIGHT - HEADROOM));
    for at in (0..along.count()).filter(|at| along.is_doubtful(*at)) {
        chart.bars.push(Bar {
            class: "unknown".to_owned(),
            x: along.x(as_place(at)),
            width: along.x(1.0),
            y: pixels(HEADROOM),
            height: pixels(HEIGHT - HEADROOM),
            is_hatched: true,
        });
    }
    for (place, series) in along.series.iter().enumerate() {
        let class = class(series, place);
        let middle = |at: usize| along.x(as_place(at) + 0.5);
        for at in 0..along.count() {
            let Some(value) = Along::value(series, at) else { continue };
            let open = if along.status(at) == Some(BucketStatus::InProgress) { " open" } else { "" };
            if let Some(before) = at.checked_sub(1).and_then(|before| Along::value(series, before)) {
                chart.strokes.push(Stroke {
                    class: format!("{class}{open}"),
                    x1: middle(at - 1),
                    y1: y(before),
                    x2: middle(at),
                    y2: y(value),
                });
            }
            if along.count() <= 62 {
                let (class, shape) = (format!("{class}{open}"), place % SHAPES + 1);
                chart.points.push(Point { class, shape, x: middle(at), y: y(value) });
            }
        }
    }
    along.shown(&chart)
}
