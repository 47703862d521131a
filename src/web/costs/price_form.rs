//! The form that sets or ends one price. The API replaces all rate cards at once, so the form sends the current cards
//! with the new one among them, and the version of the cards that its reader saw.
//!
//! A price holds from its first day until its end. What was priced for the same on these days is replaced; what was
//! priced before and after stays. To end a price is the same without a new card.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::api::actions::request::body_fault;
use crate::api::costs::cards::RateCardBody;
use crate::api::problem::Fault;
use crate::model::rate_card::{ACTUAL, ANY_PRESET, ROUNDINGS, RateCard, UNITS};
use crate::query::calendar::start_of_day;
use crate::query::rate_cards::StandingCard;
use crate::web::form::Form;
use crate::web::visit::Visit;
use crate::web::words;
use crate::web::zoned::Zoned;

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
const FIELDS: [(&str, &str, &str, &str, bool); 9] = [
    ("source", "Source", "", "", true),
    ("unit", "Unit", "", "", true),
    ("unit_price", "Price", "text", "0.002", true),
    ("currency", "Currency", "text", "USD", true),
    ("valid_from", "From (empty: always)", "date", "", false),
    ("valid_to", "Until (not included; empty: further notice)", "date", "", false),
    ("preset_pattern", "Presets", "text", ANY_PRESET, false),
    ("rounding", "Rounding", "", "", false),
    ("step_minutes", "Minutes of a step", "text", "15", false),
];

/// Message to a reader whose form is older than the prices.
const OUTDATED: &str = "Nothing was saved: the prices have changed since this form was shown. The current ones are listed \
                        above; check them, then send the form again.";

/// The form that sets or ends a price.
#[derive(Default)]
pub(super) struct PriceForm {
    entered: Vec<(&'static str, String)>,
    faults: Vec<Fault>,
    /// Whether the price ends, without a new one.
    is_end: bool,
    /// Version of the cards that the reader sees.
    pub(super) version: String,
    /// Address that the form is sent to, with the state of the page.
    pub(super) action: String,
    pub(super) fields: Vec<PriceField>,
    /// Zone in which days begin.
    pub(super) zone: &'static str,
    /// What is wrong with no field.
    pub(super) others: Vec<String>,
}

impl PriceForm {
    /// Reads what was entered.
    pub(super) fn of(form: &Form) -> Self {
        let entered = FIELDS.iter().map(|(name, ..)| (*name, form.field(name)));
        let (entered, is_end) = (entered.collect(), !form.field("end").is_empty());
        Self { entered, is_end, version: form.field("version"), ..Self::default() }
    }

    /// Adds that the prices are no longer those that the reader saw.
    pub(super) fn outdated(self) -> Self {
        self.refused(vec![body_fault("", "outdated", OUTDATED)])
    }

    /// Adds what the API says against it.
    pub(super) fn refused(self, faults: Vec<Fault>) -> Self {
        Self { faults, ..self }
    }

    fn entered(&self, name: &str) -> Option<&str> {
        self.entered.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the whole set of cards as the API reads it; the last is the one that was entered.
    pub(super) fn body(&self, standing: &[StandingCard], zone: Tz) -> Result<Value, Vec<Fault>> {
        let day = |name: &str| self.entered(name).filter(|text| !text.is_empty()).map(str::parse::<NaiveDate>);
        let instant = |day: NaiveDate| start_of_day(zone, day);
        let [from, to] = ["valid_from", "valid_to"].map(|name| day(name).and_then(Result::ok).map(instant));
        let kept: Vec<StandingCard> = standing.iter().flat_map(|card| self.outside(card, from, to)).flatten().collect();
        let last = if self.is_end {
            let mut faults = Vec::new();
            let is_no_day = |name: &&str| day(name).is_some_and(|day| day.is_err());
            for name in ["valid_from", "valid_to"].iter().filter(|name| is_no_day(name)) {
                faults.push(body_fault(&format!("/{name}"), "invalid_time", "This must be a date."));
            }
            if from.zip(to).is_some_and(|(from, to)| to <= from) {
                faults.push(body_fault("/valid_to", "empty_range", "The end must be after the first day."));
            } else if faults.is_empty() && kept == standing {
                faults.push(body_fault("", "no_such_price", "There is no such price on these days."));
            }
            if faults.is_empty() { None } else { return Err(faults) }
        } else {
            Some(self.card(from, to))
        };
        let kept = kept.into_iter().map(|card| json!(RateCardBody::from(card)));
        Ok(json!({ "cards": kept.chain(last).collect::<Vec<Value>>() }))
    }

    /// Returns the card that was entered. What is no number or no date is a fault that the API names.
    fn card(&self, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Value {
        let written = |at: DateTime<Utc>| json!(at.to_rfc3339_opts(SecondsFormat::Secs, true));
        let field = |(name, value): &(&'static str, String)| {
            let value = match *name {
                "step_minutes" => value.parse::<i64>().map_or_else(|_| json!(value), |steps| json!(steps)),
                "valid_from" => from.map_or_else(|| json!(value), written),
                "valid_to" => to.map_or_else(|| json!(value), written),
                _ => json!(value),
            };
            ((*name).to_owned(), value)
        };
        Value::Object(self.entered.iter().filter(|(_, value)| !value.is_empty()).map(field).collect())
    }

    /// Returns what remains of a current card before and after the days of the form.
    fn outside(
        &self,
        standing: &StandingCard,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> [Option<StandingCard>; 2] {
        let card = &standing.card;
        let pattern = self.entered("preset_pattern").filter(|pattern| !pattern.is_empty()).unwrap_or(ANY_PRESET);
        let is_same = self.entered("source") == Some(standing.source.as_str())
            && self.entered("unit") == Some(card.unit.as_str())
            && card.preset_pattern == pattern
            && card.scenario == ACTUAL;
        if !is_same {
            return [Some(standing.clone()), None];
        }
        let part = |valid_from, valid_to| {
            let card = RateCard { valid_from, valid_to, ..card.clone() };
            StandingCard { card, ..standing.clone() }
        };
        let before = from.filter(|from| *from > card.valid_from);
        let after = to.filter(|to| card.valid_to.is_none_or(|end| end > *to));
        [
            before.map(|from| part(card.valid_from, Some(card.valid_to.map_or(from, |end| end.min(from))))),
            after.map(|to| part(card.valid_from.max(to), card.valid_to)),
        ]
    }

    /// Returns the form as it is offered beside the cards of a version, with what was entered and what is wrong.
    pub(super) fn offered(self, visit: &Visit, sources: &[String], version: String) -> Self {
        let place =
            |fault: &Fault| fault.pointer.as_deref().and_then(|at| at.rsplit('/').next()).map(ToOwned::to_owned);
        let is_of = |fault: &Fault, name: &str| place(fault).is_some_and(|field| field == name);
        let sentence = |fault: &Fault| match fault.code {
            "empty_range" => "The end must be after the first day.".to_owned(),
            // a form sends texts alone
            _ => {
                words::capitalized(&words::plain(&fault.detail.replace(", or the same as a text", "")).replace('`', ""))
            }
        };
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
            action: format!("{}#set-price", visit.selection.link_here("/costs/rate-cards")),
            version,
            zone: Zoned::of(visit).name(),
            others: self.faults.iter().filter(is_elsewhere).map(sentence).collect(),
            fields,
            ..self
        }
    }
}
