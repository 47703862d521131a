//! Series along time, and what every chart of them has: axes, legend, values in words, and the table.

use askama::Template;
use rust_decimal::Decimal;

use crate::providers;
use crate::query::metrics::series::answer::Series;
use crate::query::metrics::status::BucketStatus;
use crate::web::chart::axis::{AxisLabel, HEIGHT, Scale, Tick, labels};
use crate::web::chart::{as_place, is_unknown, percent};
use crate::web::figure::{Measured, reason_text};
use crate::web::reading::Answered;
use crate::web::table::{Cell, Table};
use crate::web::words;

/// Colours besides those of providers.
pub(super) const COLOURS: usize = 8;
/// Shapes of the points of lines.
pub(super) const SHAPES: usize = 4;

/// A rectangle: x and width in percent, y and height in pixels.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) class: String,
    pub(super) x: String,
    pub(super) width: String,
    pub(super) y: String,
    pub(super) height: String,
    /// Whether it is filled with the pattern of what is not known.
    pub(super) is_hatched: bool,
}

/// A part of a line.
#[derive(Debug)]
pub(super) struct Stroke {
    pub(super) class: String,
    pub(super) x1: String,
    pub(super) y1: String,
    pub(super) x2: String,
    pub(super) y2: String,
}

/// A point of a line.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) class: String,
    /// Whether it is left out where there is no room for the points of all buckets.
    pub(super) is_between: bool,
    pub(super) shape: usize,
    pub(super) x: String,
    pub(super) y: String,
}

/// The area of a bucket, with its values in words.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) read: String,
}

/// An entry of the legend.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) class: String,
    pub(super) shape: usize,
    pub(super) text: String,
}

/// A chart.
#[derive(Debug, Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    pub(super) caption: String,
    pub(super) ticks: Vec<Tick>,
    pub(super) labels: Vec<AxisLabel>,
    pub(super) bars: Vec<Bar>,
    pub(super) strokes: Vec<Stroke>,
    pub(super) points: Vec<Point>,
    pub(super) hits: Vec<Hit>,
    pub(super) keys: Vec<Key>,
    pub(super) height: f64,
    /// The same values as a table.
    pub(super) table: Table,
}

/// Returns the class of a series: a provider has its own colour everywhere.
pub(super) fn class(series: &Series, place: usize) -> String {
    let of_provider = series.dimensions.get("provider").and_then(Option::as_ref);
    let known = of_provider.and_then(|name| providers::ALL.iter().position(|entry| entry.name == name));
    match known {
        _ if series.is_other => "c0".to_owned(),
        Some(place) => format!("p{}", place + 1),
        None => format!("c{}", place % COLOURS + 1),
    }
}

/// Returns the name of a series.
pub(super) fn name(series: &Series) -> String {
    let mut groups = series.dimensions.iter();
    let in_words = match (groups.next(), groups.next()) {
        (Some((field, Some(value))), None) if !series.is_other => words::value(field, value),
        _ => None,
    };
    in_words.unwrap_or_else(|| series.label.clone())
}

/// Series along time, as they are drawn and told.
pub(super) struct Along<'a> {
    pub(super) answered: &'a Answered,
    pub(super) series: Vec<&'a Series>,
}

impl<'a> Along<'a> {
    pub(super) fn of(answered: &'a Answered, metrics: &[&str]) -> Self {
        let is_shown = |series: &&Series| {
            let has_any = || series.data.iter().any(Option::is_some);
            let is_doubtful = || series.reasons.iter().flatten().any(|reason| is_unknown(*reason));
            metrics.contains(&series.metric) && (has_any() || is_doubtful())
        };
        Self { answered, series: answered.answer.series.iter().filter(is_shown).collect() }
    }

    pub(super) fn count(&self) -> usize {
        self.answered.answer.labels.len().max(1)
    }

    #[expect(clippy::cast_precision_loss, reason = "at most some thousand buckets")]
    pub(super) fn x(&self, place: f64) -> String {
        percent(place / self.count() as f64)
    }

    pub(super) fn measured(&self, series: &'a Series) -> Measured<'a> {
        Measured { metric: series.metric, unit: series.unit, currency: self.answered.answer.currency.as_deref() }
    }

    pub(super) fn reason(series: &Series, at: usize) -> Option<&'static str> {
        series.reasons.as_ref().and_then(|reasons| reasons.get(at).copied().flatten())
    }

    pub(super) fn value(series: &Series, at: usize) -> Option<Decimal> {
        series.data.get(at).copied().flatten().map(|number| number.0)
    }

    pub(super) fn status(&self, at: usize) -> Option<BucketStatus> {
        self.series.iter().find_map(|series| series.status.get(at).copied().flatten())
    }

    /// Returns whether a part of the bucket is not known.
    pub(super) fn is_doubtful(&self, at: usize) -> bool {
        use BucketStatus::{AwaitingSync, HasGap};
        let of_status = |series: &&Series| matches!(series.status.get(at), Some(Some(AwaitingSync | HasGap)));
        self.series.iter().any(|series| is_unknown(Self::reason(series, at)) || of_status(series))
    }

    /// Returns the values of a bucket in words.
    pub(super) fn read(&self, at: usize) -> String {
        let values = self.series.iter().map(|series| {
            let figure = self.measured(series).figure(series.data.get(at).copied().flatten(), Self::reason(series, at));
            format!("{} {}", name(series), figure.text)
        });
        let values: Vec<String> = values.collect();
        format!("{}: {}{}", self.answered.bucket_name(at), values.join(", "), self.remark(at))
    }

    /// Returns what a reader must know of a bucket besides its values.
    pub(super) fn remark(&self, at: usize) -> String {
        let status = self.status(at).filter(|status| *status != BucketStatus::Complete);
        let status = status.map(|status| format!(" ({})", reason_text(status.as_str()))).unwrap_or_default();
        let partial = if self.answered.is_partial(at) { " (part of it)" } else { "" };
        format!("{status}{partial}")
    }

    pub(super) fn table(&self) -> Table {
        let mut head = vec![Cell::text("Period")];
        head.extend(self.series.iter().map(|series| Cell::number(name(series))));
        let row = |at: usize| {
            let name = format!("{}{}", self.answered.bucket_name(at), self.remark(at));
            let values = self.series.iter().map(|series| {
                let value = series.data.get(at).copied().flatten();
                Cell::number(self.measured(series).figure(value, Self::reason(series, at)).text)
            });
            std::iter::once(Cell::text(name)).chain(values).collect()
        };
        Table { head, rows: (0..self.answered.answer.labels.len()).map(row).collect(), ends: None }
    }

    /// Returns the scale of the values.
    pub(super) fn scale(&self, greatest: f64) -> Scale {
        Scale::of(self.series.first().map(|series| self.measured(series)), greatest)
    }

    pub(super) fn chart(&self, caption: &str, scale: Scale, is_of_lines: bool) -> Chart {
        let text =
            |value: Decimal| self.series.first().map(|series| self.measured(series).tick(value)).unwrap_or_default();
        let count = self.count();
        let hits = (0..count).map(|at| Hit { x: self.x(as_place(at)), width: self.x(1.0), read: self.read(at) });
        let is_needed = self.series.len() > 1 || self.series.iter().any(|series| !series.dimensions.is_empty());
        let key = |(place, series): (usize, &&Series)| Key {
            class: class(series, place),
            shape: if is_of_lines { place % SHAPES + 1 } else { 0 },
            text: name(series),
        };
        let named = if is_needed { self.series.iter().enumerate().map(key).collect() } else { Vec::new() };
        let is_in_progress = (0..count).any(|at| self.status(at) == Some(BucketStatus::InProgress));
        let marks = [
            ("unknown", "not known yet", (0..count).any(|at| self.is_doubtful(at))),
            ("c0 open", "in progress", is_in_progress),
        ];
        let marks = marks.into_iter().filter(|(_, _, is_drawn)| *is_drawn);
        let marks = marks.map(|(class, text, _)| Key { class: class.to_owned(), shape: 0, text: text.to_owned() });
        Chart {
            caption: caption.to_owned(),
            ticks: scale.ticks(text),
            labels: labels(&self.answered.answer.labels),
            bars: Vec::new(),
            strokes: Vec::new(),
            points: Vec::new(),
            hits: hits.collect(),
            keys: named.into_iter().chain(marks).collect(),
            height: HEIGHT,
            table: self.table(),
        }
    }
}
