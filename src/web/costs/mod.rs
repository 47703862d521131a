//! *Costs*: what was spent, at which prices, and what it would have cost at others.

mod price_form;
pub(crate) mod set_price;

use askama::Template;
use axum::response::Response;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::api::costs::card_body::FIRST_INSTANT;
use crate::api::costs::cards::{seen, version};
use crate::api::costs::estimate::{CostEstimate, estimate};
use crate::api::formats::cell::Cell as Exact;
use crate::api::problem::ApiError;
use crate::model::api_key::Scope;
use crate::query::number::Number;
use crate::query::rate_cards::StandingCard;
use crate::web::card::Card;
use crate::web::costs::price_form::PriceForm;
use crate::web::figure::{Measured, grouped, short};
use crate::web::layout::Section;
use crate::web::panel::{Links, Panel, State};
use crate::web::reading::{Reading, Trouble};
use crate::web::section::{self, Drawing, Plan};
use crate::web::selection::DEFAULT_RANGE;
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;
use crate::web::zoned::Zoned;

const CARDS: [&str; 4] = ["estimated_cost", "cost_per_minute", "cost_per_resolution", "unpriced_minutes"];

pub(crate) const PLANS: [Plan; 2] = [
    Plan {
        id: "cost",
        title: "Estimated cost by provider",
        metrics: &["estimated_cost"],
        asked: "&dimensions=provider",
        kind: None,
        what: "priced sessions",
        drawing: Drawing::Stacked,
        is_wide: true,
    },
    Plan {
        id: "billable",
        title: "Billable minutes, before and after rounding",
        metrics: &["billable_minutes", "rounded_billable_minutes"],
        asked: "",
        kind: None,
        what: "billable minutes",
        drawing: Drawing::Lines,
        is_wide: false,
    },
];

/// What one unit may be.
const UNITS: [&str; 3] = ["minute", "session", "resolution"];

#[derive(Template)]
#[template(path = "costs.html")]
struct Costs {
    cards: Vec<Card>,
    panels: Vec<Panel>,
    /// The form that sets a price; `None`: the key lacks the scope for it, or sees no prices.
    price: Option<PriceForm>,
    form: Form,
    what_if: Option<Panel>,
    /// The request of the what-if, for a command line.
    body: Option<String>,
}

/// The form of the what-if.
struct Form {
    hidden: Vec<(String, String)>,
    sources: Vec<String>,
    source: String,
    unit: String,
    price: String,
    currency: String,
}

/// Answers with the section.
pub(crate) async fn page(visit: Visit) -> Result<Response, ApiError> {
    answer(&visit, PriceForm::default()).await
}

/// Answers with the section, and with what was entered as a price.
async fn answer(visit: &Visit, price: PriceForm) -> Result<Response, ApiError> {
    let reading = Reading::open(visit).await?;
    let (cards, mut panels) = section::read(visit, &reading, &CARDS, &PLANS).await;
    let standing = reading.part(&[Scope::MetricsRead], seen(&visit.state)).await;
    let version = standing.as_ref().ok().map(|cards| version(cards));
    let caller = &visit.state.caller;
    // the command concerns all sources
    let can_set = caller.has_any(&[Scope::CostsWrite]) && caller.sources.limit().is_none();
    panels.push(prices(visit, standing, can_set).with_files(visit));
    let form = Form::of(visit, &reading);
    let body = (!form.price.is_empty()).then(|| form.body(visit));
    let what_if = match &body {
        None => None,
        Some(body) => Some(shown(reading.part(&[Scope::MetricsRead], estimate(&visit.state, body)).await)),
    };
    let what_if = what_if.map(|panel| panel.with_files(visit));
    if let Some(file) = visit.file(&reading, panels.iter().chain(&what_if)) {
        return file;
    }
    let price = version.filter(|_| can_set).map(|version| price.offered(visit, &form.sources, version));
    let body = body.map(|body| format!("{body:#}"));
    visit.respond(Section::Costs, &reading, &Costs { cards, panels, price, form, what_if, body })
}

impl Form {
    fn of(visit: &Visit, reading: &Reading) -> Self {
        let text = |name: &str| visit.selection.get(name).unwrap_or_default().to_owned();
        let sources: Vec<String> = reading.catalog().sources.iter().map(|source| source.source.clone()).collect();
        let source = Some(text("if_source")).filter(|source| !source.is_empty()).or_else(|| sources.first().cloned());
        Self {
            hidden: visit
                .selection
                .hidden(&["if_source", "if_unit", "if_price", "if_currency"])
                .into_iter()
                .cloned()
                .collect(),
            source: source.unwrap_or_default(),
            sources,
            unit: Some(text("if_unit")).filter(|unit| !unit.is_empty()).unwrap_or_else(|| "minute".to_owned()),
            price: text("if_price"),
            currency: Some(text("if_currency")).filter(|it| !it.is_empty()).unwrap_or_else(|| "USD".to_owned()),
        }
    }

    fn is_source(&self, source: &str) -> bool {
        self.source == source
    }

    fn is_unit(&self, unit: &str) -> bool {
        self.unit == unit
    }

    /// Returns the body of `/v1/costs/estimate`.
    fn body(&self, visit: &Visit) -> Value {
        let mut body = Map::new();
        for name in ["range", "from", "to", "zone"] {
            body.extend(visit.selection.get(name).map(|text| (name.to_owned(), json!(text))));
        }
        if !["range", "from", "to"].iter().any(|name| body.contains_key(*name)) {
            body.insert("range".to_owned(), json!(DEFAULT_RANGE));
        }
        // what is no number is a fault that the API names
        let price = serde_json::from_str::<Value>(&self.price).unwrap_or_else(|_| json!(self.price));
        let card = json!({"source": self.source, "unit": self.unit, "unit_price": price, "currency": self.currency});
        body.extend([("sources".to_owned(), json!([self.source])), ("cards".to_owned(), json!([card]))]);
        Value::Object(body)
    }
}

fn prices(visit: &Visit, read: Result<Vec<StandingCard>, Trouble>, can_set: bool) -> Panel {
    let (id, title) = ("rate-cards", "Rate cards");
    let cards = match read {
        Ok(cards) => cards,
        Err(trouble) => return Panel::new(id, title, State::Trouble(trouble)),
    };
    let links = Some(Links { json: Some("/v1/rate-cards".to_owned()), ..Links::default() });
    if cards.is_empty() {
        let sentence = "No prices are set, so no cost is known.".to_owned();
        let help = if can_set {
            Cell::link("Set a price", "#set-price".to_owned())
        } else {
            Cell::link("Set prices by the API", "/docs/#/costs/replace_rate_cards".to_owned())
        };
        return Panel {
            help: vec![help],
            links,
            is_wide: true,
            ..Panel::new(id, title, State::EmptyButUnknown(sentence))
        };
    }
    let zoned = Zoned::of(visit);
    // the price is second, since a phone shows the first columns
    let head = ["Source", "Price", "Valid from", "Valid until", "Presets", "Rounding", "Scenario", "Entered"];
    let minute = |at| Cell { text: zoned.minute(at), ..zoned.cell(at) };
    let rows = cards.iter().map(|StandingCard { source, card, recorded_at, .. }| {
        let price = format!("{} {} per {}", card.unit_price.normalize(), card.currency, card.unit);
        vec![
            Cell::text(source.clone()),
            Cell::text(price),
            if card.valid_from == FIRST_INSTANT { Cell::text("always") } else { minute(card.valid_from) },
            card.valid_to.map_or_else(|| Cell::text("further notice"), minute),
            Cell::text(card.preset_pattern.clone()),
            Cell::text(card.rounding.replace('_', " ")),
            Cell::text(card.scenario.clone()),
            minute(*recorded_at),
        ]
    });
    let table = Table { head: head.map(Cell::text).into(), rows: rows.collect(), ends: None };
    let caption = format!("Times in {}.", zoned.name());
    Panel { links, caption, is_wide: true, ..Panel::new(id, title, State::Table(table)) }
}

/// Shows the result of a what-if.
fn shown(read: Result<CostEstimate, Trouble>) -> Panel {
    let (id, title) = ("what-if-result", "Cost at this price");
    let estimate = match read {
        Ok(estimate) => estimate,
        Err(trouble) => return Panel::new(id, title, State::Trouble(trouble)),
    };
    let money = |number: Option<Number>, currency: Option<&String>| {
        let measured = Measured { metric: "cost", unit: "money", currency: currency.map(String::as_str) };
        measured.figure(number, Some("unknown")).text
    };
    let (own, current) = (estimate.currency.as_ref(), estimate.current_currency.as_ref());
    let head =
        vec![Cell::text("Source and unit"), Cell::number("Quantity"), Cell::number("Price"), Cell::number("Cost")];
    let rows = estimate.by_preset.iter().map(|line| {
        let preset = line.preset_name.as_ref().map(|preset| format!(", {preset}")).unwrap_or_default();
        let number =
            |text: String, number: Option<Decimal>| Cell { exact: number.map(Exact::Unrounded), ..Cell::number(text) };
        let quantity = line.pricing_quantity.map_or_else(|| "unknown".to_owned(), |it| short(it.0));
        let price = line.unit_price.map_or_else(|| "no price".to_owned(), |price| price.to_string());
        let cost = line.cost.map_or_else(|| "none".to_owned(), |_| money(line.cost, own));
        vec![
            Cell::text(format!("{}: {}{preset}", line.source, line.unit)),
            number(quantity, line.pricing_quantity.map(|it| it.0)),
            number(price, line.unit_price.map(|it| it.0)),
            number(cost, line.cost.map(|it| it.0)),
        ]
    });
    let unpriced = estimate.unpriced_minutes.map_or_else(|| "an unknown number of".to_owned(), |it| short(it.0));
    let caption = format!(
        "At this price: {}. At the current prices: {}. Difference: {}. {unpriced} minutes have no price here; the use of {} sessions is unknown.",
        money(estimate.scenario_cost, own),
        money(estimate.current_cost, current),
        money(estimate.difference, own),
        grouped(Decimal::from(estimate.unknown_count), 0),
    );
    let table = Table { head, rows: rows.collect(), ends: None };
    Panel { caption, ..Panel::new(id, title, State::Table(table)) }
}
