//! A card: one number with its change, its shape over the period, and how far it is known.

use crate::query::metrics::measure::Metric;
use crate::query::metrics::registry;
use crate::query::metrics::value::Value;
use crate::web::chart::spark::spark;
use crate::web::figure::{Change, Figure, Measured, change, grouped};
use crate::web::reading::{Answered, Reading, Trouble};
use crate::web::table::Cell;
use crate::web::visit::Visit;
use crate::web::words;

/// A card.
#[derive(Debug)]
pub(crate) struct Card {
    /// The metric.
    pub(crate) metric: &'static Metric,
    /// Its definition.
    pub(crate) description: String,
    /// Address of the explanation.
    pub(crate) explain: String,
    /// The number, or why there is none.
    pub(crate) read: Result<CardValue, Trouble>,
}

/// The number of a card.
#[derive(Debug, Default)]
pub(crate) struct CardValue {
    /// The number.
    pub(crate) figure: Figure,
    /// Its change since the previous period.
    pub(crate) change: Option<Change>,
    /// Its shape, as SVG.
    pub(crate) spark: String,
    /// What it is made of, and what is unknown.
    pub(crate) remarks: Vec<String>,
    /// A link to what ends a state in which there is no number.
    pub(crate) help: Option<Cell>,
    /// How far the data is complete.
    pub(crate) complete_through: String,
}

/// Returns the query of cards.
pub(crate) fn question(visit: &Visit, metrics: &[&str]) -> String {
    let granularity = visit.selection.granularity();
    visit.selection.compared(&format!("metrics={}&granularity={granularity}", metrics.join(",")))
}

/// Makes cards of the answer to their query. Where it failed, each metric has a query of its own, so that a fault costs
/// one card.
pub(crate) async fn cards(
    visit: &Visit,
    reading: &Reading,
    metrics: &[&str],
    all: Result<Answered, Trouble>,
) -> Vec<Card> {
    let is_faulty = matches!(all, Err(Trouble::Failed { .. }));
    let of_each =
        if is_faulty { metrics.iter().map(|metric| question(visit, &[metric])).collect() } else { Vec::new() };
    let each = reading.metrics(of_each).await;
    let found = metrics.iter().filter_map(|id| registry::metrics().find(|metric| metric.id == *id));
    let card = |(at, metric): (usize, &'static Metric)| {
        let read = each.get(at).unwrap_or(&all).as_ref();
        let read = read.map(|answered| value(visit, metric, answered)).map_err(Trouble::clone);
        Card {
            metric,
            description: words::plain(metric.description),
            explain: visit.selection.explain_link(metric.id),
            read,
        }
    };
    found.enumerate().map(card).collect()
}

/// Returns what a value is made of, and what is unknown.
pub(crate) fn remarks(metric: &str, value: &Value) -> Vec<String> {
    let parts = value.numerator.zip(value.denominator).filter(|_| metric.ends_with("_rate")); // the parts of others are seconds
    let parts = parts.map(|(of, all)| format!("{} of {}", grouped(of.0, 0), grouped(all.0, 0)));
    let unknown = value.unknown_count.map(|count| format!("{} unknown", grouped(count.into(), 0)));
    let few = value.low_sample.filter(|is_low| *is_low).map(|_| "few values".to_owned());
    [parts, unknown, few].into_iter().flatten().collect()
}

fn value(visit: &Visit, metric: &'static Metric, answered: &Answered) -> CardValue {
    let Some(value) = answered.answer.totals.get(metric.id) else { return CardValue::default() };
    let measured = Measured { metric: metric.id, unit: metric.unit, currency: answered.answer.currency.as_deref() };
    let series = answered.answer.series.iter().find(|series| series.metric == metric.id);
    let has_no_price = metric.unit == "money" && answered.answer.currency.is_none();
    let prices = || Cell::link("No prices are set", format!("{}#rate-cards", visit.selection.link("/costs")));
    CardValue {
        help: has_no_price.then(prices),
        figure: measured.total(value),
        change: change(value),
        spark: series.map(spark).unwrap_or_default(),
        remarks: remarks(metric.id, value),
        complete_through: answered.complete_through_briefly(),
    }
}
