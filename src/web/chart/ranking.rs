//! The greatest groups, as a table with bars. A name leads to its sessions.

use rust_decimal::Decimal;

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::is_filterable;
use crate::query::metrics::series::answer::Series;
use crate::web::chart::{percent, size};
use crate::web::figure::Measured;
use crate::web::reading::Answered;
use crate::web::selection::Selection;
use crate::web::table::{Cell, Mark, Strip, Table};
use crate::web::words;

/// Height of a bar, CSS pixels.
const BAR: usize = 16;

/// Draws the groups along the axis of an answer; the bars are of its first metric.
pub(crate) fn ranking(selection: &Selection, answered: &Answered) -> Table {
    let answer = &answered.answer;
    let series: Vec<&Series> = answer.series.iter().filter(|series| !series.is_other).collect();
    let value = |series: &Series, at: usize| series.data.get(at).copied().flatten();
    let first = |at: usize| series.first().and_then(|series| value(series, at)).map_or(Decimal::ZERO, |it| it.0);
    let is_other = |at: usize| answer.other_place == Some(at);
    let shown = (0..answer.labels.len()).filter(|at| !is_other(*at));
    let greatest = shown.map(|at| size(first(at))).fold(0.0, f64::max);
    let text = |series: &Series, at: usize| {
        let measured = Measured { metric: series.metric, unit: series.unit, currency: answer.currency.as_deref() };
        let reason = series.reasons.as_ref().and_then(|reasons| reasons.get(at).copied().flatten());
        measured.figure(value(series, at), reason).text
    };
    // of other dimensions a session has several values
    let is_linked = Dimension::parse(answer.axis).is_some_and(is_filterable);
    let link = |at: usize| match answer.keys.get(at).and_then(Option::as_ref) {
        _ if is_other(at) || !is_linked => None,
        Some(key) => Some(selection.with(answer.axis, Some(&as_list(key))).link("/sessions")),
        None => Some(selection.with("missing", Some(answer.axis)).link("/sessions")),
    };
    let in_words = |at: usize| {
        let value = answer.keys.get(at).and_then(Option::as_ref).filter(|_| !is_other(at));
        value.and_then(|value| words::value(answer.axis, value))
    };
    let row = |(at, label): (usize, &String)| {
        let (name, full) =
            in_words(at).map_or_else(|| (words::brief(label), label.clone()), |name| (name.clone(), name));
        let values: Vec<String> = series.iter().map(|series| text(series, at)).collect();
        let bar = Mark {
            class: "c1".to_owned(),
            x: "0".to_owned(),
            width: percent(if greatest > 0.0 { size(first(at)) / greatest } else { 0.0 }),
            y: 0,
            height: BAR,
            read: format!("{full}: {}", values.join(", ")),
        };
        // the rest is no group, and may be longer than the greatest one
        let marks = if is_other(at) { Vec::new() } else { vec![bar] };
        let strip = Strip { sentence: String::new(), height: BAR, marks };
        let full = Some(full).filter(|full| *full != name);
        let name = Cell { full, link: link(at), ..Cell::text(name) };
        [name, Cell::strip(strip)].into_iter().chain(values.into_iter().map(Cell::number)).collect()
    };
    let heads = series.iter().map(|series| Cell::number(series.metric_label));
    Table {
        head: [Cell::text(words::heading(answer.axis)), Cell::default()].into_iter().chain(heads).collect(),
        rows: answer.labels.iter().enumerate().map(row).collect(),
        ends: None,
    }
}

/// Returns a value as a list of one, where a comma in it would make several.
fn as_list(value: &str) -> String {
    let is_plain = !value.contains(',') && value.trim() == value && !value.starts_with('[');
    if is_plain { value.to_owned() } else { serde_json::json!([value]).to_string() }
}
