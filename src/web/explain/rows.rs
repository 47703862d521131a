//! The rows behind a value, or behind a part of it: the sessions, messages or presences with their contributions, as
//! `/v1/metrics/rows` answers. No filter of a list of sessions says as much: a rate counts the chats that were
//! completed in the period, whenever they began.

use axum::http::Uri;
use axum::response::Response;
use serde_json::{Map, Value};

use crate::api::formats::cell::Cell as Exact;
use crate::api::metrics::rows::{Listing, RowParameters};
use crate::api::parameters::Asked;
use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::query::metrics::explain::ContributingRow;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::registry;
use crate::web::figure::{Measured, short};
use crate::web::layout::Section;
use crate::web::listing::{PAGE, Shown, respond};
use crate::web::reading::Reading;
use crate::web::selection::escape;
use crate::web::table::Cell;
use crate::web::visit::Visit;
use crate::web::words;
use crate::web::zoned::Zoned;

/// Address of the rows in the API.
pub(super) const PATH: &str = "/v1/metrics/rows";
/// The metric of an address that names none.
pub(super) const DEFAULT_METRIC: &str = "sessions";

/// Answers with a page of rows.
pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError> {
    let reading = Reading::open(&visit).await?;
    let (selection, zoned) = (&visit.selection, Zoned::of(&visit));
    let id = selection.get("metric").unwrap_or(DEFAULT_METRIC);
    let metric = registry::metric(id);
    let given = |name: &str| selection.get(name).map(|text| format!("&{name}={}", escape(text))).unwrap_or_default();
    let asked = selection.question(&format!("metrics={}{}", escape(id), given("group")));
    let read = reading.part(&[Scope::SessionsRead], async {
        let address = format!("{PATH}?{asked}&{PAGE}{}", given("cursor"));
        let uri: Uri = address.parse().map_err(|_| ApiError::NoSuchPath)?;
        let Asked { given, faults } = Asked::<RowParameters>::of(&uri)?;
        Listing::understand(&visit.state, &given, faults).await?.page().await
    });
    let read = Box::pin(read).await;
    let mut ways = vec![Cell::link("Explain", selection.link_with("/explain", &["metric", "group"]))];
    let csv = format!("{PATH}?{asked}&format=csv");
    ways.push(Cell::link("All rows as CSV", csv));
    let is_ratio = metric.is_some_and(Metric::is_ratio);
    let shown = Shown {
        id: "rows",
        title: title(metric.map_or(id, |metric| metric.label), selection.get("group")),
        what: "row in this period",
        ways,
        json: format!("{PATH}?{asked}"),
        head: head(is_ratio),
        row: &|row: &ContributingRow| cells(&visit, row, metric, zoned),
    };
    respond(&visit, Section::Explain, &reading, shown, read)
}

/// Returns the name of a metric, with its group.
fn title(label: &str, group: Option<&str>) -> String {
    let group = group.and_then(|group| serde_json::from_str::<Map<String, Value>>(group).ok()).unwrap_or_default();
    group.iter().fold(label.to_owned(), |title, (field, value)| {
        let value = value.as_str().map_or_else(
            || "(none)".to_owned(),
            |value| words::value(field, value).unwrap_or_else(|| value.to_owned()),
        );
        format!("{title} · {} {value}", words::field(field))
    })
}

fn head(is_ratio: bool) -> Vec<Cell> {
    let numbers = if is_ratio { &["Numerator", "Denominator"][..] } else { &["Contribution"] };
    let after = ["Kind", "Outcome", "Channel", "Source", "Session"];
    let numbers = numbers.iter().map(|name| Cell::number(*name));
    std::iter::once(Cell::text("Time")).chain(numbers).chain(after.map(Cell::text)).collect()
}

fn cells(visit: &Visit, row: &ContributingRow, metric: Option<&'static Metric>, zoned: Zoned) -> Vec<Cell> {
    let address = visit.selection.link(&format!("/sessions/{}", row.session_id));
    let number = |number: rust_decimal::Decimal| match metric.filter(|metric| !metric.is_ratio()) {
        Some(metric) => Measured { metric: metric.id, unit: metric.unit, currency: None }.text(number),
        None => short(number),
    };
    let value = if row.is_unknown {
        Cell::number("unknown")
    } else {
        Cell::number(number(row.contribution.0)).exactly(Exact::Decimal(row.contribution.0))
    };
    let of = row.denominator.map(|of| Cell::number(short(of.0)).exactly(Exact::Decimal(of.0)));
    let at = Cell { link: Some(address), ..zoned.minute_cell(row.at) };
    let outcome = if row.outcome == "not_applicable" { "–".to_owned() } else { row.outcome.replace('_', " ") };
    [at, value]
        .into_iter()
        .chain(of)
        .chain([
            Cell::text(&row.session_kind),
            Cell::text(outcome),
            Cell::text(row.channel.as_deref().unwrap_or("–")),
            Cell::text(&row.source),
            Cell { full: Some(row.provider_session_id.clone()), ..Cell::text(words::brief(&row.provider_session_id)) },
        ])
        .collect()
}
