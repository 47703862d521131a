//! A heat map of the week: hours from left to right, weekdays from top to bottom.

use askama::Template;

use crate::query::metrics::series::answer::Series;
use crate::web::chart::{as_place, percent, size};
use crate::web::figure::{Measured, reason_text};
use crate::web::reading::Answered;
use crate::web::table::{Cell, Table};

/// Names of the weekdays.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Steps of colour; 0 is none.
const STEPS: f64 = 5.0;

/// An hour of the week: x in percent, y in pixels.
#[derive(Debug)]
pub(super) struct HeatCell {
    pub(super) x: String,
    pub(super) y: usize,
    pub(super) class: String,
    pub(super) read: String,
}

/// A heat map.
#[derive(Debug, Template)]
#[template(path = "heat.html")]
pub(crate) struct Heat {
    pub(super) caption: String,
    pub(super) days: [&'static str; 7],
    pub(super) cells: Vec<HeatCell>,
    pub(super) greatest: String,
    /// The same values as a table.
    pub(super) table: Table,
}

/// Draws a metric by `local_weekday` and `local_hour`.
pub(crate) fn heat(answered: &Answered, caption: &str) -> Heat {
    let answer = &answered.answer;
    let hours = answer.labels.len().max(1);
    let of_day = |day: usize| -> Option<&Series> {
        let name = (day + 1).to_string();
        let is_it =
            |series: &&Series| series.dimensions.get("local_weekday").is_some_and(|it| it.as_ref() == Some(&name));
        answer.series.iter().find(is_it)
    };
    let value = |day: usize, hour: usize| {
        let number = of_day(day).and_then(|series| series.data.get(hour).copied().flatten());
        let reasons = of_day(day).and_then(|series| series.reasons.as_ref());
        (number, reasons.and_then(|reasons| reasons.get(hour).copied().flatten()).unwrap_or("no_rows"))
    };
    let measured = answer.series.first().map(|series| Measured {
        metric: series.metric,
        unit: series.unit,
        currency: answer.currency.as_deref(),
    });
    let text = |day: usize, hour: usize| match (value(day, hour), measured) {
        ((Some(number), _), Some(measured)) => measured.text(number.0),
        ((_, reason), _) => reason_text(reason).to_owned(),
    };
    let all = answer.series.iter().flat_map(|series| series.data.iter().flatten());
    let most = all.clone().max();
    let greatest = most.map_or(0.0, |number| size(number.0));
    let class = |day: usize, hour: usize| match value(day, hour) {
        (Some(number), _) if greatest > 0.0 => format!("h{}", (size(number.0) / greatest * STEPS).ceil()),
        (None, reason) if super::is_unknown(Some(reason)) => "unknown".to_owned(),
        _ => "h0".to_owned(),
    };
    let places = || (0..DAYS.len()).flat_map(move |day| (0..hours).map(move |hour| (day, hour)));
    let cells = places().map(|(day, hour)| HeatCell {
        x: percent(as_place(hour) / as_place(hours)),
        y: day * 22,
        class: class(day, hour),
        read: format!("{} {:02}:00: {}", DAYS[day], hour, text(day, hour)),
    });
    let head = std::iter::once(Cell::text("Day")).chain(answer.labels.iter().map(|hour| Cell::number(hour.clone())));
    let row = |day: usize| {
        let values = (0..hours).map(|hour| Cell::number(text(day, hour)));
        std::iter::once(Cell::text(DAYS[day])).chain(values).collect()
    };
    let said = super::said::week(
        &DAYS,
        hours,
        |number| measured.map(|measured| measured.text(number)).unwrap_or_default(),
        |day, hour| {
            let (number, reason) = value(day, hour);
            (number.map(|number| number.0), number.is_none() && super::is_unknown(Some(reason)))
        },
    );
    Heat {
        caption: format!("{caption} {said}"),
        days: DAYS,
        cells: cells.collect(),
        greatest: most.zip(measured).map(|(most, measured)| measured.text(most.0)).unwrap_or_default(),
        table: Table { head: head.collect(), rows: (0..DAYS.len()).map(row).collect(), ends: None },
    }
}
