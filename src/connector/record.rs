//! Tolerant reading of records.
//!
//! A page is first split into records without decoding them, so that one bad record is a reject and not a lost
//! page. Each field is then read by itself: numbers as text, text as numbers, the text `null`, 1e400, lone
//! surrogates and NUL all occur in practice. An unreadable value becomes `None` and is counted; only a record
//! without its key or its time is refused.
//! This module knows JSON, and no provider.

mod undecoded;

use std::cell::RefCell;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::value::RawValue;

use crate::model::id::ProviderRecordId;
use crate::model::page::{DriftItem, Reject};
use crate::model::time;

pub use self::undecoded::{Members, elements, lossy_text, members};

/// The largest accepted amount: minutes or seconds of two thousand years. Sums of larger ones would not fit an
/// exact number.
pub const LARGEST_AMOUNT: i64 = 1_000_000_000;
/// Digits kept after the decimal point. With the ten before it that [`LARGEST_AMOUNT`] allows, an amount has at
/// most 28 digits, which every common tool can read.
pub const FRACTION_DIGITS: u32 = 18;

/// Most unknown fields of one object that are counted.
const MAX_UNKNOWN_FIELDS: usize = 20;
/// Longest name of an unknown field that is kept.
const MAX_FIELD_NAME_CHARS: usize = 80;

/// Returns an exact number, rounded to [`FRACTION_DIGITS`]; `None` for anything else and for numbers beyond 28
/// digits.
pub fn decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let number: Option<Decimal> = text.parse().or_else(|_| Decimal::from_scientific(text)).ok();
    number.map(round)
}

/// Rounds to [`FRACTION_DIGITS`], halves away from zero. Apply it wherever a quotient is computed.
pub fn round(number: Decimal) -> Decimal {
    number.round_dp_with_strategy(FRACTION_DIGITS, RoundingStrategy::MidpointAwayFromZero)
}

/// Unexpected values in one record, or around the records of an answer. Each item counts once.
#[derive(Debug, Default)]
pub struct DriftItems(RefCell<BTreeSet<DriftItem>>);

impl DriftItems {
    /// Adds one item.
    pub fn count(&self, kind: &'static str, path: &str, value: &str) {
        let value: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
        let item = DriftItem { kind, path: path.to_owned(), value };
        self.0.borrow_mut().insert(item);
    }

    /// Returns all items.
    pub fn into_inner(self) -> Vec<DriftItem> {
        self.0.into_inner().into_iter().collect()
    }
}

/// One object of a page, read field by field.
#[derive(Debug)]
pub struct Fields<'a> {
    members: Members<'a>,
    raw: &'a str,
    path: String,
    drift: &'a DriftItems,
}

impl<'a> Fields<'a> {
    /// Opens a record; returns a reject where it is no object.
    pub fn open(raw: &'a str, drift: &'a DriftItems) -> Result<Self, Reject> {
        let Some(members) = members(raw) else {
            return Err(Reject {
                raw: raw.as_bytes().to_vec(),
                provider_record_id: None,
                reason_code: "not_an_object",
                json_pointer: String::new(),
                detail: "the record is not a JSON object".to_owned(),
                is_partial: false,
            });
        };
        Ok(Self::of(members, raw, drift))
    }

    /// Takes the `members` of the record `raw`.
    pub fn of(members: Members<'a>, raw: &'a str, drift: &'a DriftItems) -> Self {
        Self { members, raw, path: String::new(), drift }
    }

    /// Returns the object in field `name`; `None` where it is absent, null or something else.
    pub fn object(&self, name: &str) -> Option<Fields<'a>> {
        let raw = self.present(name)?;
        let found = members(raw.get());
        if found.is_none() {
            self.odd("unreadable_value", name, "");
        }
        let path = format!("{}/{name}", self.path);
        Some(Fields { members: found?, raw: raw.get(), path, drift: self.drift })
    }

    /// Returns the list in field `name`, each element undecoded; `None` where it is absent, null or no list.
    pub fn list(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        let raw = self.present(name)?;
        let found = elements(raw.get());
        if found.is_none() {
            self.odd("unreadable_value", name, "");
        }
        found
    }

    /// Opens an element of the list `name`; counts drift where it is no object.
    pub fn element(&self, name: &str, raw: &'a RawValue) -> Option<Fields<'a>> {
        let path = format!("{}/{name}", self.path);
        let Some(members) = members(raw.get()) else {
            self.drift.count("unreadable_value", &path, "");
            return None;
        };
        Some(Fields { members, raw: raw.get(), path, drift: self.drift })
    }

    /// Whether it has no field at all.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the field is present, null or not: "not asked" differs from "none".
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// Whether the field has a value other than null.
    pub fn is_some(&self, name: &str) -> bool {
        self.present(name).is_some()
    }

    /// Returns text; numbers and booleans in their JSON spelling. Empty text and the text `null` are `None`.
    pub fn text(&self, name: &str) -> Option<String> {
        self.full_text(name).filter(|text| !text.trim().is_empty() && text != "null")
    }

    /// Returns text unchanged, also if empty or `null`; `None` only where it is absent, null or no scalar.
    pub fn full_text(&self, name: &str) -> Option<String> {
        let raw = self.present(name)?.get();
        match raw.as_bytes().first() {
            Some(b'"') => {
                let read = lossy_text(raw);
                match &read {
                    Some((_, true)) => self.odd("replaced_text", name, ""),
                    None => self.odd("unreadable_value", name, ""),
                    Some((_, false)) => {}
                }
                read.map(|(text, _)| text)
            }
            Some(b'{' | b'[') => {
                self.odd("unreadable_value", name, "");
                None
            }
            _ => Some(raw.to_owned()),
        }
    }

    /// Returns an exact number, written as number or as text.
    pub fn decimal(&self, name: &str) -> Option<Decimal> {
        let text = self.text(name)?;
        let number = decimal(&text);
        if number.is_none() {
            self.odd("unreadable_value", name, "");
        }
        number
    }

    /// Returns an exact number from 0 to [`LARGEST_AMOUNT`]; any other is counted as drift and left out.
    pub fn amount(&self, name: &str) -> Option<Decimal> {
        let number = self.decimal(name)?;
        if number.is_sign_negative() && !number.is_zero() {
            self.odd("unreadable_value", name, "negative");
            return None;
        }
        if number > Decimal::from(LARGEST_AMOUNT) {
            self.odd("unreadable_value", name, "too large");
            return None;
        }
        Some(number.abs())
    }

    /// Returns a whole count from 0 to 2^31 - 1; `1.0` is whole.
    pub fn count(&self, name: &str) -> Option<i32> {
        use rust_decimal::prelude::ToPrimitive;
        let number = self.amount(name)?;
        let count = number.is_integer().then(|| number.to_i32()).flatten();
        if count.is_none() {
            self.odd("unreadable_value", name, "");
        }
        count
    }

    /// Returns a boolean, also from the text `true` or `false` in any case, or from 1 and 0.
    pub fn flag(&self, name: &str) -> Option<bool> {
        let text = self.text(name)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => {
                self.odd("unreadable_value", name, "");
                None
            }
        }
    }

    /// Returns an instant in any spelling that has one meaning (see [`time`]).
    pub fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        let at = time::from_text(&self.instant_text(name)?);
        if at.is_none() {
            self.odd("unreadable_value", name, "");
        }
        at
    }

    /// Returns what is in the place of an instant, also if it is an object.
    pub fn instant_text(&self, name: &str) -> Option<String> {
        let raw = self.present(name)?.get();
        if raw.starts_with('{') { Some(raw.to_owned()) } else { self.text(name) }
    }

    /// Returns the identity of something else, such as a person; `None` where a placeholder stands for it.
    pub fn identity(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !ProviderRecordId::is_placeholder(text))
    }

    /// Returns the record's own id, or a reject.
    pub fn required_id(&self, name: &str) -> Result<ProviderRecordId, Reject> {
        let text = self.text(name);
        let text = text.ok_or_else(|| self.reject("missing_field", name, "the id is missing", None))?;
        ProviderRecordId::parse(&text).map_err(|error| self.reject("unusable_id", name, &error.to_string(), None))
    }

    /// Returns the instant without which a record cannot be placed, or a reject.
    pub fn required_instant(&self, name: &str, id: &ProviderRecordId) -> Result<DateTime<Utc>, Reject> {
        self.instant(name).ok_or_else(|| {
            let is_list = self.present(name).is_some_and(|raw| raw.get().starts_with('['));
            if is_list || self.instant_text(name).is_some() {
                self.reject("unreadable_time", name, "the value is not an instant between 2000 and 2100", Some(id))
            } else {
                self.reject("missing_field", name, "the value is missing", Some(id))
            }
        })
    }

    /// Counts the fields that are not in `known`, which is sorted. Use it only for objects with fixed field names;
    /// the keys of a free-form object may be anything, also personal data.
    pub fn expect(&self, known: &[&str]) {
        debug_assert!(known.is_sorted(), "{known:?}");
        let mut known = known.iter().copied().peekable();
        let mut unknown = 0;
        for name in self.members.keys() {
            while known.peek().is_some_and(|known| *known < name.as_str()) {
                known.next();
            }
            // an object with many unknown fields has another form, and its keys may be data
            if known.peek() != Some(&name.as_str()) && unknown < MAX_UNKNOWN_FIELDS {
                unknown += 1;
                let name: String = name.chars().filter(|c| !c.is_control()).take(MAX_FIELD_NAME_CHARS).collect();
                self.odd("unknown_field", &name, "");
            }
        }
    }

    /// Counts a value outside the known closed list of this field.
    pub fn unknown_value(&self, name: &str, value: &str) {
        self.odd("unknown_value", name, value);
    }

    fn present(&self, name: &str) -> Option<&'a RawValue> {
        self.members.get(name).copied().filter(|raw| raw.get() != "null")
    }

    fn odd(&self, kind: &'static str, name: &str, value: &str) {
        self.drift.count(kind, &format!("{}/{name}", self.path), value);
    }

    fn reject(&self, code: &'static str, name: &str, detail: &str, id: Option<&ProviderRecordId>) -> Reject {
        Reject {
            raw: self.raw.as_bytes().to_vec(),
            provider_record_id: id.cloned(),
            reason_code: code,
            json_pointer: format!("{}/{name}", self.path),
            detail: detail.to_owned(),
            is_partial: false,
        }
    }
}
