//! Rate cards in a request body: read completely, with all faults reported at once.
//!
//! The rules keep a sum of money meaningful: a price is an exact text and never a float, the cards of a scenario have
//! one currency, no two cards price the same thing at the same time, and a card prices only what its source has.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::api::parameters::Faults;
use crate::api::problem::Fault;
use crate::model::rate_card::{ANY_PRESET, ROUNDINGS, RateCard, UNITS};
use crate::model::session_outcome::SessionOutcome;
use crate::model::time::sane;
use crate::query::calendar::start_of_day;
use crate::query::catalog::{Catalog, Source};

/// Most cards in a set.
const MAX_CARDS: usize = 500;
/// Longest text of a card, characters.
const MAX_CHARS: usize = 200;
/// Start of the validity of cards that state none.
pub(crate) const FIRST_INSTANT: DateTime<Utc> = match DateTime::from_timestamp(946_684_800, 0) {
    Some(at) => at,
    None => DateTime::UNIX_EPOCH,
};
const FIELDS: [&str; 10] = [
    "source",
    "scenario",
    "unit",
    "unit_price",
    "currency",
    "preset_pattern",
    "rounding",
    "step_minutes",
    "valid_from",
    "valid_to",
];

/// The context in which cards are read.
pub(crate) struct CardReader<'a> {
    pub(crate) catalog: &'a Catalog,
    /// Time zone of dates without a time.
    pub(crate) zone: Tz,
    /// Scenario of cards that name none.
    pub(crate) scenario: &'a str,
    /// Whether cards may name other scenarios.
    pub(crate) may_name_others: bool,
}

impl CardReader<'_> {
    /// Reads the cards of the list at `/cards`; adds their faults to `faults`.
    pub(crate) fn read(&self, list: &Value, faults: &mut Vec<Fault>) -> Vec<RateCard> {
        let mut told = Faults::default();
        let Some(list) = list.as_array() else {
            told.note("cards", "wrong_type", "`cards` must be a list of rate cards, each an object.");
            faults.extend(told.in_body(""));
            return Vec::new();
        };
        if list.len() > MAX_CARDS {
            told.note("cards", "too_many", format!("A set can have at most {MAX_CARDS} rate cards."));
            faults.extend(told.in_body(""));
            return Vec::new();
        }
        let mut cards: Vec<(usize, RateCard)> = Vec::new();
        for (place, value) in list.iter().enumerate() {
            let mut told = Faults::default();
            let Some(fields) = value.as_object() else {
                told.note(&place.to_string(), "wrong_type", "A rate card must be an object.");
                faults.extend(told.in_body("/cards"));
                continue;
            };
            if let Some(card) = self.card(fields, &mut told) {
                check_with_others(&card, &cards, &mut told);
                cards.push((place, card));
            }
            faults.extend(told.in_body(&format!("/cards/{place}")));
        }
        cards.into_iter().map(|(_, card)| card).collect()
    }

    fn card(&self, fields: &Map<String, Value>, told: &mut Faults) -> Option<RateCard> {
        told.note_unknown_fields(fields, &FIELDS);
        let slugs: Vec<&str> = self.catalog.sources.iter().map(|source| source.source.as_str()).collect();
        let slug = word(fields, "source", None, &slugs, told);
        let source = self.catalog.sources.iter().find(|source| Some(source.source.as_str()) == slug);
        let unit = word(fields, "unit", None, &UNITS, told);
        let scenario = text("scenario", fields.get("scenario"), Some(self.scenario), told);
        if let Some(other) = scenario.as_deref().filter(|name| !self.may_name_others && *name != self.scenario) {
            let detail = format!(
                "`{other}` is not the requested scenario, `{}`: omit the field, or omit the card.",
                self.scenario
            );
            told.note("scenario", "other_scenario", detail);
        }
        let unit_price = price(fields, told);
        let currency = currency(fields, told);
        let preset_pattern = text("preset_pattern", fields.get("preset_pattern"), Some(ANY_PRESET), told);
        let rounding = word(fields, "rounding", Some("none"), &ROUNDINGS, told);
        let step_minutes = rounding.and_then(|rounding| step(fields, rounding, told));
        let valid_from = self.instant(fields, "valid_from", told).unwrap_or(FIRST_INSTANT);
        let valid_to = self.instant(fields, "valid_to", told);
        if valid_to.is_some_and(|to| to <= valid_from) {
            told.note("valid_to", "empty_range", "`valid_to` must be after `valid_from`; omit it for no end.");
        }
        let (source, unit, preset_pattern, rounding) = (source?, unit?, preset_pattern?, rounding?);
        check_unit(source, unit, &preset_pattern, rounding, told);
        Some(RateCard {
            source_id: source.source_id,
            scenario: scenario?,
            unit: unit.to_owned(),
            unit_price: unit_price?,
            currency: currency?,
            preset_pattern,
            rounding: rounding.to_owned(),
            step_minutes,
            valid_from,
            valid_to,
        })
    }

    fn instant(&self, fields: &Map<String, Value>, name: &str, told: &mut Faults) -> Option<DateTime<Utc>> {
        let value = fields.get(name).filter(|value| !value.is_null())?;
        let read = |text: &str| {
            let date = text.parse::<NaiveDate>().ok().map(|date| start_of_day(self.zone, date));
            date.or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()))
        };
        let at = value.as_str().and_then(read).and_then(sane);
        if at.is_none() {
            let detail = format!("`{name}` must be a date or RFC 3339, between 2000 and 2100, as a text.");
            told.note(name, "invalid_time", detail);
        }
        at
    }
}

/// Checks that the source has the unit, and that only minutes have presets and roundings.
fn check_unit(source: &Source, unit: &str, pattern: &str, rounding: &str, told: &mut Faults) {
    let slug = &source.source;
    if unit == "minute" && source.minutes_basis.is_none() {
        told.note(
            "unit",
            "not_applicable",
            format!("`{slug}` meters no minutes: price its `session` or `resolution`."),
        );
    }
    if unit == "resolution" && !source.can_hold(&[], &[SessionOutcome::Resolved.as_str().to_owned()]) {
        told.note("unit", "not_applicable", format!("`{slug}` has no outcomes: price its `session` or `minute`."));
    }
    if pattern != ANY_PRESET && (unit != "minute" || !source.has_meetings()) {
        let detail =
            format!("Only minutes of meetings have presets: omit it, or use `{ANY_PRESET}`, for a {unit} of `{slug}`.");
        told.note("preset_pattern", "not_applicable", detail);
    }
    if rounding != "none" && unit != "minute" {
        told.note("rounding", "not_applicable", "Only minutes are rounded: omit it.");
    }
}

fn check_with_others(card: &RateCard, others: &[(usize, RateCard)], told: &mut Faults) {
    if let Some((place, _)) = others.iter().find(|(_, other)| card.collides_with(other)) {
        let detail =
            format!("It overlaps /cards/{place}, which prices the same: end one of the two when the other begins.");
        told.note("valid_from", "overlapping_cards", detail);
    }
    let currencies: BTreeMap<&str, &str> =
        others.iter().map(|(_, other)| (other.scenario.as_str(), other.currency.as_str())).collect();
    if let Some(currency) = currencies.get(card.scenario.as_str()).filter(|currency| **currency != card.currency) {
        let detail =
            format!("The cards of scenario `{}` must have one currency; other cards have {currency}.", card.scenario);
        told.note("currency", "mixed_currencies", detail);
    }
}

fn word<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
    default: Option<&'a str>,
    allowed: &[&str],
    told: &mut Faults,
) -> Option<&'a str> {
    let given = match fields.get(name) {
        None | Some(Value::Null) if default.is_some() => return default,
        None | Some(Value::Null) => {
            told.note(name, "missing_field", format!("Every rate card needs a `{name}`."));
            return None;
        }
        Some(value) => value.as_str(),
    };
    let found = given.filter(|given| allowed.contains(given));
    if found.is_none() {
        let shown = fields.get(name).map(|value| given.map_or_else(|| value.to_string(), ToOwned::to_owned));
        told.note_unknown(name, "unknown_value", &shown.unwrap_or_default(), allowed.iter().copied());
    }
    found
}

/// Reads a text that is bounded and printable.
pub(crate) fn text(name: &str, value: Option<&Value>, default: Option<&str>, told: &mut Faults) -> Option<String> {
    let value = match value {
        None | Some(Value::Null) => return default.map(ToOwned::to_owned),
        Some(value) => value.as_str(),
    };
    let is_usable = |text: &&str| {
        !text.trim().is_empty() && text.chars().count() <= MAX_CHARS && !text.chars().any(char::is_control)
    };
    let text = value.filter(is_usable);
    if text.is_none() {
        told.note(name, "invalid_text", format!("`{name}` must be a text of 1 to {MAX_CHARS} printable characters."));
    }
    text.map(ToOwned::to_owned)
}

fn price(fields: &Map<String, Value>, told: &mut Faults) -> Option<Decimal> {
    let read = |value: &Value| {
        let text = value.as_str().map(ToOwned::to_owned).or_else(|| value.as_number().map(ToString::to_string))?;
        // programs write small numbers with an exponent
        let price = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?.normalize();
        (!price.is_sign_negative() && price.scale() <= 12 && price < Decimal::from(10_u64.pow(12))).then_some(price)
    };
    let price = fields.get("unit_price").and_then(read);
    if price.is_none() {
        let detail = "`unit_price` must be a number such as 0.002, or the same as a text, not negative, at most 12 digits after the point.";
        told.note("unit_price", "invalid_price", detail);
    }
    price
}

fn currency(fields: &Map<String, Value>, told: &mut Faults) -> Option<String> {
    let is_code = |text: &&str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let currency = fields.get("currency").and_then(Value::as_str).filter(is_code);
    if currency.is_none() {
        told.note("currency", "invalid_currency", "`currency` must be an ISO 4217 code such as \"USD\".");
    }
    currency.map(ToOwned::to_owned)
}

fn step(fields: &Map<String, Value>, rounding: &str, told: &mut Faults) -> Option<i32> {
    let value = fields.get("step_minutes").filter(|value| !value.is_null());
    if rounding != "step" {
        if value.is_some() {
            told.note(
                "step_minutes",
                "not_applicable",
                "`step_minutes` is allowed only with `rounding` `step`; omit it.",
            );
        }
        return None;
    }
    let step = value.and_then(Value::as_i64).and_then(|step| i32::try_from(step).ok());
    let step = step.filter(|step| (1..=1_440).contains(step));
    if step.is_none() {
        told.note(
            "step_minutes",
            "invalid_step",
            "With `rounding` `step`, `step_minutes` must be a whole number from 1 to 1440.",
        );
    }
    step
}
