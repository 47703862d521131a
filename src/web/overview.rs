//! *Overview*: what was consumed, what was resolved, and how far that is known.

use askama::Template;
use axum::response::Response;

use crate::api::problem::ApiError;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::registry;
use crate::web::chart::spark::spark;
use crate::web::chart::{heat, lines, stacked};
use crate::web::figure::{Figure, Measured, change, grouped};
use crate::web::layout::Section;
use crate::web::panel::Panel;
use crate::web::reading::{Answered, Reading, Trouble};
use crate::web::visit::Visit;

/// The metrics of the cards.
const CARDS: [&str; 6] = [
    "sessions",
    "minutes_consumed",
    "resolution_rate",
    "first_response_p50_seconds",
    "peak_concurrent_sessions",
    "estimated_cost",
];

/// A card: one number with its change.
#[derive(Debug)]
pub(crate) struct Card {
    metric: &'static Metric,
    figure: Figure,
    change: Option<String>,
    spark: String,
    remarks: Vec<String>,
    explain: String,
    complete_through: String,
    trouble: Option<Trouble>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    cards: Vec<Card>,
    panels: Vec<Panel>,
}

/// Answers with the section.
pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let cards = cards(&visit, &reading, &CARDS).await;
    let selection = &visit.selection;
    let explain = |metric: &str| Some(explain_link(&visit, metric));
    let minutes =
        reading.metrics(selection.question("metrics=minutes_consumed&dimensions=provider&granularity=auto")).await;
    let resolution =
        reading.metrics(selection.question("metrics=resolution_rate&dimensions=channel&granularity=auto")).await;
    let week = reading.metrics(selection.question("metrics=sessions&dimensions=local_weekday,local_hour")).await;
    let panels = vec![
        Panel::of("minutes", "Minutes by provider", &minutes, "metered minutes", explain("minutes_consumed"), |it| {
            stacked(it, "minutes_consumed", &sentence(it, "minutes_consumed"))
        })
        .wide(),
        Panel::of(
            "resolution",
            "Resolution rate by channel",
            &resolution,
            "completed chats with a known outcome",
            explain("resolution_rate"),
            |it| lines(it, &["resolution_rate"], &sentence(it, "resolution_rate")),
        ),
        Panel::of("week", "Sessions by hour of the week", &week, "sessions", explain("sessions"), |it| {
            heat::heat(it, &sentence(it, "sessions"))
        }),
    ];
    visit.respond(Section::Overview, &reading, &Overview { cards, panels })
}

/// Returns the address that explains a metric in the state of the page.
pub(crate) fn explain_link(visit: &Visit, metric: &str) -> String {
    visit.selection.with("metric", Some(metric)).link_with("/explain", &["metric"])
}

/// Returns a sentence with the total of a metric.
pub(crate) fn sentence(answered: &Answered, metric: &str) -> String {
    let Some((metric, value)) = registry::metrics().find(|it| it.id == metric).zip(answered.answer.totals.get(metric))
    else {
        return String::new();
    };
    let echo = &answered.answer.query;
    let measured = Measured { metric: metric.id, unit: metric.unit, currency: answered.answer.currency.as_deref() };
    let day = |instant: &str| instant.get(..16).unwrap_or(instant).replace('T', " ");
    let (from, to) = (day(&echo.from), day(&echo.to));
    format!("{}: {} from {from} until {to}, {}.", metric.label, measured.total(value).text, echo.zone)
}

/// Reads the cards, all with one query; where it fails, each by its own, so that a fault costs one card.
pub(crate) async fn cards(visit: &Visit, reading: &Reading, metrics: &[&str]) -> Vec<Card> {
    let of = |metrics: &str| visit.selection.compared(&format!("metrics={metrics}&granularity=auto"));
    let all = reading.metrics(of(&metrics.join(","))).await;
    let mut cards = Vec::with_capacity(metrics.len());
    for metric in metrics.iter().filter_map(|id| registry::metrics().find(|metric| metric.id == *id)) {
        let card = match &all {
            Ok(answered) => card(visit, metric, Ok(answered)),
            Err(Trouble::Forbidden { .. }) => card(visit, metric, all.as_ref()),
            Err(_) => card(visit, metric, reading.metrics(of(metric.id)).await.as_ref()),
        };
        cards.push(card);
    }
    cards
}

fn card(visit: &Visit, metric: &'static Metric, read: Result<&Answered, &Trouble>) -> Card {
    let explain = explain_link(visit, metric.id);
    let mut card = Card {
        metric,
        figure: Figure::default(),
        change: None,
        spark: String::new(),
        remarks: Vec::new(),
        explain,
        complete_through: String::new(),
        trouble: None,
    };
    let answered = match read {
        Ok(answered) => answered,
        Err(trouble) => return Card { trouble: Some(trouble.clone()), ..card },
    };
    let Some(value) = answered.answer.totals.get(metric.id) else { return card };
    let measured = Measured { metric: metric.id, unit: metric.unit, currency: answered.answer.currency.as_deref() };
    card.figure = measured.total(value);
    card.change = change(value);
    if let (true, Some(numerator), Some(denominator)) = (measured.is_share(), value.numerator, value.denominator) {
        card.remarks.push(format!("{} of {}", grouped(numerator.0, 0), grouped(denominator.0, 0)));
    }
    card.remarks.extend(value.unknown_count.map(|count| format!("{} unknown", grouped(count.into(), 0))));
    card.remarks.extend(value.low_sample.filter(|low| *low).map(|_| "few values".to_owned()));
    card.complete_through = answered.complete_through();
    let series = answered.answer.series.iter().find(|series| series.metric == metric.id);
    card.spark = series.map(spark).unwrap_or_default();
    card
}
