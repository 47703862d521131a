//! The form that sets one price. The API replaces all rate cards at once, so the form sends the current cards with the
//! new one among them.
//!
//! A price holds from its first day until further notice: a current card for the same ends then, and one that would
//! begin later is replaced.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::api::costs::cards::RateCardBody;
use crate::api::problem::Fault;
use crate::model::rate_card::{ACTUAL, ANY_PRESET, ROUNDINGS, UNITS};
use crate::query::calendar::start_of_day;
use crate::query::rate_cards::StandingCard;
use crate::web::form::Form;
use crate::web::visit::Visit;
use crate::web::words;

/// A choice of a field.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

/// A field: its name in the API, its label, and what the API says against what was entered.
pub(super) struct PriceField {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// Type of the input.
    pub(super) kind: &'static str,
    pub(super) hint: &'static str,
    pub(super) is_required: bool,
    pub(super) value: String,
    /// Values of a closed list; empty: any text.
    pub(super) choices: Vec<Choice>,
    pub(super) faults: Vec<String>,
}

/// Name, label, type of the input, example, and whether something must be entered.
const FIELDS: [(&str, &str, &str, &str, bool); 8] = [
    ("source", "Source", "", "", true),
    ("unit", "Unit", "", "", true),
    ("unit_price", "Price", "text", "0.002", true),
    ("currency", "Currency", "text", "USD", true),
    ("valid_from", "From (empty: always)", "date", "", false),
    ("preset_pattern", "Presets", "text", ANY_PRESET, false),
    ("rounding", "Rounding", "", "", false),
    ("step_minutes", "Minutes of a step", "text", "15", false),
];

/// The form that sets a price.
#[derive(Default)]
pub(super) struct PriceForm {
    entered: Vec<(&'static str, String)>,
    faults: Vec<Fault>,
    /// Address that the form is sent to, with the state of the page.
    pub(super) action: String,
    pub(super) fields: Vec<PriceField>,
    /// What the API says against the other cards.
    pub(super) others: Vec<String>,
}

impl PriceForm {
    /// Reads what was entered.
    pub(super) fn of(form: &Form) -> Self {
        let entered = FIELDS.iter().map(|(name, ..)| (*name, form.field(name)));
        Self { entered: entered.collect(), ..Self::default() }
    }

    /// Adds what the API says against it.
    pub(super) fn refused(self, faults: Vec<Fault>) -> Self {
        Self { faults, ..self }
    }

    fn entered(&self, name: &str) -> Option<&str> {
        self.entered.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the whole set of cards as the API reads it; the last is the one that was entered.
    pub(super) fn body(&self, standing: Vec<StandingCard>, zone: chrono_tz::Tz) -> Value {
        let mut new = Map::new();
        for (name, value) in self.entered.iter().filter(|(_, value)| !value.is_empty()) {
            // what is no number or no date is a fault that the API names
            let value = match *name {
                "step_minutes" => value.parse::<i64>().map_or_else(|_| json!(value), |steps| json!(steps)),
                "valid_from" => value.parse::<NaiveDate>().map_or_else(
                    |_| json!(value),
                    |day| json!(start_of_day(zone, day).to_rfc3339_opts(SecondsFormat::Secs, true)),
                ),
                _ => json!(value),
            };
            new.insert((*name).to_owned(), value);
        }
        let from = new.get("valid_from").and_then(Value::as_str).and_then(|text| text.parse::<DateTime<Utc>>().ok());
        let kept = standing.into_iter().filter_map(|card| self.beside(card, from));
        let mut cards: Vec<Value> = kept.map(|card| json!(RateCardBody::from(card))).collect();
        cards.push(Value::Object(new));
        json!({ "cards": cards })
    }

    /// Returns what remains of a current card beside the new one, which holds from an instant, or always.
    fn beside(&self, mut standing: StandingCard, from: Option<DateTime<Utc>>) -> Option<StandingCard> {
        let card = &mut standing.card;
        let pattern = self.entered("preset_pattern").filter(|pattern| !pattern.is_empty()).unwrap_or(ANY_PRESET);
        let is_same = self.entered("source") == Some(standing.source.as_str())
            && self.entered("unit") == Some(card.unit.as_str())
            && card.preset_pattern == pattern
            && card.scenario == ACTUAL;
        if !is_same {
            return Some(standing);
        }
        let from = from.filter(|from| *from > card.valid_from)?;
        card.valid_to = Some(card.valid_to.map_or(from, |to| to.min(from)));
        Some(standing)
    }

    /// Returns the form as it is offered, with what was entered and what is wrong with it.
    pub(super) fn offered(self, visit: &Visit, sources: &[String]) -> Self {
        let place =
            |fault: &Fault| fault.pointer.as_deref().and_then(|at| at.rsplit('/').next()).map(ToOwned::to_owned);
        let is_of = |fault: &Fault, name: &str| place(fault).is_some_and(|field| field == name);
        let sentence = |fault: &Fault| words::capitalized(&words::plain(&fault.detail).replace('`', ""));
        let field = |(name, label, kind, hint, is_required): &(
            &'static str,
            &'static str,
            &'static str,
            &'static str,
            bool,
        )| {
            let value = self.entered(name).unwrap_or_default().to_owned();
            let choice = |it: &str| Choice { value: it.to_owned(), text: it.replace('_', " "), is_chosen: it == value };
            let choices = match *name {
                "source" => sources.iter().map(|source| choice(source)).collect(),
                "unit" => UNITS.map(choice).into(),
                "rounding" => ROUNDINGS.map(choice).into(),
                _ => Vec::new(),
            };
            let faults = self.faults.iter().filter(|fault| is_of(fault, name)).map(sentence).collect();
            PriceField { name, label, kind, hint, is_required: *is_required, value, choices, faults }
        };
        let fields: Vec<PriceField> = FIELDS.iter().map(field).collect();
        let is_elsewhere = |fault: &&Fault| !FIELDS.iter().any(|(name, ..)| is_of(fault, name));
        Self {
            action: format!("{}#set-price", visit.selection.link("/costs/rate-cards")),
            others: self.faults.iter().filter(is_elsewhere).map(sentence).collect(),
            fields,
            ..self
        }
    }
}
